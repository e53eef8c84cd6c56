// SPDX-License-Identifier: Apache-2.0
#include "engine/path/absence.hpp"

#include <algorithm>

#include "engine/config.hpp"
#include "rendr/error.hpp"

namespace rendr::engine {

namespace {

constexpr std::size_t told_reasons = 4;  // of one absence: reasons that alternate are no news

// Waiting mends nothing: an option of the path, a right or a key is what fails.
bool lasts(const std::error_code& code) noexcept {
  return code == errc::auth_failed || code == errc::version_mismatch || code == errc::unavailable ||
         code == errc::permission_denied || code == errc::invalid_argument ||
         code == std::errc::no_such_device || code == std::errc::no_such_file_or_directory ||
         code == std::errc::operation_not_permitted || code == std::errc::permission_denied ||
         code == std::errc::address_not_available;
}

}  // namespace

std::error_code code_of(cause why) noexcept {
  switch (why) {
    case cause::auth:
      return errc::auth_failed;
    case cause::refused:
      return errc::refused;
    case cause::instance_mismatch:
      return errc::instance_mismatch;
    case cause::protocol:
      return errc::protocol_violation;
    case cause::silence:
      return errc::timed_out;
    default:
      return std::make_error_code(std::errc::connection_aborted);
  }
}

std::string vain_reason(cause why, std::string_view detail) {
  if (why == cause::replaced || why == cause::local_close || why == cause::detached) return {};
  if (!detail.empty()) return std::string(detail);
  return "ended before it was a path: " + std::string(to_string(why));
}

void absence::begin(instant now) noexcept {
  if (since_ == never) since_ = now;
}

void absence::note(const std::error_code& code, std::string_view reason) {
  reason_ = reason;
  lasting_ = lasts(code);
}

std::optional<absence::word> absence::tell(instant now) {
  if (since_ == never) return std::nullopt;
  if (!lasting_ && now - since_ < defaults::missing_after) return std::nullopt;
  const auto reason = reason_.empty() ? std::string("there is no answer yet") : reason_;
  if (told_.size() >= told_reasons ||
      std::find(told_.begin(), told_.end(), reason) != told_.end()) {
    return std::nullopt;
  }
  told_.push_back(reason);
  return word{now - since_, lasting_, reason};
}

}  // namespace rendr::engine
