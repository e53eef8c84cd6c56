// SPDX-License-Identifier: Apache-2.0
#include "transport/tcp/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "transport/tcp/info.hpp"

namespace rendr::transport {

namespace {

// IP_BIND_ADDRESS_NO_PORT of <linux/in.h>, which cannot be included beside <netinet/in.h>.
constexpr int bind_address_no_port = 24;

step_failure failed(std::string what) {
  const std::error_code code(errno, std::system_category());
  what += ": ";
  what += code.message();
  return {code, std::move(what)};
}

void set_flag(int fd, int level, int option, int value) noexcept {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

bool set_text(int fd, int level, int option, const std::string& value) noexcept {
  return ::setsockopt(fd, level, option, value.data(), static_cast<socklen_t>(value.size())) == 0;
}

step_failure bind_local(int fd, const asio::ip::tcp::endpoint& target, const std::string& text) {
  std::error_code code;
  const auto local = asio::ip::make_address(text, code);
  if (code) return {code, "bind=" + text + " is not an IP address"};
  if (local.is_v6() != target.address().is_v6())
    return {std::make_error_code(std::errc::address_family_not_supported),
            "bind=" + text + " and the target " + to_text(target) + " are of different families"};
  set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_flag(fd, IPPROTO_IP, bind_address_no_port, 1);
  const asio::ip::tcp::endpoint endpoint(local, 0);
  if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0)
    return failed("bind=" + text);
  return {};
}

}  // namespace

step_failure open_tcp(const asio::ip::tcp::endpoint& target, const tcp_options& options,
                      unique_fd& out) {
  unique_fd fd(::socket(target.address().is_v6() ? AF_INET6 : AF_INET,
                        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) return failed("open a socket");
  if (!options.device.empty() && !set_text(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.device))
    return failed("device=" + options.device);
  if (options.mark &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &*options.mark, sizeof *options.mark) != 0)
    return failed("mark=" + std::to_string(*options.mark) + " needs CAP_NET_ADMIN");
  if (!options.congestion.empty() &&
      !set_text(fd.get(), IPPROTO_TCP, TCP_CONGESTION, options.congestion))
    return failed("cc=" + options.congestion +
                  " is not among net.ipv4.tcp_allowed_congestion_control");
  if (!options.bind.empty()) {
    if (auto bad = bind_local(fd.get(), target, options.bind)) return bad;
  }
  if (options.prepare) options.prepare(fd.get());
  out = std::move(fd);
  return {};
}

tcp_stream::tcp_stream(const asio::any_io_executor& executor, unique_fd fd, std::error_code& code)
    : posix_stream(executor, std::move(fd), code) {
  if (!code) base_acked_ = bytes_acked(native());
}

std::optional<carrier_evidence> tcp_stream::evidence() {
  if (native() < 0) return std::nullopt;
  return read_evidence(native(), base_acked_);
}

void tcp_stream::limit_unsent(std::uint32_t bytes) {
  const auto difference = bytes > unsent_limit_ ? bytes - unsent_limit_ : unsent_limit_ - bytes;
  if (native() < 0 || bytes == 0 || difference * std::uint64_t{4} <= unsent_limit_) return;
  const auto value = static_cast<int>(std::min<std::uint32_t>(bytes, 1u << 30));
  if (::setsockopt(native(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value) == 0)
    unsent_limit_ = bytes;
}

opened adopt_tcp(const asio::any_io_executor& executor, unique_fd fd) {
  opened result;
  set_flag(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_flag(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 0);  // liveness is the engine's alone
  result.traits.shape = carrier_shape::stream;
  result.traits.evidence = evidence_kind::end_to_end;
  describe(fd.get(), result.traits);
  auto io = std::make_shared<tcp_stream>(executor, std::move(fd), result.code);
  if (result.code)
    result.detail = "watch the socket: " + result.code.message();
  else
    result.io = std::move(io);
  return result;
}

}  // namespace rendr::transport
