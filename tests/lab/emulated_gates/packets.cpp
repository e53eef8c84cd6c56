// SPDX-License-Identifier: Apache-2.0
// Gate G3: numbered packets at a steady pace through planned migrations.
#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <cstring>
#include <future>
#include <optional>
#include <stdexcept>
#include <utility>

#include "lab/emulated_gates/plan.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t packet_size = 1000;
constexpr auto tick = 1ms;  // the packets of one tick are due together
constexpr std::size_t migrations = 10;
constexpr std::uint32_t large_mtu = 9000;  // fewer packets: the emulator is not what is measured
constexpr auto gap_bound = 50ms + 100ms;

/// How many packets are sent when.
struct pace {
  std::uint64_t per_tick;
  std::uint64_t total;
  lab_clock::time_point start;
  lab_clock::time_point due(std::uint64_t number) const {
    return start + tick * static_cast<std::int64_t>(number / per_tick);
  }
};

/// A packet: its number, then bytes that belong to this number.
class numbered {
 public:
  using bytes = std::array<std::byte, packet_size>;

  static void fill(bytes& out, std::uint64_t number) {
    std::memcpy(out.data(), &number, sizeof number);
    std::memcpy(out.data() + sizeof number, tail_of(number), tail);
  }
  /// Nothing: these are not the bytes of any packet.
  static std::optional<std::uint64_t> read(const bytes& in) {
    std::uint64_t number = 0;
    std::memcpy(&number, in.data(), sizeof number);
    if (std::memcmp(in.data() + sizeof number, tail_of(number), tail) != 0) return std::nullopt;
    return number;
  }

 private:
  static constexpr std::size_t tail = packet_size - sizeof(std::uint64_t);
  static constexpr std::size_t tails = 4093;

  static const std::byte* tail_of(std::uint64_t number) {
    static const auto all = [] {
      std::vector<std::byte> content(tails + tail);
      for (std::size_t i = 0; i < content.size(); ++i) {
        content[i] = static_cast<std::byte>(i * 0x9e3779b97f4a7c15u >> 56);
      }
      return content;
    }();
    return all.data() + number % tails;
  }
};

/// Waits until the loop of the flow has run it; not on that loop.
template <class Work>
void run_on_loop_of(packet_flow& flow, Work work) {
  std::promise<void> done;
  asio::post(flow.get_executor(), [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

/// The sending end, on its flow's loop.
class packet_source : public std::enable_shared_from_this<packet_source> {
 public:
  packet_source(packet_flow flow, const pace& how)
      : flow_(std::move(flow)), pace_(how), timer_(flow_.get_executor()) {}

  void start() {
    asio::post(flow_.get_executor(), [self = shared_from_this()] { self->turn(); });
  }
  /// Lets go of the flow and waits until the loop has done so; not on the loop.
  void stop() {
    run_on_loop_of(flow_, [this] {
      timer_.cancel();
      flow_.abort();
    });
  }

 private:
  void turn() {
    const auto now = lab_clock::now();
    while (allowed_ < pace_.total && pace_.due(allowed_) <= now) {
      allowed_ = std::min(allowed_ + pace_.per_tick, pace_.total);
    }
    pump();
    if (allowed_ == pace_.total) return;
    timer_.expires_at(pace_.due(allowed_));
    timer_.async_wait([self = shared_from_this()](std::error_code code) {
      if (!code) self->turn();
    });
  }
  void pump() {
    if (sending_ || sent_ == allowed_) return;
    numbered::fill(packet_, sent_);
    sending_ = true;
    flow_.async_send(asio::buffer(packet_),
                     [self = shared_from_this()](std::error_code code, std::size_t) {
                       self->sending_ = false;
                       if (code) return;  // the other end misses them
                       if (++self->sent_ == self->pace_.total) self->flow_.shutdown_send();
                       self->pump();
                     });
  }

  packet_flow flow_;
  pace pace_;
  asio::steady_timer timer_;
  numbered::bytes packet_{};
  std::uint64_t allowed_ = 0;
  std::uint64_t sent_ = 0;
  bool sending_ = false;
};

/// The receiving end, on its flow's loop: checks every packet.
class packet_sink : public std::enable_shared_from_this<packet_sink> {
 public:
  packet_sink(packet_flow flow, const pace& how)
      : flow_(std::move(flow)), pace_(how), delays_(how.total, never_came) {}

  void start() {
    asio::post(flow_.get_executor(), [self = shared_from_this()] { self->receive(); });
  }
  void stop() {
    run_on_loop_of(flow_, [this] { flow_.abort(); });
  }
  bool over() const { return over_; }

  // The rest is for after stop().
  static constexpr double never_came = 1e9;
  /// From when each packet was due until it was received, ms, by number.
  const std::vector<double>& delays() const { return delays_; }
  std::uint64_t lost() const {
    return static_cast<std::uint64_t>(std::count(delays_.begin(), delays_.end(), never_came));
  }
  std::uint64_t doubled() const { return doubled_; }
  lab_clock::duration longest_gap() const { return longest_gap_; }
  lab_clock::time_point last() const { return last_; }
  /// What should not have happened; empty: nothing.
  const std::string& problem() const { return problem_; }

 private:
  void receive() {
    flow_.async_receive(asio::buffer(packet_),
                        [self = shared_from_this()](std::error_code code, std::size_t n) {
                          if (!code && self->took(n)) return self->receive();
                          if (code && code != asio::error::eof && !self->over_) {
                            self->problem_ = "a receive failed: " + code.message();
                          }
                          self->over_ = true;
                        });
  }
  bool took(std::size_t n) {
    const auto number = n == packet_size ? numbered::read(packet_) : std::nullopt;
    if (!number || *number >= pace_.total) {
      problem_ = "a packet arrived that nobody sent";
      return false;
    }
    const auto now = lab_clock::now();
    auto& delay = delays_[*number];
    if (delay != never_came) {
      ++doubled_;
    } else {
      delay = ms(now - pace_.due(*number));
    }
    if (last_ != lab_clock::time_point()) longest_gap_ = std::max(longest_gap_, now - last_);
    last_ = now;
    return true;
  }

  packet_flow flow_;
  pace pace_;
  numbered::bytes packet_{};
  std::vector<double> delays_;
  std::uint64_t doubled_ = 0;
  lab_clock::time_point last_{};
  lab_clock::duration longest_gap_{0};
  std::string problem_;
  std::atomic<bool> over_ = false;
};

/// Migrations that were seen: by rendr, and on the links.
struct seen_moves {
  std::size_t told = 0;
  std::size_t carried = 0;
};

/// One migration each `every`. On the links it is seen when, from some time after it until the
/// next, most bytes go over the new path.
seen_moves migrate_all(const emulator& net, session& s, lab_clock::duration every) {
  const std::array names{"a", "b"};
  const auto went = [&](std::size_t i) {
    return net.counters(s.link_of(i), way::to_server).entered_bytes;
  };
  seen_moves seen;
  auto next = lab_clock::now();
  for (std::size_t i = 0; i < migrations; ++i) {
    const auto target = 1 - s.in_use();
    const auto before = s.moves(cause::explicit_command);
    if (const auto f = s.link().migrate(names.at(target)); f.code) {
      throw std::runtime_error(f.detail);
    }
    if (wait_until([&] { return s.moves(cause::explicit_command) > before; }, every / 2)) {
      ++seen.told;
    }
    next += every;
    pass(next - every / 2 - lab_clock::now());
    const std::array from{went(0), went(1)};
    pass(next - lab_clock::now());
    const auto here = went(target) - from.at(target);
    const auto there = went(1 - target) - from.at(1 - target);
    if (here > there) ++seen.carried;
  }
  return seen;
}

void packet_row(plan& p, std::uint64_t rate) {
  const auto quiet = p.either<std::chrono::milliseconds>(2s, 500ms);
  const auto every = p.either<std::chrono::milliseconds>(1s, 300ms);
  const auto span = 2 * quiet + every * migrations;
  emulator net(2, 3, large_mtu);
  session s(net, 0, {{"a", 10ms, 1000 * mbit}, {"b", 10ms, 1000 * mbit}},
            {"selector(a, b)", p.congestion()});
  auto [near, far] = s.open_packets();
  const pace how{rate / 1000, rate / 1000 * static_cast<std::uint64_t>(span / tick),
                 lab_clock::now() + 10ms};
  const auto sink = std::make_shared<packet_sink>(std::move(far), how);
  const auto source = std::make_shared<packet_source>(std::move(near), how);
  sink->start();
  source->start();
  pass(how.start + quiet - lab_clock::now());
  const auto first_moved = how.per_tick * static_cast<std::uint64_t>(quiet / tick);
  const auto seen = migrate_all(net, s, every);
  const bool ended = wait_until([&] { return sink->over(); }, 30s);
  source->stop();
  sink->stop();
  const auto& all = sink->delays();
  // The second half of the quiet time: the first has the start of the connection in it.
  const auto at = [&](std::uint64_t number) { return all.begin() + static_cast<long>(number); };
  const auto base = quantile({at(first_moved / 2), at(first_moved)}, 500);
  const std::vector<double> moved(at(first_moved), all.end());
  const auto took = std::chrono::duration<double>(sink->last() - how.start).count();
  const auto p95 = quantile(moved, 950);
  const auto lost = sink->lost();
  lab_row row;
  row.gate = "G3";
  row.what = std::to_string(rate) + " packets/s of 1,000 bytes, 10 migrations, one each " +
             std::to_string(every / 1ms) + " ms";
  row.figures = {
      {"lost", static_cast<double>(lost), ""},
      {"doubled", static_cast<double>(sink->doubled()), ""},
      {"one way, P95", p95, "ms"},
      {"P99", quantile(moved, 990), "ms"},
      {"maximum", *std::max_element(moved.begin(), moved.end()), "ms"},
      {"median without migrations", base, "ms"},
      {"longest gap", ms(sink->longest_gap()), "ms"},
      {"delivered", static_cast<double>(all.size() - lost) / took, "packets/s"},
      {"packets", static_cast<double>(all.size()), ""},
  };
  row.bound = "0 lost, 0 doubled, P95 <= " + rounded(2 * base) + " ms, gap <= 50 + 100 ms";
  row.fault = std::to_string(seen.told) + " of 10 moves told by rendr, " +
              std::to_string(seen.carried) + " of 10 seen on the links";
  p.add(std::move(row),
        ended && lost == 0 && sink->doubled() == 0 && seen.told == migrations &&
            seen.carried == migrations,
        p95 <= 2 * base && sink->longest_gap() <= gap_bound, s.device_drops(), sink->problem(),
        s.story());
}

}  // namespace

void gate_packets(plan& p) {
  for (const std::uint64_t rate : {20'000u, 50'000u, 100'000u}) {
    const auto name = std::to_string(rate / 1000) + "k";
    if (!p.wants("G3." + name)) continue;
    // What two cores hardly carry is run by name alone.
    if ((rate > 50'000 || (p.brief() && rate > 20'000)) && !p.named(name)) continue;
    packet_row(p, rate);
  }
}

}  // namespace rendr::test
