// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/slab.hpp"
#include "engine/record/record_seal.hpp"
#include "wire/record.hpp"

namespace rendr::engine {

/// What a stream carrier delivered and the engine has not parsed yet. The carrier reads straight
/// into a slab; payloads stay in it until their flow's reader took them. Holds no slab while
/// nothing is pending.
class inbound {
 public:
  /// Room for the next read, at least one byte.
  std::span<std::byte> buffer(slab_pool& pool);
  void commit(std::size_t n) noexcept;

  /// The prologue once it is complete, then never again.
  result<std::optional<wire::prologue>> prologue() noexcept;
  /// The next complete record, verified; its payload lies in `slab()`.
  /// @param opener nullptr: a checksum guards frames. Else frames are sealed, and opened in place.
  /// Errors: protocol_violation (malformed) · auth_failed (not what the peer sealed, or in another
  /// place).
  result<std::optional<wire::record_view>> next(record_opener* opener) noexcept;
  const slab_ref& slab() const noexcept { return slab_; }
  /// Bytes that wait for the rest of their record.
  std::size_t pending() const noexcept { return end_ - begin_; }
  /// Gives the slab back when nothing is pending.
  void release() noexcept;

 private:
  static constexpr std::size_t smallest = 4096;
  static constexpr std::size_t largest = slab_pool::classes.back();

  bytes_view unread() const noexcept { return {slab_.data() + begin_, end_ - begin_}; }
  std::size_t wanted() const noexcept;
  bool open(record_opener& opener, const wire::record_view& r) noexcept;

  slab_ref slab_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t size_ = smallest;  // of the next slab: follows how full the reads are
};

}  // namespace rendr::engine
