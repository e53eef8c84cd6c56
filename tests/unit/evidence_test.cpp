// SPDX-License-Identifier: Apache-2.0
#include "policy/evidence.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;

child_facts child(health state) {
  child_facts c;
  c.state = state;
  return c;
}

TEST(Evidence, TimesAreShortForPeople) {
  EXPECT_EQ(short_text(0ns), "0 ms");
  EXPECT_EQ(short_text(7ns), "7 ns");
  EXPECT_EQ(short_text(850us), "850 us");
  EXPECT_EQ(short_text(3400us), "3.4 ms");
  EXPECT_EQ(short_text(90ms), "90 ms");
  EXPECT_EQ(short_text(3s), "3 s");
  EXPECT_EQ(short_text(1250ms), "1.3 s");
  EXPECT_EQ(short_text(75s), "75 s");
  EXPECT_EQ(short_text(-90ms), "-90 ms");
  EXPECT_EQ(short_text(duration::max()), "forever");
}

TEST(Evidence, RatesAreShortForPeople) {
  EXPECT_EQ(rate_text(0), "0 B/s");
  EXPECT_EQ(rate_text(999), "999 B/s");
  EXPECT_EQ(rate_text(1'250), "1.2 kB/s");
  EXPECT_EQ(rate_text(31'000'000), "31 MB/s");
  EXPECT_EQ(rate_text(120'400'000), "120 MB/s");
  EXPECT_EQ(rate_text(~std::uint64_t{0}), "18446744073 GB/s");
}

TEST(Evidence, ExactTimesReadBack) {
  for (const duration value : {duration{0}, duration{1}, duration{1500ms}, duration{3s},
                               duration{2min}, duration{90min}, duration{1h}, duration::max()}) {
    const auto back = parse_duration(exact_text(value));
    ASSERT_TRUE(back) << exact_text(value);
    EXPECT_EQ(*back, value);
  }
  EXPECT_EQ(exact_text(1500ms), "1500ms");
  EXPECT_EQ(exact_text(120s), "2m");
}

TEST(Evidence, SaysWhatIsKnownAndWhatDiffers) {
  auto lte = child(health::usable);
  auto fiber = child(health::dead);
  EXPECT_EQ(describe({fiber, lte, 0s}, "fiber", "lte"), "lte usable, fiber dead");
  EXPECT_EQ(describe({{}, lte, 0s}, "", "lte"), "lte usable");
  EXPECT_EQ(describe({fiber, {}, 0s}, "fiber", ""), "fiber dead");
  EXPECT_EQ(describe({}, "", ""), "");
  lte.quality_known = true;
  lte.latency = 31ms;
  lte.jitter = 2500us;
  lte.loss_per_mille = 15;
  lte.eligible = false;
  fiber = lte;
  fiber.state = health::late;
  fiber.eligible = true;
  fiber.cost = 7;
  fiber.weight = 3;
  fiber.flaps = 2;
  EXPECT_EQ(describe({fiber, lte, 3s}, "fiber", "lte"),
            "lte 31 ms +-2.5 ms on probation loss 1.5 % cost 0 weight 1, "
            "fiber late 31 ms +-2.5 ms loss 1.5 % flaps 2 cost 7 weight 3, for 3 s");
}

}  // namespace
}  // namespace rendr::policy
