// SPDX-License-Identifier: Apache-2.0
#include "engine/record/record_seal.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rendr::engine {

record_key::record_key(crypto::aead kind, const secret<32>& path_key)
    : record_key(kind, derive_record_keys(path_key)) {}

byte_array<crypto::nonce_size> record_key::nonce(std::uint64_t number) const noexcept {
  byte_array<crypto::nonce_size> out;
  std::ranges::copy(iv_.view(), out.begin());
  const auto digits = crypto::integer(number);
  for (std::size_t i = 0; i < digits.size(); ++i) out[4 + i] ^= digits[i];
  return out;
}

record_sealer::record_sealer(crypto::aead kind, const secret<32>& path_key, std::uint64_t turn)
    : kind_(kind),
      path_key_(path_key),
      key_(kind, path_key),
      turn_(turn),
      worn_(std::min(key_limit, 2 * turn)) {}

std::optional<bool> record_sealer::next(std::uint64_t number) {
  current_.reset();
  if (number < next_) return std::nullopt;
  if (sealed_ >= turn_ && confirmed_) {
    path_key_ = next_path_key(path_key_);
    key_ = record_key(kind_, path_key_);
    phase_ = !phase_;
    first_of_phase_ = number;
    sealed_ = 0;
    confirmed_ = false;
  }
  if (sealed_ >= worn_) return std::nullopt;
  current_ = number;
  return phase_;
}

std::uint64_t record_sealer::take_number() noexcept {
  assert(current_);
  const auto number = *std::exchange(current_, std::nullopt);
  next_ = number + 1;
  ++sealed_;
  return number;
}

void record_sealer::seal(bytes_view head, bytes_span payload) noexcept {
  key_.cipher().seal(key_.nonce(take_number()), head, payload);
}

void record_sealer::seal(bytes_view head, std::span<const bytes_view> payload,
                         bytes_span out) noexcept {
  key_.cipher().seal(key_.nonce(take_number()), head, payload, out);
}

bool replay_window::fresh(std::uint64_t number) const noexcept {
  if (number >= next_) return true;
  if (next_ - number > size) return false;
  return (seen_[number / 64 % words] >> (number % 64) & 1) == 0;
}

void replay_window::mark(std::uint64_t number) noexcept {
  // What the window leaves behind is cleared word by word; a jump over all of it clears all.
  if (number >= next_) {
    const auto first = next_ / 64;
    const auto last = number / 64;
    const bool inside = next_ % 64 != 0;  // its word holds numbers that stay
    const auto count = std::min<std::uint64_t>(last - first + (inside ? 0 : 1), words);
    for (std::uint64_t i = 0; i < count; ++i) seen_[(last - i) % words] = 0;
    next_ = number + 1;
  }
  seen_[number / 64 % words] |= std::uint64_t{1} << (number % 64);
}

record_opener::record_opener(crypto::aead kind, const secret<32>& path_key, order numbers)
    : kind_(kind), path_key_(path_key), now_(kind, path_key) {
  if (numbers == order::any) window_.emplace();
}

bool record_opener::fresh(std::uint64_t number) const noexcept {
  return window_ ? window_->fresh(number) : number >= next_;
}

const record_key& record_opener::key_for(std::uint64_t number, bool key_phase) {
  if (key_phase == phase_) return now_;
  if (before_ && number < first_of_phase_) return *before_;
  if (!after_) after_.emplace(kind_, next_path_key(path_key_));
  return *after_;
}

void record_opener::turn(std::uint64_t number) {
  if (window_) before_ = std::move(now_);
  now_ = std::move(*after_);
  after_.reset();
  path_key_ = next_path_key(path_key_);
  phase_ = !phase_;
  first_of_phase_ = number;
}

opening record_opener::open(std::uint64_t number, bool key_phase, bytes_view head,
                            bytes_span payload) noexcept {
  if (forged_ >= forgery_limit) return opening::worn_out;
  if (!fresh(number)) return opening::replayed;
  const auto& key = key_for(number, key_phase);
  if (!key.cipher().open(key.nonce(number), head, payload)) {
    ++forged_;
    return opening::forged;
  }
  if (after_ && &key == &*after_) {
    turn(number);
  } else if (&key == &now_) {
    first_of_phase_ = std::min(first_of_phase_, number);
  }
  if (window_) window_->mark(number);
  next_ = std::max(next_, number + 1);
  return opening::opened;
}

}  // namespace rendr::engine
