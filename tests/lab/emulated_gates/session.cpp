// SPDX-License-Identifier: Apache-2.0
#include "lab/emulated_gates/session.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "support/nft.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

void check(const failure& f, const char* what) {
  if (f.code) throw std::runtime_error(std::string(what) + ": " + f.detail);
}

link_options dialled(std::size_t first, const std::vector<line>& lines,
                     const session_options& options, std::uint16_t port) {
  link_options link;
  link.insecure = true;
  link.root = options.root;
  link.dial_deadline = options.patience;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto& path = link.paths.emplace_back();
    path.name = lines[i].name;
    path.host = text(emulator::server_address(first + i));
    path.bind = text(emulator::client_address(first + i));
    path.port = port;
    path.cc = options.congestion;
    path.evidence = options.evidence;
  }
  return link;
}

}  // namespace

void lay(emulator& net, std::size_t link, const line& what) {
  lane_settings lane;
  lane.delay = what.rtt / 2;
  lane.rate = what.rate;
  lane.loss_ppm = what.loss_ppm;
  if (what.rate != 0) {
    const auto product = what.rate * static_cast<std::uint64_t>(what.rtt.count()) / 1000;
    lane.queue = what.queue != 0 ? what.queue : std::max<std::uint64_t>(product, 64 * 1024);
  }
  net.set(link, way::both, lane);
}

session::session(emulator& net, std::size_t first_link, std::vector<line> lines,
                 const session_options& options)
    : net_(net), first_(first_link), lines_(std::move(lines)) {
  for (std::size_t i = 0; i < lines_.size(); ++i) lay(net_, first_ + i, lines_[i]);
  drops_before_ = device_drops();
  {
    const netns::scope here(net_.server());
    runtime_options chosen;
    chosen.on_event = [this](const link_event& event) { note(event, "server"); };
    server_ = std::make_unique<runtime>(std::move(chosen));
    door_ = std::make_unique<listener>(*server_);
    listen_options where;
    where.host = "0.0.0.0";
    where.insecure = true;
    where.congestion = options.congestion;
    check(door_->listen(where), "listen");
  }
  {
    const netns::scope here(net_.client());
    client_ = std::make_unique<runtime>();
    link_ = rendr::link(*client_);
    auto chosen = dialled(first_, lines_, options, door_->port());
    chosen.on_event = [this](const link_event& event) { note(event, "client"); };
    check(link_.connect(std::move(chosen)), "connect");
  }
  const auto attached = [this] {
    const auto now = near_status();
    return std::all_of(now.paths.begin(), now.paths.end(), [](const path_status& p) {
      return p.phase == path_phase::standby || p.phase == path_phase::active;
    });
  };
  if (!wait_until(attached, options.patience)) {
    throw std::runtime_error("not every path was attached\n" + story());
  }
}

session::~session() {
  for (std::size_t i = 0; i < lines_.size(); ++i) net_.up(first_ + i, way::both, true);
  for (auto& flow : flows_) {
    flow.near->stop();
    flow.far->stop();
  }
  flows_.clear();
  link_.abort();
  link_ = rendr::link();
  door_.reset();
  client_.reset();
  server_.reset();
}

flow_ends& session::open(const traffic& up, const traffic& down) {
  auto near = link_.open_stream();
  auto far = door_->accept().accept();
  auto& flow = flows_.emplace_back();
  flow.near = std::make_shared<talker>(client_->get_executor(), up);
  flow.far = std::make_shared<talker>(server_->get_executor(), down);
  flow.far->start(std::move(far));
  flow.near->start(std::move(near));
  return flow;
}

std::pair<packet_flow, packet_flow> session::open_packets() {
  auto near = link_.open_packet();
  return {std::move(near), door_->accept().accept_packet()};
}

void session::note(const link_event& event, const char* end) {
  const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(lab_clock::now() - begun_);
  const auto said = std::to_string(at.count()) + " ms " + end + ": ";
  const std::lock_guard lock(mutex_);
  if (const auto* move = std::get_if<events::migration>(&event.what)) {
    if (!move->from.empty() && *end == 'c') moves_.push_back(*move);
    story_ +=
        said + move->from + " -> " + move->to + ", " + move->reason + "; " + move->evidence + "\n";
  } else if (const auto* change = std::get_if<events::path_changed>(&event.what)) {
    story_ += said + change->path + " " + std::string(to_string(change->from)) + " -> " +
              std::string(to_string(change->to)) + ", " + std::string(to_string(change->why)) +
              " " + change->detail + "\n";
  }
}

link_status session::near_status() const { return link_.status(); }
link_status session::far_status() const {
  auto all = server_->status();
  return all.links.empty() ? link_status{} : std::move(all.links.front());
}

std::size_t session::in_use() const {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (path(i).carries_data) return i;
  }
  throw std::runtime_error("no path carries data");
}

path_status session::path(std::size_t line, bool at_server) const {
  const auto now = at_server ? far_status() : near_status();
  for (const auto& one : now.paths) {
    if (one.name == lines_.at(line).name) return one;
  }
  throw std::runtime_error("the status has no path " + lines_.at(line).name);
}

namespace {
template <class Field>
std::uint64_t sum(std::initializer_list<link_status> ends, Field field) {
  std::uint64_t total = 0;
  for (const auto& end : ends) {
    for (const auto& path : end.paths) total += path.*field;
  }
  return total;
}
}  // namespace

std::uint64_t session::deaths() const {
  return sum({near_status(), far_status()}, &path_status::deaths);
}
std::uint64_t session::suspicions() const {
  return sum({near_status(), far_status()}, &path_status::suspicions);
}
double session::extra_percent() const {
  const auto now = near_status();
  const auto payload = sum({now}, &path_status::payload_sent);
  const auto extra = sum({now}, &path_status::extra_sent);
  return payload == 0 ? 0 : 100.0 * static_cast<double>(extra) / static_cast<double>(payload);
}

std::size_t session::moves(cause why) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(moves_.begin(), moves_.end(), [why](const auto& m) {
    return why == cause::none || m.why == why;
  }));
}

std::string session::story() const {
  const std::lock_guard lock(mutex_);
  return story_;
}

std::string session::problems() const {
  std::string all;
  for (const auto& flow : flows_) {
    for (const auto& end : {flow.near, flow.far}) {
      if (const auto one = end->problem(); !one.empty()) all += (all.empty() ? "" : "; ") + one;
    }
  }
  return all;
}

namespace {
template <class Field>
std::uint64_t on_links(const emulator& net, std::size_t first, std::size_t count, Field field) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += net.counters(first + i, way::both).*field;
  return total;
}
}  // namespace

std::uint64_t session::darkened() const {
  return on_links(net_, first_, lines_.size(), &lane_counters::darkened);
}
std::uint64_t session::lost() const {
  return on_links(net_, first_, lines_.size(), &lane_counters::lost);
}
std::uint64_t session::entered_bytes() const {
  return on_links(net_, first_, lines_.size(), &lane_counters::entered_bytes);
}
std::uint64_t session::device_drops() const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < lines_.size(); ++i) total += net_.device_drops(first_ + i);
  return total - drops_before_;
}

bool wait_until(const std::function<bool()>& done, lab_clock::duration limit) {
  const auto end = lab_clock::now() + limit;
  while (!done()) {
    if (lab_clock::now() >= end) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

void pass(lab_clock::duration time) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  if (whole > 0) ::poll(nullptr, 0, static_cast<int>(whole));
}

reset_all::reset_all(const emulator& net, std::size_t link)
    : net_(net), table_("inet cut" + std::to_string(link)) {
  const auto rule =
      "iifname link" + std::to_string(link) + " meta l4proto tcp counter reject with tcp reset";
  nft::apply(
      net_.server(),
      "table " + table_ + " {\nchain in {\ntype filter hook input priority 0\n" + rule + "\n}\n}");
}
reset_all::~reset_all() {
  try {
    nft::apply(net_.server(), "delete table " + table_);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
}
std::uint64_t reset_all::hits() const { return nft::packets(net_.server(), table_); }

}  // namespace rendr::test
