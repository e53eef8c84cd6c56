// SPDX-License-Identifier: Apache-2.0
#include "transport/tcp/info.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

namespace rendr::transport {

namespace {

bool tcp_info_of(int fd, tcp_info& info) noexcept {
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
}

}  // namespace

std::uint64_t bytes_acked(int fd) noexcept {
  tcp_info info{};
  return tcp_info_of(fd, info) ? info.tcpi_bytes_acked : 0;
}

carrier_evidence read_evidence(int fd, std::uint64_t base) noexcept {
  carrier_evidence evidence;
  tcp_info info{};
  if (!tcp_info_of(fd, info)) return evidence;
  int queued = 0;
  if (::ioctl(fd, SIOCOUTQ, &queued) != 0) queued = 0;
  evidence.unsent = info.tcpi_notsent_bytes;
  const auto total = static_cast<std::uint64_t>(std::max(queued, 0));
  evidence.unacked = total > evidence.unsent ? total - evidence.unsent : 0;
  evidence.delivered = info.tcpi_bytes_acked > base ? info.tcpi_bytes_acked - base : 0;
  evidence.last_ack_age = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  evidence.rtt = std::chrono::microseconds(info.tcpi_rtt);
  evidence.rttvar = std::chrono::microseconds(info.tcpi_rttvar);
  evidence.rate = info.tcpi_delivery_rate;
  evidence.out_of_order = info.tcpi_rcv_ooopack;
  evidence.recovering = info.tcpi_ca_state == TCP_CA_Recovery || info.tcpi_ca_state == TCP_CA_Loss;
  return evidence;
}

}  // namespace rendr::transport
