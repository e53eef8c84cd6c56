// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rendr/error.hpp"

namespace rendr {

/// What the acknowledgements of a path's carrier prove. A proxy, a relay or an LTE accelerator on
/// the way acknowledges for the peer: say `first_hop` then, and failover waits a little longer
/// before it believes in a fault, instead of trusting the wrong witness.
enum class path_evidence : std::uint8_t {
  by_transport,  ///< as the transport declares (tcp: end to end)
  end_to_end,
  first_hop,
  none,
};

/// What it takes to make a path: a value, checked by `parse_path_spec`. Whoever fills it by hand
/// gets the same checks by `check_path_spec`.
struct path_spec {
  /// Unique among the paths of a link; 1 to 64 letters, digits, underscores, hyphens and dots.
  /// Empty: the dialer names it by its position, `p1`, `p2`.
  std::string name = {};
  std::string transport = "tcp";  ///< the scheme of its transport; see `rendr/transport.hpp`
  /// A name, an IPv4 address, or an IPv6 address without brackets (`fe80::1%eth0`).
  std::string host = {};
  std::uint16_t port = 0;                  ///< 1 to 65535
  std::string bind = {};                   ///< local IP address; empty: the system chooses
  std::string device = {};                 ///< network device; empty: by the routing table
  std::optional<std::uint32_t> mark = {};  ///< SO_MARK, for policy routing; needs CAP_NET_ADMIN
  std::string cc = {};                     ///< TCP congestion control; empty: the system's default
  std::uint32_t cost = 0;    ///< 0 to 1000: a selector prefers the cheaper unless it is much worse
  std::uint32_t weight = 1;  ///< 1 to 1000: a selector prefers the heavier of equal children
  /// The fate group: a name that paths share which share a hop (one router, one cable, one radio)
  /// and thus fail together. Formed as `name`; empty: a group of its own.
  std::string fate = {};
  path_evidence evidence = path_evidence::by_transport;
  bool cold = false;  ///< dialled only when the others are gone, instead of kept warm
  /// Its records are not sealed: for a path inside a tunnel, or one whose bytes protect themselves.
  /// Whoever is on the way can read and change them; off loopback it needs `insecure` at both ends.
  bool plaintext = false;
  /// What stands behind `scheme://`, of a transport whose address is no host and port.
  std::string address = {};
  /// Values of keys that a transport of an embedder has for itself, by the name of the key.
  std::map<std::string, std::string> options = {};

  friend bool operator==(const path_spec&, const path_spec&) = default;
};

/// Reads `[name=]scheme://host:port[,key=value...]`, such as
/// `fiber=tcp://host:7000,bind=192.0.2.7,device=eth0` or `tcp://[fe80::1%eth0]:7000,cold=yes`.
/// Keys: bind, device, mark, cc, cost, weight, fate, evidence, cold, plaintext;
/// `docs/graph.md` has the rules. The schemes are those that are registered in this process; see
/// `runtime::parse_path` for those of one runtime.
///
/// Returns true and fills `out`. Otherwise `out` is unchanged and `why` holds a detail of three
/// lines for a person (field, value and rule; the text; a caret under the place) with
/// `errc::invalid_argument`, or `errc::unavailable` for a transport that this build lacks. Resolves
/// no name and touches no network. Safe to call from any thread.
bool parse_path_spec(std::string_view text, path_spec& out, failure& why);

/// Reads one spec from each text, names the nameless `p1`, `p2` by position, and checks that no two
/// have the same name and that there are 1 to 64. On failure `out` is unchanged.
bool parse_path_specs(std::span<const std::string> texts, std::vector<path_spec>& out,
                      failure& why);

/// The text that `parse_path_spec` reads back as an equal value; defaults are left out.
std::string to_text(const path_spec& spec);

/// Whether the fields keep the rules of the text form; the detail of `why` shows the spec as text.
bool check_path_spec(const path_spec& spec, failure& why);

}  // namespace rendr
