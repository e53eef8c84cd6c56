// SPDX-License-Identifier: Apache-2.0
#include "cli/event_log.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace rendr::cli {
namespace {

link_event about(decltype(link_event::what) what) {
  link_event event;
  event.what = std::move(what);
  return event;
}

std::string line_of_move(events::migration move) { return to_line(about(std::move(move))); }

events::path_changed change(path_phase from, path_phase to, cause why, std::string detail) {
  return {"lte", from, to, why, std::move(detail)};
}

TEST(event_log, a_move_tells_its_cause_its_reason_and_the_figures_it_rested_on) {
  EXPECT_EQ(line_of_move({"", "best", "fiber", "lte", cause::quality, "another child is quicker",
                          "lte 12 ms +-1 ms, fiber 90 ms +-3 ms, for 3 s"}),
            "moved best: fiber -> lte (quality: another child is quicker: lte 12 ms +-1 ms, fiber "
            "90 ms +-3 ms, for 3 s)");
  EXPECT_EQ(
      line_of_move({"", "best", "fiber", "lte", cause::explicit_command, "chosen by command", ""}),
      "moved best: fiber -> lte (command: chosen by command)");
}

TEST(event_log, a_move_names_its_root_unless_it_is_the_default_one) {
  EXPECT_EQ(line_of_move({"bulk", "fat", "a", "b", cause::silence, "the current child died",
                          "b 9 ms +-1 ms, a dead"}),
            "moved fat of root bulk: a -> b (silence: the current child died: b 9 ms +-1 ms, a "
            "dead)");
}

TEST(event_log, the_first_choice_of_a_selector_is_no_move) {
  EXPECT_EQ(line_of_move({"", "best", "", "fiber", cause::none, "the best child with a carrier",
                          "fiber usable"}),
            "started best on fiber (the best child with a carrier: fiber usable)");
}

TEST(event_log, a_bond_rests_a_child_and_takes_it_again) {
  EXPECT_EQ(line_of_move({"", "fat", "lte", "", cause::quality, "the rest helped", "4 MB/s"}),
            "fat rests lte (quality: the rest helped: 4 MB/s)");
  EXPECT_EQ(line_of_move({"", "fat", "", "lte", cause::quality, "the probe was good", ""}),
            "fat takes lte again (quality: the probe was good)");
}

struct event_log_of_text : testing::Test {
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(event_log_of_text, a_fault_that_repeats_is_told_once_and_counted) {
  {
    console to(out, err, log_level::info, false, {});
    event_log log(to);
    for (int i = 0; i < 3; ++i) {
      log(about(change(path_phase::active, path_phase::dead, cause::carrier_eof, "it ended")));
    }
    EXPECT_EQ(err.str(), "rendr: warning: path lte: active -> dead (carrier ended: it ended)\n");
  }
  EXPECT_NE(err.str().find("(and 2 more of these in the last minute)"), std::string::npos);
  EXPECT_EQ(out.str(), "");
}

TEST_F(event_log_of_text, a_path_that_is_not_up_is_a_warning_with_its_reason) {
  console to(out, err, log_level::warn, false, {});
  event_log log(to);
  log(about(events::dial{"lte", {}}));
  log(about(events::dial{"lte", {std::make_error_code(std::errc::connection_refused), "no"}}));
  EXPECT_EQ(err.str(), "") << "a dial is for debugging";
  log(about(events::path_missing{"lte", std::chrono::seconds(4), false, "Connection refused"}));
  log(about(events::path_missing{"lte", {}, true, "device=nosuch0: No such device"}));
  EXPECT_EQ(err.str(),
            "rendr: warning: path lte is not up after 4 s: Connection refused\n"
            "rendr: warning: path lte cannot come up: device=nosuch0: No such device\n");
}

TEST_F(event_log_of_text, a_path_that_comes_up_or_returns_is_told) {
  console to(out, err, log_level::info, false, {});
  event_log log(to);
  log(about(change(path_phase::attaching, path_phase::standby, cause::none, "attached")));
  log(about(change(path_phase::suspect, path_phase::standby, cause::returned, "again")));
  log(about(change(path_phase::late, path_phase::active, cause::none, "acknowledged")));
  EXPECT_EQ(err.str(),
            "rendr: path lte: attaching -> standby (attached)\n"
            "rendr: path lte: suspect -> standby (returned: again)\n");
}

TEST_F(event_log_of_text, a_part_of_another_program_says_nothing_while_the_link_lives) {
  console to(out, err, log_level::warn, false, {});
  event_log log(to);
  log.faults_are_no_news();
  log(about(events::link_up{}));
  log(about(change(path_phase::active, path_phase::suspect, cause::silence, "")));
  log(about(change(path_phase::suspect, path_phase::dead, cause::silence, "")));
  EXPECT_EQ(err.str(), "");
  log(about(events::path_missing{"lte", std::chrono::seconds(4), false, "no answer"}));
  log(about(events::link_down{{make_error_code(errc::no_path), "none came back"}}));
  EXPECT_EQ(err.str(),
            "rendr: warning: path lte is not up after 4 s: no answer\n"
            "rendr: warning: link is over: none came back\n");
}

TEST_F(event_log_of_text, strangers_are_counted_by_their_address_and_reason) {
  console to(out, err, log_level::info, false, {});
  event_log log(to);
  const failure why{make_error_code(errc::protocol_violation), "the first bytes are not rendr's"};
  for (int port = 1; port < 100; ++port) {
    log(about(events::stranger_refused{"192.0.2.7:" + std::to_string(port), why}));
  }
  log(about(events::stranger_refused{"192.0.2.8:1", why}));
  EXPECT_EQ(err.str(),
            "rendr: warning: a connection from 192.0.2.7:1 was refused: the first bytes are not "
            "rendr's\n"
            "rendr: warning: a connection from 192.0.2.8:1 was refused: the first bytes are not "
            "rendr's\n");
}

TEST(event_log, a_link_names_its_peer_as_keygen_shows_keys) {
  public_key key{};
  key.fill(std::byte{0x58});
  EXPECT_EQ(to_line(about(events::link_up{{}, "192.0.2.7:41830", key})),
            "link is up, the peer is 00000000 at 192.0.2.7:41830 with the key " + to_text(key));
}

TEST(event_log, what_was_asked_for_is_no_warning) {
  EXPECT_EQ(level_of(about(change(path_phase::active, path_phase::suspect, cause::silence, ""))),
            log_level::warn);
  EXPECT_EQ(level_of(about(change(path_phase::draining, path_phase::dead, cause::detached, ""))),
            log_level::debug);
  EXPECT_EQ(level_of(about(events::link_down{{make_error_code(errc::closed), ""}})),
            log_level::info);
  EXPECT_EQ(level_of(about(events::link_down{{make_error_code(errc::no_path), ""}})),
            log_level::warn);
  EXPECT_EQ(level_of(about(events::migration{})), log_level::info);
}

}  // namespace
}  // namespace rendr::cli
