// SPDX-License-Identifier: Apache-2.0
// Plain TCP, MPTCP and rendr side by side, over the same emulated links in the same run.
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#include "lab/peers/measure.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* usage =
    "lab_peers [--short] [--only=PIECE,...] [--congestion=cubic|bbr] [--rounds=N] [--tries=N]\n"
    "          [--seconds=N] [--json=FILE]\n"
    "pieces: cpu, reset-bulk, reset-1k, drop-bulk, drop-1k, drop-200, throughput-equal,\n"
    "        throughput-slow, throughput-far, throughput-slow-loss, throughput-far-loss;\n"
    "        or the word before the hyphen for all of it\n";

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value == 0) throw std::invalid_argument("not a positive number: " + std::string(text));
  return value;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    list.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

plan parse(int argc, char** argv) {
  plan p;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option(argv[i]);
    const auto value = option.substr(std::min(option.find('=') + 1, option.size()));
    if (option == "--short") {
      p.brief = true;
      p.rounds = 1;
      p.tries = 1;
      p.warm_up = 1s;
      p.span = 2s;
      p.cap = 3s;
    } else if (option.starts_with("--only=")) {
      p.only = words(value);
    } else if (option.starts_with("--congestion=")) {
      p.congestion = value;
    } else if (option.starts_with("--rounds=")) {
      p.rounds = number(value);
    } else if (option.starts_with("--tries=")) {
      p.tries = number(value);
    } else if (option.starts_with("--seconds=")) {
      p.span = std::chrono::seconds(number(value));
    } else if (option.starts_with("--json=")) {
      p.json = value;
    } else {
      throw std::invalid_argument("unknown option " + std::string(option) + "\n" + usage);
    }
  }
  return p;
}

int run(const plan& p) {
  lab_report report("Peers side by side", p.congestion);
  report.note(
      "Each transfer has a sender and a receiver process in network namespaces of their "
      "own, joined by two emulated links; every byte that arrives is compared.");
  report.note(
      "MPTCP: sockets of IPPROTO_MPTCP, the kernel's path manager with a subflow endpoint "
      "for the client's second address; every other setting is the kernel's default.");
  report.note(
      "Processor time is that of both processes; what the kernel does in interrupts on "
      "account of others is not in it, for any system.");
  measure_cpu(p, report);
  measure_resets(p, report);
  measure_drops(p, report);
  measure_throughput(p, report);
  if (!report.write(p.json)) return 2;
  return report.missed() && !p.brief ? 1 : 0;
}

}  // namespace
}  // namespace rendr::test

int main(int argc, char** argv) {
  try {
    const auto p = rendr::test::parse(argc, argv);
    if (const auto why = rendr::test::netns::unavailable(); !why.empty()) {
      std::printf("%s\n", why.c_str());
      return 77;
    }
    return rendr::test::run(p);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "peers: %s\n", e.what());
    return 2;
  }
}
