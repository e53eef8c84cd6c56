// SPDX-License-Identifier: Apache-2.0
#include "lab/peers/measure.hpp"

#include <poll.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace rendr::test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mbit = 1'000'000 / 8;
constexpr std::uint64_t least_queue = 64 * 1024;

lane_settings settings_of(line_shape shape) {
  lane_settings s;
  s.delay = std::chrono::microseconds(shape.rtt_ms * 500);
  s.rate = shape.mbit * mbit;
  s.queue = std::max(s.rate * static_cast<std::uint64_t>(shape.rtt_ms) / 1000, least_queue);
  s.loss_ppm = shape.loss_ppm;
  return s;
}

std::string text_of(line_shape shape) {
  auto text = std::to_string(shape.mbit) + " Mbit/s " + std::to_string(shape.rtt_ms) + " ms";
  if (shape.loss_ppm != 0) text += " " + std::to_string(shape.loss_ppm / 10'000) + " % loss";
  return text;
}

double seconds(duration d) { return std::chrono::duration<double>(d).count(); }

/// Bytes that a trace had counted at a time.
double total_at(const trace& of, instant when) {
  const auto all = of.entries();
  const auto after = std::upper_bound(all.begin(), all.end(), when,
                                      [](instant t, const trace_entry& e) { return t < e.at; });
  return after == all.begin() ? 0 : static_cast<double>(std::prev(after)->total);
}

struct usage {
  double rate = 0;      ///< bytes a second, at the receiver
  double cpu = 0;       ///< seconds of both processes for 10^9 bytes
  double overhead = 0;  ///< bytes on the wire to the receiver that are no payload, per byte of it
  double back = 0;      ///< bytes on the wire to the sender, per byte of payload
  std::uint32_t subflows = 0;
  double least_share = 0;  ///< what the less used link carried of all
};

/// Uses of transfers that run side by side.
std::vector<usage> observe(const plan& p, two_links& where, const std::vector<job>& jobs) {
  where.settle();
  std::vector<std::unique_ptr<transfer>> running;
  running.reserve(jobs.size());
  for (const auto& one : jobs) running.push_back(std::make_unique<transfer>(where.net(), one));
  const auto from = monotonic_now() + p.warm_up;
  const auto end = from + p.span;
  running.front()->run_until(from);
  std::vector<double> cpu;
  cpu.reserve(running.size());
  for (const auto& one : running) cpu.push_back(one->cpu_seconds());
  const auto out = where.entered_bytes(way::to_server);
  const auto back = where.entered_bytes(way::to_client);
  const auto first = where.net().counters(0, way::to_server).entered_bytes;
  running.front()->run_until(end);
  const auto wire = static_cast<double>(where.entered_bytes(way::to_server) - out);
  const auto wire_back = static_cast<double>(where.entered_bytes(way::to_client) - back);
  const auto share =
      static_cast<double>(where.net().counters(0, way::to_server).entered_bytes - first) / wire;
  std::vector<usage> results;
  for (std::size_t i = 0; i < running.size(); ++i) {
    auto& one = *running[i];
    one.run_until(end);
    const auto payload = total_at(one.received(), end) - total_at(one.received(), from);
    auto& u = results.emplace_back();
    u.rate = payload / seconds(p.span);
    u.cpu = (one.cpu_seconds() - cpu[i]) / payload * 1e9;
    u.overhead = wire / payload - 1;
    u.back = wire_back / payload;
    u.subflows = one.sent().links();
    u.least_share = std::min(share, 1 - share);
  }
  return results;
}

struct cell_result {
  std::vector<double> of_sum, of_best, rate, cpu, overhead, back, share;
  std::uint32_t subflows = 0;
};

std::string percent(double of_one) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * of_one);
  return text;
}

/// `gate` decides about a bond; others have `least` 0.
void report_cell(const two_links& where, const std::string& gate, const std::string& system,
                 const cell_result& r, double least, double mptcp_rate, lab_report& report) {
  const auto fraction = median(r.of_sum);
  lab_row row;
  row.gate = gate;
  row.what = where.name() + ": " + system;
  row.figures = {
      {"rate", median(r.rate) / mbit, "Mbit/s"},           {"of the sum", 100 * fraction, "%"},
      {"of the best alone", 100 * median(r.of_best), "%"}, {"CPU", median(r.cpu), "s/GB"},
      {"overhead", 100 * median(r.overhead), "%"},         {"back", 100 * median(r.back), "%"}};
  if (r.of_sum.size() > 1) {
    row.figures.push_back(
        {"worst round of the sum", 100 * *std::min_element(r.of_sum.begin(), r.of_sum.end()), "%"});
  }
  if (least > 0) {
    row.bound = "of the sum >= " + percent(least) + ", of the best >= 98 %, not below MPTCP";
    const bool good =
        fraction >= least && median(r.of_best) >= 0.98 && median(r.rate) >= 0.99 * mptcp_rate;
    row.verdict = good ? lab_verdict::ok : lab_verdict::missed;
  }
  if (r.subflows > 0) row.fault = std::to_string(r.subflows) + " subflows by MPTCP_INFO; ";
  if (!r.share.empty()) row.fault += "the less used link carried " + percent(median(r.share));
  lab_report::print(row);
  report.add(row);
  const auto group = "Bulk over " + where.name();
  report.add(lab_bar{group, system, 100 * fraction, "% of the sum of both alone (plain TCP)", {}});
  report.add(lab_bar{"CPU on shaped links, " + where.name(), system, median(r.cpu), "s/GB", {}});
  report.add(lab_bar{
      "Overhead bytes, " + where.name(), system, 100 * median(r.overhead), "% of payload", {}});
}

void measure_cell(const plan& p, const std::string& gate, line_shape a, line_shape b, double least,
                  lab_report& report) {
  two_links where(a, b);
  std::map<std::string, cell_result> results;
  const std::vector<job> peers{mptcp(p), of_rendr(p, "bond")};
  const std::string tcp = "plain TCP, the better link alone";
  for (std::size_t round = 0; round < p.rounds; ++round) {
    const auto alone = observe(p, where, {plain_tcp(p, 0), plain_tcp(p, 1)});
    const auto sum = alone[0].rate + alone[1].rate;
    const auto& best = alone[0].rate > alone[1].rate ? alone[0] : alone[1];
    const auto add = [&](const std::string& name, const usage& u) {
      auto& r = results[name];
      r.of_sum.push_back(u.rate / sum);
      r.of_best.push_back(u.rate / best.rate);
      r.rate.push_back(u.rate);
      r.cpu.push_back(u.cpu);
      r.overhead.push_back(u.overhead);
      r.back.push_back(u.back);
      r.subflows = u.subflows;
    };
    auto both = best;  // on the wire there were two at once
    both.overhead = (1 + best.overhead) * best.rate / sum - 1;
    both.back = best.back * best.rate / sum;
    add(tcp, both);
    for (const auto& peer : peers) {
      const auto u = observe(p, where, {peer}).front();
      add(peer.name, u);
      results[peer.name].share.push_back(u.least_share);
    }
  }
  const auto mptcp_rate = median(results[peers[0].name].rate);
  report_cell(where, gate, tcp, results[tcp], 0, 0, report);
  report_cell(where, gate, peers[0].name, results[peers[0].name], 0, 0, report);
  report_cell(where, gate, peers[1].name, results[peers[1].name], least, mptcp_rate, report);
  if (const auto drops = where.device_drops(); drops > 0) {
    report.note(where.name() + ": the emulator was too slow for " + std::to_string(drops) +
                " packets");
  }
}

}  // namespace

bool plan::wants(const std::string& piece) const {
  return only.empty() || std::any_of(only.begin(), only.end(), [&piece](const std::string& one) {
           return piece == one || piece.starts_with(one + "-");
         });
}

two_links::two_links(line_shape a, line_shape b)
    : net_(2, 1), name_(text_of(a) + " + " + text_of(b)) {
  net_.set(0, way::both, settings_of(a));
  net_.set(1, way::both, settings_of(b));
  for (const auto* end : {&net_.client(), &net_.server()}) {
    run_in(*end, {"ip", "mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2"});
  }
  run_in(net_.client(), {"ip", "mptcp", "endpoint", "add", text(emulator::client_address(1)), "dev",
                         "link1", "subflow"});
}

std::uint64_t two_links::entered_bytes(way which) const {
  return net_.counters(0, which).entered_bytes + net_.counters(1, which).entered_bytes;
}

void two_links::settle() {
  const auto limit = monotonic_now() + 3s;
  auto before = entered_bytes(way::both);
  auto since = monotonic_now();
  while (monotonic_now() < limit && monotonic_now() - since < 200ms) {
    ::poll(nullptr, 0, 10);
    const auto now = entered_bytes(way::both);
    if (now != before) since = monotonic_now();
    before = now;
  }
}

job plain_tcp(const plan& p, std::size_t link) {
  job j;
  j.name = "plain TCP";
  j.congestion = p.congestion;
  j.first = link;
  return j;
}

job mptcp(const plan& p) {
  job j;
  j.name = "MPTCP";
  j.by = carrier::mptcp;
  j.congestion = p.congestion;
  j.links = 2;
  return j;
}

job of_rendr(const plan& p, const std::string& kind) {
  job j;
  j.name = "rendr " + kind;
  j.by = carrier::rendr;
  j.root = kind + "(a, b)";
  j.congestion = p.congestion;
  j.links = 2;
  return j;
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void measure_throughput(const plan& p, lab_report& report) {
  const line_shape quick{50, 20};
  const auto cell = [&](const std::string& name, line_shape other, double least) {
    if (p.wants("throughput-" + name))
      measure_cell(p, least > 0.97 ? "G7" : "G8", quick, other, least, report);
  };
  cell("equal", quick, 0.98);
  cell("slow", {10, 100}, 0.96);
  if (p.brief) return;
  cell("far", {50, 80}, 0.96);
  cell("slow-loss", {10, 100, 10'000}, 0.96);
  cell("far-loss", {50, 80, 10'000}, 0.96);
}

void measure_cpu(const plan& p, lab_report& report) {
  if (!p.wants("cpu")) return;
  two_links where({50, 20}, {50, 20});
  std::map<std::string, std::vector<double>> rate, cpu;
  std::vector<job> jobs{plain_tcp(p, 0), mptcp(p), of_rendr(p, "path")};
  jobs.back().name = "rendr, one path";
  jobs.back().root = "a";
  for (auto& one : jobs) {
    one.loopback = true;
    one.links = 1;
  }
  const std::size_t rounds = p.brief ? 2 : 9;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const auto& one : jobs) {
      const transfer t(where.net(), one, true);
      t.run_until(monotonic_now() + 200ms);
      const auto from = monotonic_now();
      const auto cpu_before = t.cpu_seconds();
      const auto before = t.received().total();
      t.run_until(from + 600ms);
      const auto took = seconds(monotonic_now() - from);
      const auto bytes = static_cast<double>(t.received().total() - before);
      cpu[one.name].push_back((t.cpu_seconds() - cpu_before) / bytes * 1e9);
      rate[one.name].push_back(bytes / took);
    }
  }
  for (const auto& one : jobs) {
    const auto& name = one.name;
    std::vector<double> rates;
    std::vector<double> costs;
    for (std::size_t i = 0; i < rounds; ++i) {
      rates.push_back(rate[name][i] / rate[jobs[0].name][i]);
      costs.push_back(cpu[name][i] / cpu[jobs[0].name][i]);
    }
    lab_row row;
    row.gate = "C1";
    row.what = "loopback, one path, contents compared: " + name;
    row.figures = {{"rate", median(rate[name]) / 1e6, "MB/s"},
                   {"of plain TCP", 100 * median(rates), "%"},
                   {"CPU", median(cpu[name]), "s/GB"},
                   {"CPU against plain TCP", median(costs), "x"}};
    lab_report::print(row);
    report.add(row);
    report.add(lab_bar{"CPU for each GB on loopback, one path, sender and receiver",
                       name,
                       median(cpu[name]),
                       "s/GB",
                       {}});
  }
}

}  // namespace rendr::test
