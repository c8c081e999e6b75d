"""Random models that Keras saves come in with its predictions, from each format; weights alone find their layers.

A sample here; `make prove` has a thousand.  What fails is shrunk to a small file, which is printed and kept as
`failed_SEED.nn` in the folder of pytest's temporary files.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event

from gen.commands.formatting import format_text
from gen.commands.importing import alone, run
from gen.compiler import understand
from gen.diagnostics import Diagnostics, Source
from gen.keras_files.into import weights_into
from gen.keras_files.problems import Report
from tests.building import PROVE, rows_of
from tests.importing.made import imported
from tests.random_models import RandomModel, prove_random_models

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
SEEDS, EACH = (10, 100) if PROVE else (1, 4)
OWN_CODE = re.compile(r"\bclass |\blambda\b|layers\.Lambda")
"""What a file of Keras keeps as bytes of Python, which gen never runs, or not at all."""


@pytest.mark.parametrize("start", range(SEEDS))
def test_a_random_model_comes_back(start: int, tmp_path: Path) -> None:
    def check(model: RandomModel) -> None:
        assume(not OWN_CODE.search(model.text))
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            comes_back(model, Path(folder))

    prove_random_models(start, EACH, tmp_path, check)


def comes_back(model: RandomModel, folder: Path) -> None:
    """Save a model in each format, and import it."""
    theirs, rng = model.keras, np.random.default_rng(0)
    graph = understand(Source("random.nn", model.text), Diagnostics())
    assume(graph is not None)  # what gen refuses in a text, it refuses in a file
    assert graph is not None
    for weight in theirs.weights:
        if weight.dtype == "float64":
            shape = tuple(weight.shape)
            drawn = rng.uniform(0.5, 1.5, shape) if "variance" in weight.name else rng.normal(0.0, 0.5, shape)
            weight.assign(drawn)
    inputs = model.inputs(rng, 3, 9)
    expected = rows(theirs.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0))
    for form in ("keras", "h5"):
        path = folder / f"m.{form}"
        try:
            theirs.save(path)
        except Exception as error:  # numbers among the operations, for one
            event(f"Keras does not save it as {form}: {type(error).__name__}")
            continue
        found, ours = imported(path)
        assert format_text(found.text) == found.text
        close(rows_of(ours.predict(inputs)), expected, form)
    theirs.save_weights(folder / "m.weights.h5")
    ours = run(graph, "random.nn", "float64")
    for name, array in weights_into(graph, alone([folder / "m.weights.h5"]), Report()).items():
        ours.weights[name][...] = array
    close(rows_of(ours.predict(inputs)), expected, "weights alone")


def rows(given: Any) -> list[np.ndarray]:
    return list(given) if isinstance(given, list | tuple) else [given]


def close(found: Sequence[np.ndarray], expected: Sequence[np.ndarray], what: str) -> None:
    for one, other in zip(found, expected, strict=True):
        largest = max(1.0, np.abs(other).max(initial=0))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * largest, err_msg=what)
