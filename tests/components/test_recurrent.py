"""Recurrent layers: the rules, run as they are, against Keras; gradients against those that JAX derives from Keras."""

from __future__ import annotations

import itertools
import random
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen.compiler import PASSES, Options, generate
from gen.components.base import registry
from gen.components.layers.recurrent import GRU, LSTM, SimpleRNN
from gen.components.layers.recurrent_predict import lstm_predict, lstm_predict_jointly
from gen.graph.graph import Graph
from tests.building import QUICK, build, graph_of
from tests.keras_twin import make

BATCH, STEPS, FEATURES, UNITS = 3, 5, 2, 4
KINDS = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}
STATES = {"SimpleRNN": ("h",), "LSTM": ("h", "c"), "GRU": ("h",)}
BY_NAME = {
    word: registry["activation"][word]()
    for word in ("tanh", "sigmoid", "linear", "relu", "hard_sigmoid", "softsign", "elu", "gelu", "silu", "softmax")
}
SAMPLE = (("SimpleRNN", 3), ("LSTM", 5), ("GRU", 5))
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool)  # holes, a late start, nothing at all


def combinations(kind: str, count: int) -> list[dict[str, Any]]:
    """A sample of all options of a layer, and of what it is called with; the defaults come first."""
    options: dict[str, tuple[Any, ...]] = {
        "return_sequences": (False, True),
        "return_state": (False, True),
        "go_backwards": (False, True),
        "use_bias": (True, False),
        "masked": (False, True),
        "stateful": (False, True),
        "activation": ("tanh", *(name for name in BY_NAME if name != "tanh")),
    }
    if kind != "SimpleRNN":
        options["recurrent_activation"] = ("sigmoid", "hard_sigmoid", "tanh")
    if kind == "GRU":
        options["reset_after"] = (True, False)
    every = [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]
    return [every[0], *random.Random(0).sample(every[1:], count)]


CASES = [(kind, case) for kind, count in SAMPLE for case in combinations(kind, count)]


def setting(kind: str, case: dict[str, Any], sizes: tuple[int, int, int] = (BATCH, STEPS, FEATURES)) -> Any:
    """The layer, and values for its input, its states, its weights and its mask."""
    batch, steps, features = sizes
    arguments = {name: value for name, value in case.items() if name not in ("masked", "stateful")}
    for name in ("activation", "recurrent_activation"):
        if name in arguments:
            arguments[name] = BY_NAME[arguments[name]]
    layer = KINDS[kind](UNITS, **arguments)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((batch, steps, features))
    states = [rng.standard_normal((batch, UNITS)) if case["stateful"] else None for _ in STATES[kind]]
    weights = {name: 0.6 * rng.standard_normal(item.shape) for name, item in layer.weights(x.shape).items()}
    mask = MASK[:batch, :steps] if case["masked"] else None
    return layer, x, states, weights, mask


def forward(layer: Any, x: Any, states: Any, weights: Any, mask: Any) -> tuple[dict[str, Any], Any]:
    """What `forward` gives, and the values that `backward` may ask for."""
    rng = np.random.default_rng(0)
    names = dict(zip(STATES[type(layer).__name__], states, strict=True))
    given = {"x": x, **names, "kernel": weights["kernel"], "recurrent_kernel": weights["recurrent_kernel"]}
    given |= {"bias": weights.get("bias"), "mask": mask, "rng": rng}
    code = type(layer).forward.__code__
    found = locals_of(type(layer).forward, layer, **given)
    return {name: found.get(name, given.get(name)) for name in (*code.co_varnames, *given)}, found["return"]


def locals_of(function: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
    """The local names of a function when it returns, and its result."""
    found: dict[str, Any] = {}

    def trace(frame: Any, event: str, value: Any) -> Any:
        if frame.f_code is not function.__code__:
            return None
        if event == "return":
            found.update(frame.f_locals)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = function(*arguments, **named)
    finally:
        sys.settrace(before)
    return {**found, "return": result}


def gradients(layer: Any, names: dict[str, Any], dy: Any) -> dict[str, Any]:
    """What `backward` gives, by the names that it returns."""
    code = type(layer).backward.__code__
    asked = {name: names[name] for name in code.co_varnames[2 : code.co_argcount]}
    values = layer.backward(dy, **asked)
    if "c" in asked:
        return dict(zip(("x", "h", "c", "kernel", "recurrent_kernel", "bias"), values, strict=True))
    return dict(zip(("x", "h", "kernel", "recurrent_kernel", "bias"), values, strict=True))


def in_keras(layer: Any, x: Any, states: Any, weights: Any, mask: Any, dys: Any) -> tuple[list[Any], dict[str, Any]]:
    """The same by Keras and JAX: the results, and the gradients of Σ dy · result."""
    twin = make(layer)
    twin.build(x.shape)
    order = [variable.name for variable in twin.trainable_variables]

    def run(inputs: dict[str, Any]) -> Any:
        initial = [inputs[name] for name in STATES[type(layer).__name__] if name in inputs]
        values, _ = twin.stateless_call(
            [inputs[name] for name in order],
            [variable.value for variable in twin.non_trainable_variables],
            inputs["x"],
            initial_state=initial or None,
            mask=None if mask is None else jnp.asarray(mask),
        )
        results = list(values) if isinstance(values, list | tuple) else [values]
        return sum(jnp.sum(dy * y) for dy, y in zip(dys, results, strict=True) if dy is not None), results

    given = {"x": x, **weights}
    given |= {
        name: value for name, value in zip(STATES[type(layer).__name__], states, strict=True) if value is not None
    }
    found, results = jax.grad(run, has_aux=True)({name: jnp.asarray(value) for name, value in given.items()})
    return results, found


def compare(layer: Any, x: Any, states: Any, weights: Any, mask: Any, unneeded: int | None = None) -> None:
    """Results and gradients as in Keras; `unneeded` is the result that nobody differentiates."""
    names, result = forward(layer, x, states, weights, mask)
    results = list(result) if isinstance(result, tuple) else [result]
    rng = np.random.default_rng(2)
    dys = [None if place == unneeded else rng.standard_normal(y.shape) for place, y in enumerate(results)]
    expected, wanted = in_keras(layer, x, states, weights, mask, dys)
    for y, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(y, value, rtol=1e-10, atol=1e-12)
    found = gradients(layer, names, tuple(dys) if isinstance(result, tuple) else dys[0])
    assert {name for name, value in found.items() if value is not None} == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-11, err_msg=name)
    predicted = layer.predict(*(names[name] for name in type(layer).predict.__code__.co_varnames[1 : 6 + len(states)]))
    for y, value in zip(predicted if isinstance(predicted, tuple) else [predicted], results, strict=True):
        np.testing.assert_allclose(y, value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}-{i}" for i, (kind, _) in enumerate(CASES)])
def test_results_and_gradients_are_those_of_keras(kind: str, case: dict[str, Any]) -> None:
    compare(*setting(kind, case))


@pytest.mark.parametrize("sizes", [(1, 5, 2), (3, 1, 2), (2, 40, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_one_row_one_step_and_many_steps(kind: str, sizes: tuple[int, int, int]) -> None:
    case = combinations(kind, 0)[0] | {"return_sequences": True, "masked": sizes[1] <= STEPS, "stateful": True}
    compare(*setting(kind, case, sizes))


@pytest.mark.parametrize(("sequences", "unneeded"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_nobody_differentiates(kind: str, sequences: bool, unneeded: int) -> None:
    case = combinations(kind, 0)[0] | {"return_sequences": sequences, "return_state": True}
    compare(*setting(kind, case), unneeded=unneeded)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.3])
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_with_dropout(kind: str, reset_after: bool, dropout: float, recurrent_dropout: float) -> None:
    case = combinations(kind, 0)[0] | {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
    case |= {"return_sequences": True, "stateful": True, "masked": True, "go_backwards": True}
    if kind == "GRU":
        case["reset_after"] = reset_after
    layer, x, states, weights, mask = setting(kind, case)
    names, y = forward(layer, x, states, weights, mask)
    dy = np.random.default_rng(3).standard_normal(y.shape)
    found = gradients(layer, names, dy)

    def total() -> float:  # each call draws the same
        return float(np.vdot(dy, forward(layer, x, states, weights, mask)[1]))

    arrays = {"x": x, **dict(zip(STATES[kind], states, strict=True)), **weights}
    for name, array in arrays.items():
        direction = np.random.default_rng(4).standard_normal(array.shape)
        array += 1e-6 * direction
        above = total()
        array -= 2e-6 * direction
        slope = (above - total()) / 2e-6
        array += 1e-6 * direction
        np.testing.assert_allclose(np.vdot(found[name], direction), slope, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize(("recurrent_dropout", "draws"), [(0.0, (20, 30)), (0.2, (4, 20, 30))])
def test_dropout_drops_the_same_at_every_step(recurrent_dropout: float, draws: tuple[int, ...]) -> None:
    layer = LSTM(8, dropout=0.25, recurrent_dropout=recurrent_dropout)
    x = np.ones((20, 3, 30))
    weights = {name: np.ones(item.shape) for name, item in layer.weights(x.shape).items()}
    names, _ = forward(layer, x, (None, None), weights, None)
    assert names["share"].shape == draws
    assert {*np.unique(names["share"])} == {0.0, 1 / 0.75}
    assert abs(np.mean(names["share"] == 0.0) - 0.25) < 0.1
    drop = names["weights"]["drop"]
    assert drop is None or drop.shape == (4, 8, 20)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32(kind: str) -> None:
    layer, x, states, weights, mask = setting(kind, combinations(kind, 0)[0] | {"stateful": True, "masked": True})
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    names, y = forward(layer, x.astype(np.float32), [state.astype(np.float32) for state in states], weights, mask)
    assert y.dtype == np.float32
    assert {value.dtype for value in gradients(layer, names, y).values()} == {np.dtype(np.float32)}


def test_the_forget_gate_starts_open() -> None:
    bias = LSTM(3).weights((None, 5, 2))["bias"]
    assert bias.initializer.draw(np.random.default_rng(0), bias.shape).tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize(("batch", "steps"), [(1, (6, 6)), (3, (6, 4)), (128, (6, 6))])
def test_a_shared_loop_gives_what_each_lstm_gives(batch: int, steps: tuple[int, int], sequences: bool) -> None:
    rng = np.random.default_rng(5)
    sizes = (7, 9)
    projections = tuple(
        rng.standard_normal((count, 4 * units, batch)) for count, units in zip(steps, sizes, strict=True)
    )
    kernels = tuple(rng.standard_normal((units, 4 * units)) for units in sizes)
    biases = tuple(rng.standard_normal(4 * units) for units in sizes)
    alone = [lstm_predict(*single, sequences=sequences) for single in zip(projections, kernels, biases, strict=True)]
    expected = [array for pair in alone for array in pair]
    out = tuple(np.full_like(array, np.nan) for array in expected)
    assert lstm_predict_jointly(projections, kernels, biases, sequences=sequences, out=out) is out
    for found, array in zip(out, expected, strict=True):
        np.testing.assert_allclose(found, array, rtol=1e-12, atol=1e-14)


TWO = """
first, second = Input({first}, 3), Input({second}, 2)
one = LSTM({units}{more})(first)
two = {two}
model = Model([first, second], {outputs})
"""


@pytest.mark.parametrize(
    ("changes", "loops"),
    [
        ({}, 1),
        ({"first": "5", "second": "5"}, 1),
        ({"first": "5", "second": "6"}, 0),
        ({"units": "200"}, 0),
        ({"more": ", go_backwards=True"}, 1),
        ({"more": ", return_sequences=True", "outputs": "[one, two]"}, 0),
        ({"more": ", return_sequences=True", "two": "LSTM(2, return_sequences=True)(one)", "outputs": "two"}, 0),
        ({"more": ", activation=relu"}, 0),
        ({"more": ", use_bias=False"}, 0),
        ({"two": "Bidirectional(LSTM(2, return_sequences=True))(second)", "outputs": "[one, two]"}, 1),
    ],
)
def test_lstms_share_a_loop_where_they_can(changes: dict[str, str], loops: int) -> None:
    settings = {"first": "None", "second": "None", "units": "2", "more": "", "two": "LSTM(3)(second)"}
    settings |= {"outputs": "Concatenate()([one, two])"} | changes
    text = generate(graph_of(TWO.format(**settings)), "model.nn", QUICK)
    infer = text.partition("\ndef infer(")[2].partition("\ndef ")[0]
    assert infer.count("lstm_predict_jointly(") == loops
    alone = {0: 2, 1: settings["two"].count("Bidirectional")}[loops]
    assert infer.count("lstm_predict(") + infer.count("    for ") == alone


CROSSWISE = """
u, v = Input(None, 5), Input(None, 6)
one = LSTM(4, return_sequences=True)(u)
two = LSTM(4)(v)
three = LSTM(4)(one)
four = LSTM(4, return_sequences=True)(RepeatVector(7)(two))
model = Model([u, v], Concatenate()([three, Flatten()(four)]))
"""
HIERARCHY = """
u, v = Input(3, 7, 5), Input(7, 6)
one = Flatten()(TimeDistributed(LSTM(4))(u))
model = Model([u, v], Concatenate()([one, LSTM(4)(v)]))
"""


@pytest.mark.parametrize("text", [CROSSWISE, HIERARCHY], ids=["crosswise", "hierarchy"])
def test_lstms_that_share_a_loop_predict_what_each_does_alone(text: str) -> None:
    """Of two groups one may need the other and be needed by it; and rows of steps are more than rows of the batch."""
    graph, rng = graph_of(text), np.random.default_rng(6)
    x = [rng.normal(size=(2, *(7 if size is None else size for size in shape[1:]))) for shape in shapes_of(graph)]
    apart = Options(passes=frozenset(PASSES) - {"recurrences"}, verify=True, formatted=False)
    found, expected = (build(text, options=each).Model(0, np.float64).predict(x) for each in (QUICK, apart))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def shapes_of(graph: Graph) -> list[tuple[int | None, ...]]:
    return [tuple(size if isinstance(size, int) else None for size in item.tensor.shape) for item in graph.inputs]
