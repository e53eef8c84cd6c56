// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "transport/path_spec.hpp"
#include "transport/registry.hpp"

namespace rendr {
namespace {

result<path_spec, path_text_error> read_path_spec(std::string_view text) {
  return read_path_spec(text, transport::registry::of_process().forms());
}

path_spec parsed(std::string_view text) {
  path_spec out;
  failure why;
  EXPECT_TRUE(parse_path_spec(text, out, why)) << why.detail;
  return out;
}

// ---- good texts ----

TEST(PathText, EveryFieldIsRead) {
  const auto s = parsed(
      "fiber=tcp://host.example:7000,bind=192.0.2.7,device=eth0,mark=255,cc=bbr,cost=3,weight=5,"
      "fate=pole.7,evidence=first_hop,cold=yes");
  path_spec want;
  want.name = "fiber";
  want.host = "host.example";
  want.port = 7000;
  want.bind = "192.0.2.7";
  want.device = "eth0";
  want.mark = 255;
  want.cc = "bbr";
  want.cost = 3;
  want.weight = 5;
  want.fate = "pole.7";
  want.evidence = path_evidence::first_hop;
  want.cold = true;
  EXPECT_EQ(s, want);
}

struct good {
  std::string_view text;
  std::string_view canonical;
};

const std::vector<good> good_texts{
    {"tcp://host:7000", "tcp://host:7000"},
    {"tcp://192.0.2.1:1", "tcp://192.0.2.1:1"},
    {"tcp://host:07000", "tcp://host:7000"},
    {"tcp://[::1]:7000", "tcp://[::1]:7000"},
    {"a=tcp://[fe80::1%eth0]:7000,bind=fe80::2%eth0",
     "a=tcp://[fe80::1%eth0]:7000,bind=fe80::2%eth0"},
    {"tcp://my_host.example.:65535", "tcp://my_host.example.:65535"},
    {"tcp://host:7000,bind=::1", "tcp://host:7000,bind=::1"},
    {"tcp://host:7000,cold", "tcp://host:7000,cold=yes"},
    {"tcp://host:7000,cold=no", "tcp://host:7000"},
    {"tcp://host:7000,plaintext", "tcp://host:7000,plaintext=yes"},
    {"tcp://host:7000,plaintext=no", "tcp://host:7000"},
    {"tcp://host:7000,plaintext=yes,cold", "tcp://host:7000,cold=yes,plaintext=yes"},
    {"tcp://host:7000,cost=0,weight=1", "tcp://host:7000"},
    {"tcp://host:7000,cold=yes,cc=cubic", "tcp://host:7000,cc=cubic,cold=yes"},
    {"tcp://host:7000,cold,fate=a", "tcp://host:7000,fate=a,cold=yes"},
    {"tcp://host:7000,evidence=none", "tcp://host:7000,evidence=none"},
    {"tcp://host:7000,evidence=end_to_end", "tcp://host:7000,evidence=end_to_end"},
    {"tcp=tcp://host:7000", "tcp=tcp://host:7000"},
    {"tcp://[host.example]:7000", "tcp://host.example:7000"},
    {"tcp://[192.0.2.7]:7000,bind=192.0.2.1", "tcp://192.0.2.7:7000,bind=192.0.2.1"},
    {"fd://07,cost=3", "fd://7,cost=3"},
    {"a=memory://door.1,cold", "a=memory://door.1,cold=yes"},
};

TEST(PathText, GoodTextsReadWriteAndReadTheSame) {
  for (const auto& t : good_texts) {
    const auto s = parsed(t.text);
    EXPECT_EQ(to_text(s), t.canonical);
    EXPECT_EQ(parsed(to_text(s)), s) << t.text;
    failure why;
    EXPECT_TRUE(check_path_spec(s, why)) << why.detail;
  }
}

TEST(PathText, TheBracketsAreNoPartOfTheHost) {
  EXPECT_EQ(parsed("tcp://[fe80::1%eth0]:7000").host, "fe80::1%eth0");
}

// ---- bad texts: the place and the exact sentence ----

struct bad {
  std::string_view text;
  std::size_t offset;
  std::string_view sentence;
};

const std::vector<bad> bad_texts{
    {"", 0, "path \"\": the transport is missing, such as tcp://host:7000"},
    {"host:7000", 0, "path \"host:7000\": the transport is missing, such as tcp://host:7000"},
    {"ftp://host:7000", 0,
     "unknown transport \"ftp\": the transports are tcp, fd, memory, tls, quic, udp, gvisor, "
     "socks5, http-connect, xray"},
    {"a=TCP://host:7000", 2,
     "unknown transport \"TCP\": the transports are tcp, fd, memory, tls, quic, udp, gvisor, "
     "socks5, http-connect, xray"},
    {"=tcp://host:7000", 0,
     "name \"\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a "
     "letter or digit"},
    {"a b=tcp://host:7000", 0,
     "name \"a b\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a "
     "letter or digit"},
    {"tcp://host", 10, "port is missing: write host:port"},
    {"tcp://host:", 11, "port is missing: write host:port"},
    {"tcp://host,cc=bbr", 10, "port is missing: write host:port"},
    {"tcp://[::1]", 11, "port is missing: write host:port"},
    {"tcp://[::1]:", 12, "port is missing: write host:port"},
    {"tcp://:7000", 6, "host is missing: write host:port"},
    {"tcp://", 6, "host is missing: write host:port"},
    {"tcp://host:0", 11, "port \"0\": a whole number from 1 to 65535"},
    {"tcp://host:65536", 11, "port \"65536\": a whole number from 1 to 65535"},
    {"tcp://host:http", 11, "port \"http\": a whole number from 1 to 65535"},
    {"tcp://host:7000/x", 11, "port \"7000/x\": a whole number from 1 to 65535"},
    {"tcp://::1:7000", 6, "host \"::1\": an IPv6 address stands in brackets, such as [::1]:7000"},
    {"tcp://[::1:7000", 6, "host \"[::1:7000\": the \"]\" is missing"},
    {"tcp://[::1%]:7000", 7,
     "host \"::1%\": a name, an IPv4 address, or an IPv6 address in brackets"},
    {"tcp://[me@host]:7000", 7,
     "host \"me@host\": a name, an IPv4 address, or an IPv6 address in brackets"},
    {"tcp://[300.1.2.3]:7000", 7, "host \"300.1.2.3\": not an IPv4 address"},
    {"tcp://[]:7000", 7, "host is missing: write host:port"},
    {"tcp://[::1]7000", 11, "host \"[::1]7000\": after \"]\" comes a colon and the port"},
    {"tcp://300.0.0.1:7000", 6, "host \"300.0.0.1\": not an IPv4 address"},
    {"tcp://1.2.3:7000", 6, "host \"1.2.3\": not an IPv4 address"},
    {"tcp://me@host:7000", 6,
     "host \"me@host\": a name, an IPv4 address, or an IPv6 address in brackets"},
    {"tcp://a..b:7000", 6,
     "host \"a..b\": a name, an IPv4 address, or an IPv6 address in brackets"},
    {"tcp://-a:7000", 6, "host \"-a\": a name, an IPv4 address, or an IPv6 address in brackets"},
    {"tcp://host:7000,", 16, "an option is missing: write key=value"},
    {"tcp://host:7000,,cold", 16, "an option is missing: write key=value"},
    {"tcp://host:7000,speed=3", 16,
     "unknown key \"speed\": the keys are bind, device, mark, cc, cost, weight, fate, evidence, "
     "cold, plaintext"},
    {"tcp://host:7000,cc=bbr,cc=cubic", 23, "key \"cc\" is given twice"},
    {"tcp://host:7000,fate=-a", 21,
     "fate \"-a\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a "
     "letter or digit"},
    {"tcp://host:7000,bind", 20, "key \"bind\" has no value: write bind=..."},
    {"tcp://host:7000,bind=,cold", 21, "key \"bind\" has no value: write bind=..."},
    {"tcp://host:7000,bind=eth0", 21,
     "bind \"eth0\": an IP address of this machine, without port or brackets"},
    {"tcp://host:7000,bind=192.0.2.7:1", 21,
     "bind \"192.0.2.7:1\": an IP address of this machine, without port or brackets"},
    {"tcp://[::1]:7000,bind=192.0.2.7", 22,
     "bind \"192.0.2.7\": of another IP version than host \"::1\""},
    {"tcp://192.0.2.1:7000,bind=::1", 26,
     "bind \"::1\": of another IP version than host \"192.0.2.1\""},
    {"tcp://host:7000,device=a/b", 23,
     "device \"a/b\": a network device, such as eth0, of at most 15 characters"},
    {"tcp://host:7000,device=abcdefghijklmnop", 23,
     "device \"abcdefghijklmnop\": a network device, such as eth0, of at most 15 characters"},
    {"tcp://host:7000,mark=0", 21, "mark \"0\": a whole number from 1 to 4294967295"},
    {"tcp://host:7000,mark=4294967296", 21,
     "mark \"4294967296\": a whole number from 1 to 4294967295"},
    {"tcp://host:7000,cc=b!r", 19, "cc \"b!r\": a congestion control, such as bbr or cubic"},
    {"tcp://host:7000,cost=-1", 21, "cost \"-1\": a whole number from 0 to 1000"},
    {"tcp://host:7000,weight=0", 23, "weight \"0\": a whole number from 1 to 1000"},
    {"tcp://host:7000,weight=1=2", 23, "weight \"1=2\": a whole number from 1 to 1000"},
    {"tcp://host:7000,evidence=good", 25, "evidence \"good\": one of end_to_end, first_hop, none"},
    {"tcp://host:7000,evidence=", 25, "key \"evidence\" has no value: write evidence=..."},
    {"tcp://host:7000,cold=maybe", 21, "cold \"maybe\": yes or no"},
    {"tcp://host:7000,plaintext=1", 26, "plaintext \"1\": yes or no"},
    {"fd://host:7000", 5, "descriptor \"host:7000\": a whole number from 0 to 2147483647"},
    {"fd://7,bind=192.0.2.7", 7,
     "unknown key \"bind\": the keys are cost, weight, fate, evidence, cold, plaintext"},
    {"memory://", 9,
     "name \"\": a name has 1 to 64 letters, digits, \"_\", \"-\" or \".\" and begins with a "
     "letter or digit"},
};

TEST(PathText, EachMistakeHasItsPlaceAndItsRule) {
  for (const auto& t : bad_texts) {
    const auto s = read_path_spec(t.text);
    ASSERT_FALSE(s) << t.text;
    EXPECT_EQ(s.error().where.sentence, t.sentence) << t.text;
    EXPECT_EQ(s.error().where.offset, t.offset) << t.text;
    EXPECT_EQ(s.error().code, errc::invalid_argument);
  }
}

TEST(PathText, AKnownTransportThatThisBuildLacksIsUnavailable) {
  for (const auto transport : {"tls", "quic", "udp", "gvisor", "socks5", "http-connect", "xray"}) {
    path_spec out;
    failure why;
    const auto text = std::string(transport) + "://host:7000";
    EXPECT_FALSE(parse_path_spec(text, out, why));
    EXPECT_EQ(why.code, errc::unavailable);
    EXPECT_EQ(why.detail, "transport \"" + std::string(transport) +
                              "\" is not in this build: it has tcp, fd, memory\n  " + text +
                              "\n  ^");
  }
}

TEST(PathText, AMistakeShowsTheTextWithACaretAndChangesNothing) {
  auto out = parsed("a=tcp://host:1");
  const auto before = out;
  failure why;
  EXPECT_FALSE(parse_path_spec("fiber=tcp://host:70000", out, why));
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_EQ(why.detail,
            "port \"70000\": a whole number from 1 to 65535\n"
            "  fiber=tcp://host:70000\n"
            "                   ^");
  EXPECT_EQ(out, before);
}

TEST(PathText, TheTextIsBounded) {
  const std::string text = "tcp://host:7000,cc=" + std::string(1024, 'x');
  EXPECT_EQ(read_path_spec(text).error().where.sentence,
            "the path is 1043 bytes of text: at most 1024");
}

// ---- lists ----

using texts = std::vector<std::string>;

TEST(PathText, NamelessPathsAreNamedByPosition) {
  std::vector<path_spec> out;
  failure why;
  ASSERT_TRUE(parse_path_specs(texts{"tcp://a:1", "lte=tcp://b:2", "tcp://c:3"}, out, why));
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].name, "p1");
  EXPECT_EQ(out[1].name, "lte");
  EXPECT_EQ(out[2].name, "p3");
}

TEST(PathText, TwoPathsMustNotHaveOneName) {
  std::vector<path_spec> out(1);
  failure why;
  EXPECT_FALSE(parse_path_specs(texts{"a=tcp://a:1", "b=tcp://b:2", "a=tcp://c:3"}, out, why));
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_EQ(why.detail, "name \"a\": path 1 has it already\n  a=tcp://c:3\n  ^");
  EXPECT_FALSE(parse_path_specs(texts{"p2=tcp://a:1", "tcp://b:2"}, out, why));
  EXPECT_EQ(why.detail, "path 2 has no name and would be \"p2\", as path 1 is\n  tcp://b:2\n  ^");
  EXPECT_FALSE(parse_path_specs(texts{"tcp://a:1", "p1=tcp://b:2"}, out, why));
  EXPECT_EQ(why.detail, "name \"p1\": path 1 has it already\n  p1=tcp://b:2\n  ^");
  EXPECT_EQ(out.size(), 1u);
}

TEST(PathText, AMistakeInAListShowsThePathThatHasIt) {
  std::vector<path_spec> out;
  failure why;
  EXPECT_FALSE(parse_path_specs(texts{"tcp://a:1", "tcp://b"}, out, why));
  EXPECT_EQ(why.detail, "port is missing: write host:port\n  tcp://b\n         ^");
}

TEST(PathText, ALinkHasOneTo64Paths) {
  std::vector<path_spec> out;
  failure why;
  EXPECT_TRUE(parse_path_specs(texts(64, "tcp://a:1"), out, why));
  EXPECT_EQ(out.size(), 64u);
  EXPECT_FALSE(parse_path_specs(texts(65, "tcp://a:1"), out, why));
  EXPECT_EQ(why.detail, "65 paths: a link has 1 to 64");
  EXPECT_FALSE(parse_path_specs(texts{}, out, why));
  EXPECT_EQ(why.detail, "0 paths: a link has 1 to 64");
}

// ---- specs filled by hand ----

TEST(PathText, ASpecFilledByHandKeepsTheSameRules) {
  path_spec spec;
  failure why;
  EXPECT_FALSE(check_path_spec(spec, why));
  EXPECT_EQ(why.detail, "host is missing: write host:port\n  tcp://:0\n        ^");
  spec.host = "host";
  spec.port = 7000;
  EXPECT_TRUE(check_path_spec(spec, why));
  spec.cc = "bbr,cold=yes";
  EXPECT_FALSE(check_path_spec(spec, why));
  EXPECT_EQ(why.detail,
            "a field of the path holds a character that its text form reads as something else\n"
            "  tcp://host:7000,cc=bbr,cold=yes\n"
            "  ^");
}

}  // namespace
}  // namespace rendr
