// SPDX-License-Identifier: Apache-2.0
// Gates G9 and G10: what a selector must not move for, and what it must.
#include <array>
#include <memory>
#include <utility>

#include "lab/emulated_gates/plan.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

// Two ways of 2.75 ms + uniform [0, 24.5 ms]: round trips of 30 ms with a deviation of 10 ms.
constexpr auto least_delay = 2750us;
constexpr auto spread = 24'500us;

}  // namespace

void gate_no_flapping(plan& p) {
  if (!p.wants("G9")) return;
  const auto span = p.either<std::chrono::seconds>(600s, 10s);
  const std::size_t pairs = p.either(3u, 2u);
  emulator net(2 * pairs, 9);
  std::vector<std::unique_ptr<session>> all;
  for (std::size_t i = 0; i < pairs; ++i) {
    auto& s = all.emplace_back(std::make_unique<session>(
        net, 2 * i, std::vector<line>{{"a", 30ms, 50 * mbit}, {"b", 30ms, 50 * mbit}},
        session_options{"selector(a, b)", p.congestion()}));
    for (const std::size_t link : {2 * i, 2 * i + 1}) {
      net.change(link, way::both, [](lane_settings& lane) {
        lane.delay = least_delay;
        lane.jitter = spread;
      });
    }
    s->open(traffic::paced(1024, 20ms), traffic::echoed());
  }
  pass(span);
  for (auto& s : all) {
    const auto quiet = s->moves();
    const auto used = s->in_use();
    net.change(s->link_of(used), way::both, [](lane_settings& lane) { lane.delay += 40ms; });
    const auto stepped = lab_clock::now();
    const bool decided = wait_until([&] { return s->moves() > quiet; }, 15s);
    const auto took = ms(lab_clock::now() - stepped);
    const auto rtt = s->path(used).srtt;
    lab_row row;
    row.gate = "G9";
    row.what = "RTT 30 +- 10 ms twice, " + std::to_string(span / 1s) + " s, then one +80 ms";
    row.figures = {{"moves before", static_cast<double>(quiet), ""},
                   {"decided after", took, "ms"},
                   {"deaths", static_cast<double>(s->deaths()), ""}};
    row.bound = "<= 1 move in 10 min; decided <= 4000 + 100 ms";
    row.fault = "+40 ms each way; moves for quality " + std::to_string(s->moves(cause::quality)) +
                ", sRTT of the path left " + rounded(ms(rtt)) + " ms";
    p.add(std::move(row), decided && s->deaths() == 0, quiet <= 1 && took <= 4100,
          s->device_drops(), s->problems(), s->story());
  }
}

namespace {

struct load_case {
  bool up;
  const char* congestion;
};

void load_rows(plan& p, const std::vector<load_case>& cases) {
  const auto span = p.either(60s, 15s);
  const auto before = p.either(5s, 2s);
  emulator net(2 * cases.size(), 81);
  std::vector<std::unique_ptr<session>> all;
  std::vector<std::size_t> moves;
  std::vector<std::uint64_t> bytes;
  for (const auto& one : cases) {
    // A bloated buffer on the best: 200 ms of our own queue.
    auto& s = all.emplace_back(std::make_unique<session>(
        net, 2 * all.size(),
        std::vector<line>{{"best", 20ms, 20 * mbit, 0, 512 * 1024}, {"other", 60ms, 20 * mbit}},
        session_options{"selector(best, other)", one.congestion}));
    s->open(traffic::paced(1024, 20ms, static_cast<std::uint64_t>(before / 20ms)),
            traffic::echoed());
  }
  pass(before);
  for (std::size_t i = 0; i < all.size(); ++i) {
    moves.push_back(all[i]->moves());
    bytes.push_back(all[i]->entered_bytes());
    const auto bulk = traffic::bulk();
    all[i]->open(cases[i].up ? bulk : traffic::none(), cases[i].up ? traffic::none() : bulk);
  }
  pass(span);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& s = *all[i];
    const auto moved = s.moves() - moves[i];
    const auto mib = static_cast<double>(s.entered_bytes() - bytes[i]) / 1048576;
    const auto seconds = static_cast<double>(span / 1s);
    const auto own = s.path(0, !cases[i].up);
    lab_row row;
    row.gate = "G10";
    row.what = std::string("bulk ") + (cases[i].up ? "up" : "down") + " for " +
               std::to_string(span / 1s) + " s, " + cases[i].congestion;
    row.figures = {{"moves", static_cast<double>(moved), ""},
                   {"sRTT under load", ms(own.srtt), "ms"},
                   {"on the links", mib * 8.388608 / seconds, "Mbit/s"},
                   {"deaths", static_cast<double>(s.deaths()), ""}};
    row.bound = "0 moves";
    row.fault = rounded(mib, 0) + " MiB filled a line of 20 Mbit/s";
    p.add(std::move(row), mib > seconds && s.deaths() == 0, moved == 0, s.device_drops(),
          s.problems(), s.story());
  }
}

}  // namespace

void gate_self_load(plan& p) {
  std::vector<load_case> all;
  for (const auto* control : {"cubic", "bbr"}) {
    const auto piece = std::string("G10.") + control;
    if (!p.wants(piece)) continue;
    const std::vector<load_case> both{{true, control}, {false, control}};
    if (p.brief()) {
      all.insert(all.end(), both.begin(), both.end());
    } else {
      load_rows(p, both);
    }
  }
  if (!all.empty()) load_rows(p, all);
}

}  // namespace rendr::test
