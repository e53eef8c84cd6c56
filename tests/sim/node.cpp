// SPDX-License-Identifier: Apache-2.0
#include "sim/node.hpp"

#include <algorithm>

namespace rendr::sim {

using namespace std::chrono_literals;

namespace {
constexpr std::size_t transmit_budget = 256 * 1024;
constexpr duration drain_time = 1s;
constexpr int most_spins = 1000;
constexpr int most_outputs = 200'000;
}  // namespace

node::node(event_queue& queue, std::string name, const engine::endpoint_config& config,
           report violated)
    : queue_(queue),
      name_(std::move(name)),
      violated_(std::move(violated)),
      endpoint_(std::make_unique<engine::endpoint>(config)),
      timer_(queue, [this] { wake(); }) {}

void node::wake() {
  if (woken_ || exited_) return;
  woken_ = true;
  queue_.at(queue_.now(), [this] {
    woken_ = false;
    run();
  });
}

void node::stop(bool on) {
  stopped_ = on;
  if (!on) wake();
}

void node::exit() {
  exited_ = true;
  for (auto& [id, c] : carriers_) c.socket->close();
  for (auto& [key, d] : dials_) d.socket->abort();
  for (auto& [from, socket] : backlog_) socket->abort();
  carriers_.clear();
  dials_.clear();
  backlog_.clear();
}

void node::accepted(line& from, tcp_socket& socket) {
  if (exited_) return socket.abort();
  backlog_.emplace_back(&from, &socket);
  wake();
}

void node::run() {
  if (stopped_ || exited_) return;
  const auto now = queue_.now();
  if (spin_at_ != now) {
    spin_at_ = now;
    spins_ = 0;
  }
  if (++spins_ > most_spins) {
    if (spins_ == most_spins + 1) violated_(name_ + ": spins without progress");
    return;
  }
  running_ = true;
  finish_dials();
  take_accepted();
  read_carriers();
  timeouts();
  outputs();
  running_ = false;
  most_slab_bytes_ = std::max<std::uint64_t>(most_slab_bytes_, endpoint_->slab_bytes());
  arm();
}

carrier_traits node::traits(const line& over, bool dialer) const {
  carrier_traits t;
  t.take_plaintext = true;
  t.shape = carrier_shape::stream;
  t.evidence = evidence_kind::end_to_end;
  t.local = (dialer ? "client/" : "server/") + over.name();
  t.remote = (dialer ? "server/" : "client/") + over.name();
  return t;
}

void node::adopt(engine::carrier_id id, tcp_socket& socket) {
  carriers_[id] = carrier{&socket, carrier_state::open, false, never};
  socket.on_ready = [this](tcp_socket&) { wake(); };
  socket.unsent_limit(endpoint_->unsent_limit(id));
}

void node::finish_dials() {
  const auto now = queue_.now();
  for (auto it = dials_.begin(); it != dials_.end();) {
    const auto [link, attempt] = it->first;
    const auto d = it->second;
    if (d.socket->established()) {
      it = dials_.erase(it);
      const auto id = endpoint_->dialed(now, link, attempt, traits(*d.over, true));
      if (notes != nullptr) notes->adopted(now, name_, id);
      if (id) {
        adopt(*id, *d.socket);
      } else {
        d.socket->close();
      }
    } else if (d.socket->error() || now >= d.until) {
      it = dials_.erase(it);
      const auto code =
          d.socket->error() ? d.socket->error() : std::make_error_code(std::errc::timed_out);
      if (!d.socket->error()) d.socket->abort();
      endpoint_->dial_failed(now, link, attempt, code, "dial of " + d.over->name());
    } else {
      ++it;
    }
  }
}

void node::take_accepted() {
  while (!backlog_.empty()) {
    const auto [from, socket] = backlog_.front();
    backlog_.pop_front();
    const auto id = endpoint_->accepted(queue_.now(), traits(*from, false));
    if (notes != nullptr) notes->adopted(queue_.now(), name_, id);
    if (id) {
      adopt(*id, *socket);
    } else {
      socket->close();
    }
  }
}

/// False: the carrier is gone.
bool node::read_one(engine::carrier_id id, carrier& c) {
  const auto now = queue_.now();
  while (c.socket->unread() != 0) {
    auto into = endpoint_->receive_buffer(id);
    if (notes != nullptr) notes->offers_buffer(name_, id, into.size());
    if (into.empty()) break;
    const auto n = c.socket->read(into.first(std::min<std::size_t>(into.size(), 256 * 1024)));
    endpoint_->received(now, id, n);
    if (n == 0) break;
  }
  endpoint_->drained(now, id);
  if (c.socket->unread() != 0) return true;
  if (!c.socket->error() && !c.socket->eof()) return true;
  reported_.insert(id);
  endpoint_->path_down(now, id, c.socket->error(), c.socket->error() ? "reset" : "end of stream");
  return false;
}

void node::discard(carrier& c) {
  std::array<std::byte, 16384> nowhere;
  while (c.socket->read(nowhere) != 0) {
  }
}

void node::read_carriers() {
  std::vector<engine::carrier_id> ids;
  for (const auto& [id, c] : carriers_) ids.push_back(id);
  for (const auto id : ids) {
    const auto it = carriers_.find(id);
    auto& c = it->second;
    if (c.state == carrier_state::open) {
      if (c.socket->readable() && !read_one(id, c)) {
        c.socket->close();
        carriers_.erase(it);
        continue;
      }
    } else {
      discard(c);
      if (c.socket->error() || c.socket->eof() || queue_.now() >= c.close_at) {
        // What could not be flushed is the engine's to know.
        if (c.state == carrier_state::flushing) {
          endpoint_->path_down(queue_.now(), id, c.socket->error(), "not flushed");
        }
        c.socket->close();
        carriers_.erase(it);
        continue;
      }
    }
    if (c.blocked && c.socket->writable() && c.state != carrier_state::draining) {
      c.blocked = false;
      transmit(id);
    }
  }
}

void node::timeouts() {
  const auto now = queue_.now();
  for (int i = 0; endpoint_->next_timeout() != never && endpoint_->next_timeout() + lag_ <= now;
       ++i) {
    endpoint_->handle_timeout(now);
    for (int j = 0; j < 64; ++j) {
      auto e = endpoint_->poll_event();
      if (!e) break;
      obey(*e);
    }
    if (i == 200) {
      violated_(name_ + ": a deadline in the past does not move");
      return;
    }
    if (lag_.count() != 0) break;
  }
}

void node::outputs() {
  for (int i = 0;; ++i) {
    if (i == most_outputs) return violated_(name_ + ": outputs without end at one instant");
    if (auto e = endpoint_->poll_event()) {
      obey(*e);
      continue;
    }
    const auto id = endpoint_->next_transmit();
    if (!id) return;
    transmit(*id);
  }
}

void node::transmit(engine::carrier_id id) {
  const auto it = carriers_.find(id);
  if (it == carriers_.end()) return violated_(name_ + ": asks to transmit on a closed carrier");
  auto& c = it->second;
  if (c.state == carrier_state::draining) return;
  const auto now = queue_.now();
  for (;;) {
    if (!c.socket->writable()) {
      c.blocked = true;
      return;
    }
    const auto pieces = endpoint_->poll_transmit(now, id, transmit_budget);
    std::size_t offered = 0;
    for (const auto& p : pieces) offered += p.size();
    if (offered == 0) {
      if (c.state == carrier_state::flushing) half_close(c);
      return;
    }
    const auto n = c.socket->write(pieces);
    if (notes != nullptr) notes->transmits(now, name_, id, pieces, n);
    bytes_sent_ += n;
    if (n != 0) endpoint_->transmitted(now, id, n);
    c.socket->unsent_limit(endpoint_->unsent_limit(id));
    if (notes != nullptr) notes->limits(name_, id, endpoint_->unsent_limit(id));
    if (n < offered) {
      c.blocked = true;
      return;
    }
  }
}

void node::half_close(carrier& c) {
  c.state = carrier_state::draining;
  c.socket->shutdown_write();
  c.close_at = queue_.now() + drain_time;
}

void node::obey(const engine::any_event& e) {
  using namespace engine;
  if (notes != nullptr) notes->happened(queue_.now(), name_, e);
  if (const auto* d = std::get_if<event::dial>(&e)) return obey(*d);
  if (const auto* d = std::get_if<event::cancel_dial>(&e)) return obey(*d);
  if (const auto* d = std::get_if<event::close_carrier>(&e)) return obey(*d);
  if (const auto* d = std::get_if<event::need_evidence>(&e)) {
    const auto it = carriers_.find(d->carrier);
    if (it == carriers_.end()) return violated_(name_ + ": asks evidence of a closed carrier");
    return endpoint_->path_evidence(queue_.now(), d->carrier, it->second.socket->evidence());
  }
  if (on_event) on_event(e);
}

void node::obey(const engine::event::dial& e) {
  auto& over = resolve(e.link, e.spec);
  auto& socket = over.dial();
  dials_[{e.link, e.attempt}] = {&socket, &over, queue_.now() + std::min<duration>(e.timeout, 1h)};
  socket.on_ready = [this](tcp_socket&) { wake(); };
}

void node::obey(const engine::event::cancel_dial& e) {
  const auto it = dials_.find({e.link, e.attempt});
  if (it == dials_.end()) return;
  it->second.socket->abort();
  dials_.erase(it);
}

void node::obey(const engine::event::close_carrier& e) {
  const auto it = carriers_.find(e.carrier);
  if (it == carriers_.end()) {
    // The order may have been given before the driver reported the end of the same carrier.
    if (reported_.erase(e.carrier) == 0) violated_(name_ + ": closes a carrier that is closed");
    return;
  }
  auto& c = it->second;
  if (c.state != carrier_state::open) return violated_(name_ + ": closes a carrier twice");
  if (!e.flush) return half_close(c);
  c.state = carrier_state::flushing;
  c.close_at = queue_.now() + 3 * drain_time;
  transmit(e.carrier);
}

std::string node::carriers_text() const {
  std::string text;
  for (const auto& [id, c] : carriers_) {
    text += (text.empty() ? "" : ", ") + std::to_string(static_cast<std::uint64_t>(id)) +
            (c.state == carrier_state::open       ? " open"
             : c.state == carrier_state::flushing ? " flushing"
                                                  : " draining");
  }
  return text;
}

void node::arm() {
  auto when = endpoint_->next_timeout();
  if (notes != nullptr) notes->waits(queue_.now(), name_, when);
  if (when != never) when += lag_;
  for (const auto& [id, c] : carriers_) when = std::min(when, c.close_at);
  for (const auto& [key, d] : dials_) when = std::min(when, d.until);
  timer_.set(when);
}

}  // namespace rendr::sim
