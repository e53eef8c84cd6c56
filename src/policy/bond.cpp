// SPDX-License-Identifier: Apache-2.0
#include "policy/bond.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace rendr::policy {

namespace {

using namespace std::chrono_literals;

// A child whose rate is unknown is taken for one that sends the initial window of RFC 6928 each
// round trip; unmeasured is not fast.
constexpr std::uint64_t guessed_window = 10 * 1460;
constexpr duration guessed_rtt = 100ms;

constexpr std::uint64_t base_limit = 16 * 1024;
constexpr duration limit_slack = 10ms;  // covers the peer's ack delay of at most 5 ms twice
constexpr std::uint64_t round_trips_in_flight = 3;

constexpr duration soonest_question = 2ms;
constexpr duration latest_question = 100ms;

// Bounds that keep the products below inside 64 bits, summed over 1,024 children.
constexpr std::uint64_t top_rate = 16'000'000'000;
constexpr std::uint64_t top_bytes = std::uint64_t{1} << 33;
constexpr duration top_time = 24h;
constexpr std::uint64_t second = 1'000'000'000;

duration rtt_of(const child_facts& c) noexcept {
  if (c.min_rtt > 0ns) return std::min(c.min_rtt, top_time);
  if (c.srtt > 0ns) return std::min(c.srtt, top_time);
  return guessed_rtt;
}

duration time_for(std::uint64_t bytes, std::uint64_t rate) noexcept {
  return std::min(duration(std::min(bytes, top_bytes) * second / rate), top_time);
}

std::uint64_t bytes_in(duration time, std::uint64_t rate) noexcept {
  if (time <= 0ns) return 0;
  const auto ns = static_cast<std::uint64_t>(time.count());
  return rate * (ns / second) + rate * (ns % second) / second;
}

std::uint64_t rate_of(const child_facts& c) noexcept {
  if (c.rate != 0) return std::min(c.rate, top_rate);
  const auto rtt = static_cast<std::uint64_t>(rtt_of(c).count());
  return std::max<std::uint64_t>(guessed_window * second / rtt, 1);
}

duration ask_again(duration completion) noexcept {
  return std::clamp(completion / 4, soonest_question, latest_question);
}

// Who takes part: the children in good health that do not rest; where there are none the rested
// ones; where there are none of these the suspect ones.
struct admission {
  health worst = health::suspect;
  bool rested = true;
  bool probation = true;

  bool admits(const child_facts& c) const noexcept {
    return c.state <= worst && (rested || !c.rested) && (probation || c.eligible);
  }
};

admission admission_to(std::span<const child_facts> children) noexcept {
  admission out;
  for (const auto& c : children) {
    if (c.state > health::late) continue;
    out.worst = health::late;
    if (!c.rested) out.rested = false;
    if (!c.rested && c.eligible) out.probation = false;
  }
  return out;
}

struct comparison {
  std::size_t first;               // the child that would deliver the range first
  std::uint64_t others_meanwhile;  // what the others deliver until the asking child would
};

comparison compare(const bond_ask& ask, std::span<const child_facts> children, const admission& who,
                   duration mine) noexcept {
  comparison out{ask.child, 0};
  auto earliest = mine;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const auto& c = children[i];
    if (i == ask.child || !who.admits(c)) continue;
    const auto theirs = completion_time(c, ask.size);
    if (theirs < earliest || (theirs == earliest && i < out.first)) {
      earliest = theirs;
      out.first = i;
    }
    out.others_meanwhile += bytes_in(mine - completion_time(c, 0), rate_of(c));
  }
  return out;
}

}  // namespace

std::string_view name(bond_reason reason) noexcept {
  switch (reason) {
    case bond_reason::fastest:
      return "fastest";
    case bond_reason::backlog:
      return "backlog";
    case bond_reason::probe:
      return "probe";
    case bond_reason::all_suspect:
      return "all_suspect";
    case bond_reason::nothing:
      return "nothing";
    case bond_reason::unusable:
      return "unusable";
    case bond_reason::suspect:
      return "suspect";
    case bond_reason::rested:
      return "rested";
    case bond_reason::probation:
      return "probation";
    case bond_reason::full:
      return "full";
    case bond_reason::others_sooner:
      return "others_sooner";
  }
  return "unknown";
}

std::string_view to_string(bond_reason reason) noexcept {
  switch (reason) {
    case bond_reason::fastest:
      return "no child delivers this sooner";
    case bond_reason::backlog:
      return "the others alone would need longer";
    case bond_reason::probe:
      return "its rate is not known yet";
    case bond_reason::all_suspect:
      return "every child is suspect";
    case bond_reason::nothing:
      return "nothing waits";
    case bond_reason::unusable:
      return "it has no carrier";
    case bond_reason::suspect:
      return "it is suspect and another child is not";
    case bond_reason::rested:
      return "it rests, as it made the bond slower";
    case bond_reason::probation:
      return "it came back a moment ago and has to be good for a while";
    case bond_reason::full:
      return "it holds as much as it drains in three round trips";
    case bond_reason::others_sooner:
      return "the others deliver all that waits sooner";
  }
  return "unknown";
}

duration completion_time(const child_facts& child, std::uint64_t size) noexcept {
  const auto held = std::min(child.queued, top_bytes) + std::min(size, top_bytes);
  auto time = time_for(held, rate_of(child)) + rtt_of(child) / 2;
  // A late child is repairing a loss, which takes it at least one more round trip.
  if (child.state == health::late) time += rtt_of(child);
  return time;
}

std::uint64_t in_flight_limit(const child_facts& child, std::uint64_t record_size) noexcept {
  const auto two_records = 2 * std::min(record_size, top_bytes);
  if (child.rate == 0 || child.cold) return std::max(base_limit, two_records);
  const auto rate = rate_of(child);
  const auto least = std::max(base_limit + bytes_in(limit_slack, rate), two_records);
  return round_trips_in_flight * bytes_in(rtt_of(child), rate) + least;
}

bond_decision decide(const bond_ask& ask, std::span<const child_facts> children) {
  using enum bond_reason;
  const auto declined = [](bond_reason reason, duration after = duration::max()) {
    return bond_decision{0, 0, after, reason};
  };
  if (ask.child >= children.size() || !alive(children[ask.child].state)) return declined(unusable);
  const auto take = std::min(ask.size, ask.backlog);
  if (take == 0) return declined(nothing);
  const auto& child = children[ask.child];
  const auto who = admission_to(children);
  if (child.state > who.worst) return declined(suspect);
  if (!who.admits(child)) {
    return child.rested ? declined(rested) : declined(probation, latest_question);
  }

  const auto limit = in_flight_limit(child, ask.size);
  if (child.queued >= limit) {
    return declined(full, ask_again(time_for(child.queued - limit + take, rate_of(child)) * 4));
  }
  const auto mine = completion_time(child, take);
  const auto sized = bond_ask{ask.child, ask.backlog, take, ask.again};
  const auto others = compare(sized, children, who, mine);
  const bool first = others.first == ask.child;
  if (!first && (ask.again || others.others_meanwhile >= ask.backlog)) {
    return declined(others_sooner, ask_again(mine));
  }
  bond_decision out{take, 0, duration{0}, backlog};
  if (!first) out.skip = std::min(others.others_meanwhile, ask.backlog - take);
  if (first) out.reason = fastest;
  if (child.rate == 0 && !first) out.reason = probe;
  if (child.state == health::suspect) out.reason = all_suspect;
  return out;
}

}  // namespace rendr::policy
