"""Names that somebody could give, and that a generated file might need itself: no number depends on them.

A model is built twice: as it is written, and with other names for some of its variables, functions, classes and their
attributes, and of the sizes that its inputs name: those that the first generated file has for a local of a rule beside
another variable (`h_gate`), a gradient (`dh`), an array of ones, a parameter, a function, a module.  Both have to
compute the same, bit for bit.

    python -m tests.hostile_names 20        # every case and script, in 20 ways each
"""

from __future__ import annotations

import ast
import contextlib
import io
import keyword
import random
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from gen import compiler
from gen.compiler import Options
from gen.diagnostics import Diagnostics, Source
from gen.graph.graph import Graph
from tests.building import CASES, QUICK, SCRIPTS, graph_of, load, random_inputs, random_targets, rows_of

ROWS = 5
PYTHON = """
_ __init__ abs b batch case columns data dtype flat float g greatest id ids int json key l last len list loss match math
max model np ones os p print range rng rows s scratch scratch_2 self size soft state step sum super sys time total type
val value w x y zeros
"""


def names_in(text: str) -> list[str]:
    """Every name in a Python text, once each."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                found[name] = None
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.alias(name=name):
                found[name] = None
    return list(found)


def variables(text: str) -> list[str]:
    """The variables, functions and classes of a `.nn` text, and the sizes that its inputs name."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    found = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Input")]
    words = [item.value for call in calls for item in call.args if isinstance(item, ast.Constant)]
    found += [word for word in words if isinstance(word, str)]
    found += [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in dict.fromkeys(found) if name not in arguments]


def attributes(text: str) -> list[str]:
    """The attributes that the classes of a `.nn` text give themselves, but those that Keras knows."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    names = [node.attr for node in nodes if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"]
    return [name for name in dict.fromkeys(names) if not hasattr(keras.Model, name)]


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A `.nn` text whose variables, and words that are the same, are called otherwise; `.name` is an attribute."""
    lines = [line.encode() for line in text.split("\n")]
    places: list[tuple[int, int, int, str]] = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name) if name in names:
                word = names[name]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name in names:
                start = len(lines[node.lineno - 1].split(b" " + name.encode())[0]) + 1
                places.append((node.lineno - 1, start, start + len(name.encode()), names[name]))
                continue
            case ast.Attribute(attr=name) if f".{name}" in names:
                end = node.end_col_offset or 0
                places.append(((node.end_lineno or 0) - 1, end - len(name.encode()), end, names[f".{name}"]))
                continue
            case ast.Constant(value=str(name)) if name in names and node.lineno == node.end_lineno:
                word = repr(names[name])
            case _:
                continue
        places.append((node.lineno - 1, node.col_offset, node.end_col_offset or 0, word))
    for line, start, stop, word in sorted(places, reverse=True):
        lines[line] = lines[line][:start] + word.encode() + lines[line][stop:]
    return b"\n".join(lines).decode()


def draw(text: str, generated: str, rng: random.Random) -> dict[str, str]:
    """New names for some of the variables of a text, of which `generated` was made."""
    known = variables(text)
    victims = [name for name in known if rng.random() < 0.6]
    kept = set(names_in(text)) - set(victims)
    words = [name for name in names_in(generated) if rng.random() < 0.5]
    near = [f"{name}_{ending}" for name in known for ending in ("2", "rows", "linear", "true", "losses", "prediction")]
    near += [f"d{name}" for name in known] + [f"in_{name}" for name in known]
    pool = [word for word in dict.fromkeys([*words, *near, *PYTHON.split()]) if re.fullmatch(r"[A-Za-z_]\w*", word)]
    pool = [word for word in pool if not keyword.iskeyword(word) and word not in kept]
    related = [word for word in pool if any(name in word.split("_") or f"d{name}" == word for name in known)]
    found: dict[str, str] = {}
    for name in victims:
        choice = rng.choice(related if related and rng.random() < 0.5 else pool)
        if choice not in found.values():
            found[name] = choice
    own = attributes(text)
    free = [word for word in pool if not hasattr(keras.Model, word) and word not in names_in(text)]
    for name in own:
        choice = rng.choice(free)
        if rng.random() < 0.6 and choice not in found.values():
            found[f".{name}"] = choice
    return found


@cache
def plain(path: Path, options: Options) -> tuple[Graph, str]:
    text = path.read_text("utf-8")
    graph = graph_of(text, path.name)
    return graph, compiler.generate(graph, path.name, options)


def numbers(graph: Graph, module: ModuleType) -> dict[str, Any]:
    """What a model computes, and what training makes of it, without its names."""
    model = module.Model(3, np.float64)
    rng = np.random.default_rng(4)
    inputs = random_inputs(graph, rng, ROWS)
    found: dict[str, Any] = {"prediction": rows_of(model.predict(inputs))}
    if not any(output.loss is not None for output in graph.outputs) or not hasattr(model, "fit"):
        return found
    targets = random_targets(graph, rng, ROWS)
    losses, gradients = model.loss_and_grads(inputs, targets)
    found["losses"], found["gradients"] = list(losses.values()), list(gradients.values())
    found["evaluated"] = list(model.evaluate(inputs, targets, batch_size=3).values())
    found["logs"] = list(model.train_on_batch(inputs, targets).values())
    history = model.fit(inputs, targets, epochs=2, batch_size=2, validation_split=0.4, verbose=0)
    found["history"] = list(history.values())
    found["weights"], found["slots"] = list(model.weights.values()), list(model.slots.values())
    found["prediction after"] = rows_of(model.predict(inputs))
    if sum(value.size for value in model.weights.values()) < 400:
        with contextlib.redirect_stdout(io.StringIO()):
            found["check"] = module.check()
    return found


def attack(path: Path, seed: int, options: Options = QUICK) -> str | None:
    """Build a model under other names and compare; None if gen refuses the names, else the renamed text."""
    text = path.read_text("utf-8")
    _, generated = plain(path, options)
    hostile = renamed(text, draw(text, generated, random.Random(f"{path.stem} {seed}")))
    source, diagnostics = Source(path.name, hostile), Diagnostics()
    other = compiler.understand(source, diagnostics)
    if other is None:
        return None
    same(path, other, hostile, options)
    return hostile


def same(path: Path, other: Graph, hostile: str, options: Options) -> None:
    """Raise `AssertionError`, with the text, if two models that differ in names differ in numbers."""
    expected = expected_numbers(path, options)
    try:
        module = load(compiler.generate(other, path.name, options), "hostile")
        found = numbers(other, module)
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error}, of\n{hostile}") from error
    for name, value in expected.items():
        ours = found[name]
        for one, two in zip(as_list(value), as_list(ours), strict=True):
            assert np.array_equal(one, two, equal_nan=True), f"another {name}, of\n{hostile}"


@cache
def expected_numbers(path: Path, options: Options) -> dict[str, Any]:
    graph, generated = plain(path, options)
    return numbers(graph, load(generated, "plain"))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def main(count: int) -> int:
    wrong = refused = 0
    for path in (*CASES, *SCRIPTS):
        for seed in range(count):
            try:
                refused += attack(path, seed) is None
            except AssertionError as error:
                wrong += 1
                print(f"{path.name}, seed {seed}: {error}\n")
    print(f"{count * len(CASES + SCRIPTS)} models under other names, {refused} refused, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
