// SPDX-License-Identifier: Apache-2.0
// `fd://7`: a connected stream socket that this program was started with, once.
#include <fcntl.h>
#include <sys/socket.h>

#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "base/text.hpp"
#include "transport/factory_dial.hpp"
#include "transport/posted_dial.hpp"
#include "transport/registry.hpp"

namespace rendr::transport {

namespace {

constexpr int highest = std::numeric_limits<int>::max();

class fd_form final : public path_form {
 public:
  fd_form() : path_form("fd") {}
  std::string example() const override { return "fd://7"; }
  std::optional<text_mistake> read_address(std::string_view text, path_spec& to) const override {
    const auto number = parse_number(text, 0, highest);
    if (!number)
      return text_mistake{0, "descriptor " + quoted(text) + ": a whole number from 0 to " +
                                 std::to_string(highest)};
    to.address = std::to_string(*number);
    return std::nullopt;
  }
  std::string write_address(const path_spec& from) const override { return from.address; }
};

/// Whoever starts a program leaves what it passes open across exec, and everything that this
/// program opens itself is not: so nothing of its own can be taken by mistake, or twice.
opened take(const asio::any_io_executor& executor, const std::string& number, bool off_loopback) {
  static std::mutex one_at_a_time;  // loops of one program may have the same path
  const std::lock_guard lock(one_at_a_time);
  const auto value = parse_number(number, 0, highest);
  const int fd = value ? static_cast<int>(*value) : -1;
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags < 0 || (flags & FD_CLOEXEC) != 0)
    return {nullptr,
            {},
            errc::unavailable,
            "descriptor " + number + " was not passed to this program, or was used already",
            {}};
  int type = 0;
  socklen_t size = sizeof type;
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0)
    return {nullptr,
            {},
            errc::invalid_argument,
            "descriptor " + number + " is not a connected stream socket",
            {}};
  return adopt_fd(executor, unique_fd(fd), false, off_loopback);
}

class fd_target final : public target {
 public:
  fd_target(asio::any_io_executor executor, std::string number)
      : executor_(std::move(executor)), number_(std::move(number)) {}

  std::unique_ptr<dial> start(const dial_terms& terms, dial_handler done) override {
    return post_dial(
        executor_,
        [executor = executor_, number = number_, off_loopback = terms.off_loopback] {
          return take(executor, number, off_loopback);
        },
        std::move(done));
  }

 private:
  asio::any_io_executor executor_;
  const std::string number_;
};

class fd_dialer final : public dialer {
 public:
  explicit fd_dialer(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  std::unique_ptr<target> aim(const path_spec& at) override {
    return std::make_unique<fd_target>(executor_, at.address);
  }

 private:
  asio::any_io_executor executor_;
};

class fd_scheme final : public scheme {
 public:
  const path_form& form() const override { return form_; }
  std::unique_ptr<dialer> make_dialer(const asio::any_io_executor& executor) const override {
    return std::make_unique<fd_dialer>(executor);
  }

 private:
  fd_form form_;
};

}  // namespace

std::shared_ptr<const scheme> make_scheme_fd() { return std::make_shared<fd_scheme>(); }

}  // namespace rendr::transport
