// SPDX-License-Identifier: Apache-2.0
#include "engine/link/leaf_changes.hpp"

#include <string>
#include <vector>

#include "base/text.hpp"
#include "engine/link/dialing.hpp"
#include "engine/link/path_changes.hpp"
#include "engine/link/path_keeper.hpp"
#include "engine/link/routing.hpp"

namespace rendr::engine {

result<spec_id, failure> leaf_changes::attach(instant now, const path_config& config) {
  if (in_.side != role::dialer)
    return failure{errc::refused, "attach: the dialer of the link owns its paths"};
  if (in_.slots.named(config.name))
    return failure{errc::invalid_argument, "attach: the name '" + config.name + "' is taken"};
  if (!valid_name(config.name)) {
    return failure{errc::invalid_argument,
                   "attach: " + quoted(config.name) + ": " + std::string(name_rule)};
  }
  std::vector<bool> known(in_.slots.size());
  for (spec_id leaf = 0; leaf < in_.slots.size(); ++leaf)
    known[leaf] = in_.paths.any_of(leaf) || in_.router.names(leaf);
  const auto place = in_.slots.take(config.name, known);
  if (!place) {
    return failure{errc::limit_reached,
                   "attach: a link has at most 64 paths, with those that a graph still names"};
  }
  const auto leaf = place->leaf;
  if (place->fresh) in_.redial.forget(leaf);
  in_.slots[leaf].config = config;
  in_.slots[leaf].removed = false;
  routing(in_).place_attached(now);
  dialing(in_).attached(now, leaf);
  dial_due(now);
  return leaf;
}

std::optional<failure> leaf_changes::detach(instant now, std::string_view name) {
  const auto leaf = in_.slots.named(name);
  if (!leaf) {
    return failure{errc::invalid_argument, "detach: no path is named '" + std::string(name) + "'"};
  }
  const auto* current = in_.slots.current(*leaf);
  if (current != nullptr && current->carries() && in_.paths.living() <= 1) {
    return failure{errc::refused, "detach: '" + std::string(name) + "' is the last living path"};
  }
  in_.slots[*leaf].removed = in_.side == role::dialer;
  dialing(in_).abandon(*leaf);
  std::vector<path*> carriers;
  for (const auto& p : in_.paths) {
    if (p->leaf == *leaf && !p->life.ended()) carriers.push_back(p.get());
  }
  for (auto* p : carriers) {
    if (p->ready()) {
      path_changes(in_).leave(now, *p, "detached by command");
    } else {
      path_changes(in_).down(now, *p, cause::detached, "detached by command");
    }
  }
  return std::nullopt;
}

void leaf_changes::dial(instant now, spec_id leaf) {
  dialing dials(in_);
  const auto room = dials.room_for(now, leaf);
  if (room.gives_way != nullptr) {
    path_changes(in_).drop(now, *room.gives_way, cause::replaced, "no answer: dialled anew", true);
  }
  if (room.free && !in_.down()) dials.dial(now, leaf);
}

void leaf_changes::dial_due(instant now) {
  if (in_.side != role::dialer) return;
  dialing dials(in_);
  dials.look_at_all(now);
  for (spec_id leaf = 0; leaf < in_.slots.size(); ++leaf) {
    if (dials.is_due(now, leaf)) dial(now, leaf);
  }
}

void leaf_changes::network_changed(instant now) {
  in_.redial.network_changed(now);
  for (spec_id leaf = 0; leaf < in_.slots.size(); ++leaf) {
    if (dialing(in_).ask_anew(now, leaf)) dial(now, leaf);
  }
  path_keeper(in_).ask_for_life();
}

void leaf_changes::let_rest(instant now) {
  if (auto* p = dialing(in_).rests(now))
    path_changes(in_).leave(now, *p, "the others are good: a cold path rests");
}

}  // namespace rendr::engine
