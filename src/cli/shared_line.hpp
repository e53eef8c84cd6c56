// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "rendr/events.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/runtime.hpp"

namespace rendr::cli {

/// A living path and the device by which it leaves this machine.
struct leaving_path {
  std::string name;
  std::string device;
};

/// What people must know of paths that leave by one device: what cuts it cuts them all, so they are
/// one path that pretends to be several. One warning a device, each with the keys that pin the
/// paths to devices of their own.
/// @param given as the options have them; paths of one `fate` are known to share a hop
/// @param others devices of this machine with an address, and that address
std::vector<std::string> shared_lines(const std::vector<leaving_path>& paths,
                                      const std::vector<path_spec>& given,
                                      const std::map<std::string, std::string>& others);

/// Watches the dialled links of a runtime and warns once of each set of paths that leave by one
/// device; again when the set changes. Paths on loopback share nothing. Copies are one.
class shared_line {
 public:
  /// @param run calls what it is given later: on no thread of the runtime when that has several
  /// loops, and not when the runtime is gone.
  shared_line(console& to, runtime& of, std::vector<path_spec> given,
              std::function<void(std::function<void()>)> run);

  /// From any thread.
  void operator()(const link_event& event) const;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace rendr::cli
