// SPDX-License-Identifier: Apache-2.0
#include "sim/journal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace rendr::sim {

void running_hash::add(std::uint64_t value) noexcept {
  value_ = std::rotl(value_ ^ value, 29) * 0x9e3779b97f4a7c15;
  value_ ^= value_ >> 32;
}

void running_hash::add(bytes_view data) noexcept {
  add(std::uint64_t{data.size()});
  for (std::size_t i = 0; i < data.size(); i += sizeof(std::uint64_t)) {
    std::array<std::byte, sizeof(std::uint64_t)> word{};
    std::memcpy(word.data(), data.data() + i, std::min(word.size(), data.size() - i));
    std::uint64_t value = 0;
    for (std::size_t b = word.size(); b-- != 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(word[b]);
    add(value);
  }
}

void running_hash::add(std::string_view text) noexcept {
  add(std::as_bytes(std::span(text.data(), text.size())));
}

std::string hex(std::uint64_t value) {
  std::string text(16, '0');
  for (auto it = text.rbegin(); it != text.rend(); ++it, value >>= 4)
    *it = "0123456789abcdef"[value & 15];
  return text;
}

namespace {

/// One line: a word, then fields in the order in which they are put.
class entry {
 public:
  explicit entry(std::string_view word) : text_(word) {}
  entry(instant when, std::string_view who, std::string_view word) {
    text_ = std::to_string(when.time_since_epoch().count());
    text_.append(" ").append(who).append(" ").append(word);
  }

  template <class T>
  entry& operator()(std::string_view name, const T& value) {
    text_.append(" ").append(name).append("=");
    put(value);
    return *this;
  }
  const std::string& text() const noexcept { return text_; }

 private:
  void put(std::string_view v) { text_.append("\"").append(v).append("\""); }
  void put(const std::string& v) { put(std::string_view(v)); }
  void put(duration v) { text_ += std::to_string(v.count()); }
  void put(instant v) { put(v.time_since_epoch()); }
  void put(const std::error_code& v) {
    text_.append(v.category().name()).append(":").append(std::to_string(v.value()));
  }
  void put(const engine::flow_ref& v) {
    put(v.link);
    text_ += '/';
    put(v.number);
  }
  void put(bytes_view v) {
    running_hash h;
    h.add(v);
    text_ += std::to_string(v.size()) + ":" + hex(h.value());
  }
  void put(const bytes& v) { put(bytes_view(v)); }
  template <std::size_t N>
  void put(const std::array<std::byte, N>& v) {
    put(bytes_view(v));
  }
  template <class T>
  void put(const std::optional<T>& v) {
    if (v) return put(*v);
    text_ += "none";
  }
  template <class T>
    requires std::is_enum_v<T> || std::is_integral_v<T>
  void put(T v) {
    if constexpr (std::is_enum_v<T>) {
      put(static_cast<std::underlying_type_t<T>>(v));
    } else {
      text_ += std::to_string(+v);
    }
  }

  std::string text_;
};

/// The fields of each kind of event, all of them.
struct event_fields {
  entry out;

  event_fields(instant when, std::string_view who, std::string_view word) : out(when, who, word) {}

  void operator()(const engine::event::dial& e) {
    out("link", e.link)("spec", e.spec)("attempt", e.attempt)("timeout", e.timeout)("away", e.away);
  }
  void operator()(const engine::event::cancel_dial& e) {
    out("link", e.link)("attempt", e.attempt);
  }
  void operator()(const engine::event::close_carrier& e) {
    out("carrier", e.carrier)("flush", e.flush)("stranger", e.stranger);
  }
  void operator()(const engine::event::need_evidence& e) { out("carrier", e.carrier); }
  void operator()(const engine::event::link_up& e) {
    out("link", e.link)("peer", e.peer)("remote", e.remote)("key", e.key);
  }
  void operator()(const engine::event::link_down& e) {
    out("link", e.link)("code", e.code)("detail", e.detail);
  }
  void operator()(const engine::event::peer_restarted& e) { out("link", e.link)("other", e.other); }
  void operator()(const engine::event::going_away& e) {
    out("link", e.link)("code", e.code)("reason", e.reason);
  }
  void operator()(const engine::event::incoming_flow& e) {
    out("flow", e.flow)("id", e.id)("kind", e.kind)("metadata", e.metadata);
  }
  void operator()(const engine::event::flow_ready& e) {
    out("flow", e.flow)("readable", e.readable)("writable", e.writable)("accepted", e.accepted);
  }
  void operator()(const engine::event::flow_done& e) {
    out("flow", e.flow)("code", e.code)("app_code", e.app_code)("detail", e.detail);
  }
  void operator()(const engine::event::slot_claimed& e) {
    out("owner", e.claim.slot.owner)("id", e.claim.slot.id)("key", e.claim.key);
    out("dialer", e.dialer)("made", e.made);
  }
  void operator()(const engine::event::path_changed& e) {
    out("link", e.link)("carrier", e.carrier)("spec", e.spec)("name", e.name);
    out("from", e.from)("to", e.to)("why", e.why)("detail", e.detail);
  }
  void operator()(const engine::event::dial_began& e) {
    out("link", e.link)("spec", e.spec)("name", e.name);
  }
  void operator()(const engine::event::dial_ended& e) {
    out("link", e.link)("spec", e.spec)("name", e.name)("code", e.code)("detail", e.detail);
  }
  void operator()(const engine::event::path_missing& e) {
    out("link", e.link)("name", e.name)("after", e.after)("lasting", e.lasting);
    out("reason", e.reason);
  }
  void operator()(const engine::event::stranger_refused& e) {
    out("remote", e.remote)("code", e.code)("reason", e.reason);
  }
  void operator()(const engine::event::migration& e) {
    out("link", e.link)("root", e.root)("node", e.node)("from", e.from)("to", e.to);
    out("why", e.why)("reason", e.reason)("evidence", e.evidence);
  }
};

struct event_word {
  std::string_view operator()(const engine::event::dial&) { return "dial"; }
  std::string_view operator()(const engine::event::cancel_dial&) { return "cancel_dial"; }
  std::string_view operator()(const engine::event::close_carrier&) { return "close_carrier"; }
  std::string_view operator()(const engine::event::need_evidence&) { return "need_evidence"; }
  std::string_view operator()(const engine::event::link_up&) { return "link_up"; }
  std::string_view operator()(const engine::event::link_down&) { return "link_down"; }
  std::string_view operator()(const engine::event::peer_restarted&) { return "peer_restarted"; }
  std::string_view operator()(const engine::event::going_away&) { return "going_away"; }
  std::string_view operator()(const engine::event::incoming_flow&) { return "incoming_flow"; }
  std::string_view operator()(const engine::event::flow_ready&) { return "flow_ready"; }
  std::string_view operator()(const engine::event::flow_done&) { return "flow_done"; }
  std::string_view operator()(const engine::event::slot_claimed&) { return "slot_claimed"; }
  std::string_view operator()(const engine::event::path_changed&) { return "path_changed"; }
  std::string_view operator()(const engine::event::dial_began&) { return "dial_began"; }
  std::string_view operator()(const engine::event::dial_ended&) { return "dial_ended"; }
  std::string_view operator()(const engine::event::path_missing&) { return "path_missing"; }
  std::string_view operator()(const engine::event::stranger_refused&) { return "stranger_refused"; }
  std::string_view operator()(const engine::event::migration&) { return "migration"; }
};

entry of(instant now, const path_status& p) {
  entry out("  path");
  out("spec", p.spec)("name", p.name)("carrier", p.carrier)("path", p.path)("phase", p.phase);
  out("guard", p.guard)("carries_data", p.carries_data)("srtt", p.srtt)("rttvar", p.rttvar);
  out("min_rtt", p.min_rtt)("rate", p.rate)("peer_rate", p.peer_rate)("in_flight", p.in_flight);
  out("sent_bytes", p.sent_bytes)("received_bytes", p.received_bytes);
  out("payload_sent", p.payload_sent)("payload_received", p.payload_received);
  out("duplicate_received", p.duplicate_received)("extra_sent", p.extra_sent)("deaths", p.deaths);
  out("suspicions", p.suspicions)("dials", p.dials)("last_heard_age", p.last_heard_age);
  out("local", p.local)("remote", p.remote);
  for (const auto& r : p.history) {
    out("when", now - r.age)("from", r.from)("to", r.to)("why", r.why)("detail", r.detail);
  }
  return out;
}

entry of(const flow_status& f) {
  entry out("  flow");
  out("flow", f.flow)("id", f.id)("kind", f.kind)("incoming", f.incoming)("accepted", f.accepted);
  out("root", f.root)("written", f.written)("acknowledged", f.acknowledged);
  out("discarded", f.discarded)("received", f.received)("read", f.read);
  out("send_credit", f.send_credit)("duplicates", f.duplicates)("sent", f.packets_sent);
  out("given_up", f.packets_given_up)("packets", f.packets_received);
  out("doubled", f.packets_discarded)("read_error", f.read_error)("write_error", f.write_error);
  out("app_code", f.app_code)("detail", f.detail);
  return out;
}

entry of(const link_status& l) {
  entry out(" link");
  out("link", l.link)("id", l.id)("side", l.side)("up", l.up)("peer", l.peer)("root", l.root);
  std::vector<std::pair<std::string, std::string>> roots(l.roots.begin(), l.roots.end());
  std::ranges::stable_sort(roots, {}, [](const auto& r) { return r.first.size(); });
  for (const auto& [name, graph] : roots) out("name", name)("graph", graph);
  out("grace_left", l.grace_left)("peer_stalled", l.peer_stalled);
  out("migrations", l.migrations)("flows_opened", l.flows_opened);
  out("flows_accepted", l.flows_accepted);
  for (const auto& s : l.selections) {
    out("of", s.root)("node", s.node)("child", s.child)("reason", s.reason);
    out("evidence", s.evidence)("overridden", s.overridden);
  }
  return out;
}

entry of(instant when, std::string_view who, const endpoint_status& s) {
  entry out(when, who, "status");
  out("instance", s.instance)("handshakes", s.handshakes)("evicted", s.handshakes_evicted);
  out("failed", s.handshakes_failed)("dropped", s.events_dropped)("budget", s.budget);
  out("used", s.budget_used)("slabs", s.slab_bytes)("kept", s.slab_kept);
  return out;
}

}  // namespace

void journal::take(const std::string& line) {
  hash_.add(std::string_view(line));
  ++lines_;
  if (reader_) reader_(line);
}

void journal::happened(instant when, std::string_view who, const engine::any_event& e) {
  event_fields fields(when, who, std::visit(event_word{}, e));
  std::visit(fields, e);
  take(fields.out.text());
}

void journal::adopted(instant when, std::string_view who, std::optional<engine::carrier_id> id) {
  take(entry(when, who, "adopted")("carrier", id).text());
}

void journal::offers_buffer(std::string_view who, engine::carrier_id id, std::size_t size) {
  take(entry(who)("carrier", id)("buffer", size).text());
}

void journal::transmits(instant when, std::string_view who, engine::carrier_id id,
                        std::span<const bytes_view> pieces, std::size_t taken) {
  copy_.clear();
  for (const auto& p : pieces) copy_.insert(copy_.end(), p.begin(), p.end());
  const auto offered = copy_.size();
  copy_.resize(std::min(taken, offered));
  take(entry(when, who, "transmits")("carrier", id)("offered", offered)("taken", copy_).text());
}

void journal::waits(instant when, std::string_view who, instant until) {
  take(entry(when, who, "waits")("until", until).text());
}

void journal::limits(std::string_view who, engine::carrier_id id, std::uint32_t unsent) {
  take(entry(who)("carrier", id)("unsent_limit", unsent).text());
}

void journal::stands(instant when, std::string_view who, const endpoint_status& s) {
  take(of(when, who, s).text());
  for (const auto& l : s.links) {
    take(of(l).text());
    for (const auto& p : l.paths) take(of(when, p).text());
    for (const auto& f : l.flows) take(of(f).text());
  }
}

void journal::remark(std::string_view text) { take(std::string(text)); }

}  // namespace rendr::sim
