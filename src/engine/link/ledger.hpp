// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/link/association.hpp"
#include "engine/record/record_writer.hpp"
#include "engine/route/router.hpp"

namespace rendr::engine {

/// By which paths a kind of control goes.
enum class control_way : std::uint8_t {
  best_path,   ///< by the one that is best for control
  in_private,  ///< by any on which nobody but the peer reads
};

struct control_row;

/// What the peer must be told of the link itself. Control is state, not messages: of each thing the
/// newest version counts, what is owed goes out with the next record, and what a lost record
/// carried is owed again, as it stands then. A table (`ledger.cpp`) has one row for each kind of
/// control frame; those of a flow are the flow's.
class ledger {
 public:
  /// The other rooms whose state goes out as control of the link.
  struct owners {
    association& peers;
    router& roots;
    const token_mint& mint;
  };

  // --- what is to be told
  /// Each word about a path replaces the one before it.
  void tell(std::uint64_t path, wire::path_report state, std::uint64_t leaf);
  /// Nothing more is told of that path.
  void forget(std::uint64_t path) { words_.erase(path); }
  /// Of as many paths as may be, words still wait for an acknowledgement.
  bool crowded() const noexcept { return words_.size() >= 2 * defaults::paths_per_link; }
  void say_goaway(std::uint64_t code, std::string_view reason);
  bool goaway_owed() const noexcept { return goaway_owed_; }
  /// As it would be said now. Its reason lives as long as this object.
  wire::goaway goaway() const noexcept { return {goaway_version, goaway_code_, goaway_reason_}; }
  void owe_slot() noexcept { slot_owed_ = true; }
  /// The peer knows nothing of the link any more.
  void start_over();

  // --- the table
  /// Whether the best path has something of this to carry.
  bool owed(const owners& o) const;
  /// False: something of it did not fit.
  bool put(control_way way, owners o, record_writer& w);
  /// nullptr: the kind belongs to a flow.
  static const control_row* row_of(control what) noexcept;
  /// The record that carried it may never arrive. Returns by which way it goes again.
  control_way lost(const control_row& row, owners o, const sent_control& c);
  void acknowledged(const control_row& row, const sent_control& c);

  // --- what the peer told
  /// False: a newer word about that path was heard before.
  bool hear(const wire::path_state& word);
  /// A record begins to be read.
  void begin_record() noexcept { goaway_here_ = false; }
  /// True: it is news.
  bool hear(const wire::goaway& frame) noexcept;
  /// The record that is being read has a GOAWAY.
  bool goaway_here() const noexcept { return goaway_here_; }

 private:
  friend struct control_row;
  static constexpr std::uint64_t goaway_version = 1;  // it is said once, and never changes

  struct path_word {
    std::uint64_t epoch = 0;
    wire::path_report state{};
    std::uint64_t leaf = 0;
    bool owed = false;
  };
  std::map<std::uint64_t, path_word> words_;
  std::uint64_t goaway_code_ = 0;
  std::string goaway_reason_;
  bool goaway_owed_ = false;
  bool slot_owed_ = false;

  std::map<std::uint64_t, std::uint64_t> heard_;  // epochs, by path id
  std::uint64_t peer_goaway_ = 0;
  bool goaway_here_ = false;
};

}  // namespace rendr::engine
