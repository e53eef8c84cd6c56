// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_set>

#include "base/drbg.hpp"
#include "base/seeded_random.hpp"
#include "base/slab.hpp"
#include "engine/budget.hpp"
#include "engine/config.hpp"
#include "engine/door/routing_tokens.hpp"
#include "engine/events.hpp"

namespace rendr::engine {

/// Events on their way to the driver. Orders and answers are never dropped (their number is bounded
/// by paths and flows); observations are, beyond the limit, and counted.
class event_queue {
 public:
  explicit event_queue(std::size_t observations) : limit_(observations) {}
  void order(any_event e) { queue_.push_back(std::move(e)); }
  void observe(any_event e);
  std::optional<any_event> poll();
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  std::deque<any_event> queue_;
  std::size_t limit_;
  std::size_t observations_ = 0;
  std::uint64_t dropped_ = 0;
};

/// Carriers that may have something to send, in order of waking, each once.
class transmit_queue {
 public:
  void wake(carrier_id id) {
    if (members_.insert(id).second) queue_.push_back(id);
  }
  std::optional<carrier_id> next();

 private:
  std::deque<carrier_id> queue_;
  std::unordered_set<carrier_id> members_;
};

/// What the objects of one endpoint share.
struct services {
  const endpoint_config& config;
  slab_pool& pool;
  drbg& secrets;
  seeded_random& jitter;
  event_queue& events;
  transmit_queue& transmit;
  budget& memory;
  std::uint64_t& next_carrier;
  token_directory& tokens;
  const token_mint& mint;
  std::deque<link_ref>& ready_links;  ///< links with flows whose readiness changed
};

}  // namespace rendr::engine
