// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "engine/link/rooms.hpp"

namespace rendr::engine {

/// Carries out what `redial` decides: dials begin and end, and observers are told.
class dialing {
 public:
  explicit dialing(rooms& in) noexcept : in_(in) {}

  void begin(instant now) { in_.redial.begin(now, facts(), jitter()); }
  void went_dark(instant now) { in_.redial.went_dark(now, facts(), jitter()); }
  /// A path became suspect, and none lives.
  void none_lives(instant now) { in_.redial.none_lives(now, facts(), jitter()); }
  /// An application asks for what no path can carry.
  void wanted(instant now);
  /// The link is over.
  void end();

  // --- a leaf
  void attached(instant now, spec_id leaf) { in_.redial.attached(now, leaf, facts(), jitter()); }
  void soon(instant now, spec_id leaf) { in_.redial.soon(now, leaf, facts()); }
  void abandon(spec_id leaf) { cancel(in_.redial.abandon(leaf)); }
  /// Its path, or a carrier that was none yet, is gone. @param reason why it ended in vain; empty:
  /// it did not.
  void lost(instant now, spec_id leaf, const redial::ending& how, cause why,
            const std::string& reason);
  /// After a change of the network. True: it is to be dialled now.
  bool ask_anew(instant now, spec_id leaf) {
    return in_.redial.ask_anew(now, leaf, facts(), jitter());
  }
  /// The cold path that rests from now on; null: none.
  path* rests(instant now);
  /// The paths changed: since when have those that are not cold been good?
  void look(instant now) {
    if (in_.side == role::dialer) in_.redial.rests(now, facts(), false);
  }

  // --- a dial
  /// What is due of all leaves together; then of each `is_due`.
  void look_at_all(instant now);
  /// True: it is to be dialled now.
  bool is_due(instant now, spec_id leaf);
  struct room {
    bool free = false;
    path* gives_way = nullptr;  ///< this path is to be given up before
  };
  room room_for(instant now, spec_id leaf);
  /// Precondition: there is room.
  void dial(instant now, spec_id leaf);
  /// A connection; null: nobody wants it any more.
  path* connected(instant now, std::uint64_t attempt, const carrier_traits& traits);
  void failed(instant now, std::uint64_t attempt, const std::error_code& code,
              std::string_view detail);

  instant next_timeout() const;

 private:
  dial_facts facts() const;
  seeded_random& jitter() const noexcept { return in_.shared.jitter; }
  const std::string& name(spec_id leaf) const { return in_.slots[leaf].config.name; }
  void cancel(const std::vector<std::uint64_t>& attempts);
  redial::handshakes open(spec_id leaf) const;
  void ended(instant now, spec_id leaf, const std::error_code& code, const std::string& reason);
  void tell(spec_id leaf, absence::word word);

  rooms& in_;
};

}  // namespace rendr::engine
