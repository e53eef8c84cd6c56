// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/direct_pair.hpp"

namespace rendr::engine::test {
namespace {

std::string pattern(std::size_t n) {
  std::string s(n, '\0');
  for (std::size_t i = 0; i < n; ++i) s[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return s;
}

carrier_id carrier_of(direct_pair& w, std::string_view name) {
  const auto status = *w.dialer.ep.status(w.now, w.link);
  for (const auto& p : status.paths) {
    if (p.name == name) return p.carrier;
  }
  return {};
}

void darken(direct_pair& w, carrier_id id, bool dark = true) {
  w.dialer.dark[id] = dark;
  w.acceptor.dark[w.dialer.peer.at(id)] = dark;
}

flow_ref incoming(direct_pair& w, std::size_t n = 0) {
  return direct_pair::all<event::incoming_flow>(w.acceptor).at(n).flow;
}

TEST(EnginePaths, ManyRecordsOfADarkPathAreAllCopiedToAnother) {
  direct_pair w;
  const auto link = w.connect(2);
  w.advance(1s);
  const auto flow = *w.dialer.ep.open_stream(w.now, link, {});
  const auto sent = pattern(3 << 20);
  ASSERT_GT(*w.dialer.ep.write(w.now, flow, as_bytes(sent.substr(0, 16384))), 0u);
  w.advance(100ms);
  std::string got = w.read_all(w.acceptor, incoming(w));  // opens the window
  w.advance(100ms);
  darken(w, carrier_of(w, "a"));
  std::size_t at = 16384;
  for (int round = 0; round < 200 && got.size() < sent.size(); ++round) {
    at += *w.dialer.ep.write(w.now, flow, as_bytes(std::string_view(sent).substr(at)));
    w.advance(50ms);
    got += w.read_all(w.acceptor, incoming(w));
  }
  EXPECT_EQ(w.dialer.ep.status(w.now, link)->paths[0].suspicions, 1u);
  EXPECT_TRUE(got == sent) << got.size();
}

}  // namespace
}  // namespace rendr::engine::test
