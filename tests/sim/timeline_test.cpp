// SPDX-License-Identifier: Apache-2.0
// Two time lines of docs/policies.md: a transfer around a silent drop, and a selector whose path
// becomes slow. With RENDR_PLOT_DIR set they are written there as CSV.
#include <cstdlib>
#include <map>

#include "sim/gates.hpp"

namespace rendr::sim {
namespace {

class table {
 public:
  table(const char* name, const char* head) {
    const char* folder = std::getenv("RENDR_PLOT_DIR");
    if (folder == nullptr) return;
    file_ = std::fopen((std::string(folder) + "/" + name + ".csv").c_str(), "w");
    if (file_ != nullptr) std::fprintf(file_, "%s\n", head);
  }
  table(const table&) = delete;
  table& operator=(const table&) = delete;
  ~table() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void row(const std::string& series, double x, double y) {
    if (file_ != nullptr) std::fprintf(file_, "\"%s\",%.2f,%.4f\n", series.c_str(), x, y);
  }

 private:
  std::FILE* file_ = nullptr;
};

// The line fits the bound of G4: what the dark path and its queue may take, and the way of the
// others.
TEST(drop, without_a_word_stops_a_transfer_for_two_round_trips_under_each_policy) {
  table out("drop", "series,ms,mib");
  for (const char* root : {"selector(a, b)", "race(a, b)", "bond(a, b)"}) {
    scenario s;
    s.seed = seed_or(21);
    s.paths = {path("a", 20ms, 50 * mbit), path("b", 30ms, 50 * mbit)};
    s.root = root;
    world w(s);
    w.connect();
    w.run(1s);
    auto& flow = w.open({.up = traffic::bulk(gib)});
    w.run(5s);
    const auto dark = w.status_of("a");
    const auto bound = dark.srtt + std::min<duration>(4 * dark.rttvar, dark.srtt) + 5ms +
                       (w.status_of("b").srtt - 15ms) + 5ms;
    const auto t0 = w.now();
    w.path("a").blackhole(true);
    w.run(1s);
    EXPECT_GT(w.path("a").darkened(), 0u);
    expect_at_most(std::string("time line, silent drop under ") + root,
                   ms(flow.longest_gap(true, t0, t0 + 300ms)), ms(bound), "ms");
    std::uint64_t base = 0;
    for (const auto& d : flow.server().log) {
      if (d.when < t0 - 100ms) base = d.total;
      if (d.when < t0 - 100ms || d.when > t0 + 400ms) continue;
      out.row(root, ms(d.when - t0), static_cast<double>(d.total - base) / double{mib});
    }
    EXPECT_EQ(w.violations(), "");
    flow.abort(false, 1);
  }
}

// A path that becomes slow bit by bit, as behind a queue of others, is never silent: quality alone
// moves.
TEST(slow_path, is_left_after_the_dwell_and_returned_to_when_it_is_known_to_be_good) {
  table out("step", "series,s,ms");
  scenario s;
  s.seed = seed_or(22);
  s.paths = {path("first", 10ms, 50 * mbit), path("second", 30ms, 50 * mbit)};
  s.root = "selector(first, second)";
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::paced(kib, 20ms, 10'000), .down = traffic::echo()});
  w.run(9s);
  ASSERT_TRUE(w.status_of("first").carries_data);
  const auto moves = w.migrations().size();
  const auto began = w.now();
  for (int i = 1; i <= 80; ++i) {
    w.at(began - instant{} + 50ms * i).change("first", direction::both, [](lane& l) {
      l.set_delay(l.options().delay + 500us);
    });
  }
  ASSERT_TRUE(w.run_until([&] { return w.migrations().size() > moves; }, 20s));
  EXPECT_EQ(w.migrations().back().why, cause::quality);
  const auto decided = w.now() - began;
  out.row("moved", ms(decided) / 1000, 0);
  EXPECT_GE(decided, 3s) << "the dwell";
  // The second is better by 5 ms and a quarter when the first has 40 ms: after 1.5 s.
  expect_at_most("time line, left a path that becomes slow", ms(decided), 1500 + 3000 + 2 * 500,
                 "ms");
  w.run(15s - decided);
  w.path("first").each(direction::both, [](lane& l) { l.set_delay(5ms); });
  const auto ended = w.now();
  out.row("first is as before", ms(ended - began) / 1000, 0);
  ASSERT_TRUE(w.run_until([&] { return w.migrations().size() > moves + 1; }, 400s));
  out.row("moved", ms(w.now() - began) / 1000, 0);
  // A standby is asked each 15 s; an answer that surprises is followed by more, then the dwell.
  expect_at_most("time line, returned to it", ms(w.now() - ended), 15'000 + 3000 + 2 * 500, "ms");
  EXPECT_TRUE(w.run_until([&] { return flow.complete(); }, 300s));
  const auto times = flow.echo_times();
  for (std::size_t i = 0; i < times.size(); ++i) {
    out.row("round trip of a message", ms(flow.client().message_times[i] - began) / 1000,
            ms(times[i]));
  }
  EXPECT_EQ(w.migrations().size(), moves + 2);
  EXPECT_EQ(w.finish(), "");
}

}  // namespace
}  // namespace rendr::sim
