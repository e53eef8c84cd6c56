// SPDX-License-Identifier: Apache-2.0
#include "rendr/listener.hpp"

#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <utility>

#include "runtime/listener_core.hpp"
#include "runtime/loop.hpp"
#include "runtime/runtime_core.hpp"
#include "transport/fd_dial.hpp"
#include "transport/resolver.hpp"
#include "transport/tcp_socket.hpp"

namespace rendr {

namespace detail {

void cancel_operation(const std::shared_ptr<listener_core>& core, std::uint64_t operation) {
  core->queue->cancel(operation);
}

listener_core::listener_core(std::shared_ptr<runtime_core> o)
    : owner(std::move(o)), queue(std::make_shared<accept_queue>()) {}

failure listener_core::listen(const listen_options& options) {
  {
    const std::lock_guard lock(owner->mutex);
    const auto other = owner->listener.lock();
    if (other && other.get() != this)
      return {errc::limit_reached, "this runtime has another open listener; use that one"};
    owner->listener = weak_from_this();
  }
  const auto host = options.host == "*" ? std::string() : options.host;
  auto& first = *owner->loops.front();
  transport::resolved found;
  std::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) {
    found.addresses.emplace_back(literal, options.port);
  } else if (owner->on_any_loop()) {
    return {std::make_error_code(std::errc::resource_deadlock_would_occur),
            "resolving '" + options.host + "' would stop the loop: give a literal address"};
  } else {
    found = transport::resolve_blocking(host, options.port, true);
  }
  if (found.code) return {found.code, found.detail};
  failure why;
  auto chosen = options;
  for (const auto& address : found.addresses) {
    auto at = address;
    at.port(chosen.port);
    const auto failed = first.call([&] { why = listen_on(at, chosen); });
    if (failed) return {failed, "the first loop cannot be asked from here"};
    if (why.code) return why;
    // All addresses of a name get the port that the system chose for the first.
    const std::lock_guard lock(mutex);
    chosen.port = addresses.back().port();
  }
  return {};
}

failure listener_core::listen_on(const asio::ip::tcp::endpoint& address,
                                 const listen_options& options) {
  const auto& demanded = owner->options.accepted_credentials;
  const bool proves_peer = demanded.psk || demanded.allowed_keys;
  if (!options.insecure && !proves_peer && !transport::is_loopback(address.address()))
    return {errc::permission_denied,
            transport::to_text(address) +
                " is not on loopback, and whoever reaches it could open flows: demand a "
                "pre-shared key or allowed keys, or set insecure to accept anybody"};
  auto& first = *owner->loops.front();
  if (!handing_over) handing_over = std::make_shared<handover>(*owner);
  transport::tcp_options socket_options;
  socket_options.device = options.device;
  socket_options.congestion = options.congestion;
  transport::step_failure why;
  auto acceptor = transport::listen_tcp(
      first.executor(), address, socket_options, options.backlog,
      [weak = std::weak_ptr(handing_over), plaintext = options.insecure](transport::unique_fd fd) {
        if (const auto strong = weak.lock()) strong->take(std::move(fd), plaintext);
      },
      why);
  if (!acceptor) return {why.code, why.detail};
  const std::lock_guard lock(mutex);
  if (closed) return {errc::closed, "the listener is closed"};
  addresses.push_back(acceptor->local());
  acceptors.push_back(std::move(acceptor));
  return {};
}

void listener_core::close() {
  {
    const std::lock_guard lock(mutex);
    if (std::exchange(closed, true)) return;
  }
  const auto stop = [this] {
    acceptors.clear();
    if (handing_over) handing_over->close();
  };
  auto& first = *owner->loops.front();
  const bool wait = !owner->contexts.empty() && !owner->on_any_loop();
  if (first.on_thread() || first.ended())
    stop();
  else if (!wait || first.call(stop))
    first.post([self = shared_from_this(), stop] { stop(); });
  queue->close(asio::error::operation_aborted);
  const std::lock_guard lock(owner->mutex);
  if (owner->listener.lock().get() == this) owner->listener.reset();
}

}  // namespace detail

listener::listener(runtime& owner) : core_(std::make_shared<detail::listener_core>(owner.core())) {}
listener::listener(listener&&) noexcept = default;
listener& listener::operator=(listener&& other) noexcept {
  if (this != &other) {
    close();
    core_ = std::move(other.core_);
  }
  return *this;
}
listener::~listener() { close(); }

listener::executor_type listener::get_executor() const {
  return core_->owner->loops.front()->executor();
}

failure listener::listen(const listen_options& options) { return core_->listen(options); }

failure listener::adopt(int fd, bool secured) {
  transport::unique_fd owned(fd);
  {
    const std::lock_guard lock(core_->owner->mutex);
    const auto other = core_->owner->listener.lock();
    if (other && other != core_)
      return {errc::limit_reached, "this runtime has another open listener; use that one"};
    core_->owner->listener = core_;
  }
  auto& home = core_->owner->least_loaded();
  failure why;
  const auto failed = home.call([&] {
    auto opened = transport::adopt_fd(home.executor(), std::move(owned), secured);
    if (!opened.io)
      why = {opened.code, opened.detail};
    else
      home.accept(std::move(opened));
  });
  if (failed) return {failed, "the loop cannot be asked from here"};
  return why;
}

std::uint16_t listener::port() const {
  const std::lock_guard lock(core_->mutex);
  return core_->addresses.empty() ? std::uint16_t{0} : core_->addresses.back().port();
}

std::vector<std::string> listener::addresses() const {
  const std::lock_guard lock(core_->mutex);
  std::vector<std::string> result;
  for (const auto& address : core_->addresses) result.push_back(transport::to_text(address));
  return result;
}

incoming listener::accept(std::error_code& code) {
  if (core_->owner->on_any_loop()) {
    code = std::make_error_code(std::errc::resource_deadlock_would_occur);
    return {};
  }
  auto result = std::make_shared<incoming>();
  auto [failed] = detail::wait_for<std::error_code>([&](detail::void_completion done) {
    auto shared = std::make_shared<detail::void_completion>(std::move(done));
    core_->queue->take(detail::next_operation(),
                       detail::accept_completion::in_place(
                           [shared, result](std::error_code failure_code, incoming flow) {
                             *result = std::move(flow);
                             (*shared)(failure_code);
                           }));
  });
  code = failed;
  return std::move(*result);
}

incoming listener::accept() {
  std::error_code code;
  auto result = accept(code);
  if (code) throw std::system_error(code, "accept");
  return result;
}

void listener::close() {
  if (core_) core_->close();
}

void listener::start_accept(const std::shared_ptr<detail::listener_core>& core,
                            std::uint64_t operation, detail::accept_completion done) {
  core->queue->take(operation, std::move(done));
}

}  // namespace rendr
