// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/result.hpp"
#include "base/slab.hpp"
#include "engine/flow/receive_memory.hpp"
#include "engine/flow/scattered_bytes.hpp"

namespace rendr::engine {

/// Puts what arrived, in any order and any number of times, back into the stream that was written.
/// Large payloads stay in the slab they were read into; small ones are copied together: behind the
/// last in order, to their place out of order. So what is held follows the stretch of the stream
/// between its reader and the highest byte (`docs/security.md`), not the number of pieces.
class recv_stream {
 public:
  struct arrival {
    std::uint64_t fresh = 0;      ///< bytes that had not arrived before
    std::uint64_t duplicate = 0;  ///< bytes that had
    bool readable = false;        ///< in-order bytes (or the end) became available
  };
  /// protocol_violation: data beyond the final size.
  result<arrival> insert(receive_memory& memory, std::uint64_t offset, bytes_view data,
                         const slab_ref& slab);
  /// protocol_violation: it contradicts an earlier final size or what already arrived.
  errc set_final_size(std::uint64_t size);

  std::size_t readable() const noexcept { return static_cast<std::size_t>(contiguous_ - read_); }
  bool at_end() const noexcept { return final_ && read_ == *final_; }
  bool complete() const noexcept { return final_ && contiguous_ == *final_; }
  std::optional<std::uint64_t> final_size() const noexcept { return final_; }
  std::uint64_t contiguous() const noexcept { return contiguous_; }
  std::uint64_t consumed() const noexcept { return read_; }
  /// One behind the highest byte that arrived.
  std::uint64_t highest() const noexcept { return highest_; }

  std::size_t read(bytes_span out);
  std::size_t peek(std::span<bytes_view> out) const;
  void consume(std::size_t n);
  /// Copies what lies in buffers that are mostly waste. Views of `peek` end.
  void compact(receive_memory& memory);
  /// Drops everything that is held; what arrives later is counted and dropped.
  void discard() noexcept;
  /// The rest will never come: what is readable stays, what lies behind a hole goes, and what
  /// arrives later is counted and dropped.
  void cut() noexcept;

 private:
  std::uint64_t keep(receive_memory& memory, std::uint64_t at, bytes_view data,
                     const slab_ref& slab);
  void append(kept_view p);
  void drain_waiting();

  fifo<kept_view> ready_;
  // What lies above contiguous_: in place, or scattered; no byte in both.
  std::map<std::uint64_t, kept_view> waiting_;
  scattered_bytes scattered_;
  packed_copies copies_;
  std::uint64_t read_ = 0;
  std::uint64_t contiguous_ = 0;
  std::uint64_t highest_ = 0;
  std::optional<std::uint64_t> final_;
  bool discarding_ = false;
  bool cut_ = false;
};

}  // namespace rendr::engine
