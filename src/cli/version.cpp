// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"
#include "wire/record.hpp"

namespace rendr::cli {

std::string version_text() {
  return "rendr " RENDR_VERSION "\nwire version " + std::to_string(wire::version) +
         "\nfeatures: tcp fd selector race bond noise-nn tcp-forwarding pipe demo\n"
         "absent: sealed-records peer-authentication tls quic udp gvisor tun\n";
}

}  // namespace rendr::cli
