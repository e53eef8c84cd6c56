// SPDX-License-Identifier: Apache-2.0
// Gate C5: what an idle flow and an idle link cost in memory, each side counted in its own process.
#include <malloc.h>
#include <sys/resource.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "process.hpp"
#include "rendr/rendr.hpp"
#include "report.hpp"

namespace {

using namespace rendr::bench;
using namespace std::chrono_literals;

constexpr std::size_t count = 10'000;
constexpr auto rest = 1500ms;
constexpr auto quiet = asio::experimental::as_tuple(asio::use_awaitable);
using word = std::array<std::byte, 5>;

/// Memory of this process: what was asked of the allocator, and what is resident.
struct footprint {
  double heap = 0;
  double resident = 0;
};

footprint footprint_now() {
  malloc_trim(0);
  const auto info = mallinfo2();
  std::ifstream in("/proc/self/statm");
  double total = 0;
  double resident = 0;
  in >> total >> resident;
  return {static_cast<double>(info.uordblks + info.hblkhd),
          resident * static_cast<double>(sysconf(_SC_PAGESIZE))};
}

footprint per_piece(const footprint& before, const footprint& after) {
  constexpr auto n = static_cast<double>(count);
  return {(after.heap - before.heap) / n, (after.resident - before.resident) / n};
}

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// 5 bytes there and back.
asio::awaitable<void> use_once(rendr::stream& flow) {
  word data{};
  co_await asio::async_write(flow, asio::buffer(data), asio::use_awaitable);
  co_await asio::async_read(flow, asio::buffer(data), asio::use_awaitable);
}

/// What was measured must have been there. Ends the process otherwise.
void expect_alive(std::size_t alive) {
  if (alive == count) return;
  std::fprintf(stderr, "%zu are alive of %zu\n", alive, count);
  _exit(1);
}

rendr::link_options dial(std::uint16_t port) {
  rendr::link_options options;
  options.paths.resize(1);
  options.paths[0].host = "127.0.0.1";
  options.paths[0].port = port;
  return options;
}

asio::awaitable<void> connect(rendr::link& line, std::uint16_t port) {
  co_await line.async_connect(dial(port), asio::use_awaitable);
}

asio::awaitable<void> idle_flows(rendr::runtime& runtime, std::uint16_t port, channel& orders,
                                 channel& out) {
  rendr::link line(runtime);
  co_await connect(line, port);
  {
    auto first = line.open_stream();
    co_await use_once(first);
  }
  co_await pause(rest);
  orders.send('b');
  co_await pause(100ms);  // the other side looks now
  std::vector<rendr::stream> flows;
  flows.reserve(count);
  const auto before = footprint_now();
  while (flows.size() < count) {
    flows.push_back(line.open_stream());
    co_await use_once(flows.back());
  }
  co_await pause(rest);
  out.send(per_piece(before, footprint_now()));
  expect_alive(line.status().flows.size());
  orders.send('e');
  co_await pause(rest);
}

asio::awaitable<void> idle_links(rendr::runtime& runtime, std::uint16_t port, channel& orders,
                                 channel& out) {
  const auto one = [&](rendr::link& line) -> asio::awaitable<void> {
    co_await connect(line, port);
    auto flow = line.open_stream();
    co_await use_once(flow);
  };
  rendr::link first(runtime);
  co_await one(first);
  co_await pause(rest);
  orders.send('b');
  co_await pause(100ms);  // the other side looks now
  std::vector<rendr::link> links;
  links.reserve(count);
  const auto before = footprint_now();
  while (links.size() < count) {
    links.emplace_back(runtime);
    co_await one(links.back());
  }
  co_await pause(rest);
  out.send(per_piece(before, footprint_now()));
  expect_alive(runtime.status().links.size() - 1);
  orders.send('e');
  co_await pause(rest);
}

asio::awaitable<void> answer(rendr::stream& flow) {
  word data{};
  const auto [code, n] = co_await asio::async_read(flow, asio::buffer(data), quiet);
  if (!code) co_await asio::async_write(flow, asio::buffer(data), quiet);
}

/// Answers each flow; keeps it open when `keep`.
asio::awaitable<void> serve(rendr::listener& door, channel& port, std::vector<rendr::stream>& kept,
                            bool keep) {
  rendr::listen_options options;
  options.host = "127.0.0.1";
  const auto failed = door.listen(options);
  if (failed.code) throw std::runtime_error(failed.detail);
  port.send<std::uint16_t>(door.port());
  for (;;) {
    auto [code, flow] = co_await door.async_accept(quiet);
    if (code) co_return;
    auto accepted = flow.accept();
    co_await answer(accepted);
    if (keep) kept.push_back(std::move(accepted));
  }
}

void server(channel& port, channel& orders, channel& out, bool keep) {
  std::vector<rendr::stream> kept;
  kept.reserve(count + 1);
  asio::io_context context(1);
  rendr::runtime runtime(context);
  rendr::listener door(runtime);
  asio::co_spawn(context, serve(door, port, kept, keep), asio::detached);
  std::thread watch([&] {
    const auto ask = [&] {
      orders.receive<char>();
      std::promise<footprint> answered;
      asio::post(context, [&] { answered.set_value(footprint_now()); });
      return answered.get_future().get();
    };
    const auto before = ask();
    const auto after = ask();
    out.send(per_piece(before, after));
    asio::post(context, [&] {
      const auto links = runtime.status().links;
      expect_alive((keep ? links.front().flows.size() : links.size()) - 1);  // the first one
      context.stop();
    });
  });
  context.run();
  watch.join();
}

using scene = asio::awaitable<void> (*)(rendr::runtime&, std::uint16_t, channel&, channel&);

struct sides {
  footprint near;
  footprint far;
};

sides measure(scene play, bool keep) {
  channel port;
  channel orders;
  channel from_client;
  channel from_server;
  process serving(1, [&] { server(port, orders, from_server, keep); });
  process dialing(0, [&] {
    asio::io_context context(1);
    rendr::runtime runtime(context);
    std::exception_ptr error;
    asio::co_spawn(context, play(runtime, port.receive<std::uint16_t>(), orders, from_client),
                   [&](std::exception_ptr thrown) {
                     error = thrown;
                     context.stop();
                   });
    context.run();
    if (error) std::rethrow_exception(error);
    _exit(0);  // ten thousand goodbyes are not what is measured
  });
  sides result;
  result.near = from_client.receive<footprint>();
  result.far = from_server.receive<footprint>();
  serving.join();
  dialing.join();
  return result;
}

void show(report& report, const std::string& what, const sides& cost, double bound, double goal) {
  constexpr double kib = 1024;
  report.figure(what + ", dialer, resident", cost.near.resident / kib, "KiB");
  report.figure(what + ", acceptor, resident", cost.far.resident / kib, "KiB");
  report.at_most("C5", what + ", dialer", cost.near.heap / kib, bound, goal, "KiB");
  report.at_most("C5", what + ", acceptor", cost.far.heap / kib, bound, goal, "KiB");
}

}  // namespace

int main(int argc, char** argv) {
  report report(argc, argv);
  if (report.usage_error()) return 2;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::printf("%zu idle ones, each used once; allocated bytes decide\n", count);
  try {
    show(report, "an idle flow", measure(idle_flows, true), 4, 4);
    if (files.rlim_cur < count + 100) {
      std::fprintf(stderr, "idle links: at most %zu descriptors here, %zu are needed\n",
                   static_cast<std::size_t>(files.rlim_cur), count + 100);
      return 1;
    }
    show(report, "an idle link", measure(idle_links, false), 32, 32);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return report.finish();
}
