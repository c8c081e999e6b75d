"""Random models keep step with Keras: outputs, figures, every gradient and three steps of the optimizer, in float64.

A sample here; `make prove` has two thousand.  What fails is shrunk to a small file, which is printed and kept as
`failed_SEED.nn` in the folder of pytest's temporary files.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest
from hypothesis import assume, event
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask
from keras.src.trainers.compile_utils import get_metric

from gen import compiler
from gen.compiler import Options
from gen.diagnostics import Diagnostics, Source, render_text
from tests.building import PROVE, QUICK, load, rows_of
from tests.draws import Draws
from tests.keras_twin import computes_in, metric_class, slots
from tests.pasted import paired
from tests.proof import alone
from tests.random_models import RandomModel, prove_random_models
from tests.slices import CUT
from tests.slices import compare as compare_slices

SEEDS, EACH = (20, 100) if PROVE else (2, 2)
CLOSE: dict[str, float] = {"rtol": 1e-9, "atol": 1e-11}
PLAIN = Options(passes=frozenset(), formatted=False)
BATCHES = ((3, 9), (1, 9), (4, 12), (3, 9))
"""Rows and steps of one batch after the other."""


@pytest.mark.parametrize("start", range(SEEDS))
def test_a_random_model_keeps_step_with_keras(start: int, tmp_path: Path) -> None:
    prove_random_models(start, EACH, tmp_path, compare)


def compare(model: RandomModel) -> None:
    """Everything of a model against Keras, without passes, at other sizes and from two threads."""
    text, plain, cut = texts(model)
    module = load(text, "random")
    ours = module.Model(0, np.float64)
    ours.rng = Draws()
    theirs = model.keras
    variables = paired(ours.weights, [variable for variable in theirs.weights if "seed_generator" not in variable.path])
    rng = np.random.default_rng(0)
    for name, value in ours.weights.items():
        value[...] = rng.uniform(0.5, 1.5, value.shape) if "variance" in name else rng.normal(0.0, 0.5, value.shape)
        variables[name].assign(value.copy())  # JAX may keep the memory that it is given
    step = Keras(model)
    for rows, steps in BATCHES[:3]:
        inputs = model.inputs(rng, rows, steps)
        predicted, masks = step.predict_with_masks(inputs)
        try:
            found = rows_of(ours.predict(alone(inputs)))
        except ValueError as error:
            assume("at least" not in str(error))
            raise
        for value, expected in zip(found, predicted, strict=True):
            np.testing.assert_allclose(value, expected, **CLOSE, err_msg="prediction")
        assume(not clips(model, predicted))
        targets = model.outputs(rng, predicted)
        total, gradients = step(inputs, targets)
        if largest(total, *gradients.values()) > 1e6:
            event("diverges")  # where rounding decides
            assume(False)
        close = bounds(*gradients.values())
        losses, grads = ours.loss_and_grads(alone(inputs), alone(targets))
        np.testing.assert_allclose(losses["loss"], total, **CLOSE, err_msg="loss")
        scores = ours.evaluate(alone(inputs), alone(targets))
        for name, value in figures(model, targets, predicted, masks).items():
            np.testing.assert_allclose(scores[name], value, **CLOSE, err_msg=f"{name} of {list(scores)}")
        for name, variable in variables.items():
            if variable.path in gradients:
                expected, said = gradients[variable.path], f"gradient of {name}"
                if np.allclose(grads[name], expected, **close):
                    continue
                event("rounding decides a gradient")
                room = 10 * step.rounding(inputs, targets)[variable.path]
                np.testing.assert_allclose(
                    grads[name], expected, **{**close, "atol": close["atol"] + room}, err_msg=said
                )
        ours.train_on_batch(alone(inputs), alone(targets))
        step.apply({variable.path: grads.get(name) for name, variable in variables.items()})
        for name, variable in variables.items():
            np.testing.assert_allclose(
                ours.weights[name], step.value(variable), **close, err_msg=f"{name} after a step"
            )
    for name, slot in step.slots(variables).items():
        np.testing.assert_allclose(ours.slots[name], slot, **close, err_msg=name)
    stays_itself(model, ours, module)
    passes_change_nothing(model, ours, load(plain, "random_plain"))
    slices_change_nothing(model, ours, load(cut, "random_cut"))


def texts(model: RandomModel) -> tuple[str, str, str]:
    """The generated file, the one without any pass, and the one that cuts every batch.

    What gen refuses is unsupported, or fails in Keras too.
    """
    source, diagnostics = Source("random.nn", model.text), Diagnostics()
    graph = compiler.understand(source, diagnostics)
    if graph is None:
        errors = [item for item in diagnostics.in_source_order() if item.severity == "error"]
        for item in errors:
            event(f"refused: {item.code}")
        if not all(item.code in ("unsupported-argument", "loss-range") for item in errors):
            assert not runs_in_keras(model), render_text(source, errors)
        assume(False)
        raise AssertionError
    if any(item.code == "joint-statistics" for item in diagnostics.items):
        event("not as Keras, with a warning")
        assume(False)
    text, plain, cut = (compiler.generate(graph, "random.nn", options) for options in (QUICK, PLAIN, CUT))
    return text, plain, cut


def runs_in_keras(model: RandomModel) -> bool:
    """Whether Keras computes every tensor of a model, and a training step."""
    rng = np.random.default_rng(0)
    inputs = model.inputs(rng, *BATCHES[0])
    try:
        model.whole(alone(inputs))
        step = Keras(model)
        step(inputs, model.outputs(rng, step.predict(inputs)))
    except Exception:  # which Keras has many of, for shapes that do not fit
        return False
    return True


def stays_itself(model: RandomModel, ours: Any, module: Any) -> None:
    """Batches of other sizes in between, and other threads, leave no trace in what a model computes."""
    rng = np.random.default_rng(1)
    batches = [model.inputs(rng, rows, steps) for rows, steps in BATCHES]
    alike = module.Model(0, np.float64)
    expected = []
    for inputs in batches:
        fresh = module.Model(0, np.float64)
        for name, value in ours.weights.items():
            fresh.weights[name][...] = alike.weights[name][...] = value
        expected.append(rows_of(fresh.predict(alone(inputs))))
    wrong: list[str] = []

    def predict(order: list[int]) -> None:
        for place in order:
            for value, wanted in zip(rows_of(alike.predict(alone(batches[place]))), expected[place], strict=True):
                if not np.allclose(value, wanted, rtol=1e-12, atol=1e-13, equal_nan=True):
                    wrong.append(f"prediction of batch {place}")

    threads = [threading.Thread(target=predict, args=(order,)) for order in ([0, 1, 2, 3] * 3, [3, 2, 0, 1] * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong


def passes_change_nothing(model: RandomModel, ours: Any, plain: Any) -> None:
    rng, other = np.random.default_rng(2), plain.Model(0, np.float64)
    other.step, other.rng = ours.step, ours.rng
    for name, value in ours.weights.items():
        other.weights[name][...] = value
    for rows, steps in BATCHES:
        inputs = model.inputs(rng, rows, steps)
        predicted = rows_of(ours.predict(alone(inputs)))
        for value, expected in zip(rows_of(other.predict(alone(inputs))), predicted, strict=True):
            np.testing.assert_allclose(value, expected, **CLOSE, err_msg="prediction without passes")
        if clips(model, predicted):
            return
        targets = alone(model.outputs(rng, predicted))
        (losses, grads), (plain_losses, plain_grads) = (
            each.loss_and_grads(alone(inputs), targets) for each in (ours, other)
        )
        for name, loss in losses.items():
            np.testing.assert_allclose(plain_losses[name], loss, **CLOSE, err_msg=f"{name} without passes")
        close = bounds(*grads.values())
        for name, gradient in grads.items():
            np.testing.assert_allclose(
                plain_grads[name], gradient, **close, err_msg=f"gradient of {name} without passes"
            )


def slices_change_nothing(model: RandomModel, ours: Any, cut: Any) -> None:
    """Two and three threads compute what one does."""
    rng = np.random.default_rng(3)
    inputs = model.inputs(rng, *BATCHES[2])
    predicted = rows_of(ours.predict(alone(inputs)))
    if not clips(model, predicted):
        targets = model.outputs(rng, predicted)
        for threads in (2, 3):
            compare_slices(cut, inputs, targets, threads)


def largest(*arrays: Any) -> float:
    return max(float(np.abs(array).max()) for array in arrays)


def bounds(*gradients: Any) -> dict[str, float]:
    """How close values are that come of such gradients, beside which rounding leaves some of what cancels."""
    return {**CLOSE, "atol": CLOSE["atol"] + 1e-14 * largest(*gradients)}


def clips(model: RandomModel, predicted: Sequence[np.ndarray]) -> bool:
    """Whether Keras takes a prediction for 1e-7 that is less; crossentropies of gen are exact, from the logits."""
    pairs = zip(model.keras.loss, predicted, strict=True)
    found = any("crossentropy" in loss and (value.min() < 1e-6 or value.max() > 1.0 - 1e-6) for loss, value in pairs)
    if found:
        event("clips")
    return found


def figures(
    model: RandomModel, targets: list[np.ndarray], predicted: list[np.ndarray], masks: list[np.ndarray | None]
) -> dict[str, float]:
    """The metrics of predictions by name."""
    found = {}
    for name, words, true, value, mask in zip(
        model.keras.output_names, model.metrics, targets, predicted, masks, strict=True
    ):
        for word in words:
            seen = keras.ops.convert_to_tensor(value)
            set_keras_mask(seen, mask)
            metric = metric_class(type(get_metric(word, true, seen)).__name__)()
            metric.update_state(true, seen)
            found[f"{name}_{word}" if len(predicted) > 1 else word] = float(metric.result())
    return found


class Keras:
    """A training step of Keras, computed by JAX with automatic differentiation."""

    def __init__(self, model: RandomModel) -> None:
        computes_in("float64")
        self.model = model.keras
        self.model.optimizer.build(self.model.trainable_variables)
        self.trained = [variable.value for variable in self.model.trainable_variables]
        self.others = [variable.value for variable in self.model.non_trainable_variables]
        self.kept = [variable.value for variable in self.model.optimizer.variables]
        self.run = jax.jit(self._run)
        self.infer = jax.jit(self._infer)

    def _run(self, trained: Any, others: Any, slots: Any, x: Any, y: Any) -> Any:
        lose = jax.value_and_grad(self.model.compute_loss_and_updates, has_aux=True)
        metrics = [variable.value for variable in self.model.metrics_variables]
        arguments = {"sample_weight": None, "training": True, "optimizer_variables": slots}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of masks that end
            (total, (_, _, others, _)), gradients = lose(trained, others, metrics, x, y, **arguments)
        return total, gradients, others

    def _infer(self, trained: Any, others: Any, x: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = self.model.stateless_call(trained, others, x, training=False)[0]
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        return list(outputs), [get_keras_mask(output) for output in outputs]

    def __call__(self, inputs: list[np.ndarray], targets: list[np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        """Goes forward and back; the loss and the gradients."""
        state = self.before = self.trained, self.others, self.kept
        results = possible(self.run, *state, alone(inputs), alone(targets))
        if any(np.isnan(gradient).any() for gradient in results[1]):
            # XLA computes a maximum anew for its gradient, at times with another rounding, and then finds it nowhere.
            results = self._run(*state, alone(inputs), alone(targets))
        total, gradients, self.others = results
        names = [variable.path for variable in self.model.trainable_variables]
        return float(total), dict(zip(names, map(np.asarray, gradients), strict=True))

    def rounding(self, inputs: list[np.ndarray], targets: list[np.ndarray]) -> dict[str, float]:
        """How far each gradient of the last call moves when every weight moves by its last bit, or less.

        As much is left to rounding, in Keras as in gen: a gradient that is 0 because its summands cancel, for example.
        """
        rng, (trained, others, kept) = np.random.default_rng(0), self.before
        runs = []
        for size in (0.0, *[np.finfo(np.float64).eps] * 6):
            moved = [np.asarray(each) * (1.0 + size * rng.integers(-1, 2, each.shape)) for each in trained]
            runs.append(self.run(moved, others, kept, alone(inputs), alone(targets))[1])
        names = [variable.path for variable in self.model.trainable_variables]
        return {
            name: max(float(np.abs(np.asarray(each) - np.asarray(first)).max()) for each in others)
            for name, first, *others in zip(names, *runs, strict=True)
        }

    def apply(self, gradients: dict[str, Any]) -> None:
        """Takes a step with gradients, which are ours: of those that are zero but for rounding a step makes much."""
        given = [gradients[variable.path] for variable in self.model.trainable_variables]
        self.trained, self.kept = self.model.optimizer.stateless_apply(self.kept, given, self.trained)

    def predict(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        return self.predict_with_masks(inputs)[0]

    def predict_with_masks(self, inputs: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """The outputs, and which of their steps count."""
        outputs, masks = possible(self.infer, self.trained, self.others, alone(inputs))
        return list(map(np.asarray, outputs)), [mask if mask is None else np.asarray(mask) for mask in masks]

    def slots(self, variables: dict[str, Any]) -> dict[str, np.ndarray]:
        """What the optimizer remembers, of weights by name."""
        return slots(self.model, variables, self.kept)

    def value(self, variable: Any) -> np.ndarray:
        """What a variable is after the steps taken."""
        for variables, values in (
            (self.model.trainable_variables, self.trained),
            (self.model.non_trainable_variables, self.others),
        ):
            for each, value in zip(variables, values, strict=True):
                if each is variable:
                    return np.asarray(value)
        raise KeyError(variable.path)


def possible(action: Callable[..., Any], *arguments: Any) -> Any:
    """What Keras gives, where it gives anything: it fails on some masks, of a normalisation of steps among others."""
    try:
        return action(*arguments)
    except (IndexError, TypeError, ValueError):
        event("Keras itself fails")
        assume(False)
        raise
