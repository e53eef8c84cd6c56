// SPDX-License-Identifier: Apache-2.0
// Writes both text forms of a graph, and makes those that have no text.
#include "policy/graph_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "policy/evidence.hpp"
#include "policy/graph_words.hpp"
#include "rendr/graph.hpp"

namespace rendr::policy {

std::optional<node_kind> kind_named(std::string_view word) noexcept {
  for (const auto kind : {node_kind::selector, node_kind::race, node_kind::bond}) {
    if (word == to_string(kind)) return kind;
  }
  return std::nullopt;
}

std::optional<evidence_kind> evidence_named(std::string_view word) noexcept {
  if (word == "end_to_end") return evidence_kind::end_to_end;
  if (word == "first_hop") return evidence_kind::first_hop;
  if (word == "none") return evidence_kind::none;
  return std::nullopt;
}

std::string_view evidence_word(evidence_kind kind) noexcept {
  switch (kind) {
    case evidence_kind::end_to_end:
      return "end_to_end";
    case evidence_kind::first_hop:
      return "first_hop";
    case evidence_kind::none:
      return "none";
  }
  return "none";
}

void name_the_nameless(std::vector<node>& nodes, std::set<std::string, std::less<>>& taken) {
  std::map<node_kind, unsigned> last;
  for (auto& n : nodes) {
    if (!n.auto_named) continue;
    do {
      n.name = std::string(to_string(n.kind)) + std::to_string(++last[n.kind]);
    } while (!taken.insert(n.name).second);
  }
}

node leaf_node(const leaf_info& path, std::uint32_t index, node_id parent) {
  node n;
  n.name = path.name;
  n.parent = parent;
  n.leaf = index;
  n.weight = path.weight;
  n.evidence = path.evidence;
  n.cost = path.cost;
  n.fate = path.fate;
  return n;
}

namespace {

// Appends ",key=value" for each key whose value is not the default, in the canonical order.
class key_writer {
 public:
  key_writer(std::string& out, std::string_view separator) : out_(out), separator_(separator) {}

  void add(std::string_view key, std::string_view value) {
    out_.append(first_ ? std::string_view{} : separator_).append(key).append("=").append(value);
    first_ = false;
  }
  void add_unless(std::string_view key, duration value, duration usual) {
    if (value != usual) add(key, exact_text(value));
  }
  void add_unless(std::string_view key, std::uint32_t value, std::uint32_t usual) {
    if (value != usual) add(key, std::to_string(value));
  }
  void not_first() noexcept { first_ = false; }

 private:
  std::string& out_;
  std::string_view separator_;
  bool first_ = true;
};

void write_leaf_properties(const node& n, std::string& out) {
  std::string inside;
  key_writer keys(inside, ",");
  keys.add_unless("weight", n.weight, 1);
  keys.add_unless("cost", n.cost, 0);
  if (!n.fate.empty()) keys.add("fate", n.fate);
  if (n.evidence) keys.add("evidence", evidence_word(*n.evidence));
  if (!inside.empty()) out += '(' + inside + ')';
}

void write_composite_keys(const graph& g, const node& n, std::string_view separator,
                          std::string& out) {
  const selector_options usual;
  key_writer keys(out, separator);
  keys.not_first();
  keys.add_unless("weight", n.weight, 1);
  keys.add_unless("dwell", n.selector.dwell, usual.dwell);
  keys.add_unless("cooldown", n.selector.cooldown, usual.cooldown);
  keys.add_unless("cost_bound", n.selector.cost_bound, usual.cost_bound);
  if (n.bulk) keys.add("bulk", g[n.children[*n.bulk]].name);
  keys.add_unless("late", n.late, duration{0});
}

// The canonical text has one space after each comma; the wire text none.
void write(const graph& g, node_id id, graph_form which, std::string& out) {
  const auto& n = g[id];
  const bool wire = which == graph_form::wire;
  if (n.kind == node_kind::path) {
    out += n.name;
    if (wire) {
      out += '#' + std::to_string(n.leaf);
      write_leaf_properties(n, out);
    }
    return;
  }
  const std::string_view separator = wire ? "," : ", ";
  if (wire || !n.auto_named) out.append(n.name).append(wire ? ":" : ": ");
  out.append(to_string(n.kind)).append("(");
  for (std::size_t i = 0; i < n.children.size(); ++i) {
    if (i > 0) out += separator;
    write(g, n.children[i], which, out);
  }
  write_composite_keys(g, n, separator, out);
  out += ')';
}

// A composite of `kind` over all paths in order; a single path stands alone.
graph over_all(node_kind kind, std::span<const leaf_info> paths, duration late) {
  std::vector<node> nodes;
  const bool alone = paths.size() == 1;
  if (!alone) {
    node root;
    root.kind = kind;
    root.auto_named = true;
    root.late = late;
    nodes.push_back(std::move(root));
  }
  std::set<std::string, std::less<>> taken;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!alone) nodes[0].children.push_back(static_cast<node_id>(nodes.size()));
    taken.insert(paths[i].name);
    nodes.push_back(leaf_node(paths[i], leaf_of(paths, i), alone ? no_node : 0));
  }
  name_the_nameless(nodes, taken);
  return graph(std::move(nodes));
}

}  // namespace

std::string to_text(const graph& g) {
  std::string out;
  if (!g.empty()) write(g, g.root(), graph_form::human, out);
  return out;
}

std::string to_wire_text(const graph& g) {
  std::string out;
  if (!g.empty()) write(g, g.root(), graph_form::wire, out);
  return out;
}

graph default_graph(std::span<const leaf_info> paths) {
  return over_all(node_kind::selector, paths, duration{0});
}

std::optional<intent> intent_named(std::string_view word) noexcept {
  if (word == "handover") return intent::handover;
  if (word == "interactive") return intent::interactive;
  if (word == "aggregate") return intent::aggregate;
  return std::nullopt;
}

graph intent_graph(intent wanted, std::span<const leaf_info> paths) {
  switch (wanted) {
    case intent::handover:
      break;
    case intent::interactive:
      return over_all(node_kind::race, paths, interactive_late);
    case intent::aggregate:
      return over_all(node_kind::bond, paths, duration{0});
  }
  return default_graph(paths);
}

std::optional<text_error> check_all_used(const graph& g, std::string_view text,
                                         std::span<const leaf_info> paths) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!g.places_of(leaf_of(paths, i)).empty()) continue;
    const auto end = std::min(text.find_last_of(')'), text.size());
    return text_error{end, "path " + quoted(paths[i].name) +
                               " is not in the graph: add it, or leave the path out"};
  }
  return std::nullopt;
}

}  // namespace rendr::policy

namespace rendr {

bool check_graph(std::string_view text, std::span<const std::string> path_names, failure& why) {
  std::vector<policy::leaf_info> paths;
  for (const auto& name : path_names) paths.push_back({name});
  const auto parsed = policy::parse_graph(text, paths);
  if (!parsed) {
    why = to_failure(text, parsed.error());
    return false;
  }
  const auto unused = policy::check_all_used(*parsed, text, paths);
  if (unused) why = to_failure(text, *unused);
  return !unused;
}

}  // namespace rendr
