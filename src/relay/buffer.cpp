// SPDX-License-Identifier: Apache-2.0
#include "relay/buffer.hpp"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "base/free_list.hpp"
#include "runtime/pages.hpp"

namespace rendr::relay {

namespace {

constexpr std::size_t most_kept = 16;
constexpr std::size_t spare = 1;  // one conversation with pauses needs no timer
constexpr auto rest = std::chrono::seconds(5);

void give(std::byte* bytes) noexcept { detail::slab_pages().give(bytes, buffer::size); }

// The free buffers of a thread. What was free for a whole `rest` is given back but for one.
class free_buffers {
 public:
  free_buffers() { list_.reserve(most_kept + 1); }
  free_buffers(const free_buffers&) = delete;
  free_buffers& operator=(const free_buffers&) = delete;
  ~free_buffers() { list_.give_oldest(list_.size(), give); }

  std::byte* take(const asio::any_io_executor& loop) {
    if (++in_use_ > spare && timer_.expired()) watch(std::make_shared<asio::steady_timer>(loop));
    if (!list_.empty()) return list_.take();
    return static_cast<std::byte*>(detail::slab_pages().take(buffer::size));
  }
  void drop(std::byte* bytes) noexcept {
    in_use_ -= std::min<std::size_t>(in_use_, 1);  // taken by another thread: a loop that ended
    list_.put(bytes);
    if (list_.size() > most_kept) list_.give_oldest(1, give);
  }
  std::size_t size() const noexcept { return list_.size(); }
  void tidy() noexcept { list_.tidy(list_.size() - std::min(list_.size(), spare), give); }

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

  free_list<std::byte*> list_;
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
