// SPDX-License-Identifier: Apache-2.0
#include "relay/descriptor_end.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <cerrno>
#include <string>
#include <utility>

#include "relay/socket_calls.hpp"

namespace rendr::relay {

namespace {

/// Opening the master of a pseudo-terminal anew would make another terminal.
bool is_master(int fd) {
  unsigned int number = 0;
  return ::ioctl(fd, TIOCGPTN, &number) == 0;
}

/// The same object with file status flags of its own; -1: it cannot be opened.
int open_anew(int fd, int flags) {
  const auto path = "/proc/self/fd/" + std::to_string(fd);
  return ::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/// Readable when `fd` is ready to be read or, opened for writing, to be written; -1: what epoll
/// refuses, a file or /dev/null, is always ready.
int watch_of(int fd, int open_flags) {
  const int watch = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{};
  wanted.events = open_flags == O_RDONLY ? EPOLLIN : EPOLLOUT;
  if (watch < 0 || ::epoll_ctl(watch, EPOLL_CTL_ADD, fd, &wanted) == 0) return watch;
  ::close(watch);
  return -1;
}

bool is_always_ready(int fd, int open_flags) {
  const int watch = watch_of(fd, open_flags);
  if (watch >= 0) ::close(watch);
  return watch < 0;
}

bool same_object(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool local_socket(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace

descriptor_end::side::side(const asio::any_io_executor& loop, int fd, int open_flags)
    : descriptor(loop), original(fd) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return;
  if (S_ISSOCK(about.st_mode)) what = kind::socket;
  if (S_ISFIFO(about.st_mode)) what = kind::pipe;
  if (S_ISCHR(about.st_mode) && ::isatty(fd) == 1) what = kind::terminal;
  const bool stored = S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || S_ISBLK(about.st_mode);
  if (what == kind::file && !stored && !is_always_ready(fd, open_flags)) what = kind::device;
  int mine = -1;
  if (what == kind::pipe || (what == kind::terminal && !is_master(fd))) {
    mine = open_anew(fd, open_flags);
  }
  if (mine < 0) {
    mine = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (mine < 0) return;
    if (what != kind::socket && !stored) {
      restore_flags = ::fcntl(fd, F_GETFL);
      if (restore_flags >= 0) ::fcntl(fd, F_SETFL, restore_flags | O_NONBLOCK);
    }
  }
  if (what == kind::socket) {
    socket = mine;
    mine = watch_of(socket, open_flags);
  }
  std::error_code code;
  descriptor.assign(mine, code);
  if (code && mine >= 0) ::close(mine);
}

descriptor_end::descriptor_end(const asio::any_io_executor& loop, int in, int out)
    : in_(loop, in, O_RDONLY),
      out_(loop, out, O_WRONLY),
      one_socket_(out_.what == kind::socket && same_object(in, out)) {}

descriptor_end::~descriptor_end() { descriptor_end::close(); }

void descriptor_end::wait(side& of, asio::posix::stream_descriptor::wait_type what, waiter done) {
  if (of.what != kind::file) {
    if (of.what == kind::socket) what = asio::posix::stream_descriptor::wait_read;
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

void descriptor_end::wait_aborted(waiter) {}

std::size_t descriptor_end::read(std::span<std::byte> out, std::error_code& code) {
  if (in_.what == kind::socket) {
    const auto n = receive(in_.handle(), out, code);
    // See socket_end::read.
    if (n == 0 && !code && failure_ && failure_ != std::errc::broken_pipe) code = failure_;
    return n;
  }
  const auto n = repeat(code, [&] { return ::read(in_.handle(), out.data(), out.size()); });
  // What was typed was read: the other side of the terminal has gone.
  if (in_.what == kind::terminal && code == std::errc::io_error) code.clear();
  return n;
}

std::size_t descriptor_end::write(std::span<const std::byte> data, std::error_code& code) {
  if (out_.what == kind::socket) {
    const auto n = send(out_.handle(), data, code);
    if (code && code != std::errc::operation_would_block && one_socket_ && !failure_) {
      failure_ = code;
    }
    return n;
  }
  return repeat(code, [&] { return ::write(out_.handle(), data.data(), data.size()); });
}

void descriptor_end::finish_writing() {
  if (out_.what == kind::socket && (one_socket_ || !local_socket(out_.handle()))) {
    ::shutdown(out_.handle(), SHUT_WR);
    return;
  }
  release(out_);
  // Else the reader would wait for the end of this process.
  if (const int original = std::exchange(out_.original, -1); original >= 0) ::close(original);
}

void descriptor_end::close() {
  release(out_);
  release(in_);  // last: of a description that both share, it knows the flags that were there first
}

void descriptor_end::reset() {
  // A RST throws the kernel's send queue away, and this process will not live to see it empty: then
  // the bytes count for more, and the exit code tells the rest.
  const bool socket = out_.what == kind::socket && out_.descriptor.is_open();
  if (socket && unacknowledged(out_.handle()) == 0) reset_on_close(out_.handle());
  close();
}

void descriptor_end::release(side& of) {
  if (of.restore_flags >= 0) ::fcntl(of.original, F_SETFL, std::exchange(of.restore_flags, -1));
  std::error_code ignored;
  of.descriptor.close(ignored);
  if (of.socket >= 0) ::close(std::exchange(of.socket, -1));
}

}  // namespace rendr::relay
