// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/range_set.hpp"
#include "base/slab.hpp"

namespace rendr::engine {

/// What the application wrote and the peer has not acknowledged. Offsets count from the flow's
/// first byte. The FIN is one virtual byte at offset `written()`, so that every policy treats it
/// like data.
class send_stream {
 public:
  /// Copies up to the free room of `limit` unacknowledged bytes; returns how many.
  std::size_t write(slab_pool& pool, bytes_view data, std::size_t limit);
  /// The next n offsets are the application's too; `send_packets` keeps what is in them.
  void extend(std::uint64_t n) noexcept { written_ += n; }
  void finish() noexcept { finished_ = true; }
  bool finished() const noexcept { return finished_; }

  std::uint64_t written() const noexcept { return written_; }
  /// One behind the last sendable offset: the FIN's virtual byte included.
  std::uint64_t end() const noexcept { return written_ + (finished_ ? 1 : 0); }
  std::uint64_t acknowledged() const noexcept { return base_; }
  /// Bytes that `discard` gave up: from the lowest unacknowledged one on.
  std::uint64_t discarded() const noexcept { return discarded_; }
  bool all_acknowledged() const noexcept { return base_ == end(); }
  /// Something behind the lowest unacknowledged byte is acknowledged.
  bool has_gap() const noexcept { return !acked_.empty(); }
  std::size_t buffered() const noexcept {
    return static_cast<std::size_t>(written_ - std::min(base_, written_));
  }

  /// The part of r that is not acknowledged.
  range_set open_part(range r) const;
  /// Marks r as acknowledged and frees what is no longer needed.
  void acknowledge(range r);
  /// Calls `visit(bytes, slab)` for the pieces of r (real bytes only), in order. r must be
  /// unacknowledged.
  template <class Visit>
  void pieces(range r, Visit&& visit) const {
    r.end = std::min(r.end, written_);
    for (auto i = chunk_of(r.begin); r.begin < r.end && i < chunks_.size(); ++i) {
      const auto& c = chunks_[i];
      const auto stop = std::min(r.end, c.begin + c.size);
      visit(bytes_view(c.slab.data() + (r.begin - c.begin), stop - r.begin), c.slab);
      r.begin = stop;
    }
  }
  /// Drops everything: the flow was reset. All that was written is behind it then, acknowledged or
  /// discarded.
  void discard() noexcept;

 private:
  struct chunk {
    slab_ref slab;
    std::uint64_t begin = 0;
    std::size_t size = 0;
  };
  std::size_t chunk_of(std::uint64_t offset) const noexcept;

  fifo<chunk> chunks_;
  range_set acked_;         // above base_
  std::uint64_t base_ = 0;  // everything below is acknowledged
  std::uint64_t written_ = 0;
  std::uint64_t discarded_ = 0;
  bool finished_ = false;
};

}  // namespace rendr::engine
