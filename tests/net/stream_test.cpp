// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <future>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

class stream_over_tcp : public linked_test {};

TEST_F(stream_over_tcp, carries_bytes_both_ways_and_ends_at_the_fin) {
  connect();
  open();
  asio::write(near, asio::buffer("ping", 4));
  std::string text(4, '\0');
  asio::read(far, asio::buffer(text));
  EXPECT_EQ(text, "ping");
  asio::write(far, asio::buffer("pong", 4));
  asio::read(near, asio::buffer(text));
  EXPECT_EQ(text, "pong");
  EXPECT_EQ(near.id(), far.id());
  EXPECT_EQ(near.remote_endpoint(), far.local_endpoint());
}

TEST_F(stream_over_tcp, half_close_ends_one_direction_only) {
  connect();
  open();
  asio::write(near, asio::buffer("last", 4));
  ASSERT_FALSE(near.shutdown_send());
  std::string text;
  std::error_code code;
  asio::read(far, asio::dynamic_buffer(text), code);
  EXPECT_EQ(code, asio::error::eof);
  EXPECT_EQ(text, "last");
  asio::write(far, asio::buffer("still", 5));
  std::string back(5, '\0');
  asio::read(near, asio::buffer(back));
  EXPECT_EQ(back, "still");
}

TEST_F(stream_over_tcp, megabytes_arrive_whole_both_ways_at_once) {
  connect();
  open();
  const auto text = pattern(16u << 20);
  const auto send = [&](stream& to) {
    asio::write(to, asio::buffer(text));
    to.shutdown_send();
  };
  const auto receive = [&](stream& from) {
    std::string got;
    std::error_code code;
    asio::read(from, asio::dynamic_buffer(got), code);
    EXPECT_EQ(code, asio::error::eof);
    return got == text;
  };
  auto one = std::async(std::launch::async, [&] { send(near); });
  auto two = std::async(std::launch::async, [&] { send(far); });
  auto three = std::async(std::launch::async, [&] { return receive(near); });
  EXPECT_TRUE(receive(far));
  EXPECT_TRUE(three.get());
}

}  // namespace
}  // namespace rendr::test
