// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/result.hpp"

/// The Noise Protocol Framework, revision 34 (noiseprotocol.org/noise.html), with 25519, ChaChaPoly
/// and SHA256. The classes and their verbs are those of section 5; a pattern is a table.
namespace rendr::engine::noise {

/// Section 5.1. A key and a counter; without a key it passes bytes through.
class cipher_state {
 public:
  void initialize_key(const secret<32>& key) noexcept;
  bool has_key() const noexcept { return has_key_; }
  /// Appends the sealed bytes to `out`.
  void encrypt_with_ad(bytes_view associated, bytes_view plain, bytes& out);
  /// auth_failed: not what the peer sealed; the counter stays.
  result<bytes> decrypt_with_ad(bytes_view associated, bytes_view sealed);

 private:
  secret<32> key_;
  std::uint64_t counter_ = 0;
  bool has_key_ = false;
};

/// Section 5.2.
class symmetric_state {
 public:
  explicit symmetric_state(std::string_view protocol_name) noexcept;
  void mix_key(const secret<32>& input) noexcept;
  void mix_hash(bytes_view data) noexcept;
  void mix_key_and_hash(const secret<32>& input) noexcept;
  bool has_key() const noexcept { return cipher_.has_key(); }
  void encrypt_and_hash(bytes_view plain, bytes& out);
  result<bytes> decrypt_and_hash(bytes_view sealed);
  const crypto::hash& handshake_hash() const noexcept { return hash_; }
  const secret<32>& chaining_key() const noexcept { return chaining_key_; }
  struct pair;
  pair split() const noexcept;

 private:
  secret<32> chaining_key_;
  crypto::hash hash_{};
  cipher_state cipher_;
};

struct symmetric_state::pair {
  cipher_state to_responder;
  cipher_state to_initiator;
};

/// Section 7.1 and 9.2.
enum class token : std::uint8_t { e, s, ee, es, se, ss, psk };

/// Who writes first, and what each message is made of (section 7).
struct pattern {
  std::string_view protocol_name;
  std::span<const std::span<const token>> messages;
  bool responder_known = false;  ///< pre-message `<- s`: the initiator has the responder's key
  bool with_psk = false;         ///< section 9.2: `e` is mixed into the key as well
};

/// `-> e`, `<- e, ee`: both ends anonymous.
extern const pattern nn;
/// `-> psk, e`, `<- e, ee`: both hold the pre-shared key.
extern const pattern nn_psk0;
/// `<- s`, `-> e, es, s, ss`, `<- e, ee, se, psk`: the initiator knows the responder's static key
/// and shows its own; both hold the pre-shared key (32 zero bytes: none).
extern const pattern ik_psk2;

struct key_pair {
  secret<32> secret_key;
  crypto::public_key public_key{};

  key_pair() = default;
  explicit key_pair(const secret<32>& key) noexcept
      : secret_key(key), public_key(crypto::x25519_public(key)) {}
};

/// What one end brings to a handshake. What the pattern does not ask for is ignored.
struct handshake_keys {
  secret<32> ephemeral;       ///< never used for another handshake
  key_pair own;               ///< this end's static key
  crypto::public_key peer{};  ///< the responder's static key, at the initiator
  secret<32> psk;
};

enum class role : std::uint8_t { initiator, responder };

/// Section 5.3. Value type: a copy can try a message without harm to the original.
class handshake_state {
 public:
  handshake_state(const pattern& shape, role side, bytes_view prologue,
                  const handshake_keys& keys) noexcept;

  /// The next message, which is this end's to write (asserted), with `payload` in it: encrypted as
  /// soon as the pattern has a key. protocol_violation: the peer's key was of low order.
  result<bytes> write_message(bytes_view payload);
  /// Takes the peer's next message and gives its payload. protocol_violation: too short, or a key
  /// of low order; auth_failed: it does not verify. This state is spent after a failure.
  result<bytes> read_message(bytes_view message);

  bool finished() const noexcept { return next_ == shape_->messages.size(); }
  const crypto::public_key& local_ephemeral() const noexcept { return local_.public_key; }
  /// The peer's ephemeral key, once a message of it was read.
  const crypto::public_key& remote_ephemeral() const noexcept { return remote_; }
  /// The peer's static key: given at first, or read from its message; not proven before a message
  /// of the peer verified that depends on it.
  const crypto::public_key& remote_static() const noexcept { return remote_static_; }
  /// Asked once finished: the channel binding, the exported secret, the transport ciphers.
  const crypto::hash& handshake_hash() const noexcept { return symmetric_.handshake_hash(); }
  const secret<32>& chaining_key() const noexcept { return symmetric_.chaining_key(); }
  symmetric_state::pair split() const noexcept { return symmetric_.split(); }

 private:
  bool mix_dh(const key_pair& own, const crypto::public_key& peer) noexcept;
  bool mix(token t) noexcept;
  void mix_ephemeral(const crypto::public_key& key) noexcept;
  errc read_key(token t, bytes_view& message);

  const pattern* shape_;
  role side_;
  std::size_t next_ = 0;
  symmetric_state symmetric_;
  key_pair local_;
  key_pair own_static_;
  crypto::public_key remote_{};
  crypto::public_key remote_static_{};
  secret<32> psk_;
};

}  // namespace rendr::engine::noise
