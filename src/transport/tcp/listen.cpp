// SPDX-License-Identifier: Apache-2.0
#include "transport/tcp/listen.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/error.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>

namespace rendr::transport {

namespace {

constexpr int batch = 64;
constexpr std::chrono::milliseconds pause_when_full{100};

class accept_loop : public std::enable_shared_from_this<accept_loop> {
 public:
  accept_loop(const asio::any_io_executor& executor, accept_handler on_accept)
      : descriptor_(executor),
        timer_(executor),
        on_accept_(std::make_shared<const accept_handler>(std::move(on_accept))) {}

  void begin(unique_fd fd, std::error_code& code) {
    descriptor_.assign(fd.get(), code);
    if (code) return;
    fd.release();
    wait();
  }

  void hold(bool on) {
    held_ = on;
    if (!on && on_accept_) wait();
  }

  void stop() {
    on_accept_ = nullptr;
    timer_.cancel();
    std::error_code ignored;
    descriptor_.close(ignored);
  }

 private:
  void wait() {
    if (held_ || waiting_) return;
    waiting_ = true;
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](const std::error_code& code) {
                             self->waiting_ = false;
                             if (!code && self->on_accept_) self->take();
                           });
  }

  void take() {
    for (int i = 0; i < batch && on_accept_ && !held_; ++i) {
      unique_fd fd(
          ::accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) {
        const auto handler = on_accept_;  // it may stop this acceptor
        (*handler)(std::move(fd));
        continue;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return pause();
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      // Anything else belongs to the connection that was lost before it was accepted.
    }
    if (on_accept_) wait();
  }

  void pause() {
    waiting_ = true;
    timer_.expires_after(pause_when_full);
    timer_.async_wait([self = shared_from_this()](const std::error_code& code) {
      self->waiting_ = false;
      if (!code && self->on_accept_) self->wait();
    });
  }

  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  std::shared_ptr<const accept_handler> on_accept_;  ///< null: stopped
  bool held_ = false;
  bool waiting_ = false;  ///< a handler is under way
};

class acceptor final : public tcp_acceptor {
 public:
  acceptor(std::shared_ptr<accept_loop> loop, asio::ip::tcp::endpoint local)
      : loop_(std::move(loop)), local_(std::move(local)) {}
  acceptor(const acceptor&) = delete;
  acceptor& operator=(const acceptor&) = delete;
  ~acceptor() override { loop_->stop(); }
  asio::ip::tcp::endpoint local() const override { return local_; }
  void hold(bool on) override { loop_->hold(on); }

 private:
  std::shared_ptr<accept_loop> loop_;
  asio::ip::tcp::endpoint local_;
};

step_failure failed(const char* what, const asio::ip::tcp::endpoint& address) {
  const std::error_code code(errno, std::system_category());
  return {code, std::string(what) + " " + to_text(address) + ": " + code.message()};
}

}  // namespace

std::unique_ptr<tcp_acceptor> listen_tcp(const asio::any_io_executor& executor,
                                         const asio::ip::tcp::endpoint& address,
                                         const tcp_options& options, int backlog,
                                         accept_handler on_accept, step_failure& why,
                                         bool both_families) {
  tcp_options before = options;
  before.bind.clear();
  unique_fd fd;
  why = open_tcp(address, before, fd);
  if (why) return nullptr;
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int alone = both_families ? 0 : 1;
  if (address.address().is_v6())
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
  if (::bind(fd.get(), address.data(), static_cast<socklen_t>(address.size())) != 0) {
    why = failed("bind to", address);
    return nullptr;
  }
  if (::listen(fd.get(), backlog) != 0) {
    why = failed("listen on", address);
    return nullptr;
  }
  asio::ip::tcp::endpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  if (::getsockname(fd.get(), local.data(), &size) != 0) local = address;
  auto loop = std::make_shared<accept_loop>(executor, std::move(on_accept));
  loop->begin(std::move(fd), why.code);
  if (why.code) {
    why.detail = "watch the socket: " + why.code.message();
    return nullptr;
  }
  return std::make_unique<acceptor>(std::move(loop), local);
}

}  // namespace rendr::transport
