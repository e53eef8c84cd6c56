// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/path_form.hpp"

namespace rendr::transport {

/// `tcp://host:port`, with the keys of sockets.
class tcp_form final : public path_form {
 public:
  tcp_form();
  std::optional<misfit> check(const path_spec& path) const override;
};

}  // namespace rendr::transport
