// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "rendr/time.hpp"

namespace rendr::hostile {

/// A connection that the attacker holds an end of.
class carrier {
 public:
  virtual ~carrier() = default;
  /// Everything is written in the end, unless the other side closed.
  virtual void send(bytes_view data) = 0;
  /// All that has come so far, since the connection began.
  virtual const bytes& heard() const = 0;
  /// The other side ended it.
  virtual bool ended() const = 0;
  virtual void close() = 0;
  /// From now on what comes is left in the kernel.
  virtual void stop_reading() = 0;
};

/// What passed on one connection of the honest link's tapped path.
struct recording {
  bytes to_server;
  bytes to_client;
};

struct link_facts {
  link_id id{};
  bool up = false;
  std::size_t flows = 0;
  std::uint64_t deaths = 0;  ///< of all its paths
  std::size_t attached = 0;  ///< paths that live, or are doubted
  std::string history;       ///< what befell them, for a reader; empty where it is not known
};

/// Metadata of a flow that wants to be written to.
inline constexpr std::string_view wanted = "send";

/// Links that the attacked server takes, and the share of one source.
inline constexpr std::size_t most_links = 64;
inline constexpr std::size_t most_links_of_one = most_links / 4;

/// What the attacked process says of itself.
struct facts {
  std::size_t slab_bytes = 0;
  std::size_t heap = 0;  ///< of the whole process, the attacker's part too; 0 where it is not known
  std::size_t budget = 0;
  std::size_t budget_used = 0;
  std::size_t handshakes = 0;
  std::uint64_t evicted = 0;
  std::uint64_t failed = 0;
  std::vector<link_facts> links;

  const link_facts* find(const link_id& id) const {
    for (const auto& one : links) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }
};

/// Where an attack is mounted: an honest client and an honest server whose link has two paths, `a`
/// and `b`, and a flow that carries known bytes both ways all the time. `b` passes through the
/// attacker's hands, who records and forwards it; `a` does not. The server's application accepts
/// flows of other links and reads nothing; it writes 8 MiB to those whose metadata is `wanted`.
class stage {
 public:
  virtual ~stage() = default;

  /// Connects to the server from an address of its own; equal names come from the same address.
  virtual std::unique_ptr<carrier> dial(std::string_view source) = 0;
  /// Whether a source has a share of what the server takes; on loopback all look alike to it.
  virtual bool sources_differ() const = 0;
  /// What passed on `b`, oldest connection first.
  virtual const std::vector<recording>& tapped() = 0;
  /// From now on connections of `b` end at the attacker, and the one that runs is cut: a death that
  /// nobody can keep an attacker on the way from.
  virtual void seize() = 0;
  /// How many paths that lived `seize` has cut.
  virtual std::uint64_t cuts() const = 0;
  /// The next connection of the client that ended at the attacker; nullptr: none within the time.
  virtual std::unique_ptr<carrier> seized(duration limit) = 0;
  /// Connections of `b` are forwarded again.
  virtual void release() = 0;

  /// Lets time pass until it holds; false: it did not within `limit`.
  virtual bool until(const std::function<bool()>& holds, duration limit) = 0;
  void pass(duration d) {
    until([] { return false; }, d);
  }

  virtual facts server() = 0;
  virtual facts client() = 0;
  virtual link_id honest() = 0;
  /// Bytes of the honest flow that arrived at both ends, as they were sent.
  virtual std::uint64_t delivered() = 0;
  /// Deviations of the honest flow from what its applications wrote, or its end; empty: none.
  virtual std::string damage() = 0;

  std::uint8_t rogues = 0;  ///< attackers so far: each has an identity and secrets of its own
};

}  // namespace rendr::hostile
