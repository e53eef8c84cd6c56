// SPDX-License-Identifier: Apache-2.0
#include "rendr/stream.hpp"

#include <asio/error.hpp>
#include <asio/system_executor.hpp>
#include <utility>

#include "runtime/link_core.hpp"
#include "runtime/loop.hpp"
#include "runtime/read_now.hpp"
#include "runtime/runtime_core.hpp"
#include "runtime/stream_core.hpp"

namespace rendr {

namespace detail {

void cancel_operation(const std::shared_ptr<stream_core>& core, std::uint64_t operation) {
  core->home->dispatch([core, operation] { core->cancel(operation); });
}

asio::any_io_executor executor_of(const std::shared_ptr<stream_core>& core) {
  return core ? core->home->executor() : asio::any_io_executor(asio::system_executor());
}

void start_read(const std::shared_ptr<stream_core>& core, std::uint64_t operation,
                const read_buffers& buffers, size_completion done) {
  if (!core) return done(errc::closed, 0);
  if (core->home->on_thread()) return core->read(operation, buffers, std::move(done));
  auto shared = std::make_shared<size_completion>(std::move(done));
  core->home->post(
      [core, operation, buffers, shared] { core->read(operation, buffers, std::move(*shared)); });
}

void start_write(const std::shared_ptr<stream_core>& core, std::uint64_t operation,
                 const write_buffers& buffers, size_completion done) {
  if (!core) return done(errc::closed, 0);
  if (core->home->on_thread()) return core->write(operation, buffers, std::move(done));
  auto shared = std::make_shared<size_completion>(std::move(done));
  core->home->post(
      [core, operation, buffers, shared] { core->write(operation, buffers, std::move(*shared)); });
}

void start_wait(const std::shared_ptr<stream_core>& core, std::uint64_t operation, int what,
                void_completion done) {
  if (!core) return done(errc::closed);
  const auto kind = static_cast<stream::wait_type>(what);
  if (core->home->on_thread()) return core->wait(operation, kind, std::move(done));
  auto shared = std::make_shared<void_completion>(std::move(done));
  core->home->post(
      [core, operation, kind, shared] { core->wait(operation, kind, std::move(*shared)); });
}

namespace {

/// Set when a call that waits must not be made here.
std::error_code cannot_wait(const std::shared_ptr<stream_core>& core) {
  if (!core || core->home->ended()) return errc::closed;
  if (core->home->on_loop_of_runtime())
    return std::make_error_code(std::errc::resource_deadlock_would_occur);
  return {};
}

}  // namespace

std::size_t blocking_read(const std::shared_ptr<stream_core>& core, const read_buffers& buffers,
                          std::error_code& code) {
  code = cannot_wait(core);
  if (code) return 0;
  auto [failed, n] = wait_for<std::error_code, std::size_t>(
      [&](size_completion done) { start_read(core, next_operation(), buffers, std::move(done)); });
  code = failed;
  return n;
}

std::size_t blocking_write(const std::shared_ptr<stream_core>& core, const write_buffers& buffers,
                           std::error_code& code) {
  code = cannot_wait(core);
  if (code) return 0;
  auto [failed, n] = wait_for<std::error_code, std::size_t>(
      [&](size_completion done) { start_write(core, next_operation(), buffers, std::move(done)); });
  code = failed;
  return n;
}

}  // namespace detail

std::size_t read_now(stream& from, std::span<std::byte> out, std::error_code& code) {
  if (const auto& core = detail::stream_access::core_of(from)) return core->read_now(out, code);
  code = errc::closed;
  return 0;
}

stream::stream() noexcept = default;
stream::stream(std::shared_ptr<detail::stream_core> core) noexcept : core_(std::move(core)) {}
stream::stream(stream&& other) noexcept = default;
stream& stream::operator=(stream&& other) noexcept {
  if (this != &other) {
    close();
    core_ = std::move(other.core_);
  }
  return *this;
}
stream::~stream() { close(); }

flow_id stream::id() const { return core_ ? core_->id : flow_id{}; }

std::span<const std::byte> stream::metadata() const {
  return core_ ? std::span<const std::byte>(core_->metadata) : std::span<const std::byte>();
}

flow_address stream::local_endpoint() const {
  return core_ ? flow_address{core_->home->instance(), core_->id} : flow_address{};
}

flow_address stream::remote_endpoint() const {
  return core_ ? flow_address{core_->owner->peer(), core_->id} : flow_address{};
}

void stream::wait(wait_type what, std::error_code& code) {
  code = detail::cannot_wait(core_);
  if (code) return;
  auto [failed] = detail::wait_for<std::error_code>([&](detail::void_completion done) {
    detail::start_wait(core_, detail::next_operation(), static_cast<int>(what), std::move(done));
  });
  code = failed;
}

void stream::expires_after(duration after) {
  if (after >= std::chrono::hours(24 * 365)) return expires_never();
  expires_at(std::chrono::steady_clock::now() +
             std::chrono::duration_cast<std::chrono::steady_clock::duration>(after));
}

void stream::expires_at(std::chrono::steady_clock::time_point when) {
  if (core_) core_->home->dispatch([core = core_, when] { core->expire_at(when); });
}

void stream::expires_never() {
  if (core_) core_->home->dispatch([core = core_] { core->expire_at(std::nullopt); });
}

void stream::cancel() {
  if (core_)
    core_->home->dispatch([core = core_] { core->cancel_all(asio::error::operation_aborted); });
}

std::error_code stream::shutdown_send() {
  if (!core_) return errc::closed;
  core_->home->dispatch([core = core_] { core->shutdown_send(); });
  return {};
}

void stream::close() {
  if (const auto core = std::exchange(core_, nullptr))
    core->home->dispatch([core] { core->close(); });
}

void stream::abort(std::uint64_t code) {
  if (const auto core = std::exchange(core_, nullptr))
    core->home->dispatch([core, code] { core->abort(code); });
}

void stream::abort_after_delivery(std::uint64_t code) {
  if (const auto core = std::exchange(core_, nullptr))
    core->home->dispatch([core, code] { core->abort_after_delivery(code); });
}

failure stream::error() const {
  return core_ ? core_->error() : failure{errc::closed, "the stream was closed by this side"};
}

std::uint64_t stream::app_code() const { return core_ ? core_->app_code() : 0; }

flow_status stream::status() const {
  flow_status result;
  if (!core_) return result;
  const auto failed = core_->home->call([&] {
    if (auto snapshot = core_->home->endpoint().status(core_->ref)) result = std::move(*snapshot);
  });
  if (failed == std::errc::resource_deadlock_would_occur)
    throw std::system_error(failed, "status on the thread of another loop");
  return result;
}

// --- incoming

incoming::incoming() noexcept = default;
incoming::incoming(std::shared_ptr<detail::stream_core> core) noexcept : core_(std::move(core)) {}
incoming::incoming(incoming&&) noexcept = default;
incoming& incoming::operator=(incoming&& other) noexcept {
  if (this != &other) {
    reject(0, "not accepted");
    core_ = std::move(other.core_);
  }
  return *this;
}
incoming::~incoming() { reject(0, "not accepted"); }

flow_id incoming::id() const { return core_ ? core_->id : flow_id{}; }

std::span<const std::byte> incoming::metadata() const {
  return core_ ? std::span<const std::byte>(core_->metadata) : std::span<const std::byte>();
}

instance_id incoming::peer() const { return core_ ? core_->owner->peer() : instance_id{}; }

flow_kind incoming::kind() const { return core_ ? core_->kind : flow_kind::stream; }

namespace {

/// What is left of a flow that is accepted as `kind`: nothing when it is of the other one.
std::shared_ptr<detail::stream_core> accepted(std::shared_ptr<detail::stream_core> core,
                                              flow_kind kind) {
  if (!core) return nullptr;
  if (core->kind == kind) {
    core->home->dispatch([core] { core->accept(); });
    return core;
  }
  const auto* why = kind == flow_kind::stream ? "no packet flows here" : "no streams here";
  core->home->dispatch(
      [core, why] { core->reject(static_cast<std::uint64_t>(errc::mode_mismatch), why); });
  return nullptr;
}

}  // namespace

stream incoming::accept() {
  return detail::stream_access::make(accepted(std::exchange(core_, nullptr), flow_kind::stream));
}

packet_flow incoming::accept_packet() {
  return detail::stream_access::make_packet(
      accepted(std::exchange(core_, nullptr), flow_kind::packet));
}

void incoming::reject(std::uint64_t code, std::string_view reason) {
  if (const auto core = std::exchange(core_, nullptr))
    core->home->dispatch(
        [core, code, text = std::string(reason.substr(0, 256))] { core->reject(code, text); });
}

}  // namespace rendr
