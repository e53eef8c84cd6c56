// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"
#include "runtime/capabilities.hpp"
#include "wire/record.hpp"

namespace rendr::cli {

std::string version_text() {
  std::string features;
  std::string absent;
  for (const auto& one : detail::capabilities()) (one.here ? features : absent) += ' ' + one.name;
  return "rendr " RENDR_VERSION "\nwire version " + std::to_string(wire::version) +
         "\nfeatures:" + features + "\nabsent:" + absent + "\n";
}

}  // namespace rendr::cli
