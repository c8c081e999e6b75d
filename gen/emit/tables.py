"""The tables in the header of a generated file, which are also its summary."""

from __future__ import annotations

from collections.abc import Container, Sequence

from gen.components.base import Activation, describe, registry
from gen.dims import show
from gen.graph.graph import Graph, Node
from gen.graph.identifiers import Identifiers
from gen.graph.rewrites.activations import activation_of


def interface_table(graph: Graph, names: Identifiers, trained: bool) -> str:
    """Inputs and outputs with their shapes; of a model that is `trained`, the losses too."""
    rows = []
    for item in graph.inputs:
        rows.append([item.name, show(names.shown(item.tensor.shape)), _dtype(item.tensor.dtype), "input", "", ""])
    for output in graph.outputs:
        loss = output.loss_text if trained else ""
        weight = f"weight {output.loss_weight:g}" if loss and output.loss_weight != 1 else ""
        rows.append(
            [output.name, show(names.shown(output.tensor.shape)), _dtype(output.tensor.dtype), "output", loss, weight]
        )
    return table(rows)


def layer_table(graph: Graph) -> str:
    """Every layer of a graph as the file has it, activations with their layers, and how many parameters there are."""
    first = {node.layer: node for node in reversed(graph.nodes)}
    rows = [["layer", "kind", "output shape", "parameters"]]
    total = 0
    for node in graph.nodes:
        if first[node.layer] is node and _is_written(node):
            count = sum(weight.size for weight in node.layer.weights.values())
            total += count
            rows.append([node.layer.name, kind_of(node), show(node.outputs[0].shape), f"{count:,}"])
    rows.append(["", "", "", f"{total:,}"])
    return table(rows, right=3)


def _is_written(node: Node) -> bool:
    """Whether the file says what a node does: a wrapper, a mask or a rewrite has layers of its own besides."""
    component = node.layer.component
    named = isinstance(component, Activation) or type(component).__name__ in registry["layer"]
    return named or node.call.operator != ""


def kind_of(node: Node) -> str:
    """What a node's layer is: `Dense, relu, frozen`, `Activation tanh`."""
    if node.call.operator and not isinstance(node.layer.component, Activation):
        return node.call.operator
    if isinstance(node.layer.component, Activation):
        return describe(node.layer.component)
    activation, kind = activation_of(node), type(node.layer.component).__name__
    if activation is not None:
        kind += f"{'' if kind == 'Activation' else ','} {describe(activation)}"
    return f"{kind}, frozen" if node.layer.weights and not node.layer.trainable else kind


def table(rows: Sequence[Sequence[str]], right: int | None = None) -> str:
    """Rows in columns; column `right` is set to the right, a column of empty cells is left out."""
    return "\n".join(columns(rows, () if right is None else (right,)))


def columns(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """The lines of rows in columns; those in `right` are set to the right, a column of empty cells is left out."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _dtype(dtype: str) -> str:
    return "float32" if dtype == "float" else dtype
