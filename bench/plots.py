# SPDX-License-Identifier: GPL-2.0
"""Plots as SVG text: bars and lines in the colours of the three systems.

Colours come from report.css by class (linux, linux-tuned, lwk), so that a plot
follows the reader's light or dark theme; each system also has a shape of its
own.  Every figure is an element of class 'mark' whose title tells the value.
Axes begin at zero; where the figures of one plot differ by more than
LOG_ABOVE, the axis is logarithmic, says so, and has an extra place for zero.
"""
import html
import math
import textwrap

LOG_ABOVE = 50
SYSTEM_NAMES = {"linux": "Linux", "linux-tuned": "tuned Linux", "lwk": "LWK"}
CHAR = 6.6                      # width of a character of the plots' 12px font
HEADING = 8.2                   # of their headings


def esc(text):
    return html.escape(str(text), quote=True)


def number(value):
    """A figure with thousands separators, as exact as it is."""
    value = float(value)
    if value.is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def short(value):
    """A figure in at most three digits: 1,453,137 is 1.45 M."""
    value = float(f"{value:.3g}")
    for least, unit, name in ((1e12, 1e12, " T"), (1e9, 1e9, " G"),
                              (1e6, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(value) >= least:
            return f"{value / unit:.3g}{name}"
    return f"{value:,.0f}" if value.is_integer() else f"{value:.3g}"


class Scale:
    """Turns values into places between 'start' and 'end'."""

    def __init__(self, values, start, end, ticks=5):
        positive = [v for v in values if v > 0]
        self.start, self.end = start, end
        self.log = bool(positive) and max(positive) > LOG_ABOVE * min(positive)
        if self.log:
            self.low = math.floor(math.log10(min(positive)) + 1e-9)
            self.high = max(math.ceil(math.log10(max(positive)) - 1e-9),
                            self.low + 1)
            step = math.ceil((self.high - self.low) / ticks)
            self.ticks = [0] + [10 ** n for n in range(self.low, self.high + 1,
                                                       step)]
        else:
            top = max(positive, default=1)
            step = 10 ** math.floor(math.log10(top / ticks))
            step *= next(n for n in (1, 2, 5, 10) if n * step * ticks >= top)
            self.top = step * math.ceil(top / step - 1e-9)
            self.ticks = [step * n for n in range(round(self.top / step) + 1)]

    def place(self, value):
        if value <= 0:
            share = 0
        elif self.log:
            share = (math.log10(value) - self.low + 0.6) / (self.high - self.low
                                                            + 0.6)
        else:
            share = value / self.top
        return self.start + share * (self.end - self.start)


class Shapes:
    """SVG elements, collected."""

    def __init__(self):
        self.parts = []

    def add(self, name, title="", **attributes):
        text = " ".join(f'{key.rstrip("_").replace("_", "-")}="{esc(value)}"'
                        for key, value in attributes.items())
        inner = f"<title>{esc(title)}</title>" if title else ""
        self.parts.append(f"<{name} {text}>{inner}</{name}>")

    def text(self, x, y, words, class_="label", anchor="start", **more):
        more = "".join(f' {key}="{esc(value)}"' for key, value in more.items())
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{class_}" '
                          f'text-anchor="{anchor}"{more}>{esc(words)}</text>')

    def line(self, x1, y1, x2, y2, class_):
        self.add("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}",
                 y2=f"{y2:.1f}", class_=class_)

    def svg(self, id_, title, width, height):
        return (f'<svg id="{esc(id_)}" class="plot" role="img" '
                f'viewBox="0 0 {width:.0f} {height:.0f}" '
                f'width="{width:.0f}" height="{height:.0f}">'
                f'<title>{esc(title)}</title>{"".join(self.parts)}</svg>')


def marker(shapes, system, x, y, title, r=4.2):
    """A circle for Linux, a diamond for tuned Linux, a square for the LWK."""
    class_ = f"mark dot {system}"
    if system == "linux":
        shapes.add("circle", title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=r,
                   class_=class_)
    elif system == "lwk":
        shapes.add("rect", title, x=f"{x - r + .4:.1f}", y=f"{y - r + .4:.1f}",
                   width=2 * r - .8, height=2 * r - .8, class_=class_)
    else:
        d = r + .8
        shapes.add("path", title, class_=class_,
                   d=f"M{x:.1f} {y - d:.1f}l{d} {d}l{-d} {d}l{-d} {-d}z")


def key(systems):
    """The legend: one line of HTML."""
    entries = []
    for system in systems:
        shapes = Shapes()
        marker(shapes, system, 7, 7, "")
        entries.append('<span><svg width="14" height="14" aria-hidden="true">'
                       + "".join(shapes.parts).replace("mark ", "")
                       + f"</svg> {SYSTEM_NAMES[system]}</span>")
    return f'<div class="key">{"".join(entries)}</div>'


def tell(row):
    """What hovering over a figure shows."""
    words = f"{SYSTEM_NAMES[row.system]}, {row.operation}"
    if row.x != "":
        words += f", {row.axis} {row.x}"
    words += f": {number(row.value)} {row.metric}"
    if row.low != row.high:
        words += f", {number(row.low)} to {number(row.high)}"
    return words + (f" in {row.rounds} rounds" if row.rounds > 1 else "")


def axis_title(words, log):
    return words + (" (log scale)" if log else "")


def bars(id_, title, unit, groups, width=1000):
    """Horizontal bars. groups: [(label, [row of each system])]."""
    rows = [row for _, members in groups for row in members]
    left = 18 + max(len(label) for label, _ in groups) * CHAR
    right, thick, gap, top = width - 74, 11, 9, 6
    scale = Scale([v for row in rows for v in (row.value, row.high)], left,
                  right)
    shapes = Shapes()
    height = top + sum(len(m) * (thick + 2) + gap for _, m in groups)
    last = -1e9
    for tick in scale.ticks:
        x = scale.place(tick)
        if x - last < 14:
            continue
        last = x
        shapes.line(x, top, x, height, "grid")
        shapes.text(x, height + 15, short(tick), "tick", "middle")
    y = top
    for label, members in groups:
        middle = y + gap / 2 + len(members) * (thick + 2) / 2
        shapes.text(left - 8, middle + 3, label, "label", "end")
        y += gap / 2
        for row in members:
            end = scale.place(row.value)
            shapes.add("rect", tell(row), x=f"{left:.1f}", y=f"{y:.1f}",
                       width=f"{max(end - left, 1.5):.1f}", height=thick,
                       class_=f"mark bar {row.system}")
            if row.high > row.low:
                shapes.line(scale.place(row.low), y + thick / 2,
                            scale.place(row.high), y + thick / 2, "range")
            shapes.text(max(end, scale.place(row.high)) + 5, y + thick - 1.5,
                        short(row.value), "value")
            y += thick + 2
        y += gap / 2
    shapes.line(left, top, left, height, "axis")
    shapes.text((left + right) / 2, height + 34,
                axis_title(unit, scale.log), "title", "middle")
    return shapes.svg(id_, title, width, height + 42)


class Positions:
    """Where the values of the varied quantity stand: by their logarithm if
    they grow by factors, else to scale."""

    def __init__(self, values, start, end):
        self.values = sorted(set(values))
        low, high = self.values[0], self.values[-1]
        self.log = low > 0 and high >= 8 * low
        place = math.log2 if self.log else float
        span = place(high) - place(low) or 1
        self.at = {v: start + (place(v) - place(low)) / span * (end - start)
                   for v in self.values}


def lines(id_, title, axis, unit, rows, width=340, height=236):
    """One panel of lines: value over x, a line for each system."""
    heading = textwrap.wrap(title, int((width - 8) / HEADING))
    height += 15 * (len(heading) - 1)
    bottom, top = height - 42, 11 + 15 * len(heading)
    scale = Scale([v for row in rows for v in (row.value, row.high)], bottom,
                  top + 4)
    left = 14 + 18 + max(len(short(t)) for t in scale.ticks) * CHAR
    right = width - 12
    xs = Positions([row.x for row in rows], left + 10, right - 6)
    shapes = Shapes()
    for i, words in enumerate(heading):
        shapes.text(4, 14 + 15 * i, words, "heading")
    for tick in scale.ticks:
        y = scale.place(tick)
        shapes.line(left, y, right, y, "grid")
        shapes.text(left - 6, y + 4, short(tick), "tick", "end")
    last = -1e9
    for x in xs.values:
        words = short(x)
        if xs.at[x] - last > len(words) * CHAR + 6 or last < 0:
            shapes.line(xs.at[x], bottom, xs.at[x], bottom + 4, "axis")
            shapes.text(xs.at[x], bottom + 17, words, "tick", "middle")
            last = xs.at[x]
    shapes.line(left, bottom, right, bottom, "axis")
    shapes.text((left + right) / 2, height - 6, axis_title(axis, xs.log),
                "title", "middle")
    middle = (top + bottom) / 2
    shapes.text(12, middle, fit(axis_title(unit, scale.log), bottom - top + 30),
                "title", "middle", transform=f"rotate(-90 12 {middle:.1f})")
    for system in SYSTEM_NAMES:
        points = sorted((r for r in rows if r.system == system),
                        key=lambda r: r.x)
        path = " ".join(f"{xs.at[r.x]:.1f},{scale.place(r.value):.1f}"
                        for r in points)
        if len(points) > 1:
            shapes.add("polyline", points=path, class_=f"line {system}")
        for r in points:
            if r.high > r.low:
                shapes.line(xs.at[r.x], scale.place(r.low), xs.at[r.x],
                            scale.place(r.high), f"range {system}")
        for r in points:
            marker(shapes, system, xs.at[r.x], scale.place(r.value), tell(r))
    return shapes.svg(id_, title, width, height)


def fit(words, room):
    """Shorten a text to the room there is."""
    most = int(room / CHAR)
    return words if len(words) <= most else words[:most - 1] + "…"
