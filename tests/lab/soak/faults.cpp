// SPDX-License-Identifier: Apache-2.0
#include "lab/soak/faults.hpp"

#include <array>
#include <span>
#include <utility>

#include "lab/soak/programs.hpp"

namespace rendr::test {

using namespace std::chrono_literals;

namespace {
constexpr auto between_faults = 1500ms;
constexpr auto expired = 5s;  // shorter than any idle path rests
}  // namespace

std::span<const faults::fault> faults::kinds() {
  static constexpr std::array<fault, 11> all{{
      {"blackhole", &faults::blackhole, 1000, 8000, false},
      {"dark to the server", &faults::dark_to_server, 1000, 8000, false},
      {"dark to the client", &faults::dark_to_client, 1000, 8000, false},
      {"loss step", &faults::loss, 2000, 8000, false},
      {"rate collapse", &faults::rate, 2000, 8000, false},
      {"delay step", &faults::delay, 2000, 8000, false},
      {"reset by the client", &faults::reset_by_client, 100, 2000, false},
      {"reset by the server", &faults::reset_by_server, 100, 2000, false},
      {"all links dark", &faults::all_dark, 500, 5000, true},
      {"NAT forgets all", &faults::nat_flush, 1000, 5000, true},
      {"NAT expires idle mappings", &faults::nat_expiry, 20'000, 25'000, true},
  }};
  return all;
}

faults::faults(emulator& net, emulated_nat* nat, std::size_t links, std::uint64_t seed,
               std::string work)
    : net_(net), nat_(nat), links_(links), random_(seed), work_(std::move(work)) {
  for (std::size_t i = 0; i < links_; ++i) first_.push_back(net_.settings(i, way::both));
  if (nat_ != nullptr) nat_->lifetime(nat_lifetime);
  thread_ = std::jthread([this](const std::stop_token& until) { run(until); });
}

void faults::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::map<std::string, std::uint64_t> faults::counts() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

void faults::run(const std::stop_token& until) {
  while (rest(until, between_faults)) {
    const auto usable = kinds().first(kinds().size() - (nat_ == nullptr ? 2 : 0));
    auto link = static_cast<std::size_t>(random_.below(links_));
    duration longest{};
    const auto together = random_.chance(1, 3) ? 2 : 1;
    for (int i = 0; i < together; ++i) {
      // What hits everything comes seldom, and alone.
      const auto* one = &usable[static_cast<std::size_t>(random_.below(usable.size()))];
      if (one->everywhere && (i > 0 || random_.chance(1, 2))) continue;
      (this->*one->mount)(link);
      count(one->kind);
      longest = std::max<duration>(
          longest, std::chrono::milliseconds(random_.between(one->shortest, one->longest)));
      if (one->everywhere) break;
      link = (link + 1) % links_;
    }
    rest(until, longest);
    restore();
  }
  restore();
}

bool faults::rest(const std::stop_token& until, duration how_long) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, until, how_long, [&until] { return until.stop_requested(); });
}

void faults::count(const std::string& kind) {
  const std::scoped_lock lock(mutex_);
  ++counts_[kind];
}

void faults::restore() {
  for (std::size_t i = 0; i < links_; ++i) net_.set(i, way::both, first_[i]);
  if (nat_ != nullptr) nat_->lifetime(nat_lifetime);
}

void faults::blackhole(std::size_t link) { net_.up(link, way::both, false); }
void faults::dark_to_server(std::size_t link) { net_.up(link, way::to_server, false); }
void faults::dark_to_client(std::size_t link) { net_.up(link, way::to_client, false); }
void faults::loss(std::size_t link) {
  const auto parts = static_cast<std::uint32_t>(random_.between(5'000, 100'000));
  net_.change(link, way::both, [parts](lane_settings& now) { now.loss_ppm = parts; });
}
void faults::rate(std::size_t link) {
  const auto divisor = static_cast<std::uint64_t>(random_.between(5, 50));
  net_.change(link, way::both, [divisor](lane_settings& now) { now.rate /= divisor; });
}
void faults::delay(std::size_t link) {
  const auto more = std::chrono::milliseconds(random_.between(20, 300));
  net_.change(link, way::both, [more](lane_settings& now) { now.delay += more; });
}
void faults::reset_by_client(std::size_t link) { reset(net_.client(), link); }
void faults::reset_by_server(std::size_t link) { reset(net_.server(), link); }
void faults::reset(const netns& at, std::size_t link) {
  // An address of that link on either side: an address translator leaves both as they are.
  const auto address = text(emulator::client_address(link));
  program(at, {"ss", "-HKt", "src", address, "or", "dst", address}, work_ + "/ss.log").wait();
}
void faults::all_dark(std::size_t) {
  for (std::size_t i = 0; i < links_; ++i) net_.up(i, way::both, false);
}
void faults::nat_flush(std::size_t) { nat_->flush(); }
void faults::nat_expiry(std::size_t) { nat_->lifetime(expired); }

}  // namespace rendr::test
