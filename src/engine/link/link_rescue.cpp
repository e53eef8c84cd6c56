// SPDX-License-Identifier: Apache-2.0
// What is late on one path, or waits on a suspect one, goes by others too.
#include <algorithm>
#include <tuple>

#include "engine/link/link.hpp"

namespace rendr::engine {

// How much of what it carries the receiver may lack: no other path has brought it.
std::uint64_t link::missing(const sent_record& record) {
  std::uint64_t n = 0;
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f != nullptr && !f->reset_code) n += f->send.open_part(r.bytes).size();
  }
  return n;
}

// False: not all of it, by the meter or for want of another path.
bool link::rescue(instant now, path& p, sent_record& record) {
  if (!std::exchange(record.asked_again, true)) {
    for (const auto& c : record.controls) ask_again(c);
  }
  bool all = true;
  std::uint64_t lacks = 0;
  for (const auto& r : record.ranges) {
    auto* f = find(r.flow);
    if (f == nullptr || f->reset_code) continue;
    const auto open = f->send.open_part(r.bytes);
    lacks += open.size();
    for (const auto& part : open.ranges()) all = urge(now, r.flow, part, p, 1, true) && all;
  }
  record.lacked = all ? lacks : sent_record::unknown;
  return all;
}

// Sends what is overdue by its own deadline on another path too; while the kernel repairs a loss
// only the head, for the rest comes with the repair. The head is the first of which the receiver
// lacks something, and goes piece by piece, the next when one has arrived; a record behind it when
// its repair is overdue too. Of a transfer only the head goes to a cold path: what is needed there
// after a suspicion must find room. Returns when to look again.
instant link::rescue_overdue(instant now, path& p) {
  instant next = never;
  bool refused = false;
  const auto* other = paths_.best_other(p);
  const auto largest = other != nullptr && cold(now, *other) ? 2 * defaults::record_min : ~0u;
  const auto repair = p.recovering ? p.rtt.smoothed() + defaults::repair_extra : duration(0);
  bool head = true;
  bool arrived = false;  // what stood before it, by another path
  p.sent.each_open([&](sent_record& record) {
    if (next != never || !record.transmitted || !record.eliciting) return;
    const auto due = record_deadline(p, record) + (arrived ? repair : duration(0));
    if (due > now) next = due;
    const bool rescued = record.lacked != sent_record::unknown;
    const auto left = rescued ? missing(record) : 0;
    if (rescued && left == 0) {
      arrived = true;
      return;
    }
    const bool first = std::exchange(head, false);
    if (due > now || (rescued && !(first && left < record.lacked))) return;
    if (!first && (p.recovering || record.size > largest)) return;
    refused = !rescue(now, p, record) || refused;
  });
  if (refused) return now + std::max<duration>(p.rtt.smoothed() / 2, defaults::deadline_floor);
  if (p.recovering && other != nullptr) {
    next =
        std::min(next, now + std::max<duration>(other->rtt.smoothed(), defaults::deadline_floor));
  }
  return std::max(next, now + std::chrono::milliseconds(1));
}

// What comes out of turn must not fill a path that was idle: its first bytes tell the receiver what
// it lacks, and bring back what it has.
std::uint64_t rescue_piece(bool cold, const path& p) noexcept {
  if (cold) return defaults::record_min;
  const auto product =
      static_cast<double>(p.rate.rate()) * std::chrono::duration<double>(p.rtt.smoothed()).count();
  return std::max<std::uint64_t>(defaults::record_min, static_cast<std::uint64_t>(product) / 8);
}

// Sends r on the best other paths, out of turn. False: there is none, or the budget does not allow
// it.
bool link::urge(instant now, std::uint64_t flow, range r, const path& not_on, std::size_t copies,
                bool metered) {
  std::vector<path*> others;
  const auto* to = find(flow);
  for (const auto& p : paths_) {
    const bool known =
        p->leaf < slots_.size() && to != nullptr && !root_of(*to).target.places(p->leaf).empty();
    if (p.get() != &not_on && p->ready() && p->carries() && known &&
        slots_[p->leaf].current == p.get()) {
      others.push_back(p.get());
    }
  }
  std::stable_sort(others.begin(), others.end(), [&](const path* a, const path* b) {
    const auto rank = [&](const path* p) {
      return std::tuple(same_fate(*p, not_on), p->life.late(), p->rtt.smoothed());
    };
    return rank(a) < rank(b);
  });
  // Copies are there because one of them may be lost: not all of them by one fate.
  if (others.size() > copies && copies > 1) {
    const auto apart = std::find_if(others.begin() + 1, others.end(),
                                    [&](const path* p) { return !same_fate(*p, *others.front()); });
    if (apart != others.end()) std::rotate(others.begin() + 1, apart, apart + 1);
  }
  if (others.size() > copies) others.resize(copies);
  if (others.empty()) return false;
  const auto shorten = [&](std::uint64_t most) {
    const auto whole =
        to->packets ? to->packets->out.whole(r.begin, most) : range{r.begin, r.begin + most};
    r = {whole.begin, std::min(r.end, whole.end)};
  };
  shorten(rescue_piece(cold(now, *others.front()), *others.front()));
  if (metered) {
    const auto granted = extra_.take(now, r.size());
    if (granted == 0) return false;
    if (granted < r.size()) shorten(granted);
    if (granted < r.size()) extra_.used(now, r.size() - granted);
  }
  for (auto* p : others) {
    const bool already =
        std::any_of(p->urgent.begin(), p->urgent.end(), [&](const urgent_range& u) {
          return u.flow == flow && u.bytes.begin <= r.begin && u.bytes.end >= r.end;
        });
    if (!already && p->urgent.size() < 64) p->urgent.push_back({flow, r});
    s_.transmit.wake(p->carrier);
  }
  return true;
}

bool link::same_fate(const path& a, const path& b) const noexcept {
  const auto& fate = slots_[a.leaf].config.fate;
  return !fate.empty() && fate == slots_[b.leaf].config.fate;
}

// The lowest unacknowledged range of each flow that waits on this path goes by another one too.
void link::rescue_head(instant now, path& p, std::size_t copies, bool metered) {
  const auto number = p.sent.oldest_number();
  auto* record = p.sent.find(number);
  for (std::size_t looked = 0; record != nullptr && looked < 8; ++looked) {
    if (!record->acknowledged && !record->requeued) {
      for (const auto& r : record->ranges) {
        auto* f = find(r.flow);
        if (f == nullptr || f->reset_code || f->send.acknowledged() < r.bytes.begin) continue;
        const auto open = f->send.open_part(r.bytes);
        if (!open.empty()) urge(now, r.flow, open.front(), p, copies, metered);
      }
    }
    record = p.sent.find(number + looked + 1);
  }
}

// When only acknowledgements are lost, the peer lacks nothing before what still waits in our own
// kernel: its first bytes go ahead of all that it may have already.
void link::rescue_unsent(instant now, path& p) {
  bool found = false;
  p.sent.each_open([&](sent_record& record) {
    if (found || record.wire_end <= p.on_wire || record.ranges.empty()) return;
    found = true;
    // Only the end of a record that is half on the wire is missing.
    const auto missing = record.wire_end - p.on_wire;
    for (auto r : record.ranges) {
      if (record.ranges.size() == 1 && missing < r.bytes.size())
        r.bytes.begin = r.bytes.end - missing;
      urge(now, r.flow, r.bytes, p, 1, false);
    }
  });
}

// Gives the ranges that wait on a suspect path to others, lowest first, as far as the reserve and
// the meter allow; the rest follows when it has been silent for longer than any false alarm is.
void link::copy_unacknowledged(instant now, path& p) {
  p.copy_more_at = never;
  if (!p.life.suspect()) return;
  const bool free = now - p.life.suspected_at() >= defaults::death_min;
  bool held_back = false;
  p.sent.each_open([&](sent_record& record) {
    if (record.requeued || held_back) return;
    std::uint64_t size = 0;
    for (const auto& r : record.ranges) size += r.bytes.size();
    if (size == 0) return;
    size = std::min<std::uint64_t>(size, record.size);  // packets count more numbers than bytes
    // What the carrier did not take is no second copy.
    const bool spends = record.transmitted && !free;
    if (spends && p.copy_reserve < size && extra_.take(now, size) < size) {
      held_back = true;
      return;
    }
    if (record.transmitted && p.copy_reserve >= size) {
      p.copy_reserve -= size;
      extra_.used(now, size);
    }
    lose_ranges(record);
    record.requeued = true;
  });
  if (held_back) {
    // The receiver waits for the lowest of them: one at a time they go on all the same.
    rescue_head(now, p, 1, false);
    const auto* other = paths_.best_other(p);
    const auto step = other == nullptr ? defaults::death_min : other->rtt.smoothed() / 2;
    p.copy_more_at = std::min<instant>(p.life.suspected_at() + defaults::death_min,
                                       now + std::max<duration>(step, defaults::deadline_floor));
  }
  wake_all();
}

}  // namespace rendr::engine
