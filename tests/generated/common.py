"""What the tests of generated files share: data for the samples, comparisons, and the file as a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.building import graph_of, random_inputs, random_targets
from tests.samples import TEXTS

RNG = np.random.default_rng(7)
X = RNG.random((70, 100)).astype("f4")
AMOUNT = X[:, :1] * 2 - 1
DEFAULT = (X[:, 1:2] > 0.5).astype("f4")
Y = {"amount": AMOUNT, "default": DEFAULT}
MARKS = RNG.normal(size=(70, 6, 3)).astype("f4")
SCORES = RNG.normal(size=(70, 6, 2)).astype("f4")
TAG_IDS = RNG.integers(0, 4, (70, 6))
POSTS = RNG.normal(size=(40, 6))
PEOPLE = [RNG.normal(size=40), np.eye(3)[RNG.integers(0, 3, 40)], RNG.integers(0, 2, 40)]
PIXELS, DIGITS = RNG.normal(size=(50, 12)).astype("f4"), RNG.integers(0, 10, 50)

TRAINED_SAMPLES = [name for name in TEXTS if "compile" in TEXTS[name]]


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[name], b[name]) for name in a)


def copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}


def data_of(name: str, rows: int = 12) -> tuple[Any, Any]:
    graph = graph_of(TEXTS[name], f"{name}.nn")
    rng = np.random.default_rng(6)
    x = random_inputs(graph, rng, rows)
    return x, random_targets(graph, rng, rows)


def saved_arrays(module: ModuleType, path: Path) -> dict[str, Any]:
    """The arrays of a file that a new model was saved to."""
    module.Model().save(path)
    with np.load(path) as arrays:
        return dict(arrays)


def run(path: Path, *arguments: Any, cwd: Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a generated file that is run."""
    command = [sys.executable, "-W", "error", str(path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr
