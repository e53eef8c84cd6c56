// SPDX-License-Identifier: Apache-2.0
#include "support/emulator_lane.hpp"

#include <algorithm>
#include <utility>

namespace rendr::test {
namespace {
constexpr std::uint64_t nano = 1'000'000'000;
constexpr std::size_t most_spare = 1024;
}  // namespace

duration emulator_lane::serving(std::uint64_t bytes) const noexcept {
  if (settings_.rate == 0) return duration(0);
  return duration(static_cast<duration::rep>((bytes * nano + settings_.rate - 1) / settings_.rate));
}

void emulator_lane::change(instant now, const lane_settings& settings) {
  advance(now);
  const auto old_rate = settings_.rate;
  settings_ = settings;
  if (waiting_.empty() || old_rate == settings_.rate) return;
  const auto left = static_cast<std::uint64_t>((head_done_ - now).count()) * old_rate / nano;
  head_done_ = now + serving(left);
  advance(now);
}

void emulator_lane::enter(instant now, std::span<const std::byte> bytes) {
  advance(now);
  ++counters_.entered;
  counters_.entered_bytes += bytes.size();
  if (!settings_.up) {
    ++counters_.darkened;
    return;
  }
  if (bytes.size() > settings_.mtu) {
    ++counters_.too_large;
    return;
  }
  if (settings_.loss_ppm != 0 && random_.chance(settings_.loss_ppm, 1'000'000)) {
    ++counters_.lost;
    return;
  }
  const bool idle = waiting_.empty();
  if (!idle && waiting_bytes_ + bytes.size() > settings_.queue) {
    ++counters_.overflowed;
    return;
  }
  packet data;
  if (!spare_.empty()) {
    data = std::move(spare_.back());
    spare_.pop_back();
  }
  data.assign(bytes.begin(), bytes.end());
  if (settings_.corrupt_ppm != 0 && random_.chance(settings_.corrupt_ppm, 1'000'000)) corrupt(data);
  if (settings_.rate == 0) return launch(now, std::move(data));
  waiting_bytes_ += data.size();
  counters_.queue_high = std::max(counters_.queue_high, waiting_bytes_);
  if (idle) head_done_ = now + serving(data.size());
  waiting_.push_back(std::move(data));
}

void emulator_lane::corrupt(packet& data) {
  const auto header = static_cast<std::size_t>(data.front() & std::byte{15}) * 4;
  if (header >= data.size()) return;
  const auto at = header + random_.below(data.size() - header);
  data[at] ^= std::byte{1} << static_cast<int>(random_.below(8));
  ++counters_.corrupted;
}

void emulator_lane::advance(instant now) {
  while (!waiting_.empty() && head_done_ <= now) {
    auto data = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= data.size();
    const auto departed = std::exchange(head_done_, never);
    if (!waiting_.empty()) head_done_ = departed + serving(waiting_.front().size());
    if (settings_.up) {
      launch(departed, std::move(data));
    } else {
      ++counters_.darkened;
      recycle(std::move(data));
    }
  }
}

void emulator_lane::launch(instant when, packet data) {
  auto arrival = when + settings_.delay;
  if (settings_.jitter.count() > 0) {
    arrival += duration(random_.between(0, settings_.jitter.count()));
  }
  if (!settings_.reorder) arrival = std::max(arrival, last_arrival_);
  last_arrival_ = std::max(arrival, last_arrival_);
  flight_.push_back({arrival, launched_++, std::move(data)});
  std::push_heap(flight_.begin(), flight_.end(), later);
}

instant emulator_lane::next_time() const noexcept {
  const auto landing = flight_.empty() ? never : flight_.front().arrival;
  return head_done_ == never ? landing : std::min(landing, head_done_ + settings_.delay);
}

std::optional<std::span<const std::byte>> emulator_lane::leave(instant now) {
  advance(now);
  if (flight_.empty() || flight_.front().arrival > now) return std::nullopt;
  std::pop_heap(flight_.begin(), flight_.end(), later);
  auto& landed = flight_.back();
  counters_.latest = std::max(counters_.latest, now - landed.arrival);
  recycle(std::exchange(out_, std::move(landed.data)));
  flight_.pop_back();
  ++counters_.forwarded;
  counters_.forwarded_bytes += out_.size();
  return out_;
}

std::size_t emulator_lane::memory() const noexcept {
  auto sum = out_.capacity() + flight_.capacity() * sizeof(flying) +
             spare_.capacity() * sizeof(packet) + waiting_.size() * sizeof(packet);
  for (const auto& one : waiting_) sum += one.capacity();
  for (const auto& one : flight_) sum += one.data.capacity();
  for (const auto& one : spare_) sum += one.capacity();
  return sum;
}

void emulator_lane::recycle(packet data) {
  if (spare_.size() < most_spare) spare_.push_back(std::move(data));
}

}  // namespace rendr::test
