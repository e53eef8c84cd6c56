// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "engine/events.hpp"
#include "rendr/status.hpp"
#include "rendr/time.hpp"

namespace rendr::sim {

/// Follows text, and the order of what it is told: the same number on every machine. No secret.
class running_hash {
 public:
  void add(bytes_view data) noexcept;
  void add(std::string_view text) noexcept;
  void add(std::uint64_t value) noexcept;
  std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

std::string hex(std::uint64_t value);

/// Every output of the engines of a run as one hash: events with all their fields, what
/// `poll_transmit` gave, deadlines, the figures a driver asks for, and snapshots. Each is a line of
/// text first. Enumerations are numbers there, so that their names are free to change.
class journal {
 public:
  /// Gets every line; empty: nobody reads along.
  explicit journal(std::function<void(const std::string&)> reader = {})
      : reader_(std::move(reader)) {}

  void happened(instant when, std::string_view who, const engine::any_event& e);
  /// The answer to an accepted or dialled connection; nullopt: refused.
  void adopted(instant when, std::string_view who, std::optional<engine::carrier_id> id);
  void offers_buffer(std::string_view who, engine::carrier_id id, std::size_t size);
  /// `pieces` were offered and the first `taken` bytes accepted.
  void transmits(instant when, std::string_view who, engine::carrier_id id,
                 std::span<const bytes_view> pieces, std::size_t taken);
  void waits(instant when, std::string_view who, instant until);
  void limits(std::string_view who, engine::carrier_id id, std::uint32_t unsent);
  void stands(instant when, std::string_view who, const endpoint_status& s);
  /// Anything else that a run tells of itself.
  void remark(std::string_view text);

  std::uint64_t hash() const noexcept { return hash_.value(); }
  std::uint64_t lines() const noexcept { return lines_; }

 private:
  void take(const std::string& line);

  std::function<void(const std::string&)> reader_;
  running_hash hash_;
  std::uint64_t lines_ = 0;
  bytes copy_;
};

}  // namespace rendr::sim
