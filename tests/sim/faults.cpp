// SPDX-License-Identifier: Apache-2.0
#include "sim/faults.hpp"

#include <algorithm>

namespace rendr::sim {

std::string text_of(const fault& f) {
  constexpr std::array ways{"", " up", " down"};
  return std::string(f.name) + ways.at(static_cast<std::size_t>(f.way));
}

namespace {

void changed(std::vector<fault>& all, const char* name, allowance may, bool lives,
             const std::function<void(lane&)>& change) {
  for (const auto way : {direction::both, direction::to_server, direction::to_client}) {
    all.push_back({name, way, may,
                   [way, change](world& w, const std::string& p) { w.path(p).each(way, change); },
                   false, false, lives});
  }
}

}  // namespace

std::vector<fault> every_fault() {
  constexpr auto both = direction::both;
  std::vector<fault> all;
  all.push_back({"kill", both, allowance::quarter,
                 [](world& w, const std::string& p) { w.path(p).kill(); }, false, true});
  all.push_back({"reset of the server's end", both, allowance::quarter,
                 [](world& w, const std::string& p) { w.path(p).kill_end(true); }, false, true});
  all.push_back({"reset of the client's end", both, allowance::quarter,
                 [](world& w, const std::string& p) { w.path(p).kill_end(false); }, false, true});
  all.push_back({"kill, then refused", both, allowance::quarter,
                 [](world& w, const std::string& p) {
                   w.path(p).refuse(true);
                   w.path(p).kill();
                 },
                 false, true});
  changed(all, "blackhole", allowance::silent, false, [](lane& l) { l.blackhole(true); });
  changed(all, "stall", allowance::silent, false, [](lane& l) { l.stall(true); });
  all.push_back({"relay forwards nothing", both, allowance::muted,
                 [](world& w, const std::string& p) { w.path(p).mute(true); }, true});
  changed(all, "rate / 100", allowance::repaired, false,
          [](lane& l) { l.set_rate(l.options().rate / 100); });
  changed(all, "delay + 200 ms", allowance::silent, true,
          [](lane& l) { l.set_delay(l.options().delay + 200ms); });
  changed(all, "loss 20 %", allowance::repaired, false, [](lane& l) { l.set_loss(200'000); });
  changed(all, "corruption 2 %", allowance::quarter, false,
          [](lane& l) { l.set_corruption(20'000); });
  all.push_back({"server stops", both, allowance::stopped,
                 [](world& w, const std::string&) { w.server().stop(true); }, false, false, true});
  all.push_back({"client stops", both, allowance::stopped,
                 [](world& w, const std::string&) { w.client().stop(true); }, false, false, true});
  all.push_back({"wrong doubt of the client", both, allowance::silent,
                 [](world& w, const std::string& p) {
                   w.client().ep().path_doubted(w.now(), w.status_of(p).carrier, "eth0 is down");
                   w.client().wake();
                 },
                 false, false, true});
  all.push_back({"wrong doubt of the server", both, allowance::silent,
                 [](world& w, const std::string& p) {
                   w.server().ep().path_doubted(w.now(), w.status_of(p, true).carrier,
                                                "eth0 is down");
                   w.server().wake();
                 },
                 false, false, true});
  all.push_back({"restart, key kept", both, allowance::ended,
                 [](world& w, const std::string&) { w.restart_server(true); }});
  all.push_back({"restart, key lost", both, allowance::ended,
                 [](world& w, const std::string&) { w.restart_server(false); }});
  return all;
}

scenario three_paths(const graph& g, const fault& f) {
  scenario s;
  s.seed = seed_or(91);
  s.paths = {path("a", 20ms, 10 * mbit), path("b", 30ms, 10 * mbit), path("c", 40ms, 10 * mbit)};
  for (auto& p : s.paths) p.relayed = f.relayed;
  s.root = g.root;
  s.grace = 5s;
  return s;
}

std::string busiest(world& w, duration time) {
  const auto sent = [&w](const char* name) {
    return w.status_of(name).payload_sent + w.status_of(name, true).payload_sent;
  };
  constexpr std::array names{"a", "b", "c"};
  std::array<std::uint64_t, 3> before{};
  for (std::size_t i = 0; i < names.size(); ++i) before.at(i) = sent(names.at(i));
  w.run(time);
  std::size_t best = 0;
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto n = sent(names.at(i)) - before.at(i);
    if (n > most) best = i;
    most = std::max(most, n);
  }
  if (most == 0) w.violated("nothing flows");
  return names.at(best);
}

void heal(world& w, const fault& f, const std::string& hit) {
  if (f.may == allowance::stopped) {
    w.server().stop(false);
    w.client().stop(false);
  }
  w.path(hit).refuse(false);
  w.path(hit).mute(false);
  w.path(hit).each(direction::both, [&](lane& l) {
    const auto& was = w.path(hit).options().lanes;
    l.blackhole(false);
    l.stall(false);
    l.set_rate(was.rate);
    l.set_delay(f.relayed ? was.delay / 2 : was.delay);
    l.set_loss(0);
    l.set_corruption(0);
  });
}

flow_plan plan_of(bool bulk, const graph& g) {
  if (bulk) {
    const auto size = 8 * mib * g.paths_at_once;
    return {.up = traffic::bulk(size), .down = traffic::bulk(size)};
  }
  return {.up = traffic::paced(kib, pace, 800), .down = traffic::paced(kib, pace, 800)};
}

}  // namespace rendr::sim
