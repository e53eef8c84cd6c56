// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/config.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// How a link ends.
struct link_end {
  errc code{};
  std::string sentence;
};

/// The life of a link: not up yet, up, dark while no path lives, closing, down. It is told facts
/// and says when the link ends, and how; to end it is the caller's.
class standing {
 public:
  explicit standing(const link_config& config) noexcept;

  bool up() const noexcept { return up_; }
  bool down() const noexcept { return down_; }
  /// The application closed the link; flows may still be finishing.
  bool closing() const noexcept { return closing_; }
  /// No flow may be opened any more: one of the ends is closing.
  bool winding_up() const noexcept { return closing_ || peer_closing_; }
  instant up_since() const noexcept { return up_since_; }
  /// When the last path died or became suspect; `never` while one lives.
  instant dark_since() const noexcept { return dark_since_; }

  // --- what happened
  void start(instant now) noexcept;
  /// @param peer_grace how long the other end waits for a path.
  void come_up(instant now, duration peer_grace) noexcept;
  /// The peer forgot it before it was confirmed: it is not up any more.
  void start_over() noexcept;
  void leave_the_dark() noexcept;
  /// True: it was not closing before.
  bool close(instant now, bool bounded) noexcept;
  /// True: this is new.
  bool peer_closes() noexcept;
  /// Its dialer lives no more, but by what a living path shows until a while from now.
  void give_way(instant now) noexcept;
  void end() noexcept { down_ = true; }

  // --- light and dark
  struct path_facts {
    bool alive = false;       ///< some path lives
    bool stalled = false;     ///< the peer's process stands still: its paths are not dead
    bool all_closed = false;  ///< nothing is open, and nothing ended in silence
  };
  /// True: it went dark now.
  bool look(instant now, const path_facts& facts) noexcept;

  // --- when it ends
  struct closing_facts {
    bool delivering = false;  ///< a flow that the application let go of is under way
    bool idle = false;        ///< no flow is left
    bool told = false;        ///< the GOAWAY went out
    bool stalled = false;
    instant last_life = instant::min();  ///< evidence of life on any path
  };
  instant dial_ends() const noexcept { return up_ ? never : dial_deadline_; }
  instant grace_ends() const noexcept;
  instant closing_ends(const closing_facts& facts) const noexcept;

  /// Not up in time. @param last_dial what the last dial said, and its code.
  std::optional<link_end> judge_dial(instant now, errc code, std::string_view last_dial) const;
  std::optional<link_end> judge_grace(instant now, std::string_view last_dial) const;
  /// Every flow was delivered, or the linger ran out.
  std::optional<link_end> judge_closing(instant now, const closing_facts& facts) const;
  /// The peer is done with the link. @param idle no flow here lacks anything of it.
  static link_end closed_by_peer(bool idle);

 private:
  duration no_path_grace_;
  duration grace_closed_;
  duration linger_;
  duration dial_wait_;
  duration peer_grace_ = duration::max();

  bool up_ = false;
  bool down_ = false;
  bool closing_ = false;
  bool bounded_ = false;  ///< a reader who is slow gets no longer than the linger
  bool peer_closing_ = false;
  instant up_since_{};
  instant dial_deadline_ = never;
  instant dark_since_ = never;
  instant closed_since_ = never;  ///< every path ended by FIN or RST, the last one then
  instant close_until_ = never;
  instant gives_way_until_ = instant::min();
};

}  // namespace rendr::engine
