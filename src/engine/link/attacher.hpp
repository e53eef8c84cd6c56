// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// What a handshake message means for its carrier or for the link.
struct attach_effect {
  enum class kind : std::uint8_t {
    attached,    ///< the carrier is a path
    came_up,     ///< so it is, and the link is up by it
    refused,     ///< the carrier ends: why, and the sentence
    start_over,  ///< the peer forgot the hello, and it is said again
    lost,        ///< the link is over: the code, and the sentence
  };
  kind what{};
  cause why{};
  errc code{};
  std::string sentence = {};
  bool dial_soon = false;  ///< somebody answered there, who may tell more the next time
  std::optional<path_stage> refused_at = std::nullopt;  ///< what was said when the peer refused
};

/// The handshakes of the carriers of a link that are not paths yet. Of a dialer, but for `come_up`.
class attacher {
 public:
  explicit attacher(rooms& of) noexcept : in_(of) {}

  /// Connected carriers that wait: the first says HELLO, later ones wait for its answer or join the
  /// race; once the link is up each attaches or asks for the link.
  void start(instant now);
  /// When a carrier that waits says something: at once, when no other one said HELLO.
  instant next() const noexcept;
  attach_effect take(instant now, path& p, bytes_view payload);
  /// The other carriers of the race, which said HELLO for nothing: they are dialled anew and
  /// attach.
  std::vector<path*> losers(const path& winner) const;
  /// After a carrier was refused. True: its leaf is to be dialled soon.
  bool tries_again(const attach_effect& refused);
  /// The keys are agreed on.
  void come_up(instant now, const std::string& remote);

 private:
  void say_hello(instant now, path& p);
  void say_attach(instant now, path& p);
  void say_ask(instant now, path& p);
  bool may_attach(instant now, path& p) const;
  attach_effect take(instant now, path& p, const wire::hello_ack& ack);
  attach_effect take(instant now, path& p, const wire::challenge& challenge);
  attach_effect take(instant now, path& p, const wire::answer& answer);
  attach_effect take(instant now, path& p, const wire::refuse& refusal);
  void protect(path& p, const attach_outcome& outcome, wire::form form);
  void send(path& p, const wire::handshake_message& message, wire::form form,
            const routing_token& token);
  std::string named(const path& p, const std::string& sentence) const;

  rooms& in_;
};

}  // namespace rendr::engine
