// SPDX-License-Identifier: Apache-2.0
#include "runtime/pages.hpp"

#include <sys/mman.h>

#include <new>

namespace rendr::detail {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t smallest_mapping = ~std::size_t{0};
#else
constexpr std::size_t smallest_mapping = 32 * 1024;
#endif

void* take(std::size_t size) {
  if (size < smallest_mapping) return ::operator new(size);
  void* const at =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  return at;
}

void give(void* block, std::size_t size) noexcept {
  if (size < smallest_mapping)
    ::operator delete(block);
  else
    ::munmap(block, size);
}

}  // namespace

slab_source slab_pages() noexcept { return {take, give}; }

}  // namespace rendr::detail
