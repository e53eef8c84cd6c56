// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/range_set.hpp"
#include "base/result.hpp"
#include "base/slab.hpp"
#include "engine/flow/receive_memory.hpp"

namespace rendr::engine {

/// Hands over what arrived packet by packet, as it came, each at most once. Its memory is what the
/// flow's credit allows: numbers that arrived and were not read, and those still missing below the
/// highest, never pass it.
class recv_packets {
 public:
  /// Bytes of payload that were new; nullopt: the packet came before, or was skipped.
  /// protocol_violation: it lies behind the end, or shares numbers with others.
  result<std::optional<std::size_t>> insert(receive_memory& memory, std::uint64_t sequence,
                                            bytes_view data, const slab_ref& slab);
  /// What has not arrived below `sequence` will not. protocol_violation: it lies behind the end.
  errc skip(std::uint64_t sequence);
  /// FIN: nothing more will arrive. protocol_violation: it contradicts an earlier one or what
  /// already arrived.
  errc set_final(std::uint64_t sequence);

  bool readable() const noexcept { return !queue_.empty(); }
  bool complete() const noexcept { return final_.has_value(); }
  bool at_end() const noexcept { return final_ && queue_.empty(); }
  std::optional<std::uint64_t> final() const noexcept { return final_; }
  /// Numbers that credit may follow: of packets that were read, and those that will never come.
  std::uint64_t consumed() const noexcept { return consumed_; }
  /// Numbers that arrived or were skipped, and one behind the highest of them.
  std::uint64_t arrived() const noexcept { return arrived_.size(); }
  std::uint64_t highest() const noexcept { return arrived_.empty() ? 0 : arrived_.back().end; }
  std::uint64_t packets() const noexcept { return packets_; }
  std::uint64_t duplicates() const noexcept { return duplicates_; }

  /// The next packet. Precondition of both: readable().
  bytes_view front() const noexcept { return queue_.front().data(); }
  void pop();
  /// Copies what lies in buffers that are mostly waste.
  void compact(receive_memory& memory);
  /// Drops what is held; what arrives later counts as read.
  void discard() noexcept;
  /// No more comes: what is here stays readable, what arrives later counts as read.
  void cut() noexcept { discarding_ = true; }

 private:
  fifo<kept_view> queue_;
  range_set arrived_;  // skipped ones too
  packed_copies copies_;
  std::uint64_t consumed_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t duplicates_ = 0;
  std::optional<std::uint64_t> final_;
  bool discarding_ = false;
};

}  // namespace rendr::engine
