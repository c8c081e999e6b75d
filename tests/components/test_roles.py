"""What components say of themselves is all that the compiler asks: it knows none of their classes by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gen import compiler
from gen.compiler import PASSES, Options
from gen.components.base import Activation, Layer, Role, component, registry
from gen.components.kernels import Array
from tests.building import ROOT, graph_of, load

APART = {"components", "keras_files"}
"""The components, and what translates them, one by one, into the words of Keras' files."""
OUTSIDE = [path for path in sorted((ROOT / "gen").rglob("*.py")) if APART.isdisjoint(path.relative_to(ROOT).parts)]
KINDS = ("gen.components.base", "gen.components.arguments", "gen.components.rules")


def words(*nodes: ast.AST) -> Iterator[str]:
    """The strings that are written there, alone or in a tuple."""
    for each in (each for node in nodes for each in getattr(node, "elts", [node])):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def asked_for(tree: ast.Module) -> Iterator[str]:
    """The classes of components that a module tells apart: in `isinstance`, in a pattern, or by the name of a type.

    A name that is asked for is compared with words, or with how they begin.
    """
    made = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named = [node for node in made if (node.module or "").startswith("gen.components") and node.module not in KINDS]
    names = {item.asname or item.name for node in named for item in node.names}
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name("isinstance" | "issubclass"), [_, classes]):
                asked: ast.AST = classes
            case ast.MatchClass(cls):
                asked = cls
            case ast.Compare(ast.Attribute(ast.Call(ast.Name("type")), "__name__"), _, compared):
                yield from words(*compared)
                continue
            case ast.Call(ast.Attribute(ast.Attribute(ast.Call(ast.Name("type")), "__name__")), given):
                yield from words(*given)
                continue
            case _:
                continue
        yield from (each.id for each in ast.walk(asked) if isinstance(each, ast.Name) and each.id in names)


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outside_the_components_asks_for_one_of_their_classes(path: Path) -> None:
    assert list(asked_for(ast.parse(path.read_text("utf-8")))) == []


def test_every_mask_and_every_change_of_steps_has_its_role() -> None:
    text = "x = Input(4, 3, 2)\ny = TimeDistributed(LSTM(2))(Masking()(x))\nmodel = Model(x, Dense(1)(Flatten()(y)))\n"
    roles = [node.layer.component.role for node in graph_of(text).nodes]
    assert {Role.MAIN, Role.MASK, Role.MERGE, Role.SPLIT} == set(roles)


@pytest.mark.usefixtures("components_apart")
def test_formulas_may_consist_of_what_says_that_it_is_arithmetic() -> None:
    @component
    class Twice(Layer):
        """2 x."""

        arithmetic = True

        def output(self, x: tuple[int, ...]) -> tuple[int, ...]:
            return x

        def forward(self, x: Array) -> Array:
            return x * 2.0

        def backward(self, dy: Array) -> Array:
            return dy * 2.0

    @component
    class Thrice(Twice):
        """3 x; no formula has it."""

        arithmetic = False

    text = "x = Input(3)\nmodel = Model(x, Dense(2)(x))\n"
    text += "def error(y_true, y_pred):\n    return {}()(y_pred - y_true) ** 2\nmodel.compile(sgd(0.1), error)\n"
    (formula,) = graph_of(text.format("Twice")).formulas()
    assert "Twice" in [type(node.layer.component).__name__ for node in formula.nodes]
    with pytest.raises(AssertionError, match="calls Thrice: it can only compute with its arguments"):
        graph_of(text.format("Thrice"))


@pytest.mark.usefixtures("components_apart")
def test_ids_that_a_component_knows_to_be_in_the_table_are_not_checked() -> None:
    @component
    class Signs(Layer):
        """1 where x is above 0, else 0."""

        def output(self, x: tuple[int, ...]) -> tuple[int, ...]:
            return x

        def dtype(self, *inputs: str) -> str:
            return "int32"

        def keeps_numbers(self, inputs: int) -> bool:
            return False

        def least_and_most(self) -> tuple[float, float] | None:
            return 0, 1

        def forward(self, x: Array) -> Array:
            return (x > 0.0).astype("int32")

    @component
    class Unknown(Signs):
        """The same, but it does not say so."""

        def least_and_most(self) -> tuple[float, float] | None:
            return None

    text = "x = Input(3)\nmodel = Model(x, Embedding({}, 4)({}()(x)))\n"

    def checks(layer: str, size: int) -> bool:
        nodes = graph_of(text.format(size, layer)).nodes
        return "CheckedIds" in [type(node.layer.component).__name__ for node in nodes]

    assert [checks("Signs", 2), checks("Signs", 1), checks("Unknown", 2)] == [False, True, True]


@pytest.mark.usefixtures("components_apart")
def test_components_of_ones_own_take_part_in_rewrites() -> None:
    @component
    class Steep(Activation):
        """3 max(x, 0)."""

        def keeps_greatest(self) -> bool:
            return True

        def forward(self, x: Array) -> Array:
            return 3.0 * np.maximum(x, 0.0)

        def backward(self, dy: Array, y: Array) -> Array:
            return 3.0 * dy * (y > 0.0)

    @component
    class Highest(Layer):
        """The greatest number of each channel."""

        pools = "greatest"

        def output(self, x: tuple[int, ...]) -> tuple[int, ...]:
            return (x[0], x[-1])

        def forward(self, x: Array) -> Array:
            return np.maximum.reduce(x, axis=1)

        def backward(self, dy: Array, x: Array, y: Array) -> Array:
            return dy[:, None, :] * (x == y[:, None, :])

    text = "x = Input(9, 3)\ny = Dense(2)(Highest()(Conv1D(4, 2, steep)(x)))\nmodel = Model(x, y)\n"
    text += "model.compile(sgd(0.1), mse)\n"
    assert "steep" in registry["activation"]
    graph = graph_of(text)
    kinds = [type(node.layer.component).__name__ for node in compiler.rewrite(graph).nodes]
    assert kinds.index("Highest") < kinds.index("Steep")
    x = np.random.default_rng(0).normal(size=(5, 9, 3)).astype(np.float32)
    results = []
    for passes in (frozenset(PASSES), frozenset(PASSES) - {"pooled"}):
        model = load(compiler.generate(graph, "own.nn", Options(passes=passes, verify=True)), "own").Model(1)
        model.fit(x, np.ones((5, 2), np.float32), epochs=3, verbose=0)
        results.append(model.predict(x))
    np.testing.assert_allclose(*results, rtol=1e-5)
