"""What is counted as floating-point operations is what NumPy is asked to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.components.kernels import kernels
from gen.components.layers import (
    convolution_kernels,
    pooling,
    projection_kernels,
    recurrent_kernels,
    recurrent_predict,
)
from gen.program import ops
from gen.program.cost.flops import operations
from tests.building import graph_of


class Counted(np.ndarray):
    """An array that counts what is done to it, by the convention: in a product two for each pair, else one a number."""

    count = 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        result = getattr(ufunc, method)(*plain(inputs), **plain(options))
        if ufunc is np.matmul:
            Counted.count += 2 * inputs[0].shape[-1] * result.size
        elif np.asarray(result).dtype.kind == "f" or ufunc is np.equal:
            Counted.count += inputs[0].size if method == "reduce" else result.size
        return counted(result)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        result = function(*plain(inputs), **plain(options))
        if function is np.dot:
            Counted.count += 2 * inputs[0].shape[-1] * result.size
        if function is np.einsum:
            Counted.count += 2 * max(item.size for item in inputs if isinstance(item, np.ndarray))
        return counted(result)


def plain(value: Any) -> Any:
    if isinstance(value, Counted):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def counted(value: Any) -> Any:
    return value.view(Counted) if isinstance(value, np.ndarray) else value


class CountingNumPy:
    """NumPy whose new arrays count."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name in ("empty", "empty_like", "zeros", "ones", "array"):
            return lambda *inputs, **options: counted(found(*plain(inputs), **options))
        return found


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).random(shape).astype(np.float32).view(Counted)


def ids(*shape: int) -> np.ndarray:
    return np.arange(math.prod(shape), dtype=np.int32).reshape(shape)


BATCH, STEPS, FEATURES, UNITS = 8, 20, 5, 24


def recurrent(gates: int, *bias: int) -> list[np.ndarray]:
    """The input of a recurrent layer and its weights."""
    x, kernel = random(BATCH, STEPS, FEATURES), random(FEATURES, gates * UNITS)
    return [x, kernel, random(UNITS, gates * UNITS), random(*bias, gates * UNITS)]


def states(count: int = 1) -> np.ndarray:
    return random(STEPS, count * UNITS, BATCH)


IMAGE, KERNEL, FILTERED = random(4, 12, 12, 6), random(3, 3, 6, 8), random(4, 10, 10, 8)
DEEP, DEEPENED = random(3, 3, 6, 2), random(4, 10, 10, 12)
POOLED = ((2, 2), (2, 2), "valid")

CALLS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "lstm_predict": ([states(4), random(UNITS, 4 * UNITS), random(4 * UNITS)], {}),
    "kernel_gradient": ([random(STEPS, FEATURES, BATCH), states(4)], {}),
    "input_gradient": ([states(4), random(FEATURES, 4 * UNITS)], {}),
    "bias_gradient": ([states(4)], {}),
    "correlate": ([IMAGE, KERNEL], {"padding": "same"}),
    "correlate_kernel_gradient": ([FILTERED, IMAGE, KERNEL], {}),
    "depthwise": ([IMAGE, DEEP], {}),
    "depthwise_kernel_gradient": ([DEEPENED, IMAGE, DEEP], {}),
    "max_pool": ([IMAGE, *POOLED], {}),
    "average_pool": ([IMAGE, *POOLED], {}),
    "project_embedded": ([ids(8, 20), random(200, 64), random(64, 16)], {}),
    "correlate_embedded": ([ids(8, 20), random(200, 64), random(3, 64, 16)], {}),
}


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Gives how many operations a call of a kernel takes."""
    modules = (
        convolution_kernels, pooling, projection_kernels, recurrent_kernels, recurrent_predict,
    )  # fmt: skip
    for module in modules:
        monkeypatch.setattr(module, "np", CountingNumPy())

    def run(name: str, *arguments: Any, **options: Any) -> int:
        Counted.count = 0
        kernels[name].function(*arguments, **options)
        return Counted.count

    return run


@pytest.mark.parametrize("name", CALLS)
def test_a_kernel_takes_as_many_operations_as_it_says(name: str, counting: Callable[..., int]) -> None:
    """But for what is done once to the weights, a few percent here."""
    arguments, options = CALLS[name]
    says = kernels[name].operations
    assert says is not None
    shapes = [item.shape if isinstance(item, np.ndarray) else item for item in arguments]
    assert counting(name, *arguments, **options) == pytest.approx(says(*shapes, **options), rel=0.05)


def sections(text: str, **sizes: int) -> dict[str, int]:
    """The operations of a training step by section, in the programs of a `.nn` text."""
    found: dict[str, int] = {}
    for planned in compiler.programs(graph_of(text)):
        for statement, count in operations(planned.program, {"batch": 1, **sizes}):
            found[statement.section] = found.get(statement.section, 0) + count
    return found


DENSE = """\
x = Input(10)
y = Dense(3)(Dense(7, relu)(x))
model = Model(x, y)
model.compile(sgd, mse)
"""


def test_a_dense_layer_takes_two_operations_for_each_weight_and_row() -> None:
    found = sections(DENSE, batch=5)
    assert found["forward"] == 5 * (2 * 10 * 7 + 7 + 7 + 2 * 7 * 3 + 3)  # products, biases, relu


def test_the_gradient_of_an_input_is_left_out() -> None:
    """The first layer takes two products less in the backward pass than one in the middle would."""
    kernels_and_biases = 2 * 10 * 7 + 2 * 7 * 3 + 2 * 7 + 2 * 3
    found = sections(DENSE, batch=5)
    assert found["backward"] == 5 * (kernels_and_biases + 2 * 7 * 3 + 2 * 7 + 3)  # back through y, relu, the loss


def test_operations_grow_with_the_steps_of_a_sequence() -> None:
    text = 'x = Input("steps", 4)\ny = LSTM(6)(x)\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n'
    ten, twenty, thirty = (sections(text, steps=steps)["forward"] for steps in (10, 20, 30))
    once = 4 * 6 * (4 + 6 + 1)  # the weights of the gates, times their factors
    assert thirty - twenty == twenty - ten == ten - once


def test_a_product_of_all_numbers_takes_two_operations_for_each() -> None:
    text = "x = Input(5, 3)\ny = Attention(use_scale=True)([x, x])\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n"
    (step,) = [each for each in compiler.programs(graph_of(text)) if "backward" in each.program.sections()]
    found = [n for each, n in operations(step.program, {"batch": 2}) if each.op is ops.VDOT and each.section != "loss"]
    assert found == [2 * 2 * 5 * 3]
