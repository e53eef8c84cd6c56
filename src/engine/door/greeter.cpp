// SPDX-License-Identifier: Apache-2.0
#include "engine/door/greeter.hpp"

#include <algorithm>
#include <tuple>

#include "engine/record/record_writer.hpp"

namespace rendr::engine {

namespace {

constexpr duration longest_pending = std::chrono::minutes(10);
constexpr std::string_view no_plaintext =
    "this server takes paths in plaintext on loopback and on secured carriers alone; it was not "
    "started insecure";

// A dialer says one HELLO on some of its paths at once.
constexpr unsigned carriers_of_a_hello = 4;

// One record of HELLO has its largest Noise message in it; nothing else is as long before a proof.
constexpr std::size_t unproven_bytes = 2048;
static_assert(unproven_bytes > wire::max_noise_message + 256);

// On loopback everybody behind a local proxy looks the same.
bool is_capped(const carrier_traits& traits, const std::string& source) noexcept {
  return !traits.loopback && !source.empty();
}

}  // namespace

// Where a path belongs: a link, or one that is not confirmed yet.
struct greeter::destination {
  std::optional<made_link> made;
  pending_link* waits = nullptr;  // of use while none is made

  explicit operator bool() const noexcept { return made || waits != nullptr; }
  const link_agreement& agreement() const noexcept {
    return made ? *made->agreement : waits->hello->agreement();
  }
  bool full() const noexcept { return made && made->full; }
  bool id_free(std::uint64_t id) const noexcept { return !made || made->ids->free(id); }
};

link_ends greeter::ends_of(const link_agreement& agreement) const {
  return {agreement.peer, s_.config.instance, 0};
}

// Who has too many, or the most when all together are too many, gives up his oldest.
bool greeter::make_room(const std::string& source, bool capped) {
  const auto evict = [&](const auto& chosen) {
    const auto it = std::find_if(carriers_.begin(), carriers_.end(), [&](const guest& g) {
      return !g.carrier->life.ended() && !g.known && chosen(g);
    });
    if (it == carriers_.end()) return false;
    ++evicted_;
    s_.events.observe(event::stranger_refused{it->carrier->traits.remote, errc::limit_reached,
                                              "too many connections have proven nothing yet"});
    drop(*it, false);
    return true;
  };
  const auto limit = s_.config.handshakes;
  const auto per_source = share_of(limit);
  if (capped && sources_.count(source) >= per_source)
    return evict([&](const guest& g) { return g.source == source; });
  // Those that are closing are rid of as soon as their refusal is written.
  const auto strangers = carriers_.size() - known_;
  if (strangers >= 2 * limit) return false;
  if (strangers - closing_ < limit) return true;
  const auto most = sources_.most();
  return evict([&](const guest& g) { return sources_.count(g.source) == most; });
}

path* greeter::accepted(instant now, const carrier_traits& traits) {
  auto source = source_key(traits.remote);
  if (!make_room(source, is_capped(traits, source))) {
    ++failed_;
    return nullptr;
  }
  auto p = std::make_unique<path>();
  p->carrier = carrier_id{++s_.next_carrier};
  p->traits = traits;
  p->rtt.deadline_variations(s_.config.deadline_variations);
  p->evidence = traits.evidence;
  p->attach_until = now + defaults::handshake_timeout;
  p->last_heard = now;
  sources_.add(source);
  carriers_.push_back({std::move(p), std::move(source), {}, std::nullopt, {}, false});
  return carriers_.back().carrier.get();
}

greeter::guest* greeter::find(const path& p) {
  const auto it = std::find_if(carriers_.begin(), carriers_.end(),
                               [&](const guest& g) { return g.carrier.get() == &p; });
  return it == carriers_.end() ? nullptr : &*it;
}

void greeter::send(path& p, const wire::handshake_message& message, wire::form form) {
  const wire::prologue first{form, wire::version, {}};
  const bool begin = p.handshakes_sent == 0;
  append_handshake(p.handshake_out, p.handshakes_sent++, wire::encode(message),
                   begin ? &first : nullptr);
  s_.transmit.wake(p.carrier);
}

// What it shows takes a key, or a record of somebody who has it.
void greeter::recognize(guest& g) {
  if (g.known || known_ >= s_.config.handshakes) return;
  if (g.hello) {
    const auto known = hellos_.find(*g.hello);
    if (known == hellos_.end() || known->second.shown >= carriers_of_a_hello) return;
    ++known->second.shown;
  }
  sources_.remove(g.source);
  g.known = true;
  ++known_;
}

// It is neither a stranger nor known any more.
void greeter::leave(guest& g) {
  if (!g.known) return sources_.remove(g.source);
  --known_;
  if (!g.hello) return;
  const auto hello = hellos_.find(*g.hello);
  if (hello != hellos_.end() && hello->second.shown > 0) --hello->second.shown;
}

void greeter::drop(guest& g, bool flush) {
  if (g.carrier->life.ended()) return;
  leave(g);
  ++closing_;
  g.carrier->life.end(flush);
  s_.events.order(event::close_carrier{g.carrier->carrier, flush, true});
  if (flush) s_.transmit.wake(g.carrier->carrier);
}

void greeter::cast_out(guest& g, errc code, std::string_view why) {
  ++failed_;
  s_.events.observe(event::stranger_refused{g.carrier->traits.remote, code, std::string(why)});
  drop(g, false);
}

void greeter::refuse(guest& g, errc code, std::string_view reason, const secret<32>* reset_token) {
  refuse(g, {code, std::string(reason), {}}, reset_token);
}

void greeter::refuse(guest& g, const hello_refusal& why, const secret<32>* reset_token) {
  ++failed_;
  s_.events.observe(event::stranger_refused{g.carrier->traits.remote, why.code,
                                            why.told_here.empty() ? why.reason : why.told_here});
  wire::refuse message;
  message.code = static_cast<std::uint64_t>(why.code);
  message.versions = std::uint64_t{1} << wire::version;
  message.instance = s_.config.instance;
  message.reason = why.reason;
  if (reset_token != nullptr) {
    const auto token = reset_token->view();
    std::copy(token.begin(), token.end(), message.reset_token.begin());
  }
  send(*g.carrier, message, g.first.kind);
  drop(g, true);
}

std::optional<greeter::admission> greeter::received(instant now, path& p,
                                                    const link_directory& links) {
  auto* g = find(p);
  if (g == nullptr) return std::nullopt;
  p.last_heard = now;
  if (!p.prologue_read) {
    const auto first = p.in.prologue();
    if (!first) {
      if (first.error() == errc::version_mismatch) {
        refuse(*g, errc::version_mismatch, "this wire version is not spoken here");
      } else {
        cast_out(*g, errc::protocol_violation, "the first bytes are not rendr's");
      }
      return std::nullopt;
    }
    if (!first->has_value()) return std::nullopt;
    p.prologue_read = true;
    g->first = **first;
  }
  while (!p.life.ended()) {
    const auto record = p.in.next(nullptr);
    if (!record || (record->has_value() && (*record)->kind != wire::record_kind::handshake)) {
      cast_out(*g, errc::protocol_violation, "its first record is malformed");
      return std::nullopt;
    }
    if (!record->has_value()) {
      if (p.in.pending() <= unproven_bytes) return std::nullopt;
      cast_out(*g, errc::protocol_violation, "it says too much before it has proven anything");
      return std::nullopt;
    }
    p.next_expected = (*record)->number + 1;
    if (auto a = take(now, *g, (*record)->payload, links)) return a;
  }
  return std::nullopt;
}

std::optional<greeter::admission> greeter::take(instant now, guest& g, bytes_view payload,
                                                const link_directory& links) {
  const auto message = wire::decode_handshake(payload);
  const bool first = g.carrier->life.at(path_stage::waiting);
  if (message) {
    if (const auto* hello = std::get_if<wire::hello>(&*message); hello != nullptr && first) {
      take_hello(now, g, *hello, links);
      return std::nullopt;
    }
    if (const auto* attach = std::get_if<wire::attach>(&*message); attach != nullptr && first) {
      take_attach(g, *attach, links);
      return std::nullopt;
    }
    if (const auto* ask = std::get_if<wire::ask>(&*message); ask != nullptr && first) {
      take_ask(g, *ask, links);
      return std::nullopt;
    }
    if (const auto* ack = std::get_if<wire::attach_ack>(&*message); ack != nullptr && !first) {
      return take_proof(now, g, *ack, links);
    }
  }
  cast_out(g, errc::protocol_violation, "a handshake message is malformed or out of turn");
  return std::nullopt;
}

// Without a seal, whoever is on the way reads and changes what the path carries.
bool greeter::takes(const path& p, wire::guard guarded) noexcept {
  return guarded == wire::guard::sealed || p.traits.secured || p.traits.loopback ||
         p.traits.take_plaintext;
}

void greeter::take_hello(instant now, guest& g, const wire::hello& hello,
                         const link_directory& links) {
  if (!s_.config.accept_links) return refuse(g, errc::refused, "no links are accepted here");
  if (!takes(*g.carrier, hello.guarded)) return refuse(g, errc::auth_failed, no_plaintext);
  if (hello.leaf >= defaults::paths_per_link)
    return refuse(g, errc::limit_reached, "too many paths");
  const auto key = hello_key(hello);
  auto known = hellos_.find(key);
  if (known == hellos_.end()) {
    if (!links.room(g.source, is_capped(g.carrier->traits, g.source)))
      return refuse(g, errc::limit_reached, "no more links are taken");
    const auto grace = s_.config.accepted.no_path_grace;
    const hello_offer self{s_.config.instance, 0, s_.config.features, grace_on_wire(grace)};
    const auto token = s_.mint.make(s_.secrets);
    auto made =
        acceptor_hello::make(self, keys_, s_.mint.reset_of(token), token, hello, s_.secrets);
    if (!made) return refuse(g, made.error());
    if (hellos_.size() >= s_.config.handshakes) evict_hello();
    // As long as the link itself would live without a path: the dialer counts it as up already.
    const auto life = std::clamp<duration>(grace, defaults::handshake_timeout, longest_pending);
    known = hellos_
                .emplace(key, pending_link{std::make_shared<acceptor_hello>(std::move(*made)),
                                           now + life, g.source, false})
                .first;
    hellos_until_ = std::min(hellos_until_, now + life);
  }
  g.hello = key;
  g.carrier->leaf = static_cast<spec_id>(hello.leaf);
  g.carrier->guarded = hello.guarded;
  g.carrier->life.on(path_event::confirm);
  if (s_.config.accept_credentials.psk || s_.config.accept_credentials.allowed_keys) recognize(g);
  send(*g.carrier, known->second.hello->answer(), wire::form::hello);
}

// One whose link was made is kept for late duplicates alone and goes first; then the oldest of who
// has the most.
void greeter::evict_hello() {
  source_table sources;
  for (const auto& [key, hello] : hellos_) {
    if (!hello.consumed) sources.add(hello.source);
  }
  const auto most = sources.most();
  const auto rank = [&](const pending_link& hello) {
    const bool kept = !hello.consumed && sources.count(hello.source) < most;
    return std::tuple(kept, !hello.consumed, hello.until);
  };
  hellos_.erase(std::min_element(hellos_.begin(), hellos_.end(), [&](const auto& a, const auto& b) {
    return rank(a.second) < rank(b.second);
  }));
}

// An attach may overtake the confirmation of the first path, and is as good a proof of the link's
// key.
template <class Is>
greeter::destination greeter::find_destination(std::optional<made_link> made, Is is) {
  if (made) return {made, nullptr};
  const auto known = std::find_if(hellos_.begin(), hellos_.end(), [&](const auto& entry) {
    return is(entry.second.hello->agreement());
  });
  return {std::nullopt, known == hellos_.end() ? nullptr : &known->second};
}

// A path id has one challenge at a time, or a recorded ATTACH would bring as many as it is
// replayed; and a link has as many as it may have paths.
bool greeter::room_for_attach(const link_id& link, std::uint64_t id) {
  guest* oldest = nullptr;
  std::size_t challenged = 0;
  for (auto& g : carriers_) {
    if (!g.carrier->life.at(path_stage::challenged) || g.link != link) continue;
    if (g.carrier->id == id) return false;
    if (challenged++ == 0) oldest = &g;
  }
  if (challenged < defaults::paths_per_link) return true;
  ++evicted_;
  drop(*oldest, false);
  return true;
}

greeter::destination greeter::find_destination(const routing_token& token,
                                               const link_directory& links) {
  return find_destination(links.named_by(token),
                          [&](const auto& agreement) { return agreement.token == token; });
}

// Only who made the token may say that the link is gone for good.
void greeter::refuse_unknown(guest& g) {
  const auto token = s_.mint.reset_of(g.first.token);
  const bool may_say =
      s_.config.accept_links && s_.mint.maker_of(g.first.token) == token_mint::maker::me;
  refuse(g, errc::refused, "this link is not known here", may_say ? &token : nullptr);
}

// For a token that no server with this reset key made, its own key must do: it says that this
// server, as it is now, never had that link. For a relative's token it says nothing.
void greeter::take_ask(guest& g, const wire::ask& ask, const link_directory& links) {
  if (find_destination(g.first.token, links))
    return refuse(g, errc::unavailable, "this link is known here");
  if (!s_.config.accept_links || s_.mint.maker_of(g.first.token) != token_mint::maker::nobody)
    return refuse_unknown(g);
  const auto noise = answer_question(keys_, g.first.token, ask, s_.secrets);
  if (!noise) return refuse(g, noise.error().code, noise.error().reason);
  send(*g.carrier, wire::answer{*noise}, g.first.kind);
  drop(g, true);
}

void greeter::take_attach(guest& g, const wire::attach& attach, const link_directory& links) {
  if (!takes(*g.carrier, attach.guarded)) return refuse(g, errc::auth_failed, no_plaintext);
  const auto to = find_destination(g.first.token, links);
  if (!to) return refuse_unknown(g);
  if (attach.leaf >= defaults::paths_per_link || to.full())
    return refuse(g, errc::limit_reached, "the link has all its paths");
  const bool free = attach.path != first_path && to.id_free(attach.path);
  if (!free) return refuse(g, errc::refused, "the path id was used before");
  const auto& agreement = to.agreement();
  auto made = acceptor_attach::make(agreement.keys, ends_of(agreement), attach, {}, s_.secrets);
  if (!made) return refuse(g, made.error(), "the proof of the attach did not verify");
  if (!room_for_attach(agreement.keys.link, attach.path))
    return refuse(g, errc::refused, "an attach of this path id is under way");
  g.link = agreement.keys.link;
  g.carrier->id = attach.path;
  g.carrier->leaf = static_cast<spec_id>(attach.leaf);
  g.carrier->guarded = attach.guarded;
  g.carrier->life.on(path_event::challenge);
  recognize(g);
  g.carrier->challenged.emplace(std::move(*made));
  send(*g.carrier, g.carrier->challenged->message(), wire::form::attach);
}

std::optional<greeter::admission> greeter::take_proof(instant now, guest& g,
                                                      const wire::attach_ack& ack,
                                                      const link_directory& links) {
  admission out;
  const bool good =
      g.hello ? confirmed(now, g, ack, links, out) : attached(now, g, ack, links, out);
  if (!good) {
    cast_out(g, errc::auth_failed, "its proof does not verify");
    return std::nullopt;
  }
  g.carrier->challenged.reset();
  out.source = g.source;
  out.capped = is_capped(g.carrier->traits, g.source);
  out.carrier = release(g);
  return out;
}

// The link is made: what is left of its hello only answers late duplicates.
bool greeter::consume(instant now, pending_link& hello) {
  hello.until = std::min(hello.until, now + defaults::handshake_timeout);
  hellos_until_ = std::min(hellos_until_, hello.until);
  return !std::exchange(hello.consumed, true);
}

bool greeter::admit(instant now, guest& g, const destination& to, const path_keys& keys,
                    admission& out) {
  const auto& agreement = to.agreement();
  g.carrier->protect(keys, role::acceptor, agreement.cipher(), s_.config.records_per_key);
  if (to.made) {
    out.into = to.made->link;
    return true;
  }
  out.agreement = agreement;
  return consume(now, *to.waits);
}

bool greeter::confirmed(instant now, guest& g, const wire::attach_ack& ack,
                        const link_directory& links, admission& out) {
  const auto known = hellos_.find(*g.hello);
  if (known == hellos_.end()) return false;
  const auto& agreement = known->second.hello->agreement();
  const destination to{links.named(agreement.keys.link), &known->second};
  if (to.full() || !to.id_free(first_path)) return false;
  const auto keys = verify_confirm(agreement.keys, ends_of(agreement), g.carrier->terms(), ack, {});
  return keys && admit(now, g, to, *keys, out);
}

bool greeter::attached(instant now, guest& g, const wire::attach_ack& ack,
                       const link_directory& links, admission& out) {
  const auto to = find_destination(
      links.named(g.link), [&](const auto& agreement) { return agreement.keys.link == g.link; });
  if (!to || to.full() || !to.id_free(g.carrier->id)) return false;
  const auto keys = g.carrier->challenged->finish(to.agreement().keys, ack);
  return keys && admit(now, g, to, *keys, out);
}

std::unique_ptr<path> greeter::release(guest& g) {
  leave(g);
  auto p = std::move(g.carrier);
  std::erase_if(carriers_, [](const guest& other) { return other.carrier == nullptr; });
  return p;
}

std::span<const bytes_view> greeter::poll_transmit(path& p) {
  if (p.out.empty() && !p.handshake_out.empty()) p.write_handshake(s_.pool);
  return p.out.pieces();
}

void greeter::gone(path& p) {
  std::erase_if(carriers_, [&](guest& g) {
    const bool found = g.carrier.get() == &p;
    if (found && p.life.ended()) --closing_;
    if (found && !p.life.ended()) leave(g);
    return found;
  });
}

// Asked after every turn of the loop. All carriers have the same time from their arrival on.
instant greeter::next_timeout() const noexcept {
  const auto oldest = std::find_if(carriers_.begin(), carriers_.end(),
                                   [](const guest& g) { return !g.carrier->life.ended(); });
  if (oldest == carriers_.end()) return hellos_until_;
  return std::min(oldest->carrier->attach_until, hellos_until_);
}

void greeter::handle_timeout(instant now) {
  for (auto& g : carriers_) {
    if (g.carrier->life.ended() || g.carrier->attach_until > now) continue;
    cast_out(g, errc::timed_out, "it has proven nothing in time");
  }
  if (hellos_until_ > now) return;
  hellos_until_ = never;
  std::erase_if(hellos_, [&](const auto& entry) {
    const bool over = entry.second.until <= now;
    if (!over) hellos_until_ = std::min(hellos_until_, entry.second.until);
    return over;
  });
}

std::vector<carrier_id> greeter::sweep() {
  std::vector<carrier_id> out;
  for (auto it = carriers_.begin(); closing_ > out.size() && it != carriers_.end();) {
    const auto& p = *it->carrier;
    const bool over =
        p.life.ended() && (!p.life.flushes() || (p.out.empty() && p.handshake_out.empty()));
    if (over) out.push_back(p.carrier);
    it = over ? carriers_.erase(it) : std::next(it);
  }
  closing_ -= out.size();
  return out;
}

}  // namespace rendr::engine
