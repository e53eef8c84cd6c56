// SPDX-License-Identifier: Apache-2.0
#include "engine/link/routing.hpp"

#include <algorithm>
#include <utility>

#include "engine/link/flow_care.hpp"

namespace rendr::engine {

void routing::route(instant now, cause why) {
  if (!r_.router.installed()) return;
  auto routes = r_.router.decide(now, why, leaf_facts(now));
  for (auto& move : routes.told) tell(std::move(move));
  for (const auto leaf : routes.measure) measure(leaf);
  if (!routes.moved && why == cause::quality) return;
  for (const auto& [number, f] : r_.flows) {
    if (f->place() == nullptr) continue;
    f->place()->settle(r_.root_of(*f).target);
    r_.flows.enter_ring(*f);
  }
  for (const auto& p : r_.paths) {
    if (!p->life.at(path_stage::standby) && !p->life.at(path_stage::active)) continue;
    const auto change = p->life.on(r_.reaches(*p) ? path_event::chosen : path_event::rested);
    if (change.any()) r_.slots[p->leaf].shown = change.to;
  }
  wake_.all();
}

// Some selector wants to know the quality of this leaf better.
void routing::measure(spec_id leaf) {
  auto* p = r_.slots.current(leaf);
  if (p == nullptr || p->sent.in_flight() != 0 || p->want_ping) return;
  p->want_ping = true;
  r_.shared.transmit.wake(p->carrier);
}

void routing::tell(event::migration move) {
  move.link = r_.ref;
  r_.shared.events.observe(std::move(move));
}

// ---- what the leaves are like

leaf_state routing::state_of(instant now, const leaf_slot& s) const {
  leaf_state out;
  out.weight = weight_of(s.config);
  out.cost = s.config.cost;
  out.flaps = s.trial.flaps(now);
  out.trial_over = s.trial.over(now);
  out.died = s.totals.deaths > 0;
  if (s.current == nullptr) return out;
  const auto& p = *s.current;
  auto& c = out.carrier.emplace();
  c.phase = p.life.phase();
  c.anew = p.rtt.beginning_anew();
  c.measured = p.rtt.measured();
  c.srtt = p.rtt.smoothed();
  c.rttvar = p.rtt.variation();
  c.min_rtt = p.rtt.minimum();
  c.rate = p.rate.rate();
  c.cold = p.cold(now);
  c.in_flight = p.sent.in_flight();
  c.unwritten = p.out.pending();
  c.window = p.window();
  c.latency = p.quality.latency();
  c.jitter = p.quality.jitter();
  c.quality_known = p.quality.known();
  c.fresh = p.quality.fresh(now);
  c.quality_at = p.quality.last_sample();
  return out;
}

std::vector<policy::child_facts> routing::leaf_facts(instant now) const {
  std::vector<policy::child_facts> out;
  out.reserve(r_.slots.size());
  for (const auto& s : r_.slots) out.push_back(facts_of(state_of(now, s)));
  std::vector<suspicion> suspicions;
  for (const auto& p : r_.paths) {
    if (!p->life.suspect()) continue;
    suspicions.push_back({p->leaf, r_.slots[p->leaf].config.fate, p->life.suspected_at()});
  }
  if (suspicions.empty()) return out;
  std::vector<leaf_fate> fates;
  for (const auto& s : r_.slots) {
    fates.push_back({s.config.fate, s.current == nullptr ? instant::min() : s.current->last_life});
  }
  share_fate(out, fates, suspicions);
  return out;
}

// ---- graphs

void routing::install(instant now, named_root& root, policy::graph g) {
  learn_leaves(g);
  r_.router.install(root, std::move(g), leaf_facts(now));
  for (const auto& [number, f] : r_.flows) {
    f->learn_root(root);
    if (&r_.root_of(*f) != &root) continue;
    if (f->place() != nullptr) {
      f->place_anew(root.target);
      r_.flows.enter_ring(*f);
    }
    flow_care(r_).offer(*f);
  }
  route(now, cause::explicit_command);
}

// Every leaf of the graph has its slot; an acceptor knows of its leaves what the graph says.
void routing::learn_leaves(const policy::graph& g) {
  for (const auto& node : g.nodes()) {
    if (node.kind != policy::node_kind::path) continue;
    r_.slots.of(node.leaf);
    if (r_.side == role::acceptor) r_.slots.learn(node);
  }
}

void routing::replace(instant now, named_root& root, policy::graph g) {
  router::renew(root, r_.up());
  install(now, root, std::move(g));
  wake_.control();
}

void routing::place_attached(instant now) {
  const auto leaves = r_.slots.infos();
  for (auto& root : r_.router.all()) {
    if (auto graph = router::regrown(root, leaves)) replace(now, root, std::move(*graph));
  }
}

std::optional<failure> routing::set_root(instant now, std::string_view root,
                                         std::string_view text) {
  auto wanted = r_.router.read(root, text, r_.slots.infos());
  if (!wanted) return wanted.error();
  replace(now, *wanted->root, std::move(wanted->graph));
  return std::nullopt;
}

std::optional<failure> routing::select(instant now, std::string_view root, std::string_view node,
                                       std::string_view child) {
  auto done = r_.router.select(now, root, node, child, leaf_facts(now));
  if (!done) return done.error();
  if (*done) tell(std::move(**done));
  route(now, cause::explicit_command);
  wake_.control();
  return std::nullopt;
}

std::optional<failure> routing::migrate(instant now, std::string_view root, std::string_view leaf) {
  const auto way = r_.router.way_to(root, leaf);
  if (!way) return way.error();
  for (const auto& step : *way) {
    if (auto why = select(now, root, step.node, step.child)) return why;
  }
  return std::nullopt;
}

errc routing::take(instant now, const wire::graph& f) {
  auto heard = r_.router.take(f);
  if (!heard) return heard.error();
  if (heard->root != nullptr) install(now, *heard->root, std::move(heard->graph));
  return errc{};
}

errc routing::take(instant now, const wire::select& f) {
  const auto follows = r_.router.take(f);
  if (!follows) return follows.error();
  if (*follows) route(now, cause::explicit_command);
  return errc{};
}

}  // namespace rendr::engine
