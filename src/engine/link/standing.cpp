// SPDX-License-Identifier: Apache-2.0
#include "engine/link/standing.hpp"

#include <algorithm>

namespace rendr::engine {

standing::standing(const link_config& config) noexcept
    : no_path_grace_(config.no_path_grace),
      grace_closed_(config.grace_closed),
      linger_(config.linger),
      dial_wait_(config.dial_deadline) {}

void standing::start(instant now) noexcept {
  if (dial_wait_ != duration::max()) dial_deadline_ = now + dial_wait_;
}

void standing::come_up(instant now, duration peer_grace) noexcept {
  up_ = true;
  up_since_ = now;
  peer_grace_ = peer_grace;
}

void standing::start_over() noexcept {
  up_ = false;
  leave_the_dark();
}

void standing::leave_the_dark() noexcept {
  dark_since_ = never;
  closed_since_ = never;
}

bool standing::close(instant now, bool bounded) noexcept {
  if (bounded && !bounded_) {
    bounded_ = true;
    close_until_ = now + linger_;
  }
  if (closing_) return false;
  closing_ = true;
  close_until_ = now + linger_;
  return true;
}

bool standing::peer_closes() noexcept {
  if (peer_closing_) return false;
  peer_closing_ = true;
  return true;
}

void standing::give_way(instant now) noexcept { gives_way_until_ = now + defaults::slot_wait; }

// Without a living path the grace runs from the moment that the last one died or became suspect.
bool standing::look(instant now, const path_facts& facts) noexcept {
  if (facts.alive || facts.stalled) {
    leave_the_dark();
    return false;
  }
  if (closed_since_ == never && facts.all_closed) closed_since_ = now;
  if (dark_since_ != never) return false;
  dark_since_ = now;
  return true;
}

// `never` while a path lives. Both ends count the lower of their graces.
instant standing::grace_ends() const noexcept {
  const auto end = [](instant since, duration grace) {
    return since == never || grace == duration::max() ? never : since + grace;
  };
  if (dark_since_ != never && dark_since_ <= gives_way_until_) return dark_since_;
  const auto grace = std::min(no_path_grace_, peer_grace_);
  return std::min(end(dark_since_, grace), end(closed_since_, grace_closed_));
}

// The linger is for flows that somebody may still finish. Without a living path it counts from when
// the last one was lost, which may be long ago, and is short when the peer closed all of them; of a
// peer that is stalled, from its last sign of life.
// While the peer lives, what the application has let go of is delivered however slowly it is read,
// unless the whole program is told to go.
instant standing::closing_ends(const closing_facts& facts) const noexcept {
  if (!closing_) return never;
  const bool waits = facts.delivering && !bounded_;
  if (dark_since_ != never) {
    const auto gone = closed_since_ == never ? never : closed_since_ + defaults::closed_wait;
    return std::min({waits ? never : close_until_, dark_since_ + linger_, gone});
  }
  if (waits && facts.stalled) return std::max(close_until_, facts.last_life + linger_);
  return waits ? never : close_until_;
}

std::optional<link_end> standing::judge_dial(instant now, errc code,
                                             std::string_view last_dial) const {
  if (up_ || dial_deadline_ > now) return std::nullopt;
  return link_end{code, std::string(last_dial.empty() ? "no path came up in time" : last_dial)};
}

std::optional<link_end> standing::judge_grace(instant now, std::string_view last_dial) const {
  if (now < grace_ends()) return std::nullopt;
  if (dark_since_ <= gives_way_until_)
    return link_end{errc::peer_lost, "its client was started anew and made another link"};
  const std::string_view why = closed_since_ == never
                                   ? "no path came back in time"
                                   : "the other end closed every path, and none came back in time";
  return link_end{errc::no_path, std::string(why) + "; the last dial said: " +
                                     std::string(last_dial.empty() ? "nothing" : last_dial)};
}

std::optional<link_end> standing::judge_closing(instant now, const closing_facts& facts) const {
  if (!closing_ || down_) return std::nullopt;
  const bool told = facts.told || dark_since_ != never;
  if (!(facts.idle && told) && now < closing_ends(facts)) return std::nullopt;
  return link_end{errc::closed, "closed"};
}

link_end standing::closed_by_peer(bool idle) {
  return {idle ? errc::closed : errc::peer_lost, "the peer closed the link"};
}

}  // namespace rendr::engine
