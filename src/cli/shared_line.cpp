// SPDX-License-Identifier: Apache-2.0
#include "cli/shared_line.hpp"

#include <algorithm>
#include <asio/ip/address.hpp>
#include <atomic>
#include <optional>
#include <utility>

#include "transport/net_addresses.hpp"
#include "transport/route_device.hpp"

namespace rendr::cli {

namespace {

/// The address of "192.0.2.7:41830" or "[2001:db8::1]:80"; none: it is something else.
std::optional<asio::ip::address> host_of(std::string_view text) {
  auto host = text.substr(0, text.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::error_code code;
  auto address = asio::ip::make_address(std::string(host), code);
  if (code) return std::nullopt;
  return address;
}

const path_spec* find(const std::vector<path_spec>& given, const std::string& name) {
  const auto it = std::find_if(given.begin(), given.end(),
                               [&](const path_spec& one) { return one.name == name; });
  return it == given.end() ? nullptr : &*it;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "" : i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

/// The first keeps its device; each further one gets another, as long as there are any.
std::string remedy(const std::vector<std::string>& names, const std::string& device,
                   const std::vector<path_spec>& given,
                   const std::map<std::string, std::string>& others) {
  auto next = others.begin();
  std::string text;
  std::string example;
  for (const auto& name : names) {
    const auto* spec = find(given, name);
    if (spec == nullptr) continue;
    auto pinned = *spec;
    if (!text.empty()) {
      while (next != others.end() && next->first == device) ++next;
      if (next == others.end()) break;
      pinned.device = next->first;
      if (example.empty()) example = "bind=" + next->second;
      ++next;
    } else {
      pinned.device = device;
    }
    pinned.bind.clear();
    text += (text.empty() ? "" : " ") + ("--path=" + to_text(pinned));
  }
  if (example.empty()) return "this machine has no other device with an address";
  return "pin them to devices of their own, as " + text + " (or by an address, as " + example +
         ", where a rule sends it out by its device)";
}

bool one_fate(const std::vector<std::string>& names, const std::vector<path_spec>& given) {
  const auto fate = [&](const std::string& name) {
    const auto* spec = find(given, name);
    return spec != nullptr ? spec->fate : std::string();
  };
  const auto first = fate(names.front());
  return !first.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return fate(name) == first;
  });
}

bool lives(path_phase phase) {
  return phase == path_phase::standby || phase == path_phase::active || phase == path_phase::late;
}

std::map<std::string, std::string> devices_here() {
  std::error_code ignored;
  std::map<std::string, std::string> found;
  for (const auto& [address, about] : transport::read_net_addresses(ignored)) {
    const bool local =
        address.is_loopback() || (address.is_v6() && address.to_v6().is_link_local());
    if (about.usable && !local) found.emplace(about.device, address.to_string());
  }
  return found;
}

}  // namespace

std::vector<std::string> shared_lines(const std::vector<leaving_path>& paths,
                                      const std::vector<path_spec>& given,
                                      const std::map<std::string, std::string>& others) {
  std::map<std::string, std::vector<std::string>> by_device;
  for (const auto& path : paths) by_device[path.device].push_back(path.name);
  std::vector<std::string> lines;
  for (const auto& [device, names] : by_device) {
    if (names.size() < 2 || one_fate(names, given)) continue;
    lines.push_back("paths " + listed(names) + " leave by the same device, " + device +
                    ": what cuts it cuts them all; " + remedy(names, device, given, others));
  }
  return lines;
}

struct shared_line::state {
  state(console& c, runtime& r, std::vector<path_spec> paths,
        std::function<void(std::function<void()>)> later)
      : to(c), of(r), given(std::move(paths)), run(std::move(later)) {}

  void look() {
    due = false;
    for (const auto& one : of.status().links) {
      if (one.side != link_side::dialer) continue;
      std::vector<leaving_path> leaving;
      for (const auto& path : one.paths) {
        if (auto device = device_of(path); !device.empty()) leaving.push_back({path.name, device});
      }
      for (const auto& line : shared_lines(leaving, given, devices_here())) {
        if (told.insert(line.substr(0, line.find(';'))).second) to.warn(line);
      }
    }
  }

  /// Empty: it does not live, or leaves no device that could be cut.
  std::string device_of(const path_status& path) const {
    if (!lives(path.phase)) return {};
    const auto local = host_of(path.local);
    const auto remote = host_of(path.remote);
    if (!local || !remote || remote->is_loopback() || local->is_loopback()) return {};
    const auto* spec = find(given, path.name);
    if (spec != nullptr && !spec->device.empty()) return spec->device;
    auto device =
        transport::route_device(*local, *remote, spec != nullptr ? spec->mark.value_or(0) : 0);
    return device == "lo" ? std::string() : device;  // an address of this machine
  }

  console& to;
  runtime& of;
  const std::vector<path_spec> given;
  const std::function<void(std::function<void()>)> run;
  std::atomic<bool> due{false};
  std::set<std::string> told;
};

shared_line::shared_line(console& to, runtime& of, std::vector<path_spec> given,
                         std::function<void(std::function<void()>)> run)
    : state_(std::make_shared<state>(to, of, std::move(given), std::move(run))) {}

void shared_line::operator()(const link_event& event) const {
  const auto* path = std::get_if<events::path_changed>(&event.what);
  if (path == nullptr || !lives(path->to) || lives(path->from)) return;
  if (state_->given.size() < 2 || state_->due.exchange(true)) return;
  state_->run([state = state_] { state->look(); });
}

}  // namespace rendr::cli
