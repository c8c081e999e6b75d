"""Sizes that only data decide: what they must be at least, so that every layer has something to compute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gen.components.base import Layer
from gen.dims import Dim, Size, least
from gen.graph.graph import Graph, Node


def sizes_needed(node: Node) -> Iterable[Size]:
    """What has to be 1 or more for a call to make sense: the sizes of its outputs, and what its layer says."""
    for output in node.outputs:
        yield from output.shape[1:]
    if isinstance(node.layer.component, Layer):
        yield from node.layer.component.needs(*(tensor.shape for tensor in node.inputs))


def least_size(graph: Graph, symbol: str) -> tuple[int, Node | None]:
    """The least that `symbol` can be, and the call that needs as much; None where any size will do."""
    lowest, reason = 1, None
    for node in graph.nodes:
        for size in sizes_needed(node):
            needed = least(size) if isinstance(size, Dim) and size.symbols() == {symbol} else None
            if needed is not None and needed > lowest:
                lowest, reason = needed, node
    return lowest, reason


def least_sizes(graph: Graph) -> dict[str, int]:
    """The least of each size that only data decide, by symbol; the batch is not among them."""
    sizes = [size for item in graph.inputs for size in item.tensor.shape[1:] if isinstance(size, Dim)]
    symbols = dict.fromkeys(symbol for size in sizes for symbol in sorted(size.symbols()))
    return {symbol: least_size(graph, symbol)[0] for symbol in symbols}


def typical_sizes(least: Mapping[str, int], batch: int) -> dict[str, int]:
    """Sizes to judge memory by: a batch of so many rows, and whatever else data decide 100, or as much as it must."""
    return {"batch": batch, **{symbol: max(100, lowest) for symbol, lowest in least.items()}}
