// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/slab.hpp"
#include "engine/record/outbound.hpp"
#include "engine/record/record_seal.hpp"
#include "engine/record/sent_log.hpp"
#include "wire/frames.hpp"
#include "wire/record.hpp"

namespace rendr::engine {

/// Builds one record into a batch. Frames are made in scratch memory, stream data is gathered from
/// where it is. What is sealed goes into scratch memory, since the data may be sent once more.
class record_writer {
 public:
  /// @param limit the most bytes of payload that the record takes.
  /// @param sealer nullptr: a checksum guards the record. Else one that is not worn out.
  record_writer(outbound& out, slab_pool& pool, std::uint64_t number, std::size_t limit,
                record_sealer* sealer = nullptr);

  /// Appends a frame; false, with nothing changed, when it does not fit the limit.
  bool put(const wire::frame& f);
  /// Appends a DATA frame whose payload follows by `gather`. Precondition: it fits (`data_room`).
  void put_data_head(std::uint64_t flow, std::uint64_t offset, std::size_t size);
  /// Likewise the head of a PACKET frame.
  void put_packet_head(std::uint64_t flow, std::uint64_t sequence, std::size_t size);
  void gather(bytes_view piece, const slab_ref& slab);
  /// The most payload bytes of a DATA frame of this flow and offset that still fit.
  std::size_t data_room(std::uint64_t flow, std::uint64_t offset) const noexcept;
  /// A control frame larger than the limit may stand alone in a record: raises the limit for it.
  void widen(std::size_t limit) noexcept { limit_ = std::max(limit_, std::min(limit, largest)); }

  bool empty() const noexcept { return payload_ == 0; }
  std::size_t room() const noexcept { return limit_ - payload_; }
  /// What is left of the limit that the record began with; 0: it was widened beyond that.
  std::size_t usual_room() const noexcept { return usual_ - std::min(usual_, payload_); }
  /// What the sender remembers of the record; callers add ranges and controls.
  sent_record& record() noexcept { return record_; }
  /// Writes head and trailer; the record is then part of the batch. Returns what to log.
  sent_record finish();
  /// Nothing was put: gives the scratch memory back.
  void cancel() noexcept;

 private:
  static constexpr std::size_t area_size = 480;
  static constexpr std::size_t largest = wire::max_record_size - wire::max_record_overhead;

  void reserve(std::size_t n);
  void flush();
  void put_checksum(bytes_view head);
  void put_seal(bytes_view head);

  outbound& out_;
  slab_pool& pool_;
  std::uint64_t number_;
  std::size_t limit_;
  std::size_t usual_;
  record_sealer* sealer_;
  std::size_t payload_ = 0;
  bytes_span area_;
  std::size_t used_ = 0;
  std::size_t run_ = 0;
  std::size_t head_size_;
  bytes_span head_;
  std::vector<bytes_view> pieces_;
  sent_record record_;
};

/// Appends handshake record `number` (and, first, the prologue when `prologue` is given) to `out`.
void append_handshake(bytes& out, std::uint64_t number, bytes_view payload,
                      const wire::prologue* prologue);

}  // namespace rendr::engine
