// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sim/journal.hpp"

namespace rendr::trace {

/// Runs of one kind. Cases count from 1; the same number is the same run, and writes the same
/// journal while the engine's behaviour is the same.
struct part {
  const char* name;
  std::uint64_t cases;  ///< how many run when nobody says
  bool endless;         ///< a case is a seed; else there are no more than `cases`
  std::string (*title)(std::uint64_t number);
  void (*run)(std::uint64_t number, sim::journal& notes);
  bool apart = false;  ///< only when it is named; the hash of the whole is without it
};

std::span<const part> parts();

/// Random links and flows that are opened, closed and aborted at both ends while operators give
/// every command there is and peers restart.
void run_life(std::uint64_t seed, sim::journal& notes);

}  // namespace rendr::trace
