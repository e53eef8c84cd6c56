// SPDX-License-Identifier: Apache-2.0
// Gates G5 and G11: what outlives darkness.
#include <optional>
#include <utility>

#include "lab/emulated_gates/plan.hpp"
#include "support/emulated_nat.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

const std::vector<line>& two_lines() {
  static const std::vector<line> lines{{"a", 20ms, 50 * mbit}, {"b", 40ms, 50 * mbit}};
  return lines;
}

bool attached(const session& s, std::size_t line) {
  const auto phase = s.path(line).phase;
  return phase == path_phase::standby || phase == path_phase::active;
}

void return_row(plan& p, bool refused) {
  const auto absence = p.either(20s, 6s);
  const auto after = p.either(15s, 3s);
  emulator net(2, 51);
  session s(net, 0, two_lines(), {"selector(a, b)", p.congestion()});
  auto& flow = s.open(traffic::paced(1024, 10ms), traffic::echoed());
  pass(3s);
  const auto gone = s.in_use();
  const auto darkened = s.darkened();
  const auto deaths = s.path(gone).deaths;
  std::uint64_t hits = 0;
  {
    std::optional<reset_all> cut;
    if (refused) {
      cut.emplace(net, s.link_of(gone));
    } else {
      net.up(s.link_of(gone), way::both, false);
    }
    pass(absence);
    hits = refused ? cut->hits() : s.darkened() - darkened;
  }
  const auto died = s.path(gone).deaths - deaths;
  const auto moves = s.moves();
  net.up(s.link_of(gone), way::both, true);
  const auto back = lab_clock::now();
  const bool returned = wait_until([&] { return attached(s, gone); }, 10s);
  const auto took = ms(lab_clock::now() - back);
  pass(after);
  const auto moved = s.moves() - moves;
  const auto asked = flow.near->asked();
  const bool whole = wait_until([&] { return flow.near->received() >= asked; }, 5s);
  lab_row row;
  row.gate = "G5";
  row.what = std::string(refused ? "refused" : "dark") + " for " + std::to_string(absence / 1s) +
             " s, 1 KiB / 10 ms echo";
  row.figures = {
      {"attached again after", took, "ms"},
      {"moves in the " + std::to_string(after / 1s) + " s after", static_cast<double>(moved), ""}};
  row.bound = "<= 2000 + 100 ms, <= 1 move";
  row.fault = std::to_string(hits) + (refused ? " resets sent, " : " packets into the dark, ") +
              std::to_string(died) + " deaths at the client";
  p.add(std::move(row), returned && whole && hits > 0 && died > 0, took <= 2100 && moved <= 1,
        s.device_drops(), s.problems(), s.story());
}

}  // namespace

void gate_return(plan& p) {
  for (const bool refused : {false, true}) {
    if (p.wants(refused ? "G5.refused" : "G5.dark")) return_row(p, refused);
  }
}

namespace {

/// A translator restarts: the connections of every path are dead at once, and nobody is told.
void forgotten_row(plan& p) {
  emulator net(2, 53);
  const emulated_nat nat(net);
  session s(net, 0, two_lines(), {"selector(a, b)", p.congestion()});
  auto& flow = s.open(traffic::paced(1024, 10ms), traffic::echoed());
  pass(2s);
  const auto mappings = nat.mappings();
  const auto strays = nat.strays();
  nat.flush();
  const auto at = lab_clock::now();
  const auto asked = flow.near->asked();
  const bool whole = wait_until([&] { return flow.near->received() > asked; }, 15s);
  const auto took = ms(lab_clock::now() - at);
  pass(1s);
  const auto hits = nat.strays() - strays;
  lab_row row;
  row.gate = "G11";
  row.what = "every mapping of a NAT forgotten, 1 KiB / 10 ms";
  row.figures = {{"a message sent after it is back after", took, "ms"},
                 {"deaths", static_cast<double>(s.deaths()), ""}};
  row.bound = "<= 1000 + 100 ms, nothing lost or doubled";
  row.fault = std::to_string(mappings) + " mappings flushed, " + std::to_string(hits) +
              " packets belonged to none";
  p.add(std::move(row), whole && mappings >= 2 && hits > 0, took <= 1100, s.device_drops(),
        s.problems(), s.story());
}

}  // namespace

void gate_all_dark(plan& p) {
  if (p.wants("G11.nat")) forgotten_row(p);
  const auto absence = p.either(60s, 10s);
  for (const std::size_t first : {0u, 1u}) {
    const auto& name = two_lines()[first].name;
    if (!p.wants("G11." + name) || (p.brief() && first != 0)) continue;
    emulator net(2, 52);
    session s(net, 0, two_lines(), {"selector(a, b)", p.congestion()});
    auto& flow = s.open(traffic::paced(1024, 5ms), traffic::paced(1024, 7ms));
    pass(3s);
    const auto darkened = s.darkened();
    for (const std::size_t i : {0u, 1u}) net.up(i, way::both, false);
    pass(absence);
    const auto hits = s.darkened() - darkened;
    const auto up_before = flow.far->received();
    const auto down_before = flow.near->received();
    net.up(first, way::both, true);
    const auto back = lab_clock::now();
    const bool resumed = wait_until(
        [&] { return flow.far->received() > up_before && flow.near->received() > down_before; },
        15s);
    const auto took = ms(lab_clock::now() - back);
    const auto up = flow.near->asked();
    const auto down = flow.far->asked();
    const bool whole = wait_until(
        [&] { return flow.far->received() >= up && flow.near->received() >= down; }, 60s);
    lab_row row;
    row.gate = "G11";
    row.what = "all dark for " + std::to_string(absence / 1s) + " s, then " + name;
    row.figures = {{"both ways resumed after", took, "ms"},
                   {"all caught up after", ms(lab_clock::now() - back), "ms"}};
    row.bound = "<= 1000 + 100 ms, nothing lost or doubled";
    row.fault = std::to_string(hits) + " packets into the dark";
    p.add(std::move(row), resumed && whole && hits > 0 && took < 5000, took <= 1100,
          s.device_drops(), s.problems(), s.story());
  }
}

}  // namespace rendr::test
