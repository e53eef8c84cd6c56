// SPDX-License-Identifier: Apache-2.0
#include "sim/lane.hpp"

#include "sim/tcp_model.hpp"

namespace rendr::sim {
namespace {
constexpr std::uint64_t nano = 1'000'000'000;
constexpr std::uint64_t header_bytes = 52;  // IPv4 and TCP with time stamps
constexpr std::uint64_t frame_payload = 1448;
}  // namespace

lane::lane(event_queue& queue, random rng, const lane_options& options)
    : queue_(queue),
      rng_(rng),
      options_(options),
      departure_(queue, [this] { depart(); }),
      arrival_(queue, [this] { arrive(); }) {}

std::uint64_t lane::wire_size(const packet& p) noexcept {
  const auto frames = p.length == 0 ? 1 : (p.length + frame_payload - 1) / frame_payload;
  return p.length + frames * header_bytes;
}

void lane::send(const packet& p) {
  ++counters_.packets;
  counters_.bytes += wire_size(p);
  if (dark_) {
    ++counters_.darkened;
    return;
  }
  if (options_.loss_ppm != 0 && rng_.chance_ppm(options_.loss_ppm)) {
    ++counters_.lost;
    return;
  }
  if (p.length != 0) ++data_packets_;
  if (options_.rate == 0 && !stalled_ && waiting_.empty()) return launch(p);
  const auto size = wire_size(p);
  if (!waiting_.empty() && queued_bytes_ + size > options_.queue) {
    ++counters_.overflowed;
    if (p.length != 0) --data_packets_;
    return;
  }
  waiting_.push_back(p);
  queued_bytes_ += size;
  if (waiting_.size() == 1) {
    head_left_ = size * nano;
    served_since_ = queue_.now();
    serve();
  }
}

void lane::serve() {
  if (waiting_.empty() || stalled_) return departure_.set(never);
  if (options_.rate == 0) return departure_.set(queue_.now());
  const auto wait = (head_left_ + options_.rate - 1) / options_.rate;
  departure_.set(served_since_ + duration(static_cast<duration::rep>(wait)));
}

void lane::depart() {
  const packet p = waiting_.front();
  waiting_.pop_front();
  queued_bytes_ -= wire_size(p);
  served_since_ = queue_.now();
  head_left_ = waiting_.empty() ? 0 : wire_size(waiting_.front()) * nano;
  serve();
  if (dark_) {
    ++counters_.darkened;
    if (p.length != 0) --data_packets_;
    return;
  }
  launch(p);
}

void lane::launch(const packet& p) {
  auto arrival = queue_.now() + options_.delay;
  if (options_.deviation.count() != 0) {
    // The sum of twelve uniform numbers is normal for our purpose, with variance one.
    const auto sigma = options_.deviation;
    duration off = -6 * sigma;
    for (int i = 0; i < 12; ++i) off += rng_.between(duration(0), sigma);
    arrival = std::max(arrival + off, arrival - options_.delay);
  }
  if (options_.jitter.count() != 0) arrival += rng_.between(duration(0), options_.jitter);
  last_arrival_ = std::max(last_arrival_, arrival);
  flight_.push_back({last_arrival_, p});
  if (flight_.size() == 1) arrival_.set(last_arrival_);
}

void lane::arrive() {
  while (!flight_.empty() && flight_.front().arrival <= queue_.now()) {
    const packet p = flight_.front().p;
    flight_.pop_front();
    if (p.length != 0) --data_packets_;
    p.to->receive(p);
  }
  if (!flight_.empty()) arrival_.set(flight_.front().arrival);
}

void lane::account_progress() {
  if (!waiting_.empty() && !stalled_ && options_.rate != 0) {
    const auto spent = static_cast<std::uint64_t>((queue_.now() - served_since_).count());
    const auto done = spent > head_left_ / options_.rate ? head_left_ : spent * options_.rate;
    head_left_ -= done;
  }
  served_since_ = queue_.now();
}

void lane::stall(bool on) {
  account_progress();
  stalled_ = on;
  serve();
}

void lane::set_rate(std::uint64_t rate) {
  account_progress();
  options_.rate = rate;
  serve();
}

bool lane::corrupts() noexcept {
  if (options_.corrupt_ppm == 0 || !rng_.chance_ppm(options_.corrupt_ppm)) return false;
  ++counters_.corrupted;
  return true;
}

}  // namespace rendr::sim
