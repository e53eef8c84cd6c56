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

TEST(event_log, a_fault_that_repeats_is_told_once) {
  std::ostringstream out;
  std::ostringstream err;
  console to(out, err, log_level::info, false, {});
  event_log log(to);
  const auto faulty = change(path_phase::dialing, path_phase::dead, cause::refused, "no");
  for (int i = 0; i < 3; ++i) log(about(faulty));
  EXPECT_EQ(err.str(), "rendr: warning: path lte: dialing -> dead (refused: no)\n");
  log(about(change(path_phase::active, path_phase::dead, cause::refused, "no")));
  EXPECT_NE(err.str().find("active -> dead"), std::string::npos) << "it had lived meanwhile";
  EXPECT_EQ(out.str(), "");
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
