// SPDX-License-Identifier: Apache-2.0
#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

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

console::console(std::ostream& out, std::ostream& err, log_level level, bool quiet, terminal term)
    : out_(out), err_(err), level_(quiet ? log_level::error : level), term_(term), quiet_(quiet) {}

void console::result(std::string_view line) {
  const std::lock_guard lock(mutex_);
  erase_rows();
  out_ << line << '\n';
  out_.flush();
}

void console::log(log_level level, std::string_view line) {
  if (!shows(level)) return;
  const std::lock_guard lock(mutex_);
  erase_rows();
  const auto prefix = prefix_of(level);
  if (level == log_level::error && term_.color) {
    err_ << "\x1b[31m" << prefix << "\x1b[0m" << line << '\n';
  } else {
    err_ << prefix << line << '\n';
  }
  err_.flush();
}

void console::live(std::string_view rows) {
  if (!term_.live || quiet_) return;
  const std::lock_guard lock(mutex_);
  erase_rows();
  while (!rows.empty()) {
    const auto end = rows.find('\n');
    err_ << cut(rows.substr(0, end), term_.columns - 1) << '\n';
    ++rows_;
    rows = end == std::string_view::npos ? std::string_view() : rows.substr(end + 1);
  }
  err_.flush();
}

void console::erase_rows() {
  if (rows_ == 0) return;
  err_ << "\x1b[" << rows_ << "A\r\x1b[J";
  rows_ = 0;
}

std::string console::paint(std::string_view sgr, std::string_view text) const {
  if (!term_.color) return std::string(text);
  return "\x1b[" + std::string(sgr) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace rendr::cli
