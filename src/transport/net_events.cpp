// SPDX-License-Identifier: Apache-2.0
#include "transport/net_events.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "transport/net_addresses.hpp"
#include "transport/unique_fd.hpp"

namespace rendr::transport {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds shortest_pause = 50ms;
constexpr std::chrono::milliseconds longest_pause = 2s;
constexpr int reads_at_once = 64;
constexpr unsigned groups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

/// What the messages say by themselves; links and addresses are compared afterwards.
struct news {
  bool any = false;
  bool routes = false;
};

int take_message(const nlmsghdr* message, void* to) {
  auto& seen = *static_cast<news*>(to);
  seen.any = true;
  if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) return MNL_CB_OK;
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  if ((route->rtm_flags & RTM_F_CLONED) == 0) seen.routes = true;
  return MNL_CB_OK;
}

net_change compare(const net_addresses& before, const net_addresses& after) {
  net_change change;
  for (const auto& [address, was] : before) {
    if (!was.usable) continue;
    const auto now = after.find(address);
    if (now == after.end())
      change.lost.push_back({address, address.to_string() + " left " + was.device});
    else if (!now->second.usable)
      change.lost.push_back({address, was.device + " of " + address.to_string() + " is down"});
    else if (now->second.device == was.device && now->second.index != was.index)
      change.lost.push_back(
          {address, was.device + " of " + address.to_string() + " was made anew"});
  }
  return change;
}

bool equal(const net_addresses& a, const net_addresses& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.device == y.second.device &&
           x.second.index == y.second.index && x.second.usable == y.second.usable;
  });
}

class watcher : public std::enable_shared_from_this<watcher> {
 public:
  watcher(const asio::any_io_executor& executor, net_events::handler on_change)
      : descriptor_(executor), timer_(executor), on_change_(std::move(on_change)) {}

  void open(std::error_code& code) {
    unique_fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      code.assign(errno, std::system_category());
      return;
    }
    known_ = read_net_addresses(code);  // after the groups were joined: nothing falls between
    if (code) return;
    descriptor_.assign(fd.get(), code);
    if (!code) fd.release();
  }

  void watch(bool on) {
    if (on == watching_) return;
    watching_ = on;
    if (!on) {
      descriptor_.cancel();
      timer_.cancel();
    } else if (!waiting_) {
      wait();
    }
  }

  void stop() {
    on_change_ = nullptr;
    watching_ = false;
    timer_.cancel();
    std::error_code ignored;
    descriptor_.close(ignored);
  }

 private:
  void wait() {
    waiting_ = true;
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](const std::error_code& code) {
                             self->waiting_ = false;
                             self->came(code);
                           });
  }

  void came(const std::error_code& code) {
    if (!watching_) return;
    if (code) return wait();  // turned off and on again meanwhile
    const auto now = std::chrono::steady_clock::now();
    pause_ = now - paused_until_ < pause_ ? std::min(2 * pause_, longest_pause) : shortest_pause;
    paused_until_ = now + pause_;
    rest();
    report(read());
  }

  void rest() {
    waiting_ = true;
    timer_.expires_at(paused_until_);
    timer_.async_wait([self = shared_from_this()](const std::error_code&) {
      self->waiting_ = false;
      if (self->watching_) self->wait();
    });
  }

  news read() {
    news seen;
    alignas(nlmsghdr) std::array<char, 16 * 1024> buffer;
    for (int i = 0; i < reads_at_once; ++i) {
      const auto n = ::recv(descriptor_.native_handle(), buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == ENOBUFS) {
        seen = {true, true};  // messages were dropped: it may have been a route
        continue;
      }
      if (n <= 0) break;
      mnl_cb_run(buffer.data(), static_cast<std::size_t>(n), 0, 0, take_message, &seen);
    }
    return seen;
  }

  void report(news seen) {
    if (!seen.any) return;
    std::error_code code;
    auto current = read_net_addresses(code);
    net_change change;
    bool changed = seen.routes || code;
    if (!code) {
      changed = changed || !equal(known_, current);
      change = compare(known_, current);
      known_ = std::move(current);
    }
    if (const auto tell = on_change_; changed && tell) tell(change);
  }

  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  net_events::handler on_change_;
  net_addresses known_;
  std::chrono::steady_clock::time_point paused_until_{};
  std::chrono::milliseconds pause_ = shortest_pause;
  bool watching_ = false;
  bool waiting_ = false;  ///< a handler is under way
};

class handle final : public net_events {
 public:
  explicit handle(std::shared_ptr<watcher> w) : watcher_(std::move(w)) {}
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  ~handle() override { watcher_->stop(); }
  void watch(bool on) override { watcher_->watch(on); }

 private:
  std::shared_ptr<watcher> watcher_;
};

}  // namespace

std::unique_ptr<net_events> net_events::open(const asio::any_io_executor& executor,
                                             handler on_change, std::error_code& code) {
  code.clear();
  auto one = std::make_shared<watcher>(executor, std::move(on_change));
  one->open(code);
  if (code) return nullptr;
  return std::make_unique<handle>(std::move(one));
}

}  // namespace rendr::transport
