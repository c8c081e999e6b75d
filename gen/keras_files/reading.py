"""From files of Keras to a `.nn` text, its graph, and the weights by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from gen.graph.graph import Graph
from gen.keras_files.container import Contents, read
from gen.keras_files.dialects import Model, read_model
from gen.keras_files.folding import folded
from gen.keras_files.problems import KerasFileError, MissingWeightsError, Report, damaged
from gen.keras_files.text import Writer, Written
from gen.keras_files.weights import check_sizes, collect, statistics, weights_of
from gen.nn_layout import format_text

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Imported:
    """A model of Keras as gen has it."""

    text: str
    graph: Graph
    weights: dict[str, Array]
    dtype: str
    notes: list[str]
    contents: Contents
    model: Model
    written: Written


def import_files(paths: Sequence[Path], replacements: Mapping[str, str]) -> Imported:
    """The model of the files.  Raises `KerasFileError`."""
    contents = read(paths)
    try:
        return _imported(contents, replacements, False)
    except MissingWeightsError:
        return _imported(contents, replacements, True)


def _imported(contents: Contents, replacements: Mapping[str, str], share: bool) -> Imported:
    report = Report()
    assert contents.config is not None
    with damaged(f"the configuration in {contents.path}"):
        model = read_model(contents.config, contents.major)
        text, graph, written = _written(model, contents, replacements, report, share)
        check_sizes(model, graph, written)
    with damaged(str(contents.path)):
        weights = collect(model, contents, graph, written, report, share)
    dtype = dtype_of(weights)
    return Imported(
        text,
        graph,
        {name: array.astype(dtype, copy=False) for name, array in weights.items()},
        dtype,
        report.notes,
        contents,
        model,
        written,
    )


def dtype_of(weights: Mapping[str, Array]) -> str:
    """The float type that a model of these weights computes in."""
    return "float64" if weights and all(array.dtype == np.float64 for array in weights.values()) else "float32"


def _written(
    model: Model, contents: Contents, replacements: Mapping[str, str], report: Report, share: bool
) -> tuple[str, Graph, Written]:
    """The text of a model, as gen reads it; without its `compile` where gen could not read that."""
    first: tuple[Diagnostics, str] | None = None
    known = statistics(model, contents)
    attempts = [
        (compiled, same)
        for same in (False, True)
        for compiled in ((contents.compiled, None) if contents.compiled else (None,))
    ]
    for compiled, one_length in attempts:
        attempt = Report(notes=list(report.notes))
        writer = Writer(contents.major, attempt, replacements, known, one_length, share)
        written = writer.write(model, "DOCSTRING", compiled)
        attempt.refuse()
        graph, diagnostics = _understood(written.text)
        if graph is None:
            first = first or (diagnostics, written.text)
            continue
        report.notes = attempt.notes
        if contents.compiled and not compiled:
            assert first is not None
            report.note(f"the model comes without its `compile`: {_first(*first)}")
        parameters = sum(weight.size for _, weight in weights_of(graph))
        plain = written.text.replace("DOCSTRING", docstring(contents, parameters), 1)
        for text in (folded(plain), plain):
            again, _ = _understood(format_text(text))
            if again is not None and _same_weights(again, graph):
                return format_text(text), again, written
    assert first is not None
    raise KerasFileError(f"gen cannot build the model of {contents.path}: {_first(*first)}")


def _same_weights(one: Graph, other: Graph) -> bool:
    """Whether two graphs have the same weights, in the same order."""
    return [(name, weight.shape) for name, weight in weights_of(one)] == [
        (name, weight.shape) for name, weight in weights_of(other)
    ]


def _understood(text: str) -> tuple[Graph | None, Diagnostics]:
    diagnostics = Diagnostics()
    return compiler.understand(Source("model.nn", text), diagnostics), diagnostics


def _first(diagnostics: Diagnostics, text: str) -> str:
    """The first error in a text, and the line that it is in."""
    error = next(each for each in diagnostics.in_source_order() if each.code and each.severity == "error")
    line, _ = Source("model.nn", text).position(error.span.start)
    return f"{error.message}: {text.splitlines()[line - 1].strip()[:200]}"


def docstring(contents: Contents, parameters: int) -> str:
    """From which file a model is, which version wrote it, how many parameters it has."""
    name = "".join(each if each.isprintable() and each not in '\\"' else "_" for each in contents.path.name)[:60]
    version = "".join(each for each in contents.version if each.isalnum() or each in ".+-")[:20]
    by = f"Keras {version}" if contents.version else "Keras 1"
    return f"Imported from {name}, which {by} saved: {parameters:,} parameters."
