// SPDX-License-Identifier: Apache-2.0
#include "support/netns.hpp"

#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace rendr::test {
namespace {

constexpr const char* own_namespace = "/proc/thread-self/ns/net";
constexpr std::uint32_t device_queue = 10'000;  // packets; the bottleneck is never the device

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int check(int result, const std::string& what) {
  if (result < 0) fail(what);
  return result;
}

/// One request to the kernel's routing tables, and its answer.
class route_request {
 public:
  template <typename Header>
  route_request(std::uint16_t type, std::uint16_t flags, const Header& header,
                std::string_view what)
      : what_(what) {
    nlmsghdr head{};
    head.nlmsg_type = type;
    head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&head, sizeof head);
    append(&header, sizeof header);
  }
  template <typename Value>
  route_request& with(std::uint16_t type, const Value& value) {
    rtattr attribute{};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(sizeof value));
    append(&attribute, sizeof attribute);
    append(&value, sizeof value);
    return *this;
  }
  void run() {
    const auto length = static_cast<std::uint32_t>(message_.size());
    std::memcpy(message_.data(), &length, sizeof length);
    const owned_fd socket(
        check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "netlink"));
    std::array<char, 4096> answer{};
    if (::send(socket.get(), message_.data(), message_.size(), 0) < 0) fail(what_);
    if (::recv(socket.get(), answer.data(), answer.size(), 0) < 0) fail(what_);
    nlmsgerr verdict{};
    std::memcpy(&verdict, answer.data() + NLMSG_HDRLEN, sizeof verdict);
    if (verdict.error != 0) {
      errno = -verdict.error;
      fail(what_);
    }
  }

 private:
  void append(const void* data, std::size_t size) {
    message_.append(static_cast<const char*>(data), size);
    message_.append((4 - size % 4) % 4, '\0');
  }
  std::string message_;
  std::string what_;
};

constexpr std::uint16_t create = NLM_F_CREATE | NLM_F_EXCL;

std::uint32_t index_of(const std::string& interface) {
  const auto index = ::if_nametoindex(interface.c_str());
  if (index == 0) fail("no interface " + interface);
  return index;
}

ifaddrmsg host_address(const std::string& interface) {
  ifaddrmsg message{};
  message.ifa_family = AF_INET;
  message.ifa_prefixlen = 32;
  message.ifa_index = index_of(interface);
  return message;
}

void bring_up(const std::string& interface, std::uint32_t mtu) {
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index_of(interface));
  link.ifi_flags = link.ifi_change = IFF_UP;
  route_request request(RTM_NEWLINK, 0, link, "interface " + interface + " up");
  if (mtu != 0) request.with(IFLA_MTU, mtu).with(IFLA_TXQLEN, device_queue);
  request.run();
}

void write_sysctl(const std::string& name, std::string_view value) {
  std::ofstream file("/proc/sys/net/" + name);
  file << value << std::flush;
  if (!file) fail("sysctl net/" + name);
}

}  // namespace

owned_fd& owned_fd::operator=(owned_fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
owned_fd::~owned_fd() {
  if (fd_ >= 0) ::close(fd_);
}
int owned_fd::release() noexcept { return std::exchange(fd_, -1); }

std::string text(ipv4 address) {
  std::ostringstream out;
  const char* dot = "";
  for (const auto byte : address) {
    out << dot << static_cast<int>(byte);
    dot = ".";
  }
  return out.str();
}

// A thread of its own makes the namespace: the caller's never leaves the one that it is in.
netns::netns() {
  int error = 0;
  std::thread maker([this, &error] {
    if (::unshare(CLONE_NEWNET) == 0) fd_ = owned_fd(::open(own_namespace, O_RDONLY | O_CLOEXEC));
    if (fd_.get() < 0) error = errno;
  });
  maker.join();
  errno = error;
  if (error != 0) fail("a network namespace");
  const scope here(*this);
  bring_up("lo", 0);
  if (::access("/proc/sys/net/ipv6/conf/default/disable_ipv6", W_OK) == 0) {
    write_sysctl("ipv6/conf/default/disable_ipv6", "1");
  }
}

std::string netns::unavailable() {
  if (::geteuid() != 0) return "network namespaces need root";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) return "there is no /dev/net/tun here";
  try {
    const netns probe;
    probe.tun("probe", {10, 77, 0, 1}, {10, 77, 0, 2}, 1500);
  } catch (const std::system_error& e) {
    return std::string("network namespaces do not work here: ") + e.what();
  }
  return {};
}

netns::scope::scope(const netns& where)
    : before_(check(::open(own_namespace, O_RDONLY | O_CLOEXEC), own_namespace)) {
  check(::setns(where.descriptor(), CLONE_NEWNET), "entering a network namespace");
}
netns::scope::~scope() { ::setns(before_.get(), CLONE_NEWNET); }

void netns::sysctl(std::string_view name, std::string_view value) const {
  const scope here(*this);
  write_sysctl(std::string(name), value);
}

owned_fd netns::tun(const std::string& name, ipv4 local, ipv4 remote, std::uint32_t mtu) const {
  const scope here(*this);
  owned_fd fd(check(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "/dev/net/tun"));
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  check(::ioctl(fd.get(), TUNSETIFF, &request), "TUN interface " + name);
  ifaddrmsg address{};
  address.ifa_family = AF_INET;
  address.ifa_prefixlen = 32;
  address.ifa_index = index_of(name);
  route_request(RTM_NEWADDR, create, address, "address of " + name)
      .with(IFA_LOCAL, local)
      .with(IFA_ADDRESS, remote)
      .run();
  bring_up(name, mtu);
  return fd;
}

void netns::add_address(const std::string& interface, ipv4 address) const {
  const scope here(*this);
  route_request(RTM_NEWADDR, create, host_address(interface), "address of " + interface)
      .with(IFA_LOCAL, address)
      .run();
}

void netns::remove_address(const std::string& interface, ipv4 address) const {
  const scope here(*this);
  route_request(RTM_DELADDR, 0, host_address(interface), "no address of " + interface)
      .with(IFA_LOCAL, address)
      .run();
}

void netns::set_up(const std::string& interface, bool up) const {
  const scope here(*this);
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index_of(interface));
  link.ifi_flags = up ? IFF_UP : 0;
  link.ifi_change = IFF_UP;
  route_request(RTM_NEWLINK, 0, link, "state of " + interface).run();
}

void netns::add_default_route(const std::string& interface, std::uint32_t table) const {
  const scope here(*this);
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_UNSPEC;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = RT_SCOPE_LINK;
  route.rtm_type = RTN_UNICAST;
  route_request(RTM_NEWROUTE, create, route, "route through " + interface)
      .with(RTA_TABLE, table)
      .with(RTA_OIF, index_of(interface))
      .run();
}

void netns::add_source_rule(ipv4 source, std::uint32_t table) const {
  const scope here(*this);
  fib_rule_hdr rule{};
  rule.family = AF_INET;
  rule.src_len = 32;
  rule.action = FR_ACT_TO_TBL;
  route_request(RTM_NEWRULE, create, rule, "rule for " + text(source))
      .with(FRA_SRC, source)
      .with(FRA_TABLE, table)
      .run();
}

std::uint64_t netns::dropped(const std::string& interface) const {
  const scope here(*this);
  std::ifstream table("/proc/thread-self/net/dev");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (name != interface + ":") continue;
    std::array<std::uint64_t, 12> counters{};  // 8 of receiving; then bytes, packets, errors, drops
    for (auto& counter : counters) fields >> counter;
    return counters.back();
  }
  fail("no interface " + interface);
}

}  // namespace rendr::test
