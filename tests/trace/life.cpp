// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "sim/chaos.hpp"
#include "sim/scenes.hpp"
#include "trace/parts.hpp"

namespace rendr::trace {

using namespace sim;

namespace {

constexpr duration acts_for = 12s;

/// One link or two between two processes, and what happens to them.
class life {
 public:
  life(std::uint64_t seed, journal& notes) : notes_(notes), rng_(seed), world_(scene(seed)) {
    links_.push_back(world_.connect());
    if (rng_.below(3) == 0) links_.push_back(world_.connect());
    for (const auto link : links_) {
      int counter = 0;
      const auto text = random_graph(rng_, names_, 2, counter);
      const auto refused = world_.client().ep().set_root(world_.now(), link, text, "other");
      notes_.remark(refused ? refused->detail : text);
    }
  }

  void run() {
    const auto steps = 10 + rng_.below(30);
    for (std::uint64_t i = 0; i < steps; ++i) {
      world_.at(rng_.between(duration(0), acts_for)).does([this] { act(); });
    }
    for (auto t = 250ms; t < acts_for; t += 500ms) world_.at(t).does([this] { look(); });
    world_.run(acts_for + 5s);
    look();
    for (const auto& p : options_.paths) world_.path(p.name).each(direction::both, healed);
    for (const auto& p : options_.paths) world_.path(p.name).refuse(false);
    world_.run(30s);
    look();
    notes_.remark(world_.finish());
    look();
  }

 private:
  scenario scene(std::uint64_t seed) {
    scenario s;
    s.seed = seed;
    s.notes = &notes_;
    s.sealed = seed % 2 == 0;
    s.aes = seed % 4 == 0;
    s.slots = seed % 6 == 0;
    s.records_per_key = 256;
    s.grace = std::array<duration, 3>{300ms, 4s, 60s}.at(rng_.below(3));
    s.linger = rng_.below(2) == 0 ? duration(1s) : duration(20s);
    if (rng_.below(4) == 0) s.budget = 8 * mib;
    if (rng_.below(4) == 0) s.dial_deadline = rng_.between(duration(50ms), duration(2s));
    const auto count = 1 + rng_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      auto p = path("p" + std::to_string(i), rng_.between(duration(1ms), duration(150ms)),
                    (1 + rng_.below(50)) * mbit);
      p.cold = i != 0 && rng_.below(3) == 0;
      p.relayed = rng_.below(6) == 0;
      p.cost = static_cast<std::uint32_t>(rng_.below(3) * 100);
      p.weight = static_cast<double>(1 + rng_.below(3));
      if (rng_.below(3) == 0) p.fate = "hop";
      names_.push_back(p.name);
      s.paths.push_back(p);
    }
    int counter = 0;
    s.root = random_graph(rng_, names_, 2, counter);
    if (s.root.find('(') == std::string::npos) s.root = "selector(" + s.root + ")";
    options_ = s;
    return s;
  }

  static void healed(lane& l) {
    l.blackhole(false);
    l.stall(false);
  }

  void look() { world_.note_status(); }
  node& some_end() { return rng_.below(2) == 0 ? world_.client() : world_.server(); }
  engine::link_ref some_link() { return links_.at(rng_.below(links_.size())); }
  std::string some_path() { return names_.at(rng_.below(names_.size())); }

  void act() {
    switch (rng_.below(8)) {
      case 0:
      case 1:
      case 2:
        return open_something();
      case 3:
        return end_something();
      case 4:
      case 5:
        return command();
      case 6:
        return break_something();
      default:
        return rng_.below(6) == 0 ? end_of_everything() : doubt();
    }
  }

  void open_something() {
    if (rng_.below(3) == 0) {
      world_.open(packet_plan{.up = random_packets(rng_), .down = random_packets(rng_)});
      return;
    }
    flow_plan plan{.up = random_traffic(rng_), .down = random_traffic(rng_)};
    if (rng_.below(3) == 0) plan.root = "other";
    plan.rejects = rng_.below(8) == 0;
    plan.server_reads = rng_.below(6) != 0;
    if (rng_.below(6) == 0) plan.resets = rng_.below(2) == 0;
    world_.open(plan, some_link());
  }

  void end_something() {
    auto& flows = world_.flows();
    if (flows.empty()) return;
    auto& flow = *flows.at(rng_.below(flows.size()));
    const bool at_server = rng_.below(2) == 0;
    if (rng_.below(4) == 0) return flow.resume_reading(true);
    auto& end = at_server ? flow.server() : flow.client();
    if (!end.open) return;
    if (rng_.below(2) == 0) return flow.close(at_server);
    flow.abort(at_server, rng_.below(100));
  }

  void command() {
    auto& n = rng_.below(4) == 0 ? world_.server() : world_.client();
    const auto link = some_link();
    const auto now = world_.now();
    const std::string root = rng_.below(3) == 0 ? "other" : "";
    bool refused = false;
    switch (rng_.below(6)) {
      case 0:
        refused = n.ep().migrate(now, link, some_path(), root).has_value();
        break;
      case 1: {
        int counter = 0;
        const auto text = random_graph(rng_, names_, 2, counter);
        refused = n.ep().set_root(now, link, text, root).has_value();
        break;
      }
      case 2:
        refused = select(n, link, root);
        break;
      case 3:
        n.ep().network_changed(now);
        break;
      case 4:
        refused = !world_.detach(some_path());
        break;
      default:
        refused = !world_.attach(some_path());
    }
    notes_.remark(refused ? "refused" : "done");
    n.wake();
  }

  /// Overrides a selector that the link has, or gives it back.
  bool select(node& n, engine::link_ref link, const std::string& root) {
    const auto status = n.ep().status(world_.now(), link);
    if (!status || status->selections.empty()) return true;
    const auto& s = status->selections.at(rng_.below(status->selections.size()));
    const auto child = rng_.below(3) == 0 ? std::string() : some_path();
    return n.ep().select(world_.now(), link, s.node, child, root).has_value();
  }

  void break_something() {
    const auto name = some_path();
    const auto way = static_cast<direction>(rng_.below(3));
    const auto after = world_.now() - instant{} + rng_.between(duration(10ms), duration(8s));
    switch (rng_.below(6)) {
      case 0:
        return world_.path(name).kill();
      case 1:
        return world_.path(name).kill_end(rng_.below(2) == 0);
      case 2:
        world_.path(name).refuse(true);
        world_.path(name).kill();
        break;
      case 3:
        world_.path(name).mute(true);
        break;
      default:
        world_.path(name).blackhole(true, way);
    }
    world_.at(after).heal(name);
  }

  void doubt() {
    auto& n = some_end();
    std::vector<engine::carrier_id> ids;
    for (const auto& l : n.ep().status(world_.now()).links) {
      for (const auto& p : l.paths) {
        if (p.carrier != engine::carrier_id{}) ids.push_back(p.carrier);
      }
    }
    if (ids.empty()) return;
    n.ep().path_doubted(world_.now(), ids.at(rng_.below(ids.size())), "its device is down");
    n.wake();
  }

  /// A link ends at one of its ends, or a whole process does.
  void end_of_everything() {
    auto& n = some_end();
    const auto links = n.ep().status(world_.now()).links;
    if (links.empty()) return;
    const auto link = links.at(rng_.below(links.size())).link;
    switch (rng_.below(4)) {
      case 0:
        n.ep().abort_link(world_.now(), link);
        break;
      case 1:
        return world_.restart_server(rng_.below(2) == 0);
      default:
        n.ep().close_link(world_.now(), link, 7, "enough", rng_.below(2) == 0);
    }
    n.wake();
  }

  journal& notes_;
  random rng_;
  scenario options_;
  std::vector<std::string> names_;
  world world_;
  std::vector<engine::link_ref> links_;
};

}  // namespace

void run_life(std::uint64_t seed, journal& notes) { life(seed, notes).run(); }

}  // namespace rendr::trace
