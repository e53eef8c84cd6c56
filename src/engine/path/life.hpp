// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/types.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// Where a path stands. Public phases are coarser (`path_life::phase`). A path *drains* when one of
/// the ends leaves it: it takes nothing new, ever again.
enum class path_stage : std::uint8_t {
  waiting,           ///< connected, nothing was said yet
  hello,             ///< dialer: HELLO sent
  attach,            ///< dialer: ATTACH sent
  asking,            ///< dialer: ASK sent
  challenged,        ///< acceptor: CHALLENGE sent
  confirming,        ///< acceptor: HELLO_ACK sent, the ATTACH_ACK is awaited
  standby,           ///< attached; no root sends new data on it
  active,            ///< attached; some root does
  late,              ///< an acknowledgement is overdue
  suspect,           ///< it is doubted
  draining,          ///< attached, and left
  draining_late,     ///< left, and an acknowledgement is overdue
  draining_suspect,  ///< left, and doubted
  ended,             ///< its close was ordered, or its end reported
};

enum class path_event : std::uint8_t {
  say_hello,
  say_attach,
  say_ask,
  challenge,
  confirm,
  attached,  ///< its handshake is done
  chosen,    ///< a root sends new data on it
  rested,    ///< none does any more
  overdue,   ///< an acknowledgement is
  answered,  ///< nothing is overdue any more
  doubted,
  cleared,  ///< the suspicion proved wrong
  left,     ///< one of the ends leaves it
  end,
};

/// The answer of the table.
struct life_step {
  bool legal = false;  ///< false: this cannot happen there, and nothing is done
  path_stage to{};
  friend bool operator==(const life_step&, const life_step&) = default;
};

/// Where a path stands when `event` happened to it at `from`. Pure.
///
/// The rules behind the cells: a handshake says one thing, once; a path ends once, whatever it was;
/// who doubts a path that is late, or is doubted already, tells no news; a path that is left stays
/// left, and is judged like any other.
life_step next_stage(path_event event, path_stage from) noexcept;

inline constexpr std::array all_path_stages{
    path_stage::waiting,          path_stage::hello,      path_stage::attach,
    path_stage::asking,           path_stage::challenged, path_stage::confirming,
    path_stage::standby,          path_stage::active,     path_stage::late,
    path_stage::suspect,          path_stage::draining,   path_stage::draining_late,
    path_stage::draining_suspect, path_stage::ended};
inline constexpr std::array all_path_events{
    path_event::say_hello, path_event::say_attach, path_event::say_ask, path_event::challenge,
    path_event::confirm,   path_event::attached,   path_event::chosen,  path_event::rested,
    path_event::overdue,   path_event::answered,   path_event::doubted, path_event::cleared,
    path_event::left,      path_event::end};

std::string_view to_string(path_stage stage) noexcept;
std::string_view to_string(path_event event) noexcept;
/// One line: "-> late", "-" when it stays where it is, or "illegal".
std::string to_string(path_stage from, const life_step& step);

/// What a transition was to observers.
struct phase_change {
  path_phase from{};
  path_phase to{};

  bool any() const noexcept { return from != to; }
  /// Observers are told of it: which of the usable paths carries data is no news.
  bool told() const noexcept;
  /// It goes into the history of the path: that an acknowledgement is overdue does not.
  bool kept() const noexcept {
    return told() && from != path_phase::late && to != path_phase::late;
  }
};

/// The life of one path: its stage, and the data of that stage. What cannot happen is refused, and
/// counted.
class path_life {
 public:
  path_stage stage() const noexcept { return stage_; }
  path_phase phase() const noexcept;
  bool at(path_stage stage) const noexcept { return stage_ == stage; }

  /// Its handshake is not done.
  bool attaching() const noexcept { return stage_ < path_stage::standby; }
  /// Its handshake is done, and it has not ended.
  bool attached() const noexcept { return !attaching() && stage_ != path_stage::ended; }
  /// Attached, not doubted, and nobody leaves it: it may take flow data.
  bool carries() const noexcept {
    return stage_ == path_stage::standby || stage_ == path_stage::active ||
           stage_ == path_stage::late;
  }
  bool late() const noexcept {
    return stage_ == path_stage::late || stage_ == path_stage::draining_late;
  }
  bool suspect() const noexcept {
    return stage_ == path_stage::suspect || stage_ == path_stage::draining_suspect;
  }
  bool draining() const noexcept {
    return stage_ >= path_stage::draining && stage_ <= path_stage::draining_suspect;
  }
  bool ended() const noexcept { return stage_ == path_stage::ended; }

  // --- data of a stage
  /// Of a suspect path: since when; else `never`.
  instant suspected_at() const noexcept { return suspect() ? suspected_at_ : never; }
  /// Of a suspect path: an acknowledgement from this record on clears it.
  std::uint64_t clear_number() const noexcept { return clear_number_; }
  /// Of a draining path: this end leaves it, and says BYE once everything is acknowledged.
  bool leaving() const noexcept { return draining() && leaving_; }
  /// Of a path that has ended: what was written to it is still to be sent.
  bool flushes() const noexcept { return ended() && flushes_; }

  // --- what happens to it
  /// Those events that bring no data.
  phase_change on(path_event event) noexcept { return go(event); }
  phase_change doubt(instant now, std::uint64_t clear_number) noexcept;
  /// @param by_us this end leaves it.
  phase_change leave(bool by_us) noexcept;
  phase_change end(bool flush) noexcept;
  /// Events that could not happen where it stood.
  std::uint64_t refused() const noexcept { return refused_; }

 private:
  phase_change go(path_event event) noexcept;

  path_stage stage_ = path_stage::waiting;
  bool leaving_ = false;
  bool flushes_ = false;
  instant suspected_at_ = never;
  std::uint64_t clear_number_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rendr::engine
