"""Cells: a class that says what happens at one step is a recurrent layer, with all that such a layer can do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import keras
import numpy as np
import pytest

from gen import compiler
from gen.compiler import Options, generate
from gen.components.activations import Exponential, Sigmoid, Softmax, Tanh, Threshold
from gen.components.base import Activation, Initializer, Regularizer, ShapeError, component, registry
from gen.components.initializers import GlorotUniform, Orthogonal, Zeros
from gen.components.kernels import Array
from gen.components.layers.cells import Cell, activate, differentiated
from gen.components.layers.recurrent import SimpleRNN
from gen.diagnostics import Diagnostics, Source
from gen.program.cost.flops import total
from tests.building import QUICK, build, graph_of, sample
from tests.proof import check_gradients, compare_with_keras


@component
class MinimalGatedUnit(Cell):
    """A gate f, and a candidate of what it lets through (Zhou et al., 2016), f first in the kernels.

    Formula: h = (1 - f) · h + f · tanh(x @ kernel + (f · h) @ recurrent_kernel)
    Example: MinimalGatedUnit(3)(Input("steps", 2))
    """

    gates = 2

    units: int
    activation: Activation = Tanh()
    recurrent_activation: Activation = Sigmoid()
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    recurrent_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    def step(self, x: Array, h: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Array:
        units = self.units
        inputs = kernel.T @ x + bias[:, np.newaxis]
        sums = inputs[:units] + recurrent_kernel[:, :units].T @ h
        f, kept_f = activate(self.recurrent_activation, sums)  # noqa: RUF059  # `step_backward` asks for it
        passed = f * h
        sums = inputs[units:] + recurrent_kernel[:, units:].T @ passed
        candidate, kept = activate(self.activation, sums)  # noqa: RUF059  # the same
        return h + f * (candidate - h)

    def step_backward(
        self, dh: Array, x: Array, h: Array, kernel: Array, recurrent_kernel: Array, f: Array, passed: Array,
        candidate: Array, kept_f: Any, kept: Any,
    ) -> tuple[Array, ...]:  # fmt: skip
        units = self.units
        dcandidate = differentiated(self.activation, dh * f, kept)
        dpassed = recurrent_kernel[:, units:] @ dcandidate
        df = differentiated(self.recurrent_activation, dh * (candidate - h) + dpassed * h, kept_f)
        dsums = np.concatenate((df, dcandidate), axis=0)
        dx, dh = kernel @ dsums, dh * (1.0 - f) + dpassed * f + recurrent_kernel[:, :units] @ df
        dkernel, dbias = x @ dsums.T, np.add.reduce(dsums, axis=1)
        drecurrent_kernel = np.concatenate((h @ df.T, passed @ dcandidate.T), axis=1)
        return dx, dh, dkernel, drecurrent_kernel, dbias


registry["layer"].pop("MinimalGatedUnit")  # it is known in the tests below, and nowhere else


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    registry["layer"]["MinimalGatedUnit"] = MinimalGatedUnit
    yield
    registry["layer"].pop("MinimalGatedUnit")


PLAIN = """
x = Input(None, 2)
y = Dense(1)(MinimalGatedUnit(3{more})(x))
model = Model(x, y)
model.compile(sgd(0.1), loss=mse)
"""
STACKED = """
ids = Input(None, dtype=int32)
words = Embedding(9, 2, mask_zero=True)(ids)
h, last = MinimalGatedUnit(3, return_sequences=True, return_state=True)(words)
y = MinimalGatedUnit(3, go_backwards=True, dropout=0.2, activation=softsign)(h, initial_state=last)
model = Model(ids, y)
model.compile(sgd(0.1), loss=mse)
"""
BOTH_WAYS = """
x = Input(None, 2)
y = Bidirectional(MinimalGatedUnit(3, recurrent_activation=hard_sigmoid))(x)
model = Model(x, y)
model.compile(sgd(0.1), loss=mse)
"""
TEXTS = {"plain": PLAIN.format(more=""), "softmax": PLAIN.format(more=", activation=softmax"), "stacked": STACKED}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_gradients_of_a_new_cell_are_central_differences(text: str) -> None:
    check_gradients(build(text))


def test_a_new_cell_runs_both_ways() -> None:
    with_hint = graph_of(BOTH_WAYS)
    check_gradients(build(BOTH_WAYS))
    assert [node.layer.component for node in with_hint.nodes if isinstance(node.layer.component, MinimalGatedUnit)]


def test_a_generated_loop_gives_what_the_rules_give_as_they_run() -> None:
    model = build(PLAIN.format(more="")).Model(3, np.float64)
    x = np.random.default_rng(0).standard_normal((4, 6, 2))
    kernel, recurrent, bias, dense, shift = model.weights.values()
    h = MinimalGatedUnit(3).predict(x, None, kernel, recurrent, bias, None)
    np.testing.assert_allclose(model.predict(x), h @ dense + shift, rtol=1e-12)


# Each activation that needs no argument; of exponentials the next exponential overflows.
LEFT_OUT = (Exponential, Threshold)
WORDS = sorted({cls: word for word, cls in registry["activation"].items() if cls not in LEFT_OUT}.values())
MODEL = """
x = Input(2, 2)
h = SimpleRNN(3, activation={word}, return_sequences=True)(x)
y = GRU(4, activation=tanh, recurrent_activation={word}{more})(h)
model = Model(x, y)
model.compile(sgd(0.001), loss=mse)
"""


RESETS = ("", ", reset_after=False")


@pytest.mark.parametrize(("word", "more"), sample([(word, more) for word in WORDS for more in RESETS], 14))
def test_every_activation_works_in_a_cell_as_in_keras(word: str, more: str) -> None:
    text = MODEL.format(word=word, more=more)
    compare_with_keras(graph_of(text), build(text))


def test_an_activation_along_an_axis_that_a_state_does_not_have_is_refused() -> None:
    with pytest.raises(ShapeError, match="cannot work along axis 2"):
        SimpleRNN(3, activation=Softmax(axis=2)).output((2, 5, 2))


def test_what_does_not_depend_on_the_states_is_done_before_the_loop_or_after_it() -> None:
    text = generate(graph_of(PLAIN.format(more="")), "model.nn", QUICK)
    lines = text.partition("\ndef backward(")[2].partition("\ndef ")[0].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("    for "))
    inside = list(takewhile(lambda line: line.startswith("        "), lines[first + 1 :]))
    last = first + len(inside)
    assert not any("gradient" in line for line in inside)
    assert sum("kernel_gradient(" in line for line in lines[last:]) == 3
    assert "np.subtract(1.0" in "".join(lines[:first])


def test_a_loop_counts_its_operations_for_each_step() -> None:
    text = "x = Input('steps', 4)\ny = SimpleRNN(6, use_bias=False)(x)\nmodel = Model(x, y)\n"
    (planned,) = compiler.programs(graph_of(text), Options(inference=True))
    found = total(planned.program, {"batch": 5, "steps": 10})
    assert found == 10 * 5 * 6 * (2 * 4 + 2 * 6 + 1 + 1)  # two products, their sum, tanh


RNN = "x = Input(None, 2)\ny = RNN({cell}, return_sequences=True, go_backwards=True)(x)\nmodel = Model(x, y)\n"
CELLS = {
    "SimpleRNNCell(3, activation=softsign)": lambda: keras.layers.SimpleRNNCell(3, activation="softsign"),
    "LSTMCell(3, recurrent_activation=hard_sigmoid)": lambda: keras.layers.LSTMCell(
        3, recurrent_activation="hard_sigmoid"
    ),
    "GRUCell(3, reset_after=False)": lambda: keras.layers.GRUCell(3, reset_after=False),
}


@pytest.mark.parametrize("cell", CELLS)
def test_an_rnn_of_a_cell_has_the_weights_and_results_of_the_one_in_keras(cell: str) -> None:
    model = build(RNN.format(cell=cell)).Model(3)
    x = np.random.default_rng(0).standard_normal((4, 6, 2)).astype(np.float32)
    twin = keras.layers.RNN(CELLS[cell](), return_sequences=True, go_backwards=True)
    twin.build(x.shape)
    assert [f"y/{variable.name}" for variable in twin.weights] == list(model.weights)
    twin.set_weights(list(model.weights.values()))
    np.testing.assert_allclose(model.predict(x), twin(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("RNN(LSTM(3))", r"`RNN` takes a cell, got the layer `LSTM`"),
        ("RNN([LSTMCell(3), LSTMCell(3)])", r"`RNN` takes a cell, got a list"),
        ("RNN()", r"`RNN` needs its argument `cell`"),
        ("RNN(LSTMCell(3), stateful=True)", r"gen does not support `stateful` of `RNN`"),
        ("RNN(LSTMCell(3), 2)", r"return_sequences"),
        ("RNN(LSTMCell(3, return_state=True))", r"`LSTMCell` has no argument `return_state`"),
        ("RNN(LSTMCell())", r"`LSTMCell` needs its argument `units`"),
        ("RNN(LSTMCell(3), name='a#b')", r"name"),
        ("LSTMCell(3)", r"cannot be called"),
    ],
)
def test_what_is_no_rnn_of_a_cell_is_an_error(call: str, message: str) -> None:
    diagnostics = Diagnostics()
    source = Source("model.nn", f"x = Input(None, 2)\ny = {call}(x)\nmodel = Model(x, y)\n")
    assert compiler.understand(source, diagnostics) is None
    (found,) = [item for item in diagnostics.items if item.severity == "error"]
    assert re.search(message, found.message)


def test_a_cell_belongs_to_one_rnn() -> None:
    diagnostics = Diagnostics()
    text = "x = Input(None, 2)\ncell = GRUCell(2)\nmodel = Model(x, [RNN(cell)(x), RNN(cell)(x)])\n"
    assert compiler.understand(Source("model.nn", text), diagnostics) is None
    assert [item.message for item in diagnostics.items] == ["This cell belongs to another RNN"]


MASKED = """
ids = Input(None, int32)
x = Embedding(7, 3, mask_zero=True)(ids)
h = RNN(LSTMCell(3, recurrent_activation=hard_sigmoid), return_sequences=True)(x)
both = Bidirectional(RNN(GRUCell(2), return_sequences=True))(h)
y, state = RNN(SimpleRNNCell(2, activation=gelu), return_state=True, go_backwards=True)(both)
model = Model(ids, [y, state])
"""


def test_rnns_of_cells_hand_masks_on_as_in_keras() -> None:
    layers = keras.layers
    ids = keras.Input((None,), dtype="int32")
    h = layers.Embedding(7, 3, mask_zero=True)(ids)
    h = layers.RNN(layers.LSTMCell(3, recurrent_activation="hard_sigmoid"), return_sequences=True)(h)
    h = layers.Bidirectional(layers.RNN(layers.GRUCell(2), return_sequences=True))(h)
    cell = layers.SimpleRNNCell(2, activation="gelu")
    twin = keras.Model(ids, layers.RNN(cell, return_state=True, go_backwards=True)(h))
    model = build(MASKED).Model(3)
    twin.set_weights(list(model.weights.values()))
    x = np.random.default_rng(0).integers(0, 7, (5, 9)).astype(np.int32)
    for found, expected in zip(model.predict(x).values(), twin(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
