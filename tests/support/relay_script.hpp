// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

/// Two programs that talk over a TCP connection, direct or through relays: what they do (a script
/// from a seed), and what they must see of each other. The rules are those of a direct connection.
namespace rendr::test {

enum class deed : std::uint8_t {
  write,  ///< `amount` bytes
  read,   ///< `amount` bytes
  pause,  ///< `amount` turns
  stall,  ///< until the other program cannot write any more, or is done with it
};
enum class last_deed : std::uint8_t {
  finish,   ///< the writer: shutdown(SHUT_WR); the reader: reads to the end
  close,    ///< close()
  reset,    ///< SO_LINGER 0 and close()
  settled,  ///< as reset, once the near kernel has given everything away
};

struct script {
  struct step {
    deed what;
    std::size_t amount;
  };
  std::vector<step> steps;
  last_deed last = last_deed::finish;
};

struct program_script {
  script writer;
  script reader;
};

using script_random = std::mt19937_64;

inline std::size_t below(script_random& random, std::size_t n) { return random() % n; }

inline program_script make_script(script_random& random, std::size_t largest) {
  const auto amount = [&] {
    const std::array<std::size_t, 5> tops{2, 50, 1000, largest / 10 + 1, largest};
    return 1 + below(random, tops[below(random, tops.size())]);
  };
  const auto make = [&](deed moves) {
    script made;
    const auto count = below(random, 5);
    for (std::size_t i = 0; i < count; ++i) {
      if (below(random, 3) == 0) made.steps.push_back({deed::pause, below(random, 40)});
      if (moves == deed::read && below(random, 6) == 0) made.steps.push_back({deed::stall, 0});
      made.steps.push_back({moves, amount()});
    }
    return made;
  };
  program_script made{make(deed::write), make(deed::read)};
  const std::array<last_deed, 8> ends{last_deed::finish, last_deed::finish, last_deed::finish,
                                      last_deed::finish, last_deed::close,  last_deed::close,
                                      last_deed::reset,  last_deed::settled};
  made.writer.last = ends[below(random, ends.size())];
  made.reader.last = below(random, 3) == 0 ? ends[below(random, ends.size())] : last_deed::finish;
  if (made.reader.last == last_deed::settled) made.reader.last = last_deed::reset;
  return made;
}

/// What a call on a socket came to.
struct io_result {
  std::size_t size = 0;
  bool blocked = false;
  bool failed = false;
};

enum class seen_end : std::uint8_t { none, end_of_stream, reset };
enum class own_end : std::uint8_t { none, close, reset };

/// Byte `at` of the stream that program `who` writes.
inline std::byte stream_byte(unsigned who, std::uint64_t at) {
  return static_cast<std::byte>((at * 2654435761U + who * 40503U) >> 13);
}

/// A program with a reader and a writer that take turns. `Socket` has write, read, shutdown, close,
/// close_resets, reset and settled.
template <class Socket>
class scripted_program {
 public:
  scripted_program(unsigned who, Socket wire, program_script plan)
      : socket(std::move(wire)), who_(who), plan_(std::move(plan)) {}

  /// True when something happened. `stuck`: the other one cannot write.
  bool turn(bool stuck) {
    if (gone()) return false;
    const bool wrote_some = write_turn();
    return (!gone() && read_turn(stuck)) || wrote_some;
  }
  bool gone() const { return ended != own_end::none; }
  /// Its writer waits for the reader of the other one, or will not write any more.
  bool stuck() const {
    return gone() || writer_done_ || blocked_ || write_at_ == plan_.writer.steps.size();
  }
  bool done() const { return gone() || (writer_done_ && end != seen_end::none); }

  Socket socket;
  std::uint64_t wrote = 0;
  std::uint64_t got = 0;
  bool wrong_bytes = false;
  bool finished = false;  ///< it sent its end of stream
  seen_end end = seen_end::none;
  own_end ended = own_end::none;
  bool write_failed = false;

 private:
  bool write_turn() {
    if (writer_done_) return false;
    if (write_at_ == plan_.writer.steps.size()) return writer_ends();
    auto& step = plan_.writer.steps[write_at_];
    if (step.what == deed::pause) {
      if (step.amount == 0) ++write_at_;
      if (step.amount > 0) --step.amount;
      return true;
    }
    if (step.amount == 0) {
      ++write_at_;
      return true;
    }
    block_.resize(std::min<std::size_t>(step.amount, 16 * 1024));
    for (std::size_t i = 0; i < block_.size(); ++i) block_[i] = stream_byte(who_, wrote + i);
    const auto result = socket.write(block_);
    blocked_ = result.blocked;
    if (result.failed) {
      write_failed = true;
      writer_done_ = true;
      return true;
    }
    wrote += result.size;
    step.amount -= result.size;
    return result.size > 0;
  }

  bool writer_ends() {
    if (plan_.writer.last == last_deed::settled && !socket.settled()) return false;
    writer_done_ = true;
    if (plan_.writer.last == last_deed::finish) {
      socket.shutdown();
      finished = true;
    } else {
      leave(plan_.writer.last == last_deed::close);
    }
    return true;
  }

  bool read_turn(bool stuck) {
    constexpr std::size_t most = 16 * 1024;
    if (end != seen_end::none) return leave_when_done();
    if (read_at_ == plan_.reader.steps.size()) {
      if (plan_.reader.last == last_deed::finish) return read_some(most);
      leave(plan_.reader.last == last_deed::close);
      return true;
    }
    auto& step = plan_.reader.steps[read_at_];
    if (step.what == deed::read && step.amount > 0) {
      const auto before = got;
      const bool moved = read_some(std::min(step.amount, most));
      step.amount -= static_cast<std::size_t>(got - before);
      return moved;
    }
    if (step.what == deed::stall && !stuck) return false;
    if (step.what == deed::pause && step.amount > 0) {
      --step.amount;
      return true;
    }
    ++read_at_;
    return true;
  }

  bool read_some(std::size_t most) {
    block_.resize(most);
    const auto result = socket.read(block_);
    if (result.blocked) return false;
    if (result.failed) end = seen_end::reset;
    if (!result.failed && result.size == 0) end = seen_end::end_of_stream;
    for (std::size_t i = 0; i < result.size; ++i) {
      if (block_[i] != stream_byte(1 - who_, got + i)) wrong_bytes = true;
    }
    got += result.size;
    return true;
  }

  bool leave_when_done() {
    if (!writer_done_) return false;
    leave(true);
    return true;
  }

  void leave(bool in_order) {
    writer_done_ = true;
    const bool resets = !in_order || socket.close_resets();
    if (!resets) finished = true;
    ended = resets ? own_end::reset : own_end::close;
    if (in_order) {
      socket.close();
    } else {
      socket.reset();
    }
  }

  unsigned who_;
  program_script plan_;
  std::vector<std::byte> block_;
  std::size_t write_at_ = 0;
  std::size_t read_at_ = 0;
  bool writer_done_ = false;
  bool blocked_ = false;
};

/// What is known of the kernel that took a program's bytes.
struct taken {
  std::uint64_t least = 0;  ///< bytes that surely left the program's machine
  std::uint64_t most = 0;
  bool end_of_stream = false;      ///< it surely got the end of stream
  bool may_end_of_stream = false;  ///< it may have
  bool broken = false;             ///< the way from there to the other program failed
};

/// The oracle, for the direction from `from` to `to`: empty, or what a direct connection would
/// never show.
template <class Socket>
std::string judge(const scripted_program<Socket>& from, const taken& kernel,
                  const scripted_program<Socket>& to) {
  const auto figures = " (" + std::to_string(to.got) + " of " + std::to_string(from.wrote) +
                       " read, " + std::to_string(kernel.least) + " to " +
                       std::to_string(kernel.most) + " taken)";
  std::string text;
  const auto wrong = [&](bool is, const char* what) {
    if (is) text += what + figures + "; ";
  };
  wrong(to.wrong_bytes, "other bytes than were written");
  wrong(to.got > kernel.most, "more than was written");
  if (to.end == seen_end::end_of_stream) {
    wrong(!kernel.may_end_of_stream, "an end of stream that nobody sent");
    wrong(to.got != from.wrote, "an end of stream before the last byte");
  }
  if (to.end == seen_end::reset) {
    wrong(kernel.end_of_stream && !kernel.broken, "a reset in place of the end of stream");
    wrong(from.ended == own_end::none && !kernel.broken, "a reset though the other side lives");
    wrong(to.got < kernel.least, "a reset before the last byte");
  }
  wrong(to.end == seen_end::none && !to.gone(), "no end at all");
  return text;
}

}  // namespace rendr::test
