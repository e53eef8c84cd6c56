// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

/// The words that addresses in texts are made of.
namespace rendr::transport {

/// Letters and digits, and those of `extra`; 1 to `longest`.
bool is_word(std::string_view text, std::size_t longest, std::string_view extra) noexcept;
/// A network device, such as eth0.
bool is_device(std::string_view text) noexcept;
bool is_ipv4(std::string_view text);
/// With a zone or without.
bool is_ipv6(std::string_view text);
bool is_host_name(std::string_view text) noexcept;
bool only_digits_and_dots(std::string_view text) noexcept;

}  // namespace rendr::transport
