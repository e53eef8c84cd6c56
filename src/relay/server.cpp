// SPDX-License-Identifier: Apache-2.0
#include "relay/server.hpp"

#include <sys/socket.h>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "relay/asio_code.hpp"
#include "relay/bridge.hpp"
#include "relay/codes.hpp"
#include "relay/descriptors.hpp"
#include "relay/proxy_protocol.hpp"
#include "relay/socket_end.hpp"
#include "rendr/link.hpp"
#include "wire/metadata.hpp"

namespace rendr::relay {

using asio::ip::tcp;

struct server::shared {
  listener& from;
  server_options options;

  const target* find(std::string_view name) const {
    for (const auto& t : options.targets) {
      if (t.name == name) return &t;
    }
    return nullptr;
  }
  void log(severity level, std::string_view line, std::string_view cause = {}) const {
    if (options.log) options.log(level, line, cause);
  }
};

namespace {

/// The name in the metadata; nullopt: they are malformed.
std::optional<std::string> target_name(std::span<const std::byte> metadata) {
  const auto item = wire::find_metadata(metadata, wire::metadata_type::target);
  if (!item) return std::nullopt;
  return *item ? std::string(as_text(**item)) : std::string();
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
      : state_(std::move(state)),
        to_(to),
        flow_(std::move(flow)),
        resolver_(loop),
        socket_(loop),
        timer_(loop, state_->options.connect_timeout) {}

  void start() {
    timer_.async_wait([self = this->shared_from_this()](std::error_code error) {
      if (!error) self->fail(make_error_code(std::errc::timed_out));
    });
    std::error_code not_literal;
    const auto address = asio::ip::make_address(to_.host, not_literal);
    if (!not_literal) {
      return connect(tcp::resolver::results_type::create(tcp::endpoint(address, to_.port), to_.host,
                                                         std::to_string(to_.port)));
    }
    resolver_.async_resolve(to_.host, std::to_string(to_.port),
                            [self = this->shared_from_this()](
                                std::error_code error, const tcp::resolver::results_type& found) {
                              if (error) return self->fail(error);
                              self->connect(found);
                            });
  }

 private:
  void connect(const tcp::resolver::results_type& endpoints) {
    endpoints_ = endpoints;
    next_ = endpoints_.begin();
    connect_next(make_error_code(std::errc::host_unreachable));
  }

  void connect_next(std::error_code last) {
    if (answered_) return;
    if (next_ == endpoints_.end()) return fail(last);
    const auto endpoint = (next_++)->endpoint();
    std::error_code ignored;
    socket_.close(ignored);
    socket_.async_connect(endpoint, [self = this->shared_from_this()](std::error_code error) {
      if (error && !was_connected(error)) return self->connect_next(error);
      self->succeed(error);
    });
  }

  /// @param ended why the connection is over already.
  void succeed(std::error_code ended) {
    if (!ended && !introduce()) return fail(make_error_code(std::errc::connection_reset));
    if (std::exchange(answered_, true)) return;
    timer_.cancel();
    auto joined = std::make_shared<bridge>(
        std::make_unique<socket_end>(std::move(socket_), state_->options.probes, ended),
        flow_.accept(), [state = state_, name = to_.name](const bridge_result& result) {
          state->log(severity::debug, "connection to \"" + name + "\" ended: " +
                                          (result.why.code ? result.why.detail : "in order"));
        });
    joined->start();
  }

  /// The header of the PROXY protocol. It fits into the empty buffer of a new connection.
  bool introduce() {
    const auto header = proxy_header(to_.proxy, find_origin(flow_.metadata()));
    return header.empty() ||
           ::send(socket_.native_handle(), header.data(), header.size(),
                  MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(header.size());
  }

  void fail(std::error_code error) {
    if (std::exchange(answered_, true)) return;
    timer_.cancel();
    resolver_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
    const auto text = to_.host + ":" + std::to_string(to_.port) + ": " + error.message();
    const auto line = "target \"" + to_.name + "\" at " + text;
    state_->log(severity::warn, line, line);
    flow_.reject(static_cast<std::uint64_t>(code_of(error)), text);
  }

  std::shared_ptr<State> state_;
  const target& to_;
  incoming flow_;
  tcp::resolver resolver_;
  tcp::resolver::results_type endpoints_;
  tcp::resolver::results_type::iterator next_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  bool answered_ = false;
};

}  // namespace

server::server(listener& from, server_options options)
    : state_(std::make_shared<shared>(shared{from, std::move(options)})) {}

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
  if (descriptors_are_short()) return accept_later(state);
  state->from.async_accept([state](std::error_code error, incoming flow) {
    if (error) return;  // closed
    const auto name = target_name(flow.metadata());
    const auto* to = name ? state->find(*name) : nullptr;
    if (to == nullptr) {
      const auto text = name ? "no target is named \"" + *name + "\"" : "malformed metadata";
      state->log(severity::warn, "a flow was refused: " + text, text);
      flow.reject(static_cast<std::uint64_t>(code::unknown_target), text);
    } else if (flow.kind() == flow_kind::packet) {
      state->log(severity::warn, "a packet flow was refused: the targets are streams",
                 "packet flow");
      flow.reject(static_cast<std::uint64_t>(errc::mode_mismatch), "the targets are streams");
    } else {
      auto loop = flow.via().get_executor();
      auto attempt = std::make_shared<connecting<shared>>(state, *to, std::move(flow), loop);
      asio::post(loop, [attempt] { attempt->start(); });
    }
    accept_next(state);
  });
}

}  // namespace rendr::relay
