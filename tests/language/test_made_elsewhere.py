"""Models and values that other code decides in part: functions that a library calls, loops over folds, objects of
other libraries, data of a known shape."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn import datasets  # type: ignore[import-untyped]  # it has no types

from gen import compiler
from gen.compiler import understand_all
from gen.diagnostics import Diagnostics, Source, render_text
from gen.graph.graph import Graph
from gen.language.elaborate.data import _SAMPLES

MAKER = (
    "def make({}):\n    m = Sequential([Input((4,)), Dense(3), Dense(1)])\n    m.compile('adam', 'mse')\n    return m\n"
)


def read(text: str, asked: str = "") -> tuple[list[Graph], list[str]]:
    """The models that are built of a text, and the codes of what is said of it."""
    diagnostics = Diagnostics()
    source = Source("model.nn", text)
    graphs = understand_all(source, diagnostics, {}, asked)
    assert bool(graphs) != diagnostics.failed, render_text(source, diagnostics.in_source_order())
    return graphs, [each.code for each in diagnostics.in_source_order() if each.code != "ignored-lines"]


def units(graph: Graph) -> list[int]:
    return [getattr(layer.component, "units", 0) for layer in graph.layers]


# ----------------------------------------------------------------------------------------- functions that nobody calls


@pytest.mark.parametrize(
    "text",
    [
        f"from scikeras.wrappers import KerasClassifier\n{MAKER.format('')}model = KerasClassifier(build_fn=make)\n",
        MAKER.format("units=3, *args, **kwargs"),
        f"{MAKER.format('n')}def build():\n    return make(3)\n",
        f"{MAKER.format('n')}def main():\n    for n in range(1):\n        model = make(n)\n        model.fit(foo)\n",
        f"def helper(x):\n    return x + 1\n{MAKER.format('')}",
    ],
)
def test_gen_calls_the_function_that_makes_the_model_if_nobody_does(text: str) -> None:
    graphs, codes = read(text)
    assert [units(graph) for graph in graphs] == [[3, 1]]
    assert codes == ["called-function"]


def test_a_function_that_needs_values_is_not_guessed() -> None:
    assert read(MAKER.format("units, rate=0.5"))[1] == ["no-model"]


def test_of_several_functions_one_is_asked_for() -> None:
    text = MAKER.format("") + MAKER.format("").replace("make", "wide").replace("Dense(3)", "Dense(9)")
    assert read(text)[1] == ["no-model"]
    assert [units(graph) for graph in read(text, "wide")[0]] == [[9, 1]]
    assert [units(graph) for graph in read(text, "make")[0]] == [[3, 1]]


def test_a_file_that_only_loads_a_model_says_what_reads_it() -> None:
    diagnostics = Diagnostics()
    text = "from keras.models import load_model\nmodel = load_model('a.h5')\nmodel.predict(foo)\n"
    compiler.understand(Source("model.nn", f"import foo\n{text}"), diagnostics)
    (item,) = (each for each in diagnostics.items if each.severity == "error")
    assert item.code == "no-model" and "gen import" in (item.hint or "")


def test_a_model_that_is_loaded_later_is_not_the_one_that_is_built() -> None:
    text = f"{MAKER.format('')}model = make()\nmodel.save('a.h5')\nmodel = keras.models.load_model('a.h5')\n"
    graphs, codes = read(f"{text}model.evaluate(foo)\n".replace("foo", "[1]"))
    assert [units(graph) for graph in graphs] == [[3, 1]] and codes == []


# --------------------------------------------------------------------------------------------- the same model once more

FOLDS = "import foo\nfrom sklearn.model_selection import KFold\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{MAKER.format('')}for i in range(12):\n    model = make()\n    model.fit(foo)\n",
        f"{MAKER.format('')}model = [make() for i in range(3)][0]\nmodel.summary()\n",
        f"{FOLDS}{MAKER.format('')}for a, b in KFold(3).split(foo.x):\n    model = make()\n    model.fit(foo.x[a])\n",
        f"{FOLDS}scores = []\nfor a, b in KFold(3).split(foo.x):\n    model = Sequential()\n"
        "    model.add(Dense(3, input_dim=4))\n    model.add(Dense(1))\n    model.compile('adam', 'mse')\n"
        "    scores.append(model.evaluate(foo.x[b]))\nprint(np.mean(scores))\n",
    ],
)
def test_what_the_same_lines_make_again_is_built_once(text: str) -> None:
    graphs, codes = read(text.replace("model.fit(foo)", "model.fit([1])"))
    assert [units(graph) for graph in graphs] == [[3, 1]]
    assert codes == ["repeated-model"]


def test_what_the_same_lines_make_of_other_values_is_each_a_model() -> None:
    text = MAKER.format("units").replace("Dense(3)", "Dense(units)")
    graphs, _ = read(f"{text}for n in (3, 5, 7):\n    model = make(n)\n")
    assert [units(graph)[2 * i] for i, graph in enumerate(graphs)] == [3, 5, 7]
    assert len(read(f"{MAKER.format('')}a = make()\nb = make()\nb.compile('sgd', 'mse')\n")[0]) == 2


@pytest.mark.parametrize("count", [2, 9, 20])
def test_any_number_of_models_with_weights_of_their_own_are_built_together(count: int) -> None:
    text = MAKER.format("units").replace("Dense(3)", "Dense(units)")
    graphs, _ = read(f"{text}for n in range({count}):\n    model = make(n + 1)\n")
    assert len(graphs) == count


def test_more_models_than_gen_builds_together_are_refused() -> None:
    text = MAKER.format("units").replace("Dense(3)", "Dense(units)")
    assert read(f"{text}for n in range(2000):\n    model = make(n + 1)\n")[1] == ["two-models"]


def test_a_function_that_compiles_something_else_makes_no_model() -> None:
    assert read("import re\ndef clean(text='a'):\n    return re.compile('x').sub('', text)\n")[1] == ["no-model"]


@pytest.mark.parametrize(
    "body",
    [
        "x = Dense(4)(x)\n    model = Model(first, x)\n",
        "x = Dense(4)(x)\n    model = Model(first, x)\nmodel = Model(first, Dense(1)(x))\n",
        "x = Dense(4)(x)\n    other = Sequential([first, Dense(3)])\nmodel = Model(first, Dense(1)(x))\n",
        "y = x + 1\n    x = Dense(4)(y)\n    other = Sequential([first, Dense(3)])\n"
        "model = Model(first, Dense(1)(y))\n",
        "layers.append(Dense(4))\n    model = Sequential([first, *layers])\n",
        "n = n + 1\n    model = Sequential([first, Dense(n)])\n",
        "model = Sequential([first, Dense(len(word))])\n",
        "outer.add(Dense(4))\n    model = Sequential([first, Dense(3)])\nmodel = outer\nmodel.compile('adam', 'mse')\n",
    ],
)
def test_a_loop_over_data_whose_rounds_build_on_each_other_is_an_error(body: str) -> None:
    text = "import foo\nx = first = Input((4,))\nlayers, n = [], 1\nouter = Sequential([Input((4,)), Dense(2)])\n"
    graphs, codes = read(f"{text}for word in foo.words:\n    {body}")
    assert not graphs and set(codes) == {"unknown-value"}


# ------------------------------------------------------------------------------------------- objects of other libraries


def dense(text: str) -> tuple[int | None, list[str]]:
    graphs, codes = read(f"import foo\nx = Input((4,))\n{text}")
    return (units(graphs[0])[0] if graphs else None), codes


@pytest.mark.parametrize(
    ("before", "expression"),
    [
        ("config = foo.config\nconfig.units = 7\n", "config.units"),
        ("foo.config.units = 7\n", "foo.config.units"),
        ("config = foo.config\nfoo.config.units = 7\n", "config.units"),
        ("config = foo.Config()\nconfig.units = 3\nconfig.units = config.units + 4\n", "config.units"),
        ("run = foo.init()\nrun.config.inner.units = 7\n", "run.config.inner.units"),
        ("config = foo.Config()\nconfig['units'] = 7\n", "config['units']"),
        ("a, b = foo.pair()\na.units = 7\nb.units = 9\n", "a.units"),
        ("a = foo.Config()\nb = foo.Config()\na.units = 7\nb.units = 9\n", "a.units"),
    ],
)
def test_what_the_file_sets_of_an_object_it_reads_again(before: str, expression: str) -> None:
    assert dense(f"{before}model = Model(x, Dense({expression})(x))\n") == (7, [])


@pytest.mark.parametrize(
    ("before", "expression"),
    [
        ("config = foo.config\nconfig.units = 7\nconfig.update(foo.more)\n", "config.units"),
        ("config = foo.config\nif foo.wide:\n    config.units = 7\n", "config.units"),
        ("config = foo.config\nconfig.units = 7\nif foo.wide:\n    config.units = 8\n", "config.units"),
        ("config = foo.config\nconfig.units = 7\nconfig = foo.other\n", "config.units"),
        ("foo.all[0].units = 7\nfoo.all[1].units = 8\n", "foo.all[0].units"),
        ("config = foo.Config()\nconfig['units'] = 7\nconfig[foo.key] = 8\n", "config['units']"),
        ("b = a = foo.a + 1\nb.units = 7\na = foo.a + 2\n", "a.units"),
        ("config = foo.config\nfor n in foo.sizes:\n    config.units = n\n", "config.units"),
    ],
)
def test_what_others_may_have_set_is_not_known(before: str, expression: str) -> None:
    assert dense(f"{before}model = Model(x, Dense({expression})(x))\n")[1] == ["unknown-value"]


@pytest.mark.parametrize(
    "text",
    [
        "from foo import *\ntagger = Tagger()\nwords = tag(tagger)\n",
        "def batches(n):\n    for i in range(n):\n        yield foo.x[i]\ngenerator = batches(3)\n",
        "import pandas as pd\nt = pd.read_csv('x')\na = np.array(t.loc[:, 'a':'b'])\nb = t.iloc[3:, [1, 2]]\n",
        "np.load = lambda *a, **k: foo.load(*a, allow_pickle=True, **k)\n",
        "assert tf.__version__ >= '2.0'\nprint('TensorFlow %s' % tf.__version__)\n",
        "names = np.array(['a', 'b'])[foo.y]\nprint('{}'.format(x))\n",
        "layer = Dense(2)\nz = layer(x)\nprint(layer.kernel, layer.bias)\n",
        "a = np.array([1, 2, 3])\nb = a[a > 1]\nc = None in (1, 2)\n",
    ],
)
def test_more_lines_around_a_model_are_passed_over(text: str) -> None:
    assert set(dense(f"{text}model = Model(x, Dense(7)(x))\n")[1]) <= {"unused-variable", "unused-layer"}


def test_builtins_of_both_pythons_are_those_of_this_one() -> None:
    text = "from six.moves import range, xrange, zip\nn = 0\nfor i in xrange(3):\n    n = n + 1 + range(5)[i]\n"
    assert dense(f"{text}model = Model(x, Dense(n + 1)(x))\n") == (7, [])


@pytest.mark.parametrize(
    "text",
    [
        "from tensorflow.python.keras.optimizer_v2 import adam, rmsprop\no = adam.Adam(0.1)\n",
        "from keras.optimizers import adam_v2\no = adam_v2.Adam(0.1)\n",
        "o = tf.keras.optimizers.legacy.Adam(0.1)\n",
    ],
)
def test_optimizers_are_found_where_older_versions_had_them(text: str) -> None:
    graphs, _ = read(f"{text}x = Input((4,))\nmodel = Model(x, Dense(3)(x))\nmodel.compile(o, 'mse')\n")
    assert graphs[0].training is not None and graphs[0].training.optimizer.learning_rate == 0.1


# ------------------------------------------------------------------------------------------------------ data and shapes

DATA = "from keras.datasets import mnist\n(x, y), (a, b) = mnist.load_data()\n"
EXPRESSIONS = [
    "x.mean(axis=(0, 1))",
    "np.mean(x, axis=(1, 2))",
    "x - np.mean(x, axis=(0, 1, 2))",
    "(x - x.mean(axis=0)) / x.std(axis=0)",
    "x.reshape(-1, 784) / 255.",
    "x.reshape(x.shape[0], 28, 28, 1).transpose(0, 3, 1, 2)",
    "x.reshape((-1, 1, 28, 28)).transpose((0, 2, 3, 1))[..., :1]",
    "np.concatenate((x, x))",
    "np.concatenate([x, x], axis=0)[:, 3:9]",
    "np.vstack((x, x))",
    "np.expand_dims(np.expand_dims(x, 1), -1)",
    "x[:, None]",
    "x[..., np.newaxis].astype('float32')",
    "x[0]",
    "x[3:7, 2]",
    "x.astype(np.float32).max(axis=-1, keepdims=True)",
    "x.max(axis=1).copy()",
    "2 * x + 1",
    "x ** 2 - x",
    "np.squeeze(x.reshape(len(x), 28 * 28)[:, :1])",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_shapes_of_data_are_those_of_numpy(expression: str) -> None:
    """The rows of the real array are 60; gen does not know how many they are."""
    x = np.arange(60.0 * 784).reshape(60, 28, 28)
    wanted = eval(expression, {"np": np, "x": x, "len": len}).shape
    whole = x.shape[0] in (wanted[:1] or (0,))[:1] or wanted[:1] == (120,) or expression.startswith("x[3:7")
    inner = wanted[1:] if whole else wanted
    text = f"{DATA}model = Sequential([Input((4,)), Dense(3)])\nz = {expression}\n"
    graphs, codes = read(
        f"{text}model = Sequential([Flatten(input_shape=(z.shape[{int(whole)}:] or (1,)) + (1,)), Dense(2)])\n"
    )
    assert graphs, codes
    assert graphs[0].inputs[0].tensor.shape[1:] == ((*inner, 1) if inner else (1, 1))


LIBRARIES = """\
import foo, sklearn
import pandas as pd
from keras.preprocessing.sequence import pad_sequences
from keras.utils import to_categorical
from sklearn.preprocessing import LabelBinarizer, OneHotEncoder, StandardScaler
"""
LABELS = {
    "keras.utils.to_categorical(y)": 10,
    "to_categorical(y.reshape(-1, 1), 12)": 12,
    "pd.get_dummies(y).values": 10,
    "OneHotEncoder().fit_transform(y.reshape(-1, 1)).toarray()": 10,
    "LabelBinarizer().fit_transform(y)": 10,
    "StandardScaler().fit_transform(x.reshape(len(x), 784))": 784,
    "sklearn.preprocessing.MinMaxScaler((0, 1)).fit_transform(x.reshape(-1, 784))": 784,
    "pad_sequences(foo.texts, maxlen=80, padding='post')": 80,
    "np.random.rand(100, 20)": 20,
    "np.random.random((len(foo.x), 16))": 16,
    "np.random.normal(0, 1, (100, 7))": 7,
    "np.random.randint(0, 2, size=(100, 5))": 5,
}


@pytest.mark.parametrize("expression", LABELS)
def test_what_libraries_make_of_data_has_a_known_width(expression: str) -> None:
    graphs, codes = read(f"{LIBRARIES}{DATA}z = {expression}\nmodel = Sequential([Input((4,)), Dense(z.shape[1])])\n")
    assert graphs, codes
    assert units(graphs[0]) == [LABELS[expression]]


@pytest.mark.parametrize("name", [name for name in _SAMPLES if name.startswith("load_") and name != "load_boston"])
def test_the_data_sets_of_scikit_learn_have_the_shapes_that_gen_knows(name: str) -> None:
    real = getattr(datasets, name)()
    features, classes = _SAMPLES[name]
    assert real.data.shape[1:] == (features,)
    assert classes is None or sorted(set(real.target)) == list(range(classes))
    head = f"from sklearn import datasets\nfrom sklearn.datasets import {name}\n"
    for access, unpacked in itertools.product((f"datasets.{name}()", f"{name}()"), (True, False)):
        text = f"d = {access}\na, b = d.data, d['target']\n"
        if unpacked:
            text = f"a, b = {access[:-1]}return_X_y=True)\n"
        graphs, codes = read(f"{head}{text}model = Sequential([Input((4,)), Dense(a.shape[1])])\n")
        assert graphs and units(graphs[0]) == [features], codes
    if name == "load_digits":
        graphs, _ = read(f"{head}d = {name}()\nmodel = Sequential([Input((4,)), Dense(d.images.shape[2])])\n")
        assert units(graphs[0]) == list(real.images.shape[2:])


def test_a_sequential_begins_with_what_it_is_trained_on() -> None:
    model = "model = Sequential([Flatten(), Dense(5)])\nmodel.compile('adam', 'mse')\n"
    graphs, _ = read(f"{DATA}x = x / 255.0\n{model}model.fit(x, y, epochs=3)\n")
    assert graphs[0].inputs[0].tensor.shape[1:] == (28, 28)
    assert read(f"import foo\n{model}model.fit(foo.x, foo.y)\n")[1] == ["no-input"]


@pytest.mark.parametrize(
    "expression",
    [
        "OneHotEncoder(drop='first').fit_transform(y.reshape(-1, 1)).toarray().shape[1]",
        "pd.get_dummies(y, drop_first=True).shape[1]",
        "len(np.unique(np.concatenate((y, foo.labels))))",
        "np.max(y + 1)",
        "np.array(x, ndmin=4).shape[1]",
        "PCA(3).fit_transform(x.reshape(-1, 784)).shape[1]",
        "foo.scale(StandardScaler()).transform(x).shape[1]",
    ],
)
def test_what_others_make_of_data_is_not_guessed(expression: str) -> None:
    text = f"{LIBRARIES}from sklearn.decomposition import PCA\n{DATA}n = {expression}\n"
    assert read(f"{text}model = Sequential([Input((4,)), Dense(n)])\n")[1] == ["unknown-value"]


def test_labels_that_are_counted_anew_are_not_counted() -> None:
    text = "import foo\nfrom sklearn.datasets import load_digits\nd = load_digits(n_class=foo.n)\n"
    assert read(f"{text}model = Sequential([Input((4,)), Dense(len(np.unique(d.target)))])\n")[1] == ["unknown-value"]


# ------------------------------------------------------------------------------------------------------ older spellings


@pytest.mark.parametrize(
    ("metrics", "count"),
    [("'acc'", 1), ("mae", 1), ("keras.metrics.MeanAbsoluteError()", 1), ("['mae', 'mse', 'mape']", 3)],
)
def test_metrics_without_brackets_are_those_of_every_output(metrics: str, count: int) -> None:
    text = "x = Input((4,))\na, b = Dense(2, name='a')(x), Dense(1, name='b')(x)\n"
    graphs, codes = read(f"{text}model = Model(x, [a, b])\nmodel.compile('adam', 'mse', metrics={metrics})\n")
    assert [len(output.metrics) for output in graphs[0].outputs] == [count, count]
    assert codes == ["old-spelling"]


@pytest.mark.parametrize(
    "first",
    [
        "Bidirectional(LSTM(3), input_shape=(5, 2))",
        "TimeDistributed(Dense(3), input_shape=(5, 2))",
        "Lambda(lambda x: x + 1, input_shape=(5, 2))",
        "RNN(LSTMCell(3), input_shape=(5, 2))",
        "Bidirectional(GRU(3), batch_input_shape=(None, 5, 2), trainable=True)",
    ],
)
def test_wrappers_say_the_shape_of_their_input(first: str) -> None:
    graphs, codes = read(f"model = Sequential([{first}, Flatten(), Dense(2)])\n")
    assert graphs[0].inputs[0].tensor.shape[1:] == (5, 2) and codes == []


def test_a_wrapper_may_be_frozen() -> None:
    graphs, _ = read("model = Sequential([Bidirectional(LSTM(3), input_shape=(5, 2), trainable=False), Dense(2)])\n")
    assert [layer.trainable for layer in graphs[0].layers if layer.weights] == [False, False, True]


def test_attention_takes_a_mask_without_a_key() -> None:
    text = "x, m = Input((6, 8)), Input((6, 6), dtype='bool')\nlayer = MultiHeadAttention(2, 4)\n"
    shapes: list[Any] = []
    for call in ("layer(x, x, attention_mask=m)", "layer(x, x, x, attention_mask=m)"):
        graphs, codes = read(f"{text}model = Model([x, m], {call})\n")
        assert codes == []
        shapes.append([len(node.inputs) for node in graphs[0].nodes])
    assert shapes[0] == shapes[1]
