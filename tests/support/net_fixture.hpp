// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rendr/rendr.hpp"

namespace rendr::test {

inline std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++n;
  return n;
}

/// Every test ends with as many descriptors as it began with.
class net_test : public ::testing::Test {
 protected:
  void SetUp() override { before_ = open_descriptors(); }
  void TearDown() override { EXPECT_EQ(open_descriptors(), before_); }

 private:
  std::size_t before_ = 0;
};

inline path_spec path_to(std::uint16_t port, std::string name = {}) {
  path_spec path;
  path.name = std::move(name);
  path.host = "127.0.0.1";
  path.port = port;
  return path;
}

inline listen_options on_loopback(std::uint16_t port = 0) {
  listen_options options;
  options.host = "127.0.0.1";
  options.port = port;
  return options;
}

/// Bytes that tell where they belong, so that a lost, doubled or moved one is seen.
inline std::string pattern(std::size_t size, std::size_t from = 0) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    const auto at = from + i;
    text[i] = static_cast<char>((at * 0x9e3779b97f4a7c15u >> 56) ^ (at >> 13));
  }
  return text;
}

/// A server and a client in this process, each with its own runtime, over real sockets. Every test
/// ends with no byte of buffers in use and no descriptor left.
class linked_test : public net_test {
 protected:
  void serve(runtime_options options = {}) {
    server = std::make_unique<runtime>(std::move(options));
    door = std::make_unique<listener>(*server);
    const auto failed = door->listen(on_loopback());
    ASSERT_FALSE(failed.code) << failed.detail;
  }
  /// Dials these ports, in order: p1, p2, ...
  void dial(std::vector<std::uint16_t> ports, link_options options = {}) {
    if (!client) client = std::make_unique<runtime>();
    line = std::make_unique<link>(*client);
    for (const auto port : ports) options.paths.push_back(path_to(port));
    if (options.dial_deadline == duration::max()) options.dial_deadline = std::chrono::seconds(5);
    const auto failed = line->connect(std::move(options));
    ASSERT_FALSE(failed.code) << failed.detail;
  }
  void connect() {
    serve();
    dial({door->port()});
  }
  /// One flow, both ends.
  void open() {
    near = line->open_stream();
    far = door->accept().accept();
  }
  void TearDown() override {
    near.close();
    far.close();
    for (auto* one : {client.get(), server.get()}) {
      if (one == nullptr) continue;
      one->shutdown();
      EXPECT_EQ(one->status().slab_bytes, 0u);
    }
    line.reset();
    door.reset();
    client.reset();
    server.reset();
    net_test::TearDown();
  }

  std::unique_ptr<runtime> server;
  std::unique_ptr<runtime> client;
  std::unique_ptr<listener> door;
  std::unique_ptr<link> line;
  stream near;
  stream far;
};

}  // namespace rendr::test
