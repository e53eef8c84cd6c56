// SPDX-License-Identifier: Apache-2.0
#include "transport/registry.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace rendr {

namespace transport {

namespace {

bool is_scheme(std::string_view word) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  return !word.empty() && word.size() <= max_name_size &&
         std::all_of(word.begin(), word.end(), fits);
}

failure refused(const std::string& word, const std::string& why) {
  return {errc::invalid_argument, "transport '" + word + "': " + why};
}

}  // namespace

registry& registry::of_process() {
  static registry all;
  static const bool begun = [] {
    for (auto& one : built_in_schemes()) all.add(std::move(one));
    return true;
  }();
  static_cast<void>(begun);
  return all;
}

bool registry::add(std::shared_ptr<const scheme> added) {
  if (parent_ != nullptr && parent_->find(added->form().scheme())) return false;
  const std::lock_guard lock(mutex_);
  for (const auto& one : schemes_) {
    if (one->form().scheme() == added->form().scheme()) return false;
  }
  schemes_.push_back(std::move(added));
  return true;
}

std::shared_ptr<const scheme> registry::find(std::string_view word) const {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& one : schemes_) {
      if (one->form().scheme() == word) return one;
    }
  }
  return parent_ == nullptr ? nullptr : parent_->find(word);
}

std::vector<std::shared_ptr<const scheme>> registry::all() const {
  auto found = parent_ == nullptr ? std::vector<std::shared_ptr<const scheme>>() : parent_->all();
  {
    const std::lock_guard lock(mutex_);
    found.insert(found.end(), schemes_.begin(), schemes_.end());
  }
  std::sort(found.begin(), found.end(), [first = default_scheme()](const auto& a, const auto& b) {
    const auto& one = a->form().scheme();
    const auto& other = b->form().scheme();
    return std::pair(one != first, one) < std::pair(other != first, other);
  });
  return found;
}

path_forms registry::forms() const {
  path_forms result;
  for (auto& one : all()) {
    const auto* form = &one->form();
    result.emplace_back(std::move(one), form);
  }
  return result;
}

std::string default_scheme() { return path_spec().transport; }

failure scheme::check(const path_spec& path) const {
  // Aliased: the form lives as long as this scheme.
  const path_forms forms{std::shared_ptr<const path_form>(std::shared_ptr<void>(), &form())};
  failure why;
  check_path_spec(path, forms, why);
  return why;
}

failure not_on_loopback(std::string_view address) {
  return {errc::permission_denied,
          std::string(address) +
              " is not on loopback, and whoever reaches it could open flows: demand a pre-shared "
              "key or allowed keys, or set insecure to accept anybody"};
}

failure register_scheme(std::shared_ptr<const scheme> added) {
  return registry::of_process().admit(std::move(added));
}

failure registry::admit(std::shared_ptr<const scheme> added) {
  if (!added) return {errc::invalid_argument, "no transport was given"};
  const auto word = added->form().scheme();
  if (!is_scheme(word))
    return refused(word, "a scheme is a word of lower-case letters, digits, '+', '-' and '.'");
  std::set<std::string> keys;
  for (const auto& key : added->form().keys()) {
    if (!valid_name(key.name) || is_common_key(key.name) || !keys.insert(key.name).second ||
        !key.read || !key.write)
      return refused(word, "its key '" + key.name + "' is no name, is taken, or cannot be read");
  }
  if (!add(std::move(added))) return refused(word, "it is there already");
  return {};
}

std::shared_ptr<const scheme> find_scheme(std::string_view word) {
  return registry::of_process().find(word);
}

}  // namespace transport

bool parse_path_spec(std::string_view text, path_spec& out, failure& why) {
  return parse_path_spec(text, transport::registry::of_process().forms(), out, why);
}

bool parse_path_specs(std::span<const std::string> texts, std::vector<path_spec>& out,
                      failure& why) {
  return parse_path_specs(texts, transport::registry::of_process().forms(), out, why);
}

std::string to_text(const path_spec& spec) {
  return to_text(spec, transport::registry::of_process().forms());
}

bool check_path_spec(const path_spec& spec, failure& why) {
  return check_path_spec(spec, transport::registry::of_process().forms(), why);
}

}  // namespace rendr
