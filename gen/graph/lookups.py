"""Which tables look up the ids of an input, and in which part of the input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from gen.graph.graph import Graph, Node, Tensor


def vocabulary(graph: Graph, tensor: Tensor) -> int | None:
    """The smallest table that looks up ids of `tensor`; None if there is none."""
    return min((size for _, size in lookups(graph, tensor)), default=None)


def lookups(graph: Graph, tensor: Tensor, part: str = "", axes: int | None = 1) -> Iterator[tuple[str, int]]:
    """The lookups of ids of `tensor`: its part, as NumPy's brackets, and the length of the table.

    gen follows ids through every layer that passes whole numbers on unchanged.  `axes` is the number of leading axes of
    which all is taken: 1 for the batch, more if steps have become rows.  It is None if numbers have moved; then all of
    them must be in the table, looked up or not.
    """
    readers: dict[Tensor, list[Node]] = {}
    for node in graph.nodes:
        for each in dict.fromkeys(node.inputs):
            readers.setdefault(each, []).append(node)
    seen: set[_Ids] = set()
    pending: list[_Ids] = [(tensor, part, axes)]
    while pending:
        ids = pending.pop()
        if ids in seen:
            continue
        seen.add(ids)
        passed_on: list[_Ids] = []
        for node in readers.get(ids[0], ()):
            size = node.layer.component.vocabulary()
            if size is not None:
                yield ids[1], size
            else:
                passed_on += _passed_on(node, *ids[1:])
        pending += reversed(passed_on)


_Ids: TypeAlias = "tuple[Tensor, str, int | None]"


def _passed_on(node: Node, part: str, axes: int | None) -> Iterator[_Ids]:
    """The result of a node that passes ids on without looking them up; None if they are no longer ids."""
    component, result = node.layer.component, node.outputs[0]
    if result.dtype != "bool" and component.keeps_numbers(len(node.inputs)):
        yield result, *component.part_of_ids(part, axes)
