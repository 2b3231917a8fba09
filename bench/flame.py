# SPDX-License-Identifier: GPL-2.0
"""Flame graphs as SVG text, from folded lines: 'frame;frame;frame count'.

A frame is as wide as its share of the instructions and stands on its caller;
hovering shows name, count and share.  Frames too narrow to see are left out,
their place stays empty; chains are cut at DEEPEST frames.
"""
from plots import CHAR, Shapes, fit, number

WIDTH, ROW, NARROWEST, DEEPEST = 1040, 18, 1.0, 60


class Frame:
    def __init__(self, name):
        self.name = name
        self.count = 0
        self.callees = {}

    def add(self, names, count):
        self.count += count
        if names:
            callee = self.callees.setdefault(names[0], Frame(names[0]))
            callee.add(names[1:], count)

    def depth(self, least):
        """How many frames stand on each other that have so many counts."""
        return 1 + max((callee.depth(least) for callee in self.callees.values()
                        if callee.count >= least), default=0)


def read(lines):
    """Return the frame of all that the folded lines tell."""
    root = Frame("all")
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        if stack:
            root.add(stack.split(";")[:DEEPEST], int(count))
    return root


def draw(shapes, frame, left, width, level, depth, total):
    """The frame and all above it; the widest callee comes first."""
    if width < NARROWEST:
        return
    y = (depth - 1 - level) * ROW
    share = f"{100 * frame.count / total:.1f} %"
    # a colour of its own for each name, the same in every graph
    tone = sum(map(ord, frame.name)) % 5
    shapes.add("rect", f"{frame.name}: {number(frame.count)} ({share})",
               x=f"{left:.1f}", y=y, width=f"{max(width - .6, .4):.1f}",
               height=ROW - 1, rx=2, class_=f"frame tone{tone}")
    if width > 5 * CHAR:
        shapes.text(left + 4, y + ROW - 6, fit(frame.name, (width - 8) * .9),
                    "frame")
    for callee in sorted(frame.callees.values(), key=lambda c: -c.count):
        wide = width * callee.count / frame.count
        draw(shapes, callee, left, wide, level + 1, depth, total)
        left += wide


def graph(id_, title, lines):
    root = read(lines)
    if not root.count:
        return ""
    shapes = Shapes()
    depth = root.depth(root.count * NARROWEST / WIDTH)
    draw(shapes, root, 0, WIDTH, 0, depth, root.count)
    return shapes.svg(id_, title, WIDTH, depth * ROW).replace(
        'class="plot"', 'class="plot flame"', 1)
