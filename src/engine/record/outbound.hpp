// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/slab.hpp"
#include "wire/record.hpp"

namespace rendr::engine {

/// One batch of records on its way into a carrier: headers in scratch slabs, payloads where they
/// are. A batch is written whole, in order; what the carrier did not take is offered again first.
class outbound {
 public:
  struct finished {
    std::uint64_t number = 0;
    bool frames = false;  ///< false: prologue or handshake
  };

  bool empty() const noexcept { return first_ == pieces_.size(); }
  /// Bytes that the batch still holds.
  std::size_t pending() const noexcept { return static_cast<std::size_t>(queued_ - written_); }
  /// Bytes that were put in since the carrier began: the carrier position of the end of the batch.
  std::uint64_t queued() const noexcept { return queued_; }
  std::uint64_t written() const noexcept { return written_; }

  /// `n` bytes that stay where they are until the batch is written.
  bytes_span scratch(slab_pool& pool, std::size_t n);
  /// Gives back the last `n` bytes of the latest scratch.
  void shrink(std::size_t n) noexcept {
    used_ -= n;
    if (used_ == 0 && empty()) reset();
  }
  void add(bytes_view piece);
  void hold(const slab_ref& slab);
  /// What was added since the last mark is record `number`.
  void mark(std::uint64_t number, bool frames);

  std::span<const bytes_view> pieces() const noexcept { return std::span(pieces_).subspan(first_); }
  /// The carrier took n more bytes. `on_record(finished)` is called for each record whose last byte
  /// that was.
  template <class OnRecord>
  void transmitted(std::size_t n, OnRecord&& on_record) {
    advance(n);
    while (!marks_.empty() && marks_.front().end <= written_) {
      const auto done = marks_.front().what;
      marks_.pop_front();
      on_record(done);
    }
    if (empty()) reset();
  }

 private:
  struct mark_point {
    std::uint64_t end = 0;
    finished what;
  };
  void advance(std::size_t n) noexcept;
  void reset() noexcept;

  std::vector<bytes_view> pieces_;
  std::size_t first_ = 0;
  std::vector<slab_ref> holds_;
  slab_ref scratch_;
  std::size_t used_ = 0;
  fifo<mark_point> marks_;
  std::uint64_t queued_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace rendr::engine
