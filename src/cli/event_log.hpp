// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/console.hpp"
#include "relay/log.hpp"
#include "rendr/events.hpp"

namespace rendr::cli {

/// One line for people, e.g. `path lte: active -> dead (carrier_error: connection reset by peer)`.
std::string to_line(const link_event& event);

/// What a refusal for keys asks for, e.g. "; see --psk-file, which `rendr keygen --psk` makes";
/// empty: the reason is none of keys.
std::string_view hint_of(std::string_view reason);

/// How much an event matters: faults warn, life informs, dials are for debugging.
log_level level_of(const link_event& event);

/// The key by which an event that comes again and again is counted; empty: each is told.
std::string cause_of(const link_event& event);

/// Writes the events of links to the console, from any thread. What comes again and again in the
/// same way is counted.
class event_log {
 public:
  explicit event_log(console& to) : console_(to) {}
  /// For a command that is part of another program: that a path left is no warning, as long as the
  /// link lives; that it does not come back is one.
  void faults_are_no_news() { faults_are_no_news_ = true; }
  void operator()(const link_event& event);

 private:
  console& console_;
  bool faults_are_no_news_ = false;
};

/// The console as the sink of the relays.
relay::log_sink sink_of(console& to);

}  // namespace rendr::cli
