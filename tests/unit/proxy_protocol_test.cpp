// SPDX-License-Identifier: Apache-2.0
// The headers are compared with the bytes that HAProxy's doc/proxy-protocol.txt describes
// (2.1, 2.2).
#include "relay/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include "support/hex.hpp"
#include "wire/metadata.hpp"

namespace rendr::relay {
namespace {

using asio::ip::make_address;

origin between(const char* source, const char* destination) {
  return {{make_address(source), 56324}, {make_address(destination), 443}};
}

std::string text(const std::vector<std::byte>& header) {
  std::string out;
  for (const auto one : header) out += static_cast<char>(one);
  return out;
}

TEST(ProxyHeader, Version1IsALineOfText) {
  EXPECT_EQ(text(proxy_header(proxy_protocol::v1, between("192.168.0.1", "192.168.0.11"))),
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  EXPECT_EQ(text(proxy_header(proxy_protocol::v1, between("2001:db8::1", "fe80::2%1"))),
            "PROXY TCP6 2001:db8::1 fe80::2 56324 443\r\n");
  EXPECT_EQ(text(proxy_header(proxy_protocol::v1, std::nullopt)), "PROXY UNKNOWN\r\n");
}

TEST(ProxyHeader, Version2IsBinary) {
  EXPECT_EQ(test::to_hex(proxy_header(proxy_protocol::v2, between("192.168.0.1", "10.1.2.3"))),
            "0d0a0d0a000d0a515549540a2111000cc0a800010a010203dc0401bb");
  EXPECT_EQ(test::to_hex(proxy_header(proxy_protocol::v2, between("2001:db8::1", "2001:db8::2"))),
            "0d0a0d0a000d0a515549540a21210024"
            "20010db800000000000000000000000120010db8000000000000000000000002dc0401bb");
  EXPECT_EQ(test::to_hex(proxy_header(proxy_protocol::v2, std::nullopt)),
            "0d0a0d0a000d0a515549540a20000000");
}

TEST(ProxyHeader, OffSaysNothing) {
  EXPECT_TRUE(proxy_header(proxy_protocol::off, between("192.0.2.1", "192.0.2.2")).empty());
}

TEST(Origin, TravelsInTheMetadataBehindTheNameOfTheTarget) {
  for (const auto& from : {between("192.0.2.1", "198.51.100.2"), between("2001:db8::1", "::1")}) {
    std::vector<std::byte> metadata;
    wire::append_metadata(metadata, wire::metadata_type::target, as_bytes("ssh"));
    append_origin(metadata, from);
    EXPECT_EQ(find_origin(metadata), from);
    const auto name = wire::find_metadata(metadata, wire::metadata_type::target);
    ASSERT_TRUE(name && *name);
    EXPECT_EQ(as_text(**name), "ssh");
  }
  EXPECT_EQ(static_cast<unsigned>(wire::metadata_type::origin) % 2, 1u)
      << "a server that does not know it passes it over";
}

TEST(Origin, WhatMakesNoSenseIsNotThere) {
  for (const auto size : {0, 1, 12, 13, 14, 36, 37, 38, 300}) {
    for (const auto family : {0, 4, 6, 255}) {
      std::vector<std::byte> value(static_cast<std::size_t>(size), std::byte{1});
      if (size > 0) value[0] = static_cast<std::byte>(family);
      std::vector<std::byte> metadata;
      wire::append_metadata(metadata, wire::metadata_type::origin, value);
      const bool good = (size == 13 && family == 4) || (size == 37 && family == 6);
      EXPECT_EQ(find_origin(metadata).has_value(), good) << size << " " << family;
      const auto header = proxy_header(proxy_protocol::v2, find_origin(metadata));
      EXPECT_EQ(header.size(), good ? (family == 4 ? 28u : 52u) : 16u);
    }
  }
  EXPECT_FALSE(find_origin({}));
}

TEST(Origin, OfTwoFamiliesIsNotSent) {
  std::vector<std::byte> metadata;
  append_origin(metadata, between("192.0.2.1", "::1"));
  EXPECT_TRUE(metadata.empty());
}

}  // namespace
}  // namespace rendr::relay
