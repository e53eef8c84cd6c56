// SPDX-License-Identifier: Apache-2.0
#include "cli/event_log.hpp"

#include "rendr/types.hpp"

namespace rendr::cli {

namespace {

std::string with_detail(std::string_view word, const std::string& detail) {
  std::string text(word);
  if (!detail.empty()) text += text.empty() ? detail : ": " + detail;
  return text;
}

std::string what(const events::migration& e, const std::string& node) {
  if (e.to.empty()) return node + " rests " + e.from;
  if (!e.from.empty()) return "moved " + node + ": " + e.from + " -> " + e.to;
  return e.why == cause::quality ? node + " takes " + e.to + " again"
                                 : "started " + node + " on " + e.to;
}

struct line_of {
  std::string operator()(const events::link_up& e) const {
    return "link is up, the peer is " + to_hex(e.peer).substr(0, 8);
  }
  std::string operator()(const events::link_down& e) const {
    return "link is over: " + (e.why.detail.empty() ? e.why.code.message() : e.why.detail);
  }
  std::string operator()(const events::peer_restarted& e) const {
    return "the peer restarted, it is " + to_hex(e.other).substr(0, 8) + " now";
  }
  std::string operator()(const events::going_away& e) const {
    return with_detail("the peer takes no more flows", e.reason);
  }
  std::string operator()(const events::path_changed& e) const {
    std::string text = "path " + e.path + ": " + std::string(to_string(e.from)) + " -> " +
                       std::string(to_string(e.to));
    const auto reason = with_detail(e.why == cause::none ? "" : to_string(e.why), e.detail);
    return reason.empty() ? text : text + " (" + reason + ")";
  }
  std::string operator()(const events::migration& e) const {
    const auto node = e.root.empty() ? e.node : e.node + " of root " + e.root;
    const auto why = with_detail(e.why == cause::none ? "" : to_string(e.why), e.reason);
    return what(e, node) + " (" + with_detail(why, e.evidence) + ")";
  }
};

}  // namespace

std::string to_line(const link_event& event) { return std::visit(line_of{}, event.what); }

log_level level_of(const link_event& event) {
  if (const auto* path = std::get_if<events::path_changed>(&event.what)) {
    const bool fault = path->to == path_phase::dead || path->to == path_phase::suspect;
    const bool harmless = path->why == cause::bye || path->why == cause::local_close ||
                          path->why == cause::detached || path->why == cause::replaced;
    if (fault && !harmless) return log_level::warn;
    return log_level::debug;
  }
  if (const auto* down = std::get_if<events::link_down>(&event.what)) {
    return down->why.code == errc::closed ? log_level::info : log_level::warn;
  }
  if (std::holds_alternative<events::peer_restarted>(event.what)) return log_level::warn;
  return log_level::info;
}

void event_log::operator()(const link_event& event) {
  const auto line = to_line(event);
  auto level = level_of(event);
  if (level == log_level::warn && !is_news(event)) level = log_level::debug;
  switch (level) {
    case log_level::error:
      return console_.error(line);
    case log_level::warn:
      return console_.warn(line);
    case log_level::info:
      return console_.info(line);
    case log_level::debug:
      return console_.debug(line);
  }
}

bool event_log::is_news(const link_event& event) {
  const auto* path = std::get_if<events::path_changed>(&event.what);
  const std::lock_guard lock(mutex_);
  if (path == nullptr) return true;
  const auto fault = std::string(to_string(path->why)) + path->detail;
  auto& last = last_fault_[to_hex(event.link) + path->path];
  const bool was_alive = path->from == path_phase::active || path->from == path_phase::standby ||
                         path->from == path_phase::late;
  if (last == fault && !was_alive) return false;
  last = fault;
  return true;
}

relay::log_sink sink_of(console& to) {
  return [&to](relay::severity level, std::string_view line, std::string_view cause) {
    switch (level) {
      case relay::severity::warn:
        return to.warn(line, cause);
      case relay::severity::info:
        return to.info(line, cause);
      case relay::severity::debug:
        return to.debug(line, cause);
    }
  };
}

}  // namespace rendr::cli
