// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
// Who is gone, and who is not: clients that are killed, servers that are made anew.
#include <gtest/gtest.h>
#include <poll.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <vector>

#include "net/cli_plain_socket.hpp"
#include "net/cli_process.hpp"

namespace rendr::test {
namespace {

namespace fs = std::filesystem;

using words = std::vector<std::string>;

std::string address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

struct cli_who : testing::Test {
  cli_who() {
    auto pattern = (fs::temp_directory_path() / "rendr-test-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
    process run({"keygen", "--psk", at("psk")});
    EXPECT_EQ(run.finish(), 0) << run.errors();
  }
  ~cli_who() override { fs::remove_all(dir); }

  std::string at(const std::string& name) const { return (dir / name).string(); }
  std::unique_ptr<process> serve(const std::string& state, std::uint16_t on,
                                 const std::string& grace = "24h") const {
    auto made = std::make_unique<process>(
        words{"serve", "--listen=tcp://" + address(on), "--to=" + address(target.port()),
              "--state-dir=" + at(state), "--psk-file=" + at("psk"), "--grace=" + grace});
    EXPECT_TRUE(made->await_error("serving on")) << made->errors();
    return made;
  }
  std::unique_ptr<process> pipe() const {
    return std::make_unique<process>(words{"pipe", "--path=tcp://" + address(port),
                                           "--psk-file=" + at("psk"), "--state-dir=" + at("own")});
  }
  /// The far end of a pipe that said `word`.
  plain_socket far_of(process& pipe, const std::string& word) {
    pipe.send(word);
    auto far = target.accept();
    EXPECT_EQ(far.receive(word.size()), word);
    return far;
  }

  fs::path dir;
  plain_listener target;
  std::uint16_t port = free_port();
};

TEST_F(cli_who, what_a_killed_client_left_ends_when_it_comes_back_and_a_living_one_keeps_its_own) {
  const auto server = serve("state", port);
  const auto living = pipe();
  auto far_of_living = far_of(*living, "living");
  auto killed = pipe();
  auto far_of_killed = far_of(*killed, "killed");
  killed->signal(SIGKILL);
  killed.reset();
  const auto next = pipe();
  auto far_of_next = far_of(*next, "next");
  EXPECT_EQ(far_of_killed.receive_some(100), "") << "it ended; before, it waited for 24 hours";
  EXPECT_NE(far_of_killed.error(), EAGAIN);
  living->send("still");
  EXPECT_EQ(far_of_living.receive(5), "still");
  next->send("too");
  EXPECT_EQ(far_of_next.receive(3), "too");
}

TEST_F(cli_who, a_server_made_anew_with_the_same_key_ends_old_connections_in_seconds) {
  auto server = serve("first", port);
  const auto client = pipe();
  auto far = far_of(*client, "hello");
  server->signal(SIGKILL);
  server.reset();
  server = serve("second", port);
  EXPECT_TRUE(client->await_error("proved its key")) << client->errors();
  EXPECT_EQ(client->finish(), 3) << client->errors();
}

TEST_F(cli_who, a_second_server_on_one_state_directory_says_so_and_both_serve) {
  const auto first = serve("state", port);
  const auto beside = serve("state", free_port());
  EXPECT_NE(beside->errors().find("another server uses it"), std::string::npos) << beside->errors();
  EXPECT_EQ(first->errors().find("another server uses it"), std::string::npos);
}

TEST_F(cli_who, a_program_that_was_killed_resets_what_it_carried_and_ends_nothing_in_order) {
  for (const bool forward_dies : {true, false}) {
    port = free_port();
    const auto local = free_port();
    const auto server = serve("state", port);
    process client({"forward", "--listen=" + address(local), "--path=tcp://" + address(port),
                    "--psk-file=" + at("psk"), "--state-dir=" + at("own")});
    ASSERT_TRUE(client.await_error("link is up")) << client.errors();
    auto near = plain_socket::connect(local);
    ASSERT_TRUE(near.send("half of it"));
    auto far = target.accept();
    EXPECT_EQ(far.receive(10), "half of it");
    ASSERT_TRUE(far.send("and half of that"));
    EXPECT_EQ(near.receive(16), "and half of that");
    auto& witness = forward_dies ? near : far;
    (forward_dies ? client : *server).signal(SIGKILL);
    EXPECT_EQ(witness.receive_some(1), "");
    EXPECT_EQ(witness.error(), ECONNRESET) << "no end of stream";
  }
}

TEST_F(cli_who, an_end_of_stream_stays_one_when_the_program_is_killed_behind_it) {
  const auto local = free_port();
  const auto server = serve("state", port);
  process client({"forward", "--listen=" + address(local), "--path=tcp://" + address(port),
                  "--psk-file=" + at("psk"), "--state-dir=" + at("own")});
  ASSERT_TRUE(client.await_error("link is up")) << client.errors();
  auto near = plain_socket::connect(local);
  ASSERT_TRUE(near.send("x"));
  auto far = target.accept();
  ASSERT_TRUE(far.send("all of it"));
  far.finish_sending();
  ASSERT_TRUE(near.readable());
  ASSERT_TRUE(near.receive(9) == "all of it" && near.readable());
  client.signal(SIGKILL);
  EXPECT_EQ(near.receive_some(1), "");
  EXPECT_EQ(near.error(), 0);
}

TEST_F(cli_who, a_server_that_is_told_to_end_does_not_wait_for_a_client_that_was_killed) {
  const auto server = serve("state", port);
  auto client = pipe();
  auto far = far_of(*client, "hello");
  client->signal(SIGKILL);
  client.reset();
  server->signal(SIGTERM);
  EXPECT_EQ(server->finish(), 0) << server->errors();
}

std::ptrdiff_t descriptors(const process& program) {
  const fs::directory_iterator all("/proc/" + std::to_string(program.id()) + "/fd");
  return std::distance(begin(all), end(all));
}

TEST_F(cli_who, of_clients_that_were_killed_no_descriptor_is_left_when_their_grace_is_over) {
  const auto server = serve("state", port, "1s");
  const auto at_first = descriptors(*server);
  std::vector<plain_socket> fars;
  {
    std::vector<std::unique_ptr<process>> clients;
    for (int i = 0; i < 5; ++i) {
      clients.push_back(pipe());
      fars.push_back(far_of(*clients.back(), "hello"));
    }
    EXPECT_GE(descriptors(*server), at_first + 10) << "a path and a target each";
  }
  for (auto& far : fars) {
    EXPECT_EQ(far.receive_some(1), "");
    EXPECT_NE(far.error(), EAGAIN) << "its grace was over";
  }
  for (int i = 0; i < 6'000 && descriptors(*server) > at_first; ++i) ::poll(nullptr, 0, 10);
  EXPECT_LE(descriptors(*server), at_first);
}

}  // namespace
}  // namespace rendr::test
