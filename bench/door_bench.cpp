// SPDX-License-Identifier: Apache-2.0
// What strangers at the door cost (gate S1): how much of its rate a bulk flow keeps while 2,500 a
// second come and stay half-open, from one address of loopback and from as many as they are, or
// replay and forge attaches of its own link; what 10,000 at once hold and leave behind; and how
// many handshakes a core makes.
#include <malloc.h>
#include <sys/mman.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <optional>
#include <thread>

#include "engine/door/handshake.hpp"
#include "rendr/rendr.hpp"
#include "report.hpp"
#include "strangers.hpp"

namespace {

using namespace rendr::bench;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr int rounds = 8;
constexpr auto slice = 500ms;
constexpr std::uint32_t strangers_a_slice = 1250;
constexpr std::uint32_t strangers_at_once = 10'000;
constexpr double most_held = 2 * 256;  // 256 at the door, as many refused that are drained
constexpr std::size_t piece = 64 * 1024;
constexpr double shaped_rate = 100e6;
constexpr auto quiet = asio::experimental::as_tuple(asio::use_awaitable);

enum class pace { as_fast_as_it_goes, shaped, idle };

/// What the processes share.
struct board {
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::uint64_t> taken{0};  ///< by the bare door
  recording heard;
};

struct server_state {
  double heap = 0;
  double resident = 0;
  double cpu = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t waiting = 0;
  std::uint64_t evicted = 0;
  std::uint64_t failed = 0;
  std::uint64_t paths = 0;
  std::uint64_t deaths = 0;
};

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

/// @param whole memory too, which takes a while.
server_state state_of(const rendr::runtime& runtime, bool whole) {
  const auto status = runtime.status();
  server_state out;
  out.cpu = cpu_seconds();
  out.waiting = status.handshakes;
  out.evicted = status.handshakes_evicted;
  out.failed = status.handshakes_failed;
  for (const auto& link : status.links) {
    for (const auto& path : link.paths) {
      ++out.paths;
      out.deaths += path.deaths;
    }
  }
  const std::filesystem::directory_iterator files("/proc/self/fd");
  out.descriptors = static_cast<std::uint64_t>(std::distance(begin(files), end(files)));
  if (!whole) return out;
  malloc_trim(0);
  const auto info = mallinfo2();
  out.heap = static_cast<double>(info.uordblks + info.hblkhd);
  std::ifstream in("/proc/self/statm");
  double total = 0;
  in >> total >> out.resident;
  out.resident *= static_cast<double>(sysconf(_SC_PAGESIZE));
  return out;
}

void server(board& shared, channel& port, channel& questions, channel& answers) {
  rendr::runtime runtime;
  rendr::listener door(runtime);
  rendr::listen_options options;
  options.host = "127.0.0.1";
  options.backlog = 4096;
  const auto failed = door.listen(options);
  if (failed.code) throw std::runtime_error(failed.detail);
  port.send(door.port());
  asio::co_spawn(door.get_executor(), take(door, shared), asio::detached);
  for (;;) answers.send(state_of(runtime, questions.receive<bool>()));
}

asio::awaitable<void> fill(rendr::link& line, pace how) {
  auto flow = line.open_stream();
  const std::vector<std::byte> data(piece);
  asio::steady_timer timer(flow.get_executor());
  const auto interval = std::chrono::duration_cast<steady::duration>(
      std::chrono::duration<double>(piece / shaped_rate));
  auto due = steady::now();
  for (bool first = true;; first = false) {
    if (how == pace::shaped) {
      // What could not be sent in its time is not made up for: rates would leave their slices.
      due = std::max(due + interval, steady::now() - 2 * interval);
      timer.expires_at(due);
      co_await timer.async_wait(asio::use_awaitable);
    } else if (how == pace::idle && !first) {
      timer.expires_at(steady::time_point::max());
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_await asio::async_write(flow, asio::buffer(data), asio::use_awaitable);
  }
}

/// One flow on the path to `port`; a second path, which is heard, stands by.
void client(std::uint16_t port, std::uint16_t overheard, pace how) {
  asio::io_context context(1);
  rendr::runtime runtime(context);
  rendr::link line(runtime);
  rendr::link_options options;
  options.paths.resize(2);
  for (auto& path : options.paths) path.host = "127.0.0.1";
  options.paths[0].port = port;
  options.paths[1].port = overheard;
  options.paths[1].cost = 1000;
  asio::co_spawn(context, line.async_connect(std::move(options), asio::use_awaitable),
                 [&](std::exception_ptr failed) {
                   if (failed) std::rethrow_exception(failed);
                   asio::co_spawn(context, fill(line, how), asio::detached);
                 });
  context.run();
}

/// A server with one link and one flow, and all who may knock at it.
class scene {
 public:
  scene(board& shared, pace how) : shared_(shared) {
    shared_.delivered = 0;
    shared_.taken = 0;
    shared_.heard.size = 0;
    serving_.emplace(1, [&] { server(shared_, ports_, questions_, answers_); });
    door_ = ports_.receive<std::uint16_t>();
    bare_.emplace(1, [&] { bare_door(ports_, shared_.taken); });
    bare_door_ = ports_.receive<std::uint16_t>();
    hearing_.emplace(0, [&] { eavesdropper(ports_, door_, shared_.heard); });
    const auto overheard = ports_.receive<std::uint16_t>();
    filling_.emplace(0, [&, overheard] { client(door_, overheard, how); });
    knocking_.emplace(0, [&] { strangers(orders_, done_, release_, shared_.heard); });
    while (shared_.heard.size == 0 || shared_.delivered < piece || state().paths < 2)
      std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(300ms);
  }

  server_state state(bool whole = false) {
    questions_.send(whole);
    return answers_.receive<server_state>();
  }
  std::uint64_t delivered() const { return shared_.delivered; }

  void begin(attack kind, bool bare, std::uint32_t n, steady::duration time) {
    orders_.send(order{kind, bare ? bare_door_ : door_, n, time});
  }
  /// All are connected; seconds that it took.
  double connected() { return done_.receive<double>(); }
  /// They go, and nobody is left at the door.
  void release() {
    release_.send('r');
    done_.receive<double>();
    while (state().waiting > 0) std::this_thread::sleep_for(2ms);
  }
  std::uint64_t taken_barely() const { return shared_.taken; }

 private:
  board& shared_;
  channel ports_;
  channel questions_;
  channel answers_;
  channel orders_;
  channel done_;
  channel release_;
  std::uint16_t door_ = 0;
  std::uint16_t bare_door_ = 0;
  std::optional<process> serving_;
  std::optional<process> bare_;
  std::optional<process> hearing_;
  std::optional<process> filling_;
  std::optional<process> knocking_;
};

std::uint64_t counted(const server_state& s) { return s.evicted + s.failed + s.waiting; }

[[noreturn]] void not_mounted(const server_state& before, const server_state& after) {
  throw std::runtime_error("the acceptor counted " +
                           std::to_string(counted(after) - counted(before)) +
                           " strangers of those who came: the attack was not mounted");
}

void check_harmless(const server_state& after) {
  if (after.paths != 2 || after.deaths != 0)
    throw std::runtime_error("a path of the living link died: the attack did harm");
}

/// Waits until the acceptor has counted as many strangers as came.
server_state when_counted(scene& at, const server_state& before, std::uint64_t came) {
  const auto start = steady::now();
  auto after = at.state();
  while (counted(after) - counted(before) < came) {
    if (steady::now() - start > 5s) not_mounted(before, after);
    std::this_thread::sleep_for(2ms);
    after = at.state();
  }
  if (counted(after) - counted(before) != came) not_mounted(before, after);
  return after;
}

struct cut {
  double rate = 0;  ///< of the flow, bytes/s
  double cpu = 0;   ///< of the server, per byte of the flow and for all
  double bytes = 0;
  double came = 0;  ///< strangers a second
  double waiting = 0;
};

/// From the first stranger until the acceptor has dealt with the last.
cut attacked(scene& at, attack kind, bool bare) {
  const auto before = at.state();
  const auto taken = at.taken_barely();
  const auto delivered = at.delivered();
  const auto start = steady::now();
  at.begin(kind, bare, strangers_a_slice, slice);
  const auto took = at.connected();
  server_state after;
  if (bare) {
    while (at.taken_barely() - taken < strangers_a_slice) std::this_thread::sleep_for(1ms);
    after = at.state();
  } else {
    after = when_counted(at, before, strangers_a_slice);
  }
  const auto bytes = static_cast<double>(at.delivered() - delivered);
  const auto seconds = seconds_since(start);
  check_harmless(after);
  at.release();
  return {bytes / seconds, after.cpu - before.cpu, bytes, strangers_a_slice / took,
          static_cast<double>(after.waiting)};
}

cut left_alone(scene& at) {
  const auto before = at.state();
  const auto delivered = at.delivered();
  const auto start = steady::now();
  std::this_thread::sleep_for(slice);
  const auto bytes = static_cast<double>(at.delivered() - delivered);
  const auto seconds = seconds_since(start);
  return {bytes / seconds, at.state().cpu - before.cpu, bytes, 0, 0};
}

struct series {
  std::vector<double> kept;     ///< % of the rate when left alone
  std::vector<double> of_bare;  ///< % of the rate under the same strangers at the bare door
  std::vector<double> cost;     ///< the server's processor time for one stranger, us
  std::vector<double> came;
  std::vector<double> waiting;
};

void add(series& to, const cut& under, const cut& alone, double bare) {
  to.kept.push_back(100 * under.rate / alone.rate);
  to.of_bare.push_back(100 * under.rate / bare);
  to.cost.push_back(1e6 * (under.cpu - alone.cpu * under.bytes / alone.bytes) / strangers_a_slice);
  to.came.push_back(under.came);
  to.waiting.push_back(under.waiting);
}

const std::map<attack, std::string> names{{attack::one_address, "half-open, one address"},
                                          {attack::many_addresses, "half-open, many addresses"},
                                          {attack::forged, "replayed and forged attaches"}};

// A flow with room to spare must keep its rate. One that fills its cores pays for whatever runs on
// them, be it the attackers or the kernel that accepts: there, the same strangers at a bare door
// are what the rate is measured against.
void rates(report& report, board& shared, pace how, const std::string& flow) {
  scene at(shared, how);
  std::map<attack, series> all;
  std::vector<double> rate;
  std::vector<double> bare_lost;
  for (int i = 0; i < rounds; ++i) {
    const auto first = left_alone(at);
    const auto bare = attacked(at, attack::many_addresses, true);
    const auto one = attacked(at, attack::one_address, false);
    const auto second = left_alone(at);
    const auto many = attacked(at, attack::many_addresses, false);
    const auto forged = attacked(at, attack::forged, false);
    const cut alone{(first.rate + second.rate) / 2, first.cpu + second.cpu,
                    first.bytes + second.bytes, 0, 0};
    rate.push_back(alone.rate / 1e6);
    bare_lost.push_back(100 - 100 * bare.rate / alone.rate);
    add(all[attack::one_address], one, alone, bare.rate);
    add(all[attack::many_addresses], many, alone, bare.rate);
    add(all[attack::forged], forged, alone, bare.rate);
  }
  report.figure(flow + ": rate when left alone", median(rate), "MB/s");
  report.figure(flow + ": lost to strangers at a bare door", median(bare_lost), "%");
  for (const auto& [kind, got] : all) {
    const auto what = flow + ": " + names.at(kind);
    if (how == pace::shaped) {
      report.at_least("S1", what + ", rate kept", median(got.kept), 90, 90, "%");
    } else {
      report.at_least("S1", what + ", of the rate with bare door", median(got.of_bare), 90, 90,
                      "%");
      report.figure(what + ", lost of the rate when left alone", 100 - median(got.kept), "%");
    }
    report.figure(what + ", strangers", median(got.came), "/s");
    report.figure(what + ", at the door at the end", median(got.waiting), "");
    if (how == pace::shaped) report.figure(what + ", processor time", median(got.cost), "us each");
  }
}

/// 10,000 come as fast as they can, and stay. The first time pools grow to what as many as may wait
/// at once need, and keep it; what is kept for each is what another 10,000 add. The smallest block
/// of the heap has 24 bytes: below 8, not one in three left anything, and pools may still grow a
/// little.
void flood(report& report, scene& at, const server_state& cold, attack kind, bool again) {
  const auto before = at.state(true);
  at.begin(kind, false, strangers_at_once, 0s);
  const auto took = at.connected();
  const auto reached = when_counted(at, before, strangers_at_once);
  const auto under = at.state(true);
  at.release();
  const auto after = at.state(true);
  check_harmless(after);
  if (again) {
    report.at_most("S1", "another 10,000, " + names.at(kind) + ": kept",
                   (after.heap - before.heap) / strangers_at_once, 8, 0, "B each");
    return;
  }
  const auto what = "10,000 at once, " + names.at(kind);
  report.figure(what, strangers_at_once / took, "/s");
  report.figure(what + ": at the door", static_cast<double>(reached.waiting), "");
  report.at_most("S1", what + ": descriptors held",
                 static_cast<double>(reached.descriptors - cold.descriptors), most_held, most_held,
                 "");
  report.figure(what + ": allocated", (under.heap - before.heap) / 1024, "KiB");
  report.figure(what + ": left in pools", (after.heap - cold.heap) / 1024, "KiB");
  report.figure(what + ": resident set grown", (under.resident - before.resident) / 1024, "KiB");
}

void memory(report& report, board& shared) {
  scene at(shared, pace::idle);
  const auto cold = at.state(true);
  for (const bool again : {false, true}) {
    for (const auto& [kind, name] : names) flood(report, at, cold, kind, again);
  }
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
        acceptor_hello::make(there, acceptor, reset_key, {}, hello.message({}), random);
    accepting += cpu_seconds() - begun;
    if (!made) throw std::runtime_error(made.error().reason);
    const auto agreed = hello.accept(made->answer());
    if (!agreed) throw std::runtime_error("the answer was not taken");
    const link_ends ends{here.instance, there.instance, 0};
    const auto proof = make_confirm(agreed->keys, ends, {}, {});
    if (!verify_confirm(made->agreement().keys, ends, {}, proof.ack, {}))
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
  double load = 0;
  getloadavg(&load, 1);
  std::printf(
      "2,500 strangers a second beside one sealed flow on loopback; median of %d rounds of\n"
      "0.5 s each; load of the machine at the start %.1f\n",
      rounds, load);
  try {
    all_handshakes(report);
    auto* place =
        mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw std::runtime_error("no shared memory");
    auto& shared = *new (place) board;
    memory(report, shared);
    rates(report, shared, pace::shaped, "100 MB/s");
    rates(report, shared, pace::as_fast_as_it_goes, "as fast as it goes");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return report.finish();
}
