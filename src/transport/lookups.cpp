// SPDX-License-Identifier: Apache-2.0
#include "transport/lookups.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/error.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "rendr/error.hpp"

namespace rendr::transport {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t most_threads = 64;
constexpr std::size_t kept_free = 16;  // of them, by what overtakes
constexpr std::size_t most_names = 256;
constexpr std::size_t most_addresses = 32;
constexpr unsigned at_once = 2;         // look-ups of one name, and one more
constexpr unsigned after_a_change = 3;  //   after a change of the network
constexpr std::chrono::seconds overtaken_after{1};

std::error_code code_of(int gai) {
  switch (gai) {
    case EAI_SYSTEM:
      return {errno, std::system_category()};
    case EAI_AGAIN:
      return asio::error::host_not_found_try_again;
    case EAI_MEMORY:
      return std::make_error_code(std::errc::not_enough_memory);
    default:
      return asio::error::host_not_found;
  }
}

std::vector<asio::ip::tcp::endpoint> take_turns(const std::vector<asio::ip::tcp::endpoint>& all) {
  std::vector<asio::ip::tcp::endpoint> first;
  std::vector<asio::ip::tcp::endpoint> second;
  for (const auto& endpoint : all)
    (endpoint.protocol() == all.front().protocol() ? first : second).push_back(endpoint);
  std::vector<asio::ip::tcp::endpoint> result;
  for (std::size_t i = 0; i < first.size() || i < second.size(); ++i) {
    if (i < first.size()) result.push_back(first[i]);
    if (i < second.size()) result.push_back(second[i]);
  }
  return result;
}

resolved no_address(const std::string& host) {
  return {asio::error::host_not_found, "resolve '" + host + "': it has no address", {}};
}

resolved too_many(const std::string& host) {
  resolved busy;
  busy.code = std::make_error_code(std::errc::resource_unavailable_try_again);
  busy.detail = "resolve '" + host + "': too many names are being resolved";
  return busy;
}

}  // namespace

resolved resolve_blocking(const std::string& host, std::uint16_t port, bool passive) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* list = nullptr;
  resolved result;
  const int gai = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(),
                                &hints, &list);
  if (gai != 0) {
    result.code = code_of(gai);
    result.detail = "resolve '" + host + "': " +
                    (gai == EAI_SYSTEM ? result.code.message() : std::string(::gai_strerror(gai)));
    return result;
  }
  std::vector<asio::ip::tcp::endpoint> all;
  for (const auto* at = list; at != nullptr; at = at->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (all.empty()) return no_address(host);
  result.addresses = take_turns(all);
  return result;
}

struct lookups::state : std::enable_shared_from_this<lookups::state> {
  struct name {
    std::vector<handler> waiting;
    unsigned running = 0;
    bool queued = false;
    clock::time_point newest{};  // when the last look-up of it began
    std::optional<resolved> known;
    clock::time_point known_at{};  // when the look-up of that began
    bool stale = false;
  };

  explicit state(question q) : ask(std::move(q)) {}

  const question ask;
  std::mutex mutex;  // guards what follows
  std::map<std::string, name> names;
  std::deque<std::string> queue;
  std::size_t running = 0;

  // True: `host` has a row, or one was made for it.
  bool room_for(const std::string& host) {
    if (names.contains(host) || names.size() < most_names) return true;
    auto oldest = names.end();
    for (auto at = names.begin(); at != names.end(); ++at) {
      const bool busy = !at->second.waiting.empty() || at->second.running > 0 || at->second.queued;
      if (!busy && (oldest == names.end() || at->second.known_at < oldest->second.known_at))
        oldest = at;
    }
    if (oldest == names.end()) return false;
    names.erase(oldest);
    return true;
  }

  void start(const std::string& host, name& one) {
    one.newest = clock::now();
    ++one.running;
    ++running;
    try {
      std::thread([self = shared_from_this(), host, began = one.newest] {
        auto answer = self->ask(host);
        if (!answer.code && answer.addresses.empty()) answer = no_address(host);
        if (answer.addresses.size() > most_addresses) answer.addresses.resize(most_addresses);
        self->finish(host, began, answer);
      }).detach();
    } catch (const std::system_error&) {  // no thread is to be had: one that ends takes it
      --one.running;
      --running;
      enqueue(host, one);
    }
  }

  void enqueue(const std::string& host, name& one) {
    if (std::exchange(one.queued, true)) return;
    queue.push_back(host);
  }

  void finish(const std::string& host, clock::time_point began, const resolved& answer) {
    std::vector<handler> told;
    {
      const std::lock_guard lock(mutex);
      --running;
      auto& one = names[host];
      --one.running;
      if (!one.known || began >= one.known_at) {
        one.stale = one.stale && began < one.newest;
        one.known = answer;
        one.known_at = began;
      }
      // One that failed is not the last word while another is under way.
      if (!answer.code || one.running == 0) told.swap(one.waiting);
      while (!queue.empty() && running < most_threads) {
        const auto next = std::move(queue.front());
        queue.pop_front();
        auto& row = names[next];
        row.queued = false;
        if (!row.waiting.empty() && row.running == 0) start(next, row);
        if (row.queued) break;
      }
    }
    for (const auto& done : told) done(answer);
  }
};

lookups::lookups(question ask) : state_(std::make_shared<state>(std::move(ask))) {}

const std::shared_ptr<lookups>& lookups::of_process() {
  static const auto one =
      std::make_shared<lookups>([](const std::string& host) { return resolve_blocking(host, 0); });
  return one;
}

void lookups::find(const std::string& host, duration max_age, handler done) {
  resolved now;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->room_for(host)) {
      now = too_many(host);
    } else {
      auto& one = state_->names[host];
      const bool fresh = one.known && !one.stale && clock::now() - one.known_at <= max_age;
      // What still runs was overtaken by what is known: it is not worth waiting for.
      const bool overtaken = one.known && one.known_at >= one.newest && one.running < at_once;
      if (fresh && (one.running == 0 || !one.known->code)) {
        now = *one.known;
      } else {
        one.waiting.push_back(std::move(done));
        if (one.running == 0 && state_->running >= most_threads)
          state_->enqueue(host, one);
        else if (one.running == 0 || (overtaken && state_->running < most_threads - kept_free))
          state_->start(host, one);
        return;
      }
    }
  }
  done(now);
}

void lookups::overtake(const std::string& host) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->names.find(host);
  if (found == state_->names.end()) return;
  auto& one = found->second;
  if (one.waiting.empty() || one.running == 0 || one.running >= at_once) return;
  if (clock::now() - one.newest < overtaken_after) return;
  if (state_->running < most_threads - kept_free) state_->start(host, one);
}

void lookups::network_changed() {
  const std::lock_guard lock(state_->mutex);
  for (auto& [host, one] : state_->names) {
    one.stale = true;
    if (one.waiting.empty() || one.running == 0 || one.running >= after_a_change) continue;
    if (state_->running < most_threads - kept_free) state_->start(host, one);
  }
}

resolved resolve_within(lookups& names, const std::string& host, std::uint16_t port,
                        duration limit) {
  resolved answer;
  std::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) {
    answer.addresses.emplace_back(literal, port);
    return answer;
  }
  const auto told = std::make_shared<std::promise<resolved>>();
  auto waits = told->get_future();
  names.find(host, duration(0), [told](const resolved& found) { told->set_value(found); });
  if (waits.wait_for(limit) != std::future_status::ready) {
    answer.code = errc::timed_out;
    answer.detail = "resolve '" + host + "': no answer in time";
    return answer;
  }
  answer = waits.get();
  for (auto& address : answer.addresses) address.port(port);
  return answer;
}

}  // namespace rendr::transport
