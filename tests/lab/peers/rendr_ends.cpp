// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "lab/peers/ends.hpp"
#include "rendr/rendr.hpp"
#include "support/emulator.hpp"

namespace rendr::test {
namespace {

void check(const failure& f) {
  if (f.code) throw std::system_error(f.code, f.detail);
}
void check(std::error_code code, const char* what) {
  if (code) throw std::system_error(code, what);
}

link_options options_of(const job& what, std::uint16_t port) {
  link_options options;
  options.insecure = true;
  options.root = what.root;
  for (std::size_t i = 0; i < what.links; ++i) {
    auto& path = options.paths.emplace_back();
    const auto link = what.first + i;
    path.name = std::string(1, static_cast<char>('a' + i));
    path.host = what.loopback ? "127.0.0.1" : text(emulator::server_address(link));
    path.bind = what.loopback ? "" : text(emulator::client_address(link));
    path.port = port;
    path.cc = what.congestion;
  }
  return options;
}

/// One thread: the runtime and the writer share the loop.
class rendr_sender {
 public:
  rendr_sender(const job& what, std::uint16_t port, trace& near)
      : what_(what), port_(port), near_(near), rt_(context_), line_(rt_), timer_(context_) {}
  void run() {
    asio::post(context_, [this] { begin(); });
    context_.run();
  }

 private:
  void begin() {
    check(line_.start(options_of(what_, port_)));
    line_.async_wait(link::wait_type::up, [this](std::error_code code) {
      check(code, "link");
      flow_ = line_.open_stream();
      near_.set_ready();
      if (what_.how.every == duration(0)) {
        left_ = what_.how.size;
        write();
      } else {
        due_ = std::chrono::steady_clock::now();
        turn();
      }
    });
  }
  void write() {
    const auto all = content();
    const auto size = std::min(left_, all.size() - at_);
    busy_ = true;
    flow_.async_write_some(asio::buffer(all.data() + at_, size),
                           [this](std::error_code code, std::size_t n) {
                             check(code, "write");
                             wrote(n);
                           });
  }
  void wrote(std::size_t n) {
    busy_ = false;
    at_ = (at_ + n) % content().size();
    left_ -= n;
    near_.moved(n);
    if (left_ == 0 && what_.how.every == duration(0)) left_ = what_.how.size;
    if (left_ > 0) write();
  }
  void turn() {
    due_ += what_.how.every;
    timer_.expires_at(due_);
    timer_.async_wait([this](std::error_code code) {
      check(code, "timer");
      left_ += what_.how.size;
      if (!busy_) write();
      turn();
    });
  }

  const job& what_;
  std::uint16_t port_;
  trace& near_;
  asio::io_context context_{1};
  runtime rt_;
  link line_;
  stream flow_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point due_;
  std::size_t at_ = 0;
  std::size_t left_ = 0;
  bool busy_ = false;
};

class rendr_receiver {
 public:
  rendr_receiver(const job& what, trace& far)
      : what_(what), far_(far), sink_(far), rt_(context_), door_(rt_), piece_(256 * 1024) {}
  void run() {
    asio::post(context_, [this] { begin(); });
    context_.run();
  }

 private:
  void begin() {
    listen_options options;
    options.host = what_.loopback ? "127.0.0.1" : "0.0.0.0";
    options.insecure = true;
    options.congestion = what_.congestion;
    check(door_.listen(options));
    far_.set_port(door_.port());
    door_.async_accept([this](std::error_code code, incoming from) {
      check(code, "accept");
      flow_ = from.accept();
      read();
    });
  }
  void read() {
    flow_.async_read_some(asio::buffer(piece_), [this](std::error_code code, std::size_t n) {
      check(code, "read");
      sink_.take(std::span(piece_).first(n));
      read();
    });
  }

  const job& what_;
  trace& far_;
  checked_sink sink_;
  asio::io_context context_{1};
  runtime rt_;
  listener door_;
  stream flow_;
  std::vector<std::byte> piece_;
};

}  // namespace

void send_rendr(const job& what, std::uint16_t port, trace& near) {
  rendr_sender(what, port, near).run();
}

void receive_rendr(const job& what, trace& far) { rendr_receiver(what, far).run(); }

}  // namespace rendr::test
