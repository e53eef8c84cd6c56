// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/timeline.hpp"

namespace rendr::cli {
namespace {

using namespace std::chrono_literals;

timeline a_run() {
  timeline run;
  run.paths = {"fiber", "lte"};
  run.samples = {{0s, {0, 0}, 0}, {1s, {1000, 0}, 900}, {2s, {0, 500}, 400}};
  run.marks = {{1s, timeline::mark_kind::cut, "kill fiber"},
               {1s, timeline::mark_kind::migration, "fiber -> lte <carrier_error> & more"}};
  return run;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(cli_html_report, draws_a_curve_for_each_path_and_one_for_the_delivery) {
  EXPECT_EQ(count(html_report("demo", a_run(), {}), "<polyline"), 3u);
}

TEST(cli_html_report, marks_each_cut_and_migration) {
  const auto html = html_report("demo", a_run(), {});
  EXPECT_EQ(count(html, "<title>kill fiber</title>"), 1u);
  EXPECT_EQ(count(html, "class=\"migration\""), 1u);
}

TEST(cli_html_report, escapes_what_it_prints) {
  const auto html = html_report("<script>", a_run(), {{"file", "\"a\" & b"}});
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("&quot;a&quot; &amp; b"), std::string::npos);
  EXPECT_NE(html.find("&lt;carrier_error&gt;"), std::string::npos);
}

TEST(cli_html_report, loads_nothing_from_elsewhere) {
  const auto html = html_report("demo", a_run(), {});
  for (const auto* outside : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
}

TEST(cli_html_report, a_run_without_samples_is_still_a_page) {
  EXPECT_NE(html_report("demo", timeline{}, {}).find("</html>"), std::string::npos);
}

}  // namespace
}  // namespace rendr::cli
