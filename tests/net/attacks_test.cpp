// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=240
// The attacks of docs/security.md on sockets: what sim/attacks mounts in virtual time, against the
// kernel's TCP and the runtime.
#include "hostile/attacks.hpp"

#include "support/net_fixture.hpp"
#include "support/socket_stage.hpp"

namespace rendr::test {
namespace {

class attacks_on_sockets : public net_test, public testing::WithParamInterface<hostile::attack> {};

TEST_P(attacks_on_sockets, harm_nobody_else) {
  socket_stage s;
  const auto before = s.delivered();
  GetParam().mount(s);
  EXPECT_TRUE(s.until([&] { return s.delivered() > before; }, std::chrono::seconds(10)));
  for (const auto& side : {s.server(), s.client()}) {
    const auto* honest = side.find(s.honest());
    ASSERT_NE(honest, nullptr) << "the honest link is gone";
    EXPECT_EQ(honest->deaths, s.cuts()) << honest->history;
  }
  EXPECT_EQ(s.damage(), "");
}

std::string name_of(const testing::TestParamInfo<hostile::attack>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(strangers, attacks_on_sockets,
                         testing::ValuesIn(hostile::attacks_of_strangers()), name_of);
INSTANTIATE_TEST_SUITE_P(peers, attacks_on_sockets, testing::ValuesIn(hostile::attacks_of_peers()),
                         name_of);

}  // namespace
}  // namespace rendr::test
