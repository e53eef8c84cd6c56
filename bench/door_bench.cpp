// SPDX-License-Identifier: Apache-2.0
// What strangers at the door cost (gate S1): a bulk flow keeps its rate while 10,000 connections
// come and go half-open, from one address of loopback and from 10,000; the memory that they leave
// behind; and how many handshakes a core makes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "engine/handshake.hpp"
#include "engine/record_writer.hpp"
#include "process.hpp"
#include "rendr/rendr.hpp"
#include "report.hpp"

namespace {

using namespace rendr::bench;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr int rounds = 3;
constexpr int strangers = 10'000;
constexpr auto attack_time = 5s;  // 2,000 connections a second
constexpr auto quiet_time = 2s;
constexpr auto quiet = asio::experimental::as_tuple(asio::use_awaitable);

enum class attack { one_address, many_addresses, forged };

/// What the processes share.
struct board {
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::uint64_t> connected{0};
};

struct server_state {
  std::uint64_t memory = 0;
  std::uint64_t handshakes = 0;
  std::uint64_t evicted = 0;
  std::uint64_t failed = 0;
  std::uint64_t deaths = 0;
};

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

asio::awaitable<void> take(rendr::listener& door, board& shared) {
  auto [code, flow] = co_await door.async_accept(quiet);
  if (code) co_return;
  auto stream = flow.accept();
  std::vector<std::byte> buffer(256 * 1024);
  for (;;) {
    const auto [failed, n] = co_await stream.async_read_some(asio::buffer(buffer), quiet);
    if (failed) co_return;
    shared.delivered += n;
  }
}

server_state state_of(const rendr::runtime& runtime) {
  const auto status = runtime.status();
  server_state out{resident_bytes(), status.handshakes, status.handshakes_evicted,
                   status.handshakes_failed, 0};
  for (const auto& link : status.links) {
    for (const auto& path : link.paths) out.deaths += path.deaths;
  }
  return out;
}

void server(board& shared, channel& port, channel& orders, channel& out) {
  rendr::runtime runtime;
  rendr::listener door(runtime);
  rendr::listen_options options;
  options.host = "127.0.0.1";
  options.backlog = 4096;
  const auto failed = door.listen(options);
  if (failed.code) throw std::runtime_error(failed.detail);
  port.send<std::uint16_t>(door.port());
  port.send<std::uint16_t>(door.port());
  asio::co_spawn(door.get_executor(), take(door, shared), asio::detached);
  while (orders.receive<char>() == 's') out.send(state_of(runtime));
}

asio::awaitable<void> fill(rendr::link& line) {
  auto flow = line.open_stream();
  const std::vector<std::byte> data(256 * 1024);
  for (;;) co_await asio::async_write(flow, asio::buffer(data), asio::use_awaitable);
}

void client(std::uint16_t port) {
  asio::io_context context(1);
  rendr::runtime runtime(context);
  rendr::link line(runtime);
  rendr::link_options options;
  options.paths.resize(1);
  options.paths[0].host = "127.0.0.1";
  options.paths[0].port = port;
  asio::co_spawn(context, line.async_connect(std::move(options), asio::use_awaitable),
                 [&](std::exception_ptr failed) {
                   if (failed) std::rethrow_exception(failed);
                   asio::co_spawn(context, fill(line), asio::detached);
                 });
  context.run();
}

/// Prologue and ATTACH of a link that nobody has; half of it, unless it is to be refused.
rendr::bytes what_strangers_say(attack kind) {
  rendr::bytes out;
  const rendr::wire::prologue first{rendr::wire::form::attach, rendr::wire::version, {}};
  rendr::engine::append_handshake(out, 0, rendr::wire::encode(rendr::wire::attach{}), &first);
  if (kind != attack::forged) out.resize(out.size() / 2);
  return out;
}

void attacker(attack kind, std::uint16_t port, board& shared, channel& begin) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const auto said = what_strangers_say(kind);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> open;
  begin.receive<char>();
  const auto start = steady::now();
  for (int i = 0; i < strangers; ++i) {
    std::this_thread::sleep_until(start + i * steady::duration(attack_time) / strangers);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("RLIMIT_NOFILE is below 10,100: raise its hard limit");
    auto from = to;
    from.sin_port = 0;
    const auto number = kind == attack::one_address ? 0u : static_cast<std::uint32_t>(i);
    from.sin_addr.s_addr = htonl((127u << 24) + (1u << 16) + number);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
        ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
        ::send(fd, said.data(), said.size(), MSG_NOSIGNAL) > 0)
      ++shared.connected;
    open.push_back(fd);
  }
  pause();  // they stay open until this process is ended
}

struct outcome {
  double kept = 0;   ///< of the rate without the attack
  double grown = 0;  ///< bytes
  server_state before;
  server_state after;
};

std::uint64_t turned_away(const server_state& state) { return state.evicted + state.failed; }

double rate(board& shared, steady::duration time) {
  const auto start = steady::now();
  const auto before = shared.delivered.load();
  std::this_thread::sleep_for(time);
  return static_cast<double>(shared.delivered.load() - before) / seconds_since(start);
}

outcome mount(attack kind, board& shared) {
  channel port;
  channel orders;
  channel answers;
  channel begin;
  shared.delivered = 0;
  shared.connected = 0;
  process serving(1, [&] { server(shared, port, orders, answers); });
  const auto number = port.receive<std::uint16_t>();
  process filling(0, [&] { client(port.receive<std::uint16_t>()); });
  process attacking(0, [&] { attacker(kind, number, shared, begin); });
  const auto ask = [&] {
    orders.send('s');
    return answers.receive<server_state>();
  };
  while (shared.delivered < (64u << 20)) std::this_thread::sleep_for(10ms);
  outcome out;
  const auto before = rate(shared, quiet_time);
  out.before = ask();
  begin.send('b');
  const auto under = rate(shared, attack_time);
  while (shared.connected < strangers) std::this_thread::sleep_for(10ms);
  // Those that wait in the kernel's queue are accepted too, before memory is looked at.
  for (int i = 0; i < 500 && turned_away(out.after) + 256 < strangers; ++i) {
    std::this_thread::sleep_for(10ms);
    out.after = ask();
  }
  const auto after = rate(shared, quiet_time);
  out.kept = under / ((before + after) / 2);
  out.grown = static_cast<double>(out.after.memory) - static_cast<double>(out.before.memory);
  orders.send('e');
  serving.join();
  return out;
}

void measure(report& report, attack kind, const std::string& what, board& shared) {
  std::vector<double> kept;
  std::vector<double> grown;
  for (int i = 0; i < rounds; ++i) {
    const auto one = mount(kind, shared);
    if (turned_away(one.after) + 256 < strangers)
      throw std::runtime_error("of 10,000 strangers " + std::to_string(turned_away(one.after)) +
                               " were turned away: the attack was not mounted");
    if (one.after.handshakes > 256 || one.after.deaths != 0)
      throw std::runtime_error("the attack did harm");
    kept.push_back(100 * one.kept);
    grown.push_back(one.grown / (1 << 20));
  }
  report.at_least("S1", "rate kept, " + what, median(kept), 90, 90, "%");
  report.figure("memory grown, " + what, median(grown), "MiB");
}

rendr::secret<32> secret_of(std::uint8_t n) {
  rendr::byte_array<32> raw{};
  raw[0] = std::byte{n};
  return rendr::secret<32>(raw);
}

/// Hellos that both ends made until their link's keys were proven, on one core.
void handshakes(report& report, const std::string& name, const rendr::engine::hello_keys& dialer,
                const rendr::engine::hello_keys& acceptor) {
  using namespace rendr::engine;
  rendr::drbg random(secret_of(1));
  const hello_offer here{{std::byte{1}}, 0, 0, 90'000};
  const hello_offer there{{std::byte{2}}, 0, 0, 90'000};
  const auto reset_key = secret_of(3);
  const auto start = cpu_seconds();
  double accepting = 0;
  int n = 0;
  for (; cpu_seconds() - start < 1; ++n) {
    dialer_hello hello(here, dialer, random);
    const auto begun = cpu_seconds();
    const auto made =
        acceptor_hello::make(there, acceptor, reset_key, {}, hello.message(0), random);
    accepting += cpu_seconds() - begun;
    if (!made) throw std::runtime_error(made.error().reason);
    const auto agreed = hello.accept(made->answer());
    if (!agreed) throw std::runtime_error("the answer was not taken");
    const link_ends ends{here.instance, there.instance, 0};
    const auto proof = make_confirm(agreed->keys, ends, 0, {});
    if (!verify_confirm(made->agreement().keys, ends, 0, proof.ack, {}))
      throw std::runtime_error("the proof was not taken");
  }
  report.figure(name + ", both ends on one core", n / (cpu_seconds() - start), "/s");
  report.figure(name + ", the acceptor's part", n / accepting, "/s");
}

void all_handshakes(report& report) {
  using rendr::engine::hello_keys;
  handshakes(report, "NN handshakes", {}, {});
  hello_keys shared;
  shared.psk = secret_of(4);
  handshakes(report, "NNpsk0 handshakes", shared, shared);
  hello_keys pinning;
  hello_keys pinned;
  pinned.own.emplace(secret_of(5));
  pinning.peer = pinned.own->public_key;
  pinning.own.emplace(secret_of(6));
  handshakes(report, "IKpsk2 handshakes", pinning, pinned);
}

}  // namespace

int main(int argc, char** argv) {
  report report(argc, argv);
  if (report.usage_error()) return 2;
  std::printf("%d connections in %lld s, one bulk flow on loopback, median of %d rounds\n",
              strangers, static_cast<long long>(attack_time.count()), rounds);
  try {
    all_handshakes(report);
    auto* memory =
        mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
    auto& shared = *new (memory) board;
    measure(report, attack::one_address, "half-open attaches, one address", shared);
    measure(report, attack::many_addresses, "half-open attaches, 10,000 addresses", shared);
    measure(report, attack::forged, "forged attaches, 10,000 addresses", shared);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return report.finish();
}
