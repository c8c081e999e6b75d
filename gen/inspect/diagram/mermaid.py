"""A diagram as Mermaid text, which GitHub and many editors draw: https://mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from gen.graph.graph import Box
from gen.inspect.diagram.diagram import Diagram, Vertex, box_name, boxes_around, short_name

SHAPES = {"input": ("([", "])"), "call": ("[", "]"), "output": ("([", "])")}


def mermaid(diagram: Diagram) -> str:
    """The text of a flowchart from top to bottom; boxes are subgraphs."""
    return "\n".join(["flowchart TD", *_vertices(diagram), *_arrows(diagram)]) + "\n"


def _vertices(diagram: Diagram) -> Iterator[str]:
    open_boxes: list[Box] = []
    opened = 0
    for place, vertex in enumerate(diagram.vertices):
        wanted = boxes_around(vertex.box)
        common = len(list(takewhile(lambda pair: pair[0] is pair[1], zip(open_boxes, wanted, strict=False))))
        yield from _ends(open_boxes, common)
        for depth, box in enumerate(wanted[common:], start=common):
            yield f"{_indent(depth)}subgraph box{opened}[{_quoted(_escaped(box_name(box)))}]"
            opened += 1
        open_boxes = wanted
        yield f"{_indent(len(wanted))}{_vertex(place, vertex)}"
    yield from _ends(open_boxes, 0)


def _ends(boxes: Sequence[Box], keep: int) -> Iterator[str]:
    """The lines that close the open boxes, except for the outermost `keep`; the innermost comes first."""
    for depth in reversed(range(keep, len(boxes))):
        yield f"{_indent(depth)}end"


def _indent(depth: int) -> str:
    return "    " * (depth + 1)


def _vertex(place: int, vertex: Vertex) -> str:
    before, after = SHAPES[vertex.kind]
    lines = filter(None, (short_name(vertex), vertex.detail))
    return f"n{place}{before}{_quoted('<br>'.join(map(_escaped, lines)))}{after}"


def _arrows(diagram: Diagram) -> Iterator[str]:
    for arrow in diagram.arrows:
        yield f'    n{arrow.source} -->|"{_escaped(arrow.label)}"| n{arrow.target}'


def _quoted(text: str) -> str:
    return f'"{text}"'


def _escaped(text: str) -> str:
    """`text` with entities for the characters that have a meaning in Mermaid or HTML."""
    return "".join(char if char.isalnum() or char in " _-,.()/·*+" else f"#{ord(char)};" for char in text)
