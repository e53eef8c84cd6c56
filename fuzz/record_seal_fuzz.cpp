// SPDX-License-Identifier: Apache-2.0
// A list of operations on a sealer and an opener with a hostile carrier between them: records are
// delivered in any order, twice, changed, cut, or with another number or key phase. What opens was
// sealed, with this number and head, and opens once; the genuine ones open whatever came before.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "engine/record/record_seal.hpp"
#include "fuzz_check.hpp"

using namespace rendr;
using namespace rendr::engine;

namespace {

struct record {
  std::uint64_t number = 0;
  bool phase = false;
  std::uint64_t turns = 0;  // key turns before it
  bytes head;
  bytes plain;
  bytes payload;
};

class input {
 public:
  input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  bool empty() const { return at_ >= size_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

class world {
 public:
  world(crypto::aead kind, record_opener::order numbers)
      : growing_(numbers == record_opener::order::growing),
        sealer_(kind, key_, 6),
        opener_(kind, key_, numbers) {}

  void send(input& in) {
    next_ += in.byte() % 4 == 3 ? in.byte() * std::uint64_t{64} : 0;
    fuzz::check(sent_.empty() || !sealer_.next(sent_.back().number));
    const auto phase = sealer_.next(next_);
    if (!phase) return;
    record r;
    r.number = next_++;
    r.phase = *phase;
    r.turns = sent_.empty() ? 0 : sent_.back().turns + (sent_.back().phase != r.phase ? 1 : 0);
    r.head = {std::byte{in.byte()}, std::byte{r.phase}};
    r.plain.assign(in.byte() % 40, std::byte{in.byte()});
    r.payload = r.plain;
    r.payload.resize(r.plain.size() + crypto::tag_size);
    sealer_.seal(r.head, r.payload);
    sent_.push_back(std::move(r));
  }

  void acknowledge(input& in) { sealer_.acknowledged(in.byte() * std::uint64_t{3}); }
  void acknowledge_newest() {
    if (next_ > 0) sealer_.acknowledged(next_ - 1);
  }

  void deliver(input& in) {
    if (sent_.empty()) return;
    const auto& r = pick(in);
    auto data = r.payload;
    const auto got = opener_.open(r.number, r.phase, r.head, data);
    const bool was_opened = opened_.contains(r.number);
    if (got == opening::opened) {
      fuzz::check(!was_opened && (!growing_ || opened_.empty() || r.number > *opened_.rbegin()));
      fuzz::check(std::equal(r.plain.begin(), r.plain.end(), data.begin()));
      opened_.insert(r.number);
      turns_ = std::max(turns_, r.turns);
      return;
    }
    // Refused: opened before, too old, or more than one key away.
    const bool late =
        growing_ ? !opened_.empty() && r.number <= *opened_.rbegin()
                 : !opened_.empty() && *opened_.rbegin() + 1 > r.number + replay_window::size;
    const bool far = r.turns + 1 < turns_ || r.turns > turns_ + 1;
    fuzz::check(was_opened || late || far);
  }

  void deliver_changed(input& in) {
    if (sent_.empty()) return;
    auto r = pick(in);
    switch (in.byte() % 5) {
      case 0:
        r.payload[in.byte() % r.payload.size()] ^= std::byte{in.byte()} | std::byte{1};
        break;
      case 1:
        r.payload.resize(in.byte() % r.payload.size());
        break;
      case 2:
        r.number += 1 + in.byte();
        break;
      case 3:
        r.phase = !r.phase;
        r.head[1] ^= std::byte{1};
        break;
      default:
        r.head[0] ^= std::byte{in.byte()} | std::byte{1};
        break;
    }
    fuzz::check(opener_.open(r.number, r.phase, r.head, r.payload) != opening::opened);
  }

 private:
  const record& pick(input& in) {
    const auto back = static_cast<std::size_t>(in.byte());
    return sent_[sent_.size() - 1 - std::min(back, sent_.size() - 1)];
  }

  const secret<32> key_;
  const bool growing_;
  record_sealer sealer_;
  record_opener opener_;
  std::vector<record> sent_;
  std::set<std::uint64_t> opened_;
  std::uint64_t next_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 2048));
  const auto shape = in.byte();
  world w((shape & 1) != 0 ? crypto::aead::aes_128_gcm : crypto::aead::chacha20_poly1305,
          (shape & 2) != 0 ? record_opener::order::growing : record_opener::order::any);
  while (!in.empty()) {
    switch (in.byte() % 6) {
      case 0:
      case 1:
        w.send(in);
        break;
      case 2:
        w.acknowledge(in);
        break;
      case 3:
        w.acknowledge_newest();
        break;
      case 4:
        w.deliver(in);
        break;
      default:
        w.deliver_changed(in);
        break;
    }
  }
  return 0;
}
