// SPDX-License-Identifier: Apache-2.0
#include "relay/descriptor_end.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <cerrno>
#include <string>
#include <utility>

namespace rendr::relay {

namespace {

std::error_code last_error() {
  return errno == EAGAIN ? make_error_code(std::errc::operation_would_block)
                         : std::error_code(errno, std::system_category());
}

}  // namespace

descriptor_end::side::side(const asio::any_io_executor& loop, int fd, int open_flags)
    : descriptor(loop), original(fd) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return;
  is_socket = S_ISSOCK(about.st_mode);
  const bool is_file = S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || S_ISBLK(about.st_mode);
  int mine = -1;
  if (S_ISFIFO(about.st_mode) || (S_ISCHR(about.st_mode) && ::isatty(fd) == 1)) {
    const auto path = "/proc/self/fd/" + std::to_string(fd);
    mine = ::open(path.c_str(), open_flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  }
  if (mine < 0) {
    mine = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (mine < 0) return;
    if (!is_socket && !is_file) {
      restore_flags = ::fcntl(fd, F_GETFL);
      if (restore_flags >= 0) ::fcntl(fd, F_SETFL, restore_flags | O_NONBLOCK);
    }
  }
  std::error_code code;
  descriptor.assign(mine, code);
  if (code) {
    ::close(mine);
    return;
  }
  // A file, /dev/null and the like: epoll refuses them, they are always ready.
  pollable = !is_file && (is_socket || S_ISFIFO(about.st_mode) || ::isatty(fd) == 1);
}

descriptor_end::descriptor_end(const asio::any_io_executor& loop, int in, int out)
    : in_(loop, in, O_RDONLY), out_(loop, out, O_WRONLY) {}

descriptor_end::~descriptor_end() {
  release(in_);
  release(out_);
}

void descriptor_end::wait(side& of, asio::posix::stream_descriptor::wait_type what, waiter done) {
  if (of.pollable) {
    of.descriptor.async_wait(what, std::move(done));
  } else {
    asio::post(of.descriptor.get_executor(), [done = std::move(done)] { done(std::error_code()); });
  }
}

void descriptor_end::wait_readable(waiter done) {
  wait(in_, asio::posix::stream_descriptor::wait_read, std::move(done));
}

void descriptor_end::wait_writable(waiter done) {
  wait(out_, asio::posix::stream_descriptor::wait_write, std::move(done));
}

void descriptor_end::wait_aborted(waiter done) {
  if (!out_.pollable || out_.is_socket) return;
  out_.descriptor.async_wait(asio::posix::stream_descriptor::wait_error,
                             [done = std::move(done)](std::error_code code) {
                               done(code ? code : make_error_code(std::errc::broken_pipe));
                             });
}

std::size_t descriptor_end::read(std::span<std::byte> out, std::error_code& code) {
  while (true) {
    const auto n =
        in_.is_socket ? ::recv(in_.descriptor.native_handle(), out.data(), out.size(), MSG_DONTWAIT)
                      : ::read(in_.descriptor.native_handle(), out.data(), out.size());
    if (n >= 0) {
      code.clear();
      return static_cast<std::size_t>(n);
    }
    if (errno == EINTR) continue;
    code = last_error();
    return 0;
  }
}

std::size_t descriptor_end::write(std::span<const std::byte> data, std::error_code& code) {
  while (true) {
    const auto n = out_.is_socket
                       ? ::send(out_.descriptor.native_handle(), data.data(), data.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL)
                       : ::write(out_.descriptor.native_handle(), data.data(), data.size());
    if (n >= 0) {
      code.clear();
      return static_cast<std::size_t>(n);
    }
    if (errno == EINTR) continue;
    code = last_error();
    return 0;
  }
}

void descriptor_end::finish_writing() {
  if (out_.is_socket) {
    ::shutdown(out_.descriptor.native_handle(), SHUT_WR);
    return;
  }
  const int original = out_.original;
  release(out_);
  if (original >= 0) ::close(original);  // else the reader would wait for the end of this process
  out_.original = -1;
}

void descriptor_end::close() {
  release(in_);
  release(out_);
}

void descriptor_end::reset() { close(); }

void descriptor_end::release(side& of) {
  if (of.restore_flags >= 0) ::fcntl(of.original, F_SETFL, std::exchange(of.restore_flags, -1));
  std::error_code ignored;
  of.descriptor.close(ignored);
}

}  // namespace rendr::relay
