// SPDX-License-Identifier: Apache-2.0
// Gates C1, C2 and C4: what a stream flow costs against a raw pump, in plaintext and sealed, and
// what attached paths cost. Sender and receiver are processes, each on a core of its own, for the
// raw pump as for rendr.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "process.hpp"
#include "rendr/rendr.hpp"
#include "report.hpp"

namespace {

using namespace rendr::bench;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto warm_up = 150ms;
constexpr auto span = 600ms;
constexpr int pairs = 9;
constexpr std::size_t piece = 256 * 1024;
constexpr char congestion[] = "cubic";
constexpr auto quiet = asio::experimental::as_tuple(asio::use_awaitable);

/// What one side measured from the end of the warm-up to its last byte.
struct side_cost {
  double bytes = 0;
  double seconds = 0;
  double cpu = 0;
};

/// Counts bytes and processor time from the end of the warm-up on, which begins with the first one.
class meter {
 public:
  void moved(std::size_t n) {
    const auto now = steady_clock::now();
    if (!begun_) {
      begun_ = true;
      first_ = now;
    }
    if (!warm_) {
      if (now - first_ < warm_up) return;
      warm_ = true;
      start_ = now;
      cpu_ = cpu_seconds();
      return;
    }
    bytes_ += static_cast<double>(n);
  }
  bool over() const { return warm_ && steady_clock::now() - start_ >= span; }
  side_cost result() const { return {bytes_, seconds_since(start_), cpu_seconds() - cpu_}; }

 private:
  bool begun_ = false;
  bool warm_ = false;
  steady_clock::time_point first_;
  steady_clock::time_point start_;
  double cpu_ = 0;
  double bytes_ = 0;
};

struct cost {
  double rate = 0;    // bytes a second at the receiver
  double per_gb = 0;  // processor seconds of both sides for each 10^9 bytes
};

template <class Sender, class Receiver>
cost measure(Sender sender, Receiver receiver) {
  channel port;
  channel from_sender;
  channel from_receiver;
  process receiving(1, [&] { receiver(port, from_receiver); });
  process sending(0, [&] { sender(port.receive<std::uint16_t>(), from_sender); });
  sending.join();
  receiving.join();
  const auto in = from_receiver.receive<side_cost>();
  const auto out = from_sender.receive<side_cost>();
  return {in.bytes / in.seconds, (in.cpu / in.bytes + out.cpu / out.bytes) * 1e9};
}

// --- the raw pump

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

int tcp_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd >= 0, "socket");
  const int on = 1;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "TCP_NODELAY");
  check(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, sizeof(congestion) - 1) == 0,
        "TCP_CONGESTION");
  return fd;
}

/// Moves bytes by `move` whenever the socket is ready for `events`, until it says so.
template <class Move>
void pump(int fd, std::uint32_t events, Move move) {
  check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{};
  wanted.events = events;
  check(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted) == 0, "epoll_ctl");
  for (bool more = true; more;) {
    epoll_event ready{};
    if (epoll_wait(poll, &ready, 1, -1) < 1) continue;
    for (;;) {
      const ssize_t n = move();
      if (n > 0) continue;
      if (n < 0 && errno == EAGAIN) break;
      check(n == 0, "raw pump");
      more = false;
      break;
    }
  }
  ::close(poll);
}

void raw_sender(std::uint16_t port, channel& out) {
  const int fd = tcp_socket();
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0, "connect");
  std::vector<std::byte> data(piece, std::byte{0x5a});
  meter meter;
  pump(fd, EPOLLOUT, [&]() -> ssize_t {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n > 0) meter.moved(static_cast<std::size_t>(n));
    return meter.over() ? 0 : n;
  });
  out.send(meter.result());
  ::close(fd);
}

void raw_receiver(channel& port, channel& out) {
  const int door = tcp_socket();
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  check(bind(door, reinterpret_cast<sockaddr*>(&at), length) == 0, "bind");
  check(listen(door, 1) == 0, "listen");
  check(getsockname(door, reinterpret_cast<sockaddr*>(&at), &length) == 0, "getsockname");
  port.send<std::uint16_t>(ntohs(at.sin_port));
  const int fd = accept(door, nullptr, nullptr);
  check(fd >= 0, "accept");
  std::vector<std::byte> data(piece);
  meter meter;
  pump(fd, EPOLLIN, [&]() -> ssize_t {
    const auto n = ::recv(fd, data.data(), data.size(), 0);
    if (n > 0) meter.moved(static_cast<std::size_t>(n));
    return n;
  });
  out.send(meter.result());
}

// --- the same by rendr

std::size_t attached(const rendr::link_status& status) {
  std::size_t n = 0;
  for (const auto& path : status.paths) {
    n += path.phase == rendr::path_phase::active || path.phase == rendr::path_phase::standby ||
         path.phase == rendr::path_phase::late;
  }
  return n;
}

asio::awaitable<void> send_all(rendr::link& line, rendr::link_options options, meter& meter,
                               side_cost& result) {
  const auto paths = options.paths.size();
  const auto failed = line.start(std::move(options));
  if (failed.code) throw std::runtime_error(failed.detail);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (attached(line.status()) < paths) {
    timer.expires_after(5ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
  auto flow = line.open_stream();
  const std::vector<std::byte> data(piece, std::byte{0x5a});
  while (!meter.over()) {
    meter.moved(co_await flow.async_write_some(asio::buffer(data), asio::use_awaitable));
  }
  result = meter.result();
  flow.shutdown_send();
  co_await flow.async_wait(rendr::stream::wait_type::delivered, quiet);
  if (attached(line.status()) != paths) throw std::runtime_error("a path was lost");
  flow.close();
  line.close();
  co_await line.async_wait(rendr::link::wait_type::down, quiet);
}

void run(asio::io_context& context, asio::awaitable<void> work) {
  std::exception_ptr error;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr thrown) {
    error = thrown;
    context.stop();
  });
  context.run();
  if (error) std::rethrow_exception(error);
}

enum class guard { plaintext, sealed };

void rendr_sender(std::uint16_t port, std::size_t paths, guard guarded, channel& out) {
  asio::io_context context(1);
  rendr::runtime runtime(context);
  rendr::link line(runtime);
  rendr::link_options options;
  for (std::size_t i = 0; i < paths; ++i) {
    rendr::path_spec path;
    path.host = "127.0.0.1";
    path.port = port;
    path.cc = congestion;
    path.plaintext = guarded == guard::plaintext;
    options.paths.push_back(path);
  }
  meter meter;
  side_cost result;
  run(context, send_all(line, std::move(options), meter, result));
  out.send(result);
}

asio::awaitable<void> receive_all(rendr::listener& door, channel& port, side_cost& result) {
  rendr::listen_options options;
  options.host = "127.0.0.1";
  options.congestion = congestion;
  const auto failed = door.listen(options);
  if (failed.code) throw std::runtime_error(failed.detail);
  port.send<std::uint16_t>(door.port());
  auto flow = (co_await door.async_accept(asio::use_awaitable)).accept();
  std::vector<std::byte> data(piece);
  meter meter;
  for (;;) {
    const auto [code, n] = co_await flow.async_read_some(asio::buffer(data), quiet);
    if (code == asio::error::eof) break;
    if (code) throw std::system_error(code, "read");
    meter.moved(n);
  }
  result = meter.result();
  flow.shutdown_send();
  co_await flow.async_wait(rendr::stream::wait_type::done, quiet);
}

void rendr_receiver(channel& port, channel& out) {
  asio::io_context context(1);
  rendr::runtime runtime(context);
  rendr::listener door(runtime);
  side_cost result;
  run(context, receive_all(door, port, result));
  out.send(result);
}

cost raw() { return measure(raw_sender, raw_receiver); }
cost over(std::size_t paths, guard guarded = guard::plaintext) {
  return measure([=](std::uint16_t port, channel& out) { rendr_sender(port, paths, guarded, out); },
                 rendr_receiver);
}

struct series {
  std::vector<double> rate;
  std::vector<double> per_gb;
  void add(const cost& one) {
    rate.push_back(one.rate / 1e9);
    per_gb.push_back(one.per_gb);
  }
};

}  // namespace

int main(int argc, char** argv) {
  report report(argc, argv);
  if (report.usage_error()) return 2;
  std::printf("one flow, loopback, TCP_CONGESTION %s, %zu KiB pieces, median of %d pairs\n",
              congestion, piece / 1024, pairs);
  try {
    series plain;
    series one;
    series sealed;
    series single;
    series four;
    std::vector<double> speed;
    std::vector<double> sealed_speed;
    std::vector<double> effort;
    std::vector<double> sealed_effort;
    std::vector<double> more;
    for (int i = 0; i < pairs; ++i) {
      plain.add(raw());
      one.add(over(1));
      speed.push_back(100 * one.rate.back() / plain.rate.back());
      effort.push_back(one.per_gb.back() / plain.per_gb.back());
      sealed.add(over(1, guard::sealed));
      sealed_speed.push_back(100 * sealed.rate.back() / plain.rate.back());
      sealed_effort.push_back(sealed.per_gb.back() / plain.per_gb.back());
    }
    for (int i = 0; i < pairs; ++i) {
      single.add(over(1));
      four.add(over(4));
      more.push_back(100 * (four.per_gb.back() / single.per_gb.back() - 1));
    }
    report.figure("raw pump", median(plain.rate), "GB/s");
    report.figure("raw pump, both sides", median(plain.per_gb), "CPU s/GB");
    report.figure("rendr, one path", median(one.rate), "GB/s");
    report.figure("rendr, one path, both sides", median(one.per_gb), "CPU s/GB");
    report.figure("rendr, one path, sealed", median(sealed.rate), "GB/s");
    report.figure("rendr, one path, sealed, both sides", median(sealed.per_gb), "CPU s/GB");
    report.figure("rendr, four paths attached", median(four.rate), "GB/s");
    report.figure("rendr, four paths attached, both sides", median(four.per_gb), "CPU s/GB");
    report.at_least("C1", "rate against the raw pump", median(speed), 70, 85, "%");
    report.figure("CPU per byte against the raw pump (goal 1.4)", median(effort), "x");
    report.at_least("C2", "sealed: rate against the raw pump", median(sealed_speed), 50, 55, "%");
    report.figure("sealed: CPU per byte against the raw pump", median(sealed_effort), "x");
    report.at_most("C4", "CPU per byte, 4 attached paths against 1", median(more), 10, 5, "% more");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return report.finish();
}
