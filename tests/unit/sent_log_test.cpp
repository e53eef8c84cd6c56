// SPDX-License-Identifier: Apache-2.0
#include "engine/record/sent_log.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/seeded_random.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant start = instant{} + 1s;

sent_record record(std::uint32_t size, bool eliciting = true) {
  sent_record r;
  r.size = size;
  r.eliciting = eliciting;
  return r;
}

wire::path_ack ack(std::initializer_list<range> ranges) {
  wire::path_ack a;
  for (const auto r : ranges) a.ranges[a.count++] = r;
  return a;
}

void send(sent_log& log, std::uint32_t size, bool eliciting = true, instant at = start) {
  auto& r = log.add(record(size, eliciting));
  log.transmitted(r, at, {});
}

std::vector<std::uint64_t> acknowledge(sent_log& log, const wire::path_ack& a,
                                       errc expected = errc{}) {
  std::vector<std::uint64_t> out;
  EXPECT_EQ(log.acknowledge(a, [&](std::uint64_t n, sent_record&) { out.push_back(n); }), expected);
  return out;
}

TEST(SentLog, OnlyWhatElicitsAndWasTransmittedIsInFlight) {
  sent_log log;
  auto& first = log.add(record(100));
  EXPECT_EQ(log.in_flight(), 0u);
  EXPECT_EQ(log.oldest(), nullptr);
  log.transmitted(first, start, {});
  EXPECT_EQ(log.in_flight(), 100u);
  send(log, 30, false);
  send(log, 50);
  EXPECT_EQ(log.in_flight(), 150u);
  ASSERT_NE(log.oldest(), nullptr);
  EXPECT_EQ(log.oldest()->size, 100u);
  EXPECT_EQ(log.find(2)->in_flight, 100u) << "what was in flight before it";
}

TEST(SentLog, NumbersGoOnFromTheHandshake) {
  sent_log log;
  log.start_at(2);
  EXPECT_EQ(log.next_number(), 2u);
  send(log, 10);
  EXPECT_EQ(log.next_number(), 3u);
  EXPECT_EQ(log.find(1), nullptr);
  EXPECT_NE(log.find(2), nullptr);
  EXPECT_EQ(log.find(3), nullptr);
  EXPECT_EQ(acknowledge(log, ack({{0, 3}})), (std::vector<std::uint64_t>{2}));
}

TEST(SentLog, ARecordIsAcknowledgedOnceInOrderWhateverTheFrameRepeats) {
  sent_log log;
  for (int i = 0; i < 6; ++i) send(log, 10);
  EXPECT_EQ(acknowledge(log, ack({{4, 5}, {1, 3}})), (std::vector<std::uint64_t>{1, 2, 4}));
  EXPECT_EQ(log.in_flight(), 30u);
  EXPECT_EQ(log.oldest_number(), 0u);
  EXPECT_EQ(acknowledge(log, ack({{0, 5}})), (std::vector<std::uint64_t>{0, 3}));
  EXPECT_EQ(log.oldest_number(), 5u);
  EXPECT_TRUE(acknowledge(log, ack({{0, 5}})).empty());
  EXPECT_EQ(acknowledge(log, ack({{0, 6}})), (std::vector<std::uint64_t>{5}));
  EXPECT_TRUE(log.all_acknowledged());
  EXPECT_EQ(log.in_flight(), 0u);
}

TEST(SentLog, AnAcknowledgementOfWhatWasNeverSentIsAViolation) {
  sent_log log;
  send(log, 10);
  acknowledge(log, ack({{0, 2}}), errc::protocol_violation);
  acknowledge(log, ack({{1'000'000'000, 1'000'000'001}}), errc::protocol_violation);
  acknowledge(log, ack({}), errc::protocol_violation);
  log.add(record(10));  // built, and still in the batch
  acknowledge(log, ack({{1, 2}}), errc::protocol_violation);
  EXPECT_EQ(log.in_flight(), 10u);
  EXPECT_EQ(acknowledge(log, ack({{0, 1}})), (std::vector<std::uint64_t>{0}));
}

TEST(SentLog, WhatElicitsNothingIsForgottenOnceItIsWritten) {
  sent_log log;
  send(log, 10, false);
  EXPECT_TRUE(log.all_acknowledged());
  EXPECT_EQ(log.next_number(), 1u);
  send(log, 10);
  send(log, 10, false);
  EXPECT_FALSE(log.all_acknowledged());
  EXPECT_EQ(acknowledge(log, ack({{0, 3}})), (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(log.all_acknowledged());
}

TEST(SentLog, OpenRecordsAreVisitedInOrderWrittenOrNot) {
  sent_log log;
  for (std::uint32_t i = 0; i < 4; ++i) send(log, i + 1);
  log.add(record(5));
  acknowledge(log, ack({{1, 3}}));
  std::vector<std::uint32_t> sizes;
  log.each_open([&](const sent_record& r) { sizes.push_back(r.size); });
  EXPECT_EQ(sizes, (std::vector<std::uint32_t>{1, 4, 5}));
}

TEST(SentLog, AgreesWithAModelUnderAnyAcknowledgements) {
  seeded_random random(11);
  sent_log log;
  std::map<std::uint64_t, std::uint32_t> open;
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random.chance(1, 2)) {
      const auto size = static_cast<std::uint32_t>(1 + random.below(1000));
      const bool eliciting = random.chance(9, 10);
      send(log, size, eliciting);
      if (eliciting) open[next] = size;
      ++next;
    } else if (next > 0) {
      wire::path_ack a;
      auto high = next - random.below(std::min<std::uint64_t>(next, 30));
      while (high > 0 && a.count < 5) {
        const auto low = high - std::min(high, 1 + random.below(4));
        a.ranges[a.count++] = {low, high};
        if (low < 2) break;
        high = low - 1 - random.below(std::min<std::uint64_t>(low - 1, 5));
      }
      std::vector<std::uint64_t> expected;
      for (std::size_t i = a.count; i-- > 0;) {
        for (auto n = a.ranges[i].begin; n < a.ranges[i].end; ++n) {
          if (open.erase(n) > 0) expected.push_back(n);
        }
      }
      ASSERT_EQ(acknowledge(log, a), expected);
    }
    std::uint64_t flight = 0;
    for (const auto& [n, size] : open) flight += size;
    ASSERT_EQ(log.in_flight(), flight);
    ASSERT_EQ(log.oldest() == nullptr, open.empty());
    if (!open.empty()) {
      ASSERT_EQ(log.oldest(), log.find(open.begin()->first));
    }
    ASSERT_EQ(log.next_number(), next);
  }
}

}  // namespace
}  // namespace rendr::engine
