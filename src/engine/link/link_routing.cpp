// SPDX-License-Identifier: Apache-2.0
// The graph at work: facts of the leaves in, choices of the selectors out, bytes placed
// accordingly.
#include <algorithm>

#include "base/text.hpp"
#include "engine/link/link.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {

namespace {

policy::health health_of(path_phase phase) noexcept {
  switch (phase) {
    case path_phase::standby:
    case path_phase::active:
      return policy::health::usable;
    case path_phase::late:
      return policy::health::late;
    case path_phase::suspect:
      return policy::health::suspect;
    case path_phase::dead:
      return policy::health::dead;
    case path_phase::idle:
    case path_phase::dialing:
    case path_phase::attaching:
    case path_phase::draining:
      return policy::health::absent;
  }
  return policy::health::absent;
}

failure no_root(std::string_view command, std::string_view root) {
  return {errc::invalid_argument,
          std::string(command) + ": the link has no root '" + std::string(root) + "'"};
}

cause cause_of(policy::selector_reason reason, cause why) noexcept {
  switch (reason) {
    case policy::selector_reason::by_command:
    case policy::selector_reason::released:
    case policy::selector_reason::override_returned:
      return cause::explicit_command;
    default:
      return policy::for_quality(reason) ? cause::quality : why;
  }
}

}  // namespace

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

policy::child_facts link::facts_of(instant now, const leaf_slot& s) const {
  policy::child_facts facts;
  facts.weight = weight_of(s.config);
  facts.eligible = s.trial.over(now);
  facts.flaps = s.trial.flaps(now);
  facts.cost = s.config.cost;
  if (s.current == nullptr) {
    facts.state = s.totals.deaths > 0 ? policy::health::dead : policy::health::absent;
    return facts;
  }
  const auto& p = *s.current;
  facts.state = health_of(p.phase);
  facts.eligible = facts.eligible && !p.rtt.beginning_anew();
  facts.measured = p.rtt.measured();
  facts.srtt = p.rtt.smoothed();
  facts.rttvar = p.rtt.variation();
  facts.min_rtt = p.rtt.minimum();
  facts.rate = p.rate.rate();
  facts.cold = cold(now, p);
  facts.queued = p.sent.in_flight() + p.out.pending();
  facts.blocked = p.out.pending() > 0 || p.sent.in_flight() >= p.window();
  facts.latency = p.quality.latency();
  facts.jitter = p.quality.jitter();
  facts.quality_known = p.quality.known();
  facts.fresh = p.quality.fresh(now);
  facts.quality_at = p.quality.last_sample();
  return facts;
}

std::vector<policy::child_facts> link::leaf_facts(instant now) const {
  std::vector<policy::child_facts> out;
  out.reserve(slots_.size());
  for (const auto& s : slots_) out.push_back(facts_of(now, s));
  share_fate(out);
  return out;
}

// What shares a hop with a suspect path and was not heard since is no better than late.
void link::share_fate(std::vector<policy::child_facts>& facts) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].config.fate.empty() || facts[i].state != policy::health::usable) continue;
    for (const auto& p : paths_) {
      if (p->suspected_at == never || p->leaf == i) continue;
      if (slots_[p->leaf].config.fate == slots_[i].config.fate &&
          slots_[i].current->last_life < p->suspected_at) {
        facts[i].state = policy::health::late;
      }
    }
  }
}

const named_root& link::root_of(const flow& f) const noexcept {
  return f.target != nullptr && f.target->installed() ? *f.target : roots_.standard();
}

named_root& link::root_of(const flow& f) noexcept {
  return const_cast<named_root&>(static_cast<const link&>(*this).root_of(f));
}

void link::tell(event::migration move) {
  move.link = ref_;
  s_.events.observe(std::move(move));
}

void link::tell_move(const named_root& root, const root_target::move& move, cause why) {
  if (move.from && move.to) ++migrations_;
  if (!move.to) return;
  tell(move_event(root, move.node, move.from, move.to, cause_of(move.reason, why),
                  policy::to_string(move.reason), move.evidence));
}

// After any change of a path's health: the selectors decide, what cannot be placed where it waits
// goes up, and the paths that carry data now are named active.
void link::route(instant now, cause why) {
  if (!roots_.standard().installed()) return;
  const bool moved = decide_routes(now, why);
  if (!moved && why == cause::quality) return;
  for (const auto& [number, f] : flows_) {
    if (!f->place) continue;
    f->place->settle(root_of(*f).target);
    flows_.enter_ring(*f);
  }
  for (const auto& p : paths_) {
    if (p->phase != path_phase::standby && p->phase != path_phase::active) continue;
    set_phase(now, *p, reaches(*p) ? path_phase::active : path_phase::standby, cause::none, {});
  }
  wake_all();
}

// True: some selector moved.
bool link::decide_routes(instant now, cause why) {
  const auto facts = leaf_facts(now);
  bool moved = false;
  quality_at_ = never;
  for (auto& root : roots_.all()) {
    if (!root.installed()) continue;
    const auto outcome = root.target.update(now, facts);
    for (const auto& move : outcome.moves) tell_move(root, move, why);
    moved = moved || !outcome.moves.empty();
    quality_at_ = std::min(quality_at_, std::max(outcome.again, now + defaults::deadline_floor));
    for (const auto leaf : outcome.measure) {
      auto* p = leaf < slots_.size() ? slots_[leaf].current : nullptr;
      if (p == nullptr || p->sent.in_flight() != 0 || p->want_ping) continue;
      p->want_ping = true;
      s_.transmit.wake(p->carrier);
    }
  }
  return moved;
}

void link::install_root(instant now, named_root& root, policy::graph g) {
  const auto before = std::exchange(root.target, root_target(std::move(g), ++root_version_));
  root.target.inherit(before);
  const auto& graph = root.target.graph();
  for (const auto& node : graph.nodes()) {
    if (node.kind != policy::node_kind::path) continue;
    auto& s = slot(node.leaf);
    if (side_ == role::acceptor) {
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
  for (const auto& [name, chosen] : root.selections) {
    const auto node = graph.find(name);
    if (node != policy::no_node && !chosen.child.empty()) {
      root.target.mirror(node, graph.child_named(node, chosen.child));
    }
  }
  root.target.refresh(leaf_facts(now));
  for (const auto& [number, f] : flows_) {
    if (f->target == nullptr && f->root == root.name) f->target = &root;
    if (&root_of(*f) != &root) continue;
    if (f->place) place_anew(*f);
    offer(*f);
  }
  route(now, cause::explicit_command);
}

// What the old graph had not handed out waits in the new one; what is under way stays under way,
// and comes back by `lose_ranges` when its path fails.
void link::place_anew(flow& f) {
  const auto waiting = f.place->unplaced();
  place(f);
  for (const auto& r : waiting.ranges()) f.place->offer(r);
  flows_.enter_ring(f);
}

// A record's ranges must go another way.
void link::lose_ranges(sent_record& record) {
  if (record.requeued) return;
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f == nullptr || f->reset_code || !f->place) continue;
    const auto open = f->send.open_part(r.bytes);
    for (const auto& part : open.ranges()) {
      if (r.node != policy::no_node && r.graph == f->place->graph_version()) {
        f->place->lost(root_of(*f).target, r.node, part);
      } else if (r.node != policy::no_node) {
        f->place->offer(part);
      }
      // A rescue was a second copy: the first is charged where it was pulled.
    }
    flows_.enter_ring(*f);
  }
}

std::optional<failure> link::select(instant now, std::string_view root, std::string_view node,
                                    std::string_view child) {
  auto* in = roots_.find(root);
  if (in == nullptr || !in->installed()) return no_root("select", root);
  const auto& graph = in->target.graph();
  const auto id = graph.find(node);
  if (id == policy::no_node || graph[id].kind != policy::node_kind::selector) {
    return failure{errc::invalid_argument,
                   "select: '" + std::string(node) + "' is no selector of the graph"};
  }
  std::optional<std::size_t> position;
  if (!child.empty()) {
    position = graph.child_named(id, child);
    if (!position) {
      return failure{errc::invalid_argument, "select: '" + std::string(child) +
                                                 "' is no child of '" + std::string(node) + "'"};
    }
  }
  in->target.refresh(leaf_facts(now));
  const auto before = in->target.selector(id).current;
  const auto decision = in->target.select(now, id, position);
  if (decision.refused) {
    return failure{errc::refused, "select: " + std::string(policy::to_string(decision.reason))};
  }
  auto& known = in->selections[std::string(node)];
  // The dialer's versions are even and the acceptor's odd, so that no two commands share one.
  const auto parity = side_ == role::dialer ? 0u : 1u;
  known = {((known.version / 2) + 1) * 2 + parity, std::string(child), true};
  if (decision.changed) {
    tell_move(*in, {id, before, decision.child, decision.reason, in->target.evidence(id)},
              cause::explicit_command);
  }
  route(now, cause::explicit_command);
  wake_control();
  return std::nullopt;
}

std::optional<failure> link::migrate(instant now, std::string_view root, std::string_view leaf) {
  const auto* in = roots_.find(root);
  if (in == nullptr || !in->installed()) return no_root("migrate", root);
  const auto& graph = in->target.graph();
  for (policy::node_id place = 0; place < graph.size(); ++place) {
    if (graph[place].kind != policy::node_kind::path || graph[place].name != leaf) continue;
    bool moved = false;
    for (auto id = place; id != graph.root(); id = graph[id].parent) {
      const auto parent = graph[id].parent;
      if (graph[parent].kind != policy::node_kind::selector) continue;
      if (auto why = select(now, root, graph[parent].name, graph[id].name)) return why;
      moved = true;
    }
    if (!moved) {
      return failure{errc::invalid_argument, "migrate: no selector stands above '" +
                                                 std::string(leaf) + "': it carries already"};
    }
    return std::nullopt;
  }
  return failure{errc::invalid_argument,
                 "migrate: '" + std::string(leaf) + "' is no leaf of the graph"};
}

std::optional<failure> link::set_root(instant now, std::string_view root, std::string_view text) {
  if (side_ != role::dialer)
    return failure{errc::refused, "set_root: the dialer of the link owns the graph"};
  if (!root.empty() && !valid_name(root)) {
    return failure{errc::invalid_argument,
                   "set_root: " + quoted(root) + ": " + std::string(name_rule)};
  }
  auto parsed = policy::parse_graph(text, leaf_infos());
  if (!parsed) return failure{errc::invalid_argument, render(text, parsed.error())};
  auto* to = roots_.find_or_make(root);
  if (to == nullptr) {
    return failure{errc::limit_reached, "set_root: a link has at most 64 roots"};
  }
  to->text = text;
  replace_graph(now, *to, std::move(*parsed));
  return std::nullopt;
}

void link::replace_graph(instant now, named_root& root, policy::graph g) {
  ++root.version;
  root.owed = up();
  install_root(now, root, std::move(g));
  wake_control();
}

// A graph over all paths stands over a new one too, and one that names it has what is known of it.
// A text that names a detached path still is left as it was read.
void link::place_attached(instant now) {
  const auto leaves = leaf_infos();
  for (auto& root : roots_.all()) {
    if (!root.installed()) continue;
    auto graph =
        root.text.empty() ? policy::default_graph(leaves) : policy::parse_graph(root.text, leaves);
    if (graph && *graph != root.target.graph()) replace_graph(now, root, std::move(*graph));
  }
}

}  // namespace rendr::engine
