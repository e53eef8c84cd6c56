// SPDX-License-Identifier: Apache-2.0
#include "transport/path_spec.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace rendr {

namespace {

constexpr std::array<std::string_view, 9> transports{
    "tcp", "tls", "quic", "udp", "gvisor", "socks5", "http-connect", "xray", "fd"};
constexpr std::array<std::string_view, 1> built_transports{"tcp"};
constexpr std::array<std::string_view, 10> keys{
    "bind", "device", "mark", "cc", "cost", "weight", "fate", "evidence", "cold", "plaintext"};

constexpr std::uint32_t max_cost = 1000;
constexpr std::uint32_t max_weight = 1000;
constexpr std::size_t max_device = 15;  // IFNAMSIZ with its terminator is 16
constexpr std::size_t max_cc = 15;      // TCP_CA_NAME_MAX likewise
constexpr std::size_t max_host = 253;
constexpr std::size_t max_label = 63;

template <std::size_t N>
std::string listed(const std::array<std::string_view, N>& words) {
  std::string out;
  for (const auto word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_alnum(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

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

// An IPv6 address with an optional zone.
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

std::string_view word_of(path_evidence evidence) noexcept {
  switch (evidence) {
    case path_evidence::by_transport:
      return "";
    case path_evidence::end_to_end:
      return "end_to_end";
    case path_evidence::first_hop:
      return "first_hop";
    case path_evidence::none:
      return "none";
  }
  return "";
}

// Reads from left to right; the first error sticks.
class reader {
 public:
  explicit reader(std::string_view text) noexcept : text_(text) {}

  result<path_spec, path_text_error> run() {
    if (text_.size() > max_path_text) {
      fail(0, "the path is " + std::to_string(text_.size()) + " bytes of text: at most " +
                  std::to_string(max_path_text));
    } else {
      read_all();
    }
    if (error_) return *std::move(error_);
    return std::move(spec_);
  }

 private:
  void fail(std::size_t offset, std::string sentence, errc code = errc::invalid_argument) {
    if (!error_) error_ = path_text_error{{offset, std::move(sentence)}, code};
  }
  void fail(std::size_t offset, std::string_view field, std::string_view value,
            std::string_view rule) {
    fail(offset, std::string(field) + ' ' + quoted(value) + ": " + std::string(rule));
  }

  void read_all() {
    const auto slashes = text_.find("://");
    if (slashes == text_.npos) {
      return fail(0, "path", text_, "the transport is missing, such as tcp://host:7000");
    }
    read_name_and_transport(text_.substr(0, slashes));
    if (error_) return;
    const auto begin = slashes + 3;
    const auto comma = std::min(text_.find(',', begin), text_.size());
    read_address(begin, comma);
    for (auto at = comma; !error_ && at < text_.size();) {
      const auto next = std::min(text_.find(',', at + 1), text_.size());
      read_option(at + 1, next);
      at = next;
    }
    if (!error_) check_families();
  }

  void read_name_and_transport(std::string_view prefix) {
    const auto equals = prefix.find('=');
    std::size_t begin = 0;
    if (equals != prefix.npos) {
      spec_.name = prefix.substr(0, equals);
      if (!valid_name(spec_.name)) return fail(0, "name", spec_.name, name_rule);
      begin = equals + 1;
    }
    const auto transport = prefix.substr(begin);
    if (!contains(transports, transport)) {
      return fail(begin, "unknown transport " + quoted(transport) + ": the transports are " +
                             listed(transports));
    }
    if (!contains(built_transports, transport)) {
      return fail(begin,
                  "transport " + quoted(transport) + " is not in this build: it has " +
                      listed(built_transports),
                  errc::unavailable);
    }
    spec_.transport = transport;
  }

  void read_address(std::size_t begin, std::size_t end) {
    const auto text = text_.substr(begin, end - begin);
    std::size_t colon = text.rfind(':');
    if (text.starts_with('[')) {
      const auto close = text.find(']');
      if (close == text.npos) return fail(begin, "host", text, "the \"]\" is missing");
      spec_.host = text.substr(1, close - 1);
      if (!is_ipv6(spec_.host)) check_host(begin + 1);
      if (error_) return;
      colon = close + 1 < text.size() ? close + 1 : text.npos;
      if (colon != text.npos && text[colon] != ':') {
        return fail(begin + colon, "host", text, "after \"]\" comes a colon and the port");
      }
    } else {
      if (text.find(':') != colon) {
        return fail(begin, "host", text.substr(0, colon),
                    "an IPv6 address stands in brackets, such as [::1]:7000");
      }
      spec_.host = text.substr(0, colon);
      check_host(begin);
    }
    if (error_) return;
    if (colon == text.npos || colon + 1 == text.size()) {
      return fail(end, "port is missing: write host:port");
    }
    read_port(begin + colon + 1, text.substr(colon + 1));
  }

  void check_host(std::size_t offset) {
    if (spec_.host.empty()) return fail(offset, "host is missing: write host:port");
    if (only_digits_and_dots(spec_.host)) {
      if (!is_ipv4(spec_.host)) fail(offset, "host", spec_.host, "not an IPv4 address");
    } else if (!is_host_name(spec_.host)) {
      fail(offset, "host", spec_.host, "a name, an IPv4 address, or an IPv6 address in brackets");
    }
  }

  void read_port(std::size_t offset, std::string_view text) {
    const auto port = parse_number(text, 1, 65535);
    if (!port) return fail(offset, "port", text, "a whole number from 1 to 65535");
    spec_.port = static_cast<std::uint16_t>(*port);
  }

  void read_option(std::size_t begin, std::size_t end) {
    const auto option = text_.substr(begin, end - begin);
    const auto equals = option.find('=');
    const auto key = option.substr(0, equals);
    if (option.empty()) return fail(begin, "an option is missing: write key=value");
    if (!contains(keys, key)) {
      return fail(begin, "unknown key " + quoted(key) + ": the keys are " + listed(keys));
    }
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) {
      return fail(begin, "key " + quoted(key) + " is given twice");
    }
    seen_.push_back(key);
    if (option == "cold") {
      spec_.cold = true;
      return;
    }
    if (option == "plaintext") {
      spec_.plaintext = true;
      return;
    }
    if (equals == option.npos || equals + 1 == option.size()) {
      return fail(end, "key " + quoted(key) + " has no value: write " + std::string(key) + "=...");
    }
    read_value(key, option.substr(equals + 1), begin + equals + 1);
  }

  void read_value(std::string_view key, std::string_view value, std::size_t offset) {
    if (key == "bind") {
      if (!is_ipv4(value) && !is_ipv6(value)) {
        return fail(offset, key, value, "an IP address of this machine, without port or brackets");
      }
      spec_.bind = value;
      bind_offset_ = offset;
    } else if (key == "device") {
      if (!is_device(value)) {
        return fail(offset, key, value, "a network device, such as eth0, of at most 15 characters");
      }
      spec_.device = value;
    } else if (key == "mark") {
      const auto mark = parse_number(value, 1, 0xffff'ffff);
      if (!mark) return fail(offset, key, value, "a whole number from 1 to 4294967295");
      spec_.mark = static_cast<std::uint32_t>(*mark);
    } else if (key == "cc") {
      if (!is_word(value, max_cc, "-_")) {
        return fail(offset, key, value, "a congestion control, such as bbr or cubic");
      }
      spec_.cc = value;
    } else if (key == "cost") {
      read_number(key, value, offset, 0, max_cost, spec_.cost);
    } else if (key == "weight") {
      read_number(key, value, offset, 1, max_weight, spec_.weight);
    } else if (key == "fate") {
      if (!valid_name(value)) return fail(offset, key, value, name_rule);
      spec_.fate = value;
    } else if (key == "evidence") {
      for (const auto e :
           {path_evidence::end_to_end, path_evidence::first_hop, path_evidence::none}) {
        if (value == word_of(e)) spec_.evidence = e;
      }
      if (spec_.evidence == path_evidence::by_transport) {
        fail(offset, key, value, "one of end_to_end, first_hop, none");
      }
    } else {
      if (value != "yes" && value != "no") return fail(offset, key, value, "yes or no");
      (key == "cold" ? spec_.cold : spec_.plaintext) = value == "yes";
    }
  }

  void read_number(std::string_view key, std::string_view value, std::size_t offset,
                   std::uint32_t low, std::uint32_t high, std::uint32_t& out) {
    const auto number = parse_number(value, low, high);
    if (!number) {
      return fail(offset, key, value,
                  "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    }
    out = static_cast<std::uint32_t>(*number);
  }

  // A host name may have addresses of either family; an address has its own.
  void check_families() {
    if (spec_.bind.empty()) return;
    const bool bind_6 = spec_.bind.find(':') != text_.npos;
    const bool host_6 = spec_.host.find(':') != text_.npos;
    if (bind_6 == host_6 || (!host_6 && !is_ipv4(spec_.host))) return;
    fail(bind_offset_, "bind", spec_.bind, "of another IP version than host " + quoted(spec_.host));
  }

  std::string_view text_;
  path_spec spec_;
  std::vector<std::string_view> seen_;
  std::size_t bind_offset_ = 0;
  std::optional<path_text_error> error_;
};

failure rendered(std::string_view text, const path_text_error& error) {
  return {error.code, render(text, error.where)};
}

}  // namespace

result<path_spec, path_text_error> read_path_spec(std::string_view text) {
  return reader(text).run();
}

bool parse_path_spec(std::string_view text, path_spec& out, failure& why) {
  auto read = read_path_spec(text);
  if (!read) {
    why = rendered(text, read.error());
    return false;
  }
  out = *std::move(read);
  return true;
}

bool parse_path_specs(std::span<const std::string> texts, std::vector<path_spec>& out,
                      failure& why) {
  if (texts.empty() || texts.size() > max_paths) {
    why = {errc::invalid_argument,
           std::to_string(texts.size()) + " paths: a link has 1 to " + std::to_string(max_paths)};
    return false;
  }
  std::vector<path_spec> specs(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto& spec = specs[i];
    if (!parse_path_spec(texts[i], spec, why)) return false;
    const bool nameless = spec.name.empty();
    if (nameless) spec.name = "p" + std::to_string(i + 1);
    for (std::size_t j = 0; j < i; ++j) {
      if (specs[j].name != spec.name) continue;
      const auto sentence =
          nameless
              ? "path " + std::to_string(i + 1) + " has no name and would be " + quoted(spec.name) +
                    ", as path " + std::to_string(j + 1) + " is"
              : "name " + quoted(spec.name) + ": path " + std::to_string(j + 1) + " has it already";
      why = to_failure(texts[i], {0, sentence});
      return false;
    }
  }
  out = std::move(specs);
  return true;
}

std::string to_text(const path_spec& spec) {
  std::string out;
  if (!spec.name.empty()) out += spec.name + '=';
  const bool brackets = spec.host.find(':') != spec.host.npos;
  out += spec.transport + "://" + (brackets ? '[' + spec.host + ']' : spec.host);
  out += ':' + std::to_string(spec.port);
  const auto add = [&](std::string_view key, std::string_view value) {
    out.append(",").append(key).append("=").append(value);
  };
  if (!spec.bind.empty()) add("bind", spec.bind);
  if (!spec.device.empty()) add("device", spec.device);
  if (spec.mark) add("mark", std::to_string(*spec.mark));
  if (!spec.cc.empty()) add("cc", spec.cc);
  if (spec.cost != 0) add("cost", std::to_string(spec.cost));
  if (spec.weight != 1) add("weight", std::to_string(spec.weight));
  if (!spec.fate.empty()) add("fate", spec.fate);
  if (spec.evidence != path_evidence::by_transport) add("evidence", word_of(spec.evidence));
  if (spec.cold) add("cold", "yes");
  if (spec.plaintext) add("plaintext", "yes");
  return out;
}

bool check_path_spec(const path_spec& spec, failure& why) {
  const auto text = to_text(spec);
  path_spec same;
  if (!parse_path_spec(text, same, why)) return false;
  if (same == spec) return true;
  why = to_failure(text, {0,
                          "a field of the path holds a character that its text form reads "
                          "as something else"});
  return false;
}

}  // namespace rendr
