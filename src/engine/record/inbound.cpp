// SPDX-License-Identifier: Apache-2.0
#include "engine/record/inbound.hpp"

#include <algorithm>
#include <cstring>

namespace rendr::engine {

std::size_t inbound::wanted() const noexcept {
  // A record in progress must fit into one slab, so that its payload is contiguous.
  if (!slab_) return 0;
  const auto size = wire::record_size(unread());
  return size && size->has_value() ? **size : 0;
}

std::span<std::byte> inbound::buffer(slab_pool& pool) {
  if (slab_ && begin_ == end_ && slab_.unique() && slab_.capacity() >= size_) begin_ = end_ = 0;
  const auto need = wanted();
  const bool room = slab_ && begin_ + need <= slab_.capacity() &&
                    slab_.capacity() - end_ >= std::min<std::size_t>(slab_.capacity() / 8, 16384);
  if (!room) {
    auto fresh = pool.allocate(std::max(size_, need + smallest));
    const auto tail = pending();
    if (tail > 0) std::memcpy(fresh.data(), slab_.data() + begin_, tail);
    slab_ = std::move(fresh);
    begin_ = 0;
    end_ = tail;
  }
  return {slab_.data() + end_, slab_.capacity() - end_};
}

void inbound::commit(std::size_t n) noexcept {
  const auto offered = slab_.capacity() - end_;
  end_ += n;
  if (n == offered) {
    size_ = std::min(size_ * 8, largest);
  } else if (n < size_ / 64 && size_ > smallest) {
    size_ = std::max(size_ / 2, smallest);
  }
}

result<std::optional<wire::prologue>> inbound::prologue() noexcept {
  if (!slab_) return std::optional<wire::prologue>{};
  auto parsed = wire::read_prologue(unread());
  if (parsed && parsed->has_value()) begin_ += wire::prologue_size;
  return parsed;
}

result<std::optional<wire::record_view>> inbound::next(record_opener* opener) noexcept {
  using found = std::optional<wire::record_view>;
  if (!slab_ || begin_ == end_) return found();
  const auto guarded = opener == nullptr ? wire::guard::checksum : wire::guard::sealed;
  auto record = wire::split_record(unread(), guarded);
  if (!record || !record->has_value()) return record;
  const auto& r = **record;
  if (opener == nullptr || r.kind == wire::record_kind::handshake) {
    if (!wire::checksum_matches(unread(), r)) return errc::protocol_violation;
  } else if (!open(*opener, r)) {
    return errc::auth_failed;
  }
  begin_ += r.size;
  return record;
}

// What lies before it in the slab may be in use; the record itself is nobody else's yet.
bool inbound::open(record_opener& opener, const wire::record_view& r) noexcept {
  const auto head = r.size - r.payload.size() - wire::seal_size;
  const bytes_span whole(slab_.data() + begin_, r.size);
  return opener.open(r.number, r.key_phase, whole.first(head), whole.subspan(head)) ==
         opening::opened;
}

void inbound::release() noexcept {
  if (slab_ && begin_ == end_) {
    slab_ = slab_ref();
    begin_ = end_ = 0;
  }
}

}  // namespace rendr::engine
