// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/aead.hpp"
#include "base/bytes.hpp"
#include "engine/config.hpp"
#include "engine/door/key_schedule.hpp"

/// The protection of a path's records: one `record_sealer` and one `record_opener` per path and
/// direction, keyed by `path_keys`. The head of a record (on a datagram its prologue and number) is
/// the associated data; the nonce is the record's number, XORed into the last 8 bytes of the
/// direction's iv, so no number may ever be sealed twice: numbers only grow.
///
/// Keys turn long before the cipher wears out (RFC 9001, section 6.6, for records of up to 64 KiB:
/// 2^23 with AES-128-GCM). Each direction turns by itself: the sender takes the next key, which
/// follows from the present one, and flips the key phase bit of its records; the receiver takes it
/// when a record of that phase verifies. A sender turns again only when a record of the present
/// phase was acknowledged, so never more than two keys are in question.
namespace rendr::engine {

/// Records that one key seals before the next one takes over, and the most it ever seals.
inline constexpr std::uint64_t key_turn = defaults::records_per_key;
inline constexpr std::uint64_t key_limit = std::uint64_t{1} << 23;
/// Records that may fail to verify on a datagram path over its life (RFC 9001: 2^36 for
/// ChaCha20-Poly1305, 2^52 for AES-128-GCM).
inline constexpr std::uint64_t forgery_limit = std::uint64_t{1} << 36;
static_assert(key_turn < key_limit);

/// One key phase of one direction.
class record_key {
 public:
  record_key(crypto::aead kind, const secret<32>& path_key);
  byte_array<crypto::nonce_size> nonce(std::uint64_t number) const noexcept;
  const crypto::aead_key& cipher() const noexcept { return cipher_; }

 private:
  record_key(crypto::aead kind, const record_keys& keys) : cipher_(kind, keys.key), iv_(keys.iv) {}
  crypto::aead_key cipher_;
  secret<crypto::nonce_size> iv_;
};

/// What a path sends. Calls per record: `next`, then `seal`.
class record_sealer {
 public:
  /// @param turn for tests: `key_turn` records otherwise.
  record_sealer(crypto::aead kind, const secret<32>& path_key, std::uint64_t turn = key_turn);

  /// Nothing may be sealed before the peer acknowledges something: the path has to end.
  bool worn_out() const noexcept { return sealed_ >= worn_ && !confirmed_; }
  /// The key phase bit that the head of record `number` must carry. nullopt: it must not be sealed,
  /// because it is not above all numbers before, or because the peer has acknowledged nothing for
  /// so long that the key is worn out: the path has to end.
  [[nodiscard]] std::optional<bool> next(std::uint64_t number);
  /// Seals, in place, what `next` was just asked for (asserted). `payload` ends in `tag_size` bytes
  /// of room.
  void seal(bytes_view head, bytes_span payload) noexcept;
  /// Likewise, from the pieces of the payload in order into `out`, which has `tag_size` bytes more.
  void seal(bytes_view head, std::span<const bytes_view> payload, bytes_span out) noexcept;
  /// The peer acknowledged this number of the path.
  void acknowledged(std::uint64_t number) noexcept {
    if (number >= first_of_phase_ && number < next_) confirmed_ = true;
  }

 private:
  /// The number that `next` was asked for, which is used up now.
  std::uint64_t take_number() noexcept;

  crypto::aead kind_;
  secret<32> path_key_;
  record_key key_;
  std::uint64_t turn_;
  std::uint64_t worn_;      ///< `key_limit`, or less with a smaller `turn`
  std::uint64_t next_ = 0;  ///< above every number so far
  std::uint64_t first_of_phase_ = 0;
  std::uint64_t sealed_ = 0;  ///< under the present key
  std::optional<std::uint64_t> current_;
  bool phase_ = false;
  bool confirmed_ = false;  ///< a record of the present phase was acknowledged
};

/// Which numbers arrived: the largest, and each of the `size` below it.
class replay_window {
 public:
  /// Much more than what is under way at once: at 10 Gbit/s and 1,200 bytes, 8 ms of reordering.
  static constexpr std::uint64_t size = 8192;

  /// False: it arrived before, or is too old to tell.
  bool fresh(std::uint64_t number) const noexcept;
  /// Precondition: fresh.
  void mark(std::uint64_t number) noexcept;

 private:
  static constexpr std::size_t words = size / 64 + 1;  ///< its ends may share no word
  std::vector<std::uint64_t> seen_ = std::vector<std::uint64_t>(words, 0);
  std::uint64_t next_ = 0;  ///< one above the largest
};

enum class opening : std::uint8_t {
  opened,
  replayed,  ///< datagram: drop it; stream: numbers must grow, the carrier ends
  forged,    ///< datagram: drop it and count; stream: the carrier ends
  worn_out,  ///< too many forged ones: the path ends
};

/// What a path receives.
class record_opener {
 public:
  enum class order : std::uint8_t { growing, any };  ///< stream carrier, datagram carrier

  record_opener(crypto::aead kind, const secret<32>& path_key, order numbers);

  /// Opens `payload`, whose last `tag_size` bytes are the tag, in place. Only `opened` changes
  /// anything but the count of forged ones; otherwise `payload` holds nothing of use.
  [[nodiscard]] opening open(std::uint64_t number, bool key_phase, bytes_view head,
                             bytes_span payload) noexcept;
  std::uint64_t forged() const noexcept { return forged_; }

 private:
  bool fresh(std::uint64_t number) const noexcept;
  const record_key& key_for(std::uint64_t number, bool key_phase);
  void turn(std::uint64_t number);

  crypto::aead kind_;
  secret<32> path_key_;               ///< of the present phase
  std::optional<record_key> before_;  ///< datagrams alone: for what was overtaken
  record_key now_;
  std::optional<record_key> after_;  ///< made when the first record claims its phase
  std::optional<replay_window> window_;
  std::uint64_t next_ = 0;            ///< one above the largest that was opened
  std::uint64_t first_of_phase_ = 0;  ///< the lowest number opened under the present key
  std::uint64_t forged_ = 0;
  bool phase_ = false;
};

}  // namespace rendr::engine
