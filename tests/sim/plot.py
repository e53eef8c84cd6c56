#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the plots of docs/policies.md from the tables that simulated runs wrote.

Usage: plot.py TABLES PLOTS     TABLES holds grid-*.csv, curve.csv, drop.csv and step.csv; scripts/plots makes both."""
import csv
import html
import math
import pathlib
import sys

COLOURS = ["#1f6fb2", "#c2571a", "#2b8a4b", "#8254a8", "#b0243a", "#5f6b76"]
LEFT, TOP, WIDTH, HEIGHT = 64, 40, 560, 260
FONT = 'font-family="sans-serif" fill="#333"'


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def text(x, y, words, anchor="start", more="", size=12):
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {where} {FONT} {more}>{html.escape(words)}</text>'


def page(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>", ""])


def ticks(low, high):
    """Round values, about five of them."""
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(power * f for f in (1, 2, 5, 10) if (high - low) / (power * f) <= 7)
    for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        yield i * step


class Axes:
    """A chart with two linear axes."""

    def __init__(self, title, x, y, x_range, y_range, legend_at=12):
        self.x_range, self.y_range = x_range, y_range
        self.parts = [text(LEFT, 22, title, more='font-weight="bold"')]
        for value in ticks(*y_range):
            at = self.py(value)
            self.parts.append(f'<path d="M{LEFT} {at:.1f}h{WIDTH}" stroke="#ddd"/>')
            self.parts.append(text(LEFT - 6, at + 4, f"{value:g}", "end"))
        for value in ticks(*x_range):
            self.parts.append(text(self.px(value), TOP + HEIGHT + 18, f"{value:g}", "middle"))
        self.parts.append(f'<path d="M{LEFT} {TOP}v{HEIGHT}h{WIDTH}" fill="none" stroke="#333"/>')
        self.parts.append(text(LEFT + WIDTH / 2, TOP + HEIGHT + 38, x, "middle"))
        middle = TOP + HEIGHT / 2
        self.parts.append(text(16, middle, y, "middle", f'transform="rotate(-90 16 {middle})"'))
        self.legend = 0
        self.legend_x = LEFT + legend_at

    def px(self, value):
        low, high = self.x_range
        return LEFT + WIDTH * (value - low) / (high - low)

    def py(self, value):
        low, high = self.y_range
        return TOP + HEIGHT - HEIGHT * (value - low) / (high - low)

    def line(self, points, colour, name=None, dots=False, steps=False):
        path, before = "", None
        for x, y in points:
            px, py = self.px(x), self.py(y)
            path += f"M{px:.1f} {py:.1f}" if before is None else (f"H{px:.1f}V{py:.1f}" if steps else f"L{px:.1f} {py:.1f}")
            before = py
            if dots:
                self.parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>')
        self.parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if name:
            at = TOP + 14 + 17 * self.legend
            self.parts.append(f'<path d="M{self.legend_x} {at - 4}h20" stroke="{colour}" stroke-width="3"/>')
            self.parts.append(text(self.legend_x + 26, at, name))
            self.legend += 1

    def mark(self, x, words, row=0):
        at = self.px(x)
        self.parts.append(f'<path d="M{at:.1f} {TOP}v{HEIGHT}" stroke="#b0243a" stroke-dasharray="4 3"/>')
        self.parts.append(text(at + 4, TOP + HEIGHT - 8 - 16 * row, words))

    def svg(self):
        return page(LEFT + WIDTH + 24, TOP + HEIGHT + 52, self.parts)


def grid(rows, control):
    """Rows: RTT and loss of b; columns: its rate. Each cell: of the sum, of the best alone."""
    rates = sorted({int(r["slower"]) for r in rows})
    kinds = sorted({(int(r["farther"]), int(r["loss_ppm"])) for r in rows})
    cell_w, cell_h, left, top = 116, 30, 170, 66
    parts = [text(12, 22, f"bond(a, b) over {control}: % of the sum of plain TCP (% of the best alone)",
                  more='font-weight="bold"'),
             text(12, 42, "a: 20 Mbit/s, 20 ms; b: its rate in columns, its RTT and loss in rows")]
    for i, rate in enumerate(rates):
        parts.append(text(left + cell_w * (i + 0.5), top - 6, f"rate 1:{rate}", "middle"))
    for j, (rtt, loss) in enumerate(kinds):
        parts.append(text(left - 8, top + cell_h * (j + 0.65), f"RTT 1:{rtt}, loss {loss / 10000:g} %", "end"))
    for r in rows:
        i = rates.index(int(r["slower"]))
        j = kinds.index((int(r["farther"]), int(r["loss_ppm"])))
        a, b, bond = float(r["a"]), float(r["b"]), float(r["bond"])
        of_sum, of_best = 100 * bond / (a + b), 100 * bond / max(a, b)
        hue = max(0.0, min(120.0, (of_sum - 70) * 4))
        edge = "#b0243a" if of_best < 98 else "#fff"
        parts.append(f'<rect x="{left + cell_w * i + 1}" y="{top + cell_h * j + 1}" width="{cell_w - 3}" '
                     f'height="{cell_h - 3}" fill="hsl({hue:.0f} 60% 82%)" stroke="{edge}" stroke-width="2"/>')
        parts.append(text(left + cell_w * (i + 0.5), top + cell_h * (j + 0.65), f"{of_sum:.0f} ({of_best:.0f})",
                          "middle"))
    return page(left + cell_w * len(rates) + 12, top + cell_h * len(kinds) + 12, parts)


def curve(rows):
    names = list(dict.fromkeys(r["line"] for r in rows))
    high_y = max(float(r["extra"]) for r in rows) * 1.8 + 1
    reactions = [float(r["reaction"]) for r in rows]
    axes = Axes("False alarms against reaction; each dot: rttvar in the deadline",
                "reaction to a silent drop, 1 KiB / 5 ms, median, ms", "extra bytes in a quiet run, per mille",
                (min(reactions) * 0.9, max(reactions) * 1.05), (0, high_y), legend_at=350)
    for name, colour in zip(names, COLOURS):
        points = [(float(r["reaction"]), float(r["extra"]), r["variations"]) for r in rows if r["line"] == name]
        axes.line([p[:2] for p in points], colour, name, dots=True)
        for x, y, n in points:
            axes.parts.append(text(axes.px(x) + 5, axes.py(y) - 5, n, size=10))
    return axes.svg()


def drop(rows):
    high = max(float(r["mib"]) for r in rows)
    axes = Axes("A path goes dark without a word at 0 ms: bytes delivered in order", "ms after the drop",
                "MiB delivered since -100 ms", (-100, 400), (0, high * 1.1))
    for name, colour in zip(dict.fromkeys(r["series"] for r in rows), COLOURS):
        axes.line([(float(r["ms"]), float(r["mib"])) for r in rows if r["series"] == name], colour, name, steps=True)
    axes.mark(0, "a is dark")
    return axes.svg()


def step(rows):
    until = 30
    echoes = [(float(r["s"]), float(r["ms"])) for r in rows if r["series"].startswith("round") and -3 <= float(r["s"]) <= until]
    axes = Axes("A path becomes slow over 4 s; selector(first, second)", "s after it began to",
                "round trip of each message, ms", (-3, until), (0, max(y for _, y in echoes) * 1.2))
    axes.line(echoes, COLOURS[0])
    axes.mark(0, "first: 10 ms to 90 ms", 1)
    for r in rows:
        if r["series"] != "moved" and not r["series"].startswith("round") or r["series"] == "moved" and float(r["s"]) < until:
            axes.mark(float(r["s"]), r["series"] + f", {float(r['s']):.1f} s", 0 if r["series"] == "moved" else 2)
    return axes.svg()


def main():
    tables, plots = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    plots.mkdir(parents=True, exist_ok=True)
    drawings = {"curve": curve(read(tables / "curve.csv")), "drop": drop(read(tables / "drop.csv")),
                "step": step(read(tables / "step.csv"))}
    for control in ("cubic", "bbr"):
        drawings["grid-" + control] = grid(read(tables / f"grid-{control}.csv"), control)
    for name, drawing in drawings.items():
        (plots / (name + ".svg")).write_text(drawing)
        print(plots / (name + ".svg"))


if __name__ == "__main__":
    main()
