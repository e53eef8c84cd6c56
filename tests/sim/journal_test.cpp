// SPDX-License-Identifier: Apache-2.0
// The hash over all outputs of the engines: the same for the same run, another one when one output
// differs.
#include "sim/journal.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sim/chaos.hpp"
#include "sim/scenes.hpp"

namespace rendr::sim {
namespace {

std::uint64_t hash_of_chaos(std::uint64_t seed) {
  journal notes;
  EXPECT_EQ(chaos(seed, &notes), "");
  EXPECT_GT(notes.lines(), 1000u);
  return notes.hash();
}

TEST(journal, of_the_same_seed_is_the_same_and_of_another_one_differs) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {4u, 5u, 6u}) {
    const auto hash = hash_of_chaos(seed);
    EXPECT_EQ(hash_of_chaos(seed), hash) << seed;
    EXPECT_TRUE(seen.insert(hash).second) << seed;
  }
}

std::vector<std::string> lines_of(const std::function<void(world&)>& change) {
  std::vector<std::string> lines;
  journal notes([&lines](const std::string& line) { lines.push_back(line); });
  auto s = two_paths(3);
  s.notes = &notes;
  world w(s);
  w.connect();
  w.run(1s);
  w.open({.up = traffic::bulk(64 * kib)});
  change(w);
  w.run(1s);
  w.note_status();
  return lines;
}

TEST(journal, shows_the_first_output_that_a_cause_changes) {
  const auto usual = lines_of([](world&) {});
  EXPECT_EQ(lines_of([](world&) {}), usual);
  const auto doubted = lines_of([](world& w) {
    w.client().ep().path_doubted(w.now(), w.status_of("a").carrier, "its device is down");
    w.client().wake();
  });
  const auto [was, is] = std::mismatch(usual.begin(), usual.end(), doubted.begin(), doubted.end());
  ASSERT_NE(is, doubted.end());
  EXPECT_NE(is->find("path_changed"), std::string::npos) << *is;
  EXPECT_NE(is->find("its device is down"), std::string::npos) << *is;
}

/// What the journal makes of one thing that it is told.
template <class Tell>
std::uint64_t told(Tell tell) {
  journal notes;
  tell(notes);
  return notes.hash();
}

TEST(journal, differs_when_a_byte_a_field_a_deadline_or_an_order_differs) {
  const auto sent = [](std::byte last, std::size_t taken) {
    return told([&](journal& j) {
      bytes data(100);
      data.back() = last;
      const bytes_view piece(data);
      j.transmits(instant{}, "client", engine::carrier_id{1}, {&piece, 1}, taken);
    });
  };
  EXPECT_EQ(sent(std::byte{1}, 100), sent(std::byte{1}, 100));
  EXPECT_NE(sent(std::byte{1}, 100), sent(std::byte{2}, 100));
  EXPECT_EQ(sent(std::byte{1}, 99), sent(std::byte{2}, 99))
      << "what was not taken is offered again";
  EXPECT_NE(sent(std::byte{1}, 99), sent(std::byte{1}, 98));

  const auto dial = [](duration timeout) {
    return told([&](journal& j) {
      j.happened(instant{}, "client", engine::event::dial{engine::link_ref{1}, 0, 1, timeout, {}});
    });
  };
  EXPECT_NE(dial(1s), dial(2s));
  const auto waits = [](duration until) {
    return told([&](journal& j) { j.waits(instant{}, "client", instant{} + until); });
  };
  EXPECT_NE(waits(1s), waits(1s + 1ns));
  const auto order = [](const char* first, const char* second) {
    return told([&](journal& j) {
      j.remark(first);
      j.remark(second);
    });
  };
  EXPECT_NE(order("a", "b"), order("b", "a"));
  EXPECT_NE(order("a", "b"), order("ab", ""));
}

TEST(journal, does_not_care_how_what_was_sent_is_cut_into_pieces) {
  const bytes data(100, std::byte{7});
  const auto whole = told([&](journal& j) {
    const bytes_view piece(data);
    j.transmits(instant{}, "client", engine::carrier_id{1}, {&piece, 1}, 100);
  });
  const auto halves = told([&](journal& j) {
    const std::array pieces{bytes_view(data).first(30), bytes_view(data).subspan(30)};
    j.transmits(instant{}, "client", engine::carrier_id{1}, pieces, 100);
  });
  EXPECT_EQ(whole, halves);
}

TEST(journal, changes_nothing_of_what_it_watches) {
  std::array<std::uint64_t, 2> done{};
  journal notes;
  for (const bool watched : {false, true}) {
    auto s = two_paths(3);
    s.notes = watched ? &notes : nullptr;
    world w(s);
    w.connect();
    w.open({.up = traffic::bulk(mib), .down = traffic::bulk(mib)});
    w.at(500ms).kill("a");
    w.run(5s);
    done.at(watched ? 1 : 0) =
        w.queue.executed() * 1'000'003 + w.client().bytes_sent() * 31 + w.server().bytes_sent();
  }
  EXPECT_EQ(done[0], done[1]);
}

}  // namespace
}  // namespace rendr::sim
