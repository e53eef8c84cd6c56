// SPDX-License-Identifier: Apache-2.0
#include "transport/tcp/form.hpp"

#include "transport/socket_keys.hpp"

namespace rendr::transport {

tcp_form::tcp_form() : path_form("tcp", socket_keys()) {}

std::optional<path_form::misfit> tcp_form::check(const path_spec& path) const {
  return check_families(path);
}

}  // namespace rendr::transport
