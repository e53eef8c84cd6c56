// SPDX-License-Identifier: Apache-2.0
// How the loop obeys what the engine asks for and passes on what the application must know.
#include <utility>

#include "runtime/link_core.hpp"
#include "runtime/loop.hpp"
#include "runtime/runtime_core.hpp"
#include "runtime/stream_core.hpp"

namespace rendr::detail {

void loop::obey(engine::event::dial& event) {
  const auto link = find(event.link);
  if (!link) return;
  const auto found = link->leaves.find(event.spec);
  if (found == link->leaves.end())
    return endpoint_.dial_failed(now(), event.link, event.attempt, errc::invalid_argument,
                                 "no such path");
  auto& one = found->second;
  if (!one.aim) one.aim = aim(one.spec);
  if (!one.aim)
    return endpoint_.dial_failed(now(), event.link, event.attempt, errc::unavailable,
                                 "no transport '" + one.spec.transport + "'");
  link->dials[event.attempt] = one.aim->start(
      {event.timeout, link->may_leave(one.spec), event.away},
      [this, weak = std::weak_ptr(link), attempt = event.attempt](transport::opened result) {
        if (const auto strong = weak.lock()) dialed(strong, attempt, std::move(result));
      });
}

void loop::dialed(const std::shared_ptr<link_core>& link, std::uint64_t attempt,
                  transport::opened result) {
  const auto own = link->dials.extract(attempt);
  if (ended_ || link->down) {
    if (result.io) result.io->close();
    return;
  }
  if (!result.io) {
    endpoint_.dial_failed(now(), link->ref, attempt, result.code, result.detail);
  } else if (const auto id = endpoint_.dialed(now(), link->ref, attempt, result.traits)) {
    const auto fresh = std::make_shared<carrier>(*this, *id, std::move(result.io));
    fresh->proven = std::move(result.proven);
    carriers_[*id] = fresh;
  } else {
    result.io->close();
  }
  touch();
}

void loop::obey(engine::event::cancel_dial& event) {
  if (const auto link = find(event.link)) link->dials.erase(event.attempt);
}

void loop::obey(engine::event::close_carrier& event) {
  const auto one = find(event.carrier);
  if (!one) return;
  one->stranger = event.stranger;
  if (!event.flush && event.stranger) return turn_away(one);
  if (!event.flush) return half_close(one);
  one->begin_flush();
  transmit(one);
}

void loop::obey(engine::event::need_evidence& event) {
  const auto one = find(event.carrier);
  if (!one) return;
  endpoint_.path_evidence(last_now_, event.carrier,
                          one->io().evidence().value_or(carrier_evidence{}));
}

void loop::obey(engine::event::link_up& event) {
  auto link = find(event.link);
  if (!link) {
    link = std::make_shared<link_core>(shared_from_this(), link_side::acceptor);
    add_link(event.link, link);
  }
  const auto snapshot = endpoint_.status(last_now_, event.link);
  link->came_up(snapshot ? snapshot->id : link_id{}, event.peer);
  tell(*link, {{}, {}, events::link_up{event.peer, event.remote, event.key}});
}

void loop::obey(engine::event::link_down& event) {
  const auto link = find(event.link);
  if (!link) return;
  const failure why{event.code, event.detail};
  std::vector<std::shared_ptr<stream_core>> flows;
  for (const auto& [ref, flow] : flows_)
    if (ref.link == event.link) flows.push_back(flow);
  for (const auto& flow : flows) {
    flow->gone(why);
    flows_.erase(flow->ref);
  }
  const auto queue =
      link->side == link_side::acceptor ? owner_.flows_of_listener() : link->incoming_flows;
  if (queue) queue->forget(link.get());
  links_.erase(event.link);
  links_changed();
  link->went_down(why);
  tell(*link, {{}, {}, events::link_down{why}});
  if (links_.empty() && when_no_link_) std::exchange(when_no_link_, nullptr)();
}

void loop::obey(engine::event::peer_restarted& event) {
  if (const auto link = find(event.link))
    tell(*link, {{}, {}, events::peer_restarted{event.other}});
}

void loop::obey(engine::event::going_away& event) {
  if (const auto link = find(event.link))
    tell(*link, {{}, {}, events::going_away{event.code, event.reason}});
}

void loop::obey(engine::event::incoming_flow& event) {
  const auto link = find(event.flow.link);
  if (!link) return;
  auto flow =
      std::make_shared<stream_core>(shared_from_this(), link, event.flow, event.id,
                                    std::move(event.metadata), static_cast<flow_kind>(event.kind));
  flows_[event.flow] = flow;
  const auto queue =
      link->side == link_side::acceptor ? owner_.flows_of_listener() : link->incoming_flows;
  if (!queue) return refuse(flow, errc::unavailable, "nobody accepts flows here");
  if (!queue->push(link.get(), flow))
    refuse(flow, errc::unavailable, "nobody accepts flows here any more");
}

void loop::refuse(const std::shared_ptr<stream_core>& flow, errc code, std::string_view reason) {
  flow->reject(static_cast<std::uint64_t>(code), std::string(reason));
}

void loop::obey(engine::event::flow_ready& event) {
  const auto found = flows_.find(event.flow);
  if (found == flows_.end()) return;
  const auto flow = found->second;
  flow->ready(event);
}

void loop::obey(engine::event::flow_done& event) {
  const auto found = flows_.find(event.flow);
  if (found == flows_.end()) return;
  const auto flow = found->second;
  flow->done(event.code, event.app_code, std::move(event.detail));
}

void loop::obey(engine::event::path_changed& event) {
  const auto link = find(event.link);
  if (!link) return;
  const auto one = find(event.carrier);
  // An address is good when its handshake succeeded.
  if (one && one->proven && event.to == path_phase::standby && event.from == path_phase::attaching)
    std::exchange(one->proven, nullptr)();
  tell(*link,
       {{}, {}, events::path_changed{event.name, event.from, event.to, event.why, event.detail}});
}

void loop::obey(engine::event::migration& event) {
  if (const auto link = find(event.link))
    tell(*link, {{},
                 {},
                 events::migration{event.root, event.node, event.from, event.to, event.why,
                                   event.reason, event.evidence}});
}

void loop::obey(engine::event::slot_claimed& event) {
  for (const auto& other : owner_.loops) {
    if (other.get() == this) continue;
    other->dispatch([other, event] {
      if (other->ended()) return;
      other->endpoint().give_way(other->now(), event);
      other->touch();
    });
  }
}

void loop::obey(engine::event::dial_began& event) {
  if (const auto link = find(event.link)) tell(*link, {{}, {}, events::dial{event.name, {}}});
}

void loop::obey(engine::event::dial_ended& event) {
  if (const auto link = find(event.link))
    tell(*link, {{}, {}, events::dial{event.name, {event.code, event.detail}}});
}

void loop::obey(engine::event::path_missing& event) {
  if (const auto link = find(event.link))
    tell(*link,
         {{}, {}, events::path_missing{event.name, event.after, event.lasting, event.reason}});
}

void loop::obey(engine::event::stranger_refused& event) {
  tell(
      {{}, link_side::acceptor, events::stranger_refused{event.remote, {event.code, event.reason}}},
      nullptr);
}

void loop::tell(const link_core& link, link_event event) {
  event.side = link.side;
  {
    const std::lock_guard lock(link.mutex);
    event.link = link.shared.id;
  }
  tell(event, &link.observer);
}

void loop::tell(const link_event& event, const link_observer* of_link) {
  for (const auto* observer : {of_link, &std::as_const(owner_.options.on_event)}) {
    if (observer == nullptr || !*observer) continue;
    try {
      (*observer)(event);
    } catch (...) {
      ++owner_.observer_exceptions;
    }
  }
}

}  // namespace rendr::detail
