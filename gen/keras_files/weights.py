"""The arrays of a file by the names that gen has for them: `layer/weight`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gen.components.base import Weight
from gen.graph.graph import Graph, NamedLayer
from gen.keras_files.arguments import Arguments
from gen.keras_files.container import Contents
from gen.keras_files.dialects import Layer, Model
from gen.keras_files.expressions import is_function
from gen.keras_files.hdf5 import Group
from gen.keras_files.problems import KerasFileError, MissingWeightsError, Report
from gen.keras_files.text import Written
from gen.language.elaborate.older import LAYER_NAMES

Array = np.ndarray[Any, np.dtype[Any]]
TURNED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
"""Layers whose kernels Theano goes through backwards."""
GATES = {"LSTM": ("i", "f", "c", "o"), "GRU": ("z", "r", "h")}
CLIPPED = {"LSTM": (0, 1, 3), "GRU": (0, 1)}
"""The gates that `recurrent_activation` is applied to."""


@dataclass(frozen=True)
class Leaf:
    """A layer of gen's that a layer of the file is, or that is inside of it."""

    layer: Layer
    named: NamedLayer
    keys: tuple[str, ...]
    """Where its arrays are, below the group of the layer around it."""
    trainable: bool


class Layers:
    """gen's layers, found by the names of those of the file."""

    def __init__(self, graph: Graph, written: Written) -> None:
        self._by_name = {layer.name: layer for layer in graph.layers}
        self._written = written

    def leaves(self, layer: Layer, prefix: tuple[str, ...], keys: tuple[str, ...], trainable: bool) -> Iterator[Leaf]:
        """All layers with weights that are in a layer of the file, in Keras' order."""
        trainable = trainable and layer.config.get("trainable") is not False
        if layer in self._written.left_out or is_function(layer):
            return
        own = self._written.names.get(layer, layer.name)
        if layer in self._written.replaced:
            for named in self._by_name.values():
                if named.weights and (named.name == own or named.name.startswith(f"{own}/")):
                    yield Leaf(layer, named, keys, trainable)
            return
        if layer.model is not None:
            yield from self.of_model(layer.model, (*prefix, own), keys, trainable)
        elif layer.kind == "Bidirectional" and layer.inner is not None:
            inner = layer.inner
            name = inner.name.removeprefix("forward_")
            for direction in ("forward", "backward"):
                found = self._find((*prefix, own, f"{direction}_{self._written.names.get(inner, name)}"))
                cell = inner.inner or inner
                if found is not None:
                    yield Leaf(cell, found, (*keys, f"{direction}_layer", "cell"), trainable)
        elif layer.kind == "RNN" and layer.inner is not None and layer.inner.cells:
            for cell, key in zip(layer.inner.cells, counted(each.kind for each in layer.inner.cells), strict=True):
                found = self._find((*prefix, self._written.names.get(cell, cell.name)))
                if found is not None:
                    yield Leaf(cell, found, (*keys, "cell", "cells", key), trainable)
        elif layer.kind == "TimeDistributed" and layer.inner is not None:
            yield from self.leaves(layer.inner, (*prefix, own), (*keys, "layer"), trainable)
        else:
            found = self._find((*prefix, own))
            if found is not None and found.weights:
                recurrent = layer.kind == "RNN" or "recurrent_kernel" in found.weights
                cell = layer.inner if layer.kind == "RNN" and layer.inner is not None else layer
                yield Leaf(cell, found, (*keys, "cell") if recurrent else keys, trainable)

    def of_model(
        self, model: Model, prefix: tuple[str, ...], keys: tuple[str, ...], trainable: bool = True
    ) -> Iterator[Leaf]:
        """All layers with weights in a model."""
        for layer, key in zip(model.layers, group_names(model), strict=True):
            yield from self.leaves(layer, prefix, (*keys, "layers", key), trainable)

    def _find(self, path: Sequence[str]) -> NamedLayer | None:
        """The layer at a path; wherever it is, where its name is the only one that ends so."""
        for start in range(len(path)):
            end = "/".join(path[start:])
            if start == 0 and end in self._by_name:
                return self._by_name[end]
            found = [layer for name, layer in self._by_name.items() if name == end or name.endswith(f"/{end}")]
            if len(found) == 1:
                return found[0]
            if found:
                return None
        return None


def group_names(model: Model) -> list[str]:
    """The names of the groups that hold the arrays of the layers of a model: by class, counted."""
    kinds = []
    for layer in model.layers:
        is_counted = not layer.operation and not (model.sequential and layer.kind == "InputLayer")
        inner = layer.model is not None and not layer.model.sequential
        kinds.append(("functional" if inner else layer.kind.split(">")[-1]) if is_counted else "")
    return counted(kinds)


def counted(kinds: Iterable[str]) -> list[str]:
    """The names of groups of the classes of layers; "" for what has none."""
    counts: dict[str, int] = {}
    names = []
    for kind in kinds:
        key = snake(kind)
        number = counts[key] = counts.get(key, -1) + 1
        names.append(f"{key}_{number}" if number and key else key)
    return names


def snake(name: str) -> str:
    """A name in snake case, as Keras makes it for its files."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def collect(
    model: Model, contents: Contents, graph: Graph, written: Written, report: Report, share: bool = False
) -> dict[str, Array]:
    """Every weight of the graph, from the file.  Raises `KerasFileError` where one is missing or has another shape.

    With `share`, a layer that is in several places has its weights in the first.
    """
    assert contents.weights is not None
    layers = Layers(graph, written)
    found: dict[str, Array] = {}
    if contents.legacy:
        for layer in model.layers:
            leaves = list({leaf.named: leaf for leaf in reversed([*layers.leaves(layer, (), (), True)])}.values())[::-1]
            if leaves:
                found |= legacy(contents, layer, leaves, report)
    else:
        for leaf in layers.of_model(model, (), ()):
            if not (share and all(f"{leaf.named.name}/{name}" in found for name in leaf.named.weights)):
                found |= _numbered(contents, leaf, report)
    missing = [name for name, _ in weights_of(graph) if name not in found]
    if missing:
        raise MissingWeightsError(f"{contents.path} has no weights for {', '.join(missing[:3])}")
    return found


def check_sizes(model: Model, graph: Graph, written: Written) -> None:
    """Raise `KerasFileError` where a Deconvolution2D of Keras 1 has a size that does not follow from its input."""
    made = {node.layer: node.outputs[0].shape for node in graph.nodes}
    for leaf in Layers(graph, written).of_model(model, (), ()):
        said = leaf.layer.config.get("output_shape")
        if leaf.layer.kind != "Deconvolution2D" or not isinstance(said, list):
            continue
        for size, other in zip(made[leaf.named][1:], said[1:], strict=True):
            if type(other) is int and isinstance(size, int) and size != other:
                raise KerasFileError(
                    f"the layer {leaf.layer.name} makes {tuple(said[1:])} of its input, and gen's Conv2DTranspose"
                    f" {made[leaf.named][1:]}"
                )


def weights_of(graph: Graph) -> Iterator[tuple[str, Weight]]:
    """The weights of a graph by name."""
    for layer in graph.layers:
        for name, weight in layer.weights.items():
            yield f"{layer.name}/{name}", weight


def statistics(model: Model, contents: Contents) -> dict[Layer, tuple[Array, Array]]:
    """Mean and variance of each Normalization, which its configuration has, or else the file."""
    root = contents.weights
    found: dict[Layer, tuple[Array, Array]] = {}
    waiting: list[tuple[Model, tuple[str, ...], str]] = [(model, (), "")]
    counts: dict[str, int] = {}
    while waiting:
        each, keys, top = waiting.pop(0)
        for layer, key in zip(each.layers, group_names(each), strict=True):
            if layer.model is not None:
                waiting.append((layer.model, (*keys, "layers", key), top or layer.name))
            if layer.kind != "Normalization" or layer.operation:
                continue
            given = [layer.config.get(name) for name in ("mean", "variance")]
            if None not in given:
                mean, variance = (np.asarray(value, dtype=_computes_in(layer)) for value in given)
            elif root is None:
                continue
            else:
                if contents.legacy:
                    group = root.group(top or layer.name)
                    count = counts[top] = counts.get(top, -1) + 1
                    places = _statistics_among((group and group.names("weight_names")) or [])[3 * count :]
                else:
                    group, places = root.group(*keys, "layers", key, "vars"), ["0", "1"]
                if group is None or len(places) < 2:
                    continue
                mean, variance = (_of_floats(group.array((place,), 100_000)) for place in places[:2])
            found[layer] = mean, variance
    return found


def _statistics_among(names: Sequence[str]) -> list[str]:
    """The arrays of Normalizations among those of a layer or a model: mean, variance, and count of each."""
    return [name for name in names if re.sub(r":\d+$", "", name).split("/")[-1] in ("mean", "variance", "count")]


def _computes_in(layer: Layer) -> str:
    """The float type of a layer: Keras 2 says it as a word, Keras 3 as a policy."""
    said = layer.config.get("dtype")
    if isinstance(said, dict):
        said = said["config"]["name"]
    return "float64" if said in (None, "float64") else "float32"


def _of_floats(array: Array) -> Array:
    return array if array.dtype == np.float64 else array.astype(np.float32)


# ------------------------------------------------------------------------------------------------- arrays by number


def _numbered(contents: Contents, leaf: Leaf, report: Report) -> dict[str, Array]:
    """The arrays of a layer in a file of Keras 3, or of Keras 2 since 2.12."""
    root, named, keys = contents.weights, leaf.named, leaf.keys
    assert root is not None
    group = root.group(*keys)
    if group is None and keys[:1] == ("layers",):
        older = root.group("_layer_checkpoint_dependencies", *keys[1:])  # Keras 2.12
        group = older if older is not None else root.group(*_in_older_groups(keys))
    if group is None:
        raise MissingWeightsError(f"{root.shown} has no weights for the layer {leaf.layer.name}")
    places: dict[str, list[str]] = {}
    values: dict[str, Array] = {}
    for name in named.weights:
        part = name.rpartition("/")[0]
        if part not in places:
            places[part] = [f"{_part(group, part)}vars/{number}" for number in _numbers(group, _part(group, part))]
        if not places[part]:
            raise MissingWeightsError(f"{root.shown} has no array for {named.name}/{name}")
        weight, place = named.weights[name], places[part].pop(0)
        values[name] = group.array((place,), max(weight.size * 2, 64))
    left = [each for each in places.values() if each]
    if left and leaf.layer.kind != "Normalization":
        raise KerasFileError(f"{root.shown} has more weights for the layer {leaf.layer.name} than gen's layer has")
    return fitted(contents, leaf, values, report)


def _in_older_groups(keys: Sequence[str]) -> list[str]:
    return ["_layer_checkpoint_dependencies" if key == "layers" else key for key in keys]


def _part(group: Group, part: str) -> str:
    """The group of a part of a layer: of one of the projections of a MultiHeadAttention."""
    if not part:
        return ""
    word = "output" if "output" in part else part
    for name in (f"{word}_dense", f"_{word}_dense", f"_{part}_dense", part):
        if group.group(name) is not None:
            return f"{name}/"
    return f"{part}/"


def _numbers(group: Group, part: str) -> list[str]:
    inside = group.group(f"{part}vars")
    return inside.numbered() if inside is not None else []


# --------------------------------------------------------------------------------------------------- arrays by name


def legacy(contents: Contents, layer: Layer, leaves: Sequence[Leaf], report: Report) -> dict[str, Array]:
    """The arrays of a layer, or of a model in the model, in an HDF5 file of whole models."""
    root = contents.weights
    assert root is not None
    group = root.group(layer.name)
    names = group.names("weight_names") if group is not None else None
    if group is None or names is None:
        raise KerasFileError(f"{root.shown} has no weights for the layer {layer.name}")
    if layer.model is not None:
        read = _statistics_among(names)
        names = [name for name in names if name not in read]
    expected = [
        (leaf, name)
        for training in (True, False)
        for leaf in leaves
        for name, weight in leaf.named.weights.items()
        if (weight.trainable and leaf.trainable) is training
    ]
    values: dict[Leaf, dict[str, Array]] = {}
    if len(leaves) == 1 and len(names) != len(expected):
        found = [group.array((name,), _most(leaves)) for name in names]
        values[leaves[0]] = _of_older_cells(found, leaves[0], contents)
    else:
        if len(names) != len(expected):
            found_count = f"{len(names)} arrays, not {len(expected)}"
            raise MissingWeightsError(f"{root.shown}: the layer {layer.name} has {found_count}")
        for (leaf, name), place in zip(expected, _places(group, names, expected), strict=True):
            values.setdefault(leaf, {})[name] = group.array((place,), leaf.named.weights[name].size * 2 + 64)
    found_: dict[str, Array] = {}
    for leaf, each in values.items():
        found_ |= fitted(contents, leaf, each, report)
    return found_


def _most(leaves: Sequence[Leaf]) -> int:
    return 2 * sum(weight.size for leaf in leaves for weight in leaf.named.weights.values()) + 64


def _places(group: Group, names: Sequence[str], expected: Sequence[tuple[Leaf, str]]) -> list[str]:
    """The array for each weight: by the last two parts of its name where that is clear, else in order, by shape."""
    by_end: dict[tuple[str, str], list[str]] = {}
    for name in names:
        parts = re.sub(r":\d+$", "", name).split("/")
        by_end.setdefault((parts[-2] if len(parts) > 1 else "", parts[-1]), []).append(name)
    found = [by_end.get((leaf.layer.name, name.rpartition("/")[2]), []) for leaf, name in expected]
    unique = all(len(each) == 1 for each in found)
    if unique and len({each[0] for each in found}) == len(names) and "/" not in "".join(n for _, n in expected):
        return [each[0] for each in found]
    shapes = [group.shape(name) for name in names]
    wanted = [leaf.named.weights[name].shape for leaf, name in expected]
    if _alike(shapes, wanted):
        return list(names)
    places: list[str] = []
    left = list(zip(names, shapes, strict=True))
    for shape in wanted:
        place = next((each for each in left if _same_shape(each[1], shape)), None)
        if place is None:
            return list(names)
        left.remove(place)
        places.append(place[0])
    return places


def _alike(found: Sequence[Any], wanted: Sequence[tuple[int, ...]]) -> bool:
    return all(_same_shape(one, other) for one, other in zip(found, wanted, strict=True))


def _same_shape(one: Any, other: tuple[int, ...]) -> bool:
    if one is None:
        return False
    short = tuple(size for size in other if size != 1)
    return one == other or (tuple(size for size in one if size != 1) == short)


def _of_older_cells(found: Sequence[Array], leaf: Leaf, contents: Contents) -> dict[str, Array]:
    """The arrays of a recurrent layer that Keras 1 keeps gate by gate: W, U and b of each."""
    kind, names = leaf.layer.kind, list(leaf.named.weights)
    order = {"LSTM": (0, 2, 1, 3), "GRU": (0, 1, 2)}.get(kind)  # i, c, f, o in Keras 1
    if order is None or len(found) != 3 * len(order) or len(names) != 3:
        raise KerasFileError(
            f"{contents.path}: the layer {leaf.layer.name} has {len(found)} arrays, not {len(leaf.named.weights)}"
        )
    return {name: np.concatenate([found[3 * i + part] for i in order], axis=-1) for part, name in enumerate(names)}


# -------------------------------------------------------------------------------------------------------- as gen has it


def fitted(contents: Contents, leaf: Leaf, values: Mapping[str, Array], report: Report) -> dict[str, Array]:
    """The arrays of a layer as gen's layer has them, by their full names."""
    named, kind = leaf.named, _kind(leaf)
    values = dict(values)
    if "kernel" in values:
        values["kernel"] = _kernel(values["kernel"], leaf, contents)
    if kind in GATES and "recurrent_kernel" in values:
        values = _from_cudnn(values, named, kind)
        if leaf.layer.kind.startswith(("LSTM", "GRU")) and _has_old_gates(leaf, contents.major):
            values = {name: _steeper(array, kind) for name, array in values.items()}
            report.note(
                f"{leaf.layer.name}: its weights of gates are 1.2 times those in the file, because `hard_sigmoid` was"
                " steeper in Keras 2; it predicts the same, and training takes other steps"
            )
    found = {}
    for name, weight in named.weights.items():
        array = values[name]
        if array.shape != weight.shape and _same_shape(array.shape, weight.shape):
            array = array.reshape(weight.shape)
        if array.shape != weight.shape:
            raise KerasFileError(
                f"{contents.path}: {leaf.layer.name} has a {name} of the shape {array.shape}, and its configuration"
                f" asks for {weight.shape}"
            )
        if not np.isfinite(array).all():
            report.note(f"{named.name}/{name} has numbers that are not finite")
        found[f"{named.name}/{name}"] = np.asarray(array, order="C")
    return found


def _kernel(array: Array, leaf: Leaf, contents: Contents) -> Array:
    """The kernel of a convolution of Keras 1 with its axes as they are since 2, and not turned round as in Theano."""
    kind = LAYER_NAMES.get(leaf.layer.kind, leaf.layer.kind)
    shape = leaf.named.weights["kernel"].shape
    if contents.major == 1 and array.ndim == 4:
        if kind == "Conv1D" and (array.shape[:2] != (shape[0], 1) or array.shape[3] != shape[2]):  # before 1.2
            array = array.transpose(2, 3, 1, 0)
        if kind == "Conv2DTranspose":
            array = array.transpose(0, 1, 3, 2)
    if contents.backend == "theano" and kind in TURNED:
        array = np.flip(array, tuple(range(array.ndim - 2)))
    return array


def _kind(leaf: Leaf) -> str:
    kind = leaf.layer.kind.removeprefix("CuDNN").removesuffix("Cell")
    return kind if kind in GATES else ""


def _has_old_gates(leaf: Leaf, major: int) -> bool:
    arguments = Arguments(leaf.layer.name, major, Report())
    config = leaf.layer.config
    given = config.get("recurrent_activation", config.get("inner_activation", "hard_sigmoid"))
    return not leaf.layer.kind.startswith("CuDNN") and arguments.is_old_hard_sigmoid(given)


def _steeper(array: Array, kind: str) -> Array:
    """The columns of the gates 1.2 times as large: clip(x / 5 + 1 / 2, 0, 1) is `hard_sigmoid` of 1.2 x."""
    array = array.copy()
    units = array.shape[-1] // len(GATES[kind])
    for gate in CLIPPED[kind]:
        array[..., gate * units : (gate + 1) * units] *= 1.2
    return array


def _from_cudnn(values: dict[str, Array], named: NamedLayer, kind: str) -> dict[str, Array]:
    """Weights that were saved by CuDNNLSTM or CuDNNGRU, which have two biases and kernels of another order."""
    gates, bias = len(GATES[kind]), values.get("bias")
    units = named.weights["recurrent_kernel"].shape[0]
    if bias is None or bias.shape != (2 * gates * units,):
        return values
    kernel = [each.T.reshape(each.shape, order="F") for each in np.split(values["kernel"], gates, axis=1)]
    recurrent = [each.T for each in np.split(values["recurrent_kernel"], gates, axis=1)]
    both = bias.reshape(2, gates * units)
    joined = both if named.weights["bias"].shape == both.shape else both.sum(axis=0)
    return {
        "kernel": np.concatenate(kernel, axis=1),
        "recurrent_kernel": np.concatenate(recurrent, axis=1),
        "bias": joined,
    }
