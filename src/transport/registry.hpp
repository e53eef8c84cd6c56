// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "rendr/transport.hpp"
#include "transport/path_spec.hpp"

namespace rendr::transport {

/// Transports by their schemes. Any thread.
class registry {
 public:
  registry() = default;
  /// What `parent` has counts as had here; it must outlive this one.
  explicit registry(const registry& parent) : parent_(&parent) {}
  registry& operator=(const registry&) = delete;

  /// Those of this process: one for each folder of src/transport that has a scheme.cpp (the build
  /// lists them), and what `register_scheme` added.
  static registry& of_process();

  /// False: the scheme is taken.
  bool add(std::shared_ptr<const scheme> added);
  /// The same, with the rules of `register_scheme`.
  failure admit(std::shared_ptr<const scheme> added);
  /// Null: there is none.
  std::shared_ptr<const scheme> find(std::string_view word) const;
  /// The default scheme first, the others by their words.
  std::vector<std::shared_ptr<const scheme>> all() const;
  /// The text forms of all, for a parser.
  path_forms forms() const;

 private:
  const registry* parent_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const scheme>> schemes_;
};

/// The word that a path has whose maker named none.
std::string default_scheme();

/// Written by the build: see CMakeLists.txt.
std::vector<std::shared_ptr<const scheme>> built_in_schemes();

}  // namespace rendr::transport
