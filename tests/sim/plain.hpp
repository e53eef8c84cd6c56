// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/gates.hpp"

namespace rendr::sim {

/// In-order goodput of a bulk flow over `root`, bytes per second, from 3 s after its start.
inline double goodput(const std::vector<path_options>& paths, const std::string& root,
                      duration time, std::uint64_t seed) {
  scenario s;
  s.seed = seed_or(seed);
  s.paths = paths;
  s.root = root;
  world w(s);
  w.connect();
  w.run(1s);
  auto& flow = w.open({.up = traffic::bulk(16 * gib)});
  w.run(3s);
  const auto before = flow.server().received;
  w.run(time);
  EXPECT_EQ(w.violations(), "");
  return static_cast<double>(flow.server().received - before) /
         std::chrono::duration<double>(time).count();
}

/// The same line with plain TCP, no engine.
inline double plain_tcp(const path_options& p, duration time, std::uint64_t seed) {
  event_queue queue;
  line l(queue, random(seed_or(seed)), p, tcp_options{});
  std::uint64_t received = 0;
  bytes block(65536);
  l.on_accept = [&](line&, tcp_socket& s) {
    s.on_ready = [&](tcp_socket& at) {
      while (const auto n = at.read(block)) received += n;
    };
  };
  const bytes zeros(65536);
  auto& sender = l.dial();
  sender.unsent_limit(256 * 1024);
  sender.on_ready = [&](tcp_socket& s) {
    const bytes_view piece(zeros);
    while (s.writable() && s.write({&piece, 1}) != 0) {
    }
  };
  queue.run_until(instant{} + 4s);
  const auto before = received;
  queue.run_until(instant{} + 4s + time);
  return static_cast<double>(received - before) / std::chrono::duration<double>(time).count();
}

}  // namespace rendr::sim
