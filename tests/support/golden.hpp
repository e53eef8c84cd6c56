// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

/// The golden vectors of the wire format: bytes that no version 1 may read or write otherwise. They
/// were made by an encoder written from docs/wire.md alone, which shows the same bytes.
namespace rendr::golden {

struct vector {
  std::string_view name;
  std::string_view hex;
};

inline constexpr std::array frames{
    vector{"frame_padding", "000000"},
    vector{"frame_ping", "0207"},
    vector{"frame_pong", "0407"},
    vector{"frame_path_ack", "060140fa406401050102"},
    vector{"frame_path_state", "080205000201"},
    vector{"frame_path_quality", "090b8000520841f4801312d001"},
    vector{"frame_open", "0a00a0a1a2a3a4a5a6a7a8a9aaabacadaeaf000462657374050203737368"},
    vector{"frame_accept", "0c00"},
    vector{"frame_reject", "0e000612636f6e6e656374696f6e2072656675736564"},
    vector{"frame_data", "1000800040000568656c6c6f"},
    vector{"frame_fin", "120080004005"},
    vector{"frame_reset", "14000a80004005"},
    vector{"frame_stop", "16010a"},
    vector{"frame_max_data", "180180100000"},
    vector{"frame_packet", "2201800040000568656c6c6f"},
    vector{"frame_skip", "340180004000"},
    vector{"frame_graph",
           "1a03002f626573743a73656c6563746f7228666962657223302c72616365313a72616365286c7465"
           "23312c7769666923322929"},
    vector{"frame_select", "1c04000462657374036c7465"},
    vector{"frame_goaway", "1e01000772657374617274"},
    vector{"frame_bye", "2000"},
    vector{"frame_new_token",
           "2c01e0e1e2e3e4e5e6e7e8e9eaebecedeeef303132333435363738393a3b3c3d3e3f404142434445"
           "464748494a4b4c4d4e4f"},
    vector{"frame_retire_token", "2e01"},
    vector{"frame_link_slot", "351101a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"},
    vector{"frame_ignored", "3302aabb"},
};
inline constexpr std::array handshakes{
    vector{"handshake_hello",
           "01000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00000000000000"
           "000000000000000005010180015f900120202122232425262728292a2b2c2d2e2f30313233343536"
           "3738393a3b3c3d3e3f"},
    vector{"handshake_hello_ack",
           "02000102030405060708090a0b0c0d0e0f404142434445464748494a4b4c4d4e4f50515253545556"
           "5758595a5b5c5d5e5f000000000000000480015f9000000000000000000000000000000000306061"
           "62636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
           "8a8b8c8d8e8f"},
    vector{"handshake_attach",
           "0300010201909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2"
           "b3b4b5b6b7b8b9babbbcbdbebf00000000000000000000000000000000"},
    vector{"handshake_challenge",
           "0401c0c1c2c3c4c5c6c7c8c9cacbcccdcecf404142434445464748494a4b4c4d4e4fd0d1d2d3d4d5"
           "d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"},
    vector{"handshake_attach_ack",
           "0501707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"},
    vector{"handshake_refuse",
           "06060000000000000002404142434445464748494a4b4c4d4e4f0000000000000000000000000000"
           "0000000000000000000000000000000000000c756e6b6e6f776e206c696e6b"},
    vector{"handshake_ask", "07010491929394"},
    vector{"handshake_answer", "080491929394"},
};
inline constexpr std::array prologues{
    vector{"prologue_hello", "010100000000000000000000000000000000"},
    vector{"prologue_attach", "0201e0e1e2e3e4e5e6e7e8e9eaebecedeeef"},
};
inline constexpr std::array records{
    vector{"record_data", "00001201051000800040000568656c6c6f78da1b2d"},
    vector{"record_key_phase", "000009037fff0207a82f0453"},
    vector{"record_first_data",
           "00003001010a00a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0004626573740502037373681000000568"
           "656c6c6f120005d8d192bd"},
    vector{"record_handshake",
           "00002800000501707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f9b"
           "454955"},
};
inline constexpr std::array datagrams{
    vector{"datagram_ping", "0301e0e1e2e3e4e5e6e7e8e9eaebecedeeef090207c885166c"},
    vector{"datagram_key_phase",
           "8301e0e1e2e3e4e5e6e7e8e9eaebecedeeef80011170060140fa406401050102a071eaab"},
    vector{"datagram_attach",
           "0201e0e1e2e3e4e5e6e7e8e9eaebecedeeef000300010201909192939495969798999a9b9c9d9e9f"
           "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf0000000000000000"
           "0000000000000000873f3e0f"},
};

/// Hex digits, spaces between them ignored. Throws std::invalid_argument for anything else.
inline bytes from_hex(std::string_view hex) {
  constexpr std::string_view digits = "0123456789abcdef";
  bytes out;
  int half = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos)
      throw std::invalid_argument("not hex: " + std::string(hex));
    if (half < 0) {
      half = static_cast<int>(digit);
    } else {
      out.push_back(static_cast<std::byte>(half * 16 + static_cast<int>(digit)));
      half = -1;
    }
  }
  if (half >= 0) throw std::invalid_argument("half a byte: " + std::string(hex));
  return out;
}

inline std::string to_hex(bytes_view data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const auto b : data) {
    out += digits[std::to_integer<std::size_t>(b >> 4)];
    out += digits[std::to_integer<std::size_t>(b & std::byte{15})];
  }
  return out;
}

/// The bytes of the vector called `name`. Throws std::invalid_argument when there is none.
inline bytes find(std::string_view name) {
  const auto search = [&](const auto& table) -> std::string_view {
    for (const auto& v : table) {
      if (v.name == name) return v.hex;
    }
    return {};
  };
  for (const auto hex : {search(frames), search(handshakes), search(prologues), search(records),
                         search(datagrams)}) {
    if (!hex.empty()) return from_hex(hex);
  }
  throw std::invalid_argument("no golden vector " + std::string(name));
}

}  // namespace rendr::golden
