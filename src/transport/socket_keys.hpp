// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "rendr/path_form.hpp"

namespace rendr::transport {

/// bind, device, mark and cc: the keys of transports that open a socket of the system.
std::vector<path_key> socket_keys();
/// The local address must be of the IP version of the host, unless that is a name.
std::optional<path_form::misfit> check_families(const path_spec& path);

}  // namespace rendr::transport
