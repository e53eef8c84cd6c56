// SPDX-License-Identifier: Apache-2.0
#include "engine/endpoint.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "base/text.hpp"
#include "engine/door/greeter.hpp"
#include "engine/link/link.hpp"
#include "engine/link_quota.hpp"
#include "engine/services.hpp"
#include "policy/graph_text.hpp"

namespace rendr::engine {

struct endpoint::impl final : link_directory {
  explicit impl(const endpoint_config& c)
      : config(c),
        pool(defaults::slabs_kept, c.slabs),
        secrets(secret<32>(c.secret_seed)),
        jitter(c.jitter_seed),
        events(c.event_queue),
        memory(c.budget),
        mint(secret<32>(c.reset_key), c.server, c.loop, c.loops),
        shared{config, pool,         secrets, jitter, events,     transmit,
               memory, next_carrier, tokens,  mint,   ready_links},
        door(shared),
        accepted_links(c.links) {}

  // A carrier is either at the door (its link is not known) or a path of a link.
  struct place {
    link* owner = nullptr;
    path* at = nullptr;
  };

  link* find(link_ref ref) {
    const auto it = links.find(ref);
    return it == links.end() ? nullptr : it->second.get();
  }
  const link* find(link_ref ref) const {
    const auto it = links.find(ref);
    return it == links.end() ? nullptr : it->second.get();
  }
  std::optional<made_link> seen_from_the_door(link_ref ref) const {
    const auto* l = find(ref);
    if (l == nullptr) return std::nullopt;
    return made_link{ref, &l->in().agreement(), &l->in().association.paths(), l->in().paths.full()};
  }
  std::optional<made_link> named(const link_id& id) const override {
    const auto it = by_id.find(id);
    return it == by_id.end() ? std::nullopt : seen_from_the_door(it->second);
  }
  std::optional<made_link> named_by(const routing_token& token) const override {
    const auto it = tokens.find(token);
    return it == tokens.end() ? std::nullopt : seen_from_the_door(it->second);
  }
  bool room(const std::string& source, bool capped) const override {
    return accepted_links.room(source, capped) || darkest(source, capped) != nullptr;
  }
  // Which link gives way to another one of `source`: of those without a path, of the same source
  // when that has its share, the one that has had none for longest.
  link* darkest(const std::string& source, bool capped) const {
    const bool own = accepted_links.has_its_share(source, capped);
    link* out = nullptr;
    for (const auto& [ref, l] : links) {
      if (l->down() || l->in().standing.dark_since() == never || !accepted_links.counts(ref))
        continue;
      if (own && !accepted_links.from(ref, source)) continue;
      if (out == nullptr || l->in().standing.dark_since() < out->in().standing.dark_since())
        out = l.get();
    }
    return out;
  }
  void make_room(instant now, const std::string& source, bool capped) {
    if (accepted_links.room(source, capped)) return;
    if (auto* l = darkest(source, capped)) {
      l->fail(now, errc::limit_reached, "it had no path, and gave way to a new link");
      after(now, *l);
    }
  }

  // Links that a client of this slot made before, in another life of its process.
  void give_way(instant now, const event::slot_claimed& claimed) {
    const auto known = slots.find(claimed.claim);
    if (known == slots.end()) return;
    for (const auto ref : std::vector(known->second)) {
      auto* l = find(ref);
      if (l == nullptr || l->down() || l->in().agreement().peer == claimed.dialer) continue;
      if (l->in().standing.up_since() > claimed.made) continue;
      l->give_way(now);
      after(now, *l);
    }
  }
  void take_claim(instant now, const link& l) {
    const event::slot_claimed claimed{*l.in().association.claim(), l.in().agreement().peer,
                                      l.in().standing.up_since()};
    give_way(now, claimed);
    slots[claimed.claim].push_back(l.ref());
    if (config.loops > 1) events.order(claimed);
  }
  void forget_claim(const link& l) {
    if (!l.in().association.claim()) return;
    const auto known = slots.find(*l.in().association.claim());
    if (known == slots.end()) return;
    std::erase(known->second, l.ref());
    if (known->second.empty()) slots.erase(known);
  }
  flow* find(flow_ref ref) {
    auto* l = find(ref.link);
    auto* f = l == nullptr ? nullptr : l->find(ref.number);
    return f == nullptr || f->let_go_of() ? nullptr : f;
  }
  place* find(carrier_id id) {
    const auto it = carriers.find(id);
    return it == carriers.end() ? nullptr : &it->second;
  }

  // After every call into a link: its carriers, whether it may be destroyed, and that its deadline
  // is to be asked anew.
  void after(instant now, link& l) {
    for (const auto id : l.sweep()) carriers.erase(id);
    const auto ref = l.ref();
    if (l.claim_is_fresh()) take_claim(now, l);
    if (l.down()) {
      by_id.erase(l.in().agreement().keys.link);
      accepted_links.remove(ref);
      forget_claim(l);
    }
    if (l.finished()) {
      arm(ref, never);
      std::erase_if(carriers, [&](const auto& entry) { return entry.second.owner == &l; });
      links.erase(ref);
    } else if (!stale.empty() && stale.back().first == ref) {
      stale.back().second = now;
    } else {
      stale.emplace_back(ref, now);
    }
    watch_pool(now);
  }

  void after_door(instant now) {
    for (const auto id : door.sweep()) carriers.erase(id);
    watch_pool(now);
  }

  // What the pool keeps and nobody needs goes back some seconds later; at once when nobody is here.
  void watch_pool(instant now) {
    if (links.empty() && carriers.empty()) {
      pool.clear();
      tidy_at = never;
    } else if (tidy_at == never && pool.kept() > slab_pool::spare) {
      tidy_at = now + defaults::slab_rest;
    }
  }
  void tidy_pool(instant now) {
    if (tidy_at > now) return;
    pool.tidy();
    tidy_at = never;
    watch_pool(now);
  }

  // Many calls come before somebody asks for a deadline: only then the links are asked for theirs.
  void arm_stale() {
    for (const auto& [ref, called] : stale) {
      // What is due since before the call was not waited for: no loop was late for it.
      if (auto* l = find(ref)) arm(ref, std::max(l->next_timeout(), called));
    }
    stale.clear();
  }

  void arm(link_ref ref, instant when) {
    auto& current = armed[ref];
    if (current == when) return;
    if (current != instant{} && current != never) timers.erase({current, ref});
    current = when;
    if (when == never) {
      armed.erase(ref);
    } else {
      timers.insert({when, ref});
    }
  }

  // A carrier at the door proved where it belongs.
  void let_in(instant now, greeter::admission a);

  endpoint_config config;
  slab_pool pool;
  instant tidy_at = never;
  drbg secrets;
  seeded_random jitter;
  event_queue events;
  transmit_queue transmit;
  budget memory;
  std::uint64_t next_carrier = 0;
  token_directory tokens;
  token_mint mint;
  std::deque<link_ref> ready_links;
  services shared;
  greeter door;
  link_quota accepted_links;
  std::map<link_ref, std::unique_ptr<link>> links;
  std::map<link_id, link_ref> by_id;
  std::map<slot_claim, std::vector<link_ref>> slots;
  std::unordered_map<carrier_id, place> carriers;
  std::set<std::pair<instant, link_ref>> timers;
  std::vector<std::pair<link_ref, instant>> stale;  ///< called since their deadline was asked, when
  std::unordered_map<link_ref, instant> armed;
  std::uint32_t next_link = 0;
};

endpoint::endpoint(const endpoint_config& config) : impl_(std::make_unique<impl>(config)) {}
endpoint::~endpoint() {
  if (impl_ == nullptr) return;
  impl_->links.clear();
}
endpoint::endpoint(endpoint&&) noexcept = default;
endpoint& endpoint::operator=(endpoint&&) noexcept = default;

void endpoint::impl::let_in(instant now, greeter::admission a) {
  auto* l = a.into ? find(*a.into) : nullptr;
  if (l == nullptr) {
    make_room(now, a.source, a.capped);
    const link_ref ref{++next_link};
    auto made = std::make_unique<link>(shared, ref, role::acceptor, config.accepted);
    l = made.get();
    links.emplace(ref, std::move(made));
    l->adopt(now, *a.agreement, a.carrier->traits.remote);
    by_id.emplace(l->in().agreement().keys.link, ref);
    accepted_links.add(ref, std::move(a.source));
  }
  const auto carrier = a.carrier->carrier;
  auto* p = l->changes().join(now, std::move(a.carrier));
  carriers[carrier] = {l, p};
  l->received(now, *p, 0);  // frames may have come right behind the proof
  after(now, *l);
}

std::optional<carrier_id> endpoint::dialed(instant now, link_ref ref, std::uint64_t attempt,
                                           const carrier_traits& traits) {
  auto* l = impl_->find(ref);
  if (l == nullptr) return std::nullopt;
  auto* p = l->dials().connected(now, attempt, traits);
  std::optional<carrier_id> out;
  if (p != nullptr) {
    out = p->carrier;
    impl_->carriers[p->carrier] = {l, p};
  }
  impl_->after(now, *l);
  return out;
}

void endpoint::dial_failed(instant now, link_ref ref, std::uint64_t attempt, std::error_code code,
                           std::string_view detail) {
  if (auto* l = impl_->find(ref)) {
    l->dials().failed(now, attempt, code, detail);
    impl_->after(now, *l);
  }
}

std::optional<carrier_id> endpoint::accepted(instant now, const carrier_traits& traits) {
  auto* p = impl_->door.accepted(now, traits);
  impl_->after_door(now);  // an older one may have made room
  if (p == nullptr) return std::nullopt;
  impl_->carriers[p->carrier] = {nullptr, p};
  return p->carrier;
}

std::span<std::byte> endpoint::receive_buffer(carrier_id carrier) {
  auto* at = impl_->find(carrier);
  if (at == nullptr || at->at->life.ended()) return {};
  return at->at->in.buffer(impl_->pool);
}

void endpoint::received(instant now, carrier_id carrier, std::size_t n) {
  auto* at = impl_->find(carrier);
  if (at == nullptr || at->at->life.ended()) return;
  at->at->in.commit(n);
  if (n > 0 && at->owner == nullptr) {
    if (auto a = impl_->door.received(now, *at->at, *impl_)) impl_->let_in(now, std::move(*a));
    impl_->after_door(now);
  } else if (n > 0) {
    auto* l = at->owner;
    l->received(now, *at->at, n);
    impl_->after(now, *l);
  }
  at = impl_->find(carrier);
  if (at != nullptr) at->at->in.release();
  impl_->watch_pool(now);
}

void endpoint::drained(instant now, carrier_id carrier) {
  auto* at = impl_->find(carrier);
  if (at == nullptr || at->owner == nullptr) return;
  auto* l = at->owner;
  l->drained(now, *at->at);
  impl_->after(now, *l);
}

void endpoint::handle_datagram(instant now, carrier_id carrier, bytes_view) {
  // Stream flows run on stream carriers alone; a datagram carrier has nothing to say yet.
  path_down(now, carrier, make_error_code(errc::mode_mismatch),
            "datagram carriers are not in this version");
}

void endpoint::transmitted(instant now, carrier_id carrier, std::size_t n) {
  auto* at = impl_->find(carrier);
  if (at == nullptr) return;
  if (at->owner == nullptr) {
    at->at->out.transmitted(n, [](const outbound::finished&) {});
    impl_->after_door(now);
    return;
  }
  auto* l = at->owner;
  l->transmitted(now, *at->at, n);
  impl_->after(now, *l);
}

void endpoint::path_evidence(instant now, carrier_id carrier, const carrier_evidence& evidence) {
  auto* at = impl_->find(carrier);
  if (at == nullptr || at->owner == nullptr) return;
  auto* l = at->owner;
  l->changes().evidence(now, *at->at, evidence);
  impl_->after(now, *l);
}

void endpoint::path_down(instant now, carrier_id carrier, std::error_code code,
                         std::string_view detail) {
  auto* at = impl_->find(carrier);
  if (at == nullptr) return;
  auto* l = at->owner;
  auto* p = at->at;
  impl_->carriers.erase(carrier);
  if (l == nullptr) {
    impl_->door.gone(*p);
    return impl_->watch_pool(now);
  }
  auto text = detail.empty() && code ? code.message() : std::string(detail);
  p->was_reset = code == std::errc::connection_reset || code == std::errc::broken_pipe;
  l->changes().down(now, *p, code ? cause::carrier_error : cause::carrier_eof, std::move(text));
  impl_->after(now, *l);
}

void endpoint::network_changed(instant now) {
  std::vector<link_ref> refs;
  for (const auto& [ref, l] : impl_->links) refs.push_back(ref);
  for (const auto ref : refs) {
    if (auto* l = impl_->find(ref)) {
      l->leaves().network_changed(now);
      impl_->after(now, *l);
    }
  }
}

void endpoint::path_doubted(instant now, carrier_id carrier, std::string_view detail) {
  auto* at = impl_->find(carrier);
  if (at == nullptr || at->owner == nullptr) return;
  auto* l = at->owner;
  l->changes().doubt(now, *at->at, std::string(detail));
  impl_->after(now, *l);
}

void endpoint::handle_timeout(instant now) {
  impl_->door.handle_timeout(now);
  impl_->after_door(now);
  impl_->tidy_pool(now);
  impl_->arm_stale();
  while (!impl_->timers.empty() && impl_->timers.begin()->first <= now) {
    const auto [when, ref] = *impl_->timers.begin();
    auto* l = impl_->find(ref);
    impl_->arm(ref, never);
    if (l == nullptr) continue;
    l->handle_timeout(now, now - when);
    impl_->after(now, *l);
    impl_->arm_stale();
    // A deadline that stays in the past would spin: what is due but waits for an answer of the
    // driver comes again a moment later.
    if (const auto next = impl_->armed.find(ref); next != impl_->armed.end())
      impl_->arm(ref, std::max(next->second, now + duration(std::chrono::microseconds(100))));
  }
}

result<link_ref, failure> endpoint::connect(instant now, const link_config& config) {
  if (config.paths.empty())
    return failure{errc::invalid_argument, "a link needs at least one path"};
  if (config.paths.size() > defaults::paths_per_link) {
    return failure{errc::limit_reached, "a link has at most 64 paths"};
  }
  std::vector<policy::leaf_info> leaves;
  for (const auto& p : config.paths) {
    if (!valid_name(p.name)) {
      return failure{errc::invalid_argument,
                     "path name " + quoted(p.name) + ": " + std::string(name_rule)};
    }
    leaves.push_back({p.name, weight_of(p), p.evidence, p.cost, p.fate});
  }
  policy::graph root;
  if (config.root.empty()) {
    root = policy::default_graph(leaves);
  } else {
    auto parsed = policy::parse_graph(config.root, leaves);
    if (!parsed) return to_failure(config.root, parsed.error());
    if (const auto unused = policy::check_all_used(*parsed, config.root, leaves)) {
      return to_failure(config.root, *unused);
    }
    root = std::move(*parsed);
  }
  const link_ref ref{++impl_->next_link};
  auto made = std::make_unique<link>(impl_->shared, ref, role::dialer, config);
  auto& l = *made;
  impl_->links.emplace(ref, std::move(made));
  l.start(now, std::move(root));
  impl_->after(now, l);
  return ref;
}

void endpoint::close_link(instant now, link_ref ref, std::uint64_t code, std::string_view reason,
                          bool bounded) {
  if (auto* l = impl_->find(ref)) {
    l->close(now, code, reason, bounded);
    impl_->after(now, *l);
  }
}

void endpoint::give_way(instant now, const event::slot_claimed& claimed) {
  impl_->give_way(now, claimed);
}

std::optional<link_ref> endpoint::link_named(const link_id& id) const {
  for (const auto& [ref, l] : impl_->links) {
    if (l->up() && !l->down() && l->in().agreement().keys.link == id) return ref;
  }
  return std::nullopt;
}

std::optional<flow_ref> endpoint::flow_named(const flow_id& id) const {
  for (const auto& [ref, l] : impl_->links) {
    if (const auto number = l->flow_named(id)) return flow_ref{ref, *number};
  }
  return std::nullopt;
}

void endpoint::abort_link(instant now, link_ref ref) {
  if (auto* l = impl_->find(ref)) {
    l->fail(now, errc::aborted, "the link was aborted");
    impl_->after(now, *l);
  }
}

result<flow_ref> endpoint::open_stream(instant now, link_ref ref, const open_options& options) {
  auto* l = impl_->find(ref);
  if (l == nullptr) return errc::closed;
  auto out = l->ask(now, [&](auto& app) { return app.open(wire::flow_kind::stream, options); });
  impl_->after(now, *l);
  return out;
}

result<flow_ref> endpoint::open_packet(instant now, link_ref ref, const open_options& options) {
  auto* l = impl_->find(ref);
  if (l == nullptr) return errc::closed;
  auto out = l->ask(now, [&](auto& app) { return app.open(wire::flow_kind::packet, options); });
  impl_->after(now, *l);
  return out;
}

// Runs `call(application, flow)` and settles the link; `missing` when there is no such flow.
template <class Missing, class Call>
static auto on_flow(auto& impl, instant now, flow_ref ref, Missing missing, Call&& call)
    -> decltype(call(std::declval<application&>(), *impl.find(ref))) {
  auto* f = impl.find(ref);
  if (f == nullptr) return missing;
  auto& l = *impl.find(ref.link);
  auto out = l.ask(now, [&](application& app) { return call(app, *f); });
  impl.after(now, l);
  return out;
}

errc endpoint::accept_flow(instant now, flow_ref ref) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.accept(f); });
}

errc endpoint::reject_flow(instant now, flow_ref ref, std::uint64_t code, std::string_view reason) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.reject(f, code, reason); });
}

result<std::size_t> endpoint::write(instant now, flow_ref ref, bytes_view data) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.write(f, data); });
}

result<endpoint::read_result> endpoint::read(instant now, flow_ref ref, bytes_span out) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.read(now, f, out); });
}

result<bool> endpoint::send_packet(instant now, flow_ref ref, bytes_view data) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.send_packet(f, data); });
}

result<endpoint::packet_result> endpoint::receive_packet(instant now, flow_ref ref,
                                                         bytes_span out) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.receive_packet(now, f, out); });
}

result<std::optional<std::size_t>> endpoint::next_packet(flow_ref ref) const {
  auto* f = impl_->find(ref);
  if (f == nullptr) return errc::closed;
  return f->next_packet();
}

result<std::size_t> endpoint::peek(flow_ref ref, std::span<bytes_view> out) const {
  auto* f = impl_->find(ref);
  if (f == nullptr) return errc::closed;
  return f->peek(out);
}

void endpoint::consume(instant now, flow_ref ref, std::size_t n) {
  on_flow(*impl_, now, ref, 0, [&](application& app, flow& f) {
    app.consume(now, f, n);
    return 0;
  });
}

errc endpoint::shutdown(instant now, flow_ref ref) {
  return on_flow(*impl_, now, ref, errc::closed,
                 [&](application& app, flow& f) { return app.shutdown(f); });
}

void endpoint::close(instant now, flow_ref ref) {
  on_flow(*impl_, now, ref, 0, [&](application& app, flow& f) {
    app.close(now, f);
    return 0;
  });
}

void endpoint::abort(instant now, flow_ref ref, std::uint64_t code) {
  on_flow(*impl_, now, ref, 0, [&](application& app, flow& f) {
    app.abort(now, f, code);
    return 0;
  });
}

void endpoint::abort_after_delivery(instant now, flow_ref ref, std::uint64_t code) {
  on_flow(*impl_, now, ref, 0, [&](application& app, flow& f) {
    app.abort_after_delivery(now, f, code);
    return 0;
  });
}

template <class Call>
static std::optional<failure> on_link(auto& impl, instant now, link_ref ref, Call&& call) {
  auto* l = impl.find(ref);
  if (l == nullptr || l->down()) return failure{errc::closed, "the link is over"};
  auto out = call(*l);
  impl.after(now, *l);
  return out;
}

std::optional<failure> endpoint::select(instant now, link_ref ref, std::string_view node,
                                        std::string_view child, std::string_view root) {
  return on_link(*impl_, now, ref,
                 [&](link& l) { return l.graphs().select(now, root, node, child); });
}

std::optional<failure> endpoint::migrate(instant now, link_ref ref, std::string_view leaf,
                                         std::string_view root) {
  return on_link(*impl_, now, ref, [&](link& l) { return l.graphs().migrate(now, root, leaf); });
}

std::optional<failure> endpoint::set_root(instant now, link_ref ref, std::string_view text,
                                          std::string_view root) {
  return on_link(*impl_, now, ref, [&](link& l) { return l.graphs().set_root(now, root, text); });
}

result<spec_id, failure> endpoint::attach(instant now, link_ref ref, const path_config& config) {
  auto* l = impl_->find(ref);
  if (l == nullptr || l->down()) return failure{errc::closed, "the link is over"};
  auto out = l->leaves().attach(now, config);
  impl_->after(now, *l);
  return out;
}

std::optional<failure> endpoint::detach(instant now, link_ref ref, std::string_view leaf) {
  return on_link(*impl_, now, ref, [&](link& l) { return l.leaves().detach(now, leaf); });
}

std::optional<any_event> endpoint::poll_event() {
  if (auto e = impl_->events.poll()) return e;
  while (!impl_->ready_links.empty()) {
    auto* l = impl_->find(impl_->ready_links.front());
    if (l != nullptr) {
      if (auto e = l->poll_ready()) return any_event(*e);
    }
    impl_->ready_links.pop_front();
  }
  return std::nullopt;
}

std::optional<carrier_id> endpoint::next_transmit() {
  while (auto id = impl_->transmit.next()) {
    if (impl_->carriers.contains(*id)) return id;
  }
  return std::nullopt;
}

std::span<const bytes_view> endpoint::poll_transmit(instant now, carrier_id carrier,
                                                    std::size_t limit) {
  auto* at = impl_->find(carrier);
  if (at == nullptr) return {};
  if (at->owner == nullptr) return impl_->door.poll_transmit(*at->at);
  auto* l = at->owner;
  const auto pieces = l->poll_transmit(now, *at->at, limit);
  impl_->after(now, *l);
  // The path may have ended in it: its key was worn out.
  return impl_->find(carrier) == nullptr ? std::span<const bytes_view>{} : pieces;
}

instant endpoint::next_timeout() const {
  impl_->arm_stale();
  const auto links = impl_->timers.empty() ? never : impl_->timers.begin()->first;
  return std::min({links, impl_->door.next_timeout(), impl_->tidy_at});
}

std::uint32_t endpoint::unsent_limit(carrier_id carrier) const {
  const auto it = impl_->carriers.find(carrier);
  if (it == impl_->carriers.end() || it->second.owner == nullptr) return defaults::unsent_max;
  return sender::unsent_limit(*it->second.at);
}

endpoint_status endpoint::status(instant now) const {
  endpoint_status out;
  out.instance = impl_->config.instance;
  for (const auto& [ref, l] : impl_->links) out.links.push_back(l->status(now));
  out.handshakes = impl_->door.waiting();
  out.handshakes_evicted = impl_->door.evicted();
  out.handshakes_failed = impl_->door.failed();
  out.events_dropped = impl_->events.dropped();
  out.budget = impl_->memory.limit();
  out.budget_used = impl_->memory.used();
  out.slab_bytes = impl_->pool.in_use();
  out.slab_kept = impl_->pool.kept();
  return out;
}

std::optional<link_status> endpoint::status(instant now, link_ref ref) const {
  const auto* l = std::as_const(*impl_).find(ref);
  if (l == nullptr) return std::nullopt;
  return l->status(now);
}

std::optional<flow_status> endpoint::status(flow_ref ref) const {
  auto* f = impl_->find(ref);
  if (f == nullptr) return std::nullopt;
  return f->status(ref.link);
}

std::size_t endpoint::slab_bytes() const { return impl_->pool.in_use(); }

}  // namespace rendr::engine
