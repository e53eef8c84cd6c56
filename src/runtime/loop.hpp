// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/endpoint.hpp"
#include "rendr/events.hpp"
#include "rendr/status.hpp"
#include "rendr/transport.hpp"
#include "runtime/carrier.hpp"
#include "transport/net_events.hpp"

namespace rendr::detail {

struct runtime_core;
struct link_core;
struct stream_core;

/// CLOCK_MONOTONIC on the engine's time line.
instant clock_now() noexcept;

struct flow_hash {
  std::size_t operator()(const engine::flow_ref& ref) const noexcept {
    return std::hash<std::uint64_t>{}(ref.number * 0x9e3779b97f4a7c15u +
                                      static_cast<std::uint32_t>(ref.link));
  }
};

/// Drives one engine on one io_context: obeys its events, moves bytes between it and the carriers,
/// and keeps its one timer. Everything but `post`, `call` and `on_thread` belongs to the loop's
/// thread.
class loop : public std::enable_shared_from_this<loop> {
 public:
  loop(runtime_core& owner, unsigned index, std::shared_ptr<asio::io_context> context,
       const engine::endpoint_config& config);
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop();

  // --- any thread
  unsigned index() const noexcept { return index_; }
  asio::any_io_executor executor() const { return context_->get_executor(); }
  bool on_thread() const { return context_->get_executor().running_in_this_thread(); }
  bool on_loop_of_runtime() const;
  const instance_id& instance() const;
  /// True once `end` ran: nothing of this loop is of use any more.
  bool ended() const noexcept { return ended_; }
  void post(std::function<void()> function);
  /// Runs `function` now when on the loop, else posts it. After the end it still runs: it must
  /// look.
  template <class Function>
  void dispatch(Function function) {
    if (on_thread())
      function();
    else
      post(std::move(function));
  }
  /// Runs `function` on the loop and waits for it. `resource_deadlock_would_occur` on the thread of
  /// another loop of the runtime, `errc::closed` after the end: then it did not run.
  std::error_code call(const std::function<void()>& function);
  std::size_t link_count() const noexcept { return link_count_; }

  // --- the loop's thread
  engine::endpoint& endpoint() noexcept { return endpoint_; }
  /// The time for the next input of the engine; never goes backwards.
  instant now() noexcept;
  /// To be called after every input or command: obeys the events and has the output written.
  void touch();
  /// Takes a connection that was accepted.
  void accept(transport::opened connection);
  void add_link(engine::link_ref ref, const std::shared_ptr<link_core>& link);
  void add_flow(engine::flow_ref ref, const std::shared_ptr<stream_core>& flow);
  void forget_flow(engine::flow_ref ref) { flows_.erase(ref); }
  /// Looks after every pump whether what was written to this flow is acknowledged.
  void watch_delivery(const std::shared_ptr<stream_core>& flow);
  /// What the engine knows of a link, with the addresses that its carriers have now.
  std::optional<link_status> status(engine::link_ref ref);
  endpoint_status status();
  /// Doubts the paths that lost their address, then dials what is not alive.
  void network_changed(const transport::net_change& change);
  /// False: it does not live here.
  bool end_link(const link_id& id);
  bool end_flow(const flow_id& id);
  void close_links(std::function<void()> when_none_is_left);
  /// Ends everything at once: goodbyes as far as the sockets take them, then every descriptor.
  void end();

  // --- from carriers
  void carrier_readable(carrier& from);
  void carrier_writable(carrier& from);
  /// @param unflushed it closed before everything that the engine wanted was written.
  void carrier_closed(carrier& from, bool unflushed);

 private:
  using carrier_ptr = std::shared_ptr<carrier>;

  void drain_events();
  void pump();
  void pump_later();
  void arm_timer();
  void timer_fired();
  void read_everything();
  /// True when there may be more to read.
  bool read_some(const carrier_ptr& from, std::size_t budget);
  void transmit(const carrier_ptr& to);
  void read_last_words(const carrier_ptr& from);
  void lost(const carrier_ptr& which, std::error_code code, const std::string& detail);
  carrier_ptr find(engine::carrier_id id) const;
  void half_close(const carrier_ptr& which);
  void turn_away(const carrier_ptr& stranger);
  std::shared_ptr<link_core> find(engine::link_ref ref) const;
  void tell(const link_core& link, link_event event);
  void tell(const link_event& event, const link_observer* of_link);
  void links_changed();
  void refuse(const std::shared_ptr<stream_core>& flow, errc code, std::string_view reason);
  void check_delivery();
  void dialed(const std::shared_ptr<link_core>& link, std::uint64_t attempt,
              transport::opened result);
  /// Null: there is no such transport, or it cannot be dialled.
  std::unique_ptr<transport::target> aim(const path_spec& at);
  void show_addresses(link_status& of) const;

  void obey(engine::event::dial& event);
  void obey(engine::event::cancel_dial& event);
  void obey(engine::event::close_carrier& event);
  void obey(engine::event::need_evidence& event);
  void obey(engine::event::link_up& event);
  void obey(engine::event::link_down& event);
  void obey(engine::event::peer_restarted& event);
  void obey(engine::event::going_away& event);
  void obey(engine::event::incoming_flow& event);
  void obey(engine::event::flow_ready& event);
  void obey(engine::event::flow_done& event);
  void obey(engine::event::path_changed& event);
  void obey(engine::event::migration& event);
  void obey(engine::event::slot_claimed& event);
  void obey(engine::event::dial_began& event);
  void obey(engine::event::dial_ended& event);
  void obey(engine::event::path_missing& event);
  void obey(engine::event::stranger_refused& event);

  runtime_core& owner_;
  const unsigned index_;
  std::shared_ptr<asio::io_context> context_;
  engine::endpoint endpoint_;
  std::optional<asio::steady_timer> timer_;
  /// Of the transports that were dialled here, by scheme. A dialer goes before its scheme.
  struct dialing {
    std::shared_ptr<const transport::scheme> by;
    std::unique_ptr<transport::dialer> dialer;
  };
  std::map<std::string, dialing> dialers_;
  instant last_now_{};
  instant armed_ = never;
  std::map<engine::carrier_id, carrier_ptr> carriers_;
  std::unordered_set<carrier_ptr> closing_;
  std::deque<carrier_ptr> refused_;      // strangers that are draining, oldest first
  std::vector<carrier_ptr> unfinished_;  // wrote their share of this turn and have more
  std::map<engine::link_ref, std::shared_ptr<link_core>> links_;
  std::unordered_map<engine::flow_ref, std::shared_ptr<stream_core>, flow_hash> flows_;
  std::vector<std::weak_ptr<stream_core>> delivery_;
  std::function<void()> when_no_link_;
  bool draining_events_ = false;
  bool pump_posted_ = false;
  std::atomic<bool> ended_{false};
  std::atomic<std::size_t> link_count_{0};
};

}  // namespace rendr::detail
