// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

#include "cli/option_values.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {
namespace {

using namespace std::chrono_literals;

parsed run(std::initializer_list<std::string> words) {
  const std::vector<std::string> arguments(words);
  return parse(arguments);
}

template <class Command>
Command accepted(std::initializer_list<std::string> words) {
  auto outcome = run(words);
  EXPECT_TRUE(outcome.command.has_value()) << outcome.text;
  if (!outcome.command) return {};
  EXPECT_TRUE(std::holds_alternative<Command>(outcome.command->command));
  return std::get<Command>(outcome.command->command);
}

/// The complaint about a line that breaks a rule.
std::string refused(std::initializer_list<std::string> words) {
  auto outcome = run(words);
  EXPECT_FALSE(outcome.command.has_value());
  EXPECT_EQ(outcome.code, exit_code::usage);
  return outcome.text;
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(cli_options, help_and_version_go_to_stdout_and_are_no_error) {
  for (const auto* command : {"demo", "serve", "forward", "pipe", "keygen"}) {
    const auto outcome = run({command, "--help"});
    EXPECT_EQ(outcome.code, exit_code::ok);
    EXPECT_FALSE(outcome.command);
    EXPECT_SAYS(outcome.text, "Examples:");
  }
  EXPECT_SAYS(run({"--help"}).text, "Exit codes:");
  const auto version = run({"--version"});
  EXPECT_EQ(version.code, exit_code::ok);
  EXPECT_SAYS(version.text, "wire version 1");
}

TEST(cli_options, demo_has_three_cuts_one_of_them_silent_unless_told_otherwise) {
  const auto demo = accepted<demo_options>({"demo"});
  ASSERT_EQ(demo.cuts.size(), 3u);
  EXPECT_EQ(demo.cuts[1].kind, cut_kind::silent);
  EXPECT_EQ(demo.cuts[1].percent, 50u);
  EXPECT_EQ(demo.size, std::uint64_t{256} << 20);
  EXPECT_TRUE(accepted<demo_options>({"demo", "--no-cuts"}).cuts.empty());
}

TEST(cli_options, demo_reads_its_schedule) {
  const auto demo = accepted<demo_options>({"demo", "--size=1GiB", "--rate=unlimited",
                                            "--cut=2s:silent:fiber:500ms", "--cut=60%:migrate"});
  EXPECT_EQ(demo.size, std::uint64_t{1} << 30);
  EXPECT_EQ(demo.rate, 0u);
  ASSERT_EQ(demo.cuts.size(), 2u);
  EXPECT_EQ(demo.cuts[0].after, 2s);
  EXPECT_EQ(demo.cuts[0].path, "fiber");
  EXPECT_EQ(demo.cuts[0].length, 500ms);
  EXPECT_EQ(demo.cuts[1].kind, cut_kind::migrate);
}

TEST(cli_options, forward_takes_several_paths_and_names_the_nameless) {
  const auto forward = accepted<forward_options>(
      {"--log-level=debug", "forward", "--listen=127.0.0.1:0", "--to=db", "--path=tcp://[::1]:7000",
       "--path=lte=tcp://localhost:7001", "--root=race(p1, lte)", "--grace=forever", "--loops=2"});
  ASSERT_EQ(forward.link.paths.size(), 2u);
  EXPECT_EQ(forward.link.paths[0].name, "p1");
  EXPECT_EQ(forward.link.paths[1].name, "lte");
  EXPECT_EQ(forward.link.grace, duration::max());
  EXPECT_EQ(forward.link.connect_timeout, 10s);
  EXPECT_EQ(forward.target, "db");
  EXPECT_EQ(forward.loops, 2u);
}

TEST(cli_options, a_path_takes_its_cost_and_fate_and_a_graph_its_keys) {
  const auto forward = accepted<forward_options>(
      {"forward", "--listen=127.0.0.1:0", "--path=a=tcp://h:1,cost=100,fate=mast",
       "--path=b=tcp://h:2,weight=5",
       "--root=selector(a, fat: bond(a, b), dwell=1s, cost_bound=50ms, bulk=fat)"});
  EXPECT_EQ(forward.link.paths[0].cost, 100u);
  EXPECT_EQ(forward.link.paths[0].fate, "mast");
  EXPECT_EQ(forward.link.paths[1].weight, 5u);
}

TEST(cli_options, a_word_for_what_a_flow_is_for_stands_for_a_graph) {
  for (const auto* word : {"handover", "interactive", "aggregate"}) {
    const auto root = "--root=" + std::string(word);
    EXPECT_EQ(
        accepted<pipe_options>({"pipe", "--path=tcp://h:1", "--path=tcp://h:2", root}).link.root,
        word);
    EXPECT_EQ(accepted<demo_options>({"demo", root}).root, word);
  }
}

TEST(cli_options, help_names_every_key_and_word_that_a_path_and_a_graph_take) {
  const auto help = run({"forward", "--help"}).text;
  for (const auto* word :
       {"bind", "device", "mark", "cc", "cost", "weight", "fate", "evidence", "cold", "dwell",
        "cooldown", "cost_bound", "bulk", "late", "handover", "interactive", "aggregate"}) {
    EXPECT_SAYS(help, word);
  }
}

TEST(cli_options, version_names_what_status_does_and_what_the_build_lacks) {
  const auto text = run({"--version"}).text + " ";
  const auto features = text.find("\nfeatures: ");
  const auto absent = text.find("\nabsent: ");
  ASSERT_LT(features, absent) << text;
  const runtime instance;
  const auto status = instance.status();
  for (const std::string word :
       {"tcp", "fd", "selector", "race", "bond", "sealed", "packet_mode"}) {
    EXPECT_EQ(std::count(status.capabilities.begin(), status.capabilities.end(), word), 1) << word;
  }
  for (const auto& word : status.capabilities) {
    if (word == "network_watch") {
      EXPECT_FALSE(status.network_watch.code);
    } else {
      EXPECT_LT(text.find(" " + word, features), absent) << word << " in " << text;
    }
  }
  for (const auto* word : {" quic ", " tun "}) {
    const auto at = text.find(word);
    EXPECT_TRUE(at != std::string::npos && at > absent) << text;
  }
}

TEST(cli_options, grace_of_the_program_is_a_day) {
  EXPECT_EQ(accepted<pipe_options>({"pipe", "--path=tcp://127.0.0.1:7000"}).link.grace, 24h);
  EXPECT_EQ(accepted<serve_options>({"serve", "--listen=tcp://127.0.0.1:7000", "--to=h:1"}).grace,
            24h);
}

TEST(cli_options, what_is_left_of_it_when_every_path_was_closed_is_five_minutes) {
  const auto pipe = [](const char* more) {
    return accepted<pipe_options>({"pipe", "--path=tcp://127.0.0.1:7000", more}).link.grace_closed;
  };
  EXPECT_EQ(pipe("--quiet"), 5min);
  EXPECT_EQ(pipe("--grace-closed=forever"), duration::max());
  EXPECT_EQ(accepted<serve_options>(
                {"serve", "--listen=tcp://127.0.0.1:7000", "--to=h:1", "--grace-closed=30s"})
                .grace_closed,
            30s);
}

TEST(cli_options, serve_takes_one_unnamed_or_several_named_targets) {
  const auto serve = accepted<serve_options>(
      {"serve", "--listen=tcp://127.0.0.1:7000", "--to=ssh=127.0.0.1:22", "--to=db=[::1]:5432"});
  ASSERT_EQ(serve.targets.size(), 2u);
  EXPECT_EQ(serve.targets[0].name, "ssh");
  EXPECT_EQ(to_string(serve.targets[1].address), "[::1]:5432");
}

TEST(cli_options, keepalive_of_applications_is_on_with_the_systems_values_unless_told_otherwise) {
  for (const auto* command : {"serve", "forward"}) {
    const auto probes = [&](std::initializer_list<std::string> more) {
      std::vector<std::string> words{command};
      if (words.front() == "serve") {
        words.insert(words.end(), {"--listen=tcp://127.0.0.1:7000", "--to=127.0.0.1:80"});
      } else {
        words.insert(words.end(), {"--listen=127.0.0.1:80", "--path=tcp://127.0.0.1:7000"});
      }
      words.insert(words.end(), more);
      const auto outcome = parse(words);
      EXPECT_TRUE(outcome.command.has_value()) << outcome.text;
      if (const auto* serve = std::get_if<serve_options>(&outcome.command->command)) {
        return serve->probes;
      }
      return std::get<forward_options>(outcome.command->command).probes;
    };
    EXPECT_EQ(probes({}), relay::keepalive());
    EXPECT_TRUE(probes({}).on);
    EXPECT_FALSE(probes({"--keepalive=off"}).on);
    EXPECT_EQ(probes({"--keepalive=2m"}),
              (relay::keepalive{true, 120s, std::nullopt, std::nullopt}));
    EXPECT_EQ(probes({"--keepalive=60s,10s,6"}), (relay::keepalive{true, 60s, 10s, 6}));
  }
}

TEST(cli_options, a_keepalive_that_the_system_cannot_have_is_refused_with_the_rule) {
  for (const auto* value : {"on", "0s", "500ms", "1500ms", "10h", "forever", "60s,10s", "60s,10s,0",
                            "60s,10s,128", "60s,10s,6,7", "60s,,6", "60s,10s,six"}) {
    const auto said = refused({"serve", "--listen=tcp://127.0.0.1:7000", "--to=127.0.0.1:80",
                               std::string("--keepalive=") + value});
    EXPECT_SAYS(said, std::string("--keepalive=") + value);
    EXPECT_SAYS(said, "IDLE[,INTERVAL,COUNT]");
    EXPECT_SAYS(said, "32767s");
  }
}

TEST(cli_options, brackets_may_stand_around_any_host) {
  const auto serve = accepted<serve_options>(
      {"serve", "--listen=tcp://[localhost]:7000", "--to=ssh=[db.local]:22", "--to=db=[::1]:5432"});
  EXPECT_EQ(serve.listen[0].host, "localhost");
  const auto everywhere =
      accepted<serve_options>({"serve", "--listen=tcp://*:7000,device=eth0", "--to=h:1"});
  EXPECT_EQ(everywhere.listen[0].host, "*");
  EXPECT_EQ(everywhere.listen[0].port, 7000);
  EXPECT_EQ(everywhere.listen[0].device, "eth0");
  EXPECT_EQ(to_string(serve.targets[0].address), "db.local:22");
  const auto forward = accepted<forward_options>(
      {"forward", "--listen=[127.0.0.1]:0", "--path=tcp://[h.example]:7000"});
  EXPECT_EQ(to_string(forward.listen), "127.0.0.1:0");
  EXPECT_EQ(forward.link.paths[0].host, "h.example");
}

TEST(cli_options, a_mistake_names_the_option_the_value_and_the_rule) {
  struct line {
    std::initializer_list<std::string> words;
    std::initializer_list<const char*> parts;
  };
  const line lines[] = {
      {{"demo", "--size=lots"}, {"--size", "lots"}},
      {{"demo", "--grace=1s"}, {"--grace", "no such option"}},
      {{"demo", "--cut=50:kill"}, {"--cut=50:kill", "no moment"}},
      {{"demo", "--cut=50%:kil"}, {"did you mean \"kill\""}},
      {{"demo", "--cut=50%:kill:fibre"}, {"did you mean \"fiber\"", "fiber, lte, wifi"}},
      {{"demo", "--cut=50%:kill", "--no-cuts"}, {"--no-cuts"}},
      {{"demo", "a", "--size=1MiB"}, {"--size=1MiB", "leave one out"}},
      {{"demo", "--root=selector(fiber, lte, wfi)"}, {"--root", "wfi", "^"}},
      {{"demo", "--root=selector(fiber, lte)"}, {"--root", "wifi"}},
      {{"demo", "--rate=fast"}, {"--rate=fast", "unlimited"}},
      {{"demo", "--log-level=verbose"}, {"--log-level=verbose", "error, warn, info, debug"}},
      {{"serve", "--to=127.0.0.1:22"}, {"--listen is missing"}},
      {{"serve", "--listen=tcp://127.0.0.1:7000"}, {"--to is missing"}},
      {{"serve", "--listen=tcp://127.0.0.1", "--to=h:1"}, {"--listen", "port"}},
      {{"serve", "--listen=a=tcp://127.0.0.1:1", "--to=h:1"}, {"--listen", "no name"}},
      {{"serve", "--listen=tcp://h:1", "--to=a=h:1", "--to=a=h:2"}, {"\"a\" stands twice"}},
      {{"serve", "--listen=tcp://h:1", "--to=h"}, {"--to=h", "port is missing"}},
      {{"serve", "--listen=tcp://h:1", "--to=h:0"}, {"--to=h:0", "1 to 65535"}},
      {{"forward", "--listen=:80", "--path=tcp://h:1"}, {"--listen=:80", "host is missing"}},
      {{"forward", "--listen=::1:80", "--path=tcp://h:1"}, {"brackets"}},
      {{"forward", "--listen=h:80"}, {"--path is missing"}},
      {{"forward", "--listen=h:80", "--path=tpc://h:1"}, {"--path", "tpc"}},
      {{"forward", "--listen=h:80", "--path=tcp://h"}, {"--path", "port"}},
      {{"forward", "--listen=h:80", "--path=a=tcp://h:1", "--path=a=tcp://h:2"}, {"--path", "a"}},
      {{"forward", "--listen=h:80", "--path=a=tcp://h:1", "--root=b"}, {"--root", "b", "^"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1,cost=1001"}, {"--path", "cost", "0 to 1000"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1,fate=-m"}, {"--path", "fate", "^"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1,fat=m"}, {"--path", "fat", "fate"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1", "--root=handover(p1)"},
       {"--root", "handover", "^"}},
      {{"pipe", "--path=tcp://h:1", "--root=selector(p1, dwell=3)"}, {"--root", "dwell", "0s to"}},
      {{"pipe", "--path=tcp://h:1", "--root=race(p1, bulk=p1)"}, {"--root", "bulk", "selector"}},
      {{"pipe", "--path=tcp://h:1", "--root=selector(p1, late=9ms)"}, {"--root", "late", "race"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1", "--to=h:22"}, {"--to=h:22", "name"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1", "--loops=0"}, {"--loops=0", "1 to 64"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1", "--grace=1"}, {"--grace=1", "unit"}},
      {{"serve", "--listen=tcp://h:1", "--to=h:1", "--secrets=trustd"},
       {"--secrets=trustd", "strict or trusted", "did you mean \"trusted\""}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1", "--grace-closed=0s"},
       {"--grace-closed=0s", "longer than 0"}},
      {{"serve", "--listen=tcp://h:1", "--to=h:1,proxy-protocol=v3"},
       {"--to=h:1,proxy-protocol=v3", "proxy-protocol=v1 or proxy-protocol=v2"}},
      {{"serve", "--listen=tcp://h:1", "--to=h:1", "--memory=64"},
       {"--memory=64", "at least 1MiB"}},
      {{"pipe", "--path=tcp://h:1", "--memory=64KiB"}, {"--memory=64KiB", "at least 1MiB"}},
      {{"forward", "--listen=h:80", "--path=tcp://h:1", "--when-dark=refused"},
       {"--when-dark=refused", "wait or refuse", "did you mean \"refuse\""}},
      {{"forward", "--listn=h:80"}, {"--listn", "did you mean \"--listen\""}},
      {{"pipe", "--path=tcp://h:1", "extra"}, {"extra", "too many"}},
      {{"pip"}, {"\"pip\"", "did you mean \"pipe\""}},
      {{}, {"a command is missing"}},
  };
  for (const auto& l : lines) {
    const auto text = refused(l.words);
    for (const auto* part : l.parts) EXPECT_SAYS(text, part);
  }
}

TEST(cli_options, an_option_without_its_value_is_named) {
  EXPECT_SAYS(refused({"pipe", "--path"}), "--path");
  EXPECT_SAYS(refused({"demo", "--size=1MiB", "--size=2MiB"}), "--size");
}

}  // namespace
}  // namespace rendr::cli
