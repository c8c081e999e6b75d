"""The names that a model's things have in the generated file."""

from __future__ import annotations

from dataclasses import dataclass, field

from gen.dims import Shape, renamed
from gen.graph.graph import NamedLayer, Output, Tensor

RELATED = ("true", "weight", "loss", "rows", "mask", "count")
"""What is named after an output: its targets and their weights, its loss, its head as a matrix, the mask of its steps,
and how many of them count."""


@dataclass(frozen=True)
class Identifiers:
    """The Python names of a model's things, each of one thing alone; those of weights are a table of their own.

    Whatever a program names besides them gets a name that is not in `taken`.
    """

    tensors: dict[Tensor, str]
    gradients: dict[Tensor, str]
    outputs: dict[Output, str]
    related: dict[tuple[Output, str], str]
    """What belongs to an output, by one of `RELATED`: `answer_true`."""
    weights: dict[tuple[NamedLayer, str], str]
    """By layer and weight name: attributes of `Params`."""
    taken: frozenset[str]
    """All names but those of weights, and what the generated module needs itself."""
    split: frozenset[Tensor] = frozenset()
    """Tensors between a layer and the activation that was split from it; they share the name of the result."""
    measures: dict[tuple[Output, str], str] = field(default_factory=dict)
    """The functions of the metrics that the file computes itself, by the output and the name in the logs."""
    symbols: dict[str, str] = field(default_factory=dict)
    """Sizes that only data decide, besides the batch: the name that the file has for each, and the identifier that is
    its symbol in the graph.  A size that is named after an input shares its identifier: no function has both."""

    def shown(self, shape: Shape) -> Shape:
        """A shape of the graph in the symbols of the file."""
        return renamed(shape, {ident: symbol for symbol, ident in self.symbols.items()})
