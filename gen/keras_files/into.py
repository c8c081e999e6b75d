"""Weights alone, for a model that a `.nn` file describes: found by name, else in order, always by shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gen.components.activations import HardSigmoid
from gen.graph.graph import Graph, NamedLayer
from gen.keras_files.container import Contents
from gen.keras_files.dialects import Layer
from gen.keras_files.hdf5 import Group
from gen.keras_files.problems import KerasFileError, Report
from gen.keras_files.weights import Array, Leaf, fitted, legacy, weights_of


def weights_into(graph: Graph, contents: Contents, report: Report) -> dict[str, Array]:
    """Every weight of the graph.  Raises `KerasFileError` where the file has none that fits."""
    if contents.tensors is not None:
        return _by_name(graph, contents)
    layers = [layer for layer in graph.layers if layer.weights]
    found = _by_layer(layers, contents, report) if contents.legacy else _by_number(layers, contents, report)
    missing = [name for name, _ in weights_of(graph) if name not in found]
    if missing:
        raise KerasFileError(f"{contents.path} has no weights for {', '.join(missing[:3])}")
    return found


def _by_name(graph: Graph, contents: Contents) -> dict[str, Array]:
    """The arrays of a file that has them by gen's names, with slashes or dots."""
    assert contents.tensors is not None
    found = {}
    for name, weight in weights_of(graph):
        array = contents.tensors.get(name, contents.tensors.get(name.replace("/", ".")))
        if array is None:
            raise KerasFileError(f"{contents.path} has no weight called {name}: {', '.join(contents.tensors)[:300]}")
        if array.shape != weight.shape:
            raise KerasFileError(f"{contents.path} has {name} of shape {array.shape}, and the model of {weight.shape}")
        found[name] = array
    return found


def _leaf(layer: NamedLayer) -> Leaf:
    """A layer as if it stood in a configuration."""
    component: Any = layer.component
    config: dict[str, Any] = {"recurrent_activation": "sigmoid"}
    if isinstance(getattr(component, "recurrent_activation", None), HardSigmoid):
        config["recurrent_activation"] = "hard_sigmoid"
    made = Layer(layer.name.rpartition("/")[2], type(component).__name__, config)
    return Leaf(made, layer, (), layer.trainable)


def _by_layer(layers: Sequence[NamedLayer], contents: Contents, report: Report) -> dict[str, Array]:
    """The arrays of a file that has them by layer and name."""
    root = contents.weights
    assert root is not None
    names = [name for name in root.names("layer_names") or [] if _has_weights(root, name)]
    groups: dict[str, list[NamedLayer]] = {}
    for layer in layers:
        groups.setdefault(layer.name if layer.name in names else layer.name.split("/")[0], []).append(layer)
    if not set(groups) <= set(names):
        if len(names) != len(groups):
            raise KerasFileError(
                f"{contents.path} has weights of {len(names)} layers ({', '.join(names)[:200]}), and the model has"
                f" {len(groups)} with weights ({', '.join(groups)[:200]}): give its layers the names in the file"
            )
        groups = dict(zip(names, groups.values(), strict=True))
        report.note("the names of layers are others in the file: their weights are taken in order")
    found: dict[str, Array] = {}
    for name, members in groups.items():
        found |= legacy(contents, Layer(name, "", {}), [_leaf(layer) for layer in members], report)
    return found


def _has_weights(root: Group, name: str) -> bool:
    group = root.group(name)
    return bool(group is not None and group.names("weight_names"))


@dataclass(frozen=True)
class _Place:
    """A group of numbered arrays."""

    path: tuple[str, ...]
    group: Group
    numbers: list[str]
    names: frozenset[str]
    """What the file says that the layer is called, and those around it."""

    def fits(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        return len(self.numbers) == len(shapes) and all(
            self.group.shape(number) == shape for number, shape in zip(self.numbers, shapes, strict=True)
        )

    def is_of(self, name: str) -> tuple[int, int]:
        """How much says that this is the layer of a name, in which slashes are between it and what it is in.

        The groups are counted in the order of the layers, so what is called `conv2d_5` may be in `conv2d_6`: a name
        that the file says comes first.  What a Bidirectional holds has a name that Keras has counted, and a group that
        says its direction.
        """
        names = {*name.split("/"), name}
        direction = name.rpartition("/")[2].partition("_")[0]
        return 2 * len(names & self.names) + (f"{direction}_layer" in self.path), len(names & {*self.path})


def _by_number(layers: Sequence[NamedLayer], contents: Contents, report: Report) -> dict[str, Array]:
    """The arrays of a file that has them by number: each part of a layer takes the first place that fits."""
    root = contents.weights
    assert root is not None
    places = sorted(_places(root), key=lambda place: _natural(place.path))
    found: dict[str, Array] = {}
    for layer in layers:
        leaf, values = _leaf(layer), {}
        parts: dict[str, list[str]] = {}
        for name in layer.weights:
            parts.setdefault(name.rpartition("/")[0], []).append(name)
        for part, names in parts.items():
            shapes = [layer.weights[name].shape for name in names]
            fitting = [place for place in places if place.fits(shapes)]
            most = max((place.is_of(layer.name) for place in fitting), default=(0, 0))
            fitting = [place for place in fitting if place.is_of(layer.name) == most]
            inside = [place for place in fitting if any(part.split("_")[-1] in each for each in place.path)]
            fitting = inside if part and inside else fitting
            if not fitting:
                raise KerasFileError(f"{contents.path} has no arrays of the shapes of {layer.name}: {shapes}")
            place = fitting[0]
            places.remove(place)
            for name, number in zip(names, place.numbers, strict=True):
                values[name] = place.group.array((number,), layer.weights[name].size)
        found |= fitted(contents, leaf, values, report)
    return found


def _places(root: Group) -> Iterator[_Place]:
    for path, group in root.arrays():
        if (path[:1] and path[0] in ("optimizer", "metrics", "loss")) or "seed_generator" in path:
            continue
        names = set()
        for end in range(len(path)):
            around = root.group(*path[:end], "vars")
            said = around.attribute("name") if around is not None else None
            if said:
                names.add(said)
        yield _Place(path, group, group.numbered(), frozenset(names))


def _natural(path: Sequence[str]) -> list[tuple[str, int]]:
    """The order of `dense`, `dense_1`, `dense_10`."""
    found = []
    for name in path:
        match = re.fullmatch(r"(.*?)_?(\d+)?", name)
        assert match is not None
        found.append((match[1], int(match[2] or 0)))
    return found
