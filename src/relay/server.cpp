// SPDX-License-Identifier: Apache-2.0
#include "relay/server.hpp"

#include <sys/socket.h>

#include <asio/dispatch.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "relay/asio_code.hpp"
#include "relay/bridge.hpp"
#include "relay/codes.hpp"
#include "relay/descriptors.hpp"
#include "relay/proxy_protocol.hpp"
#include "relay/socket_end.hpp"
#include "rendr/link.hpp"
#include "transport/tcp/dial.hpp"
#include "wire/metadata.hpp"

namespace rendr::relay {

using asio::ip::tcp;

struct server::shared {
  shared(listener& taken, server_options chosen) : from(taken), options(std::move(chosen)) {
    for (std::size_t i = 0; i < options.targets.size(); ++i)
      ranks.push_back(std::make_shared<transport::address_ranks>());
  }

  listener& from;
  server_options options;
  std::vector<std::shared_ptr<transport::address_ranks>> ranks;  // of each target
  descriptor_watch descriptors;

  std::shared_ptr<transport::address_ranks> ranks_of(const target& one) const {
    return ranks[static_cast<std::size_t>(&one - options.targets.data())];
  }
  const target* find(std::string_view name) const {
    for (const auto& t : options.targets) {
      if (t.name == name) return &t;
    }
    return nullptr;
  }
  /// What is said of a name that nobody has. Whoever hears it has a link: he proved himself.
  std::string unknown(std::string_view name) const {
    constexpr std::size_t most = 200;  // a reason has 256 bytes
    std::string text = "no target is named " + quoted(name) + "; there is ";
    std::string_view comma;
    for (const auto& t : options.targets) {
      const auto next = t.name.empty() ? "one without a name" : quoted(t.name);
      if (text.size() + next.size() > most) return text + ", ...";
      text += comma;
      text += next;
      comma = ", ";
    }
    return text;
  }
  void log(severity level, std::string_view line, std::string_view cause = {}) const {
    if (options.log) options.log(level, line, cause);
  }
};

namespace {

/// Connections that come together share what was found for the name of their target.
constexpr duration name_age = std::chrono::seconds(1);

/// The name in the metadata; nullopt: they are malformed.
std::optional<std::string> target_name(std::span<const std::byte> metadata) {
  const auto item = wire::find_metadata(metadata, wire::metadata_type::target);
  if (!item) return std::nullopt;
  return *item ? std::string(as_text(**item)) : std::string();
}

bool is_query(std::span<const std::byte> metadata) {
  const auto item = wire::find_metadata(metadata, wire::metadata_type::query);
  return item && *item;
}

code code_of(const std::error_code& raw) {
  const auto error = portable(raw);
  if (error == std::errc::connection_refused) return code::refused;
  if (error == std::errc::too_many_files_open ||
      error == std::errc::too_many_files_open_in_system) {
    return code::limit;
  }
  return code::unreachable;
}

/// One flow between its arrival and the answer of its target. Lives on the flow's loop.
template <class State>
class connecting : public std::enable_shared_from_this<connecting<State>> {
 public:
  connecting(std::shared_ptr<State> state, const target& to, incoming flow,
             const asio::any_io_executor& loop)
      : state_(std::move(state)), to_(to), flow_(std::move(flow)), loop_(loop), names_(loop) {
    state_->descriptors.begin();
  }
  ~connecting() { state_->descriptors.end(); }
  connecting(const connecting&) = delete;
  connecting& operator=(const connecting&) = delete;

  void start() {
    transport::tcp_target where;
    where.host = to_.host;
    where.port = to_.port;
    where.ranks = state_->ranks_of(to_);
    where.name_age = name_age;
    where.off_loopback = true;
    where.ended_too = true;
    where.connected_is_good = true;
    where.options.prepare = [probes = state_->options.probes](int fd) {
      prepare_application(fd, probes);
    };
    dial_ = transport::connect_tcp(loop_, names_, std::move(where), state_->options.connect_timeout,
                                   [self = this->shared_from_this()](transport::connected made) {
                                     const auto under_way = std::move(self->dial_);
                                     if (made.socket)
                                       self->succeed(std::move(made));
                                     else
                                       self->fail(made.code == errc::timed_out
                                                      ? make_error_code(std::errc::timed_out)
                                                      : made.code);
                                   });
  }

 private:
  void succeed(transport::connected made) {
    state_->descriptors.opened(made.socket->native_handle());
    state_->ranks_of(to_)->good(made.address);
    auto ended = made.code;  // why the connection is over already
    if (!ended) {
      ended = introduce(made.socket->native_handle());
      // Of one that was reset meanwhile what it sent is read; no other goes on without its header.
      const bool over = ended == std::errc::connection_reset || ended == std::errc::broken_pipe;
      if (ended && !over) return fail(ended);
    }
    auto joined = std::make_shared<bridge>(
        std::make_unique<socket_end>(std::move(*made.socket), ended), flow_.accept(),
        [state = state_, name = to_.name](const bridge_result& result) {
          state->log(severity::debug, "connection to \"" + name + "\" ended: " +
                                          (result.why.code ? result.why.detail : "in order"));
        });
    joined->start();
  }

  /// The header of the PROXY protocol. It fits into the empty buffer of a new connection.
  std::error_code introduce(int fd) const {
    const auto header = proxy_header(to_.proxy, find_origin(flow_.metadata()));
    if (header.empty()) return {};
    const auto n = ::send(fd, header.data(), header.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return {errno, std::system_category()};
    return static_cast<std::size_t>(n) == header.size()
               ? std::error_code()
               : make_error_code(std::errc::no_buffer_space);
  }

  void fail(std::error_code error) {
    const auto text = to_.host + ":" + std::to_string(to_.port) + ": " + error.message();
    const auto line = "target \"" + to_.name + "\" at " + text;
    state_->log(severity::warn, line, line);
    flow_.reject(static_cast<std::uint64_t>(code_of(error)), text);
  }

  std::shared_ptr<State> state_;
  const target& to_;
  incoming flow_;
  asio::any_io_executor loop_;
  transport::resolver names_;
  std::unique_ptr<transport::dial> dial_;
};

}  // namespace

server::server(listener& from, server_options options)
    : state_(std::make_shared<shared>(from, std::move(options))) {}

void server::start() { accept_next(state_); }

/// Flows that no socket can be opened for wait with the listener, where their links take turns.
void server::accept_later(const std::shared_ptr<shared>& state) {
  state->log(severity::warn, few_descriptors, few_descriptors);
  auto pause = std::make_shared<asio::steady_timer>(state->from.get_executor(), descriptor_pause);
  pause->async_wait([weak = std::weak_ptr(state), pause](std::error_code) {
    if (const auto still = weak.lock()) accept_next(still);  // else the server is gone
  });
}

void server::accept_next(const std::shared_ptr<shared>& state) {
  if (state->descriptors.is_short()) return accept_later(state);
  state->from.async_accept([state](std::error_code error, incoming flow) {
    if (error) return;  // closed
    const auto name = target_name(flow.metadata());
    const auto* to = name ? state->find(*name) : nullptr;
    if (to == nullptr) {
      const auto text = name ? state->unknown(*name) : "malformed metadata";
      state->log(severity::warn, "a flow was refused: " + text, text);
      flow.reject(static_cast<std::uint64_t>(code::unknown_target), text);
    } else if (is_query(flow.metadata())) {
      flow.reject(static_cast<std::uint64_t>(code::none), "there is such a target");
    } else if (flow.kind() == flow_kind::packet) {
      state->log(severity::warn, "a packet flow was refused: the targets are streams",
                 "packet flow");
      flow.reject(static_cast<std::uint64_t>(errc::mode_mismatch), "the targets are streams");
    } else {
      auto loop = flow.via().get_executor();
      auto attempt = std::make_shared<connecting<shared>>(state, *to, std::move(flow), loop);
      asio::dispatch(loop, [attempt] { attempt->start(); });
    }
    accept_next(state);
  });
}

}  // namespace rendr::relay
