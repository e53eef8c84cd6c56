// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "rendr/detail/completion.hpp"
#include "rendr/packet_flow.hpp"
#include "rendr/stream.hpp"
#include "rendr/types.hpp"

namespace rendr {

class link;
class incoming;

namespace detail {
struct link_core;
struct link_handle;
struct incoming_access;
void cancel_operation(const std::shared_ptr<link_core>& core, std::uint64_t operation);
using accept_completion = completion<std::error_code, incoming>;
}  // namespace detail

/// A flow that the peer opened and this side has not answered yet. Answer with `accept` or
/// `reject`; one that is destroyed unanswered is rejected with code 0. Movable.
class incoming {
 public:
  incoming() noexcept;
  incoming(incoming&&) noexcept;
  incoming& operator=(incoming&&) noexcept;
  ~incoming();

  bool is_open() const noexcept { return core_ != nullptr; }
  flow_id id() const;
  /// Which of the two kinds of `accept` takes it.
  flow_kind kind() const;
  std::span<const std::byte> metadata() const;
  /// The instance that opened it.
  instance_id peer() const;
  /// The link it came by, to open flows the other way or to ask for its status.
  link via() const;

  /// Takes the stream flow. Bytes that the peer sent already are readable at once. Does not wait. A
  /// packet flow is rejected with the code of `mode_mismatch`, and the stream is not open.
  stream accept();
  /// Likewise takes the packet flow, and rejects a stream.
  packet_flow accept_packet();
  /// Refuses it: the peer's calls fail with `rejected`, this code and reason (at most 256 bytes).
  void reject(std::uint64_t code, std::string_view reason);

 private:
  friend struct detail::incoming_access;
  explicit incoming(std::shared_ptr<detail::stream_core> core) noexcept;

  std::shared_ptr<detail::stream_core> core_;
};

}  // namespace rendr
