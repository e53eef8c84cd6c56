// SPDX-License-Identifier: Apache-2.0
#include "sim/world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "wire/handshake.hpp"

namespace rendr::sim {

using namespace std::chrono_literals;

std::uint64_t seed_or(std::uint64_t fallback) {
  const char* text = std::getenv("RENDR_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 0);
}

namespace {

engine::endpoint_config config_of(random& rng, const scenario& options) {
  engine::endpoint_config c;
  for (auto& b : c.instance) b = static_cast<std::byte>(rng.next());
  for (auto& b : c.secret_seed) b = static_cast<std::byte>(rng.next());
  c.jitter_seed = rng.next();
  c.budget = options.budget;
  c.deadline_variations = options.deadline_variations;
  c.features = options.aes ? wire::feature_aes_128_gcm : 0;
  c.records_per_key = options.records_per_key;
  c.handshakes = options.handshakes;
  c.links = options.links;
  c.accepted.no_path_grace = options.grace;
  c.accepted.linger = options.linger;
  return c;
}

secret_key shared_by_both() {
  secret_key key;
  std::ranges::fill(key.span(), std::byte{5});
  return key;
}

}  // namespace

world::world(const scenario& options) : options_(options), rng_(options.seed) {
  for (const auto& p : options_.paths) {
    auto& l = *lines_.emplace_back(std::make_unique<line>(queue, rng_.fork(), p, options_.tcp));
    l.on_accept = [this](line& from, tcp_socket& s) { server_->accepted(from, s); };
  }
  auto config = config_of(rng_, options_);
  if (options_.slots) config.slot.emplace().fill(std::byte{3});
  client_ = std::make_unique<node>(queue, "client", config,
                                   [this](std::string what) { violated(std::move(what)); });
  client_->notes = options_.notes;
  client_->on_event = [this](const engine::any_event& e) { on_client(e); };
  client_->resolve = [this](engine::link_ref, engine::spec_id spec) -> line& {
    return *line_of_.at(spec);
  };
  for (auto& b : server_key_) b = static_cast<std::byte>(rng_.next());
  servers_.push_back(make_server());
  server_ = servers_.back().get();
}

std::unique_ptr<node> world::make_server() {
  auto config = config_of(rng_, options_);
  config.accept_links = true;
  config.reset_key = server_key_;
  if (options_.slots) {
    config.loops = 2;
    config.accept_credentials.psk = shared_by_both();
  }
  auto n = std::make_unique<node>(queue, "server", config,
                                  [this](std::string what) { violated(std::move(what)); });
  n->notes = options_.notes;
  n->on_event = [this](const engine::any_event& e) { on_server(e); };
  n->resolve = [this](engine::link_ref, engine::spec_id) -> line& {
    violated("the server dials");
    return *lines_.front();
  };
  return n;
}

void world::restart_server(bool same_key) {
  server_->exit();
  if (!same_key) {
    for (auto& b : server_key_) b = static_cast<std::byte>(rng_.next());
  }
  for (auto& [flow, c] : by_server_flow_) c->server_exited();
  by_server_flow_.clear();
  server_down_.clear();
  servers_.push_back(make_server());
  server_ = servers_.back().get();
}

void world::violated(std::string what) {
  const auto us =
      std::chrono::duration_cast<std::chrono::microseconds>(queue.now().time_since_epoch());
  if (violations_.size() < 20) {
    violations_.push_back(std::to_string(us.count()) + " us: " + std::move(what));
  }
}

std::string world::violations() const {
  std::string all;
  for (const auto& v : violations_) all += v + "\n";
  if (!all.empty()) all += "replay with RENDR_SEED=" + std::to_string(options_.seed) + "\n";
  return all;
}

line& world::path(std::string_view name) {
  const auto it = std::find_if(lines_.begin(), lines_.end(),
                               [name](const auto& l) { return l->name() == name; });
  if (it == lines_.end()) {
    violated("no such path: " + std::string(name));
    return *lines_.front();
  }
  return **it;
}

engine::path_config world::leaf_of(const path_options& p) const {
  engine::path_config one;
  one.name = p.name;
  one.cold = p.cold;
  one.evidence = p.evidence;
  one.weight = p.weight;
  one.cost = p.cost;
  one.fate = p.fate;
  one.plaintext = !options_.sealed;
  return one;
}

bool world::attach(std::string_view name) {
  const auto made = client_->ep().attach(queue.now(), link_, leaf_of(path(name).options()));
  if (made) line_of_[*made] = &path(name);
  client_->wake();
  return made.has_value();
}

bool world::detach(std::string_view name) {
  const auto why = client_->ep().detach(queue.now(), link_, name);
  client_->wake();
  return !why;
}

engine::link_ref world::connect() {
  engine::link_config c;
  for (const auto& p : options_.paths) {
    line_of_[static_cast<engine::spec_id>(c.paths.size())] = &path(p.name);
    c.paths.push_back(leaf_of(p));
  }
  c.root = options_.root;
  c.no_path_grace = options_.grace;
  c.linger = options_.linger;
  c.dial_deadline = options_.dial_deadline;
  if (options_.slots) c.credentials.psk = shared_by_both();
  const auto link = client_->ep().connect(queue.now(), c);
  if (!link) {
    violated("connect: " + link.error().detail);
    return {};
  }
  if (links_.empty()) link_ = *link;
  links_.push_back(*link);
  client_->wake();
  return *link;
}

conversation& world::open(const flow_plan& plan) { return open(plan, link_); }

conversation& world::open(const flow_plan& plan, engine::link_ref link) {
  const auto number = static_cast<std::uint32_t>(by_number_.size());
  auto& c = *flows_.emplace_back(std::make_unique<conversation>(
      queue, number, rng_.next(), plan, [this](std::string what) { violated(std::move(what)); }));
  by_number_.push_back(&c);
  c.open(*client_, link);
  if (c.client().flow != engine::flow_ref{} || c.client().open)
    by_client_flow_[c.client().flow] = &c;
  return c;
}

packet_talk& world::open(const packet_plan& plan) {
  const auto number = static_cast<std::uint32_t>(by_number_.size());
  auto& t = *talks_.emplace_back(std::make_unique<packet_talk>(
      queue, number, rng_.next(), plan, [this](std::string what) { violated(std::move(what)); }));
  by_number_.push_back(&t);
  t.open(*client_, link_);
  if (t.client().open) by_client_flow_[t.client().flow] = &t;
  return t;
}

void world::on_client(const engine::any_event& e) { dispatch(false, e); }

void world::on_server(const engine::any_event& e) {
  if (const auto* in = std::get_if<engine::event::incoming_flow>(&e)) {
    std::uint32_t number = 0;
    if (in->metadata.size() == 4) std::memcpy(&number, in->metadata.data(), 4);
    if (in->metadata.size() != 4 || number >= by_number_.size()) {
      return violated("a flow arrived that nobody opened");
    }
    by_server_flow_[in->flow] = by_number_[number];
    return by_number_[number]->arrived(*server_, *in);
  }
  dispatch(true, e);
}

void world::dispatch(bool at_server, const engine::any_event& e) {
  using namespace engine;
  auto& by_flow = at_server ? by_server_flow_ : by_client_flow_;
  auto& down = at_server ? server_down_ : down_;
  trace(at_server, e);
  const auto known = [&](link_ref l) {
    if (down.contains(l)) violated("an event after link_down");
  };
  if (const auto* ready = std::get_if<event::flow_ready>(&e)) {
    known(ready->flow.link);
    if (const auto it = by_flow.find(ready->flow); it != by_flow.end())
      it->second->ready(at_server);
  } else if (const auto* done = std::get_if<event::flow_done>(&e)) {
    if (const auto it = by_flow.find(done->flow); it != by_flow.end()) {
      it->second->done(at_server, *done);
    }
  } else if (const auto* up = std::get_if<event::link_up>(&e)) {
    known(up->link);
    if (!at_server) up_[up->link] = true;
  } else if (const auto* dead = std::get_if<event::link_down>(&e)) {
    known(dead->link);
    down[dead->link] = dead->code;
    for (auto& [flow, c] : by_flow) {
      if (flow.link == dead->link) c->link_failed(at_server, dead->code);
    }
  } else if (const auto* moved = std::get_if<event::migration>(&e)) {
    known(moved->link);
    if (!at_server) migrations_.push_back(*moved);
  } else if (std::get_if<event::peer_restarted>(&e) != nullptr) {
    peer_restarted_ = true;
  } else if (std::get_if<event::incoming_flow>(&e) != nullptr) {
    violated("the client got an incoming flow");
  }
}

void world::trace(bool at_server, const engine::any_event& e) const {
  static const bool wanted = std::getenv("RENDR_TRACE") != nullptr;
  if (!wanted) return;
  using namespace engine;
  std::string text;
  if (const auto* p = std::get_if<event::path_changed>(&e)) {
    text = p->name + " " + std::string(to_string(p->from)) + " -> " +
           std::string(to_string(p->to)) + " " + std::string(to_string(p->why)) + " " + p->detail;
    auto* n = at_server ? server_ : client_.get();
    for (const auto& l : n->ep().status(queue.now()).links) {
      for (const auto& one : l.paths) {
        if (one.carrier != p->carrier) continue;
        const auto k = n->evidence_of(p->carrier);
        text += " [srtt " + std::to_string(one.srtt.count() / 1000) + " var " +
                std::to_string(one.rttvar.count() / 1000) + " in flight " +
                std::to_string(one.in_flight) + "; kernel rtt " +
                std::to_string(k.rtt.count() / 1000) + " var " +
                std::to_string(k.rttvar.count() / 1000) + " unsent " + std::to_string(k.unsent) +
                " unacked " + std::to_string(k.unacked) + " age " +
                std::to_string(k.last_ack_age.count() / 1000) + "]";
      }
    }
  } else if (const auto* m = std::get_if<event::migration>(&e)) {
    text = "migration " + m->from + " -> " + m->to + " " + std::string(to_string(m->why)) + " " +
           m->reason;
  } else if (const auto* d = std::get_if<event::link_down>(&e)) {
    text = "link down " + std::string(name(d->code)) + " " + d->detail;
  } else if (const auto* f = std::get_if<event::flow_done>(&e)) {
    text = "flow done " + std::to_string(f->flow.number) + " " +
           std::to_string(static_cast<int>(f->code));
  } else {
    return;
  }
  std::printf("%12.3f ms %s %s\n",
              std::chrono::duration<double, std::milli>(queue.now().time_since_epoch()).count(),
              at_server ? "server" : "client", text.c_str());
}

errc world::link_code(engine::link_ref link) const {
  const auto it = down_.find(link);
  return it == down_.end() ? errc{} : it->second;
}

bool world::run_until(const std::function<bool()>& done, duration limit) {
  const auto end = queue.now() + limit;
  while (!done()) {
    if (queue.empty() || queue.next_time() > end) {
      queue.run_until(end);
      return done();
    }
    queue.step();
    if (violations_.size() >= 20) return false;
  }
  return true;
}

std::string world::finish() {
  if (!violations_.empty()) return violations();
  for (const auto link : links_) {
    if (!down_.contains(link)) client_->ep().close_link(queue.now(), link, 0, "finished");
  }
  client_->wake();
  run(40s + options_.grace);
  for (auto* n : {client_.get(), server_}) {
    if (n->ep().slab_bytes() != 0) {
      violated(n->name() + " keeps " + std::to_string(n->ep().slab_bytes()) + " slab bytes");
    }
    const auto status = n->ep().status(queue.now());
    if (status.budget_used != 0) {
      violated(n->name() + " keeps " + std::to_string(status.budget_used) + " bytes of the budget");
    }
    if (!status.links.empty()) violated(n->name() + " keeps a link");
    if (n->open_carriers() != 0) violated(n->name() + " keeps carriers: " + n->carriers_text());
    if (n->open_dials() != 0) violated(n->name() + " keeps a dial");
    if (n->ep().next_timeout() != never) violated(n->name() + " keeps a timer");
  }
  return violations();
}

void world::note_status() {
  if (options_.notes == nullptr) return;
  for (auto* n : {client_.get(), server_})
    options_.notes->stands(now(), n->name(), n->ep().status(now()));
  const auto seen = [this](std::uint32_t number, const auto& e) {
    options_.notes->remark("application of " + std::to_string(number) + " received " +
                           std::to_string(e.received) + (e.eof ? " all" : "") + ", error " +
                           std::to_string(static_cast<int>(e.error)));
  };
  const auto both = [&seen](const auto& flow) {
    seen(flow.number(), flow.client());
    seen(flow.number(), flow.server());
  };
  for (const auto& f : flows_) both(*f);
  for (const auto& t : talks_) both(*t);
}

path_status world::status_of(std::string_view name, bool at_server) const {
  const auto status =
      at_server ? server_->ep().status(queue.now()) : client_->ep().status(queue.now());
  for (const auto& l : status.links) {
    for (const auto& p : l.paths) {
      if (p.name == name) return p;
    }
  }
  return {};
}

std::uint64_t world::deaths(bool at_server) const {
  const auto status =
      at_server ? server_->ep().status(queue.now()) : client_->ep().status(queue.now());
  std::uint64_t n = 0;
  for (const auto& l : status.links) {
    for (const auto& p : l.paths) n += p.deaths;
  }
  return n;
}

std::uint64_t world::extra_per_mille(bool at_server) const {
  const auto status =
      at_server ? server_->ep().status(queue.now()) : client_->ep().status(queue.now());
  std::uint64_t extra = 0;
  std::uint64_t sent = 0;
  for (const auto& l : status.links) {
    for (const auto& p : l.paths) {
      extra += p.extra_sent;
      sent += p.payload_sent;
    }
  }
  return sent == 0 ? 0 : extra * 1000 / sent;
}

world::moment& world::moment::does(std::function<void()> action) {
  world_.queue.at(when_, std::move(action));
  return *this;
}
world::moment& world::moment::blackhole(std::string path, direction way) {
  return does([&w = world_, path, way] { w.path(path).blackhole(true, way); });
}
world::moment& world::moment::stall(std::string path, direction way) {
  return does([&w = world_, path, way] { w.path(path).stall(true, way); });
}
world::moment& world::moment::heal(std::string path) {
  return does([&w = world_, path] {
    w.path(path).blackhole(false);
    w.path(path).stall(false);
    w.path(path).refuse(false);
    w.path(path).mute(false);
  });
}
world::moment& world::moment::kill(std::string path) {
  return does([&w = world_, path] { w.path(path).kill(); });
}
world::moment& world::moment::refuse(std::string path, bool on) {
  return does([&w = world_, path, on] { w.path(path).refuse(on); });
}
world::moment& world::moment::change(std::string path, direction way,
                                     std::function<void(lane&)> change) {
  return does([&w = world_, path, way, change] { w.path(path).each(way, change); });
}
world::moment& world::moment::mute(std::string path, bool on) {
  return does([&w = world_, path, on] { w.path(path).mute(on); });
}
world::moment& world::moment::migrate(std::string leaf) {
  return does([&w = world_, leaf] {
    if (auto refused = w.client().ep().migrate(w.now(), w.link_, leaf)) {
      w.violated("migrate: " + refused->detail);
    }
    w.client().wake();
  });
}

}  // namespace rendr::sim
