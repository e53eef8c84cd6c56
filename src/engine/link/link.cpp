// SPDX-License-Identifier: Apache-2.0
// The life of a link: coming up, going dark, closing, failing.
#include "engine/link/link.hpp"

#include <algorithm>

namespace rendr::engine {

namespace {

// Asked of a link that is closing: each flow is looked at.
standing::closing_facts closing_of(const rooms& in) noexcept {
  standing::closing_facts out{false, true, !in.ledger.goaway_owed(), in.peer.stalled(),
                              in.peer.last()};
  for (const auto& [number, f] : in.flows) {
    if (f->in.removed) continue;
    out.idle = false;
    out.delivering = out.delivering || f->let_go_of();
  }
  return out;
}

instant closing_ends(const rooms& in) noexcept {
  return in.standing.closing() ? in.standing.closing_ends(closing_of(in)) : never;
}

}  // namespace

link::link(services& shared, link_ref ref, role side, const link_config& config)
    : rooms_(shared, ref, side, config) {}

link::~link() = default;

errc link::start(instant now, policy::graph root) {
  rooms_.slots.start(rooms_.config.paths);
  rooms_.standing.start(now);
  rooms_.association.begin(rooms_.config.credentials, rooms_.shared.secrets);
  rooms_.config.credentials = {};
  routing(rooms_).install(now, rooms_.router.begin(rooms_.config.root), std::move(root));
  dialing(rooms_).begin(now);
  leaves().dial_due(now);
  return errc{};
}

// The peer forgot the hello before it was confirmed. Nothing of the link was ever used there: it is
// made anew, with another nonce and other keys, and what its flows sent is sent again. A carrier
// that has said nothing yet may say that.
void link::begin_anew(instant now, const std::string& detail) {
  rooms_.standing.start_over();
  std::vector<path*> spent;
  for (const auto& p : rooms_.paths) {
    if (!p->life.ended() && !p->life.at(path_stage::waiting)) spent.push_back(p.get());
  }
  for (auto* p : spent) changes().down(now, *p, cause::refused, detail);
  for (const auto& p : rooms_.paths) p->token_until = never;
  rooms_.association.start_over(rooms_.shared.secrets);
  rooms_.ledger.start_over();
  rooms_.peer.acted();
  rooms_.standing.leave_the_dark();
  rooms_.redial.start_over();
  attacher(rooms_).start(now);
}

void link::adopt(instant now, const link_agreement& agreement, const std::string& remote) {
  rooms_.association.adopt(agreement, rooms_.shared.tokens, rooms_.ref, rooms_.shared.secrets,
                           rooms_.shared.mint);
  attacher(rooms_).come_up(now, remote);
}

void link::close(instant now, std::uint64_t code, std::string_view reason, bool bounded) {
  if (down()) return;
  if (rooms_.standing.close(now, bounded)) {
    rooms_.ledger.say_goaway(code, reason);
    if (!up()) return fail(now, errc::closed, "closed before it was up");
    waker(rooms_).control();
  }
  check_closing(now);
}

void link::check_closing(instant now) {
  if (!rooms_.standing.closing() || down()) return;
  if (const auto end = rooms_.standing.judge_closing(now, closing_of(rooms_)))
    fail(now, end->code, end->sentence);
}

void link::fail(instant now, errc code, const std::string& detail) {
  if (down()) return;
  rooms_.standing.end();
  rooms_.association.end();
  dialing(rooms_).end();
  rooms_.slots.end_all();
  for (const auto& p : rooms_.paths) {
    if (p->life.ended()) continue;
    const bool attached = p->ready();
    p->life.end(attached);
    p->copies.clear();
    if (attached && p->handshake_out.empty()) sender(rooms_).append_bye(*p, true);
    path_keeper(rooms_).close(*p);
  }
  for (const auto& [number, f] : rooms_.flows) {
    if (f->in.removed) continue;
    if (f->let_go_of()) {
      rooms_.flows.remove(*f);
      continue;
    }
    flow_care(rooms_).apply(now, *f, f->fail(code, 0, detail));
    flow_care(rooms_).tell_done(*f);
  }
  rooms_.shared.events.order(event::link_down{rooms_.ref, code, detail});
}

instant link::next_timeout() noexcept {
  if (down()) return never;
  auto next = std::min({rooms_.standing.dial_ends(), closing_ends(rooms_),
                        rooms_.router.next_look(), rooms_.demand.next_look()});
  for (const auto& p : rooms_.paths) next = std::min(next, next_look(*p));
  next = std::min({next, dialing(rooms_).next_timeout(), rooms_.standing.grace_ends()});
  return std::min(next, attacher(rooms_).next());
}

void link::handle_timeout(instant now, duration lateness) {
  if (down()) return;
  if (lateness > defaults::late_loop) path_keeper(rooms_).hold_deadlines(now, lateness);
  if (const auto end =
          rooms_.standing.judge_dial(now, rooms_.redial.last_code(), rooms_.redial.last_error()))
    return fail(now, end->code, end->sentence);
  for (const auto carrier : rooms_.paths.carriers()) {
    if (auto* p = rooms_.paths.find(carrier)) changes().check(now, *p);
    if (down()) return;
  }
  attacher(rooms_).start(now);
  if (up()) leaves().let_rest(now);
  leaves().dial_due(now);
  if (rooms_.demand.peaks_due(now)) routing(rooms_).look_at_demand(now);
  if (rooms_.demand.guards_due(now)) recovery(rooms_).guard_bonds(now);
  if (rooms_.router.next_look() <= now) routing(rooms_).route(now, cause::quality);
  if (!rooms_.paths.any_alive()) {
    if (const auto other = rooms_.association.restarted())
      rooms_.shared.events.order(event::peer_restarted{rooms_.ref, *other});
  }
  if (const auto end = rooms_.standing.judge_grace(now, rooms_.redial.last_error()))
    return fail(now, end->code, end->sentence);
  check_closing(now);
}

std::span<const bytes_view> link::poll_transmit(instant now, path& p, std::size_t limit) {
  switch (sender(rooms_).fill(now, p, limit)) {
    case sender::ended::no:
      break;
    case sender::ended::worn_out:
      changes().down(now, p, cause::protocol, "the key is worn out: the peer acknowledges nothing");
      break;
    case sender::ended::drained:
      path_keeper(rooms_).end_drained(now, p);
      break;
  }
  return p.out.pieces();
}

void link::transmitted(instant now, path& p, std::size_t n) {
  sender(rooms_).transmitted(now, p, n);
  check_closing(now);
}

}  // namespace rendr::engine
