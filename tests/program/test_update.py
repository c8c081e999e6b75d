"""The optimizer's step: rules of one's own do in the generated file what they do when they run as they are.

That is over all weights at once or block by block, after each way to clip, and over the rows of a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.compiler import PASSES, Options
from gen.components.arguments import Positive
from gen.components.base import Optimizer
from gen.components.kernels import Array, clip_by_global_norm, clip_by_norm, clip_by_value
from gen.components.rules import FenceError
from gen.graph.graph import Graph
from gen.program.ir import ArrayType, Block, Parts, Program, Statement, expression, formula
from gen.program.lower.update import BLOCK
from gen.program.memory.planning import plan_memory
from gen.program.memory.verify import verify_plan
from gen.program.verify import VerificationError
from tests.building import QUICK, graph_of, load

CLOSE = {"rtol": 1e-12, "atol": 1e-14}


@dataclass(frozen=True)
class Own(Optimizer):
    """What the optimizers below have in common: an argument for each way to clip."""

    learning_rate: Positive = 0.1
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None


@dataclass(frozen=True)
class Averaged(Own):
    """A step, and the running mean of the weights before it."""

    def slots(self) -> dict[str, float]:
        return {"mean": 0.5}

    def update(self, w: Array, g: Array, learning_rate: float, step: int, mean: Array) -> tuple[Array, Array]:
        rate = learning_rate / (1.0 + 0.1 * step)
        new = w - rate * g
        mean = mean * 0.5 + w * 0.5
        w = new
        return w, mean


@dataclass(frozen=True)
class HeavyBall(Own):
    """The last move goes on; the slot is the weights before the step."""

    def slots(self) -> dict[str, float]:
        return {"previous": 0.0}

    def update(self, w: Array, g: Array, learning_rate: float, step: int, previous: Array) -> tuple[Array, Array]:
        before = w
        w = w - learning_rate * g + 0.25 * (w - previous)
        previous = before
        return w, previous


@dataclass(frozen=True)
class Optimistic(Own):
    """Twice the gradient, less the one before, which is the slot."""

    def slots(self) -> dict[str, float]:
        return {"before": 0.0}

    def update(self, w: Array, g: Array, learning_rate: float, step: int, before: Array) -> tuple[Array, Array]:
        w = w - learning_rate * (2.0 * g - before)
        before = g
        return w, before


@dataclass(frozen=True)
class Swapped(Own):
    """Two sets of weights take turns."""

    def slots(self) -> dict[str, float]:
        return {"other": 0.125}

    def update(self, w: Array, g: Array, learning_rate: float, step: int, other: Array) -> tuple[Array, Array]:
        kept = w
        w = other
        other = kept
        return w, other


@dataclass(frozen=True)
class Copied(Own):
    """The slot is the weights after the step."""

    def slots(self) -> dict[str, float]:
        return {"copy": 0.0}

    def update(self, w: Array, g: Array, learning_rate: float, step: int, copy: Array) -> tuple[Array, Array]:
        w = w - learning_rate * g - 0.01 * copy
        copy = w
        return w, copy


OWN = [Averaged, HeavyBall, Optimistic, Swapped, Copied]

CLIPPED: list[dict[str, Any]] = [{}, {"clipnorm": 0.01}, {"clipvalue": 0.003}, {"global_clipnorm": 0.02}]


def trained_by(optimizer: Optimizer, units: int) -> Graph:
    graph = graph_of(
        f"x = Input(7)\nh = Dense({units}, tanh)(x)\ny = Dense(2)(h)\nmodel = Model(x, y)\nmodel.compile(sgd(), mse)\n"
    )
    assert graph.training is not None
    return replace(graph, training=replace(graph.training, optimizer=optimizer))


def model_of(graph: Graph, options: Options = QUICK) -> Any:
    return load(compiler.generate(graph, "own.nn", options), "own").Model(seed=3, dtype=np.float64)


def clip(optimizer: Own, gradients: dict[str, Array]) -> None:
    if optimizer.clipnorm is not None:
        clip_by_norm(list(gradients.values()), optimizer.clipnorm)
    for gradient in gradients.values():
        if optimizer.clipvalue is not None:
            clip_by_value(gradient, optimizer.clipvalue)
    if optimizer.global_clipnorm is not None:
        whole = np.concatenate([gradient.reshape(-1) for gradient in gradients.values()])
        clip_by_global_norm(whole, optimizer.global_clipnorm)
        start = 0
        for gradient in gradients.values():
            gradient[...] = whole[start : start + gradient.size].reshape(gradient.shape)
            start += gradient.size


@pytest.mark.parametrize("units", [3, 5000], ids=["at once", "block by block"])
@pytest.mark.parametrize("clipped", CLIPPED, ids=lambda each: "".join(each) or "as it is")
@pytest.mark.parametrize("cls", OWN)
def test_a_rule_does_what_it_does_when_it_runs_as_it_is(cls: type[Own], clipped: dict[str, Any], units: int) -> None:
    optimizer: Any = cls(**clipped)
    model = model_of(trained_by(optimizer, units))
    assert (model.p.size > BLOCK) == (units == 5000)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 7)), rng.normal(size=(6, 2))
    (slot,) = optimizer.slots()
    slots = {name: np.full_like(weight, optimizer.slots()[slot]) for name, weight in model.weights.items()}
    for step in range(1, 4):
        before = {name: weight.copy() for name, weight in model.weights.items()}
        _, gradients = model.loss_and_grads(x, y)
        gradients = {name: gradient.copy() for name, gradient in gradients.items()}
        clip(optimizer, gradients)
        model.train_on_batch(x, y)
        for name, weight in model.weights.items():
            expected, slots[name] = optimizer.update(before[name], gradients[name], 0.1, step, slots[name])
            np.testing.assert_allclose(weight, expected, **CLOSE)
            np.testing.assert_allclose(model.slots[f"{name}/{slot}"], slots[name], **CLOSE)


@dataclass(frozen=True)
class Plain(Own):
    """What it gives has no name: it is the weights."""

    def update(self, w: Array, g: Array, learning_rate: float, step: int) -> Array:
        return w - learning_rate * g


def test_a_rule_that_gives_one_value_gives_the_weights() -> None:
    model = model_of(trained_by(Plain(), 3))
    before = model.p.flat.copy()
    x, y = np.ones((2, 7)), np.zeros((2, 2))
    model.train_on_batch(x, y)
    np.testing.assert_allclose(model.p.flat, before - 0.1 * model.g.flat, **CLOSE)


@dataclass(frozen=True)
class Resting(Own):
    """A rule of several statements that leaves a weight without a gradient where it is, while its slots decay."""

    def slots(self) -> dict[str, float]:
        return {"mean": 0.0, "last": 1.0, "sum": 0.0}

    def ignores_zero_gradients(self) -> bool:
        return True

    def update(
        self, w: Array, g: Array, learning_rate: float, step: int, mean: Array, peak: Array, total: Array
    ) -> tuple[Array, Array, Array, Array]:
        mean = mean * 0.5 + g * 0.5
        scale = np.sqrt(total + peak)
        w = w - learning_rate * g / (scale + 1.0)
        total = total + g * g
        peak = np.maximum(peak * 0.9, np.abs(g))
        return w, mean, peak, total

    def untouched(self, steps: Array, mean: Array, peak: Array) -> tuple[Array, Array]:
        mean = mean * 0.5**steps
        peak = peak * 0.9**steps
        return mean, peak


@dataclass(frozen=True)
class RestingNamed(Resting):
    """The same, with slots whose names may be had."""

    def slots(self) -> dict[str, float]:
        return {"mean": 0.0, "peak": 1.0, "total": 0.0}


def test_rows_end_where_a_dense_update_ends() -> None:
    graph = graph_of("""
ids = Input(5, int32)
x = Flatten()(Embedding(900, 40)(ids))
y = Dense(2, tanh)(x)
model = Model(ids, y)
model.compile(sgd(), mse)
""")
    assert graph.training is not None
    graph = replace(graph, training=replace(graph.training, optimizer=RestingNamed()))
    by_row = model_of(graph)
    dense = model_of(graph, replace(QUICK, passes=frozenset(PASSES) - {"rows"}))
    assert hasattr(by_row.s, "embedding_embeddings") and not hasattr(dense.s, "embedding_embeddings")
    rng = np.random.default_rng(1)
    for step in range(9):
        ids = rng.integers(0, 900 if step % 3 else 12, (4, 5)).astype(np.int32)
        y = rng.normal(size=(4, 2))
        by_row.train_on_batch(ids, y)
        dense.train_on_batch(ids, y)
    for name, weight in dense.weights.items():
        np.testing.assert_allclose(by_row.weights[name], weight, rtol=1e-12, err_msg=name)
    for name, slot in dense.slots.items():
        np.testing.assert_allclose(by_row.slots[name], slot, rtol=1e-11, atol=1e-300, err_msg=name)


# ---------------------------------------------------------------------------------------------- what a rule may not say


@dataclass(frozen=True)
class Normed(Own):
    def update(self, w: Array, g: Array, learning_rate: float, step: int) -> Array:
        return w - g / np.sqrt(np.add.reduce(g * g))


@dataclass(frozen=True)
class WithMean(Own):
    def slots(self) -> dict[str, float]:
        return {"mean": 0.0}


@dataclass(frozen=True)
class Unnamed(WithMean):
    def update(self, w: Array, g: Array, learning_rate: float, step: int, mean: Array) -> tuple[Array, Array]:
        return w - learning_rate * g, mean


@dataclass(frozen=True)
class Misnamed(WithMean):
    def update(self, w: Array, g: Array, learning_rate: float, step: int, mean: Array) -> tuple[Array, Array]:
        new = w - learning_rate * g
        return new, mean


@dataclass(frozen=True)
class Idle(WithMean):
    def slots(self) -> dict[str, float]:
        return {"mean": 0.0, "total": 0.0}

    def update(
        self, w: Array, g: Array, learning_rate: float, step: int, mean: Array, total: Array
    ) -> tuple[Array, Array]:
        mean = mean * 0.5 + g
        total = total + g
        return mean, total


@dataclass(frozen=True)
class Reshaped(WithMean):
    def update(self, w: Array, g: Array, learning_rate: float, step: int, mean: Array) -> tuple[Array, float]:
        w = w - learning_rate * g
        mean = 0.5
        return w, mean


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (Normed, "calls `np.add.reduce`: weights are updated part by part"),
        (Unnamed, "returns something without a name"),
        (Misnamed, "returns `new`"),
        (Idle, "returns no `w`"),
        (Reshaped, "returns `mean` in another shape"),
        (Resting, "a slot cannot be called `last`"),
    ],
)
def test_what_a_rule_cannot_mean_is_refused_with_its_line(cls: type[Own], says: str) -> None:
    with pytest.raises(FenceError, match=says) as caught:
        compiler.programs(trained_by(cls(), 3))
    line = cls.update.__code__.co_firstlineno  # type: ignore[attr-defined]  # each of them has one
    assert caught.value.place == f"{__file__}:{line}"


# ------------------------------------------------------------------------------------------------------ the statements


def in_a_loop(*statements: Statement) -> Program:
    """A program with a parameter `x` and an array `v#0` of it, which the statements behind it read."""
    kind = ArrayType((4,))
    first = Statement("v#0", formula("np.negative", "x"), "update", Block(""))
    names = {name for statement in (first, *statements) for name in statement.targets}
    return Program((first, *statements), dict.fromkeys([*names, "x"], kind), {}, frozenset({"x"}))


def test_what_a_loop_reads_from_outside_stays_as_it_is() -> None:
    """In a straight line the square root may be computed in place of `v#0`, whose last reader it is."""
    root = Statement("v#1", formula("np.sqrt", "v#0"), "update", Block(""))
    assert plan_memory(in_a_loop(root)).in_place == {"v#1": "v#0"}
    parts = Parts("i", expression("range(3)"), expression("len(x)"))
    again = replace(root, block=Block("", parts=parts))
    assert plan_memory(in_a_loop(again)).in_place == {}


def test_a_read_of_what_has_been_changed_is_noticed() -> None:
    halve = Statement("v#1", formula("halve", "x"), "update", Block(""), changes=("x",))
    after = Statement("v#2", formula("np.negative", "v#1"), "update", Block(""))
    before = Statement("v#2", formula("np.negative", "x"), "update", Block(""))
    verify_plan(in_a_loop(halve, after), plan_memory(in_a_loop(halve, after)), [])
    with pytest.raises(VerificationError, match="reads x, whose memory holds v#1"):
        verify_plan(in_a_loop(halve, before), plan_memory(in_a_loop(halve, before)), [])
