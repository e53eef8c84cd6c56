// SPDX-License-Identifier: Apache-2.0
// Gates G1 and G2: a bulk transfer and an echo through kills and explicit migrations.
#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "lab/emulated_gates/plan.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t large_mtu = 9000;  // fewer packets: the emulator is not what is measured
constexpr double gap_bound = 250 + 100;    // ms
constexpr auto outage = 500ms;

enum class disturbance : std::uint8_t { none, kills, migrations };

struct transfer_result {
  double seconds = 0;
  double gap = 0;
  std::uint64_t faults = 0;
  bool whole = false;
  std::uint64_t drops = 0;
  std::string problems;
  std::string story;
};

transfer_result transfer_once(const plan& p, std::uint64_t size, disturbance what) {
  emulator net(3, 1, large_mtu);
  const auto rate = 300 * mbit;
  session s(net, 0, {{"fiber", 20ms, rate}, {"lte", 20ms, rate}, {"wifi", 20ms, rate}},
            {"selector(fiber, lte, wifi)", p.congestion()});
  const auto begun = lab_clock::now();
  auto& flow = s.open(traffic::bulk(size), traffic::none());
  const char* const targets[] = {"lte", "wifi", "fiber"};
  transfer_result r;
  for (std::size_t i = 0; i < 3 && what != disturbance::none; ++i) {
    const auto mark = size / 10 * (3 + 2 * i);
    if (!wait_until([&] { return flow.far->received() >= mark; }, 120s)) break;
    if (what == disturbance::migrations) {
      const auto before = s.moves();
      const auto f = s.link().migrate(targets[i]);
      if (f.code) throw std::runtime_error(f.detail);
      if (wait_until([&] { return s.moves() > before; }, 2s)) ++r.faults;
    } else {
      const auto before = s.deaths();
      const reset_all cut(net, s.link_of(s.in_use()));
      pass(outage);
      if (cut.hits() > 0 && s.deaths() > before) ++r.faults;
    }
  }
  wait_until([&] { return flow.far->ended() || !flow.far->problem().empty(); }, 180s);
  const auto arrived = flow.far->arrived();
  r.whole = flow.far->ended() && flow.far->received() == size;
  r.seconds =
      std::chrono::duration<double>((arrived.empty() ? begun : arrived.back().at) - begun).count();
  r.gap = ms(longest_silence(arrived, begun, lab_clock::now()).length());
  r.drops = s.device_drops();
  r.problems = s.problems();
  r.story = s.story();
  return r;
}

void transfer_row(plan& p, std::uint64_t size, disturbance what, std::optional<double>& base) {
  const auto r = transfer_once(p, size, what);
  if (what == disturbance::none) base = r.seconds;
  const auto ratio = base ? r.seconds / *base : 0;
  lab_row row;
  row.gate = "G1";
  row.what = std::to_string(size >> 20) + " MiB at 300 Mbit/s, " +
             (what == disturbance::none    ? "undisturbed"
              : what == disturbance::kills ? "3 kills of 500 ms"
                                           : "3 migrations");
  row.figures = {{"time", r.seconds, "s"}, {"longest gap", r.gap, "ms"}};
  if (what != disturbance::none) row.figures.push_back({"of the undisturbed time", ratio, "x"});
  row.bound = what == disturbance::none ? "" : "gap <= 250 + 100 ms, time <= 1.05x";
  row.fault =
      what == disturbance::none ? "none mounted" : std::to_string(r.faults) + " of 3 seen by rendr";
  const bool mounted = what == disturbance::none || r.faults == 3;
  const bool timely = what == disturbance::none || (r.gap <= gap_bound && base && ratio <= 1.05);
  p.add(std::move(row), r.whole && mounted, timely, r.drops, r.problems, r.story);
}

}  // namespace

void gate_bulk(plan& p) {
  if (!p.wants("G1")) return;
  const std::uint64_t size = p.either<std::uint64_t>(1024, 96) << 20;
  std::optional<double> base;
  for (const auto what : {disturbance::none, disturbance::migrations, disturbance::kills}) {
    transfer_row(p, size, what, base);
  }
}

namespace {

/// How long each message needed until its echo was back, ms; and the way there of the slowest.
struct echo_times {
  std::vector<double> all;
  double slowest = 0;
  double slowest_there = 0;
};

echo_times times_of(const flow_ends& flow) {
  echo_times times;
  const auto there = flow.far->arrived();
  const auto arrived = flow.near->arrived();
  for (const auto& m : flow.near->wanted()) {
    const auto back = reached(arrived, m.total);
    if (back == lab_clock::time_point::max()) break;
    times.all.push_back(ms(back - m.at));
    if (times.all.back() <= times.slowest) continue;
    times.slowest = times.all.back();
    times.slowest_there = ms(reached(there, m.total) - m.at);
  }
  return times;
}

}  // namespace

void gate_echo(plan& p) {
  if (!p.wants("G2")) return;
  const auto every = p.either<std::chrono::milliseconds>(25s, 3s);
  const std::size_t kills = p.either(6u, 3u);
  const auto messages = static_cast<std::uint64_t>(every * (kills + 1) / 100ms);
  emulator net(4);
  const line first{"a", 20ms, 50 * mbit};
  const line second{"b", 30ms, 50 * mbit};
  session calm(net, 2, {first, second}, {"selector(a, b)", p.congestion()});
  session s(net, 0, {first, second}, {"selector(a, b)", p.congestion()});
  auto& base = calm.open(traffic::paced(1024, 100ms, messages), traffic::echoed());
  auto& flow = s.open(traffic::paced(1024, 100ms, messages), traffic::echoed());
  const auto addresses = flow.near->addresses() + flow.far->addresses();
  std::uint64_t hits = 0;
  std::uint64_t killed = 0;
  for (std::size_t i = 0; i < kills; ++i) {
    pass(every - 1s);
    const auto before = s.deaths();
    const reset_all cut(net, s.link_of(s.in_use()));
    pass(1s);
    hits += cut.hits();
    killed += s.deaths() > before ? 1u : 0u;
  }
  const auto total = messages * 1024;
  const auto all_back = [&] {
    return flow.near->received() >= total && base.near->received() >= total;
  };
  const bool whole = wait_until(all_back, every + 30s);
  const auto slowest = times_of(flow);
  const auto& times = slowest.all;
  const auto plain = times_of(base).all;
  const auto p99 = quantile(times, 990);
  const auto base99 = quantile(plain, 990);
  const auto limit = std::max(1.5 * base99, base99 + 10) + 100;
  const auto p999 = quantile(times, 999);
  lab_row row;
  row.gate = "G2";
  row.what = "1 KiB / 100 ms echo, a kill each " + std::to_string(every / 1s) + " s";
  row.figures = {{"P50", quantile(times, 500), "ms"},
                 {"P99", p99, "ms"},
                 {"P99.9", p999, "ms"},
                 {"maximum", slowest.slowest, "ms"},
                 {"of that to the server", slowest.slowest_there, "ms"},
                 {"P99 without kills, same time", base99, "ms"},
                 {"messages", static_cast<double>(times.size()), ""}};
  row.bound = "P99 <= " + rounded(limit - 100) + " + 100 ms, P99.9 < 250 + 100 ms";
  row.fault = std::to_string(killed) + " of " + std::to_string(kills) + " kills seen by rendr, " +
              std::to_string(hits) + " resets sent";
  const bool same = addresses == flow.near->addresses() + flow.far->addresses();
  p.add(std::move(row), whole && same && killed == kills, p99 <= limit && p999 < 350,
        s.device_drops() + calm.device_drops(), s.problems() + calm.problems(), s.story());
}

}  // namespace rendr::test
