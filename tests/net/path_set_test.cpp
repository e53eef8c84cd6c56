// SPDX-License-Identifier: Apache-2.0
// Paths that are attached and detached while a flow runs.
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "support/relay_fixture.hpp"

namespace rendr::test {
namespace {

class path_set : public linked_test {
 protected:
  void SetUp() override {
    linked_test::SetUp();
    serve();
    link_options options;
    options.on_event = seen.observer();
    dial({door->port()}, std::move(options));
    ASSERT_TRUE(seen.wait_attached("p1"));
  }

  event_log seen;
};

std::vector<std::string> names(const link& of) {
  std::vector<std::string> out;
  for (const auto& path : of.status().paths) out.push_back(path.name);
  return out;
}

// Each path is replaced by a new one without a name, full as it is.
TEST_F(path_set, is_replaced_again_and_again_under_a_transfer) {
  open();
  std::atomic<bool> enough = false;
  std::string sent;
  auto writer = std::async(std::launch::async, [&] {
    while (!enough) {
      const auto piece = pattern(256 << 10, sent.size());
      asio::write(near, asio::buffer(piece));
      sent += piece;
    }
    near.shutdown_send();
  });
  auto reader = std::async(std::launch::async, [&] {
    std::string got;
    std::error_code code;
    asio::read(far, asio::dynamic_buffer(got), code);
    EXPECT_EQ(code, asio::error::eof);
    return got;
  });
  std::string current = "p1";
  for (int i = 2; i <= 80; ++i) {
    const auto made = line->attach(path_to(door->port()));
    ASSERT_FALSE(made.code) << made.detail;
    const auto there = names(*line);
    ASSERT_EQ(there.size(), 2u);
    const auto next = there[0] == current ? there[1] : there[0];
    ASSERT_TRUE(seen.wait_attached(next)) << next;
    // On a busy machine the new one may be suspect for a moment, and is no living path then.
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    auto gone = line->detach(current);
    while (gone.code == errc::refused && std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
      gone = line->detach(current);
    }
    ASSERT_FALSE(gone.code) << gone.detail;
    ASSERT_TRUE(seen.wait_phase(current, path_phase::dead)) << current;
    current = next;
  }
  enough = true;
  writer.get();
  EXPECT_TRUE(reader.get() == sent);
  EXPECT_GT(sent.size(), 1u << 20);
  EXPECT_EQ(names(*line), std::vector{current});
}

TEST_F(path_set, the_last_path_cannot_be_detached_and_a_name_is_taken_once) {
  EXPECT_EQ(line->detach("p1").code, errc::refused);
  EXPECT_EQ(line->attach(path_to(door->port(), "p1")).code, errc::invalid_argument);
  EXPECT_EQ(line->detach("p2").code, errc::invalid_argument);
}

}  // namespace
}  // namespace rendr::test
