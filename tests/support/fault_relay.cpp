// SPDX-License-Identifier: Apache-2.0
#include "support/fault_relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace rendr::test {

namespace {

using asio::ip::tcp;
using steady = std::chrono::steady_clock;

constexpr std::size_t most_queued = 256 * 1024;

struct counters {
  std::atomic<std::uint64_t> forwarded{0};
  std::mutex mutex;
  std::condition_variable changed;
  void add(std::uint64_t n) {
    forwarded += n;
    const std::lock_guard lock(mutex);
    changed.notify_all();
  }
};

struct settings {
  bool dark = false;
  bool refusing = false;
  std::chrono::milliseconds delay{0};
  std::uint64_t rate = 0;

  /// A limited line holds 20 ms, beside what its delay holds.
  std::size_t queue_limit() const {
    if (rate == 0) return most_queued;
    const auto time = static_cast<std::uint64_t>(delay.count()) + 20;
    return std::min<std::size_t>(most_queued, rate * time / 1000);
  }
};

struct pair;

/// One direction of one connection.
struct lane : std::enable_shared_from_this<lane> {
  struct chunk {
    steady::time_point due;
    std::vector<char> data;
  };
  lane(asio::io_context& context, const settings& s, counters& c, tcp::socket& in, tcp::socket& out)
      : timer(context), common(s), count(c), from(in), to(out) {}

  void read();
  void deliver();
  void resume() { deliver(); }

  asio::steady_timer timer;
  const settings& common;
  counters& count;
  tcp::socket& from;
  tcp::socket& to;
  std::weak_ptr<pair> owner;
  std::deque<chunk> queue;
  std::size_t queued = 0;
  steady::time_point next_free{};
  bool reading = false;
  bool writing = false;
  bool ended = false;
  std::array<char, 64 * 1024> buffer{};
};

struct pair : std::enable_shared_from_this<pair> {
  pair(asio::io_context& context, tcp::socket accepted) : near(std::move(accepted)), far(context) {}
  void close(bool reset) {
    std::error_code ignored;
    for (auto* socket : {&near, &far}) {
      if (reset && socket->is_open())
        socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
    forth->timer.cancel();
    back->timer.cancel();
  }
  tcp::socket near;
  tcp::socket far;
  std::shared_ptr<lane> forth;
  std::shared_ptr<lane> back;
};

// Of a limited line: its queue is the one that counts, not that of a kernel beside it.
const asio::socket_base::receive_buffer_size little_buffer(128 * 1024);

void lane::read() {
  // Dark: what arrives is acknowledged by this kernel and goes nowhere.
  if (reading || ended || (queued > common.queue_limit() && !common.dark)) return;
  reading = true;
  from.async_read_some(asio::buffer(buffer), [self = shared_from_this(), keep = owner.lock()](
                                                 const std::error_code& code, std::size_t n) {
    self->reading = false;
    if (code) {
      self->ended = true;
      return self->deliver();
    }
    const auto now = steady::now();
    self->queue.push_back(
        {now + self->common.delay,
         std::vector<char>(self->buffer.begin(), self->buffer.begin() + static_cast<long>(n))});
    self->queued += n;
    self->deliver();
    self->read();
  });
}

void lane::deliver() {
  if (writing || common.dark) return;
  if (queue.empty()) {
    if (!ended) return;
    std::error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
    return;
  }
  const auto now = steady::now();
  const auto due = std::max(queue.front().due, next_free);
  writing = true;
  const auto go = [self = shared_from_this(), keep = owner.lock()] {
    self->next_free = steady::now();
    if (self->common.rate > 0)
      self->next_free += std::chrono::nanoseconds(self->queue.front().data.size() *
                                                  1'000'000'000ull / self->common.rate);
    asio::async_write(self->to, asio::buffer(self->queue.front().data),
                      [self, keep](const std::error_code& code, std::size_t n) {
                        self->writing = false;
                        if (code) return;
                        self->queued -= n;
                        self->queue.pop_front();
                        self->count.add(n);
                        self->read();
                        self->deliver();
                      });
  };
  if (due <= now) return go();
  timer.expires_at(due);
  timer.async_wait([go, self = shared_from_this()](const std::error_code& code) {
    if (!code) return go();
    self->writing = false;
  });
}

}  // namespace

struct fault_relay::state {
  explicit state(std::uint16_t target_port)
      : acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        target(asio::ip::address_v4::loopback(), target_port),
        port(acceptor.local_endpoint().port()) {
    accept();
    thread = std::thread([this] { context.run(); });
  }
  ~state() {
    run([this] {
      std::error_code ignored;
      acceptor.close(ignored);
      for (const auto& one : pairs) one->close(true);
      pairs.clear();
      context.stop();
    });
    thread.join();
  }

  void run(std::function<void()> function) {
    std::promise<void> done;
    asio::post(context, [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  void accept() {
    acceptor.async_accept([this](const std::error_code& code, tcp::socket socket) {
      if (code) return;
      take(std::move(socket));
      accept();
    });
  }

  void take(tcp::socket socket) {
    std::error_code ignored;
    if (common.refusing) {
      socket.set_option(asio::socket_base::linger(true, 0), ignored);
      return;
    }
    ++accepted;
    auto one = std::make_shared<pair>(context, std::move(socket));
    if (common.rate > 0) one->near.set_option(little_buffer, ignored);
    one->forth = std::make_shared<lane>(context, common, count, one->near, one->far);
    one->back = std::make_shared<lane>(context, common, count, one->far, one->near);
    one->forth->owner = one->back->owner = one;
    pairs.insert(one);
    one->far.async_connect(target, [this, one](const std::error_code& failed) {
      if (failed) {
        one->close(true);
        pairs.erase(one);
        return;
      }
      std::error_code unused;
      one->near.set_option(tcp::no_delay(true), unused);
      one->far.set_option(tcp::no_delay(true), unused);
      if (common.rate > 0) one->far.set_option(little_buffer, unused);
      one->forth->read();
      one->back->read();
    });
  }

  void forget_ended() {
    std::erase_if(pairs, [](const std::shared_ptr<pair>& one) {
      return one->forth->ended && one->back->ended && one->forth->queue.empty() &&
             one->back->queue.empty();
    });
  }

  asio::io_context context{1};
  tcp::acceptor acceptor;
  tcp::endpoint target;
  std::uint16_t port;
  settings common;
  counters count;
  std::atomic<std::size_t> accepted{0};
  std::set<std::shared_ptr<pair>> pairs;
  std::thread thread;
};

fault_relay::fault_relay(std::uint16_t target_port)
    : state_(std::make_unique<state>(target_port)) {}
fault_relay::~fault_relay() = default;

std::uint16_t fault_relay::port() const { return state_->port; }

std::size_t fault_relay::kill() {
  std::size_t killed = 0;
  state_->run([&] {
    state_->forget_ended();
    killed = state_->pairs.size();
    for (const auto& one : state_->pairs) one->close(true);
    state_->pairs.clear();
  });
  return killed;
}

void fault_relay::blackhole() {
  state_->run([this] { state_->common.dark = true; });
}

void fault_relay::lighten() {
  state_->run([this] {
    state_->common.dark = false;
    for (const auto& one : state_->pairs) {
      one->forth->resume();
      one->back->resume();
    }
  });
}

void fault_relay::refuse() {
  state_->run([this] { state_->common.refusing = true; });
}

void fault_relay::admit() {
  state_->run([this] { state_->common.refusing = false; });
}

void fault_relay::delay(std::chrono::milliseconds each_way) {
  state_->run([&] { state_->common.delay = each_way; });
}

void fault_relay::limit(std::uint64_t bytes_per_second) {
  state_->run([&] { state_->common.rate = bytes_per_second; });
}

std::size_t fault_relay::connections() const {
  std::size_t n = 0;
  state_->run([&] {
    state_->forget_ended();
    n = state_->pairs.size();
  });
  return n;
}

std::size_t fault_relay::accepted() const { return state_->accepted; }

std::uint64_t fault_relay::forwarded() const { return state_->count.forwarded; }

bool fault_relay::wait_forwarded(std::uint64_t more) const {
  auto& count = state_->count;
  const auto wanted = count.forwarded + more;
  std::unique_lock lock(count.mutex);
  return count.changed.wait_for(lock, std::chrono::seconds(10),
                                [&] { return count.forwarded >= wanted; });
}

}  // namespace rendr::test
