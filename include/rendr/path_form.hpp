// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rendr/path_spec.hpp"

namespace rendr {

/// A mistake in a text: of which byte on, and the sentence that says so, without a full stop.
struct text_mistake {
  std::size_t offset = 0;
  std::string sentence;
};

/// A key of the paths of one transport, as in `key=value`.
struct path_key {
  std::string name;
  /// Puts a value, which is not empty, into the path. Returns the rule that it breaks, such as
  /// "a whole number from 1 to 9"; empty: it is taken.
  std::function<std::string(std::string_view value, path_spec& to)> read;
  /// The value as text; empty: the default, which is left out.
  std::function<std::string(const path_spec& from)> write;
};

/// The text form of the paths of one transport: what stands behind `scheme://`, and which keys may
/// follow. The keys cost, weight, fate, evidence, cold and plaintext are every transport's.
/// By default the address is `host:port`. Nothing in it waits, or changes once it is made.
class path_form {
 public:
  explicit path_form(std::string scheme, std::vector<path_key> keys = {});
  path_form(const path_form&) = delete;
  path_form& operator=(const path_form&) = delete;
  virtual ~path_form();

  const std::string& scheme() const noexcept { return scheme_; }
  const std::vector<path_key>& keys() const noexcept { return keys_; }

  /// As errors show it: `scheme://host:7000`.
  virtual std::string example() const;
  /// Reads what stands between `scheme://` and the first comma.
  virtual std::optional<text_mistake> read_address(std::string_view text, path_spec& to) const;
  /// The text that `read_address` reads as the same.
  virtual std::string write_address(const path_spec& from) const;

  /// A key whose value does not fit what else the path says, and the rule that it breaks.
  struct misfit {
    std::string key;
    std::string value;
    std::string rule;
  };
  /// Looks at a path that was read to its end.
  virtual std::optional<misfit> check(const path_spec& path) const;

 private:
  const std::string scheme_;
  const std::vector<path_key> keys_;
};

}  // namespace rendr
