// SPDX-License-Identifier: Apache-2.0
#include <rendr/rendr.hpp>
// rendr first, so that its headers need no other before them; the rest by name
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <iostream>
#include <rendr/graph.hpp>
#include <string_view>
#include <thread>

int main() {
  rendr::runtime server, client;
  rendr::listener door(server);
  if (const auto fault = door.listen({.host = "127.0.0.1"}); fault.code) return 1;
  std::thread echo([&] {
    auto flow = door.accept().accept();
    char text[16];
    asio::write(flow, asio::buffer(text, asio::read(flow, asio::buffer(text, 5))));
  });
  rendr::link_options options;
  options.paths = {{.host = "127.0.0.1", .port = door.port()}};
  rendr::link link(client);
  if (const auto fault = link.connect(options); fault.code) return 1;
  auto flow = link.open_stream();
  char text[6] = {};
  asio::write(flow, asio::buffer("hello", 5));
  asio::read(flow, asio::buffer(text, 5));
  echo.join();
  std::cout << text << '\n';
  return std::string_view(text) == "hello" ? 0 : 1;
}
