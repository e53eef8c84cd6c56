// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "lab/peers/measure.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr line_shape quick{50, 20};
constexpr duration quick_rtt = std::chrono::milliseconds(quick.rtt_ms);
constexpr duration steady = 1s;  // what is written so long after the fault has to arrive
constexpr duration shown_before = 300ms;
constexpr duration shown_after = 1500ms;
constexpr duration shown_step = 5ms;
constexpr duration judged_over = 200ms;  // for the rate after a fault
constexpr double full_rate = 0.8;        // of the link that is left

enum class fault : std::uint8_t { drop, reset };

double ms(duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

struct try_result {
  double gap = 0;     ///< longest time without a new byte, ms
  double before = 0;  ///< the same in the second before the fault
  /// Bulk: ms from the fault until the rate of the link that is left was reached. Paced: the
  /// longest way of a message from its write to its arrival, ms.
  double recovery = 0;
  bool capped = false;
  std::string error;      ///< what the application saw
  std::uint64_t hit = 0;  ///< packets that vanished, or connections that were reset
  std::uint32_t subflows = 0;
  std::vector<std::pair<double, double>> course;  ///< ms and bytes since the beginning of the view
};

/// Longest time between two arrivals of which the second is after `from`.
duration longest_gap(std::span<const trace_entry> all, instant from, instant end) {
  duration longest{0};
  auto last = all.empty() ? from : all.front().at;
  for (const auto& e : all) {
    if (e.at > end) break;
    if (e.at > from) longest = std::max(longest, e.at - last);
    last = e.at;
  }
  return std::max(longest, end - last);
}

/// When a total had arrived; `end` when it never did.
instant arrival_of(std::span<const trace_entry> all, std::uint64_t total, instant end) {
  const auto found =
      std::lower_bound(all.begin(), all.end(), total,
                       [](const trace_entry& e, std::uint64_t goal) { return e.total < goal; });
  return found == all.end() ? end : found->at;
}

double worst_delay(std::span<const trace_entry> sent, std::span<const trace_entry> arrived,
                   instant from, instant end) {
  duration worst{0};
  for (const auto& e : sent) {
    if (e.at < from || e.at > end - 500ms) continue;
    worst = std::max(worst, arrival_of(arrived, e.total, end) - e.at);
  }
  return ms(worst);
}

double until_full_rate(std::span<const trace_entry> arrived, instant at, instant end) {
  const auto goal = full_rate * static_cast<double>(quick.mbit) * 1e6 / 8 *
                    std::chrono::duration<double>(judged_over).count();
  const auto total_at = [&](instant t) {
    const auto after = std::upper_bound(arrived.begin(), arrived.end(), t,
                                        [](instant i, const trace_entry& e) { return i < e.at; });
    return after == arrived.begin() ? 0.0 : static_cast<double>(std::prev(after)->total);
  };
  for (auto t = at + quick_rtt; t + judged_over <= end; t += 1ms) {
    if (total_at(t + judged_over) - total_at(t) >= goal) return ms(t - at);
  }
  return ms(end - at);
}

std::vector<std::pair<double, double>> course_of(std::span<const trace_entry> all, instant fault_at,
                                                 instant end) {
  std::vector<std::pair<double, double>> points;
  const auto from = fault_at - shown_before;
  std::uint64_t total = 0;
  std::uint64_t base = 0;
  auto next = all.begin();
  for (auto t = from; t <= std::min(fault_at + shown_after, end); t += shown_step) {
    for (; next != all.end() && next->at <= t; ++next) total = next->total;
    if (t == from) base = total;
    points.emplace_back(ms(t - fault_at), static_cast<double>(total - base));
  }
  return points;
}

/// Connections of a namespace that were reset.
std::uint64_t resets(const netns& where) {
  const netns::scope here(where);
  std::ifstream table("/proc/thread-self/net/snmp");
  std::string names;
  for (std::string line; std::getline(table, line);) {
    if (!line.starts_with("Tcp:")) continue;
    if (names.empty()) {
      names = line;
      continue;
    }
    std::istringstream columns(names);
    std::istringstream values(line);
    std::string name;
    for (std::string value; columns >> name && values >> value;) {
      if (name == "EstabResets") return std::stoull(value);
    }
  }
  return 0;
}

std::size_t link_in_use(two_links& where, const transfer& running, duration look) {
  std::uint64_t before[2];
  for (std::size_t i : {0u, 1u}) {
    before[i] = where.net().counters(i, way::to_server).entered_bytes;
  }
  running.run_until(monotonic_now() + look);
  const auto more = [&](std::size_t i) {
    return where.net().counters(i, way::to_server).entered_bytes - before[i];
  };
  return more(0) >= more(1) ? 0 : 1;
}

/// Mounts a fault on a link, and takes it away with the object.
class mounted {
 public:
  mounted(two_links& where, std::size_t link, fault what)
      : net_(where.net()), link_(link), what_(what), before_(count()) {
    if (what == fault::drop) {
      net_.up(link, way::both, false);
      return;
    }
    const auto device = "link" + std::to_string(link);
    run_in(net_.server(), {"nft",
                           "table inet cut {\nchain in {\ntype filter hook input priority 0\n"
                           "iifname " +
                               device + " meta l4proto tcp reject with tcp reset\n}\n}"});
  }
  mounted(const mounted&) = delete;
  mounted& operator=(const mounted&) = delete;
  ~mounted() {
    try {
      if (what_ == fault::drop) net_.up(link_, way::both, true);
      if (what_ == fault::reset) run_in(net_.server(), {"nft", "delete table inet cut"});
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
  }
  std::uint64_t hits() const { return count() - before_; }

 private:
  std::uint64_t count() const {
    return what_ == fault::drop ? net_.counters(link_, way::both).darkened : resets(net_.client());
  }
  emulator& net_;
  std::size_t link_;
  fault what_;
  std::uint64_t before_;
};

try_result one_try(const plan& p, two_links& where, const job& what, fault kind, std::size_t turn) {
  where.settle();
  const transfer running(where.net(), what);
  const bool bulk = what.how.every == duration(0);
  const bool rare = what.how.every >= 50ms;
  const auto phase = std::chrono::milliseconds(turn * 37 % 100);
  running.run_until(monotonic_now() + (bulk ? 2s : rare ? 1500ms : 1s) + phase);
  const auto link = link_in_use(where, running, rare ? 1s : 300ms);
  try_result r;
  const auto at = monotonic_now();
  const mounted now(where, link, kind);
  std::uint64_t goal = 0;
  const auto end = at + p.cap;
  const bool done = running.wait(end, [&] {
    const auto t = monotonic_now();
    if (goal == 0 && t >= at + steady) goal = running.sent().total();
    return goal != 0 && running.received().total() >= goal;
  });
  if (done) static_cast<void>(running.wait(at + shown_after, [] { return false; }));
  const auto stopped = running.error().empty() ? monotonic_now() : end;
  const auto arrived = running.received().entries();
  r.capped = !done;
  r.error = running.error();
  r.gap = ms(longest_gap(arrived, at, stopped));
  r.recovery = bulk ? until_full_rate(arrived, at, stopped)
                    : worst_delay(running.sent().entries(), arrived, at - 200ms, stopped);
  r.before = ms(longest_gap(arrived, at - 1s, at));
  r.hit = now.hits();
  r.subflows = running.sent().links();
  r.course = course_of(arrived, at, stopped);
  return r;
}

struct outcome {
  std::vector<double> gaps;
  std::vector<double> before;
  std::vector<double> recovery;
  std::size_t capped = 0;
  std::size_t lost = 0;
  std::string error;
  std::uint64_t least_hit = ~std::uint64_t{0};
  std::uint32_t subflows = 0;
  std::vector<std::vector<std::pair<double, double>>> courses;

  void add(try_result r) {
    gaps.push_back(r.gap);
    before.push_back(r.before);
    recovery.push_back(r.recovery);
    capped += r.capped ? 1u : 0u;
    lost += r.error.empty() ? 0u : 1u;
    if (error.empty()) error = r.error;
    least_hit = std::min(least_hit, r.hit);
    subflows = std::max(subflows, r.subflows);
    courses.push_back(std::move(r.course));
  }
  /// It needs no further try.
  bool hopeless(const job& what) const {
    return capped == gaps.size() && capped >= (what.by == carrier::tcp ? 1u : 3u);
  }
  std::size_t middle() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < gaps.size(); ++i) {
      if (std::abs(gaps[i] - median(gaps)) < std::abs(gaps[best] - median(gaps))) best = i;
    }
    return best;
  }
};

std::string spoken(const plan& p, const outcome& o) {
  if (o.lost * 2 > o.gaps.size()) return "connection lost";
  if (o.capped * 2 <= o.gaps.size()) return {};
  return "> " + std::to_string(p.cap / 1s) + " s";
}

void report_outcome(const plan& p, const std::string& title, fault kind, const job& what,
                    const outcome& o, lab_report& report) {
  const bool bulk = what.how.every == duration(0);
  lab_row row;
  row.gate = kind == fault::drop ? "G4" : "G1";
  row.what = title + ": " + what.name;
  row.figures = {{"gap median", median(o.gaps), "ms"},
                 {"gap maximum", *std::max_element(o.gaps.begin(), o.gaps.end()), "ms"},
                 {"before the fault", median(o.before), "ms"},
                 {bulk ? "until the rate of the other link" : "worst delay of a message",
                  median(o.recovery), "ms"},
                 {"tries", static_cast<double>(o.gaps.size()), ""},
                 {"not back in " + std::to_string(p.cap / 1s) + " s",
                  static_cast<double>(o.capped - o.lost), ""},
                 {"connections lost", static_cast<double>(o.lost), ""}};
  row.fault = "at least " + std::to_string(o.least_hit) +
              (kind == fault::drop ? " packets vanished" : " connections were reset");
  if (o.subflows > 0) row.fault += "; " + std::to_string(o.subflows) + " subflows by MPTCP_INFO";
  if (!o.error.empty()) row.fault += "; the application saw: " + o.error;
  lab_report::print(row);
  report.add(row);
  report.add(
      lab_bar{title + ": longest gap, median", what.name, median(o.gaps), "ms", spoken(p, o)});
  lab_series line{title, what.name, "ms after the fault", "KiB delivered", {}, {{0, "fault"}}};
  for (auto [x, y] : o.courses[o.middle()]) line.points.emplace_back(x, y / 1024);
  report.add(std::move(line));
}

void measure(const plan& p, two_links& where, fault kind, const pace& how,
             const std::vector<job>& jobs, lab_report& report) {
  std::map<std::string, outcome> outcomes;
  for (std::size_t turn = 0; turn < p.tries; ++turn) {
    for (auto one : jobs) {
      auto& o = outcomes[one.name];
      if (!o.gaps.empty() && o.hopeless(one)) continue;
      one.how = how;
      o.add(one_try(p, where, one, kind, turn));
    }
  }
  const auto title = std::string(kind == fault::drop ? "Silent drop" : "Reset") +
                     " of the path in use, " + how.name;
  for (auto one : jobs) {
    one.how = how;
    report_outcome(p, title, kind, one, outcomes[one.name], report);
  }
}

const pace bulk{};
const pace dense{"1 KiB each 5 ms", 1024, 5ms};
const pace rare{"200 B each 100 ms", 200, 100ms};

}  // namespace

void measure_drops(const plan& p, lab_report& report) {
  two_links where(quick, quick);
  const auto tcp = plain_tcp(p, 0);
  const auto peer = mptcp(p);
  const auto selector = of_rendr(p, "selector");
  auto slow_to_send = peer;
  slow_to_send.name = "MPTCP without TCP_NODELAY";
  slow_to_send.nagle = true;
  const auto drop = [&](const std::string& name, const pace& how, const std::vector<job>& full) {
    if (!p.wants("drop-" + name)) return;
    measure(p, where, fault::drop, how, p.brief ? std::vector{tcp, peer, selector} : full, report);
  };
  const auto race = of_rendr(p, "race");
  drop("bulk", bulk, {tcp, peer, selector, of_rendr(p, "bond")});
  drop("1k", dense, {tcp, peer, slow_to_send, selector, race});
  if (!p.brief) drop("200", rare, {tcp, peer, slow_to_send, selector, race});
}

void measure_resets(const plan& p, lab_report& report) {
  if (p.brief) return;
  two_links where(quick, quick);
  const std::vector<job> jobs{plain_tcp(p, 0), mptcp(p), of_rendr(p, "selector")};
  if (p.wants("reset-bulk")) measure(p, where, fault::reset, bulk, jobs, report);
  if (p.wants("reset-1k")) measure(p, where, fault::reset, dense, jobs, report);
}

}  // namespace rendr::test
