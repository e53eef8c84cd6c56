// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/flow.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "engine/config.hpp"
#include "engine/record/record_writer.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t credit = 64 * 1024;
constexpr auto stream = wire::flow_kind::stream;
constexpr auto packets = wire::flow_kind::packet;

root_target one_path() {
  auto g = policy::parse_graph("a", std::vector<policy::leaf_info>{{"a", 1, std::nullopt}});
  EXPECT_TRUE(g);
  root_target root(std::move(*g), 1);
  policy::child_facts good;
  good.state = policy::health::usable;
  good.measured = true;
  good.rate = 1'000'000;
  root.update({}, std::vector<policy::child_facts>{good});
  return root;
}

class subject {
 public:
  explicit subject(bool incoming = false, wire::flow_kind kind = stream)
      : f(4, flow_id{}, kind, incoming, credit) {
    f.window().open(memory, credit);
    if (!incoming) f.begin({});
  }

  std::size_t write(std::string_view text) { return f.write(pool, as_bytes(text), room()); }
  // What one record of it carries then; it is kept until it is acknowledged or lost.
  sent_record& control() {
    record_writer w(out, pool, ++number_, 1200);
    EXPECT_TRUE(f.put_control(w));
    return keep(w);
  }
  sent_record& data(std::uint64_t limit = 1000) {
    f.offer(root);
    record_writer w(out, pool, ++number_, 1200);
    if (f.place() != nullptr) f.fill(root, 0, limit, w, {now, room()});
    return keep(w);
  }
  void send_all() {
    while (f.offer(root) || f.waiting()) data();
  }
  flow_effects acknowledge(range r) {
    f.acknowledge(r);
    return f.after_acknowledgement(root, room());
  }
  void arrive(const sent_record& record) {
    for (const auto& r : record.ranges) acknowledge(r.bytes);
    for (const auto& c : record.controls) f.acknowledged(c.what);
  }
  // All that is owed and written reaches the peer, which says so.
  void exchange() {
    arrive(control());
    f.offer(root);
    while (f.waiting()) arrive(data());
    arrive(control());
  }
  result<flow_effects> take_data(std::uint64_t offset, std::string_view text) {
    const auto slab = pool.allocate(text.size());
    std::memcpy(slab.data(), text.data(), text.size());
    return f.take(wire::data{4, offset, {slab.data(), text.size()}}, kept, slab);
  }
  std::string read() {
    bytes into(100);
    const auto got = f.read(into);
    EXPECT_TRUE(got);
    return got ? std::string(as_text(into).substr(0, got->size)) : "";
  }
  send_room room() { return {most, most, 1u << 30, &pool}; }

  slab_pool pool;
  budget memory{1u << 30};
  receive_memory kept{pool};
  root_target root = one_path();
  outbound out;
  std::size_t most = 1u << 20;
  instant now = instant{} + 100s;
  flow f;

 private:
  sent_record& keep(record_writer& w) {
    if (w.empty()) {
      w.cancel();
      return last_ = sent_record{};
    }
    return last_ = w.finish();
  }
  std::uint64_t number_ = 0;
  sent_record last_;
};

std::vector<control> kinds(const sent_record& record) {
  std::vector<control> out;
  for (const auto& c : record.controls) out.push_back(c.what);
  return out;
}

bool violates(const result<flow_effects>& taken) {
  return !taken && taken.error() == errc::protocol_violation;
}

// --- control

struct duty_case {
  control what;
  bool incoming;
  wire::flow_kind kind;
  std::function<void(subject&)> cause;
  bool needed_when_there;  // it is made again after it arrived, when a copy of it is lost
};

const std::vector<duty_case>& duties() {
  static const std::vector<duty_case> all{
      {control::open, false, stream, [](subject&) {}, false},
      {control::accept, true, stream, [](subject& s) { s.f.accept(); }, true},
      {control::reject, true, stream, [](subject& s) { s.f.reject(3, "no"); }, true},
      {control::reset, true, stream, [](subject& s) { s.f.abort(5); }, true},
      {control::stop, true, stream,
       [](subject& s) {
         s.f.accept();
         s.arrive(s.control());
         s.f.let_go(7);
       },
       true},
      {control::max_data, true, stream,
       [](subject& s) {
         ASSERT_TRUE(s.take_data(0, std::string(credit / 2, 'x')));
         s.f.consume(credit / 2);
         EXPECT_TRUE(s.f.grow_window({s.now, 20ms}, s.memory));
       },
       true},
      {control::skip, true, packets,
       [](subject& s) {
         for (std::size_t i = 0; i <= defaults::packets_retained + 1; ++i) {
           ASSERT_TRUE(s.f.send_packet(s.pool, as_bytes("one"), s.room()));
         }
         s.send_all();
         s.f.lose({4, {0, send_packets::weight_of(3)}, s.root.places(0)[0], 1}, s.root);
         s.now += defaults::packet_retention;
         s.data();
       },
       true},
  };
  return all;
}

TEST(flow, each_control_frame_is_put_once_and_again_when_it_is_lost) {
  for (const auto& one : duties()) {
    SCOPED_TRACE(static_cast<int>(one.what));
    subject s(one.incoming, one.kind);
    one.cause(s);
    const std::vector<control> expected{one.what};
    EXPECT_EQ(kinds(s.control()), expected);
    EXPECT_TRUE(kinds(s.control()).empty());
    EXPECT_TRUE(s.f.lost(one.what));
    EXPECT_EQ(kinds(s.control()), expected);
    s.f.acknowledged(one.what);
    EXPECT_EQ(s.f.lost(one.what), one.needed_when_there);
  }
}

TEST(flow, only_open_reject_and_reset_are_looked_at_when_they_arrive) {
  for (const auto& one : duties()) {
    SCOPED_TRACE(static_cast<int>(one.what));
    subject s(one.incoming, one.kind);
    one.cause(s);
    const bool may_end =
        one.what == control::open || one.what == control::reject || one.what == control::reset;
    EXPECT_EQ(s.f.acknowledged(one.what), may_end);
  }
}

TEST(flow, the_open_goes_with_every_record_until_it_is_acknowledged) {
  subject s;
  const std::vector<control> open{control::open};
  EXPECT_EQ(kinds(s.control()), open);
  s.write("one");
  EXPECT_EQ(kinds(s.data()), open);
  s.write("two");
  auto record = s.data();
  EXPECT_EQ(kinds(record), open);
  s.arrive(record);
  s.write("three");
  EXPECT_TRUE(kinds(s.data()).empty());
}

TEST(flow, control_that_has_no_room_stays_owed) {
  subject s(true);
  s.f.reject(1, std::string(200, 'r'));
  record_writer w(s.out, s.pool, 100, 50);
  EXPECT_FALSE(s.f.put_control(w));
  w.cancel();
  EXPECT_EQ(kinds(s.control()), std::vector<control>{control::reject});
}

// --- opening

TEST(flow, only_the_peers_flow_is_answered_and_only_once) {
  subject ours;
  EXPECT_EQ(ours.f.accept(), errc::invalid_argument);
  EXPECT_EQ(ours.f.reject(1, ""), errc::invalid_argument);
  subject theirs(true);
  EXPECT_EQ(theirs.f.accept(), errc{});
  EXPECT_EQ(theirs.f.accept(), errc::invalid_argument);
  EXPECT_EQ(theirs.f.reject(1, ""), errc::invalid_argument);
  EXPECT_TRUE(violates(theirs.f.take(wire::accept{4}))) << "the peer opened it";
  EXPECT_TRUE(violates(theirs.f.take(wire::reject{4, 1, ""})));
}

TEST(flow, a_rejected_flow_is_over_when_the_rejection_arrived) {
  subject theirs(true);
  theirs.f.reject(9, "no");
  EXPECT_TRUE(theirs.f.refused());
  EXPECT_FALSE(theirs.f.settled());
  theirs.arrive(theirs.control());
  EXPECT_TRUE(theirs.f.settled());

  subject ours;
  const auto then = ours.f.take(wire::reject{4, 9, "no"});
  ASSERT_TRUE(then);
  EXPECT_TRUE(then->ready && then->settles);
  EXPECT_TRUE(ours.f.settled());
  EXPECT_EQ(ours.f.outcome(), errc::rejected);
  EXPECT_EQ(ours.f.app_code(), 9u);
  EXPECT_TRUE(violates([&] {
    subject accepted;
    static_cast<void>(accepted.f.take(wire::accept{4}));
    return accepted.f.take(wire::reject{4, 9, ""});
  }()));
}

// --- ends

struct our_end {
  const char* name;
  std::function<void(subject&)> end;
  errc alone;  // the outcome when the peer finishes
};

TEST(flow, each_pair_of_ends_has_its_outcome) {
  const std::vector<our_end> ours{
      {"fin", [](subject& s) { EXPECT_EQ(s.f.shutdown(), errc{}); }, errc{}},
      {"reset", [](subject& s) { EXPECT_TRUE(s.f.abort(5).owes); }, errc::aborted},
      {"stopped by the peer",
       [](subject& s) {
         const auto then = s.f.take(wire::stop{4, 6});
         ASSERT_TRUE(then);
         EXPECT_TRUE(then->owes && then->ready);
         EXPECT_EQ(s.f.write_refused(stream), errc::aborted);
       },
       errc::aborted},
      {"reset after delivery", [](subject& s) { EXPECT_FALSE(s.f.abort_after_delivery(5).owes); },
       errc{}},
  };
  for (const auto& end : ours) {
    for (const bool reset : {false, true}) {
      for (const bool first : {false, true}) {
        SCOPED_TRACE(std::string(end.name) + (reset ? ", reset" : ", fin") +
                     (first ? ", the peer first" : ""));
        subject s;
        s.arrive(s.control());
        s.write("abc");
        const auto peer_ends = [&] {
          ASSERT_TRUE(reset ? s.f.take(wire::reset{4, 8, 0}) : s.f.take(wire::fin{4, 0}));
        };
        if (first) peer_ends();
        EXPECT_FALSE(s.f.settled());
        end.end(s);
        EXPECT_FALSE(s.f.settled()) << "the peer does not know it yet";
        s.exchange();
        EXPECT_EQ(s.f.settled(), first);
        if (!first) peer_ends();
        EXPECT_TRUE(s.f.settled());
        EXPECT_EQ(s.f.outcome(), reset ? errc::aborted : end.alone);
        EXPECT_EQ(s.f.status(link_ref{}).read_error, reset ? errc::aborted : errc{});
      }
    }
  }
}

TEST(flow, what_was_not_delivered_when_it_was_reset_counts_as_discarded) {
  subject s;
  s.arrive(s.control());
  s.write("abcdef");
  s.data(3);
  s.acknowledge({0, 3});
  s.f.abort(5);
  const auto status = s.f.status(link_ref{});
  EXPECT_EQ(status.written, 6u);
  EXPECT_EQ(status.acknowledged, 3u);
  EXPECT_EQ(status.discarded, 3u);
  EXPECT_EQ(s.f.place(), nullptr);
}

TEST(flow, who_lets_go_asks_the_peer_to_stop_and_reads_no_more) {
  subject s(true);
  ASSERT_TRUE(s.take_data(0, "abc"));
  const auto then = s.f.let_go(7);
  EXPECT_TRUE(then.owes && then.settles);
  EXPECT_TRUE(s.f.let_go_of());
  EXPECT_EQ(kinds(s.control()), (std::vector<control>{control::accept, control::stop}));
  const auto more = s.take_data(3, "def");
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->consumed) << "what is discarded counts as consumed";
  EXPECT_FALSE(more->ready);
}

TEST(flow, who_lets_go_of_what_has_ended_asks_for_nothing) {
  subject s;
  s.arrive(s.control());
  ASSERT_TRUE(s.f.take(wire::fin{4, 0}));
  EXPECT_TRUE(s.f.finish());
  s.exchange();
  EXPECT_FALSE(s.f.let_go(0).owes);
  EXPECT_TRUE(s.f.settled());
}

TEST(flow, its_end_is_told_once_and_not_to_who_let_go) {
  subject s;
  EXPECT_TRUE(s.f.tell_done());
  EXPECT_FALSE(s.f.tell_done());
  subject gone;
  gone.f.let_go(0);
  EXPECT_FALSE(gone.f.tell_done());
}

TEST(flow, the_first_reason_of_a_failure_counts) {
  subject s;
  s.write("abc");
  EXPECT_TRUE(s.f.fail(errc::closed, 0, "the link is over").ready);
  s.f.fail(errc::rejected, 3, "later");
  EXPECT_EQ(s.f.outcome(), errc::closed);
  EXPECT_EQ(s.f.detail(), "the link is over");
  EXPECT_EQ(s.f.write_refused(stream), errc::closed);
  EXPECT_EQ(s.f.shutdown(), errc::closed);
}

// --- receiving

TEST(flow, what_contradicts_the_credit_or_an_earlier_end_is_a_violation) {
  subject s(true);
  EXPECT_TRUE(violates(s.take_data(credit, "x")));
  EXPECT_TRUE(violates(s.f.take(wire::fin{4, credit + 1})));
  ASSERT_TRUE(s.take_data(0, "abc"));
  EXPECT_TRUE(violates(s.f.take(wire::reset{4, 1, 2}))) << "three bytes arrived";
  ASSERT_TRUE(s.f.take(wire::fin{4, 5}));
  EXPECT_TRUE(violates(s.f.take(wire::fin{4, 6})));
  EXPECT_TRUE(violates(s.f.take(wire::reset{4, 1, 6})));
  EXPECT_TRUE(violates(s.f.take(wire::skip{4, 1}))) << "it is no packet flow";
  EXPECT_TRUE(violates(s.f.take(wire::packet{4, 0, {}}, s.kept, slab_ref())));
}

TEST(flow, what_comes_twice_is_counted_and_told) {
  subject s(true);
  ASSERT_TRUE(s.take_data(0, "abc"));
  const auto again = s.take_data(1, "bcd");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->duplicate, 2u);
  EXPECT_EQ(s.read(), "abcd");
  EXPECT_EQ(s.f.status(link_ref{}).duplicates, 2u);
}

TEST(flow, a_packet_without_bytes_that_comes_twice_is_told_too) {
  subject s(true, packets);
  ASSERT_TRUE(s.f.take(wire::packet{4, 0, {}}, s.kept, slab_ref()));
  const auto again = s.f.take(wire::packet{4, 0, {}}, s.kept, slab_ref());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->duplicate, 0u);
}

TEST(flow, what_can_be_read_stays_when_the_peer_resets) {
  subject s(true);
  ASSERT_TRUE(s.take_data(0, "abc"));
  const auto then = s.f.take(wire::reset{4, 8, 10});
  ASSERT_TRUE(then);
  EXPECT_TRUE(then->ready && then->settles);
  EXPECT_TRUE(s.f.unread());
  EXPECT_EQ(s.read(), "abc");
  bytes into(10);
  const auto end = s.f.read(into);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error(), errc::aborted);
  EXPECT_EQ(s.f.app_code(), 8u);
}

TEST(flow, credit_stands_still_once_the_end_is_known) {
  subject s(true);
  ASSERT_TRUE(s.take_data(0, std::string(credit / 2, 'x')));
  ASSERT_TRUE(s.f.take(wire::fin{4, credit / 2}));
  s.f.consume(credit / 2);
  EXPECT_FALSE(s.f.window_due());
  EXPECT_FALSE(s.f.grow_window({s.now, 20ms}, s.memory));
}

// --- sending

TEST(flow, nothing_is_placed_beyond_the_peers_credit_but_the_fin) {
  subject s;
  s.most = 2 * credit;
  ASSERT_EQ(s.write(std::string(credit + 10, 'x')), credit + 10);
  EXPECT_TRUE(s.f.offer(s.root));
  EXPECT_EQ(s.f.offered(), credit);
  EXPECT_TRUE(s.f.hungry());
  EXPECT_FALSE(s.f.take(wire::max_data{4, credit})) << "it is no news";
  EXPECT_TRUE(s.f.take(wire::max_data{4, credit + 10}));
  EXPECT_TRUE(s.f.offer(s.root));
  EXPECT_FALSE(s.f.hungry());
  s.f.shutdown();
  EXPECT_TRUE(s.f.offer(s.root));
  EXPECT_EQ(s.f.offered(), credit + 11);
  EXPECT_FALSE(s.f.offer(s.root));
}

TEST(flow, a_writer_who_waited_is_told_when_there_is_room) {
  subject s;
  s.most = 4;
  EXPECT_EQ(s.write("abcdef"), 4u);
  EXPECT_TRUE(s.f.writer_waits());
  s.data();
  EXPECT_TRUE(s.acknowledge({0, 2}).ready);
  EXPECT_FALSE(s.f.writer_waits());
  EXPECT_FALSE(s.acknowledge({2, 3}).ready) << "once";
}

TEST(flow, only_a_gap_keeps_what_arrived_behind_it) {
  subject s;
  s.write("abcdef");
  s.data();
  EXPECT_EQ(s.f.acknowledge({3, 6}), 0u) << "the receiver waits for what lies before";
  EXPECT_TRUE(s.f.has_gap());
  EXPECT_EQ(s.f.open_part({0, 6}), [] {
    range_set open;
    open.add({0, 3});
    return open;
  }());
  EXPECT_EQ(s.f.acknowledge({0, 3}), 6u);
  s.f.after_acknowledgement(s.root, s.room());
  EXPECT_EQ(s.f.place(), nullptr);
}

TEST(flow, what_is_lost_is_sent_again_and_counted_so) {
  subject s;
  s.write("abcdef");
  const auto first = s.data();
  ASSERT_EQ(first.ranges.size(), 1u);
  EXPECT_FALSE(s.f.waiting());
  s.f.lose(first.ranges[0], s.root);
  EXPECT_TRUE(s.f.waiting());
  record_writer w(s.out, s.pool, 50, 1200);
  const auto put = s.f.fill(s.root, 0, 1000, w, {s.now, s.room()});
  w.finish();
  EXPECT_EQ(put.numbers, 6u);
  EXPECT_EQ(put.payload, 6u);
  EXPECT_EQ(put.again, 6u);
}

TEST(flow, the_fin_is_no_payload) {
  subject s;
  s.write("abc");
  s.f.shutdown();
  s.f.offer(s.root);
  record_writer w(s.out, s.pool, 50, 1200);
  const auto put = s.f.fill(s.root, 0, 1000, w, {s.now, s.room()});
  w.finish();
  EXPECT_EQ(put.numbers, 4u);
  EXPECT_EQ(put.payload, 3u);
}

TEST(flow, the_fin_of_packets_goes_behind_the_last_one) {
  subject s(false, packets);
  s.f.send_packet(s.pool, as_bytes("one"), s.room());
  s.f.shutdown();
  auto record = s.data();
  const auto whole = send_packets::weight_of(3);
  ASSERT_EQ(record.ranges.size(), 1u);
  EXPECT_EQ(record.ranges[0].bytes, (range{0, whole}));
  EXPECT_TRUE(s.acknowledge({0, whole}).placed) << "now the FIN";
  record = s.data();
  ASSERT_EQ(record.ranges.size(), 1u);
  EXPECT_EQ(record.ranges[0].bytes, (range{whole, whole + 1}));
}

}  // namespace
}  // namespace rendr::engine
