// SPDX-License-Identifier: Apache-2.0
// How flows end: what is delivered before an end, and what is said of what was not.
#include <gtest/gtest.h>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

class engine_ends : public ::testing::Test {
 protected:
  engine_ends() {
    link = w.connect(2);
    w.advance(2s);
  }

  void open(wire::flow_kind kind = wire::flow_kind::stream) {
    here = kind == wire::flow_kind::stream ? *w.dialer.ep.open_stream(w.now, link, {})
                                           : *w.dialer.ep.open_packet(w.now, link, {});
    w.advance(50ms);
    there = direct_pair::all<event::incoming_flow>(w.acceptor).back().flow;
    ASSERT_EQ(w.acceptor.ep.accept_flow(w.now, there), errc{});
    w.advance(50ms);
  }

  // Everything, in slices of the window, while the other side sends it.
  std::string read_slowly(direct_pair::side& s, flow_ref flow) {
    std::string out;
    for (int i = 0; i < 1000; ++i) {
      const auto part = w.read_all(s, flow);
      out += part;
      if (part.ends_with("!aborted") || part.ends_with("!closed")) return out;
      w.advance(1ms);
    }
    return out;
  }

  std::vector<event::flow_done> done(const direct_pair::side& s) {
    return direct_pair::all<event::flow_done>(s);
  }

  void expect_nothing_left() {
    w.advance(1s);
    for (auto* s : {&w.dialer, &w.acceptor}) {
      EXPECT_EQ(s->ep.status(w.now).links.at(0).flows.size(), 0u);
      EXPECT_EQ(s->ep.slab_bytes(), 0u);
      EXPECT_EQ(s->ep.status(w.now).budget_used, 0u);
    }
  }

  direct_pair w;
  link_ref link{};
  flow_ref here{};
  flow_ref there{};
};

TEST_F(engine_ends, a_reset_after_delivery_comes_behind_every_byte) {
  open();
  const std::string text(700'000, 'x');
  ASSERT_EQ(*w.dialer.ep.write(w.now, here, as_bytes(text)), text.size());
  w.dialer.ep.abort_after_delivery(w.now, here, 9);
  w.advance(10s);
  EXPECT_TRUE(read_slowly(w.acceptor, there) == text + "!aborted");
  w.settle();
  ASSERT_EQ(done(w.acceptor).size(), 1u);
  EXPECT_EQ(done(w.acceptor)[0].code, errc::aborted);
  EXPECT_EQ(done(w.acceptor)[0].app_code, 9u);
  EXPECT_EQ(w.acceptor.ep.write(w.now, there, as_bytes("x")).error(), errc::aborted)
      << "nobody reads there any more";
  w.acceptor.ep.close(w.now, there);
  expect_nothing_left();
}

TEST_F(engine_ends, a_reset_after_delivery_of_nothing_comes_at_once) {
  open();
  w.dialer.ep.abort_after_delivery(w.now, here, 5);
  w.advance(50ms);
  EXPECT_EQ(w.read_all(w.acceptor, there), "!aborted");
  w.acceptor.ep.abort_after_delivery(w.now, there, 6);
  expect_nothing_left();
}

TEST_F(engine_ends, a_reset_after_delivery_waits_for_what_a_dying_path_had) {
  open();
  const auto carriers = w.dialer.peer;
  for (const auto& [id, peer] : carriers) w.hold(w.dialer, id);
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes("held up")));
  w.dialer.ep.abort_after_delivery(w.now, here, 9);
  w.settle();
  EXPECT_EQ(w.read_all(w.acceptor, there), "");
  for (const auto& [id, peer] : carriers) w.dialer.held.erase(id);
  w.kill(carriers.begin()->first);
  w.advance(10s);
  EXPECT_EQ(w.read_all(w.acceptor, there), "held up!aborted");
}

TEST_F(engine_ends, behind_a_fin_the_reset_is_for_the_writer_alone) {
  open();
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes("all")));
  ASSERT_EQ(w.dialer.ep.shutdown(w.now, here), errc{});
  w.dialer.ep.abort_after_delivery(w.now, here, 9);
  w.advance(50ms);
  bool eof = false;
  EXPECT_EQ(w.read_all(w.acceptor, there, &eof), "all");
  EXPECT_TRUE(eof);
  EXPECT_EQ(w.acceptor.ep.write(w.now, there, as_bytes("x")).error(), errc::aborted);
  EXPECT_EQ(w.acceptor.ep.status(there)->app_code, 9u);
}

TEST_F(engine_ends, what_arrived_before_a_plain_reset_can_be_read) {
  open();
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes("arrived")));
  w.advance(50ms);
  w.dialer.ep.abort(w.now, here, 9);
  w.advance(50ms);
  EXPECT_TRUE(done(w.acceptor).empty()) << "it can still be read";
  EXPECT_EQ(w.acceptor.ep.write(w.now, there, as_bytes("x")).error(), errc::aborted);
  EXPECT_EQ(w.read_all(w.acceptor, there), "arrived!aborted");
  ASSERT_EQ(done(w.acceptor).size(), 0u) << "polled at the next step";
  w.settle();
  ASSERT_EQ(done(w.acceptor).size(), 1u);
  EXPECT_EQ(done(w.acceptor)[0].app_code, 9u);
  w.acceptor.ep.close(w.now, there);
  expect_nothing_left();
}

TEST_F(engine_ends, packets_that_arrived_before_a_reset_can_be_received) {
  open(wire::flow_kind::packet);
  ASSERT_TRUE(w.dialer.ep.send_packet(w.now, here, as_bytes("one")));
  w.advance(50ms);
  ASSERT_TRUE(w.dialer.ep.send_packet(w.now, here, as_bytes("two")));
  w.dialer.ep.abort_after_delivery(w.now, here, 9);
  w.advance(50ms);
  std::array<std::byte, 16> buffer{};
  for (const auto* text : {"one", "two"}) {
    const auto got = w.acceptor.ep.receive_packet(w.now, there, buffer);
    ASSERT_TRUE(got);
    EXPECT_EQ(as_text(bytes_view(buffer).first(got->size)), text);
  }
  EXPECT_EQ(w.acceptor.ep.receive_packet(w.now, there, buffer).error(), errc::aborted);
  w.acceptor.ep.close(w.now, there);
  expect_nothing_left();
}

TEST_F(engine_ends, a_peer_that_reads_no_more_still_sends) {
  open();
  ASSERT_TRUE(w.acceptor.ep.write(w.now, there, as_bytes("answer")));
  w.acceptor.ep.close(w.now, there);  // FIN and STOP
  w.advance(50ms);
  EXPECT_EQ(w.dialer.ep.write(w.now, here, as_bytes("x")).error(), errc::aborted);
  bool eof = false;
  EXPECT_EQ(w.read_all(w.dialer, here, &eof), "answer");
  EXPECT_TRUE(eof);
  w.settle();
  ASSERT_EQ(done(w.dialer).size(), 1u);
  EXPECT_EQ(done(w.dialer)[0].code, errc{}) << "nothing that was written was lost";
}

TEST_F(engine_ends, what_a_stop_discards_is_an_error_and_counted) {
  open();
  const std::string lump(200'000, 'x');
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes(lump)));
  w.advance(50ms);
  const auto before = *w.dialer.ep.status(here);
  EXPECT_EQ(before.discarded, 0u);
  ASSERT_LT(before.acknowledged, lump.size());
  w.acceptor.ep.close(w.now, there);
  w.advance(50ms);
  const auto after = *w.dialer.ep.status(here);
  EXPECT_EQ(after.acknowledged, before.acknowledged);
  EXPECT_EQ(after.acknowledged + after.discarded, lump.size());
  bool eof = false;
  EXPECT_EQ(w.read_all(w.dialer, here, &eof), "");
  EXPECT_TRUE(eof);
  w.settle();
  ASSERT_EQ(done(w.dialer).size(), 1u);
  EXPECT_EQ(done(w.dialer)[0].code, errc::aborted);
}

TEST_F(engine_ends, what_a_grace_that_ran_out_discards_is_counted) {
  open();
  const auto carriers = w.dialer.peer;
  w.refuse_dials = true;
  for (const auto& [id, peer] : carriers) w.kill(id);
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes("never there")));
  w.advance(10min);
  ASSERT_EQ(done(w.dialer).size(), 1u);
  EXPECT_EQ(done(w.dialer)[0].code, errc::no_path);
  const auto status = *w.dialer.ep.status(here);
  EXPECT_EQ(status.written, 11u);
  EXPECT_EQ(status.acknowledged, 0u);
  EXPECT_EQ(status.discarded, 11u);
}

}  // namespace
}  // namespace rendr::engine::test
