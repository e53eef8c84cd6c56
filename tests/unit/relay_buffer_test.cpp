// SPDX-License-Identifier: Apache-2.0
#include "relay/buffer.hpp"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <cstring>
#include <vector>

namespace rendr::relay {
namespace {

void peak(asio::io_context& loop, std::size_t count) {
  std::vector<buffer> held;
  for (std::size_t i = 0; i < count; ++i) {
    held.push_back(buffer::take(loop.get_executor()));
    std::memset(held.back().span().data(), 1, buffer::size);
  }
}

void forget_earlier_peaks() {
  for (int i = 0; i < 2; ++i) buffer::tidy();
}

TEST(RelayBuffer, WhatAPeakNeededGoesBackAndWhatIsNeededAgainStays) {
  asio::io_context loop;
  forget_earlier_peaks();
  peak(loop, 12);
  EXPECT_EQ(buffer::kept(), 12u);
  buffer::tidy();
  for (int period = 0; period < 3; ++period) {
    peak(loop, 4);
    buffer::tidy();
  }
  EXPECT_EQ(buffer::kept(), 4u);
  for (int period = 0; period < 2; ++period) buffer::tidy();
  EXPECT_EQ(buffer::kept(), 1u);
}

TEST(RelayBuffer, AtMostSixteenAreKept) {
  asio::io_context loop;
  forget_earlier_peaks();
  peak(loop, 40);
  EXPECT_EQ(buffer::kept(), 16u);
}

TEST(RelayBuffer, OneConversationWithPausesNeedsNoTimer) {
  asio::io_context loop;
  for (int i = 0; i < 10; ++i) peak(loop, 1);
  loop.poll();
  EXPECT_TRUE(loop.stopped()) << "nothing was waited for";
}

TEST(RelayBuffer, AfterSeveralAtOnceATimerIsWaitedFor) {
  asio::io_context loop;
  peak(loop, 2);
  loop.poll();
  EXPECT_FALSE(loop.stopped());
}

}  // namespace
}  // namespace rendr::relay
