// SPDX-License-Identifier: Apache-2.0
#include "transport/factory_dial.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <exception>
#include <utility>

#include "rendr/error.hpp"
#include "transport/posix_stream.hpp"
#include "transport/socket_keys.hpp"

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
  waiting(const asio::any_io_executor& executor, bool off_loopback, dial_handler done)
      : executor_(executor),
        limit_(executor),
        off_loopback_(off_loopback),
        done_(std::move(done)) {}

  void begin(side_threads& threads, maker make, duration timeout) {
    limit_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(timeout));
    limit_.async_wait([self = shared_from_this()](const std::error_code& code) {
      if (!code)
        self->finish({nullptr, {}, errc::timed_out, "the factory did not answer in time", {}});
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
      self->finish({nullptr, {}, errc::limit_reached, "too many factory calls are under way", {}});
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
      return finish({nullptr, {}, code, std::move(detail), {}});
    }
    finish(adopt_fd(executor_, std::move(answer.fd), answer.secured, off_loopback_));
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
  dial_handler done_;
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

opened adopt_fd(const asio::any_io_executor& executor, unique_fd fd, bool secured,
                bool off_loopback) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
    return {nullptr, {}, errc::invalid_argument, "the descriptor is not a stream socket", {}};
  ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  opened result;
  result.traits.evidence = evidence_kind::none;
  result.traits.secured = secured;
  describe(fd.get(), result.traits);
  if (!off_loopback && !result.traits.loopback && !secured)
    return {nullptr,
            {},
            errc::permission_denied,
            "the connection to " + result.traits.remote +
                " leaves this machine, which this path may not without insecure",
            {}};
  auto io = std::make_shared<posix_stream>(executor, std::move(fd), result.code);
  if (result.code)
    result.detail = "watch the socket: " + result.code.message();
  else
    result.io = std::move(io);
  return result;
}

std::unique_ptr<dial> dial_fd(const asio::any_io_executor& executor, side_threads& threads,
                              maker make, bool off_loopback, duration timeout, dial_handler done) {
  auto one = std::make_shared<waiting>(executor, off_loopback, std::move(done));
  one->begin(threads, std::move(make), timeout);
  return std::make_unique<factory_dial>(std::move(one));
}

namespace {

constexpr std::size_t factory_calls = 16;

using factory = std::function<made(const path_spec& at, duration timeout)>;

/// Takes any text, as only the factory knows what it means.
class factory_form final : public path_form {
 public:
  explicit factory_form(std::string word) : path_form(std::move(word), socket_keys()) {}
  std::optional<text_mistake> read_address(std::string_view text, path_spec& to) const override {
    auto read = to;
    if (!path_form::read_address(text, read))
      to = std::move(read);
    else
      to.address = text;
    return std::nullopt;
  }
  std::string write_address(const path_spec& from) const override {
    const bool nothing = from.host.empty() && from.port == 0;
    return nothing ? from.address : path_form::write_address(from);
  }
};

class factory_target final : public target {
 public:
  factory_target(asio::any_io_executor executor, side_threads& threads, factory make, path_spec at)
      : executor_(std::move(executor)),
        threads_(threads),
        make_(std::move(make)),
        at_(std::move(at)) {}

  std::unique_ptr<dial> start(const dial_terms& terms, dial_handler done) override {
    return dial_fd(
        executor_, threads_,
        [make = make_, at = at_, timeout = terms.timeout] { return make(at, timeout); },
        terms.off_loopback, terms.timeout, std::move(done));
  }

 private:
  asio::any_io_executor executor_;
  side_threads& threads_;
  const factory make_;
  const path_spec at_;
};

class factory_dialer final : public dialer {
 public:
  factory_dialer(const asio::any_io_executor& executor, factory make)
      : executor_(executor), threads_(executor, factory_calls), make_(std::move(make)) {}
  std::unique_ptr<target> aim(const path_spec& at) override {
    return std::make_unique<factory_target>(executor_, threads_, make_, at);
  }

 private:
  asio::any_io_executor executor_;
  side_threads threads_;
  const factory make_;
};

class made_by_factory final : public scheme {
 public:
  made_by_factory(std::string word, factory make)
      : form_(std::move(word)), make_(std::move(make)) {}
  const path_form& form() const override { return form_; }
  failure check(const path_spec& /*path*/) const override { return {}; }
  std::unique_ptr<dialer> make_dialer(const asio::any_io_executor& executor) const override {
    return std::make_unique<factory_dialer>(executor, make_);
  }

 private:
  const factory_form form_;
  const factory make_;
};

}  // namespace

std::shared_ptr<const scheme> factory_scheme(
    std::string word, std::function<made(const path_spec& at, duration timeout)> make) {
  return std::make_shared<made_by_factory>(std::move(word), std::move(make));
}

}  // namespace rendr::transport
