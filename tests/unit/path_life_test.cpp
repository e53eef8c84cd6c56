// SPDX-License-Identifier: Apache-2.0
#include "engine/path/life.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "support/path_stages.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant now = instant{} + 100s;

// Lines of at most 90 characters.
std::string wrapped(std::string text) {
  for (std::size_t begin = 0; text.size() - begin > 90;) {
    begin = text.rfind(' ', begin + 90);
    text.replace(begin, 1, "\n    ");
  }
  return text + "\n";
}

// Every stage stands in one outcome of each event.
std::string whole_table() {
  std::string text;
  for (const auto event : all_path_events) {
    std::vector<std::pair<std::string, std::string>> outcomes;
    for (const auto stage : all_path_stages) {
      const auto outcome = to_string(stage, next_stage(event, stage));
      const auto it = std::find_if(outcomes.begin(), outcomes.end(),
                                   [&](const auto& one) { return one.first == outcome; });
      auto& stages = it == outcomes.end() ? outcomes.emplace_back(outcome, "").second : it->second;
      stages += " " + std::string(to_string(stage));
    }
    std::stable_partition(outcomes.begin(), outcomes.end(),
                          [](const auto& one) { return one.first != "illegal"; });
    text += std::string(to_string(event)) + "\n";
    for (const auto& [outcome, stages] : outcomes) text += wrapped("  " + outcome + ":" + stages);
  }
  return text;
}

// Event; then where it leads ("-": it stays), from which stages.
constexpr std::string_view every_cell = R"(say_hello
  -> hello: waiting
  illegal: hello attach asking challenged confirming standby active late suspect draining
    draining_late draining_suspect ended
say_attach
  -> attach: waiting
  illegal: hello attach asking challenged confirming standby active late suspect draining
    draining_late draining_suspect ended
say_ask
  -> asking: waiting
  illegal: hello attach asking challenged confirming standby active late suspect draining
    draining_late draining_suspect ended
challenge
  -> challenged: waiting
  illegal: hello attach asking challenged confirming standby active late suspect draining
    draining_late draining_suspect ended
confirm
  -> confirming: waiting
  illegal: hello attach asking challenged confirming standby active late suspect draining
    draining_late draining_suspect ended
attached
  -> standby: hello attach challenged confirming
  illegal: waiting asking standby active late suspect draining draining_late
    draining_suspect ended
chosen
  -> active: standby
  -: active
  illegal: waiting hello attach asking challenged confirming late suspect draining
    draining_late draining_suspect ended
rested
  -: standby
  -> standby: active
  illegal: waiting hello attach asking challenged confirming late suspect draining
    draining_late draining_suspect ended
overdue
  -> late: standby active
  -: late draining_late
  -> draining_late: draining
  illegal: waiting hello attach asking challenged confirming suspect draining_suspect
    ended
answered
  -> standby: late
  -> draining: draining_late
  illegal: waiting hello attach asking challenged confirming standby active suspect
    draining draining_suspect ended
doubted
  -> suspect: standby active late
  -: suspect draining_suspect
  -> draining_suspect: draining draining_late
  illegal: waiting hello attach asking challenged confirming ended
cleared
  -> standby: suspect
  -> draining: draining_suspect
  illegal: waiting hello attach asking challenged confirming standby active late draining
    draining_late ended
left
  -> draining: standby active late draining_late
  -> draining_suspect: suspect
  -: draining draining_suspect
  illegal: waiting hello attach asking challenged confirming ended
end
  -> ended: waiting hello attach asking challenged confirming standby active late suspect
    draining draining_late draining_suspect
  illegal: ended
)";

TEST(path_life, every_cell_of_the_table_is_this) {
  std::cout << whole_table();
  EXPECT_EQ(whole_table(), every_cell);
}

TEST(path_life, the_lists_are_whole_and_in_order) {
  for (std::size_t i = 0; i < all_path_stages.size(); ++i)
    EXPECT_EQ(static_cast<std::size_t>(all_path_stages[i]), i);
  for (std::size_t i = 0; i < all_path_events.size(); ++i)
    EXPECT_EQ(static_cast<std::size_t>(all_path_events[i]), i);
  for (const auto stage : all_path_stages) EXPECT_EQ(life_at(stage).stage(), stage);
}

TEST(path_life, nothing_happens_to_a_path_that_has_ended) {
  for (const auto event : all_path_events) {
    EXPECT_FALSE(next_stage(event, path_stage::ended).legal) << to_string(event);
  }
}

TEST(path_life, an_illegal_event_changes_no_stage) {
  for (const auto event : all_path_events) {
    for (const auto stage : all_path_stages) {
      const auto step = next_stage(event, stage);
      EXPECT_TRUE(step.legal || step.to == stage) << to_string(event) << ", " << to_string(stage);
    }
  }
}

TEST(path_life, a_path_that_was_left_drains_until_its_end) {
  for (const auto event : all_path_events) {
    for (const auto stage : all_path_stages) {
      if (!life_at(stage).draining()) continue;
      const auto to = next_stage(event, stage).to;
      EXPECT_TRUE(life_at(to).draining() || to == path_stage::ended)
          << to_string(event) << ", " << to_string(stage);
    }
  }
}

TEST(path_life, an_illegal_event_is_refused_and_counted) {
  path_life life;
  EXPECT_FALSE(life.on(path_event::attached).any()) << "nothing was said yet";
  EXPECT_FALSE(life.doubt(now, 7).any());
  EXPECT_EQ(life.stage(), path_stage::waiting);
  EXPECT_EQ(life.refused(), 2u);
  EXPECT_EQ(life.suspected_at(), never);
  life.on(path_event::say_hello);
  EXPECT_EQ(life.refused(), 2u);
  life.on(path_event::say_hello);
  EXPECT_EQ(life.refused(), 3u) << "it was said already";
}

TEST(path_life, an_end_is_final_and_keeps_its_first_data) {
  path_life life;
  EXPECT_FALSE(life.flushes()) << "it has not ended";
  life.end(true);
  EXPECT_TRUE(life.flushes());
  EXPECT_FALSE(life.end(false).any());
  EXPECT_TRUE(life.flushes());
  EXPECT_EQ(life.refused(), 1u);
}

TEST(path_life, every_stage_has_the_phase_that_observers_know) {
  std::string text;
  for (const auto stage : all_path_stages)
    text += std::string(to_string(life_at(stage).phase())) + " ";
  EXPECT_EQ(text,
            "attaching attaching attaching attaching attaching attaching standby active late "
            "suspect draining late suspect dead ");
}

TEST(path_life, every_stage_answers_the_questions_about_it) {
  const auto those = [](auto question) {
    std::string text;
    for (const auto stage : all_path_stages)
      if ((life_at(stage).*question)()) text += std::string(to_string(stage)) + " ";
    return text;
  };
  EXPECT_EQ(those(&path_life::attaching), "waiting hello attach asking challenged confirming ");
  EXPECT_EQ(those(&path_life::attached),
            "standby active late suspect draining draining_late draining_suspect ");
  EXPECT_EQ(those(&path_life::carries), "standby active late ");
  EXPECT_EQ(those(&path_life::late), "late draining_late ");
  EXPECT_EQ(those(&path_life::suspect), "suspect draining_suspect ");
  EXPECT_EQ(those(&path_life::draining), "draining draining_late draining_suspect ");
  EXPECT_EQ(those(&path_life::ended), "ended ");
}

TEST(path_life, a_suspicion_has_its_begin_and_the_record_that_clears_it) {
  auto life = life_at(path_stage::active);
  EXPECT_EQ(life.suspected_at(), never);
  life.doubt(now, 42);
  EXPECT_EQ(life.suspected_at(), now);
  EXPECT_EQ(life.clear_number(), 42u);
  EXPECT_FALSE(life.doubt(now + 1s, 50).any());
  EXPECT_EQ(life.suspected_at(), now) << "a second doubt is no news";
  EXPECT_EQ(life.clear_number(), 42u);
  life.on(path_event::cleared);
  EXPECT_EQ(life.suspected_at(), never);
  life.doubt(now + 2s, 60);
  life.end(false);
  EXPECT_EQ(life.suspected_at(), never) << "it is doubted no more";
}

TEST(path_life, a_suspect_path_that_is_left_stays_suspect) {
  auto life = life_at(path_stage::suspect, now, 9);
  EXPECT_FALSE(life.leave(true).any());
  EXPECT_EQ(life.stage(), path_stage::draining_suspect);
  EXPECT_EQ(life.suspected_at(), now);
  EXPECT_EQ(life.clear_number(), 9u);
  life.on(path_event::cleared);
  EXPECT_EQ(life.phase(), path_phase::draining);
}

TEST(path_life, who_leaves_a_path_is_remembered_when_both_ends_do) {
  auto life = life_at(path_stage::standby);
  life.leave(false);
  EXPECT_TRUE(life.draining());
  EXPECT_FALSE(life.leaving()) << "the peer does";
  life.leave(true);
  EXPECT_TRUE(life.leaving());
  life.leave(false);
  EXPECT_TRUE(life.leaving());
  auto unattached = life_at(path_stage::hello);
  unattached.leave(true);
  EXPECT_FALSE(unattached.leaving()) << "what is no path cannot be left";
}

TEST(path_life, observers_are_told_of_everything_but_which_path_is_in_use) {
  auto life = life_at(path_stage::hello);
  EXPECT_TRUE(life.on(path_event::attached).told());
  EXPECT_FALSE(life.on(path_event::chosen).told());
  EXPECT_FALSE(life.on(path_event::chosen).any());
  EXPECT_FALSE(life.on(path_event::rested).told());
  EXPECT_TRUE(life.on(path_event::overdue).told());
  EXPECT_TRUE(life.on(path_event::answered).told());
  EXPECT_TRUE(life.leave(false).told());
  EXPECT_TRUE(life.end(false).told());
}

TEST(path_life, the_history_has_no_acknowledgement_that_was_overdue) {
  auto life = life_at(path_stage::active);
  EXPECT_FALSE(life.on(path_event::overdue).kept());
  EXPECT_FALSE(life.doubt(now, 1).kept()) << "it was late before";
  EXPECT_TRUE(life.on(path_event::cleared).kept());
  EXPECT_TRUE(life.doubt(now, 1).kept());
  EXPECT_TRUE(life.end(false).kept());
}

}  // namespace
}  // namespace rendr::engine
