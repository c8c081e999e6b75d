"""Rewrite: new names for the sizes that only data decides, such as unique identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gen.dims import Dim, renamed, sizes_in
from gen.graph.graph import Graph, NamedLayer, Node, Output, Tensor


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
            layers[item] = replace(item, component=replace(item.component, **changed)) if changed else item
        return layers[item]

    def output(item: Output) -> Output:
        inside, mask = maybe(item.loss_input), maybe(item.mask)
        return replace(item, tensor=tensor(item.tensor), loss_input=inside, mask=mask)

    return replace(
        graph,
        inputs=tuple(replace(item, tensor=tensor(item.tensor)) for item in graph.inputs),
        nodes=tuple(map(node, graph.nodes)),
        outputs=tuple(map(output, graph.outputs)),
        layers=tuple(map(layer, graph.layers)),
    )

