// SPDX-License-Identifier: Apache-2.0
#include "transport/fd/dial.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <exception>

#include "rendr/error.hpp"
#include "transport/posix_stream.hpp"

namespace rendr::transport {

namespace {

made call_contained(const maker& make) {
  try {
    return make();
  } catch (const std::exception& thrown) {
    return {unique_fd(), errc::unavailable, std::string("the factory threw: ") + thrown.what(),
            false};
  } catch (...) {
    return {unique_fd(), errc::unavailable, "the factory threw something", false};
  }
}

class waiting : public std::enable_shared_from_this<waiting> {
 public:
  waiting(const asio::any_io_executor& executor, bool off_loopback,
          std::function<void(opened)> done)
      : executor_(executor),
        limit_(executor),
        off_loopback_(off_loopback),
        done_(std::move(done)) {}

  void begin(side_threads& threads, maker make, duration timeout) {
    limit_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(timeout));
    limit_.async_wait([self = shared_from_this()](const std::error_code& code) {
      if (!code) self->finish({nullptr, {}, errc::timed_out, "the factory did not answer in time"});
    });
    const bool started = threads.run(
        [weak = weak_from_this(), make = std::move(make)]() -> side_threads::conclusion {
          auto answer = std::make_shared<made>(call_contained(make));
          return [weak, answer] {
            if (auto self = weak.lock()) self->answered(std::move(*answer));
          };
        });
    if (started) return;
    asio::post(executor_, [self = shared_from_this()] {
      self->finish({nullptr, {}, errc::limit_reached, "too many factory calls are under way"});
    });
  }

  void cancel() {
    done_ = nullptr;
    limit_.cancel();
  }

 private:
  void answered(made answer) {
    if (!done_) return;
    if (!answer.fd) {
      const auto code = answer.code ? answer.code : make_error_code(errc::unavailable);
      auto detail = answer.detail.empty() ? "the factory gave no connection" : answer.detail;
      return finish({nullptr, {}, code, std::move(detail)});
    }
    auto result = adopt_fd(executor_, std::move(answer.fd), answer.secured);
    if (result.io && !off_loopback_ && !result.traits.loopback && !result.traits.secured) {
      result.io->close();
      result = {nullptr,
                {},
                errc::permission_denied,
                "the connection to " + result.traits.remote +
                    " leaves this machine, which this path may not without insecure"};
    }
    finish(std::move(result));
  }

  void finish(opened result) {
    if (!done_) return;
    const auto done = std::move(done_);
    cancel();
    done(std::move(result));
  }

  asio::any_io_executor executor_;
  asio::steady_timer limit_;
  bool off_loopback_;
  std::function<void(opened)> done_;
};

class factory_dial final : public dial {
 public:
  explicit factory_dial(std::shared_ptr<waiting> w) : waiting_(std::move(w)) {}
  factory_dial(const factory_dial&) = delete;
  factory_dial& operator=(const factory_dial&) = delete;
  ~factory_dial() override { waiting_->cancel(); }

 private:
  std::shared_ptr<waiting> waiting_;
};

}  // namespace

opened adopt_fd(const asio::any_io_executor& executor, unique_fd fd, bool secured) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
    return {nullptr, {}, errc::invalid_argument, "the descriptor is not a stream socket"};
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  opened result;
  result.traits.evidence = evidence_kind::none;
  result.traits.secured = secured;
  describe(fd.get(), result.traits);
  auto io = std::make_shared<posix_stream>(executor, std::move(fd), result.code);
  if (result.code)
    result.detail = "watch the socket: " + result.code.message();
  else
    result.io = std::move(io);
  return result;
}

std::unique_ptr<dial> dial_fd(const asio::any_io_executor& executor, side_threads& threads,
                              maker make, bool off_loopback, duration timeout,
                              std::function<void(opened)> done) {
  auto one = std::make_shared<waiting>(executor, off_loopback, std::move(done));
  one->begin(threads, std::move(make), timeout);
  return std::make_unique<factory_dial>(std::move(one));
}

}  // namespace rendr::transport
