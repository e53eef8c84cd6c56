// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "rendr/credentials.hpp"
#include "rendr/error.hpp"
#include "rendr/status.hpp"

/// What observers are told. Events are for people, logs and live views: nothing needs to be done
/// about them, and when their queue (256 per loop) is full the newest are dropped and counted.
///
/// Words of the peer are in `going_away::reason`, `link_down::why`, `path_changed::detail`,
/// `dial::why` and `path_missing::reason`, and in the failures of flows. They are escaped: no
/// control byte, no line end, only whole UTF-8. Whoever shows them as HTML or in a shell escapes
/// for that.
namespace rendr::events {

/// The link has its first path and its keys. It comes again, and `link_status::id` is another one,
/// when the peer forgot the link before it had taken part in it.
struct link_up {
  instance_id peer{};
  std::string address;  ///< the peer's, of the first path: "192.0.2.7:41830"; may be empty
  /// The key that the peer proved to have. A dialer without a key of its own shows a new one each
  /// time, which only an acceptor with `credentials::allowed_keys` refuses.
  std::optional<public_key> key;
};
/// The link is over and all its flows have failed or ended. Always the last event of a link.
/// `code` is `errc::closed` after `link::close`, `no_path` when the grace ran out, `peer_lost`
/// when the peer proved that it forgot the link.
struct link_down {
  failure why;
};
/// Every dial was answered by another instance: the server restarted. The link lives on until its
/// grace ends (its flows cannot continue there); open new flows on a new link.
struct peer_restarted {
  instance_id other{};
};
/// The peer asked for no more flows on this link. Flows that are open go on.
struct going_away {
  std::uint64_t code = 0;
  std::string reason;
};
/// A leaf moved through the life of a path; `detail` is one sentence of why.
struct path_changed {
  std::string path;
  path_phase from{};
  path_phase to{};
  cause why{};
  std::string detail;
};
/// A leaf is dialled (`why.code` is 0), or a dial came to nothing. For debugging: there are many
/// while a path is away.
struct dial {
  std::string path;
  failure why;
};
/// A leaf that is dialled is not up. It is told once after 4 s, at once when waiting mends
/// nothing (no such device, a missing right, an address that is not here, a wrong key), and again
/// when the reason changes, a few times. `path_changed` tells when it comes up after all.
struct path_missing {
  std::string path;
  duration after{};      ///< since its first dial, or since it was lost
  bool lasting = false;  ///< this machine or the peer refuses it: waiting mends nothing
  std::string reason;
};
/// A connection that came to a listener was refused, or ended before it had proven where it
/// belongs. Of no link: `link_event::link` is zero, and only `runtime_options::on_event` sees it.
struct stranger_refused {
  std::string address;
  failure why;
};
/// New data of a root, or of one flow that needs a bulk child, goes another way from now on.
struct migration {
  std::string root;  ///< empty: the default root
  std::string node;  ///< the selector that moved, or the bond
  std::string from;  ///< empty: a selector's first choice, or a child that a bond takes again
  std::string to;    ///< empty: a bond rests the child `from`, which made it slower
  cause why{};
  std::string reason;
  /// What it rested on, the child taken first: `lte 12 ms +-1 ms, fiber 90 ms +-3 ms, for 3 s`.
  /// May be empty.
  std::string evidence;
};

}  // namespace rendr::events

namespace rendr {

/// One event of one link. `link` is empty (all zero) until the link is up.
struct link_event {
  link_id link{};
  link_side side{};
  std::variant<events::link_up, events::link_down, events::peer_restarted, events::going_away,
               events::path_changed, events::migration, events::dial, events::path_missing,
               events::stranger_refused>
      what;
};

/// Called on the link's loop, one call at a time. Must not block: paths are not served meanwhile.
/// It may call anything of the link, its flows and the runtime that does not wait. What it throws
/// is swallowed and counted in `runtime_status::observer_exceptions`.
using link_observer = std::function<void(const link_event&)>;

}  // namespace rendr
