// SPDX-License-Identifier: Apache-2.0
// Answers to questions, and leaves that come and go by command.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "engine/link/link.hpp"

namespace rendr::engine {

link_status link::status(instant now) const {
  link_status out;
  out.link = ref_;
  out.id = agreement().keys.link;
  out.side = side_;
  out.up = up() && !down();
  out.peer = agreement().peer;
  out.peer_stalled = peer_.stalled();
  out.migrations = router_.migrations() + demand_.moves();
  out.flows_opened = flows_.opened();
  out.flows_accepted = flows_.accepted();
  if (!router_.installed()) return out;
  router_.describe(out);
  if (const auto until = standing_.grace_ends(); until != never) out.grace_left = until - now;
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    const auto& s = slots_[leaf];
    if (s.removed) continue;
    auto one = s.totals;
    one.spec = leaf;
    one.name = s.config.name;
    one.phase = s.shown;
    if (const auto* p = s.current) {
      one.carrier = p->carrier;
      one.path = p->id;
      one.phase = p->life.phase();
      one.guard = p->guard_kind(agreement().cipher());
      one.carries_data = p->carries() && rooms_.reaches(*p);
      one.srtt = p->rtt.measured() ? p->rtt.smoothed() : duration(0);
      one.rttvar = p->rtt.measured() ? p->rtt.variation() : duration(0);
      one.min_rtt = p->rtt.minimum();
      one.rate = p->rate.rate();
      one.peer_rate = p->by_peer.rate;
      one.in_flight = p->sent.in_flight();
      one.last_heard_age = now - p->last_heard;
      one.local = p->traits.local;
      one.remote = p->traits.remote;
    }
    for (const auto& r : s.records)
      one.history.push_back({now - r.when, r.from, r.to, r.why, r.detail});
    out.paths.push_back(std::move(one));
  }
  for (const auto& [number, f] : flows_) {
    if (!f->in.removed) out.flows.push_back(f->status(ref_));
  }
  return out;
}

result<spec_id, failure> link::attach(instant now, const path_config& config) {
  if (side_ != role::dialer)
    return failure{errc::refused, "attach: the dialer of the link owns its paths"};
  if (slots_.named(config.name))
    return failure{errc::invalid_argument, "attach: the name '" + config.name + "' is taken"};
  if (!valid_name(config.name)) {
    return failure{errc::invalid_argument,
                   "attach: " + quoted(config.name) + ": " + std::string(name_rule)};
  }
  std::vector<bool> known(slots_.size());
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf)
    known[leaf] = paths_.any_of(leaf) || router_.names(leaf);
  const auto place = slots_.take(config.name, known);
  if (!place) {
    return failure{errc::limit_reached,
                   "attach: a link has at most 64 paths, with those that a graph still names"};
  }
  const auto leaf = place->leaf;
  if (place->fresh) redial_.forget(leaf);
  slots_[leaf].config = config;
  slots_[leaf].removed = false;
  routing(rooms_).place_attached(now);
  redial_.attached(now, leaf, for_dial(), s_.jitter);
  dial_due(now);
  return leaf;
}

void link::leave(instant now, path& p, std::string detail) {
  ledger_.tell(p.id, wire::path_report::draining, p.leaf);
  drain(now, p, true, cause::detached, std::move(detail));
  s_.transmit.wake(p.carrier);
  wake_control();
}

std::optional<failure> link::detach(instant now, std::string_view name) {
  const auto leaf = slots_.named(name);
  if (!leaf) {
    return failure{errc::invalid_argument, "detach: no path is named '" + std::string(name) + "'"};
  }
  const auto* current = slots_.current(*leaf);
  if (current != nullptr && current->carries() && paths_.living() <= 1) {
    return failure{errc::refused, "detach: '" + std::string(name) + "' is the last living path"};
  }
  slots_[*leaf].removed = side_ == role::dialer;
  for (const auto number : redial_.abandon(*leaf))
    s_.events.order(event::cancel_dial{ref_, number});
  std::vector<path*> carriers;
  for (const auto& p : paths_) {
    if (p->leaf == *leaf && !p->life.ended()) carriers.push_back(p.get());
  }
  for (auto* p : carriers) {
    if (p->ready()) {
      leave(now, *p, "detached by command");
    } else {
      path_down(now, *p, cause::detached, "detached by command");
    }
  }
  return std::nullopt;
}

}  // namespace rendr::engine
