// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace rendr::engine {

/// What the caps before proof are counted by: the host of "host:port", and of an IPv6 address the
/// first 64 bits, as whoever has one such address has all of its /64 (RFC 4291 section 2.5.4). Text
/// of another form counts as it is.
std::string source_key(std::string_view remote);

/// What one source may have of `limit`, so that a few of them cannot fill it: a quarter, one at
/// least.
std::size_t share_of(std::size_t limit) noexcept;

/// How many unproven things each source has. Whoever makes a table overflow loses first: when there
/// is no room, the oldest of a source that has `most()` makes it, so that a flood from few sources
/// evicts itself and nobody who has less.
class source_table {
 public:
  void add(const std::string& source) { ++counts_[source]; }
  /// @pre it was added and not removed since.
  void remove(const std::string& source);
  std::size_t count(const std::string& source) const;
  /// The most that any source has. Linear in the number of sources.
  std::size_t most() const noexcept;

 private:
  std::map<std::string, std::size_t> counts_;
};

}  // namespace rendr::engine
