// SPDX-License-Identifier: Apache-2.0
#include "transport/tcp/standing.hpp"

#include <net/if.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "rendr/error.hpp"
#include "transport/net_events.hpp"
#include "transport/resolver.hpp"

namespace rendr::transport {

namespace {

using asio::ip::tcp;

constexpr std::chrono::seconds patience{3};              // for a name, at the start
constexpr std::chrono::milliseconds look_again{500};     // while something is not there
constexpr std::chrono::milliseconds ask_seldom{30'000};  // for a name, at last

/// It may come: the address, the device, the answer of a name server.
bool may_come(const std::error_code& code) {
  return code == std::errc::address_not_available || code == std::errc::no_such_device ||
         code == std::errc::network_down || code == errc::timed_out ||
         code == std::error_code(asio::error::host_not_found_try_again);
}

bool is_wildcard(const asio::ip::address& address) {
  return address.is_v6() && address.is_unspecified();
}

class standing final : public std::enable_shared_from_this<standing> {
 public:
  standing(const asio::any_io_executor& executor, listen_place place,
           standing_listener::handlers to)
      : executor_(executor),
        place_(std::move(place)),
        to_(std::move(to)),
        timer_(executor),
        names_(executor) {}

  bool begin(const resolved& found, step_failure& why) {
    if (found.code && !may_come(found.code)) {
      why = {found.code, found.detail};
      return false;
    }
    take(found);
    for (const auto& one : rows_) {
      if (auto bad = to_.forbids ? to_.forbids(one.address) : step_failure{}) {
        why = std::move(bad);
        return false;
      }
    }
    step_failure worst;
    for (auto& one : rows_) {
      if (bind(one)) continue;
      if (!worst || may_come(worst.code)) worst = one.why;
    }
    if (local().empty() && worst && !may_come(worst.code)) {
      why = std::move(worst);
      return false;
    }
    if (found.code) say(false, found.detail + "; waiting for an answer");
    for (const auto& one : rows_) {
      if (!one.acceptor) tell_missing(one);
    }
    watch();
    report();
    return true;
  }

  void stop() {
    to_ = {};
    rows_.clear();
    events_.reset();
    timer_.cancel();
  }

  std::vector<tcp::endpoint> local() const {
    std::vector<tcp::endpoint> result;
    for (const auto& one : rows_) {
      if (one.acceptor) result.push_back(one.acceptor->local());
    }
    return result;
  }

  std::uint16_t port() const { return place_.port; }

  void hold(bool on) {
    held_ = on;
    for (const auto& one : rows_) {
      if (one.acceptor) one.acceptor->hold(on);
    }
  }

 private:
  struct row {
    tcp::endpoint address;
    std::unique_ptr<tcp_acceptor> acceptor;
    unsigned device = 0;  ///< the number of the device that it is bound to
    step_failure why{};   ///< without an acceptor
  };

  void take(const resolved& found) {
    for (const auto& address : found.addresses) rows_.push_back({address, nullptr, 0, {}});
  }

  unsigned device_number() const {
    return place_.options.device.empty() ? 0 : ::if_nametoindex(place_.options.device.c_str());
  }

  bool bind(row& one) {
    const bool both = is_wildcard(one.address.address()) && !place_.host.empty();
    one.device = device_number();
    if (!open(one, both) && both && one.why.code == std::errc::address_in_use && open(one, false)) {
      say(false, "[::]:" + std::to_string(place_.port) +
                     " takes IPv6 alone: in IPv4 its port is in use already");
    }
    // Without IPv6 both families are the one that is left.
    if (!one.acceptor && both &&
        (one.why.code == std::errc::address_family_not_supported ||
         one.why.code == std::errc::address_not_available)) {
      one.address = {asio::ip::address_v4::any(), one.address.port()};
      open(one, false);
    }
    if (one.acceptor) one.acceptor->hold(held_);
    return one.acceptor != nullptr;
  }

  bool open(row& one, bool both) {
    auto at = one.address;
    at.port(place_.port);
    one.why = {};
    one.acceptor = listen_tcp(
        executor_, at, place_.options, place_.backlog,
        [weak = weak_from_this()](unique_fd fd) {
          const auto self = weak.lock();
          if (!self) return;
          if (const auto take = self->to_.on_accept) take(std::move(fd));
        },
        one.why, both);
    // All addresses of a name get the port that the system chose for the first.
    if (one.acceptor) place_.port = one.acceptor->local().port();
    return one.acceptor != nullptr;
  }

  bool incomplete() const {
    return rows_.empty() ||
           std::any_of(rows_.begin(), rows_.end(), [](const row& one) { return !one.acceptor; });
  }

  void watch() {
    if (!incomplete() && place_.options.device.empty()) return;
    std::error_code code;
    if (!events_)
      events_ = net_events::open(
          executor_,
          [weak = weak_from_this()](const net_change&) {
            const auto self = weak.lock();
            if (!self) return;
            self->ask_again_ = look_again;
            self->look();
          },
          code);
    if (events_) events_->watch(true);
    // Without the kernel's word a device is looked at like what is not there.
    if (incomplete() || !events_) arm();
  }

  void arm(std::chrono::milliseconds pause = look_again) {
    timer_.expires_after(pause);
    timer_.async_wait([weak = weak_from_this()](const std::error_code& code) {
      const auto self = weak.lock();
      if (!code && self) self->look();
    });
  }

  void look() {
    if (rows_.empty()) return ask();
    bool changed = false;
    for (auto& one : rows_) {
      const auto number = device_number();
      if (one.acceptor && number != one.device) {
        one.acceptor.reset();
        one.why = {std::make_error_code(std::errc::no_such_device),
                   "device " + place_.options.device + " is gone"};
        changed = true;
        if (number == 0) tell_missing(one);
      }
      if (one.acceptor) continue;
      const auto before = one.why.code;
      if (bind(one)) {
        changed = true;
        say(true, "listening on " + to_text(one.acceptor->local()) + through());
      } else if (one.why.code != before) {
        tell_missing(one);
      }
    }
    if (changed) report();
    if (to_.on_accept) watch();
  }

  void ask() {
    names_.resolve(place_.host, 0, duration(0), weak_from_this(), [this](const resolved& found) {
      if (!to_.on_accept) return;
      if (!found.code) {
        take(found);
        std::erase_if(rows_, [this](const row& one) {
          const auto bad = to_.forbids ? to_.forbids(one.address) : step_failure{};
          if (bad && told_forbidden_.insert(bad.detail).second) say(false, bad.detail);
          return static_cast<bool>(bad);
        });
        if (!rows_.empty()) return look();
      }
      arm(ask_again_);
      ask_again_ = std::min(2 * ask_again_, ask_seldom);
    });
  }

  std::string through() const {
    return place_.options.device.empty() ? "" : " through " + place_.options.device;
  }

  void tell_missing(const row& one) {
    const bool waits = may_come(one.why.code);
    say(false, "not listening on " + to_text(one.address) + through() + ": " + one.why.detail +
                   (waits ? "; waiting for it" : ""));
  }

  void say(bool good, const std::string& sentence) const {
    if (const auto tell = to_.tell) tell(good, sentence);
  }
  void report() const {
    if (const auto bound = to_.bound) bound(local());
  }

  asio::any_io_executor executor_;
  listen_place place_;
  standing_listener::handlers to_;
  std::vector<row> rows_;
  asio::steady_timer timer_;
  resolver names_;
  std::chrono::milliseconds ask_again_ = look_again;  ///< ever longer, until the network changes
  std::set<std::string> told_forbidden_;
  std::unique_ptr<net_events> events_;
  bool held_ = false;
};

class handle final : public standing_listener {
 public:
  explicit handle(std::shared_ptr<standing> s) : standing_(std::move(s)) {}
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  ~handle() override { standing_->stop(); }
  std::vector<tcp::endpoint> local() const override { return standing_->local(); }
  std::uint16_t port() const override { return standing_->port(); }
  void hold(bool on) override { standing_->hold(on); }

 private:
  std::shared_ptr<standing> standing_;
};

}  // namespace

resolved addresses_of(const listen_place& place) {
  if (place.host.empty()) return resolve_blocking({}, place.port, true);
  return resolve_within(*lookups::of_process(), place.host, place.port, patience);
}

std::unique_ptr<standing_listener> standing_listener::open(const asio::any_io_executor& executor,
                                                           listen_place place,
                                                           const resolved& found, handlers to,
                                                           step_failure& why) {
  auto one = std::make_shared<standing>(executor, std::move(place), std::move(to));
  auto owner = std::make_unique<handle>(one);
  if (!one->begin(found, why)) return nullptr;
  return owner;
}

}  // namespace rendr::transport
