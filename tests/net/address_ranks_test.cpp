// SPDX-License-Identifier: Apache-2.0
// In which order the addresses of a name are tried.
#include "transport/address_ranks.hpp"

#include <gtest/gtest.h>

namespace rendr::transport {
namespace {

using endpoints = std::vector<address_ranks::endpoint>;

address_ranks::endpoint at(unsigned last) {
  return {asio::ip::address_v4(0xc0000200 + last), std::uint16_t{7}};
}

TEST(address_ranks, keep_the_order_of_the_resolver_until_something_is_known) {
  address_ranks ranks;
  ranks.known({at(1), at(2), at(3)});
  EXPECT_EQ(ranks.order(), (endpoints{at(1), at(2), at(3)}));
  EXPECT_TRUE(ranks.more());
}

TEST(address_ranks, put_last_what_was_tried_and_the_longest_ago_first_among_them) {
  address_ranks ranks;
  ranks.known({at(1), at(2), at(3)});
  ranks.tried(at(1));
  ranks.tried(at(2));
  EXPECT_EQ(ranks.order(), (endpoints{at(3), at(1), at(2)}));
  ranks.tried(at(3));
  ranks.tried(at(1));
  EXPECT_EQ(ranks.order(), (endpoints{at(2), at(3), at(1)}));
  EXPECT_FALSE(ranks.more());
}

TEST(address_ranks, put_first_what_served_last) {
  address_ranks ranks;
  ranks.known({at(1), at(2), at(3)});
  ranks.tried(at(1));
  ranks.good(at(3));
  EXPECT_EQ(ranks.order(), (endpoints{at(3), at(1), at(2)}));
  ranks.tried(at(3));
  EXPECT_EQ(ranks.order(), (endpoints{at(1), at(2), at(3)})) << "it does not serve now";
}

TEST(address_ranks, forget_what_the_name_means_no_more_and_remember_what_it_still_means) {
  address_ranks ranks;
  ranks.known({at(1), at(2)});
  ranks.good(at(2));
  ranks.known({at(3), at(2)});
  EXPECT_EQ(ranks.order(), (endpoints{at(2), at(3)}));
}

}  // namespace
}  // namespace rendr::transport
