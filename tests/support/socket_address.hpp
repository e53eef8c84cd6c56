// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>

#include "support/netns.hpp"

namespace rendr::test {

inline sockaddr_in socket_address(ipv4 host, std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  std::memcpy(&a.sin_addr, host.data(), host.size());
  return a;
}

}  // namespace rendr::test
