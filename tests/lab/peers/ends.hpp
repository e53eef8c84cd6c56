// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lab/peers/trace.hpp"

namespace rendr::test {

enum class carrier : std::uint8_t { tcp, mptcp, rendr };

/// How a sender behaves. `every` 0: bulk, as much as is taken.
struct pace {
  std::string name = "bulk";
  std::size_t size = 256 * 1024;
  duration every{0};
};

/// A transfer by one of the systems that are compared.
struct job {
  std::string name;  ///< of the system in tables
  carrier by = carrier::tcp;
  std::string root;  ///< of rendr
  std::string congestion = "cubic";
  std::size_t first = 0;  ///< link that the connection begins on
  std::size_t links = 1;  ///< how many from there on it may use
  bool loopback = false;  ///< on 127.0.0.1, without links
  bool nagle = false;     ///< without TCP_NODELAY, as a socket is made
  pace how;
};

/// What is sent: byte i is `content()[i % content().size()]`, of a length that no buffer has, so
/// that a lost, doubled or moved piece is seen.
std::span<const std::byte> content();

/// Both run in processes of their own, in their namespaces, and end by a signal or an error.
/// `near` says when it is connected; the receiver's `far` holds its port.
void send_all(const job& what, std::uint16_t port, trace& near);
void receive_all(const job& what, trace& far);

/// The parts of the above for the kernel's sockets and for rendr.
void send_plain(const job& what, std::uint16_t port, trace& near);
void receive_plain(const job& what, trace& far);
void send_rendr(const job& what, std::uint16_t port, trace& near);
void receive_rendr(const job& what, trace& far);

/// Compares what arrived with the content and counts it; throws when they differ.
class checked_sink {
 public:
  explicit checked_sink(trace& far) : far_(far) {}
  void take(std::span<const std::byte> piece);

 private:
  trace& far_;
  std::size_t at_ = 0;
};

}  // namespace rendr::test
