// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "hostile/stage.hpp"

namespace rendr::test {

/// A man in the middle on loopback: forwards each connection to `target_port` on 127.0.0.1 and
/// records it, or, while it seizes, hands it to whoever asks. Its own thread; every method may be
/// called from any.
class tap {
 public:
  explicit tap(std::uint16_t target_port);
  tap(const tap&) = delete;
  tap& operator=(const tap&) = delete;
  ~tap();

  std::uint16_t port() const;
  std::vector<hostile::recording> recorded() const;
  /// Resets what it forwards and keeps what comes from now on.
  void seize();
  void release();
  /// A connection that was kept, the caller's from now on; nullopt: none is there.
  std::optional<int> take();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace rendr::test
