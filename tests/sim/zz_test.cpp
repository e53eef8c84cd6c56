#include "sim/plain.hpp"
#include <cstdlib>
#include <cstdio>
namespace rendr::sim { namespace {
TEST(zz, one) {
  auto a = path("a", 20ms, 20*mbit); auto b = path("b", 20ms*(getenv("RTT")?atoi(getenv("RTT")):1), 20*mbit/(getenv("SLOW")?atoi(getenv("SLOW")):1));
  a.control = b.control = congestion::bbr;
  std::printf("plain a %.2f b %.2f\n", plain_tcp(a, 20s, 61)/mbit, plain_tcp(b, 20s, 62)/mbit);
  std::printf("rendr a %.2f b %.2f\n", goodput({a}, "a", 20s, 63)/mbit, goodput({b}, "b", 20s, 63)/mbit);
  std::printf("sel %.2f\n", goodput({a,b}, "selector(a,b)", 20s, 63)/mbit);
  std::printf("bond %.2f\n", goodput({a,b}, "bond(a,b)", 20s, 63)/mbit);
}
}}
