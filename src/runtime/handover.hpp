// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>

#include "engine/door/source_table.hpp"
#include "rendr/transport.hpp"

namespace rendr::detail {

struct runtime_core;
class loop;

/// Brings an accepted connection to the loop that owns its link, before any engine sees it: the
/// routing token in its first 18 bytes names the loop; a first hello (no token) goes to the loop
/// with the fewest links. The bytes are only looked at, not taken. Runs on the first loop. With one
/// loop nothing is looked at. `runtime_options::handshakes` of them wait for their first bytes at
/// once, 10 s each; the oldest of the source that has the most makes room.
class handover : public std::enable_shared_from_this<handover> {
 public:
  explicit handover(runtime_core& owner) : owner_(owner) {}
  /// @param plaintext records in clear are taken on it, wherever it comes from.
  void take(std::unique_ptr<transport::arrival> from, bool plaintext);
  void close();

 private:
  struct waiting;
  void evict();
  void drop(const std::shared_ptr<waiting>& one);
  void forget(const std::shared_ptr<waiting>& one);
  void look(const std::shared_ptr<waiting>& one, std::span<const std::byte> first);
  void give(const std::shared_ptr<waiting>& one, loop& to);

  runtime_core& owner_;
  bool closed_ = false;
  std::deque<std::shared_ptr<waiting>> waiting_;  // oldest first
  engine::source_table sources_;
};

/// Hands a connection that came in to a loop, from any thread.
void accept_on(loop& to, std::unique_ptr<transport::arrival> from, bool plaintext);

}  // namespace rendr::detail
