// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/flow_table.hpp"

#include <algorithm>

#include "engine/config.hpp"

namespace rendr::engine {

namespace {

std::uint64_t reserve_of(wire::flow_kind kind) noexcept {
  return kind == wire::flow_kind::packet ? defaults::packet_reserve : defaults::flow_reserve;
}

}  // namespace

flow_table::flow_table(role side, slab_pool& pool, budget& memory) noexcept
    : side_(side), memory_(memory), received_(pool), next_(side == role::dialer ? 0 : 1) {}

flow_table::~flow_table() {
  for (const auto& [number, f] : flows_) {
    if (!f->in.removed) memory_.give_back(static_cast<std::size_t>(f->window().charged()));
  }
}

flow* flow_table::find(std::uint64_t number) const noexcept {
  const auto it = flows_.find(number);
  return it == flows_.end() || it->second->in.removed ? nullptr : it->second.get();
}

bool flow_table::closed(std::uint64_t number) const noexcept {
  const bool ours = ((number & 1) == 0) == (side_ == role::dialer);
  if (ours) return number < next_ && find(number) == nullptr;
  return incoming_closed_.contains(number >> 1);
}

result<flow*> flow_table::of(std::uint64_t number) const noexcept {
  if (auto* f = find(number)) return f;
  if (closed(number)) return static_cast<flow*>(nullptr);
  return errc::protocol_violation;
}

std::optional<std::uint64_t> flow_table::named(const flow_id& id) const noexcept {
  for (const auto& [number, f] : flows_) {
    if (!f->in.removed && !f->let_go_of() && f->id() == id) return number;
  }
  return std::nullopt;
}

flow& flow_table::make(std::uint64_t number, const flow_id& id, wire::flow_kind kind,
                       bool incoming) {
  const auto reserve = reserve_of(kind);
  auto made = std::make_unique<flow>(number, id, kind, incoming, reserve);
  made->window().open(memory_, reserve);
  auto& f = *made;
  flows_.emplace(number, std::move(made));
  return f;
}

bool flow_table::room(wire::flow_kind kind, std::size_t most) const noexcept {
  return flows_.size() < most && memory_.free() >= reserve_of(kind);
}

flow& flow_table::open(const flow_id& id, wire::flow_kind kind) {
  const auto number = side_ == role::dialer ? next_ : next_ | 1;
  next_ = (number | 1) + 1;
  ++opened_;
  return make(number, id, kind, false);
}

result<flow*> flow_table::take(const wire::open& frame, const open_facts& facts) {
  const bool from_dialer = (frame.flow & 1) == 0;
  if (from_dialer == (side_ == role::dialer)) return errc::protocol_violation;
  if (find(frame.flow) != nullptr || closed(frame.flow)) return static_cast<flow*>(nullptr);
  const auto counter = frame.flow >> 1;
  // Numbers are given in order, but paths deliver in any: what is skipped now may still come,
  // within bounds.
  if (counter >= incoming_seen_ + 4 * facts.most) return errc::protocol_violation;
  // A refusal waits for its acknowledgement; who never gives one may not make them pile up.
  if (flows_.size() >= 2 * facts.most) return errc::protocol_violation;
  incoming_seen_ = std::max(incoming_seen_, counter + 1);
  auto& made = make(frame.flow, frame.id, frame.kind, true);
  made.set_root(frame.root, facts.root);
  if (!facts.closing && flows_.size() <= facts.most && !made.window().closed()) {
    ++accepted_;
    return &made;
  }
  const auto why = facts.closing ? errc::closed : errc::limit_reached;
  static_cast<void>(made.reject(static_cast<std::uint64_t>(why), "no more flows here"));
  return &made;
}

void flow_table::remove(flow& f) {
  if (f.in.removed) return;
  f.in.removed = true;
  memory_.give_back(static_cast<std::size_t>(f.window().charged()));
  if (f.incoming()) {
    incoming_closed_.add({f.number() >> 1, (f.number() >> 1) + 1});
    // A peer that leaves gaps for ever gives those numbers up.
    const auto& closed = incoming_closed_.ranges();
    if (closed.size() > 4 * defaults::flows_per_link) {
      incoming_closed_.add({closed[0].begin, closed[1].end});
    }
  }
  f.discard();
  removed_.push_back(f.number());
}

void flow_table::sweep() {
  for (const auto number : removed_) flows_.erase(number);
  removed_.clear();
}

void flow_table::enter_ring(flow& f) {
  if (f.in.ring || !f.waiting()) return;
  f.in.ring = true;
  ring_.push_back(f.number());
}

flow* flow_table::in_turn() const noexcept {
  auto* f = find(ring_.front());
  return f == nullptr || !f->waiting() ? nullptr : f;
}

void flow_table::end_turn() {
  ring_.push_back(ring_.front());
  ring_.pop_front();
}

flow* flow_table::leave_ring() {
  auto* f = find(ring_.front());
  ring_.pop_front();
  if (f == nullptr) return nullptr;
  f->in.ring = false;
  f->deficit = 0;
  return f;
}

void flow_table::queue_control(flow& f) {
  if (f.in.owing) return;
  f.in.owing = true;
  owing_.push_back(f.number());
}

flow* flow_table::owing() {
  while (!owing_.empty()) {
    if (auto* f = find(owing_.front())) return f;
    owing_.pop_front();
  }
  return nullptr;
}

void flow_table::paid(flow& first) {
  first.in.owing = false;
  owing_.pop_front();
}

bool flow_table::queue_ready(flow& f) {
  if (f.let_go_of() || f.in.ready) return false;
  f.in.ready = true;
  ready_.push_back(f.number());
  return ready_.size() == 1;
}

flow* flow_table::next_ready() {
  while (!ready_.empty()) {
    auto* f = find(ready_.front());
    ready_.pop_front();
    if (f == nullptr || !f->in.ready) continue;
    f->in.ready = false;
    if (!f->let_go_of()) return f;
  }
  return nullptr;
}

// Credit is charged for what flows hold, and a payload in place pins all of its buffer: the buffers
// are never more than twice what flows keep in them, but for those that are being filled and read.
void flow_table::release_buffers(std::size_t carriers) {
  constexpr auto largest = slab_pool::classes.back();
  if (!received_.wasteful((2 + carriers) * largest)) return;
  for (const auto& [number, f] : flows_) f->compact(received_);
}

}  // namespace rendr::engine
