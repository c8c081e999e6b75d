"""The sizes that only data decides, and their least values, so that every layer has something to compute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gen.components.base import Layer
from gen.dims import Dim, Size, least
from gen.graph.graph import Graph, Node


def sizes_needed(node: Node) -> Iterable[Size]:
    """The sizes that must be 1 or more for a call: those of its outputs, and those that its layer names."""
    for output in node.outputs:
        yield from output.shape[1:]
    if isinstance(node.layer.component, Layer):
        yield from node.layer.component.needs(*(tensor.shape for tensor in node.inputs))


def least_size(graph: Graph, symbol: str) -> tuple[int, Node | None]:
    """The least value of `symbol`, and the call that needs it; None if any value will do."""
    lowest, reason = 1, None
    for node in graph.nodes:
        for size in sizes_needed(node):
            needed = least(size) if isinstance(size, Dim) and size.symbols() == {symbol} else None
            if needed is not None and needed > lowest:
                lowest, reason = needed, node
    return lowest, reason


def least_sizes(graph: Graph) -> dict[str, int]:
    """The least value of each size that only data decides, by symbol, without the batch."""
    sizes = [size for item in graph.inputs for size in item.tensor.shape[1:] if isinstance(size, Dim)]
    symbols = dict.fromkeys(symbol for size in sizes for symbol in sorted(size.symbols()))
    return {symbol: least_size(graph, symbol)[0] for symbol in symbols}


def typical_sizes(least: Mapping[str, int], batch: int) -> dict[str, int]:
    """Sizes to estimate memory: a batch of this many rows, and 100 for each other size, or its least value."""
    return {"batch": batch, **{symbol: max(100, lowest) for symbol, lowest in least.items()}}
