// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/private_file.hpp"
#include "relay/defaults.hpp"
#include "relay/keepalive.hpp"
#include "relay/proxy_protocol.hpp"
#include "rendr/defaults.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/time.hpp"

namespace rendr::cli {

/// `host:port` or `[v6]:port`, checked for form, not resolved.
struct host_port {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const host_port&, const host_port&) = default;
};
std::string to_string(const host_port& address);

/// A forwarding target of `serve`; the one without a name answers flows that name none.
struct named_target {
  std::string name;
  host_port address;
  relay::proxy_protocol proxy = relay::proxy_protocol::off;
};

/// Where the keys are; empty: none. See `key_files.hpp`.
struct key_options {
  std::string psk_file;
  std::string key_file;
  std::string peer_key;    ///< dialing: a public key or the file of one
  std::string allow_keys;  ///< serve: a list of public keys
  secrets_rule secrets = secrets_rule::strict;
};

/// What the dialing commands have in common.
struct dial_options {
  std::vector<path_spec> paths;  ///< all named, not resolved
  std::string root;              ///< checked graph text; empty: a selector over all paths in order
  duration grace = relay::defaults::grace;
  duration grace_closed = defaults::grace_closed;
  duration connect_timeout = relay::defaults::connect_timeout;
  key_options keys;
  std::string state_dir;  ///< empty: the default place
  bool insecure = false;
  std::size_t memory = 0;  ///< bytes of buffers; 0: a share of what there is
};

enum class cut_kind : std::uint8_t {
  kill,     ///< the connection is reset, new ones are refused for a while
  silent,   ///< nothing is forwarded any more, and nobody is told
  migrate,  ///< no fault: an explicit migration to another path
};

/// One entry of the demo's schedule.
struct cut {
  std::optional<unsigned> percent;  ///< of the transfer; or
  duration after{0};                ///< so long after its start
  cut_kind kind = cut_kind::kill;
  std::string path;  ///< empty: the one that carries most at that moment
  duration length = std::chrono::seconds(2);
};

struct demo_options {
  std::string file;  ///< empty: `size` pseudo-random bytes in a temporary file
  std::uint64_t size = std::uint64_t{256} << 20;
  std::string root = "selector(fiber, lte, wifi)";
  std::vector<cut> cuts;
  std::optional<std::uint64_t> rate;  ///< bytes/s of each path, 0: unlimited; none: each its own
  std::optional<duration> delay;      ///< one way, of each path; none: each its own
  std::optional<duration> max_gap;
  std::string report;  ///< empty: none
};

struct serve_options {
  std::vector<path_spec> listen;
  std::vector<named_target> targets;
  duration grace = relay::defaults::grace;
  duration grace_closed = defaults::grace_closed;
  duration connect_timeout = relay::defaults::connect_timeout;
  std::uint64_t loops = 1;
  relay::keepalive probes;  ///< of the targets' sockets
  std::string state_dir;    ///< empty: the default place
  key_options keys;
  bool insecure = false;
  std::size_t memory = 0;  ///< bytes of buffers; 0: a share of what there is
};

struct forward_options {
  host_port listen;
  std::string target;
  dial_options link;
  bool refuse_when_dark = false;  ///< of a link without a path; else connections wait
  std::uint64_t loops = 1;
  relay::keepalive probes;  ///< of the clients' sockets
};

struct pipe_options {
  std::string target;
  dial_options link;
};

struct keygen_options {
  std::string file;   ///< empty: rendr.key (or rendr.psk) in the default state directory
  bool psk = false;   ///< a pre-shared key instead of a private one
  bool show = false;  ///< the public key of a file that exists
};

struct command_line {
  log_level level = log_level::info;
  bool quiet = false;
  std::variant<demo_options, serve_options, forward_options, pipe_options, keygen_options> command;
};

/// A command to run, or a text to print and an exit code.
struct parsed {
  std::optional<command_line> command;
  exit_code code = exit_code::ok;  ///< without a command: ok for help and version, else usage
  std::string text;                ///< for stdout when ok, for stderr when not
};

/// Reads the arguments (without the program's name). Pure: nothing is opened or resolved. Every
/// mistake names the option, the value and the rule.
parsed parse(std::span<const std::string> arguments);

/// `rendr --version`: program version, wire version, the features of this build.
std::string version_text();

}  // namespace rendr::cli
