// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "policy/selector.hpp"

namespace rendr::policy {

namespace {

struct words {
  std::string_view name;
  std::string_view sentence;
};

// In the order of selector_reason.
constexpr std::array table{
    words{"first_choice", "the best child with a carrier"},
    words{"kept", "the current child is good"},
    words{"kept_late", "the current child is late, which alone moves nothing"},
    words{"kept_dwell", "another child is better, but not for long enough yet"},
    words{"kept_unproven", "another child looks better, its evidence must be renewed"},
    words{"kept_cooldown", "another child is better, but the last move is too recent"},
    words{"died", "the current child died"},
    words{"suspected", "the current child is suspect and another is better"},
    words{"all_suspect", "every child is suspect: stayed"},
    words{"none_alive", "no child has a carrier"},
    words{"less_loss", "another child loses less"},
    words{"steadier", "another child is more stable"},
    words{"cheaper", "another child is cheaper and good enough"},
    words{"worth_its_cost", "the cheaper child is worse than the cost bound allows"},
    words{"quicker", "another child is quicker"},
    words{"less_jitter", "another child is as quick and has less jitter"},
    words{"heavier", "another child is as good and has more weight"},
    words{"by_command", "chosen by command"},
    words{"override_returned", "the child chosen by command is good again"},
    words{"override_died", "the child chosen by command died"},
    words{"override_suspected", "the child chosen by command is suspect and another is better"},
    words{"released", "the choice is automatic again"},
    words{"refused_unknown", "refused: no such child"},
    words{"refused_dead", "refused: that child has no carrier"},
    words{"refused_suspect", "refused: that child is suspect and another is better"}};
static_assert(table.size() == static_cast<std::size_t>(selector_reason::refused_suspect) + 1);

constexpr words unknown{"unknown", "unknown"};

const words& words_of(selector_reason reason) noexcept {
  const auto at = static_cast<std::size_t>(reason);
  return at < table.size() ? table[at] : unknown;
}

}  // namespace

std::string_view name(selector_reason reason) noexcept { return words_of(reason).name; }

std::string_view to_string(selector_reason reason) noexcept { return words_of(reason).sentence; }

bool for_quality(selector_reason reason) noexcept {
  return reason >= selector_reason::less_loss && reason <= selector_reason::heavier;
}

}  // namespace rendr::policy
