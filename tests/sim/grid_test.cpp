// SPDX-License-Identifier: Apache-2.0
// Gate G8 over a grid: bond(a, b) where b is slower, farther and lossier than a. The baselines are
// plain TCP on each path alone. Prints the grid; with RENDR_PLOT_DIR set, also writes it there as
// CSV. ctest: timeout=600
#include <cstdlib>
#include <map>

#include "sim/plain.hpp"

namespace rendr::sim {
namespace {

constexpr duration measured = 20s;
constexpr duration base_rtt = 20ms;
constexpr std::uint64_t base_rate = 20 * mbit;
constexpr std::array<std::uint64_t, 4> slower{1, 2, 5, 10};
constexpr std::array<int, 3> farther{1, 4, 20};
constexpr std::array<std::uint32_t, 3> losses{0, 5'000, 20'000};

struct cell {
  std::uint64_t slower = 1;
  int farther = 1;
  std::uint32_t loss_ppm = 0;
  double a = 0;  ///< plain TCP on each path, and the bond: bytes per second
  double b = 0;
  double bond = 0;

  double of_sum() const { return 100 * bond / (a + b); }
  double of_best() const { return 100 * bond / std::max(a, b); }
  std::string text() const {
    return "1:" + std::to_string(slower) + " rate, 1:" + std::to_string(farther) + " RTT, " +
           std::to_string(loss_ppm / 1'000) + " per mille loss";
  }
};

class csv {
 public:
  explicit csv(congestion control) {
    const char* folder = std::getenv("RENDR_PLOT_DIR");
    if (folder == nullptr) return;
    const std::string name = control == congestion::bbr ? "/grid-bbr.csv" : "/grid-cubic.csv";
    file_ = std::fopen((folder + name).c_str(), "w");
    if (file_ != nullptr) std::fprintf(file_, "slower,farther,loss_ppm,a,b,bond\n");
  }
  csv(const csv&) = delete;
  csv& operator=(const csv&) = delete;
  ~csv() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void add(const cell& c) {
    if (file_ == nullptr) return;
    std::fprintf(file_, "%llu,%d,%u,%.0f,%.0f,%.0f\n", static_cast<unsigned long long>(c.slower),
                 c.farther, c.loss_ppm, c.a, c.b, c.bond);
  }

 private:
  std::FILE* file_ = nullptr;
};

cell measure(std::uint64_t rate, int rtt, std::uint32_t loss, congestion control, double alone) {
  auto a = path("a", base_rtt, base_rate);
  auto b = path("b", base_rtt * rtt, base_rate / rate, loss);
  a.control = b.control = control;
  cell c{rate, rtt, loss};
  c.a = alone;
  c.b = plain_tcp(b, measured, 62);
  c.bond = goodput({a, b}, "bond(a, b)", measured, 63);
  return c;
}

class grid : public testing::TestWithParam<congestion> {};

TEST_P(grid, of_two_paths_is_never_slower_than_the_best_alone) {
  const auto control = GetParam();
  const std::string title = control == congestion::bbr ? "bbr" : "cubic";
  csv out(control);
  auto a = path("a", base_rtt, base_rate);
  a.control = control;
  const auto alone = plain_tcp(a, measured, 61);
  std::printf(
      "\nbond(a, b), %s: %% of the sum of each path alone / of the best alone (plain TCP)\n",
      title.c_str());
  std::printf(
      "a: 20 Mbit/s at 20 ms RTT, %.1f Mbit/s of goodput; b: its rate 1:n, its RTT 1:n, its "
      "loss\n%-20s",
      alone / mbit, "");
  for (const auto rate : slower)
    std::printf("rate 1:%-10llu", static_cast<unsigned long long>(rate));
  std::printf("\n");
  std::optional<cell> worst_sum;
  std::optional<cell> worst_best;
  for (const auto rtt : farther) {
    for (const auto loss : losses) {
      std::printf("RTT 1:%-3d loss %.1f %%  ", rtt, loss / 10'000.0);
      for (const auto rate : slower) {
        const auto c = measure(rate, rtt, loss, control, alone);
        out.add(c);
        std::printf("%5.1f / %-9.1f", c.of_sum(), c.of_best());
        if (!worst_sum || c.of_sum() < worst_sum->of_sum()) worst_sum = c;
        if (!worst_best || c.of_best() < worst_best->of_best()) worst_best = c;
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  std::printf("worst of the sum: %s; worst of the best: %s\n", worst_sum->text().c_str(),
              worst_best->text().c_str());
  // With bbr a path of 400 ms with loss has hardly begun when the measurement does: over seeds 86
  // to 93 % of the sum.
  const bool bbr = control == congestion::bbr;
  expect_at_least("G8 grid, " + title + ", the worst cell of the best alone", worst_best->of_best(),
                  98, "%");
  expect_at_least("G8 grid, " + title + ", the worst cell of the sum", worst_sum->of_sum(),
                  bbr ? 83 : 92, "%");
}
INSTANTIATE_TEST_SUITE_P(g8, grid, testing::Values(congestion::cubic, congestion::bbr));

}  // namespace
}  // namespace rendr::sim
