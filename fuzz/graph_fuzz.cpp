// SPDX-License-Identifier: Apache-2.0
// Both text forms of the policy graph. What a person wrote is read against three paths; what a peer
// sent is read as it is. What is accepted survives its own canonical text; what is refused can be
// shown with its place.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "policy/graph_text.hpp"

using namespace rendr;

namespace {

void check_shape(const policy::graph& g) {
  fuzz::check(!g.empty() && g.size() <= policy::max_nodes);
  for (policy::node_id id = 0; id < g.size(); ++id) {
    const auto& n = g[id];
    fuzz::check((n.kind == policy::node_kind::path) == n.children.empty());
    fuzz::check((id == g.root()) == (n.parent == policy::no_node));
    fuzz::check(n.kind == policy::node_kind::path || g.find(n.name) == id);
    fuzz::check(!n.bulk || (n.kind == policy::node_kind::selector && *n.bulk < n.children.size()));
    fuzz::check(n.late == duration{0} || n.kind == policy::node_kind::race);
    for (const auto child : n.children) fuzz::check(child > id && g[child].parent == id);
  }
}

void human(std::string_view text) {
  static const std::array<policy::leaf_info, 3> paths{
      {{"a", 1, {}, 1000, "pole"}, {"lte", 7}, {"race1", 1, evidence_kind::first_hop, 0, "pole"}}};
  const auto g = policy::parse_graph(text, paths);
  if (!g) {
    fuzz::check(g.error().offset <= text.size());
    fuzz::check(render(text, g.error()).ends_with('^'));
    return;
  }
  check_shape(*g);
  const auto again = policy::parse_graph(policy::to_text(*g), paths);
  fuzz::check(again && *again == *g);
  const auto mirrored = policy::parse_wire_graph(policy::to_wire_text(*g));
  fuzz::check(mirrored && *mirrored == *g);
}

void wire(std::string_view text) {
  const auto g = policy::parse_wire_graph(text);
  if (!g) return;
  check_shape(*g);
  fuzz::check(policy::to_wire_text(*g) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(std::as_bytes(std::span(data, size)));
  human(text);
  wire(text);
  return 0;
}
