// SPDX-License-Identifier: Apache-2.0
#include "engine/route/demand.hpp"

#include <optional>
#include <string>
#include <utility>

#include "engine/config.hpp"
#include "policy/peak.hpp"

namespace rendr::engine {

namespace {

constexpr duration between_looks = std::chrono::milliseconds(200);

}  // namespace

void demand::flow_sends(instant now, const root_target& target) noexcept {
  if (target.has_bulk() && peaks_at_ == never) peaks_at_ = now;
  if (target.has_bond() && guards_at_ == never) guards_at_ = now;
}

void demand::begin_look() noexcept {
  peaks_at_ = never;
  on_bulk_ = 0;
}

std::vector<peak_move> demand::look(instant now, const named_root& root, flow_demand& of,
                                    const flow_facts& facts) {
  std::vector<peak_move> out;
  of.watch(root.target);
  const policy::peak_facts peak{of.saturated(facts.waiting), of.goodput(now, facts.acknowledged),
                                false};
  bool interested = facts.placed;
  for (auto& watch : of.peaks()) {
    const auto again = look_at_peak(now, root, watch, peak, facts.number, out);
    interested = interested || watch.state.phase != policy::peak_phase::normal;
    if (interested)
      peaks_at_ = std::min(peaks_at_, std::max(again, now + defaults::deadline_floor));
  }
  if (interested) peaks_at_ = std::min(peaks_at_, now + between_looks);
  if (of.on_bulk()) ++on_bulk_;
  return out;
}

instant demand::look_at_peak(instant now, const named_root& root, peak_watch& watch,
                             policy::peak_facts facts, std::uint64_t flow,
                             std::vector<peak_move>& out) {
  const auto& graph = root.target.graph();
  const std::optional<std::size_t> bulk = graph[watch.selector].bulk;
  const auto& child = root.target.facts(graph.children_of(watch.selector)[*bulk]);
  const auto current = root.target.selector(watch.selector).current;
  facts.bulk_ready = child.state <= policy::health::late && child.eligible && current != bulk;
  const auto decision = policy::decide(watch.state, facts, now);
  watch.state = decision.next;
  if (!decision.changed) return decision.again;
  const bool on = watch.state.on_bulk();
  ++moves_;
  out.push_back({watch.selector, on,
                 move_event(root, watch.selector, on ? current : bulk, on ? bulk : current,
                            cause::quality, policy::to_string(decision.reason),
                            "flow " + std::to_string(flow) + ": " + decision.evidence)});
  return decision.again;
}

guard_moves demand::guard(instant now, named_root& root, bool sending) {
  guard_moves out;
  const auto none = std::optional<std::size_t>();
  const auto bonds = root.account.bonds();
  for (std::size_t i = 0; i < bonds.size(); ++i) {
    const auto decision = root.account.guard(now, root.target, i, sending);
    if (sending)
      guards_at_ = std::min(guards_at_, std::max(decision.again, now + defaults::deadline_floor));
    if (!decision.changed) continue;
    out.changed = true;
    if (!decision.child) continue;
    const bool rests = decision.next.rested(*decision.child);
    out.told.push_back(move_event(root, bonds[i].node, rests ? decision.child : none,
                                  rests ? none : decision.child, cause::quality,
                                  policy::to_string(decision.reason), decision.evidence));
  }
  root.account.begin_window();
  return out;
}

}  // namespace rendr::engine
