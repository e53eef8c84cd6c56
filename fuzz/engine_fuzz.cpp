// SPDX-License-Identifier: Apache-2.0
// The whole engine: an input is a list of operations on two endpoints, their network and their
// applications, a peer that holds the keys and lies among them. Without a lie every byte arrives,
// once and in order; with any, nothing crashes, spins or grows; and in the end nothing is left.
#include <cstddef>
#include <cstdint>

#include "engine_world.hpp"
#include "wire/frames.hpp"

using namespace rendr;
using namespace rendr::fuzz;

namespace {

class input {
 public:
  explicit input(bytes_view rest) : rest_(rest) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const auto b = std::to_integer<std::uint8_t>(rest_[0]);
    rest_ = rest_.subspan(1);
    return b;
  }
  /// Small numbers often, any number sometimes.
  std::uint64_t number() {
    const auto first = u8();
    if (first < 0xf0) return first & 0x7f;
    std::uint64_t n = 0;
    for (unsigned i = 0; i < (first & 7u) + 1; ++i) n = n << 8 | u8();
    return n & ((std::uint64_t{1} << 62) - 1);
  }
  bytes_view take(std::size_t n) {
    const auto part = rest_.first(std::min(n, rest_.size()));
    rest_ = rest_.subspan(part.size());
    return part;
  }

 private:
  bytes_view rest_;
};

constexpr std::array roots{"",
                           "selector(a, b, c)",
                           "race(a, b, c)",
                           "bond(a, b, c)",
                           "selector(a, bond(b, c))",
                           "race(selector(a, b), c)",
                           "bond(race(a, b), c)",
                           "race(a, bond(b, selector(c, a)))"};
constexpr std::array<std::size_t, 2> both{0, 1};
constexpr std::array names{"a", "b", "c", "d", "selector1", "selector2", "nobody", ""};
constexpr std::array jumps{20ms, 50ms, 200ms, 600ms, 1500ms, 6000ms, 16000ms, 40000ms};

// The flow that the number means: mostly one that exists.
std::uint64_t pick(const engine_world& w, std::uint8_t n) {
  if (w.flows.empty()) return n;
  return std::next(w.flows.begin(), n % w.flows.size())->first;
}

wire::frame lie(input& in, const engine_world& w) {
  const auto kind = in.u8() % 21;
  const auto flow = in.u8() % 4 == 0 ? in.number() : pick(w, in.u8());
  const auto a = in.number();
  const auto b = in.number();
  const auto name = std::string_view(names[in.u8() % names.size()]);
  const auto root = b % 4 == 3 ? name : std::string_view();
  switch (kind) {
    case 0: {
      wire::path_ack ack;
      ack.path = a % 5;
      ack.delay = std::chrono::microseconds(in.number() & 0xffffff);
      ack.count = 1;
      ack.ranges[0] = {std::min(a, b), std::max(a, b) + 1};
      return ack;
    }
    case 1:
      return wire::path_state{a % 300, b, {}, static_cast<wire::path_report>(in.u8() % 5), flow};
    case 2: {
      wire::open o;
      o.flow = flow;
      o.kind = in.u8() % 8 == 0 ? wire::flow_kind::packet : wire::flow_kind::stream;
      o.metadata = in.take(a % 64);
      return o;
    }
    case 3:
      return wire::accept{flow};
    case 4:
      return wire::reject{flow, a, name};
    case 5:
    case 6:
      if (kind == 6 && b % 2 == 1) return wire::packet{flow, a, in.take(b % 300)};
      return wire::data{flow, a, in.take(b)};
    case 7:
      return wire::fin{flow, a};
    case 8:
      return wire::reset{flow, a, b};
    case 9:
      return wire::stop{flow, a};
    case 10:
      if (b % 4 == 3) return wire::skip{flow, a};
      return wire::max_data{flow, a};
    case 11:
      return wire::graph{a, root, roots[b % roots.size()]};
    case 12:
      return wire::graph{a, root, as_text(in.take(b % 64))};
    case 13:
      return wire::select{a, root, name, names[b % names.size()]};
    case 14:
      return wire::goaway{a, b, name};
    case 15:
      return wire::bye{a};
    case 16:
      return wire::ping{a};
    case 17:
      return wire::path_quality{std::chrono::microseconds(a % (1 << 30)),
                                std::chrono::microseconds(b % (1 << 30)), flow, b % 2 == 0};
    case 18:
      return wire::new_token{a % 64, {}, {}};
    case 19:
      return wire::retire_token{a % 64};
    default:
      return wire::ignored{2 * (a % 64) + 1, in.take(b % 32)};
  }
}

void tell_lie(input& in, engine_world& w, std::size_t side) {
  const auto f = lie(in, w);
  bytes out(wire::encoded_size(f));
  std::size_t used = 0;
  if (out.empty() || !wire::append(f, out, used)) return;
  w.tainted = true;
  w.lies[side].push_back(std::move(out));
}

void harm_line(input& in, engine_world& w, std::uint8_t what) {
  if (w.lines.empty()) return;
  const auto n = in.u8();
  auto& l = w.lines[n % w.lines.size()];
  const std::size_t side = n >> 7;
  switch (what) {
    case 0:
      return w.kill(n % w.lines.size(), side, (n & 64) != 0);
    case 1:
    case 2:
      l.held[side] = true;
      if ((n & 64) != 0) l.held[1 - side] = true;
      return;
    case 3:
      l.held = {};
      return;
    case 4:
      w.deliver(side, l, in.u8() + 1u);
      return;
    case 5:
      if (!l.flight[side].empty())
        l.flight[side][in.number() % l.flight[side].size()] ^= std::byte{0x41};
      return;
    case 6:
      l.evidence[side] = in.u8() % 4;
      return;
    default: {
      const auto more = in.take(in.u8());
      l.flight[side].insert(l.flight[side].end(), more.begin(), more.end());
      return;
    }
  }
}

void command(input& in, engine_world& w, std::uint8_t what) {
  const std::size_t side = what >= 6 ? 1 : 0;
  if (w.links[side] == link_ref{}) return;
  auto& e = w.at(side);
  const auto link = w.links[side];
  const auto name = std::string_view(names[in.u8() % names.size()]);
  const auto root = what >= 9 ? name : std::string_view();
  switch (what % 6) {
    case 0:
      static_cast<void>(e.select(w.now, link, names[in.u8() % names.size()], name, root));
      return;
    case 1:
      static_cast<void>(e.migrate(w.now, link, name, root));
      return;
    case 2:
      static_cast<void>(e.set_root(w.now, link, roots[in.u8() % roots.size()], root));
      return;
    case 3: {
      path_config leaf;
      leaf.name = name;
      leaf.cold = in.u8() % 2 == 0;
      leaf.plaintext = true;
      static_cast<void>(e.attach(w.now, link, leaf));
      return;
    }
    case 4:
      static_cast<void>(e.detach(w.now, link, name));
      return;
    default:
      e.network_changed(w.now);
      return;
  }
}

void application(input& in, engine_world& w, std::uint8_t what) {
  const auto n = in.u8();
  const std::size_t side = n & 1;
  const auto flow = pick(w, n >> 1);
  switch (what) {
    case 0:
      return w.open(side, in.take(n >> 3), (n & 6) == 6);
    case 1:
    case 2:
      return w.write(side, flow, (std::size_t{in.u8()} << (in.u8() % 9)) + 1);
    case 3:
      return w.read(side, flow, (std::size_t{in.u8()} << 8) + 1);
    case 4:
      return w.consume(side, flow, (std::size_t{in.u8()} << 4) + 1);
    case 5:
      return w.shutdown(side, flow);
    case 6:
      return w.close(side, flow);
    case 7:
      return w.abort(side, flow, in.number());
    default:
      return w.answer(side, flow, in.u8() % 4 != 0);
  }
}

void operate(input& in, engine_world& w) {
  const auto op = in.u8();
  if (op < 40) return w.advance(duration(std::chrono::milliseconds(1 + op)));
  if (op < 60) return w.advance(jumps[op % jumps.size()]);
  if (op < 150) return application(in, w, op % 9);
  if (op < 190) return harm_line(in, w, op % 8);
  if (op < 214) return command(in, w, op % 12);
  if (op < 240) return tell_lie(in, w, op % 2);
  switch (op) {
    case 240:
      w.refuse_dials = !w.refuse_dials;
      return;
    case 241:
      w.late_dials = !w.late_dials;
      return;
    case 242:
    case 243:
      w.write_limit = std::size_t{in.u8()} << (in.u8() % 8);
      return;
    case 244:
    case 245:
      return w.sleep(op % 2, jumps[in.u8() % jumps.size()]);
    case 246:
    case 247: {
      const std::size_t side = op % 2;
      const auto how = in.u8();
      if (how > 20 || w.links[side] == link_ref{}) return;
      w.closing = true;
      if (how == 20) return w.at(side).abort_link(w.now, w.links[side]);
      return w.at(side).close_link(w.now, w.links[side], how, "closed");
    }
    default:
      return w.settle();
  }
}

// Every fault ends; then everything that was written must come through.
void heal(engine_world& w) {
  w.refuse_dials = w.late_dials = false;
  w.write_limit = 1 << 20;
  for (auto& l : w.lines) {
    l.held = {};
    l.evidence = {};
  }
}

void read_out(engine_world& w) {
  for (int round = 0; round < 60; ++round) {
    w.advance(round < 40 ? duration(50ms) : duration(3s));
    for (auto& [number, f] : w.flows) {
      for (const auto side : both) w.read(side, number, 1 << 20);
    }
  }
  if (w.tainted || w.over()) return;
  for (const auto& [number, f] : w.flows) {
    for (const auto side : both) {
      if (!f.handle[side]) continue;
      if (!f.broken) check(f.handle[1 - side] || f.written[1 - side] == 0);
      const auto lost = f.packets ? w.given_up(1 - side, number) : 0;
      if (!f.broken) check(f.read[side] <= f.written[1 - side]);
      if (!f.broken) check(f.read[side] + lost >= f.written[1 - side]);
      // Who waits for a flow that the other let go of must learn it.
      if (f.finished[1 - side] || (f.broken && !f.handle[1 - side])) check(f.ended[side]);
    }
  }
}

void close_all(engine_world& w) {
  w.closing = true;
  for (auto& [number, f] : w.flows) {
    for (const auto side : both) w.close(side, number);
  }
  w.advance(1s);
  for (const auto side : both) {
    if (w.links[side] != link_ref{}) w.at(side).close_link(w.now, w.links[side], 0, "");
  }
  w.advance(1000s);
  // A closed link waits for its peer as long as that lives. One that breaks the rules again and
  // again comes back each time, and nothing that was said to it arrives.
  for (const auto side : both) {
    if (w.tainted && w.links[side] != link_ref{}) w.at(side).abort_link(w.now, w.links[side]);
  }
  w.advance(1000s);
  for (const auto side : both) {
    const auto status = w.at(side).status(w.now);
    check(status.links.empty() && status.handshakes == 0);
    check(status.budget_used == 0 && status.slab_bytes == 0);
    check(w.at(side).next_timeout() == never);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in(std::as_bytes(std::span(data, size)));
  engine_world w;
  w.connect(3, roots[in.u8() % roots.size()]);
  for (int operations = 0; !in.empty() && operations < 400; ++operations) {
    operate(in, w);
    w.settle();
  }
  heal(w);
  read_out(w);
  close_all(w);
  return 0;
}
