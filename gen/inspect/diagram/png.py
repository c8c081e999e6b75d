"""A diagram as PNG, drawn with Pillow and its own font, so it looks the same on every machine."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from gen.inspect.diagram.diagram import Diagram, Vertex, box_name, short_name
from gen.inspect.diagram.placement import FONT, HEAD, SMALL, Area, Layout, Path, Point, layout

PAPER, INK, LINE, FAINT, FILL, BOX = "#ffffff", "#1f2328", "#6e7781", "#afb8c1", "#f0f2f4", "#f9fafb"
SCALE, FINE = 2, 2
"""The pixels for each unit of the layout, and how many times larger the canvas is, for smooth lines."""
MOST = 100_000_000
"""The most pixels of the canvas; a larger picture gets fewer pixels for each unit."""


def png(diagram: Diagram) -> bytes:
    """The bytes of a PNG file, dark on white."""
    drawn = layout(diagram)
    scale = min(SCALE * FINE, math.sqrt(MOST / (drawn.width * drawn.height)))
    size = math.ceil(drawn.width * scale), math.ceil(drawn.height * scale)
    image = Image.new("RGB", size, PAPER)
    _Painter(ImageDraw.Draw(image), scale).paint(diagram, drawn)
    small = image.resize((math.ceil(size[0] / FINE), math.ceil(size[1] / FINE)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


class _Painter:
    """Draws in the units of a layout."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self.draw, self.scale = draw, scale
        self.fonts = {size: ImageFont.load_default(size * scale) for size in (FONT, SMALL)}

    def paint(self, diagram: Diagram, drawn: Layout) -> None:
        for box, area in drawn.boxes:
            self.rectangle(area, 8.0, BOX, FAINT)
            self.text((area.x + 8.0, area.y + 9.0), box_name(box), SMALL, "lm")
        for path in drawn.paths:
            self.arrow(path)
        for index, place in drawn.labels.items():
            self.text(place, diagram.arrows[index].label, SMALL)
        for index, area in drawn.vertices.items():
            self.vertex(diagram.vertices[index], area)

    def vertex(self, vertex: Vertex, area: Area) -> None:
        self.rectangle(area, 5.0 if vertex.kind == "call" else area.height / 2, FILL, LINE)
        x, y = area.x + area.width / 2, area.y + area.height / 2
        lift = 8.0 if vertex.detail else 0.0
        self.text((x, y - lift), short_name(vertex), FONT)
        self.text((x, y + lift), vertex.detail, SMALL)

    def rectangle(self, area: Area, radius: float, fill: str, line: str) -> None:
        corners = [(area.x, area.y), (area.x + area.width, area.y + area.height)]
        self.draw.rounded_rectangle(self.scaled(corners), radius * self.scale, fill, line, round(self.scale))

    def text(self, place: Point, text: str, size: float, anchor: str = "mm") -> None:
        self.draw.text(self.scaled([place])[0], text, INK, self.fonts[size], anchor)

    def arrow(self, path: Path) -> None:
        (x, y), (half, length) = path.points[-1], HEAD
        end = (x, y - length) if path.head else (x, y)
        self.draw.line(self.scaled(list(_curve([*path.points[:-1], end]))), LINE, round(self.scale), "curve")
        if path.head:
            self.draw.polygon(self.scaled([(x, y), (x - half, y - length), (x + half, y - length)]), INK)

    def scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.scale, y * self.scale) for x, y in points]


def _curve(points: Sequence[Point]) -> Iterator[Point]:
    """The points of a line through `points` that is vertical at each of them: cubic Bézier curves, as in SVG."""
    yield points[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        for i in range(1, 17 if x0 != x1 else 2):
            t = i / 16 if x0 != x1 else 1.0
            share = t * t * (3 - 2 * t)
            yield x0 + (x1 - x0) * share, y0 + (y1 - y0) * t * (1.5 - 1.5 * t + t * t)
