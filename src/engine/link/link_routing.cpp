// SPDX-License-Identifier: Apache-2.0
// The graph at work: facts of the leaves in, choices of the selectors out, bytes placed
// accordingly.
#include "engine/link/link.hpp"

namespace rendr::engine {

std::vector<policy::leaf_info> link::leaf_infos() const {
  std::vector<policy::leaf_info> out;
  out.reserve(slots_.size());
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    const auto& c = slots_[leaf].config;
    if (slots_[leaf].removed) continue;
    out.push_back({c.name, weight_of(c), c.evidence, c.cost, c.fate, leaf});
  }
  return out;
}

leaf_state link::state_of(instant now, const leaf_slot& s) const {
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

std::vector<policy::child_facts> link::leaf_facts(instant now) const {
  std::vector<policy::child_facts> out;
  out.reserve(slots_.size());
  for (const auto& s : slots_) out.push_back(facts_of(state_of(now, s)));
  std::vector<suspicion> suspicions;
  for (const auto& p : paths_) {
    if (!p->life.suspect()) continue;
    suspicions.push_back({p->leaf, slots_[p->leaf].config.fate, p->life.suspected_at()});
  }
  if (suspicions.empty()) return out;
  std::vector<leaf_fate> fates;
  for (const auto& s : slots_) {
    fates.push_back({s.config.fate, s.current == nullptr ? instant::min() : s.current->last_life});
  }
  share_fate(out, fates, suspicions);
  return out;
}

const named_root& link::root_of(const flow& f) const noexcept {
  return router_.root_of(f.target());
}

named_root& link::root_of(const flow& f) noexcept { return router_.root_of(f.target()); }

void link::tell(event::migration move) {
  move.link = ref_;
  s_.events.observe(std::move(move));
}

// After any change of a path's health: the selectors decide, what cannot be placed where it waits
// goes up, and the paths that carry data now are named active.
void link::route(instant now, cause why) {
  if (!router_.installed()) return;
  auto routes = router_.decide(now, why, leaf_facts(now));
  for (auto& move : routes.told) tell(std::move(move));
  for (const auto leaf : routes.measure) measure(leaf);
  if (!routes.moved && why == cause::quality) return;
  for (const auto& [number, f] : flows_) {
    if (f->place() == nullptr) continue;
    f->place()->settle(root_of(*f).target);
    flows_.enter_ring(*f);
  }
  for (const auto& p : paths_) {
    if (!p->life.at(path_stage::standby) && !p->life.at(path_stage::active)) continue;
    move(now, *p, reaches(*p) ? path_event::chosen : path_event::rested, cause::none, {});
  }
  wake_all();
}

// Some selector wants to know the quality of this leaf better.
void link::measure(spec_id leaf) {
  auto* p = leaf < slots_.size() ? slots_[leaf].current : nullptr;
  if (p == nullptr || p->sent.in_flight() != 0 || p->want_ping) return;
  p->want_ping = true;
  s_.transmit.wake(p->carrier);
}

void link::install_root(instant now, named_root& root, policy::graph g) {
  learn_leaves(g);
  router_.install(root, std::move(g), leaf_facts(now));
  for (const auto& [number, f] : flows_) {
    f->learn_root(root);
    if (&root_of(*f) != &root) continue;
    if (f->place() != nullptr) {
      f->place_anew(root.target);
      flows_.enter_ring(*f);
    }
    offer(*f);
  }
  route(now, cause::explicit_command);
}

// Every leaf of the graph has its slot; an acceptor knows of its leaves what the graph says.
void link::learn_leaves(const policy::graph& g) {
  for (const auto& node : g.nodes()) {
    if (node.kind != policy::node_kind::path) continue;
    auto& s = slot(node.leaf);
    if (side_ == role::dialer) continue;
    s.config.name = node.name;
    s.config.weight = node.weight;
    s.config.cost = node.cost;
    s.config.fate = node.fate;
    if (node.evidence && !s.config.evidence) {
      s.config.evidence = node.evidence;
      if (s.current != nullptr) s.current->evidence = *node.evidence;
    }
  }
}

// A record's ranges must go another way.
void link::lose_ranges(sent_record& record) {
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f == nullptr) continue;
    f->lose(r, root_of(*f).target);
    flows_.enter_ring(*f);
  }
}

std::optional<failure> link::select(instant now, std::string_view root, std::string_view node,
                                    std::string_view child) {
  auto done = router_.select(now, root, node, child, leaf_facts(now));
  if (!done) return done.error();
  if (*done) tell(std::move(**done));
  route(now, cause::explicit_command);
  wake_control();
  return std::nullopt;
}

std::optional<failure> link::migrate(instant now, std::string_view root, std::string_view leaf) {
  const auto way = router_.way_to(root, leaf);
  if (!way) return way.error();
  for (const auto& step : *way) {
    if (auto why = select(now, root, step.node, step.child)) return why;
  }
  return std::nullopt;
}

std::optional<failure> link::set_root(instant now, std::string_view root, std::string_view text) {
  auto wanted = router_.read(root, text, leaf_infos());
  if (!wanted) return wanted.error();
  replace_graph(now, *wanted->root, std::move(wanted->graph));
  return std::nullopt;
}

void link::replace_graph(instant now, named_root& root, policy::graph g) {
  router::renew(root, up());
  install_root(now, root, std::move(g));
  wake_control();
}

void link::place_attached(instant now) {
  const auto leaves = leaf_infos();
  for (auto& root : router_.all()) {
    if (auto graph = router::regrown(root, leaves)) replace_graph(now, root, std::move(*graph));
  }
}

errc link::on(instant now, path&, const wire::graph& f) {
  auto heard = router_.take(f);
  if (!heard) return heard.error();
  if (heard->root != nullptr) install_root(now, *heard->root, std::move(heard->graph));
  return errc{};
}

errc link::on(instant now, path&, const wire::select& f) {
  const auto follows = router_.take(f);
  if (!follows) return follows.error();
  if (*follows) route(now, cause::explicit_command);
  return errc{};
}

}  // namespace rendr::engine
