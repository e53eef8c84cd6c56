// SPDX-License-Identifier: Apache-2.0
// Reads both text forms of a graph.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "policy/evidence.hpp"
#include "policy/graph_text.hpp"
#include "policy/graph_words.hpp"

namespace rendr::policy {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kinds_rule = "the kinds are selector, race, bond";

constexpr duration max_patience = 1h;
// Below a millisecond the timers of a host decide what is late; ten seconds late is lost.
constexpr duration min_late = 1ms;
constexpr duration max_late = 10s;

struct key {
  std::string_view name;
  std::optional<node_kind> only;  // nullopt: for every composite
};
constexpr std::array keys{
    key{"weight", std::nullopt},          key{"dwell", node_kind::selector},
    key{"cooldown", node_kind::selector}, key{"cost_bound", node_kind::selector},
    key{"bulk", node_kind::selector},     key{"late", node_kind::race}};

const key* key_named(std::string_view word) noexcept {
  const auto* found =
      std::find_if(keys.begin(), keys.end(), [&](const key& k) { return k.name == word; });
  return found == keys.end() ? nullptr : found;
}

std::string all_keys() {
  std::string out;
  for (const auto& k : keys) {
    out += out.empty() ? "" : ", ";
    out += k.name;
  }
  return out;
}

std::string listed(std::span<const leaf_info> paths) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < paths.size() && i < most; ++i) {
    out += (i == 0 ? "" : ", ") + paths[i].name;
  }
  return paths.size() > most ? out + ", ..." : out;
}

// Recursive descent; the first error sticks, and every step returns at once when there is one.
class parser {
 public:
  parser(std::string_view text, graph_form which, std::span<const leaf_info> paths)
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
    at_ = std::min(text_.find_first_of(" \t\r\n(),:=#", begin), text_.size());
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
      if (form_ == graph_form::wire)
        return fail(first.offset, "a composite has a name in this form");
      return parse_composite(first, {}, parent, depth);
    }
    if (form_ == graph_form::wire) return parse_wire_leaf(first, parent, depth);
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
    said so_far;
    if (peek() != ')') {
      do {
        parse_argument(id, depth, so_far);
      } while (!error_ && accept(','));
    }
    const auto end = at_;
    if (!error_ && !accept(')')) return fail(at_, found() + ": \",\" or \")\" is expected");
    if (nodes_[id].children.empty()) {
      return fail(end, std::string(kind.text) + " has no child: give it at least one");
    }
    if (so_far.bulk && !error_) resolve_bulk(id, *so_far.bulk);
  }

  // What a composite's text said beside its children.
  struct said {
    std::vector<std::string_view> keys;
    std::optional<word> bulk;  // resolved once all children are known
  };

  void parse_argument(node_id parent, std::size_t depth, said& so_far) {
    const auto first = read_word("a path, a composite or key=value");
    if (error_) return;
    if (!accept('=')) return parse_node_after(first, parent, depth + 1);
    const auto* known = key_named(first.text);
    if (known == nullptr) {
      return fail(first.offset,
                  "unknown key " + quoted(first.text) + ": the keys are " + all_keys());
    }
    const auto kind = nodes_[parent].kind;
    if (known->only && *known->only != kind) {
      const auto taken = std::string(to_string(*known->only));
      return fail(first.offset, "key " + quoted(first.text) + " is for a " + taken +
                                    ", not for a " + std::string(to_string(kind)));
    }
    if (std::find(so_far.keys.begin(), so_far.keys.end(), known->name) != so_far.keys.end()) {
      return fail(first.offset, "key " + quoted(first.text) + " is given twice");
    }
    so_far.keys.push_back(known->name);
    read_key(*known, nodes_[parent], so_far);
  }

  void read_key(const key& known, node& n, said& so_far) {
    if (known.name == "weight") {
      parse_bounded("weight", 1, max_weight, n.weight);
    } else if (known.name == "bulk") {
      const auto value = read_word("the name of a child");
      if (!error_) so_far.bulk = value;
    } else if (known.name == "late") {
      parse_time(known.name, min_late, max_late, false, n.late);
    } else {
      auto& o = n.selector;
      auto& value = known.name == "dwell"      ? o.dwell
                    : known.name == "cooldown" ? o.cooldown
                                               : o.cost_bound;
      parse_time(known.name, duration{0}, max_patience, true, value);
    }
  }

  // A child may be named before it stands there, so this comes after the last of them.
  void resolve_bulk(node_id id, const word& name) {
    const auto& children = nodes_[id].children;
    for (std::size_t i = 0; i < children.size(); ++i) {
      const auto& child = nodes_[children[i]];
      if (child.name == name.text && !child.auto_named) nodes_[id].bulk = i;
    }
    if (nodes_[id].bulk) return;
    std::string names;
    for (const auto child : children) {
      if (nodes_[child].auto_named) continue;
      names += (names.empty() ? "" : ", ") + nodes_[child].name;
    }
    fail(name.offset, "bulk " + quoted(name.text) + ": no child of this selector has that name" +
                          (names.empty() ? "" : "; they are " + names));
  }

  void parse_bounded(std::string_view key, std::uint32_t low, std::uint32_t high,
                     std::uint32_t& out) {
    const auto value = read_word("a " + std::string(key));
    if (error_) return;
    const auto number = parse_number(value.text, low, high);
    if (!number) {
      return fail(value.offset, std::string(key) + ' ' + quoted(value.text) +
                                    ": a whole number from " + std::to_string(low) + " to " +
                                    std::to_string(high));
    }
    out = static_cast<std::uint32_t>(*number);
  }

  void parse_time(std::string_view key, duration low, duration high, bool forever, duration& out) {
    const auto value = read_word("a time, such as 3s");
    if (error_) return;
    const auto time = parse_duration(value.text);
    const bool endless = time && *time == duration::max();
    if (time && ((endless && forever) || (*time >= low && *time <= high))) {
      out = *time;
      return;
    }
    fail(value.offset, std::string(key) + ' ' + quoted(value.text) + ": a time from " +
                           exact_text(low) + " to " + exact_text(high) +
                           (forever ? ", or forever" : ""));
  }

  void parse_leaf(const word& name, node_id parent, std::size_t depth) {
    const auto path = std::find_if(paths_.begin(), paths_.end(),
                                   [&](const leaf_info& p) { return p.name == name.text; });
    if (path == paths_.end()) return fail(name.offset, not_a_path(name.text));
    const auto position = static_cast<std::size_t>(path - paths_.begin());
    add_leaf(*path, leaf_of(paths_, position), name.offset, parent, depth);
  }

  std::string not_a_path(std::string_view name) {
    if (composites_.contains(name)) {
      return quoted(name) + " is a composite: only a path may stand in several places";
    }
    if (kind_named(name)) return quoted(name) + " is a kind: give it children in parentheses";
    if (intent_named(name) && !paths_.empty()) {
      return quoted(name) + " stands alone: it is a graph over all paths";
    }
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
    if (!error_) nodes_[id] = leaf_node(path, index, parent);
  }

  // name "#" index ["(" key "=" value {"," key "=" value} ")"]
  void parse_wire_leaf(const word& name, node_id parent, std::size_t depth) {
    leaf_info info;
    info.name = name.text;
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
                  "path " + quoted(name.text) + " does not agree with what stands before it");
    }
    add_leaf(info, static_cast<std::uint32_t>(*index), name.offset, parent, depth);
  }

  void parse_wire_property(leaf_info& info) {
    const auto key = read_word("a key");
    if (!error_ && !accept('=')) fail(at_, found() + ": \"=\" is expected");
    if (error_) return;
    if (key.text == "weight") return parse_bounded("weight", 1, max_weight, info.weight);
    if (key.text == "cost") return parse_bounded("cost", 0, max_cost, info.cost);
    if (key.text != "evidence" && key.text != "fate") {
      return fail(key.offset, "unknown key " + quoted(key.text));
    }
    const auto value = read_word("a value");
    if (error_) return;
    if (key.text == "fate") {
      if (!valid_name(value.text)) {
        return fail(value.offset, "fate " + quoted(value.text) + ": " + std::string(name_rule));
      }
      info.fate = value.text;
      return;
    }
    info.evidence = evidence_named(value.text);
    if (!info.evidence) fail(value.offset, "unknown evidence " + quoted(value.text));
  }

  std::string_view text_;
  graph_form form_;
  std::span<const leaf_info> paths_;
  std::size_t at_ = 0;
  std::vector<node> nodes_;
  std::set<std::string, std::less<>> taken_;       // names of paths and composites
  std::set<std::string, std::less<>> composites_;  // explicit names read so far
  std::map<std::uint64_t, leaf_info> wire_paths_;
  std::optional<text_error> error_;
};

// The whole text is one intent word, and no path has that name.
std::optional<intent> intent_in(std::string_view text, std::span<const leaf_info> paths) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos || paths.empty()) return std::nullopt;
  const auto word = text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
  if (std::any_of(paths.begin(), paths.end(), [&](const auto& p) { return p.name == word; })) {
    return std::nullopt;
  }
  return intent_named(word);
}

}  // namespace

result<graph, text_error> parse_graph(std::string_view text, std::span<const leaf_info> paths) {
  if (const auto wanted = intent_in(text, paths)) return intent_graph(*wanted, paths);
  return parser(text, graph_form::human, paths).run();
}

result<graph, text_error> parse_wire_graph(std::string_view text) {
  auto parsed = parser(text, graph_form::wire, {}).run();
  if (parsed && to_wire_text(*parsed) != text) {
    return text_error{0, "the graph is not in its canonical form"};
  }
  return parsed;
}

}  // namespace rendr::policy
