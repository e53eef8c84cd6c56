// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "base/bytes.hpp"
#include "base/carrier.hpp"

namespace rendr::transport {

enum class io_status : std::uint8_t {
  ok,           ///< `size` bytes moved, more may be possible now
  would_block,  ///< nothing moved; ask `want_read` or `want_write`
  eof,          ///< reading only: the far end sends no more
  failed,       ///< the connection is of no use any more; `code` says why
};

struct io_result {
  io_status status = io_status::ok;
  std::size_t size = 0;
  std::error_code code;
};

/// Who is told that a connection became ready. Called on the connection's executor, never from
/// inside a call of the connection.
class io_sink {
 public:
  virtual void readable() = 0;
  virtual void writable() = 0;

 protected:
  ~io_sink() = default;
};

/// A connected, ordered, reliable byte stream: what every stream carrier is made of. One loop uses
/// it; no call blocks. After `close` every call does nothing and reads report EOF.
class stream_io {
 public:
  virtual ~stream_io() = default;

  /// The sink must outlive the connection or its `close`.
  virtual void set_sink(io_sink* sink) = 0;
  /// At most `into.size()` (> 0) bytes. `ok` with less than that means that no more was there.
  virtual io_result read(std::span<std::byte> into) = 0;
  /// Takes a prefix of the pieces, in order. `ok` with less than all of them means that a further
  /// write would block.
  virtual io_result write(std::span<const bytes_view> pieces) = 0;
  /// One call of the sink when bytes, EOF or an error can be read (or write would not block).
  /// Asking twice before the call is asking once.
  virtual void want_read() = 0;
  virtual void want_write() = 0;

  /// What the connection knows about its own delivery; nullopt: nothing.
  virtual std::optional<carrier_evidence> evidence() { return std::nullopt; }
  /// The address of this machine that it uses; nullopt: none.
  virtual std::optional<asio::ip::address> local_address() { return std::nullopt; }
  /// Keeps at most about so many written bytes unsent below; a hint.
  virtual void limit_unsent(std::uint32_t /*bytes*/) {}

  /// Everything written before is still sent, then the far end reads EOF.
  virtual void shutdown_send() = 0;
  /// Frees everything at once. What the system had accepted it may still send.
  virtual void close() = 0;
};

/// What a dial or an accept results in. Without `io`, `code` and `detail` say why.
struct opened {
  std::shared_ptr<stream_io> io;
  carrier_traits traits;
  std::error_code code;
  std::string detail;
};

/// A dial under way. Destroying it cancels it.
class dial {
 public:
  virtual ~dial() = default;
};

}  // namespace rendr::transport
