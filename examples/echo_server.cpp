// SPDX-License-Identifier: Apache-2.0
// Sends back what it gets, on every flow of every link: echo_server [PORT]
#include <array>
#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "rendr/rendr.hpp"

int main(int argc, char** argv) {
  rendr::runtime instance;
  rendr::listener door(instance);
  rendr::listen_options where;
  where.host = "127.0.0.1";
  where.port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 7000);
  if (const auto failed = door.listen(where); failed.code) {
    std::cerr << failed.detail << '\n';
    return 1;
  }
  std::cout << "listening on " << door.addresses().front() << std::endl;
  for (;;) {
    std::thread([flow = door.accept().accept()]() mutable {
      std::array<char, 64 * 1024> part;
      std::error_code code;
      while (!code) {
        const auto n = flow.read_some(asio::buffer(part), code);
        if (!code) asio::write(flow, asio::buffer(part, n), code);
      }
    }).detach();
  }
}
