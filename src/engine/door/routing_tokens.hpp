// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/drbg.hpp"
#include "engine/types.hpp"
#include "rendr/error.hpp"

/// Routing tokens: what stands in clear in front of an attach, so that it finds its link. The
/// acceptor hands them out, sealed; the dialer uses each for one attach, so that nobody who hears
/// several paths can tell by them that they belong together. With each comes the reset token by
/// which the acceptor can later prove that it forgot the link (`make_reset_token`).
namespace rendr::engine {

/// Links by the tokens that their dialers hold.
using token_directory = std::map<routing_token, link_ref>;

/// Makes and reads the tokens of one loop of one server. A token is random to everybody else; who
/// holds the reset key reads in it which server made it, and which loop of that.
class token_mint {
 public:
  /// @param reset_key persistent, of one server or of all that share a state directory.
  /// @param server of this one alone: no other server that lives has it.
  /// @param loops how many it has.
  token_mint(const secret<32>& reset_key, const byte_array<16>& server, std::uint8_t loop,
             unsigned loops) noexcept;

  routing_token make(drbg& random) const;
  secret<32> reset_of(const routing_token& token) const noexcept;

  enum class maker : std::uint8_t {
    nobody,    ///< no server with this reset key made it
    relative,  ///< another one with this reset key, or another loop of this one, which may know it
    me,        ///< this one, in this loop or in one that is gone: what it does not know is over
  };
  maker maker_of(const routing_token& token) const noexcept;
  /// The loop of this server that made it; nullopt: none of it.
  std::optional<std::uint8_t> loop_of(const routing_token& token) const noexcept;

 private:
  using body = std::array<std::byte, 8>;
  body pad(const routing_token& token) const noexcept;
  body read(const routing_token& token) const noexcept;

  secret<32> key_;
  byte_array<16> server_;
  std::uint8_t loop_;
  unsigned loops_;
};

/// Tokens that an acceptor keeps in the dialer's hands beside those in use.
inline constexpr std::size_t spare_tokens = 8;
/// Used tokens that an acceptor still knows: their attaches may be under way, or be tried again.
inline constexpr std::size_t kept_tokens = 64;
/// The most that a dialer takes unused.
inline constexpr std::size_t most_tokens = 2 * spare_tokens;

/// What an acceptor handed out for one link, number 0 in its HELLO_ACK.
class issued_tokens {
 public:
  issued_tokens() = default;
  issued_tokens(const issued_tokens&) = delete;
  issued_tokens& operator=(const issued_tokens&) = delete;
  ~issued_tokens() { revoke(); }

  /// The link has come up; number 0 is out.
  void begin(token_directory& directory, link_ref link, const routing_token& first);
  /// Makes what the dialer lacks.
  void refill(drbg& random, const token_mint& mint);
  /// The dialer used this one. protocol_violation: it was never handed out.
  errc retire(std::uint64_t number);
  /// No attach finds the link any more.
  void revoke() noexcept;

  /// A NEW_TOKEN that is to be sent; nullptr: none.
  struct entry {
    std::uint64_t number = 0;
    routing_token token{};
    bool retired = false;
  };
  const entry* owed() const noexcept;
  void told() { owed_.pop_front(); }
  /// Its NEW_TOKEN may not have arrived: it goes again, unless the dialer used the token.
  void owe(std::uint64_t number);

 private:
  const entry* find(std::uint64_t number) const noexcept;

  token_directory* directory_ = nullptr;
  link_ref link_{};
  std::deque<entry> entries_;       // ascending
  std::deque<std::uint64_t> owed_;  // each once, none retired
  std::uint64_t next_ = 0;
};

/// What a dialer holds of one link.
class held_tokens {
 public:
  struct token {
    routing_token routing{};
    secret<32> reset;  ///< proves that the acceptor forgot the link
  };

  void begin(const token& first);
  /// protocol_violation: more than an acceptor may hand out. One that is known is ignored.
  errc add(std::uint64_t number, const token& fresh);
  /// For one attach: one that was never used, or, when there is none, the one used last.
  const token& take();

  /// A RETIRE_TOKEN that is to be sent.
  std::optional<std::uint64_t> owed() const noexcept;
  void told(std::uint64_t number);
  void owe(std::uint64_t number);
  std::size_t unused() const noexcept { return unused_.size(); }

 private:
  std::map<std::uint64_t, token> unused_;
  token last_;
  std::uint64_t next_ = 0;  ///< lowest number that was never taken in, but for `gaps_`
  std::uint64_t taken_ = 0;
  std::vector<std::uint64_t> gaps_;  ///< below `next_`, still to come
  std::vector<std::uint64_t> retire_;
};

}  // namespace rendr::engine
