// SPDX-License-Identifier: Apache-2.0
#include "transport/posix_stream.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <cerrno>
#include <cstring>

namespace rendr::transport {

namespace {

constexpr std::size_t max_pieces = 512;

io_result failed(int number) {
  return {io_status::failed, 0, std::error_code(number, std::system_category())};
}

std::optional<asio::ip::tcp::endpoint> ip_endpoint(const sockaddr_storage& storage,
                                                   socklen_t size) {
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return std::nullopt;
  asio::ip::tcp::endpoint endpoint;
  if (size > endpoint.capacity()) return std::nullopt;
  std::memcpy(endpoint.data(), &storage, size);
  // A socket that takes both families shows IPv4 in the clothes of IPv6.
  const auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    endpoint.address(asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()));
  return endpoint;
}

std::optional<asio::ip::tcp::endpoint> peer_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  return ip_endpoint(storage, size);
}

}  // namespace

posix_stream::posix_stream(const asio::any_io_executor& executor, unique_fd fd,
                           std::error_code& code)
    : descriptor_(executor) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    code.assign(errno, std::system_category());
    return;
  }
  descriptor_.assign(fd.get(), code);
  if (code) return;
  fd.release();
  open_ = true;
}

posix_stream::~posix_stream() { posix_stream::close(); }

io_result posix_stream::read(std::span<std::byte> into) {
  if (!open_) return {io_status::eof, 0, {}};
  for (;;) {
    const auto n = ::read(descriptor_.native_handle(), into.data(), into.size());
    if (n > 0) return {io_status::ok, static_cast<std::size_t>(n), {}};
    if (n == 0) return {io_status::eof, 0, {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {io_status::would_block, 0, {}};
    return failed(errno);
  }
}

io_result posix_stream::write(std::span<const bytes_view> pieces) {
  if (!open_) return {io_status::failed, 0, asio::error::bad_descriptor};
  std::array<iovec, max_pieces> vectors;
  const auto count = std::min(pieces.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i) {
    // sendmsg does not write through the pointer.
    vectors[i].iov_base = const_cast<std::byte*>(pieces[i].data());
    vectors[i].iov_len = pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  for (;;) {
    const auto n = ::sendmsg(descriptor_.native_handle(), &message, MSG_NOSIGNAL);
    if (n >= 0) return {io_status::ok, static_cast<std::size_t>(n), {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {io_status::would_block, 0, {}};
    return failed(errno);
  }
}

void posix_stream::want_read() {
  if (!open_ || waiting_read_) return;
  waiting_read_ = true;
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         [self = shared_from_this()](const std::error_code& code) {
                           self->waiting_read_ = false;
                           if (code != asio::error::operation_aborted && self->open_ && self->sink_)
                             self->sink_->readable();
                         });
}

void posix_stream::want_write() {
  if (!open_ || waiting_write_) return;
  waiting_write_ = true;
  descriptor_.async_wait(asio::posix::descriptor_base::wait_write,
                         [self = shared_from_this()](const std::error_code& code) {
                           self->waiting_write_ = false;
                           if (code != asio::error::operation_aborted && self->open_ && self->sink_)
                             self->sink_->writable();
                         });
}

carrier_addresses posix_stream::addresses() {
  if (!open_) return {};
  carrier_traits now;
  describe(descriptor_.native_handle(), now);
  return {std::move(now.local), std::move(now.remote)};
}

void posix_stream::shutdown_send() {
  if (open_) ::shutdown(descriptor_.native_handle(), SHUT_WR);
}

void posix_stream::close() {
  if (!open_) return;
  open_ = false;
  sink_ = nullptr;
  std::error_code ignored;
  descriptor_.close(ignored);
}

std::string to_text(const asio::ip::tcp::endpoint& endpoint) {
  const auto host = endpoint.address().to_string();
  const auto port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

bool is_loopback(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  return address.is_loopback();
}

void describe(int fd, carrier_traits& traits) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  traits.loopback = false;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return;
  if (storage.ss_family == AF_UNIX) {
    traits.local = traits.remote = "unix";
    traits.loopback = true;
    return;
  }
  const auto local = ip_endpoint(storage, size);
  if (local) traits.local = to_text(*local);
  const auto remote = peer_of(fd);
  if (!remote) return;
  traits.remote = to_text(*remote);
  traits.loopback = is_loopback(remote->address());
}

std::string remote_of(int fd) {
  const auto remote = peer_of(fd);
  return remote ? to_text(*remote) : std::string();
}

}  // namespace rendr::transport
