"""The state of training that a file has: steps, learning rate, and what the optimizer keeps for each weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gen.graph.graph import Graph
from gen.keras_files.container import Contents
from gen.keras_files.dialects import Model
from gen.keras_files.problems import KerasFileError, Report
from gen.keras_files.text import Written
from gen.keras_files.weights import Array, Layers, weights_of


@dataclass(frozen=True)
class Slots:
    """What training goes on from; arrays by slot and by weight."""

    step: int
    arrays: dict[str, dict[str, Array]]


def slots(
    model: Model, contents: Contents, graph: Graph, written: Written, names: Sequence[str], report: Report
) -> Slots | None:
    """The state of the optimizer whose slots have these names; None if the file has none that fits."""
    if contents.optimizer is None or graph.training is None or not names:
        return None
    shapes = {name: weight.shape for name, weight in weights_of(graph)}
    weights = list(_trained(model, graph, written, contents.major))
    most = 2 * max((weight.size for _, weight in weights_of(graph)), default=0) + 64
    try:
        group = contents.optimizer
        places = group.names("weight_names") if contents.legacy else group.numbered()
        arrays = [group.array((place,), most) for place in places or []]
    except KerasFileError:
        arrays = []
    before = _besides(contents.compiled) * len(weights)
    numbers = next((i for i, array in enumerate(arrays) if array.ndim), len(arrays))
    rest, count = arrays[numbers + before :], len(weights)
    if not rest and arrays:  # compiled, and not trained yet
        return None
    if len(rest) == 3 * count and len(names) == 2 and all(array.size == 1 for array in rest[2 * count :]):
        rest = rest[: 2 * count]  # of Keras 2.2, which keeps one number for each maximum that it does not take
    if len(rest) != len(names) * count:
        rest = [array for array in rest if array.ndim]  # without the numbers that follow from the step
    apart: dict[str, dict[str, Array]] = {}
    mixed: dict[str, dict[str, Array]] = {}
    usual: dict[str, dict[str, Array]] = {}
    if len(rest) == len(names) * count:
        for (name, weight), array in zip(in_order(names, weights), rest, strict=True):
            usual.setdefault(name, {})[weight] = array
        for j, name in enumerate(names):
            apart[name] = {weight: rest[j * count + i] for i, weight in enumerate(weights)}
            mixed[name] = {weight: rest[i * len(names) + j] for i, weight in enumerate(weights)}
    ways = (apart, mixed) if contents.legacy and _is_before(contents.version, 11) else (usual, mixed, apart)
    for found in ways:
        if found and all(array.shape == shapes[w] for each in found.values() for w, array in each.items()):
            step = int(arrays[0]) if numbers else 0
            if step >= 0:
                return Slots(step, found)
    report.note("what the optimizer kept is not of a form that gen knows, so it begins afresh")
    return None


def _besides(compiled: dict[str, Any] | None) -> int:
    """How many arrays a weight has in Keras before its slots: a moving average, a sum of gradients."""
    said = compiled or {}
    config = said.get("optimizer", said.get("optimizer_config"))
    config = config.get("config") if isinstance(config, dict) else None
    if not isinstance(config, dict):
        return 0
    return bool(config.get("use_ema")) + bool(config.get("gradient_accumulation_steps"))


TOGETHER = (
    ("momentum", "velocity"),
    ("momentum", "norm"),
    ("accumulated_grad", "accumulated_delta_var"),
    ("accumulator", "linear"),
)
"""The slots that Keras keeps side by side for each weight, since its version 2.11."""


def in_order(names: Sequence[str], weights: Sequence[str]) -> list[tuple[str, str]]:
    """The slots with these names of each weight in Keras' order: `("momentum", "h/kernel")`, …"""
    pairs, waiting = [], list(names)
    while waiting:
        count = 2 if tuple(waiting[:2]) in TOGETHER else 1
        pairs += [(name, weight) for weight in weights for name in waiting[:count]]
        del waiting[:count]
    return pairs


def _is_before(version: str, minor: int) -> bool:
    parts = version.split(".")
    return parts[0] in ("1", "2", "") and len(parts) > 1 and parts[1].isdecimal() and int(parts[1]) < minor


def _trained(model: Model, graph: Graph, written: Written, major: int) -> Iterator[str]:
    """The weights that are trained, in Keras' order; in Keras 3, what a layer is in does not freeze it."""
    for leaf in Layers(graph, written).of_model(model, (), ()):
        for name, weight in leaf.named.weights.items():
            if weight.trainable and (leaf.trainable if major < 3 else leaf.layer.config.get("trainable") is not False):
                yield f"{leaf.named.name}/{name}"
