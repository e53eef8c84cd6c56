// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/seeded_random.hpp"
#include "engine/config.hpp"
#include "engine/path/absence.hpp"
#include "engine/types.hpp"
#include "rendr/error.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

/// What `redial` must know of a link at the moment that it is asked.
struct dial_facts {
  struct leaf {
    bool cold = false;
    bool removed = false;
    bool known = false;            ///< a path of it was attached at least once
    bool present = false;          ///< it has a path
    bool good = false;             ///< that path lives
    instant suspected_at = never;  ///< of that path, while it is suspect
  };
  bool dials = false;  ///< this end dials, and the link is not over
  bool up = false;
  bool alive = false;          ///< some path lives
  instant dark_since = never;  ///< when the last one went
  std::vector<leaf> leaves;

  /// The link was up, and no path lives.
  bool dark() const noexcept { return up && !alive; }
};

/// When a leaf without a path is dialled: at once, then as the time goes by ever more seldom, and
/// at once again when the network changes or an application waits. It owns what is known of the
/// dialling of each leaf, by leaf number, and says what is to be done.
class redial {
 public:
  /// One dial that the driver is to begin.
  struct order {
    std::uint64_t attempt = 0;
    duration timeout{};
    duration away{};  ///< for so long the leaf is asked for in vain
  };
  /// Connections of a leaf that are there and are no path yet.
  struct handshakes {
    std::size_t count = 0;
    instant beside_at = instant::min();  ///< the newest has another dial beside it from then on
  };
  /// Whether one more try of a leaf may begin.
  enum class room : std::uint8_t {
    free,       ///< it may
    full,       ///< not now
    gives_way,  ///< it may when the newest handshake was given up
  };
  /// The attempt that connected.
  struct tried {
    spec_id leaf = 0;
    instant since{};
  };
  /// How a carrier of a leaf ended.
  struct ending {
    bool lived = false;         ///< it was a path, and for some time
    bool next_address = false;  ///< its address failed, and its name has more of them
    bool vain = false;          ///< it was no path yet, and nothing replaced it
  };
  /// What observers are told of a leaf.
  struct missing {
    spec_id leaf = 0;
    absence::word word;
  };

  // --- the life of the link
  void begin(instant now, const dial_facts& facts, seeded_random& jitter);
  /// The link begins anew: nothing is known of the others' rest.
  void start_over() noexcept { others_good_since_ = never; }
  void went_dark(instant now, const dial_facts& facts, seeded_random& jitter);
  /// A path became suspect, and none lives.
  void none_lives(instant now, const dial_facts& facts, seeded_random& jitter);
  void network_changed(instant now) noexcept { network_at_ = now; }
  /// After that, for each leaf. True: it is to be dialled now, beside a path that is suspect.
  bool ask_anew(instant now, spec_id leaf, const dial_facts& facts, seeded_random& jitter);
  /// An application asks for what no path can carry: what was given up for the time being is
  /// dialled at once.
  void wanted(instant now, const dial_facts& facts, seeded_random& jitter);

  // --- the life of a leaf
  void attached(instant now, spec_id leaf, const dial_facts& facts, seeded_random& jitter);
  /// Another leaf gets the number: nothing is known of it.
  void forget(spec_id leaf) { at(leaf) = {}; }
  /// It is not dialled any more. Returns the attempts to be cancelled.
  std::vector<std::uint64_t> abandon(spec_id leaf);
  std::vector<std::uint64_t> abandon_all();
  void path_up(spec_id leaf);
  void path_lost(instant now, spec_id leaf, const ending& how, const dial_facts& facts,
                 seeded_random& jitter);
  void measured(spec_id leaf, duration rtt) { at(leaf).last_rtt = rtt; }
  /// Somebody answers there: a longer pause would only delay what he can tell.
  void soon(instant now, spec_id leaf, const dial_facts& facts);

  // --- one dial
  /// What is due by now, in this order: `missing_words`, `call_cold_in_time`, and of each leaf
  /// `overdue`, `is_due` and `take_due`.
  std::vector<missing> missing_words(instant now, const dial_facts& facts);
  void call_cold_in_time(instant now, const dial_facts& facts, seeded_random& jitter);
  std::vector<std::uint64_t> overdue(instant now, spec_id leaf);
  bool is_due(instant now, spec_id leaf) { return at(leaf).next_dial <= now; }
  /// What is due was taken up. True: the leaf is dialled now.
  bool take_due(spec_id leaf, const dial_facts& facts);
  room room_for(instant now, spec_id leaf, const handshakes& open, const dial_facts& facts);
  order dial(instant now, spec_id leaf, const handshakes& open, const dial_facts& facts);
  /// The attempt connected. Null: it is none of ours any more.
  std::optional<tried> connected(std::uint64_t attempt);
  /// A connection that is wanted. Returns when it has another dial beside it if it is unanswered.
  instant await_answer(instant now, const tried& one);
  /// Whether a connection of this leaf has a use.
  bool welcome(spec_id leaf, const dial_facts& facts) const noexcept;
  std::optional<spec_id> failed(instant now, std::uint64_t attempt, const std::error_code& code,
                                const dial_facts& facts, seeded_random& jitter);
  /// A try of the leaf ended in vain; what observers are told of it.
  std::optional<absence::word> note_end(instant now, spec_id leaf, const std::error_code& code,
                                        std::string_view reason, const dial_facts& facts);

  // --- what was said last, when the link fails
  void heard(std::string what) { last_error_ = std::move(what); }
  void heard(errc code, std::string what);
  void heard(errc code) noexcept { last_code_ = code; }
  const std::string& last_error() const noexcept { return last_error_; }
  errc last_code() const noexcept { return last_code_; }

  /// The leaf whose cold path may rest: the others were good for a while.
  std::optional<spec_id> rests(instant now, const dial_facts& facts, bool may_rest);

  /// These two are asked whenever the driver asks for a deadline.
  instant next_timeout(bool up) const noexcept {
    const auto next = up ? earliest().due : std::min(earliest().due, cold_at_);
    return others_good_since_ == never ? next
                                       : std::min(next, others_good_since_ + defaults::cold_rest);
  }
  /// Some leaf is missing, and observers are not told of it yet: ask `tells_missing_at`.
  bool owes_a_word() const noexcept { return earliest().word != never; }
  instant tells_missing_at(const dial_facts& facts) const noexcept;

 private:
  struct pending {
    std::uint64_t number = 0;
    instant since{};
    instant until = never;
    bool patient = false;  ///< no other try was under way: it gets the time that it needs
  };
  struct record {
    std::vector<pending> attempts;
    instant next_dial = never;
    instant away_since = never;  ///< it has had no path since; `never` while it has one
    bool failed = false;         ///< a try of it failed, since the link began
    unsigned abandoned = 0;      ///< patient tries that got no answer, one after another
    duration backoff{0};
    duration last_rtt{0};
    absence away;
  };

  // The earliest of all leaves, as long as none of them changes.
  struct deadlines {
    instant due = never;
    instant word = never;
  };

  record& at(spec_id leaf);
  // For all changes of leaves.
  std::vector<record>& change() noexcept {
    known_.reset();
    return leaves_;
  }
  const deadlines& earliest() const noexcept { return known_ ? *known_ : find_earliest(); }
  const deadlines& find_earliest() const noexcept;
  bool needs_dial(spec_id leaf, const dial_facts& facts) const noexcept;
  instant asked_since(const record& r, const dial_facts::leaf& leaf,
                      const dial_facts& facts) const noexcept;
  bool quick(instant now, spec_id leaf, const dial_facts& facts);
  duration dial_time(const record& r, bool known, bool patient, bool dark) const noexcept;
  void schedule(instant now, spec_id leaf, bool at_once, const dial_facts& facts,
                seeded_random& jitter);
  void schedule_all(instant now, const dial_facts& facts, seeded_random& jitter);
  void schedule_cold(instant now, const dial_facts& facts, seeded_random& jitter);
  void call_cold(instant now, spec_id failed, const dial_facts& facts, seeded_random& jitter);
  bool is_missing(spec_id leaf, const record& r, const dial_facts& facts) const noexcept;

  std::vector<record> leaves_;
  mutable std::optional<deadlines> known_;
  std::uint64_t next_attempt_ = 1;
  instant network_at_ = instant::min();    ///< the network changed last
  instant wanted_since_ = instant::min();  ///< an application asked in vain, and
  instant wanted_until_ = instant::min();  ///<   so long its wish counts
  instant cold_at_ = never;                ///< not up by then: cold leaves are dialled too
  bool cold_called_ = false;
  instant others_good_since_ = never;  ///< leaves that are not cold have lived since then
  std::string last_error_;
  errc last_code_ = errc::no_path;
};

}  // namespace rendr::engine
