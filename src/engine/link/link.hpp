// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fifo.hpp"
#include "engine/endpoint.hpp"
#include "engine/flow/flow.hpp"
#include "engine/link/application.hpp"
#include "engine/link/attacher.hpp"
#include "engine/link/dialing.hpp"
#include "engine/link/flow_care.hpp"
#include "engine/link/leaf_changes.hpp"
#include "engine/link/path_changes.hpp"
#include "engine/link/receiver.hpp"
#include "engine/link/recovery.hpp"
#include "engine/link/rooms.hpp"
#include "engine/link/routing.hpp"
#include "engine/link/sender.hpp"
#include "engine/link/status.hpp"
#include "engine/link/waker.hpp"
#include "engine/path/liveness.hpp"
#include "engine/path/path.hpp"

namespace rendr::engine {

/// The association with one peer: paths below, flows above, the graph between. A pure state
/// machine; the endpoint calls it with the time, it answers through `services`. Beside it, over the
/// same rooms: application, attacher, dialing, flow_care, leaf_changes, path_changes, receiver,
/// recovery, routing, sender, waker. Its own parts by file: link.cpp (life), link_receive.cpp.
class link {
 public:
  link(services& shared, link_ref ref, role side, const link_config& config);
  link(const link&) = delete;
  link& operator=(const link&) = delete;
  ~link();

  // --- life
  errc start(instant now, policy::graph root);  // dialer
  /// Acceptor, once path 0 is proven, which came from `remote`.
  void adopt(instant now, const link_agreement& agreement, const std::string& remote);
  void close(instant now, std::uint64_t code, std::string_view reason, bool bounded);
  void fail(instant now, errc code, const std::string& detail);
  bool up() const noexcept { return rooms_.standing.up(); }
  bool down() const noexcept { return rooms_.standing.down(); }
  /// Down, and the application let go of every flow: may be destroyed.
  bool finished() const noexcept { return down() && rooms_.flows.empty() && rooms_.paths.empty(); }
  link_ref ref() const noexcept { return rooms_.ref; }
  /// To look, not to touch.
  const rooms& in() const noexcept { return rooms_; }
  /// Acceptor: the dialer said which slot it has, since this was asked last.
  bool claim_is_fresh() noexcept { return rooms_.association.claim_is_fresh(); }
  /// Its dialer lives no more, but by what a living path shows in the next minute.
  void give_way(instant now) noexcept { rooms_.standing.give_way(now); }
  /// The number of the flow of this id; nullopt: there is none.
  std::optional<std::uint64_t> flow_named(const flow_id& id) const noexcept {
    return rooms_.flows.named(id);
  }
  instant next_timeout() noexcept;
  void handle_timeout(instant now, duration lateness);

  // --- paths
  path_changes changes() noexcept { return path_changes(rooms_); }
  leaf_changes leaves() noexcept { return leaf_changes(rooms_); }
  dialing dials() noexcept { return dialing(rooms_); }
  void received(instant now, path& p, std::size_t n);
  void drained(instant now, path& p);
  void transmitted(instant now, path& p, std::size_t n);
  std::span<const bytes_view> poll_transmit(instant now, path& p, std::size_t limit);

  // --- application
  /// Runs `call(application&)`, and does what must follow of it.
  template <class Call>
  auto ask(instant now, Call&& call) {
    application asked(rooms_);
    auto out = call(asked);
    if (asked.wants_path()) dials().wanted(now);
    if (asked.let_go_of_one()) check_closing(now);
    return out;
  }
  /// Null: it is over, or never was.
  flow* find(std::uint64_t number) const noexcept { return rooms_.flows.find(number); }
  /// The next flow whose readiness changed, as of now.
  std::optional<event::flow_ready> poll_ready() { return application(rooms_).poll_ready(); }
  /// To be called when a call from outside is over: destroys what ended in it. Returns the carriers
  /// that are finished and flushed.
  std::vector<carrier_id> sweep() {
    rooms_.flows.sweep();
    return rooms_.paths.sweep();
  }

  // --- graph
  routing graphs() noexcept { return routing(rooms_); }

  // --- questions
  link_status status(instant now) const { return status_of(rooms_, now); }

 private:
  // link.cpp
  void begin_anew(instant now, const std::string& detail);
  void check_closing(instant now);

  // link_receive.cpp
  void apply(instant now, path& p, const attach_effect& e);
  bool take_record(instant now, path& p, const wire::record_view& record);
  void apply(instant now, path& p, const frame_effect& e);

  rooms rooms_;
};

}  // namespace rendr::engine
