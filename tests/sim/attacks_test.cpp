// SPDX-License-Identifier: Apache-2.0
// The attacks of docs/security.md in virtual time: each is mounted while an honest flow runs, and
// ends with every byte of that flow in its place and nothing kept.
#include "hostile/attacks.hpp"

#include <gtest/gtest.h>

#include "sim/hostile_stage.hpp"

namespace rendr::sim {
namespace {

class attacks : public testing::TestWithParam<hostile::attack> {};

TEST_P(attacks, harm_nobody_else) {
  hostile_stage s;
  const auto before = s.delivered();
  GetParam().mount(s);
  for (const auto& side : {s.server(), s.client()}) {
    const auto* honest = side.find(s.honest());
    ASSERT_NE(honest, nullptr) << "the honest link is gone";
    EXPECT_EQ(honest->deaths, s.cuts());
  }
  EXPECT_EQ(s.damage(), "");
  EXPECT_GT(s.delivered(), before);
}

std::string name_of(const testing::TestParamInfo<hostile::attack>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(strangers, attacks, testing::ValuesIn(hostile::attacks_of_strangers()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(peers, attacks, testing::ValuesIn(hostile::attacks_of_peers()), name_of);

}  // namespace
}  // namespace rendr::sim
