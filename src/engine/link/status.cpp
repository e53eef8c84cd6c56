// SPDX-License-Identifier: Apache-2.0
#include "engine/link/status.hpp"

#include <utility>

namespace rendr::engine {

namespace {

path_status status_of(const rooms& in, instant now, spec_id leaf) {
  const auto& s = in.slots[leaf];
  auto one = s.totals;
  one.spec = leaf;
  one.name = s.config.name;
  one.phase = s.shown;
  if (const auto* p = s.current) {
    one.carrier = p->carrier;
    one.path = p->id;
    one.phase = p->life.phase();
    one.guard = p->guard_kind(in.agreement().cipher());
    one.carries_data = p->carries() && in.reaches(*p);
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
  return one;
}

}  // namespace

link_status status_of(const rooms& in, instant now) {
  link_status out;
  out.link = in.ref;
  out.id = in.agreement().keys.link;
  out.side = in.side;
  out.up = in.up() && !in.down();
  out.peer = in.agreement().peer;
  out.peer_stalled = in.peer.stalled();
  out.migrations = in.router.migrations() + in.demand.moves();
  out.flows_opened = in.flows.opened();
  out.flows_accepted = in.flows.accepted();
  if (!in.router.installed()) return out;
  in.router.describe(out);
  if (const auto until = in.standing.grace_ends(); until != never) out.grace_left = until - now;
  for (spec_id leaf = 0; leaf < in.slots.size(); ++leaf) {
    if (!in.slots[leaf].removed) out.paths.push_back(status_of(in, now, leaf));
  }
  for (const auto& [number, f] : in.flows) {
    if (!f->in.removed) out.flows.push_back(f->status(in.ref));
  }
  return out;
}

}  // namespace rendr::engine
