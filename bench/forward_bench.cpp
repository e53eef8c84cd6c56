// SPDX-License-Identifier: Apache-2.0
// The costs of a forwarded connection: client, `rendr forward`, `rendr serve`, target, on loopback.
// Beside it, in the same run: the same through two plain TCP relays, and without anything between.
//   forward_bench [--rendr=PATH] [--against=PATH] [--rounds=N]
// With --against, the other build runs in turn with the first, and ratios to it are printed.
#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "forward_stage.hpp"
#include "report.hpp"

namespace {

using namespace rendr::bench;

constexpr int usual_rounds = 9;
constexpr std::size_t short_connections = 2'000;
constexpr std::size_t clients_at_once = 8;
constexpr std::size_t idle_connections = 500;

/// What one round of one build, or of what it is compared with, came to.
struct costs {
  double up = 0;                ///< GB/s
  double down = 0;              ///< GB/s
  double opened = 0;            ///< connections per second
  double cpu_up = 0;            ///< s per GB, both programs
  double cpu_down = 0;          ///< s per GB, both programs
  double cpu_of_opening = 0;    ///< us per connection, both programs
  double memory_of_idling = 0;  ///< KiB per connection, both programs
};

constexpr double gigabytes = static_cast<double>(volume) / 1e9;

class client {
 public:
  explicit client(std::uint16_t port) : to_(asio::ip::address_v4::loopback(), port) {}

  tcp::socket open() {
    tcp::socket made(context_);
    made.connect(to_);
    made.set_option(tcp::no_delay(true));
    return made;
  }
  /// A connection that has carried a byte there and back.
  tcp::socket used() {
    auto made = open();
    char word = say_it_back;
    asio::write(made, asio::buffer(&word, 1));
    asio::read(made, asio::buffer(&word, 1));
    return made;
  }
  /// Whatever listens there is up.
  void await() {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
      try {
        used();
        return;
      } catch (const std::system_error&) {
        if (seconds_since(begin) > 20) throw;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }
  double seconds_up() {
    auto socket = open();
    std::vector<char> part(part_size, take_it);
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t sent = 0; sent < volume; sent += part_size) {
      asio::write(socket, asio::buffer(part));
    }
    socket.shutdown(tcp::socket::shutdown_send);
    asio::read(socket, asio::buffer(part.data(), 1));
    return seconds_since(begin);
  }
  double seconds_down() {
    auto socket = open();
    std::vector<char> part(part_size);
    const auto begin = std::chrono::steady_clock::now();
    asio::write(socket, asio::buffer(&give_it, 1));
    std::size_t got = 0;
    for (std::error_code code; !code;) got += socket.read_some(asio::buffer(part), code);
    if (got != volume) throw std::runtime_error("a transfer ended early");
    return seconds_since(begin);
  }
  double seconds_of_opening() {
    std::atomic<std::size_t> begun = 0;
    std::atomic<std::size_t> done = 0;
    std::vector<std::thread> at_once;
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < clients_at_once; ++i) {
      at_once.emplace_back([&] {
        try {
          for (; begun++ < short_connections; ++done) used();
        } catch (const std::system_error& error) {
          std::fprintf(stderr, "a connection failed: %s\n", error.what());
        }
      });
    }
    for (auto& thread : at_once) thread.join();
    if (done != short_connections) throw std::runtime_error("a connection was not answered");
    return seconds_since(begin);
  }

 private:
  asio::io_context context_;
  tcp::endpoint to_;
};

/// One thing that connections go through, and what it came to in each round.
class subject {
 public:
  explicit subject(std::string path) : path_(std::move(path)) {}

  void begin(std::uint16_t target) {
    found_.emplace_back();
    programs_ = std::make_unique<forwarding>(path_, target);
    user_ = std::make_unique<client>(programs_->port());
    user_->await();
  }
  /// One without a program: `port` is where it listens.
  void begin_at(std::uint16_t port) {
    found_.emplace_back();
    user_ = std::make_unique<client>(port);
    user_->await();
  }
  void end() {
    user_.reset();
    programs_.reset();
  }

  void keep_idle_ones() {
    if (!programs_) return;
    const auto before = programs_->memory();
    std::vector<tcp::socket> idle;
    for (std::size_t i = 0; i < idle_connections; ++i) idle.push_back(user_->used());
    const auto grown = programs_->memory() - before;
    found_.back().memory_of_idling = grown / static_cast<double>(idle_connections);
  }
  void open_short_ones() {
    const auto cpu = cpu_so_far();
    found_.back().opened = static_cast<double>(short_connections) / user_->seconds_of_opening();
    const auto microseconds = (cpu_so_far() - cpu) * 1e6;
    found_.back().cpu_of_opening = microseconds / static_cast<double>(short_connections);
  }
  void carry_up() {
    const auto cpu = cpu_so_far();
    found_.back().up = gigabytes / user_->seconds_up();
    found_.back().cpu_up = (cpu_so_far() - cpu) / gigabytes;
  }
  void carry_down() {
    const auto cpu = cpu_so_far();
    found_.back().down = gigabytes / user_->seconds_down();
    found_.back().cpu_down = (cpu_so_far() - cpu) / gigabytes;
  }

  double median_of(double costs::*value) const {
    std::vector<double> values;
    for (const auto& one : found_) values.push_back(one.*value);
    return median(values);
  }
  /// Runs that follow each other met the same machine: the median of the ratios of such pairs.
  double ratio_to(const subject& other, double costs::*value) const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < found_.size(); ++i) {
      ratios.push_back(found_[i].*value / (other.found_[i].*value));
    }
    return median(ratios);
  }

 private:
  double cpu_so_far() const { return programs_ ? programs_->cpu() : 0; }

  std::string path_;
  std::unique_ptr<forwarding> programs_;
  std::unique_ptr<client> user_;
  std::vector<costs> found_;
};

constexpr void (subject::*steps[])() = {&subject::keep_idle_ones, &subject::open_short_ones,
                                        &subject::carry_up, &subject::carry_down};

struct row {
  const char* name;
  const char* unit;
  double costs::*value;
};
constexpr row rows[] = {{"client to target", "GB/s", &costs::up},
                        {"target to client", "GB/s", &costs::down},
                        {"connections", "/s", &costs::opened},
                        {"CPU of both programs per GB, to the target", "s", &costs::cpu_up},
                        {"CPU of both programs per GB, to the client", "s", &costs::cpu_down},
                        {"CPU of both programs per connection", "us", &costs::cpu_of_opening},
                        {"RssAnon of both per idle connection", "KiB", &costs::memory_of_idling}};

/// Each step by all of them in turn, so that they meet the same machine; who is first alternates.
void run_round(std::vector<subject*> turn, bool backwards) {
  if (backwards) std::reverse(turn.begin(), turn.end());
  for (const auto step : steps) {
    for (auto* each : turn) (each->*step)();
  }
  for (auto* each : turn) each->end();
}

void run(report& report, const std::string& path, const std::string& against, int rounds) {
  subject now(path);
  subject then(against);
  subject direct({});
  subject relays({});
  for (int i = 0; i < rounds; ++i) {
    // Each round has processes of its own: none of them lives longer than 60 s.
    const service target(1, [](tcp::socket peer) { return target_session(std::move(peer)); });
    const auto end = target.port();
    const service far(1, [=](tcp::socket peer) { return relay_session(std::move(peer), end); });
    const auto between = far.port();
    const service near(0,
                       [=](tcp::socket peer) { return relay_session(std::move(peer), between); });
    direct.begin_at(end);
    relays.begin_at(near.port());
    now.begin(end);
    std::vector<subject*> turn = {&direct, &relays, &now};
    if (!against.empty()) {
      then.begin(end);
      turn.push_back(&then);
    }
    run_round(std::move(turn), i % 2 == 1);
  }
  for (const auto& row : rows) {
    report.figure(row.name, now.median_of(row.value), row.unit);
    const auto baseline = relays.median_of(row.value);
    if (baseline == 0) continue;
    report.figure(std::string(row.name) + ", two plain relays", baseline, row.unit);
    report.figure(std::string(row.name) + ", nothing between", direct.median_of(row.value),
                  row.unit);
  }
  if (against.empty()) return;
  std::printf("\n%-46s %10s %10s %8s\n", "against the other build", "then", "now", "ratio");
  for (const auto& row : rows) {
    std::printf("%-46s %10.3f %10.3f %7.3fx %s\n", row.name, then.median_of(row.value),
                now.median_of(row.value), now.ratio_to(then, row.value), row.unit);
  }
}

}  // namespace

int main(int argc, char** argv) {
  report report(argc, argv, {"--rendr", "--against", "--rounds"});
  if (report.usage_error()) return 2;
  auto path = report.option("--rendr");
  if (path.empty()) path = RENDR_PROGRAM;
  const auto given = report.option("--rounds");
  const int rounds = given.empty() ? usual_rounds : std::atoi(given.c_str());
  if (rounds < 1) {
    std::fprintf(stderr, "--rounds=%s: it is a number of at least 1\n", given.c_str());
    return 2;
  }
  raise_descriptor_limit();
  std::printf("%zu MiB each way, %zu connections (%zu at once), %zu idle ones, median of %d\n",
              volume >> 20, short_connections, clients_at_once, idle_connections, rounds);
  try {
    run(report, path, report.option("--against"), rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return report.finish();
}
