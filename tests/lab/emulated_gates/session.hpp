// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lab/emulated_gates/talker.hpp"
#include "rendr/rendr.hpp"
#include "support/emulator.hpp"

namespace rendr::test {

inline constexpr std::uint64_t mbit = 1'000'000 / 8;

/// One emulated link and the path over it.
struct line {
  std::string name;
  std::chrono::milliseconds rtt{20};
  std::uint64_t rate = 0;  ///< bytes per second; 0: no bottleneck
  std::uint32_t loss_ppm = 0;
  std::uint64_t queue = 0;  ///< bytes; 0: a bandwidth-delay product, at least 64 KiB
};

void lay(emulator& net, std::size_t link, const line& what);

struct session_options {
  std::string root;
  std::string congestion = "cubic";
  path_evidence evidence = path_evidence::by_transport;
  std::chrono::seconds patience{15};  ///< until every path is attached
};

/// Both ends of a flow.
struct flow_ends {
  std::shared_ptr<talker> near;
  std::shared_ptr<talker> far;
};

/// A link between two runtimes in the two namespaces of an emulator, over neighbouring links of it.
/// Everything waits with a limit and throws std::runtime_error when that is reached.
class session {
 public:
  session(emulator& net, std::size_t first_link, std::vector<line> lines,
          const session_options& options);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session();

  flow_ends& open(const traffic& up, const traffic& down);
  /// Both ends, the dialer's first; let go of them before the session.
  std::pair<packet_flow, packet_flow> open_packets();
  rendr::link& link() { return link_; }

  /// Which line new data takes, as the dialer says.
  std::size_t in_use() const;
  std::size_t link_of(std::size_t line) const { return first_ + line; }
  path_status path(std::size_t line, bool at_server = false) const;
  std::uint64_t deaths() const;      ///< seen by either end
  std::uint64_t suspicions() const;  ///< seen by either end
  /// Moves from one child to another so far; of `why` alone when that is given.
  std::size_t moves(cause why = cause::none) const;
  /// Moves, deaths and suspicions so far, one a line.
  std::string story() const;
  /// What the flows should not have seen; empty: nothing.
  std::string problems() const;
  /// Bytes sent again, of those that flows sent first, both at the dialer.
  double extra_percent() const;
  std::uint64_t darkened() const;
  std::uint64_t lost() const;
  std::uint64_t entered_bytes() const;
  std::uint64_t device_drops() const;

 private:
  void note(const link_event& event, const char* end);
  link_status near_status() const;
  link_status far_status() const;

  emulator& net_;
  std::size_t first_;
  std::vector<line> lines_;
  lab_clock::time_point begun_ = lab_clock::now();
  std::uint64_t drops_before_ = 0;
  mutable std::mutex mutex_;
  std::vector<events::migration> moves_;
  std::string story_;
  std::unique_ptr<runtime> server_;
  std::unique_ptr<listener> door_;
  std::unique_ptr<runtime> client_;
  rendr::link link_;
  std::deque<flow_ends> flows_;
};

/// Looks each millisecond; false after `limit`.
bool wait_until(const std::function<bool()>& done, lab_clock::duration limit);
void pass(lab_clock::duration time);

/// Bytes per second of a plain TCP connection on a link, over `span` after `warm_up`.
double plain_goodput(const emulator& net, std::size_t link, const std::string& congestion,
                     lab_clock::duration warm_up, lab_clock::duration span);

/// While it lives, every TCP segment that reaches the server by this link is answered by a reset.
class reset_all {
 public:
  reset_all(const emulator& net, std::size_t link);
  reset_all(const reset_all&) = delete;
  reset_all& operator=(const reset_all&) = delete;
  ~reset_all();
  std::uint64_t hits() const;

 private:
  const emulator& net_;
  std::string table_;
};

}  // namespace rendr::test
