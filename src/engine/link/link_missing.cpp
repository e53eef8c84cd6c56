// SPDX-License-Identifier: Apache-2.0
// What observers are told of a path that does not come up.
#include <algorithm>

#include "engine/link/link.hpp"

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

}  // namespace

// Why a carrier that was dialled ended before it was a path; empty: it was one, or was not wanted.
std::string link::vain_reason(const path& p, cause why, const std::string& detail) const {
  const bool wanted = why != cause::replaced && why != cause::local_close && why != cause::detached;
  if (side_ != role::dialer || p.step == attach_step::done || !wanted) return {};
  if (!detail.empty()) return detail;
  return "ended before it was a path: " + std::string(to_string(why));
}

void link::ended_in_vain(instant now, spec_id leaf, cause why, const std::string& reason) {
  const bool silent = why == cause::protocol || why == cause::carrier_eof;  // it gave no reason
  if (silent) last_dial_error_ = slots_[leaf].config.name + ": " + reason;
  dial_ended(now, leaf, code_of(why), reason);
}

bool link::is_missing(const leaf_slot& s) const noexcept {
  return s.missing.since != never && s.current == nullptr && needs_dial(s);
}

void link::dial_ended(instant now, spec_id leaf, const std::error_code& code,
                      std::string_view reason) {
  auto& s = slots_[leaf];
  s_.events.observe(event::dial_ended{ref_, leaf, s.config.name, code, std::string(reason)});
  s.missing.reason = reason;
  s.missing.lasting = lasts(code);
  tell_missing(now, s);
}

void link::tell_missing(instant now, leaf_slot& s) {
  auto& m = s.missing;
  if (!is_missing(s)) return;
  if (!m.lasting && now - m.since < defaults::missing_after) return;
  const auto reason = m.reason.empty() ? std::string("there is no answer yet") : m.reason;
  if (m.told.size() >= told_reasons ||
      std::find(m.told.begin(), m.told.end(), reason) != m.told.end()) {
    return;
  }
  m.told.push_back(reason);
  s_.events.observe(event::path_missing{ref_, s.config.name, now - m.since, m.lasting, reason});
}

// When it is told for the first time; later it is told when the reason changes.
instant link::tells_missing_at(const leaf_slot& s) const noexcept {
  if (!s.missing.told.empty() || !is_missing(s)) return never;
  return s.missing.since + defaults::missing_after;
}

void link::tell_all_missing(instant now) {
  for (auto& s : slots_) {
    if (s.missing.since == never) continue;
    if (!is_missing(s)) {
      s.missing = {};
    } else if (tells_missing_at(s) <= now) {
      tell_missing(now, s);
    }
  }
}

}  // namespace rendr::engine
