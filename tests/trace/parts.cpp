// SPDX-License-Identifier: Apache-2.0
#include "trace/parts.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "hostile/attacks.hpp"
#include "sim/chaos.hpp"
#include "sim/faults.hpp"
#include "sim/hostile_stage.hpp"

namespace rendr::trace {

namespace {

std::string seed_title(std::uint64_t number) { return "seed " + std::to_string(number); }

void run_chaos(std::uint64_t seed, sim::journal& notes) { notes.remark(sim::chaos(seed, &notes)); }

struct matrix_cell {
  sim::fault fault;
  const sim::graph& graph;
  bool bulk;
};

const std::vector<sim::fault>& faults() {
  static const auto all = sim::every_fault();
  return all;
}

/// Every fault under every graph. Of the two loads each cell has one: in turn, so that every fault
/// and every graph see both.
matrix_cell cell(std::uint64_t number) {
  const auto at = (number - 1) % (faults().size() * sim::graphs.size());
  const auto row = at / sim::graphs.size();
  const auto column = at % sim::graphs.size();
  return {faults().at(row), sim::graphs.at(column), (row + column) % 2 == 1};
}

std::string cell_title(std::uint64_t number) {
  const auto c = cell(number);
  return sim::text_of(c.fault) + ", " + c.graph.root + (c.bulk ? ", bulk" : ", paced");
}

sim::flow_plan plan_of(const matrix_cell& c) {
  using namespace std::chrono_literals;
  auto plan = sim::plan_of(c.bulk, c.graph);
  if (c.bulk) plan.up.total = plan.down.total = 2 * sim::mib * c.graph.paths_at_once;
  if (c.fault.may == sim::allowance::ended) plan.may_fail = errc::peer_lost;
  return plan;
}

void run_matrix(std::uint64_t number, sim::journal& notes) {
  using namespace std::chrono_literals;
  const auto c = cell(number);
  auto s = sim::three_paths(c.graph, c.fault);
  s.notes = &notes;
  sim::world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open(plan_of(c));
  w.run(c.bulk ? 300ms : 1s);
  const auto hit = sim::busiest(w, 200ms);
  c.fault.begin(w, hit);
  w.client().wake();
  for (auto t = 0ms; t < sim::faulty; t += 500ms) {
    w.run(500ms);
    w.note_status();
  }
  sim::heal(w, c.fault, hit);
  w.run_until([&] { return flow.complete() || flow.client().failed; }, 60s);
  w.note_status();
  notes.remark(w.finish());
  w.note_status();
}

std::vector<hostile::attack> attacks() {
  std::vector<hostile::attack> all;
  for (const auto& group : {hostile::attacks_of_strangers(), hostile::attacks_of_peers()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

std::string attack_title(std::uint64_t number) { return attacks().at(number - 1).name; }

void run_attack(std::uint64_t number, sim::journal& notes) {
  auto s = sim::hostile_stage::honest_lines();
  s.notes = &notes;
  sim::hostile_stage stage(s);
  attacks().at(number - 1).mount(stage);
  stage.in().note_status();
  notes.remark(stage.damage());
  stage.in().note_status();
}

/// A load and nothing else: for who counts what the engine costs.
struct load {
  const char* name;
  const char* root;
  bool sealed;
  sim::flow_plan stream;  ///< `flows` of it
  sim::packet_plan packets;
  std::uint64_t flows;
};

const std::vector<load>& loads() {
  using namespace std::chrono_literals;
  using sim::mib;
  using sim::traffic;
  const sim::flow_plan bulk{.up = traffic::bulk(8 * mib), .down = traffic::bulk(8 * mib)};
  const sim::flow_plan words{.up = traffic::paced(100, 50ms, 40), .down = traffic::echo()};
  const sim::packet_plan packets{.up = {.total = 5000, .largest = 1200, .interval = 200us},
                                 .down = {.total = 5000, .largest = 1200, .interval = 200us}};
  static const std::vector<load> all{
      {"bulk, selector", "selector(a, b, c)", false, bulk, {}, 1},
      {"bulk, sealed", "selector(a, b, c)", true, bulk, {}, 1},
      {"bulk, bond", "bond(a, b, c)", false, bulk, {}, 1},
      {"bulk, race", "race(a, b, c)", false, bulk, {}, 1},
      {"packets, selector", "selector(a, b, c)", false, {}, packets, 0},
      {"words of 200 flows", "selector(a, b, c)", false, words, {}, 200},
  };
  return all;
}

std::string load_title(std::uint64_t number) { return loads().at(number - 1).name; }

void run_load(std::uint64_t number, sim::journal& notes) {
  using namespace std::chrono_literals;
  using sim::mbit;
  const auto& l = loads().at(number - 1);
  sim::scenario s;
  s.seed = 17;
  s.sealed = l.sealed;
  s.paths = {sim::path("a", 10ms, 200 * mbit), sim::path("b", 15ms, 200 * mbit),
             sim::path("c", 20ms, 200 * mbit)};
  s.root = l.root;
  sim::world w(s);
  w.connect();
  w.run(1s);
  for (std::uint64_t i = 0; i < l.flows; ++i) w.open(l.stream);
  if (l.packets.up.total != 0) w.open(l.packets);
  const auto done = [&w] {
    const auto complete = [](const auto& f) { return f->complete(); };
    return std::ranges::all_of(w.flows(), complete) && std::ranges::all_of(w.talks(), complete);
  };
  notes.remark(w.run_until(done, 60s) ? "done" : "not done");
  notes.remark(w.violations());
}

}  // namespace

std::span<const part> parts() {
  static const std::array all{
      part{"chaos", 300, true, seed_title, run_chaos},
      part{"life", 200, true, seed_title, run_life},
      part{"matrix", faults().size() * sim::graphs.size(), false, cell_title, run_matrix},
      part{"attacks", attacks().size(), false, attack_title, run_attack},
      part{"load", loads().size(), false, load_title, run_load, true},
  };
  return all;
}

}  // namespace rendr::trace
