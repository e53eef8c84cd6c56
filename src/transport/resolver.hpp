// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "transport/lookups.hpp"

namespace rendr::transport {

/// Names to addresses for one loop, by the look-ups of the process. A look-up that hangs is
/// overtaken after a second.
class resolver {
 public:
  using handler = lookups::handler;

  explicit resolver(const asio::any_io_executor& executor,
                    std::shared_ptr<lookups> names = lookups::of_process());
  resolver(const resolver&) = delete;
  resolver& operator=(const resolver&) = delete;
  ~resolver();

  /// `done` is called once on the loop, never from inside, and not at all when `owner` or this
  /// object is gone. A literal address waits for nothing.
  /// @param max_age an answer that is not older is good enough.
  void resolve(const std::string& host, std::uint16_t port, duration max_age,
               std::weak_ptr<void> owner, handler done);
  /// Addresses, links or routes of this machine changed.
  void network_changed() { names_->network_changed(); }

 private:
  struct shared;
  asio::any_io_executor executor_;
  std::shared_ptr<lookups> names_;
  std::shared_ptr<shared> shared_;  ///< since the first question
};

}  // namespace rendr::transport
