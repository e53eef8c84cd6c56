// SPDX-License-Identifier: Apache-2.0
#include "lab/peers/trace.hpp"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

namespace rendr::test {

instant monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return instant(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

namespace {
constexpr std::size_t head_size = 4096;
}

trace::trace() {
  static_assert(sizeof(head) <= head_size);
  void* memory = ::mmap(nullptr, head_size + most_entries * sizeof(trace_entry),
                        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  head_ = new (memory) head{};
  entries_ = reinterpret_cast<trace_entry*>(static_cast<std::byte*>(memory) + head_size);
}

trace::~trace() { ::munmap(head_, head_size + most_entries * sizeof(trace_entry)); }

void trace::moved(std::uint64_t more) {
  const auto total = head_->total.load(std::memory_order_relaxed) + more;
  const auto at = head_->entries.load(std::memory_order_relaxed);
  if (at < most_entries) {
    entries_[at] = {monotonic_now(), total};
    head_->entries.store(at + 1, std::memory_order_release);
  }
  head_->total = total;
}

void trace::set_error(std::string_view why) {
  if (head_->failed) return;
  why = why.substr(0, sizeof head_->why - 1);
  std::copy(why.begin(), why.end(), head_->why);
  head_->failed = true;
}

std::string trace::error() const { return head_->failed ? std::string(head_->why) : std::string(); }

std::span<const trace_entry> trace::entries() const {
  return {entries_, head_->entries.load(std::memory_order_acquire)};
}

}  // namespace rendr::test
