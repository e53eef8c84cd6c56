// SPDX-License-Identifier: Apache-2.0
#include "engine/path/life.hpp"

#include <algorithm>
#include <utility>

namespace rendr::engine {

namespace {

using stage = path_stage;

constexpr life_step illegal(stage from) { return {false, from}; }
constexpr life_step to(stage next) { return {true, next}; }

constexpr bool alive(stage s) { return s >= stage::standby && s != stage::ended; }

// A handshake says one thing, at its begin.
constexpr life_step say(stage from, stage next) {
  return from == stage::waiting ? to(next) : illegal(from);
}

// An ASK leads to an answer, never to a path.
constexpr life_step attached(stage from) {
  const bool proven = from == stage::hello || from == stage::attach || from == stage::challenged ||
                      from == stage::confirming;
  return proven ? to(stage::standby) : illegal(from);
}

// Of what is not usable now the question does not arise.
constexpr life_step used(stage from, stage next) {
  return from == stage::standby || from == stage::active ? to(next) : illegal(from);
}

constexpr life_step overdue(stage from) {
  switch (from) {
    case stage::standby:
    case stage::active:
    case stage::late:
      return to(stage::late);
    case stage::draining:
    case stage::draining_late:
      return to(stage::draining_late);
    default:
      return illegal(from);
  }
}

constexpr life_step answered(stage from) {
  if (from == stage::late) return to(stage::standby);
  return from == stage::draining_late ? to(stage::draining) : illegal(from);
}

constexpr life_step doubted(stage from) {
  if (!alive(from)) return illegal(from);
  return to(from >= stage::draining ? stage::draining_suspect : stage::suspect);
}

constexpr life_step cleared(stage from) {
  if (from == stage::suspect) return to(stage::standby);
  return from == stage::draining_suspect ? to(stage::draining) : illegal(from);
}

// What is overdue on it is looked at anew.
constexpr life_step left(stage from) {
  if (!alive(from)) return illegal(from);
  const bool doubt = from == stage::suspect || from == stage::draining_suspect;
  return to(doubt ? stage::draining_suspect : stage::draining);
}

}  // namespace

life_step next_stage(path_event event, path_stage from) noexcept {
  switch (event) {
    case path_event::say_hello:
      return say(from, stage::hello);
    case path_event::say_attach:
      return say(from, stage::attach);
    case path_event::say_ask:
      return say(from, stage::asking);
    case path_event::challenge:
      return say(from, stage::challenged);
    case path_event::confirm:
      return say(from, stage::confirming);
    case path_event::attached:
      return attached(from);
    case path_event::chosen:
      return used(from, stage::active);
    case path_event::rested:
      return used(from, stage::standby);
    case path_event::overdue:
      return overdue(from);
    case path_event::answered:
      return answered(from);
    case path_event::doubted:
      return doubted(from);
    case path_event::cleared:
      return cleared(from);
    case path_event::left:
      return left(from);
    case path_event::end:
      return from == stage::ended ? illegal(from) : to(stage::ended);
  }
  return illegal(from);
}

std::string_view to_string(path_stage s) noexcept {
  constexpr std::array<std::string_view, all_path_stages.size()> names{
      "waiting", "hello", "attach",  "asking",   "challenged",    "confirming",       "standby",
      "active",  "late",  "suspect", "draining", "draining_late", "draining_suspect", "ended"};
  return names[static_cast<std::size_t>(s)];
}

std::string_view to_string(path_event event) noexcept {
  constexpr std::array<std::string_view, all_path_events.size()> names{
      "say_hello", "say_attach", "say_ask",  "challenge", "confirm", "attached", "chosen",
      "rested",    "overdue",    "answered", "doubted",   "cleared", "left",     "end"};
  return names[static_cast<std::size_t>(event)];
}

std::string to_string(path_stage from, const life_step& step) {
  if (!step.legal) return "illegal";
  if (step.to == from) return "-";
  return "-> " + std::string(to_string(step.to));
}

bool phase_change::told() const noexcept {
  const auto usable = [](path_phase p) {
    return p == path_phase::standby || p == path_phase::active;
  };
  return any() && !(usable(from) && usable(to));
}

path_phase path_life::phase() const noexcept {
  switch (stage_) {
    case stage::waiting:
    case stage::hello:
    case stage::attach:
    case stage::asking:
    case stage::challenged:
    case stage::confirming:
      return path_phase::attaching;
    case stage::standby:
      return path_phase::standby;
    case stage::active:
      return path_phase::active;
    case stage::late:
    case stage::draining_late:
      return path_phase::late;
    case stage::suspect:
    case stage::draining_suspect:
      return path_phase::suspect;
    case stage::draining:
      return path_phase::draining;
    case stage::ended:
      return path_phase::dead;
  }
  return path_phase::dead;
}

phase_change path_life::doubt(instant now, std::uint64_t clear_number) noexcept {
  const bool news = attached() && !suspect();
  const auto change = go(path_event::doubted);
  if (news) {
    suspected_at_ = now;
    clear_number_ = clear_number;
  }
  return change;
}

phase_change path_life::leave(bool by_us) noexcept {
  const auto change = go(path_event::left);
  leaving_ = leaving_ || (by_us && draining());
  return change;
}

phase_change path_life::end(bool flush) noexcept {
  const bool news = !ended();
  const auto change = go(path_event::end);
  if (news) flushes_ = flush;
  return change;
}

phase_change path_life::go(path_event event) noexcept {
  const auto before = phase();
  const auto step = next_stage(event, stage_);
  if (!step.legal) ++refused_;
  stage_ = step.to;
  return {before, phase()};
}

}  // namespace rendr::engine
