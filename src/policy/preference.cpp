// SPDX-License-Identifier: Apache-2.0
#include "policy/preference.hpp"

#include <algorithm>
#include <chrono>

namespace rendr::policy {

namespace {

using namespace std::chrono_literals;

constexpr duration band_floor = 5ms;
constexpr std::uint32_t loss_floor = 10;  // one percent: below, a count of losses is luck
constexpr std::uint32_t flaps_apart = 3;  // one incident counts twice: suspicion, then death

// Half as much and a percent less; loss estimates are coarse.
bool clearly_less_loss(const child_facts& a, const child_facts& b) noexcept {
  const std::uint64_t mine = a.loss_per_mille;
  return 2 * mine <= b.loss_per_mille && mine + loss_floor <= b.loss_per_mille;
}

bool clearly_steadier(const child_facts& a, const child_facts& b) noexcept {
  return std::uint64_t{a.flaps} + flaps_apart <= b.flaps;
}

bool clearly_quicker(const child_facts& a, const child_facts& b) noexcept {
  return a.latency <= b.latency - latency_band(b.latency);
}

bool clearly_less_jitter(const child_facts& a, const child_facts& b) noexcept {
  return a.jitter <= b.jitter - jitter_band(b.jitter);
}

// How much later `a` is, never negative.
duration behind(const child_facts& a, const child_facts& b) noexcept {
  return std::max(a.latency - b.latency, duration{0});
}

}  // namespace

duration latency_band(duration worse) noexcept { return std::max(worse / 4, band_floor); }
duration jitter_band(duration worse) noexcept { return std::max(worse / 2, band_floor); }

std::optional<merit> preferred(const child_facts& rival, const child_facts& current,
                               duration cost_bound) noexcept {
  if (clearly_less_loss(rival, current)) return merit::loss;
  if (clearly_less_loss(current, rival)) return std::nullopt;
  if (clearly_steadier(rival, current)) return merit::stability;
  if (clearly_steadier(current, rival)) return std::nullopt;
  if (rival.cost < current.cost) {
    const auto allowed = cost_bound - cost_bound / 4;
    return behind(rival, current) <= allowed ? std::optional(merit::cost) : std::nullopt;
  }
  if (current.cost < rival.cost) {
    return behind(current, rival) > cost_bound ? std::optional(merit::bound) : std::nullopt;
  }
  if (clearly_quicker(rival, current)) return merit::latency;
  if (clearly_quicker(current, rival)) return std::nullopt;
  if (clearly_less_jitter(rival, current)) return merit::jitter;
  if (clearly_less_jitter(current, rival)) return std::nullopt;
  const auto slack = latency_band(rival.latency) / 2;
  if (rival.weight > current.weight && behind(rival, current) <= slack) return merit::weight;
  return std::nullopt;
}

}  // namespace rendr::policy
