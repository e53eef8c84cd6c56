// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/link/rooms.hpp"
#include "engine/link/waker.hpp"

namespace rendr::engine {

class record_writer;

/// Makes the records of a path: acknowledgements and control first, then what is urgent, then the
/// data of flows in turn.
class sender {
 public:
  /// What became of the path while its records were made.
  enum class ended : std::uint8_t {
    no,
    worn_out,  ///< its key is, for the peer acknowledges nothing: no record was made
    drained,   ///< its BYE is in the newest record
  };

  explicit sender(rooms& of) noexcept : r_(of), wake_(of) {}

  /// Fills the batch of `p`, at most `limit` bytes or one record, when it is empty.
  ended fill(instant now, path& p, std::size_t limit);
  /// The carrier took `n` bytes of the batch.
  void transmitted(instant now, path& p, std::size_t n);
  /// Behind what was written already; one that comes with a GOAWAY ends the link too.
  void append_bye(path& p, bool link_over);
  /// How many bytes the carrier is to hold that are not on the wire.
  static std::uint32_t unsent_limit(const path& p) noexcept;

 private:
  bool build_record(instant now, path& p, bool& more_data, ended& end);
  void put_acks(instant now, path& p, record_writer& w);
  void put_quality(instant now, path& p, record_writer& w) const;
  void put_control(path& p, record_writer& w);
  bool put_flow_control(record_writer& w);
  bool put_urgent(instant now, path& p, record_writer& w);
  bool put_data(instant now, path& p, record_writer& w);
  flow::filled pull_and_put(instant now, path& p, flow& f, std::uint64_t limit, record_writer& w);
  void note_put(instant now, path& p, std::uint64_t numbers, std::uint64_t payload,
                std::uint64_t again);
  void watch(instant now, const path& p, const flow& f);

  rooms& r_;
  waker wake_;
};

}  // namespace rendr::engine
