"""What is drawn: vertices and arrows, without places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gen.dims import show
from gen.graph.graph import Box
from gen.inspect.facts import Edge, Facts


@dataclass(frozen=True)
class Vertex:
    """An input, a call or an output, with its name and a line that says what it is."""

    kind: Literal["input", "call", "output"]
    name: str
    detail: str
    box: Box | None = None


@dataclass(frozen=True)
class Arrow:
    """An array on its way from one vertex to another, by their places among the vertices; `label` is its shape."""

    source: int
    target: int
    label: str


@dataclass(frozen=True)
class Diagram:
    """A model.  Every arrow goes from an earlier vertex to a later one; the vertices of a box follow each other."""

    name: str
    vertices: tuple[Vertex, ...]
    arrows: tuple[Arrow, ...]


def diagram_of(facts: Facts) -> Diagram:
    """The model of `facts`."""
    places: dict[tuple[bool, str], int] = {}
    vertices: list[Vertex] = []
    arrows: list[Arrow] = []

    def arrow(edge: Edge) -> None:
        arrows.append(Arrow(places[edge.from_input, edge.source], len(vertices), show(edge.shape)))

    for item in facts.inputs:
        places[True, item.name] = len(vertices)
        vertices.append(Vertex("input", item.name, item.dtype))
    for call in facts.calls:
        for edge in call.inputs:
            arrow(edge)
        places[False, call.name] = len(vertices)
        count = f" · {call.parameters:,}" if call.parameters else " · shared" if call.shared else ""
        vertices.append(Vertex("call", call.name, call.kind + count, call.box))
    for output in facts.outputs:
        arrow(output.source)
        vertices.append(Vertex("output", output.name, output.loss))
    return Diagram(facts.name, tuple(vertices), tuple(arrows))


def short_name(vertex: Vertex) -> str:
    """The name without that of the box, which stands above it."""
    return vertex.name.removeprefix(f"{vertex.box.name}/") if vertex.box is not None else vertex.name


def box_name(box: Box) -> str:
    """The same for a box in a box."""
    return box.name.removeprefix(f"{box.parent.name}/") if box.parent is not None else box.name


def boxes_around(box: Box | None) -> list[Box]:
    """A box and those that it stands in, the outermost first."""
    return [] if box is None else [*boxes_around(box.parent), box]
