// SPDX-License-Identifier: Apache-2.0
#include "rendr/listener.hpp"

#include <asio/error.hpp>
#include <utility>

#include "runtime/listener_core.hpp"
#include "runtime/loop.hpp"
#include "runtime/runtime_core.hpp"
#include "transport/factory_dial.hpp"
#include "transport/registry.hpp"

namespace rendr {

namespace detail {

void cancel_operation(const std::shared_ptr<listener_core>& core, std::uint64_t operation) {
  core->queue->cancel(operation);
}

listener_core::listener_core(std::shared_ptr<runtime_core> o)
    : owner(std::move(o)), queue(std::make_shared<accept_queue>()) {}

failure listener_core::listen(const path_spec& at, const listen_options& options) {
  {
    const std::lock_guard lock(owner->mutex);
    const auto other = owner->listener.lock();
    if (other && other.get() != this)
      return {errc::limit_reached, "this runtime has another open listener; use that one"};
    owner->listener = weak_from_this();
  }
  const auto scheme = owner->schemes.find(at.transport);
  if (!scheme)
    return {errc::invalid_argument, "transport '" + at.transport + "' is unknown; use " +
                                        transport::default_scheme() + " or add_transport"};
  if (scheme->finding_waits(at) && owner->on_any_loop())
    return {std::make_error_code(std::errc::resource_deadlock_would_occur),
            "resolving '" + at.host + "' would stop the loop: give a literal address"};
  const auto place = scheme->find_place(at);
  if (!place) return {errc::unavailable, "transport '" + at.transport + "' cannot be listened on"};
  auto& first = *owner->loops.front();
  failure why;
  const auto failed = first.call([&] { why = listen_on(*place, options); });
  if (failed) return {failed, "the first loop cannot be asked from here"};
  return why;
}

failure listener_core::listen_on(transport::place& at, const listen_options& options) {
  std::size_t row = 0;
  {
    const std::lock_guard lock(mutex);
    if (closed) return {errc::closed, "the listener is closed"};
    row = addresses.size();
    addresses.emplace_back();
  }
  const auto& demanded = owner->options.accepted_credentials;
  const bool proves_peer = demanded.psk || demanded.allowed_keys;
  if (!handing_over) handing_over = std::make_shared<handover>(*owner);
  transport::listen_handlers to;
  to.on_arrival = [weak = std::weak_ptr(handing_over),
                   plaintext = options.insecure](std::unique_ptr<transport::arrival> from) {
    if (const auto strong = weak.lock()) strong->take(std::move(from), plaintext);
  };
  to.tell = [told = options.on_change](bool good, const std::string& sentence) {
    if (told) told(good, sentence);
  };
  to.bound = [weak = weak_from_this(), row](const std::vector<transport::bound_address>& now) {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard lock(self->mutex);
    self->addresses[row] = now;
  };
  failure why;
  auto listening =
      at.listen(owner->loops.front()->executor(),
                {options.backlog, options.insecure || proves_peer}, std::move(to), why);
  if (!listening) {
    const std::lock_guard lock(mutex);
    addresses.pop_back();
    return why;
  }
  places.push_back(std::move(listening));
  return {};
}

void listener_core::close() {
  {
    const std::lock_guard lock(mutex);
    if (std::exchange(closed, true)) return;
  }
  const auto stop = [this] {
    places.clear();
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

failure listener::listen(const listen_options& options) {
  path_spec at;
  at.host = options.host;
  at.port = options.port;
  at.device = options.device;
  at.cc = options.congestion;
  return core_->listen(at, options);
}

failure listener::listen(const path_spec& at, const listen_options& options) {
  return core_->listen(at, options);
}

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
  if (core_->addresses.empty() || core_->addresses.back().empty()) return 0;
  return core_->addresses.back().back().port;
}

std::vector<std::string> listener::addresses() const {
  const std::lock_guard lock(core_->mutex);
  std::vector<std::string> result;
  for (const auto& place : core_->addresses) {
    for (const auto& address : place) result.push_back(address.text);
  }
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
