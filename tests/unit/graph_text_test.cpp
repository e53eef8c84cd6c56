// SPDX-License-Identifier: Apache-2.0
#include "policy/graph_text.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/seeded_random.hpp"
#include "rendr/graph.hpp"

namespace rendr::policy {
namespace {

const std::vector<leaf_info> paths{{"fiber"}, {"lte"}, {"wifi"}};

graph parsed(std::string_view text) {
  auto g = parse_graph(text, paths);
  EXPECT_TRUE(g) << (g ? "" : render(text, g.error()));
  return g ? *g : graph{};
}

// ---- good texts ----

struct good {
  std::string_view text;
  std::string_view canonical;
  std::string_view wire;
};

const std::vector<good> good_texts{
    {"fiber", "fiber", "fiber#0"},
    {" wifi\n", "wifi", "wifi#2"},
    {"selector(fiber,lte)", "selector(fiber, lte)", "selector1:selector(fiber#0,lte#1)"},
    {"best: selector(fiber, race(lte, wifi))", "best: selector(fiber, race(lte, wifi))",
     "best:selector(fiber#0,race1:race(lte#1,wifi#2))"},
    {"best :selector ( fiber ,\n\t bond ( wifi ) )", "best: selector(fiber, bond(wifi))",
     "best:selector(fiber#0,bond1:bond(wifi#2))"},
    {"race(fiber, selector(fiber, lte), selector(lte, fiber))",
     "race(fiber, selector(fiber, lte), selector(lte, fiber))",
     "race1:race(fiber#0,selector1:selector(fiber#0,lte#1),selector2:selector(lte#1,fiber#0))"},
    {"bond(weight = 3, fiber, race(lte, weight=1))", "bond(fiber, race(lte), weight=3)",
     "bond1:bond(fiber#0,race1:race(lte#1),weight=3)"},
    {"race1: selector(fiber, race(lte), race(wifi))",
     "race1: selector(fiber, race(lte), race(wifi))",
     "race1:selector(fiber#0,race2:race(lte#1),race3:race(wifi#2))"},
    {"selector(dwell=2000ms, fiber, lte, cooldown=1m, cost_bound=forever)",
     "selector(fiber, lte, dwell=2s, cooldown=1m, cost_bound=forever)",
     "selector1:selector(fiber#0,lte#1,dwell=2s,cooldown=1m,cost_bound=forever)"},
    {"selector(fiber, lte, dwell=3s, cooldown=15s, cost_bound=0.1s)", "selector(fiber, lte)",
     "selector1:selector(fiber#0,lte#1)"},
    {"selector(bulk=wifi, fiber, wifi, weight=2)", "selector(fiber, wifi, weight=2, bulk=wifi)",
     "selector1:selector(fiber#0,wifi#2,weight=2,bulk=wifi)"},
    {"selector(fiber, fat: bond(lte, wifi), bulk=fat, dwell=0)",
     "selector(fiber, fat: bond(lte, wifi), dwell=0s, bulk=fat)",
     "selector1:selector(fiber#0,fat:bond(lte#1,wifi#2),dwell=0s,bulk=fat)"},
    {"race(fiber, late=20ms, lte)", "race(fiber, lte, late=20ms)",
     "race1:race(fiber#0,lte#1,late=20ms)"},
    {"handover", "selector(fiber, lte, wifi)", "selector1:selector(fiber#0,lte#1,wifi#2)"},
    {" interactive\n", "race(fiber, lte, wifi, late=20ms)",
     "race1:race(fiber#0,lte#1,wifi#2,late=20ms)"},
    {"aggregate", "bond(fiber, lte, wifi)", "bond1:bond(fiber#0,lte#1,wifi#2)"},
    {"handover: race(fiber, lte)", "handover: race(fiber, lte)", "handover:race(fiber#0,lte#1)"},
    {"race: bond(selector: race(fiber), lte)", "race: bond(selector: race(fiber), lte)",
     "race:bond(selector:race(fiber#0),lte#1)"},
};

TEST(GraphText, GoodTextsReadWriteAndReadTheSame) {
  for (const auto& t : good_texts) {
    const auto g = parsed(t.text);
    EXPECT_EQ(to_text(g), t.canonical);
    EXPECT_EQ(parsed(to_text(g)), g) << t.text;
    EXPECT_EQ(to_wire_text(g), t.wire);
    const auto mirrored = parse_wire_graph(t.wire);
    ASSERT_TRUE(mirrored) << mirrored.error().sentence;
    EXPECT_EQ(*mirrored, g) << t.wire;
  }
}

TEST(GraphText, NodesAreNumberedAsTheTextNamesThem) {
  const auto g = parsed("best: selector(fiber, race(lte, wifi, weight=5))");
  ASSERT_EQ(g.size(), 5u);
  EXPECT_EQ(g[0].name, "best");
  EXPECT_EQ(g[0].parent, no_node);
  EXPECT_EQ(g[0].children, (std::vector<node_id>{1, 2}));
  EXPECT_EQ(g[1].kind, node_kind::path);
  EXPECT_EQ(g[2].name, "race1");
  EXPECT_TRUE(g[2].auto_named);
  EXPECT_EQ(g[2].weight, 5u);
  EXPECT_EQ(g[2].parent, 0u);
  EXPECT_EQ(g[4].leaf, 2u);
  EXPECT_EQ(g[4].parent, 2u);
}

TEST(GraphText, WhatIsKnownOfALeafTravels) {
  const std::vector<leaf_info> known{{"fiber", 5, evidence_kind::first_hop, 100, "pole"},
                                     {"lte", 1, evidence_kind::none},
                                     {"wifi", 2, {}, 0, "pole"}};
  const auto g = parse_graph("selector(fiber, lte, wifi)", known);
  ASSERT_TRUE(g);
  const auto wire = to_wire_text(*g);
  EXPECT_EQ(wire,
            "selector1:selector(fiber#0(weight=5,cost=100,fate=pole,evidence=first_hop),"
            "lte#1(evidence=none),wifi#2(weight=2,fate=pole))");
  const auto mirrored = parse_wire_graph(wire);
  ASSERT_TRUE(mirrored);
  EXPECT_EQ(*mirrored, *g);
}

TEST(GraphText, WithoutATextASelectorHoldsAllPathsInOrder) {
  EXPECT_EQ(default_graph(paths), parsed("selector(fiber, lte, wifi)"));
  EXPECT_EQ(default_graph(std::vector<leaf_info>{{"fiber"}}), parsed("fiber"));
  EXPECT_EQ(default_graph(std::vector<leaf_info>{{"selector1"}, {"a"}})[0].name, "selector2");
}

TEST(GraphText, AnIntentOverOnePathIsThatPath) {
  const std::vector<leaf_info> one{{"fiber"}};
  for (const auto word : {"handover", "interactive", "aggregate"}) {
    EXPECT_EQ(to_text(*parse_graph(word, one)), "fiber");
  }
}

TEST(GraphText, APathGoesBeforeAnIntentOfItsName) {
  const std::vector<leaf_info> known{{"handover"}, {"lte"}};
  EXPECT_EQ(to_text(*parse_graph("handover", known)), "handover");
  EXPECT_EQ(to_text(*parse_graph("race(handover, lte)", known)), "race(handover, lte)");
  EXPECT_EQ(to_text(*parse_graph("aggregate", known)), "bond(handover, lte)");
}

TEST(GraphText, TheExamplesOfTheDocumentRead) {
  const std::vector<leaf_info> known{{"fiber"}, {"lte"}, {"wifi"}, {"dsl"}, {"a"}, {"b"}};
  for (const auto text :
       {"best: selector(fiber, race(lte, wifi))", "bond(fiber, selector(lte, wifi), weight=3)",
        "selector(fiber, lte, dwell=1s, cost_bound=50ms)", "race(fiber, lte, late=20ms)",
        "selector(dsl, fat: bond(lte, wifi), bulk=fat)", "race(a, selector(a, b))"}) {
    const auto g = parse_graph(text, known);
    ASSERT_TRUE(g) << text;
    EXPECT_EQ(to_text(*g), text);
  }
  EXPECT_TRUE(parse_wire_graph(
      "best:selector(fiber#0,race1:race(lte#1(weight=5,cost=9,fate=mast,evidence=first_hop),"
      "wifi#2,late=20ms),dwell=1s)"));
}

TEST(GraphText, KeysReachTheirNode) {
  const auto g = parsed("selector(fiber, race(lte, wifi, late=5ms), bulk=fiber, dwell=1s)");
  EXPECT_EQ(g[0].selector.dwell, std::chrono::seconds(1));
  EXPECT_EQ(g[0].selector.cooldown, selector_options{}.cooldown);
  EXPECT_EQ(g[0].bulk, 0u);
  EXPECT_EQ(g[2].late, std::chrono::milliseconds(5));
}

// ---- bad texts: the place and the exact sentence ----

struct bad {
  std::string_view text;
  std::size_t offset;
  std::string_view sentence;
};

const std::vector<bad> bad_texts{
    {"", 0, "the graph is empty: write a path or selector(...), race(...), bond(...)"},
    {" \n", 0, "the graph is empty: write a path or selector(...), race(...), bond(...)"},
    {"wfi", 0, "unknown path \"wfi\": the paths are fiber, lte, wifi"},
    {"race(lte, wfi)", 10, "unknown path \"wfi\": the paths are fiber, lte, wifi"},
    {"race(lte, \x01$)", 10, "unknown path \"?$\": the paths are fiber, lte, wifi"},
    {"rice(lte, wifi)", 0, "unknown kind \"rice\": the kinds are selector, race, bond"},
    {"path(lte)", 0, "unknown kind \"path\": the kinds are selector, race, bond"},
    {"x: rice(lte)", 3, "unknown kind \"rice\": the kinds are selector, race, bond"},
    {"race", 0, "\"race\" is a kind: give it children in parentheses"},
    {"race()", 5, "race has no child: give it at least one"},
    {"bond(lte, race( ))", 16, "race has no child: give it at least one"},
    {"race(weight=2)", 13, "race has no child: give it at least one"},
    {"x: fiber", 3,
     "\"fiber\" has no children: only a selector(...), race(...) or bond(...) takes a name"},
    {"-x: race(lte)", 0,
     "name \"-x\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a "
     "letter or digit"},
    {"lte: race(lte)", 0, "name \"lte\" is taken by a path"},
    {"a: race(lte, a: bond(wifi))", 13, "name \"a\" is taken by another composite"},
    {"a: race(lte, a)", 13, "\"a\" is a composite: only a path may stand in several places"},
    {"race(lte, wifi, lte)", 16, "path \"lte\" stands twice in the same race"},
    {"race(lte, speed=3)", 10,
     "unknown key \"speed\": the keys are weight, dwell, cooldown, cost_bound, bulk, late"},
    {"race(lte, dwell=3s)", 10, "key \"dwell\" is for a selector, not for a race"},
    {"bond(lte, bulk=lte)", 10, "key \"bulk\" is for a selector, not for a bond"},
    {"selector(lte, late=3ms)", 14, "key \"late\" is for a race, not for a selector"},
    {"selector(lte, dwell=3s, dwell=3s)", 24, "key \"dwell\" is given twice"},
    {"selector(lte, dwell=3)", 20, "dwell \"3\": a time from 0s to 1h, or forever"},
    {"selector(lte, dwell=61m)", 20, "dwell \"61m\": a time from 0s to 1h, or forever"},
    {"selector(lte, cooldown=-1s)", 23, "cooldown \"-1s\": a time from 0s to 1h, or forever"},
    {"selector(lte, cost_bound=)", 25, "unexpected \")\": a time, such as 3s is expected"},
    {"race(lte, late=0)", 15, "late \"0\": a time from 1ms to 10s"},
    {"race(lte, late=forever)", 15, "late \"forever\": a time from 1ms to 10s"},
    {"selector(lte, wifi, bulk=wfi)", 25,
     "bulk \"wfi\": no child of this selector has that name; they are lte, wifi"},
    {"selector(lte, race(wifi), bulk=wifi)", 31,
     "bulk \"wifi\": no child of this selector has that name; they are lte"},
    {"selector(race(wifi), bulk=race1)", 26,
     "bulk \"race1\": no child of this selector has that name"},
    {"selector(lte, bulk=)", 19, "unexpected \")\": the name of a child is expected"},
    {"race(lte, handover)", 10, "\"handover\" stands alone: it is a graph over all paths"},
    {"handover(lte)", 0, "unknown kind \"handover\": the kinds are selector, race, bond"},
    {"aggregate, lte", 0, "\"aggregate\" stands alone: it is a graph over all paths"},
    {"race(lte, weight=3, weight=4)", 20, "key \"weight\" is given twice"},
    {"race(lte, weight=0)", 17, "weight \"0\": a whole number from 1 to 1000"},
    {"race(lte, weight=1.5)", 17, "weight \"1.5\": a whole number from 1 to 1000"},
    {"race(lte, weight=1001)", 17, "weight \"1001\": a whole number from 1 to 1000"},
    {"race(lte, weight=)", 17, "unexpected \")\": a weight is expected"},
    {"race(lte,)", 9, "unexpected \")\": a path, a composite or key=value is expected"},
    {"race(,lte)", 5, "unexpected \",\": a path, a composite or key=value is expected"},
    {"race(lte wifi)", 9, "unexpected \"w\": \",\" or \")\" is expected"},
    {"race(lte", 8, "the text ends here: \",\" or \")\" is expected"},
    {"race(lte, ", 10, "the text ends here: a path, a composite or key=value is expected"},
    {"race(", 5, "the text ends here: a path, a composite or key=value is expected"},
    {"race(lte))", 9, "the graph ends here: nothing may follow"},
    {"lte, wifi", 3, "the graph ends here: nothing may follow"},
    {"x:", 2, "the text ends here: selector(...), race(...) or bond(...) is expected"},
    {"(lte)", 0, "unexpected \"(\": a path or selector(...), race(...), bond(...) is expected"},
    {"fiber#0", 5, "the graph ends here: nothing may follow"},
};

TEST(GraphText, EachMistakeHasItsPlaceAndItsRule) {
  for (const auto& t : bad_texts) {
    const auto g = parse_graph(t.text, paths);
    ASSERT_FALSE(g) << t.text;
    EXPECT_EQ(g.error().sentence, t.sentence) << t.text;
    EXPECT_EQ(g.error().offset, t.offset) << t.text;
  }
}

TEST(GraphText, LongListsOfPathsAreCut) {
  std::vector<leaf_info> many;
  for (int i = 0; i < 10; ++i) many.push_back({"p" + std::to_string(i)});
  EXPECT_EQ(parse_graph("x", many).error().sentence,
            "unknown path \"x\": the paths are p0, p1, p2, p3, p4, p5, p6, p7, ...");
  EXPECT_EQ(parse_graph("x", {}).error().sentence, "unknown path \"x\": there are no paths");
}

std::string nested(std::size_t depth) {
  std::string text = "lte";
  for (std::size_t i = 1; i < depth; ++i) text = "race(" + text + ")";
  return text;
}

TEST(GraphText, DepthIsBounded) {
  EXPECT_EQ(parsed(nested(max_depth)).size(), max_depth);
  const auto g = parse_graph(nested(max_depth + 1), paths);
  ASSERT_FALSE(g);
  EXPECT_EQ(g.error(), (text_error{max_depth * 5, "the graph is deeper than 32 levels"}));
  EXPECT_FALSE(parse_graph(nested(5000), paths));
}

TEST(GraphText, NodesAreBounded) {
  // A root and pairs of a race and its leaf.
  const auto pairs = [](std::size_t count) {
    std::string text = "bond(race(lte)";
    for (std::size_t i = 1; i < count; ++i) text += ",race(lte)";
    return text + ")";
  };
  EXPECT_EQ(parsed(pairs(511)).size(), 1023u);
  const auto g = parse_graph(pairs(512), paths);
  ASSERT_FALSE(g);
  EXPECT_EQ(g.error().sentence, "the graph has more than 1024 nodes");
}

TEST(GraphText, TextIsBounded) {
  const std::string spaces(max_graph_text - 3, ' ');
  EXPECT_EQ(parsed(spaces + "lte").size(), 1u);
  EXPECT_EQ(parse_graph(spaces + " lte", paths).error(),
            (text_error{0, "the graph is 30721 bytes of text: at most 30720"}));
}

TEST(GraphText, AGraphThatCannotTravelIsRefusedHere) {
  std::vector<leaf_info> long_names;
  std::string text = "selector(";
  for (int i = 100; i < 600; ++i) {
    long_names.push_back({std::string(57, 'n') + std::to_string(i)});
    text += (i == 100 ? "" : ",") + long_names.back().name;
  }
  text += ")";
  ASSERT_LE(text.size(), max_graph_text);
  EXPECT_EQ(parse_graph(text, long_names).error().sentence,
            "the graph is 32409 bytes of text with all names and indices: at most 30720");
}

// ---- the form that travels comes from a peer ----

TEST(GraphText, OnlyTheCanonicalWireFormIsRead) {
  const std::vector<bad> texts{
      {"", 0, "the graph is empty: write a path or selector(...), race(...), bond(...)"},
      {"lte", 3, "the text ends here: \"#\" and the path's index are expected"},
      {"lte#", 4, "the text ends here: the path's index is expected"},
      {"lte#x", 4, "index \"x\": a whole number below 1024"},
      {"lte#1024", 4, "index \"1024\": a whole number below 1024"},
      {"lte#01", 0, "the graph is not in its canonical form"},
      {" lte#1", 0, "the graph is not in its canonical form"},
      {"lte#1(weight=1)", 0, "the graph is not in its canonical form"},
      {"lte#1(evidence=none,weight=2)", 0, "the graph is not in its canonical form"},
      {"lte#1(weight=2,weight=2)", 0, "the graph is not in its canonical form"},
      {"lte#1(speed=2)", 6, "unknown key \"speed\""},
      {"lte#1(weight)", 12, "unexpected \")\": \"=\" is expected"},
      {"lte#1(weight=2", 14, "the text ends here: \",\" or \")\" is expected"},
      {"lte#1(evidence=all)", 15, "unknown evidence \"all\""},
      {"lte#1(cost=0)", 0, "the graph is not in its canonical form"},
      {"lte#1(cost=1001)", 11, "cost \"1001\": a whole number from 0 to 1000"},
      {"lte#1(fate=-)", 11,
       "fate \"-\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a "
       "letter or digit"},
      {"a:selector(lte#1,dwell=3s)", 0, "the graph is not in its canonical form"},
      {"a:selector(lte#1,dwell=2000ms)", 0, "the graph is not in its canonical form"},
      {"a:selector(dwell=2s,lte#1)", 0, "the graph is not in its canonical form"},
      {"a:selector(lte#1,bulk=wifi)", 22,
       "bulk \"wifi\": no child of this selector has that name; they are lte"},
      {"handover", 8, "the text ends here: \"#\" and the path's index are expected"},
      {"-lte#1", 0,
       "path \"-lte\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with "
       "a letter or digit"},
      {"race(lte#1)", 0, "a composite has a name in this form"},
      {"a:race(lte#1,b:bond(lte#2))", 20, "path \"lte\" does not agree with what stands before it"},
      {"a:race(lte#1,b:bond(wifi#1))", 20,
       "path \"wifi\" does not agree with what stands before it"},
      {"a:race(lte#1,b:bond(lte#1(weight=2)))", 20,
       "path \"lte\" does not agree with what stands before it"},
      {"a:race(lte#1,lte:bond(lte#1))", 13, "name \"lte\" is taken by a path"},
      {"lte:race(lte#1)", 9, "path \"lte\" does not agree with what stands before it"},
      {"a:race(lte#1,lte#1)", 13, "path \"lte\" stands twice in the same race"},
  };
  for (const auto& t : texts) {
    const auto g = parse_wire_graph(t.text);
    ASSERT_FALSE(g) << t.text;
    EXPECT_EQ(g.error(), (text_error{t.offset, std::string(t.sentence)})) << t.text;
  }
}

// ---- random graphs ----

TEST(GraphText, RandomGraphsSurviveBothForms) {
  seeded_random random(5);
  for (int round = 0; round < 500; ++round) {
    std::size_t named = 0;
    const std::function<std::string(int)> make = [&](int depth) -> std::string {
      if (depth == 4 || random.below(3) == 0) return paths[random.below(paths.size())].name;
      std::string text;
      if (random.below(2) == 0) text = "n" + std::to_string(named++) + ":";
      const auto kind = random.below(3);
      text += std::vector{"selector", "race", "bond"}[kind];
      const auto first = make(depth + 1);
      text += "(" + first;
      if (kind == 0 && random.below(2) == 0) {
        text += ",dwell=" + std::to_string(random.below(3'600'001)) + "ms";
      }
      if (kind == 0 && first.find('(') == first.npos) text += ",bulk=" + first;
      if (kind == 1 && random.below(2) == 0)
        text += ",late=0." + std::to_string(1 + random.below(9)) + "s";
      for (auto more = random.below(3); more > 0; --more) {
        text += ", race(" + make(depth + 1) + ")";
      }
      if (random.below(3) == 0) text += ",weight=" + std::to_string(1 + random.below(1000));
      return text + ")";
    };
    const auto text = make(0);
    const auto g = parsed(text);
    ASSERT_EQ(parsed(to_text(g)), g) << text;
    const auto mirrored = parse_wire_graph(to_wire_text(g));
    ASSERT_TRUE(mirrored) << to_wire_text(g);
    ASSERT_EQ(*mirrored, g) << text;
  }
}

// A peer may send one as often as it likes. With a scan of the rest for each letter it took a
// second.
TEST(GraphText, AWordAsLongAsAllOfTheTextIsReadOnce) {
  const std::string text(max_graph_text, 'a');
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(parse_wire_graph(text));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

// ---- the public face ----

TEST(GraphText, CheckGraphShowsTheTextWithACaret) {
  const std::vector<std::string> names{"fiber", "lte", "wifi"};
  failure why;
  EXPECT_TRUE(check_graph("selector(fiber, race(lte, wifi))", names, why));
  EXPECT_FALSE(why.code);
  EXPECT_FALSE(check_graph("selector(fiber, race(lte, wfi))", names, why));
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_EQ(why.detail,
            "unknown path \"wfi\": the paths are fiber, lte, wifi\n"
            "  selector(fiber, race(lte, wfi))\n"
            "                            ^");
}

TEST(GraphText, CheckGraphRefusesAPathThatIsNotUsed) {
  const std::vector<std::string> names{"fiber", "lte", "wifi"};
  failure why;
  EXPECT_FALSE(check_graph("race(fiber, wifi)", names, why));
  EXPECT_EQ(why.detail,
            "path \"lte\" is not in the graph: add it, or leave the path out\n"
            "  race(fiber, wifi)\n"
            "                  ^");
  EXPECT_FALSE(check_graph("fiber", names, why));
  EXPECT_EQ(why.detail,
            "path \"lte\" is not in the graph: add it, or leave the path out\n"
            "  fiber\n"
            "       ^");
}

}  // namespace
}  // namespace rendr::policy
