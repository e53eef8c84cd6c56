// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <utility>
#include <variant>

#include "rendr/error.hpp"

namespace rendr {

/// A value or the reason why there is none. Never throws; asking for what is not there is a bug
/// (asserted).
template <class T, class E = errc>
class [[nodiscard]] result {
 public:
  result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  result(E error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool has_value() const noexcept { return state_.index() == 0; }

  T& operator*() noexcept { return value(); }
  const T& operator*() const noexcept { return value(); }
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

  T& value() noexcept {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const noexcept {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const E& error() const noexcept {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace rendr
