// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/address.hpp>
#include <cstdint>
#include <string>

namespace rendr::transport {

/// The device by which the kernel sends from `local` to `remote` now, with this socket mark: what
/// its rules and routes say, which need not be the device that has `local`. Empty: it does not
/// tell, or there is no route. Never waits.
std::string route_device(const asio::ip::address& local, const asio::ip::address& remote,
                         std::uint32_t mark = 0);

}  // namespace rendr::transport
