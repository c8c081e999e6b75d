"""What stands around a model in a script and decides it: options, arrays, data sets, parts of Python's library."""

from __future__ import annotations

from typing import Any

import pytest

from gen.compiler import understand
from gen.diagnostics import Diagnostics, Source, render_text
from gen.graph.graph import Graph

HEAD = "import argparse\nimport numpy as np\nimport tensorflow as tf\nfrom functools import partial, reduce\n"
HEAD += "x = Input((8,))\n"


def read(text: str, given: dict[str, Any] | None = None) -> tuple[Graph | None, list[str]]:
    diagnostics = Diagnostics()
    source = Source("model.nn", text)
    graph = understand(source, diagnostics, given or {})
    assert (graph is None) == diagnostics.failed, render_text(source, diagnostics.in_source_order())
    return graph, [item.code for item in diagnostics.in_source_order() if item.code != "ignored-lines"]


def number(expression: str, before: str = "", given: dict[str, Any] | None = None) -> object:
    """What an expression is that a model depends on."""
    graph, codes = read(f"{HEAD}{before}\nmodel = Model(x, Dense({expression}, name='y')(x))\n", given)
    assert graph is not None, codes
    (layer,) = graph.layers
    return layer.component.units  # type: ignore[attr-defined]  # it is a Dense


OPTIONS = """\
parser = argparse.ArgumentParser(description="trains", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
parser.add_argument("data", help="a folder")
parser.add_argument("--units", "-u", type=int, default=12)
group = parser.add_argument_group("training")
group.add_argument("--drop-rate", type=float, default="0.25")
group.add_argument("-d", "--depth", dest="deep", default=3, choices=[1, 2, 3])
parser.add_argument("--bias", action="store_true")
parser.add_argument("--no-norm", action="store_false", dest="norm")
parser.add_argument("--words", type=lambda text: len(text), default="abcd")
parser.add_argument("--rows", required=True, type=int)
parser.set_defaults(heads=5)
args = parser.parse_args()
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("args.units", 12),
        ("int(args.drop_rate * 8)", 2),
        ("args.deep", 3),
        ("1 if args.bias else 2", 2),
        ("1 if args.norm else 2", 1),
        ("args.words", 4),
        ("args.heads", 5),
        ("vars(args)['units']", 12),
        ("getattr(args, 'units')", 12),
        ("parser.parse_known_args()[0].units", 12),
    ],
)
def test_the_options_of_a_script_have_their_defaults(expression: str, value: int) -> None:
    assert number(expression, OPTIONS) == value


def test_an_option_can_be_given_and_set() -> None:
    assert number("args.units", OPTIONS, {"args.units": 7}) == 7
    assert number("args.rows", OPTIONS, {"args.rows": 9}) == 9
    assert number("args.units", f"{OPTIONS}args.units = 6\n") == 6


@pytest.mark.parametrize("expression", ["args.rows", "args.data", "parser.parse_args(foo.argv).units"])
def test_an_option_that_a_command_line_must_say_is_not_known(expression: str) -> None:
    assert read(f"import foo\n{HEAD}{OPTIONS}model = Model(x, Dense({expression})(x))\n")[1] == ["unknown-value"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("partial(max, 3)(7)", 7),
        ("reduce(lambda a, b: a * b, [2, 3, 4])", 24),
        ("eval('[64, 32]')[1]", 32),
        ("len(xrange(3))", 3),
    ],
)
def test_parts_of_pythons_library(expression: str, value: int) -> None:
    assert number(expression) == value


def test_a_layer_with_some_of_its_arguments() -> None:
    text = "Wide = partial(Dense, 9, activation='relu')\ny = Wide(name='a')(Wide(activation='tanh', name='b')(x))\n"
    graph, codes = read(f"{HEAD}{text}model = Model(x, y)\n")
    assert graph is not None and codes == []
    assert [(node.layer.component.units, node.layer.component.activation) for node in graph.nodes] != []  # type: ignore[attr-defined]  # they are Dense
    assert [type(layer.component.activation).__name__ for layer in graph.layers] == ["Tanh", "Relu"]  # type: ignore[attr-defined]  # they are Dense


SET = "a = np.zeros((2, 3), dtype=int)\nb = a[0]\na[0, 1] = 4.7\na[:, 2] = [5, 6]\na += 1\n"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("b[1]", 5),
        ("a[1, 2]", 7),
        ("a[..., 0][1]", 1),
        ("a[np.newaxis, ...].shape[2]", 3),
        ("np.array(a)[0, 1] + len(a.copy())", 7),
        ("int(tf.cast(a / 2, tf.float32)[0, 1] * 4)", 10),
    ],
)
def test_the_items_of_an_array_can_be_set(expression: str, value: int) -> None:
    assert number(expression, SET) == value


@pytest.mark.parametrize("text", ["SAME", "Same"])
def test_keras_reads_the_word_of_a_padding_in_any_case(text: str) -> None:
    graph, codes = read(f"x = Input((8, 8, 3))\nmodel = Model(x, Conv2D(4, 3, padding='{text}')(x))\n")
    assert graph is not None and codes == []


@pytest.mark.parametrize(
    "text",
    [
        "class Rate(keras.optimizers.schedules.LearningRateSchedule):\n    def __call__(self, n):\n        return n\n",
        "class Batches(keras.utils.Sequence):\n    def __len__(self):\n        return 3\n",
        "optimizer = keras.optimizers.Adam()\noptimizer.apply_gradients(zip(foo.a, foo.b))\n",
        "old = keras.models.load_model('x')\n",
        "print 'shape', x\nfor i in range(3):\n    print i, foo.x\nprint np.argmax(foo.x)\n",
        "augment = Sequential([RandomFlip(), Dense(3)])\naugment.layers[0].adapt(foo.x)\n",
    ],
)
def test_what_only_trains_is_passed_over(text: str) -> None:
    graph, codes = read(f"import foo\n{text}x = Input((8,))\nmodel = Model(x, Dense(3)(x))\n")
    assert graph is not None and set(codes) <= {"unused-layer", "unused-variable"}


LOADED = "from keras.datasets import cifar100, mnist\nfrom keras.utils import to_categorical\n"
LOADED += "from sklearn.model_selection import train_test_split\n(a, b), (c, d) = mnist.load_data()\n"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a.shape[1] * a.shape[2]", 784),
        ("int(np.prod(a.shape[1:]))", 784),
        ("a.reshape(a.shape[0], 28 * 28).shape[1]", 784),
        ("a.reshape((len(a), np.prod(a.shape[1:]))).shape[-1]", 784),
        ("np.reshape(a, (-1, 28, 14, 2)).shape[2]", 14),
        ("a.reshape(len(a), -1).shape[1]", 784),
        ("(a.astype('float32') / 255).shape[1]", 28),
        ("((a - np.mean(a, axis=0)) / (a.std(axis=0) + 1e-7)).shape[2]", 28),
        ("np.expand_dims(a, -1).shape[3]", 1),
        ("a[..., np.newaxis].shape[3]", 1),
        ("a[:1000, 4:20].shape[1]", 16),
        ("a[0].shape[0]", 28),
        ("to_categorical(b).shape[1]", 10),
        ("to_categorical(b, 12).shape[1]", 12),
        ("len(np.unique(b))", 10),
        ("np.max(b) + 1", 10),
        ("len(a.shape)", 3),
        ("train_test_split(a, b, test_size=0.2)[0].shape[1]", 28),
        ("cifar100.load_data()[0][0].shape[3]", 3),
        ("keras.datasets.cifar100.load_data()[0][1].shape[1]", 1),
    ],
)
def test_the_shapes_of_data_sets_are_known(expression: str, value: int) -> None:
    assert number(expression, LOADED) == value


@pytest.mark.parametrize(
    "expression",
    ["len(a)", "a.shape[0]", "(a @ foo.w).shape[1]", "(a + foo.w).shape[1]", "a[foo.rows].shape[1]", "a.max()"],
)
def test_neither_the_rows_nor_the_numbers_of_a_data_set_are_known(expression: str) -> None:
    text = f"import foo\n{HEAD}{LOADED}model = Model(x, Dense({expression})(x))\n"
    assert read(text)[1] == ["unknown-value"]


def test_a_loop_over_a_data_set_is_passed_over() -> None:
    text = f"{LOADED}for i in range(len(a)):\n    c[i] = a[i] / 2\nfor image, label in zip(a, b):\n    print(image)\n"
    graph, codes = read(f"{text}model = Sequential([Dense(3, input_shape=a.shape[1:])])\n")
    assert graph is not None and codes == []


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("A(4).widths[1]", 6),
        ("A().units + A(widths=[1]).widths[0]", 4),
        ("len(string.ascii_lowercase)", 26),
        ("int(np.meshgrid(np.arange(3), np.arange(2), indexing='ij')[0][2, 1])", 2),
        ("int(ops.reshape(keras.Variable(np.arange(4) + 3, trainable=False), (2, 2))[1, 0])", 5),
    ],
)
def test_classes_with_fields_and_constants(expression: str, value: int) -> None:
    before = "import string\nfrom dataclasses import dataclass, field\n@dataclass\nclass A:\n    units: int = 3\n"
    assert number(expression, f"{before}    widths: list = field(default_factory=lambda: [5, 6])\n") == value


def test_the_fields_of_two_objects_are_not_one_list() -> None:
    before = (
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    w: list = field(default_factory=list)\n"
    )
    assert number("len(a.w) * 10 + len(b.w) + 1", f"{before}a, b = A(), A()\na.w.append(3)\n") == 11


def test_an_activation_may_be_a_function_of_the_file() -> None:
    text = "def relu6(x):\n    return keras.ops.minimum(keras.ops.relu(x), 6.0)\nx = Input((8,))\n"
    graph, codes = read(f"{text}y = Activation(relu6, name='bounded')(x)\nmodel = Model(x, Dense(2)(y))\n")
    assert graph is not None and codes == [] and len(graph.nodes) == 3


def test_an_average_has_the_window_that_keras_2_takes() -> None:
    graph, codes = read("x = Input((8, 8, 3))\nmodel = Model(x, AveragePooling2D()(x))\n")
    assert graph is not None and codes == ["old-spelling"]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("try:\n    n = sizes['b']\nexcept KeyError:\n    n = 7\n", 7),
        ("try:\n    n = sizes['a']\nexcept KeyError:\n    n = 7\n", 5),
        ("try:\n    n = sizes['b']\nexcept (IndexError, LookupError) as error:\n    n = 7\nelse:\n    n = 9\n", 7),
        ("try:\n    n = sizes['a']\nexcept KeyError:\n    n = 7\nelse:\n    n = 9\n", 9),
        ("try:\n    n = [4][3]\nexcept KeyError:\n    n = 7\nexcept:\n    n = 8\n", 8),
        ("n = 3\ntry:\n    n = sizes['b']\nexcept Exception:\n    pass\n", 3),
        ("try:\n    n = object_.gone\nexcept AttributeError:\n    n = 7\n", 7),
        ("try:\n    n = int('b')\nexcept ValueError as error:\n    print(error)\n    n = 7\n", 7),
        ("try:\n    sizes['x'] = sizes['b']\nexcept KeyError:\n    n = 3 + len(sizes)\n", 4),
        ("try:\n    object_.y = sizes['b']\nexcept KeyError:\n    object_.y = 3\nn = object_.y\n", 3),
        ("try:\n    if sizes['b']:\n        n = 4\nexcept KeyError:\n    n = 3\n", 3),
        (
            "done = []\ntry:\n    for key in ['a', 'b', 'c']:\n        done.append(key)\n        n = sizes[key]\n"
            "except KeyError:\n    n = len(done)\n",
            2,
        ),
        (
            "done = []\ndef find(key):\n    found = sizes[key]\n    done.append(1)\n    return found\n"
            "try:\n    n = find('b')\nexcept KeyError:\n    n = 3 + len(done)\n",
            3,
        ),
        (
            "n = 1\ntry:\n    try:\n        n = sizes['b']\n    except IndexError:\n        n = 2\n    finally:\n"
            "        n = n + 1\nexcept KeyError:\n    n = n + 10\n",
            12,
        ),
        ("try:\n    n = 4\nexcept KeyError:\n    n = 5\nelse:\n    n = sizes['a']\n", 5),
        ("for i in range(3):\n    try:\n        n = sizes['b']\n    except KeyError:\n        sizes['b'] = i + 2\n", 2),
        (
            "def find(key):\n    try:\n        return sizes[key]\n    except KeyError:\n        return 6\n"
            "n = find('b')\n",
            6,
        ),
    ],
)
def test_what_is_looked_up_in_vain_leads_to_its_handler(text: str, units: int) -> None:
    graph, codes = read(
        "class Thing:\n    pass\nobject_ = Thing()\nsizes = {'a': 5}\n"
        f"{text}x = Input((8,))\nmodel = Model(x, Dense(n)(x))\n"
    )
    assert graph is not None and set(codes) <= {"unused-variable", "ignored-lines"}, codes
    assert graph.outputs[0].tensor.shape[-1] == units


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("try:\n    n = {}['b']\nexcept IndexError:\n    n = 7\n", "bad-index"),
        ("try:\n    n = 3\nexcept KeyError:\n    n = 7\nelse:\n    n = {}['b']\n", "bad-index"),
        ("try:\n    n = {}['b']\nexcept KeyError:\n    n = {}['c']\n", "bad-index"),
        ("try:\n    n = Dense(3).gone\nexcept AttributeError:\n    n = 7\n", "unknown-attribute"),
    ],
)
def test_an_error_that_no_handler_is_for_is_one(text: str, code: str) -> None:
    assert code in read(f"{text}x = Input((8,))\nmodel = Model(x, Dense(n)(x))\n")[1]
