// SPDX-License-Identifier: Apache-2.0
// The figures of the laboratory as JSON, which scripts/report reads.
#include "lab/lab_report.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace rendr::test {
namespace {

TEST(lab_report, text_is_escaped_so_that_json_reads_it_back) {
  EXPECT_EQ(lab_json::quoted("a \"b\" \\ c"), R"("a \"b\" \\ c")");
  EXPECT_EQ(lab_json::quoted("x\ny\t\x01"), R"("x\u000ay\u0009\u0001")");
  EXPECT_EQ(lab_json::quoted("50 \xc2\xb5s"), "\"50 \xc2\xb5s\"") << "UTF-8 stays";
}

TEST(lab_report, numbers_are_exact_and_what_json_cannot_say_is_null) {
  EXPECT_EQ(lab_json::number(0.1), "0.1");
  EXPECT_EQ(lab_json::number(1e300), "1e+300");
  EXPECT_EQ(lab_json::number(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(lab_json::number(std::numeric_limits<double>::quiet_NaN()), "null");
}

TEST(lab_report, everything_that_was_added_is_in_the_text) {
  lab_report report("peers", "cubic");
  report.note("one \"word\"");
  report.add({"G4", "bulk", {{"gap", 41.5, "ms"}}, "<= 164 ms", "12 darkened", lab_verdict::ok});
  report.add(lab_series{"drop", "rendr", "s", "MiB", {{0, 1}, {0.5, 2}}, {{0.25, "dark"}}});
  report.add(lab_bar{"gap", "mptcp", 25000, "ms", "> 25 s"});
  const auto text = report.json();
  for (const auto* part :
       {R"("title": "peers")", R"("congestion_control": "cubic")", R"("notes": ["one \"word\""])",
        R"({"gate": "G4", "case": "bulk", "figures": [{"name": "gap", "value": 41.5, )",
        R"("bound": "<= 164 ms", "fault": "12 darkened", "verdict": "ok"})",
        R"("points": [[0, 1], [0.5, 2]], "marks": [{"at": 0.25, "text": "dark"}]})",
        R"({"group": "gap", "name": "mptcp", "value": 25000, "unit": "ms", "text": "> 25 s"})"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin " << text;
  }
  EXPECT_FALSE(report.missed());
  report.add(lab_row{.gate = "G5",
                     .what = "",
                     .figures = {},
                     .bound = {},
                     .fault = {},
                     .verdict = lab_verdict::missed});
  EXPECT_TRUE(report.missed());
}

}  // namespace
}  // namespace rendr::test
