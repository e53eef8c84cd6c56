// SPDX-License-Identifier: Apache-2.0
// The simulated TCP beside the kernel's: the same bulk transfers over the same lines, once on real
// sockets over emulated links and once in virtual time, sampled and judged in the same way. A run
// has its packets' fates in common: the n-th of a direction is lost on both sides or on neither.
// What is left to luck is when a packet arrives to within some 100 us. The model draws that several
// times; a figure of the kernel's deviates when it is far from all that the model made of it.
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sim/tcp_model.hpp"
#include "support/emulator.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mbit = 1'000'000 / 8;
constexpr duration tick = 500us;        // how often both sides are sampled
constexpr duration kernel_jiffy = 4ms;  // what last_ack_recv is counted in (HZ=250)
constexpr duration warm_up = 3s;        // slow start is not in the figures
constexpr std::uint64_t least_queue = 64 * 1024;
constexpr double tolerance = 0.2;
constexpr std::uint64_t draws = 16;  // of the model
constexpr double most_late = 0.01;   // of a batch's samples; beyond that the machine was measured
constexpr int most_tries = 2;        // of a batch

struct cell {
  sim::congestion control;
  int rtt_ms;
  std::uint32_t loss_ppm;
};

std::string name_of(const cell& c) {
  char text[64];
  std::snprintf(text, sizeof text, "%s/%dms/%.1f%%",
                c.control == sim::congestion::bbr ? "bbr" : "cubic", c.rtt_ms, c.loss_ppm / 1e4);
  return text;
}

struct plan {
  std::vector<cell> cells;
  std::uint64_t rate = 20 * mbit;
  duration span = 60s;
  std::size_t first_run = 1;
  std::size_t runs = 3;      ///< of each cell
  std::size_t parallel = 6;  ///< of those at a time
  bool kernel = true;
  std::string json;
};

std::uint64_t queue_of(const plan& p, const cell& c) {
  const auto product = p.rate * static_cast<std::uint64_t>(c.rtt_ms) / 1000;
  return std::max(product, least_queue);
}

/// What the lanes of a run draw their losses from.
struct fates {
  fates(const cell& c, std::size_t run)
      : fates(sim::random(run * 7919 + c.loss_ppm + static_cast<std::uint64_t>(c.rtt_ms))) {}
  explicit fates(sim::random seeds) : to_server(seeds.next()), to_client(seeds.next()) {}
  std::uint64_t to_server;
  std::uint64_t to_client;
};

/// What is compared, in the order of the table.
struct figure_kind {
  const char* name;
  double resolution;  ///< below this two figures are the same: what the sampling resolves
  enum class use { judged, explains, of_probes } use = use::judged;
};
using use = enum figure_kind::use;
constexpr std::array<figure_kind, 13> kinds{{{"goodput Mbit/s", 0.05},
                                             {"stall P50 ms", 0.6},
                                             {"stall P95 ms", 0.6},
                                             {"stall P99 ms", 1},
                                             {"ack age P50 ms", 4.1},
                                             {"ack age P95 ms", 4.1},
                                             {"ack age P99 ms", 4.1},
                                             {"sent again %", 0.1, use::explains},
                                             {"srtt ms", 1, use::explains},
                                             {"probe P50 ms", 4.1, use::of_probes},
                                             {"its age P50 ms", 4.1, use::of_probes},
                                             {"its age P95 ms", 4.1, use::of_probes},
                                             {"probes", 1, use::explains}}};
// From here on they are of bbr's probes, which cubic lacks.
constexpr auto first_of_probes = static_cast<std::size_t>(
    std::ranges::find(kinds, use::of_probes, &figure_kind::use) - kinds.begin());
constexpr std::size_t probes = kinds.size() - 1;
constexpr double least_probes = 3;  // of fewer nothing is judged
using figures = std::array<double, kinds.size()>;

double ms(duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

template <typename T>
T quantile(std::vector<T>& sorted, std::size_t per_mille) {
  if (sorted.empty()) return T{};
  return sorted[std::min(sorted.size() - 1, sorted.size() * per_mille / 1000)];
}

/// One look at a sender.
struct sample {
  instant now;
  std::uint64_t acked;  ///< bytes, in total
  bool outstanding;
  duration ack_age;
  std::uint64_t sent_again;  ///< segments, in total
  duration rtt;
  bool probing;  ///< bbr empties the line to measure its delay
};

class statistics {
 public:
  void take(const sample& s) {
    if (begun_ == never) {
      begun_ = advanced_ = s.now;
      first_ = last_ = s;
      return;
    }
    if (s.acked > last_.acked) {
      stalls_.push_back(s.now - advanced_);
      advanced_ = s.now;
    } else if (!s.outstanding) {
      advanced_ = s.now;
    }
    watch_probe(s);
    if (s.outstanding) (s.now < probe_felt_until_ ? probe_ages_ : ages_).push_back(s.ack_age);
    rtts_ += s.rtt;
    ++samples_;
    last_ = s;
  }
  void join(const statistics& other) {
    stalls_.insert(stalls_.end(), other.stalls_.begin(), other.stalls_.end());
    ages_.insert(ages_.end(), other.ages_.begin(), other.ages_.end());
    probe_ages_.insert(probe_ages_.end(), other.probe_ages_.begin(), other.probe_ages_.end());
    probe_times_.insert(probe_times_.end(), other.probe_times_.begin(), other.probe_times_.end());
    bytes_ += other.last_.acked - other.first_.acked;
    again_ += other.last_.sent_again - other.first_.sent_again;
    span_ += other.last_.now - other.first_.now;
    rtts_ += other.rtts_;
    samples_ += other.samples_;
  }
  /// Of everything that was joined.
  figures result() {
    std::sort(stalls_.begin(), stalls_.end());
    for (auto* each : {&ages_, &probe_ages_, &probe_times_}) std::sort(each->begin(), each->end());
    const auto seconds = std::chrono::duration<double>(span_).count();
    const auto bytes = static_cast<double>(bytes_);
    return {bytes / seconds / mbit,
            ms(quantile(stalls_, 500)),
            ms(quantile(stalls_, 950)),
            ms(quantile(stalls_, 990)),
            ms(quantile(ages_, 500)),
            ms(quantile(ages_, 950)),
            ms(quantile(ages_, 990)),
            100 * static_cast<double>(again_) / std::max(1.0, bytes / 1448),
            ms(rtts_) / static_cast<double>(std::max<std::size_t>(samples_, 1)),
            ms(quantile(probe_times_, 500)),
            ms(quantile(probe_ages_, 500)),
            ms(quantile(probe_ages_, 950)),
            static_cast<double>(probe_times_.size())};
  }

 private:
  /// A probe is felt until what is sent after it is acknowledged, about a round trip. How many
  /// there are is luck (whether a delay is the least of ten seconds), and of the ages 1 to 3 in 100
  /// are theirs: in one pot with the others they alone would make the P99.
  void watch_probe(const sample& s) {
    if (s.probing) {
      if (!last_.probing) probe_began_ = s.now;
      probe_felt_until_ = s.now + s.rtt * 9 / 8;
    } else if (last_.probing && probe_began_ != never) {
      probe_times_.push_back(s.now - probe_began_);
    }
  }

  instant begun_ = never;
  instant advanced_{};
  sample first_{};
  sample last_{};
  std::vector<duration> stalls_;
  std::vector<duration> ages_;
  std::vector<duration> probe_ages_;
  std::vector<duration> probe_times_;
  instant probe_began_ = never;
  instant probe_felt_until_{};
  std::uint64_t bytes_ = 0;
  std::uint64_t again_ = 0;
  duration span_{0};
  duration rtts_{0};
  std::size_t samples_ = 0;
};

// --- the model

/// A bulk transfer between modelled sockets.
class model_transfer {
 public:
  model_transfer(const plan& p, const cell& c, const fates& f, std::uint64_t draw)
      : forward_(queue_, sim::random(f.to_server), line_of(p, c)),
        backward_(queue_, sim::random(f.to_client), line_of(p, c)),
        delay_(line_of(p, c).delay),
        lateness_(f.to_server + draw),
        tcp_(queue_, forward_, backward_, {.control = c.control}) {
    tcp_.acceptor.on_ready = [this](sim::tcp_socket& s) {
      while (s.read(sink_) != 0) {
      }
    };
    tcp_.dialer.connect();
    queue_.run_until(queue_.now() + 2 * std::chrono::milliseconds(c.rtt_ms));
    forward_.set_loss(c.loss_ppm);
    backward_.set_loss(c.loss_ppm);
    tcp_.dialer.on_ready = [this](sim::tcp_socket&) { fill(); };
    fill();
  }

  statistics run(duration span) {
    statistics seen;
    const auto from = queue_.now() + warm_up;
    for (auto now = queue_.now(); now < from + span; now += tick) {
      queue_.run_until(now);
      for (auto* each : {&forward_, &backward_}) each->set_delay(delay_ + lateness());
      if (now < from) continue;
      const auto e = tcp_.dialer.evidence();
      const auto counted = [](instant t) { return t.time_since_epoch() / kernel_jiffy; };
      seen.take({now, e.delivered, e.unacked != 0,
                 (counted(now) - counted(now - e.last_ack_age)) * kernel_jiffy,
                 tcp_.dialer.retransmissions(), e.rtt, tcp_.dialer.probing_delay()});
    }
    return seen;
  }

 private:
  static sim::lane_options line_of(const plan& p, const cell& c) {
    sim::lane_options line;
    line.delay = std::chrono::microseconds(c.rtt_ms * 500);
    line.rate = p.rate;
    line.queue = queue_of(p, c);
    return line;
  }
  /// How late the emulator delivers: 25 us at least, 60 as a rule, 175 in one of a hundred.
  duration lateness() {
    constexpr std::uint64_t grains = 1u << 20;
    const auto u = static_cast<double>(lateness_.below(grains) + 1) / grains;
    return 25us + std::chrono::duration_cast<duration>(-std::log(u) * 35us);
  }
  void fill() {
    while (tcp_.dialer.writable()) {
      const bytes_view piece(chunk_);
      if (tcp_.dialer.write({&piece, 1}) == 0) return;
    }
  }

  const std::vector<std::byte> chunk_ = std::vector<std::byte>(65536);
  std::vector<std::byte> sink_ = std::vector<std::byte>(65536);
  sim::event_queue queue_;
  sim::lane forward_;
  sim::lane backward_;
  duration delay_;
  sim::random lateness_;
  sim::tcp_connection tcp_;
};

figures run_model(const plan& p, const cell& c, std::uint64_t draw) {
  statistics all;
  for (auto run = p.first_run; run < p.first_run + p.runs; ++run) {
    all.join(model_transfer(p, c, fates(c, run), draw).run(p.span));
  }
  return all.result();
}

/// Each figure by itself.
struct model_figures {
  figures least{};
  figures median{};
  figures most{};
};

model_figures run_model(const plan& p, const cell& c) {
  std::vector<figures> all;
  for (std::uint64_t draw = 0; draw < draws; ++draw) all.push_back(run_model(p, c, draw));
  model_figures result;
  for (std::size_t f = 0; f < kinds.size(); ++f) {
    std::sort(all.begin(), all.end(),
              [f](const figures& a, const figures& b) { return a.at(f) < b.at(f); });
    result.least.at(f) = all.front().at(f);
    result.median.at(f) = all.at(all.size() / 2).at(f);
    result.most.at(f) = all.back().at(f);
  }
  return result;
}

// --- the kernel

instant monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return instant(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

sockaddr_in address(ipv4 host, std::size_t link) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(7000 + link));
  std::memcpy(&a.sin_addr, host.data(), host.size());
  return a;
}

/// A bulk transfer on one link.
class kernel_transfer {
 public:
  kernel_transfer(const emulator& net, std::size_t link, sim::congestion control) {
    const auto to = address(emulator::server_address(link), link);
    const auto* where = reinterpret_cast<const sockaddr*>(&to);
    owned_fd door;
    {
      const netns::scope here(net.server());
      door = owned_fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    }
    checked(::bind(door.get(), where, sizeof to), "bind");
    checked(::listen(door.get(), 1), "listen");
    {
      const netns::scope here(net.client());
      sender_ = owned_fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    }
    const std::string_view name = control == sim::congestion::bbr ? "bbr" : "cubic";
    checked(::setsockopt(sender_.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                         static_cast<socklen_t>(name.size())),
            "TCP_CONGESTION");
    const int on = 1;
    checked(::setsockopt(sender_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    checked(::connect(sender_.get(), where, sizeof to), "connect");
    receiver_ = owned_fd(checked(::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  }

  int receiver() const noexcept { return receiver_.get(); }
  void fill(const std::vector<std::byte>& chunk) const {
    while (::send(sender_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  void drain(std::vector<std::byte>& sink) const {
    while (::recv(receiver_.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
  }
  void look() {
    tcp_info info{};
    socklen_t length = sizeof info;
    checked(::getsockopt(sender_.get(), IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
    tcp_cc_info inside{};
    length = sizeof inside;
    checked(::getsockopt(sender_.get(), IPPROTO_TCP, TCP_CC_INFO, &inside, &length), "TCP_CC_INFO");
    constexpr std::uint32_t unity = 256;  // only PROBE_RTT has that gain
    const bool probing = length == sizeof inside.bbr && inside.bbr.bbr_cwnd_gain == unity;
    seen.take({monotonic_now(), info.tcpi_bytes_acked, info.tcpi_unacked != 0,
               std::chrono::milliseconds(info.tcpi_last_ack_recv), info.tcpi_total_retrans,
               std::chrono::microseconds(info.tcpi_rtt), probing});
  }

  statistics seen;

 private:
  owned_fd sender_;
  owned_fd receiver_;
};

/// How late the samples were taken: what the machine kept from this thread it kept from the
/// emulator as well.
struct lateness {
  void take(duration d) {
    latest = std::max(latest, d);
    ++samples;
    if (d > 2 * tick) ++late;
  }
  double share() const { return static_cast<double>(late) / std::max<double>(samples, 1); }
  duration latest{0};
  double samples = 0;
  std::size_t late = 0;
};

/// Moves data and, from `from` on, samples at every tick.
lateness drive(std::vector<kernel_transfer>& transfers, instant from, instant end) {
  lateness seen;
  const std::vector<std::byte> chunk(65536);
  std::vector<std::byte> sink(262'144);
  std::vector<pollfd> waits;
  waits.reserve(transfers.size());
  for (const auto& t : transfers) waits.push_back({t.receiver(), POLLIN, 0});
  auto due = monotonic_now();
  while (due < end) {
    const auto left = std::max<duration>(due - monotonic_now(), duration(0));
    const timespec wait{0, static_cast<long>(left.count())};
    ::ppoll(waits.data(), waits.size(), &wait, nullptr);
    for (std::size_t i = 0; i < transfers.size(); ++i) {
      if (waits[i].revents != 0) transfers[i].drain(sink);
    }
    const auto now = monotonic_now();
    if (now < due) continue;
    if (due >= from) seen.take(now - due);
    for (auto& t : transfers) {
      t.fill(chunk);
      if (due >= from) t.look();
    }
    due = std::max(due + tick, now);
  }
  return seen;
}

struct numbered_run {
  cell where;
  std::size_t run;
};

struct batch_result {
  std::vector<statistics> seen;
  bool undisturbed;
};

/// All of `batch` at the same time.
batch_result run_kernel(const plan& p, const std::vector<numbered_run>& batch) {
  emulator net(batch.size());
  std::vector<kernel_transfer> transfers;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto& c = batch[i].where;
    const fates drawn(c, batch[i].run);
    lane_settings line;
    line.delay = std::chrono::microseconds(c.rtt_ms * 500);
    line.rate = p.rate;
    line.queue = queue_of(p, c);
    net.set(i, way::both, line);
    transfers.emplace_back(net, i, c.control);
    net.reseed(i, way::to_server, drawn.to_server);
    net.reseed(i, way::to_client, drawn.to_client);
    net.change(i, way::both, [&c](lane_settings& s) { s.loss_ppm = c.loss_ppm; });
  }
  const auto from = monotonic_now() + warm_up;
  const auto late = drive(transfers, from, from + p.span);
  batch_result result{{}, late.share() <= most_late};
  for (std::size_t i = 0; i < batch.size(); ++i) {
    result.seen.push_back(std::move(transfers[i].seen));
    const auto out = net.counters(i, way::to_server);
    const auto back = net.counters(i, way::to_client);
    std::printf(
        "  %s: %llu packets, %llu lost, %llu overflowed; %.2f acks a packet; latest %.2f ms"
        " (sampling %.2f ms, %.2f %%); %llu device drops\n",
        name_of(batch[i].where).c_str(), static_cast<unsigned long long>(out.entered),
        static_cast<unsigned long long>(out.lost), static_cast<unsigned long long>(out.overflowed),
        static_cast<double>(back.entered) / static_cast<double>(out.entered),
        ms(std::max(out.latest, back.latest)), ms(late.latest), 100 * late.share(),
        static_cast<unsigned long long>(net.device_drops(i)));
  }
  std::fflush(stdout);
  return result;
}

// --- the report

bool judged(const figures& kernel, const model_figures& model, std::size_t figure) {
  const auto kind = kinds.at(figure).use;
  if (kind != use::of_probes) return kind == use::judged;
  return std::min(kernel.at(probes), model.median.at(probes)) >= least_probes;
}

bool deviates(double kernel, const model_figures& model, std::size_t figure) {
  const auto nearest = std::clamp(kernel, model.least.at(figure), model.most.at(figure));
  const auto distance = std::abs(kernel - nearest);
  return distance > kinds.at(figure).resolution && distance > tolerance * kernel;
}

struct outcome {
  cell where;
  figures kernel;
  model_figures model;
  bool undisturbed;
};

struct verdict {
  std::size_t judged = 0;
  std::size_t deviations = 0;
  std::size_t undecided = 0;  ///< deviations of cells that the machine disturbed
};

verdict print(const plan& p, const std::vector<outcome>& outcomes) {
  verdict all;
  std::printf("\n%-18s %-15s %9s %9s %7s   %s\n", "cell", "figure", "kernel", "model", "ratio",
              "all that the model made of it");
  for (const auto& o : outcomes) {
    const auto shown = o.where.control == sim::congestion::bbr ? kinds.size() : first_of_probes;
    for (std::size_t f = 0; f < shown; ++f) {
      const auto k = o.kernel.at(f);
      const auto m = o.model.median.at(f);
      const bool counts = p.kernel && judged(o.kernel, o.model, f);
      const bool off = counts && deviates(k, o.model, f);
      all.judged += counts ? 1 : 0;
      if (off) ++(o.undisturbed ? all.deviations : all.undecided);
      std::printf("%-18s %-15s %9.2f %9.2f %7.2f   %.2f to %.2f%s\n",
                  f == 0 ? name_of(o.where).c_str() : "", kinds.at(f).name, k, m,
                  k > 0 ? m / k : 1.0, o.model.least.at(f), o.model.most.at(f),
                  !off            ? ""
                  : o.undisturbed ? "  deviates"
                                  : "  disturbed");
    }
  }
  return all;
}

void write_json(const plan& p, const std::vector<outcome>& outcomes) {
  std::ofstream out(p.json);
  const auto list = [&out](const figures& values) {
    const char* comma = "[";
    for (const auto v : values) {
      out << comma << v;
      comma = ", ";
    }
    out << "]";
  };
  out << "{\"rate_mbit\": " << p.rate / mbit << ", \"figures\": [";
  for (std::size_t f = 0; f < kinds.size(); ++f) {
    out << (f == 0 ? "\"" : ", \"") << kinds.at(f).name << "\"";
  }
  out << "],\n\"cells\": [";
  const char* comma = "\n";
  for (const auto& o : outcomes) {
    out << comma << "{\"cell\": \"" << name_of(o.where) << "\", \"kernel\": ";
    list(o.kernel);
    out << ", \"model\": ";
    list(o.model.median);
    out << "}";
    comma = ",\n";
  }
  out << "\n]}\n";
  if (!out.flush()) throw std::system_error(errno, std::generic_category(), p.json);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value == 0) throw std::invalid_argument("not a positive number: " + std::string(text));
  return value;
}

plan parse(int argc, char** argv) {
  plan p;
  bool brief = false;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option(argv[i]);
    const auto value = option.substr(std::min(option.find('=') + 1, option.size()));
    if (option == "--short") {
      brief = true;
    } else if (option == "--model-only") {
      p.kernel = false;
    } else if (option.starts_with("--seconds=")) {
      p.span = std::chrono::seconds(number(value));
    } else if (option.starts_with("--first-run=")) {
      p.first_run = number(value);
    } else if (option.starts_with("--runs=")) {
      p.runs = number(value);
    } else if (option.starts_with("--parallel=")) {
      p.parallel = number(value);
    } else if (option.starts_with("--rate=")) {
      p.rate = number(value) * mbit;
    } else if (option.starts_with("--cells=")) {
      only = value;
    } else if (option.starts_with("--json=")) {
      p.json = value;
    } else {
      throw std::invalid_argument("unknown option " + std::string(option));
    }
  }
  for (const auto control : {sim::congestion::cubic, sim::congestion::bbr}) {
    for (const int rtt : {10, 40, 100}) {
      for (const std::uint32_t loss : {0u, 1'000u, 10'000u, 20'000u}) {
        const cell c{control, rtt, loss};
        const bool is_cubic = control == sim::congestion::cubic;
        const bool chosen = rtt == 40 && (loss == 10'000 || (loss == 0 && is_cubic));
        if (brief && !chosen) continue;
        if (name_of(c).find(only) != std::string::npos) p.cells.push_back(c);
      }
    }
  }
  return p;
}

/// A batch during which the machine stood still too often is taken again.
batch_result run_undisturbed(const plan& p, const std::vector<numbered_run>& batch) {
  auto result = run_kernel(p, batch);
  for (int tries = 1; tries < most_tries && !result.undisturbed; ++tries) {
    std::printf("  the samples were late; once more\n");
    result = run_kernel(p, batch);
  }
  return result;
}

void measure_kernel(const plan& p, std::vector<outcome>& outcomes) {
  std::vector<statistics> sums(p.cells.size());
  const auto transfers = p.cells.size() * p.runs;
  for (std::size_t at = 0; at < transfers; at += p.parallel) {
    std::vector<numbered_run> batch;
    for (auto i = at; i < std::min(at + p.parallel, transfers); ++i) {
      batch.push_back({p.cells[i / p.runs], p.first_run + i % p.runs});
    }
    const auto [seen, undisturbed] = run_undisturbed(p, batch);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const auto cell = (at + i) / p.runs;
      sums[cell].join(seen[i]);
      outcomes[cell].undisturbed = outcomes[cell].undisturbed && undisturbed;
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) outcomes[i].kernel = sums[i].result();
}

int run(const plan& p) {
  std::vector<outcome> outcomes;
  outcomes.reserve(p.cells.size());
  for (const auto& c : p.cells) outcomes.push_back({c, {}, {}, true});
  if (p.kernel) measure_kernel(p, outcomes);
  for (auto& o : outcomes) o.model = run_model(p, o.where);
  const auto all = print(p, outcomes);
  if (!p.json.empty()) write_json(p, outcomes);
  std::printf("%zu cells, %zu of %zu figures deviate by more than %.0f %%\n", outcomes.size(),
              all.deviations, all.judged, tolerance * 100);
  if (all.deviations != 0) return 1;
  if (all.undecided == 0) return 0;
  std::printf("%zu more cannot be judged: the machine is too busy\n", all.undecided);
  return 77;
}

}  // namespace
}  // namespace rendr::test

int main(int argc, char** argv) {
  try {
    const auto p = rendr::test::parse(argc, argv);
    if (p.kernel) {
      if (const auto why = rendr::test::netns::unavailable(); !why.empty()) {
        std::printf("%s\n", why.c_str());
        return 77;
      }
      const sched_param urgent{1};
      static_cast<void>(::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &urgent));
    }
    return rendr::test::run(p);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tcp_model_check: %s\n", e.what());
    return 2;
  }
}
