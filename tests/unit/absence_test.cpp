// SPDX-License-Identifier: Apache-2.0
// What observers are told of a leaf that has no path.
#include "engine/path/absence.hpp"

#include <gtest/gtest.h>

#include "engine/config.hpp"
#include "rendr/error.hpp"

namespace rendr::engine {
namespace {

using namespace std::chrono_literals;

const instant t0 = instant(1h);
const std::error_code not_there = std::make_error_code(std::errc::connection_refused);

absence missing_since_t0() {
  absence out;
  out.begin(t0);
  return out;
}

TEST(absence, a_leaf_that_was_not_dialled_is_not_missing) {
  absence a;
  EXPECT_FALSE(a.counts());
  EXPECT_EQ(a.tells_at(), never);
  a.note(errc::auth_failed, "the keys differ");
  EXPECT_FALSE(a.tell(t0));
}

TEST(absence, it_is_told_after_a_while_and_counts_from_the_first_dial) {
  auto a = missing_since_t0();
  a.begin(t0 + 3s);
  EXPECT_EQ(a.tells_at(), t0 + defaults::missing_after);
  EXPECT_FALSE(a.tell(t0 + defaults::missing_after - 1ns));
  const auto word = a.tell(t0 + defaults::missing_after);
  ASSERT_TRUE(word);
  EXPECT_EQ(word->after, defaults::missing_after);
  EXPECT_FALSE(word->lasting);
  EXPECT_EQ(word->reason, "there is no answer yet");
  EXPECT_EQ(a.tells_at(), never) << "from now on the reasons count";
}

TEST(absence, a_reason_is_told_once) {
  auto a = missing_since_t0();
  a.note(not_there, "refused");
  EXPECT_TRUE(a.tell(t0 + 5s));
  EXPECT_FALSE(a.tell(t0 + 6s));
  a.note(not_there, "no route");
  EXPECT_TRUE(a.tell(t0 + 7s));
  a.note(not_there, "refused");
  EXPECT_FALSE(a.tell(t0 + 8s)) << "it was told before";
}

TEST(absence, reasons_that_change_without_end_are_told_four_times) {
  auto a = missing_since_t0();
  int told = 0;
  for (int i = 0; i < 20; ++i) {
    a.note(not_there, "reason " + std::to_string(i));
    told += a.tell(t0 + 5s) ? 1 : 0;
  }
  EXPECT_EQ(told, 4);
}

TEST(absence, what_waiting_does_not_mend_is_told_at_once) {
  const std::error_code lasting[] = {
      errc::auth_failed,
      errc::version_mismatch,
      errc::unavailable,
      errc::permission_denied,
      errc::invalid_argument,
      std::make_error_code(std::errc::no_such_device),
      std::make_error_code(std::errc::no_such_file_or_directory),
      std::make_error_code(std::errc::operation_not_permitted),
      std::make_error_code(std::errc::permission_denied),
      std::make_error_code(std::errc::address_not_available),
  };
  for (const auto& code : lasting) {
    auto a = missing_since_t0();
    a.note(code, "why");
    const auto word = a.tell(t0);
    ASSERT_TRUE(word) << code.message();
    EXPECT_TRUE(word->lasting) << code.message();
  }
  const std::error_code passing[] = {not_there, errc::timed_out, errc::refused,
                                     std::make_error_code(std::errc::network_unreachable)};
  for (const auto& code : passing) {
    auto a = missing_since_t0();
    a.note(code, "why");
    EXPECT_FALSE(a.tell(t0)) << code.message();
  }
}

TEST(absence, the_end_of_a_carrier_that_was_no_path_yet_has_a_reason) {
  EXPECT_EQ(vain_reason(cause::protocol, "a record is malformed"), "a record is malformed");
  EXPECT_EQ(vain_reason(cause::carrier_eof, ""),
            "ended before it was a path: " + std::string(to_string(cause::carrier_eof)));
}

TEST(absence, an_end_that_this_side_wanted_has_no_reason) {
  for (const auto why : {cause::replaced, cause::local_close, cause::detached})
    EXPECT_EQ(vain_reason(why, "whatever"), "") << to_string(why);
}

TEST(absence, each_cause_of_an_end_has_its_error) {
  EXPECT_EQ(code_of(cause::auth), errc::auth_failed);
  EXPECT_EQ(code_of(cause::refused), errc::refused);
  EXPECT_EQ(code_of(cause::instance_mismatch), errc::instance_mismatch);
  EXPECT_EQ(code_of(cause::protocol), errc::protocol_violation);
  EXPECT_EQ(code_of(cause::silence), errc::timed_out);
  EXPECT_EQ(code_of(cause::carrier_error), std::errc::connection_aborted);
}

}  // namespace
}  // namespace rendr::engine
