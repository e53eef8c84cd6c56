// SPDX-License-Identifier: Apache-2.0
// What single steps of the engine cost: frames, records, decisions, buffers, timers. One core, in
// processor time; each figure is the best of seven repetitions.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/aead.hpp"
#include "base/slab.hpp"
#include "engine/flow/placement.hpp"
#include "engine/flow/recv_stream.hpp"
#include "engine/flow/send_stream.hpp"
#include "policy/graph_text.hpp"
#include "report.hpp"
#include "runtime/cpu.hpp"
#include "support/direct_pair.hpp"
#include "wire/frames.hpp"
#include "wire/record.hpp"

namespace {

using namespace rendr;
using namespace std::chrono_literals;

constexpr std::size_t piece = 16 * 1024;

/// Who counts instructions says how often each runs: then one repetition of so many iterations.
const char* iterations_wanted() { return std::getenv("RENDR_ITERATIONS"); }
void as_often_as_wanted(benchmark::internal::Benchmark* one) {
  if (const char* n = iterations_wanted()) one->Iterations(std::atol(n))->Repetitions(1);
}
#define STEP(function) BENCHMARK(function)->Apply(as_often_as_wanted)

bytes filled(std::size_t size) { return bytes(size, std::byte{0x5a}); }

// --- frames

/// The payload of a record as bulk has it: an acknowledgement, credit, and a DATA frame.
std::array<wire::frame, 3> usual_frames(bytes_view payload) {
  wire::path_ack ack;
  ack.path = 1;
  ack.delay = 250us;
  ack.count = 2;
  ack.ranges[0] = {90'000, 90'020};
  ack.ranges[1] = {89'000, 89'990};
  return {ack, wire::max_data{.flow = 7, .limit = 1 << 24},
          wire::data{.flow = 7, .offset = 1 << 22, .payload = payload}};
}

void frames_encode(benchmark::State& state) {
  const auto payload = filled(64);
  const auto frames = usual_frames(payload);
  bytes out(4096);
  for (auto _ : state) {
    std::size_t used = 0;
    for (const auto& one : frames) benchmark::DoNotOptimize(wire::append(one, out, used));
    benchmark::ClobberMemory();
  }
}
STEP(frames_encode)->Name("encode ack + credit + data of 64 B");

void frames_decode(benchmark::State& state) {
  const auto payload = filled(64);
  bytes out(4096);
  std::size_t used = 0;
  for (const auto& one : usual_frames(payload)) wire::append(one, out, used);
  for (auto _ : state) {
    wire::frame_reader reader(bytes_view(out).first(used));
    while (auto next = reader.next()) {
      if (!*next) break;
      benchmark::DoNotOptimize(**next);
    }
  }
}
STEP(frames_decode)->Name("decode ack + credit + data of 64 B");

// --- records

void record_seal(benchmark::State& state) {
  const auto payload = filled(static_cast<std::size_t>(state.range(0)));
  std::array<std::byte, wire::max_record_head> head{};
  std::uint64_t number = 1 << 20;
  for (auto _ : state) {
    const auto n =
        wire::write_record_head(wire::record_kind::frames, false, ++number, payload.size(), head);
    const std::array<bytes_view, 2> pieces{bytes_view(head).first(n), payload};
    benchmark::DoNotOptimize(wire::record_crc(pieces));
  }
}
STEP(record_seal)->Name("head and CRC of a record, B")->Arg(1200)->Arg(60 * 1024);

void record_read(benchmark::State& state) {
  const auto payload = filled(static_cast<std::size_t>(state.range(0)));
  std::array<std::byte, wire::max_record_head> head{};
  const auto n =
      wire::write_record_head(wire::record_kind::frames, false, 1 << 20, payload.size(), head);
  const std::array<bytes_view, 2> pieces{bytes_view(head).first(n), payload};
  const auto crc = wire::record_crc(pieces);
  bytes all(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
  all.insert(all.end(), payload.begin(), payload.end());
  all.insert(all.end(), crc.begin(), crc.end());
  for (auto _ : state) {
    const auto record = wire::read_record(all);
    if (!record || !*record) return state.SkipWithError("the record is not read back");
    benchmark::DoNotOptimize((*record)->number);
  }
}
STEP(record_read)->Name("read and check a record, B")->Arg(1200)->Arg(60 * 1024);

void seal(benchmark::State& state, crypto::aead kind) {
  const crypto::aead_key key(kind, secret<32>(byte_array<32>{}));
  auto data = filled(static_cast<std::size_t>(state.range(0)) + crypto::tag_size);
  byte_array<crypto::nonce_size> nonce{};
  const auto head = filled(8);
  for (auto _ : state) {
    nonce[11] = static_cast<std::byte>(std::to_integer<unsigned>(nonce[11]) + 1);
    key.seal(nonce, head, data);
    benchmark::ClobberMemory();
  }
}
/// As a record of bulk is sealed: the head of its DATA frame and the payload, from where they are.
void seal_pieces(benchmark::State& state) {
  const crypto::aead_key key(crypto::aead::aes_128_gcm, secret<32>(byte_array<32>{}));
  const auto frame = filled(7);
  const auto payload = filled(static_cast<std::size_t>(state.range(0)));
  const std::array<bytes_view, 2> pieces{frame, payload};
  bytes out(frame.size() + payload.size() + crypto::tag_size);
  byte_array<crypto::nonce_size> nonce{};
  const auto head = filled(8);
  for (auto _ : state) {
    nonce[11] = static_cast<std::byte>(std::to_integer<unsigned>(nonce[11]) + 1);
    key.seal(nonce, head, pieces, out);
    benchmark::ClobberMemory();
  }
}
STEP(seal_pieces)->Name("seal pieces with AES-128-GCM, B")->Arg(1200)->Arg(60 * 1024);
void seal_aes(benchmark::State& state) { seal(state, crypto::aead::aes_128_gcm); }
void seal_chacha(benchmark::State& state) { seal(state, crypto::aead::chacha20_poly1305); }
STEP(seal_aes)->Name("seal with AES-128-GCM, B")->Arg(1200)->Arg(60 * 1024);
STEP(seal_chacha)->Name("seal with ChaCha20-Poly1305, B")->Arg(1200)->Arg(60 * 1024);

// --- the scheduler's decision

constexpr std::size_t paths = 4;

engine::root_target target(const std::string& text) {
  std::vector<policy::leaf_info> leaves;
  for (std::size_t i = 0; i < paths; ++i) {
    leaves.push_back({.name = std::string(1, static_cast<char>('a' + i))});
  }
  auto graph = policy::parse_graph(text, leaves);
  if (!graph) throw std::runtime_error(text);
  engine::root_target root(std::move(*graph), 1);
  policy::child_facts good;
  good.state = policy::health::usable;
  good.measured = true;
  good.srtt = good.min_rtt = 20ms;
  good.rttvar = 1ms;
  good.rate = 10'000'000;
  root.update({}, std::vector<policy::child_facts>(paths, good));
  return root;
}

/// Each of the four leaves asks for a record's worth; the peer acknowledges what they got.
void pull(benchmark::State& state, const std::string& text) {
  auto root = target(text);
  engine::placement place(root);
  place.expect_more(true);
  const instant now{};
  std::uint64_t offered = 0;
  std::uint64_t acknowledged = 0;
  for (auto _ : state) {
    if (offered < acknowledged + 64 * piece) {
      place.offer({offered, offered + 256 * piece});
      offered += 256 * piece;
    }
    std::array<range, paths> got;
    for (std::uint32_t leaf = 0; leaf < paths; ++leaf) {
      duration retry = duration::max();
      got[leaf] = place.pull(root, root.places(leaf)[0], piece, now, retry);
    }
    for (const auto& one : got) {
      if (one.empty()) continue;
      place.acknowledged(one);
      acknowledged = std::max(acknowledged, one.end);
    }
  }
  if (acknowledged == 0) state.SkipWithError("no leaf was given anything");
}
void pull_selector(benchmark::State& state) { pull(state, "selector(a, b, c, d)"); }
void pull_race(benchmark::State& state) { pull(state, "race(a, b, c, d)"); }
void pull_bond(benchmark::State& state) { pull(state, "bond(a, b, c, d)"); }
void pull_nested(benchmark::State& state) { pull(state, "selector(bond(a, race(b, c)), d)"); }
STEP(pull_selector)->Name("four leaves pull under selector(a, b, c, d)");
STEP(pull_race)->Name("four leaves pull under race(a, b, c, d)");
STEP(pull_bond)->Name("four leaves pull under bond(a, b, c, d)");
STEP(pull_nested)->Name("four leaves pull under selector(bond(a, race(b, c)), d)");

void decide(benchmark::State& state) {
  auto root = target("selector(bond(a, race(b, c)), d)");
  policy::child_facts known;
  known.state = policy::health::usable;
  known.measured = known.quality_known = known.fresh = true;
  known.srtt = known.min_rtt = known.latency = 20ms;
  known.rate = 10'000'000;
  std::vector<policy::child_facts> facts(paths, known);
  instant now{};
  for (auto _ : state) {
    now += 100ms;
    for (auto& one : facts) one.quality_at = now;
    benchmark::DoNotOptimize(root.update(now, facts));
  }
}
STEP(decide)->Name("selectors of four paths decide");

// --- buffers

void send_buffer(benchmark::State& state) {
  slab_pool pool;
  engine::send_stream stream;
  const auto data = filled(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const auto begin = stream.written();
    benchmark::DoNotOptimize(stream.write(pool, data, 4u << 20));
    stream.pieces({begin, stream.written()},
                  [](bytes_view part, const slab_ref&) { benchmark::DoNotOptimize(part.data()); });
    stream.acknowledge({begin, stream.written()});
  }
}
STEP(send_buffer)->Name("send buffer: write, send, acknowledge, B")->Arg(64)->Arg(piece);

void recv_buffer(benchmark::State& state) {
  slab_pool pool;
  engine::receive_memory memory(pool);
  engine::recv_stream stream;
  const auto size = static_cast<std::size_t>(state.range(0));
  auto slab = pool.allocate(64 * 1024);
  std::fill_n(slab.data(), slab.capacity(), std::byte{0x5a});
  bytes out(size);
  std::uint64_t offset = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(stream.insert(memory, offset, {slab.data(), size}, slab));
    offset += size;
    benchmark::DoNotOptimize(stream.read(out));
  }
}
STEP(recv_buffer)->Name("receive buffer: insert, read, B")->Arg(64)->Arg(piece);

// --- the endpoint's timer

/// A link of four paths with so many open flows, after a word on each.
void next_timeout(benchmark::State& state) {
  engine::test::direct_pair pair;
  const auto link = pair.connect(paths, "selector(a, b, c, d)");
  pair.advance(1s);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const auto flow = pair.dialer.ep.open_stream(pair.now, link, {});
    if (!flow) return state.SkipWithError("no flow");
    const auto word = filled(5);
    if (!pair.dialer.ep.write(pair.now, *flow, word)) return state.SkipWithError("no write");
    pair.settle();
  }
  if (pair.dialer.ep.next_timeout() == never) return state.SkipWithError("no timer runs");
  for (auto _ : state) benchmark::DoNotOptimize(pair.dialer.ep.next_timeout());
}
STEP(next_timeout)->Name("endpoint: next_timeout, flows")->Arg(1)->Arg(1000);

/// Collects the best repetition of each: what disturbs only adds.
class collector : public benchmark::BenchmarkReporter {
 public:
  explicit collector(bench::report& to) : to_(to) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    std::string name;
    double best = std::numeric_limits<double>::max();
    for (const auto& run : runs) {
      if (run.error_occurred) {
        std::fprintf(stderr, "%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
        failed_ = true;
        return;
      }
      if (run.run_type != Run::RT_Iteration) continue;
      name = run.run_name.function_name;
      if (!run.run_name.args.empty()) name += " " + run.run_name.args;
      best = std::min(best, run.GetAdjustedCPUTime());
    }
    if (!name.empty()) to_.figure(name, best, "ns");
  }
  bool failed() const { return failed_; }

 private:
  bench::report& to_;
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  bench::report report(argc, argv);
  if (report.usage_error()) return 2;
  std::array<char, 8> self{"micro"};
  std::array<char, 32> repetitions{"--benchmark_repetitions=7"};
  std::array<char, 32> time{"--benchmark_min_time=0.04"};
  std::array<char*, 3> words{self.data(), repetitions.data(), time.data()};
  auto count = static_cast<int>(words.size());
  rendr::detail::choose_ciphers();
  benchmark::Initialize(&count, words.data());
  collector collect(report);
  benchmark::RunSpecifiedBenchmarks(&collect);
  benchmark::Shutdown();
  const auto code = report.finish();
  return collect.failed() ? 1 : code;
}
