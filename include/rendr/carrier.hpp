// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/detail/language.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "rendr/time.hpp"

namespace rendr {

/// What a carrier does with what it is given.
enum class carrier_shape : std::uint8_t {
  stream,    ///< ordered, reliable bytes (tcp, tls, gvisor, fd)
  datagram,  ///< bounded, lossy messages (udp)
};

/// How far the acknowledgements reach that a carrier reports in its evidence.
enum class evidence_kind : std::uint8_t {
  end_to_end,  ///< the peer's own kernel acknowledges (tcp, tls)
  first_hop,   ///< something on the way does (a proxy, a relay)
  none,        ///< nothing is reported (fd, custom)
};

/// What never changes in a carrier's life.
struct carrier_traits {
  carrier_shape shape = carrier_shape::stream;
  evidence_kind evidence = evidence_kind::none;
  bool secured = false;         ///< encrypted and authenticated below rendr (TLS, QUIC)
  bool loopback = false;        ///< both ends are on this machine
  bool take_plaintext = false;  ///< accepted: records in clear are taken though it is neither
  bool more_addresses = false;  ///< dialled: the name has others that were not tried yet
  std::uint32_t mtu = 0;        ///< largest datagram; 0 on stream carriers
  std::string local;            ///< when it began, for status: "192.0.2.7:41830"
  std::string remote;           ///< likewise, and the key of the per-source caps
};

/// What a carrier knows about its own delivery at one moment (Linux: TCP_INFO, SIOCOUTQ,
/// SIOCOUTQNSD). Fields that the carrier cannot tell stay at their defaults.
struct carrier_evidence {
  std::uint64_t unsent = 0;     ///< bytes accepted but not yet put on the wire
  std::uint64_t unacked = 0;    ///< bytes on the wire that the far kernel has not acknowledged
  std::uint64_t delivered = 0;  ///< bytes acknowledged by the far kernel since the carrier began
  duration last_ack_age = duration::max();  ///< since the kernel last received any acknowledgement
  duration rtt{0};                          ///< the kernel's smoothed RTT; 0: unknown
  duration rttvar{0};                       ///< the kernel's RTT variation
  std::uint64_t rate = 0;                   ///< the kernel's delivery rate in bytes/s; 0: unknown
  /// Packets that arrived behind a gap since the carrier began. While it grows, the other end
  /// repairs a loss, and what it says waits in that repair.
  std::uint64_t out_of_order = 0;
  bool recovering = false;  ///< the kernel is repairing a loss (TCP_CA_Recovery or TCP_CA_Loss)
};

/// The ends of a carrier now, as text: "192.0.2.7:41830", "[2001:db8::1]:80"; empty: none. They may
/// change while it lives: see `carrier_sink::addresses_changed`.
struct carrier_addresses {
  std::string local;
  std::string remote;
  friend bool operator==(const carrier_addresses&, const carrier_addresses&) = default;
};

/// How a read or a write ended.
enum class io_status : std::uint8_t {
  ok,           ///< `size` bytes moved, more may be possible now
  would_block,  ///< nothing moved; ask `want_read` or `want_write`
  eof,          ///< reading only: the far end sends no more
  failed,       ///< the carrier is of no use any more; `code` says why
};

/// What a read or a write did.
struct io_result {
  io_status status = io_status::ok;
  std::size_t size = 0;
  std::error_code code;
};

/// Who is told what happens to a carrier. Called on the carrier's executor, never from inside a
/// call of the carrier.
class carrier_sink {
 public:
  virtual void readable() = 0;
  virtual void writable() = 0;
  /// `stream_face::addresses` answers something else from now on.
  virtual void addresses_changed() {}

 protected:
  ~carrier_sink() = default;
};

/// The face of a carrier that is an ordered, reliable stream of bytes. One loop uses it; no call
/// blocks. After `close` every call does nothing and reads report EOF.
class stream_face {
 public:
  virtual ~stream_face() = default;

  /// The sink must outlive the carrier or its `close`.
  virtual void set_sink(carrier_sink* sink) = 0;
  /// At most `into.size()` (> 0) bytes. `ok` with less than that means that no more was there.
  virtual io_result read(std::span<std::byte> into) = 0;
  /// Takes a prefix of the pieces, in order. `ok` with less than all of them means that a further
  /// write would block. What it refused is offered again, perhaps cut into other pieces.
  virtual io_result write(std::span<const std::span<const std::byte>> pieces) = 0;
  /// One call of the sink when bytes, EOF or an error can be read (or write would not block).
  /// Asking twice before the call is asking once.
  virtual void want_read() = 0;
  virtual void want_write() = 0;

  /// What the carrier knows about its own delivery, counted in bytes of `write`; nullopt: nothing.
  virtual std::optional<carrier_evidence> evidence() { return std::nullopt; }
  virtual carrier_addresses addresses() { return {}; }
  /// Keeps at most about so many written bytes unsent below; a hint.
  virtual void limit_unsent(std::uint32_t /*bytes*/) {}

  /// Everything written before is still sent, then the far end reads EOF.
  virtual void shutdown_send() = 0;
  /// Frees everything at once. What the system had accepted it may still send.
  virtual void close() = 0;
};

}  // namespace rendr
