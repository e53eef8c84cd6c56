// SPDX-License-Identifier: Apache-2.0
#include "policy/graph_text.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "rendr/graph.hpp"

namespace rendr::policy {

namespace {

constexpr std::string_view kinds_rule = "the kinds are selector, race, bond";

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

std::string listed(std::span<const leaf_info> paths) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < paths.size() && i < most; ++i) {
    out += (i == 0 ? "" : ", ") + paths[i].name;
  }
  return paths.size() > most ? out + ", ..." : out;
}

// Gives every composite without a name one: its kind and a number, in preorder.
void name_the_nameless(std::vector<node>& nodes, std::set<std::string, std::less<>>& taken) {
  std::map<node_kind, unsigned> last;
  for (auto& n : nodes) {
    if (!n.auto_named) continue;
    do {
      n.name = std::string(to_string(n.kind)) + std::to_string(++last[n.kind]);
    } while (!taken.insert(n.name).second);
  }
}

enum class form : std::uint8_t { human, wire };

// Recursive descent; the first error sticks, and every step returns at once when there is one.
class parser {
 public:
  parser(std::string_view text, form which, std::span<const leaf_info> paths)
      : text_(text), form_(which), paths_(paths) {
    for (const auto& p : paths) taken_.insert(p.name);
  }

  result<graph, text_error> run() {
    if (text_.size() > max_graph_text) {
      fail(0, "the graph is " + std::to_string(text_.size()) + " bytes of text: at most " +
                  std::to_string(max_graph_text));
    } else {
      skip_space();
      if (at_ == text_.size()) {
        fail(0, "the graph is empty: write a path or selector(...), race(...), bond(...)");
      }
      parse_node(no_node, 1);
      skip_space();
      if (!error_ && at_ != text_.size()) fail(at_, "the graph ends here: nothing may follow");
    }
    if (error_) return *std::move(error_);
    name_the_nameless(nodes_, taken_);
    return checked(graph(std::move(nodes_)));
  }

 private:
  struct word {
    std::string_view text;
    std::size_t offset;
  };

  // A graph that cannot travel to the peer is refused here, not by the peer.
  result<graph, text_error> checked(graph g) const {
    const auto size = to_wire_text(g).size();
    if (size <= max_graph_text) return g;
    return text_error{0, "the graph is " + std::to_string(size) +
                             " bytes of text with all names and indices: at most " +
                             std::to_string(max_graph_text)};
  }

  void fail(std::size_t offset, std::string sentence) {
    if (!error_) error_ = text_error{offset, std::move(sentence)};
  }

  void skip_space() noexcept {
    const auto next = text_.find_first_not_of(" \t\r\n", at_);
    at_ = next == text_.npos ? text_.size() : next;
  }

  char peek() noexcept {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool accept(char c) noexcept {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // What stands here instead of what should.
  std::string found() {
    skip_space();
    return at_ == text_.size() ? "the text ends here"
                               : "unexpected " + quoted(text_.substr(at_, 1));
  }

  word read_word(std::string_view expected) {
    skip_space();
    const auto begin = at_;
    while (at_ < text_.size() && text_.find_first_of(" \t\r\n(),:=#", at_) != at_) ++at_;
    const auto text = text_.substr(begin, at_ - begin);
    if (text.empty()) fail(begin, found() + ": " + std::string(expected) + " is expected");
    return {text, begin};
  }

  node_id add(node_kind kind, node_id parent, std::size_t depth, std::size_t offset) {
    if (depth > max_depth) {
      fail(offset, "the graph is deeper than " + std::to_string(max_depth) + " levels");
    } else if (nodes_.size() == max_nodes) {
      fail(offset, "the graph has more than " + std::to_string(max_nodes) + " nodes");
    }
    if (error_) return no_node;
    const auto id = static_cast<node_id>(nodes_.size());
    nodes_.push_back({});
    nodes_.back().kind = kind;
    nodes_.back().parent = parent;
    if (parent != no_node) nodes_[parent].children.push_back(id);
    return id;
  }

  void parse_node(node_id parent, std::size_t depth) {
    const auto first = read_word("a path or selector(...), race(...), bond(...)");
    if (!error_) parse_node_after(first, parent, depth);
  }

  void parse_node_after(const word& first, node_id parent, std::size_t depth) {
    if (peek() == ':') {
      ++at_;
      const auto kind = read_word("selector(...), race(...) or bond(...)");
      if (error_) return;
      if (peek() != '(') {
        return fail(kind.offset, quoted(kind.text) + " has no children: only a selector(...), " +
                                     "race(...) or bond(...) takes a name");
      }
      check_composite_name(first);
      return parse_composite(kind, first, parent, depth);
    }
    if (peek() == '(') {
      if (form_ == form::wire) return fail(first.offset, "a composite has a name in this form");
      return parse_composite(first, {}, parent, depth);
    }
    if (form_ == form::wire) return parse_wire_leaf(first, parent, depth);
    parse_leaf(first, parent, depth);
  }

  void check_composite_name(const word& name) {
    if (!valid_name(name.text)) {
      return fail(name.offset, "name " + quoted(name.text) + ": " + std::string(name_rule));
    }
    if (composites_.contains(name.text)) {
      return fail(name.offset, "name " + quoted(name.text) + " is taken by another composite");
    }
    if (!taken_.emplace(name.text).second) {
      return fail(name.offset, "name " + quoted(name.text) + " is taken by a path");
    }
    composites_.emplace(name.text);
  }

  void parse_composite(const word& kind, const std::optional<word>& name, node_id parent,
                       std::size_t depth) {
    const auto known = kind_named(kind.text);
    if (!known) {
      return fail(kind.offset,
                  "unknown kind " + quoted(kind.text) + ": " + std::string(kinds_rule));
    }
    const auto id = add(*known, parent, depth, name ? name->offset : kind.offset);
    if (error_) return;
    if (name) nodes_[id].name = name->text;
    nodes_[id].auto_named = !name;
    accept('(');
    bool weighted = false;
    if (peek() != ')') {
      do {
        parse_argument(id, depth, weighted);
      } while (!error_ && accept(','));
    }
    const auto end = at_;
    if (!error_ && !accept(')')) return fail(at_, found() + ": \",\" or \")\" is expected");
    if (nodes_[id].children.empty()) {
      fail(end, std::string(kind.text) + " has no child: give it at least one");
    }
  }

  void parse_argument(node_id parent, std::size_t depth, bool& weighted) {
    const auto first = read_word("a path, a composite or key=value");
    if (error_) return;
    if (!accept('=')) return parse_node_after(first, parent, depth + 1);
    if (first.text != "weight") {
      return fail(first.offset, "unknown key " + quoted(first.text) + ": the only key is weight");
    }
    if (weighted) return fail(first.offset, "key \"weight\" is given twice");
    weighted = true;
    parse_weight(nodes_[parent].weight);
  }

  void parse_weight(std::uint32_t& weight) {
    const auto value = read_word("a weight");
    if (error_) return;
    const auto number = parse_number(value.text, 1, max_weight);
    if (!number) {
      return fail(value.offset, "weight " + quoted(value.text) + ": a whole number from 1 to " +
                                    std::to_string(max_weight));
    }
    weight = static_cast<std::uint32_t>(*number);
  }

  void parse_leaf(const word& name, node_id parent, std::size_t depth) {
    const auto path = std::find_if(paths_.begin(), paths_.end(),
                                   [&](const leaf_info& p) { return p.name == name.text; });
    if (path == paths_.end()) return fail(name.offset, not_a_path(name.text));
    add_leaf(*path, static_cast<std::uint32_t>(path - paths_.begin()), name.offset, parent, depth);
  }

  std::string not_a_path(std::string_view name) {
    if (composites_.contains(name)) {
      return quoted(name) + " is a composite: only a path may stand in several places";
    }
    if (kind_named(name)) return quoted(name) + " is a kind: give it children in parentheses";
    if (paths_.empty()) return "unknown path " + quoted(name) + ": there are no paths";
    return "unknown path " + quoted(name) + ": the paths are " + listed(paths_);
  }

  void add_leaf(const leaf_info& path, std::uint32_t index, std::size_t offset, node_id parent,
                std::size_t depth) {
    if (parent != no_node) {
      for (const auto sibling : nodes_[parent].children) {
        const auto& n = nodes_[sibling];
        if (n.kind == node_kind::path && n.leaf == index) {
          return fail(offset, "path " + quoted(path.name) + " stands twice in the same " +
                                  std::string(to_string(nodes_[parent].kind)));
        }
      }
    }
    const auto id = add(node_kind::path, parent, depth, offset);
    if (error_) return;
    auto& n = nodes_[id];
    n.name = path.name;
    n.leaf = index;
    n.weight = path.weight;
    n.evidence = path.evidence;
  }

  // name "#" index ["(" key "=" value {"," key "=" value} ")"]
  void parse_wire_leaf(const word& name, node_id parent, std::size_t depth) {
    leaf_info info{std::string(name.text)};
    if (!valid_name(name.text)) {
      return fail(name.offset, "path " + quoted(name.text) + ": " + std::string(name_rule));
    }
    if (!accept('#')) return fail(at_, found() + ": \"#\" and the path's index are expected");
    const auto number = read_word("the path's index");
    if (error_) return;
    const auto index = parse_number(number.text, 0, max_nodes - 1);
    if (!index) {
      return fail(number.offset, "index " + quoted(number.text) + ": a whole number below " +
                                     std::to_string(max_nodes));
    }
    if (accept('(')) {
      do {
        parse_wire_property(info);
      } while (!error_ && accept(','));
      if (!error_ && !accept(')')) fail(at_, found() + ": \",\" or \")\" is expected");
      if (error_) return;
    }
    const auto [known, fresh] = wire_paths_.try_emplace(*index, info);
    const bool new_name = taken_.insert(info.name).second;
    if (fresh ? !new_name : known->second != info) {
      return fail(name.offset,
                  "path " + quoted(name.text) + " does not agree with what stands " + "before it");
    }
    add_leaf(info, static_cast<std::uint32_t>(*index), name.offset, parent, depth);
  }

  void parse_wire_property(leaf_info& info) {
    const auto key = read_word("a key");
    if (!error_ && !accept('=')) fail(at_, found() + ": \"=\" is expected");
    if (error_) return;
    if (key.text == "weight") return parse_weight(info.weight);
    if (key.text != "evidence") return fail(key.offset, "unknown key " + quoted(key.text));
    const auto value = read_word("a value");
    if (error_) return;
    info.evidence = evidence_named(value.text);
    if (!info.evidence) fail(value.offset, "unknown evidence " + quoted(value.text));
  }

  std::string_view text_;
  form form_;
  std::span<const leaf_info> paths_;
  std::size_t at_ = 0;
  std::vector<node> nodes_;
  std::set<std::string, std::less<>> taken_;       // names of paths and composites
  std::set<std::string, std::less<>> composites_;  // explicit names read so far
  std::map<std::uint64_t, leaf_info> wire_paths_;
  std::optional<text_error> error_;
};

void write_leaf_properties(const node& n, std::string& out) {
  std::string inside;
  if (n.weight != 1) inside += "weight=" + std::to_string(n.weight);
  if (n.evidence) {
    inside += inside.empty() ? "" : ",";
    inside += "evidence=" + std::string(evidence_word(*n.evidence));
  }
  if (!inside.empty()) out += '(' + inside + ')';
}

// The canonical text has one space after each comma; the wire text none.
void write(const graph& g, node_id id, form which, std::string& out) {
  const auto& n = g[id];
  const bool wire = which == form::wire;
  const std::string_view space = wire ? "" : " ";
  if (n.kind == node_kind::path) {
    out += n.name;
    if (wire) {
      out += '#' + std::to_string(n.leaf);
      write_leaf_properties(n, out);
    }
    return;
  }
  if (wire || !n.auto_named) out.append(n.name).append(":").append(space);
  out.append(to_string(n.kind)).append("(");
  bool first = true;
  for (const auto child : n.children) {
    if (!first) out.append(",").append(space);
    first = false;
    write(g, child, which, out);
  }
  if (n.weight != 1) out.append(",").append(space).append("weight=" + std::to_string(n.weight));
  out += ')';
}

}  // namespace

result<graph, text_error> parse_graph(std::string_view text, std::span<const leaf_info> paths) {
  return parser(text, form::human, paths).run();
}

std::string to_text(const graph& g) {
  std::string out;
  if (!g.empty()) write(g, g.root(), form::human, out);
  return out;
}

std::string to_wire_text(const graph& g) {
  std::string out;
  if (!g.empty()) write(g, g.root(), form::wire, out);
  return out;
}

result<graph, text_error> parse_wire_graph(std::string_view text) {
  auto parsed = parser(text, form::wire, {}).run();
  if (parsed && to_wire_text(*parsed) != text) {
    return text_error{0, "the graph is not in its canonical form"};
  }
  return parsed;
}

graph default_graph(std::span<const leaf_info> paths) {
  std::vector<node> nodes;
  const bool alone = paths.size() == 1;
  if (!alone) {
    node root;
    root.kind = node_kind::selector;
    root.auto_named = true;
    nodes.push_back(std::move(root));
  }
  std::set<std::string, std::less<>> taken;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    node n;
    n.name = paths[i].name;
    n.parent = alone ? no_node : 0;
    n.leaf = static_cast<std::uint32_t>(i);
    n.weight = paths[i].weight;
    n.evidence = paths[i].evidence;
    if (!alone) nodes[0].children.push_back(static_cast<node_id>(nodes.size()));
    taken.insert(n.name);
    nodes.push_back(std::move(n));
  }
  name_the_nameless(nodes, taken);
  return graph(std::move(nodes));
}

std::optional<text_error> check_all_used(const graph& g, std::string_view text,
                                         std::span<const leaf_info> paths) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!g.places_of(static_cast<std::uint32_t>(i)).empty()) continue;
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
