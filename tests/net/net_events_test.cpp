// SPDX-License-Identifier: Apache-2.0
// ctest: serial
#include "transport/net_events.hpp"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/echo.hpp"
#include "support/net_fixture.hpp"
#include "support/netns.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr ipv4 server_address = {10, 9, 0, 1};
constexpr ipv4 first_address = {10, 1, 0, 1};
constexpr ipv4 second_address = {10, 2, 0, 1};
constexpr ipv4 device_address = {10, 3, 0, 1};

double ms(clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

/// What a link tells of its paths, and when.
class diary {
 public:
  struct entry {
    clock::time_point when;
    events::path_changed what;
  };
  link_observer observer() {
    return [this](const link_event& event) {
      const auto* change = std::get_if<events::path_changed>(&event.what);
      if (change == nullptr) return;
      const std::lock_guard lock(mutex_);
      entries_.push_back({clock::now(), *change});
      changed_.notify_all();
    };
  }
  /// The first change of `path` to `phase` since `from`; nullopt: none in 15 s.
  std::optional<entry> wait(const std::string& path, path_phase phase, clock::time_point from) {
    std::unique_lock lock(mutex_);
    std::optional<entry> found;
    changed_.wait_for(lock, 15s, [&] {
      const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) {
        return e.when >= from && e.what.path == path && e.what.to == phase;
      });
      if (it != entries_.end()) found = *it;
      return found.has_value();
    });
    return found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<entry> entries_;
};

/// Everything in a namespace of its own, with the addresses of both ends on its loopback and one on
/// a device.
class network : public linked_test {
 protected:
  void SetUp() override {
    if (const auto why = netns::unavailable(); !why.empty()) GTEST_SKIP() << why;
    here_.emplace();
    for (const auto& address : {server_address, first_address, second_address})
      here_->add_address("lo", address);
    device_ = here_->tun("t0", device_address, {10, 3, 0, 2}, 1500);
    inside_.emplace(*here_);
    linked_test::SetUp();
  }
  void TearDown() override {
    if (!inside_) return;
    near.close();
    if (echo_.joinable()) echo_.join();
    linked_test::TearDown();
    inside_.reset();
  }
  void connect_from(const std::vector<ipv4>& local) {
    server = std::make_unique<runtime>();
    door = std::make_unique<listener>(*server);
    listen_options where;
    where.host = text(server_address);
    where.insecure = true;
    ASSERT_FALSE(door->listen(where).code);
    client = std::make_unique<runtime>();
    ASSERT_FALSE(client->status().network_watch.code) << client->status().network_watch.detail;
    link_options options;
    options.insecure = true;
    options.on_event = seen.observer();
    for (const auto& address : local) {
      auto path = path_to(door->port());
      path.host = text(server_address);
      path.bind = text(address);
      options.paths.push_back(path);
    }
    line = std::make_unique<link>(*client);
    const auto began = clock::now();
    const auto failed = line->connect(std::move(options));
    ASSERT_FALSE(failed.code) << failed.detail;
    for (std::size_t i = 1; i <= local.size(); ++i)
      ASSERT_TRUE(seen.wait("p" + std::to_string(i), path_phase::standby, began));
    open();
    echo_ = std::thread([this] {
      echo(far);
      far.shutdown_send();
    });
  }
  void round_trip(std::size_t size = 4096) {
    const auto text = pattern(size, at_);
    at_ += size;
    asio::write(near, asio::buffer(text));
    std::string back(size, '\0');
    asio::read(near, asio::buffer(back));
    ASSERT_TRUE(back == text);
  }
  path_status path(std::size_t i) const { return line->status().paths.at(i); }

  std::optional<netns> here_;
  diary seen;

 private:
  owned_fd device_;
  std::optional<netns::scope> inside_;
  std::thread echo_;
  std::size_t at_ = 0;
};

TEST_F(network, that_takes_the_address_of_the_path_in_use_moves_the_flow_at_once) {
  connect_from({first_address, second_address});
  for (int i = 0; i < 20; ++i) round_trip();
  ASSERT_TRUE(path(0).carries_data);

  const auto gone = clock::now();
  here_->remove_address("lo", first_address);
  const auto left = seen.wait("p1", path_phase::suspect, gone);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->what.why, cause::network_changed) << left->what.detail;
  EXPECT_EQ(left->what.detail, "10.1.0.1 left lo");
  round_trip(1 << 20);
  std::printf("left %.2f ms after the address, 1 MiB came back after %.2f ms\n",
              ms(left->when - gone), ms(clock::now() - gone));
  EXPECT_LT(left->when - gone, 1s);
  EXPECT_TRUE(path(1).carries_data);
  EXPECT_GE(client->status().network_changes, 1u);

  const auto back = clock::now();
  here_->add_address("lo", first_address);
  const auto attached = seen.wait("p1", path_phase::standby, back);
  ASSERT_TRUE(attached);
  std::printf("attached again %.2f ms after its return\n", ms(attached->when - back));
  EXPECT_LT(attached->when - back, 2s);
  round_trip(1 << 20);
}

TEST_F(network, whose_address_returns_after_the_death_of_its_path_is_dialled_at_once) {
  connect_from({first_address, second_address});
  round_trip();
  const auto gone = clock::now();
  here_->remove_address("lo", first_address);
  ASSERT_TRUE(seen.wait("p1", path_phase::suspect, gone));
  round_trip();
  ASSERT_TRUE(seen.wait("p1", path_phase::dead, gone));
  round_trip();
  const auto back = clock::now();
  here_->add_address("lo", first_address);
  const auto attached = seen.wait("p1", path_phase::standby, back);
  ASSERT_TRUE(attached);
  std::printf("attached again %.2f ms after its return\n", ms(attached->when - back));
  EXPECT_LT(attached->when - back, 2s);
  round_trip();
}

TEST_F(network, with_a_device_that_goes_down_is_doubted_and_used_again_when_it_answers) {
  connect_from({device_address, second_address});
  for (int i = 0; i < 20; ++i) round_trip();
  const auto gone = clock::now();
  here_->set_up("t0", false);  // between addresses of one machine packets still pass
  const auto left = seen.wait("p1", path_phase::suspect, gone);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->what.why, cause::network_changed);
  EXPECT_EQ(left->what.detail, "t0 of 10.3.0.1 is down");
  round_trip(1 << 20);
  EXPECT_TRUE(seen.wait("p1", path_phase::standby, left->when));
  round_trip();
}

TEST_F(network, is_not_watched_when_the_options_say_so) {
  runtime_options options;
  options.watch_network = false;
  client = std::make_unique<runtime>(std::move(options));
  const auto descriptors = open_descriptors();
  runtime watching;
  EXPECT_FALSE(client->status().network_watch.code);
  here_->remove_address("lo", first_address);
  while (watching.status().network_changes == 0) std::this_thread::yield();
  EXPECT_EQ(client->status().network_changes, 0u);
  EXPECT_GT(open_descriptors(), descriptors);
}

TEST_F(network, gives_an_embedders_context_no_work_while_there_is_no_link) {
  asio::io_context context;
  runtime embedded(context);
  context.run_for(10s);
  EXPECT_TRUE(context.stopped()) << "it ran out of work";
}

/// Netlink messages that the kernel dropped in this namespace.
std::uint64_t dropped_messages() {
  std::ifstream table("/proc/thread-self/net/netlink");
  std::string row;
  std::getline(table, row);
  std::uint64_t total = 0;
  while (std::getline(table, row)) {  // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    std::istringstream fields(row);
    std::string skipped;
    std::uint64_t drops = 0;
    for (int i = 0; i < 8; ++i) fields >> skipped;
    fields >> drops;
    total += drops;
  }
  return total;
}

/// The watch alone, on a context that the test runs.
class network_watch : public network {
 protected:
  void SetUp() override {
    network::SetUp();
    if (IsSkipped()) return;
    std::error_code code;
    context_.emplace(1);
    watch_ = transport::net_events::open(
        context_->get_executor(),
        [this](const transport::net_change& change) {
          ++reports_;
          for (const auto& loss : change.lost) lost_.push_back(loss.detail);
        },
        code);
    ASSERT_TRUE(watch_) << code.message();
  }
  void TearDown() override {
    watch_.reset();
    if (context_) {
      context_->restart();
      context_->run();
      context_.reset();
    }
    network::TearDown();
  }
  /// Runs until there are so many reports.
  void await_reports(std::size_t n) {
    context_->restart();
    const auto until = clock::now() + 10s;
    while (reports_ < n && context_->run_one_until(until) != 0) {
    }
    ASSERT_GE(reports_, n);
  }

  std::optional<asio::io_context> context_;
  std::unique_ptr<transport::net_events> watch_;
  std::size_t reports_ = 0;
  std::vector<std::string> lost_;
};

TEST_F(network_watch, reports_a_burst_of_changes_in_few_words) {
  watch_->watch(true);
  here_->remove_address("lo", first_address);
  await_reports(1);
  EXPECT_EQ(lost_, std::vector<std::string>{"10.1.0.1 left lo"});
  for (std::uint8_t i = 1; i <= 100; ++i) here_->add_address("lo", {10, 5, 0, i});
  for (std::uint8_t i = 1; i <= 100; ++i) here_->remove_address("lo", {10, 5, 0, i});
  here_->remove_address("lo", second_address);
  await_reports(2);
  EXPECT_LE(reports_, 5u);
  EXPECT_EQ(lost_.back(), "10.2.0.1 left lo");
}

TEST_F(network_watch, finds_out_what_the_kernel_had_to_drop) {
  here_->remove_address("lo", first_address);
  for (int round = 0; round < 8; ++round) {  // more than a socket buffer of messages
    for (std::uint8_t i = 1; i <= 250; ++i) here_->add_address("lo", {10, 5, 0, i});
    for (std::uint8_t i = 1; i <= 250; ++i) here_->remove_address("lo", {10, 5, 0, i});
  }
  ASSERT_GT(dropped_messages(), 0u);
  watch_->watch(true);
  await_reports(1);
  EXPECT_EQ(lost_, std::vector<std::string>{"10.1.0.1 left lo"});
}

TEST_F(network_watch, tells_a_device_that_was_made_anew_between_two_looks) {
  auto device = here_->tun("made0", {10, 7, 0, 1}, {10, 7, 0, 2}, 1500);
  watch_->watch(true);
  await_reports(1);
  watch_->watch(false);
  device = owned_fd();
  device = here_->tun("made0", {10, 7, 0, 1}, {10, 7, 0, 2}, 1500);
  lost_.clear();
  const auto before = reports_;
  watch_->watch(true);
  await_reports(before + 1);
  EXPECT_EQ(lost_, std::vector<std::string>{"made0 of 10.7.0.1 was made anew"});
}

TEST_F(network_watch, that_is_off_reports_nothing_and_forgets_nothing) {
  watch_->watch(true);
  watch_->watch(false);
  here_->remove_address("lo", second_address);
  context_->run();
  EXPECT_EQ(reports_, 0u);
  watch_->watch(true);
  await_reports(1);
  EXPECT_EQ(lost_, std::vector<std::string>{"10.2.0.1 left lo"});
}

}  // namespace
}  // namespace rendr::test
