// SPDX-License-Identifier: Apache-2.0
// The gates on real sockets: rendr's own ends in two network namespaces, joined by emulated links.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lab/emulated_gates/plan.hpp"
#include "support/nft.hpp"

namespace rendr::test {
namespace {

constexpr const char* usage =
    "lab_emulated_gates [--short] [--only=G4,G5.dark,...] [--congestion=cubic|bbr] [--tries=N]\n"
    "                   [--json=FILE]\n"
    "Pieces: G1 G2 G3.{20k,50k,100k}\n"
    "        G4.{near,far,first_hop}.{bulk,1k,200b}.{both,to_server,to_client}.{cubic,bbr}\n"
    "        G4b.{1k,bulk}.{0,1}.{cubic,bbr} G5.{dark,refused} G6 G7 G8.{rate,loss,delay} G9\n"
    "        G10.{cubic,bbr} G11.{a,b,nat}; the beginning of a name means all that begin so.\n"
    "        G3.100k, G4.far and G4.first_hop are run only when they are named.\n"
    "Ends with 1 when a row missed its bound; the short form, made for busy machines, only when\n"
    "something was wrong that no load excuses.\n";

struct command {
  bool brief = false;
  std::vector<std::string> only;
  std::string congestion = "cubic";
  std::size_t tries = 0;
  std::string json;
};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    list.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value == 0) throw std::invalid_argument("not a positive number: " + std::string(text));
  return value;
}

command parse(int argc, char** argv) {
  command c;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option(argv[i]);
    const auto value = option.substr(std::min(option.find('=') + 1, option.size()));
    if (option == "--short") {
      c.brief = true;
    } else if (option.starts_with("--only=")) {
      c.only = words(value);
    } else if (option.starts_with("--congestion=")) {
      c.congestion = value;
    } else if (option.starts_with("--tries=")) {
      c.tries = number(value);
    } else if (option.starts_with("--json=")) {
      c.json = value;
    } else {
      throw std::invalid_argument("unknown option " + std::string(option) + "\n" + usage);
    }
  }
  if (c.tries == 0) c.tries = c.brief ? 2 : 30;
  return c;
}

int run(const command& c) {
  plan p(c.brief, c.only, c.congestion, c.tries, c.json);
  p.report().note(
      "Both ends are rendr's public API in one process, in two network namespaces joined by links "
      "through TUN devices; every byte that arrives is compared with its place.");
  p.report().note("TCP congestion control: " + c.congestion +
                  " at both ends, except where a row names its own.");
  p.report().note(
      "Bounds of time are those of virtual time + 100 ms. The round trips of G9 have a triangular "
      "distribution: the emulator's jitter is uniform.");
  // First what fills two cores, alone.
  gate_packets(p);
  // Ten minutes of next to no traffic: beside the others.
  auto long_watch = std::async(std::launch::async, [&p] { gate_no_flapping(p); });
  gate_bulk(p);
  gate_echo(p);
  gate_silent_drop(p);
  gate_false_alarms(p);
  gate_return(p);
  gate_race(p);
  gate_bond(p);
  gate_self_load(p);
  gate_all_dark(p);
  long_watch.get();
  if (p.report().rows().empty())
    throw std::invalid_argument("no such piece\n" + std::string(usage));
  if (!p.report().write(c.json)) return 2;
  return p.report().missed() ? 1 : 0;
}

}  // namespace
}  // namespace rendr::test

int main(int argc, char** argv) {
  try {
    const auto c = rendr::test::parse(argc, argv);
    if (const auto why = rendr::test::nft::unavailable(); !why.empty()) {
      std::printf("%s\n", why.c_str());
      return 77;
    }
    return rendr::test::run(c);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "emulated_gates: %s\n", e.what());
    return 2;
  }
}
