// SPDX-License-Identifier: Apache-2.0
// One DATA frame in one record, there and back, as the engine does it for each record it moves.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <new>

#include "wire/frames.hpp"
#include "wire/record.hpp"

namespace {

std::size_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace rendr::wire {
namespace {

std::array<std::byte, max_record_size> buffer;

/// Writes a record with one DATA frame of `payload` to `buffer`, and returns it.
bytes_view write_one(std::uint64_t number, std::uint64_t offset, bytes_view payload) {
  std::array<std::byte, 32> frame_head;
  std::size_t frame_head_size = 0;
  if (!append_data_head(0, offset, payload.size(), frame_head, frame_head_size)) return {};
  std::array<std::byte, max_record_head> head;
  const auto head_size =
      write_record_head(record_kind::frames, false, number, frame_head_size + payload.size(), head);
  const std::array pieces{bytes_view(head).first(head_size),
                          bytes_view(frame_head).first(frame_head_size), payload};
  const auto crc = record_crc(pieces);
  auto at = buffer.begin();
  for (const auto piece : pieces) at = std::copy(piece.begin(), piece.end(), at);
  at = std::copy(crc.begin(), crc.end(), at);
  return bytes_view(buffer).first(static_cast<std::size_t>(at - buffer.begin()));
}

/// Bytes of DATA payload in the record; 0 when anything is refused.
std::size_t read_one(bytes_view wire) {
  const auto record = read_record(wire);
  if (!record || !*record) return 0;
  frame_reader reader((*record)->payload);
  std::size_t size = 0;
  for (;;) {
    const auto next = reader.next();
    if (!next) return 0;
    if (!*next) return size;
    if (const auto* d = std::get_if<data>(&**next)) size += d->payload.size();
  }
}

TEST(HotPath, AllocatesNothing) {
  const bytes payload(60000, std::byte{0x42});
  const auto before = allocations;
  std::size_t moved = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    moved += read_one(write_one(i, i * payload.size(), payload));
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(moved, 100 * payload.size());
}

TEST(HotPath, CountsAllocationsWhereThereAreAny) {
  const auto before = allocations;
  const bytes some(100);
  EXPECT_EQ(allocations, before + 1) << "else the test above proves nothing: " << some.size();
}

}  // namespace
}  // namespace rendr::wire
