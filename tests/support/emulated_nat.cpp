// SPDX-License-Identifier: Apache-2.0
#include "support/emulated_nat.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <system_error>

#include "support/nft.hpp"

namespace rendr::test {
namespace {

constexpr const char* translation = R"(
table ip translation {
  chain leaving {
    type nat hook postrouting priority 100
    oifname "link*" meta l4proto { tcp, udp } masquerade to :20000-29999 random
  }
  chain in {
    type filter hook input priority 0
    iifname "link*" ct state { invalid, new } counter drop
  }
})";

// A sender is told when its own kernel drops a packet: what was not translated ends behind the
// link.
constexpr const char* untranslated = R"(
table ip translation {
  chain in {
    type filter hook prerouting priority -300
    iifname "link*" meta l4proto { tcp, udp } th sport != 20000-29999 counter drop
  }
})";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// Asks the kernel's table of connections of a namespace; counts the entries of its answer.
std::size_t ask_connections(const netns& where, std::uint16_t what, std::uint16_t flags) {
  struct {
    nlmsghdr head;
    nfgenmsg body;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | what);
  request.head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  request.body.nfgen_family = AF_INET;
  const netns::scope there(where);
  const owned_fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (socket.get() < 0) fail("netlink of the packet filter");
  if (::send(socket.get(), &request, sizeof request, 0) < 0) fail("the table of connections");
  std::size_t entries = 0;
  alignas(nlmsghdr) std::array<char, 65536> answer{};
  for (;;) {
    const auto n = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (n < 0) fail("the table of connections");
    for (std::size_t at = 0; at + sizeof(nlmsghdr) <= static_cast<std::size_t>(n);) {
      nlmsghdr head{};
      std::memcpy(&head, answer.data() + at, sizeof head);
      if (head.nlmsg_type == NLMSG_DONE) return entries;
      if (head.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr verdict{};
        std::memcpy(&verdict, answer.data() + at + NLMSG_HDRLEN, sizeof verdict);
        if (verdict.error == 0) return entries;
        errno = -verdict.error;
        fail("the table of connections");
      }
      ++entries;
      at += NLMSG_ALIGN(head.nlmsg_len);
    }
  }
}

}  // namespace

emulated_nat::emulated_nat(const emulator& net) : where_(net.client()), beyond_(net.server()) {
  nft::apply(where_, translation);
  nft::apply(beyond_, untranslated);
  // A packet in the middle of a connection makes no mapping.
  where_.sysctl("netfilter/nf_conntrack_tcp_loose", "0");
}

void emulated_nat::flush() const { ask_connections(where_, IPCTNL_MSG_CT_DELETE, NLM_F_ACK); }

void emulated_nat::lifetime(std::chrono::seconds idle) const {
  const auto text = std::to_string(idle.count());
  for (const auto* kind : {"tcp_timeout_established", "tcp_timeout_unacknowledged", "udp_timeout",
                           "udp_timeout_stream"}) {
    where_.sysctl(std::string("netfilter/nf_conntrack_") + kind, text);
  }
}

std::size_t emulated_nat::mappings() const {
  return ask_connections(where_, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
}

std::uint64_t emulated_nat::strays() const {
  return nft::packets(where_, "ip translation") + nft::packets(beyond_, "ip translation");
}

}  // namespace rendr::test
