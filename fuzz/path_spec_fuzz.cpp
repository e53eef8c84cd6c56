// SPDX-License-Identifier: Apache-2.0
// The text form of a path spec, and of sizes, durations and rates. What is accepted survives its
// own canonical text; what is refused can be shown with its place.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "fuzz_check.hpp"
// The parser and the form of tcp are pure, but belong to the library with the transports, which
// this program does without.
#include "transport/host_words.cpp"
#include "transport/path_form.cpp"
#include "transport/path_spec.cpp"
#include "transport/socket_keys.cpp"
#include "transport/tcp/form.cpp"

namespace {

using namespace rendr;

const path_forms forms{std::make_shared<transport::tcp_form>()};

void path(std::string_view text) {
  path_spec spec;
  failure why;
  if (!parse_path_spec(text, forms, spec, why)) {
    fuzz::check(why.code && why.detail.ends_with('^') && spec == path_spec{});
    fuzz::check(read_path_spec(text, forms).error().where.offset <= text.size());
    return;
  }
  path_spec again;
  fuzz::check(parse_path_spec(to_text(spec, forms), forms, again, why) && again == spec);
  fuzz::check(check_path_spec(spec, forms, why));
}

void quantities(std::string_view text) {
  const auto shown = [&](const text_error& error) {
    fuzz::check(error.offset <= text.size() && render(text, error).ends_with('^'));
  };
  const auto size = parse_size(text);
  if (!size) shown(size.error());
  const auto time = parse_duration(text);
  if (!time) shown(time.error());
  fuzz::check(!time || *time >= duration{0});
  const auto rate = parse_rate(text);
  if (!rate) shown(rate.error());
  fuzz::check(!rate || *rate > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  path(text);
  quantities(text);
  return 0;
}
