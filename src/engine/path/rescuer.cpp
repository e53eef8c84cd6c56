// SPDX-License-Identifier: Apache-2.0
#include "engine/path/rescuer.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "engine/path/liveness.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t heads_looked_at = 8;

bool same_fate(std::string_view a, std::string_view b) noexcept { return !a.empty() && a == b; }

// What comes out of turn must not fill a path that was idle: its first bytes tell the receiver what
// it lacks, and bring back what it has.
std::uint64_t piece_for(const path& p, instant now) noexcept {
  if (p.cold(now)) return defaults::record_min;
  const auto product =
      static_cast<double>(p.rate.rate()) * std::chrono::duration<double>(p.rtt.smoothed()).count();
  return std::max<std::uint64_t>(defaults::record_min, static_cast<std::uint64_t>(product) / 8);
}

// The best paths for copies of what `source` has, best first.
std::vector<rescue_facts::way> best_ways(const rescue_facts& facts, const rescue_flows& flows,
                                         const path& source, std::uint64_t flow,
                                         std::size_t copies) {
  std::vector<rescue_facts::way> out;
  for (const auto& one : facts.ways) {
    if (one.to != &source && flows.goes_by(flow, one.to->leaf)) out.push_back(one);
  }
  const auto rank = [&](const rescue_facts::way& one) {
    return std::tuple(same_fate(one.fate, facts.fate), one.to->life.late(), one.to->rtt.smoothed());
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  // Copies are there because one of them may be lost: not all of them by one fate.
  if (out.size() > copies && copies > 1) {
    const auto apart = std::find_if(out.begin() + 1, out.end(), [&](const auto& one) {
      return !same_fate(one.fate, out.front().fate);
    });
    if (apart != out.end()) std::rotate(out.begin() + 1, apart, apart + 1);
  }
  if (out.size() > copies) out.resize(copies);
  return out;
}

}  // namespace

// One question, and what comes of it.
struct rescuer::pass {
  const rescue_facts& facts;
  const rescue_flows& flows;
  const path& source;
  outcome out;

  // How much of what the record carries the receiver may lack: no other path has brought it.
  std::uint64_t lacking(const sent_record& record) const {
    std::uint64_t n = 0;
    for (const auto& r : record.ranges) n += flows.lacking(r.flow, r.bytes).size();
    return n;
  }
};

// Sends r on the best other paths, out of turn. False: there is none, or the meter does not allow
// it.
bool rescuer::urge(pass& job, std::uint64_t flow, range r, std::size_t copies, bool metered) {
  const auto& facts = job.facts;
  const auto ways = best_ways(facts, job.flows, job.source, flow, copies);
  if (ways.empty()) return false;
  r = job.flows.beginning(flow, r, piece_for(*ways.front().to, facts.now));
  if (metered) {
    const auto granted = meter_.take(facts.now, r.size());
    if (granted == 0) return false;
    if (granted < r.size()) r = job.flows.beginning(flow, r, granted);
    if (granted < r.size()) meter_.used(facts.now, r.size() - granted);
  }
  for (const auto& one : ways) {
    one.to->copies.add(flow, r);
    job.out.steps.emplace_back(one.to->carrier);
  }
  return true;
}

// False: not all of it, by the meter or for want of another path.
bool rescuer::rescue(pass& job, sent_record& record) {
  if (!std::exchange(record.asked_again, true))
    job.out.steps.insert(job.out.steps.end(), record.controls.begin(), record.controls.end());
  bool all = true;
  std::uint64_t lacks = 0;
  for (const auto& r : record.ranges) {
    const auto open = job.flows.lacking(r.flow, r.bytes);
    lacks += open.size();
    for (const auto& part : open.ranges()) all = urge(job, r.flow, part, 1, true) && all;
  }
  record.lacked = all ? lacks : sent_record::unknown;
  return all;
}

rescuer::outcome rescuer::overdue(path& p, const rescue_facts& facts, const rescue_flows& flows) {
  pass job{facts, flows, p, {}};
  auto& next = job.out.again;
  bool refused = false;
  const auto* other = facts.quickest;
  const auto largest = other != nullptr && other->cold(facts.now) ? 2 * defaults::record_min : ~0u;
  const auto repair = p.recovering ? p.rtt.smoothed() + defaults::repair_extra : duration(0);
  bool at_head = true;
  bool arrived = false;  // what stood before it, by another path
  p.sent.each_open([&](sent_record& record) {
    if (next != never || !record.transmitted || !record.eliciting) return;
    const auto due = record_deadline(p, record) + (arrived ? repair : duration(0));
    if (due > facts.now) next = due;
    const bool rescued = record.lacked != sent_record::unknown;
    const auto left = rescued ? job.lacking(record) : 0;
    if (rescued && left == 0) {
      arrived = true;
      return;
    }
    const bool first = std::exchange(at_head, false);
    if (due > facts.now || (rescued && !(first && left < record.lacked))) return;
    if (!first && (p.recovering || record.size > largest)) return;
    refused = !rescue(job, record) || refused;
  });
  if (refused) {
    next = facts.now + std::max<duration>(p.rtt.smoothed() / 2, defaults::deadline_floor);
    return std::move(job.out);
  }
  if (p.recovering && other != nullptr) {
    next = std::min(
        next, facts.now + std::max<duration>(other->rtt.smoothed(), defaults::deadline_floor));
  }
  next = std::max(next, facts.now + std::chrono::milliseconds(1));
  return std::move(job.out);
}

// The lowest unacknowledged range of each flow that waits on this path goes by another one too.
void rescuer::head(pass& job, path& p, std::size_t copies) {
  const auto number = p.sent.oldest_number();
  auto* record = p.sent.find(number);
  for (std::size_t looked = 0; record != nullptr && looked < heads_looked_at; ++looked) {
    if (!record->acknowledged && !record->requeued) {
      for (const auto& r : record->ranges) {
        if (job.flows.acknowledged(r.flow) < r.bytes.begin) continue;
        const auto open = job.flows.lacking(r.flow, r.bytes);
        if (!open.empty()) urge(job, r.flow, open.front(), copies, false);
      }
    }
    record = p.sent.find(number + looked + 1);
  }
}

// When only acknowledgements are lost, the peer lacks nothing before what still waits in our own
// kernel: its first bytes go ahead of all that it may have already.
void rescuer::unsent(pass& job, path& p) {
  bool found = false;
  p.sent.each_open([&](sent_record& record) {
    if (found || record.wire_end <= p.on_wire || record.ranges.empty()) return;
    found = true;
    // Only the end of a record that is half on the wire is missing.
    const auto missing = record.wire_end - p.on_wire;
    for (auto r : record.ranges) {
      if (record.ranges.size() == 1 && missing < r.bytes.size())
        r.bytes.begin = r.bytes.end - missing;
      urge(job, r.flow, r.bytes, 1, false);
    }
  });
}

// Gives the ranges that wait on a suspect path to others, lowest first, as far as the reserve and
// the meter allow; the rest follows when it has been silent for longer than any false alarm is.
void rescuer::copy(pass& job, path& p) {
  const auto at = job.facts.now;
  const bool free = at - p.life.suspected_at() >= defaults::death_min;
  bool held_back = false;
  p.sent.each_open([&](sent_record& record) {
    if (record.requeued || held_back) return;
    std::uint64_t size = 0;
    for (const auto& r : record.ranges) size += r.bytes.size();
    if (size == 0) return;
    size = std::min<std::uint64_t>(size, record.size);  // packets count more numbers than bytes
    // What the carrier did not take is no second copy.
    const bool spends = record.transmitted && !free;
    if (spends && !p.copies.pays(size) && meter_.take(at, size) < size) {
      held_back = true;
      return;
    }
    if (record.transmitted && p.copies.pays(size)) {
      p.copies.pay(size);
      meter_.used(at, size);
    }
    record.requeued = true;
    job.out.lost.push_back(&record);
  });
  p.copies.more(never);
  if (!held_back) return;
  // The receiver waits for the lowest of them: one at a time they go on all the same.
  head(job, p, 1);
  const auto* other = job.facts.quickest;
  const auto pause = other == nullptr ? defaults::death_min : other->rtt.smoothed() / 2;
  p.copies.more(std::min<instant>(p.life.suspected_at() + defaults::death_min,
                                  at + std::max<duration>(pause, defaults::deadline_floor)));
}

rescuer::outcome rescuer::suspected(path& p, const rescue_facts& facts, const rescue_flows& flows) {
  pass job{facts, flows, p, {}};
  p.copies.reserve(facts.now, p.sent.in_flight());
  // The first range also goes to a second path: a standby may be dark too.
  head(job, p, 2);
  unsent(job, p);
  copy(job, p);
  p.copies.clear();
  return std::move(job.out);
}

rescuer::outcome rescuer::copy_more(path& p, const rescue_facts& facts, const rescue_flows& flows) {
  pass job{facts, flows, p, {}};
  copy(job, p);
  return std::move(job.out);
}

rescuer::outcome rescuer::fill(std::uint64_t flow, range hole, const path& holder,
                               const rescue_facts& facts, const rescue_flows& flows) {
  pass job{facts, flows, holder, {}};
  urge(job, flow, hole, 1, true);
  return std::move(job.out);
}

}  // namespace rendr::engine
