// SPDX-License-Identifier: Apache-2.0
#include "lab/soak/traffic.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "base/seeded_random.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t piece = 64 * 1024;
constexpr std::size_t most_failures = 20;

/// Byte i of every conversation's bulk, and of a message that begins at i. Its length is a prime,
/// so that a lost, doubled or moved piece is seen.
constexpr std::size_t period = 262'139;
std::span<const std::byte> content() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> made(period + piece);
    seeded_random random(42);
    for (std::size_t i = 0; i < period; ++i) made[i] = static_cast<std::byte>(random.below(256));
    std::copy_n(made.begin(), piece, made.begin() + static_cast<std::ptrdiff_t>(period));
    return made;
  }();
  return bytes;
}
std::span<const std::byte> content(std::uint64_t at, std::size_t size) {
  return content().subspan(static_cast<std::size_t>(at % period), size);
}

/// What a client asks for, `size` bytes: an echo of them, to take them, or to give them.
enum class wish : std::uint64_t { echo, take, give };
struct request {
  wish what;
  std::uint64_t size;
  std::uint64_t at;  ///< where in the content an echoed message begins
};

/// False: the end came instead of the first byte.
bool read_all(channel& from, std::span<std::byte> to) {
  for (std::size_t have = 0; have < to.size();) {
    const auto n = from.read_some(to.subspan(have));
    if (n == 0 && have == 0) return false;
    if (n == 0) throw std::runtime_error("the end came too early");
    have += n;
  }
  return true;
}

void compare(std::span<const std::byte> got, std::uint64_t at, tally& seen) {
  if (std::memcmp(got.data(), content(at, got.size()).data(), got.size()) != 0) {
    throw std::runtime_error("wrong bytes at " + std::to_string(at));
  }
  seen.bytes += got.size();
}

void take(channel& from, std::uint64_t size, tally& seen) {
  std::array<std::byte, piece> buffer;
  for (std::uint64_t at = 0; at < size;) {
    const auto wanted = std::min<std::uint64_t>(size - at, piece);
    const auto n = from.read_some(std::span(buffer).first(static_cast<std::size_t>(wanted)));
    if (n == 0) throw std::runtime_error("the end came too early");
    compare(std::span(buffer).first(n), at, seen);
    at += n;
  }
}
void give(channel& to, std::uint64_t size) {
  for (std::uint64_t at = 0; at < size;) {
    const auto n = std::min<std::uint64_t>(size - at, piece);
    to.write(content(at, static_cast<std::size_t>(n)));
    at += n;
  }
}

void ask(channel& of, const request& what) { of.write(std::as_bytes(std::span(&what, 1))); }

void message(channel& with, seeded_random& random, std::size_t size, tally& seen) {
  const request what{wish::echo, size, random.below(period)};
  const auto begin = std::chrono::steady_clock::now();
  ask(with, what);
  with.write(content(what.at, size));
  std::array<std::byte, piece> buffer;
  const auto back = std::span(buffer).first(size);
  if (!read_all(with, back)) throw std::runtime_error("the end came instead of an echo");
  compare(back, what.at, seen);
  seen.waited(std::chrono::steady_clock::now() - begin);
  ++seen.messages;
}

/// The other side must end too, and have nothing more to say.
void end(channel& with) {
  with.finish();
  std::array<std::byte, 1> more{};
  if (with.read_some(more) != 0) throw std::runtime_error("a byte came after the last");
}

}  // namespace

void tally::fail(const std::string& what) {
  const std::scoped_lock lock(mutex_);
  std::cerr << "an application saw: " << what << std::endl;
  if (failures_.size() < most_failures) failures_.push_back(what);
}
std::vector<std::string> tally::failures() const {
  const std::scoped_lock lock(mutex_);
  return failures_;
}
void tally::waited(duration how_long) {
  auto longest = longest_wait.load();
  while (how_long.count() > longest &&
         !longest_wait.compare_exchange_weak(longest, how_long.count())) {
  }
}

void answer(channel& with, tally& seen) {
  for (request what{}; read_all(with, std::as_writable_bytes(std::span(&what, 1)));) {
    if (what.what == wish::give) {
      give(with, what.size);
    } else if (what.what == wish::take) {
      take(with, what.size, seen);
      with.write(std::as_bytes(std::span(&what.size, 1)));
    } else {
      std::array<std::byte, piece> buffer;
      const auto all = std::span(buffer).first(std::min<std::size_t>(what.size, piece));
      if (!read_all(with, all)) throw std::runtime_error("the end came instead of a message");
      compare(all, what.at, seen);
      with.write(all);
    }
  }
  with.finish();
}

traffic::traffic(std::string name, opener open, std::function<std::shared_ptr<void>()> prepare,
                 std::uint64_t seed, tally& seen)
    : name_(std::move(name)), open_(std::move(open)), prepare_(std::move(prepare)), seen_(seen) {
  seeded_random seeds(seed);
  start("upload", &traffic::upload, seeds.next());
  start("download", &traffic::download, seeds.next());
  for (int i = 0; i < 2; ++i) start("echo", &traffic::echo, seeds.next());
  start("short flow", &traffic::brief, seeds.next());
  for (int i = 0; i < 3; ++i) start("idle flow", &traffic::idle, seeds.next());
}

void traffic::stop() {
  for (auto& one : threads_) one.request_stop();
  threads_.clear();
}

void traffic::start(const char* what, job work, std::uint64_t seed) {
  threads_.emplace_back([this, what, work, seed](const std::stop_token& until) {
    try {
      const auto place = prepare_ ? prepare_() : nullptr;
      (this->*work)(until, seed);
    } catch (const std::exception& error) {
      seen_.fail(name_ + ", " + what + ": " + error.what());
    }
  });
}

bool traffic::rest(const std::stop_token& until, duration how_long) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, until, how_long, [&until] { return until.stop_requested(); });
}

void traffic::upload(const std::stop_token& until, std::uint64_t seed) {
  seeded_random random(seed);
  while (!until.stop_requested()) {
    const auto to = open_();
    ++seen_.flows;
    const auto size = static_cast<std::uint64_t>(random.between(1, 8 << 20));
    ask(*to, {wish::take, size, 0});
    give(*to, size);
    std::uint64_t taken = 0;
    if (!read_all(*to, std::as_writable_bytes(std::span(&taken, 1))) || taken != size) {
      throw std::runtime_error("an upload was not confirmed");
    }
    end(*to);
  }
}

void traffic::download(const std::stop_token& until, std::uint64_t seed) {
  seeded_random random(seed);
  while (!until.stop_requested()) {
    const auto from = open_();
    ++seen_.flows;
    const auto size = static_cast<std::uint64_t>(random.between(1, 8 << 20));
    ask(*from, {wish::give, size, 0});
    take(*from, size, seen_);
    end(*from);
  }
}

void traffic::echo(const std::stop_token& until, std::uint64_t seed) {
  seeded_random random(seed);
  const auto with = open_();
  ++seen_.flows;
  do {
    message(*with, random, 1024, seen_);
  } while (rest(until, 50ms));
  end(*with);
}

void traffic::brief(const std::stop_token& until, std::uint64_t seed) {
  seeded_random random(seed);
  do {
    const auto with = open_();
    ++seen_.flows;
    const auto messages = random.below(4);  // also flows that carry nothing
    for (std::uint64_t i = 0; i < messages; ++i) {
      message(*with, random, 1 + random.below(8000), seen_);
    }
    end(*with);
  } while (rest(until, 20ms));
}

void traffic::idle(const std::stop_token& until, std::uint64_t seed) {
  seeded_random random(seed);
  const auto with = open_();
  ++seen_.flows;
  message(*with, random, 100, seen_);
  while (rest(until, std::chrono::seconds(random.between(20, 90)))) {
    message(*with, random, 100, seen_);
    ++seen_.idle_returns;
  }
  end(*with);
}

}  // namespace rendr::test
