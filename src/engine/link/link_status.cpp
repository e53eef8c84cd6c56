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
  for (const auto& s : slots_) {
    if (!s.removed && s.config.name == config.name) {
      return failure{errc::invalid_argument, "attach: the name '" + config.name + "' is taken"};
    }
  }
  if (!valid_name(config.name)) {
    return failure{errc::invalid_argument,
                   "attach: " + quoted(config.name) + ": " + std::string(name_rule)};
  }
  auto* s = slot_for(config.name);
  if (s == nullptr) {
    return failure{errc::limit_reached,
                   "attach: a link has at most 64 paths, with those that a graph still names"};
  }
  s->config = config;
  s->removed = false;
  const auto leaf = static_cast<spec_id>(s - slots_.data());
  routing(rooms_).place_attached(now);
  redial_.attached(now, leaf, for_dial(), s_.jitter);
  dial_due(now);
  return leaf;
}

// For a new path: that of a detached one of this name, which graphs may still name; a fresh one; or
// one that nothing knows any more. Null: there is none.
leaf_slot* link::slot_for(std::string_view name) {
  for (auto& s : slots_) {
    if (s.removed && s.config.name == name) return &s;
  }
  if (slots_.size() < defaults::paths_per_link) return &slots_.emplace_back();
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf) {
    if (!slots_[leaf].removed || paths_.any_of(leaf) || router_.names(leaf)) continue;
    slots_[leaf] = leaf_slot{};
    redial_.forget(leaf);
    return &slots_[leaf];
  }
  return nullptr;
}

void link::leave(instant now, path& p, std::string detail) {
  tell_state(p, wire::path_report::draining);
  drain(now, p, true, cause::detached, std::move(detail));
  s_.transmit.wake(p.carrier);
  wake_control();
}

std::optional<failure> link::detach(instant now, std::string_view leaf) {
  for (auto& s : slots_) {
    if (s.removed || s.config.name != leaf) continue;
    if (s.current != nullptr && s.current->carries() && paths_.living() <= 1) {
      return failure{errc::refused, "detach: '" + std::string(leaf) + "' is the last living path"};
    }
    s.removed = side_ == role::dialer;
    for (const auto number : redial_.abandon(static_cast<spec_id>(&s - slots_.data())))
      s_.events.order(event::cancel_dial{ref_, number});
    std::vector<path*> carriers;
    for (const auto& p : paths_) {
      if (&slots_[p->leaf] == &s && !p->life.ended()) carriers.push_back(p.get());
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
  return failure{errc::invalid_argument, "detach: no path is named '" + std::string(leaf) + "'"};
}

}  // namespace rendr::engine
