// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rendr/runtime.hpp"

namespace rendr::detail {

/// The lowest memory limit of the cgroups that the process is in, from its own up to the root, in
/// bytes; the largest number when there is none. Reads memory.max and memory.high of version 2,
/// memory.limit_in_bytes of version 1.
/// @param membership the text of /proc/self/cgroup
/// @param root where the cgroups are mounted: /sys/fs/cgroup
std::uint64_t cgroup_memory_limit(std::string_view membership, const std::string& root);

/// Bytes of memory of this machine, or of what the cgroup of this process may have of it.
std::uint64_t memory_of_process();

/// How many descriptors this process may have.
std::size_t descriptor_limit() noexcept;

/// The options with what depends on the machine put in: the budget where none is given, and no more
/// handshakes than the descriptors bear.
runtime_options fitted(runtime_options chosen);

}  // namespace rendr::detail
