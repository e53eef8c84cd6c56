// SPDX-License-Identifier: Apache-2.0
// Gates G4 and G4b: paths that go dark without a word, and false alarms on paths that do not.
#include <algorithm>
#include <array>
#include <future>
#include <stdexcept>
#include <utility>

#include "lab/emulated_gates/plan.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr auto real_margin = 100ms;  // what real sockets may take beyond the bound of virtual time
constexpr auto max_ack_delay = 5ms;  // of the peer
constexpr auto grain = 5ms;          // the constant of the bound in virtual time

struct load {
  const char* id;
  const char* name;
  traffic up;
  lab_clock::duration warm_up;
  bool paced() const { return up.size != 0; }
};

std::array<load, 3> loads() {
  return {load{"bulk", "bulk", traffic::bulk(), 1500ms},
          load{"1k", "1 KiB / 5 ms", traffic::paced(1024, 5ms), 1s},
          load{"200b", "200 B / 100 ms", traffic::paced(200, 100ms), 1500ms}};
}

struct dark_way {
  const char* id;
  const char* name;
  way which;
};
constexpr std::array ways{dark_way{"both", "both ways", way::both},
                          dark_way{"to_server", "to the server only", way::to_server},
                          dark_way{"to_client", "to the client only", way::to_client}};

struct shape {
  const char* id;
  line dark;
  line spare;
  path_evidence evidence;
};
const std::array<shape, 3>& shapes() {
  static const std::array<shape, 3> all{
      shape{"near", {"a", 20ms, 50 * mbit}, {"b", 20ms, 50 * mbit}, path_evidence::by_transport},
      shape{"far", {"a", 40ms, 50 * mbit}, {"b", 100ms, 50 * mbit}, path_evidence::by_transport},
      shape{"first_hop", {"a", 20ms, 50 * mbit}, {"b", 20ms, 50 * mbit}, path_evidence::first_hop}};
  return all;
}

/// What the contract allows from T0 on, in virtual time.
duration bound_of(const path_status& dark, duration spare_rtt, bool blind) {
  auto bound = dark.srtt + std::min<duration>(4 * dark.rttvar, dark.srtt) + max_ack_delay +
               spare_rtt / 2 + grain;
  if (blind) bound += std::max<duration>(200ms, 2 * dark.srtt);
  return bound;
}

struct one_drop {
  double figure = 0;
  double bound = 0;
  double longest = 0;  ///< silence at the receiver in the second from the drop on
  std::uint64_t darkened = 0;
  std::uint64_t suspicions = 0;
  std::uint64_t drops = 0;
  std::string problems;
  std::string story;
  std::vector<std::pair<double, double>> course;  ///< ms after the fault, KiB
};

/// When data that was written at T0 or later arrived: with the way to the server open, the end of
/// the longest silence that the missing answers brought; else of the one that begins when what was
/// on the wire has arrived.
lab_clock::time_point resumed(const std::vector<moment>& arrived, way which,
                              lab_clock::time_point t0, duration one_way) {
  if (which == way::to_client) {
    return t0 + longest_silence(arrived, t0, t0 + 500ms).length();
  }
  return longest_silence(arrived, t0 - one_way, t0 + one_way + 20ms).to;
}

/// One row: every try of it has links of its own kind and makes its connections anew.
struct drop_case {
  load what;
  dark_way dark;
  shape where;
  std::string congestion;

  std::string id() const {
    return std::string("G4.") + where.id + "." + what.id + "." + dark.id + "." + congestion;
  }
};

one_drop drop_once(emulator& net, const drop_case& one, std::size_t turn) {
  const auto& [what, dark, where, congestion] = one;
  session s(net, 0, {where.dark, where.spare}, {"selector(a, b)", congestion, where.evidence, 15s});
  auto& flow = s.open(what.up, traffic::none());
  if (s.in_use() != 0) {
    if (const auto f = s.link().migrate("a"); f.code) throw std::runtime_error(f.detail);
  }
  pass(what.warm_up + std::chrono::milliseconds(turn * 37 % 100));
  const auto used = s.in_use();
  const auto spare_rtt = used == 0 ? where.spare.rtt : where.dark.rtt;
  const auto one_way = (used == 0 ? where.dark.rtt : where.spare.rtt) / 2;
  const auto before = s.path(used);
  const auto suspicions = s.suspicions();
  const auto darkened = s.darkened();
  net.up(s.link_of(used), dark.which, false);
  auto t0 = lab_clock::now();
  const auto dark_at = t0;
  one_drop r;
  r.bound = ms(bound_of(before, spare_rtt, where.evidence == path_evidence::first_hop));
  lab_clock::time_point back;
  if (what.paced()) {
    const auto wanted = flow.near->asked();
    moment first{};
    wait_until(
        [&] {
          for (const auto& m : flow.near->wanted()) {
            if (m.total > wanted && m.at > dark_at) return first = m, true;
          }
          return false;
        },
        2s);
    t0 = first.at;
    wait_until([&] { return flow.far->received() >= first.total; }, 5s);
    back = reached(flow.far->arrived(), first.total);
  } else {
    pass(std::chrono::milliseconds(static_cast<int>(r.bound)) + 600ms);
    back = resumed(flow.far->arrived(), dark.which, t0, one_way);
  }
  r.figure = back == lab_clock::time_point::max() ? 5000 : ms(back - t0);
  wait_until([&] { return s.suspicions() > suspicions; }, 2s);
  r.darkened = s.darkened() - darkened;
  r.suspicions = s.suspicions() - suspicions;
  r.drops = s.device_drops();
  r.problems = s.problems();
  r.story = s.story();
  const auto arrived = flow.far->arrived();
  r.longest = ms(longest_silence(arrived, dark_at - 100ms, dark_at + 1s).length());
  const auto base = total_at(arrived, dark_at - 200ms);
  for (auto t = -200ms; t <= 600ms; t += 5ms) {
    r.course.emplace_back(ms(t), static_cast<double>(total_at(arrived, dark_at + t) - base) / 1024);
  }
  return r;
}

void drop_row(plan& p, const drop_case& row_of) {
  const auto& [what, dark, where, congestion] = row_of;
  emulator net(2);
  std::vector<double> figures;
  std::vector<double> bounds;
  std::vector<double> beyond;
  double longest = 0;
  std::uint64_t least_dark = ~std::uint64_t{0};
  std::uint64_t least_suspect = ~std::uint64_t{0};
  std::uint64_t drops = 0;
  std::string problems;
  one_drop worst;
  const auto tries = p.tries();
  for (std::size_t i = 0; i < tries; ++i) {
    auto one = drop_once(net, row_of, i);
    figures.push_back(one.figure);
    bounds.push_back(one.bound);
    beyond.push_back(one.figure - one.bound);
    least_dark = std::min(least_dark, one.darkened);
    least_suspect = std::min(least_suspect, one.suspicions);
    drops += one.drops;
    longest = std::max(longest, one.longest);
    if (problems.empty()) problems = one.problems;
    if (i == 0 || one.figure - one.bound > worst.figure - worst.bound) worst = std::move(one);
  }
  const auto highest = *std::max_element(figures.begin(), figures.end());
  lab_row row;
  row.gate = "G4";
  row.what = std::string(what.name) + ", " + dark.name + ", " +
             std::to_string(where.dark.rtt.count()) + "/" +
             std::to_string(where.spare.rtt.count()) + " ms" +
             (where.evidence == path_evidence::first_hop ? ", first_hop" : "") + ", " + congestion;
  row.figures = {{"median", quantile(figures, 500), "ms"},
                 {"P95", quantile(figures, 950), "ms"},
                 {"maximum", highest, "ms"},
                 {"virtual bound, median", quantile(bounds, 500), "ms"},
                 {"P95 beyond it", quantile(beyond, 950), "ms"},
                 {"longest silence of all", longest, "ms"},
                 {"tries", static_cast<double>(tries), ""}};
  row.bound = "P95 beyond the virtual bound of its try <= 100 ms";
  row.fault = "each try: >= " + std::to_string(least_dark) +
              " packets into the dark, >= " + std::to_string(least_suspect) + " suspicions";
  lab_series course{"Silent drop on real sockets, the worst try of each row",
                    row.what,
                    "ms after the drop",
                    "KiB delivered",
                    worst.course,
                    {{0, "dark"}}};
  p.add(std::move(course));
  p.add(std::move(row), least_dark > 0 && least_suspect > 0 && highest < 3000,
        quantile(beyond, 950) <= ms(real_margin), drops, problems, worst.story);
}

}  // namespace

void gate_silent_drop(plan& p) {
  std::vector<std::string> controls{p.congestion()};
  if (p.congestion() != "bbr") controls.emplace_back("bbr");
  for (const auto& where : shapes()) {
    // The others only by name, the blind carrier only where all is dark.
    if (&where != &shapes().front() && !p.named(where.id)) continue;
    for (const auto& what : loads()) {
      for (const auto& dark : ways) {
        if (where.evidence == path_evidence::first_hop && dark.which != way::both) continue;
        std::vector<std::future<void>> rows;
        for (const auto& control : controls) {
          const drop_case one{what, dark, where, control};
          if (!p.wants(one.id())) continue;
          rows.push_back(std::async(std::launch::async, [&p, one] { drop_row(p, one); }));
          // What is next to no traffic goes beside each other.
          if (!what.paced()) rows.back().wait();
        }
        for (auto& row : rows) row.get();
      }
    }
  }
}

namespace {

struct quiet_case {
  std::string id;
  bool small;
  std::uint32_t loss_ppm;
  std::string congestion;
};

/// Several at once, each on lines of its own.
void quiet_rows(plan& p, std::vector<quiet_case> cases) {
  std::erase_if(cases, [&p](const quiet_case& one) { return !p.wants(one.id); });
  if (cases.empty()) return;
  const auto span = p.either(60s, 10s);
  emulator net(2 * cases.size(), 31);
  std::vector<std::unique_ptr<session>> all;
  std::vector<flow_ends*> flows;
  std::vector<std::uint64_t> lost;
  for (const auto& one : cases) {
    auto& s = all.emplace_back(
        std::make_unique<session>(net, 2 * all.size(),
                                  std::vector<line>{{"a", 20ms, 20 * mbit, one.loss_ppm},
                                                    {"b", 40ms, 20 * mbit, one.loss_ppm}},
                                  session_options{"selector(a, b)", one.congestion}));
    lost.push_back(s->lost());
    flows.push_back(
        &s->open(one.small ? traffic::paced(1024, 5ms) : traffic::bulk(), traffic::none()));
  }
  pass(span);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& one = cases[i];
    const auto& s = *all[i];
    const bool lossy = one.loss_ppm != 0;
    const auto extra = s.extra_percent();
    const auto hit = s.lost() - lost[i];
    const auto deaths = s.deaths();
    const auto moves = s.moves();
    const auto seconds = static_cast<double>(span / 1s);
    lab_row row;
    row.gate = "G4b";
    row.what = std::string(one.small ? "1 KiB / 5 ms" : "bulk") + ", " +
               std::to_string(one.loss_ppm / 10'000) + " % loss, " + one.congestion;
    row.figures = {
        {"extra bytes", extra, "%"},
        {"deaths", static_cast<double>(deaths), ""},
        {"moves", static_cast<double>(moves), ""},
        {"suspicions", static_cast<double>(s.suspicions()), ""},
        {"goodput", static_cast<double>(flows[i]->far->received()) / seconds / mbit, "Mbit/s"}};
    row.bound = std::string("extra <= ") + (lossy ? "5" : "1") + " %, 0 deaths, 0 moves";
    row.fault = std::to_string(hit) + " packets lost in " + std::to_string(span / 1s) + " s";
    p.add(std::move(row), (!lossy || hit > 0) && deaths == 0 && flows[i]->far->received() > 0,
          extra <= (lossy ? 5 : 1) && moves == 0, s.device_drops(), s.problems(), s.story());
  }
}

}  // namespace

void gate_false_alarms(plan& p) {
  std::vector<quiet_case> small;
  std::vector<quiet_case> bulk;
  for (const std::uint32_t loss : {0u, 10'000u}) {
    for (const auto* control : {"cubic", "bbr"}) {
      const auto tail = std::string(loss == 0 ? ".0." : ".1.") + control;
      small.push_back({"G4b.1k" + tail, true, loss, control});
      bulk.push_back({"G4b.bulk" + tail, false, loss, control});
    }
  }
  quiet_rows(p, small);
  if (p.brief()) return quiet_rows(p, bulk);
  quiet_rows(p, {bulk[0], bulk[1]});
  quiet_rows(p, {bulk[2], bulk[3]});
}

}  // namespace rendr::test
