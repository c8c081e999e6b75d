"""Rewrite: the sizes that only data decide under other names, such as identifiers that nothing else has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gen.dims import Dim, renamed
from gen.graph.graph import Formula, Graph, NamedLayer, Node, Output, OwnLoss, OwnMetric, Tensor


def rename_symbols(graph: Graph, names: Mapping[str, str]) -> Graph:
    """`graph` with each symbol of a size under the name that `names` has for it; itself where none changes."""
    if all(old == new for old, new in names.items()):
        return graph
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
            options={name: _renamed(value, names) for name, value in item.options.items()},
            inputs=tuple(map(tensor, item.inputs)),
            outputs=tuple(map(tensor, item.outputs)),
            masks=tuple(map(maybe, item.masks)),
            inner=tuple(map(tensor, item.inner)),
        )

    def layer(item: NamedLayer) -> NamedLayer:
        if item not in layers:
            fields = vars(item.component)
            changed = {name: new for name, old in fields.items() if (new := _renamed(old, names)) != old}
            layers[item] = replace(item, component=replace(item.component, **changed)) if changed else item
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
    )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The sizes among the arguments of an operation under their new names."""
    if isinstance(value, tuple):
        return tuple(_renamed(item, names) for item in value)
    return value.renamed(names) if isinstance(value, Dim) else value
