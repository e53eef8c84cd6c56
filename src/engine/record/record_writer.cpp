// SPDX-License-Identifier: Apache-2.0
#include "engine/record/record_writer.hpp"

#include <algorithm>
#include <cstring>

#include "wire/varint.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t fixed_head = 4;  // length and flags; the record number follows

}  // namespace

record_writer::record_writer(outbound& out, slab_pool& pool, std::uint64_t number,
                             std::size_t limit, record_sealer* sealer)
    : out_(out),
      pool_(pool),
      number_(number),
      limit_(std::min(limit, largest)),
      usual_(limit_),
      sealer_(sealer),
      head_size_(fixed_head + wire::varint_size(number)) {
  area_ = out_.scratch(pool_, area_size);
  head_ = area_.first(head_size_);
  used_ = run_ = head_size_;
}

void record_writer::flush() {
  if (used_ > run_) pieces_.push_back(area_.subspan(run_, used_ - run_));
  run_ = used_;
}

void record_writer::reserve(std::size_t n) {
  if (area_.size() - used_ >= n + wire::crc_size) return;
  flush();
  out_.shrink(area_.size() - used_);
  area_ = out_.scratch(pool_, std::max(n + wire::crc_size, area_size));
  used_ = run_ = 0;
}

bool record_writer::put(const wire::frame& f) {
  const auto size = wire::encoded_size(f);
  if (size > room()) return false;
  reserve(size);
  wire::append(f, area_, used_);
  payload_ += size;
  if (wire::ack_eliciting(f)) record_.eliciting = true;
  return true;
}

std::size_t record_writer::data_room(std::uint64_t flow, std::uint64_t offset) const noexcept {
  const auto head = wire::data_head_size(flow, offset, room());
  return room() > head ? room() - head : 0;
}

void record_writer::put_data_head(std::uint64_t flow, std::uint64_t offset, std::size_t size) {
  const auto head = wire::data_head_size(flow, offset, size);
  reserve(head);
  wire::append_data_head(flow, offset, size, area_, used_);
  payload_ += head + size;
  record_.eliciting = true;
}

void record_writer::put_packet_head(std::uint64_t flow, std::uint64_t sequence, std::size_t size) {
  const auto head = wire::packet_head_size(flow, sequence, size);
  reserve(head);
  wire::append_packet_head(flow, sequence, size, area_, used_);
  payload_ += head + size;
  record_.eliciting = true;
}

void record_writer::gather(bytes_view piece, const slab_ref& slab) {
  flush();
  pieces_.push_back(piece);
  if (sealer_ == nullptr) out_.hold(slab);
}

sent_record record_writer::finish() {
  const auto guarded = sealer_ == nullptr ? wire::guard::checksum : wire::guard::sealed;
  const bool key_phase = sealer_ != nullptr && sealer_->next(number_).value();
  std::array<std::byte, wire::max_record_head> head{};
  const auto size = wire::write_record_head(wire::record_kind::frames, key_phase, number_, payload_,
                                            head, guarded);
  if (sealer_ == nullptr) {
    put_checksum(bytes_view(head).first(size));
  } else {
    put_seal(bytes_view(head).first(size));
  }
  out_.mark(number_, true);
  record_.size = static_cast<std::uint32_t>(size + payload_ + wire::trailer_size(guarded));
  record_.wire_end = out_.queued();
  return std::move(record_);
}

void record_writer::put_checksum(bytes_view head) {
  std::copy(head.begin(), head.end(), head_.begin());
  reserve(0);
  flush();
  pieces_.insert(pieces_.begin(), bytes_view(head_));
  const auto crc = wire::record_crc(pieces_);
  std::memcpy(area_.data() + used_, crc.data(), crc.size());
  pieces_.push_back(area_.subspan(used_, crc.size()));
  used_ += crc.size();
  out_.shrink(area_.size() - used_);
  for (const auto& piece : pieces_) out_.add(piece);
}

void record_writer::put_seal(bytes_view head) {
  flush();
  out_.shrink(area_.size() - used_);
  const auto whole = out_.scratch(pool_, head.size() + payload_ + wire::seal_size);
  std::copy(head.begin(), head.end(), whole.begin());
  sealer_->seal(head, pieces_, whole.subspan(head.size()));
  out_.add(whole);
}

void record_writer::cancel() noexcept { out_.shrink(area_.size()); }

void append_handshake(bytes& out, std::uint64_t number, bytes_view payload,
                      const wire::prologue* prologue) {
  if (prologue != nullptr) {
    std::array<std::byte, wire::prologue_size> first{};
    wire::write_prologue(*prologue, first);
    out.insert(out.end(), first.begin(), first.end());
  }
  std::array<std::byte, wire::max_record_head> head{};
  const auto size =
      wire::write_record_head(wire::record_kind::handshake, false, number, payload.size(), head);
  const std::array<bytes_view, 2> pieces{bytes_view(head).first(size), payload};
  const auto crc = wire::record_crc(pieces);
  out.insert(out.end(), head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
  out.insert(out.end(), payload.begin(), payload.end());
  out.insert(out.end(), crc.begin(), crc.end());
}

}  // namespace rendr::engine
