// SPDX-License-Identifier: Apache-2.0
// Sends lines over a link of several paths: echo_client tcp://127.0.0.1:7000 tcp://127.0.0.1:7001
// Kill any path: the conversation goes on.
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "rendr/rendr.hpp"

int main(int argc, char** argv) {
  rendr::link_options options;
  rendr::failure failed;
  const std::vector<std::string> texts(argv + 1, argv + argc);
  if (!rendr::parse_path_specs(texts, options.paths, failed)) {
    std::cerr << failed.detail << '\n';
    return 2;
  }
  options.dial_deadline = std::chrono::seconds(10);
  rendr::runtime instance;
  rendr::link line(instance);
  if (failed = line.connect(options); failed.code) {
    std::cerr << failed.detail << '\n';
    return 3;
  }
  auto flow = line.open_stream();
  for (std::string text; std::getline(std::cin, text);) {
    asio::write(flow, asio::buffer(text));
    asio::read(flow, asio::buffer(text));
    std::cout << text << '\n';
  }
  flow.close();
  instance.shutdown();
}
