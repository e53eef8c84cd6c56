// SPDX-License-Identifier: Apache-2.0
#include "sim/hostile_stage.hpp"

#include <malloc.h>

#include <algorithm>

namespace rendr::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t messages = 3000;
constexpr duration between = 10ms;

}  // namespace

/// One end of a simulated connection, as a program without an engine uses it.
class attacker_socket final : public hostile::carrier {
 public:
  explicit attacker_socket(tcp_socket& socket) : socket_(&socket) {
    socket_->on_ready = [this](tcp_socket&) { pump(); };
    pump();
  }
  attacker_socket(const attacker_socket&) = delete;
  attacker_socket& operator=(const attacker_socket&) = delete;
  ~attacker_socket() override { close(); }

  void send(bytes_view data) override {
    unsent_.insert(unsent_.end(), data.begin(), data.end());
    pump();
  }
  const bytes& heard() const override { return heard_; }
  bool ended() const override { return ended_; }
  void close() override {
    if (socket_ == nullptr) return;
    socket_->on_ready = nullptr;
    socket_->close();
    socket_ = nullptr;
    ended_ = true;
  }
  void stop_reading() override { reading_ = false; }
  bool connected() const { return socket_ != nullptr && socket_->established(); }

 private:
  void pump() {
    if (socket_ == nullptr) return;
    std::array<std::byte, 16384> chunk;
    while (reading_) {
      const auto n = socket_->read(chunk);
      if (n == 0) break;
      heard_.insert(heard_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(n));
    }
    ended_ = ended_ || socket_->eof() || socket_->error();
    while (!unsent_.empty() && socket_->established()) {
      const bytes_view piece(unsent_);
      const auto n = socket_->write({&piece, 1});
      if (n == 0) break;
      unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(n));
    }
  }

  tcp_socket* socket_;
  bytes heard_;
  bytes unsent_;
  bool ended_ = false;
  bool reading_ = true;
};

scenario hostile_stage::honest_lines() {
  scenario s;
  s.seed = seed_or(61);
  for (const auto& [name, delay] : {std::pair{"a", 10ms}, std::pair{"b", 15ms}}) {
    path_options p;
    p.name = name;
    p.lanes.delay = delay;
    s.paths.push_back(p);
  }
  s.root = "selector(a, b)";
  s.sealed = true;
  s.links = hostile::most_links;
  return s;
}

hostile_stage::hostile_stage(scenario options) : world_(options) {
  world_.path("b").on_accept = [this](line&, tcp_socket& near) { connected(near); };
  auto& server = world_.server();
  server.on_event = [this, &server, usual = server.on_event](const engine::any_event& e) {
    // What links of the attacker do is no flow of this world.
    const auto* flow = std::get_if<engine::event::incoming_flow>(&e);
    if (flow == nullptr || flow->flow.link == honest_link_) return usual(e);
    server.ep().accept_flow(world_.now(), flow->flow);
    if (as_text(flow->metadata) == hostile::wanted)
      static_cast<void>(server.ep().write(world_.now(), flow->flow, bytes(8u << 20)));
  };
  world_.connect();
  world_.run(1s);
  const auto made = server.ep().status(world_.now()).links.at(0);
  honest_ = made.id;
  honest_link_ = made.link;
  flow_ = &world_.open({.up = traffic::paced(1024, between, messages),
                        .down = traffic::paced(1024, between, messages)});
  world_.run(500ms);
}

hostile_stage::~hostile_stage() = default;

line& hostile_stage::line_from(std::string_view source) {
  for (const auto& l : lines_) {
    if (l->name() == source) return *l;
  }
  path_options p;
  p.name = source;
  p.lanes.delay = 5ms;
  auto& l = *lines_.emplace_back(std::make_unique<line>(world_.queue, random(7), p, tcp_options{}));
  l.on_accept = [this](line& from, tcp_socket& s) { world_.server().accepted(from, s); };
  return l;
}

std::unique_ptr<hostile::carrier> hostile_stage::dial(std::string_view source) {
  auto out = std::make_unique<attacker_socket>(line_from(source).dial());
  until([&] { return out->connected() || out->ended(); }, 5s);
  return out;
}

void hostile_stage::connected(tcp_socket& near) {
  if (seizing_) {
    seized_.push_back(std::make_unique<attacker_socket>(near));
    return;
  }
  auto& t = taps_.emplace_back();
  t.near = &near;
  t.far = &line_from("tap").dial();
  t.number = tapped_.size();
  tapped_.emplace_back();
  for (auto* end : {t.near, t.far}) end->on_ready = [this, &t](tcp_socket&) { pump(t); };
  pump(t);
}

void hostile_stage::pump(tap& t) {
  auto& record = tapped_[t.number];
  forward(*t.near, *t.far, t.to_far, record.to_server);
  forward(*t.far, *t.near, t.to_near, record.to_client);
}

void hostile_stage::forward(tcp_socket& from, tcp_socket& to, bytes& held, bytes& record) {
  std::array<std::byte, 16384> chunk;
  while (const auto n = from.read(chunk)) {
    const auto end = chunk.begin() + static_cast<std::ptrdiff_t>(n);
    held.insert(held.end(), chunk.begin(), end);
    record.insert(record.end(), chunk.begin(), end);
  }
  while (!held.empty() && to.established()) {
    const bytes_view piece(held);
    const auto n = to.write({&piece, 1});
    if (n == 0) break;
    held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(n));
  }
  if ((from.eof() || from.error()) && held.empty() && !to.app_closed()) to.shutdown_write();
}

void hostile_stage::seize() {
  seizing_ = true;
  ++cuts_;
  for (auto& t : taps_) {
    for (auto* end : {t.near, t.far}) {
      end->on_ready = nullptr;
      end->abort();
    }
  }
}

std::unique_ptr<hostile::carrier> hostile_stage::seized(duration limit) {
  if (!until([&] { return !seized_.empty(); }, limit)) return nullptr;
  auto out = std::move(seized_.front());
  seized_.pop_front();
  return out;
}

bool hostile_stage::until(const std::function<bool()>& holds, duration limit) {
  return world_.run_until(holds, limit);
}

hostile::facts hostile_stage::facts_of(node& at) {
  const auto status = at.ep().status(world_.now());
  hostile::facts out;
  out.slab_bytes = status.slab_bytes;
  out.heap = mallinfo2().uordblks;
  out.budget = status.budget;
  out.budget_used = status.budget_used;
  out.handshakes = status.handshakes;
  out.evicted = status.handshakes_evicted;
  out.failed = status.handshakes_failed;
  for (const auto& l : status.links) {
    auto& one = out.links.emplace_back();
    one.id = l.id;
    one.up = l.up;
    one.flows = l.flows.size();
    for (const auto& p : l.paths) {
      one.deaths += p.deaths;
      one.attached += p.phase == path_phase::standby || p.phase == path_phase::active ||
                      p.phase == path_phase::late || p.phase == path_phase::suspect;
    }
  }
  return out;
}

std::uint64_t hostile_stage::delivered() {
  return flow_->client().received + flow_->server().received;
}

std::string hostile_stage::damage() {
  world_.run_until([&] { return flow_->complete(); }, 120s);
  if (!flow_->complete()) return world_.violations() + "the honest flow did not complete\n";
  seized_.clear();
  seizing_ = false;
  const auto now = world_.now();
  auto& server = world_.server();
  for (const auto& l : server.ep().status(now).links) {
    if (l.link == honest_link_) continue;
    for (const auto& f : l.flows) server.ep().close(now, f.flow);
    server.ep().abort_link(now, l.link);
  }
  server.wake();
  return world_.finish();
}

}  // namespace rendr::sim
