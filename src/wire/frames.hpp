// layer: wire
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/range_set.hpp"
#include "base/result.hpp"
#include "rendr/time.hpp"
#include "rendr/types.hpp"
#include "wire/varint.hpp"

namespace rendr::wire {

/// Frame types are varints. Odd ones may be ignored and carry a length; an unknown even one is a
/// violation.
enum class frame_type : std::uint64_t {
  padding = 0x00,
  ping = 0x02,
  pong = 0x04,
  path_ack = 0x06,
  path_state = 0x08,
  path_quality = 0x09,
  open = 0x0a,
  accept = 0x0c,
  reject = 0x0e,
  data = 0x10,
  fin = 0x12,
  reset = 0x14,
  stop = 0x16,
  max_data = 0x18,
  graph = 0x1a,
  select = 0x1c,
  goaway = 0x1e,
  bye = 0x20,
  packet = 0x22,
  new_token = 0x2c,
  retire_token = 0x2e,
  skip = 0x34,
  link_slot = 0x35,
  // Reserved: a peer that sends an even one without having negotiated its feature violates the
  // protocol; the odd one is ignored like any other.
  fec_repair = 0x24,
  moved = 0x26,
  path_challenge = 0x28,
  path_response = 0x2a,
  ack_ecn = 0x30,
  time_stamp = 0x31,
  packet_part = 0x32,
};

using rendr::flow_kind;  // its values are those of the wire

/// What one end says of one direction or of the whole of a path.
enum class path_report : std::uint8_t {
  standby = 0,
  active = 1,
  suspect = 2,
  draining = 3,
  dead = 4
};
enum class path_direction : std::uint8_t { both = 0, to_acceptor = 1, to_dialer = 2 };

inline constexpr std::size_t max_ack_ranges = 32;
inline constexpr std::size_t max_metadata = 4096;
inline constexpr std::size_t max_reason = 256;
inline constexpr std::size_t max_name = 64;
inline constexpr std::size_t max_graph_text = 30 * 1024;
/// The longest packet: with the longest OPEN before it, it still fits one record.
inline constexpr std::size_t max_packet = 60'000;
/// A packet takes so many sequence numbers more than it has bytes: what each costs its receiver
/// besides them, and room for the head of its frame. So an empty one has numbers of its own.
inline constexpr std::size_t packet_extra = 32;
/// The longest delay of a PATH_ACK; longer ones are written as this one.
inline constexpr duration max_ack_delay = std::chrono::microseconds((1 << 30) - 1);

struct padding {
  std::size_t size = 1;  ///< consecutive zero bytes
  friend bool operator==(const padding&, const padding&) = default;
};
struct ping {
  std::uint64_t id = 0;
  friend bool operator==(const ping&, const ping&) = default;
};
struct pong {
  std::uint64_t id = 0;
  friend bool operator==(const pong&, const pong&) = default;
};
/// Record numbers of `path` that arrived here: newest range first, disjoint, not adjacent.
struct path_ack {
  std::uint64_t path = 0;
  duration delay{
      0};  ///< from the arrival of the newest acknowledged record to this ack; µs on the wire
  std::size_t count = 0;
  std::array<range, max_ack_ranges> ranges{};
  std::uint64_t largest() const noexcept { return ranges[0].end - 1; }
  bool operator==(const path_ack& other) const noexcept;
};
/// Versioned by epoch: a stale epoch is ignored.
struct path_state {
  std::uint64_t path = 0;
  std::uint64_t epoch = 0;
  path_direction direction = path_direction::both;
  path_report state = path_report::standby;
  std::uint64_t leaf = 0;  ///< which leaf (path spec index at the dialer) the path stands for
  friend bool operator==(const path_state&, const path_state&) = default;
};
/// What the sender of data measured of the path that this comes by, and the receiver cannot. State,
/// not a message: a lost one is not repeated, the next one tells.
struct path_quality {
  duration latency{0};     ///< of round trips without own load; µs on the wire; 0: unknown
  duration jitter{0};      ///< their mean deviation; µs on the wire
  std::uint64_t rate = 0;  ///< bytes per second that it drains; 0: unknown
  bool filled = false;     ///< the sender's own traffic fills it now
  friend bool operator==(const path_quality&, const path_quality&) = default;
};
struct open {
  std::uint64_t flow = 0;
  flow_id id{};
  flow_kind kind = flow_kind::stream;
  std::string_view root;  ///< name of the root target; empty: the link's default root
  bytes_view metadata;    ///< typed TLVs, opaque to the engine
  bool operator==(const open& other) const noexcept;
};
struct accept {
  std::uint64_t flow = 0;
  friend bool operator==(const accept&, const accept&) = default;
};
struct reject {
  std::uint64_t flow = 0;
  std::uint64_t code = 0;
  std::string_view reason;
  friend bool operator==(const reject&, const reject&) = default;
};
struct data {
  std::uint64_t flow = 0;
  std::uint64_t offset = 0;
  bytes_view payload;
  bool operator==(const data& other) const noexcept;
};
struct fin {
  std::uint64_t flow = 0;
  std::uint64_t final_size = 0;
  friend bool operator==(const fin&, const fin&) = default;
};
struct reset {
  std::uint64_t flow = 0;
  std::uint64_t code = 0;
  std::uint64_t final_size = 0;
  friend bool operator==(const reset&, const reset&) = default;
};
struct stop {
  std::uint64_t flow = 0;
  std::uint64_t code = 0;
  friend bool operator==(const stop&, const stop&) = default;
};
struct max_data {
  std::uint64_t flow = 0;
  std::uint64_t limit = 0;  ///< the highest wins
  friend bool operator==(const max_data&, const max_data&) = default;
};
/// One packet of a packet flow. It takes the numbers from `sequence` on, one for each byte and
/// `packet_extra` more.
struct packet {
  std::uint64_t flow = 0;
  std::uint64_t sequence = 0;
  bytes_view payload;
  bool operator==(const packet& other) const noexcept;
};
/// The sender gave up what has not arrived below `sequence`: the highest wins.
struct skip {
  std::uint64_t flow = 0;
  std::uint64_t sequence = 0;
  friend bool operator==(const skip&, const skip&) = default;
};
struct graph {
  std::uint64_t version = 0;  ///< the highest wins
  std::string_view name;      ///< which root target this is; empty: the default root
  std::string_view text;      ///< the canonical text form (policy layer)
  friend bool operator==(const graph&, const graph&) = default;
};
struct select {
  std::uint64_t version = 0;
  std::string_view root;   ///< which root target; empty: the default root
  std::string_view node;   ///< the selector
  std::string_view child;  ///< empty: back to automatic
  friend bool operator==(const select&, const select&) = default;
};
struct goaway {
  std::uint64_t version = 0;
  std::uint64_t code = 0;
  std::string_view reason;
  friend bool operator==(const goaway&, const goaway&) = default;
};
struct bye {
  std::uint64_t code = 0;
  friend bool operator==(const bye&, const bye&) = default;
};
/// From the acceptor: a routing token for one attach, and the reset token that goes with it.
struct new_token {
  std::uint64_t number = 0;  ///< counts per link; that of the HELLO_ACK is 0
  routing_token token{};
  byte_array<32> reset{};
  friend bool operator==(const new_token&, const new_token&) = default;
};
/// From the dialer: it used this token and lacks one.
struct retire_token {
  std::uint64_t number = 0;
  friend bool operator==(const retire_token&, const retire_token&) = default;
};
/// What a dialer proved that its slot belongs to.
enum class slot_owner : std::uint8_t { static_key = 0, pre_shared_key = 1 };
/// From the dialer: links of one slot were made one after the other, by processes that never live
/// at once.
struct link_slot {
  slot_owner owner = slot_owner::static_key;
  byte_array<16> id{};
  friend auto operator<=>(const link_slot&, const link_slot&) = default;
};
/// An odd (ignorable) frame that this version does not know.
struct ignored {
  std::uint64_t type = 0;
  bytes_view body;
  bool operator==(const ignored& other) const noexcept;
};

using frame = std::variant<padding, ping, pong, path_ack, path_state, path_quality, open, accept,
                           reject, data, fin, reset, stop, max_data, packet, skip, graph, select,
                           goaway, bye, new_token, retire_token, link_slot, ignored>;

/// Reads the frames of one record's payload. Views in the frames point into `payload`.
/// The first error sticks: every later `next()` returns it again.
class frame_reader {
 public:
  explicit frame_reader(bytes_view payload) noexcept : rest_(payload) {}
  /// The next frame; nullopt at the end; `errc::protocol_violation` for anything not canonical.
  result<std::optional<frame>> next();

 private:
  bytes_view rest_;
  bool failed_ = false;
};

/// Bytes that `f` takes on the wire; 0 when it breaks a limit of this header.
std::size_t encoded_size(const frame& f) noexcept;

/// Appends `f` to `out` at `used`. False, with `used` and what lies before it unchanged, when it
/// does not fit or breaks a limit of this header (too long a name, text, reason or metadata, a name
/// with other characters than [A-Za-z0-9_.-], a number above `max_varint`, ranges not as PATH_ACK
/// asks).
bool append(const frame& f, bytes_span out, std::size_t& used) noexcept;

/// Appends only the head of a DATA frame whose payload the caller sends from elsewhere (gathered
/// write).
bool append_data_head(std::uint64_t flow, std::uint64_t offset, std::size_t payload_size,
                      bytes_span out, std::size_t& used) noexcept;
std::size_t data_head_size(std::uint64_t flow, std::uint64_t offset,
                           std::size_t payload_size) noexcept;

/// Likewise the head of a PACKET frame.
bool append_packet_head(std::uint64_t flow, std::uint64_t sequence, std::size_t payload_size,
                        bytes_span out, std::size_t& used) noexcept;
std::size_t packet_head_size(std::uint64_t flow, std::uint64_t sequence,
                             std::size_t payload_size) noexcept;

/// Whether the receiver of this frame owes an acknowledgement.
bool ack_eliciting(const frame& f) noexcept;

}  // namespace rendr::wire
