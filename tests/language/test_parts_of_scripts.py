"""What scripts around models are made of: functions as initializers, classes that extend layers of Keras, variables,
named tuples, names outside of functions, and what asks for GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from gen.compiler import understand, understand_all
from gen.components.base import Weight
from gen.diagnostics import Diagnostics, Source, render_text
from gen.graph.graph import Graph
from tests.pasted import compare

START = "import numpy as np\nimport keras\nfrom keras import layers, ops\nimport tensorflow as tf\n"


def read(text: str) -> Graph:
    """The graph of a text without errors."""
    diagnostics = Diagnostics()
    source = Source("model.nn", START + text)
    graph = understand(source, diagnostics)
    assert graph is not None, render_text(source, diagnostics.in_source_order())
    return graph


def errors(text: str) -> list[tuple[str, str]]:
    """The codes and messages of the errors of a text."""
    diagnostics = Diagnostics()
    assert not understand_all(Source("model.nn", START + text), diagnostics)
    return [(each.code, each.message) for each in diagnostics.in_source_order() if each.severity == "error"]


def weights(graph: Graph) -> dict[str, Weight]:
    return {f"{layer.name}/{name}": each for layer in graph.layers for name, each in layer.weights.items()}


def ignored(text: str) -> list[int]:
    """The lines that are passed over, counted in `text`."""
    diagnostics = Diagnostics()
    source = Source("model.nn", START + text)
    understand(source, diagnostics)
    items = [each.span for each in diagnostics.items if each.code in ("ignored-lines", "unused-variable")]
    return [source.position(span.start)[0] - START.count("\n") for span in items]


# -------------------------------------------------------------------------------------------------------- initializers

DENSE = "x = Input((4,))\nmodel = keras.Model(x, layers.Dense(3, kernel_initializer={})(x))\n"
DRAWS = {
    "return keras.random.normal(shape, stddev=0.02)": "RandomNormal(mean=0.0, stddev=0.02)",
    "return tf.random.uniform(shape, -1, 1, dtype=dtype)": "RandomUniform(minval=-1.0, maxval=1.0)",
    "s = tf.sqrt(14. / (shape[0] + shape[1]))\n    return tf.random.normal(shape, stddev=s)": "RandomNormal(mean=0.0, "
    f"stddev={2**0.5})",
    "return np.random.normal(loc=0.5, scale=1e-2, size=shape)": "RandomNormal(mean=0.5, stddev=0.01)",
    "w = np.random.uniform(-1, 2, shape).astype('float32')\n    return w": "RandomUniform(minval=-1.0, maxval=2.0)",
    "return keras.initializations.normal(shape, scale=0.01, name=None)": "RandomNormal(mean=0.0, stddev=0.01)",
    "return keras.initializers.HeNormal()(shape, dtype=dtype)": "HeNormal()",
    "return ops.cast(ops.ones(shape), 'float32')": "Ones()",
    "return np.full(shape, 0.25)": "Constant(value=0.25)",
}


@pytest.mark.parametrize(("body", "expected"), DRAWS.items())
def test_what_a_function_draws_is_an_initializer(body: str, expected: str) -> None:
    text = f"def own(shape, dtype=None):\n    {body}\n{DENSE.format('own')}"
    assert repr(weights(read(text))["dense/kernel"].initializer) == expected
    assert ignored(text) == []


def test_a_class_and_a_partial_are_initializers_too() -> None:
    text = "class Own(keras.initializers.Initializer):\n    def __init__(self, s):\n        self.s = s\n"
    text += "    def __call__(self, shape, dtype=None):\n        return keras.random.normal(shape, stddev=self.s)\n"
    assert repr(weights(read(text + DENSE.format("Own(3.0)")))["dense/kernel"].initializer).endswith("stddev=3.0)")
    text = "from functools import partial\ndef own(shape, s, dtype=None):\n    return tf.random.normal(shape, 0.0, s)\n"
    assert repr(weights(read(text + DENSE.format("partial(own, s=4.0)")))["dense/kernel"].initializer).endswith("=4.0)")


@pytest.mark.parametrize(
    "body",
    [
        "w = np.random.normal(size=shape)\n    w[0] = 0\n    return w",
        "w = np.random.normal(size=shape)\n    np.fill_diagonal(w, 0)\n    return w",
        "return 0.5 * np.random.normal(size=shape)",
        "return np.random.normal(size=shape).T",
        "return 0.5 * tf.random.normal(shape)",
        "return np.random.normal(size=(3, 2))",
        "return np.random.standard_cauchy(size=shape)",
        "return np.arange(12).reshape(shape)",
        "pass",
    ],
)
def test_what_has_no_initializer_is_not_guessed(body: str) -> None:
    ((code, _),) = errors(f"def own(shape, dtype=None):\n    {body}\n{DENSE.format('own')}")
    assert code in ("bad-argument", "unknown-value")


def test_a_function_that_draws_something_else_for_each_weight_is_refused() -> None:
    text = "def own(shape, dtype=None):\n    return keras.random.normal(shape, stddev=1 / shape[0])\n"
    call = "layers.MultiHeadAttention(2, 3, kernel_initializer=own)(x, x)"
    ((code, message),) = errors(f"{text}x = Input((9, 5))\nmodel = keras.Model(x, {call})\n")
    assert code == "bad-argument" and "for each weight" in message


VARIABLES = """
class Own(layers.Layer):
    def __init__(self, units=3, inputs=4):
        super().__init__()
        w_init = tf.random_normal_initializer()
        self.w = tf.Variable(initial_value=w_init(shape=(inputs, units), dtype="float32"), trainable=True)
        self.b = tf.Variable(tf.zeros([units]), name="b")
        self.scale = tf.Variable(0.5, trainable=False)
    def call(self, x):
        return self.scale * (tf.matmul(x, self.w) + self.b)
x = Input((4,))
model = keras.Model(x, Own()(x))
"""


def test_variables_of_a_layer_are_its_weights() -> None:
    found = weights(read(VARIABLES))
    assert [(name.rpartition("/")[2], each.shape, each.trainable) for name, each in found.items()] == [
        ("w", (4, 3), True),
        ("b", (3,), True),
        ("scale", (), False),
    ]
    assert [repr(each.initializer) for each in found.values()][1:] == ["Zeros()", "Constant(value=0.5)"]
    assert ignored(VARIABLES) == []


def test_a_variable_that_begins_with_data_is_not_guessed() -> None:
    assert errors(VARIABLES.replace("tf.zeros([units])", "np.load('b.npy')"))[0][0] == "unknown-value"


# --------------------------------------------------------------------------------- classes that extend layers of Keras

EXTENDS = """
import keras
class Scaled(layers.Dense):
    def __init__(self, units, scale=2.0, **kwargs):
        super().__init__(units, activation="tanh", **kwargs)
        self.scale = scale
    def call(self, x):
        return super().call(x) * self.scale / self.units
class Same(layers.Conv1D):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, padding="same", **kwargs)
class Halves(keras.Sequential):
    def __init__(self, n):
        super().__init__()
        while n > 1:
            self.add(layers.Dense(n))
            n //= 2
class Two(keras.Sequential):
    def __init__(self, n, **kwargs):
        super().__init__([layers.Dense(n, activation="relu"), layers.Dense(2)], **kwargs)
class Plain(layers.Dense):
    pass
x = i = keras.Input((6, 3))
x = Same(4, 3, strides=2)(x)
x = layers.Flatten()(x)
shared = Scaled(5)
x = shared(x)
x = layers.Add()([x, shared(layers.Dense(12)(x))])
x = Halves(4)(x)
x = Two(3, name="two")(x)
x = Plain(1, use_bias=False)(x)
model = keras.Model(i, x)
model.compile("sgd", "mse")
"""


@pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning")
def test_classes_that_extend_layers_compute_what_keras_does() -> None:
    compare(EXTENDS, lambda rng: rng.normal(size=(5, 6, 3)), steps=2)


def test_keras_numbers_layers_of_such_a_class_by_its_name() -> None:
    text = "class Own(layers.Dense):\n    pass\nx = Input((4,))\ny = layers.Dense(3)(Own(2)(x))\n"
    text += "model = keras.Model(x, y)\nassert [each.name for each in model.layers[1:]] == ['own', 'dense']\n"
    read(text)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("def convolution_op(self, x, kernel):\n        return super().convolution_op(x, 2 * kernel)", "bad-base"),
        ("@property\n    def kernel(self):\n        return 2 * self.weight\n    def call(self, x):\n"
         "        return self.kernel * x", "bad-base"),
        ("def call(self, x):\n        return ops.matmul(x, self.kernel)", "unknown-value"),
    ],
)  # fmt: skip
def test_what_changes_a_layer_of_keras_inside_is_refused(method: str, code: str) -> None:
    text = f"class Own(layers.Conv1D):\n    {method}\nx = Input((9, 2))\nmodel = keras.Model(x, Own(3, 2)(x))\n"
    assert [each for each, _ in errors(text)] == [code]


# -------------------------------------------------------------------------------------------------------- plain values


def runs(text: str) -> None:
    """A text whose assertions hold."""
    read(f"{text}x = Input((4,))\nmodel = keras.Model(x, layers.Dense(3)(x))\n")


def test_fields_of_dataclasses_and_named_tuples() -> None:
    runs("""
from dataclasses import dataclass, field
from collections import namedtuple
from typing import NamedTuple
@dataclass
class Config:
    units: int
    rate: float = 0.5
    sizes: list = field(default_factory=lambda: [3])
c, d = Config(5), Config(rate=0.1, units=6)
d.sizes.append(8)
assert (c.units, c.rate, c.sizes) == (5, 0.5, [3]) and (d.units, d.rate, d.sizes) == (6, 0.1, [3, 8])
Stage = namedtuple("Stage", "filters, stride")
Stage.__new__.__defaults__ = (1,)
s = Stage(8)
f, t = s
assert (f, t) == (s.filters, s[1]) == s == (8, 1) and Stage._fields == ("filters", "stride") and len(s) == 2
s = s._replace(stride=2)
assert s._asdict() == {"filters": 8, "stride": 2} and [each + 1 for each in s] == [9, 3]
class Block(NamedTuple):
    units: int
    rate: float = 0.2
b = Block(4)
assert b.units == 4 and b[1] == 0.2 and isinstance(b, tuple)
""")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("@dataclass\nclass A:\n    units: int\n    rate: float = 0.5\nA(rate=1.0)\n", "missing-argument"),
        ("A = namedtuple('A', 'x y')\nA(1)\n", "missing-argument"),
        ("A = namedtuple('A', 'x y')\nA(1, 2).z\n", "unknown-attribute"),
        ("A = namedtuple('A', 'x x')\n", "bad-argument"),
        ("A = namedtuple('A', 3)\n", "bad-argument"),
        ("def f():\n    def g():\n        nonlocal y\n        y = 1\n    g()\nf()\n", "unknown-name"),
        ("class A:\n    global x\n", "unsupported-syntax"),
        ("itertools.accumulate(['x' * 3000] * 900)\n", "loop-limit"),
        ("itertools.combinations(range(400), 399)\n", "loop-limit"),
        ("itertools.permutations(range(30))\n", "loop-limit"),
        ("itertools.islice([1], -1)\n", "bad-argument"),
        ("operator.mul('a', 'b')\n", "bad-operand"),
    ],
)
def test_what_python_refuses_is_an_error(text: str, code: str) -> None:
    head = "import itertools, operator\nfrom dataclasses import dataclass\nfrom collections import namedtuple\n"
    assert errors(head + text)[0][0] == code


def test_itertools_and_operator() -> None:
    runs("""
import itertools, operator, functools
assert list(itertools.pairwise([4, 8, 2])) == [(4, 8), (8, 2)]
assert list(itertools.zip_longest([1, 2], [3], fillvalue=0)) == [(1, 3), (2, 0)]
assert list(itertools.accumulate([1, 2, 3])) == [1, 3, 6] and list(itertools.accumulate([2, 3], operator.mul)) == [2, 6]
assert list(itertools.islice(range(9), 2, 8, 3)) == [2, 5] and list(itertools.repeat(3, 2)) == [3, 3]
assert list(itertools.combinations("abc", 2))[1] == ("a", "c") and len(list(itertools.permutations([1, 2, 3]))) == 6
assert list(itertools.starmap(pow, [(2, 3), (3, 2)])) == [8, 9]
assert functools.reduce(operator.mul, (2, 3, 4)) == 24 and operator.floordiv(7, 2) == 3
""")


# --------------------------------------------------------------------------------------------- names outside functions


def test_global_and_nonlocal_bind_where_python_does() -> None:
    text = """
count, units = 0, 2
def name():
    global count, made
    count += 1
    made = units
    return f"dense_{count}"
def outer():
    n = 1
    def inner():
        nonlocal n
        n += 4
        def deeper():
            nonlocal n
            n *= 2
        deeper()
    inner()
    return n
def local():
    count = 100
    return count
first, second, other = name(), name(), local()
assert (count, made, outer(), other) == (2, 2, 10, 100) and first + second == "dense_1dense_2"
x = Input((4,))
model = keras.Model(x, layers.Dense(count, name=name())(x))
assert count == 3
"""
    assert weights(read(text)).keys() == {"dense_3/kernel", "dense_3/bias"}


@pytest.mark.parametrize(
    "line",
    ["if data.max() > 3:\n    grow()\n", "for each in data:\n    grow()\n", "if data.max() > 3:\n    twice()\n"],
)
def test_a_name_that_a_call_may_have_bound_is_not_known(line: str) -> None:
    text = "units = 3\ndef grow():\n    global units\n    units += 1\ndef twice():\n    grow()\n    grow()\n"
    text += f"data = np.load('x.npy')\n{line}x = Input((4,))\nmodel = keras.Model(x, layers.Dense(units)(x))\n"
    assert [code for code, _ in errors(text)] == ["unknown-value"]


def test_a_call_that_only_binds_a_global_is_part_of_the_model() -> None:
    text = "units = 3\ndef grow():\n    global units\n    units = 5\ngrow()\n"
    text += "x = Input((4,))\nmodel = keras.Model(x, layers.Dense(units)(x))\n"
    assert weights(read(text))["dense/kernel"].shape == (4, 5)
    assert ignored(text) == [1]


# --------------------------------------------------------------------------------------------- models, and around them


def test_an_input_may_be_an_output() -> None:
    text = "x = Input((4, 4, 1), name='image')\ny = layers.Conv2D(2, 3, name='a')(x)\nwhole = keras.Model(x, y)\n"
    graph = read(f"{text}model = keras.Model(whole.inputs, {{each.name: each.output for each in whole.layers}})\n"
                 "assert len(model.layers) == 2\n")  # fmt: skip
    assert [output.name for output in graph.outputs] == ["image_2", "a"]  # the first `image` is the input
    assert errors("x = Input((4,), dtype='int32')\nmodel = keras.Model(x, x)\n")[0][0] == "disconnected-output"


def test_a_model_of_a_class_comes_after_the_models_that_it_consists_of() -> None:
    text = "class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
    text += "        self.a, self.b = keras.Sequential([layers.Dense(3)]), keras.Sequential([layers.Dense(2)])\n"
    text += "    def call(self, x):\n        return self.b(self.a(x))\nnet = Net()\nnet.build(input_shape=(None, 4))\n"
    assert [each.shape for each in weights(read(text)).values() if len(each.shape) == 2] == [(4, 3), (3, 2)]


def test_the_generated_file_runs_on_the_cpu() -> None:
    runs("""
from keras import backend as K
assert len(K.tensorflow_backend._get_available_gpus()) == 0 and not tf.test.is_gpu_available()
assert tf.config.list_physical_devices("GPU") == [] and K.image_dim_ordering() == "tf"
""")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("tf.train.AdamOptimizer(0.002, beta1=0.8)", {"learning_rate": 0.002, "beta_1": 0.8, "epsilon": 1e-8}),
        ("tf.compat.v1.train.GradientDescentOptimizer(learning_rate=0.5)", {"learning_rate": 0.5, "momentum": 0.0}),
        ("tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)", {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_optimizers_of_tensorflow_1_that_keras_has(written: str, expected: dict[str, Any]) -> None:
    graph = read(f"model = keras.Sequential([Input((4,)), layers.Dense(1)])\nmodel.compile({written}, 'mse')\n")
    assert graph.training is not None
    assert {name: getattr(graph.training.optimizer, name) for name in expected} == expected


@pytest.mark.parametrize("written", ["tf.train.RMSPropOptimizer(0.1)", "tf.train.AdamOptimizer(0.1, use_magic=True)"])
def test_other_optimizers_of_tensorflow_1_are_not_guessed(written: str) -> None:
    text = f"model = keras.Sequential([Input((4,)), layers.Dense(1)])\nmodel.compile({written}, 'mse')\n"
    assert [code for code, _ in errors(text)] == ["unknown-value"]


def test_an_array_with_a_row_for_each_text_says_the_shape_of_the_input() -> None:
    text = """
(texts, labels), _ = keras.datasets.imdb.load_data(num_words=500)
def vectorize(sequences, dimension=500):
    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results
x = vectorize(texts)
model = keras.Sequential([layers.Dense(3), layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy")
model.fit(x[100:], labels[100:])
"""
    assert weights(read(text))["dense/kernel"].shape == (500, 3)
    assert [code for code, _ in errors(text.replace("dimension=500", "dimension=len(words)"))] != []


def test_a_layer_of_a_class_says_the_input_of_a_sequential() -> None:
    text = "class Own(layers.Layer):\n    def __init__(self, n, **kwargs):\n        super().__init__(**kwargs)\n"
    text += "        self.d = layers.Dense(n)\n    def call(self, x):\n        return self.d(x)\n"
    graph = read(f"{text}model = keras.Sequential([Own(3, input_shape=(4,)), layers.Dense(1, name='')])\n")
    assert [each.shape for each in weights(graph).values() if len(each.shape) == 2] == [(4, 3), (3, 1)]
