"""Programs: what the inliner refuses, and that a broken program or memory plan is noticed."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.compiler import Options
from gen.components.base import Layer, registry
from gen.components.rules import FenceError
from gen.language.elaborate.loss_functions import FORMULAS, formula_of
from gen.program.fence import refuse_outside_fence
from gen.program.ir import SIZE, Block, formula, literal, reads, tidy
from gen.program.lower.builder import Builder
from gen.program.lower.inline import run
from gen.program.lower.numbers import arithmetic
from gen.program.memory.planned import Planned
from gen.program.memory.planning import plan_memory
from gen.program.memory.verify import verify_plan
from gen.program.types import Array, ArrayType, Number
from gen.program.verify import VerificationError, verify_program
from tests.building import graph_of

MODEL = """
x = Input(5)
h = Dense(4, tanh)(x)
y = Dense(3, softmax)(h)
model = Model(x, y)
model.compile(adam(0.01), categorical_crossentropy, metrics=[accuracy])
"""


def planned(name: str) -> Planned:
    """The program of MODEL that has the section `name`."""
    programs = compiler.programs(graph_of(MODEL), Options(verify=True))
    return next(each for each in programs if name in each.program.sections())


def inline(rule: FunctionType, *shapes: tuple[int, ...]) -> tuple[Builder, Any]:
    """Inline a plain function on arrays of these shapes."""
    builder = Builder(section="forward", block=Block(""))
    names = rule.__code__.co_varnames
    arrays = {name: builder.parameter(name, ArrayType(shape)) for name, shape in zip(names, shapes, strict=False)}
    return builder, run(builder, rule, arrays, lambda name: name).result


# ------------------------------------------------------------------------------------------------------- the inliner


def test_a_rule_becomes_one_operation_a_statement_with_its_own_names() -> None:
    def rule(x: Any, kernel: Any) -> Any:
        product = x @ kernel
        return product * 2.0 + 1.0

    builder, result = inline(rule, (6, 5), (5, 4))
    assert [str(statement.target) for statement in builder.statements] == ["v#0", "v#1", "v#2"]
    assert builder.names == {"v#0": "product"}
    assert result.shape == (6, 4)


def test_what_is_static_leaves_no_trace() -> None:
    def rule(x: Any) -> Any:
        for factor in (1.0, 2.0, 1.0):
            x = x * factor
        return x if x.shape[1] == 5 else x + 1.0

    builder, _ = inline(rule, (6, 5))
    assert len(builder.statements) == 1  # times 1.0 is nothing


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if x > 0.0:\n        x = -x\n    return x", "decides by what is known"),
        ("return np.linalg.inv(x)", "outside what a rule may use"),
        ("while True:\n        pass", "may not contain `while True:`"),
        ("x[0] = 1.0\n    return x", "binds names only"),
        ("return x + y", "`y` is not known"),
        ("return x @ x", "cannot multiply"),
        ("return x * None", "np.multiply of"),
        ("return x.mean()", "slow wrapper|outside"),
        ("return x.reshape((7, 7))", "cannot reshape"),
    ],
)
def test_what_a_rule_may_not_say_is_refused_with_its_line(body: str, message: str, tmp_path: Any) -> None:
    path = tmp_path / "rules.py"
    path.write_text(f"import numpy as np\n\n\ndef rule(x):\n    {body}\n")
    namespace: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    with pytest.raises(FenceError, match=message) as caught:
        inline(namespace["rule"], (6, 5))
    assert f"{path}:" in str(caught.value)


def test_every_rule_of_gen_is_inside_the_fence() -> None:
    written = {cls.__module__ for kind in registry.values() for cls in kind.values()}
    modules = [name for name in sys.modules if name.startswith("gen.components.")]
    assert {name for name in written if name.startswith("gen.")} <= set(modules)
    for name in modules:
        refuse_outside_fence(sys.modules[name])


RULES = {
    "layer": ("forward", "backward"),
    "activation": ("forward", "backward"),
    "loss": ("forward", "backward"),
    "optimizer": ("update",),
    "metric": ("measure", "result"),
    "initializer": ("draw",),
    "regularizer": ("forward", "backward"),
}


@pytest.mark.parametrize("kind", RULES)
def test_every_component_has_the_rules_of_its_kind(kind: str) -> None:
    for cls in set(registry[kind].values()) - {registry["metric"]["accuracy"]}:  # always resolved to another one
        if kind == "loss" and cls().by_tensors():  # what functions of the language make of tensors
            assert formula_of(cls.__name__) in FORMULAS, cls.__name__
            continue
        assert all(callable(getattr(cls, rule, None)) for rule in RULES[kind]), cls.__name__
        if issubclass(cls, Layer) and hasattr(cls, "update"):
            assert hasattr(cls, "predict")
            assert hasattr(cls, "predict_backward")


# --------------------------------------------------------------------------------------------------------- numbers


def test_known_factors_are_folded_into_numbers_of_the_running_file() -> None:
    scale = Number(formula("float", "batch"))
    quotient = arithmetic("/", 0.25, scale)
    assert isinstance(quotient, Number)
    folded = arithmetic("*", 2.0, quotient)
    assert isinstance(folded, Number)
    assert literal(0.5).value == folded.value.left.value


def test_literals_lose_the_dust_of_their_computation_and_nothing_else() -> None:
    assert tidy(1 - 0.9) == 0.1
    assert tidy(1 / 3) == 1 / 3
    assert tidy(np.pi) == np.pi
    assert abs(tidy(2 / 3 * 1e-9) - 2 / 3 * 1e-9) < 1e-24


# ------------------------------------------------------------------------------------------------------ verification


def test_a_read_before_its_write_is_noticed() -> None:
    program = planned("forward").program
    broken = program.with_statements([program.statements[1], program.statements[0], *program.statements[2:]])
    with pytest.raises(VerificationError, match="not written before"):
        verify_program(broken)


def test_a_second_write_is_noticed() -> None:
    program = planned("forward").program
    with pytest.raises(VerificationError, match="written twice"):
        verify_program(program.with_statements([*program.statements, program.statements[-1]]))


def test_an_overwritten_value_that_is_still_needed_is_noticed() -> None:
    step = planned("forward")
    program = step.program
    memory = plan_memory(program)
    verify_plan(program, memory, [])
    first, second = (next(s for s in program.statements if s.block.heading.startswith(name)) for name in ("h =", "y ="))
    stolen = {**memory.segments, second.target: memory.segments[first.target]}
    with pytest.raises(VerificationError, match="whose memory holds"):
        verify_plan(program, replace(memory, segments=stolen), [])


def test_with_reuse_off_memory_is_only_shared_by_what_happens_on_condition() -> None:
    program = planned("forward").program
    guarded = {statement.target for statement in program.statements if statement.guard is not None}
    second = {}
    for reuse in (True, False):
        segments = [segment for buffer in plan_memory(program, reuse=reuse).buffers for segment in buffer.segments]
        second[reuse] = {name for segment in segments for name in segment.variables[1:]}
    assert second[True] > guarded
    assert second[False] == guarded


def test_types_of_arrays_are_equal_by_value() -> None:
    assert ArrayType((3, 4)) == ArrayType((3, 4))
    assert ArrayType((3, 4)) not in (ArrayType((4, 3)), ArrayType((3, 4), "int32"))
    assert Array("x", ArrayType((3,))).shape == (3,)


# ------------------------------------------------------------------------------------------------------------- losses


def test_a_loss_and_its_gradient_are_divided_by_one_number_of_the_program() -> None:
    program = planned("loss").program
    (count,) = [each for each in program.statements if each.target == "y_count"]
    assert (count.section, program.types["y_count"]) == ("loss", SIZE)
    readers = [each.section for each in program.statements if "y_count" in reads(each.value)]
    assert readers == ["loss", "backward"]
