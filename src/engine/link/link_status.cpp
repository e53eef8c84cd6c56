// SPDX-License-Identifier: Apache-2.0
// Leaves that come and go by command.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "engine/link/dialing.hpp"
#include "engine/link/link.hpp"

namespace rendr::engine {

result<spec_id, failure> link::attach(instant now, const path_config& config) {
  if (side_ != role::dialer)
    return failure{errc::refused, "attach: the dialer of the link owns its paths"};
  if (slots_.named(config.name))
    return failure{errc::invalid_argument, "attach: the name '" + config.name + "' is taken"};
  if (!valid_name(config.name)) {
    return failure{errc::invalid_argument,
                   "attach: " + quoted(config.name) + ": " + std::string(name_rule)};
  }
  std::vector<bool> known(slots_.size());
  for (spec_id leaf = 0; leaf < slots_.size(); ++leaf)
    known[leaf] = paths_.any_of(leaf) || router_.names(leaf);
  const auto place = slots_.take(config.name, known);
  if (!place) {
    return failure{errc::limit_reached,
                   "attach: a link has at most 64 paths, with those that a graph still names"};
  }
  const auto leaf = place->leaf;
  if (place->fresh) redial_.forget(leaf);
  slots_[leaf].config = config;
  slots_[leaf].removed = false;
  routing(rooms_).place_attached(now);
  dialing(rooms_).attached(now, leaf);
  dial_due(now);
  return leaf;
}

std::optional<failure> link::detach(instant now, std::string_view name) {
  const auto leaf = slots_.named(name);
  if (!leaf) {
    return failure{errc::invalid_argument, "detach: no path is named '" + std::string(name) + "'"};
  }
  const auto* current = slots_.current(*leaf);
  if (current != nullptr && current->carries() && paths_.living() <= 1) {
    return failure{errc::refused, "detach: '" + std::string(name) + "' is the last living path"};
  }
  slots_[*leaf].removed = side_ == role::dialer;
  dialing(rooms_).abandon(*leaf);
  std::vector<path*> carriers;
  for (const auto& p : paths_) {
    if (p->leaf == *leaf && !p->life.ended()) carriers.push_back(p.get());
  }
  for (auto* p : carriers) {
    if (p->ready()) {
      changes().leave(now, *p, "detached by command");
    } else {
      changes().down(now, *p, cause::detached, "detached by command");
    }
  }
  return std::nullopt;
}

}  // namespace rendr::engine
