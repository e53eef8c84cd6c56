// SPDX-License-Identifier: Apache-2.0
#include "engine/record/outbound.hpp"

#include <algorithm>

namespace rendr::engine {

bytes_span outbound::scratch(slab_pool& pool, std::size_t n) {
  if (!scratch_ || scratch_.capacity() - used_ < n) {
    if (scratch_) holds_.push_back(scratch_);
    scratch_ = pool.allocate(std::max<std::size_t>(n, 2048));
    used_ = 0;
  }
  const bytes_span out{scratch_.data() + used_, n};
  used_ += n;
  return out;
}

void outbound::add(bytes_view piece) {
  if (piece.empty()) return;
  queued_ += piece.size();
  if (!empty() && pieces_.back().data() + pieces_.back().size() == piece.data()) {
    pieces_.back() = {pieces_.back().data(), pieces_.back().size() + piece.size()};
    return;
  }
  pieces_.push_back(piece);
}

void outbound::hold(const slab_ref& slab) { holds_.push_back(slab); }

void outbound::mark(std::uint64_t number, bool frames) {
  marks_.push_back({queued_, {number, frames}});
}

void outbound::advance(std::size_t n) noexcept {
  written_ += n;
  while (n > 0 && first_ < pieces_.size()) {
    auto& piece = pieces_[first_];
    const auto step = std::min(n, piece.size());
    piece = piece.subspan(step);
    n -= step;
    if (piece.empty()) ++first_;
  }
}

void outbound::reset() noexcept {
  pieces_.clear();
  first_ = 0;
  holds_.clear();
  scratch_ = slab_ref();
  used_ = 0;
}

}  // namespace rendr::engine
