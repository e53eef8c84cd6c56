// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "cli/nearest.hpp"
#include "cli/option_values.hpp"
#include "rendr/credentials.hpp"
#include "rendr/graph.hpp"

namespace rendr::cli {

namespace {

constexpr std::string_view main_footer = R"(
Examples:
  rendr demo                                    cut paths under a transfer and watch it survive
  rendr serve --listen=tcp://127.0.0.1:7000 --to=ssh=127.0.0.1:22
  rendr forward --listen=127.0.0.1:2222 --to=ssh --path=a=tcp://127.0.0.1:7000
  ssh -o ProxyCommand='rendr pipe --to=ssh --path=tcp://host:7000 --path=tcp://host:7001' host

Exit codes: 0 ok, 1 failed, 2 usage, 3 unreachable, 4 authentication, 5 permission.
`rendr COMMAND --help` explains a command; docs/operations.md is the operator's guide.)";

constexpr std::string_view demo_footer = R"(
A cut is AT:KIND[:PATH[:DURATION]]: AT = 30% (of the transfer) or 5s (after its start);
KIND = kill (the connection is reset), silent (nothing is forwarded, nobody is told) or migrate
(an explicit move to another path, no fault);
PATH = the one that carries most at that moment when left out;
DURATION = how long the path stays cut (kill 500ms, silent 2s).
Without --cut: 30%:kill, 50%:silent, 70%:kill.

Examples:
  rendr demo
  rendr demo video.mkv --root='bond(fiber, lte, wifi)' --report=demo.html
  rendr demo --size=1GiB --rate=unlimited --root='selector(fiber, bond(lte, wifi))'
  rendr demo --cut=2s:silent:fiber --cut=60%:migrate --max-gap=500ms)";

constexpr std::string_view serve_footer = R"(
Examples:
  rendr serve --listen=tcp://127.0.0.1:7000 --to=127.0.0.1:80
  rendr serve --listen=tcp://0.0.0.0:7000 --listen=tcp://0.0.0.0:7001 \
      --to=ssh=127.0.0.1:22 --to=db=127.0.0.1:5432 --psk-file=/etc/rendr/shared.psk

With --psk-file or --allow-keys only who proves a key can make links; with --key-file the clients
know that it is this server. `rendr keygen --help` says how keys are made.

What is sent is sealed, unless a client asks for a path in plaintext on loopback. --insecure: off
loopback too such paths are taken, and without --psk-file or --allow-keys anyone who reaches a
listening address can use the targets.)";

constexpr std::string_view forward_footer = R"(
A path is [name=]tcp://host:port[,key=value...] with the keys
  bind, device, mark, cc   its local address, device, socket mark and congestion control
  cost=0..1000             how dear a byte is: cheap is preferred unless it is much later
  weight=1..1000           of equal children, a selector prefers the heavier
  fate=NAME                paths of one NAME share a hop: while one is suspect, the others are late
  evidence=first_hop       a relay on the way acknowledges for the server
  cold                     dialled only when the others are gone
  plaintext                not sealed: for a path inside a tunnel; off loopback needs --insecure
A graph is a path's name or selector(...), race(...), bond(...) of graphs; the first child of a
selector is preferred. Keys among the children: weight of each; dwell, cooldown, cost_bound and bulk
of a selector, as selector(a, b, dwell=1s); late of a race, as race(a, b, late=20ms).
A word instead of a graph takes all paths, in their order: handover (one at a time), interactive
(every byte soon), aggregate (all the throughput). docs/graph.md has the whole language.

Examples:
  rendr forward --listen=127.0.0.1:8080 --path=tcp://host:7000
  rendr forward --listen=127.0.0.1:5432 --to=db \
      --path=fiber=tcp://host:7000,bind=192.0.2.7 --path=lte=tcp://host:7000,device=wwan0 \
      --root='selector(fiber, lte)' --psk-file=shared.psk
  rendr forward --listen=127.0.0.1:8080 --root=handover --peer-key=server.pub \
      --path=dsl=tcp://host:7000,device=eth0 --path=lte=tcp://host:7000,device=wwan0,cost=100)";

constexpr std::string_view pipe_footer = R"(
`rendr forward --help` says what a PATH and a GRAPH is.

Examples:
  ssh -o ProxyCommand='rendr pipe --to=ssh --path=a=tcp://[%h]:7000 --path=b=tcp://[%h]:7001' server
  rendr pipe --to=log --path=tcp://127.0.0.1:7000 < access.log)";

constexpr std::string_view keygen_footer = R"(
The file holds the private key, readable by its owner alone, and is never overwritten. The public
key is printed: give it to the peers. With --psk the file holds a pre-shared key instead; copy it to
both ends over a channel that you trust.

Examples:
  rendr keygen /etc/rendr/server.key > server.pub      at the server; server.pub goes to the clients
  rendr serve --key-file=/etc/rendr/server.key --allow-keys=/etc/rendr/clients ...
  rendr keygen client.key                              at the client; its line goes into that list
  rendr forward --key-file=client.key --peer-key=server.pub ...
  rendr keygen --psk shared.psk                        one secret for both ends, as --psk-file)";

constexpr std::string_view insecure_help =
    "Off loopback, accept a peer that proves nothing, and paths in plaintext: anyone on the way "
    "may be that peer, or read and change";

/// What CLI11 fills in, as texts; `parse` checks and converts them.
struct raw {
  std::string level;
  bool quiet = false;
  std::string file, size, root, rate, delay, max_gap, report;
  std::string grace, grace_closed, connect_timeout, loops, keepalive, state_dir, target;
  std::string secrets, memory, when_dark;
  key_options keys;
  bool psk = false;
  bool show = false;
  std::vector<std::string> cuts, listen, to, paths;
  bool no_cuts = false;
  bool insecure = false;
};

/// A rule was broken: the text names the option, the value and the rule.
struct mistake {
  std::string text;
};

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view rule) {
  throw mistake{std::string(option) + "=" + std::string(value) + ": " + std::string(rule)};
}
[[noreturn]] void refuse(std::string text) { throw mistake{std::move(text)}; }

CLI::Option* text_option(CLI::App& app, const std::string& name, std::string& value,
                         const std::string& help, const std::string& type) {
  return app.add_option(name, value, help)->type_name(type);
}
void list_option(CLI::App& app, const std::string& name, std::vector<std::string>& values,
                 const std::string& help, const std::string& type) {
  app.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
}

void add_common(CLI::App& app, raw& to) {
  app.set_help_flag("--help,-h", "Print this help and leave");
  text_option(app, "--log-level", to.level, "error, warn, info or debug (info; pipe: warn)",
              "LEVEL");
  app.add_flag("--quiet", to.quiet, "Errors only on stderr; results still go to stdout");
}

void add_grace_closed(CLI::App& app, raw& to) {
  text_option(app, "--grace-closed", to.grace_closed,
              "What is left of that once the other end closed every path, as a killed program does "
              "and a sleeping machine does not, or forever (5min)",
              "DURATION");
}

void add_secrets(CLI::App& app, raw& to) {
  text_option(app, "--psk-file", to.keys.psk_file, "A pre-shared key that both ends must hold",
              "FILE");
  text_option(app, "--key-file", to.keys.key_file, "The private key of this end", "FILE");
  text_option(app, "--secrets", to.secrets,
              "strict: files with secrets, and the state directory, must be closed to other users; "
              "trusted: they may be readable, as containers hand them over (strict)",
              "RULE");
}

void add_keepalive(CLI::App& app, raw& to, const std::string& whose) {
  text_option(app, "--keepalive", to.keepalive,
              "TCP keepalive towards " + whose +
                  ": idle time, interval and count of its probes, as 60s,10s,6, or off (on, with "
                  "the system's values)",
              "IDLE[,INTERVAL,COUNT]");
}

void add_memory(CLI::App& app, raw& to) {
  text_option(app, "--memory", to.memory,
              "How much memory buffers may take, as 64MiB (a quarter of the machine's or, where it "
              "is lower, of the cgroup's)",
              "SIZE");
}

void add_when_dark(CLI::App& app, raw& to) {
  text_option(app, "--when-dark", to.when_dark,
              "What becomes of a new connection while no path lives: wait (until it times out) or "
              "refuse (it is reset at once) (wait)",
              "WHAT");
}

void add_targets(CLI::App& app, raw& to) {
  list_option(app, "--to", to.to,
              "A target; repeat it for each name. With proxy-protocol=v2 (or v1) it is told the "
              "client's address, as HAProxy's PROXY protocol says",
              "[NAME=]HOST:PORT[,proxy-protocol=v2]");
}

void add_dialing(CLI::App& app, raw& to) {
  text_option(app, "--to", to.target, "Name of the target at the server (its unnamed one)", "NAME");
  list_option(app, "--path", to.paths, "A path to the server; repeat it for each", "PATH");
  text_option(app, "--root", to.root,
              "Which paths carry the data: a graph, or handover, interactive or aggregate (a "
              "selector over all, in order)",
              "GRAPH");
  text_option(app, "--grace", to.grace,
              "How long connections survive without any path, or forever (24h); the lower of both "
              "ends holds",
              "DURATION");
  add_grace_closed(app, to);
  text_option(app, "--connect-timeout", to.connect_timeout,
              "How long a new connection waits for the far side (10s)", "DURATION");
  add_secrets(app, to);
  text_option(
      app, "--state-dir", to.state_dir,
      "Where this client keeps which one it is, so that the server ends what it left behind "
      "when it was killed ($XDG_STATE_HOME/rendr or ~/.local/state/rendr)",
      "DIR");
  text_option(app, "--peer-key", to.keys.peer_key,
              "The server's public key, or a file of it: no other server is spoken to", "KEY|FILE");
  app.add_flag("--insecure", to.insecure, std::string(insecure_help));
  add_memory(app, to);
}

struct commands {
  CLI::App app{"rendr: a connection that outlives its network paths."};
  CLI::App* demo = nullptr;
  CLI::App* serve = nullptr;
  CLI::App* forward = nullptr;
  CLI::App* pipe = nullptr;
  CLI::App* keygen = nullptr;
  bool version = false;

  explicit commands(raw& to);
};

commands::commands(raw& to) {
  app.name("rendr");
  app.footer(std::string(main_footer));
  add_common(app, to);
  app.add_flag("--version", version, "Print version, wire version and features, and leave");

  demo = app.add_subcommand("demo", "Send a file over three paths on this machine and cut them");
  demo->footer(std::string(demo_footer));
  add_common(*demo, to);
  text_option(*demo, "FILE", to.file, "The file to send (pseudo-random bytes, see --size)", "");
  text_option(*demo, "--size", to.size, "How much to make when no FILE is given (256MiB)", "SIZE");
  text_option(*demo, "--root", to.root,
              "The graph over fiber, lte and wifi, or a word for one (a selector)", "GRAPH");
  list_option(*demo, "--cut", to.cuts, "A cut, see below; repeat it for each", "CUT");
  demo->add_flag("--no-cuts", to.no_cuts, "Cut nothing: the run to compare with");
  text_option(*demo, "--rate", to.rate,
              "Of each path, as 300Mbit/s, or unlimited (320, 160 and 240 Mbit/s)", "RATE");
  text_option(*demo, "--delay", to.delay, "One way, of each path (4, 20 and 8 ms)", "DURATION");
  text_option(*demo, "--max-gap", to.max_gap, "Fail when the delivery stands still for longer",
              "DURATION");
  text_option(*demo, "--report", to.report, "Write a time line as one HTML page", "FILE");

  serve = app.add_subcommand("serve", "Accept links and connect their flows to TCP targets");
  serve->footer(std::string(serve_footer));
  add_common(*serve, to);
  list_option(*serve, "--listen", to.listen, "Where links arrive; repeat it for each",
              "tcp://HOST:PORT");
  add_targets(*serve, to);
  text_option(*serve, "--grace", to.grace,
              "How long connections survive without any path, or forever (24h)", "DURATION");
  add_grace_closed(*serve, to);
  text_option(*serve, "--connect-timeout", to.connect_timeout,
              "How long connecting to a target may take (10s)", "DURATION");
  text_option(*serve, "--loops", to.loops, "Threads that serve links (1)", "N");
  add_keepalive(*serve, to, "the targets");
  text_option(*serve, "--state-dir", to.state_dir,
              "Where the reset key and the server's id are kept, readable by its owner alone "
              "($XDG_STATE_HOME/rendr or ~/.local/state/rendr); without it, in memory",
              "DIR");
  add_secrets(*serve, to);
  text_option(*serve, "--allow-keys", to.keys.allow_keys,
              "A list of public keys, one a line: no other client makes links", "FILE");
  serve->add_flag("--insecure", to.insecure, std::string(insecure_help));
  add_memory(*serve, to);

  forward = app.add_subcommand("forward", "Carry TCP connections to a `rendr serve`");
  forward->footer(std::string(forward_footer));
  add_common(*forward, to);
  list_option(*forward, "--listen", to.listen, "Where connections arrive", "HOST:PORT");
  add_dialing(*forward, to);
  text_option(*forward, "--loops", to.loops, "Threads, each with its own link (1)", "N");
  add_keepalive(*forward, to, "the clients");
  add_when_dark(*forward, to);

  pipe = app.add_subcommand("pipe", "Carry stdin and stdout to a `rendr serve`");
  pipe->footer(std::string(pipe_footer));
  add_common(*pipe, to);
  add_dialing(*pipe, to);

  keygen = app.add_subcommand("keygen", "Make a key, and print its public half");
  keygen->footer(std::string(keygen_footer));
  add_common(*keygen, to);
  text_option(*keygen, "FILE", to.file,
              "Where the secret goes (rendr.key in the state directory of `rendr serve`)", "");
  keygen->add_flag("--psk", to.psk, "Make a pre-shared key instead");
  keygen->add_flag("--show", to.show, "Make nothing: print the public key of FILE");
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

duration duration_of(std::string_view option, const std::string& text, duration fallback,
                     bool forever) {
  if (text.empty()) return fallback;
  const auto value = parse_duration(text);
  if (!value) refuse(option, text, value.error().sentence);
  if (*value == duration::max() && !forever) refuse(option, text, "it must end some time, as 10s");
  if (*value == duration::zero()) refuse(option, text, "it must be longer than 0");
  return *value;
}

relay::keepalive keepalive_of(const std::string& text) {
  if (text.empty()) return {};
  auto value = parse_keepalive(text);
  if (!value) refuse("--keepalive", text, value.error());
  return *value;
}

std::uint64_t loops_of(const std::string& text) {
  if (text.empty()) return 1;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 64) {
    refuse("--loops", text, "the number of threads is 1 to 64");
  }
  return value;
}

std::size_t memory_of(const std::string& text) {
  if (text.empty()) return 0;
  const auto size = parse_size(text);
  if (!size) refuse("--memory", text, size.error().sentence);
  if (*size < (1U << 20) || *size > (std::uint64_t{1} << 50)) {
    refuse("--memory", text, "it is at least 1MiB, and at most 1024TiB");
  }
  return static_cast<std::size_t>(*size);
}

bool refuses_when_dark(const std::string& text) {
  if (text.empty() || text == "wait") return false;
  if (text == "refuse") return true;
  static const std::vector<std::string> words{"wait", "refuse"};
  refuse("--when-dark", text, "it is wait or refuse" + did_you_mean(text, words));
}

host_port listen_of(const raw& from) {
  if (from.listen.empty())
    refuse(
        "--listen is missing: say where connections arrive, as "
        "--listen=127.0.0.1:8080");
  if (from.listen.size() > 1) refuse("--listen", from.listen.back(), "give it once");
  auto address = parse_host_port(from.listen.front(), true);
  if (!address) refuse("--listen", from.listen.front(), address.error());
  return std::move(*address);
}

std::string target_of(const raw& from) {
  if (!from.target.empty() && !valid_target_name(from.target)) {
    refuse(
        "--to", from.target,
        "here it is the name of a target at the server (letters, digits, _ - .), not an address");
  }
  return from.target;
}

std::string checked_root(const std::string& text, std::span<const std::string> names) {
  failure why;
  if (!text.empty() && !check_graph(text, names, why)) refuse("--root: " + why.detail);
  return text;
}

secrets_rule secrets_rule_of(const std::string& text) {
  if (text.empty() || text == "strict") return secrets_rule::strict;
  if (text == "trusted") return secrets_rule::trusted;
  static const std::vector<std::string> rules{"strict", "trusted"};
  refuse("--secrets", text, "it is strict or trusted" + did_you_mean(text, rules));
}

key_options keys_of(const raw& from) {
  auto keys = from.keys;
  keys.secrets = secrets_rule_of(from.secrets);
  const std::array<std::pair<std::string_view, const std::string*>, 4> given{
      {{"--psk-file", &keys.psk_file},
       {"--key-file", &keys.key_file},
       {"--peer-key", &keys.peer_key},
       {"--allow-keys", &keys.allow_keys}}};
  for (const auto& [option, value] : given) {
    const auto kind = kind_of_key(*value);
    if (!kind || (*kind == key_kind::public_half && option == "--peer-key")) continue;
    refuse(std::string(option) +
           " takes the name of a file: a key on the command line is seen by every user of the "
           "machine");
  }
  if (kind_of_key(keys.peer_key) && !parse_public_key(keys.peer_key)) {
    refuse("--peer-key", keys.peer_key, "a public key is rendr-public: and 64 hexadecimal digits");
  }
  return keys;
}

keygen_options keygen_of(const raw& from) {
  if (from.psk && from.show) refuse("--show: a pre-shared key has no public half");
  return {from.file, from.psk, from.show};
}

dial_options dialing_of(const raw& from) {
  if (from.paths.empty()) {
    refuse("--path is missing: say how the server is reached, as --path=tcp://host:7000");
  }
  dial_options to;
  failure why;
  if (!parse_path_specs(from.paths, to.paths, why)) refuse("--path: " + why.detail);
  std::vector<std::string> names;
  names.reserve(to.paths.size());
  for (const auto& path : to.paths) names.push_back(path.name);
  to.root = checked_root(from.root, names);
  to.grace = duration_of("--grace", from.grace, to.grace, true);
  to.grace_closed = duration_of("--grace-closed", from.grace_closed, to.grace_closed, true);
  to.connect_timeout =
      duration_of("--connect-timeout", from.connect_timeout, to.connect_timeout, false);
  to.keys = keys_of(from);
  if (!to.keys.key_file.empty() && to.keys.peer_key.empty()) {
    refuse("--key-file", to.keys.key_file,
           "a key is shown only to a server whose own key is known: give --peer-key too");
  }
  to.state_dir = from.state_dir;
  to.insecure = from.insecure;
  to.memory = memory_of(from.memory);
  return to;
}

demo_options demo_of(const raw& from) {
  demo_options to;
  to.file = from.file;
  if (!from.size.empty()) {
    if (!from.file.empty()) refuse("--size", from.size, "a FILE has its own size: leave one out");
    const auto size = parse_size(from.size);
    if (!size) refuse("--size", from.size, size.error().sentence);
    if (*size < 1024) refuse("--size", from.size, "it is at least 1KiB");
    to.size = *size;
  }
  static const std::vector<std::string> paths{"fiber", "lte", "wifi"};
  if (!from.root.empty()) to.root = checked_root(from.root, paths);
  if (from.no_cuts && !from.cuts.empty()) {
    refuse("--cut", from.cuts.front(), "--no-cuts forbids it: leave one out");
  }
  auto cuts = from.cuts;
  if (cuts.empty() && !from.no_cuts) cuts = {"30%:kill", "50%:silent", "70%:kill"};
  for (const auto& text : cuts) {
    auto entry = parse_cut(text);
    if (!entry) refuse("--cut", text, entry.error());
    if (!entry->path.empty() && std::find(paths.begin(), paths.end(), entry->path) == paths.end()) {
      refuse("--cut", text,
             "unknown path \"" + entry->path + "\"" + did_you_mean(entry->path, paths) +
                 ": the paths are fiber, lte, wifi");
    }
    to.cuts.push_back(std::move(*entry));
  }
  if (from.rate == "unlimited") {
    to.rate = 0;
  } else if (!from.rate.empty()) {
    const auto rate = parse_rate(from.rate);
    if (!rate) refuse("--rate", from.rate, rate.error().sentence + ", or the word unlimited");
    to.rate = *rate;
  }
  if (!from.delay.empty()) {
    const auto delay = parse_duration(from.delay);
    if (!delay) refuse("--delay", from.delay, delay.error().sentence);
    if (*delay > std::chrono::seconds(5)) refuse("--delay", from.delay, "it is at most 5s");
    to.delay = *delay;
  }
  if (!from.max_gap.empty()) {
    to.max_gap = duration_of("--max-gap", from.max_gap, duration::zero(), false);
  }
  to.report = from.report;
  return to;
}

path_spec listen_spec_of(const std::string& text) {
  path_spec spec;
  failure why;
  // A star is every address; to dial it is none.
  constexpr std::string_view star = "://*:";
  const auto at = text.find(star);
  const bool everywhere = at != text.npos;
  const auto plain =
      everywhere ? text.substr(0, at) + "://[::]:" + text.substr(at + star.size()) : text;
  if (!parse_path_spec(plain, spec, why)) refuse("--listen: " + why.detail);
  if (everywhere) spec.host = "*";
  path_spec known;
  known.transport = spec.transport;
  known.host = spec.host;
  known.port = spec.port;
  known.address = spec.address;
  known.device = spec.device;
  known.cc = spec.cc;
  known.options = spec.options;
  if (spec != known) {
    refuse("--listen", text, "a listening address has no name and no keys but device and cc");
  }
  return spec;
}

serve_options serve_of(const raw& from) {
  serve_options to;
  if (from.listen.empty()) {
    refuse("--listen is missing: say where links arrive, as --listen=tcp://127.0.0.1:7000");
  }
  for (const auto& text : from.listen) to.listen.push_back(listen_spec_of(text));
  if (from.to.empty()) refuse("--to is missing: say what is served, as --to=127.0.0.1:80");
  for (const auto& text : from.to) {
    auto target = parse_target(text);
    if (!target) refuse("--to", text, target.error());
    for (const auto& other : to.targets) {
      if (other.name != target->name) continue;
      refuse("--to", text,
             target->name.empty()
                 ? "there is another target without a name: name them, as --to=ssh=127.0.0.1:22"
                 : "the name \"" + target->name + "\" stands twice: a name has one target");
    }
    to.targets.push_back(std::move(*target));
  }
  to.grace = duration_of("--grace", from.grace, to.grace, true);
  to.grace_closed = duration_of("--grace-closed", from.grace_closed, to.grace_closed, true);
  to.connect_timeout =
      duration_of("--connect-timeout", from.connect_timeout, to.connect_timeout, false);
  to.loops = loops_of(from.loops);
  to.probes = keepalive_of(from.keepalive);
  to.state_dir = from.state_dir;
  to.keys = keys_of(from);
  if (!to.keys.allow_keys.empty() && to.keys.key_file.empty()) {
    refuse("--allow-keys", to.keys.allow_keys,
           "clients show their keys only to a server with a key: give --key-file too");
  }
  to.insecure = from.insecure;
  to.memory = memory_of(from.memory);
  return to;
}

log_level level_of(const raw& from, bool pipes) {
  if (from.level.empty()) return pipes ? log_level::warn : log_level::info;
  static const std::vector<std::string> levels{"error", "warn", "info", "debug"};
  const auto at = std::find(levels.begin(), levels.end(), from.level);
  if (at == levels.end()) {
    refuse("--log-level", from.level,
           "the levels are error, warn, info, debug" + did_you_mean(from.level, levels));
  }
  return static_cast<log_level>(at - levels.begin());
}

/// CLI11's complaint in our words.
std::string complaint(const commands& all, const CLI::App& chosen, const CLI::ParseError& error) {
  const auto* extras = dynamic_cast<const CLI::ExtrasError*>(&error);
  if (extras == nullptr) return error.what();
  auto left = all.app.remaining(true);
  if (left.empty()) return error.what();
  const auto word = left.front().substr(0, left.front().find('='));
  if (word.starts_with("-")) {
    auto known = option_names(chosen);
    return word + ": no such option" + did_you_mean(word, known) + "; see `rendr" +
           (&chosen == &all.app ? "" : " " + chosen.get_name()) + " --help`";
  }
  if (&chosen == &all.app) {
    const std::vector<std::string> names{"demo", "serve", "forward", "pipe", "keygen"};
    return "\"" + word + "\" is no command" + did_you_mean(word, names) +
           ": the commands are demo, serve, forward, pipe, keygen";
  }
  return "\"" + left.front() + "\" is one argument too many; options are written --name=value";
}

command_line convert(const commands& all, const raw& from) {
  command_line to;
  to.level = level_of(from, all.pipe->parsed());
  to.quiet = from.quiet;
  if (all.demo->parsed()) {
    to.command = demo_of(from);
  } else if (all.serve->parsed()) {
    to.command = serve_of(from);
  } else if (all.forward->parsed()) {
    forward_options forward;
    forward.listen = listen_of(from);
    forward.target = target_of(from);
    forward.link = dialing_of(from);
    forward.loops = loops_of(from.loops);
    forward.probes = keepalive_of(from.keepalive);
    forward.refuse_when_dark = refuses_when_dark(from.when_dark);
    to.command = std::move(forward);
  } else if (all.keygen->parsed()) {
    to.command = keygen_of(from);
  } else {
    to.command = pipe_options{target_of(from), dialing_of(from)};
  }
  return to;
}

}  // namespace

parsed parse(std::span<const std::string> arguments) {
  raw from;
  commands all(from);
  const CLI::App* chosen = &all.app;
  parsed result;
  try {
    // CLI11 takes them last first.
    all.app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    for (const auto* sub : all.app.get_subcommands()) chosen = sub;
    if (dynamic_cast<const CLI::CallForHelp*>(&error) != nullptr) {
      result.text = chosen->help(chosen == &all.app ? "" : "rendr");
    } else {
      result.code = exit_code::usage;
      result.text = complaint(all, *chosen, error);
    }
    return result;
  }
  if (all.version) {
    result.text = version_text();
    return result;
  }
  if (all.app.get_subcommands().empty()) {
    result.code = exit_code::usage;
    result.text = "a command is missing: demo, serve, forward, pipe or keygen; see `rendr --help`";
    return result;
  }
  try {
    result.command = convert(all, from);
  } catch (const mistake& m) {
    result.code = exit_code::usage;
    result.text = m.text;
  }
  return result;
}

}  // namespace rendr::cli
