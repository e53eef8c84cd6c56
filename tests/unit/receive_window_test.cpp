// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/receive_window.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t reserve = defaults::flow_reserve;
const instant start = instant{} + 100s;

struct opened {
  explicit opened(std::size_t limit = 1u << 30) : memory(limit) { window.open(memory, reserve); }

  // The reader takes what was granted, `wait` after the last time. True: a MAX_DATA is owed.
  bool read_all(duration wait, duration round_trip = 20ms) {
    now += wait;
    return window.grow(window.limit(), {now, round_trip}, memory);
  }

  budget memory;
  receive_window window;
  instant now = start;
};

TEST(receive_window, stays_closed_where_the_budget_lacks_its_reserve) {
  budget memory(reserve - 1);
  receive_window window;
  EXPECT_FALSE(window.open(memory, reserve));
  EXPECT_TRUE(window.closed());
  EXPECT_EQ(window.limit(), 0u);
  EXPECT_EQ(memory.used(), 0u);
}

TEST(receive_window, opens_with_its_reserve_and_charges_it) {
  opened w;
  EXPECT_FALSE(w.window.closed());
  EXPECT_EQ(w.window.limit(), reserve);
  EXPECT_EQ(w.window.charged(), reserve);
  EXPECT_EQ(w.memory.used(), reserve);
}

TEST(receive_window, grows_fourfold_while_its_reader_keeps_up_and_no_further_than_the_most) {
  opened w;
  auto window = reserve;
  while (window < defaults::flow_window) {
    EXPECT_TRUE(w.read_all(20ms));
    window = std::min(window * 4, defaults::flow_window);
    EXPECT_EQ(w.window.charged(), window);
  }
  for (int i = 0; i < 4; ++i) w.read_all(20ms);
  EXPECT_EQ(w.window.charged(), defaults::flow_window_max);
  EXPECT_EQ(w.memory.used(), defaults::flow_window_max);
}

TEST(receive_window, keeps_its_size_for_a_reader_who_is_slower_than_four_round_trips) {
  opened w;
  EXPECT_TRUE(w.read_all(20ms)) << "the first time nothing is known of it";
  const auto window = w.window.charged();
  EXPECT_TRUE(w.read_all(81ms)) << "the limit follows the reader all the same";
  EXPECT_EQ(w.window.charged(), window);
  EXPECT_TRUE(w.read_all(80ms));
  EXPECT_EQ(w.window.charged(), 4 * window);
}

TEST(receive_window, leaves_half_of_what_is_free_to_others) {
  opened w(8 * reserve);
  EXPECT_TRUE(w.read_all(20ms));
  EXPECT_EQ(w.window.charged(), 4 * reserve) << "three of the seven reserves that are free";
  w.read_all(20ms);
  EXPECT_EQ(w.window.charged(), 4 * reserve);
  EXPECT_EQ(w.memory.used(), w.window.charged());
}

TEST(receive_window, grows_beyond_the_usual_only_while_most_of_the_budget_is_free) {
  opened w(12u << 20);
  for (int i = 0; i < 10; ++i) w.read_all(20ms);
  EXPECT_EQ(w.window.charged(), defaults::flow_window);
  ASSERT_TRUE(w.memory.take(3u << 20));
  for (int i = 0; i < 10; ++i) w.read_all(20ms);
  EXPECT_EQ(w.window.charged(), defaults::flow_window);
}

TEST(receive_window, tells_its_peer_when_a_quarter_of_it_is_new) {
  opened w;
  EXPECT_FALSE(w.window.due(reserve / 2 - 1));
  EXPECT_TRUE(w.window.due(reserve / 2));
  EXPECT_FALSE(w.window.grow(reserve / 4 - 1, {start, 20ms}, w.memory));
  EXPECT_EQ(w.window.limit(), reserve + reserve / 4 - 1) << "granted, and not told yet";
  EXPECT_TRUE(w.window.grow(reserve / 4, {start, 20ms}, w.memory));
  EXPECT_FALSE(w.window.grow(reserve / 4 + 1, {start, 20ms}, w.memory));
}

}  // namespace
}  // namespace rendr::engine
