// SPDX-License-Identifier: Apache-2.0
// Runs of the simulator as one hash over every output of both engines: two builds with the same
// hash behave alike. `scripts/trace` says how it is used.
#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "trace/parts.hpp"

namespace rendr::trace {
namespace {

struct wishes {
  std::uint64_t seeds = 0;  ///< of each endless part; 0: as many as the part itself says
  std::string_view part;    ///< empty: all
  std::uint64_t one = 0;    ///< one case of it; 0: all
  bool cases = false;
  bool dump = false;
};

bool number_of(std::string_view text, std::uint64_t& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() && value != 0;
}

bool understood(wishes& w, std::string_view argument) {
  constexpr std::string_view part = "--part=";
  constexpr std::string_view seed = "--seed=";
  if (argument == "--cases") return w.cases = true;
  if (argument == "--dump") return w.dump = true;
  if (argument.starts_with(seed)) return number_of(argument.substr(seed.size()), w.one);
  if (argument.starts_with(part)) {
    w.part = argument.substr(part.size());
    for (const auto& p : parts()) {
      if (w.part == p.name) return true;
    }
    return false;
  }
  return number_of(argument, w.seeds);
}

/// The hash of one case; dumps it when that is wished.
std::uint64_t hash_of(const part& p, std::uint64_t number, const wishes& w) {
  sim::journal notes;
  if (w.dump) notes = sim::journal([](const std::string& line) { std::puts(line.c_str()); });
  p.run(number, notes);
  if (w.cases) {
    std::printf("%s %s %llu %s\n", sim::hex(notes.hash()).c_str(), p.name,
                static_cast<unsigned long long>(number), p.title(number).c_str());
    std::fflush(stdout);
  }
  return notes.hash();
}

int run(const wishes& w) {
  sim::running_hash whole;
  for (const auto& p : parts()) {
    if (w.part.empty() ? p.apart : w.part != p.name) continue;
    const auto cases = p.endless && w.seeds != 0 ? w.seeds : p.cases;
    const auto first = w.one != 0 ? w.one : 1;
    const auto last = w.one != 0 ? w.one : cases;
    if (!p.endless && last > p.cases) {
      std::fprintf(stderr, "%s has %llu cases\n", p.name, static_cast<unsigned long long>(p.cases));
      return 2;
    }
    sim::running_hash all;
    for (auto n = first; n <= last; ++n) all.add(hash_of(p, n, w));
    whole.add(all.value());
    std::fprintf(w.dump ? stderr : stdout, "%s %s, %llu cases\n", sim::hex(all.value()).c_str(),
                 p.name, static_cast<unsigned long long>(last - first + 1));
    std::fflush(stdout);
  }
  std::fprintf(w.dump ? stderr : stdout, "%s trace\n", sim::hex(whole.value()).c_str());
  return 0;
}

}  // namespace
}  // namespace rendr::trace

int main(int argc, char** argv) {
  rendr::trace::wishes w;
  for (const std::string_view argument : std::vector<std::string_view>(argv + 1, argv + argc)) {
    if (rendr::trace::understood(w, argument)) continue;
    std::fprintf(stderr, "trace: what is %s?\n", std::string(argument).c_str());
    return 2;
  }
  // The attacks bring their own expectations, which are those of a process of its own.
  testing::InitGoogleTest();
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  return rendr::trace::run(w);
}
