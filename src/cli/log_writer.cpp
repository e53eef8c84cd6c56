// SPDX-License-Identifier: Apache-2.0
#include "cli/log_writer.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>

namespace rendr::cli {

using namespace std::chrono_literals;

namespace {

constexpr auto first_retry = 10ms;
constexpr auto last_retry = 1s;
constexpr auto least_linger = 100ms;
constexpr int look_ms = 1000;  // a writer that waits looks around so often

enum class outcome : std::uint8_t {
  written,
  waited,  ///< it takes nothing, and time has passed
  busy,    ///< it takes nothing though it said so
  full,    ///< no space
  never,
};

outcome outcome_of(int error) noexcept {
  switch (error) {
    case EINTR:
      return outcome::waited;
    case EAGAIN:
    case ENOMEM:
    case ENOBUFS:
      return outcome::busy;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // until somebody rotates it
      return outcome::full;
    default:
      return outcome::never;
  }
}

struct waiting_line {
  std::string text;
  std::uint64_t lost = 0;  ///< lines that it tells were lost
};

}  // namespace

struct log_writer::state {
  int fd = -1;
  options chosen;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable settled;
  std::deque<waiting_line> queue;
  std::size_t bytes = 0;
  std::size_t written = 0;  ///< of the first line
  std::uint64_t lost = 0;
  bool begun = false;
  bool stop = false;
  bool over = false;
  bool calls = false;  ///< `on_time` is being called
  clock::time_point stuck_since = clock::time_point::max();

  bool push(std::string text) {
    if (lost > 0 && chosen.of_lost && bytes < chosen.most_bytes / 2) tell_of_lost();
    if (bytes + text.size() > chosen.most_bytes || stop) {
      ++lost;
      return false;
    }
    bytes += text.size();
    queue.push_back({std::move(text)});
    return true;
  }
  void tell_of_lost() {
    waiting_line notice{chosen.of_lost(lost), lost};
    lost = 0;
    bytes += notice.text.size();
    queue.push_back(std::move(notice));
  }
  void pop() {
    bytes -= queue.front().text.size();
    queue.pop_front();
    written = 0;
  }
  outcome write_some(std::unique_lock<std::mutex>& lock);
  clock::time_point call_on_time(std::unique_lock<std::mutex>& lock);
};

// A part of the first line. Only this thread takes lines away, so it may look without the lock.
outcome log_writer::state::write_some(std::unique_lock<std::mutex>& lock) {
  const auto& line = queue.front().text;
  const auto size = std::min<std::size_t>(line.size() - written, PIPE_BUF);
  const char* from = line.data() + written;
  lock.unlock();
  // A pipe that is ready takes PIPE_BUF bytes at once.
  pollfd ready{fd, POLLOUT, 0};
  const int found = ::poll(&ready, 1, look_ms);
  const auto n = found > 0 ? ::write(fd, from, size) : -1;
  const int error = found > 0 ? errno : EINTR;
  lock.lock();
  if (n > 0) {
    written += static_cast<std::size_t>(n);
    if (written == line.size()) pop();
    return outcome::written;
  }
  const auto result = outcome_of(error);
  if (result == outcome::never) {
    lost += std::max<std::uint64_t>(queue.front().lost, 1);
    pop();
  }
  return result;
}

log_writer::clock::time_point log_writer::state::call_on_time(std::unique_lock<std::mutex>& lock) {
  if (!chosen.on_time || stop) return clock::time_point::max();
  calls = true;
  lock.unlock();
  const auto next = chosen.on_time(clock::now());
  lock.lock();
  calls = false;
  settled.notify_all();
  return next;
}

void log_writer::run(const std::shared_ptr<state>& s) {
  // `stty tostop` would stop the program, and its traffic, when it tells something in the
  // background.
  sigset_t stops{};
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  std::unique_lock lock(s->mutex);
  auto retry = std::chrono::milliseconds(first_retry);
  auto next = clock::time_point::min();
  while (true) {
    if (clock::now() >= next) next = s->call_on_time(lock);
    // Who is over has gone, and what its functions use with it.
    if (s->queue.empty() && s->lost > 0 && s->chosen.of_lost && !s->over) s->tell_of_lost();
    if (s->queue.empty()) {
      s->settled.notify_all();
      if (s->stop) break;
      const auto more = [&] { return s->stop || !s->queue.empty(); };
      if (next == clock::time_point::max()) {
        s->changed.wait(lock, more);
      } else {
        s->changed.wait_until(lock, next, more);
      }
      continue;
    }
    const auto result = s->write_some(lock);
    if (result == outcome::written) {
      retry = first_retry;
      s->stuck_since = clock::time_point::max();
      if (s->queue.empty()) next = clock::time_point::min();  // a line may bring a time of its own
      continue;
    }
    if (result == outcome::never) {
      // Not in a circle: the line that tells of it would be lost as well.
      if (s->queue.empty()) {
        s->changed.wait(lock, [&] { return s->stop || !s->queue.empty(); });
        if (s->stop) break;
      }
      continue;
    }
    if (s->over || (s->stop && result == outcome::full)) break;
    if (s->stuck_since == clock::time_point::max()) s->stuck_since = clock::now();
    if (result == outcome::waited) continue;
    s->changed.wait_for(lock, retry, [&] { return s->over || s->stop; });
    retry = std::min<std::chrono::milliseconds>(2 * retry, last_retry);
  }
  s->over = true;
  s->settled.notify_all();
}

log_writer::log_writer(int fd, options chosen) : state_(std::make_shared<state>()) {
  state_->fd = fd;
  state_->chosen = std::move(chosen);
}

log_writer::~log_writer() {
  if (!thread_.joinable()) return;
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
  auto linger = state_->chosen.linger;
  const auto now = clock::now();
  if (state_->stuck_since < now) {
    const auto stuck =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - state_->stuck_since);
    linger = std::max<std::chrono::milliseconds>(least_linger, linger - stuck);
  }
  const bool done = state_->settled.wait_for(lock, linger, [&] { return state_->over; });
  state_->settled.wait(lock, [&] { return !state_->calls; });
  state_->over = true;
  state_->changed.notify_all();
  lock.unlock();
  if (done) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

bool log_writer::write(std::string text) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->begun) {
    try {
      thread_ = std::thread([s = state_] { run(s); });
      state_->begun = true;
    } catch (const std::system_error&) {  // out of threads: the next line may have more luck
      ++state_->lost;
      return false;
    }
  }
  const bool taken = state_->push(std::move(text));
  if (taken) state_->changed.notify_all();
  return taken;
}

bool log_writer::idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.empty();
}

}  // namespace rendr::cli
