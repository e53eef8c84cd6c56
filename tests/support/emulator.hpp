// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "support/emulator_lane.hpp"
#include "support/netns.hpp"

namespace rendr::test {

enum class way : std::uint8_t { both, to_server, to_client };

/// Links between two network namespaces, client and server, as of a host with several providers.
///
/// Link i has the addresses 10.77.i.1 at the client and 10.77.i.2 at the server, where 10.77.255.1
/// stands for the host itself. What the client sends from 10.77.i.1 takes link i, whatever its
/// destination; without a source address it takes link 0. One thread of this process carries every
/// packet; it is preferred by the scheduler where that is allowed. Methods may be called from any
/// thread at any time. Everything goes with the object.
class emulator {
 public:
  /// Throws std::system_error; see netns::unavailable(). The same seed and packets give the same
  /// losses. `mtu` is what both ends of every link know.
  explicit emulator(std::size_t links, std::uint64_t seed = 1, std::uint32_t mtu = 1500);
  emulator(const emulator&) = delete;
  emulator& operator=(const emulator&) = delete;
  ~emulator();

  const netns& client() const noexcept;
  const netns& server() const noexcept;
  static ipv4 client_address(std::size_t link);
  static ipv4 server_address(std::size_t link);
  static ipv4 host_address();

  void set(std::size_t link, way which, const lane_settings& settings);
  void change(std::size_t link, way which, const std::function<void(lane_settings&)>& edit);
  /// As emulator_lane::reseed().
  void reseed(std::size_t link, way which, std::uint64_t seed);
  /// Down: packets vanish without a word; what is on the wire still arrives.
  void up(std::size_t link, way which, bool on);
  lane_settings settings(std::size_t link, way which) const;  ///< `both`: those to the server
  lane_counters counters(std::size_t link, way which) const;  ///< `both`: the sum
  /// Packets that either end of the link dropped because the emulator was too slow: 0 in a test
  /// whose figures count.
  std::uint64_t device_drops(std::size_t link) const;
  /// Bytes that the packets of all links take on this process's heap.
  std::size_t memory() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace rendr::test
