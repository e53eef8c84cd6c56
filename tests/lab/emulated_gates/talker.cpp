// SPDX-License-Identifier: Apache-2.0
#include "lab/emulated_gates/talker.hpp"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cstring>
#include <future>
#include <span>

namespace rendr::test {
namespace {

// Byte i of a flow is content()[i % size]; no buffer has this size, so that a lost, doubled or
// moved piece is seen.
constexpr std::size_t content_size = 1'000'003;

const std::vector<std::byte>& content() {
  static const auto bytes = [] {
    std::vector<std::byte> all(content_size);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = static_cast<std::byte>((i * 0x9e3779b97f4a7c15u >> 56) ^ (i >> 13));
    }
    return all;
  }();
  return bytes;
}

bool matches(std::span<const std::byte> piece, std::uint64_t at) {
  while (!piece.empty()) {
    const auto from = static_cast<std::size_t>(at % content_size);
    const auto n = std::min(piece.size(), content_size - from);
    if (std::memcmp(piece.data(), content().data() + from, n) != 0) return false;
    piece = piece.subspan(n);
    at += n;
  }
  return true;
}

}  // namespace

talker::talker(const asio::any_io_executor& loop, const traffic& what)
    : loop_(loop), what_(what), timer_(loop), piece_(256 * 1024) {
  static_cast<void>(content());
}

void talker::start(stream flow) {
  flow_ = std::move(flow);
  asio::post(loop_, [self = shared_from_this()] { self->begin(); });
}

void talker::begin() {
  read();
  if (what_.echo || what_.total == 0) return;
  if (what_.size == 0) return want(what_.total);
  due_ = lab_clock::now();
  turn();
}

void talker::turn() {
  want(what_.size);
  if (allowed_ >= what_.total) return;
  due_ += what_.every;
  timer_->expires_at(due_);
  timer_->async_wait([self = shared_from_this()](std::error_code code) {
    if (!code && !self->stopped_) self->turn();
  });
}

void talker::want(std::uint64_t more) {
  allowed_ += more;
  {
    const std::lock_guard lock(mutex_);
    wanted_.push_back({lab_clock::now(), allowed_});
  }
  pump();
}

void talker::pump() {
  if (writing_ || stopped_ || sent_ == allowed_) return;
  const auto from = static_cast<std::size_t>(sent_ % content_size);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(
      std::min<std::uint64_t>(allowed_ - sent_, content_size - from), 256 * 1024));
  writing_ = true;
  flow_.async_write_some(asio::buffer(content().data() + from, size),
                         [self = shared_from_this()](std::error_code code, std::size_t n) {
                           self->writing_ = false;
                           self->sent_ += n;
                           if (code) return self->complain("a write failed: " + code.message());
                           if (self->sent_ == self->what_.total) self->flow_.shutdown_send();
                           self->pump();
                         });
}

void talker::read() {
  flow_.async_read_some(asio::buffer(piece_),
                        [self = shared_from_this()](std::error_code code, std::size_t n) {
                          if (code == asio::error::eof) {
                            const std::lock_guard lock(self->mutex_);
                            self->ended_ = true;
                          } else if (code) {
                            self->complain("a read failed: " + code.message());
                          } else {
                            self->took(n);
                          }
                        });
}

void talker::took(std::size_t n) {
  if (stopped_) return;
  const auto before = received();
  if (!matches(std::span(piece_).first(n), before)) {
    return complain("other bytes than were sent arrived at " + std::to_string(before));
  }
  {
    const std::lock_guard lock(mutex_);
    arrived_.push_back({lab_clock::now(), before + n});
  }
  if (what_.echo) want(n);
  read();
}

void talker::complain(const std::string& what) {
  if (stopped_) return;
  const std::lock_guard lock(mutex_);
  if (problem_.empty()) problem_ = what;
}

void talker::stop() {
  std::promise<void> done;
  asio::post(loop_, [this, &done] {
    stopped_ = true;
    timer_.reset();
    flow_.abort();
    done.set_value();
  });
  done.get_future().wait();
}

std::vector<moment> talker::wanted() const {
  const std::lock_guard lock(mutex_);
  return wanted_;
}
std::vector<moment> talker::arrived() const {
  const std::lock_guard lock(mutex_);
  return arrived_;
}
std::uint64_t talker::received() const {
  const std::lock_guard lock(mutex_);
  return arrived_.empty() ? 0 : arrived_.back().total;
}
std::uint64_t talker::asked() const {
  const std::lock_guard lock(mutex_);
  return wanted_.empty() ? 0 : wanted_.back().total;
}
bool talker::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}
std::string talker::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}
std::string talker::addresses() const {
  return flow_.local_endpoint().to_string() + " " + flow_.remote_endpoint().to_string();
}

std::uint64_t total_at(const std::vector<moment>& all, lab_clock::time_point t) {
  const auto next = std::upper_bound(all.begin(), all.end(), t,
                                     [](auto when, const moment& m) { return when < m.at; });
  return next == all.begin() ? 0 : std::prev(next)->total;
}

lab_clock::time_point reached(const std::vector<moment>& all, std::uint64_t total) {
  const auto first =
      std::lower_bound(all.begin(), all.end(), total,
                       [](const moment& m, std::uint64_t wanted) { return m.total < wanted; });
  return first == all.end() ? lab_clock::time_point::max() : first->at;
}

silence longest_silence(const std::vector<moment>& all, lab_clock::time_point from,
                        lab_clock::time_point to) {
  silence longest;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const silence one{all[i - 1].at, all[i].at};
    if (one.from >= from && one.from <= to && one.length() > longest.length()) longest = one;
  }
  return longest;
}

}  // namespace rendr::test
