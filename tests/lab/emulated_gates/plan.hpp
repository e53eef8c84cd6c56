// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lab/emulated_gates/session.hpp"
#include "lab/lab_report.hpp"

namespace rendr::test {

/// What is run, and where its rows go.
class plan {
 public:
  /// `json`: where the report is written after each row; empty: nowhere.
  plan(bool brief, std::vector<std::string> only, std::string congestion, std::size_t tries,
       std::string json);

  bool brief() const { return brief_; }
  const std::string& congestion() const { return congestion_; }
  /// Tries of a row of G4.
  std::size_t tries() const { return tries_; }
  template <class Value>
  Value either(Value full, Value in_brief) const {
    return brief_ ? in_brief : full;
  }
  /// Whether the piece with this name, such as "G4.bulk.both", was asked for: by its name or by
  /// its beginning up to a dot.
  bool wants(std::string_view piece) const;
  /// Whether a name that was asked for has this word in it.
  bool named(std::string_view word) const;

  /// Prints and keeps a row. `correct`: what must hold on any machine, however busy; `timely`: the
  /// bounds of time, which the short form only reports. `story`: printed when it is missed. Pieces
  /// may be run by several threads.
  void add(lab_row row, bool correct, bool timely, std::uint64_t device_drops,
           const std::string& problems, const std::string& story);
  void add(lab_series course);
  void add(lab_bar bar);
  lab_report& report() { return report_; }

 private:
  bool brief_;
  std::vector<std::string> only_;
  std::string congestion_;
  std::size_t tries_;
  std::string json_;
  std::mutex mutex_;
  lab_report report_;
};

double ms(lab_clock::duration d);
/// The smallest value that so many per mille of all are not above; 0 for none.
double quantile(std::vector<double> values, std::size_t per_mille);
std::string rounded(double value, int digits = 1);

void gate_bulk(plan& p);          ///< G1
void gate_echo(plan& p);          ///< G2
void gate_packets(plan& p);       ///< G3
void gate_silent_drop(plan& p);   ///< G4
void gate_false_alarms(plan& p);  ///< G4b
void gate_return(plan& p);        ///< G5
void gate_race(plan& p);          ///< G6
void gate_bond(plan& p);          ///< G7, G8
void gate_no_flapping(plan& p);   ///< G9
void gate_self_load(plan& p);     ///< G10
void gate_all_dark(plan& p);      ///< G11

}  // namespace rendr::test
