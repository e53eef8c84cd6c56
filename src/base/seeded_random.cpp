// SPDX-License-Identifier: Apache-2.0
#include "base/seeded_random.hpp"

#include <bit>
#include <cassert>

namespace rendr {

seeded_random::seeded_random(std::uint64_t seed) noexcept {
  // splitmix64 spreads any seed, 0 included, over the state, which must not be all zero.
  for (auto& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    auto z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    word = z ^ (z >> 31);
  }
}

std::uint64_t seeded_random::next() noexcept {
  const auto out = std::rotl(state_[1] * 5, 7) * 9;
  const auto t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return out;
}

std::uint64_t seeded_random::below(std::uint64_t n) noexcept {
  assert(n > 0);
  const auto skewed = (0 - n) % n;  // so many of the 2^64 values would favour small results
  for (;;) {
    const auto value = next();
    if (value >= skewed) return value % n;
  }
}

std::int64_t seeded_random::between(std::int64_t lo, std::int64_t hi) noexcept {
  assert(lo <= hi);
  const auto span = static_cast<std::uint64_t>(hi) - static_cast<std::uint64_t>(lo);
  const auto offset = span == UINT64_MAX ? next() : below(span + 1);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(lo) + offset);
}

bool seeded_random::chance(std::uint64_t num, std::uint64_t den) noexcept {
  return below(den) < num;
}

}  // namespace rendr
