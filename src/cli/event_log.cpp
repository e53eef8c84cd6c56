// SPDX-License-Identifier: Apache-2.0
#include "cli/event_log.hpp"

#include <algorithm>
#include <chrono>

#include "rendr/credentials.hpp"
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
    auto text = "link is up, the peer is " + to_hex(e.peer).substr(0, 8);
    if (!e.address.empty()) text += " at " + e.address;
    if (e.key) text += " with the key " + to_text(*e.key);
    return text;
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
  std::string operator()(const events::stranger_refused& e) const {
    return "a connection from " + (e.address.empty() ? "an unknown address" : e.address) +
           " was refused: " + e.why.detail;
  }
  std::string operator()(const events::dial& e) const {
    if (!e.why.code) return "path " + e.path + " is dialled";
    return "path " + e.path + ": a dial failed: " + e.why.detail;
  }
  std::string operator()(const events::path_missing& e) const {
    if (e.lasting) {
      return "path " + e.path + " cannot come up: " + e.reason + std::string(hint_of(e.reason));
    }
    const auto seconds = std::chrono::round<std::chrono::seconds>(e.after).count();
    return "path " + e.path + " is not up after " + std::to_string(seconds) + " s: " + e.reason;
  }
};

}  // namespace

std::string_view hint_of(std::string_view reason) {
  const auto says = [&](std::string_view part) { return reason.find(part) != reason.npos; };
  if (says("accept anybody")) return "; see --psk-file, --peer-key and --insecure";
  if (says("list of allowed keys")) {
    return "; --allow-keys of the server lists what `rendr keygen --show` prints of --key-file";
  }
  if (says("allowed key")) return "; see --key-file and --peer-key, and `rendr keygen --help`";
  if (says("pre-shared key")) return "; see --psk-file, which `rendr keygen --psk` makes";
  if (says("public key")) return "; see --peer-key: `rendr keygen --show` prints it at the server";
  return {};
}

std::string to_line(const link_event& event) { return std::visit(line_of{}, event.what); }

log_level level_of(const link_event& event) {
  if (const auto* path = std::get_if<events::path_changed>(&event.what)) {
    const bool was_up = path->from != path_phase::idle && path->from != path_phase::dialing &&
                        path->from != path_phase::attaching && path->from != path_phase::dead;
    const bool fault = path->to == path_phase::dead || path->to == path_phase::suspect;
    const bool harmless = path->why == cause::bye || path->why == cause::local_close ||
                          path->why == cause::detached || path->why == cause::replaced;
    if (fault) return was_up && !harmless ? log_level::warn : log_level::debug;
    const bool is_up = path->to == path_phase::standby || path->to == path_phase::active;
    const bool news = !was_up || path->from == path_phase::suspect;
    return is_up && news ? log_level::info : log_level::debug;
  }
  if (const auto* down = std::get_if<events::link_down>(&event.what)) {
    return down->why.code == errc::closed ? log_level::info : log_level::warn;
  }
  if (std::holds_alternative<events::dial>(event.what)) return log_level::debug;
  const bool warns = std::holds_alternative<events::peer_restarted>(event.what) ||
                     std::holds_alternative<events::path_missing>(event.what) ||
                     std::holds_alternative<events::stranger_refused>(event.what);
  return warns ? log_level::warn : log_level::info;
}

std::string cause_of(const link_event& event) {
  if (const auto* stranger = std::get_if<events::stranger_refused>(&event.what)) {
    // Whatever port he came from.
    return stranger->address.substr(0, stranger->address.rfind(':')) + " " + stranger->why.detail;
  }
  if (const auto* move = std::get_if<events::migration>(&event.what)) {
    return "move " + move->root + " " + move->node + " " + move->from + " " + move->to;
  }
  const bool of_a_path = std::holds_alternative<events::path_changed>(event.what) ||
                         std::holds_alternative<events::path_missing>(event.what);
  return of_a_path ? to_line(event) : std::string();
}

void event_log::operator()(const link_event& event) {
  auto level = level_of(event);
  if (faults_are_no_news_ && std::holds_alternative<events::path_changed>(event.what)) {
    level = std::max(level, log_level::info);
  }
  if (console_.shows(level)) console_.log(level, to_line(event), cause_of(event));
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
