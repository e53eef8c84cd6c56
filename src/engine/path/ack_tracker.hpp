// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/range_set.hpp"
#include "rendr/time.hpp"
#include "wire/frames.hpp"

namespace rendr::engine {

/// The receiving side of one path's record numbers. Acknowledgements are this state, never a queue.
class ack_tracker {
 public:
  /// False: the number came before (a replay or a duplicate): ignore the record.
  bool received(instant now, std::uint64_t number, bool eliciting, std::size_t bytes);
  /// An acknowledgement is owed at `due()` at the latest.
  bool pending() const noexcept { return pending_; }
  instant due() const noexcept { return pending_ ? due_ : never; }
  /// Makes an owed acknowledgement due no later than `when`.
  void hasten(instant when) noexcept;
  /// The path was woken for it: it goes out with the next record, no deadline is left.
  void woken() noexcept { due_ = never; }
  std::size_t bytes_pending() const noexcept { return bytes_; }
  bool anything() const noexcept { return !numbers_.empty(); }
  /// Something arrived since the frame was last sent on a path other than this one.
  bool changed() const noexcept { return anything() && numbers_.back().end > told_elsewhere_; }
  void sent_elsewhere() noexcept { told_elsewhere_ = numbers_.back().end; }
  /// The frame as of now. `sent()` settles what is owed.
  wire::path_ack frame(instant now, std::uint64_t path) const;
  void sent() noexcept;

 private:
  range_set numbers_;
  std::uint64_t told_elsewhere_ = 0;
  instant newest_at_{};
  instant due_ = never;
  std::size_t bytes_ = 0;
  bool pending_ = false;
};

}  // namespace rendr::engine
