// SPDX-License-Identifier: Apache-2.0
#include "transport/tcp/dial.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "rendr/error.hpp"

namespace rendr::transport {

namespace {

/// One connect under way.
struct attempt {
  attempt(const asio::any_io_executor& executor, asio::ip::tcp::endpoint to)
      : socket(executor), address(std::move(to)) {}
  asio::ip::tcp::socket socket;
  asio::ip::tcp::endpoint address;
};

/// Whether the connect that was begun just now is done: on this machine most are.
bool connected_at_once(int fd) {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & (POLLERR | POLLHUP)) == 0;
}

/// On loopback a connect to a free port of the ephemeral range can meet itself.
bool connected_to_itself(const attempt& one) {
  std::error_code code;
  return is_loopback(one.address.address()) && one.socket.local_endpoint(code) == one.address;
}

class race : public std::enable_shared_from_this<race> {
 public:
  race(asio::any_io_executor executor, tcp_target target, std::function<void(connected)> done)
      : executor_(std::move(executor)),
        target_(std::move(target)),
        done_(std::move(done)),
        stagger_(executor_),
        limit_(executor_) {
    if (!target_.ranks) target_.ranks = std::make_shared<address_ranks>();
  }

  void begin(resolver& names, duration timeout) {
    limit_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(timeout));
    limit_.async_wait([self = shared_from_this()](const std::error_code& code) {
      if (!code) self->time_out();
    });
    std::error_code not_literal;
    const auto literal = asio::ip::make_address(target_.host, not_literal);
    if (!not_literal) {
      target_.ranks->known({{literal, target_.port}});
    } else {
      resolving_ = true;
      names.resolve(target_.host, target_.port, target_.name_age, weak_from_this(),
                    [this](const resolved& answer) { names_known(answer); });
    }
    line_up();
    if (!resolving_ && start_some()) return;
    // An answer that was known already has begun by then: its second address waits for its turn.
    asio::post(executor_, [self = shared_from_this()] {
      if (self->running_.empty()) self->start_next();
    });
  }

  void cancel() {
    done_ = nullptr;
    waiting_.clear();
    for (auto& one : running_) {
      std::error_code ignored;
      one->socket.close(ignored);
    }
    running_.clear();
    stagger_.cancel();
    limit_.cancel();
  }

 private:
  void names_known(const resolved& answer) {
    resolving_ = false;
    if (!done_) return;
    if (answer.code) {
      note(answer.code, answer.detail);
    } else {
      target_.ranks->known(answer.addresses);
      line_up();
    }
    if (running_.empty())
      start_next();
    else
      arm_stagger();
  }

  // What was tried in this race is not tried again in it.
  void line_up() {
    waiting_ = target_.ranks->order();
    std::reverse(waiting_.begin(), waiting_.end());
    std::erase_if(waiting_, [this](const auto& address) {
      return std::find(begun_.begin(), begun_.end(), address) != begun_.end();
    });
  }

  void note(std::error_code code, const std::string& detail) {
    code_ = code;
    if (detail_.size() > 400) return;
    detail_ += detail_.empty() ? detail : "; " + detail;
  }

  void start_next() {
    if (!start_some() && done_ && running_.empty() && !resolving_) fail();
  }

  /// True when another connect is under way.
  bool start_some() {
    while (done_ && !waiting_.empty()) {
      const auto address = waiting_.back();
      waiting_.pop_back();
      begun_.push_back(address);
      if (!target_.connected_is_good) target_.ranks->tried(address);
      if (start(address)) {
        arm_stagger();
        return true;
      }
      let_pass(address);
    }
    return false;
  }

  // It failed, or the next one has its turn.
  void let_pass(const asio::ip::tcp::endpoint& address) {
    if (target_.connected_is_good) target_.ranks->tried(address);
  }

  void arm_stagger() {
    if (!done_ || waiting_.empty()) return;
    stagger_.expires_after(attempt_delay);
    stagger_.async_wait([self = shared_from_this()](const std::error_code& code) {
      if (code) return;
      for (const auto& one : self->running_) self->let_pass(one->address);
      self->start_next();
    });
  }

  /// True when it is under way.
  bool start(const asio::ip::tcp::endpoint& address) {
    if (!target_.off_loopback && !is_loopback(address.address())) {
      note(errc::permission_denied,
           to_text(address) +
               " is not on loopback, and this path may not leave the machine without insecure");
      return false;
    }
    unique_fd fd;
    if (auto bad = open_tcp(address, target_.options, fd)) {
      note(bad.code, bad.detail);
      return false;
    }
    if (::connect(fd.get(), address.data(), static_cast<socklen_t>(address.size())) != 0 &&
        errno != EINPROGRESS) {
      note_errno(address, errno);
      return false;
    }
    auto one = std::make_shared<attempt>(executor_, address);
    std::error_code code;
    one->socket.assign(address.protocol(), fd.get(), code);
    if (code) {
      note(code, "watch the socket: " + code.message());
      return false;
    }
    fd.release();
    running_.push_back(one);
    if (is_loopback(address.address()) && connected_at_once(one->socket.native_handle())) {
      asio::post(executor_, [self = shared_from_this(), one] { self->ready(one, false); });
      return true;
    }
    one->socket.async_wait(asio::ip::tcp::socket::wait_write,
                           [self = shared_from_this(), one](const std::error_code& failed) {
                             if (failed != asio::error::operation_aborted) self->ready(one, true);
                           });
    return true;
  }

  void note_errno(const asio::ip::tcp::endpoint& address, int number) {
    const std::error_code code(number, std::system_category());
    note(code, "connect to " + to_text(address) + ": " + code.message());
  }

  void ready(const std::shared_ptr<attempt>& one, bool may_have_failed) {
    if (!done_) return;
    const auto at = std::find(running_.begin(), running_.end(), one);
    if (at == running_.end()) return;
    running_.erase(at);
    int number = 0;
    socklen_t size = sizeof number;
    const int fd = one->socket.native_handle();
    if (may_have_failed && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0)
      number = errno;
    if (number == 0 && connected_to_itself(*one)) number = ECONNREFUSED;
    // Before the other end answers, a reset is a refusal.
    if (target_.ended_too && (number == ECONNRESET || number == EPIPE))
      return finish({std::move(one->socket), {number, std::system_category()}, {}, one->address});
    if (number != 0) {
      let_pass(one->address);
      note_errno(one->address, number);
      stagger_.cancel();
      return start_next();
    }
    finish({std::move(one->socket), {}, {}, one->address});
  }

  void time_out() {
    if (!done_) return;
    std::string detail = "connect to " + target_.host + " port " + std::to_string(target_.port) +
                         ": no answer in time";
    if (!detail_.empty()) detail += " (" + detail_ + ")";
    finish({{}, errc::timed_out, std::move(detail), {}});
  }

  void fail() { finish({{}, code_, detail_, {}}); }

  void finish(connected result) {
    const auto done = std::move(done_);
    const auto self = shared_from_this();
    cancel();
    done(std::move(result));
  }

  asio::any_io_executor executor_;
  tcp_target target_;
  std::function<void(connected)> done_;
  asio::steady_timer stagger_;
  asio::steady_timer limit_;
  std::vector<asio::ip::tcp::endpoint> waiting_;  ///< the next one is the last
  std::vector<std::shared_ptr<attempt>> running_;
  std::vector<asio::ip::tcp::endpoint> begun_;
  bool resolving_ = false;
  std::error_code code_;
  std::string detail_;
};

class tcp_dial final : public dial {
 public:
  explicit tcp_dial(std::shared_ptr<race> r) : race_(std::move(r)) {}
  tcp_dial(const tcp_dial&) = delete;
  tcp_dial& operator=(const tcp_dial&) = delete;
  ~tcp_dial() override { race_->cancel(); }

 private:
  std::shared_ptr<race> race_;
};

}  // namespace

std::unique_ptr<dial> connect_tcp(const asio::any_io_executor& executor, resolver& names,
                                  tcp_target target, duration timeout,
                                  std::function<void(connected)> done) {
  auto one = std::make_shared<race>(executor, std::move(target), std::move(done));
  one->begin(names, timeout);
  return std::make_unique<tcp_dial>(std::move(one));
}

std::unique_ptr<dial> dial_tcp(const asio::any_io_executor& executor, resolver& names,
                               tcp_target target, duration timeout, tcp_dial_handler done) {
  if (!target.ranks) target.ranks = std::make_shared<address_ranks>();
  const auto ranks = target.ranks;
  return connect_tcp(
      executor, names, std::move(target), timeout,
      [executor, ranks, done = std::move(done)](connected result) {
        if (!result.socket)
          return done({nullptr, {}, result.code, std::move(result.detail), {}}, std::nullopt);
        std::error_code ignored;
        auto carrier = adopt_tcp(executor, unique_fd(result.socket->release(ignored)));
        carrier.traits.more_addresses = ranks->more();
        carrier.proven = [ranks, address = result.address] { ranks->good(address); };
        done(std::move(carrier), result.address);
      });
}

}  // namespace rendr::transport
