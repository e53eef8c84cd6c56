// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/netns.hpp"

namespace rendr::test {

/// The kernel's packet filter in a namespace, by the program `nft`; what is set goes with the
/// namespace.
namespace nft {

/// Why it cannot be used here, as a sentence; empty when it can. Needs what netns needs.
std::string unavailable();
/// Applies rules as `nft` reads them. Throws std::runtime_error with what it said.
void apply(const netns& where, std::string_view rules);
/// Sum of the packets that the counters of a table have seen.
std::uint64_t packets(const netns& where, std::string_view table);

}  // namespace nft
}  // namespace rendr::test
