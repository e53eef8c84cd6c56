// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_watch.hpp"

#include <algorithm>
#include <utility>

#include "cli/demo_stage.hpp"
#include "cli/event_log.hpp"
#include "cli/format.hpp"

namespace rendr::cli {

namespace {

constexpr std::size_t counters_kept = 5;  // samples that `busiest` looks back

bool attached(path_phase phase) {
  return phase == path_phase::active || phase == path_phase::standby || phase == path_phase::late;
}

std::uint64_t per_second(std::uint64_t bytes, duration in) {
  if (in <= duration::zero()) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * 1e9 /
                                    static_cast<double>(in.count()));
}

}  // namespace

std::string to_text(const done_cut& cut) {
  static const std::array<std::string, 3> verbs{"kill ", "silence ", "migrate to "};
  return verbs.at(static_cast<std::size_t>(cut.kind)) + demo_paths.at(cut.path);
}

demo_watch::demo_watch() { run_.paths.assign(demo_paths.begin(), demo_paths.end()); }

void demo_watch::begin() { begun_ = std::chrono::steady_clock::now().time_since_epoch().count(); }

duration demo_watch::age() const {
  using clock = std::chrono::steady_clock;
  const auto begun = begun_.load();
  if (begun == 0) return duration::zero();
  return clock::now() - clock::time_point(clock::duration(begun));
}

void demo_watch::on_event(const link_event& event) {
  const auto at = age();
  const std::lock_guard lock(mutex_);
  arrived_.push_back({at, event});
}

std::vector<std::string> demo_watch::new_lines() {
  std::vector<timed> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(arrived_);
  }
  std::vector<std::string> lines;
  for (const auto& happened : fresh) {
    judge(happened);
    const auto* path = std::get_if<events::path_changed>(&happened.event.what);
    const bool small =
        std::holds_alternative<events::dial>(happened.event.what) ||
        (path != nullptr && (path->to == path_phase::dialing || path->to == path_phase::attaching ||
                             path->to == path_phase::late || path->from == path_phase::late ||
                             path->from == path_phase::dialing));
    if (!small) lines.push_back(format_duration(happened.at) + "  " + to_line(happened.event));
  }
  return lines;
}

void demo_watch::judge(const timed& happened) {
  if (const auto* moved = std::get_if<events::migration>(&happened.event.what)) {
    if (moved->from.empty() && moved->why != cause::quality) return;  // a first choice
    if (!moved->from.empty() && !moved->to.empty()) ++migrations_;
    run_.marks.push_back({happened.at, timeline::mark_kind::migration, to_line(happened.event)});
    for (auto& cut : cuts_) {
      if (cut.kind == cut_kind::migrate && !cut.noticed && moved->to == demo_paths[cut.path] &&
          happened.at >= cut.at) {
        cut.noticed = happened.at - cut.at;
        cut.how = moved->reason;
      }
    }
    return;
  }
  const auto* path = std::get_if<events::path_changed>(&happened.event.what);
  if (path == nullptr) return;
  if (path->to != path_phase::suspect && path->to != path_phase::dead) return;
  run_.marks.push_back({happened.at, timeline::mark_kind::path, to_line(happened.event)});
  for (auto& cut : cuts_) {
    if (cut.kind == cut_kind::migrate || cut.noticed || happened.at < cut.at ||
        path->path != demo_paths[cut.path]) {
      continue;
    }
    cut.noticed = happened.at - cut.at;
    cut.how = std::string(to_string(path->why));
  }
}

void demo_watch::sample(const link_status& status, std::uint64_t delivered) {
  timeline::sample now;
  now.at = age();
  std::vector<std::uint64_t> payload(demo_paths.size());
  for (std::size_t i = 0; i < demo_paths.size(); ++i) {
    for (const auto& path : status.paths) {
      if (path.name == demo_paths[i]) payload[i] = path.payload_sent;
    }
    const auto before = counters_.empty() ? 0 : counters_.back()[i];
    now.rates.push_back(per_second(payload[i] - std::min(before, payload[i]), now.at - last_.at));
  }
  now.delivered = per_second(delivered - last_delivered_, now.at - last_.at);
  last_delivered_ = delivered;
  status_ = status;
  if (counters_.size() == counters_kept) counters_.erase(counters_.begin());
  counters_.push_back(std::move(payload));
  last_ = now;
  if (run_.samples.empty() || now.at > run_.samples.back().at) run_.samples.push_back(now);
}

void demo_watch::note(done_cut cut) {
  auto text = to_text(cut);
  if (cut.why.code) text += ": refused, " + cut.why.detail;
  run_.marks.push_back({cut.at, timeline::mark_kind::cut, std::move(text)});
  cuts_.push_back(std::move(cut));
}

std::size_t demo_watch::busiest() const {
  std::size_t best = 0;
  std::pair<bool, std::pair<std::uint64_t, bool>> best_rank{};
  for (std::size_t i = 0; i < demo_paths.size(); ++i) {
    const auto path = std::find_if(status_.paths.begin(), status_.paths.end(),
                                   [i](const auto& p) { return p.name == demo_paths[i]; });
    if (path == status_.paths.end() || counters_.empty()) continue;
    // The newest sample alone is exact right after a move; older ones break the tie of a pause.
    const auto newest = counters_.size() < 2
                            ? counters_.back()[i]
                            : counters_.back()[i] - counters_[counters_.size() - 2][i];
    const std::pair rank{attached(path->phase),
                         std::pair{path->carries_data ? newest + 1 : newest, path->carries_data}};
    if (rank > best_rank) {
      best_rank = rank;
      best = i;
    }
  }
  return best;
}

}  // namespace rendr::cli
