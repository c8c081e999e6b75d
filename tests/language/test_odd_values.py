"""Any value in any place of a call has an answer: a model, or diagnostics, and no traceback."""

from __future__ import annotations

import itertools

import pytest

from gen import compiler
from gen.components.base import parameters, registry
from gen.components.operations.base import operations
from gen.diagnostics import Diagnostics, Source
from gen.language.elaborate.operations import FORMULAS, QUESTIONS
from tests.building import sample

HEAD = """\
import foo
from functools import partial, reduce
import tensorflow as tf
from keras import ops, backend as K
from sklearn.preprocessing import StandardScaler
x = Input((4,))
x0 = Input((4, 6))
layer = Dense(2)
model0 = Sequential([Dense(3)])
model = Model(x, layer(x))
def f(a=1):
    return a
class C:
    def __init__(self, a=1):
        self.a = a
    def m(self, a=1):
        return a
"""
VALUES = [
    "None",
    "'a'",
    "[]",
    "[None]",
    "{}",
    "Dense(3)",
    "-1",
    "2.5",
    "True",
    "x",
    "(1, 2)",
    "lambda t: t",
    "np.array([1.0, 2.0])",
    "range(3)",
    "relu",
    "keras",
    "10**17",
    "float('nan')",
    "[np.array([1])]",
    "x.shape[0]",
    "model0",
    "1e300",
    "{1, 2}",
    "{'a': 1}",
    "'%d'",
    "foo",
    "foo.x",
    "mnist.load_data()[0][0]",
    "slice(1,2)",
    "f",
    "C",
    "C()",
    "C().m",
    "len",
    "print",
    "np",
    "x.shape",
    "...",
    "b0",
    "np.zeros((2, 3)) > 0",
    "[[1, 2], [3, 4]]",
    "LSTM(3)",
    "Input((3,))",
    "ops.sum",
    "adam",
    "mse",
]
CALLS = [
    "Dense(3)({v})",
    "LSTM(3)({v})",
    "Concatenate()({v})",
    "Add()({v})",
    "Model(x, {v})",
    "Model({v}, x)",
    "Sequential({v})",
    "Sequential([{v}])",
    "model.compile({v}, 'mse')",
    "model.compile('adam', {v})",
    "model.compile('adam', 'mse', metrics={v})",
    "model.compile('adam', 'mse', loss_weights={v})",
    "model.fit({v})",
    "model.fit(foo, epochs={v})",
    "model.fit(x={v}, y={v})",
    "model.add({v})",
    "model.get_layer({v})",
    "model.get_layer(index={v})",
    "model.summary({v})",
    "model.build({v})",
    "Input({v})",
    "Input(shape={v})",
    "Input((3,), name={v})",
    "Input((3,), dtype={v})",
    "TimeDistributed({v})",
    "Bidirectional({v})",
    "Lambda({v})",
    "Lambda({v})(x)",
    "RNN({v})",
    "Activation({v})",
    "Activation({v})(x)",
    "Dense(3, name={v})",
    "Dense(3, input_shape={v})",
    "Dense(3, trainable={v})",
    "MultiHeadAttention(2, 2)(x0, x0, attention_mask={v})",
    "LSTM(3)(x0, initial_state={v})",
    "LSTM(3)(x0, mask={v})",
    "Dense(3)(x, training={v})",
    "len({v})",
    "range({v})",
    "range(1, {v})",
    "list({v})",
    "tuple({v})",
    "dict({v})",
    "set({v})",
    "sorted({v})",
    "sorted([1, {v}])",
    "sum({v})",
    "sum([1, {v}])",
    "min({v})",
    "max(1, {v})",
    "abs({v})",
    "int({v})",
    "float({v})",
    "str({v})",
    "bool({v})",
    "isinstance({v}, int)",
    "isinstance(1, {v})",
    "type({v})",
    "zip({v}, {v})",
    "enumerate({v})",
    "map({v}, [1])",
    "map(str, {v})",
    "filter({v}, [1])",
    "all({v})",
    "any({v})",
    "round({v})",
    "reversed({v})",
    "pow({v}, 2)",
    "divmod({v}, 2)",
    "keras.applications.MobileNet({v}, weights=None)",
    "keras.applications.MobileNet((32, 32, 3), {v}, weights=None, pooling={v}, include_top={v})",
    "keras.applications.VGG16(weights={v}, input_tensor={v}, classes={v}, name={v})",
    "keras.applications.vgg16.preprocess_input({v})",
    "keras.utils.get_source_inputs({v})",
    "chr({v})",
    "ord({v})",
    "getattr({v}, 'a')",
    "getattr(x, {v})",
    "hasattr({v}, 'a')",
    "setattr({v}, 'a', 1)",
    "print({v})",
    "print('%s %d' % ({v}, {v}))",
    "'{{}}'.format({v})",
    "f'{{{v}}}'",
    "np.array({v})",
    "np.prod({v})",
    "np.sqrt({v})",
    "np.zeros({v})",
    "np.concatenate({v})",
    "np.array([1, 2])[{v}]",
    "[1, 2][{v}]",
    "{{1: 2}}[{v}]",
    "x[{v}]",
    "{v}[0]",
    "{v} + 1",
    "1 + {v}",
    "{v} * 2",
    "x + {v}",
    "{v} + x",
    "-({v})",
    "not {v}",
    "{v} < 1",
    "{v} == 1",
    "{v} == {v}",
    "1 in {v}",
    "{v} in [1]",
    "{v} if {v} else 3",
    "[t for t in {v}]",
    "C({v})",
    "C().m({v})",
    "f({v})",
    "f(*{v})",
    "f(**{v})",
    "[1].append({v})",
    "'a'.join({v})",
    "'a'.split({v})",
    "{{}}.get({v})",
    "{{}}.update({v})",
    "layer.trainable",
    "setattr(model, 'trainable', {v})",
    "K.int_shape({v})",
    "keras.ops.shape({v})",
    "tf.concat({v}, -1)",
    "partial({v})",
    "partial(f, {v})",
    "reduce({v}, [1, 2])",
    "train_test_split({v})",
    "np.random.rand({v})",
    "to_categorical({v}, {v})",
    "pad_sequences({v}, {v})",
    "StandardScaler().fit_transform({v})",
    "math.sqrt({v})",
    "math.ceil({v})",
    "int('3') // {v}",
    "x ** {v}",
    "{v} @ x",
    "math.log({v}, 2)",
    "np.linspace(0, 1, {v})",
    "np.arange({v})",
]
USES = {
    "layer": "y = {}(x0)",
    "activation": "y = {}(x0)",
    "loss": "model.compile('sgd', {})",
    "metric": "model.compile('sgd', 'mse', metrics=[{}])",
    "optimizer": "model.compile({}, 'mse')",
    "initializer": "y = Dense(3, kernel_initializer={})(x)",
    "regularizer": "y = Dense(3, kernel_regularizer={})(x)",
    "schedule": "model.compile(SGD({}), 'mse')",
}


def answers(line: str) -> None:
    diagnostics = Diagnostics()
    graphs = compiler.understand_all(Source("model.nn", f"{HEAD}{line}\n"), diagnostics)
    assert bool(graphs) != diagnostics.failed, line


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_the_language_answers(call: str) -> None:
    for value in sample(VALUES, 5):
        answers(f"z = {call.format(v=value)}")


@pytest.mark.parametrize("kind", USES)
def test_an_argument_of_a_component_answers(kind: str) -> None:
    places = [(name, each.name) for name, cls in registry[kind].items() for each in parameters(cls)]
    for (name, argument), value in sample([*itertools.product(places, VALUES)], 23):
        answers(USES[kind].format(f"{name}({argument}={value})"))


def test_an_operation_answers() -> None:
    names = sorted({*operations, *FORMULAS, *QUESTIONS})
    for name, (before, value) in sample([*itertools.product(names, itertools.product(("", "x, ", "3, "), VALUES))], 37):
        answers(f"z = ops.{name}({before}{value})")


@pytest.mark.parametrize("argument", ["un0its=3", "3, un0its=4", "units='a'", "*[], un0its=3"])
def test_what_is_wrong_in_a_function_is_wrong_in_each_call_of_it(argument: str) -> None:
    answers(f"def block(x):\n    return Dense({argument})(x)\ny = block(block(block(x)))\nz = Model(x, y)")
    made = "class A(keras.layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
    answers(f"{made}        self.d = Dense({argument})\na, b = A(), A()")
