// SPDX-License-Identifier: Apache-2.0
// Two flows of one link, each under its own policy: the bulk one is spread over all paths, the
// control one goes on every path, so that the first arrival wins. Beside echo_server:
//   two_roots fiber=tcp://127.0.0.1:7000 lte=tcp://127.0.0.1:7000,bind=127.0.0.2
#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "rendr/rendr.hpp"

namespace {

constexpr std::size_t volume = std::size_t{64} << 20;
constexpr std::size_t piece = std::size_t{64} << 10;

void send_bulk(rendr::stream& flow) {
  const std::vector<char> data(piece, 'x');
  for (std::size_t sent = 0; sent < volume; sent += piece) asio::write(flow, asio::buffer(data));
}

void receive_bulk(rendr::stream& flow) {
  std::vector<char> data(piece);
  for (std::size_t got = 0; got < volume; got += piece) asio::read(flow, asio::buffer(data));
}

/// One word there and back.
std::chrono::microseconds round_trip(rendr::stream& flow) {
  const auto begin = std::chrono::steady_clock::now();
  char word[8] = "hello";
  asio::write(flow, asio::buffer(word));
  asio::read(flow, asio::buffer(word));
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               begin);
}

void talk(rendr::link& line) {
  rendr::stream bulk = line.open_stream();
  rendr::open_options under;
  under.root = "control";
  rendr::stream control = line.open_stream(under);

  std::vector<std::chrono::microseconds> times;
  std::thread sending([&] { send_bulk(bulk); });
  std::thread receiving([&] { receive_bulk(bulk); });
  for (int i = 0; i < 200; ++i) times.push_back(round_trip(control));
  sending.join();
  receiving.join();

  std::sort(times.begin(), times.end());
  std::cout << "control, round trip while bulk runs: median " << times[times.size() / 2].count()
            << " us, worst " << times.back().count() << " us\n";
  const auto status = line.status();
  std::cout << "default root: " << status.root << '\n';
  for (const auto& [name, graph] : status.roots)
    std::cout << "root " << name << ": " << graph << '\n';
  for (const auto& path : status.paths) {
    std::cout << "path " << path.name << ": " << path.payload_sent << " bytes sent\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  rendr::link_options options;
  rendr::failure failed;
  const std::vector<std::string> texts(argv + 1, argv + argc);
  if (!rendr::parse_path_specs(texts, options.paths, failed)) {
    std::cerr << failed.detail << '\n';
    return 2;
  }
  options.root = "aggregate";  // a bond of all paths: what flows use unless they name another root
  options.dial_deadline = std::chrono::seconds(10);
  rendr::runtime instance;
  rendr::link line(instance);
  failed = line.connect(options);
  if (!failed.code) failed = line.set_root("interactive", "control");  // a race of all paths
  if (failed.code) {
    std::cerr << failed.detail << '\n';
    return 3;
  }
  talk(line);
  instance.shutdown();
}
