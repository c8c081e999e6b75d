"""Every case is executed, differentiated, compared with Keras and with its golden; passes change nothing.

A case is a small `.nn` file in `tests/cases`; beside it is its golden, the model's own part of the generated file.
`python -m tests.goldens` writes the goldens anew: read the difference before committing it.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen.compiler import PASSES, Options
from gen.components import registry
from gen.components.base import Component
from gen.dump import functions
from gen.graph.graph import Graph
from tests import keras_twin
from tests.building import CASES, QUICK, case_graph, case_module, case_text, random_inputs, random_targets, rows_of

TRAINED = [path for path in CASES if "compile" in path.read_text("utf-8")]
RANDOM = [path for path in TRAINED if "Dropout" in path.read_text("utf-8")]
ROWS = 6


def ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", CASES, ids=ids)
def test_the_text_is_that_of_its_golden(path: Path) -> None:
    golden = path.with_suffix(".golden")
    assert golden.exists(), f"{golden.name} is missing: python -m tests.goldens"
    assert functions(case_graph(path), path.name, Options(verify=True)) + "\n" == golden.read_text("utf-8")


@pytest.mark.parametrize("path", TRAINED, ids=ids)
def test_every_gradient_equals_central_differences(path: Path) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        worst = case_module(path).check()
    assert worst < 1e-6, printed.getvalue()


@pytest.mark.parametrize("path", CASES, ids=ids)
def test_predictions_equal_those_of_keras(path: Path) -> None:
    graph, model = case_graph(path), case_module(path).Model(1, np.float64)
    twin = keras_twin.twin(graph)
    perturb(model)
    keras_twin.load_weights(twin, model.weights)
    inputs = random_inputs(graph, np.random.default_rng(2), ROWS)
    expected = twin(inputs, training=False)
    expected = expected if isinstance(expected, list | tuple) else [expected]
    for output, ours, theirs in zip(graph.outputs, rows_of(model.predict(inputs)), expected, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-8, atol=1e-9, err_msg=output.name)


@pytest.mark.parametrize("path", [path for path in TRAINED if path not in RANDOM], ids=ids)
def test_three_steps_keep_step_with_keras(path: Path) -> None:
    graph, model = case_graph(path), case_module(path).Model(1, np.float64)
    twin = keras_twin.twin(graph)
    perturb(model)
    keras_twin.load_weights(twin, model.weights)
    rng = np.random.default_rng(3)
    for step in range(3):
        inputs, targets = random_inputs(graph, rng, ROWS), random_targets(graph, rng, ROWS)
        twin.reset_metrics()
        theirs = twin.train_on_batch(inputs, targets, return_dict=True)
        ours = model.train_on_batch(inputs, targets)
        compare_logs(ours, theirs, f"step {step}")
        for name, variable in keras_twin.variables(twin).items():
            np.testing.assert_allclose(
                model.weights[name], np.asarray(variable), rtol=1e-8, atol=1e-9, err_msg=f"{name} after step {step}"
            )
    compare_slots(model, graph, keras_twin.slots(twin))


OFF = [(path, PASSES) for path in TRAINED] + [(path, (name,)) for path in TRAINED[::6] for name in PASSES]
"""Every case with all passes off, and some with each of them off alone, which tells whose fault a difference is."""


@pytest.mark.parametrize(
    ("path", "without"), OFF, ids=lambda item: ids(item) if isinstance(item, Path) else "-".join(item)
)
def test_passes_change_no_number(path: Path, without: tuple[str, ...]) -> None:
    options = replace(QUICK, passes=frozenset(PASSES).difference(without))
    graph = case_graph(path)
    rng = np.random.default_rng(4)
    inputs, targets = random_inputs(graph, rng, ROWS), random_targets(graph, rng, ROWS)
    with_all, with_less = (case_module(path, each).Model(1, np.float64) for each in (QUICK, options))
    for model in (with_all, with_less):
        perturb(model)
    for _ in range(2):
        first, second = (model.train_on_batch(inputs, targets) for model in (with_all, with_less))
        compare_logs(first, second, f"without {', '.join(without)}")
    for name, value in with_all.weights.items():
        np.testing.assert_allclose(value, with_less.weights[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("path", CASES[::9], ids=ids)
def test_building_again_gives_the_same_bytes(path: Path) -> None:
    first = case_text(path)
    case_text.cache_clear()
    assert case_text(path) == first


def test_every_component_has_a_case() -> None:
    used: set[type[Component]] = set()
    for path in CASES:
        used |= set(components_of(case_graph(path)))
    missing = {cls.__name__ for kind in registry.values() for cls in kind.values()} - {cls.__name__ for cls in used}
    assert not missing - {"Accuracy"}, "no file in tests/cases uses these"  # `accuracy` is always resolved to another


def components_of(graph: Graph) -> Any:
    """The classes of all components that a graph holds, arguments of components included."""
    found: list[Any] = [layer.component for layer in graph.layers]
    for node in graph.nodes:
        found.append(node.layer.component)
    for layer in graph.layers:
        for weight in layer.weights.values():
            found += [weight.initializer, weight.regularizer]
    for output in graph.outputs:
        found += [output.loss, *(metric for _, metric in output.metrics)]
    if graph.training is not None:
        found.append(graph.training.optimizer)
    for item in found:
        if isinstance(item, Component):
            yield type(item)
            for value in vars(item).values():
                if isinstance(value, Component):
                    yield type(value)


def perturb(model: Any) -> None:
    """Move every weight a little, for zeros and ones hide mistakes."""
    rng = np.random.default_rng(5)
    for name, value in model.weights.items():
        value += rng.uniform(0.02, 0.2, value.shape) * (1 if "variance" in name else rng.choice((-1, 1), value.shape))


def compare_logs(ours: dict[str, float], theirs: dict[str, Any], where: str) -> None:
    for name, value in ours.items():
        assert name in theirs, f"{where}: Keras has no {name}, only {sorted(theirs)}"
        np.testing.assert_allclose(value, float(theirs[name]), rtol=1e-8, atol=1e-9, err_msg=f"{name}, {where}")


def compare_slots(model: Any, graph: Graph, theirs: dict[str, dict[str, np.ndarray]]) -> None:
    params = type(model.p)
    for slot, by_weight in theirs.items():
        ours = params(np.concatenate([getattr(model.s, slot), np.zeros(params.size - model.p.trainable.size)])).named()
        for name, value in by_weight.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-8, atol=1e-9, err_msg=f"{slot} of {name}")
