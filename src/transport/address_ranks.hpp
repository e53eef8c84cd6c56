// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <mutex>
#include <vector>

namespace rendr::transport {

/// What is known of the addresses of one name: which served last, and which were tried since and
/// did not. Any thread.
class address_ranks {
 public:
  using endpoint = asio::ip::tcp::endpoint;

  /// It was tried: it comes last until it serves.
  void tried(const endpoint& address);
  /// It serves: it comes first from now on.
  void good(const endpoint& address);
  /// What the name stands for now; the others are forgotten.
  void known(const std::vector<endpoint>& addresses);

  /// The known addresses in the order in which to try them: the one that served last, those that
  /// were not tried, the others from the one that was tried longest ago.
  std::vector<endpoint> order() const;
  /// Whether one of the known addresses was not tried since anything served.
  bool more() const;

 private:
  struct row {
    endpoint address;
    std::uint64_t served = 0;  ///< the count when it served last
    std::uint64_t tried = 0;
  };
  row& at(const endpoint& address);

  mutable std::mutex mutex_;
  std::vector<row> rows_;  ///< in the order of the resolver
  std::uint64_t count_ = 0;
};

}  // namespace rendr::transport
