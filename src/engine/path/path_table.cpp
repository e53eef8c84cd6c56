// SPDX-License-Identifier: Apache-2.0
#include "engine/path/path_table.hpp"

#include <algorithm>
#include <utility>

namespace rendr::engine {

namespace {

bool lives(const path& p) noexcept { return p.ready() && p.carries(); }

// Nothing of it is left to be written, and its end is ordered or reported.
bool over(const path& p) noexcept { return p.life.ended() && (!p.life.flushes() || p.out.empty()); }

int control_rank(const path& p) noexcept {
  if (p.life.suspect()) return 2;
  return p.life.late() ? 1 : 0;
}

// It takes its share of new flow data.
bool carries_data(const path& p) noexcept { return lives(p) && !p.life.at(path_stage::standby); }

}  // namespace

path& path_table::add(std::unique_ptr<path> p) {
  paths_.push_back(std::move(p));
  return *paths_.back();
}

void path_table::forget(const path& p) {
  std::erase_if(paths_, [&](const auto& candidate) { return candidate.get() == &p; });
}

std::vector<carrier_id> path_table::sweep() {
  std::vector<carrier_id> out;
  for (const auto& p : paths_) {
    if (over(*p)) out.push_back(p->carrier);
  }
  if (!out.empty()) std::erase_if(paths_, [](const auto& p) { return over(*p); });
  return out;
}

path* path_table::find(carrier_id carrier) const noexcept {
  for (const auto& p : paths_) {
    if (p->carrier == carrier) return p.get();
  }
  return nullptr;
}

path* path_table::with_id(std::uint64_t id) const noexcept {
  for (const auto& p : paths_) {
    if (p->id == id && p->ready()) return p.get();
  }
  return nullptr;
}

path* path_table::for_control() const noexcept {
  path* best = nullptr;
  const auto before = [](const path& a, const path& b) {
    const auto rank_a = control_rank(a);
    const auto rank_b = control_rank(b);
    return rank_a < rank_b || (rank_a == rank_b && a.rtt.smoothed() < b.rtt.smoothed());
  };
  for (const auto& p : paths_) {
    if (!p->ready()) continue;
    if (best == nullptr || before(*p, *best)) best = p.get();
  }
  return best;
}

path* path_table::best_other(const path& p) const noexcept {
  path* best = nullptr;
  for (const auto& other : paths_) {
    if (other.get() == &p || !lives(*other)) continue;
    if (best == nullptr || other->rtt.smoothed() < best->rtt.smoothed()) best = other.get();
  }
  return best;
}

path* path_table::current_of(spec_id leaf) const noexcept {
  path* best = nullptr;
  for (const auto& p : paths_) {
    if (p->leaf != leaf || !p->ready() || p->life.draining()) continue;
    if (best == nullptr || p->life.suspect() <= best->life.suspect())
      best = p.get();  // the newest of equals
  }
  return best;
}

std::size_t path_table::living() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(paths_.begin(), paths_.end(), [](const auto& p) { return lives(*p); }));
}

instant path_table::life_of_others(const path& p) const noexcept {
  instant newest = instant::min();
  for (const auto& other : paths_) {
    if (other.get() != &p && lives(*other)) newest = std::max(newest, other->last_life);
  }
  return newest;
}

bool path_table::any_attached() const noexcept {
  return std::any_of(paths_.begin(), paths_.end(), [](const auto& p) { return p->ready(); });
}

bool path_table::any_of(spec_id leaf) const noexcept {
  return std::any_of(paths_.begin(), paths_.end(), [&](const auto& p) { return p->leaf == leaf; });
}

bool path_table::newer_than(const path& p) const noexcept {
  return std::any_of(paths_.begin(), paths_.end(), [&](const auto& other) {
    return other->leaf == p.leaf && other->id > p.id && other->ready();
  });
}

unfinished_paths path_table::unfinished(spec_id leaf) const noexcept {
  unfinished_paths out;
  for (const auto& p : paths_) {
    if (p->leaf != leaf || !p->life.attaching()) continue;
    ++out.count;
    if (out.newest == nullptr || p->beside_at > out.newest->beside_at) out.newest = p.get();
  }
  return out;
}

instant path_table::newest_hello() const noexcept {
  instant newest = instant::min();
  for (const auto& p : paths_) {
    if (p->life.at(path_stage::hello)) newest = std::max(newest, p->attached_at);
  }
  return newest;
}

path_throughput path_table::throughput() const noexcept {
  path_throughput out;
  for (const auto& p : paths_) {
    if (!carries_data(*p)) continue;
    const auto rate = static_cast<double>(p->rate.rate());
    out.product += rate * std::chrono::duration<double>(p->rtt.smoothed()).count();
    out.rate += rate;
    out.slowest = std::max(out.slowest, p->rtt.minimum());
  }
  return out;
}

duration path_table::longest_round_trip(duration least) const noexcept {
  for (const auto& p : paths_) {
    if (lives(*p)) least = std::max(least, p->rtt.smoothed());
  }
  return least;
}

std::vector<carrier_id> path_table::carriers() const {
  std::vector<carrier_id> out;
  out.reserve(paths_.size());
  for (const auto& p : paths_) out.push_back(p->carrier);
  return out;
}

}  // namespace rendr::engine
