// SPDX-License-Identifier: Apache-2.0
#include "support/emulator.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace rendr::test {
namespace {

constexpr std::size_t most_links = 250;
constexpr int batch = 32;  // packets read from one end before another has its turn
constexpr std::uint32_t main_table = 254;
constexpr std::uint32_t first_table = 1000;

instant monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return instant(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

owned_fd made(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return owned_fd(fd);
}

std::string interface_name(std::size_t link) { return "link" + std::to_string(link); }

/// One direction: from the TUN device where packets enter to the one where they leave.
struct direction {
  direction(std::uint64_t seed, int in, int out) : lane(seed), from(in), to(out) {}
  emulator_lane lane;
  int from;
  int to;
};

}  // namespace

struct emulator::state {
  state(std::size_t links, std::uint64_t seed, std::uint32_t mtu);
  ~state();
  void wire(std::size_t link, std::uint32_t mtu, seeded_random& seeds);
  void run();
  void take(direction& one);
  instant deliver();
  void wake() const;
  template <typename Use>
  void each(std::size_t link, way which, Use use) {
    if (which != way::to_client) use(directions.at(2 * link));
    if (which != way::to_server) use(directions.at(2 * link + 1));
  }

  netns client;
  netns server;
  std::vector<owned_fd> devices;
  owned_fd poll = made(::epoll_create1(EPOLL_CLOEXEC), "epoll");
  owned_fd timer = made(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd");
  owned_fd poke = made(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  mutable std::mutex mutex;
  std::vector<direction> directions;  // of link i: 2i to the server, 2i + 1 to the client
  std::atomic<bool> stop = false;
  std::thread thread;
};

emulator::state::state(std::size_t links, std::uint64_t seed, std::uint32_t mtu) {
  if (links == 0 || links > most_links) {
    throw std::system_error(EINVAL, std::generic_category(), "number of links");
  }
  for (const auto* end : {&client, &server}) end->sysctl("ipv4/tcp_no_metrics_save", "1");
  server.add_address("lo", host_address());
  seeded_random seeds(seed);
  for (std::size_t i = 0; i < links; ++i) wire(i, mtu, seeds);
  client.add_default_route(interface_name(0), main_table);
  const auto watch = [this](int fd, std::uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    made(::epoll_ctl(poll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl").release();
  };
  for (std::size_t i = 0; i < directions.size(); ++i) watch(directions[i].from, i);
  watch(timer.get(), directions.size());
  watch(poke.get(), directions.size());
  thread = std::thread([this] { run(); });
  const sched_param urgent{2};
  static_cast<void>(::pthread_setschedparam(thread.native_handle(), SCHED_FIFO, &urgent));
}

emulator::state::~state() {
  stop = true;
  wake();
  if (thread.joinable()) thread.join();
}

void emulator::state::wire(std::size_t link, std::uint32_t mtu, seeded_random& seeds) {
  const auto name = interface_name(link);
  const auto near = client_address(link);
  const auto far = server_address(link);
  const auto table = first_table + static_cast<std::uint32_t>(link);
  const int near_fd = devices.emplace_back(client.tun(name, near, far, mtu)).get();
  const int far_fd = devices.emplace_back(server.tun(name, far, near, mtu)).get();
  client.add_default_route(name, table);
  client.add_source_rule(near, table);
  directions.emplace_back(seeds.next(), near_fd, far_fd);
  directions.emplace_back(seeds.next(), far_fd, near_fd);
}

void emulator::state::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(::write(poke.get(), &one, sizeof one));
}

void emulator::state::take(direction& one) {
  std::array<std::byte, 65536> packet;
  for (int i = 0; i < batch; ++i) {
    const auto n = ::read(one.from, packet.data(), packet.size());
    if (n <= 0) return;
    one.lane.enter(monotonic_now(), std::span(packet).first(static_cast<std::size_t>(n)));
  }
}

instant emulator::state::deliver() {
  auto next = never;
  for (auto& one : directions) {
    while (const auto packet = one.lane.leave(monotonic_now())) {
      static_cast<void>(::write(one.to, packet->data(), packet->size()));
    }
    next = std::min(next, one.lane.next_time());
  }
  return next;
}

void emulator::state::run() {
  std::array<epoll_event, 16> events{};
  auto armed = never;
  while (!stop) {
    const int n = ::epoll_wait(poll.get(), events.data(), static_cast<int>(events.size()), -1);
    const std::scoped_lock lock(mutex);
    for (int i = 0; i < n; ++i) {
      const auto tag = events.at(static_cast<std::size_t>(i)).data.u64;
      std::uint64_t count = 0;
      if (tag < directions.size()) {
        take(directions[tag]);
      } else {
        if (::read(timer.get(), &count, sizeof count) > 0) armed = never;
        static_cast<void>(::read(poke.get(), &count, sizeof count));
      }
    }
    const auto next = deliver();
    if (next == armed) continue;
    armed = next;
    itimerspec at{};
    if (next != never) {
      const auto since = std::max<duration>(next.time_since_epoch(), duration(1));
      at.it_value.tv_sec = static_cast<time_t>(since.count() / 1'000'000'000);
      at.it_value.tv_nsec = static_cast<long>(since.count() % 1'000'000'000);
    }
    static_cast<void>(::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &at, nullptr));
  }
}

emulator::emulator(std::size_t links, std::uint64_t seed, std::uint32_t mtu)
    : state_(std::make_unique<state>(links, seed, mtu)) {}
emulator::~emulator() = default;

const netns& emulator::client() const noexcept { return state_->client; }
const netns& emulator::server() const noexcept { return state_->server; }

ipv4 emulator::client_address(std::size_t link) {
  return {10, 77, static_cast<std::uint8_t>(link), 1};
}
ipv4 emulator::server_address(std::size_t link) {
  return {10, 77, static_cast<std::uint8_t>(link), 2};
}
ipv4 emulator::host_address() { return {10, 77, 255, 1}; }

void emulator::change(std::size_t link, way which,
                      const std::function<void(lane_settings&)>& edit) {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->each(link, which, [&edit](direction& one) {
      auto settings = one.lane.settings();
      edit(settings);
      one.lane.change(monotonic_now(), settings);
    });
  }
  state_->wake();
}

void emulator::set(std::size_t link, way which, const lane_settings& settings) {
  change(link, which, [&settings](lane_settings& now) { now = settings; });
}

void emulator::reseed(std::size_t link, way which, std::uint64_t seed) {
  const std::scoped_lock lock(state_->mutex);
  state_->each(link, which, [seed](direction& one) { one.lane.reseed(seed); });
}

void emulator::up(std::size_t link, way which, bool on) {
  change(link, which, [on](lane_settings& now) { now.up = on; });
}

lane_settings emulator::settings(std::size_t link, way which) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->directions.at(2 * link + (which == way::to_client ? 1 : 0)).lane.settings();
}

lane_counters emulator::counters(std::size_t link, way which) const {
  const std::scoped_lock lock(state_->mutex);
  lane_counters sum;
  state_->each(link, which, [&sum](const direction& one) {
    const auto& c = one.lane.counters();
    sum.entered += c.entered;
    sum.entered_bytes += c.entered_bytes;
    sum.forwarded += c.forwarded;
    sum.forwarded_bytes += c.forwarded_bytes;
    sum.lost += c.lost;
    sum.overflowed += c.overflowed;
    sum.darkened += c.darkened;
    sum.too_large += c.too_large;
    sum.corrupted += c.corrupted;
    sum.queue_high = std::max(sum.queue_high, c.queue_high);
    sum.latest = std::max(sum.latest, c.latest);
  });
  return sum;
}

std::size_t emulator::memory() const {
  const std::scoped_lock lock(state_->mutex);
  std::size_t sum = 0;
  for (const auto& one : state_->directions) sum += one.lane.memory();
  return sum;
}

std::uint64_t emulator::device_drops(std::size_t link) const {
  const auto name = interface_name(link);
  return state_->client.dropped(name) + state_->server.dropped(name);
}

}  // namespace rendr::test
