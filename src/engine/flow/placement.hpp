// layer: engine
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/fifo.hpp"
#include "base/range_set.hpp"
#include "engine/route/root_target.hpp"
#include "policy/graph.hpp"
#include "rendr/time.hpp"

namespace rendr::engine {

class send_packets;

/// Where the bytes of one flow are in its policy graph. Every node remembers what its parent gave
/// it; what a composite holds and no child took waits in its pool (one per child under a race). A
/// leaf pulls; the walk up asks each composite whether the child may take, and takes from the
/// lowest pool that has something.
class placement {
 public:
  explicit placement(const root_target& root);

  std::uint32_t graph_version() const noexcept { return version_; }
  /// New bytes for the root to place.
  void offer(range r) { unplaced_.add(r); }
  /// Whether more bytes will be offered than wait now: bonds then take it as a transfer without an
  /// end.
  void expect_more(bool more) noexcept { more_ = more; }
  /// A range for leaf node `leaf`, at most `limit` bytes. Empty: none may be taken now; when a bond
  /// declined, or a race waits whether a copy is late, `retry` is lowered to when it may be asked
  /// again. Of a packet flow (`packets`) whole packets, at least one even beyond `limit`.
  range pull(root_target& root, policy::node_id leaf, std::uint64_t limit, instant now,
             duration& retry, const send_packets* packets = nullptr);
  /// The peer has r: nobody needs to send it any more.
  void acknowledged(range r);
  /// Leaf node `leaf` will not deliver r (dead, suspect): the lowest composite that can still place
  /// it does.
  void lost(const root_target& root, policy::node_id leaf, range r);
  /// What waits at nodes that can place nothing, or that a selector left, goes up. Call after any
  /// change of the leaves' health or of a selector's choice.
  void settle(const root_target& root);
  /// This flow uses the bulk child of `selector` while it can place bytes, or no longer does.
  void use_bulk(policy::node_id selector, bool on);
  /// Every selector on the way up from `leaf` stands on this side, for this flow.
  bool reaches(const root_target& root, policy::node_id leaf) const noexcept;
  /// When the first copy that a race waits for is late; never: none is.
  instant late_due() const noexcept;
  /// Which child of `bond` the lowest byte from `offset` on is charged to.
  std::optional<std::size_t> charged(policy::node_id bond, std::uint64_t offset) const noexcept;
  /// The leaf node that has the byte at `offset` in hand; `no_node`: none.
  policy::node_id holder(std::uint64_t offset) const noexcept;
  /// A leaf node other than `leaf` has the byte at `offset` in hand.
  bool held_elsewhere(policy::node_id leaf, std::uint64_t offset) const noexcept;
  /// Something waits for some leaf.
  bool waiting() const noexcept;
  /// Something waits that the ancestors of `leaf` may hand out; their policies are not asked.
  bool may_have(policy::node_id leaf) const noexcept;
  /// Bytes that no leaf has in hand: what a replacement of the graph must place anew.
  range_set unplaced() const;

 private:
  /// What one child of a race with `late` sent, and the others only when it is late.
  struct first_copy {
    range bytes;
    std::size_t by = 0;
    instant due{};
    std::vector<std::size_t> also;  // children that sent it too
  };
  struct asking {
    instant now;
    duration& retry;
    const send_packets* packets;
  };
  struct node_state {
    range_set assigned;     // what the parent gave (or unplaced_ gave to the root)
    range_set pool;         // selector, bond: given and not taken by a child
    range_set own;          // child of a race: given to the race and not taken by this child
    range_set returned;     // part of the pool: was under way and must go again
    fifo<first_copy> sent;  // race with `late`
    bool bulk = false;      // selector: this flow uses its bulk child
  };

  range take_from_parent(root_target& root, policy::node_id node, std::uint64_t limit, asking& ask);
  range take_bonded(root_target& root, policy::node_id parent, policy::node_id node,
                    std::uint64_t limit, asking& ask);
  range take_raced(root_target& root, policy::node_id parent, policy::node_id node,
                   std::uint64_t limit, asking& ask);
  range take_late(root_target& root, policy::node_id parent, policy::node_id node,
                  std::uint64_t limit, asking& ask);
  std::optional<std::size_t> chosen(const root_target& root,
                                    policy::node_id selector) const noexcept;
  bool serves(const root_target& root, policy::node_id node) const noexcept;
  void give(policy::node_id node, range r);
  void escalate(const root_target& root, policy::node_id node);
  void give_back(const root_target& root, policy::node_id node, const range_set& what);
  std::uint64_t backlog(policy::node_id node) const noexcept;

  std::shared_ptr<const policy::graph> graph_;  // lives as long as ranges are charged to its nodes
  std::uint32_t version_;
  std::vector<node_state> nodes_;
  bool more_ = false;
  range_set unplaced_;  // offered, given to nobody
};

}  // namespace rendr::engine
