// SPDX-License-Identifier: Apache-2.0
#include "relay/forwarder.hpp"

#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/ending.hpp"
#include "cli/event_log.hpp"
#include "cli/held_id.hpp"
#include "cli/key_files.hpp"
#include "cli/limits.hpp"
#include "cli/plaintext.hpp"
#include "cli/shared_line.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

exit_code run_forward(const forward_options& options, console& to) {
  if (!is_journal(STDERR_FILENO)) to.stamp_lines();
  event_log events(to);
  remarks notes;
  auto keys = load_credentials(options.link.keys, &notes);
  if (!keys) {
    to.error(keys.error().detail);
    return exit_code_of(keys.error().code);
  }
  for (const auto& note : notes) to.warn(note);
  const auto slot = slot_for(options.link, *keys);
  runtime_options chosen;
  chosen.loops = static_cast<unsigned>(options.loops);
  if (slot) chosen.slot = slot->id;
  chosen.budget = options.link.memory;
  runtime instance(std::move(chosen));
  tell_memory(instance, to);

  relay::forwarder_options forwarding;
  forwarding.host = options.listen.host;
  forwarding.port = options.listen.port;
  forwarding.target = options.target;
  forwarding.link.paths = options.link.paths;
  forwarding.link.root = options.link.root;
  forwarding.link.grace = options.link.grace;
  forwarding.link.grace_closed = options.link.grace_closed;
  forwarding.link.credentials = std::move(*keys);
  forwarding.link.insecure = options.link.insecure;
  forwarding.lanes = static_cast<unsigned>(options.loops);
  forwarding.connect_timeout = options.link.connect_timeout;
  forwarding.probes = options.probes;
  forwarding.log = sink_of(to);
  forwarding.refuse_when_dark = options.refuse_when_dark;
  const auto main_thread = std::make_shared<asio::io_context>(1);
  const shared_line lines(to, instance, options.link.paths,
                          [weak = std::weak_ptr(main_thread)](std::function<void()> look) {
                            if (const auto there = weak.lock()) asio::post(*there, std::move(look));
                          });
  forwarding.on_event = [&events, lines](const link_event& event) {
    events(event);
    lines(event);
  };
  relay::forwarder forwarder(instance, std::move(forwarding));
  // Before anything is said: who reads that it runs may end it.
  ending end(
      to, instance, [&forwarder](int) { forwarder.stop(); }, main_thread);
  if (const auto why = forwarder.start(); why.code) {
    const auto text = why.detail.empty() ? why.code.message() : why.detail;
    to.error(text + std::string(hint_of(text)));
    return exit_code_of(why.code);
  }
  for (const auto& address : forwarder.addresses()) to.info("listening on " + address);
  warn_of_plaintext(options.link.paths, to);
  end.wait();
  return exit_code::ok;
}

}  // namespace rendr::cli
