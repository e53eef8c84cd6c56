// SPDX-License-Identifier: Apache-2.0
#include "cli/console.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "base/text.hpp"

namespace rendr::cli {

namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::string_view(value) : std::string_view();
}

/// Cuts a row to `columns` cells; escape sequences and continuation bytes of UTF-8 take none.
std::string cut(std::string_view row, unsigned columns) {
  std::string result;
  unsigned cells = 0;
  bool escape = false;
  for (const char c : row) {
    const auto byte = static_cast<unsigned char>(c);
    if (escape) {
      escape = c != 'm';
    } else if (byte == 0x1b) {
      escape = true;
    } else if ((byte & 0xc0U) != 0x80U && ++cells > columns) {
      return result + "\x1b[0m";
    }
    result += c;
  }
  return result;
}

constexpr std::string_view prefix_of(log_level level) {
  switch (level) {
    case log_level::error:
      return "rendr: error: ";
    case log_level::warn:
      return "rendr: warning: ";
    case log_level::info:
      return "rendr: ";
    case log_level::debug:
      return "rendr: debug: ";
  }
  return "";
}

/// More lines show where they are indented, such as the caret under an option; all else that is no
/// text is escaped.
std::string one_line(std::string_view text) {
  std::string result;
  while (true) {
    const auto end = text.find("\n  ");
    result += escaped(text.substr(0, end));
    if (end == std::string_view::npos) return result;
    result += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string stamp(std::chrono::system_clock::time_point at) {
  const auto seconds = std::chrono::system_clock::to_time_t(at);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const auto fraction = std::to_string(1000 + ms.count() % 1000).substr(1);
  return std::string(text.data(), size) + "." + fraction + "Z ";
}

/// The error, 0: none.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // another program made it non-blocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

terminal terminal_of(int fd) {
  terminal result;
  if (isatty(fd) == 0) return result;
  const auto term = environment("TERM");
  result.live = !term.empty() && term != "dumb";
  result.color = result.live && environment("NO_COLOR").empty();
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) result.columns = size.ws_col;
  return result;
}

bool is_journal(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return false;
  return environment("JOURNAL_STREAM") ==
         std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

console::console(log_level level, bool quiet, terminal term)
    : level_(quiet ? log_level::error : level), term_(term), quiet_(quiet) {}

console::console(std::ostream& out, std::ostream& err, log_level level, bool quiet, terminal term)
    : console(level, quiet, term) {
  err_ = &err;
  put_result_ = [&out](std::string_view line) {
    out << line << std::flush;
    return out ? 0 : EIO;
  };
}

console::console(int out, int err, log_level level, bool quiet, terminal term)
    : console(level, quiet, term) {
  put_result_ = [out](std::string_view line) { return write_all(out, line); };
  log_writer::options chosen;
  chosen.of_lost = [this](std::uint64_t lost) {
    return composed(log_level::warn, std::to_string(lost) +
                                         " lines of this log were lost: nothing took them in time");
  };
  chosen.on_time = [this](log_writer::clock::time_point now) { return tell_due(now); };
  writer_ = std::make_unique<log_writer>(err, std::move(chosen));
}

console::~console() {
  {
    const std::lock_guard lock(mutex_);
    repeated_.tell_rest([this](int level, std::string_view line) { tell(level, line); });
  }
  writer_.reset();
}

void console::result(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (rows_ > 0) put(erased_rows());
  if (const int error = put_result_(std::string(line) + '\n'); error != 0) result_error_ = error;
}

void console::log(log_level level, std::string_view line, std::string_view cause) {
  if (!shows(level)) return;
  const std::lock_guard lock(mutex_);
  const auto number = static_cast<int>(level);
  const bool counts = !cause.empty() && level_ != log_level::debug;
  if (counts && !repeated_.is_first(log_writer::clock::now(), cause, number, line)) {
    return;
  }
  tell(number, line);
}

void console::highlight(std::string_view sgr, std::string_view line) {
  if (!shows(log_level::info)) return;
  const std::lock_guard lock(mutex_);
  put(erased_rows() + prefixed(log_level::info) + paint(sgr, one_line(line)) + '\n');
}

void console::tell(int level, std::string_view line) {
  put(erased_rows() + composed(static_cast<log_level>(level), line));
}

std::string console::prefixed(log_level level) const {
  auto text = stamps_ ? stamp(std::chrono::system_clock::now()) : std::string();
  const auto prefix = prefix_of(level);
  return text + (level == log_level::error ? paint("31", prefix) : std::string(prefix));
}

std::string console::composed(log_level level, std::string_view line) const {
  auto text = prefixed(level) + one_line(line);
  if (text.size() >= PIPE_BUF) {
    text.resize(PIPE_BUF - 4);
    text += "...";
  }
  return text + '\n';
}

void console::put(std::string text) {
  if (text.empty()) return;
  if (writer_) {
    writer_->write(std::move(text));
    return;
  }
  err_->clear();  // what failed once may have space again
  *err_ << text << std::flush;
}

log_writer::clock::time_point console::tell_due(log_writer::clock::time_point now) {
  const std::lock_guard lock(mutex_);
  repeated_.tell_due(now, [this](int level, std::string_view line) { tell(level, line); });
  return repeated_.next();
}

void console::live(std::string_view rows) {
  if (!term_.live || quiet_) return;
  const std::lock_guard lock(mutex_);
  if (writer_ && !writer_->idle()) return;  // a terminal that stands still needs no more frames
  auto frame = erased_rows();
  while (!rows.empty()) {
    const auto end = rows.find('\n');
    frame += cut(rows.substr(0, end), term_.columns - 1) + '\n';
    ++rows_;
    rows = end == std::string_view::npos ? std::string_view() : rows.substr(end + 1);
  }
  put(std::move(frame));
}

std::string console::erased_rows() {
  if (rows_ == 0) return {};
  return "\x1b[" + std::to_string(std::exchange(rows_, 0)) + "A\r\x1b[J";
}

std::string console::paint(std::string_view sgr, std::string_view text) const {
  if (!term_.color) return std::string(text);
  return "\x1b[" + std::string(sgr) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace rendr::cli
