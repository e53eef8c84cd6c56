// SPDX-License-Identifier: Apache-2.0
#include "engine/path/leaf_table.hpp"

#include <algorithm>
#include <string>

namespace rendr::engine {

void leaf_table::start(const std::vector<path_config>& paths) {
  leaves_.resize(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) leaves_[i].config = paths[i];
}

leaf_slot& leaf_table::of(spec_id leaf) {
  if (leaf >= leaves_.size()) leaves_.resize(leaf + 1);
  auto& one = leaves_[leaf];
  if (one.config.name.empty()) one.config.name = "p" + std::to_string(leaf + 1);
  return one;
}

void leaf_table::learn(const policy::node& node) {
  auto& one = of(node.leaf);
  one.config.name = node.name;
  one.config.weight = node.weight;
  one.config.cost = node.cost;
  one.config.fate = node.fate;
  if (!node.evidence || one.config.evidence) return;
  one.config.evidence = node.evidence;
  if (one.current != nullptr) one.current->evidence = *node.evidence;
}

std::optional<leaf_table::place> leaf_table::take(std::string_view name,
                                                  const std::vector<bool>& known) {
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (leaves_[leaf].removed && leaves_[leaf].config.name == name) return place{leaf, false};
  }
  if (leaves_.size() < defaults::paths_per_link) {
    leaves_.emplace_back();
    return place{static_cast<spec_id>(leaves_.size() - 1), true};
  }
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (!leaves_[leaf].removed || known[leaf]) continue;
    leaves_[leaf] = leaf_slot{};
    return place{leaf, true};
  }
  return std::nullopt;
}

void leaf_table::end_all() noexcept {
  for (auto& one : leaves_) {
    one.current = nullptr;
    one.shown = path_phase::dead;
  }
}

std::optional<spec_id> leaf_table::named(std::string_view name) const noexcept {
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (!leaves_[leaf].removed && leaves_[leaf].config.name == name) return leaf;
  }
  return std::nullopt;
}

path* leaf_table::current(spec_id leaf) const noexcept {
  return leaf < leaves_.size() ? leaves_[leaf].current : nullptr;
}

bool leaf_table::any_silent_end() const noexcept {
  return std::any_of(leaves_.begin(), leaves_.end(),
                     [](const leaf_slot& one) { return one.silent_end; });
}

std::vector<policy::leaf_info> leaf_table::infos() const {
  std::vector<policy::leaf_info> out;
  out.reserve(leaves_.size());
  for (spec_id leaf = 0; leaf < leaves_.size(); ++leaf) {
    const auto& c = leaves_[leaf].config;
    if (leaves_[leaf].removed) continue;
    out.push_back({c.name, weight_of(c), c.evidence, c.cost, c.fate, leaf});
  }
  return out;
}

}  // namespace rendr::engine
