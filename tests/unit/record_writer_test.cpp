// SPDX-License-Identifier: Apache-2.0
// Records on their way out and in again: writer, outbound batch and inbound buffer together.
#include "engine/record/record_writer.hpp"

#include <gtest/gtest.h>

#include "base/seeded_random.hpp"
#include "engine/record/inbound.hpp"

namespace rendr::engine {
namespace {

bytes taken(outbound& out, std::size_t n, std::vector<std::uint64_t>& done) {
  bytes all;
  for (const auto piece : out.pieces()) all.insert(all.end(), piece.begin(), piece.end());
  all.resize(std::min(n, all.size()));
  out.transmitted(all.size(), [&](const outbound::finished& f) { done.push_back(f.number); });
  return all;
}

TEST(RecordWriter, AFrameThatDoesNotFitChangesNothing) {
  slab_pool pool;
  outbound out;
  record_writer w(out, pool, 5, 40);
  EXPECT_TRUE(w.empty());
  EXPECT_TRUE(w.put(wire::ping{1}));
  const auto room = w.room();
  EXPECT_FALSE(
      w.put(wire::goaway{1, 2, std::string_view("a reason that is longer than forty bytes")}));
  EXPECT_EQ(w.room(), room);
  w.finish();
  std::vector<std::uint64_t> done;
  const auto raw = taken(out, 1000, done);
  const auto record = wire::read_record(raw);
  ASSERT_TRUE(record && record->has_value());
  EXPECT_EQ((*record)->number, 5u);
  EXPECT_EQ(done, (std::vector<std::uint64_t>{5}));
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(RecordWriter, WhatIsCancelledLeavesNoByteAndNoMemory) {
  slab_pool pool;
  outbound out;
  record_writer w(out, pool, 0, 1000);
  w.cancel();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(RecordWriter, OnlyFramesThatAskForAnAnswerMakeARecordEliciting) {
  slab_pool pool;
  outbound out;
  wire::path_ack ack;
  ack.count = 1;
  ack.ranges[0] = {0, 1};
  record_writer quiet(out, pool, 0, 1000);
  quiet.put(ack);
  EXPECT_FALSE(quiet.finish().eliciting);
  record_writer loud(out, pool, 1, 1000);
  loud.put(ack);
  loud.put(wire::ping{1});
  EXPECT_TRUE(loud.finish().eliciting);
}

TEST(RecordWriter, AWideFrameMayStandAloneUpToTheLargestRecord) {
  slab_pool pool;
  outbound out;
  record_writer w(out, pool, 0, 100);
  const std::string text(20'000, 'x');
  const wire::graph g{1, {}, text};
  EXPECT_FALSE(w.put(g));
  w.widen(wire::encoded_size(g));
  EXPECT_TRUE(w.put(g));
  w.finish();
  EXPECT_LE(out.pending(), wire::max_record_size);
}

// Random records through random writes and random reads come out as they went in.
TEST(RecordWriter, WhatWasWrittenIsReadInAnyCut) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    seeded_random random(seed);
    slab_pool pool;
    {
      outbound out;
      inbound in;
      std::uint64_t written = 0;
      std::uint64_t read = 0;
      std::vector<std::uint64_t> done;
      std::vector<std::string> sent;
      for (int step = 0; step < 400 || read < written; ++step) {
        ASSERT_LT(step, 100'000);
        while (step < 400 && out.pending() < 50'000 && random.chance(2, 3)) {
          record_writer w(out, pool, written, 60'000);
          w.put(wire::ping{written});
          const auto slab = pool.allocate(random.chance(1, 3) ? 30'000 : 200);
          const auto size = static_cast<std::size_t>(1 + random.below(slab.capacity()));
          std::fill_n(slab.data(), size, static_cast<std::byte>(written));
          w.put_data_head(2, written, size);
          w.gather({slab.data(), size}, slab);
          w.put(wire::fin{2, written});
          const auto logged = w.finish();
          ASSERT_EQ(logged.wire_end, out.queued());
          sent.emplace_back(size, static_cast<char>(written));
          ++written;
        }
        auto raw = bytes_view();
        const auto some = taken(out, 1 + random.below(40'000), done);
        raw = some;
        while (!raw.empty()) {
          const auto room = in.buffer(pool);
          ASSERT_FALSE(room.empty());
          const auto n = std::min({room.size(), raw.size(), 1 + random.below(20'000)});
          std::copy_n(raw.begin(), n, room.begin());
          raw = raw.subspan(n);
          in.commit(n);
          while (true) {
            const auto record = in.next(nullptr);
            ASSERT_TRUE(record);
            if (!record->has_value()) break;
            ASSERT_EQ((*record)->number, read);
            wire::frame_reader frames((*record)->payload);
            EXPECT_EQ(std::get<wire::ping>(**frames.next()).id, read);
            EXPECT_EQ(as_text(std::get<wire::data>(**frames.next()).payload), sent[read]);
            EXPECT_EQ(std::get<wire::fin>(**frames.next()).final_size, read);
            EXPECT_FALSE(frames.next()->has_value());
            ++read;
          }
          in.release();
        }
        ASSERT_LE(done.size(), written);
      }
      EXPECT_EQ(done.size(), written);
      for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i], i);
      EXPECT_EQ(in.pending(), 0u);
    }
    EXPECT_EQ(pool.in_use(), 0u);
  }
}

TEST(RecordWriter, AHandshakeFollowsThePrologueOnce) {
  bytes raw;
  const wire::prologue first{wire::form::attach, wire::version, {}};
  append_handshake(raw, 0, as_bytes("hello"), &first);
  append_handshake(raw, 1, as_bytes("again"), nullptr);
  slab_pool pool;
  {
    inbound in;
    const auto room = in.buffer(pool);
    std::copy(raw.begin(), raw.end(), room.begin());
    in.commit(raw.size());
    EXPECT_EQ(in.prologue()->value().kind, wire::form::attach);
    EXPECT_EQ(as_text((*in.next(nullptr))->payload), "hello");
    EXPECT_EQ(as_text((*in.next(nullptr))->payload), "again");
    EXPECT_FALSE(in.next(nullptr)->has_value());
    in.release();
  }
  EXPECT_EQ(pool.in_use(), 0u);
}

}  // namespace
}  // namespace rendr::engine
