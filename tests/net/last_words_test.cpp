// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// What a peer sent before its connection broke, though our own write is the first to fail.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

/// Carries bytes between a client's connection and a server's port, until it is told to keep what
/// the server sends.
class keeping_relay {
 public:
  keeping_relay(int client, std::uint16_t server_port) : client_(client) {
    server_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // What is kept goes out at once, or the reset that follows would overtake it.
    const int on = 1;
    ::setsockopt(client_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connected_ = ::connect(server_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    thread_ = std::thread([this] { run(); });
  }
  keeping_relay(const keeping_relay&) = delete;
  keeping_relay& operator=(const keeping_relay&) = delete;
  ~keeping_relay() {
    if (thread_.joinable()) thread_.join();
    if (client_ >= 0) ::close(client_);
    ::close(server_);
  }

  bool connected() const { return connected_; }
  void keep() { keeping_ = true; }
  /// Waits for the server's end, hands over all that was kept, and resets the client's connection.
  void hand_over() {
    thread_.join();
    std::size_t sent = 0;
    while (sent < kept_.size()) {
      const auto n = ::send(client_, kept_.data() + sent, kept_.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    const linger now{1, 0};
    ::setsockopt(client_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(client_);
    client_ = -1;
  }

 private:
  void run() {
    std::string part(64 << 10, '\0');
    for (;;) {
      pollfd ends[2] = {{client_, POLLIN, 0}, {server_, POLLIN, 0}};
      ::poll(ends, 2, -1);
      if ((ends[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        const auto n = ::read(server_, part.data(), part.size());
        if (n <= 0) return;
        if (keeping_) {
          kept_.append(part, 0, static_cast<std::size_t>(n));
        } else {
          ::send(client_, part.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
        }
      }
      if ((ends[0].revents & POLLIN) != 0) {
        const auto n = ::read(client_, part.data(), part.size());
        if (n <= 0) return;
        ::send(server_, part.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
      }
    }
  }

  int client_;
  int server_ = -1;
  bool connected_ = false;
  std::atomic<bool> keeping_{false};
  std::string kept_;
  std::thread thread_;
};

class last_words : public linked_test {
 protected:
  /// A runtime that ends discards what it has not sent yet. The loop sends in a turn that it asks
  /// for while it takes the bytes: a turn that is asked for after that comes behind it.
  void let_them_leave() {
    std::promise<void> sent;
    asio::post(far.get_executor(),
               [&] { asio::post(far.get_executor(), [&] { sent.set_value(); }); });
    sent.get_future().get();
  }
  /// The server says its last words and is gone; the client writes before it reads them.
  void say_and_read_them(keeping_relay& relay) {
    relay.keep();
    asio::write(far, asio::buffer("last words", 10));
    let_them_leave();
    far.shutdown_send();
    far.close();
    door.reset();
    server.reset();
    std::promise<void> written;
    asio::post(near.get_executor(), [&] {
      relay.hand_over();
      near.async_write_some(asio::buffer("x", 1), [](std::error_code, std::size_t) {});
      written.set_value();
    });
    written.get_future().get();
    near.expires_after(20s);
    std::string got(10, '\0');
    std::error_code code;
    EXPECT_EQ(near.read_some(asio::buffer(got), code), 10u) << code.message();
    EXPECT_EQ(got, "last words");
    EXPECT_EQ(near.read_some(asio::buffer(got), code), 0u);
    EXPECT_EQ(code, asio::error::eof);
    line->wait(link::wait_type::down);  // that was told before the end
  }
};

TEST_F(last_words, are_read_from_a_pair_of_sockets_that_takes_nothing_more) {
  serve();
  client = std::make_unique<runtime>();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  keeping_relay relay(ends[1], door->port());
  ASSERT_TRUE(relay.connected());
  ASSERT_FALSE(client->add_transport("pair", one_connection(ends[0])).code);
  link_options options;
  path_spec path;
  path.transport = "pair";
  options.paths.push_back(path);
  dial({}, options);
  open();
  say_and_read_them(relay);
}

TEST_F(last_words, are_read_from_a_connection_that_was_reset) {
  serve();
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
  ASSERT_EQ(::listen(listening, 8), 0);
  socklen_t size = sizeof here;
  ASSERT_EQ(::getsockname(listening, reinterpret_cast<sockaddr*>(&here), &size), 0);
  auto dialed = std::async(std::launch::async, [&] { dial({ntohs(here.sin_port)}); });
  {
    keeping_relay relay(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC), door->port());
    ASSERT_TRUE(relay.connected());
    dialed.get();
    open();
    say_and_read_them(relay);
  }
  ::close(listening);
}

}  // namespace
}  // namespace rendr::test
