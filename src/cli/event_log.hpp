// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "cli/console.hpp"
#include "relay/log.hpp"
#include "rendr/events.hpp"

namespace rendr::cli {

/// One line for people, e.g. `path lte: active -> dead (carrier_error: connection reset by peer)`.
std::string to_line(const link_event& event);

/// How much an event matters: faults warn, life informs, dials are for debugging.
log_level level_of(const link_event& event);

/// Writes the events of links to the console, from any thread. A path that fails again and again in
/// the same way is told once, until it changes.
class event_log {
 public:
  explicit event_log(console& to) : console_(to) {}
  void operator()(const link_event& event);

 private:
  bool is_news(const link_event& event);

  console& console_;
  std::mutex mutex_;
  std::map<std::string, std::string> last_fault_;  ///< by path
};

/// The console as the sink of the relays.
relay::log_sink sink_of(console& to);

}  // namespace rendr::cli
