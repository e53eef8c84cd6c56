// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "rendr/time.hpp"

namespace rendr::transport {

struct resolved {
  std::error_code code;
  std::string detail;  ///< "resolve 'host': Name or service not known"
  /// In the order in which RFC 8305 section 4 tries them: families take turns, the one that the
  /// system prefers first. At most 32.
  std::vector<asio::ip::tcp::endpoint> addresses;
};

/// The look-ups of names of a process, on threads of their own, of which there are 64 at most.
/// Those who ask for a name at the same time share its look-up. One that hangs is overtaken by a
/// second one, and after a change of the network by a third: one slow name never takes more than
/// three threads, and overtaking takes none of the last sixteen. 256 names at most are asked for or
/// remembered. Any thread may call; no call waits.
class lookups {
 public:
  /// Blocks; port 0 in what it finds.
  using question = std::function<resolved(const std::string& host)>;
  using handler = std::function<void(const resolved&)>;

  explicit lookups(question ask);
  /// Those of this process, by getaddrinfo: /etc/hosts, nsswitch.conf and DNS as the system has it.
  static const std::shared_ptr<lookups>& of_process();

  /// `done` is called once, on a thread of a look-up, or from inside when the answer is not older
  /// than `max_age`. It must not wait. `resource_unavailable_try_again`: too many names are asked
  /// for.
  void find(const std::string& host, duration max_age, handler done);
  /// A second look-up of the name when those who wait for the first have waited for a second.
  void overtake(const std::string& host);
  /// No answer of before counts as fresh; what is being looked up is looked up once more.
  void network_changed();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

/// getaddrinfo for both families; blocks.
/// @param passive an empty host stands for all addresses of this machine.
resolved resolve_blocking(const std::string& host, std::uint16_t port, bool passive = false);
/// By `names`, but waits no longer than `limit`: `errc::timed_out` then. Not on a loop thread. A
/// literal address waits for nothing.
resolved resolve_within(lookups& names, const std::string& host, std::uint16_t port,
                        duration limit);

}  // namespace rendr::transport
