// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "rendr/time.hpp"

namespace rendr {

/// What a carrier does with what it is given.
enum class carrier_shape : std::uint8_t {
  stream,    ///< ordered, reliable bytes (tcp, tls, gvisor, fd)
  datagram,  ///< bounded, lossy messages (udp)
};

/// How far the acknowledgements reach that a carrier reports in its evidence.
enum class evidence_kind : std::uint8_t {
  end_to_end,  ///< the peer's own kernel acknowledges (tcp, tls)
  first_hop,   ///< something on the way does (a proxy, a relay)
  none,        ///< nothing is reported (fd, custom)
};

/// What never changes in a carrier's life.
struct carrier_traits {
  carrier_shape shape = carrier_shape::stream;
  evidence_kind evidence = evidence_kind::none;
  bool secured = false;         ///< encrypted and authenticated below rendr (TLS, QUIC)
  bool loopback = false;        ///< both ends are on this machine
  bool take_plaintext = false;  ///< accepted: records in clear are taken though it is neither
  bool more_addresses = false;  ///< dialled: the name has others that were not tried yet
  std::uint32_t mtu = 0;        ///< largest datagram; 0 on stream carriers
  std::string local;            ///< for status only, e.g. "192.0.2.7:41830"
  std::string remote;           ///< for status, and the key of the per-source caps
};

/// What a carrier knows about its own delivery at one moment (Linux: TCP_INFO, SIOCOUTQ,
/// SIOCOUTQNSD). Fields that the carrier cannot tell stay at their defaults.
struct carrier_evidence {
  std::uint64_t unsent = 0;     ///< bytes accepted but not yet put on the wire
  std::uint64_t unacked = 0;    ///< bytes on the wire that the far kernel has not acknowledged
  std::uint64_t delivered = 0;  ///< bytes acknowledged by the far kernel since the carrier began
  duration last_ack_age = duration::max();  ///< since the kernel last received any acknowledgement
  duration rtt{0};                          ///< the kernel's smoothed RTT; 0: unknown
  duration rttvar{0};                       ///< the kernel's RTT variation
  std::uint64_t rate = 0;                   ///< the kernel's delivery rate in bytes/s; 0: unknown
  /// Packets that arrived behind a gap since the carrier began. While it grows, the other end
  /// repairs a loss, and what it says waits in that repair.
  std::uint64_t out_of_order = 0;
  bool recovering = false;  ///< the kernel is repairing a loss (TCP_CA_Recovery or TCP_CA_Loss)
};

}  // namespace rendr
