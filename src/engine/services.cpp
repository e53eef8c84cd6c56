// SPDX-License-Identifier: Apache-2.0
#include "engine/services.hpp"

namespace rendr::engine {

namespace {

bool observation(const any_event& e) noexcept {
  return std::holds_alternative<event::path_changed>(e) ||
         std::holds_alternative<event::migration>(e) ||
         std::holds_alternative<event::dial_began>(e) ||
         std::holds_alternative<event::dial_ended>(e) ||
         std::holds_alternative<event::path_missing>(e) ||
         std::holds_alternative<event::stranger_refused>(e);
}

}  // namespace

void event_queue::observe(any_event e) {
  if (observations_ >= limit_) {
    ++dropped_;
    return;
  }
  ++observations_;
  queue_.push_back(std::move(e));
}

std::optional<any_event> event_queue::poll() {
  if (queue_.empty()) return std::nullopt;
  std::optional<any_event> e = std::move(queue_.front());
  queue_.pop_front();
  if (observation(*e)) --observations_;
  return e;
}

std::optional<carrier_id> transmit_queue::next() {
  if (queue_.empty()) return std::nullopt;
  const auto id = queue_.front();
  queue_.pop_front();
  members_.erase(id);
  return id;
}

}  // namespace rendr::engine
