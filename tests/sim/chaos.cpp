// SPDX-License-Identifier: Apache-2.0
#include "sim/chaos.hpp"

#include <algorithm>
#include <array>

#include "sim/scenes.hpp"

namespace rendr::sim {

std::string random_graph(random& rng, std::vector<std::string> names, int depth, int& counter) {
  if (names.size() == 1 && (depth == 0 || rng.below(4) != 0)) return names[0];
  static constexpr std::array<const char*, 3> kinds{"selector", "race", "bond"};
  const auto kind = rng.below(3);
  std::string text = "n" + std::to_string(counter++) + ":" + kinds.at(kind) + "(";
  const std::string late = kind == 1 && rng.below(3) == 0 ? ", late=20ms" : "";
  if (depth <= 1 || names.size() == 1) {
    for (std::size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (kind == 0 && rng.below(3) == 0) text += ", bulk=" + names[rng.below(names.size())];
    return text + late + ")";
  }
  const auto cut = 1 + rng.below(names.size() - 1);
  const std::vector<std::string> left(names.begin(),
                                      names.begin() + static_cast<std::ptrdiff_t>(cut));
  const std::vector<std::string> right(names.begin() + static_cast<std::ptrdiff_t>(cut),
                                       names.end());
  text += random_graph(rng, left, depth - 1, counter) + ", ";
  // Now and then a leaf stands in two places.
  text += random_graph(rng, right, depth - 1, counter);
  if (rng.below(6) == 0) {
    text += ", n" + std::to_string(counter++) + ":selector(" + left[0] + ", " + right[0] + ")";
  }
  return text + late + ")";
}

scenario random_scenario(random& rng, std::uint64_t seed) {
  scenario s;
  s.sealed = seed % 4 == 0;
  s.aes = seed % 8 == 0;
  s.records_per_key = 256;
  s.seed = seed;
  const auto count = rng.between(1, 4);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) {
    auto p = path("p" + std::to_string(i), rng.between(duration(2ms), duration(200ms)),
                  rng.below(4) == 0 ? 0 : static_cast<std::uint64_t>(rng.between(1, 100)) * mbit,
                  rng.below(2) == 0 ? 0 : static_cast<std::uint32_t>(rng.below(30'000)));
    p.lanes.jitter = rng.below(2) == 0 ? duration(0) : rng.between(duration(0), duration(10ms));
    p.control = rng.below(2) == 0 ? congestion::cubic : congestion::bbr;
    p.relayed = rng.below(8) == 0;
    p.cold = rng.below(8) == 0 && i != 0;
    if (rng.below(8) == 0) p.evidence = evidence_kind::first_hop;
    if (rng.below(12) == 0) p.evidence = evidence_kind::none;
    names.push_back(p.name);
    s.paths.push_back(p);
  }
  int counter = 0;
  s.root = random_graph(rng, names, 3, counter);
  if (s.root.find('(') == std::string::npos) s.root = "selector(" + s.root + ")";
  s.grace = 600s;   // no scenario is dark for so long
  s.linger = 600s;  // nor is what a closed flow had written given up
  return s;
}

traffic random_traffic(random& rng) {
  switch (rng.below(4)) {
    case 0:
      return traffic::bulk(rng.below(3 * mib));
    case 1:
      return traffic::bulk(rng.below(20 * kib));
    case 2:
      return traffic::paced(1 + rng.below(3000), rng.between(duration(1ms), duration(100ms)),
                            1 + rng.below(200));
    default:
      return {};
  }
}

packet_traffic random_packets(random& rng) {
  packet_traffic t;
  const bool large = rng.below(8) == 0;
  t.total = rng.below(4) == 0 ? 0 : rng.below(large ? 100 : 2000);
  t.smallest = 8;
  t.largest = large ? rng.below(wire::max_packet) : rng.below(1500);
  t.interval = rng.below(3) == 0 ? duration(0) : rng.between(duration(100us), duration(20ms));
  t.some_empty = rng.below(2) == 0;
  return t;
}

namespace {

/// One end of a connection breaks, a process stops, or its loop is late.
void fault_of_an_end(world& w, random& rng, const std::string& name, duration begin,
                     duration healed) {
  const bool server = rng.below(2) == 0;
  switch (rng.below(3)) {
    case 0:
      w.at(begin).does([&w, name, server] { w.path(name).kill_end(server); });
      break;
    case 1:
      w.at(begin).does([&w, server] { (server ? w.server() : w.client()).stop(true); });
      w.at(healed).does([&w, server] { (server ? w.server() : w.client()).stop(false); });
      break;
    default: {
      const auto lag = rng.between(duration(0), duration(300ms));
      w.at(begin).does([&w, lag] { w.client().lag(lag); });
      w.at(healed).does([&w] { w.client().lag(duration(0)); });
    }
  }
}

}  // namespace

void random_fault(world& w, random& rng, const scenario& s) {
  const auto name = s.paths.at(rng.below(s.paths.size())).name;
  const auto begin = w.now() - instant{} + rng.between(duration(0), duration(15s));
  const auto length = rng.between(duration(10ms), duration(20s));
  const auto way = static_cast<direction>(rng.below(3));
  const auto healed = begin + length;
  const auto& original = w.path(name).options().lanes;
  switch (rng.below(14)) {
    case 0:
    case 1:
      w.at(begin).kill(name);
      break;
    case 2:
      w.at(begin).blackhole(name, way);
      w.at(healed).heal(name);
      break;
    case 3:
      w.at(begin).stall(name, way);
      w.at(healed).heal(name);
      break;
    case 4:
      w.at(begin).refuse(name).kill(name);
      w.at(healed).heal(name);
      break;
    case 5: {
      const auto rate = static_cast<std::uint64_t>(rng.between(5'000, 500'000));
      w.at(begin).change(name, way, [rate](lane& l) { l.set_rate(rate); });
      w.at(healed).change(name, way, [r = original.rate](lane& l) { l.set_rate(r); });
      break;
    }
    case 6: {
      const auto delay = rng.between(duration(1ms), duration(900ms));
      w.at(begin).change(name, way, [delay](lane& l) { l.set_delay(delay); });
      w.at(healed).change(name, way, [d = original.delay](lane& l) { l.set_delay(d); });
      break;
    }
    case 7: {
      const auto loss = static_cast<std::uint32_t>(rng.below(500'000));
      w.at(begin).change(name, way, [loss](lane& l) { l.set_loss(loss); });
      w.at(healed).change(name, way, [p = original.loss_ppm](lane& l) { l.set_loss(p); });
      break;
    }
    case 8:
      w.at(begin).change(name, way, [](lane& l) { l.set_corruption(20'000); });
      w.at(healed).change(name, way, [](lane& l) { l.set_corruption(0); });
      break;
    case 9:
      w.at(begin).mute(name);
      w.at(healed).heal(name);
      break;
    case 10:
    case 11:
    case 12:
      fault_of_an_end(w, rng, name, begin, healed);
      break;
    default:  // every path at once
      for (const auto& p : s.paths) {
        w.at(begin).blackhole(p.name);
        w.at(healed).heal(p.name);
      }
  }
}

namespace {

/// What an operator may do meanwhile. One that cannot be done then is refused, and loses nothing.
void random_command(world& w, random& rng, const scenario& s, engine::link_ref link) {
  std::vector<std::string> names;
  for (const auto& p : s.paths) names.push_back(p.name);
  const auto name = names.at(rng.below(names.size()));
  const auto begin = w.now() - instant{} + rng.between(duration(0), duration(20s));
  const auto later = begin + rng.between(duration(0), duration(10s));
  switch (rng.below(5)) {
    case 0:
      w.at(begin).does([&w, link, name] {
        static_cast<void>(w.client().ep().migrate(w.now(), link, name));
        w.client().wake();
      });
      break;
    case 1: {
      int counter = 0;
      auto root = random_graph(rng, names, 3, counter);
      w.at(begin).does([&w, link, root] {
        static_cast<void>(w.client().ep().set_root(w.now(), link, root));
        w.client().wake();
      });
      break;
    }
    case 2: {
      const bool server = rng.below(2) == 0;
      w.at(begin).does([&w, server] {
        auto& n = server ? w.server() : w.client();
        n.ep().network_changed(w.now());
        n.wake();
      });
      break;
    }
    default:
      w.at(begin).does([&w, name] { w.detach(name); });
      w.at(later).does([&w, name] { w.attach(name); });
  }
}

}  // namespace

std::string chaos(std::uint64_t seed, journal* notes) {
  random rng(seed);
  auto s = random_scenario(rng, seed);
  s.notes = notes;
  world w(s);
  const auto link = w.connect();
  if (rng.below(3) != 0) w.run(rng.between(duration(0), duration(1s)));
  const auto flows = 1 + rng.below(6);
  const auto faults = rng.below(8);
  for (std::uint64_t i = 0; i < faults; ++i) random_fault(w, rng, s);
  for (std::uint64_t i = 0; i < flows; ++i) {
    flow_plan plan;
    plan.up = random_traffic(rng);
    plan.down = rng.below(4) == 0 ? traffic::echo() : random_traffic(rng);
    // Of the seed alone: the older seeds give what they gave.
    if ((seed + i) % 5 == 0) plan.resets = (seed + i) % 2 == 0;
    w.at(w.now() - instant{} + rng.between(duration(0), duration(10s))).does([&w, plan] {
      w.open(plan);
    });
  }
  const auto talks = rng.below(3);
  for (std::uint64_t i = 0; i < talks; ++i) {
    const packet_plan plan{.up = random_packets(rng), .down = random_packets(rng)};
    w.at(w.now() - instant{} + rng.between(duration(0), duration(10s))).does([&w, plan] {
      w.open(plan);
    });
  }
  const auto commands = rng.below(6);
  for (std::uint64_t i = 0; i < commands; ++i) random_command(w, rng, s, link);
  if (notes != nullptr) {
    for (auto t = 500ms; t < 40s; t += 1s) w.at(t).does([&w] { w.note_status(); });
  }
  w.run(40s);
  const auto done = [&] {
    const auto complete = [](const auto& f) { return f->complete(); };
    return std::all_of(w.flows().begin(), w.flows().end(), complete) &&
           std::all_of(w.talks().begin(), w.talks().end(), complete);
  };
  // Every fault is over: what was written arrives, whatever it takes a slow lossy line.
  if (!w.run_until(done, 500s)) {
    std::string stuck;
    for (const auto& f : w.flows()) {
      if (f->complete()) continue;
      stuck += " " + std::to_string(f->number()) + " (up " + std::to_string(f->server().received) +
               "/" + std::to_string(f->client().wanted) + ", down " +
               std::to_string(f->client().received) + "/" + std::to_string(f->server().wanted) +
               ")";
    }
    for (const auto& t : w.talks()) {
      if (t->complete()) continue;
      stuck += " packets (up " + std::to_string(t->server().received) + "/" +
               std::to_string(t->client().handed) + ", down " +
               std::to_string(t->client().received) + "/" + std::to_string(t->server().handed) +
               ")";
    }
    w.violated("flows do not finish:" + stuck);
  }
  w.note_status();
  const auto found = w.finish();
  w.note_status();
  return found.empty() ? found : "root " + s.root + "\n" + found;
}

}  // namespace rendr::sim
