// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <asio/post.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/ending.hpp"
#include "cli/event_log.hpp"
#include "cli/held_id.hpp"
#include "cli/key_files.hpp"
#include "cli/limits.hpp"
#include "cli/plaintext.hpp"
#include "cli/shared_line.hpp"
#include "relay/bridge.hpp"
#include "relay/descriptor_end.hpp"
#include "relay/forwarder.hpp"
#include "rendr/link.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

namespace {

exit_code judge(const relay::bridge_result& result, console& to) {
  if (!result.why.code) return exit_code::ok;
  if (result.why.code == std::errc::broken_pipe) {
    // Whoever read stdout has gone, as `head` does: he knows, and others are not told either.
    to.info("nobody reads stdout any more");
    return exit_code::failed;
  }
  auto text = result.why.detail.empty() ? result.why.code.message() : result.why.detail;
  if (result.reason == relay::code::none) {
    to.error(text + std::string(hint_of(text)));
    return exit_code_of(result.why.code);
  }
  to.error(std::string(to_string(result.reason)) + ": " + text);
  const bool out_of_reach =
      result.reason == relay::code::refused || result.reason == relay::code::unreachable;
  return out_of_reach ? exit_code::unreachable : exit_code_of(result.why.code);
}

link_options dialled_by(const dial_options& from, credentials keys) {
  link_options to;
  to.paths = from.paths;
  to.root = from.root;
  to.grace = from.grace;
  to.grace_closed = from.grace_closed;
  to.credentials = std::move(keys);
  // The link's own fault says more than that nobody answered.
  to.dial_deadline = from.connect_timeout;
  to.insecure = from.insecure;
  return to;
}

}  // namespace

exit_code run_pipe(const pipe_options& options, console& to) {
  // Declared before the runtime: its loop may use them until it is gone.
  event_log events(to);
  events.faults_are_no_news();
  std::optional<relay::bridge_result> outcome;
  std::weak_ptr<relay::bridge> bridge;
  std::optional<ending> end;

  remarks notes;
  auto keys = load_credentials(options.link.keys, &notes);
  if (!keys) {
    to.error(keys.error().detail);
    return exit_code_of(keys.error().code);
  }
  for (const auto& note : notes) to.warn(note);
  const auto slot = slot_for(options.link, *keys);
  runtime_options own;
  if (slot) own.slot = slot->id;
  own.budget = options.link.memory;
  runtime instance(std::move(own));
  tell_memory(instance, to);
  link over(instance);
  auto chosen = dialled_by(options.link, std::move(*keys));
  const shared_line lines(to, instance, options.link.paths,
                          [executor = instance.get_executor()](std::function<void()> look) {
                            asio::post(executor, std::move(look));
                          });
  chosen.on_event = [&events, lines](const link_event& event) {
    events(event);
    lines(event);
  };
  if (const auto why = over.start(std::move(chosen)); why.code) {
    to.error(why.detail.empty() ? why.code.message() : why.detail);
    return exit_code_of(why.code);
  }
  warn_of_plaintext(options.link.paths, to);
  const auto loop = over.get_executor();
  end.emplace(to, instance, [&bridge, loop](int signal) {
    asio::post(loop, [&bridge, signal] {
      const auto open = bridge.lock();
      if (!open) return;
      // How ssh ends its ProxyCommand: no fault, and nobody reads what would be said of it.
      if (signal == SIGHUP) return open->hang_up();
      open->abort({make_error_code(errc::closed), "ended by a signal"});
    });
  });

  failure why;
  open_options open;
  open.metadata = relay::target_metadata(options.target);
  auto flow = over.open_stream(open, why);
  if (why.code) {
    to.error(why.detail);
    return exit_code_of(why.code);
  }
  asio::post(loop, [&, loop, flow = std::move(flow)]() mutable {
    auto joined = std::make_shared<relay::bridge>(
        std::make_unique<relay::descriptor_end>(loop, STDIN_FILENO, STDOUT_FILENO), std::move(flow),
        [&](const relay::bridge_result& result) {
          outcome = result;
          end->begin();
        });
    joined->await_delivery();  // exit code 0 means that every byte arrived
    bridge = joined;
    // Behind the dial's own limit, which knows why there is no answer.
    joined->start(2 * options.link.connect_timeout);
  });
  end->wait();
  return outcome ? judge(*outcome, to) : exit_code::failed;
}

}  // namespace rendr::cli
