// SPDX-License-Identifier: Apache-2.0
// Gates G6, G7 and G8: race and bond. What they are held against is measured in the same run.
#include <algorithm>
#include <array>
#include <future>
#include <utility>

#include "lab/emulated_gates/plan.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

/// How long each message needed to the other end; those that did not arrive last for ever.
std::vector<double> ways_of(const flow_ends& flow, std::size_t messages) {
  std::vector<double> all;
  const auto wanted = flow.near->wanted();
  const auto arrived = flow.far->arrived();
  for (std::size_t i = 0; i < std::min(messages, wanted.size()); ++i) {
    const auto back = reached(arrived, wanted[i].total);
    all.push_back(back == lab_clock::time_point::max() ? 1e9 : ms(back - wanted[i].at));
  }
  return all;
}

}  // namespace

void gate_race(plan& p) {
  if (!p.wants("G6")) return;
  const std::uint64_t messages = p.either(3000u, 400u);
  const line lossy{"lossy", 20ms, 0, 300'000};
  const line far{"far", 220ms};
  emulator net(4, 75);
  const session_options patient{"", "cubic", path_evidence::by_transport, 60s};
  auto with = [&patient](const char* root) {
    auto o = patient;
    o.root = root;
    return o;
  };
  session alone_lossy(net, 0, {lossy}, with("lossy"));
  session alone_far(net, 1, {far}, with("far"));
  session s(net, 2, {lossy, far}, with("race(lossy, far)"));
  const auto up = traffic::paced(200, 20ms, messages);
  const auto lost = s.lost();
  auto& first = alone_lossy.open(up, traffic::none());
  auto& second = alone_far.open(up, traffic::none());
  auto& raced = s.open(up, traffic::none());
  const bool whole =
      wait_until([&] { return raced.far->ended() && second.far->ended(); }, 20ms * messages + 60s);
  const auto of_first = ways_of(first, messages);
  const auto of_second = ways_of(second, messages);
  std::vector<double> best;
  for (std::size_t i = 0; i < std::min(of_first.size(), of_second.size()); ++i) {
    best.push_back(std::min(of_first[i], of_second[i]));
  }
  const auto times = ways_of(raced, messages);
  const auto limit = quantile(best, 990) + 1;
  const auto hit = s.lost() - lost;
  lab_row row;
  row.gate = "G6";
  row.what = "race of 30 % loss and +100 ms, 200 B / 20 ms";
  row.figures = {{"P50", quantile(times, 500), "ms"},
                 {"P99", quantile(times, 990), "ms"},
                 {"best arrival P50", quantile(best, 500), "ms"},
                 {"best arrival P99", quantile(best, 990), "ms"},
                 {"messages", static_cast<double>(times.size()), ""}};
  row.bound = "P99 <= " + rounded(limit) + " + 100 ms";
  row.fault = std::to_string(hit) + " packets lost";
  p.add(std::move(row), whole && hit > messages / 20 && raced.far->received() == 200 * messages,
        quantile(times, 990) <= limit + 100, s.device_drops(),
        s.problems() + alone_far.problems() + alone_lossy.problems(), s.story());
}

namespace {

struct pair_of_lines {
  const char* id;
  const char* name;
  line first;
  line second;
  double least;            ///< percent of the sum
  std::size_t rounds = 1;  ///< of which the medians count: one sample of a lossy line says little
};

/// Bytes per second of each line alone and of the bond over both, one after the other.
struct bond_round {
  std::array<double, 2> alone{};
  double both = 0;
  double gap = 0;  ///< longest time without a new byte, ms
  std::array<std::uint64_t, 2> used{};
  std::uint64_t lost = 0;
  std::uint64_t deaths = 0;
  std::uint64_t drops = 0;
  std::string problems;
  std::string story;
  std::vector<std::pair<double, double>> course;  ///< s, Mbit/s
};

bond_round bond_once(const plan& p, emulator& net, const pair_of_lines& point) {
  const auto warm_up = p.either<std::chrono::milliseconds>(3s, 2s);
  const auto span = p.either<std::chrono::milliseconds>(20s, 4s);
  bond_round r;
  lay(net, 0, point.first);
  lay(net, 1, point.second);
  auto other = std::async(std::launch::async,
                          [&] { return plain_goodput(net, 1, p.congestion(), warm_up, span); });
  r.alone[0] = plain_goodput(net, 0, p.congestion(), warm_up, span);
  r.alone[1] = other.get();
  session s(net, 0, {point.first, point.second}, {"bond(a, b)", p.congestion()});
  const auto lost = s.lost();
  for (std::size_t i = 0; i < 2; ++i) {
    r.used.at(i) = net.counters(i, way::to_server).forwarded_bytes;
  }
  auto& flow = s.open(traffic::bulk(), traffic::none());
  const auto from = lab_clock::now() + warm_up;
  pass(warm_up + span + 50ms);
  const auto arrived = flow.far->arrived();
  const auto bytes = total_at(arrived, from + span) - total_at(arrived, from);
  r.both = static_cast<double>(bytes) / std::chrono::duration<double>(span).count();
  r.gap = ms(longest_silence(arrived, from, from + span).length());
  for (std::size_t i = 0; i < 2; ++i) {
    r.used.at(i) = net.counters(i, way::to_server).forwarded_bytes - r.used.at(i);
  }
  for (auto t = 0ms; t < span; t += 100ms) {
    const auto piece = total_at(arrived, from + t + 100ms) - total_at(arrived, from + t);
    r.course.emplace_back(ms(t) / 1000, 10 * static_cast<double>(piece) / mbit);
  }
  r.lost = s.lost() - lost;
  r.deaths = s.deaths();
  r.drops = s.device_drops();
  r.problems = s.problems();
  r.story = s.story();
  return r;
}

void bond_row(plan& p, const pair_of_lines& point) {
  emulator net(2, 73);
  std::array<std::vector<double>, 2> alone;
  std::vector<double> both;
  bond_round worst;
  bool mounted = true;
  std::uint64_t drops = 0;
  std::string problems;
  for (std::size_t i = 0; i < point.rounds; ++i) {
    auto one = bond_once(p, net, point);
    alone[0].push_back(one.alone[0]);
    alone[1].push_back(one.alone[1]);
    both.push_back(one.both);
    mounted = mounted && one.used[0] > 100'000 && one.used[1] > 100'000 && one.deaths == 0 &&
              (point.second.loss_ppm == 0 || one.lost > 0);
    drops += one.drops;
    if (problems.empty()) problems = one.problems;
    if (i == 0 || one.both < worst.both) worst = std::move(one);
  }
  const auto first = quantile(alone[0], 500);
  const auto second = quantile(alone[1], 500);
  const auto bond = quantile(both, 500);
  const auto of_sum = 100 * bond / (first + second);
  const auto of_best = 100 * bond / std::max(first, second);
  lab_row row;
  row.gate = std::string(point.id).substr(0, 2);
  row.what = std::string(point.name) + ", " + p.congestion();
  row.figures = {{"of the sum", of_sum, "%"},
                 {"of the best alone", of_best, "%"},
                 {"bond", bond / mbit, "Mbit/s"},
                 {"plain TCP on a", first / mbit, "Mbit/s"},
                 {"plain TCP on b", second / mbit, "Mbit/s"},
                 {"bond, the worst round", worst.both / mbit, "Mbit/s"},
                 {"longest gap in it", worst.gap, "ms"},
                 {"rounds", static_cast<double>(point.rounds), ""}};
  row.bound = ">= " + rounded(point.least, 0) + " % of the sum, >= 98 % of the best alone";
  if (point.rounds > 1) row.bound += ", medians";
  row.fault = rounded(static_cast<double>(worst.used[0]) / 1048576) + " and " +
              rounded(static_cast<double>(worst.used[1]) / 1048576) + " MiB over the two, " +
              std::to_string(worst.lost) + " packets lost";
  for (const auto& [name, value] : {std::pair("plain TCP on a", first),
                                    std::pair("plain TCP on b", second), std::pair("bond", bond)}) {
    p.add(lab_bar{row.gate + " " + row.what, name, value / mbit, "Mbit/s", ""});
  }
  p.add(lab_series{"Bonds on real sockets, the worst round of each row",
                   row.what,
                   "s after the start",
                   "Mbit/s delivered",
                   worst.course,
                   {}});
  p.add(std::move(row), mounted, of_sum >= point.least && of_best >= 98, drops, problems,
        worst.story);
}

}  // namespace

void gate_bond(plan& p) {
  const std::array<pair_of_lines, 4> points{
      pair_of_lines{
          "G7", "50 + 50 Mbit/s, 20 and 20 ms", {"a", 20ms, 50 * mbit}, {"b", 20ms, 50 * mbit}, 98},
      pair_of_lines{"G8.rate",
                    "50 + 10 Mbit/s, 20 and 100 ms",
                    {"a", 20ms, 50 * mbit},
                    {"b", 100ms, 10 * mbit},
                    96},
      pair_of_lines{"G8.loss",
                    "the same, 1 % loss on the slow one",
                    {"a", 20ms, 50 * mbit},
                    {"b", 100ms, 10 * mbit, 10'000},
                    96,
                    3},
      pair_of_lines{"G8.delay",
                    "50 + 50 Mbit/s, 20 and 80 ms",
                    {"a", 20ms, 50 * mbit},
                    {"b", 80ms, 50 * mbit},
                    96}};
  for (const auto& point : points) {
    // A span as short as that says nothing about so little loss.
    if (p.brief() && point.second.loss_ppm != 0) continue;
    if (p.wants(point.id)) bond_row(p, point);
  }
}

}  // namespace rendr::test
