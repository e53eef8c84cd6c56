// layer: bench
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "process.hpp"

namespace rendr::bench {

using tcp = asio::ip::tcp;
constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

/// What one transfer of the bench carries.
constexpr std::size_t volume = std::size_t{512} << 20;
constexpr std::size_t part_size = std::size_t{64} << 10;

// The client's first byte tells the target what to do.
constexpr char say_it_back = 'e';  ///< each byte, this one too
constexpr char take_it = 'u';      ///< everything until the end of stream, and answer one byte
constexpr char give_it = 'd';      ///< `volume` bytes and the end of stream

inline asio::awaitable<void> take_all(tcp::socket& peer, std::vector<char>& part) {
  for (;;) {
    const auto [code, n] = co_await peer.async_read_some(asio::buffer(part), as_result);
    if (code) break;
  }
  co_await asio::async_write(peer, asio::buffer("k", 1), as_result);
}

inline asio::awaitable<void> target_session(tcp::socket peer) {
  char order = 0;
  auto [code, n] = co_await peer.async_read_some(asio::buffer(&order, 1), as_result);
  if (order == say_it_back) {
    while (!code) {
      co_await asio::async_write(peer, asio::buffer(&order, 1), as_result);
      std::tie(code, n) = co_await peer.async_read_some(asio::buffer(&order, 1), as_result);
    }
    co_return;
  }
  std::vector<char> part(part_size, 'x');
  if (order == take_it) co_await take_all(peer, part);
  for (std::size_t sent = 0; order == give_it && sent < volume && !code; sent += part_size) {
    std::tie(code, n) = co_await asio::async_write(peer, asio::buffer(part), as_result);
  }
}

inline asio::awaitable<void> relay_one_way(std::shared_ptr<tcp::socket> from,
                                           std::shared_ptr<tcp::socket> to) {
  std::array<char, part_size> part;
  for (;;) {
    const auto [code, n] = co_await from->async_read_some(asio::buffer(part), as_result);
    if (code) break;
    const auto [failed, m] =
        co_await asio::async_write(*to, asio::buffer(part.data(), n), as_result);
    if (failed) break;
  }
  std::error_code ignored;
  to->shutdown(tcp::socket::shutdown_send, ignored);
}

/// A TCP relay that knows nothing of links: what a forwarded connection costs at least.
inline asio::awaitable<void> relay_session(tcp::socket peer, std::uint16_t to) {
  const auto executor = co_await asio::this_coro::executor;
  auto near = std::make_shared<tcp::socket>(std::move(peer));
  auto far = std::make_shared<tcp::socket>(executor);
  const auto [code] =
      co_await far->async_connect({asio::ip::address_v4::loopback(), to}, as_result);
  if (code) co_return;
  near->set_option(tcp::no_delay(true));
  far->set_option(tcp::no_delay(true));
  asio::co_spawn(executor, relay_one_way(near, far), asio::detached);
  co_await relay_one_way(far, near);
}

/// Listens on any port of loopback, and runs `session(socket)` for each connection in a child.
class service {
 public:
  template <class Session>
  service(unsigned core, Session session) : process_(core, [this, session] { run(session); }) {
    port_ = told_.receive<std::uint16_t>();
  }
  std::uint16_t port() const { return port_; }

 private:
  template <class Session>
  void run(Session session) {
    asio::io_context context(1);
    tcp::acceptor door(context, {asio::ip::address_v4::loopback(), 0});
    told_.send(door.local_endpoint().port());
    const auto accept = [&]() -> asio::awaitable<void> {
      for (;;) {
        auto [code, peer] = co_await door.async_accept(as_result);
        if (!code) asio::co_spawn(context, session(std::move(peer)), asio::detached);
      }
    };
    asio::co_spawn(context, accept(), asio::detached);
    context.run();
  }

  channel told_;
  process process_;
  std::uint16_t port_ = 0;
};

/// A port that nothing listens on.
inline std::uint16_t free_port() {
  asio::io_context context;
  return tcp::acceptor(context, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

/// A `rendr` with its arguments, on a core.
class program {
 public:
  program(unsigned core, const std::string& path, std::vector<std::string> arguments)
      : process_(core, [&] {
          arguments.insert(arguments.begin(), path);
          std::vector<char*> words;
          for (auto& argument : arguments) words.push_back(argument.data());
          words.push_back(nullptr);
          execv(path.c_str(), words.data());
          throw std::runtime_error("cannot run " + path);
        }) {}

  /// Processor time of all its threads so far, in seconds.
  double cpu() const {
    double nanoseconds = 0;
    for (const auto& thread : std::filesystem::directory_iterator(folder() / "task")) {
      std::ifstream in(thread.path() / "schedstat");
      double ran = 0;
      if (in >> ran) nanoseconds += ran;
    }
    return nanoseconds * 1e-9;
  }
  /// RssAnon, in KiB.
  double memory() const {
    std::ifstream in(folder() / "status");
    for (std::string word; in >> word;) {
      double value = 0;
      if (word == "RssAnon:" && in >> value) return value;
    }
    throw std::runtime_error("a program is gone");
  }

 private:
  std::filesystem::path folder() const { return "/proc/" + std::to_string(process_.id()); }
  process process_;
};

/// `rendr serve` and `rendr forward` between a client and `target`, with a folder of their own.
class forwarding {
 public:
  forwarding(const std::string& path, std::uint16_t target)
      : serve_(1, path,
               {"serve", "--listen=tcp://127.0.0.1:" + std::to_string(between_),
                "--to=127.0.0.1:" + std::to_string(target), "--state-dir=" + folder_.string(),
                "--quiet"}),
        forward_(0, path,
                 {"forward", "--listen=127.0.0.1:" + std::to_string(port_),
                  "--path=tcp://127.0.0.1:" + std::to_string(between_), "--quiet"}) {}
  forwarding(const forwarding&) = delete;
  forwarding& operator=(const forwarding&) = delete;
  ~forwarding() { std::filesystem::remove_all(folder_); }

  std::uint16_t port() const { return port_; }
  double cpu() const { return serve_.cpu() + forward_.cpu(); }
  double memory() const { return serve_.memory() + forward_.memory(); }

 private:
  static std::filesystem::path new_folder() {
    auto name = (std::filesystem::temp_directory_path() / "rendr-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return name;
  }
  std::filesystem::path folder_ = new_folder();
  std::uint16_t between_ = free_port();
  std::uint16_t port_ = free_port();
  program serve_;
  program forward_;
};

/// What is open at once here passes the usual soft limit; children inherit this one.
inline void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace rendr::bench
