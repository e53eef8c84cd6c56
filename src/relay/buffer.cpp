// SPDX-License-Identifier: Apache-2.0
#include "relay/buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace rendr::relay {

namespace {

constexpr std::size_t most_kept = 16;
constexpr std::size_t spare = 1;  // one conversation with pauses needs no timer
constexpr auto rest = std::chrono::seconds(5);

// A mapping each, so that its memory goes back to the system with it.
std::byte* map() {
  void* const at =
      ::mmap(nullptr, buffer::size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(at);
}

// The free buffers of a thread. What was free for a whole `rest` is given back but for one.
class free_buffers {
 public:
  free_buffers() { list_.reserve(most_kept + 1); }
  free_buffers(const free_buffers&) = delete;
  free_buffers& operator=(const free_buffers&) = delete;
  ~free_buffers() { give_back(list_.size()); }

  std::byte* take(const asio::any_io_executor& loop) {
    if (++in_use_ > spare && timer_.expired()) watch(std::make_shared<asio::steady_timer>(loop));
    if (list_.empty()) return map();
    auto* const bytes = list_.back();
    list_.pop_back();
    least_ = std::min(least_, list_.size());
    return bytes;
  }
  void drop(std::byte* bytes) noexcept {
    in_use_ -= std::min<std::size_t>(in_use_, 1);  // taken by another thread: a loop that ended
    list_.push_back(bytes);
    if (list_.size() > most_kept) give_back(1);
  }
  std::size_t size() const noexcept { return list_.size(); }
  void tidy() noexcept {
    const auto above = list_.size() - std::min(list_.size(), spare);
    give_back(std::min(least_, above));
    least_ = list_.size();
  }

 private:
  void watch(const std::shared_ptr<asio::steady_timer>& timer) {
    timer_ = timer;
    timer->expires_after(rest);
    timer->async_wait([this, timer](std::error_code code) {
      if (code) return;
      tidy();
      if (in_use_ + list_.size() > spare) watch(timer);
    });
  }
  void give_back(std::size_t count) noexcept {
    const auto end = list_.begin() + static_cast<std::ptrdiff_t>(count);
    std::for_each(list_.begin(), end, [](std::byte* bytes) { ::munmap(bytes, buffer::size); });
    list_.erase(list_.begin(), end);
  }

  std::vector<std::byte*> list_;
  std::size_t least_ = 0;  // how many were free at any time since the last look
  std::size_t in_use_ = 0;
  std::weak_ptr<asio::steady_timer> timer_;  // lives while it is waited for
};

free_buffers& of_this_thread() {
  thread_local free_buffers list;
  return list;
}

}  // namespace

buffer buffer::take(const asio::any_io_executor& loop) {
  buffer result;
  result.bytes_ = of_this_thread().take(loop);
  return result;
}

buffer& buffer::operator=(buffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  buffer dropped(std::move(other));
  return *this;
}

buffer::~buffer() {
  if (bytes_ != nullptr) of_this_thread().drop(bytes_);
}

void buffer::tidy() noexcept { of_this_thread().tidy(); }

std::size_t buffer::kept() noexcept { return of_this_thread().size(); }

}  // namespace rendr::relay
