// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "rendr/detail/completion.hpp"
#include "rendr/stream.hpp"
#include "rendr/types.hpp"

namespace rendr {

std::string flow_address::to_string() const { return to_hex(instance) + "/" + to_hex(flow); }

namespace detail {

std::uint64_t next_operation() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace detail
}  // namespace rendr
