// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lab/lab_report.hpp"
#include "lab/peers/transfer.hpp"

namespace rendr::test {

struct plan {
  bool brief = false;
  std::vector<std::string> only;  ///< pieces; empty: all
  std::string congestion = "cubic";
  std::size_t rounds = 2;  ///< of throughput
  std::size_t tries = 5;   ///< of faults
  duration warm_up = std::chrono::seconds(3);
  duration span = std::chrono::seconds(8);
  duration cap = std::chrono::seconds(25);  ///< a gap is not waited for any longer
  std::string json;

  /// `only` has it, or the group before one of its hyphens.
  bool wants(const std::string& piece) const;
};

/// One line of a link, both ways.
struct line_shape {
  std::uint64_t mbit;
  int rtt_ms;
  std::uint32_t loss_ppm = 0;
};

/// Two links between the namespaces, with MPTCP's path manager set up: the second address of the
/// client is a subflow endpoint, both ends allow two subflows.
class two_links {
 public:
  two_links(line_shape a, line_shape b);
  emulator& net() { return net_; }
  const std::string& name() const { return name_; }
  /// Waits until nothing enters the links any more, that is, until what was ended is gone.
  void settle();
  std::uint64_t entered_bytes(way which) const;
  std::uint64_t device_drops() const { return net_.device_drops(0) + net_.device_drops(1); }

 private:
  emulator net_;
  std::string name_;
};

job plain_tcp(const plan& p, std::size_t link);
job mptcp(const plan& p);
job of_rendr(const plan& p, const std::string& kind);  ///< "bond": rendr bond(a, b)

// Each measures the pieces that the plan wants.

/// Bulk over equal and unequal links, against the sum of plain TCP on each alone.
void measure_throughput(const plan& p, lab_report& report);
/// The link in use goes dark without a word.
void measure_drops(const plan& p, lab_report& report);
/// What is sent on the link in use is answered by a reset.
void measure_resets(const plan& p, lab_report& report);
/// One path on loopback, as fast as it goes.
void measure_cpu(const plan& p, lab_report& report);

double median(std::vector<double> values);

}  // namespace rendr::test
