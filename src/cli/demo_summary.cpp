// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_summary.hpp"

#include <algorithm>

#include "cli/demo_stage.hpp"
#include "cli/format.hpp"
#include "rendr/types.hpp"

namespace rendr::cli {

namespace {

std::string percent_of(std::uint64_t part, std::uint64_t whole) {
  const auto hundredths = whole == 0 ? 0 : part * 10000 / whole;
  const auto rest = hundredths % 100;
  return std::to_string(hundredths / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest) + " %";
}

}  // namespace

demo_summary::demo_summary(const demo_options& options, const demo_watch& watch,
                           const demo_transfer::outcome& outcome, std::uint64_t size) {
  const bool equal = !outcome.why.code && outcome.sent == outcome.received;
  if (outcome.why.code) {
    deviations_.push_back("the transfer failed: " + outcome.why.detail);
  } else if (!equal) {
    deviations_.push_back("the SHA-256 differs: sent " + to_hex(outcome.sent) + ", received " +
                          to_hex(outcome.received));
  }
  const auto seconds = std::max(1e-9, static_cast<double>(outcome.time.count()) / 1e9);
  facts_.push_back(
      {"sent", format_size(size) + " in " + format_duration(outcome.time) + ", " +
                   format_rate(static_cast<std::uint64_t>(static_cast<double>(size) / seconds))});
  facts_.push_back({"root", options.root});
  facts_.push_back({"sha256", equal ? "equal, " + to_hex(outcome.sent) : "NOT equal"});
  facts_.push_back({"largest gap", format_duration(outcome.largest_gap) + ", at " +
                                       format_duration(outcome.gap_at)});
  if (options.max_gap && outcome.largest_gap > *options.max_gap) {
    deviations_.push_back("the delivery stood still for " + format_duration(outcome.largest_gap) +
                          ", --max-gap is " + format_duration(*options.max_gap));
  }
  for (const auto& cut : watch.cuts()) add_cut(cut);
  facts_.push_back({"migrations", std::to_string(watch.migrations())});
  for (const auto& mark : watch.run().marks) {
    if (mark.kind != timeline::mark_kind::migration) continue;
    facts_.push_back({"  at " + format_duration(mark.at), mark.text});
  }
}

void demo_summary::add_cut(const done_cut& cut) {
  std::string text = to_text(cut);
  if (cut.kind != cut_kind::migrate) {
    text += ": " + std::to_string(cut.connections) +
            (cut.connections == 1 ? " connection" : " connections");
  }
  if (cut.connections == 0) {
    const auto why = cut.why.code ? cut.why.detail : std::string("the path had no connection");
    deviations_.push_back("the cut at " + format_duration(cut.at) + " (" + to_text(cut) +
                          ") did not happen: " + why);
    text += ", did not happen";
  } else if (cut.noticed) {
    text += ", left after " + format_duration(*cut.noticed) + " (" + cut.how + ")";
  } else {
    text += ", not noticed before the end";
  }
  facts_.push_back({"cut at " + format_duration(cut.at), text});
}

void demo_summary::count(const link_status& sending, const link_status& receiving) {
  std::uint64_t payload = 0;
  std::uint64_t wire = 0;
  std::uint64_t again = 0;
  std::uint64_t duplicates = 0;
  for (const auto& path : sending.paths) {
    payload += path.payload_sent;
    wire += path.sent_bytes;
    again += path.extra_sent;
    facts_.push_back({"path " + path.name, format_size(path.payload_sent) + " sent, " +
                                               std::to_string(path.deaths) + " deaths, " +
                                               std::to_string(path.suspicions) + " suspicions, " +
                                               std::to_string(path.dials) + " dials, rtt " +
                                               format_duration(path.srtt)});
  }
  for (const auto& path : receiving.paths) duplicates += path.duplicate_received;
  facts_.push_back({"sent again", format_size(again) + " (" + percent_of(again, payload) +
                                      "), duplicates received " + format_size(duplicates)});
  facts_.push_back(
      {"on the wire", format_size(wire) + " for " + format_size(payload) + " of payload"});
}

void demo_summary::unfinished(const std::vector<cut>& left, const std::string& broken) {
  if (!broken.empty()) deviations_.push_back(broken);
  for (const auto& planned : left) {
    deviations_.push_back("the cut at " +
                          (planned.percent ? std::to_string(*planned.percent) + "%"
                                           : format_duration(planned.after)) +
                          " did not happen: the transfer was over before");
  }
}

std::vector<std::string> demo_summary::lines() const {
  std::size_t widest = 0;
  for (const auto& f : facts_) widest = std::max(widest, f.name.size());
  std::vector<std::string> result;
  result.reserve(facts_.size());
  for (const auto& f : facts_) {
    result.push_back(f.name + std::string(widest + 2 - f.name.size(), ' ') + f.value);
  }
  return result;
}

}  // namespace rendr::cli
