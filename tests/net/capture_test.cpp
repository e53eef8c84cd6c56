// SPDX-License-Identifier: Apache-2.0
// What somebody who hears a path sees of it, taken from the wire by a packet socket.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/net_fixture.hpp"
#include "support/netns.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::test {
namespace {

constexpr std::string_view marker = "the end of what is captured";
constexpr std::string_view metadata = "where the flow is to go";

/// Everything that passes on the loopback of a namespace from its making on.
class capture {
 public:
  capture() : fd_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
    if (!fd_) return;
    sockaddr_ll on{};
    on.sll_family = AF_PACKET;
    on.sll_protocol = htons(ETH_P_ALL);
    on.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&on), sizeof on) != 0) fd_ = {};
  }
  bool works() const { return static_cast<bool>(fd_); }

  /// Reads until `text` went by in one packet; false when nothing more comes for a second.
  bool read_until(std::string_view text) {
    pollfd wait{fd_.get(), POLLIN, 0};
    while (::poll(&wait, 1, 1000) == 1) {
      std::array<char, 65536> packet{};
      const auto n = ::recv(fd_.get(), packet.data(), packet.size(), 0);
      if (n <= 0) continue;
      seen_.append(packet.data(), static_cast<std::size_t>(n));
      if (std::string_view(packet.data(), static_cast<std::size_t>(n)).find(text) !=
          std::string_view::npos)
        return true;
    }
    return false;
  }
  bool shows(std::string_view text) const { return seen_.find(text) != std::string::npos; }

 private:
  transport::unique_fd fd_;
  std::string seen_;
};

struct captured_path : linked_test {
  void SetUp() override {
    linked_test::SetUp();
    if (const auto why = netns::unavailable(); !why.empty()) GTEST_SKIP() << why;
    alone.emplace();
    inside.emplace(*alone);
    wire.emplace();
    ASSERT_TRUE(wire->works());
  }
  void TearDown() override {
    wire.reset();
    inside.reset();
    alone.reset();
    linked_test::TearDown();
  }
  /// A flow with metadata and bytes both ways over one path; then `marker`, in clear, beside it.
  void talk(bool plaintext) {
    serve();
    client = std::make_unique<runtime>();
    line = std::make_unique<link>(*client);
    link_options options;
    options.paths = {path_to(door->port())};
    options.paths[0].plaintext = plaintext;
    ASSERT_FALSE(line->connect(std::move(options)).code);
    open_options opening;
    const auto told = std::as_bytes(std::span(metadata));
    opening.metadata.assign(told.begin(), told.end());
    near = line->open_stream(opening);
    asio::write(near, asio::buffer(there));
    far = door->accept().accept();
    std::string got(there.size(), '\0');
    asio::read(far, asio::buffer(got));
    EXPECT_EQ(got, there);
    asio::write(far, asio::buffer(back));
    asio::read(near, asio::buffer(got.data(), back.size()));
    const auto flow = near.id();
    flow_id.assign(reinterpret_cast<const char*>(flow.data()), flow.size());
    send_marker();
    ASSERT_TRUE(wire->read_until(marker)) << "the capture heard nothing";
  }
  static void send_marker() {
    const transport::unique_fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(9);
    ::sendto(fd.get(), marker.data(), marker.size(), 0, reinterpret_cast<sockaddr*>(&to),
             sizeof to);
  }

  // Nobody else talks there. What was made inside stays there.
  std::optional<netns> alone;
  std::optional<netns::scope> inside;
  std::optional<capture> wire;
  const std::string there = pattern(4096, 1);
  const std::string back = pattern(2048, 100'000);
  std::string flow_id;
};

TEST_F(captured_path, sealed_shows_no_flow_id_no_metadata_and_no_payload) {
  talk(false);
  EXPECT_FALSE(wire->shows(flow_id));
  EXPECT_FALSE(wire->shows(metadata));
  for (std::size_t at = 0; at + 16 <= back.size(); at += 16) {
    ASSERT_FALSE(wire->shows(std::string_view(there).substr(at, 16))) << at;
    ASSERT_FALSE(wire->shows(std::string_view(back).substr(at, 16))) << at;
  }
}

TEST_F(captured_path, in_plaintext_shows_all_three) {
  talk(true);
  EXPECT_TRUE(wire->shows(flow_id));
  EXPECT_TRUE(wire->shows(metadata));
  EXPECT_TRUE(wire->shows(std::string_view(there).substr(0, 512)));
  EXPECT_TRUE(wire->shows(std::string_view(back).substr(0, 512)));
}

}  // namespace
}  // namespace rendr::test
