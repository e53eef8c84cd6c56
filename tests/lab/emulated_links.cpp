// SPDX-License-Identifier: Apache-2.0
// Emulated links for shell scripts: holds two network namespaces with links between them and obeys
// one command a line on stdin. Everything goes with the process, which ends with its stdin.
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "support/emulator.hpp"

namespace rendr::test {
namespace {

constexpr std::string_view usage =
    "usage: emulated_links [--links=N] [--seed=N]\n"
    "Prints `client COMMAND...` and `server COMMAND...` (prefixes that run a program in that\n"
    "namespace), then `ready`. Commands, each answered by one line, `ok...` or `error: ...`:\n"
    "  set LINK WAY KEY=VALUE...  rate=20Mbit delay=20ms jitter=2ms loss=1% queue=256KiB\n"
    "  down LINK WAY | up LINK WAY\n"
    "  counters LINK WAY          ok entered=N forwarded=N lost=N overflowed=N darkened=N\n"
    "  drops LINK                 ok N: packets for which the emulator was too slow\n"
    "LINK counts from 0; WAY is both, to_server or to_client. Link i has the addresses 10.77.i.1 "
    "at\n"
    "the client and 10.77.i.2 at the server, which is 10.77.255.1 by every link.\n";

struct mistake : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename Value, typename Error>
Value good(result<Value, Error> value, std::string_view text) {
  if (!value) throw mistake(std::string(text) + ": " + value.error().sentence);
  return *value;
}

std::size_t number(std::string_view text, std::size_t low, std::size_t high) {
  const auto value = parse_number(text, low, high);
  if (!value) throw mistake("no number that fits: " + std::string(text));
  return static_cast<std::size_t>(*value);
}

std::uint32_t parts_per_million(std::string_view text) {
  std::size_t used = 0;
  double percent = -1;
  try {
    percent = std::stod(std::string(text), &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (used == 0 || text.substr(used) != "%" || !(percent >= 0 && percent <= 100)) {
    throw mistake("a loss is a percentage as 1%: " + std::string(text));
  }
  return static_cast<std::uint32_t>(percent * 10'000);
}

way way_of(std::string_view text) {
  if (text == "both") return way::both;
  if (text == "to_server") return way::to_server;
  if (text == "to_client") return way::to_client;
  throw mistake("a way is both, to_server or to_client: " + std::string(text));
}

/// rate=0 lifts the limit.
void edit(lane_settings& to, std::string_view word) {
  const auto equals = word.find('=');
  if (equals == word.npos) throw mistake("a setting is KEY=VALUE: " + std::string(word));
  const auto key = word.substr(0, equals);
  const auto value = word.substr(equals + 1);
  if (key == "rate") {
    to.rate = value == "0" ? 0 : good(parse_rate(value), value);
  } else if (key == "delay") {
    to.delay = good(parse_duration(value), value);
  } else if (key == "jitter") {
    to.jitter = good(parse_duration(value), value);
  } else if (key == "queue") {
    to.queue = good(parse_size(value), value);
  } else if (key == "loss") {
    to.loss_ppm = parts_per_million(value);
  } else {
    throw mistake("the keys are rate, delay, jitter, loss, queue: " + std::string(key));
  }
}

class console {
 public:
  console(std::size_t links, std::uint64_t seed) : links_(links), emulator_(links, seed) {}

  void greet() const {
    const auto prefix = [](const netns& where) {
      return "nsenter --net=/proc/" + std::to_string(::getpid()) + "/fd/" +
             std::to_string(where.descriptor());
    };
    std::cout << "client " << prefix(emulator_.client()) << "\nserver "
              << prefix(emulator_.server()) << "\nready" << std::endl;
  }

  std::string obey(const std::vector<std::string>& words) {
    const auto& verb = words[0];
    const std::size_t needed = verb == "drops" ? 2 : 3;
    if (words.size() < needed || (verb != "set" && words.size() != needed)) {
      throw mistake("not so many words: " + verb);
    }
    const auto link = number(words[1], 0, links_ - 1);
    if (verb == "drops") return " " + std::to_string(emulator_.device_drops(link));
    const auto which = way_of(words[2]);
    if (verb == "down" || verb == "up") {
      emulator_.up(link, which, verb == "up");
      return {};
    }
    if (verb == "counters") return counters(link, which);
    if (verb != "set") throw mistake("no such command: " + verb);
    set(link, which, words);
    return {};
  }

 private:
  std::string counters(std::size_t link, way which) const {
    const auto c = emulator_.counters(link, which);
    std::ostringstream text;
    text << " entered=" << c.entered << " forwarded=" << c.forwarded << " lost=" << c.lost
         << " overflowed=" << c.overflowed << " darkened=" << c.darkened;
    return text.str();
  }
  /// All words are understood before one takes effect.
  void set(std::size_t link, way which, const std::vector<std::string>& words) {
    lane_settings trial;
    for (std::size_t i = 3; i < words.size(); ++i) edit(trial, words[i]);
    emulator_.change(link, which, [&words](lane_settings& now) {
      for (std::size_t i = 3; i < words.size(); ++i) edit(now, words[i]);
    });
  }

  std::size_t links_;
  emulator emulator_;
};

int run(int argc, char** argv) {
  std::size_t links = 3;
  std::size_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option(argv[i]);
    if (option.starts_with("--links=")) {
      links = number(option.substr(8), 1, 250);
    } else if (option.starts_with("--seed=")) {
      seed = number(option.substr(7), 0, ~std::size_t{0} / 2);
    } else {
      std::cerr << usage;
      return 2;
    }
  }
  if (const auto why = netns::unavailable(); !why.empty()) {
    std::cerr << why << std::endl;
    return 77;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  console to(links, seed);
  to.greet();
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream fields(line);
    std::vector<std::string> words;
    for (std::string word; fields >> word;) words.push_back(std::move(word));
    if (words.empty()) continue;
    try {
      std::cout << "ok" << to.obey(words) << std::endl;
    } catch (const mistake& m) {
      std::cout << "error: " << m.what() << std::endl;
    }
  }
  return 0;
}

}  // namespace
}  // namespace rendr::test

int main(int argc, char** argv) {
  try {
    return rendr::test::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
