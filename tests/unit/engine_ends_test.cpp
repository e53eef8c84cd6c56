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
      if (part.find('!') != std::string::npos) return out;
      w.advance(1ms);
    }
    return out;
  }

  std::vector<event::flow_done> done(const direct_pair::side& s) {
    return direct_pair::all<event::flow_done>(s);
  }

  std::optional<errc> down(const direct_pair::side& s) {
    const auto told = direct_pair::all<event::link_down>(s);
    return told.empty() ? std::nullopt : std::optional(told.back().code);
  }

  // The dialer is gone without a word, and the acceptor has something for it.
  void vanish() {
    w.refuse_dials = true;
    for (const auto& [id, peer] : w.dialer.peer) w.dialer.dark[id] = w.acceptor.dark[peer] = true;
    ASSERT_TRUE(w.acceptor.ep.write(w.now, there, as_bytes(std::string(1 << 20, 'x'))));
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
  std::array<std::byte, 64> buffer{};
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

// Both ways, with the reader at either end: nothing but a reader who lives holds it up.
TEST_F(engine_ends, a_closed_flow_waits_for_a_paused_reader_as_long_as_he_lives) {
  for (const bool reset : {false, true}) {
    for (auto* writer : {&w.dialer, &w.acceptor}) {
      open();
      auto& reader = w.other(*writer);
      const auto from = writer == &w.dialer ? here : there;
      const auto to = writer == &w.dialer ? there : here;
      const std::string text(3 << 20, 'x');
      ASSERT_EQ(*writer->ep.write(w.now, from, as_bytes(text)), text.size());
      if (reset) {
        writer->ep.abort_after_delivery(w.now, from, 9);
      } else {
        writer->ep.close(w.now, from);
      }
      w.advance(3h);
      bool eof = false;
      std::string got;
      for (int i = 0; i < 1000 && !eof && !got.ends_with("!aborted"); ++i) {
        got += w.read_all(reader, to, &eof);
        w.advance(1ms);
      }
      EXPECT_TRUE(got == text + (reset ? "!aborted" : ""));
      reader.ep.close(w.now, to);
      w.advance(1s);
    }
  }
  expect_nothing_left();
}

TEST_F(engine_ends, a_link_that_is_closed_waits_for_a_paused_reader_of_a_closed_flow) {
  open();
  const std::string text(1 << 20, 'x');
  ASSERT_EQ(*w.dialer.ep.write(w.now, here, as_bytes(text)), text.size());
  w.dialer.ep.close(w.now, here);
  w.dialer.ep.close_link(w.now, link, 0, "");
  w.advance(10min);
  std::string got;
  bool eof = false;
  for (int i = 0; i < 1000 && !eof; ++i) {
    got += w.read_all(w.acceptor, there, &eof);
    w.advance(1ms);
  }
  EXPECT_TRUE(got == text);
  w.acceptor.ep.close(w.now, there);
  w.advance(1s);
  EXPECT_EQ(down(w.dialer), errc::closed);
  EXPECT_EQ(down(w.acceptor), errc::closed);
}

// Its linger ran out long ago, and was never needed.
TEST_F(engine_ends, a_link_that_waits_for_a_paused_reader_outlives_a_moment_without_a_path) {
  open();
  const std::string text(1 << 20, 'x');
  ASSERT_EQ(*w.dialer.ep.write(w.now, here, as_bytes(text)), text.size());
  w.dialer.ep.close(w.now, here);
  w.dialer.ep.close_link(w.now, link, 0, "");
  w.advance(10min);
  w.refuse_dials = true;
  while (!w.dialer.peer.empty()) w.kill(w.dialer.peer.begin()->first);
  w.advance(600ms);
  EXPECT_FALSE(down(w.dialer));
  w.refuse_dials = false;
  w.advance(5s);
  std::string got;
  bool eof = false;
  for (int i = 0; i < 1000 && !eof; ++i) {
    got += w.read_all(w.acceptor, there, &eof);
    w.advance(1ms);
  }
  EXPECT_TRUE(got == text);
}

// The carriers acknowledge for him: he is stalled, not lost.
TEST_F(engine_ends,
       a_link_that_waits_for_a_paused_reader_outlives_a_peer_that_is_stopped_for_a_while) {
  open();
  const auto other = *w.dialer.ep.open_stream(w.now, link, {});
  const std::string text(1 << 20, 'x');
  ASSERT_EQ(*w.dialer.ep.write(w.now, here, as_bytes(text)), text.size());
  w.dialer.ep.close(w.now, here);
  w.dialer.ep.close_link(w.now, link, 0, "");
  w.advance(10min);
  w.refuse_dials = true;
  w.kill(std::next(w.dialer.peer.begin())->first);
  w.advance(1s);
  for (const auto& [id, peer] : w.dialer.peer) {
    w.hold(w.dialer, id);
    w.dialer.evidence[id].delivered = ~std::uint64_t{0} >> 1;
    w.dialer.evidence[id].last_ack_age = 1ms;
  }
  ASSERT_TRUE(w.dialer.ep.write(w.now, other, as_bytes("still here")));
  const auto stalled = [this] {
    const auto status = w.dialer.ep.status(w.now, link);
    return status && status->peer_stalled;
  };
  for (int i = 0; i < 200 && !stalled() && !down(w.dialer); ++i) w.advance(100ms);
  EXPECT_TRUE(stalled());
  w.advance(1s);
  EXPECT_FALSE(down(w.dialer));
  for (const auto& [id, peer] : std::map(w.dialer.peer)) w.release(w.dialer, id);
  std::string got;
  bool eof = false;
  for (int i = 0; i < 1000 && !eof; ++i) {
    got += w.read_all(w.acceptor, there, &eof);
    w.advance(1ms);
  }
  EXPECT_TRUE(got == text);
}

TEST_F(engine_ends, a_bounded_close_ends_within_its_linger_though_the_reader_lives) {
  open();
  const std::string text(1 << 20, 'x');
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes(text)));
  w.dialer.ep.close(w.now, here);
  w.dialer.ep.close_link(w.now, link, 0, "", true);
  w.advance(defaults::linger - 1s);
  EXPECT_FALSE(down(w.dialer));
  w.advance(2s);
  EXPECT_EQ(down(w.dialer), errc::closed);
  EXPECT_EQ(down(w.acceptor), errc::peer_lost);
  EXPECT_EQ(read_slowly(w.acceptor, there).substr(0, 16384), std::string(16384, 'x'))
      << "what arrived can be read";
}

TEST_F(engine_ends, a_close_that_waits_can_be_bounded_later) {
  open();
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes(std::string(1 << 20, 'x'))));
  w.dialer.ep.close(w.now, here);
  w.dialer.ep.close_link(w.now, link, 0, "");
  w.advance(1h);
  w.dialer.ep.close_link(w.now, link, 0, "", true);
  w.advance(defaults::linger + 1s);
  EXPECT_EQ(down(w.dialer), errc::closed);
}

TEST_F(engine_ends, a_close_without_a_living_peer_counts_from_when_he_was_lost) {
  open();
  vanish();
  w.advance(20s);
  w.acceptor.ep.close_link(w.now, there.link, 0, "", true);
  w.advance(defaults::linger - 22s);
  EXPECT_FALSE(down(w.acceptor)) << "he may still come back";
  w.advance(6s);
  EXPECT_EQ(down(w.acceptor), errc::closed);
}

TEST_F(engine_ends, a_close_when_the_peer_vanished_long_ago_is_over_at_once) {
  open();
  vanish();
  w.acceptor.ep.close(w.now, there);
  w.advance(defaults::linger + 10s);
  EXPECT_FALSE(down(w.acceptor)) << "a link without a path lives for its grace";
  w.acceptor.ep.close_link(w.now, there.link, 0, "");
  w.settle();
  EXPECT_EQ(down(w.acceptor), errc::closed);
}

TEST_F(engine_ends, a_link_that_is_aborted_tells_the_peer) {
  open();
  ASSERT_TRUE(w.dialer.ep.write(w.now, here, as_bytes("kept")));
  w.advance(50ms);
  w.dialer.ep.abort_link(w.now, link);
  w.settle();
  EXPECT_EQ(down(w.acceptor), errc::peer_lost);
  EXPECT_EQ(w.acceptor.ep.read(w.now, there, buffer)->size, 4u) << "what arrived can be read";
}

// A path that leaves says BYE as a link does that is over: the other end must not take one for the
// other, also when it was told before that the link is going to end.
TEST_F(engine_ends, a_path_that_leaves_a_closing_link_does_not_end_it) {
  open();
  ASSERT_EQ(w.dialer.peer.size(), 2u);
  const auto second = std::next(w.dialer.peer.begin())->first;
  w.hold(w.dialer, second);
  ASSERT_FALSE(w.dialer.ep.detach(w.now, link, "b"));
  w.settle();
  const std::string text(1 << 20, 'x');
  ASSERT_EQ(*w.dialer.ep.write(w.now, here, as_bytes(text)), text.size());
  w.dialer.ep.close(w.now, here);
  w.dialer.ep.close_link(w.now, link, 0, "");
  w.settle();
  w.release(w.dialer, second);
  w.advance(1s);
  EXPECT_FALSE(down(w.acceptor));
  std::string got;
  bool eof = false;
  for (int i = 0; i < 1000 && !eof; ++i) {
    got += w.read_all(w.acceptor, there, &eof);
    w.advance(1ms);
  }
  EXPECT_TRUE(got == text);
}

}  // namespace
}  // namespace rendr::engine::test
