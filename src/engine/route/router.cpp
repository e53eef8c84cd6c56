// SPDX-License-Identifier: Apache-2.0
#include "engine/route/router.hpp"

#include <utility>

#include "base/text.hpp"
#include "engine/config.hpp"
#include "engine/record/record_writer.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {

namespace {

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

named_root& router::begin(std::string text) {
  auto& root = roots_.standard();
  root.version = 1;
  root.text = std::move(text);
  return root;
}

void router::install(named_root& root, policy::graph g, const leaf_facts& leaves) {
  const auto before = std::exchange(root.target, root_target(std::move(g), ++version_));
  root.target.inherit(before);
  const auto& graph = root.target.graph();
  for (const auto& [name, chosen] : root.selections) {
    const auto node = graph.find(name);
    if (node != policy::no_node && !chosen.child.empty()) {
      root.target.mirror(node, graph.child_named(node, chosen.child));
    }
  }
  root.target.refresh(leaves);
}

void router::renew(named_root& root, bool tell) noexcept {
  ++root.version;
  root.owed = tell;
}

result<router::heard_graph, failure> router::read(std::string_view name, std::string_view text,
                                                  std::span<const policy::leaf_info> leaves) {
  if (side_ != role::dialer)
    return failure{errc::refused, "set_root: the dialer of the link owns the graph"};
  if (!name.empty() && !valid_name(name)) {
    return failure{errc::invalid_argument,
                   "set_root: " + quoted(name) + ": " + std::string(name_rule)};
  }
  auto parsed = policy::parse_graph(text, leaves);
  if (!parsed) return failure{errc::invalid_argument, render(text, parsed.error())};
  auto* to = roots_.find_or_make(name);
  if (to == nullptr) {
    return failure{errc::limit_reached, "set_root: a link has at most 64 roots"};
  }
  to->text = text;
  return heard_graph{to, std::move(*parsed)};
}

std::optional<policy::graph> router::regrown(const named_root& root,
                                             std::span<const policy::leaf_info> leaves) {
  if (!root.installed()) return std::nullopt;
  if (root.text.empty()) {
    auto graph = policy::default_graph(leaves);
    return graph == root.target.graph() ? std::nullopt : std::optional(std::move(graph));
  }
  auto graph = policy::parse_graph(root.text, leaves);
  if (!graph || *graph == root.target.graph()) return std::nullopt;
  return std::move(*graph);
}

result<std::optional<event::migration>, failure> router::select(instant now, std::string_view root,
                                                                std::string_view node,
                                                                std::string_view child,
                                                                const leaf_facts& leaves) {
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
  in->target.refresh(leaves);
  const auto before = in->target.selector(id).current;
  const auto decision = in->target.select(now, id, position);
  if (decision.refused) {
    return failure{errc::refused, "select: " + std::string(policy::to_string(decision.reason))};
  }
  auto& known = in->selections[std::string(node)];
  // The dialer's versions are even and the acceptor's odd, so that no two commands share one.
  const auto parity = side_ == role::dialer ? 0u : 1u;
  known = {((known.version / 2) + 1) * 2 + parity, std::string(child), true};
  if (!decision.changed) return std::optional<event::migration>();
  return count(*in, {id, before, decision.child, decision.reason, in->target.evidence(id)},
               cause::explicit_command);
}

result<std::vector<router::step>, failure> router::way_to(std::string_view root,
                                                          std::string_view leaf) const {
  const auto* in = roots_.find(root);
  if (in == nullptr || !in->installed()) return no_root("migrate", root);
  const auto& graph = in->target.graph();
  for (policy::node_id place = 0; place < graph.size(); ++place) {
    if (graph[place].kind != policy::node_kind::path || graph[place].name != leaf) continue;
    std::vector<step> out;
    for (auto id = place; id != graph.root(); id = graph[id].parent) {
      const auto parent = graph[id].parent;
      if (graph[parent].kind != policy::node_kind::selector) continue;
      out.push_back({graph[parent].name, graph[id].name});
    }
    if (out.empty()) {
      return failure{errc::invalid_argument, "migrate: no selector stands above '" +
                                                 std::string(leaf) + "': it carries already"};
    }
    return out;
  }
  return failure{errc::invalid_argument,
                 "migrate: '" + std::string(leaf) + "' is no leaf of the graph"};
}

result<router::heard_graph> router::take(const wire::graph& f) {
  if (side_ == role::dialer) return errc::protocol_violation;
  auto* root = roots_.find_or_make(f.name);
  if (root == nullptr) return errc::protocol_violation;
  if (f.version <= root->version) return heard_graph{};
  auto parsed = policy::parse_wire_graph(f.text);
  if (!parsed) return errc::protocol_violation;
  if (parsed->leaf_count() > defaults::paths_per_link) return errc::protocol_violation;
  root->version = f.version;
  return heard_graph{root, std::move(*parsed)};
}

result<bool> router::take(const wire::select& f) {
  auto* root = roots_.find_or_make(f.root);
  if (root == nullptr) return errc::protocol_violation;
  auto& known = root->selections[std::string(f.node)];
  if (root->selections.size() > policy::max_nodes) return errc::protocol_violation;
  if (f.version <= known.version) return false;
  if (f.version > wire::max_varint / 2) return errc::protocol_violation;
  known = {f.version, std::string(f.child), false};
  if (!root->installed()) return false;
  const auto& graph = root->target.graph();
  const auto node = graph.find(f.node);
  if (node == policy::no_node) return false;
  root->target.mirror(node, f.child.empty() ? std::nullopt : graph.child_named(node, f.child));
  return true;
}

bool router::put(record_writer& w) {
  auto& controls = w.record().controls;
  for (auto& root : roots_.all()) {
    if (root.owed) {
      const auto text = policy::to_wire_text(root.target.graph());
      const wire::graph g{root.version, root.name, text};
      if (w.empty()) w.widen(wire::encoded_size(g));
      if (!w.put(g)) return false;
      controls.push_back({control::graph, 0, root.version});
      root.owed = false;
    }
    for (auto& [node, chosen] : root.selections) {
      if (!chosen.owed) continue;
      if (!w.put(wire::select{chosen.version, root.name, node, chosen.child})) return false;
      controls.push_back({control::select, 0, chosen.version});
      chosen.owed = false;
    }
  }
  return true;
}

void router::owe_graphs() noexcept {
  if (side_ == role::dialer) roots_.owe_graphs();
}

router::routes router::decide(instant now, cause why, const leaf_facts& leaves) {
  routes out;
  quality_at_ = never;
  for (auto& root : roots_.all()) {
    if (!root.installed()) continue;
    const auto outcome = root.target.update(now, leaves);
    for (const auto& move : outcome.moves) {
      if (auto told = count(root, move, why)) out.told.push_back(std::move(*told));
    }
    out.moved = out.moved || !outcome.moves.empty();
    look_by(std::max(outcome.again, now + defaults::deadline_floor));
    out.measure.insert(out.measure.end(), outcome.measure.begin(), outcome.measure.end());
  }
  return out;
}

std::optional<event::migration> router::count(const named_root& root, const root_target::move& move,
                                              cause why) {
  if (move.from && move.to) ++migrations_;
  if (!move.to) return std::nullopt;
  return move_event(root, move.node, move.from, move.to, cause_of(move.reason, why),
                    policy::to_string(move.reason), move.evidence);
}

void router::weigh(instant now, const leaf_facts& leaves) {
  for (auto& root : roots_.all()) {
    root.target.end_handovers(now);
    if (root.target.weighs()) root.target.refresh(leaves);
  }
}

const named_root& router::root_of(const named_root* wanted) const noexcept {
  return wanted != nullptr && wanted->installed() ? *wanted : roots_.standard();
}

named_root& router::root_of(named_root* wanted) noexcept {
  return const_cast<named_root&>(std::as_const(*this).root_of(wanted));
}

void router::describe(link_status& out) const {
  if (!installed()) return;
  out.root = policy::to_text(roots_.standard().target.graph());
  for (const auto& root : roots_.all()) {
    if (!root.installed()) continue;
    const auto& graph = root.target.graph();
    if (!root.name.empty()) out.roots[root.name] = policy::to_text(graph);
    for (policy::node_id id = 0; id < graph.size(); ++id) {
      if (graph[id].kind != policy::node_kind::selector) continue;
      const auto& chosen = root.target.selector(id);
      selection_status one;
      one.root = root.name;
      one.node = graph[id].name;
      if (chosen.current) one.child = graph[graph.children_of(id)[*chosen.current]].name;
      one.reason = policy::to_string(root.target.reason(id));
      one.evidence = root.target.evidence(id);
      one.overridden = chosen.override.has_value();
      out.selections.push_back(std::move(one));
    }
  }
}

}  // namespace rendr::engine
