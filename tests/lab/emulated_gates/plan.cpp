// SPDX-License-Identifier: Apache-2.0
#include "lab/emulated_gates/plan.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace rendr::test {

plan::plan(bool brief, std::vector<std::string> only, std::string congestion, std::size_t tries,
           std::string json)
    : brief_(brief),
      only_(std::move(only)),
      congestion_(std::move(congestion)),
      tries_(tries),
      json_(std::move(json)),
      report_("Gates on real sockets", congestion_) {}

bool plan::wants(std::string_view piece) const {
  return only_.empty() || std::any_of(only_.begin(), only_.end(), [piece](const auto& asked) {
           return piece.starts_with(asked) &&
                  (piece.size() == asked.size() || piece[asked.size()] == '.');
         });
}

bool plan::named(std::string_view word) const {
  return std::any_of(only_.begin(), only_.end(),
                     [word](const auto& asked) { return asked.find(word) != asked.npos; });
}

void plan::add(lab_series course) {
  const std::lock_guard lock(mutex_);
  report_.add(std::move(course));
}
void plan::add(lab_bar bar) {
  const std::lock_guard lock(mutex_);
  report_.add(std::move(bar));
}

void plan::add(lab_row row, bool correct, bool timely, std::uint64_t device_drops,
               const std::string& problems, const std::string& story) {
  row.figures.push_back({"device drops", static_cast<double>(device_drops), ""});
  if (!problems.empty()) row.fault += "; THE APPLICATION SAW: " + problems;
  correct = correct && problems.empty();
  timely = timely && device_drops == 0;
  if (!correct || (!timely && !brief_)) {
    row.verdict = lab_verdict::missed;
  } else {
    row.verdict = timely ? lab_verdict::ok : lab_verdict::reported;
  }
  const std::lock_guard lock(mutex_);
  lab_report::print(row);
  if (row.verdict == lab_verdict::missed && !story.empty()) std::printf("%s", story.c_str());
  std::fflush(stdout);
  report_.add(std::move(row));
  static_cast<void>(report_.write(json_));
}

double ms(lab_clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

double quantile(std::vector<double> values, std::size_t per_mille) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, values.size() * per_mille / 1000)];
}

std::string rounded(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

}  // namespace rendr::test
