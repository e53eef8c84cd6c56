// SPDX-License-Identifier: Apache-2.0
#include "engine/record/sent_log.hpp"

#include <algorithm>

namespace rendr::engine {

sent_record& sent_log::add(sent_record record) {
  records_.push_back(std::move(record));
  return records_.back();
}

sent_record* sent_log::find(std::uint64_t number) noexcept {
  if (number < base_ || number >= next_number()) return nullptr;
  return &records_[number - base_];
}

void sent_log::transmitted(sent_record& record, instant now, const delivery_mark& mark) noexcept {
  record.transmitted = true;
  record.sent_at = now;
  record.delivery = mark;
  record.in_flight = in_flight_;
  if (record.eliciting) {
    in_flight_ += record.size;
  } else {
    record.acknowledged = true;  // nobody owes an acknowledgement for it
    trim();
  }
}

const sent_record* sent_log::oldest() const noexcept {
  for (const auto& record : records_) {
    if (!record.acknowledged && record.eliciting && record.transmitted) return &record;
    if (!record.transmitted) return nullptr;
  }
  return nullptr;
}

bool sent_log::any_ranges() const noexcept {
  return std::any_of(records_.begin(), records_.end(), [](const sent_record& record) {
    return !record.acknowledged && !record.ranges.empty();
  });
}

void sent_log::trim() noexcept {
  while (!records_.empty() && records_.front().acknowledged && records_.front().transmitted) {
    records_.pop_front();
    ++base_;
  }
}

}  // namespace rendr::engine
