// SPDX-License-Identifier: Apache-2.0
#include "engine/link/ledger.hpp"

#include <algorithm>
#include <array>

namespace rendr::engine {

/// One kind of control frame.
struct control_row {
  using owners = ledger::owners;

  control what;
  control_way way;
  /// Something of it waits to be put.
  bool (*owed)(const ledger& l, const owners& o);
  /// Puts what waits and notes it in the record. False: something did not fit.
  bool (*put)(ledger& l, owners& o, record_writer& w);
  /// A record that carried it was lost: it is owed again, unless it was superseded.
  void (*lost)(ledger& l, owners& o, const sent_control& c);
  /// The peer has it.
  void (*acknowledged)(ledger& l, const sent_control& c);

  static const std::array<control_row, 7> table;

 private:
  // Of what the ledger itself holds.
  static bool words_owed(const ledger& l, const owners& o);
  static bool put_words(ledger& l, owners& o, record_writer& w);
  static void lose_word(ledger& l, owners& o, const sent_control& c);
  static void keep_or_forget_word(ledger& l, const sent_control& c);
  static bool goaway_owed(const ledger& l, const owners&) { return l.goaway_owed_; }
  static bool put_goaway(ledger& l, owners& o, record_writer& w);
  static void lose_goaway(ledger& l, owners&, const sent_control&) { l.goaway_owed_ = true; }
  static bool put_slot(ledger& l, owners& o, record_writer& w);
  static void lose_slot(ledger& l, owners&, const sent_control&) { l.slot_owed_ = true; }
};

namespace {

using owners = ledger::owners;
using enum control_way;

void note(record_writer& w, control what, std::uint64_t key, std::uint64_t value) {
  w.record().controls.push_back({what, key, value});
}

bool roots_owed(const ledger&, const owners& o) { return o.roots.owed(); }

bool put_roots(ledger&, owners& o, record_writer& w) { return o.roots.put(w); }

// Whoever read a token where it is in clear would know it again in front of an attach, and with the
// reset token could end the link there.
bool put_new_tokens(ledger&, owners& o, record_writer& w) {
  auto& issued = o.peers.issued();
  while (const auto* fresh = issued.owed()) {
    wire::new_token frame{fresh->number, fresh->token, {}};
    const auto reset = o.mint.reset_of(fresh->token);
    std::ranges::copy(reset.view(), frame.reset.begin());
    if (!w.put(frame)) return false;
    note(w, control::new_token, fresh->number, 0);
    issued.told();
  }
  return true;
}

bool put_used_tokens(ledger&, owners& o, record_writer& w) {
  auto& held = o.peers.held();
  while (const auto used = held.owed()) {
    if (!w.put(wire::retire_token{*used})) return false;
    note(w, control::retire_token, *used, 0);
    held.told(*used);
  }
  return true;
}

void lose_graphs(ledger&, owners& o, const sent_control&) { o.roots.owe_graphs(); }
void lose_selections(ledger&, owners& o, const sent_control&) { o.roots.owe_selections(); }
void lose_new_token(ledger&, owners& o, const sent_control& c) { o.peers.issued().owe(c.key); }
void lose_used_token(ledger&, owners& o, const sent_control& c) { o.peers.held().owe(c.key); }

// What goes in private wakes a path of its own as it is owed.
bool not_by_the_best(const ledger&, const owners&) { return false; }
bool owed_with_graphs(const ledger&, const owners&) { return false; }
bool put_with_graphs(ledger&, owners&, record_writer&) { return true; }
void stays(ledger&, const sent_control&) {}

}  // namespace

bool control_row::words_owed(const ledger& l, const owners&) {
  return std::ranges::any_of(l.words_, [](const auto& word) { return word.second.owed; });
}

bool control_row::put_words(ledger& l, owners&, record_writer& w) {
  for (auto& [id, word] : l.words_) {
    if (!word.owed) continue;
    if (!w.put(wire::path_state{id, word.epoch, wire::path_direction::both, word.state, word.leaf}))
      return false;
    note(w, control::path_state, id, word.epoch);
    word.owed = false;
  }
  return true;
}

void control_row::lose_word(ledger& l, owners&, const sent_control& c) {
  if (const auto word = l.words_.find(c.key); word != l.words_.end()) word->second.owed = true;
}

// A dead path has no more words: its last one is forgotten when the peer has it.
void control_row::keep_or_forget_word(ledger& l, const sent_control& c) {
  const auto word = l.words_.find(c.key);
  const bool newest = word != l.words_.end() && word->second.epoch == c.value;
  if (newest && word->second.state == wire::path_report::dead) l.words_.erase(word);
}

bool control_row::put_goaway(ledger& l, owners&, record_writer& w) {
  if (!l.goaway_owed_) return true;
  if (!w.put(l.goaway())) return false;
  note(w, control::goaway, 0, ledger::goaway_version);
  l.goaway_owed_ = false;
  return true;
}

bool control_row::put_slot(ledger& l, owners& o, record_writer& w) {
  if (!l.slot_owed_) return true;
  if (!w.put(o.peers.claim()->slot)) return false;
  note(w, control::slot, 0, 0);
  l.slot_owed_ = false;
  return true;
}

// In the order in which they go into a record.
constinit const std::array<control_row, 7> control_row::table{{
    {control::path_state, best_path, words_owed, put_words, lose_word, keep_or_forget_word},
    {control::graph, best_path, roots_owed, put_roots, lose_graphs, stays},
    {control::select, best_path, owed_with_graphs, put_with_graphs, lose_selections, stays},
    {control::goaway, best_path, goaway_owed, put_goaway, lose_goaway, stays},
    {control::new_token, in_private, not_by_the_best, put_new_tokens, lose_new_token, stays},
    {control::slot, in_private, not_by_the_best, put_slot, lose_slot, stays},
    {control::retire_token, in_private, not_by_the_best, put_used_tokens, lose_used_token, stays},
}};

void ledger::tell(std::uint64_t path, wire::path_report state, std::uint64_t leaf) {
  auto& known = words_[path];
  known = {known.epoch + 1, state, leaf, true};
}

void ledger::say_goaway(std::uint64_t code, std::string_view reason) {
  goaway_code_ = code;
  goaway_reason_ = reason.substr(0, wire::max_reason);
  goaway_owed_ = true;
}

void ledger::start_over() {
  words_.clear();
  heard_.clear();
  slot_owed_ = false;
}

bool ledger::owed(const owners& o) const {
  return std::ranges::any_of(control_row::table,
                             [&](const control_row& row) { return row.owed(*this, o); });
}

bool ledger::put(control_way way, owners o, record_writer& w) {
  return std::ranges::all_of(control_row::table, [&](const control_row& row) {
    return row.way != way || row.put(*this, o, w);
  });
}

const control_row* ledger::row_of(control what) noexcept {
  const auto row = std::ranges::find(control_row::table, what, &control_row::what);
  return row == control_row::table.end() ? nullptr : &*row;
}

control_way ledger::lost(const control_row& row, owners o, const sent_control& c) {
  row.lost(*this, o, c);
  return row.way;
}

void ledger::acknowledged(const control_row& row, const sent_control& c) {
  row.acknowledged(*this, c);
}

bool ledger::hear(const wire::path_state& word) {
  // Bounded before `seen` points into it.
  if (heard_.size() > 4 * defaults::paths_per_link) heard_.erase(heard_.begin());
  auto& seen = heard_[word.path];
  if (word.epoch <= seen) return false;
  seen = word.epoch;
  return true;
}

bool ledger::hear(const wire::goaway& frame) noexcept {
  goaway_here_ = true;
  if (frame.version <= peer_goaway_) return false;
  peer_goaway_ = frame.version;
  return true;
}

}  // namespace rendr::engine
