// SPDX-License-Identifier: Apache-2.0
#include "transport/route_device.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <memory>

namespace rendr::transport {

namespace {

struct close_socket {
  void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
};

void put(nlmsghdr* request, std::uint16_t type, const asio::ip::address& address) {
  if (address.is_v4()) {
    const auto raw = address.to_v4().to_bytes();
    return mnl_attr_put(request, type, raw.size(), raw.data());
  }
  const auto raw = address.to_v6().to_bytes();
  mnl_attr_put(request, type, raw.size(), raw.data());
}

int take_device(const nlattr* attribute, void* to) {
  if (mnl_attr_get_type(attribute) == RTA_OIF)
    *static_cast<unsigned*>(to) = mnl_attr_get_u32(attribute);
  return MNL_CB_OK;
}

int take_route(const nlmsghdr* message, void* to) {
  if (message->nlmsg_type != RTM_NEWROUTE) return MNL_CB_OK;
  return mnl_attr_parse(message, sizeof(rtmsg), take_device, to);
}

}  // namespace

std::string route_device(const asio::ip::address& local, const asio::ip::address& remote,
                         std::uint32_t mark) {
  if (local.is_v4() != remote.is_v4()) return {};
  const std::unique_ptr<mnl_socket, close_socket> socket(
      mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return {};
  alignas(nlmsghdr) std::array<char, 8 * 1024> buffer{};
  auto* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  request->nlmsg_seq = 1;
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  route->rtm_family = remote.is_v4() ? AF_INET : AF_INET6;
  route->rtm_src_len = route->rtm_dst_len = remote.is_v4() ? 32 : 128;
  put(request, RTA_DST, remote);
  put(request, RTA_SRC, local);
  if (mark != 0) mnl_attr_put_u32(request, RTA_MARK, mark);
  if (remote.is_v6() && remote.to_v6().scope_id() != 0)
    mnl_attr_put_u32(request, RTA_OIF, static_cast<std::uint32_t>(remote.to_v6().scope_id()));
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) return {};
  const auto n = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
  unsigned index = 0;
  if (n <= 0 || mnl_cb_run(buffer.data(), static_cast<std::size_t>(n), 1,
                           mnl_socket_get_portid(socket.get()), take_route, &index) < 0)
    return {};
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(index, name.data()) != nullptr ? std::string(name.data()) : std::string();
}

}  // namespace rendr::transport
