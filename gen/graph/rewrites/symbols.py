"""Rewrite: new names for the sizes that only data decides, such as unique identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gen.dims import Dim, renamed, sizes_in
from gen.graph.graph import Formula, Graph, NamedLayer, Node, Output, OwnLoss, OwnMetric, Tensor


def rename_symbols(graph: Graph, names: Mapping[str, str]) -> Graph:
    """`graph`, with the names that `names` has for the symbols of its sizes; the same object if none changes."""
    if all(old == new for old, new in names.items()):
        return graph
    sizes = {old: Dim.symbol(new) for old, new in names.items()}
    done: dict[Tensor, Tensor] = {}
    layers: dict[NamedLayer, NamedLayer] = {}

    def tensor(item: Tensor) -> Tensor:
        if item not in done:
            done[item] = replace(item, shape=renamed(item.shape, names))
        return done[item]

    def maybe(item: Tensor | None) -> Tensor | None:
        return None if item is None else tensor(item)

    def node(item: Node) -> Node:
        return replace(
            item,
            layer=layer(item.layer),
            options={name: sizes_in(value, sizes) for name, value in item.options.items()},
            inputs=tuple(map(tensor, item.inputs)),
            outputs=tuple(map(tensor, item.outputs)),
            masks=tuple(map(maybe, item.masks)),
            inner=tuple(map(tensor, item.inner)),
        )

    def layer(item: NamedLayer) -> NamedLayer:
        if item not in layers:
            fields = vars(item.component)
            changed = {name: new for name, old in fields.items() if (new := sizes_in(old, sizes)) != old}
            layers[item] = replace(item, component=_with(item.component, changed)) if changed else item
        return layers[item]

    def formula(item: Formula) -> Formula:
        return replace(
            item,
            inputs=tuple(map(tensor, item.inputs)),
            nodes=tuple(map(node, item.nodes)),
            value=tensor(item.value),
        )

    def output(item: Output) -> Output:
        inside, mask, loss = maybe(item.loss_input), maybe(item.mask), item.loss
        if isinstance(loss, OwnLoss):
            loss = replace(loss, formula=formula(loss.formula))
        metrics = tuple(
            (name, replace(metric, formula=formula(metric.formula)) if isinstance(metric, OwnMetric) else metric)
            for name, metric in item.metrics
        )
        return replace(item, tensor=tensor(item.tensor), loss_input=inside, mask=mask, loss=loss, metrics=metrics)

    return replace(
        graph,
        inputs=tuple(replace(item, tensor=tensor(item.tensor)) for item in graph.inputs),
        nodes=tuple(map(node, graph.nodes)),
        outputs=tuple(map(output, graph.outputs)),
        layers=tuple(map(layer, graph.layers)),
        added=tuple(map(formula, graph.added)),
        penalties=tuple(
            replace(item, layer=layer(item.layer), formula=formula(item.formula)) for item in graph.penalties
        ),
        constrained=tuple(
            replace(item, layer=layer(item.layer), formula=formula(item.formula)) for item in graph.constrained
        ),
    )


def _with(component: Any, fields: dict[str, Any]) -> Any:
    """A component with other fields."""
    return replace(component, **fields)
