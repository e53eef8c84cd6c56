// SPDX-License-Identifier: Apache-2.0
// Gate C6: flows opened, used once (5 bytes there, 5 bytes back) and closed on a living link.
// Client and server are processes, each on a core of its own.
#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "process.hpp"
#include "rendr/rendr.hpp"
#include "report.hpp"
#include "support/direct_pair.hpp"

namespace {

using namespace rendr::bench;
using namespace std::chrono_literals;

constexpr int rounds = 9;
constexpr std::size_t at_once = 64;
constexpr std::size_t flows = 20'000;
constexpr auto quiet = asio::experimental::as_tuple(asio::use_awaitable);
using word = std::array<std::byte, 5>;

asio::awaitable<void> echo(rendr::stream flow) {
  word data{};
  const auto [code, n] = co_await asio::async_read(flow, asio::buffer(data), quiet);
  if (code) co_return;
  co_await asio::async_write(flow, asio::buffer(data), quiet);
}

asio::awaitable<void> serve(rendr::listener& door) {
  for (;;) {
    auto [code, flow] = co_await door.async_accept(quiet);
    if (code) co_return;
    asio::co_spawn(co_await asio::this_coro::executor, echo(flow.accept()), asio::detached);
  }
}

asio::awaitable<void> use(rendr::link& line, std::size_t& left, std::size_t& done) {
  while (left > 0) {
    --left;
    auto flow = line.open_stream();
    word data{};
    co_await asio::async_write(flow, asio::buffer(data), asio::use_awaitable);
    co_await asio::async_read(flow, asio::buffer(data), asio::use_awaitable);
    ++done;
  }
}

struct side_cost {
  double seconds = 0;
  double cpu = 0;
};

void client(std::uint16_t port, channel& server_orders, channel& out) {
  asio::io_context context(1);
  rendr::runtime runtime(context);
  rendr::link line(runtime);
  rendr::link_options options;
  options.paths.resize(1);
  options.paths[0].host = "127.0.0.1";
  options.paths[0].port = port;
  asio::co_spawn(context, line.async_connect(std::move(options), asio::use_awaitable),
                 [&](std::exception_ptr) { context.stop(); });
  context.run();
  const auto run = [&](std::size_t count) {
    std::size_t left = count;
    std::size_t done = 0;
    std::size_t running = at_once;
    std::exception_ptr error;
    for (std::size_t i = 0; i < at_once; ++i) {
      asio::co_spawn(context, use(line, left, done), [&](std::exception_ptr thrown) {
        if (thrown) error = thrown;
        if (--running == 0 || thrown) context.stop();
      });
    }
    context.restart();
    context.run();
    if (error) std::rethrow_exception(error);
    if (done != count) throw std::runtime_error("a flow was not answered");
  };
  run(1'000);
  server_orders.send('b');
  const auto start = std::chrono::steady_clock::now();
  const auto cpu = cpu_seconds();
  run(flows);
  out.send(side_cost{seconds_since(start), cpu_seconds() - cpu});
  server_orders.send('e');
}

void server(channel& port, channel& orders, channel& out) {
  rendr::runtime runtime;
  rendr::listener door(runtime);
  rendr::listen_options options;
  options.host = "127.0.0.1";
  const auto failed = door.listen(options);
  if (failed.code) throw std::runtime_error(failed.detail);
  port.send<std::uint16_t>(door.port());
  asio::co_spawn(door.get_executor(), serve(door), asio::detached);
  orders.receive<char>();
  const auto cpu = cpu_seconds();
  orders.receive<char>();
  out.send(side_cost{0, cpu_seconds() - cpu});
}

/// Whether a flow's first bytes reach the other application while nothing comes back from there.
bool first_byte_needs_an_answer() {
  rendr::engine::test::direct_pair pair;
  const auto line = pair.connect(1);
  pair.settle();
  pair.hold(pair.acceptor, pair.acceptor.peer.begin()->first);
  const auto flow = pair.dialer.ep.open_stream(pair.now, line, {});
  if (!flow) throw std::runtime_error("the link did not come up");
  const word data{};
  const auto taken = pair.dialer.ep.write(pair.now, *flow, data);
  if (!taken || *taken != data.size()) throw std::runtime_error("the flow took nothing");
  pair.settle();
  const auto arrived = pair.all<rendr::engine::event::incoming_flow>(pair.acceptor);
  return arrived.size() != 1 || pair.read_all(pair.acceptor, arrived[0].flow).size() != data.size();
}

}  // namespace

int main(int argc, char** argv) {
  report report(argc, argv);
  if (report.usage_error()) return 2;
  std::printf("%zu flows, %zu at once, one link, loopback, median of %d rounds\n", flows, at_once,
              rounds);
  try {
    std::vector<double> wall;
    std::vector<double> opener;
    std::vector<double> acceptor;
    std::vector<double> both;
    for (int i = 0; i < rounds; ++i) {
      channel port;
      channel orders;
      channel from_client;
      channel from_server;
      process serving(1, [&] { server(port, orders, from_server); });
      process using_it(0, [&] { client(port.receive<std::uint16_t>(), orders, from_client); });
      using_it.join();
      serving.join();
      const auto near = from_client.receive<side_cost>();
      const auto far = from_server.receive<side_cost>();
      constexpr auto n = static_cast<double>(flows);
      wall.push_back(n / near.seconds);
      opener.push_back(n / near.cpu);
      acceptor.push_back(n / far.cpu);
      both.push_back(n / (near.cpu + far.cpu));
    }
    report.figure("flows per second, each side on its core", median(wall), "/s");
    report.figure("flows per CPU second of the opener", median(opener), "/s");
    report.figure("flows per CPU second of the acceptor", median(acceptor), "/s");
    report.at_least("C6", "flows per CPU second of both sides together", median(both), 20'000,
                    20'000, "/s");
    report.at_most("C6", "round trips before the first byte", first_byte_needs_an_answer() ? 1 : 0,
                   0, 0, "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return report.finish();
}
