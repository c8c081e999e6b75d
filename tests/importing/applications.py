"""Every model of `keras.applications`, with random weights: imported, built, and asked what Keras is asked.

    python -m tests.importing.applications             # all of them
    python -m tests.importing.applications VGG16 …     # some

Keras computes in float64, and the models end in logits: a softmax of random weights is 0 and 1, and hides differences.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

from gen import compiler
from gen.keras_files.reading import import_files
from tests.building import load
from tests.keras_twin import computes_in

LEAST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
"""The least width of a picture, where 32 is not enough."""
EVERY = [name for name in dir(keras.applications) if name[0].isupper()]
CLASSES = 10
MOST_LAYERS, MOST_PARAMETERS = 600, 200_000_000
"""Of a model that XLA compiles in one piece: for a larger one it needs up to 20 GB.  Keras computes those by layers."""


@dataclass(frozen=True)
class Compared:
    """What came of one model."""

    lines: int
    """Of the `.nn` text."""
    generated: int
    """Lines of the generated file."""
    importing: float
    building: float
    """Seconds."""
    text: str
    difference: float
    """The largest one to Keras, relative to the largest output."""
    spread: float
    """How much the outputs of two pictures differ, relative to the largest: what is nearly 0 proves nothing."""


def made(name: str) -> Any:
    """A model as Keras has it, whose numbers neither vanish nor explode."""
    size = LEAST.get(name, 32)
    shape = (size, size, 3)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=shape, classes=CLASSES, classifier_activation=None
    )
    model.run_eagerly = len(model.layers) > MOST_LAYERS or model.count_params() > MOST_PARAMETERS
    randomize(model)
    calibrate(model)
    return model


def randomize(model: Any) -> None:
    """Random weights in place of zeros and ones, moving statistics and scales among them."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if weight.name == "count":  # of a Normalization
            continue
        if weight.name in ("moving_variance", "variance", "gamma"):
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) < 2:
            weight.assign(rng.normal(size=shape) * 0.1)
        else:
            depthwise = len(shape) == 4 and shape[-1] == 1
            inputs = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
            weight.assign(rng.normal(size=shape) * np.sqrt(2 / inputs))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def calibrate(model: Any) -> None:
    """Give each BatchNormalization the statistics of what comes in: deep layers see a picture, and numbers stay near 1.

    All variances are 0.2 larger, and nothing is dropped out meanwhile: with small variances, or those of something
    else, outputs of two hundred layers differ by 1e-5 in Keras alone where weights differ in their last digit.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    drops = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    rates = [layer.rate for layer in drops]
    for layer in drops:
        layer.rate = 0
    before = [(layer.momentum, layer.epsilon) for layer in norms]
    for layer in norms:
        layer.momentum, layer.epsilon = 0.0, layer.epsilon + 0.2
    variables = model.trainable_variables, model.non_trainable_variables
    values = [[variable.value for variable in each] for each in variables]

    def call(*given: Any) -> Any:
        return model.stateless_call(*given, training=True)[1]

    call = call if model.run_eagerly else jax.jit(call)
    for variable, value in zip(variables[1], call(*values, pictures(model)), strict=True):
        variable.assign(value + 0.2 if variable.name == "moving_variance" else value)
    for layer, settings in zip(norms, before, strict=True):
        layer.momentum, layer.epsilon = settings
    for layer, rate in zip(drops, rates, strict=True):
        layer.rate = rate


def pictures(model: Any, count: int = 8) -> np.ndarray:
    """Pictures of one color each, with noise."""
    rng = np.random.default_rng(1)
    whole = any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers)
    colors = rng.uniform(-1, 1, (count, 1, 1, 3)) + rng.uniform(-0.5, 0.5, (count, *model.inputs[0].shape[1:]))
    return (colors + 1.5) * 85 if whole else colors


def compare(model: Any, folder: Path, x: np.ndarray | None = None) -> Compared:
    """Import a model that Keras saves, build it, and compare the predictions.  The model is kept no longer."""
    x = pictures(model)[:2] if x is None else x
    theirs = model.predict(x, verbose=0)
    path = folder / "model.keras"
    model.save(path)
    del model
    keras.backend.clear_session()
    jax.clear_caches()
    gc.collect()
    start = time.perf_counter()
    found = import_files([path], {})
    imported = time.perf_counter()
    text, graph, weights = found.text, found.graph, found.weights
    del found  # it holds the file
    generated = compiler.generate(graph, "model.nn")
    built = time.perf_counter()
    ours = load(generated, "model").Model(0, np.float64)
    for name in list(weights):
        ours.weights[name][...] = weights.pop(name)
    largest = np.abs(theirs).max()
    return Compared(
        lines=text.count("\n"),
        generated=generated.count("\n"),
        importing=imported - start,
        building=built - imported,
        text=text,
        difference=float(np.abs(ours.predict(x) - theirs).max() / largest),
        spread=float(np.abs(theirs[0] - theirs[1]).max() / largest),
    )


def main(names: list[str]) -> None:
    """Print a table, a line for each model."""
    computes_in("float64")
    print(f"{'model':<20} {'.nn':>5} {'.py':>6} {'import':>8} {'build':>8} {'difference':>11} {'spread':>7}")
    for name in names or EVERY:
        keras.backend.clear_session()
        with tempfile.TemporaryDirectory() as folder:
            each = compare(made(name), Path(folder))
        seconds = f"{each.importing:>6.1f} s {each.building:>6.1f} s"
        print(
            f"{name:<20} {each.lines:>5} {each.generated:>6} {seconds} {each.difference:>11.1e} {each.spread:>7.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
