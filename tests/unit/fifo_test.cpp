// SPDX-License-Identifier: Apache-2.0
#include "base/fifo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "base/seeded_random.hpp"

namespace rendr {
namespace {

TEST(Fifo, IsADequeOfWhichTheFrontIsTaken) {
  seeded_random random(5);
  for (int round = 0; round < 20; ++round) {
    const auto fill = 1 + random.below(9);  // of 10: how often something is added
    fifo<std::uint64_t> queue;
    std::deque<std::uint64_t> model;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      if (random.below(10) < fill || model.empty()) {
        queue.push_back(i);
        model.push_back(i);
      } else {
        queue.pop_front();
        model.pop_front();
      }
      ASSERT_EQ(queue.size(), model.size());
      ASSERT_EQ(queue.empty(), model.empty());
      if (model.empty()) continue;
      ASSERT_EQ(queue.front(), model.front());
      ASSERT_EQ(queue.back(), model.back());
      const auto at = static_cast<std::size_t>(random.below(model.size()));
      ASSERT_EQ(queue[at], model[at]);
      if (i % 100 == 0) {
        ASSERT_TRUE(std::equal(queue.begin(), queue.end(), model.begin(), model.end()));
      }
    }
  }
}

TEST(Fifo, LetsGoOfWhatWasTakenAtOnce) {
  fifo<std::shared_ptr<int>> queue;
  const auto one = std::make_shared<int>(1);
  queue.push_back(one);
  queue.push_back(one);
  EXPECT_EQ(one.use_count(), 3);
  queue.pop_front();
  EXPECT_EQ(one.use_count(), 2);
  queue.clear();
  EXPECT_EQ(one.use_count(), 1);
}

TEST(Fifo, AddsWhatIsItsOwn) {
  fifo<std::string> queue;
  queue.push_back("a text that is too long to lie inside");
  for (int i = 0; i < 100; ++i) queue.push_back(queue.front());
  for (const auto& text : queue) EXPECT_EQ(text, "a text that is too long to lie inside");
}

}  // namespace
}  // namespace rendr
