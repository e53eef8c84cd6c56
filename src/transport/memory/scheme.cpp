// SPDX-License-Identifier: Apache-2.0
// `memory://name`: between runtimes of one process, without the system.
#include <asio/post.hpp>
#include <map>
#include <mutex>
#include <utility>

#include "base/text.hpp"
#include "transport/memory/pipe.hpp"
#include "transport/posted_dial.hpp"
#include "transport/registry.hpp"

namespace rendr::transport {

namespace {

class memory_form final : public path_form {
 public:
  memory_form() : path_form("memory") {}
  std::string example() const override { return scheme() + "://name"; }
  std::optional<text_mistake> read_address(std::string_view text, path_spec& to) const override {
    if (!valid_name(text))
      return text_mistake{0, "name " + quoted(text) + ": " + std::string(name_rule)};
    to.address = text;
    return std::nullopt;
  }
  std::string write_address(const path_spec& from) const override { return from.address; }
};

opened end_of(memory_pipe& pipe, memory_pipe::side which, const std::string& name,
              const asio::any_io_executor& executor) {
  opened result;
  result.io = pipe.end(which, executor);
  result.traits.loopback = true;
  result.traits.local = result.traits.remote = name;
  return result;
}

class memory_arrival final : public arrival {
 public:
  memory_arrival(memory_pipe pipe, std::string name, asio::any_io_executor executor)
      : pipe_(std::move(pipe)), name_(std::move(name)), executor_(std::move(executor)) {}
  memory_arrival(const memory_arrival&) = delete;
  memory_arrival& operator=(const memory_arrival&) = delete;
  ~memory_arrival() override {
    if (!adopted_) pipe_.abandon(memory_pipe::side::other);
  }

  std::string source() const override { return {}; }
  void look(std::size_t size, std::function<void(std::span<const std::byte>)> done) override {
    pipe_.look(memory_pipe::side::other, size, executor_, std::move(done));
  }
  opened adopt(const asio::any_io_executor& executor) override {
    adopted_ = true;
    return end_of(pipe_, memory_pipe::side::other, name_, executor);
  }

 private:
  memory_pipe pipe_;
  const std::string name_;
  asio::any_io_executor executor_;
  bool adopted_ = false;
};

/// One who listens. What comes is handed over on its executor.
struct memory_door {
  explicit memory_door(asio::any_io_executor e) : executor(std::move(e)) {}
  asio::any_io_executor executor;
  std::function<void(std::unique_ptr<arrival>)> take;  // of the executor's thread
};

/// Who listens in this process, by name.
class doors {
 public:
  bool add(const std::string& name, const std::shared_ptr<memory_door>& door) {
    const std::lock_guard lock(mutex_);
    return by_name_.emplace(name, door).second;
  }
  void remove(const std::string& name) {
    const std::lock_guard lock(mutex_);
    by_name_.erase(name);
  }
  /// False: nobody listens there. The lock keeps the executor alive: who stops removes the door
  /// first.
  bool knock(const std::string& name, const memory_pipe& pipe, const std::string& text) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return false;
    const auto door = found->second;
    auto far = std::make_shared<std::unique_ptr<arrival>>(
        std::make_unique<memory_arrival>(pipe, text, door->executor));
    asio::post(door->executor, [door, far] {
      if (door->take) door->take(std::move(*far));
    });
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<memory_door>> by_name_;
};

opened knock(const doors& at, const std::string& name, const std::string& text,
             const asio::any_io_executor& executor) {
  memory_pipe pipe;
  if (!at.knock(name, pipe, text))
    return {nullptr,
            {},
            std::make_error_code(std::errc::connection_refused),
            "nobody listens on " + text + " in this process",
            {}};
  return end_of(pipe, memory_pipe::side::one, text, executor);
}

class memory_target final : public target {
 public:
  memory_target(std::shared_ptr<doors> at, std::string name, std::string text,
                asio::any_io_executor executor)
      : at_(std::move(at)),
        name_(std::move(name)),
        text_(std::move(text)),
        executor_(std::move(executor)) {}
  std::unique_ptr<dial> start(const dial_terms& /*terms*/, dial_handler done) override {
    return post_dial(
        executor_,
        [at = at_, name = name_, text = text_, executor = executor_] {
          return knock(*at, name, text, executor);
        },
        std::move(done));
  }

 private:
  const std::shared_ptr<doors> at_;
  const std::string name_;
  const std::string text_;
  asio::any_io_executor executor_;
};

class memory_dialer final : public dialer {
 public:
  memory_dialer(std::shared_ptr<doors> at, const path_form& form, asio::any_io_executor executor)
      : at_(std::move(at)), form_(form), executor_(std::move(executor)) {}
  std::unique_ptr<target> aim(const path_spec& at) override {
    return std::make_unique<memory_target>(at_, at.address, form_.scheme() + "://" + at.address,
                                           executor_);
  }

 private:
  const std::shared_ptr<doors> at_;
  const path_form& form_;
  asio::any_io_executor executor_;
};

class memory_listening final : public listening {
 public:
  memory_listening(std::shared_ptr<doors> at, std::string name, std::shared_ptr<memory_door> door)
      : at_(std::move(at)), name_(std::move(name)), door_(std::move(door)) {}
  memory_listening(const memory_listening&) = delete;
  memory_listening& operator=(const memory_listening&) = delete;
  ~memory_listening() override {
    at_->remove(name_);
    door_->take = nullptr;
  }

 private:
  const std::shared_ptr<doors> at_;
  const std::string name_;
  const std::shared_ptr<memory_door> door_;
};

class memory_place final : public place {
 public:
  memory_place(std::shared_ptr<doors> at, std::string name, std::string text)
      : at_(std::move(at)), name_(std::move(name)), text_(std::move(text)) {}
  std::unique_ptr<listening> listen(const asio::any_io_executor& executor,
                                    const listen_terms& /*terms*/, listen_handlers to,
                                    failure& why) override {
    auto door = std::make_shared<memory_door>(executor);
    door->take = std::move(to.on_arrival);
    if (!at_->add(name_, door)) {
      why = {std::make_error_code(std::errc::address_in_use),
             "listen on " + text_ + ": somebody does already"};
      return nullptr;
    }
    if (to.bound) to.bound({{text_, 0}});
    return std::make_unique<memory_listening>(at_, name_, std::move(door));
  }

 private:
  const std::shared_ptr<doors> at_;
  const std::string name_;
  const std::string text_;
};

class memory_scheme final : public scheme {
 public:
  const path_form& form() const override { return form_; }
  std::unique_ptr<dialer> make_dialer(const asio::any_io_executor& executor) const override {
    return std::make_unique<memory_dialer>(doors_, form_, executor);
  }
  std::unique_ptr<place> find_place(const path_spec& at) const override {
    return std::make_unique<memory_place>(doors_, at.address, form_.scheme() + "://" + at.address);
  }

 private:
  const memory_form form_;
  const std::shared_ptr<doors> doors_ = std::make_shared<doors>();
};

}  // namespace

std::shared_ptr<const scheme> make_scheme_memory() { return std::make_shared<memory_scheme>(); }

}  // namespace rendr::transport
