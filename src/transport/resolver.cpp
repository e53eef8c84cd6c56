// SPDX-License-Identifier: Apache-2.0
#include "transport/resolver.hpp"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace rendr::transport {

namespace {

constexpr std::chrono::milliseconds look_again{1001};  // just past what overtaking asks for

}  // namespace

struct resolver::shared : std::enable_shared_from_this<resolver::shared> {
  shared(const asio::any_io_executor& e, std::shared_ptr<lookups> n)
      : timer(std::in_place, e), executor(e), names(std::move(n)) {}

  // The loop's thread.
  std::optional<asio::steady_timer> timer;  // empty once the owner is gone, for the context may be
  std::map<std::string, std::size_t> asked;
  bool armed = false;

  std::mutex mutex;
  std::optional<asio::any_io_executor> executor;  // likewise
  const std::shared_ptr<lookups> names;

  void post(std::function<void()> function) {
    const std::lock_guard lock(mutex);
    if (executor) asio::post(*executor, std::move(function));
  }

  void arm() {
    if (std::exchange(armed, true)) return;
    timer->expires_after(look_again);
    timer->async_wait([weak = weak_from_this()](const std::error_code& code) {
      const auto self = weak.lock();
      if (code || !self || !self->timer) return;
      self->armed = false;
      for (const auto& [host, n] : self->asked) self->names->overtake(host);
      if (!self->asked.empty()) self->arm();
    });
  }

  void answered(const std::string& host) {
    const auto found = asked.find(host);
    if (found != asked.end() && --found->second == 0) asked.erase(found);
    if (!asked.empty() || !armed) return;
    timer->cancel();
    armed = false;
  }
};

resolver::resolver(const asio::any_io_executor& executor, std::shared_ptr<lookups> names)
    : executor_(executor), names_(std::move(names)) {}

resolver::~resolver() {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->executor.reset();
  shared_->timer.reset();
}

void resolver::resolve(const std::string& host, std::uint16_t port, duration max_age,
                       std::weak_ptr<void> owner, handler done) {
  if (!shared_) shared_ = std::make_shared<shared>(executor_, names_);
  const auto tell = [weak = std::weak_ptr(shared_), host, port, owner = std::move(owner),
                     done = std::move(done)](const resolved& answer) {
    const auto self = weak.lock();
    if (!self) return;
    self->post([weak, host, port, owner, done, own = answer]() mutable {
      const auto here = weak.lock();
      if (!here || !here->timer) return;
      here->answered(host);
      if (!owner.lock()) return;
      for (auto& endpoint : own.addresses) endpoint.port(port);
      done(own);
    });
  };
  ++shared_->asked[host];
  std::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) {
    resolved answer;
    answer.addresses.emplace_back(literal, port);
    return tell(answer);
  }
  names_->find(host, max_age, tell);
  shared_->arm();
}

}  // namespace rendr::transport
