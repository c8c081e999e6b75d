"""`gen import`: a model of Keras as a `.nn` file, and its weights as an `.npz` file with a proof inside."""

from __future__ import annotations

import ast
import hashlib
import io
import math
import sys
import types
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gen import compiler
from gen.commands.building import CommandError, explained, read, shown
from gen.dims import Dim
from gen.files import Bounds, WriteError, place
from gen.graph.graph import Graph
from gen.graph.sizes import least_sizes
from gen.keras_files.container import Contents, open_file
from gen.keras_files.dialects import Model, flattened
from gen.keras_files.into import weights_into
from gen.keras_files.problems import KerasFileError, Report
from gen.keras_files.reading import Imported, dtype_of, import_files
from gen.keras_files.slots import slots

Array = np.ndarray[Any, np.dtype[Any]]
T = TypeVar("T")
ROWS = 3
"""The rows of the inputs that are stored with their answers."""
MOST = 20_000
"""The most numbers of these inputs, if one row has not more already."""
SOURCE = "check_source"
"""The member that says which `.nn` text was written together with the weights."""


@dataclass(frozen=True)
class Written:
    """What came of an import: each file with what happened to it, and what is to be known."""

    lines: list[tuple[Path, str]]
    notes: list[str]


def import_keras(
    paths: Sequence[Path],
    folder: Path,
    replacements: Mapping[str, str],
    force: bool = False,
    compare: bool = False,
    debug: bool = False,
) -> Written:
    """Write `NAME.nn` and `NAME.npz`.  Raises `CommandError` or `WriteError`, and then has written neither."""
    name = name_of(paths[0])
    with explained(paths[0], debug=debug):
        found = readable(lambda: import_files(paths, replacements))
        model = run(found.graph, f"{name}.nn", found.dtype)
        report = Report(notes=found.notes)
        members = saved(model, found.graph, found.weights, found.dtype)
        members = {**with_slots(model, found, report), **members}
    notes = [*report.notes, *(compared(paths, found.model, members) if compare else ())]
    members[SOURCE] = np.array(_digest(found.text.encode()))
    contents = {folder / f"{name}.nn": found.text.encode(), folder / f"{name}.npz": packed(members)}
    return Written(write(contents, force), notes)


def import_weights(
    paths: Sequence[Path],
    into: Path,
    folder: Path,
    force: bool = False,
    debug: bool = False,
) -> Written:
    """Write the weights of files for the model of a `.nn` file.  Raises `CommandError` or `WriteError`."""
    source, diagnostics = read(into)
    report = Report()
    with explained(into, debug=debug):
        graph = None if diagnostics.failed else compiler.understand(source, diagnostics)
        if graph is None:
            first = next(each for each in diagnostics.in_source_order() if each.severity == "error")
            raise CommandError(f"{shown(into)} is no model that gen can build: {first.message}")
        contents = readable(lambda: alone(paths))
        weights = readable(lambda: weights_into(graph, contents, report))
        dtype = dtype_of(weights)
        weights = {name: array.astype(dtype) for name, array in weights.items()}
        members = saved(run(graph, into.name, dtype), graph, weights, dtype)
    path = folder / f"{into.stem}.npz"
    return Written(write({path: packed(members)}, force), report.notes)


def alone(paths: Sequence[Path]) -> Contents:
    """The weights that are in one file."""
    if len(paths) != 1:
        raise KerasFileError("--into takes one file of weights")
    contents = open_file(paths[0])
    if contents.weights is None and contents.tensors is None:
        raise KerasFileError(f"{paths[0]} holds no weights")
    return contents


def readable(read: Callable[[], T]) -> T:
    """What is read from files; a `CommandError` says what is wrong with them."""
    try:
        return read()
    except KerasFileError as error:
        raise CommandError(str(error)) from error


def replacements(texts: Sequence[str]) -> dict[str, str]:
    """The expressions of `--replace LAYER=EXPRESSION`, by layer."""
    found = {}
    for text in texts:
        layer, is_given, expression = text.partition("=")
        if not is_given or not layer or not expression.strip():
            raise CommandError(f"--replace takes LAYER=EXPRESSION, got {text!r}")
        try:
            ast.parse(expression.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise CommandError(f"--replace {layer} takes an expression, got {expression.strip()!r}") from error
        found[layer] = expression.strip()
    return found


def name_of(path: Path) -> str:
    """`model` for `model.weights.h5`, `model.keras` and a folder of this name."""
    name = path.name or path.resolve().name
    for ending in (".weights.h5", ".keras", ".hdf5", ".h5", ".json"):
        name = name.removesuffix(ending)
    return "".join(each if each.isalnum() or each in "_-" else "_" for each in name) or "model"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --------------------------------------------------------------------------------------------------------- the proof


def run(graph: Graph, name: str, dtype: str) -> Any:
    """A model of the file that gen generates from the graph."""
    text = compiler.generate(graph, name, compiler.Options(formatted=False))
    module = types.ModuleType("imported")
    sys.modules["imported"] = module
    exec(compile(text, "<imported>", "exec"), module.__dict__)
    return module.Model(0, np.dtype(dtype).type)


def saved(model: Any, graph: Graph, weights: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    """The members of the `.npz` file: the weights, random inputs, and what the model makes of them."""
    for name, array in weights.items():
        model.weights[name][...] = array
    members: dict[str, Array] = {"dtype": np.array(dtype), **weights}
    inputs = examples(graph, model)
    with np.errstate(all="ignore"):
        answers = model.predict(inputs)
    given = answers.values() if isinstance(answers, dict) else [answers]
    if not all(np.isfinite(each).all() for each in given):
        return members
    members |= {f"check_x{i}": array for i, array in enumerate(inputs)}
    return members | {f"check_y{i}": array for i, array in enumerate(given)}


def with_slots(model: Any, found: Imported, report: Report) -> dict[str, Array]:
    """The state of training, where the file has it and the model trains as it did in Keras."""
    if found.graph.training is None:
        return {}
    names = [name for name in model._state_arrays() if "/" not in name and name != "last"]
    state = slots(found.model, found.contents, found.graph, found.written, names, report)
    if state is None:
        return {}
    for name, arrays in state.arrays.items():
        row = next(each for each in model.state if np.shares_memory(each, getattr(model.s, name)))
        places = sys.modules[type(model).__module__].Params(row).named()
        for weight, array in arrays.items():
            places[weight][...] = array
    model.step = state.step
    return dict(model._saved())


def examples(graph: Graph, model: Any) -> list[Array]:
    """Random inputs, for sizes that only data decide one that all layers accept."""
    rng = np.random.default_rng(0)
    least = {name: max(size, 8) for name, size in least_sizes(graph).items()}
    found = []
    for item, column in zip(graph.inputs, model._inputs, strict=True):
        shape = [_size(size, least) for size in item.tensor.shape[1:]]
        rows = max(1, min(ROWS, MOST // max(1, math.prod(shape))))
        size = (rows, *shape)
        if column.dtype.kind == "b":
            found.append(rng.random(size) < 0.5)
        elif column.limit is not None or column.dtype.kind in "iu":
            found.append(rng.integers(0, column.limit or 2, size).astype(column.dtype))
        else:
            found.append(rng.normal(size=size).astype(model.dtype))
    rows = min(len(each) for each in found)
    return [each[:rows] for each in found]


def _size(size: Any, known: Mapping[str, int]) -> int:
    if isinstance(size, Dim):
        found = size.value({symbol: known.get(symbol, 8) for symbol in size.symbols()})
        return int(found)
    return int(size)


def compared(paths: Sequence[Path], model: Model, members: Mapping[str, Array]) -> list[str]:
    """What Keras itself says to the same inputs."""
    try:
        import keras
    except ModuleNotFoundError as error:
        why = f"--compare needs Keras and its backend, and there is no {error.name}"
        raise CommandError(f"{why}: pip install keras jax, and set KERAS_BACKEND=jax") from error
    inputs = iter([members[name] for name in members if name.startswith("check_x")])
    ours = [members[name] for name in members if name.startswith("check_y")]
    if not ours:
        return ["the answers of the model are not finite, so nothing was compared"]
    try:
        theirs = keras.models.load_model(paths[0], compile=False, safe_mode=True)
        given = theirs.predict(next(inputs) if model.sequential else filled(model.inputs, inputs), verbose=0)
        answers = [given] if model.sequential else [*flattened(model.outputs, given)]
        worst = max(float(np.abs(one - other).max(initial=0)) for one, other in zip(ours, answers, strict=True))
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        return [f"Keras {keras.__version__} cannot read the file, so nothing was compared: {reason}"]
    largest = max(float(np.abs(each).max(initial=0)) for each in ours)
    return [f"the largest difference to Keras {keras.__version__} is {worst:.1e}, of outputs up to {largest:.3g}"]


def filled(structure: Any, values: Iterator[Array]) -> Any:
    """The lists and dicts of the inputs of a model with arrays in the places of tensors; one in a list is alone."""
    if isinstance(structure, dict):
        return {key: filled(each, values) for key, each in structure.items()}
    if isinstance(structure, list):
        found = [filled(each, values) for each in structure]
        return found[0] if len(found) == 1 else found
    return next(values)


# ----------------------------------------------------------------------------------------------------------- writing


def packed(members: Mapping[str, Array]) -> bytes:
    """An `.npz` file whose bytes depend on its members alone."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return data.getvalue()


def write(contents: Mapping[Path, bytes], force: bool) -> list[tuple[Path, str]]:
    """Write a `.nn` and an `.npz` file, unless another file is there that is not as gen wrote both."""
    ours = len(contents) == 2 and _written_together(*contents)
    for path, data in contents.items():
        if path.exists() and not (force or ours or path.read_bytes() == data):
            raise WriteError(f"{shown(path)} exists, and is another file; --force writes over it")
    lines = []
    for path, data in contents.items():
        with place(path, Bounds(path.parent), make=True) as found:
            status = found.status()
            if status is not None and status.st_size == len(data) and path.read_bytes() == data:
                lines.append((path, "unchanged"))
                continue
            found.replace(data, status)
        lines.append((path, "written"))
    return lines


def _written_together(nn: Path, npz: Path) -> bool:
    """Whether two files are what an import wrote, and nobody has changed since."""
    try:
        with np.load(npz, allow_pickle=False) as members:
            return SOURCE in members and str(members[SOURCE]) == _digest(nn.read_bytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False
