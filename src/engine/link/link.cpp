// SPDX-License-Identifier: Apache-2.0
// The life of a link: coming up, going dark, closing, failing.
#include "engine/link/link.hpp"
#include "engine/link/dialing.hpp"

#include <algorithm>

#include "policy/graph_text.hpp"

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
  slots_.start(config_.paths);
  standing_.start(now);
  association_.begin(config_.credentials, s_.secrets);
  config_.credentials = {};
  routing(rooms_).install(now, router_.begin(config_.root), std::move(root));
  dialing(rooms_).begin(now);
  leaves().dial_due(now);
  return errc{};
}

// The peer forgot the hello before it was confirmed. Nothing of the link was ever used there: it is
// made anew, with another nonce and other keys, and what its flows sent is sent again. A carrier
// that has said nothing yet may say that.
void link::begin_anew(instant now, const std::string& detail) {
  standing_.start_over();
  std::vector<path*> spent;
  for (const auto& p : paths_) {
    if (!p->life.ended() && !p->life.at(path_stage::waiting)) spent.push_back(p.get());
  }
  for (auto* p : spent) changes().down(now, *p, cause::refused, detail);
  for (const auto& p : paths_) p->token_until = never;
  association_.start_over(s_.secrets);
  ledger_.start_over();
  peer_.acted();
  standing_.leave_the_dark();
  redial_.start_over();
  attacher(rooms_).start(now);
}

void link::adopt(instant now, const link_agreement& agreement, const std::string& remote) {
  association_.adopt(agreement, s_.tokens, ref_, s_.secrets, s_.mint);
  attacher(rooms_).come_up(now, remote);
}

void link::close(instant now, std::uint64_t code, std::string_view reason, bool bounded) {
  if (down()) return;
  if (standing_.close(now, bounded)) {
    ledger_.say_goaway(code, reason);
    if (!up()) return fail(now, errc::closed, "closed before it was up");
    waker(rooms_).control();
  }
  check_closing(now);
}

void link::check_closing(instant now) {
  if (!standing_.closing() || down()) return;
  if (const auto end = standing_.judge_closing(now, closing_of(rooms_)))
    fail(now, end->code, end->sentence);
}

void link::fail(instant now, errc code, const std::string& detail) {
  if (down()) return;
  standing_.end();
  association_.end();
  dialing(rooms_).end();
  slots_.end_all();
  for (const auto& p : paths_) {
    if (p->life.ended()) continue;
    const bool attached = p->ready();
    p->life.end(attached);
    p->copies.clear();
    if (attached && p->handshake_out.empty()) sender(rooms_).append_bye(*p, true);
    path_keeper(rooms_).close(*p);
  }
  for (const auto& [number, f] : flows_) {
    if (f->in.removed) continue;
    if (f->let_go_of()) {
      flows_.remove(*f);
      continue;
    }
    flow_care(rooms_).apply(now, *f, f->fail(code, 0, detail));
    flow_care(rooms_).tell_done(*f);
  }
  s_.events.order(event::link_down{ref_, code, detail});
}

instant link::next_timeout() noexcept {
  if (down()) return never;
  auto next = std::min(
      {standing_.dial_ends(), closing_ends(rooms_), router_.next_look(), demand_.next_look()});
  for (const auto& p : paths_) next = std::min(next, next_look(*p));
  next = std::min({next, dialing(rooms_).next_timeout(), standing_.grace_ends()});
  return std::min(next, attacher(rooms_).next());
}

void link::handle_timeout(instant now, duration lateness) {
  if (down()) return;
  if (lateness > defaults::late_loop) path_keeper(rooms_).hold_deadlines(now, lateness);
  if (const auto end = standing_.judge_dial(now, redial_.last_code(), redial_.last_error()))
    return fail(now, end->code, end->sentence);
  for (const auto carrier : paths_.carriers()) {
    if (auto* p = paths_.find(carrier)) changes().check(now, *p);
    if (down()) return;
  }
  attacher(rooms_).start(now);
  if (up()) leaves().let_rest(now);
  leaves().dial_due(now);
  if (demand_.peaks_due(now)) routing(rooms_).look_at_demand(now);
  if (demand_.guards_due(now)) recovery(rooms_).guard_bonds(now);
  if (router_.next_look() <= now) routing(rooms_).route(now, cause::quality);
  if (!paths_.any_alive()) {
    if (const auto other = association_.restarted())
      s_.events.order(event::peer_restarted{ref_, *other});
  }
  if (const auto end = standing_.judge_grace(now, redial_.last_error()))
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
