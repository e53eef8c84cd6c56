// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.hpp"

#include "relay/asio_code.hpp"
#include "rendr/error.hpp"

namespace rendr::cli {

exit_code exit_code_of(const std::error_code& raw) noexcept {
  const auto code = relay::portable(raw);
  if (!code) return exit_code::ok;
  if (code.category() == rendr::error_category()) {
    switch (static_cast<errc>(code.value())) {
      case errc::no_path:
      case errc::refused:
      case errc::timed_out:
      case errc::peer_lost:
        return exit_code::unreachable;
      case errc::auth_failed:
      case errc::instance_mismatch:
        return exit_code::authentication;
      case errc::permission_denied:
        return exit_code::permission;
      case errc::invalid_argument:
        return exit_code::usage;
      default:
        return exit_code::failed;
    }
  }
  if (code == std::errc::permission_denied || code == std::errc::operation_not_permitted) {
    return exit_code::permission;
  }
  if (code == std::errc::connection_refused || code == std::errc::host_unreachable ||
      code == std::errc::network_unreachable || code == std::errc::timed_out ||
      code.category() == asio::error::get_netdb_category() ||
      code.category() == asio::error::get_addrinfo_category()) {
    return exit_code::unreachable;
  }
  return exit_code::failed;
}

}  // namespace rendr::cli
