// SPDX-License-Identifier: Apache-2.0
// What the peer must be told of a link: put, lost, acknowledged, superseded, for each kind.
#include "engine/link/ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/record/inbound.hpp"
#include "support/hex.hpp"

namespace rendr::engine {
namespace {

using test::filled;
using wire::path_report;

/// A ledger and the rooms whose state it tells, as at the acceptor of a link.
struct desk {
  desk() {
    link_agreement agreement;
    agreement.token = mint.make(random);
    agreement.pre_shared = true;
    peers.adopt(agreement, tokens, link_ref{1}, random, mint);
  }
  ledger::owners owners() { return {peers, roots, mint}; }

  /// Makes one record of what is owed by this way; its frames by name, and what it must remember.
  struct made {
    std::vector<std::string> frames;
    std::vector<sent_control> controls;
    bool all = false;
  };
  made put(control_way way, std::size_t limit = 4096);
  void lose(const std::vector<sent_control>& controls) {
    for (const auto& c : controls) book.lost(*ledger::row_of(c.what), owners(), c);
  }
  void acknowledge(const std::vector<sent_control>& controls) {
    for (const auto& c : controls) book.acknowledged(*ledger::row_of(c.what), c);
  }
  /// A root with this name that the peer is to be told.
  named_root& root(std::string_view name) {
    const std::vector<policy::leaf_info> leaves{{"wifi"}};
    auto wanted = *roots.read(name, "wifi", leaves);
    router::renew(*wanted.root, true);
    roots.install(*wanted.root, std::move(wanted.graph), router::leaf_facts(1));
    return *wanted.root;
  }

  drbg random{secret<32>(filled<32>(1))};
  token_mint mint{secret<32>(filled<32>(7)), filled<16>(8), 0, 1};
  token_directory tokens;
  association peers{role::acceptor, endpoint_config{}, std::chrono::seconds(90)};
  router roots{role::dialer};
  ledger book;
};

std::string name_of(const wire::frame& f) {
  if (const auto* one = std::get_if<wire::path_state>(&f))
    return "path_state " + std::to_string(one->path) + " epoch " + std::to_string(one->epoch);
  if (const auto* one = std::get_if<wire::graph>(&f)) return "graph " + std::string(one->name);
  if (const auto* one = std::get_if<wire::select>(&f))
    return "select " + std::string(one->root) + ":" + std::string(one->child);
  if (const auto* one = std::get_if<wire::goaway>(&f)) return "goaway " + std::string(one->reason);
  if (const auto* one = std::get_if<wire::new_token>(&f))
    return "new_token " + std::to_string(one->number);
  if (const auto* one = std::get_if<wire::retire_token>(&f))
    return "retire_token " + std::to_string(one->number);
  return std::holds_alternative<wire::link_slot>(f) ? "slot" : "another frame";
}

desk::made desk::put(control_way way, std::size_t limit) {
  slab_pool pool;
  outbound out;
  record_writer w(out, pool, 0, limit);
  made result;
  result.all = book.put(way, owners(), w);
  if (w.empty()) {
    w.cancel();
    return result;
  }
  result.controls = w.finish().controls;
  bytes raw;
  for (const auto piece : out.pieces()) raw.insert(raw.end(), piece.begin(), piece.end());
  const auto record = wire::read_record(raw);
  EXPECT_TRUE(record && record->has_value());
  wire::frame_reader reader((*record)->payload);
  for (auto f = reader.next(); f && f->has_value(); f = reader.next())
    result.frames.push_back(name_of(**f));
  return result;
}

using frames = std::vector<std::string>;
constexpr auto best = control_way::best_path;
constexpr auto in_private = control_way::in_private;

constexpr control of_flows[] = {control::open, control::accept,   control::reject, control::reset,
                                control::stop, control::max_data, control::skip};
constexpr control of_the_link[] = {control::path_state, control::graph,     control::select,
                                   control::goaway,     control::new_token, control::retire_token,
                                   control::slot};

TEST(ledger, every_kind_has_one_row_or_belongs_to_a_flow) {
  for (const auto what : of_flows) EXPECT_EQ(ledger::row_of(what), nullptr);
  std::vector<const control_row*> rows;
  for (const auto what : of_the_link) {
    rows.push_back(ledger::row_of(what));
    EXPECT_NE(rows.back(), nullptr);
  }
  std::ranges::sort(rows);
  EXPECT_EQ(std::ranges::adjacent_find(rows), rows.end());
}

TEST(ledger, what_was_put_is_owed_no_more) {
  desk d;
  EXPECT_FALSE(d.book.owed(d.owners()));
  EXPECT_EQ(d.put(best).frames, frames{});
  d.book.tell(3, path_report::suspect, 0);
  EXPECT_TRUE(d.book.owed(d.owners()));
  EXPECT_EQ(d.put(best).frames, frames{"path_state 3 epoch 1"});
  EXPECT_FALSE(d.book.owed(d.owners()));
  EXPECT_EQ(d.put(best).frames, frames{});
}

TEST(ledger, a_word_about_a_path_replaces_the_one_before_it) {
  desk d;
  d.book.tell(3, path_report::suspect, 0);
  d.book.tell(3, path_report::standby, 0);
  EXPECT_EQ(d.put(best).frames, frames{"path_state 3 epoch 2"});
}

TEST(ledger, a_lost_word_is_said_again_as_it_stands_then) {
  desk d;
  d.book.tell(3, path_report::suspect, 0);
  const auto first = d.put(best);
  d.book.tell(3, path_report::standby, 0);
  const auto second = d.put(best);
  d.lose(first.controls);
  EXPECT_EQ(d.put(best).frames, frames{"path_state 3 epoch 2"});
  d.book.forget(3);
  d.lose(second.controls);
  EXPECT_EQ(d.put(best).frames, frames{});
}

TEST(ledger, the_last_word_about_a_dead_path_is_kept_until_it_arrives) {
  desk d;
  d.book.tell(3, path_report::suspect, 0);
  const auto suspect = d.put(best);
  d.book.tell(3, path_report::dead, 0);
  const auto dead = d.put(best);
  d.acknowledge(suspect.controls);
  d.lose(dead.controls);
  const auto again = d.put(best);
  EXPECT_EQ(again.frames, frames{"path_state 3 epoch 2"}) << "an older word does not settle it";
  d.acknowledge(again.controls);
  d.lose(again.controls);
  EXPECT_EQ(d.put(best).frames, frames{});
}

TEST(ledger, deaths_of_very_many_paths_crowd_it) {
  desk d;
  for (std::uint64_t id = 0; !d.book.crowded(); ++id) d.book.tell(id, path_report::dead, 0);
  const auto said = d.put(best, 16'384);
  EXPECT_EQ(said.frames.size(), 2 * defaults::paths_per_link);
  d.acknowledge(said.controls);
  EXPECT_FALSE(d.book.crowded());
}

TEST(ledger, what_does_not_fit_goes_into_the_next_record) {
  desk d;
  for (std::uint64_t id = 1; id <= 3; ++id) d.book.tell(id, path_report::standby, 0);
  const auto part = d.put(best, 14);
  EXPECT_FALSE(part.all);
  ASSERT_EQ(part.frames.size(), part.controls.size());
  const auto rest = d.put(best);
  EXPECT_TRUE(rest.all);
  auto all = part.frames;
  all.insert(all.end(), rest.frames.begin(), rest.frames.end());
  EXPECT_EQ(all, (frames{"path_state 1 epoch 1", "path_state 2 epoch 1", "path_state 3 epoch 1"}));
}

TEST(ledger, each_graph_goes_before_the_choices_in_it_and_goaway_is_last) {
  desk d;
  d.root("");
  d.root("bulk").selections["pick"] = {1, "wifi", true};
  d.book.say_goaway(0, "bye");
  d.book.tell(1, path_report::standby, 0);
  EXPECT_EQ(d.put(best).frames, (frames{"path_state 1 epoch 1", "graph ", "graph bulk",
                                        "select bulk:wifi", "goaway bye"}));
}

TEST(ledger, lost_graphs_and_choices_are_owed_again) {
  desk d;
  d.root("").selections["pick"] = {1, "wifi", true};
  const auto said = d.put(best);
  EXPECT_EQ(said.frames, (frames{"graph ", "select :wifi"}));
  d.acknowledge(said.controls);
  EXPECT_FALSE(d.book.owed(d.owners()));
  d.lose(said.controls);
  EXPECT_TRUE(d.book.owed(d.owners()));
  EXPECT_EQ(d.put(best).frames, said.frames);
}

TEST(ledger, a_graph_larger_than_a_record_widens_one_that_is_empty) {
  desk d;
  d.root("a_root_with_a_name_that_is_long");
  EXPECT_TRUE(d.put(best, 8).all);
}

TEST(ledger, goaway_is_said_until_it_arrives) {
  desk d;
  d.book.say_goaway(7, "enough");
  EXPECT_TRUE(d.book.goaway_owed());
  const auto said = d.put(best);
  EXPECT_FALSE(d.book.goaway_owed());
  d.lose(said.controls);
  EXPECT_EQ(d.put(best).frames, frames{"goaway enough"});
  EXPECT_EQ(d.book.goaway().code, 7u);
}

TEST(ledger, what_is_private_never_goes_by_the_best_path) {
  desk d;
  ASSERT_EQ(d.peers.take_claim({wire::slot_owner::pre_shared_key, filled<16>(0x51)}, true), errc{});
  d.book.owe_slot();
  d.peers.held().begin({filled<16>(1), {}});
  d.peers.held().take();
  EXPECT_FALSE(d.book.owed(d.owners()));
  EXPECT_EQ(d.put(best).frames, frames{});
  const auto said = d.put(in_private);
  EXPECT_EQ(said.frames.front(), "new_token 1");
  EXPECT_EQ(said.frames.size(), spare_tokens - 1 + 2);
  EXPECT_EQ(said.frames[spare_tokens - 1], "slot");
  EXPECT_EQ(said.frames.back(), "retire_token 0");
  EXPECT_EQ(d.put(in_private).frames, frames{});
  d.lose(said.controls);
  EXPECT_EQ(d.put(in_private).frames, said.frames);
}

TEST(ledger, a_lost_token_that_was_used_meanwhile_is_not_said_again) {
  desk d;
  const auto said = d.put(in_private);
  ASSERT_EQ(d.peers.take_retired(1, d.random, d.mint), errc{});
  d.put(in_private);
  d.lose(said.controls);
  const auto again = d.put(in_private).frames;
  EXPECT_EQ(again.size(), said.frames.size() - 1);
  EXPECT_EQ(std::ranges::count(again, "new_token 1"), 0);
}

TEST(ledger, the_way_of_what_was_lost_is_the_one_it_went_by) {
  desk d;
  for (const auto what : of_the_link) {
    const bool secret =
        what == control::new_token || what == control::retire_token || what == control::slot;
    const auto way = d.book.lost(*ledger::row_of(what), d.owners(), {what, 0, 0});
    EXPECT_EQ(way == in_private, secret) << static_cast<int>(what);
  }
}

TEST(ledger, of_the_words_that_are_heard_only_newer_ones_count) {
  ledger book;
  wire::path_state word;
  word.path = 3;
  word.epoch = 2;
  EXPECT_TRUE(book.hear(word));
  EXPECT_FALSE(book.hear(word));
  word.epoch = 1;
  EXPECT_FALSE(book.hear(word));
  word.path = 4;
  EXPECT_TRUE(book.hear(word));
}

TEST(ledger, a_peer_that_speaks_of_very_many_paths_makes_it_forget_the_first) {
  ledger book;
  wire::path_state word;
  word.epoch = 1;
  for (word.path = 0; word.path <= 4 * defaults::paths_per_link; ++word.path) book.hear(word);
  EXPECT_TRUE(book.hear(word));
  word.path = 100;
  EXPECT_FALSE(book.hear(word));
  word.path = 0;
  EXPECT_TRUE(book.hear(word));
}

TEST(ledger, a_goaway_is_news_once_and_belongs_to_its_record) {
  ledger book;
  EXPECT_FALSE(book.goaway_here());
  EXPECT_TRUE(book.hear(wire::goaway{1, 0, "bye"}));
  EXPECT_TRUE(book.goaway_here());
  book.begin_record();
  EXPECT_FALSE(book.goaway_here());
  EXPECT_FALSE(book.hear(wire::goaway{1, 0, "bye"}));
  EXPECT_TRUE(book.goaway_here());
}

TEST(ledger, a_link_that_starts_over_owes_the_peer_nothing_of_before) {
  desk d;
  d.book.tell(3, path_report::suspect, 0);
  d.book.owe_slot();
  wire::path_state word;
  word.epoch = 5;
  d.book.hear(word);
  d.book.start_over();
  EXPECT_FALSE(d.book.owed(d.owners()));
  EXPECT_EQ(std::ranges::count(d.put(in_private).frames, "slot"), 0);
  word.epoch = 1;
  EXPECT_TRUE(d.book.hear(word)) << "the peer counts anew too";
}

}  // namespace
}  // namespace rendr::engine
