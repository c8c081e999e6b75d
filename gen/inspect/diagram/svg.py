"""A diagram as SVG.

Lines and letters have the color of the text around the picture (`currentColor`), so the picture is readable on light
and dark pages.  As a separate file, it follows the reader's preference.  Each vertex is a `<g>` with its name in
`data-call` (`data-input`, `data-output`), and each part of an arrow has the names of its ends, so that a page can find
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from gen.inspect.diagram.diagram import Diagram, Vertex, box_name, short_name
from gen.inspect.diagram.placement import FONT, HEAD, SMALL, Area, Path, layout

STYLE = f"""\
.gen-diagram:root {{ color: #1f2328 }}
@media (prefers-color-scheme: dark) {{ .gen-diagram:root {{ color: #e6edf3 }} }}
.gen-diagram text {{ fill: currentColor; font: {SMALL:g}px system-ui, Helvetica, Arial, sans-serif; opacity: .75 }}
.gen-diagram text {{ text-anchor: middle }}
.gen-diagram .name {{ font-size: {FONT:g}px; font-weight: 600; opacity: 1 }}
.gen-diagram .title {{ text-anchor: start }}
.gen-diagram rect {{ fill: currentColor; fill-opacity: .06; stroke: currentColor; stroke-opacity: .6 }}
.gen-diagram .box rect {{ fill-opacity: .03; stroke-opacity: .4; stroke-dasharray: 4 3 }}
.gen-diagram path {{ fill: none; stroke: currentColor; stroke-opacity: .6 }}
.gen-diagram .head {{ fill: currentColor; fill-opacity: .8; stroke: none }}
"""


def svg(diagram: Diagram) -> str:
    """The text of an SVG file."""
    drawn = layout(diagram)
    size = f'width="{_number(drawn.width)}" height="{_number(drawn.height)}"'
    view = f'viewBox="0 0 {_number(drawn.width)} {_number(drawn.height)}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" class="gen-diagram" {size} {view} role="img">']
    lines += [f"<title>{escape(diagram.name)}</title>", f"<style>\n{STYLE}</style>"]
    for box, area in drawn.boxes:
        name = _text(area.x + 8, area.y + 13, box_name(box), "title")
        lines.append(f'<g class="box" data-box={quoteattr(box.name)}>{_rect(area, 8)}{name}</g>')
    for path in drawn.paths:
        arrow = diagram.arrows[path.arrow]
        names = [quoteattr(diagram.vertices[end].name) for end in (arrow.source, arrow.target)]
        lines.append(f'<g class="arrow" data-from={names[0]} data-to={names[1]}>{"".join(_path(path))}</g>')
    for index, (x, y) in drawn.labels.items():
        lines.append(_text(x, y + SMALL * 0.35, diagram.arrows[index].label, "shape"))
    for place, area in drawn.vertices.items():
        lines.append(_vertex(diagram.vertices[place], area))
    return "\n".join([*lines, "</svg>", ""])


def _vertex(vertex: Vertex, area: Area) -> str:
    middle, baseline = area.x + area.width / 2, area.y + area.height / 2 + FONT * 0.35
    round_ends = area.height / 2 if vertex.kind != "call" else 5
    lift = 8.0 if vertex.detail else 0.0
    texts = _text(middle, baseline - lift, short_name(vertex), "name")
    if vertex.detail:
        texts += _text(middle, baseline + lift, vertex.detail, "detail")
    return f'<g class="{vertex.kind}" data-{vertex.kind}={quoteattr(vertex.name)}>{_rect(area, round_ends)}{texts}</g>'


def _rect(area: Area, radius: float) -> str:
    sizes = f'x="{_number(area.x)}" y="{_number(area.y)}" width="{_number(area.width)}" height="{_number(area.height)}"'
    return f'<rect {sizes} rx="{_number(radius)}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}">{escape(text)}</text>'


def _path(path: Path) -> Iterator[str]:
    points = list(path.points)
    if path.head:
        x, y = points[-1]
        half, length = HEAD
        points[-1] = (x, y - length)
    data = f"M{_number(points[0][0])} {_number(points[0][1])}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = _number((y0 + y1) / 2)
        if x0 == x1:
            data += f"V{_number(y1)}"
        else:
            data += f"C{_number(x0)} {middle} {_number(x1)} {middle} {_number(x1)} {_number(y1)}"
    yield f'<path d="{data}"/>'
    if path.head:
        x, y = path.points[-1]
        left, right, top = _number(x - half), _number(x + half), _number(y - length)
        yield f'<path class="head" d="M{_number(x)} {_number(y)}L{left} {top}H{right}Z"/>'


def _number(value: float) -> str:
    """`value` rounded to a tenth, without a trailing zero."""
    return f"{value:.1f}".removesuffix(".0")
