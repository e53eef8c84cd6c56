// SPDX-License-Identifier: Apache-2.0
#include "policy/bond.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/range_set.hpp"
#include "base/seeded_random.hpp"

namespace rendr::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mbit = 125'000;  // bytes per second
constexpr std::uint64_t kib = 1024;

child_facts measured(std::uint64_t rate, duration rtt, std::uint64_t queued = 0) {
  child_facts c;
  c.state = health::usable;
  c.measured = true;
  c.srtt = c.min_rtt = rtt;
  c.rate = rate;
  c.queued = queued;
  return c;
}

bond_decision ask(std::vector<child_facts> children, std::size_t child, std::uint64_t backlog,
                  std::uint64_t size, bool again = false) {
  return decide({child, backlog, size, again}, children);
}

// ---- single decisions ----

TEST(Bond, AShortMessageWaitsForTheFastChild) {
  const std::vector children{measured(50 * mbit, 20ms), measured(10 * mbit, 100ms)};
  const auto slow = ask(children, 1, 10'000, 10'000);
  EXPECT_EQ(slow.take, 0u);
  EXPECT_EQ(slow.reason, bond_reason::others_sooner);
  EXPECT_GE(slow.after, 2ms);
  EXPECT_LE(slow.after, 100ms);
  const auto fast = ask(children, 0, 10'000, 10'000);
  EXPECT_EQ(fast.take, 10'000u);
  EXPECT_EQ(fast.reason, bond_reason::fastest);
}

TEST(Bond, AShortMessageWaitsForTheFastChildBehindItsQueue) {
  // 20 ms of queue and 10 ms of way are still sooner than 50 ms of way.
  const std::vector children{measured(50 * mbit, 20ms, 125'000), measured(10 * mbit, 100ms)};
  EXPECT_EQ(ask(children, 1, 10'000, 10'000).reason, bond_reason::others_sooner);
}

TEST(Bond, AMessageGoesToTheOtherChildWhenTheQueueOfTheFastOneIsLonger) {
  const std::vector children{measured(50 * mbit, 20ms, 600'000), measured(10 * mbit, 100ms)};
  const auto slow = ask(children, 1, 10'000, 10'000);
  EXPECT_EQ(slow.take, 10'000u);
  EXPECT_EQ(slow.reason, bond_reason::fastest);
}

TEST(Bond, WithALargeBacklogBothTake) {
  const std::vector children{measured(50 * mbit, 20ms), measured(10 * mbit, 100ms)};
  EXPECT_EQ(ask(children, 0, 2'000'000, 25'000).take, 25'000u);
  const auto slow = ask(children, 1, 2'000'000, 5'000);
  EXPECT_EQ(slow.take, 5'000u);
  EXPECT_EQ(slow.reason, bond_reason::backlog);
}

TEST(Bond, TheSlowChildTakesWhatArrivesInOrder) {
  // Slow: 4 ms + 50 ms. Meanwhile the fast one delivers (54 - 10) ms of 6,250 B/ms.
  const std::vector children{measured(50 * mbit, 20ms), measured(10 * mbit, 100ms)};
  EXPECT_EQ(ask(children, 1, 2'000'000, 5'000).skip, 275'000u);
  EXPECT_EQ(ask(children, 0, 2'000'000, 5'000).skip, 0u);
}

TEST(Bond, WeightsAreNoShares) {
  auto heavy = measured(10 * mbit, 100ms);
  heavy.weight = 1000;
  EXPECT_EQ(ask({measured(50 * mbit, 20ms), heavy}, 1, 10'000, 10'000).take, 0u);
}

TEST(Bond, EqualChildrenNeverBothDecline) {
  const std::vector children{measured(50 * mbit, 20ms), measured(50 * mbit, 20ms)};
  EXPECT_EQ(ask(children, 0, 10'000, 10'000).take, 10'000u);
  EXPECT_EQ(ask(children, 1, 10'000, 10'000).take, 0u);
}

TEST(Bond, OfTheChildrenWithRoomTheFirstToDeliverIsNeverDeclined) {
  seeded_random random(11);
  for (int round = 0; round < 3000; ++round) {
    std::vector<child_facts> children(1 + random.below(5));
    for (auto& c : children) {
      c = measured(random.below(3) == 0 ? 0 : 1 + random.below(100 * mbit),
                   duration(random.below(200'000'000)), random.below(100'000));
      c.state = static_cast<health>(random.below(3));
    }
    const auto size = 1 + random.below(60 * kib);
    const auto backlog = size + random.below(1'000'000);
    bool someone = false;
    bool someone_full = false;
    for (std::size_t i = 0; i < children.size(); ++i) {
      const auto d = ask(children, i, backlog, size, random.below(2) == 0);
      someone = someone || d.take > 0;
      someone_full = someone_full || d.reason == bond_reason::full;
      ASSERT_LE(d.take + d.skip, backlog);
      ASSERT_EQ(d.take == 0, d.after > 0ns);
    }
    ASSERT_TRUE(someone || someone_full) << round;
  }
}

TEST(Bond, AChildHoldsAboutThreeRoundTripsAndThenIsFull) {
  const auto limit = in_flight_limit(measured(50 * mbit, 20ms), 25'000);
  EXPECT_EQ(limit, 3 * 125'000 + 62'500 + 16 * kib);
  const std::vector children{measured(50 * mbit, 20ms, limit)};
  const auto d = ask(children, 0, 1'000'000, 25'000);
  EXPECT_EQ(d.reason, bond_reason::full);
  EXPECT_EQ(d.after, 4ms);
  EXPECT_EQ(ask({measured(50 * mbit, 20ms, limit - 1)}, 0, 1'000'000, 25'000).take, 25'000u);
}

TEST(Bond, AColdChildHoldsAFirstWindowHoweverFastItWas) {
  auto c = measured(50 * mbit, 20ms);
  c.cold = true;
  EXPECT_EQ(in_flight_limit(c, 1'200), 16 * kib);
  c.queued = 16 * kib;
  EXPECT_EQ(ask({c}, 0, 1'000'000, 1'200).reason, bond_reason::full);
}

TEST(Bond, TheLimitFollowsTheRoundTripWithoutItsOwnQueue) {
  auto c = measured(10 * mbit, 100ms);
  const auto limit = in_flight_limit(c, 5'000);
  c.srtt = 400ms;
  EXPECT_EQ(in_flight_limit(c, 5'000), limit);
  c.min_rtt = 0ms;
  EXPECT_GT(in_flight_limit(c, 5'000), limit);
}

TEST(Bond, AnUnmeasuredChildTakesASmallProbeWhenMuchWaits) {
  const std::vector children{measured(50 * mbit, 20ms), measured(0, 100ms)};
  const auto d = ask(children, 1, 2'000'000, 8'000);
  EXPECT_EQ(d.take, 8'000u);
  EXPECT_EQ(d.reason, bond_reason::probe);
  const std::vector probed{measured(50 * mbit, 20ms), measured(0, 100ms, 16 * kib)};
  EXPECT_EQ(ask(probed, 1, 2'000'000, 8'000).reason, bond_reason::full);
}

TEST(Bond, UnmeasuredIsNotFast) {
  const std::vector children{measured(50 * mbit, 20ms), measured(0, 0ms)};
  EXPECT_EQ(ask(children, 1, 10'000, 10'000).reason, bond_reason::others_sooner);
}

TEST(Bond, AnUnmeasuredChildAloneTakes) {
  EXPECT_EQ(ask({measured(0, 0ms)}, 0, 10'000, 10'000).reason, bond_reason::fastest);
}

TEST(Bond, SuspectAndDeadChildrenNeverTakeWhileAnotherIsBetter) {
  for (const auto state : {health::suspect, health::dead, health::absent}) {
    for (const auto other : {health::usable, health::late}) {
      auto bad = measured(50 * mbit, 20ms);
      bad.state = state;
      auto good = measured(1 * mbit, 200ms);
      good.state = other;
      const auto d = ask({bad, good}, 0, 2'000'000, 10'000);
      EXPECT_EQ(d.take, 0u);
      EXPECT_EQ(d.after, duration::max());
      EXPECT_EQ(d.reason, state == health::suspect ? bond_reason::suspect : bond_reason::unusable);
      EXPECT_EQ(ask({bad, good}, 1, 10'000, 10'000).take, 10'000u);
    }
  }
}

TEST(Bond, ARestedChildTakesOnlyWhileNoOtherInGoodHealthCan) {
  auto rested = measured(50 * mbit, 20ms);
  rested.rested = true;
  auto other = measured(1 * mbit, 200ms);
  const auto d = ask({rested, other}, 0, 2'000'000, 10'000);
  EXPECT_EQ(d.reason, bond_reason::rested);
  EXPECT_EQ(d.after, duration::max());
  EXPECT_EQ(ask({rested, other}, 1, 10'000, 10'000).reason, bond_reason::fastest);
  for (const auto state : {health::suspect, health::dead, health::absent}) {
    other.state = state;
    EXPECT_EQ(ask({rested, other}, 0, 10'000, 10'000).reason, bond_reason::fastest);
  }
  EXPECT_EQ(ask({rested, rested}, 1, 2'000'000, 10'000).take, 10'000u);
}

TEST(Bond, WhenEveryChildIsSuspectTheyStillTakeUpToTheirLimit) {
  auto suspect = measured(50 * mbit, 20ms);
  suspect.state = health::suspect;
  auto dead = measured(50 * mbit, 20ms);
  dead.state = health::dead;
  EXPECT_EQ(ask({suspect, dead}, 0, 10'000, 10'000).reason, bond_reason::all_suspect);
  suspect.queued = 1'000'000;
  EXPECT_EQ(ask({suspect, dead}, 0, 10'000, 10'000).reason, bond_reason::full);
}

TEST(Bond, ALateChildIsCountedOneRoundTripLater) {
  auto late = measured(50 * mbit, 100ms);
  late.state = health::late;
  const std::vector children{late, measured(50 * mbit, 120ms)};
  EXPECT_EQ(ask(children, 0, 10'000, 10'000).reason, bond_reason::others_sooner);
  EXPECT_EQ(ask(children, 1, 10'000, 10'000).reason, bond_reason::fastest);
}

TEST(Bond, WhatMustBeSentAgainGoesToTheChildThatDeliversItFirst) {
  const std::vector children{measured(50 * mbit, 20ms), measured(10 * mbit, 100ms)};
  EXPECT_EQ(ask(children, 1, 2'000'000, 5'000, true).reason, bond_reason::others_sooner);
  EXPECT_EQ(ask(children, 0, 2'000'000, 5'000, true).take, 5'000u);
}

TEST(Bond, NothingWaitsAndNobodyAsks) {
  EXPECT_EQ(ask({measured(mbit, 20ms)}, 0, 0, 10'000).reason, bond_reason::nothing);
  EXPECT_EQ(ask({measured(mbit, 20ms)}, 1, 10'000, 10'000).reason, bond_reason::unusable);
  EXPECT_EQ(ask({}, 0, 10'000, 10'000).reason, bond_reason::unusable);
}

TEST(Bond, ExtremeFactsOverflowNothing) {
  const auto top = ~std::uint64_t{0};
  std::vector<child_facts> children(1024, measured(top, duration::max(), top));
  children[1] = measured(1, duration::max(), top);
  for (const auto child : {0u, 1u, 2u}) {
    EXPECT_GE(completion_time(children[child], top), 0ns);
    EXPECT_GE(ask(children, child, top, top).after, 0ns);
  }
}

TEST(Bond, EveryReasonHasAWordAndASentence) {
  std::set<std::string_view> seen;
  for (auto r = bond_reason::fastest; r <= bond_reason::others_sooner;
       r = static_cast<bond_reason>(static_cast<int>(r) + 1)) {
    EXPECT_NE(name(r), "unknown");
    EXPECT_NE(to_string(r), "unknown");
    EXPECT_TRUE(seen.insert(name(r)).second);
  }
}

// ---- whole transfers over ideal pipes, in virtual time ----

struct pipe_model {
  std::uint64_t rate;
  duration rtt;
  duration stall_every{0};  // no acknowledgement passes during `stall` at the start of each period
  duration stall{0};
};

// One sender with a send buffer that frees in order, pipes that serve in order at their rate, an
// estimator of rate and RTT from acknowledgements alone, and a bond between them.
class transfer {
 public:
  transfer(std::vector<pipe_model> models, std::uint64_t buffer, bool obey_skip)
      : buffer_(buffer), obey_skip_(obey_skip) {
    for (const auto& m : models) pipes_.emplace_back().model = m;
    for (auto& p : pipes_) {
      p.facts.state = health::usable;
      p.facts.measured = true;
      p.facts.srtt = p.facts.min_rtt = p.model.rtt;  // known from the attach
    }
  }

  // Offers `total` bytes and runs until they are delivered or `end`.
  void run(std::uint64_t more, duration end) {
    total_ += more;
    offer();
    pull();
    while (!events_.empty() && delivered_.size() < total_) {
      const auto at = events_.begin()->first;
      if (at > end) break;
      now_ = at;
      const auto next = events_.begin()->second;
      events_.erase(events_.begin());
      handle(next);
      pull();
    }
  }

  // Lets every acknowledgement arrive.
  void settle() {
    while (!events_.empty()) {
      now_ = events_.begin()->first;
      const auto next = events_.begin()->second;
      events_.erase(events_.begin());
      handle(next);
    }
  }

  duration now() const { return now_; }
  // Bytes that the application had, in order, by `at`.
  std::uint64_t delivered_by(duration at) const {
    auto it = progress_.upper_bound(at);
    return it == progress_.begin() ? 0 : std::prev(it)->second;
  }
  std::uint64_t sent_on(std::size_t i) const { return pipes_[i].sent; }
  // The most that the receiver held back because earlier bytes were missing.
  std::uint64_t most_out_of_order() const { return most_out_of_order_; }

 private:
  struct record {
    range bytes;
    duration sent_at;
    std::uint64_t delivered_then;
  };
  struct pipe {
    pipe_model model;
    child_facts facts;
    std::deque<record> flight;
    std::deque<std::pair<duration, std::uint64_t>> samples;
    duration free_at{0};
    duration last_ack{0};
    duration question = duration::max();
    std::uint64_t sent = 0;
    std::uint64_t acked = 0;
  };
  enum class kind { arrival, ack, ask };
  struct event {
    kind what;
    std::size_t pipe;
    range bytes;
  };

  void offer() {
    const auto low = acked_.empty() || acked_.front().begin > 0 ? 0 : acked_.front().end;
    const auto high = std::min(total_, low + buffer_);
    if (high > offered_) waiting_.add({offered_, high});
    offered_ = std::max(offered_, high);
  }

  static std::uint64_t record_size(const pipe& p) {
    return std::clamp<std::uint64_t>(p.facts.rate / 250, 1200, 60 * kib);
  }

  void pull() {
    bool any = true;
    while (any && !waiting_.empty()) {
      any = false;
      for (std::size_t i = 0; i < pipes_.size(); ++i) any = pull(i) || any;
    }
  }

  bool pull(std::size_t i) {
    std::vector<child_facts> facts;
    for (const auto& p : pipes_) facts.push_back(p.facts);
    const auto d = decide({i, waiting_.size(), record_size(pipes_[i]), false}, facts);
    if (d.take == 0) {
      auto& question = pipes_[i].question;
      if (d.after < 1s && now_ + d.after < question) {
        question = now_ + d.after;
        events_.insert({question, {kind::ask, i, {}}});
      }
      return false;
    }
    send(i, choose(d.take, obey_skip_ ? d.skip : 0));
    return true;
  }

  range choose(std::uint64_t take, std::uint64_t skip) {
    for (const auto& r : waiting_.ranges()) {
      if (skip >= r.size()) {
        skip -= r.size();
        continue;
      }
      const range out{r.begin + skip, std::min(r.end, r.begin + skip + take)};
      waiting_.remove(out);
      return out;
    }
    const auto last = waiting_.back();
    const range out{last.end - std::min(take, last.size()), last.end};
    waiting_.remove(out);
    return out;
  }

  void send(std::size_t i, range r) {
    auto& p = pipes_[i];
    p.flight.push_back({r, now_, p.acked});
    p.facts.queued += r.size();
    p.sent += r.size();
    p.free_at = std::max(p.free_at, now_) + duration(r.size() * 1'000'000'000 / p.model.rate);
    const auto arrival = p.free_at + p.model.rtt / 2;
    auto ack = arrival + p.model.rtt / 2;
    if (p.model.stall > 0ns) {
      const auto into = ack % p.model.stall_every;
      if (into < p.model.stall) ack += p.model.stall - into;
    }
    p.last_ack = std::max(p.last_ack, ack);
    events_.insert({arrival, {kind::arrival, i, r}});
    events_.insert({p.last_ack, {kind::ack, i, r}});
  }

  void handle(const event& e) {
    if (e.what == kind::ask) {
      pipes_[e.pipe].question = duration::max();
      return;
    }
    if (e.what == kind::arrival) {
      delivered_.add(e.bytes);
      const auto in_order = delivered_.front().begin == 0 ? delivered_.front().end : 0;
      most_out_of_order_ = std::max(most_out_of_order_, delivered_.size() - in_order);
      progress_[now_] = in_order;
      return;
    }
    acknowledge(pipes_[e.pipe]);
    acked_.add(e.bytes);
    offer();
  }

  void acknowledge(pipe& p) {
    const auto r = p.flight.front();
    p.flight.pop_front();
    p.acked += r.bytes.size();
    p.facts.queued -= r.bytes.size();
    const auto rtt = now_ - r.sent_at;
    p.facts.srtt = (7 * p.facts.srtt + rtt) / 8;
    p.facts.min_rtt = std::min(p.facts.min_rtt, rtt);
    const auto ns = static_cast<std::uint64_t>(rtt.count());
    // After a stall the waiting acknowledgements come at once: the sample spans the flight.
    p.samples.emplace_back(now_, (p.acked - r.delivered_then) * 1'000'000'000 / ns);
    while (p.samples.front().first < now_ - 1s) p.samples.pop_front();
    p.facts.rate = 0;
    for (const auto& s : p.samples) p.facts.rate = std::max(p.facts.rate, s.second);
  }

  std::vector<pipe> pipes_;
  std::uint64_t buffer_;
  bool obey_skip_;
  std::uint64_t total_ = 0;
  std::uint64_t offered_ = 0;
  range_set waiting_, acked_, delivered_;
  std::multimap<duration, event> events_;
  std::map<duration, std::uint64_t> progress_;
  std::uint64_t most_out_of_order_ = 0;
  duration now_{0};
};

struct bulk_case {
  const char* name;
  std::vector<pipe_model> pipes;
  std::uint64_t smallest_buffer = 2048 * kib;
};

const std::vector<bulk_case> bulk_cases{
    {"2 x 50 Mbit/s at 20 ms", {{50 * mbit, 20ms}, {50 * mbit, 20ms}}},
    {"50 + 10 Mbit/s at 20 and 100 ms", {{50 * mbit, 20ms}, {10 * mbit, 100ms}}},
    {"50 + 50 Mbit/s at 20 and 80 ms", {{50 * mbit, 20ms}, {50 * mbit, 80ms}}},
    {"50 + 10 Mbit/s, the slow one stalls 100 ms each second",
     {{50 * mbit, 20ms}, {10 * mbit, 100ms, 1s, 100ms}}},
    {"50 + 10 + 2 Mbit/s at 20, 100 and 300 ms",
     {{50 * mbit, 20ms}, {10 * mbit, 100ms}, {2 * mbit, 300ms}},
     4096 * kib},  // less does not span a round trip of the slowest
};

TEST(BondTransfer, BulkReaches96PercentOfTheSum) {
  for (const auto& c : bulk_cases) {
    for (auto buffer = 4096 * kib; buffer >= c.smallest_buffer; buffer /= 2) {
      for (const bool obey_skip : {false, true}) {
        transfer t(c.pipes, buffer, obey_skip);
        t.run(400'000'000, 8s);
        std::uint64_t sum = 0;
        for (const auto& p : c.pipes) sum += p.rate;
        const auto got = t.delivered_by(8s) - t.delivered_by(3s);
        const auto permille = got * 200 / sum;
        std::cout << c.name << (obey_skip ? ", in order" : "") << ", buffer " << buffer / kib
                  << " KiB: " << permille / 10 << '.' << permille % 10
                  << " %, out of order at most " << t.most_out_of_order() / kib << " KiB\n";
        // An engine that takes what lies behind the skipped bytes, as ours does, loses nothing.
        EXPECT_GE(permille, obey_skip ? 990u : 950u) << c.name;
        for (std::size_t i = 0; i < c.pipes.size(); ++i) EXPECT_GT(t.sent_on(i), 0u);
      }
    }
  }
}

// The slack: a record of 4 ms is the unit of assignment.
TEST(BondTransfer, AMessageTakesNoLongerThanOnTheBestChildAlone) {
  for (const auto& c : bulk_cases) {
    if (c.pipes[1].stall > 0ns) continue;
    for (const std::uint64_t size : {200u, 1'000u, 20'000u, 100'000u, 400'000u, 2'000'000u}) {
      transfer t(c.pipes, 4096 * kib, false);
      t.run(20'000'000, 60s);  // rates become known
      t.settle();
      auto best = duration::max();
      for (const auto& p : c.pipes) {
        best = std::min(best, duration(size * 1'000'000'000 / p.rate) + p.rtt / 2);
      }
      const auto begin = t.now();
      t.run(size, begin + 60s);
      EXPECT_LE((t.now() - begin).count(), (best + 4ms).count()) << c.name << ", " << size;
    }
  }
}

TEST(BondTransfer, AShortMessageNeverUsesTheSlowPath) {
  transfer t({{50 * mbit, 20ms}, {10 * mbit, 100ms}}, 4096 * kib, false);
  t.run(20'000'000, 60s);
  for (int i = 0; i < 50; ++i) {
    t.settle();
    const auto before = t.sent_on(1);
    t.run(10'000, t.now() + 1s);
    EXPECT_EQ(t.sent_on(1), before);
  }
}

}  // namespace
}  // namespace rendr::policy
