"""The contents of a picture: vertices and arrows, without places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gen.dims import show
from gen.graph.graph import Box
from gen.inspect.facts import Edge, Facts


@dataclass(frozen=True)
class Vertex:
    """An input, a call, or an output, with its name and a line that describes it."""

    kind: Literal["input", "call", "output"]
    name: str
    detail: str
    box: Box | None = None


@dataclass(frozen=True)
class Arrow:
    """An array that goes from one vertex to another, both given by index; `label` is its shape."""

    source: int
    target: int
    label: str


@dataclass(frozen=True)
class Diagram:
    """A model.  Every arrow goes from an earlier vertex to a later one, and the vertices of a box are consecutive."""

    name: str
    vertices: tuple[Vertex, ...]
    arrows: tuple[Arrow, ...]


def diagram_of(facts: Facts) -> Diagram:
    """The diagram of the model that `facts` describes."""
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
    """The name without the name of the box, which is above it."""
    return vertex.name.removeprefix(f"{vertex.box.name}/") if vertex.box is not None else vertex.name


def box_name(box: Box) -> str:
    """The same for a box inside a box."""
    return box.name.removeprefix(f"{box.parent.name}/") if box.parent is not None else box.name


def boxes_around(box: Box | None) -> list[Box]:
    """A box and the boxes around it, the outermost first."""
    return [] if box is None else [*boxes_around(box.parent), box]
