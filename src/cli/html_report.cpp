// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "cli/format.hpp"
#include "cli/timeline.hpp"

namespace rendr::cli {

namespace {

constexpr int width = 1000;
constexpr int height = 320;
constexpr int left = 80;
constexpr int top = 40;
constexpr int bottom = 30;

constexpr std::string_view style = R"(<style>
:root { color-scheme: light dark; --ink: #1c1f24; --faint: #d5d9e0; --back: #fff; --cut: #c92a2a;
        --move: #5f3dc4; --c0: #1971c2; --c1: #e8590c; --c2: #2f9e44; --c3: #9c36b5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --faint: #3a3f47; --back: #15171a; --cut: #ff8787; --move: #b197fc;
          --c0: #74c0fc; --c1: #ffa94d; --c2: #8ce99a; --c3: #e599f7; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
       max-width: 1040px; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.grid { stroke: var(--faint); } .path { fill: none; stroke-width: 2; }
.all { fill: none; stroke: var(--ink); stroke-dasharray: 2 3; opacity: .6; }
.cut { stroke: var(--cut); stroke-width: 1.5; }
.migration { stroke: var(--move); stroke-dasharray: 5 3; }
.c0 { stroke: var(--c0); color: var(--c0); } .c1 { stroke: var(--c1); color: var(--c1); }
.c2 { stroke: var(--c2); color: var(--c2); } .c3 { stroke: var(--c3); color: var(--c3); }
.legend span { margin-right: 1.5rem; } .legend b { font-size: 1.3em; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { text-align: left; padding: .2rem 1.5rem .2rem 0;
        border-bottom: 1px solid var(--faint); vertical-align: top; }
</style>)";

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// Where times and rates are in the picture.
struct scale {
  duration end{1};
  std::uint64_t peak = 1;

  explicit scale(const timeline& run) {
    for (const auto& s : run.samples) {
      end = std::max(end, s.at);
      peak = std::max(peak, s.delivered);
      for (const auto rate : s.rates) peak = std::max(peak, rate);
    }
    for (const auto& m : run.marks) end = std::max(end, m.at);
  }
  double x(duration at) const {
    return left +
           (width - left - 10) * static_cast<double>(at.count()) / static_cast<double>(end.count());
  }
  double y(std::uint64_t rate) const {
    return height - bottom -
           (height - top - bottom) * static_cast<double>(rate) / static_cast<double>(peak);
  }
};

std::string number(double value) {
  const auto tenths = static_cast<long>(value * 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + kind + "\" x1=\"" + number(x1) + "\" y1=\"" + number(y1) +
         "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) + "\"/>";
}

std::string text_at(double x, double y, const char* anchor, std::string_view text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" +
         escaped(text) + "</text>";
}

template <class Rate>
std::string curve(const std::string& kind, const timeline& run, const scale& s, Rate rate) {
  std::string points;
  for (const auto& sample : run.samples) {
    points += number(s.x(sample.at)) + "," + number(s.y(rate(sample))) + " ";
  }
  return "<polyline class=\"" + kind + "\" points=\"" + points + "\"/>\n";
}

std::string axes(const scale& s) {
  std::string svg;
  for (unsigned i = 0; i <= 4; ++i) {
    const auto rate = s.peak * i / 4;
    svg += line("grid", left, s.y(rate), width - 10, s.y(rate)) +
           text_at(left - 8, s.y(rate) + 4, "end", format_rate(rate));
    const auto at = s.end * i / 4;
    svg += text_at(s.x(at), height - 8, i == 4 ? "end" : "middle", format_duration(at)) + "\n";
  }
  return svg;
}

std::string marks(const timeline& run, const scale& s) {
  std::string svg;
  int index = 0;
  for (const auto& m : run.marks) {
    if (m.kind == timeline::mark_kind::path) continue;
    const bool cut = m.kind == timeline::mark_kind::cut;
    svg += "<g>" + line(cut ? "cut" : "migration", s.x(m.at), top, s.x(m.at), height - bottom) +
           text_at(s.x(m.at), cut ? top - 22 : top - 8, "middle", std::to_string(++index)) +
           "<title>" + escaped(m.text) + "</title></g>\n";
  }
  return svg;
}

std::string mark_table(const timeline& run) {
  std::string html = "<table><tr><th>#</th><th>time</th><th>what</th></tr>\n";
  int index = 0;
  for (const auto& m : run.marks) {
    const bool numbered = m.kind != timeline::mark_kind::path;
    html += "<tr><td>" + (numbered ? std::to_string(++index) : std::string()) + "</td><td>" +
            format_duration(m.at) + "</td><td>" + escaped(m.text) + "</td></tr>\n";
  }
  return html + "</table>\n";
}

std::string color_of(std::size_t path) { return "c" + std::to_string(path % 4); }

}  // namespace

std::string html_report(const std::string& title, const timeline& run,
                        const std::vector<fact>& facts) {
  const scale s(run);
  std::string html = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                     escaped(title) + "</title>\n" + std::string(style) + "</head><body>\n<h1>" +
                     escaped(title) + "</h1>\n<p class=\"legend\">";
  for (std::size_t i = 0; i < run.paths.size(); ++i) {
    html +=
        "<span class=\"" + color_of(i) + "\"><b>&#9473;</b> " + escaped(run.paths[i]) + "</span>";
  }
  html += "<span>&#8943; delivered</span></p>\n<svg viewBox=\"0 0 " + std::to_string(width) + " " +
          std::to_string(height) + "\" role=\"img\" aria-label=\"rate per path over time\">\n";
  html += axes(s);
  html += curve("all", run, s, [](const auto& sample) { return sample.delivered; });
  for (std::size_t i = 0; i < run.paths.size(); ++i) {
    html += curve("path " + color_of(i), run, s, [i](const auto& sample) {
      return i < sample.rates.size() ? sample.rates[i] : 0;
    });
  }
  html += marks(run, s) + "</svg>\n<table>\n";
  for (const auto& f : facts) {
    html += "<tr><th>" + escaped(f.name) + "</th><td>" + escaped(f.value) + "</td></tr>\n";
  }
  return html + "</table>\n" + mark_table(run) + "</body></html>\n";
}

}  // namespace rendr::cli
