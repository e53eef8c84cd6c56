// SPDX-License-Identifier: Apache-2.0
// The control frames of a flow, one row for each kind. None is ever repeated as it was: what is
// lost is made again from the state of now.
#include <algorithm>
#include <array>

#include "engine/flow/flow.hpp"
#include "engine/record/record_writer.hpp"

namespace rendr::engine {

/// One kind of control.
struct flow::control_row {
  control what;
  duty owed;
  wire::frame (*make)(const flow&);
  /// A record that carried it is lost: it is still needed.
  bool (*needed)(const flow&);
  /// A record that carried it arrived. True: the flow may be over.
  bool (*arrived)(flow&);
};

std::span<const flow::control_row> flow::control_rows() noexcept {
  using frame = wire::frame;
  constexpr auto always = [](const flow&) { return true; };
  constexpr auto nothing = [](flow&) { return false; };
  constexpr auto ended = [](flow& f) { return f.reset_acknowledged_ = true; };
  static constexpr std::array<control_row, 7> rows{{
      {control::open, duty_open,
       [](const flow& f) -> frame {
         return wire::open{f.number_, f.id_, f.kind_, f.root_, f.metadata_};
       },
       [](const flow& f) { return !f.open_acknowledged_; },
       [](flow& f) {
         if (f.open_acknowledged_) return false;
         f.open_acknowledged_ = true;
         f.metadata_ = {};
         return true;
       }},
      {control::accept, duty_accept, [](const flow& f) -> frame { return wire::accept{f.number_}; },
       always, nothing},
      {control::reject, duty_reject,
       [](const flow& f) -> frame {
         return wire::reject{f.number_, f.reject_code_, f.reject_reason_};
       },
       always, ended},
      {control::reset, duty_reset,
       [](const flow& f) -> frame {  // its size: the bytes that a path may have carried
         const auto size = std::min(f.offered_, f.send_.written());
         return wire::reset{f.number_, f.reset_code_.value_or(0), size};
       },
       always, ended},
      {control::stop, duty_stop,
       [](const flow& f) -> frame {
         return wire::stop{f.number_, f.stop_code_.value_or(0)};
       },
       always, nothing},
      {control::max_data, duty_max_data,
       [](const flow& f) -> frame {
         return wire::max_data{f.number_, f.window_.limit()};
       },
       always, nothing},
      {control::skip, duty_skip,
       [](const flow& f) -> frame {
         return wire::skip{f.number_, std::min(f.send_.acknowledged(), f.send_.written())};
       },
       always, nothing},
  }};
  return rows;
}

bool flow::lost(control what) noexcept {
  const auto& row = control_rows()[static_cast<std::size_t>(what)];
  if (!row.needed(*this)) return false;
  duties_ |= row.owed;
  return true;
}

bool flow::acknowledged(control what) noexcept {
  return control_rows()[static_cast<std::size_t>(what)].arrived(*this);
}

bool flow::put_control(record_writer& w) {
  if (duties_ == 0) return true;
  if (!put_open(w)) return false;
  for (const auto& row : control_rows().subspan(1)) {
    if ((duties_ & row.owed) == 0) continue;
    if (!w.put(row.make(*this))) return false;
    w.record().controls.push_back({row.what, number_, 0});
    duties_ &= static_cast<std::uint8_t>(~row.owed);
  }
  return true;
}

bool flow::needs_open(record_writer& w) const {
  if (open_acknowledged_ || incoming_) return false;
  const auto& controls = w.record().controls;
  return std::none_of(controls.begin(), controls.end(), [&](const sent_control& c) {
    return c.what == control::open && c.key == number_;
  });
}

std::size_t flow::opening_size(record_writer& w) const {
  return needs_open(w) ? wire::encoded_size(control_rows().front().make(*this)) : 0;
}

// Until an OPEN is acknowledged, every record that carries frames of its flow begins with it.
bool flow::put_open(record_writer& w) {
  if (!needs_open(w)) return true;
  const auto frame = control_rows().front().make(*this);
  if (w.empty()) w.widen(wire::encoded_size(frame) + 64);
  if (!w.put(frame)) return false;
  w.record().controls.push_back({control::open, number_, 0});
  duties_ &= static_cast<std::uint8_t>(~duty_open);
  return true;
}

}  // namespace rendr::engine
