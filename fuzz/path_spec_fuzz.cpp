// SPDX-License-Identifier: Apache-2.0
// The text form of a path spec, and of sizes, durations and rates. What is accepted survives its
// own canonical text; what is refused can be shown with its place.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "fuzz_check.hpp"
// The parser is pure, but belongs to the library with the transports, which this program does
// without.
#include "transport/path_spec.cpp"

namespace {

using namespace rendr;

void path(std::string_view text) {
  path_spec spec;
  failure why;
  if (!parse_path_spec(text, spec, why)) {
    fuzz::check(why.code && why.detail.ends_with('^') && spec == path_spec{});
    fuzz::check(read_path_spec(text).error().where.offset <= text.size());
    return;
  }
  path_spec again;
  fuzz::check(parse_path_spec(to_text(spec), again, why) && again == spec);
  fuzz::check(check_path_spec(spec, why));
}

void quantities(std::string_view text) {
  if (const auto size = parse_size(text)) {
    const auto again = parse_size(size_text(*size));
    fuzz::check(again && *again == *size);
  }
  if (const auto time = parse_duration(text)) {
    const auto again = parse_duration(duration_text(*time));
    fuzz::check(again && *again == *time && *time >= duration{0});
  }
  if (const auto rate = parse_rate(text)) fuzz::check(*rate > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  path(text);
  quantities(text);
  return 0;
}
