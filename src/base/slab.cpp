// SPDX-License-Identifier: Apache-2.0
#include "base/slab.hpp"

#include <algorithm>
#include <cassert>
#include <new>

namespace rendr {

struct slab_ref::block {
  slab_pool* pool;
  std::uint32_t references;
  std::uint32_t size_class : 8;
  std::uint32_t kept : 24;

  std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};

slab_ref::slab_ref(const slab_ref& other) noexcept : block_(other.block_) {
  if (block_ != nullptr) ++block_->references;
}

slab_ref::~slab_ref() {
  if (block_ != nullptr && --block_->references == 0) block_->pool->release(block_);
}

std::byte* slab_ref::data() const noexcept { return block_->data(); }

std::size_t slab_ref::capacity() const noexcept { return slab_pool::classes[block_->size_class]; }

std::size_t slab_ref::kept() const noexcept { return block_->kept; }

void slab_ref::keep(std::size_t n) const noexcept {
  block_->kept = static_cast<std::uint32_t>(block_->kept + n) & 0xff'ffffu;
}

void slab_ref::drop(std::size_t n) const noexcept {
  block_->kept = static_cast<std::uint32_t>(block_->kept - n) & 0xff'ffffu;
}

bool slab_ref::unique() const noexcept { return block_ != nullptr && block_->references == 1; }

static_assert(slab_pool::classes.back() < (1u << 24) && slab_pool::classes.size() <= 256);

slab_source slab_heap() noexcept {
  return {[](std::size_t size) { return ::operator new(size); },
          [](void* block, std::size_t) noexcept { ::operator delete(block); }};
}

slab_pool::slab_pool(std::size_t keep_free, slab_source source)
    : source_(source), keep_free_(keep_free) {}

slab_pool::~slab_pool() {
  assert(in_use_ == 0 && "a slab outlived its pool");
  clear();
}

slab_ref slab_pool::allocate(std::size_t size) {
  std::uint32_t index = 0;
  while (index + 1 < classes.size() && classes[index] < size) ++index;
  in_use_ += classes[index];
  slab_ref::block* b = nullptr;
  auto& list = free_[index];
  if (!list.empty()) {
    b = list.take();
    free_bytes_ -= classes[index];
  } else {
    b = static_cast<slab_ref::block*>(source_.take(sizeof(slab_ref::block) + classes[index]));
  }
  *b = {this, 1, index & 0xffu, 0};
  return slab_ref(b);
}

void slab_pool::release(slab_ref::block* b) noexcept {
  const auto size = classes[b->size_class];
  in_use_ -= size;
  if (free_bytes_ + size > keep_free_) return give(b);
  free_bytes_ += size;
  free_[b->size_class].put(b);
}

void slab_pool::give(slab_ref::block* b) noexcept {
  source_.give(b, sizeof(slab_ref::block) + classes[b->size_class]);
}

void slab_pool::give_free(slab_ref::block* b) noexcept {
  free_bytes_ -= classes[b->size_class];
  give(b);
}

void slab_pool::tidy() noexcept {
  for (auto index = classes.size(); index-- > 0;) {
    const auto size = classes[index];
    const auto above = free_bytes_ - std::min(free_bytes_, spare);
    free_[index].tidy((above + size - 1) / size, [this](slab_ref::block* b) { give_free(b); });
  }
}

void slab_pool::clear() noexcept {
  for (auto& list : free_) {
    list.give_oldest(list.size(), [this](slab_ref::block* b) { give_free(b); });
    list = {};
  }
}

}  // namespace rendr
