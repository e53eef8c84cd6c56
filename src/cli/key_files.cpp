// SPDX-License-Identifier: Apache-2.0
#include "cli/key_files.hpp"

#include <optional>
#include <utility>

#include "cli/private_file.hpp"

namespace rendr::cli {

namespace {

constexpr std::size_t key_file_limit = 4096;
constexpr std::size_t list_limit = std::size_t{1} << 20;

failure wrong(std::string detail) {
  return {make_error_code(errc::invalid_argument), std::move(detail)};
}

/// Calls `take(number, line)` for each line that says something, until it returns a failure.
template <class Take>
std::optional<failure> each_line(std::string_view text, Take take) {
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() == '#') continue;
    if (auto bad = take(number, line)) return bad;
  }
  return std::nullopt;
}

std::string at_line(const std::string& path, std::size_t number) {
  return path + ", line " + std::to_string(number) + ": ";
}

std::string_view describe(key_kind kind) {
  switch (kind) {
    case key_kind::public_half:
      return "a public key (rendr-public: and 64 hexadecimal digits)";
    case key_kind::private_half:
      return "a private key (rendr-private: and 64 hexadecimal digits)";
    case key_kind::psk:
      break;
  }
  return "a pre-shared key (rendr-psk: and 64 hexadecimal digits)";
}

/// The one line of a key file. Its text is not quoted: it may be a secret.
result<std::string_view, failure> only_line(std::string_view text, const std::string& path,
                                            key_kind wanted) {
  std::optional<std::string_view> found;
  const auto bad = each_line(text, [&](std::size_t number, std::string_view line) {
    const auto kind = kind_of_key(line);
    std::optional<failure> why;
    if (found) {
      why = wrong(at_line(path, number) + "a second key; a key file has one");
    } else if (kind != wanted) {
      why = wrong(at_line(path, number) + "this is not " + std::string(describe(wanted)) +
                  (kind ? ", but " + std::string(describe(*kind)) : std::string()));
    }
    found = line;
    return why;
  });
  if (bad) return *bad;
  if (!found) return wrong(path + " has no key: expected " + std::string(describe(wanted)));
  return *found;
}

result<secret_key, failure> load_secret(const std::string& path, key_kind kind, secrets_rule rule,
                                        remarks* notes) {
  auto read = read_file(path, privacy::secret, key_file_limit, rule, notes);
  if (!read) return read.error();
  wiped contents(std::move(*read));
  const auto line = only_line(contents.text(), path, kind);
  if (!line) return line.error();
  auto key = parse_secret_key(kind, *line);
  if (!key) return wrong(path + ": this is not " + std::string(describe(kind)));
  return *key;
}

result<public_key, failure> load_public(const std::string& value, secrets_rule rule) {
  if (const auto key = parse_public_key(value)) return *key;
  auto read = read_file(value, privacy::trusted, key_file_limit, rule);
  if (!read) return read.error();
  wiped contents(std::move(*read));  // somebody may have named a private key's file
  const auto line = only_line(contents.text(), value, key_kind::public_half);
  if (!line) return line.error();
  const auto key = parse_public_key(*line);
  if (!key) {
    return wrong(value + ": this is not " + std::string(describe(key_kind::public_half)));
  }
  return *key;
}

failure named(std::string_view option, failure why) {
  why.detail = std::string(option) + ": " + why.detail;
  return why;
}

}  // namespace

result<std::vector<public_key>, failure> parse_key_list(std::string_view text,
                                                        const std::string& path) {
  std::vector<public_key> keys;
  const auto bad =
      each_line(text, [&](std::size_t number, std::string_view line) -> std::optional<failure> {
        const auto key = parse_public_key(line.substr(0, line.find_first_of(" \t")));
        if (!key) {
          return wrong(at_line(path, number) + "this is not " +
                       std::string(describe(key_kind::public_half)));
        }
        keys.push_back(*key);
        return std::nullopt;
      });
  if (bad) return *bad;
  if (keys.empty()) return wrong(path + " has no keys, so nobody could make a link");
  return keys;
}

result<credentials, failure> load_credentials(const key_options& from, remarks* notes) {
  credentials out;
  if (!from.psk_file.empty()) {
    auto key = load_secret(from.psk_file, key_kind::psk, from.secrets, notes);
    if (!key) return named("--psk-file", key.error());
    out.psk = *key;
  }
  if (!from.key_file.empty()) {
    auto key = load_secret(from.key_file, key_kind::private_half, from.secrets, notes);
    if (!key) return named("--key-file", key.error());
    out.own_key = *key;
  }
  if (!from.peer_key.empty()) {
    auto key = load_public(from.peer_key, from.secrets);
    if (!key) return named("--peer-key", key.error());
    out.peer_key = *key;
  }
  if (!from.allow_keys.empty()) {
    const auto read = read_file(from.allow_keys, privacy::trusted, list_limit, from.secrets);
    if (!read) return named("--allow-keys", read.error());
    auto keys = parse_key_list(*read, from.allow_keys);
    if (!keys) return named("--allow-keys", keys.error());
    out.allowed_keys = std::move(*keys);
  }
  return out;
}

}  // namespace rendr::cli
