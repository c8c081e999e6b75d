"""Operations: what the compiler knows of one stands in its entry, and a new one takes no more than that."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gen import compiler
from gen.components.base import Activation, component
from gen.components.kernels import Array, kernel, kernels
from gen.components.rules import FenceError
from gen.program import ops
from gen.program.cost.flops import operations
from gen.program.fence import refuse_outside_fence
from tests.building import ROOT, build, graph_of

# --------------------------------------------------------------------------------------- names stand in the table alone

WORDS = ("gen/components/", "gen/language/", "gen/lsp/", "gen/language/words.py", "gen/keras_files/")
"""What is about words of the language, such as `model.add`, and rules, which are NumPy; it sees no statements."""
OTHERS = {
    ("gen/graph/names.py", "abs"): "a function of Python",
    ("gen/graph/names.py", "over_slices"): "what the module defines",
    ("gen/emit/specialize.py", "where"): "an option of ufuncs",
    ("gen/program/lower/inline.py", "abs"): "a function of Python",
    ("gen/program/memory/planning.py", "square"): "what a result is called",
    ("gen/program/passes/maxima.py", "copy"): "the name of a variable",
}
"""Strings that are names of operations, and mean something else."""


def names_of_operations() -> set[str]:
    bare = {name.removeprefix("np.") for name in (*ops.TABLE, *ops.SPELLINGS)}
    return bare | {f"np.{name}" for name in bare} | set(kernels)


def test_no_operation_is_told_by_its_name_outside_of_the_table() -> None:
    names, found = names_of_operations(), {}
    for path in sorted((ROOT / "gen").rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))) if file != "gen/program/ops.py" else ():
            match node:
                case ast.Constant(value=str(text)) if text in names and (file, text) not in OTHERS:
                    if text.startswith("np.") or not file.startswith(WORDS):
                        found[f"{file}:{node.lineno}"] = text
    assert not found


def test_every_exception_is_one() -> None:
    for file, text in OTHERS:
        nodes = ast.walk(ast.parse((ROOT / file).read_text("utf-8")))
        assert text in names_of_operations()
        assert any(isinstance(node, ast.Constant) and node.value == text for node in nodes), (file, text)


# ------------------------------------------------------------------------------------------------------ a new operation


@pytest.fixture
def a_table_apart(monkeypatch: pytest.MonkeyPatch, components_apart: None) -> None:
    """What a test adds to the table is forgotten after it."""
    monkeypatch.setattr(ops, "TABLE", dict(ops.TABLE))


RULES = """
import numpy as np

from gen.components.base import Activation, component


@component
class Distance(Activation):
    def forward(self, x):
        return np.hypot(x, 2.0)

    def backward(self, dy, x, y):
        return dy * (x / y)
"""
MODEL = """
x = Input(5)
y = Dense(3, name="last")(distance(Dense(4, name="first")(x)))
model = Model(x, y)
model.compile(sgd, mse)
"""


def rules(path: Path) -> ModuleType:
    """The module of RULES, whose component is registered."""
    path.write_text(RULES)
    module = ModuleType("distances")
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module


def test_what_is_in_no_entry_is_refused_with_its_line(tmp_path: Path, a_table_apart: None) -> None:
    module = rules(tmp_path / "rules.py")
    line = RULES.splitlines().index("        return np.hypot(x, 2.0)") + 1
    for refuse in (lambda: refuse_outside_fence(module), lambda: build(MODEL)):
        with pytest.raises(FenceError, match=r"np\.hypot is outside what a rule may use") as refusal:
            refuse()
        assert refusal.value.place == f"{tmp_path / 'rules.py'}:{line}"


def test_a_new_operation_is_one_entry(tmp_path: Path, a_table_apart: None) -> None:
    hypot = ops.ufunc("hypot", gives="float")
    refuse_outside_fence(rules(tmp_path / "rules.py"))

    # what it computes, forward and backward
    module = build(MODEL)
    model, x = module.Model(1, np.float64), np.random.default_rng(0).normal(size=(7, 5))
    first, last = (np.asarray(model.weights[name]) for name in ("first/kernel", "last/kernel"))
    np.testing.assert_allclose(model.predict(x), np.hypot(x @ first, 2.0) @ last, rtol=1e-12)
    assert module.check() < 1e-6

    # computed in place of what the layer before it gives, and counted
    infer, *_ = compiler.programs(graph_of(MODEL))
    (statement,) = [each for each in infer.program.statements if each.op is hypot]
    before = infer.program.statements[infer.program.statements.index(statement) - 1]
    assert infer.plan.in_place[statement.target] == before.target
    assert (statement, 7 * 4) in operations(infer.program, {"batch": 7})
    text = compiler.generate(graph_of(MODEL), "model.nn")
    assert re.search(r"np\.hypot\((\w+), 2\.0, out=\1\)", text)


# -------------------------------------------------------------------------------------------------------------- kernels


def test_a_kernel_is_an_operation_that_says_the_same_things() -> None:
    multiply, add_up = ops.MULTIPLY, ops.of_kernel(kernels["sum_by_id"].function)
    assert (multiply.elementwise, multiply.overwrites, multiply.function) == (True, False, None)
    assert (add_up.elementwise, add_up.overwrites, add_up.function) == (False, True, kernels["sum_by_id"].function)
    assert add_up.operations((6, 4), (6,)) == 24
    assert ops.of(ast.parse("sum_by_id(rows, ids)", mode="eval").body) is add_up


def test_a_kernel_may_not_have_the_name_of_an_operation(components_apart: None) -> None:
    @kernel()
    def fill(x: Array) -> Array:
        return x

    @component
    class Filled(Activation):
        def forward(self, x: Array) -> Array:
            return fill(x)

        def backward(self, dy: Array) -> Array:
            return dy

    with pytest.raises(FenceError, match="`fill` is another operation of gen: rename the kernel"):
        build(MODEL.replace("distance", "filled"))


def test_a_kernel_may_not_take_the_place_of_one_that_the_compiler_puts_in(components_apart: None) -> None:
    @kernel()
    def as_dense(x: Array) -> Array:
        return x

    embedded = "Flatten()(Embedding(7, 2)(x))"
    text = f"x = Input(3, int32)\ny = Dense(2)({embedded})\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n"
    with pytest.raises(FenceError, match="`as_dense` is another operation of gen") as refusal:
        build(text)
    assert refusal.value.place.startswith(f"{__file__}:")
