// SPDX-License-Identifier: Apache-2.0
#include "engine/door/routing_tokens.hpp"

#include <algorithm>

#include "engine/door/key_schedule.hpp"

namespace rendr::engine {

namespace {

// A token: 8 random bytes, and under a pad that they give, who made it.
constexpr std::size_t nonce_size = 8;
constexpr std::size_t name_size = 4;  // of the server; then the loop, then zeros

}  // namespace

token_mint::token_mint(const secret<32>& reset_key, const byte_array<16>& server, std::uint8_t loop,
                       unsigned loops) noexcept
    : key_(reset_key), server_(server), loop_(loop), loops_(loops) {}

token_mint::body token_mint::pad(const routing_token& token) const noexcept {
  const auto nonce = bytes_view(token).first(nonce_size);
  const auto mac = crypto::hmac_sha256(key_.view(), {as_bytes("rendr 1 routing token"), nonce});
  body out;
  std::copy_n(mac.view().begin(), out.size(), out.begin());
  return out;
}

token_mint::body token_mint::read(const routing_token& token) const noexcept {
  auto out = pad(token);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= token[nonce_size + i];
  return out;
}

routing_token token_mint::make(drbg& random) const {
  routing_token token{};
  const auto nonce = random.array<nonce_size>();
  std::copy(nonce.begin(), nonce.end(), token.begin());
  token[0] |= std::byte{1};  // never all zero
  std::copy_n(server_.begin(), name_size, token.begin() + nonce_size);
  token[nonce_size + name_size] = std::byte{loop_};
  const auto sealed = read(token);
  std::copy(sealed.begin(), sealed.end(), token.begin() + nonce_size);
  return token;
}

secret<32> token_mint::reset_of(const routing_token& token) const noexcept {
  return make_reset_token(key_, server_, token);
}

token_mint::maker token_mint::maker_of(const routing_token& token) const noexcept {
  const auto plain = read(token);
  if (std::any_of(plain.begin() + name_size + 1, plain.end(),
                  [](std::byte b) { return b != std::byte{0}; })) {
    return maker::nobody;
  }
  if (!std::equal(plain.begin(), plain.begin() + name_size, server_.begin())) {
    return maker::relative;
  }
  const auto loop = std::to_integer<std::uint8_t>(plain[name_size]);
  return loop == loop_ || loop >= loops_ ? maker::me : maker::relative;
}

std::optional<std::uint8_t> token_mint::loop_of(const routing_token& token) const noexcept {
  const auto plain = read(token);
  const bool here = std::equal(plain.begin(), plain.begin() + name_size, server_.begin()) &&
                    std::all_of(plain.begin() + name_size + 1, plain.end(),
                                [](std::byte b) { return b == std::byte{0}; });
  if (!here) return std::nullopt;
  return std::to_integer<std::uint8_t>(plain[name_size]);
}

void issued_tokens::begin(token_directory& directory, link_ref link, const routing_token& first) {
  directory_ = &directory;
  link_ = link;
  entries_.push_back({next_++, first, false});
  directory.emplace(first, link);
}

void issued_tokens::refill(drbg& random, const token_mint& mint) {
  if (directory_ == nullptr) return;
  auto spare = static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const entry& e) { return !e.retired; }));
  for (; spare < spare_tokens; ++spare) {
    owed_.push_back(next_);
    entries_.push_back({next_++, mint.make(random), false});
    directory_->emplace(entries_.back().token, link_);
  }
}

errc issued_tokens::retire(std::uint64_t number) {
  if (number >= next_) return errc::protocol_violation;
  std::erase(owed_, number);  // or they would pile up behind an output that nobody reads
  std::size_t retired = 0;
  for (auto& e : entries_) {
    if (e.number == number) e.retired = true;
    retired += e.retired ? 1 : 0;
  }
  if (retired <= kept_tokens) return errc{};
  const auto oldest =
      std::find_if(entries_.begin(), entries_.end(), [](const entry& e) { return e.retired; });
  directory_->erase(oldest->token);
  entries_.erase(oldest);
  return errc{};
}

void issued_tokens::revoke() noexcept {
  if (directory_ == nullptr) return;
  for (const auto& e : entries_) directory_->erase(e.token);
  entries_.clear();
  owed_.clear();
  directory_ = nullptr;
}

const issued_tokens::entry* issued_tokens::find(std::uint64_t number) const noexcept {
  const auto it = std::find_if(entries_.begin(), entries_.end(),
                               [&](const entry& e) { return e.number == number; });
  return it == entries_.end() ? nullptr : &*it;
}

const issued_tokens::entry* issued_tokens::owed() const noexcept {
  return owed_.empty() ? nullptr : find(owed_.front());
}

void issued_tokens::owe(std::uint64_t number) {
  const auto* known = find(number);
  if (known == nullptr || known->retired) return;
  if (std::find(owed_.begin(), owed_.end(), number) == owed_.end()) owed_.push_back(number);
}

void held_tokens::begin(const token& first) {
  unused_.emplace(next_++, first);
  last_ = first;
}

errc held_tokens::add(std::uint64_t number, const token& fresh) {
  const auto gap = std::find(gaps_.begin(), gaps_.end(), number);
  if (number < next_ && gap == gaps_.end()) return errc{};
  // Whoever hands out `spare_tokens` beyond what was taken stays far below this.
  if (number >= taken_ + most_tokens) return errc::protocol_violation;
  if (gap != gaps_.end()) gaps_.erase(gap);
  for (; next_ < number; ++next_) gaps_.push_back(next_);
  next_ = std::max(next_, number + 1);
  unused_.emplace(number, fresh);
  return errc{};
}

const held_tokens::token& held_tokens::take() {
  if (unused_.empty()) return last_;
  const auto first = unused_.begin();
  last_ = first->second;
  retire_.push_back(first->first);
  unused_.erase(first);
  ++taken_;
  return last_;
}

std::optional<std::uint64_t> held_tokens::owed() const noexcept {
  if (retire_.empty()) return std::nullopt;
  return retire_.front();
}

void held_tokens::told(std::uint64_t number) { std::erase(retire_, number); }

void held_tokens::owe(std::uint64_t number) {
  if (std::find(retire_.begin(), retire_.end(), number) == retire_.end()) retire_.push_back(number);
}

}  // namespace rendr::engine
