// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/path/life.hpp"

namespace rendr::engine {

/// A life that came to this stage by what happens to paths. A suspect one is so since `when`.
inline path_life life_at(path_stage stage, instant when = {}, std::uint64_t clear_number = 0) {
  path_life life;
  switch (stage) {
    case path_stage::waiting:
      return life;
    case path_stage::attach:
      life.on(path_event::say_attach);
      return life;
    case path_stage::asking:
      life.on(path_event::say_ask);
      return life;
    case path_stage::challenged:
      life.on(path_event::challenge);
      return life;
    case path_stage::confirming:
      life.on(path_event::confirm);
      return life;
    default:
      life.on(path_event::say_hello);
  }
  if (stage == path_stage::hello) return life;
  life.on(path_event::attached);
  const bool drains = stage >= path_stage::draining && stage <= path_stage::draining_suspect;
  if (drains) life.leave(false);
  if (stage == path_stage::active) life.on(path_event::chosen);
  if (stage == path_stage::late || stage == path_stage::draining_late) life.on(path_event::overdue);
  if (stage == path_stage::suspect || stage == path_stage::draining_suspect)
    life.doubt(when, clear_number);
  if (stage == path_stage::ended) life.end(false);
  return life;
}

}  // namespace rendr::engine
