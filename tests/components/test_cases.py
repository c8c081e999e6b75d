"""Every case is executed, differentiated, compared with Keras and with its golden; passes change nothing.

A case is a small `.nn` file in `tests/cases`; beside it is its golden, the model's own part of the generated file.
`python -m tests.goldens` writes the goldens anew: read the difference before committing it.

Keras takes longest.  A run has cases that hold every layer once, and some others; `make prove` has all: run it where a
golden changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen.compiler import PASSES, Options
from gen.components import registry
from gen.components.base import Component
from gen.graph.graph import Graph
from gen.inspect.dump import functions
from tests import keras_twin, pasted, proof
from tests.building import (
    CASES,
    PROVE,
    QUICK,
    case_graph,
    case_module,
    case_text,
    random_inputs,
    random_targets,
    rows_of,
    sample,
)

TRAINED = [path for path in CASES if "compile" in path.read_text("utf-8")]


def ids(path: Path) -> str:
    return path.stem


def with_every_component(paths: Sequence[Path], kinds: Iterable[str] = registry) -> list[Path]:
    """The smallest cases that have every component of some kinds."""
    names = {name for kind in kinds for key, cls in registry[kind].items() for name in (key, cls.__name__)}
    found = {path: names & set(re.findall(r"\w+", path.read_text("utf-8"))) for path in paths}
    seen: set[str] = set()
    kept = []
    for path in sorted(paths, key=lambda path: len(found[path])):
        if found[path] - seen:
            kept.append(path)
            seen |= found[path]
    return kept


@pytest.mark.parametrize("path", CASES, ids=ids)
def test_the_text_is_that_of_its_golden(path: Path) -> None:
    golden = path.with_suffix(".golden")
    assert golden.exists(), f"{golden.name} is missing: python -m tests.goldens"
    assert functions(case_graph(path), path.name, Options(verify=True)) + "\n" == golden.read_text("utf-8")


@pytest.mark.parametrize("path", TRAINED if PROVE else with_every_component(TRAINED), ids=ids)
def test_every_gradient_equals_central_differences(path: Path) -> None:
    proof.check_gradients(case_module(path))


COMPARED = CASES if PROVE else sorted({*with_every_component(CASES, ["layer"]), *CASES[::18]})
"""What has no weights is compared alone in test_components.py, and operations in test_tensor_operations.py."""


@pytest.mark.parametrize("path", COMPARED, ids=ids)
def test_it_keeps_step_with_keras(path: Path) -> None:
    """Predictions, and three training steps; Keras runs the text itself where functions of it compute something."""
    graph = case_graph(path)
    if any(each.text not in keras_twin.losses_of_keras(graph) for each in graph.formulas()):
        pasted.keeps_step(path.read_text("utf-8"), graph, case_module(path))
    else:
        proof.compare_with_keras(graph, case_module(path))


OFF = [(path, PASSES) for path in sample(TRAINED, 12)]
OFF += [(path, (name,)) for path in sample(TRAINED, 128) for name in PASSES]
"""Cases with all passes off, and some with each of them off alone, which tells whose fault a difference is."""


@pytest.mark.parametrize(
    ("path", "without"), OFF, ids=lambda item: ids(item) if isinstance(item, Path) else "-".join(item)
)
def test_passes_change_no_number(path: Path, without: tuple[str, ...]) -> None:
    options = replace(QUICK, passes=frozenset(PASSES).difference(without))
    graph = case_graph(path)
    rng = np.random.default_rng(4)
    inputs, targets = random_inputs(graph, rng, proof.ROWS), random_targets(graph, rng, proof.ROWS)
    with_all, with_less = (case_module(path, each).Model(1, np.float64) for each in (QUICK, options))
    for model in (with_all, with_less):
        proof.perturb(model)
    for _ in range(2):
        first, second = (model.train_on_batch(inputs, targets) for model in (with_all, with_less))
        proof.compare_logs(first, second, f"without {', '.join(without)}")
    for first, second in zip(*(rows_of(model.predict(inputs)) for model in (with_all, with_less)), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-11)
    for name, value in with_all.weights.items():
        np.testing.assert_allclose(value, with_less.weights[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("path", sample(CASES, 30), ids=ids)
def test_building_again_gives_the_same_bytes(path: Path) -> None:
    first = case_text(path)
    case_text.cache_clear()
    assert case_text(path) == first


def test_every_component_has_a_case() -> None:
    used: set[type[Component]] = set()
    for path in CASES:
        used |= set(components_of(case_graph(path)))
    missing = {cls.__name__ for kind in registry.values() for cls in kind.values()} - {cls.__name__ for cls in used}
    assert not missing - {"AccuracyOfLoss"}, "no file in tests/cases uses these"  # it always resolves to another


def components_of(graph: Graph) -> Any:
    """The classes of all components that a graph holds, arguments of components included."""
    found: list[Any] = [layer.component for layer in graph.layers]
    for node in graph.nodes:
        found.append(node.layer.component)
    for layer in graph.layers:
        for weight in layer.weights.values():
            found += [weight.initializer, weight.regularizer, weight.constraint]
    for output in graph.outputs:
        found += [output.loss, getattr(output.loss, "component", None), *(metric for _, metric in output.metrics)]
    if graph.training is not None:
        found.append(graph.training.optimizer)
    for item in found:
        if isinstance(item, Component):
            yield type(item)
            for value in vars(item).values():
                if isinstance(value, Component):
                    yield type(value)
