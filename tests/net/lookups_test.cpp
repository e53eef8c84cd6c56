// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// Look-ups of names that hang, lie and fail; the resolver here answers when a test says so.
#include "transport/lookups.hpp"

#include <gtest/gtest.h>

#include <asio/error.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>

#include "rendr/error.hpp"

namespace rendr::transport {
namespace {

using namespace std::chrono_literals;

resolved found(const char* address) {
  return {{}, {}, {{asio::ip::make_address(address), std::uint16_t{0}}}};
}
resolved failed() { return {asio::error::host_not_found_try_again, "no answer", {}}; }

/// A resolver whose look-ups hang until they are answered, each name's oldest first.
class slow_resolver {
 public:
  resolved ask(const std::string& host) {
    std::unique_lock lock(mutex_);
    const auto number = ++begun_[host];
    changed_.notify_all();
    changed_.wait(lock, [&] { return over_ || answers_.contains({host, number}); });
    return over_ ? failed() : answers_[{host, number}];
  }
  void answer(const std::string& host, unsigned number, resolved what) {
    const std::lock_guard lock(mutex_);
    answers_[{host, number}] = std::move(what);
    changed_.notify_all();
  }
  /// Waits until so many look-ups of the name have begun.
  bool begun(const std::string& host, unsigned n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return begun_[host] >= n; });
  }
  unsigned count(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return begun_[host];
  }
  void end() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, unsigned> begun_;
  std::map<std::pair<std::string, unsigned>, resolved> answers_;
  bool over_ = false;
};

class lookups_test : public testing::Test {
 protected:
  std::future<resolved> find(const std::string& host, duration max_age = duration(0)) {
    const auto told = std::make_shared<std::promise<resolved>>();
    names.find(host, max_age, [told](const resolved& answer) { told->set_value(answer); });
    return told->get_future();
  }
  static resolved get(std::future<resolved>& waits) {
    return waits.wait_for(20s) == std::future_status::ready ? waits.get()
                                                            : resolved{errc::timed_out, {}, {}};
  }
  static bool ready(std::future<resolved>& waits) {
    return waits.wait_for(0s) == std::future_status::ready;
  }
  /// Until the clock has passed what overtaking asks for, a look-up is not overtaken.
  void overtake(const std::string& host, unsigned n) {
    while (slow->count(host) < n) names.overtake(host);
  }
  void TearDown() override { slow->end(); }

  std::shared_ptr<slow_resolver> slow = std::make_shared<slow_resolver>();
  lookups names{[here = slow](const std::string& host) { return here->ask(host); }};
};

TEST_F(lookups_test, those_who_ask_at_the_same_time_share_one) {
  auto first = find("a");
  auto second = find("a");
  ASSERT_TRUE(slow->begun("a", 1));
  slow->answer("a", 1, found("192.0.2.1"));
  EXPECT_FALSE(get(first).code);
  EXPECT_FALSE(get(second).code);
  EXPECT_EQ(slow->count("a"), 1u);
}

TEST_F(lookups_test, an_answer_is_used_again_while_it_is_young_enough) {
  auto first = find("a");
  slow->answer("a", 1, found("192.0.2.1"));
  ASSERT_FALSE(get(first).code);
  auto again = find("a", 1h);
  EXPECT_TRUE(ready(again));
  auto anew = find("a", duration(0));
  EXPECT_TRUE(slow->begun("a", 2));
}

TEST_F(lookups_test, a_change_of_the_network_makes_answers_old) {
  auto first = find("a");
  slow->answer("a", 1, failed());
  EXPECT_TRUE(get(first).code);
  names.network_changed();
  auto anew = find("a", 1h);
  EXPECT_TRUE(slow->begun("a", 2));
}

TEST_F(lookups_test, one_that_hangs_is_overtaken_by_a_second_one) {
  auto waits = find("a");
  ASSERT_TRUE(slow->begun("a", 1));
  overtake("a", 2);
  slow->answer("a", 2, found("192.0.2.2"));
  EXPECT_EQ(get(waits).addresses.at(0).address().to_string(), "192.0.2.2");
  slow->answer("a", 1, found("192.0.2.1"));  // the late one is no news
  auto again = find("a", 1h);
  EXPECT_EQ(get(again).addresses.at(0).address().to_string(), "192.0.2.2");
}

TEST_F(lookups_test, nobody_waits_for_one_that_was_overtaken) {
  auto waits = find("a");
  ASSERT_TRUE(slow->begun("a", 1));
  overtake("a", 2);
  slow->answer("a", 2, found("192.0.2.2"));
  ASSERT_FALSE(get(waits).code);
  auto again = find("a", 1h);
  EXPECT_TRUE(ready(again));
  auto anew = find("a", duration(0));
  ASSERT_TRUE(slow->begun("a", 3)) << "at once";
  slow->answer("a", 3, found("192.0.2.3"));
  EXPECT_EQ(get(anew).addresses.at(0).address().to_string(), "192.0.2.3");
}

TEST_F(lookups_test, one_that_failed_is_not_the_last_word_while_another_is_under_way) {
  auto waits = find("a");
  ASSERT_TRUE(slow->begun("a", 1));
  names.network_changed();
  ASSERT_TRUE(slow->begun("a", 2));
  slow->answer("a", 1, failed());
  slow->answer("a", 2, found("192.0.2.2"));
  EXPECT_FALSE(get(waits).code);
}

TEST_F(lookups_test, stuck_names_stall_no_other_one) {
  std::vector<std::future<resolved>> stuck;
  const auto name = [](int i) { return "stuck" + std::to_string(i); };
  for (int asks = 0; asks < 50; ++asks) {
    for (int i = 0; i < 10; ++i) stuck.push_back(find(name(i)));
  }
  for (int i = 0; i < 10; ++i) {
    overtake(name(i), 2);
    names.overtake(name(i));
    EXPECT_EQ(slow->count(name(i)), 2u) << "threads of one name";
  }
  auto quick = find("quick");
  slow->answer("quick", 1, found("192.0.2.1"));
  EXPECT_FALSE(get(quick).code);
}

TEST_F(lookups_test, beyond_the_threads_they_wait_and_beyond_that_they_are_refused) {
  std::vector<std::future<resolved>> all;
  for (int i = 0; i < 256; ++i) all.push_back(find("n" + std::to_string(i)));
  EXPECT_FALSE(ready(all.back()));
  auto refused = find("one too many");
  EXPECT_EQ(get(refused).code, std::errc::resource_unavailable_try_again);
  for (int i = 0; i < 256; ++i) slow->answer("n" + std::to_string(i), 1, found("192.0.2.1"));
  for (auto& one : all) EXPECT_FALSE(get(one).code);
  auto room = find("one too many");
  slow->answer("one too many", 1, found("192.0.2.1"));
  EXPECT_FALSE(get(room).code) << "what was answered makes room";
}

TEST_F(lookups_test, a_literal_address_waits_for_nothing) {
  const auto six = resolve_within(names, "::1", 7, 0s);
  EXPECT_EQ(six.addresses.at(0).port(), 7);
  EXPECT_EQ(slow->count("::1"), 0u);
}

TEST_F(lookups_test, waiting_ends) {
  EXPECT_EQ(resolve_within(names, "stuck", 7, 1ms).code, errc::timed_out);
}

}  // namespace
}  // namespace rendr::transport
