// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/range_set.hpp"
#include "engine/path/extra_budget.hpp"
#include "engine/path/path.hpp"
#include "engine/record/sent_log.hpp"
#include "engine/types.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// What is asked of the flows whose bytes are copied. A flow that is over answers too.
class rescue_flows {
 public:
  /// What of these bytes the receiver may lack; nothing of a flow that is over or was reset.
  virtual range_set lacking(std::uint64_t flow, range r) const = 0;
  /// The receiver has every byte before this one.
  virtual std::uint64_t acknowledged(std::uint64_t flow) const = 0;
  /// The beginning of `r`: `most` bytes of a stream; of packets, whole ones, and one at least.
  virtual range beginning(std::uint64_t flow, range r, std::uint64_t most) const = 0;
  /// The flow may go by this leaf.
  virtual bool goes_by(std::uint64_t flow, spec_id leaf) const = 0;

 protected:
  ~rescue_flows() = default;
};

/// What `rescuer` must know at the moment that it is asked.
struct rescue_facts {
  struct way {
    path* to = nullptr;
    std::string_view fate;
  };
  instant now{};
  std::vector<way> ways;           ///< the living paths that stand for their leaves
  std::string_view fate;           ///< of the path that is late or suspect
  const path* quickest = nullptr;  ///< the quickest living path beside that one
};

/// Sends what is late on one path, or waits on a suspect one, by others too. It owns the meter of
/// the bytes that are sent twice.
class rescuer {
 public:
  /// Control that is asked for again, or a path that has something to send.
  using step = std::variant<sent_control, carrier_id>;
  struct outcome {
    std::vector<step> steps;         ///< in this order
    std::vector<sent_record*> lost;  ///< `requeued` already; their ranges go another way
    instant again = never;           ///< when to look again
  };

  /// That many bytes of flows went out.
  void sent(instant now, std::uint64_t bytes) noexcept { meter_.sent(now, bytes); }

  /// Sends what is overdue by its own deadline on another path too; while the kernel repairs a loss
  /// only the head, for the rest comes with the repair. The head is the first of which the receiver
  /// lacks something, and goes piece by piece, the next when one has arrived; a record behind it
  /// when its repair is overdue too. Of a transfer only the head goes to a cold path: what is
  /// needed there after a suspicion must find room.
  outcome overdue(path& p, const rescue_facts& facts, const rescue_flows& flows);
  /// The path became suspect.
  outcome suspected(path& p, const rescue_facts& facts, const rescue_flows& flows);
  /// `more_at` of a suspect path came.
  outcome copy_more(path& p, const rescue_facts& facts, const rescue_flows& flows);
  /// A hole that `holder` has in hand.
  outcome fill(std::uint64_t flow, range hole, const path& holder, const rescue_facts& facts,
               const rescue_flows& flows);

 private:
  struct pass;

  bool urge(pass& job, std::uint64_t flow, range r, std::size_t copies, bool metered);
  bool rescue(pass& job, sent_record& record);
  void head(pass& job, path& p, std::size_t copies);
  void unsent(pass& job, path& p);
  void copy(pass& job, path& p);

  extra_budget meter_;
};

}  // namespace rendr::engine
