"""Which tables the ids of an input are looked up in, and which part of the input in each."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gen.components.base import Activation, Layer, ShapeError
from gen.components.layers.embedding import AsIds
from gen.components.layers.operators import MergeSteps, Slice
from gen.graph.graph import Graph, Tensor


def vocabulary(graph: Graph, tensor: Tensor) -> int | None:
    """The least table that ids of `tensor` are looked up in; None if they are not."""
    return min((size for _, size in lookups(graph, tensor)), default=None)


def lookups(graph: Graph, tensor: Tensor, part: str = "", axes: int | None = 1) -> Iterator[tuple[str, int]]:
    """Where ids of `tensor` are looked up: the part of it, as NumPy's brackets, and the length of the table.

    Ids are followed through whatever passes whole numbers on, for none of that changes them.  `axes` is how many axes
    the rows have so far, of which all is taken: 1 for the batch, more where steps have become rows; None where the
    numbers have been moved, after which all of them are held to the table, looked up or not.
    """
    for node in graph.nodes:
        component = node.layer.component
        if tensor not in node.inputs or not isinstance(component, Layer):
            continue
        size, (result, *_) = component.vocabulary(), node.outputs
        if size is not None:
            yield part, size
        elif isinstance(component, Slice) and axes is not None:
            yield from lookups(graph, result, part + brackets(component, axes), axes)
        elif isinstance(component, MergeSteps) and axes is not None:
            yield from lookups(graph, result, part, axes + 1)
        elif isinstance(component, AsIds):
            yield from lookups(graph, result, part, axes)
        elif result.dtype != "bool" and keeps_numbers(component, len(node.inputs)):
            yield from lookups(graph, result, part, axes if isinstance(component, Slice) else None)


def keeps_numbers(component: Layer | Activation, inputs: int) -> bool:
    """Whether a layer passes numbers on as they are, whole ones too: in another shape, or fewer of them."""
    if not isinstance(component, Layer):
        return False
    try:
        return component.dtype(*["int32"] * inputs) == "int32"
    except ShapeError:
        return False


def brackets(component: Slice, axes: int) -> str:
    """The slice as it is written, with `axes` axes in the place of the batch."""
    index = ast.Tuple([ast.Slice()] * (axes - 1) + [_part(item) for item in component.parts], ast.Load())
    return ast.unparse(ast.Subscript(ast.Name("", ast.Load()), index, ast.Load()))


def _part(part: int | tuple[int | None, int | None, int | None]) -> ast.expr:
    if isinstance(part, int):
        return ast.Constant(part)
    return ast.Slice(*(None if bound is None else ast.Constant(bound) for bound in part))
