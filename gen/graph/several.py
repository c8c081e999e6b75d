"""Several models of a file that work on one set of weights: one list of layers, and one order of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations

from gen.graph.graph import Graph, NamedLayer, Shared
from gen.graph.names import RESERVED, Names, of_member

MOST_ORDERED = 7
"""How many sets of weights, each trained by other models, are laid out in every order: 5,040."""


MEMBERS_OF_SET = frozenset(["load", "save", "weights"])
"""What the models of a set, which are its attributes, may not be called, besides what nothing may be called."""


def share(models: Sequence[tuple[str, Graph]]) -> list[Graph] | None:
    """The graphs of models, by the names of these, each with the layers of all.

    None if the weights cannot lie in one vector such that those which a model trains are side by side.
    """
    layers = list(dict.fromkeys(layer.name for _, graph in models for layer in graph.layers if layer.weights))
    own = [{layer.name: layer for layer in graph.layers if layer.weights} for _, graph in models]
    order = _order(layers, own, [graph for _, graph in models])
    if order is None:
        return None
    members = _members([name for name, _ in models])
    first = {name: layer for each in reversed(own) for name, layer in each.items()}
    return [
        replace(
            graph,
            layers=(
                *(each.get(name) or _foreign(first[name]) for name in layers),
                *(layer for layer in graph.layers if not layer.weights),
            ),
            shared=Shared(member, members, order),
        )
        for (_, graph), each, member in zip(models, own, members, strict=True)
    ]


def alone(graph: Graph) -> Graph:
    """One of the graphs of `share` as it is without the other models."""
    if graph.shared is None:
        return graph
    formulas = [node for formula in graph.formulas() for node in formula.nodes]
    own = {node.layer for node in (*graph.nodes, *formulas)}
    return replace(graph, shared=None, layers=tuple(layer for layer in graph.layers if layer in own))


def _members(names: Sequence[str]) -> tuple[str, ...]:
    """An identifier for each model, whose class has a name of its own too."""
    made, found, classes = Names(MEMBERS_OF_SET), [], (RESERVED | {"Models", "SharedParams"}) - {"Model"}
    for name in names:
        member = name if name == "model" and name not in found else made.make(name)
        while of_member("Model", member) in classes:
            member = made.make(f"{name}_model")
        classes |= {of_member("Model", member)}
        found.append(member)
    return tuple(found)


def _foreign(layer: NamedLayer) -> NamedLayer:
    """A layer of other models, as one sees it that does not call it."""
    weights = {name: replace(weight, regularizer=None, constraint=None) for name, weight in layer.weights.items()}
    return replace(layer, weights=weights, trainable=False)


def _order(
    layers: Sequence[str], own: Sequence[dict[str, NamedLayer]], graphs: Sequence[Graph]
) -> tuple[str, ...] | None:
    """The weights in an order in which those that a model trains are side by side."""
    trainers: dict[str, frozenset[int]] = {}
    for name in layers:
        for weight in next(each[name] for each in own if name in each).weights:
            trainers[f"{name}/{weight}"] = frozenset(
                i
                for i, (each, graph) in enumerate(zip(own, graphs, strict=True))
                if graph.training is not None
                and name in each
                and each[name].trainable
                and each[name].weights[weight].trainable
            )
    order: list[frozenset[int]] = []
    for sets in _linked(list(dict.fromkeys(each for each in trainers.values() if each))):
        found = _side_by_side(sets, range(len(graphs)))
        if found is None:
            return None
        order += found
    ranks = {each: rank for rank, each in enumerate((*order, frozenset()))}
    return tuple(sorted(trainers, key=lambda weight: ranks[trainers[weight]]))


def _linked(sets: Sequence[frozenset[int]]) -> list[list[frozenset[int]]]:
    """The sets in groups, such that those of different groups have nothing in common."""
    groups: list[list[frozenset[int]]] = []
    for each in sets:
        touched = [group for group in groups if any(each & other for other in group)]
        groups = [group for group in groups if group not in touched]
        groups.append([*(other for group in touched for other in group), each])
    return groups


def _side_by_side(sets: Sequence[frozenset[int]], models: Iterable[int]) -> tuple[frozenset[int], ...] | None:
    """The sets in an order in which those that have a number in common are side by side, for each of the numbers."""
    if len(sets) > MOST_ORDERED:
        return None
    fits = (found for found in permutations(sets) if all(_is_together([i in each for each in found]) for i in models))
    return next(fits, None)


def _is_together(held: Sequence[bool]) -> bool:
    """Whether what is true lies side by side."""
    return "".join("x" if each else " " for each in held).strip().find(" ") < 0
