// SPDX-License-Identifier: Apache-2.0
#include "runtime/loop.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <chrono>
#include <future>
#include <utility>

#include "runtime/link_core.hpp"
#include "runtime/runtime_core.hpp"
#include "runtime/stream_core.hpp"

namespace rendr::detail {

namespace {

constexpr std::size_t transmit_share = 512 * 1024;  // of one carrier in one turn
constexpr std::size_t read_share = 1024 * 1024;
constexpr std::size_t late_read_share = 8 * 1024 * 1024;
constexpr std::size_t last_share = 64 * 1024 * 1024;  // more than a socket holds
constexpr int pump_turns = 1024;

std::size_t total_size(std::span<const bytes_view> pieces) {
  std::size_t total = 0;
  for (const auto& piece : pieces) total += piece.size();
  return total;
}

/// The host of "192.0.2.7:41830" or "[2001:db8::1]:80".
std::string_view host_of(std::string_view address) {
  const auto host = address.substr(0, address.rfind(':'));
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  return brackets ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

instant clock_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

loop::loop(runtime_core& owner, unsigned index, std::shared_ptr<asio::io_context> context,
           const engine::endpoint_config& config)
    : owner_(owner),
      index_(index),
      context_(std::move(context)),
      endpoint_(config),
      timer_(*context_) {}

loop::~loop() = default;

bool loop::on_loop_of_runtime() const { return owner_.on_any_loop(); }

const instance_id& loop::instance() const { return owner_.instance; }

void loop::post(std::function<void()> function) { asio::post(*context_, std::move(function)); }

std::error_code loop::call(const std::function<void()>& function) {
  if (on_thread()) {
    if (ended_) return errc::closed;
    function();
    return {};
  }
  if (ended_) return errc::closed;
  if (owner_.on_any_loop()) return std::make_error_code(std::errc::resource_deadlock_would_occur);
  auto [code] = wait_for<std::error_code>([&](completion<std::error_code> done) {
    auto shared = std::make_shared<completion<std::error_code>>(std::move(done));
    post([this, shared, &function] {
      if (ended_) return (*shared)(errc::closed);
      function();
      (*shared)({});
    });
  });
  return code;
}

instant loop::now() noexcept {
  last_now_ = std::max(last_now_, clock_now());
  return last_now_;
}

void loop::touch() {
  if (ended_) return;
  drain_events();
  pump_later();
}

void loop::pump_later() {
  if (pump_posted_) return;
  pump_posted_ = true;
  asio::post(*context_, [self = shared_from_this()] { self->pump(); });
}

void loop::pump() {
  pump_posted_ = false;
  if (ended_) return;
  drain_events();
  for (const auto& one : std::exchange(unfinished_, {})) {
    one->unfinished = false;
    transmit(one);
  }
  int turns = 0;
  for (; turns < pump_turns; ++turns) {
    const auto id = endpoint_.next_transmit();
    if (!id) break;
    if (const auto one = find(*id); one && !one->unfinished) transmit(one);
    drain_events();
  }
  drain_events();
  check_delivery();
  if (turns == pump_turns || !unfinished_.empty()) pump_later();
  arm_timer();
}

void loop::drain_events() {
  if (draining_events_) return;
  draining_events_ = true;
  while (auto event = endpoint_.poll_event())
    std::visit([this](auto& what) { obey(what); }, *event);
  draining_events_ = false;
}

void loop::arm_timer() {
  const auto wanted = endpoint_.next_timeout();
  if (wanted == never || armed_ <= wanted) return;  // firing early is cheaper than arming anew
  armed_ = wanted;
  timer_->expires_at(std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(wanted.time_since_epoch())));
  timer_->async_wait([self = shared_from_this()](const std::error_code& code) {
    if (!code && !self->ended_) self->timer_fired();
  });
}

void loop::timer_fired() {
  armed_ = never;
  const auto wanted = endpoint_.next_timeout();
  const auto fired = clock_now();
  if (wanted == never || fired < wanted) return arm_timer();
  // A late process must not conclude that its paths are dead: it reads first.
  if (fired - wanted > engine::defaults::late_loop) read_everything();
  endpoint_.handle_timeout(now());
  touch();
}

void loop::read_everything() {
  std::vector<carrier_ptr> all;
  all.reserve(carriers_.size());
  for (const auto& [id, one] : carriers_) all.push_back(one);
  for (const auto& one : all) read_some(one, late_read_share);
}

bool loop::read_some(const carrier_ptr& from, std::size_t budget) {
  std::size_t total = 0;
  while (from->open() && total < budget) {
    const auto buffer = endpoint_.receive_buffer(from->id());
    if (buffer.empty()) return false;
    const auto result = from->io().read(buffer);
    if (result.status == io_status::ok) {
      endpoint_.received(now(), from->id(), result.size);
      total += result.size;
      drain_events();
      if (result.size == buffer.size()) continue;
      if (from->open()) endpoint_.drained(now(), from->id());
      return false;
    }
    endpoint_.received(now(), from->id(), 0);
    if (result.status == io_status::would_block)
      endpoint_.drained(now(), from->id());
    else if (result.status == io_status::eof)
      lost(from, {}, "the other end closed the connection");
    else
      lost(from, result.code, "read: " + result.code.message());
    return false;
  }
  return from->open();
}

void loop::carrier_readable(carrier& from) {
  if (ended_) return;
  const auto self = from.shared_from_this();
  read_some(self, read_share);
  if (self->open()) self->io().want_read();
  touch();
}

void loop::carrier_writable(carrier& from) {
  if (ended_) return;
  transmit(from.shared_from_this());
  touch();
}

void loop::carrier_closed(carrier& from, bool unflushed) {
  const auto self = from.shared_from_this();
  closing_.erase(self);
  if (self->stranger) std::erase(refused_, self);
  if (!unflushed) return;
  carriers_.erase(from.id());
  endpoint_.path_down(now(), from.id(), make_error_code(errc::closed), "not flushed");
  pump_later();
}

void loop::transmit(const carrier_ptr& to) {
  // Also when less waits than the system would take: a bond counts on it that what a path does not
  // drain is refused.
  if (to->open()) to->io().limit_unsent(endpoint_.unsent_limit(to->id()));
  std::size_t total = 0;
  while (!to->blocked) {
    const bool flushing = to->phase() == carrier::state::flushing;
    if (!to->open() && !flushing) return;
    const auto pieces = endpoint_.poll_transmit(now(), to->id(), transmit_share);
    if (pieces.empty()) {
      if (flushing) half_close(to);
      return;
    }
    const auto offered = total_size(pieces);
    const auto result = to->io().write(pieces);
    if (result.status == io_status::failed) {
      read_last_words(to);
      return lost(to, result.code, "write: " + result.code.message());
    }
    if (result.status == io_status::ok) {
      endpoint_.transmitted(now(), to->id(), result.size);
      total += result.size;
    }
    if (result.size < offered) {
      to->blocked = true;
      to->io().want_write();
    } else if (total >= transmit_share && !flushing) {
      to->unfinished = true;
      unfinished_.push_back(to);
      return;
    }
  }
}

// A connection that takes nothing more may still hold what the peer sent before it went.
void loop::read_last_words(const carrier_ptr& from) {
  for (std::size_t total = 0; from->open() && total < last_share;) {
    const auto buffer = endpoint_.receive_buffer(from->id());
    if (buffer.empty()) return;
    const auto result = from->io().read(buffer);
    const bool read = result.status == io_status::ok;
    endpoint_.received(now(), from->id(), read ? result.size : 0);
    if (!read) return;
    total += result.size;
    drain_events();
  }
}

void loop::lost(const carrier_ptr& which, std::error_code code, const std::string& detail) {
  if (which->open()) endpoint_.path_down(now(), which->id(), code, detail);
  carriers_.erase(which->id());
  which->close();
}

void loop::half_close(const carrier_ptr& which) {
  carriers_.erase(which->id());
  if (which->stranger) {
    if (refused_.size() >= owner_.options.handshakes) {
      const auto oldest = refused_.front();
      oldest->close();
    }
    refused_.push_back(which);
  } else {
    closing_.insert(which);
  }
  which->half_close();
}

// There is nothing on its way that a reset could destroy: its descriptor is free at once.
void loop::turn_away(const carrier_ptr& stranger) {
  carriers_.erase(stranger->id());
  stranger->close();
}

loop::carrier_ptr loop::find(engine::carrier_id id) const {
  const auto found = carriers_.find(id);
  return found == carriers_.end() ? nullptr : found->second;
}

std::shared_ptr<link_core> loop::find(engine::link_ref ref) const {
  const auto found = links_.find(ref);
  return found == links_.end() ? nullptr : found->second;
}

void loop::accept(transport::opened connection) {
  if (ended_ || !connection.io) return;
  const auto id = endpoint_.accepted(now(), connection.traits);
  if (!id) {
    connection.io->close();
  } else {
    carriers_[*id] = std::make_shared<carrier>(*this, *id, std::move(connection.io));
  }
  touch();
}

void loop::add_link(engine::link_ref ref, const std::shared_ptr<link_core>& link) {
  link->ref = ref;
  links_[ref] = link;
  links_changed();
}

std::unique_ptr<transport::target> loop::aim(const path_spec& at) {
  auto found = dialers_.find(at.transport);
  if (found == dialers_.end()) {
    auto by = owner_.schemes.find(at.transport);
    auto dialer = by ? by->make_dialer(executor()) : nullptr;
    if (!dialer) return nullptr;
    found = dialers_.emplace(at.transport, dialing{std::move(by), std::move(dialer)}).first;
  }
  return found->second.dialer->aim(at);
}

std::optional<link_status> loop::status(engine::link_ref ref) {
  auto snapshot = endpoint_.status(now(), ref);
  if (snapshot) show_addresses(*snapshot);
  return snapshot;
}

endpoint_status loop::status() {
  auto snapshot = endpoint_.status(now());
  for (auto& link : snapshot.links) show_addresses(link);
  return snapshot;
}

void loop::show_addresses(link_status& of) const {
  for (auto& path : of.paths) {
    const auto one = find(path.carrier);
    if (!one || !one->moved) continue;
    path.local = one->moved->local;
    path.remote = one->moved->remote;
  }
}

void loop::links_changed() {
  link_count_ = links_.size();
  owner_.links_changed(links_.size());
}

void loop::network_changed(const transport::net_change& change) {
  if (ended_) return;
  for (const auto& [scheme, one] : dialers_) one.dialer->network_changed();
  for (const auto& [id, one] : carriers_) {
    if (change.lost.empty()) break;
    const auto addresses = one->io().addresses();
    const auto local = host_of(addresses.local);
    const auto lost =
        std::find_if(change.lost.begin(), change.lost.end(),
                     [&](const auto& candidate) { return candidate.address.to_string() == local; });
    if (lost != change.lost.end()) endpoint_.path_doubted(now(), id, lost->detail);
  }
  endpoint_.network_changed(now());
  touch();
}

void loop::add_flow(engine::flow_ref ref, const std::shared_ptr<stream_core>& flow) {
  flows_[ref] = flow;
}

void loop::watch_delivery(const std::shared_ptr<stream_core>& flow) {
  delivery_.push_back(flow);
  pump_later();
}

void loop::check_delivery() {
  std::erase_if(delivery_, [](const std::weak_ptr<stream_core>& weak) {
    const auto flow = weak.lock();
    return !flow || flow->check_delivery();
  });
}

bool loop::end_link(const link_id& id) {
  const auto ref = endpoint_.link_named(id);
  if (!ref) return false;
  endpoint_.abort_link(now(), *ref);
  touch();
  return true;
}

bool loop::end_flow(const flow_id& id) {
  const auto ref = endpoint_.flow_named(id);
  if (!ref) return false;
  if (const auto found = flows_.find(*ref); found != flows_.end()) {
    const auto flow = found->second;
    flows_.erase(found);
    flow->cut_off({errc::aborted, "it was ended by a command"});
  } else {
    endpoint_.abort(now(), *ref, static_cast<std::uint64_t>(errc::aborted));
  }
  touch();
  return true;
}

void loop::close_links(std::function<void()> when_none_is_left) {
  when_no_link_ = std::move(when_none_is_left);
  if (!ended_)
    for (const auto& [ref, link] : links_)
      endpoint_.close_link(now(), ref, 0, "shutting down", true);
  touch();
  if (links_.empty() && when_no_link_) std::exchange(when_no_link_, nullptr)();
}

void loop::end() {
  if (ended_) return;
  std::vector<engine::link_ref> refs;
  refs.reserve(links_.size());
  for (const auto& [ref, link] : links_) refs.push_back(ref);
  for (const auto ref : refs) endpoint_.abort_link(now(), ref);
  drain_events();
  pump();
  ended_ = true;
  const auto carriers = std::exchange(carriers_, {});
  for (const auto& [id, one] : carriers) {
    one->io().shutdown_send();
    one->close();
  }
  for (const auto& one : std::exchange(closing_, {})) one->close();
  for (const auto& one : std::exchange(refused_, {})) one->close();
  const failure why{errc::aborted, "the runtime ended"};
  for (const auto& [ref, flow] : std::exchange(flows_, {})) flow->gone(why);
  for (const auto& [ref, link] : std::exchange(links_, {})) link->went_down(why);
  unfinished_.clear();
  timer_.reset();
  dialers_.clear();
  link_count_ = 0;
  if (when_no_link_) std::exchange(when_no_link_, nullptr)();
}

}  // namespace rendr::detail
