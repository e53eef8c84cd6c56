// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/door/handshake.hpp"
#include "engine/door/routing_tokens.hpp"
#include "support/hex.hpp"

namespace rendr::engine::test {

using rendr::test::filled;

inline credentials one_key() {
  credentials out;
  out.psk = secret_key(filled<32>(0x33));
  return out;
}

/// What an acceptor would do for one link, by the state machines of the door alone.
struct server {
  explicit server(credentials keys = {}, unsigned char name = 0xac)
      : held(std::move(keys)), instance(filled<16>(name)) {}

  wire::hello_ack take(const wire::hello& hello) {
    const auto token = mint.make(random);
    made.emplace(std::move(*acceptor_hello::make({instance, 0, 0, 60'000}, hello_keys(held),
                                                 mint.reset_of(token), token, hello, random)));
    return made->answer();
  }
  const link_agreement& agreement() const { return made->agreement(); }
  link_ends ends() const { return {agreement().peer, instance, 0}; }
  wire::challenge challenge(const wire::attach& attach) {
    challenged.emplace(
        std::move(*acceptor_attach::make(agreement().keys, ends(), attach, {}, random)));
    return challenged->message();
  }
  wire::refuse refusal(errc code, std::string_view reason) const {
    wire::refuse out;
    out.code = static_cast<std::uint64_t>(code);
    out.instance = instance;
    out.reason = reason;
    return out;
  }
  /// It proves that it forgot the link of this token.
  wire::refuse forgets(const routing_token& token) const {
    auto out = refusal(errc::refused, "this link is not known here");
    const auto reset = mint.reset_of(token);
    std::ranges::copy(reset.view(), out.reset_token.begin());
    return out;
  }

  credentials held;
  instance_id instance;
  drbg random{secret<32>(filled<32>(2))};
  token_mint mint{secret<32>(filled<32>(7)), filled<16>(8), 0, 1};
  std::optional<acceptor_hello> made;
  std::optional<acceptor_attach> challenged;
};

}  // namespace rendr::engine::test
