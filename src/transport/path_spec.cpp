// SPDX-License-Identifier: Apache-2.0
#include "transport/path_spec.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "transport/planned.hpp"

namespace rendr {

namespace {

// Of every transport, written behind its own ones.
constexpr std::array<std::string_view, 6> common_keys{"cost",     "weight", "fate",
                                                      "evidence", "cold",   "plaintext"};

constexpr std::uint32_t max_cost = 1000;
constexpr std::uint32_t max_weight = 1000;

void append(std::string& list, std::string_view word) {
  if (!list.empty()) list += ", ";
  list += word;
}

const path_form* find(const path_forms& forms, std::string_view scheme) {
  const auto found = std::find_if(forms.begin(), forms.end(),
                                  [&](const auto& form) { return form->scheme() == scheme; });
  return found == forms.end() ? nullptr : found->get();
}

std::string built_schemes(const path_forms& forms) {
  std::string out;
  for (const auto& form : forms) append(out, form->scheme());
  return out;
}

std::string known_schemes(const path_forms& forms) {
  auto out = built_schemes(forms);
  for (const auto scheme : transport::planned_schemes) {
    if (find(forms, scheme) == nullptr) append(out, scheme);
  }
  return out;
}

std::string known_keys(const path_form& form) {
  std::string out;
  for (const auto& key : form.keys()) append(out, key.name);
  for (const auto key : common_keys) append(out, key);
  return out;
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
  reader(std::string_view text, const path_forms& forms) noexcept : text_(text), forms_(forms) {}

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
      return fail(0, "path", text_,
                  "the transport is missing, such as " + forms_.front()->example());
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
    if (!error_) check_whole();
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
    form_ = find(forms_, transport);
    const auto& planned = transport::planned_schemes;
    if (form_ == nullptr && std::find(planned.begin(), planned.end(), transport) == planned.end()) {
      return fail(begin, "unknown transport " + quoted(transport) + ": the transports are " +
                             known_schemes(forms_));
    }
    if (form_ == nullptr) {
      return fail(begin,
                  "transport " + quoted(transport) + " is not in this build: it has " +
                      built_schemes(forms_),
                  errc::unavailable);
    }
    spec_.transport = transport;
  }

  void read_address(std::size_t begin, std::size_t end) {
    auto bad = form_->read_address(text_.substr(begin, end - begin), spec_);
    if (bad) fail(begin + bad->offset, std::move(bad->sentence));
  }

  void read_option(std::size_t begin, std::size_t end) {
    const auto option = text_.substr(begin, end - begin);
    const auto equals = option.find('=');
    const auto key = option.substr(0, equals);
    if (option.empty()) return fail(begin, "an option is missing: write key=value");
    const auto* own = own_key(key);
    if (own == nullptr && !is_common_key(key)) {
      return fail(begin, "unknown key " + quoted(key) + ": the keys are " + known_keys(*form_));
    }
    const auto value_at = begin + std::min(equals, option.size()) + 1;
    if (!seen_.emplace(key, value_at).second) {
      return fail(begin, "key " + quoted(key) + " is given twice");
    }
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
    const auto value = option.substr(equals + 1);
    if (own == nullptr) return read_value(key, value, value_at);
    if (const auto rule = own->read(value, spec_); !rule.empty()) fail(value_at, key, value, rule);
  }

  const path_key* own_key(std::string_view name) const {
    const auto& keys = form_->keys();
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const path_key& key) { return key.name == name; });
    return found == keys.end() ? nullptr : &*found;
  }

  void read_value(std::string_view key, std::string_view value, std::size_t offset) {
    if (key == "cost") {
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

  void check_whole() {
    const auto bad = form_->check(spec_);
    if (!bad) return;
    const auto at = seen_.find(bad->key);
    fail(at == seen_.end() ? text_.size() : at->second, bad->key, bad->value, bad->rule);
  }

  std::string_view text_;
  const path_forms& forms_;
  const path_form* form_ = nullptr;
  path_spec spec_;
  std::map<std::string_view, std::size_t> seen_;  ///< where the value of each key stands
  std::optional<path_text_error> error_;
};

failure rendered(std::string_view text, const path_text_error& error) {
  return {error.code, render(text, error.where)};
}

}  // namespace

bool is_common_key(std::string_view key) noexcept {
  return std::find(common_keys.begin(), common_keys.end(), key) != common_keys.end();
}

result<path_spec, path_text_error> read_path_spec(std::string_view text, const path_forms& forms) {
  return reader(text, forms).run();
}

bool parse_path_spec(std::string_view text, const path_forms& forms, path_spec& out, failure& why) {
  auto read = read_path_spec(text, forms);
  if (!read) {
    why = rendered(text, read.error());
    return false;
  }
  out = *std::move(read);
  return true;
}

bool parse_path_specs(std::span<const std::string> texts, const path_forms& forms,
                      std::vector<path_spec>& out, failure& why) {
  if (texts.empty() || texts.size() > max_paths) {
    why = {errc::invalid_argument,
           std::to_string(texts.size()) + " paths: a link has 1 to " + std::to_string(max_paths)};
    return false;
  }
  std::vector<path_spec> specs(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto& spec = specs[i];
    if (!parse_path_spec(texts[i], forms, spec, why)) return false;
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

std::string to_text(const path_spec& spec, const path_forms& forms) {
  std::string out;
  if (!spec.name.empty()) out += spec.name + '=';
  // Of a scheme that nobody registered what the fields say is shown all the same.
  const auto* known = find(forms, spec.transport);
  const auto& form = known == nullptr ? *forms.front() : *known;
  const bool raw = known == nullptr && !spec.address.empty();
  out += spec.transport + "://" + (raw ? spec.address : form.write_address(spec));
  const auto add = [&](std::string_view key, std::string_view value) {
    out.append(",").append(key).append("=").append(value);
  };
  for (const auto& key : form.keys()) {
    if (const auto value = key.write(spec); !value.empty()) add(key.name, value);
  }
  if (spec.cost != 0) add("cost", std::to_string(spec.cost));
  if (spec.weight != 1) add("weight", std::to_string(spec.weight));
  if (!spec.fate.empty()) add("fate", spec.fate);
  if (spec.evidence != path_evidence::by_transport) add("evidence", word_of(spec.evidence));
  if (spec.cold) add("cold", "yes");
  if (spec.plaintext) add("plaintext", "yes");
  return out;
}

bool check_path_spec(const path_spec& spec, const path_forms& forms, failure& why) {
  const auto text = to_text(spec, forms);
  path_spec same;
  if (!parse_path_spec(text, forms, same, why)) return false;
  if (same == spec) return true;
  why = to_failure(text, {0,
                          "a field of the path holds a character that its text form reads "
                          "as something else"});
  return false;
}

}  // namespace rendr
