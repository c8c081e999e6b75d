"""The orders of Keras: in which it runs the calls of a layer that change it, and in which it lists layers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.building import build, graph_of, rows_of, sample
from tests.keras_script import run
from tests.pasted import paired
from tests.proof import alone

WIDTH = 3
SHARED = """
norm = BatchNormalization(momentum=0.7, name="norm")
line = Sequential([Dense(3, name="inside"), BatchNormalization(momentum=0.6, name="lined")], name="line")
a = Input(3, name="first_of_part")
b = Input(3, name="second_of_part")
twice = BatchNormalization(momentum=0.8, name="twice")
late = twice(a)
early = twice(Dense(3, name="before")(b))
part = Model([a, b], Concatenate(name="joined")([early, late]), name="part")
class Block(Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.norm = BatchNormalization(momentum=0.9, name="of_block")
        self.narrow = Dense(3, name="narrow")
        self.part = part
    def call(self, x):
        later = self.norm(x + 1.0)
        return self.narrow(self.part([later, self.norm(x)])) + later
block = Block(name="block")
class Whole(Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.norm = BatchNormalization(momentum=0.65, name="of_whole")
        self.outer, self.line = norm, line
    def call(self, x):
        y = self.norm(x * 2.0)
        return self.outer(self.norm(x)) - self.line(y)
whole = Whole(name="whole")
def function(x):
    first = norm(x)
    return norm(x * 0.5) + first
"""
DENSE = 'Dense(3, name="d{number}")'
CALLS = (
    "norm({0})",
    "norm({0})",
    "line({0})",
    DENSE + "(part([{0}, {1}]))",
    "block({0})",
    "whole({0})",
    "function({0})",
    "{0} + {1}",
    "Add()([{1}, {0}])",
    DENSE + "({0})",
    "-{0}",
    DENSE + "(Concatenate()([{0}, {1}, {0}]))",
    "ops.tanh({0}) * {1}",
    "Lambda(lambda x: x * 2.0)({0})",
    "Activation(tanh)({1})",
    "Dropout(0.0)({0})",
    "sum([{0}, {1}])",
    "abs({0}) + pow({1}, 2)",
    "Softmax()({1})",
    "{0} - {1} * 2.0 + Subtract()([{0}, {1}])",
    "Sequential([" + DENSE + "])({0})",
    "Reshape((3,))(MultiHeadAttention(1, 2)(Reshape((1, 3))({0}), Reshape((1, 3))({1})))",
    "Multiply()([{0}, {1} * {1}])",
)


def model(seed: int) -> str:
    """A functional model whose calls are used in another order than they are made, some of them never."""
    rng = random.Random(seed)
    lines = [SHARED, 'x = Input(3, name="x")', 'y = Input(3, name="y")']
    made = ["x", "y"]
    for number in range(rng.randint(3, 9)):
        given = [rng.choice(made) for _ in range(2)]
        lines.append(f"t{number} = {rng.choice(CALLS).format(*given, number=number)}")
        made.append(f"t{number}")
    outputs = rng.sample(made[2:], rng.randint(1, min(3, len(made) - 2)))
    inner = rng.random() < 0.4
    lines.append(f"{'inner' if inner else 'model'} = Model([x, y], [{', '.join(outputs)}])")
    if inner:
        lines += [
            'u = Input(3, name="u")',
            'v = Input(3, name="v")',
            (
                f"{', '.join(f'p{i}' for i in range(len(outputs)))}, = [*inner([u, v])]"
                if len(outputs) > 1
                else "p0 = inner([u, v])"
            ),
            "q = norm(v)",
            "r = norm(u)",
            f"model = Model([u, v], [r, {', '.join(f'p{i}' for i in range(len(outputs)))}, q])",
        ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", sample(range(200), 40))
def test_statistics_of_shared_layers_follow_the_order_of_keras(seed: int) -> None:
    text = model(seed)
    theirs = run(text)
    ours = build(f"{text}model.compile(SGD(1e-200), loss=mse)\n").Model(0, np.float64)
    variables = paired(ours.weights, theirs.weights)
    rng = np.random.default_rng(seed)
    for name, value in ours.weights.items():
        variables[name].assign(value.copy())  # JAX may keep the memory that it is given
    inputs = {each.name: rng.normal(size=(5, WIDTH)) for each in theirs.inputs}
    theirs([inputs[each.name] for each in theirs.inputs], training=True)
    given = alone(list(inputs.values()))
    ours.train_on_batch(given, alone(rows_of(ours.predict(given))))
    for name, variable in variables.items():
        np.testing.assert_allclose(ours.weights[name], np.asarray(variable.value), rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", sample(range(200), 20))
def test_layers_are_listed_as_keras_lists_them(seed: int) -> None:
    text = model(seed)
    names = [layer.name for layer in run(text).layers]
    found = "[layer.name for layer in model.layers]"
    graph_of(f"{text}assert {found} == {names}, str({found})\n")
