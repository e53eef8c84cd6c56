// SPDX-License-Identifier: Apache-2.0
#include "engine/route/flow_demand.hpp"

#include <algorithm>
#include <chrono>

namespace rendr::engine {

bool hole_watch::open(instant now, std::uint64_t lowest) noexcept {
  if (lowest_ != lowest || since_ == instant{}) {
    lowest_ = lowest;
    since_ = now;
    copied_ = false;
  }
  return !copied_;
}

bool hole_watch::take(instant now, duration patience, bool holds_credit) noexcept {
  if (!holds_credit && now - since_ < patience) return false;
  return !std::exchange(copied_, true);
}

void flow_demand::watch(const root_target& target) {
  if (peaks_version_ == target.version()) return;
  peaks_version_ = target.version();
  peaks_.clear();
  const auto& graph = target.graph();
  for (policy::node_id id = 0; id < graph.size(); ++id) {
    if (graph[id].bulk) peaks_.push_back({id, {}});
  }
}

bool flow_demand::on_bulk() const noexcept {
  return std::ranges::any_of(peaks_, [](const peak_watch& one) { return one.state.on_bulk(); });
}

bool flow_demand::saturated(bool waiting) noexcept {
  const bool rested = std::exchange(drained_, !waiting);
  return waiting && !rested;
}

std::uint64_t flow_demand::goodput(instant now, std::uint64_t acknowledged) {
  auto& log = acknowledged_;
  log.emplace_back(now, acknowledged);
  const policy::peak_options options;
  while (log.size() > 2 && now - log[1].first >= options.window) log.pop_front();
  const auto time = std::chrono::duration<double>(now - log.front().first).count();
  if (time <= 0) return 0;
  const auto bytes = static_cast<double>(log.back().second - log.front().second);
  return static_cast<std::uint64_t>(bytes / time);
}

}  // namespace rendr::engine
