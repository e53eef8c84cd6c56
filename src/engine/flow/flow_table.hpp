// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/fifo.hpp"
#include "base/range_set.hpp"
#include "base/result.hpp"
#include "base/slab.hpp"
#include "engine/budget.hpp"
#include "engine/flow/flow.hpp"
#include "engine/flow/receive_memory.hpp"
#include "engine/types.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// The flows of a link by number: which numbers are taken and which are over, how many there may
/// be, and the queues in which flows wait for their turn. A flow that is removed is found no more,
/// and lives until `sweep`: who holds a reference may look at it until the call from outside ends.
class flow_table {
 public:
  /// @param memory what the flows may hold; each charges its window, until it is removed.
  flow_table(role side, slab_pool& pool, budget& memory) noexcept;
  flow_table(const flow_table&) = delete;
  flow_table& operator=(const flow_table&) = delete;
  ~flow_table();

  // --- numbers
  /// nullptr: it is over, or never was.
  flow* find(std::uint64_t number) const noexcept;
  /// It was there and is over.
  bool closed(std::uint64_t number) const noexcept;
  /// nullptr: it is over. protocol_violation: it never was.
  result<flow*> of(std::uint64_t number) const noexcept;
  /// The number of the flow of this id that the application holds; nullopt: there is none.
  std::optional<std::uint64_t> named(const flow_id& id) const noexcept;

  /// One more may be opened here, of at most `most`.
  bool room(wire::flow_kind kind, std::size_t most) const noexcept;
  /// Precondition: room().
  flow& open(const flow_id& id, wire::flow_kind kind);
  struct open_facts {
    std::size_t most = 0;  ///< flows that the link may have; refusals may be as many again
    bool closing = false;  ///< no flow is taken any more
    named_root* root = nullptr;
  };
  /// The flow that the peer opens; one that is refused is rejected already. nullptr: the OPEN came
  /// before. protocol_violation: the number is not the peer's, or is beyond what it may skip.
  result<flow*> take(const wire::open& frame, const open_facts& facts);
  /// It is over: its number is closed and its memory is free.
  void remove(flow& f);
  /// Destroys what was removed.
  void sweep();

  // --- all of them, the removed ones too until `sweep`; in the order of their numbers
  bool empty() const noexcept { return flows_.empty(); }
  std::size_t size() const noexcept { return flows_.size(); }
  auto begin() const noexcept { return flows_.begin(); }
  auto end() const noexcept { return flows_.end(); }

  // --- those with bytes to place, in turn
  bool any_in_ring() const noexcept { return !ring_.empty(); }
  std::size_t in_ring() const noexcept { return ring_.size(); }
  /// It waits for its turn, when it has something to place.
  void enter_ring(flow& f);
  /// Whose turn it is. nullptr: the one in front has nothing to place any more. Precondition of
  /// these: any_in_ring().
  flow* in_turn() const noexcept;
  void end_turn();
  /// Takes the one in front out of the ring. nullptr: it is over.
  flow* leave_ring();

  // --- those that owe their peer control frames
  bool any_owing() const noexcept { return !owing_.empty(); }
  /// Its control frames are made in turn.
  void queue_control(flow& f);
  /// The first that owes something; nullptr: none.
  flow* owing();
  /// `first`, which `owing` gave, owes nothing any more.
  void paid(flow& first);

  // --- those whose application is told that they are ready
  /// True: it is the first.
  bool queue_ready(flow& f);
  /// The next one, taken from the queue; nullptr: none.
  flow* next_ready();

  // --- memory
  receive_memory& received() noexcept { return received_; }
  /// Copies out what flows keep in buffers that are mostly waste, when that is too much. The
  /// buffers that `carriers` carriers fill and read now do not count.
  void release_buffers(std::size_t carriers);

  /// How many were opened here, and how many of the peer's were taken.
  std::uint64_t opened() const noexcept { return opened_; }
  std::uint64_t accepted() const noexcept { return accepted_; }

 private:
  flow& make(std::uint64_t number, const flow_id& id, wire::flow_kind kind, bool incoming);

  role side_;
  budget& memory_;
  receive_memory received_;
  std::map<std::uint64_t, std::unique_ptr<flow>> flows_;
  std::uint64_t next_;
  std::uint64_t incoming_seen_ = 0;  ///< one behind the highest incoming counter
  range_set incoming_closed_;        ///< counters of incoming flows that are over
  fifo<std::uint64_t> ring_;
  fifo<std::uint64_t> owing_;
  fifo<std::uint64_t> ready_;
  std::vector<std::uint64_t> removed_;
  std::uint64_t opened_ = 0;
  std::uint64_t accepted_ = 0;
};

}  // namespace rendr::engine
