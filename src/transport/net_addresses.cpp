// SPDX-License-Identifier: Apache-2.0
#include "transport/net_addresses.hpp"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

namespace rendr::transport {

namespace {

constexpr int dump_tries = 5;

struct device {
  std::string name;
  bool up = false;
};

struct dump {
  std::map<unsigned, device> devices;
  net_addresses addresses;
};

struct close_socket {
  void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
};

int take_name(const nlattr* attribute, void* to) {
  if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
    static_cast<device*>(to)->name = mnl_attr_get_str(attribute);
  return MNL_CB_OK;
}

int take_device(const nlmsghdr* message, void* to) {
  if (message->nlmsg_type != RTM_NEWLINK) return MNL_CB_OK;
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  auto& one = static_cast<dump*>(to)->devices[static_cast<unsigned>(info->ifi_index)];
  one.up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
  return mnl_attr_parse(message, sizeof *info, take_name, &one);
}

std::optional<asio::ip::address> address_of(const ifaddrmsg& info, const nlattr* attribute) {
  const auto* data = static_cast<const unsigned char*>(mnl_attr_get_payload(attribute));
  if (info.ifa_family == AF_INET && mnl_attr_get_payload_len(attribute) == 4) {
    asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), data, bytes.size());
    return asio::ip::address_v4(bytes);
  }
  if (info.ifa_family == AF_INET6 && mnl_attr_get_payload_len(attribute) == 16) {
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), data, bytes.size());
    asio::ip::address_v6 address(bytes);
    if (address.is_link_local()) address.scope_id(info.ifa_index);
    return address;
  }
  return std::nullopt;
}

struct address_parts {
  const ifaddrmsg* info = nullptr;
  std::uint32_t flags = 0;
  std::optional<asio::ip::address> own;
  std::optional<asio::ip::address> prefix;  // on a point-to-point device the peer's
};

int take_part(const nlattr* attribute, void* to) {
  auto& parts = *static_cast<address_parts*>(to);
  switch (mnl_attr_get_type(attribute)) {
    case IFA_FLAGS:
      parts.flags = mnl_attr_get_u32(attribute);
      break;
    case IFA_LOCAL:
      parts.own = address_of(*parts.info, attribute);
      break;
    case IFA_ADDRESS:
      parts.prefix = address_of(*parts.info, attribute);
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

int take_address(const nlmsghdr* message, void* to) {
  if (message->nlmsg_type != RTM_NEWADDR) return MNL_CB_OK;
  auto& result = *static_cast<dump*>(to);
  address_parts parts;
  parts.info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  parts.flags = parts.info->ifa_flags;
  const int went = mnl_attr_parse(message, sizeof *parts.info, take_part, &parts);
  const auto address = parts.own ? parts.own : parts.prefix;
  if (!address) return went;
  const auto& on = result.devices[parts.info->ifa_index];
  const bool valid =
      (parts.flags & IFA_F_DADFAILED) == 0 &&
      ((parts.flags & IFA_F_TENTATIVE) == 0 || (parts.flags & IFA_F_OPTIMISTIC) != 0);
  auto& entry = result.addresses[*address];
  if (!entry.usable) entry = {on.name, parts.info->ifa_index, valid && on.up};
  return went;
}

// False, with errno, when the kernel does not tell; EINTR: it changed meanwhile, ask again.
bool ask(mnl_socket* socket, std::uint16_t type, mnl_cb_t take, dump& into) {
  alignas(nlmsghdr) std::array<char, 32 * 1024> buffer;
  auto* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = type;
  auto* family = static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtgenmsg)));
  family->rtgen_family = AF_UNSPEC;
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return false;
  for (;;) {
    const auto n = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (n <= 0) return false;
    const int went = mnl_cb_run(buffer.data(), static_cast<std::size_t>(n), type,
                                mnl_socket_get_portid(socket), take, &into);
    if (went == MNL_CB_ERROR) return false;
    if (went == MNL_CB_STOP) return true;
  }
}

bool read_once(dump& into) {
  const std::unique_ptr<mnl_socket, close_socket> socket(
      mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  return socket && mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) == 0 &&
         ask(socket.get(), RTM_GETLINK, take_device, into) &&
         ask(socket.get(), RTM_GETADDR, take_address, into);
}

}  // namespace

net_addresses read_net_addresses(std::error_code& code) {
  for (int tries = 0; tries < dump_tries; ++tries) {
    dump result;
    if (read_once(result)) {
      code.clear();
      return std::move(result.addresses);
    }
    code.assign(errno, std::system_category());
    if (code != std::errc::interrupted) break;
  }
  return {};
}

}  // namespace rendr::transport
