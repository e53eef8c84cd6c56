// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rendr::test {

/// A number with its unit, such as {"gap P95", 41.2, "ms"}.
struct lab_figure {
  std::string name;
  double value = 0;
  std::string unit;
};

enum class lab_verdict : std::uint8_t {
  ok,
  missed,
  reported,  ///< nothing is claimed
  skipped,
};

/// One line of a table of gates.
struct lab_row {
  std::string gate;  ///< "G4"
  std::string what;  ///< the case: "bulk, both ways, cubic"
  std::vector<lab_figure> figures;
  std::string bound;  ///< as text: "P95 <= 164 ms"; empty: none
  std::string fault;  ///< what proves that the fault happened: "darkened 812 packets"
  lab_verdict verdict = lab_verdict::reported;
};

struct lab_mark {
  double at = 0;  ///< on the x axis
  std::string text;
};

/// A line of a chart; series of one group share their axes.
struct lab_series {
  std::string group;  ///< the title of the chart
  std::string name;
  std::string x_unit;  ///< "s after the drop"
  std::string y_unit;  ///< "MiB delivered"
  std::vector<std::pair<double, double>> points;
  std::vector<lab_mark> marks;
};

/// A bar of a chart; bars of one group share their axis and unit.
struct lab_bar {
  std::string group;  ///< the title of the chart
  std::string name;
  double value = 0;
  std::string unit;
  std::string text;  ///< shown instead of the number where it is no exact one: "> 25 s"
};

/// JSON text of what is added to it. Numbers that JSON has no word for become null.
class lab_json {
 public:
  static std::string quoted(std::string_view text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
      const auto code = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (code < 0x20) {
        out += "\\u00";
        out += digits[code >> 4];
        out += digits[code & 15];
      } else {
        out += c;
      }
    }
    return out + '"';
  }
  static std::string number(double value) {
    if (!std::isfinite(value)) return "null";
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
  }
  /// {"name": text, ...}; `fields` are pairs of a name and JSON text.
  static std::string object(const std::vector<std::pair<std::string_view, std::string>>& fields) {
    std::string out;
    for (const auto& [name, value] : fields) {
      out += (out.empty() ? "{" : ", ") + quoted(name) + ": " + value;
    }
    return out.empty() ? "{}" : out + "}";
  }
  /// [item, ...], each made by `write`.
  template <class Items, class Write>
  static std::string list(const Items& items, Write write, std::string_view between = ", ") {
    std::string out;
    for (const auto& item : items) {
      if (!out.empty()) out += between;
      out += write(item);
    }
    return "[" + out + "]";
  }
};

/// What a program of the laboratory measured, for people (`print`) and for scripts/report
/// (`write`). By convention the command line has `--json=FILE`, and FILE is build/lab/NAME.json.
class lab_report {
 public:
  /// `congestion`: the TCP congestion control that the figures were measured with.
  lab_report(std::string title, std::string congestion)
      : title_(std::move(title)), congestion_(std::move(congestion)), load_(first_line("loadavg")) {
    std::array<char, 32> text{};
    const auto now = ::time(nullptr);
    tm parts{};
    ::gmtime_r(&now, &parts);
    when_.assign(text.data(), ::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts));
  }

  void add(lab_row row) { rows_.push_back(std::move(row)); }
  void add(lab_series series) { series_.push_back(std::move(series)); }
  void add(lab_bar bar) { bars_.push_back(std::move(bar)); }
  /// A sentence about the method or about what the figures do not say.
  void note(std::string sentence) { notes_.push_back(std::move(sentence)); }
  const std::vector<lab_row>& rows() const { return rows_; }
  bool missed() const {
    for (const auto& row : rows_) {
      if (row.verdict == lab_verdict::missed) return true;
    }
    return false;
  }

  static std::string_view name(lab_verdict verdict) {
    switch (verdict) {
      case lab_verdict::ok:
        return "ok";
      case lab_verdict::missed:
        return "MISSED";
      case lab_verdict::skipped:
        return "skipped";
      case lab_verdict::reported:
        break;
    }
    return "reported";
  }

  /// One line for each row.
  static void print(const lab_row& row, std::FILE* to = stdout) {
    std::string figures;
    for (const auto& f : row.figures) {
      std::array<char, 64> text{};
      std::snprintf(text.data(), text.size(), "%.4g", f.value);
      figures += (figures.empty() ? "" : ", ") + f.name + " " + text.data() + " " + f.unit;
    }
    std::fprintf(to, "%-4s %-44s %s%s%s  %s%s%s%s\n", row.gate.c_str(), row.what.c_str(),
                 figures.c_str(), row.bound.empty() ? "" : "; bound ", row.bound.c_str(),
                 std::string(name(row.verdict)).c_str(), row.fault.empty() ? "" : " (",
                 row.fault.c_str(), row.fault.empty() ? "" : ")");
    std::fflush(to);
  }
  void print(std::FILE* to = stdout) const {
    for (const auto& row : rows_) print(row, to);
  }

  std::string json() const {
    const auto quoted = [](const std::string& text) { return lab_json::quoted(text); };
    return "{\"title\": " + quoted(title_) + ",\n\"when\": " + quoted(when_) +
           ",\n\"machine\": " + machine() + ",\n\"notes\": " + lab_json::list(notes_, quoted) +
           ",\n\"rows\": " + lab_json::list(rows_, row_json, ",\n") +
           ",\n\"series\": " + lab_json::list(series_, series_json, ",\n") +
           ",\n\"bars\": " + lab_json::list(bars_, bar_json, ",\n") + "}\n";
  }
  /// False, with a word on stderr, when the file cannot be written. An empty name writes none.
  bool write(const std::string& file) const {
    if (file.empty()) return true;
    std::ofstream out(file);
    out << json();
    out.close();
    if (!out) std::fprintf(stderr, "cannot write %s\n", file.c_str());
    return static_cast<bool>(out);
  }

 private:
  static std::string first_line(const char* of) {
    std::ifstream file(std::string("/proc/") + of);
    std::string line;
    std::getline(file, line);
    return line;
  }
  static std::string cpu() {
    std::ifstream file("/proc/cpuinfo");
    std::string model = "unknown";
    std::string details;
    for (std::string line; std::getline(file, line);) {
      const auto value = line.substr(std::min(line.find(": ") + 2, line.size()));
      if (line.starts_with("cpu family")) details += "family " + value;
      if (line.starts_with("model\t")) details += " model " + value;
      if (line.starts_with("model name")) model = value;
      if (line.starts_with("stepping")) break;
    }
    return details.empty() ? model : model + " (" + details + ")";
  }
  std::string machine() const {
    utsname system{};
    ::uname(&system);
    return lab_json::object(
        {{"kernel", lab_json::quoted(system.release)},
         {"cpu", lab_json::quoted(cpu())},
         {"cores", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
         {"load_at_start", lab_json::quoted(load_.substr(0, load_.find(' ')))},
         {"load_at_end", lab_json::quoted(first_line("loadavg").substr(0, load_.find(' ')))},
         {"congestion_control", lab_json::quoted(congestion_)}});
  }
  static std::string figure_json(const lab_figure& f) {
    return lab_json::object({{"name", lab_json::quoted(f.name)},
                             {"value", lab_json::number(f.value)},
                             {"unit", lab_json::quoted(f.unit)}});
  }
  static std::string row_json(const lab_row& row) {
    return lab_json::object({{"gate", lab_json::quoted(row.gate)},
                             {"case", lab_json::quoted(row.what)},
                             {"figures", lab_json::list(row.figures, figure_json)},
                             {"bound", lab_json::quoted(row.bound)},
                             {"fault", lab_json::quoted(row.fault)},
                             {"verdict", lab_json::quoted(name(row.verdict))}});
  }
  static std::string series_json(const lab_series& s) {
    const auto point = [](const auto& p) {
      return "[" + lab_json::number(p.first) + ", " + lab_json::number(p.second) + "]";
    };
    const auto mark = [](const lab_mark& m) {
      return lab_json::object({{"at", lab_json::number(m.at)}, {"text", lab_json::quoted(m.text)}});
    };
    return lab_json::object({{"group", lab_json::quoted(s.group)},
                             {"name", lab_json::quoted(s.name)},
                             {"x_unit", lab_json::quoted(s.x_unit)},
                             {"y_unit", lab_json::quoted(s.y_unit)},
                             {"points", lab_json::list(s.points, point)},
                             {"marks", lab_json::list(s.marks, mark)}});
  }
  static std::string bar_json(const lab_bar& bar) {
    return lab_json::object({{"group", lab_json::quoted(bar.group)},
                             {"name", lab_json::quoted(bar.name)},
                             {"value", lab_json::number(bar.value)},
                             {"unit", lab_json::quoted(bar.unit)},
                             {"text", lab_json::quoted(bar.text)}});
  }

  std::string title_;
  std::string congestion_;
  std::string load_;
  std::string when_;
  std::vector<std::string> notes_;
  std::vector<lab_row> rows_;
  std::vector<lab_series> series_;
  std::vector<lab_bar> bars_;
};

}  // namespace rendr::test
