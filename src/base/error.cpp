// SPDX-License-Identifier: Apache-2.0
#include "rendr/error.hpp"

#include <array>

namespace rendr {

namespace {

struct entry {
  errc code;
  std::string_view name;
  const char* text;
};

constexpr std::array entries{
    entry{errc::no_path, "no_path",
          "no path came back in time: check the network, then open the flow again"},
    entry{errc::peer_lost, "peer_lost",
          "the peer proved that it no longer knows the link: dial a new link"},
    entry{errc::instance_mismatch, "instance_mismatch",
          "the path reached another instance than its link: point every path at the same server"},
    entry{errc::aborted, "aborted",
          "the flow was reset: what was not acknowledged may not have arrived"},
    entry{errc::rejected, "rejected",
          "the peer's application refused the flow: see the code it gave"},
    entry{errc::refused, "refused", "the peer refused this path: it is dialled again by itself"},
    entry{errc::version_mismatch, "version_mismatch",
          "no common wire version or feature: upgrade one side"},
    entry{errc::auth_failed, "auth_failed",
          "the peer's proof did not verify: check the keys on both sides"},
    entry{errc::protocol_violation, "protocol_violation",
          "the peer sent what the wire format forbids: check that it speaks rendr"},
    entry{errc::timed_out, "timed_out", "the deadline passed: nothing was lost, call again"},
    entry{errc::closed, "closed", "the object was closed by this side: open a new one"},
    entry{errc::message_too_large, "message_too_large",
          "the packet exceeds the message size: send a smaller one"},
    entry{errc::mode_mismatch, "mode_mismatch",
          "the call or carrier does not fit the kind of flow: open a flow of the other kind"},
    entry{errc::unavailable, "unavailable",
          "this machine lacks what was asked for: see the detail"},
    entry{errc::permission_denied, "permission_denied",
          "not permitted: see the detail for what is missing"},
    entry{errc::limit_reached, "limit_reached",
          "a bound would be passed: free something or raise the bound"},
    entry{errc::invalid_argument, "invalid_argument", "the argument breaks a rule: see the detail"},
};

const entry* find(int code) noexcept {
  for (const auto& e : entries) {
    if (static_cast<int>(e.code) == code) return &e;
  }
  return nullptr;
}

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "rendr"; }
  std::string message(int code) const override {
    const auto* e = find(code);
    return e != nullptr ? e->text : "unknown rendr error " + std::to_string(code);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const category instance;
  return instance;
}

std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

std::string_view name(errc code) noexcept {
  const auto* e = find(static_cast<int>(code));
  return e != nullptr ? e->name : std::string_view("unknown");
}

}  // namespace rendr
