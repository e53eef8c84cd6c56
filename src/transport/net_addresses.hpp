// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/ip/address.hpp>
#include <map>
#include <string>
#include <system_error>

namespace rendr::transport {

/// An address of this machine.
struct net_address {
  std::string device;
  unsigned index = 0;   ///< of the device: another one under the same name was made anew
  bool usable = false;  ///< assigned, not tentative, and its device is up and has a carrier
};

/// The addresses of this machine, with those that are not usable. One that several devices have is
/// usable when it is on any of them. A link-local address holds its device as its scope.
using net_addresses = std::map<asio::ip::address, net_address>;

/// Asks the kernel (rtnetlink dumps of links and addresses) for the addresses of the network
/// namespace of the calling thread. Never waits; costs some microseconds for each device and
/// address. Empty, with `code` set, when the kernel does not tell.
net_addresses read_net_addresses(std::error_code& code);

}  // namespace rendr::transport
