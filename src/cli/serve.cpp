// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <optional>

#include "cli/commands.hpp"
#include "cli/ending.hpp"
#include "cli/event_log.hpp"
#include "cli/held_id.hpp"
#include "cli/key_files.hpp"
#include "cli/limits.hpp"
#include "cli/state_dir.hpp"
#include "relay/server.hpp"
#include "rendr/listener.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

namespace {

std::optional<exit_code> listen_on(listener& at, const serve_options& options, console& to) {
  for (const auto& spec : options.listen) {
    listen_options where;
    where.insecure = options.insecure;
    where.on_change = [&to](bool good, const std::string& sentence) {
      if (good)
        to.info(sentence, sentence);
      else
        to.warn(sentence, sentence);
    };
    if (const auto why = at.listen(spec, where); why.code) {
      auto text = "--listen=" + to_text(spec) + ": " + why.detail;
      if (why.code == errc::permission_denied && !options.insecure) {
        text += "; see --psk-file, --allow-keys and --insecure in `rendr serve --help`";
      }
      to.error(text);
      return exit_code_of(why.code);
    }
  }
  return std::nullopt;
}

/// The key of the state directory. None, with a remark about what is lost by that, when state
/// cannot be kept there: a server without it serves all the same.
std::optional<reset_key> kept_reset_key(const serve_options& options, remarks& notes) {
  constexpr std::string_view lost =
      "; the reset key is in memory alone: when this server was restarted, its clients may not "
      "learn it before their grace is over";
  const auto dir = options.state_dir.empty() ? default_state_dir() : options.state_dir;
  if (dir.empty()) {
    notes.push_back(
        "--state-dir is missing, and neither XDG_STATE_HOME nor HOME says where state belongs" +
        std::string(lost));
    return std::nullopt;
  }
  const auto key = load_reset_key(dir, options.keys.secrets, &notes);
  if (key) return *key;
  notes.push_back("--state-dir=" + dir + ": " + key.error().detail + std::string(lost));
  return std::nullopt;
}

/// Which server this is. Of several with one state directory the first has what is kept there.
std::optional<held_id> kept_id(const serve_options& options, remarks& notes) {
  const auto dir = options.state_dir.empty() ? default_state_dir() : options.state_dir;
  auto held = hold_id(dir + "/server.id", options.keys.secrets);
  if (held) return std::move(*held);
  const bool taken = held.error().code == errc::unavailable;
  notes.push_back("--state-dir=" + dir + ": " +
                  (taken ? "another server uses it" : held.error().detail) +
                  "; this one has an id of its own: when it was restarted, its clients may not "
                  "learn it before their grace is over");
  return std::nullopt;
}

}  // namespace

exit_code run_serve(const serve_options& options, console& to) {
  remarks notes;
  auto keys = load_credentials(options.keys, &notes);
  if (!keys) {
    to.error(keys.error().detail);
    return exit_code_of(keys.error().code);
  }
  const auto key = kept_reset_key(options, notes);
  const auto self = key ? kept_id(options, notes) : std::nullopt;
  for (const auto& note : notes) to.warn(note);
  const bool open_to_all = !keys->psk && !keys->allowed_keys;

  if (!is_journal(STDERR_FILENO)) to.stamp_lines();
  event_log events(to);
  runtime_options chosen;
  chosen.loops = static_cast<unsigned>(options.loops);
  chosen.reset_key = key;
  if (self) chosen.server_id = self->id;
  chosen.accepted_credentials = *keys;
  chosen.accepted_grace = options.grace;
  chosen.accepted_grace_closed = options.grace_closed;
  chosen.on_event = [&events](const link_event& event) { events(event); };
  chosen.budget = options.memory;
  runtime instance(std::move(chosen));
  tell_memory(instance, to);
  listener at(instance);
  if (const auto bad = listen_on(at, options, to)) return *bad;

  relay::server_options serving;
  for (const auto& t : options.targets) {
    serving.targets.push_back({t.name, t.address.host, t.address.port, t.proxy});
  }
  serving.connect_timeout = options.connect_timeout;
  serving.probes = options.probes;
  serving.log = sink_of(to);
  relay::server server(at, std::move(serving));
  server.start();
  // Before anything is said: who reads that it runs may end it.
  ending end(to, instance, [&at](int) { at.close(); });
  for (const auto& address : at.addresses()) to.info("serving on " + address);
  if (keys->own_key) to.info("the key of this server is " + to_text(public_key_of(*keys->own_key)));
  if (options.insecure) {
    to.warn(open_to_all ? "--insecure: whoever reaches this server may use its targets"
                        : "--insecure: paths in plaintext are taken from everywhere");
  } else if (open_to_all && keys->own_key) {
    to.warn("--key-file alone: whoever knows its public half may use the targets");
  }
  end.wait();
  return exit_code::ok;
}

}  // namespace rendr::cli
