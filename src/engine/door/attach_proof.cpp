// SPDX-License-Identifier: Apache-2.0
#include "engine/door/attach_proof.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace rendr::engine {

namespace {

/// By proof_kind.
constexpr std::array<std::string_view, 4> labels{"rendr 1 attach", "rendr 1 challenge",
                                                 "rendr 1 attach ack", "rendr 1 confirm"};

/// Everything of the facts that has a fixed size, between the label and the channel binding.
class fixed_part {
 public:
  explicit fixed_part(const attach_facts& facts) noexcept {
    add(facts.link);
    add(facts.incarnation);
    add(facts.path);
    add(facts.leaf);
    add(static_cast<std::uint64_t>(facts.guarded));
    add(facts.dialer);
    add(facts.acceptor);
    add(facts.dialer_fresh);
    add(facts.acceptor_fresh);
    add(facts.channel_binding.size());
  }
  bytes_view view() const noexcept { return data_; }

 private:
  void add(bytes_view field) noexcept {
    std::copy(field.begin(), field.end(), data_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += field.size();
  }
  void add(std::uint64_t value) noexcept { add(bytes_view(crypto::integer(value))); }

  byte_array<5 * 16 + 5 * 8> data_{};
  std::size_t size_ = 0;
};

}  // namespace

wire::proof make_proof(const secret<32>& attach_auth, proof_kind kind,
                       const attach_facts& facts) noexcept {
  const auto label = labels[static_cast<std::size_t>(kind)];
  const std::byte label_size{static_cast<unsigned char>(label.size())};
  const fixed_part fixed(facts);
  const auto mac = crypto::hmac_sha256(
      attach_auth.view(),
      {bytes_view(&label_size, 1), as_bytes(label), fixed.view(), facts.channel_binding});
  wire::proof out;
  std::copy(mac.view().begin(), mac.view().end(), out.begin());
  return out;
}

bool verify_proof(const secret<32>& attach_auth, proof_kind kind, const attach_facts& facts,
                  const wire::proof& given) noexcept {
  return crypto::equal(make_proof(attach_auth, kind, facts), given);
}

crypto::hash attach_transcript(proof_kind kind, const attach_facts& facts) noexcept {
  const auto label = labels[static_cast<std::size_t>(kind)];
  const std::byte label_size{static_cast<unsigned char>(label.size())};
  const fixed_part fixed(facts);
  return crypto::sha256(
      {bytes_view(&label_size, 1), as_bytes(label), fixed.view(), facts.channel_binding});
}

}  // namespace rendr::engine
