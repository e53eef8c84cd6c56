// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/seeded_random.hpp"
#include "support/emulated_nat.hpp"
#include "support/emulator.hpp"

namespace rendr::test {

/// Random faults on the links of an emulator, one or two at a time, the next one when they are
/// over; in a thread of its own. The same seed plans the same faults.
class faults {
 public:
  /// Without `nat` none of its kinds occurs. `work` is a folder for what helpers say.
  faults(emulator& net, emulated_nat* nat, std::size_t links, std::uint64_t seed, std::string work);
  ~faults() { stop(); }
  /// Ends what is under way and leaves every link as it was at first.
  void stop();
  std::map<std::string, std::uint64_t> counts() const;

 private:
  struct fault {
    const char* kind;
    void (faults::*mount)(std::size_t link);
    std::int64_t shortest, longest;  ///< ms
    bool everywhere;                 ///< not of one link
  };
  static std::span<const fault> kinds();
  void run(const std::stop_token& until);
  bool rest(const std::stop_token& until, duration how_long);
  void count(const std::string& kind);
  void restore();

  void blackhole(std::size_t link);
  void dark_to_server(std::size_t link);
  void dark_to_client(std::size_t link);
  void loss(std::size_t link);
  void rate(std::size_t link);
  void delay(std::size_t link);
  void reset_by_client(std::size_t link);
  void reset_by_server(std::size_t link);
  void all_dark(std::size_t link);
  void nat_flush(std::size_t link);
  void nat_expiry(std::size_t link);
  void reset(const netns& at, std::size_t link);

  emulator& net_;
  emulated_nat* nat_;
  std::size_t links_;
  seeded_random random_;
  std::string work_;
  std::vector<lane_settings> first_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::map<std::string, std::uint64_t> counts_;
  std::jthread thread_;
};

/// How long a mapping of the soak's NAT lives: a little longer than rendr lets an idle path rest.
inline constexpr std::chrono::seconds nat_lifetime{20};

}  // namespace rendr::test
