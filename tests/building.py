"""Building and importing models in tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from gen import compiler
from gen.compiler import Options
from gen.diagnostics import Diagnostics, Source, render_text
from gen.dims import Shape
from gen.graph.graph import Graph, OwnLoss, Tensor
from gen.graph.lookups import vocabulary

Item = TypeVar("Item")

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted((ROOT / "tests" / "cases").glob("*.nn"))
EXAMPLES = sorted((ROOT / "examples").glob("*.nn"))
SCRIPTS = sorted((ROOT / "tests" / "models" / "scripts").glob("*.nn"))
"""Keras scripts as people write them, with functions, classes and operations."""

PROVE = bool(os.environ.get("GEN_PROVE"))
"""Whether everything is tried, as `make prove` does, rather than a sample."""


def sample(items: Sequence[Item], step: int) -> Sequence[Item]:
    """Every `step`-th of some items; all of them where everything is tried."""
    return items if PROVE else items[::step]


def graph_of(text: str, name: str = "model.nn") -> Graph:
    """The graph of a `.nn` text that has no errors."""
    source, diagnostics = Source(name, text), Diagnostics()
    graph = compiler.understand(source, diagnostics)
    assert graph is not None, render_text(source, diagnostics.in_source_order())
    return graph


@cache
def case_graph(path: Path) -> Graph:
    return graph_of(path.read_text("utf-8"), path.name)


LENGTH = 7
"""Sizes that only data decide are this in tests, unless they say otherwise."""
QUICK = Options(verify=True, formatted=False)


@cache
def case_text(path: Path, options: Options = QUICK) -> str:
    """The generated file of a case, every pass checked."""
    return compiler.generate(case_graph(path), path.name, options)


@cache
def case_module(path: Path, options: Options = QUICK) -> ModuleType:
    return load(case_text(path, options), path.stem)


def load(text: str, name: str) -> ModuleType:
    """Import the text of a generated file, as a module of its own."""
    spec = importlib.util.spec_from_loader(f"generated_{name}", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module


def build(text: str, name: str = "model.nn", options: Options = QUICK) -> ModuleType:
    """A `.nn` text as a module."""
    return load(compiler.generate(graph_of(text, name), name, options), name.removesuffix(".nn"))


def least_table(graph: Graph, tensor: Tensor) -> int:
    """How many ids an input may have: those of the least table that they are looked up in; 2 for bool."""
    return 2 if tensor.dtype == "bool" else vocabulary(graph, tensor) or 10


def sizes(shape: Shape, length: int) -> tuple[int, ...]:
    """A shape without its batch, where every size that only data decide is `length`."""
    known = (size if isinstance(size, int) else size.value(dict.fromkeys(size.symbols(), length)) for size in shape[1:])
    return tuple(known)


def random_inputs(
    graph: Graph, rng: np.random.Generator, rows: int, dtype: str = "float64", length: int = LENGTH
) -> list[np.ndarray]:
    """Arrays for the inputs of a graph; sizes that only data decide are `length`."""
    found = []
    for item in graph.inputs:
        shape = (rows, *sizes(item.tensor.shape, length))
        kind = dtype if item.tensor.dtype == "float" else item.tensor.dtype
        if item.tensor.dtype == "float" and vocabulary(graph, item.tensor) is None:
            found.append(rng.normal(size=shape).astype(kind))
        else:
            found.append(rng.integers(0, least_table(graph, item.tensor), shape).astype(kind))
    return found


def random_targets(
    graph: Graph, rng: np.random.Generator, rows: int, dtype: str = "float64", length: int = LENGTH
) -> list[np.ndarray]:
    """Targets for the trained outputs: ids, one-hot rows, zeros and ones, or numbers, as each loss takes them."""
    found = []
    for output in graph.outputs:
        if output.loss is None:
            continue
        if isinstance(output.loss, OwnLoss) and not output.loss.sparse:
            found.append(rng.uniform(0.1, 0.9, (rows, *sizes(output.loss.target.shape, length))).astype(dtype))
            continue
        shape = (rows, *sizes(output.tensor.shape, length))
        found.append(_targets(type(output.loss).__name__, output.loss.sparse, shape, rng, dtype))
    return found


def _targets(loss: str, sparse: bool, shape: tuple[int, ...], rng: np.random.Generator, dtype: str) -> np.ndarray:
    classes = rng.integers(0, shape[-1], shape[:-1])
    if sparse:
        return classes
    if "Categorical" in loss:
        return np.eye(shape[-1], dtype=dtype)[classes]
    if "Binary" in loss or "Hinge" in loss:
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.uniform(0.1, 0.9, shape).astype(dtype)


def rows_of(value: Any) -> list[np.ndarray]:
    """The outputs of `predict` as a list."""
    return list(value.values()) if isinstance(value, dict) else [value]
