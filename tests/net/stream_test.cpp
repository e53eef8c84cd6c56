// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>
#include <filesystem>
#include <future>
#include <utility>

#include "runtime/read_now.hpp"
#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

class stream_over_tcp : public linked_test {};

/// What `to` reads of what `from` wrote.
std::string carried(stream& from, stream& to, const std::string& text) {
  asio::write(from, asio::buffer(text));
  std::string read(text.size(), '\0');
  asio::read(to, asio::buffer(read));
  return read;
}

/// TCP_NOTSENT_LOWAT of each connection of this process; 0: as many bytes as its buffer holds.
std::vector<int> unsent_limits() {
  std::vector<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const auto fd = std::stoi(entry.path().filename());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family != AF_INET) continue;
    int limit = -1;
    size = sizeof limit;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, &size) == 0) all.push_back(limit);
  }
  return all;
}

TEST_F(stream_over_tcp, carries_bytes_both_ways_and_ends_at_the_fin) {
  connect();
  open();
  EXPECT_EQ(carried(near, far, "ping"), "ping");
  EXPECT_EQ(carried(far, near, "pong"), "pong");
  EXPECT_EQ(near.id(), far.id());
  EXPECT_EQ(near.remote_endpoint(), far.local_endpoint());
}

// A bond shares out by what a path refuses: a kernel that takes megabytes for a line whose window
// collapsed would hold what the receiver waits for.
TEST_F(stream_over_tcp, the_system_keeps_little_unsent_also_of_a_path_that_was_never_filled) {
  connect();
  open();
  EXPECT_EQ(carried(near, far, "ping"), "ping");
  EXPECT_EQ(carried(far, near, "pong"), "pong");
  const auto limits = unsent_limits();
  EXPECT_EQ(limits.size(), 2u);
  for (const auto limit : limits) {
    EXPECT_GT(limit, 0);
    EXPECT_LE(limit, 256 * 1024);
  }
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

TEST_F(stream_over_tcp, what_is_there_is_read_at_once_and_nothing_is_waited_for) {
  connect();
  open();
  std::array<std::byte, 16> space{};
  using answer = std::pair<std::error_code, std::size_t>;
  const auto now = [&] {
    return asio::post(far.get_executor(), std::packaged_task<answer()>([&] {
                        std::error_code code;
                        const auto n = read_now(far, space, code);
                        return answer{code, n};
                      }))
        .get();
  };
  const auto nothing = make_error_code(std::errc::operation_would_block);
  EXPECT_EQ(now(), answer(nothing, 0));
  std::error_code code;
  asio::write(near, asio::buffer("four", 4));
  far.wait(stream::wait_type::readable, code);
  EXPECT_EQ(now(), answer(std::error_code(), 4));
  EXPECT_EQ(now(), answer(nothing, 0));

  std::array<char, 5> later{};
  auto waiting = far.async_read_some(asio::buffer(later), asio::use_future);
  EXPECT_EQ(now(), answer(make_error_code(std::errc::operation_in_progress), 0));
  asio::write(near, asio::buffer("other", 5));
  EXPECT_EQ(waiting.get(), later.size());

  ASSERT_FALSE(near.shutdown_send());
  far.wait(stream::wait_type::readable, code);
  EXPECT_EQ(now(), answer(std::error_code(asio::error::eof), 0));
  far.close();
  EXPECT_EQ(now().first, errc::closed);
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
