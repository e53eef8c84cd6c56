// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/conversation.hpp"
#include "sim/line.hpp"
#include "sim/node.hpp"
#include "sim/packet_talk.hpp"

namespace rendr::sim {

/// Everything that a run depends on. The same options give the same run.
struct scenario {
  std::uint64_t seed = 1;
  std::vector<path_options> paths;
  std::string root;
  duration grace = engine::defaults::no_path_grace;
  duration linger = engine::defaults::linger;
  tcp_options tcp{};
  std::size_t budget = engine::defaults::budget;
  unsigned deadline_variations = engine::defaults::deadline_variations;
  bool sealed = false;  ///< ciphers take no virtual time: sealing costs 12 bytes a record here
  bool aes = false;     ///< both ends offer AES-128-GCM
  std::uint64_t records_per_key = engine::defaults::records_per_key;
  std::size_t handshakes = engine::defaults::handshakes;
  std::size_t links = engine::defaults::links;
  duration dial_deadline = duration::max();
  bool slots = false;        ///< the client says its slot to a server of two loops
  journal* notes = nullptr;  ///< of both nodes; it outlives the world
};

/// The seed to use: RENDR_SEED when set, else `fallback`.
std::uint64_t seed_or(std::uint64_t fallback);

/// A client and a server endpoint, the lines between them, flows and faults, in virtual time.
class world {
 public:
  explicit world(const scenario& options);
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// Faults and commands that happen at one instant, counted from the start.
  class moment {
   public:
    moment(world& w, instant when) : world_(w), when_(when) {}
    moment& blackhole(std::string path, direction way = direction::both);
    moment& stall(std::string path, direction way = direction::both);
    moment& heal(std::string path);
    moment& kill(std::string path);
    moment& refuse(std::string path, bool on = true);
    moment& change(std::string path, direction way, std::function<void(lane&)> change);
    moment& mute(std::string path, bool on = true);
    moment& migrate(std::string leaf);
    moment& does(std::function<void()> action);

   private:
    world& world_;
    instant when_;
  };
  moment at(duration since_start) { return {*this, instant{} + since_start}; }

  engine::link_ref connect();
  conversation& open(const flow_plan& plan);
  conversation& open(const flow_plan& plan, engine::link_ref link);
  packet_talk& open(const packet_plan& plan);

  instant now() const noexcept { return queue.now(); }
  void run(duration d) { queue.run_until(queue.now() + d); }
  /// Runs until `done` holds; false when it does not within `limit`.
  bool run_until(const std::function<bool()>& done, duration limit);
  /// Ends the client's links in order and checks that nothing is left. All violations, one a line.
  std::string finish();
  /// Writes the snapshots of both ends, and what the applications saw, to the journal.
  void note_status();
  /// Violations so far.
  std::string violations() const;
  void violated(std::string what);

  line& path(std::string_view name);
  /// Of the first link. False: it was refused.
  bool attach(std::string_view name);
  bool detach(std::string_view name);
  node& client() noexcept { return *client_; }
  node& server() noexcept { return *server_; }
  /// The server process ends and another one starts in its place, with the same key for link reset
  /// tokens or another one.
  void restart_server(bool same_key);
  path_status status_of(std::string_view name, bool at_server = false) const;
  std::uint64_t deaths(bool at_server = false) const;
  std::vector<std::unique_ptr<conversation>>& flows() noexcept { return flows_; }
  std::vector<std::unique_ptr<packet_talk>>& talks() noexcept { return talks_; }
  const std::vector<engine::event::migration>& migrations() const noexcept { return migrations_; }
  bool link_up(engine::link_ref link) const { return up_.contains(link); }
  /// errc{} while it is not down.
  errc link_code(engine::link_ref link) const;
  bool peer_restarted() const noexcept { return peer_restarted_; }
  /// Flow bytes sent again in per mille of all bytes sent by that end.
  std::uint64_t extra_per_mille(bool at_server = false) const;

  event_queue queue;

 private:
  std::unique_ptr<node> make_server();
  engine::path_config leaf_of(const path_options& p) const;
  void on_client(const engine::any_event& e);
  void on_server(const engine::any_event& e);
  void dispatch(bool at_server, const engine::any_event& e);
  /// With RENDR_TRACE set: path changes, migrations and ends, as they happen.
  void trace(bool at_server, const engine::any_event& e) const;

  scenario options_;
  random rng_;
  std::vector<std::string> violations_;
  std::vector<std::unique_ptr<line>> lines_;
  std::map<engine::spec_id, line*> line_of_;
  std::unique_ptr<node> client_;
  std::vector<std::unique_ptr<node>> servers_;
  node* server_ = nullptr;
  std::array<std::byte, 32> server_key_{};
  engine::link_ref link_{};
  std::vector<std::unique_ptr<conversation>> flows_;
  std::vector<std::unique_ptr<packet_talk>> talks_;
  std::vector<application*> by_number_;  ///< both kinds, as they were opened
  std::map<engine::flow_ref, application*> by_client_flow_;
  std::map<engine::flow_ref, application*> by_server_flow_;
  std::map<engine::link_ref, bool> up_;
  std::map<engine::link_ref, errc> down_;
  std::map<engine::link_ref, errc> server_down_;
  std::vector<engine::link_ref> links_;
  std::vector<engine::event::migration> migrations_;
  bool peer_restarted_ = false;
  bool finishing_ = false;
};

}  // namespace rendr::sim
