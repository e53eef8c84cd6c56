// SPDX-License-Identifier: Apache-2.0
#include "rendr/link.hpp"

#include <algorithm>
#include <asio/system_executor.hpp>
#include <set>
#include <utility>

#include "runtime/link_core.hpp"
#include "runtime/loop.hpp"
#include "runtime/runtime_core.hpp"
#include "runtime/stream_core.hpp"
#include "transport/registry.hpp"

namespace rendr {

namespace {

failure no_link() { return {errc::closed, "there is no link: connect or start it first"}; }

/// What a link may do off loopback.
struct trust {
  bool insecure = false;
  bool proves_peer = false;
};

trust trust_of(const link_options& options) {
  return {options.insecure, options.credentials.psk || options.credentials.peer_key};
}

failure check_path(const path_spec& path, const detail::runtime_core& owner, const trust& given) {
  const auto scheme = owner.schemes.find(path.transport);
  if (!scheme)
    return {errc::invalid_argument, "path '" + path.name + "': transport '" + path.transport +
                                        "' is unknown; use " + transport::default_scheme() +
                                        " or add_transport"};
  if (auto why = scheme->check(path); why.code) return why;
  const auto elsewhere = scheme->elsewhere(path);
  if (given.insecure || elsewhere.empty()) return {};
  const auto refuse = [&](std::string_view reason) {
    return failure{errc::permission_denied, "path '" + path.name + "': " + elsewhere +
                                                " is not on loopback, and " + std::string(reason)};
  };
  if (path.plaintext)
    return refuse(
        "plaintext lets whoever is on the way read and change everything; set insecure to accept "
        "that");
  if (!given.proves_peer)
    return refuse(
        "nothing proves who answers there: give a pre-shared key or the peer's key, or set "
        "insecure to accept anybody");
  return {};
}

engine::path_config config_of(const path_spec& path) {
  engine::path_config config;
  config.name = path.name;
  config.cold = path.cold;
  config.weight = path.weight;
  config.cost = path.cost;
  config.fate = path.fate;
  config.plaintext = path.plaintext;
  switch (path.evidence) {
    case path_evidence::by_transport:
      break;
    case path_evidence::end_to_end:
      config.evidence = evidence_kind::end_to_end;
      break;
    case path_evidence::first_hop:
      config.evidence = evidence_kind::first_hop;
      break;
    case path_evidence::none:
      config.evidence = evidence_kind::none;
      break;
  }
  return config;
}

failure check_options(link_options& options, const detail::runtime_core& owner) {
  if (options.paths.empty() || options.paths.size() > engine::defaults::paths_per_link)
    return {errc::invalid_argument,
            "paths: " + std::to_string(options.paths.size()) + " given; a link has 1 to 64"};
  if (options.loop && *options.loop >= owner.loops.size())
    return {errc::invalid_argument, "loop: " + std::to_string(*options.loop) +
                                        " given; the runtime has " +
                                        std::to_string(owner.loops.size())};
  if (auto why = check_dialer(options.credentials); why.code) {
    why.detail = "credentials: " + why.detail;
    return why;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < options.paths.size(); ++i) {
    auto& path = options.paths[i];
    if (path.name.empty()) path.name = "p" + std::to_string(i + 1);
    if (!names.insert(path.name).second)
      return {errc::invalid_argument, "path '" + path.name + "': two paths have this name"};
    if (auto why = check_path(path, owner, trust_of(options)); why.code) return why;
  }
  return {};
}

// A name for a path that was given none; no other path of the link ever had it.
std::string new_name(detail::link_core& core) {
  core.numbered = std::max(core.numbered, core.leaves.size()) + 1;
  auto name = "p" + std::to_string(core.numbered);
  const bool taken = std::any_of(core.leaves.begin(), core.leaves.end(),
                                 [&](const auto& known) { return known.second.spec.name == name; });
  return taken ? new_name(core) : name;
}

}  // namespace

namespace detail {

void cancel_operation(const std::shared_ptr<link_core>& core, std::uint64_t operation) {
  core->home->dispatch([core, operation] { core->cancel(operation); });
}

namespace {

/// Runs a command of the engine on the link's loop.
template <class Command>
failure command(const std::shared_ptr<link_core>& core, Command run) {
  if (!core) return no_link();
  failure why;
  const auto failed = core->home->call([&] {
    if (core->down) {
      why = core->error();
      return;
    }
    if (std::optional<failure> refused = run(core->home->endpoint(), core->home->now()))
      why = std::move(*refused);
    core->home->touch();
  });
  if (failed) return {failed, "the loop of the link cannot be asked from here"};
  return why;
}

}  // namespace
}  // namespace detail

link::link() noexcept = default;
link::link(runtime& owner) : runtime_(owner.core()) {}
link::link(std::shared_ptr<detail::link_core> core) noexcept : core_(std::move(core)) {}
link::link(const link&) noexcept = default;
link::link(link&&) noexcept = default;
link& link::operator=(const link&) noexcept = default;
link& link::operator=(link&&) noexcept = default;
link::~link() = default;

link incoming::via() const { return core_ ? link(core_->owner) : link(); }

link::executor_type link::get_executor() const {
  if (core_) return core_->home->executor();
  if (runtime_ && !runtime_->loops.empty()) return runtime_->loops.front()->executor();
  return asio::system_executor();
}

bool link::is_open() const noexcept { return core_ && !core_->error().code; }

failure link::start(link_options options) {
  if (!runtime_) return no_link();
  if (is_open()) return {errc::invalid_argument, "this link is started already"};
  auto why = begin(std::move(options));
  refusal_ = why.code ? std::make_shared<const failure>(why) : nullptr;
  return why;
}

failure link::begin(link_options options) {
  if (auto why = check_options(options, *runtime_); why.code) return why;
  auto& home = options.loop ? *runtime_->loops[*options.loop] : runtime_->least_loaded();
  auto core = std::make_shared<detail::link_core>(home.shared_from_this(), link_side::dialer);
  core->insecure = options.insecure;
  core->proves_peer = trust_of(options).proves_peer;
  core->observer = std::move(options.on_event);
  if (options.accept_flows) core->incoming_flows = std::make_shared<detail::accept_queue>();
  engine::link_config config;
  config.root = std::move(options.root);
  config.credentials = options.credentials;
  config.no_path_grace = options.grace;
  config.grace_closed = options.grace_closed;
  config.linger = options.linger;
  config.dial_deadline = options.dial_deadline;
  for (std::size_t i = 0; i < options.paths.size(); ++i) {
    config.paths.push_back(config_of(options.paths[i]));
    core->leaves[static_cast<engine::spec_id>(i)].spec = std::move(options.paths[i]);
  }
  failure why;
  const auto failed = home.call([&] {
    auto made = home.endpoint().connect(home.now(), config);
    if (!made) {
      why = made.error();
      return;
    }
    home.add_link(*made, core);
    home.touch();
  });
  if (failed) return {failed, "the loop of the link cannot be asked from here"};
  if (why.code) return why;
  core_ = std::move(core);
  handle_ = std::make_shared<detail::link_handle>(core_);
  return {};
}

void link::start_wait(std::uint64_t operation, wait_type what, std::error_code early,
                      detail::void_completion done) {
  if (early || !core_) return done(early ? early : make_error_code(errc::closed));
  auto shared = std::make_shared<detail::void_completion>(std::move(done));
  core_->home->dispatch(
      [core = core_, operation, what, shared] { core->wait(operation, what, std::move(*shared)); });
}

void link::start_accept(std::uint64_t operation, detail::accept_completion done) {
  if (!core_) return done(errc::closed, incoming());
  if (!core_->incoming_flows) return done(errc::invalid_argument, incoming());
  core_->incoming_flows->take(operation, std::move(done));
}

failure link::connect(link_options options) {
  if (auto why = start(std::move(options)); why.code) return why;
  const auto code = wait(wait_type::up);
  if (!code) return {};
  auto why = error();
  return why.code ? why : failure{code, code.message()};
}

std::error_code link::wait(wait_type what) {
  if (!core_ || core_->home->ended()) return errc::closed;
  if (core_->home->on_loop_of_runtime())
    return std::make_error_code(std::errc::resource_deadlock_would_occur);
  auto [code] = detail::wait_for<std::error_code>([&](detail::void_completion done) {
    start_wait(detail::next_operation(), what, {}, std::move(done));
  });
  return code;
}

std::shared_ptr<detail::stream_core> link::open(flow_kind kind, const open_options& options,
                                                failure& error) {
  std::shared_ptr<detail::stream_core> flow;
  error =
      detail::command(core_, [&](engine::endpoint& engine, instant now) -> std::optional<failure> {
        engine::endpoint::open_options chosen;
        chosen.metadata = options.metadata;
        chosen.root = options.root;
        const auto ref = kind == flow_kind::packet ? engine.open_packet(now, core_->ref, chosen)
                                                   : engine.open_stream(now, core_->ref, chosen);
        if (!ref) return failure{ref.error(), make_error_code(ref.error()).message()};
        const auto snapshot = engine.status(*ref);
        flow = std::make_shared<detail::stream_core>(
            core_->home, core_, *ref, snapshot ? snapshot->id : flow_id{}, options.metadata, kind);
        core_->home->add_flow(*ref, flow);
        return std::nullopt;
      });
  return flow;
}

stream link::open_stream(const open_options& options, failure& error) {
  return detail::stream_access::make(open(flow_kind::stream, options, error));
}

stream link::open_stream(const open_options& options) {
  failure why;
  auto result = open_stream(options, why);
  if (why.code) throw std::system_error(why.code, why.detail);
  return result;
}

packet_flow link::open_packet(const open_options& options, failure& error) {
  return detail::stream_access::make_packet(open(flow_kind::packet, options, error));
}

packet_flow link::open_packet(const open_options& options) {
  failure why;
  auto result = open_packet(options, why);
  if (why.code) throw std::system_error(why.code, why.detail);
  return result;
}

failure link::attach(path_spec path) {
  if (!core_ || !runtime_) return no_link();
  return detail::command(
      core_, [&](engine::endpoint& engine, instant now) -> std::optional<failure> {
        if (path.name.empty()) path.name = new_name(*core_);
        if (auto why = check_path(path, *runtime_, {core_->insecure, core_->proves_peer}); why.code)
          return why;
        auto made = engine.attach(now, core_->ref, config_of(path));
        if (!made) return made.error();
        core_->leaves[*made].spec = std::move(path);
        return std::nullopt;
      });
}

failure link::detach(std::string_view path) {
  return detail::command(core_, [&](engine::endpoint& engine, instant now) {
    return engine.detach(now, core_->ref, path);
  });
}

failure link::migrate(std::string_view path, std::string_view root) {
  return detail::command(core_, [&](engine::endpoint& engine, instant now) {
    return engine.migrate(now, core_->ref, path, root);
  });
}

failure link::select(std::string_view node, std::string_view child, std::string_view root) {
  return detail::command(core_, [&](engine::endpoint& engine, instant now) {
    return engine.select(now, core_->ref, node, child, root);
  });
}

failure link::set_root(std::string_view graph, std::string_view root) {
  return detail::command(core_, [&](engine::endpoint& engine, instant now) {
    return engine.set_root(now, core_->ref, graph, root);
  });
}

void link::close(std::uint64_t code, std::string_view reason) {
  if (!core_) return;
  core_->home->dispatch([core = core_, code, text = std::string(reason)] {
    if (core->down || core->home->ended()) return;
    core->home->endpoint().close_link(core->home->now(), core->ref, code, text);
    core->home->touch();
  });
}

void link::abort() {
  if (!core_) return;
  core_->home->dispatch([core = core_] {
    if (core->down || core->home->ended()) return;
    core->home->endpoint().abort_link(core->home->now(), core->ref);
    core->home->touch();
  });
}

failure link::error() const {
  if (refusal_) return *refusal_;
  return core_ ? core_->error() : no_link();
}

link_status link::status() const {
  link_status result;
  if (!core_) return result;
  const auto failed = core_->home->call([&] {
    if (auto snapshot = core_->home->status(core_->ref)) result = std::move(*snapshot);
  });
  if (failed == std::errc::resource_deadlock_would_occur)
    throw std::system_error(failed, "status on the thread of another loop");
  return result;
}

}  // namespace rendr
