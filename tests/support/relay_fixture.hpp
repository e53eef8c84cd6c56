// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "support/echo.hpp"
#include "support/fault_relay.hpp"
#include "support/net_fixture.hpp"

namespace rendr::test {

/// Keeps what a link tells and lets a test wait for it, 15 s at most.
class event_log {
 public:
  link_observer observer() {
    return [this](const link_event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
  }
  /// The n-th time that path `name` came to `phase`; false: it did not.
  bool wait_phase(const std::string& name, path_phase phase, std::size_t n = 1) {
    return wait([&] {
      const auto times = std::count_if(events_.begin(), events_.end(), [&](const auto& event) {
        const auto* change = std::get_if<events::path_changed>(&event.what);
        return change != nullptr && change->path == name && change->to == phase;
      });
      return static_cast<std::size_t>(times) >= n;
    });
  }
  bool wait_attached(const std::string& name) {
    return wait([&] {
      return std::any_of(events_.begin(), events_.end(), [&](const auto& event) {
        const auto* change = std::get_if<events::path_changed>(&event.what);
        return change != nullptr && change->path == name &&
               (change->to == path_phase::standby || change->to == path_phase::active);
      });
    });
  }
  template <class Event>
  bool wait_for() {
    return wait([&] {
      return std::any_of(events_.begin(), events_.end(), [](const auto& event) {
        return std::holds_alternative<Event>(event.what);
      });
    });
  }
  /// The newest move from one child to another; nullopt: there was none so far.
  std::optional<events::migration> newest_move() const {
    const std::lock_guard lock(mutex_);
    return last_move();
  }
  /// Waits for one.
  std::optional<events::migration> wait_move() {
    wait([&] { return last_move().has_value(); });
    const std::lock_guard lock(mutex_);
    return last_move();
  }

 private:
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(15), condition);
  }
  std::optional<events::migration> last_move() const {
    const auto it = std::find_if(events_.rbegin(), events_.rend(), [](const auto& event) {
      return std::holds_alternative<events::migration>(event.what);
    });
    if (it == events_.rend()) return std::nullopt;
    const auto& move = std::get<events::migration>(it->what);
    if (move.from.empty()) return std::nullopt;
    return move;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<link_event> events_;
};

/// A server behind three relays, which do to the paths through them what a test wants.
class relayed_test : public linked_test {
 protected:
  void SetUp() override {
    linked_test::SetUp();
    serve();
    for (auto& relay : relays) relay = std::make_unique<fault_relay>(door->port());
  }
  void TearDown() override {
    near.close();
    if (echo_.joinable()) echo_.join();
    far.close();
    // Both before the relays, which may hold the goodbye.
    if (client) client->shutdown();
    if (server) server->shutdown();
    for (auto& relay : relays) relay.reset();
    linked_test::TearDown();
  }

  /// The far side sends back what it reads.
  void open_echo() {
    open();
    echo_ = std::thread([this] { echo(far); });
  }
  std::chrono::milliseconds round_trip(const std::string& text = pattern(1024)) {
    const auto start = std::chrono::steady_clock::now();
    asio::write(near, asio::buffer(text));
    std::string back(text.size(), '\0');
    asio::read(near, asio::buffer(back));
    EXPECT_TRUE(back == text);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 start);
  }

  std::array<std::unique_ptr<fault_relay>, 3> relays;
  event_log seen;

 private:
  std::thread echo_;
};

}  // namespace rendr::test
