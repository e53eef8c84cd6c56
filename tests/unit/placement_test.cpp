// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/placement.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/seeded_random.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t paths = 5;

policy::graph parse(const std::string& text) {
  std::vector<policy::leaf_info> leaves;
  for (std::size_t i = 0; i < paths; ++i) {
    leaves.push_back({std::string(1, static_cast<char>('a' + i)), 1, std::nullopt});
  }
  auto g = policy::parse_graph(text, leaves);
  EXPECT_TRUE(g) << text;
  return std::move(*g);
}

std::vector<policy::child_facts> all_good() {
  policy::child_facts good;
  good.state = policy::health::usable;
  good.measured = true;
  good.srtt = good.min_rtt = 20ms;
  good.rttvar = 1ms;
  good.rate = 1'000'000;
  return std::vector<policy::child_facts>(paths, good);
}

struct placed {
  explicit placed(const std::string& text) : root(parse(text), 1), place(root) { health({}); }

  void health(const std::map<char, policy::health>& states) {
    auto facts = all_good();
    for (const auto& [name, state] : states)
      facts[static_cast<std::size_t>(name - 'a')].state = state;
    root.update({}, facts);
    place.settle(root);
  }
  policy::node_id leaf(char name) { return root.places(static_cast<std::uint32_t>(name - 'a'))[0]; }
  range pull(char name, std::uint64_t limit = 1000) {
    duration retry = duration::max();
    return place.pull(root, leaf(name), limit, now, retry);
  }

  root_target root;
  placement place;
  instant now{};
};

TEST(Placement, WhileASelectorHandsOverOneOfTwoChildrenTakes) {
  placed w("selector(a, b)");
  w.place.offer({0, 10'000});
  EXPECT_EQ(w.pull('a'), (range{0, 1000}));
  w.root.select(w.now, 0, 1);
  EXPECT_TRUE(w.pull('a').empty()) << "the new one takes";
  EXPECT_EQ(w.pull('b'), (range{1000, 2000}));
  auto facts = all_good();
  facts[1].blocked = true;
  w.root.refresh(facts);
  EXPECT_TRUE(w.pull('b').empty());
  EXPECT_EQ(w.pull('a'), (range{2000, 3000}));
  w.place.lost(w.root, w.leaf('a'), {2000, 3000});
  w.root.refresh(all_good());
  EXPECT_TRUE(w.pull('a').empty());
  EXPECT_EQ(w.pull('b'), (range{2000, 3000})) << "what was lost there goes by the new one";
}

TEST(Placement, ASelectorGivesToItsCurrentChildAlone) {
  placed p("selector(a, b)");
  p.place.offer({0, 100});
  EXPECT_TRUE(p.pull('b').empty());
  EXPECT_EQ(p.pull('a', 60), (range{0, 60}));
  EXPECT_EQ(p.pull('a', 60), (range{60, 100}));
  EXPECT_TRUE(p.pull('a').empty());
  EXPECT_FALSE(p.place.waiting());
}

TEST(Placement, ARaceGivesEverythingToEveryChild) {
  placed p("race(a, b, c)");
  p.place.offer({0, 100});
  EXPECT_EQ(p.pull('b', 100), (range{0, 100}));
  EXPECT_EQ(p.pull('a', 30), (range{0, 30}));
  p.place.acknowledged({0, 50});
  EXPECT_EQ(p.pull('a', 100), (range{50, 100})) << "what has arrived is not raced any more";
  EXPECT_EQ(p.pull('c', 100), (range{50, 100}));
}

TEST(Placement, OfARaceWithLateOneChildTakesWhateverTheirRecordsHold) {
  placed p("race(a, bond(b, c), late=20ms)");
  auto facts = all_good();
  facts[0].rate = 1'000;  // of a few small messages: a large record would take it seconds
  facts[1].srtt = facts[1].min_rtt = facts[2].srtt = facts[2].min_rtt = 160ms;
  p.root.update({}, facts);
  p.place.offer({0, 1});
  const auto taken = p.pull('a', 4000).size() + p.pull('b', 4000).size() + p.pull('c', 4000).size();
  EXPECT_EQ(taken, 1u) << "by one of them, and not by none";
}

TEST(Placement, WhatADyingChildHeldGoesToTheNextLowestFirst) {
  placed p("selector(a, b)");
  p.place.offer({0, 100});
  EXPECT_EQ(p.pull('a', 40), (range{0, 40}));
  EXPECT_EQ(p.pull('a', 40), (range{40, 80}));
  p.place.acknowledged({0, 10});
  p.health({{'a', policy::health::dead}});
  p.place.lost(p.root, p.leaf('a'), {40, 80});
  p.place.lost(p.root, p.leaf('a'), {0, 40});
  EXPECT_EQ(p.pull('b', 50), (range{10, 60}));
  EXPECT_EQ(p.pull('b', 50), (range{60, 80})) << "what was given before";
  EXPECT_EQ(p.pull('b', 50), (range{80, 100}));
}

TEST(Placement, TheLowestCompositeThatCanPlaceItDoes) {
  placed p("selector(race(a, b), c)");
  p.place.offer({0, 100});
  EXPECT_EQ(p.pull('a', 100), (range{0, 100}));
  p.health({{'a', policy::health::dead}});
  p.place.lost(p.root, p.leaf('a'), {0, 100});
  EXPECT_TRUE(p.pull('c').empty()) << "the race lives";
  EXPECT_EQ(p.pull('b', 100), (range{0, 100}));
  p.health({{'a', policy::health::dead}, {'b', policy::health::dead}});
  p.place.lost(p.root, p.leaf('b'), {0, 100});
  p.place.settle(p.root);
  EXPECT_EQ(p.pull('c', 100), (range{0, 100})) << "now it is over";
}

TEST(Placement, WithoutALivingLeafEverythingWaits) {
  placed p("bond(race(a, b), c)");
  p.place.offer({0, 100});
  EXPECT_FALSE(p.pull('c').empty() && p.pull('a').empty());
  const std::map<char, policy::health> dark{
      {'a', policy::health::dead}, {'b', policy::health::dead}, {'c', policy::health::dead}};
  p.health(dark);
  for (const char c : {'a', 'b', 'c'}) p.place.lost(p.root, p.leaf(c), {0, 100});
  p.place.settle(p.root);
  EXPECT_TRUE(p.place.waiting());
  EXPECT_EQ(p.place.unplaced().size(), 100u);
  p.health({{'a', policy::health::dead}, {'b', policy::health::dead}});
  EXPECT_EQ(p.pull('c', 100), (range{0, 100}));
}

// A random graph over the five paths; every composite has two or three children.
std::string random_graph(seeded_random& random, int depth, std::string& unused) {
  const auto leaf = [&] {
    const auto at = static_cast<std::size_t>(random.below(unused.size()));
    const std::string name(1, unused[at]);
    unused.erase(at, 1);
    return name;
  };
  if (depth == 0 || unused.size() < 3 || random.chance(1, 4)) return leaf();
  constexpr std::array kinds{"selector", "race", "bond"};
  std::string out = std::string(kinds[random.below(3)]) + "(";
  const auto children = 2 + random.below(2);
  for (std::uint64_t i = 0; i < children && !unused.empty(); ++i) {
    if (i > 0) out += ", ";
    out += random_graph(random, depth - 1, unused);
  }
  return out + ")";
}

// What each leaf has in hand, and what the peer has: kept beside the placement.
class model {
 public:
  explicit model(std::uint64_t seed) : random_(seed) {
    std::string unused = "abcde";
    text_ = random_graph(random_, 3, unused);
    root_ = root_target(parse(text_), 1);
    place_.emplace(root_);
    in_hand_.resize(root_.graph().size());
    states_ = all_good();
    set_health();
  }

  void run() {
    SCOPED_TRACE(text_);
    for (int step = 0; step < 400; ++step) {
      one_step();
      ASSERT_TRUE(nothing_is_lost()) << "step " << step;
    }
    for (auto& s : states_) s = all_good()[0];
    set_health();
    drain();
    EXPECT_EQ(acked_.size(), offered_) << text_;
    EXPECT_FALSE(place_->waiting());
  }

 private:
  void one_step() {
    switch (random_.below(5)) {
      case 0: {
        const auto more = 1 + random_.below(3000);
        place_->offer({offered_, offered_ + more});
        offered_ += more;
        return;
      }
      case 1:
      case 2:
        return pull(random_leaf());
      case 3:
        return acknowledge(random_leaf());
      default:
        break;
    }
    auto& s = states_[random_.below(paths)];
    s.state = random_.chance(1, 2) ? policy::health::usable
                                   : static_cast<policy::health>(random_.below(5));
    s.queued = random_.below(40'000);
    set_health();
  }

  policy::node_id random_leaf() {
    const auto leaves = root_.graph().leaves();
    return leaves[random_.below(leaves.size())];
  }

  bool lives(policy::node_id leaf) const {
    return states_[root_.graph()[leaf].leaf].state <= policy::health::late;
  }

  void pull(policy::node_id leaf) {
    if (!lives(leaf)) return;
    duration retry = duration::max();
    const auto r = place_->pull(root_, leaf, 1 + random_.below(1500), instant{}, retry);
    if (r.empty()) return;
    EXPECT_LE(r.end, offered_);
    EXPECT_FALSE(acked_.overlaps(r)) << "acknowledged bytes are not sent again";
    EXPECT_FALSE(in_hand_[leaf].overlaps(r)) << "a leaf never has a byte twice in hand";
    in_hand_[leaf].add(r);
  }

  void acknowledge(policy::node_id leaf) {
    auto& mine = in_hand_[leaf];
    if (mine.empty()) return;
    const auto r = mine.ranges()[random_.below(mine.ranges().size())];
    const range part{r.begin, r.begin + 1 + random_.below(r.size())};
    place_->acknowledged(part);
    acked_.add(part);
    for (auto& hand : in_hand_) hand.remove(part);
  }

  // As the link does: the selectors decide, dead leaves give back, the rest settles.
  void set_health() {
    root_.update({}, states_);
    for (const auto leaf : root_.graph().leaves()) {
      if (lives(leaf)) continue;
      for (const auto& r : in_hand_[leaf].ranges()) place_->lost(root_, leaf, r);
      in_hand_[leaf].clear();
    }
    place_->settle(root_);
  }

  // Everything unacknowledged waits somewhere or is in the hand of a leaf that lives.
  bool nothing_is_lost() const {
    range_set known = acked_;
    for (const auto& hand : in_hand_) known.add(hand);
    known.add(place_->unplaced());
    return known.size() == offered_ && (place_->waiting() || all_in_hand());
  }
  bool all_in_hand() const {
    range_set known = acked_;
    for (const auto& hand : in_hand_) known.add(hand);
    return known.size() == offered_;
  }

  // With every leaf good again everything can be pulled and acknowledged.
  void drain() {
    for (auto& s : states_) s.queued = 0;
    root_.refresh(states_);
    for (int round = 0; round < 20'000 && acked_.size() < offered_; ++round) {
      for (const auto leaf : root_.graph().leaves()) {
        pull(leaf);
        acknowledge(leaf);
      }
    }
  }

  seeded_random random_;
  std::string text_;
  root_target root_;
  std::optional<placement> place_;
  std::vector<policy::child_facts> states_;
  std::vector<range_set> in_hand_;
  range_set acked_;
  std::uint64_t offered_ = 0;
};

TEST(Placement, LosesNoByteWhateverHappensUnderRandomGraphs) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    model(seed).run();
    if (HasFailure()) return;
  }
}

TEST(Placement, UnderARaceEachLivingChildGetsAllThatIsNotAcknowledged) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    seeded_random random(seed);
    placed p("race(a, b, c)");
    std::map<char, range_set> got;
    std::uint64_t offered = 0;
    for (int step = 0; step < 200; ++step) {
      if (random.chance(1, 3)) {
        const auto more = 1 + random.below(500);
        p.place.offer({offered, offered + more});
        offered += more;
      }
      const auto who = static_cast<char>('a' + random.below(3));
      got[who].add(p.pull(who, 1 + random.below(300)));
    }
    for (const char who : {'a', 'b', 'c'}) {
      while (true) {
        const auto r = p.pull(who);
        if (r.empty()) break;
        got[who].add(r);
      }
      ASSERT_EQ(got[who].ranges(), (std::vector<range>{{0, offered}})) << who << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace rendr::engine
