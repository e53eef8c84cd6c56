// SPDX-License-Identifier: Apache-2.0
// An echo server and its client as coroutines, on one thread and an io_context of their own:
//   coroutine_echo [PATH...]     e.g. fiber=tcp://127.0.0.1:7000 lte=tcp://127.0.0.1:7000
// With paths it talks to who listens there, as echo_server; without, to itself.
#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "rendr/rendr.hpp"

namespace {

asio::awaitable<void> echo(rendr::stream flow) {
  std::array<char, 64 * 1024> part;
  try {
    for (;;) {
      const auto n = co_await flow.async_read_some(asio::buffer(part), asio::use_awaitable);
      co_await asio::async_write(flow, asio::buffer(part, n), asio::use_awaitable);
    }
  } catch (const std::system_error&) {  // the end of stream, or what ended the flow
  }
}

asio::awaitable<void> serve(rendr::listener& door) {
  for (;;) {
    auto incoming = co_await door.async_accept(asio::use_awaitable);
    asio::co_spawn(co_await asio::this_coro::executor, echo(incoming.accept()), asio::detached);
  }
}

/// 0: every line came back.
asio::awaitable<int> talk(rendr::link& line, rendr::link_options options) {
  try {
    co_await line.async_connect(std::move(options), asio::use_awaitable);
    rendr::stream flow = line.open_stream();
    for (std::string text; std::getline(std::cin, text);) {
      co_await asio::async_write(flow, asio::buffer(text), asio::use_awaitable);
      co_await asio::async_read(flow, asio::buffer(text), asio::use_awaitable);
      std::cout << text << std::endl;
    }
    co_return 0;
  } catch (const std::system_error& failed) {
    // The exception has a code; the sentence about this very case is with the link.
    std::cerr << failed.code().message() << ": " << line.error().detail << '\n';
    co_return 1;
  }
}

/// Everything happens inside the context: `listen` and `async_connect` need it to run.
asio::awaitable<int> run(rendr::runtime& instance, std::vector<std::string> texts) {
  rendr::listener door(instance);
  rendr::link_options options{.dial_deadline = std::chrono::seconds(10)};
  rendr::failure failed;
  if (texts.empty()) {
    failed = door.listen({.host = "127.0.0.1"});
    if (!failed.code) texts.push_back("tcp://" + door.addresses().front());
    asio::co_spawn(co_await asio::this_coro::executor, serve(door), asio::detached);
  }
  if (failed.code || !rendr::parse_path_specs(texts, options.paths, failed)) {
    std::cerr << failed.detail << '\n';
    co_return 2;
  }
  rendr::link line(instance);
  const int result = co_await talk(line, std::move(options));
  co_await instance.async_shutdown(asio::use_awaitable);
  co_return result;
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context context;
  rendr::runtime instance(context);
  int result = 1;
  asio::co_spawn(context, run(instance, {argv + 1, argv + argc}),
                 [&](std::exception_ptr, int code) {
                   result = code;
                   context.stop();
                 });
  context.run();
  return result;
}
