// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "rendr/carrier.hpp"

/// The kernel's own view of a tcp connection. Apart from the rest because <linux/tcp.h>, which
/// alone has the newer fields, cannot be included beside <netinet/tcp.h>.
namespace rendr::transport {

/// TCP_INFO and SIOCOUTQ of a connected socket. `base` is what the kernel had counted as
/// acknowledged before the first byte was written (the SYN of an active open counts as one).
carrier_evidence read_evidence(int fd, std::uint64_t base) noexcept;
/// `tcpi_bytes_acked` now.
std::uint64_t bytes_acked(int fd) noexcept;

}  // namespace rendr::transport
