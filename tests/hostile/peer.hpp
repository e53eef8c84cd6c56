// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/drbg.hpp"
#include "engine/door/handshake.hpp"
#include "engine/record/record_seal.hpp"
#include "hostile/stage.hpp"
#include "wire/frames.hpp"
#include "wire/handshake.hpp"
#include "wire/record.hpp"

namespace rendr::hostile {

using namespace std::chrono_literals;

/// What links of the kit seal with: its hellos offer nothing else.
inline constexpr auto cipher = crypto::aead::chacha20_poly1305;

bytes encoded(std::initializer_list<wire::frame> frames);

/// The records of one direction of a connection, written by hand. Every record of the kit is made
/// here: how records are protected is known nowhere else. Numbers count from 0 by themselves.
class record_maker {
 public:
  /// The keys of the path, for who has them: records of frames are sealed from then on.
  void keys(const engine::path_keys& of_path) { key_.emplace(cipher, of_path.to_acceptor); }
  bytes make(wire::record_kind kind, bytes_view payload);
  bytes make(wire::record_kind kind, bytes_view payload, std::uint64_t number) const;
  std::uint64_t next() const noexcept { return next_; }
  void next(std::uint64_t number) noexcept { next_ = number; }

 private:
  std::uint64_t next_ = 0;
  std::optional<engine::record_key> key_;
};

/// Takes the other side's records apart. What it gave stays valid.
class record_reader {
 public:
  struct record {
    wire::record_kind kind{};
    std::uint64_t number = 0;
    bytes payload;
  };
  void keys(const engine::path_keys& of_path) { key_.emplace(cipher, of_path.to_dialer); }
  /// All that was heard since the connection began.
  void read(const bytes& heard);
  const std::deque<record>& records() const noexcept { return records_; }
  bool broken() const noexcept { return broken_; }

 private:
  std::size_t used_ = 0;
  bool prologue_ = false;
  bool broken_ = false;
  std::deque<record> records_;
  std::optional<engine::record_key> key_;
};

/// Cuts what was recorded into the prologue and whole records, as they passed.
std::vector<bytes> cut(bytes_view recorded);

/// One connection of the attacker and what is said on it.
class talk {
 public:
  talk(stage& where, std::unique_ptr<carrier> over) : stage_(&where), over_(std::move(over)) {}

  void raw(bytes_view data) { over_->send(data); }
  void prologue(wire::form form, const routing_token& token = {});
  void say(const wire::handshake_message& message);
  void say(std::initializer_list<wire::frame> frames) { say(encoded(frames)); }
  /// A record of frames with this payload.
  void say(bytes_view payload);

  /// The newest handshake message of that kind; nullopt: none within `limit`.
  template <class Message>
  std::optional<Message> answer(duration limit = 5s) {
    std::optional<Message> found;
    stage_->until([&] { return (found = find<Message>()).has_value() || over_->ended(); }, limit);
    return found;
  }
  /// Whether a frame of that kind, for which `holds` does, has come within `limit`.
  template <class Frame, class Holds>
  bool heard(Holds holds, duration limit = 5s) {
    return stage_->until([&] { return any<Frame>(holds); }, limit);
  }
  bool ended(duration limit = 5s) {
    return stage_->until([&] { return over_->ended(); }, limit);
  }

  carrier& over() noexcept { return *over_; }
  record_maker out;
  record_reader in;

 private:
  template <class Message>
  std::optional<Message> find() {
    in.read(over_->heard());
    std::optional<Message> newest;
    for (const auto& r : in.records()) {
      if (r.kind != wire::record_kind::handshake) continue;
      const auto m = wire::decode_handshake(r.payload);
      if (!m) continue;
      if (const auto* found = std::get_if<Message>(&*m)) newest = *found;
    }
    return newest;
  }
  template <class Frame, class Holds>
  bool any(Holds& holds) {
    in.read(over_->heard());
    for (const auto& r : in.records()) {
      if (r.kind != wire::record_kind::frames) continue;
      wire::frame_reader reader(r.payload);
      for (auto f = reader.next(); f && f->has_value(); f = reader.next()) {
        const auto* found = std::get_if<Frame>(&**f);
        if (found != nullptr && holds(*found)) return true;
      }
    }
    return false;
  }

  stage* stage_;
  std::unique_ptr<carrier> over_;
};

/// A dialer written by hand: it makes a link of its own, in order, and then does with its keys what
/// an honest engine never would.
class rogue {
 public:
  rogue(stage& where, std::string_view source);

  /// HELLO and HELLO_ACK: the keys are known, nothing is confirmed. nullptr: the server did not
  /// agree.
  std::unique_ptr<talk> greet();
  /// Confirms it: the connection is path 0. Whether the server took it.
  bool confirm(talk& greeted) const;
  /// Both; nullptr: the server did not agree.
  std::unique_ptr<talk> join();
  /// A further path of the link, or of another one whose keys are known.
  std::unique_ptr<talk> attach(std::uint64_t path, std::uint64_t leaf);
  /// As `attach` up to the challenge, which stays without an answer.
  std::unique_ptr<talk> half_attach(std::uint64_t path, std::uint64_t leaf);

  /// The ATTACH of the newest `half_attach`, and its answer on whatever connection.
  wire::attach attach_message() const { return attaching_->message(); }
  std::optional<engine::attach_outcome> outcome(talk& challenged) const;
  /// Answers the challenge; whether the server took the path.
  bool finish(talk& challenged) const;

  wire::hello hello(std::uint64_t leaf = 0) const { return hello_.message({leaf}); }
  /// Connected, prologue sent.
  std::unique_ptr<talk> dial(wire::form form);

  stage& where;
  std::string source;
  engine::link_agreement agreement;
  engine::link_ends ends;

 private:
  instance_id instance_{};
  drbg random_;
  engine::dialer_hello hello_;
  std::optional<engine::dialer_attach> attaching_;
};

}  // namespace rendr::hostile
