// SPDX-License-Identifier: Apache-2.0
// Which bytes of a late or suspect path go by which others.
#include "engine/path/rescuer.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "engine/path/liveness.hpp"
#include "support/path_stages.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);
constexpr std::uint64_t piece = defaults::record_min;  // that goes at once by a path that was idle

/// Flows of which the test says what the receiver has.
struct fake_flows final : rescue_flows {
  std::map<std::uint64_t, range_set> arrived;
  std::map<std::uint64_t, std::uint64_t> packet_size;  ///< of flows of packets, all alike
  std::map<std::uint64_t, spec_id> bound_to;           ///< flows whose graph has one leaf alone

  range_set lacking(std::uint64_t flow, range r) const override {
    range_set out;
    out.add(r);
    const auto it = arrived.find(flow);
    if (it == arrived.end()) return out;
    out.remove(it->second);
    return out;
  }
  std::uint64_t acknowledged(std::uint64_t flow) const override {
    const auto it = arrived.find(flow);
    if (it == arrived.end() || it->second.empty() || it->second.front().begin != 0) return 0;
    return it->second.front().end;
  }
  range beginning(std::uint64_t flow, range r, std::uint64_t most) const override {
    const auto it = packet_size.find(flow);
    if (it != packet_size.end()) most = std::max(most / it->second, std::uint64_t{1}) * it->second;
    return {r.begin, std::min(r.end, r.begin + most)};
  }
  bool goes_by(std::uint64_t flow, spec_id leaf) const override {
    const auto it = bound_to.find(flow);
    return it == bound_to.end() || it->second == leaf;
  }
};

/// A path with records under way, and others that live.
class stage {
 public:
  stage() { source.life = life_at(path_stage::standby); }

  path& other(std::string_view its_fate = {}, duration rtt = 20ms,
              path_stage at = path_stage::standby) {
    auto& p = others_.emplace_back();
    p.carrier = carrier_id{others_.size()};
    p.leaf = static_cast<spec_id>(others_.size());
    p.life = life_at(at);
    p.rtt.sample(rtt, now);
    facts_.push_back({&p, its_fate});
    return p;
  }
  /// One record of one range; its carrier took it at `now`.
  sent_record& sent(std::uint64_t flow, range r, bool taken = true) {
    sent_record record;
    record.size = static_cast<std::uint32_t>(r.size()) + 40;
    record.eliciting = true;
    record.ranges.push_back({flow, r});
    wire_ += record.size;
    record.wire_end = wire_;
    auto& made = source.sent.add(std::move(record));
    if (taken) source.sent.transmitted(made, now, {});
    return made;
  }
  rescue_facts facts() const {
    rescue_facts out{now, facts_, fate, nullptr};
    for (const auto& one : facts_) {
      if (out.quickest == nullptr || one.to->rtt.smoothed() < out.quickest->rtt.smoothed())
        out.quickest = one.to;
    }
    return out;
  }
  rescuer::outcome overdue() { return room.overdue(source, facts(), flows); }
  rescuer::outcome suspected() {
    source.life = life_at(path_stage::suspect, now);
    return room.suspected(source, facts(), flows);
  }
  rescuer::outcome copy_more() { return room.copy_more(source, facts(), flows); }

  /// The ranges that wait on `p`, in order.
  static std::vector<std::pair<std::uint64_t, range>> waiting(path& p) {
    std::vector<std::pair<std::uint64_t, range>> out;
    for (; !p.copies.empty(); p.copies.pop())
      out.emplace_back(p.copies.front().flow, p.copies.front().bytes);
    return out;
  }

  instant now = t0;
  std::string_view fate;
  path source;
  fake_flows flows;
  rescuer room;

 private:
  std::deque<path> others_;
  std::vector<rescue_facts::way> facts_;
  std::uint64_t wire_ = 0;
};

using copies = std::vector<std::pair<std::uint64_t, range>>;

// --- a path that is late

TEST(rescuer, the_head_that_is_overdue_goes_by_another_path_piece_by_piece) {
  stage s;
  auto& other = s.other();
  s.sent(1, {0, 3 * piece});
  s.now += 10s;
  auto out = s.overdue();
  EXPECT_EQ(stage::waiting(other), (copies{{1, {0, piece}}}));
  ASSERT_EQ(out.steps.size(), 1u);
  EXPECT_EQ(std::get<carrier_id>(out.steps[0]), other.carrier);
  EXPECT_TRUE(out.lost.empty()) << "it is late, not lost";
  out = s.overdue();
  EXPECT_TRUE(stage::waiting(other).empty()) << "nothing has arrived since";
  s.flows.arrived[1].add({0, piece});
  s.room.sent(s.now, 100 * piece);
  s.overdue();
  EXPECT_EQ(stage::waiting(other), (copies{{1, {piece, 2 * piece}}}));
}

TEST(rescuer, what_is_not_overdue_waits_until_it_is) {
  stage s;
  auto& other = s.other();
  const auto& record = s.sent(1, {0, 100});
  s.now += 1ms;
  EXPECT_EQ(s.overdue().again, record_deadline(s.source, record));
  EXPECT_TRUE(stage::waiting(other).empty());
}

TEST(rescuer, what_arrived_by_another_path_is_not_sent_again) {
  stage s;
  auto& other = s.other();
  s.sent(1, {0, 100});
  s.now += 10s;
  s.flows.arrived[1].add({0, 100});
  s.overdue();
  EXPECT_TRUE(stage::waiting(other).empty());
}

TEST(rescuer, control_of_a_record_that_is_overdue_is_asked_for_again_once_and_before_its_bytes) {
  stage s;
  s.other();
  s.sent(1, {0, 100}).controls.push_back({control::max_data, 5, 7});
  s.now += 10s;
  const auto out = s.overdue();
  ASSERT_EQ(out.steps.size(), 2u);
  EXPECT_EQ(std::get<sent_control>(out.steps[0]).key, 5u);
  EXPECT_TRUE(std::holds_alternative<carrier_id>(out.steps[1]));
  for (const auto& step : s.overdue().steps)
    EXPECT_FALSE(std::holds_alternative<sent_control>(step));
}

TEST(rescuer, without_another_path_it_is_tried_again_soon) {
  stage s;
  s.sent(1, {0, 100});
  s.now += 10s;
  const auto out = s.overdue();
  EXPECT_TRUE(out.steps.empty());
  EXPECT_EQ(out.again,
            s.now + std::max<duration>(s.source.rtt.smoothed() / 2, defaults::deadline_floor));
}

TEST(rescuer, the_meter_stops_copies_of_what_is_late) {
  stage s;
  auto& other = s.other();
  for (std::uint64_t flow = 1; flow <= 5; ++flow) s.sent(flow, {0, piece});
  s.now += 10s;
  s.overdue();
  EXPECT_EQ(stage::waiting(other).size(), 1u) << "one small record's worth is always allowed";
}

TEST(rescuer, while_the_kernel_repairs_a_loss_only_the_head_goes) {
  stage s;
  auto& other = s.other();
  s.room.sent(s.now, 1'000'000);
  s.sent(1, {0, 100});
  s.sent(2, {0, 100});
  s.source.recovering = true;
  s.now += 10s;
  s.overdue();
  EXPECT_EQ(stage::waiting(other), (copies{{1, {0, 100}}}));
  s.flows.arrived[1].add({0, 100});
  s.source.recovering = false;
  s.overdue();
  EXPECT_EQ(stage::waiting(other), (copies{{2, {0, 100}}}));
}

TEST(rescuer, of_packets_whole_ones_go) {
  stage s;
  auto& other = s.other();
  s.flows.packet_size[1] = 500;
  s.sent(1, {0, 3000});
  s.now += 10s;
  s.overdue();
  EXPECT_EQ(stage::waiting(other), (copies{{1, {0, 1000}}}));
}

// --- where copies go

TEST(rescuer, a_copy_goes_by_the_quickest_path_that_is_not_late) {
  stage s;
  auto& quick_but_late = s.other({}, 5ms, path_stage::late);
  auto& slow = s.other({}, 80ms);
  auto& good = s.other({}, 20ms);
  s.sent(1, {0, 100});
  s.now += 10s;
  s.overdue();
  EXPECT_TRUE(quick_but_late.copies.empty());
  EXPECT_TRUE(slow.copies.empty());
  EXPECT_FALSE(good.copies.empty());
}

TEST(rescuer, a_path_of_the_same_fate_comes_last) {
  stage s;
  s.fate = "dsl";
  auto& quick = s.other("dsl", 5ms);
  auto& late = s.other("lte", 80ms, path_stage::late);
  s.sent(1, {0, 100});
  s.now += 10s;
  s.overdue();
  EXPECT_TRUE(quick.copies.empty());
  EXPECT_FALSE(late.copies.empty());
}

TEST(rescuer, two_copies_go_by_paths_that_do_not_share_a_fate) {
  stage s;
  auto& first = s.other("lte", 5ms);
  auto& same = s.other("lte", 10ms);
  auto& apart = s.other("sat", 80ms);
  s.sent(1, {0, 100});
  s.suspected();
  EXPECT_FALSE(first.copies.empty());
  EXPECT_TRUE(same.copies.empty());
  EXPECT_FALSE(apart.copies.empty());
}

TEST(rescuer, a_copy_goes_where_the_graph_of_its_flow_leads) {
  stage s;
  auto& quick = s.other({}, 5ms);
  auto& slow = s.other({}, 80ms);
  s.flows.bound_to[1] = slow.leaf;
  s.sent(1, {0, 100});
  s.now += 10s;
  s.overdue();
  EXPECT_TRUE(quick.copies.empty());
  EXPECT_FALSE(slow.copies.empty());
}

// --- a path that is suspect

TEST(rescuer, of_a_suspect_path_the_head_goes_by_two_others_and_all_else_goes_another_way) {
  stage s;
  auto& a = s.other({}, 5ms);
  auto& b = s.other({}, 10ms);
  auto& c = s.other({}, 15ms);
  auto& first = s.sent(1, {0, 500});
  auto& second = s.sent(1, {500, 900});
  const auto out = s.suspected();
  EXPECT_EQ(stage::waiting(b), (copies{{1, {0, 500}}}));
  EXPECT_EQ(stage::waiting(a).front(), (copies::value_type{1, {0, 500}}));
  EXPECT_TRUE(c.copies.empty());
  EXPECT_EQ(out.lost, (std::vector{&first, &second}));
  EXPECT_TRUE(first.requeued);
  EXPECT_EQ(s.source.copies.more_at(), never) << "its reserve paid for all of it";
}

TEST(rescuer, what_a_suspect_path_was_to_send_out_of_turn_is_dropped_there) {
  stage s;
  s.other();
  s.source.copies.add(9, {0, 10});
  s.suspected();
  EXPECT_TRUE(s.source.copies.empty());
}

TEST(rescuer, what_waits_in_our_own_kernel_goes_ahead_too) {
  stage s;
  auto& other = s.other();
  s.sent(1, {0, 500});
  const auto& half = s.sent(1, {500, 1000});
  s.source.on_wire = half.wire_end - 100;
  s.suspected();
  EXPECT_EQ(stage::waiting(other), (copies{{1, {0, 500}}, {1, {900, 1000}}}));
}

TEST(rescuer, a_second_suspicion_in_the_window_copies_by_the_meter_and_the_rest_after_a_second) {
  stage s;
  s.other();
  s.source.copies.reserve(s.now, 0);
  s.sent(1, {0, 1000});
  s.sent(1, {1000, 3000});
  s.sent(1, {3000, 5000}, false);
  auto out = s.suspected();
  EXPECT_EQ(out.lost.size(), 1u) << "the meter allows one small record";
  const auto more_at = s.source.copies.more_at();
  EXPECT_GT(more_at, s.now);
  EXPECT_LE(more_at, s.now + defaults::death_min);
  s.now += defaults::death_min;
  out = s.copy_more();
  EXPECT_EQ(out.lost.size(), 2u) << "no false alarm lasts as long";
  EXPECT_EQ(s.source.copies.more_at(), never);
}

TEST(rescuer, what_its_carrier_did_not_take_is_no_second_copy) {
  stage s;
  s.other();
  s.source.copies.reserve(s.now, 0);
  s.sent(1, {0, 5000}, false);
  EXPECT_EQ(s.suspected().lost.size(), 1u);
}

// --- a hole

TEST(rescuer, a_hole_goes_by_another_path_than_the_one_that_has_it) {
  stage s;
  auto& holder = s.other({}, 5ms);
  auto& other = s.other({}, 80ms);
  const auto out = s.room.fill(1, {100, 300}, holder, s.facts(), s.flows);
  EXPECT_TRUE(holder.copies.empty());
  EXPECT_EQ(stage::waiting(other), (copies{{1, {100, 300}}}));
  EXPECT_EQ(out.steps.size(), 1u);
}

}  // namespace
}  // namespace rendr::engine
