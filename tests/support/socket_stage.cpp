// SPDX-License-Identifier: Apache-2.0
#include "support/socket_stage.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <stdexcept>

#include "support/net_fixture.hpp"
#include "support/socket_address.hpp"

namespace rendr::test {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t message = 8 * 1024;

// Links of attackers do not answer when the server says goodbye.
runtime_options server_options() {
  runtime_options out;
  out.accepted_linger = 500ms;
  out.links = hostile::most_links;
  return out;
}

void demand(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

}  // namespace

/// One end of a real connection, as a program without an engine uses it. The stage's thread moves
/// its bytes.
class attacker_connection final : public hostile::carrier {
 public:
  attacker_connection(socket_stage& at, int fd) : at_(at), fd_(fd) {
    at_.connections_.push_back(this);
  }
  attacker_connection(const attacker_connection&) = delete;
  attacker_connection& operator=(const attacker_connection&) = delete;
  ~attacker_connection() override {
    close();
    std::erase(at_.connections_, this);
  }

  void send(bytes_view data) override {
    unsent_.insert(unsent_.end(), data.begin(), data.end());
    pump();
  }
  const bytes& heard() const override { return heard_; }
  bool ended() const override { return ended_; }
  void close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    ended_ = true;
  }
  void stop_reading() override { reading_ = false; }

  pollfd watched() const {
    int events = reading_ ? POLLIN : 0;
    if (!unsent_.empty()) events |= POLLOUT;
    return {ended_ ? -1 : fd_, static_cast<short>(events), 0};
  }
  void pump() {
    std::array<std::byte, 65536> chunk;
    while (reading_ && !ended_) {
      const auto n = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      ended_ = n <= 0;
      if (n > 0) heard_.insert(heard_.end(), chunk.begin(), chunk.begin() + n);
    }
    while (!unsent_.empty() && fd_ >= 0) {
      const auto n = ::send(fd_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n <= 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) unsent_.clear();
        break;
      }
      unsent_.erase(unsent_.begin(), unsent_.begin() + n);
    }
  }

 private:
  socket_stage& at_;
  int fd_;
  bytes heard_;
  bytes unsent_;
  bool ended_ = false;
  bool reading_ = true;
};

socket_stage::socket_stage() : server_(server_options()), door_(server_) {
  const auto failed = door_.listen(on_loopback());
  demand(!failed.code, "the listener does not listen");
  tap_ = std::make_unique<tap>(door_.port());
  line_ = std::make_unique<link>(client_);
  link_options options;
  options.paths = {path_to(door_.port(), "a"), path_to(tap_->port(), "b")};
  options.root = "selector(a, b)";
  options.dial_deadline = 5s;
  demand(!line_->connect(options).code, "the honest link does not come up");
  honest_ = line_->status().id;
  honest_client_ = client_.status().instance;
  demand(until([&] { return client().find(honest_)->attached == 2; }, 5s),
         "the honest link has not both paths");
  near_ = line_->open_stream();
  accepting_ = std::thread([this] { take_flows(); });
  talking_ = std::thread([this] { talk_to_echo(); });
  demand(until([&] { return delivered_ > 0; }, 5s), "the honest flow does not run");
}

socket_stage::~socket_stage() {
  if (!over_) damage();
}

void socket_stage::take_flows() {
  for (;;) {
    std::error_code code;
    auto one = door_.accept(code);
    if (code) return;
    if (one.peer() == honest_client_) {
      echoing_ =
          std::thread([flow = std::make_shared<stream>(one.accept())] { echo(std::move(*flow)); });
      continue;
    }
    const auto metadata = one.metadata();
    const bool writes = as_text(metadata) == hostile::wanted;
    const std::lock_guard lock(mutex_);
    const auto flow = others_.emplace_back(std::make_shared<stream>(one.accept()));
    if (!writes) continue;
    const auto data = std::make_shared<bytes>(8u << 20);
    asio::async_write(*flow, asio::buffer(*data),
                      [flow, data](const std::error_code&, std::size_t) {});
  }
}

void socket_stage::echo(stream flow) {
  std::string part(message, '\0');
  std::error_code code;
  while (!code) {
    const auto n = flow.read_some(asio::buffer(part), code);
    if (!code) asio::write(flow, asio::buffer(part.data(), n), code);
  }
  flow.shutdown_send();
}

void socket_stage::talk_to_echo() {
  std::string back(message, '\0');
  for (std::size_t offset = 0; !over_; offset += message) {
    const auto said = pattern(message, offset);
    std::error_code code;
    asio::write(near_, asio::buffer(said), code);
    if (!code) asio::read(near_, asio::buffer(back), code);
    if (code || back != said) {
      const std::lock_guard lock(mutex_);
      damage_ += code ? "the honest flow failed: " + code.message() + "\n"
                      : "other bytes at " + std::to_string(offset) + "\n";
      return;
    }
    delivered_ += 2 * message;
  }
}

std::unique_ptr<hostile::carrier> socket_stage::dial(std::string_view source) {
  const auto number =
      sources_.emplace(source, static_cast<std::uint32_t>(sources_.size())).first->second + 2;
  const ipv4 from{127, 1, static_cast<std::uint8_t>(number >> 8),
                  static_cast<std::uint8_t>(number)};
  const auto own = socket_address(from, 0);
  const auto to = socket_address({127, 0, 0, 1}, door_.port());
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  demand(::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
             ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0,
         "the attacker cannot connect");
  return std::make_unique<attacker_connection>(*this, fd);
}

const std::vector<hostile::recording>& socket_stage::tapped() {
  tapped_ = tap_->recorded();
  return tapped_;
}

void socket_stage::seize() {
  ++cuts_;
  tap_->seize();
}

std::unique_ptr<hostile::carrier> socket_stage::seized(duration limit) {
  std::optional<int> fd;
  until([&] { return (fd = tap_->take()).has_value(); }, limit);
  return fd ? std::make_unique<attacker_connection>(*this, *fd) : nullptr;
}

bool socket_stage::until(const std::function<bool()>& holds, duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    for (auto* one : connections_) one->pump();
    if (holds()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::vector<pollfd> watched;
    for (const auto* one : connections_) watched.push_back(one->watched());
    ::poll(watched.data(), watched.size(), 5);
  }
}

hostile::facts socket_stage::facts_of(const runtime& of) {
  const auto status = of.status();
  hostile::facts out;
  out.slab_bytes = status.slab_bytes;
  out.budget = status.budget;
  out.budget_used = status.budget_used;
  out.handshakes = status.handshakes;
  out.evicted = status.handshakes_evicted;
  out.failed = status.handshakes_failed;
  for (const auto& l : status.links) {
    auto& one = out.links.emplace_back();
    one.id = l.id;
    one.up = l.up;
    one.flows = l.flows.size();
    for (const auto& p : l.paths) {
      one.deaths += p.deaths;
      for (const auto& past : p.history) {
        const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(past.age).count();
        one.history += p.name + ", " + std::to_string(ago) +
                       " ms ago: " + std::string(to_string(past.to)) + ", " +
                       std::string(to_string(past.why)) + ": " + past.detail + "\n";
      }
      one.attached += p.phase == path_phase::standby || p.phase == path_phase::active ||
                      p.phase == path_phase::late || p.phase == path_phase::suspect;
    }
  }
  return out;
}

std::string socket_stage::damage() {
  over_ = true;
  talking_.join();
  near_.close();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& flow : others_) flow->close();
  }
  door_.close();
  accepting_.join();
  echoing_.join();
  client_.shutdown();
  server_.shutdown();
  for (auto* one : {&client_, &server_}) {
    const auto kept = one->status().slab_bytes;
    if (kept != 0) damage_ += std::to_string(kept) + " bytes of buffers are kept\n";
  }
  line_.reset();
  tap_.reset();
  return damage_;
}

}  // namespace rendr::test
