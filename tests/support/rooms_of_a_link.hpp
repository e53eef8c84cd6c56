// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/link/rooms.hpp"
#include "support/hex.hpp"

namespace rendr::engine::test {

/// Of a dialer with the leaves "wifi" and "mobile".
inline link_config two_leaves() {
  link_config out;
  out.paths.resize(2);
  out.paths[0].name = "wifi";
  out.paths[1].name = "mobile";
  return out;
}

/// The rooms of one link without the link, and what an endpoint shares with them.
struct rooms_of_a_link {
  explicit rooms_of_a_link(role side, endpoint_config self = {}, const link_config& wanted = {})
      : config(std::move(self)), in(shared, link_ref{1}, side, wanted) {
    in.slots.start(wanted.paths);
  }

  /// A carrier of this leaf that is connected and has said nothing.
  path& connect(instant now, spec_id leaf = 0) {
    auto p = std::make_unique<path>();
    p->carrier = carrier_id{++carriers};
    p->leaf = leaf;
    p->last_heard = now;
    return in.paths.add(std::move(p));
  }
  template <class Event>
  std::vector<Event> all() {
    std::vector<Event> out;
    while (auto e = events.poll()) {
      if (auto* one = std::get_if<Event>(&*e)) out.push_back(std::move(*one));
    }
    return out;
  }

  endpoint_config config;
  slab_pool pool;
  drbg secrets{secret<32>(rendr::test::filled<32>(1))};
  seeded_random jitter{1};
  event_queue events{1000};
  transmit_queue transmit;
  budget memory{std::size_t{1} << 30};
  std::uint64_t carriers = 0;  // the last number of one
  token_directory tokens;
  token_mint mint{secret<32>(rendr::test::filled<32>(3)), rendr::test::filled<16>(4), 0, 1};
  std::deque<link_ref> ready;
  services shared{config, pool,     secrets, jitter, events, transmit,
                  memory, carriers, tokens,  mint,   ready};
  rooms in;
};

}  // namespace rendr::engine::test
