// layer: bench
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rendr::bench {

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// What one program measured: figures, and gates with their bounds. Prints as it is told, and
/// writes everything as JSON at the end when the command line has `--json=FILE`.
class report {
 public:
  /// `more` names what this program takes besides `--json=FILE`, as "--rendr"; see `option`.
  report(int argc, char** argv, std::initializer_list<std::string_view> more = {}) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      const auto equals = std::min(word.find('='), word.size() - 1);
      const auto name = word.substr(0, equals);
      const bool known =
          name == "--json" || std::find(more.begin(), more.end(), name) != more.end();
      if (known && word[equals] == '=') {
        (name == "--json" ? file_ : options_[std::string(name)]) = word.substr(equals + 1);
        continue;
      }
      std::string names = "--json=FILE";
      for (const auto other : more) names += ", " + std::string(other) + "=...";
      std::fprintf(stderr, "unknown option %s (there is %s)\n", argv[i], names.c_str());
      usage_error_ = true;
    }
  }
  /// What stands behind `name=`; empty: it was not given.
  std::string option(const std::string& name) const {
    const auto at = options_.find(name);
    return at == options_.end() ? "" : at->second;
  }
  bool usage_error() const { return usage_error_; }

  /// Of a rate more is better, of everything else less.
  void figure(const std::string& name, double value, const std::string& unit) {
    std::printf("    %-51s %12.3f %s\n", name.c_str(), value, unit.c_str());
    std::fflush(stdout);
    add(name, value, unit, unit.ends_with("/s") || unit.find("/s ") != std::string::npos, {});
  }
  /// `bound` decides; `goal` is the figure of the finished product, shown beside it.
  void at_least(const std::string& gate, const std::string& what, double value, double bound,
                double goal, const std::string& unit) {
    verdict({gate, what, unit, value, bound, goal, true}, value >= bound);
  }
  void at_most(const std::string& gate, const std::string& what, double value, double bound,
               double goal, const std::string& unit) {
    verdict({gate, what, unit, value, bound, goal, false}, value <= bound);
  }

  /// 0 when every gate passed and the file was written.
  int finish() {
    if (!file_.empty()) {
      std::ofstream out(file_);
      out << "{\"figures\": [" << json_ << "\n]}\n";
      out.close();
      if (!out) {
        std::fprintf(stderr, "cannot write %s\n", file_.c_str());
        failed_ = true;
      }
    }
    return failed_ ? 1 : 0;
  }

 private:
  struct result {
    std::string gate;
    std::string what;
    std::string unit;
    double value;
    double bound;
    double goal;
    bool more_is_better;
  };
  void verdict(const result& r, bool good) {
    std::printf("%-3s %-51s %12.3f %s (%s %g, goal %g) %s\n", r.gate.c_str(), r.what.c_str(),
                r.value, r.unit.c_str(), r.more_is_better ? ">=" : "<=", r.bound, r.goal,
                good ? "PASS" : "FAIL");
    std::fflush(stdout);
    failed_ = failed_ || !good;
    add(r.what, r.value, r.unit, r.more_is_better,
        ", \"gate\": \"" + r.gate + "\", \"bound\": " + std::to_string(r.bound) +
            ", \"goal\": " + std::to_string(r.goal) + ", \"pass\": " + (good ? "true" : "false"));
  }
  void add(const std::string& name, double value, const std::string& unit, bool more_is_better,
           const std::string& rest) {
    if (!json_.empty()) json_ += ",";
    json_ += "\n  {\"name\": \"" + name + "\", \"value\": " + std::to_string(value) +
             ", \"unit\": \"" + unit + "\", \"better\": \"" + (more_is_better ? "more" : "less") +
             "\"" + rest + "}";
  }

  std::string file_;
  std::string json_;
  std::map<std::string, std::string> options_;
  bool usage_error_ = false;
  bool failed_ = false;
};

}  // namespace rendr::bench
