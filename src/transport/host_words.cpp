// SPDX-License-Identifier: Apache-2.0
#include "transport/host_words.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

namespace rendr::transport {

namespace {

constexpr std::size_t max_device = 15;  // IFNAMSIZ with its terminator is 16
constexpr std::size_t max_host = 253;
constexpr std::size_t max_label = 63;

bool is_alnum(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_word(std::string_view text, std::size_t longest, std::string_view extra) noexcept {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alnum(c) || extra.find(c) != extra.npos; });
}

bool is_device(std::string_view text) noexcept {
  return is_word(text, max_device, "-_.@") && text != "." && text != "..";
}

bool is_ipv4(std::string_view text) {
  in_addr address{};
  return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

bool is_ipv6(std::string_view text) {
  const auto percent = text.find('%');
  if (percent != text.npos && !is_device(text.substr(percent + 1))) return false;
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text.substr(0, percent)).c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > max_host) return false;
  if (text.back() == '.') text.remove_suffix(1);
  while (true) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (!is_word(label, max_label, "-_") || label.front() == '-') return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool only_digits_and_dots(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789.") == text.npos;
}

}  // namespace rendr::transport
