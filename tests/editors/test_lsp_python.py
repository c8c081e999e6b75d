"""What editors know of the Python in a `.nn` file: classes, functions, lambdas, comprehensions, values, operations."""

from __future__ import annotations

import pytest

from gen.diagnostics import Span
from gen.lsp.analysis import Analysis, analyse
from gen.lsp.completion import completions
from gen.lsp.hints import shapes
from gen.lsp.hover import hover
from gen.lsp.navigation import RenameError, definition, references, rename
from gen.lsp.signatures import signature_help
from gen.nn_layout import format_text

TEXT = """\
import math
import numpy as np
import keras
from keras import layers, ops

SIZES = {"narrow": 4, "wide": [8, 16]}


class Base(layers.Layer):
    scale = 2.0

    def __init__(self, units: int, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rate = units, rate
        self.blocks = [layers.Dense(units) for _ in range(3)]

    def shrink(self, x, *, by=1):
        return x / (self.scale * by)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(self.shrink(x, by=2))


class Block(Base):
    def build(self, input_shape):
        self.last = layers.Dense(self.units, name="last")
        self.shift = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, x):
        h = super().call(x)
        h += self.shift
        return ops.tanh(h)


def stacked(x, *widths, activation="relu", **options):
    for position, width in enumerate(widths):
        try:
            x = layers.Dense(width, activation=activation, **options)(x)
        except ValueError as error:
            print(error)
    return x


x = keras.Input((8,))
block = Block(units=4, rate=0.2)
total = math.sqrt(64)
odd = [n for n in SIZES["wide"] if (half := n // 2) > 1]
double = lambda t, k=2: t * k
with keras.name_scope("tail") as scope:
    y = stacked(double(block(x)), *odd, 3, activation="tanh")
y = layers.Dense(block.units)(y)
y = ops.mean(y, axis=1, keepdims=True)
model = keras.Model(x, y)
"""


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    made = analyse("model.nn", TEXT)
    assert not made.failed, [item.message for item in made.diagnostics]
    return made


def place(text: str, mark: str) -> int:
    """The offset of `|` in the only occurrence of `mark`, which has one."""
    before, _, after = mark.partition("|")
    assert text.count(before + after) == 1, mark
    return text.index(before + after) + len(before)


def lines(spans: list[Span] | tuple[Span, ...]) -> list[int]:
    return [TEXT.count("\n", 0, span.start) + 1 for span in spans]


def line(of: str) -> int:
    return TEXT.count("\n", 0, place(TEXT, of)) + 1


@pytest.mark.parametrize(
    ("mark", "defined", "all_lines"),
    [
        ("self.|units, name", "self.|units, self.rate", ["self.|units, self.rate"]),
        ("block.|units)", "self.|units, self.rate", ["self.|units, name", "(self.|units,)"]),
        ("(self.|scale", "|scale = 2.0", []),
        ("return self.|last(", "self.|last = ", []),  # a class below binds it
        ("self.|shrink(x", "def |shrink", []),
        ("shrink(x, |by=2", "*, |by=1", []),
        ("super().|call(x)", "def |call(self, x):\n        for", ["def |call(self, x):\n        h"]),
        ("Block(|units=4", "|units: int", ["(|units) for"]),
        ("class Block(|Base", "class |Base", []),
        ("print(|error", "as |error", []),
        ("Dense(|width,", "position, |width in", []),
        ("*|odd", "|odd =", []),
        ("|n // 2", "for |n in SIZES", ["[|n for"]),
        ("t * |k", "|k=2", []),
        ("|t * k", "lambda |t", []),
        ("**|options)(x)", "**|options):", []),
        ("*odd, 3, |activation", 's, |activation="relu"', ["activation=|activation"]),
    ],
)
def test_a_name_is_found_in_its_scope(analysis: Analysis, mark: str, defined: str, all_lines: list[str]) -> None:
    offset = place(TEXT, mark)
    found = definition(analysis, offset)
    assert found is not None
    assert found.start == place(TEXT, defined)
    others = {span.start for span in references(analysis, offset)}
    assert {place(TEXT, each) for each in (mark, defined, *all_lines)} <= others


def test_a_walrus_in_a_comprehension_binds_outside_of_it() -> None:
    text = "odd = [n for n in range(9) if (half := n // 2) > 1]\nlast = half\n"
    made = analyse("model.nn", text)
    assert definition(made, text.index("half\n")) == Span(text.index("half :="), text.index(" :="))
    assert "n" not in made.variables.visible(len(text))


def test_names_of_a_class_are_not_seen_in_its_methods() -> None:
    text = "size = 3\n\nclass A:\n    size = 4\n    half = size // 2\n    def f(self):\n        return size\n"
    made = analyse("model.nn", text)
    assert definition(made, text.index("size\n", 40)) == Span(0, 4)
    assert references(made, text.index("size = 4")) == [
        Span(text.index("size = 4"), text.index(" = 4")),
        Span(text.index("size // 2"), text.index(" // 2")),
    ]


def test_attributes_of_classes_that_do_not_extend_each_other_are_apart() -> None:
    text = (
        "class A:\n    def f(self):\n        self.x = 1\n\nclass B:\n    def f(self):\n        self.x = 2\n"
        "\nclass C(A):\n    def g(self):\n        return self.x\n"
    )
    made = analyse("model.nn", text)
    found = [text.count("\n", 0, span.start) + 1 for span in references(made, text.index("x = 1"))]
    assert found == [3, 11]
    assert len(references(made, text.index("x = 2"))) == 1


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("self.|units, self.rate", "extent"),
        ("|scale = 2.0", "factor"),
        ("class |Base", "Ground"),
        ("def |shrink", "smaller"),
        ("|units: int", "extent"),
        ("lambda |t", "tensor"),
        ("for |n in SIZES", "number"),
        ("as |error", "problem"),
        ("def |stacked", "tower"),
        ("self.|last = ", "final"),
    ],
)
def test_a_renamed_file_means_the_same(analysis: Analysis, mark: str, name: str) -> None:
    spans = rename(analysis, place(TEXT, mark), name)
    text = TEXT
    for span in sorted(spans, key=lambda span: -span.start):
        text = text[: span.start] + name + text[span.end :]
    made = analyse("model.nn", text)
    assert not made.failed, [item.message for item in made.diagnostics]
    assert list(shapes(made).values()) == list(shapes(analysis).values())


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        ("def |build", "Keras calls `build`"),
        ("def |__init__", "Keras calls `__init__`"),
        ("from keras import layers, |ops", "imported"),
    ],
)
def test_what_others_call_keeps_its_name(analysis: Analysis, mark: str, why: str) -> None:
    with pytest.raises(RenameError, match=why):
        rename(analysis, place(TEXT, mark), "other")


@pytest.mark.parametrize(
    ("mark", "parts"),
    [
        ("|SIZES = ", ["SIZES = {'narrow': 4, 'wide': [8, 16]}"]),
        ("|total = ", ["total = 8.0"]),
        ("|odd = ", ["odd = [8, 16]"]),
        ("def |stacked", ['def stacked(x, *widths, activation="relu", **options)']),
        ("|stacked(double", ['def stacked(x, *widths, activation="relu", **options)']),
        ("class |Block", ["class Block(units, rate=0.1, **kwargs)", "A layer of the file"]),
        ("|block = Block", ["block: Block → (batch, 4)", "- `units`: `4`", "Dense(units=4)", "100 parameters"]),
        ("self.|shrink(x", ["def shrink(self, x, *, by=1)", "A method of `Base`"]),
        ("self.|shift = ", ["shift: (4,) float32"]),
        ("block.|units)", ["units = 4"]),
        ("|double = ", ["def double(t, k=2)"]),
        ("ops.|mean", ["mean(x, axis=None, keepdims=False)"]),
        ("math.|sqrt", ["The function `math.sqrt`"]),
        ("in |range", ["range", "Python"]),
        ("for |block in", ["block = Dense(units=4)"]),
        ("position, |width in", ["width = 8 | 16 | 3"]),
        ("def |call(self, x):\n        h", ["def call(self, x)"]),
    ],
)
def test_hover_shows_what_a_name_is(analysis: Analysis, mark: str, parts: list[str]) -> None:
    found = hover(analysis, place(TEXT, mark))
    assert found is not None
    for part in parts:
        assert part in found.markdown, found.markdown


@pytest.mark.parametrize("value", ["[[[[1]]]]", "{'a': {'b': {'c': 1}}}", "list(range(5000))", "'x' * 9000"])
def test_a_large_value_is_cut(value: str) -> None:
    found = hover(analyse("model.nn", f"a = {value}\n"), 0)
    assert found is not None
    assert "…" in found.markdown
    assert len(found.markdown) < 100


def test_what_is_not_known_says_where_it_comes_from() -> None:
    found = hover(analyse("model.nn", "import pandas as pd\nwords = pd.read_csv('words.csv')\n"), 21)
    assert found is not None
    assert "words: not known when gen reads the file" in found.markdown


@pytest.mark.parametrize(
    ("before", "written", "offered", "others"),
    [
        ("self.blocks = [", "self.", ["units", "blocks", "shrink", "add_weight", "build"], ["Dense"]),
        ("        h = super()", "self.", ["shift", "last", "units", "add_weight"], []),
        ("x = keras.Input", "def f(s):\n    return ops.", ["mean", "softmax", "tanh", "reshape"], ["Dense"]),
        ("y = ops.mean", "z = math.", ["sqrt", "pi"], ["relu"]),
        ("y = ops.mean", "z = np.", ["sqrt", "prod", "zeros"], []),
        ("y = ops.mean", "z = keras.ops.", ["einsum", "where"], []),
        ("y = ops.mean", "z = keras.applications.", ["VGG16", "ConvNeXtXLarge", "resnet50"], ["preprocess_input"]),
        ("y = ops.mean", "z = keras.applications.vgg16.", ["VGG16", "preprocess_input"], ["ResNet50"]),
        ("y = ops.mean", "z = keras.", ["ops", "random", "layers", "Model"], []),
        ("y = ops.mean", "z = 'abc'.", ["format", "upper"], ["append"]),
        ("y = ops.mean", "odd.", ["append", "sort", "index"], ["upper"]),
        ("y = ops.mean", "SIZES.", ["items", "get"], ["append"]),
        ("y = ops.mean", "block.", ["units", "blocks", "trainable"], []),
        ("y = ops.mean", "x.", ["shape", "dtype"], ["append"]),
        ("y = ops.mean", "z = ", ["len", "range", "Block", "stacked", "lambda", "not", "ops"], []),
        ("y = ops.mean", "z = Block(", ["units=", "rate="], ["self="]),
        ("y = ops.mean", "z = stacked(x, ", ["activation="], []),
    ],
)
def test_what_can_be_written_is_offered(
    analysis: Analysis, before: str, written: str, offered: list[str], others: list[str]
) -> None:
    at = TEXT.index(before)
    at = TEXT.rindex("\n", 0, at + 1) + 1
    indent = len(TEXT[at:]) - len(TEXT[at:].lstrip(" "))
    text = f"{TEXT[:at]}{' ' * indent}{written}\n{TEXT[at:]}"
    made = analyse("model.nn", text, before=analysis)
    found = [each.label for each in completions(made, at + indent + len(written))]
    assert set(offered) <= set(found), sorted(set(offered) - set(found))
    assert not set(others) & set(found)


def test_methods_are_offered_in_a_class() -> None:
    text = "class Block(keras.layers.Layer):\n    def call(self, x):\n        return x\n\n    def \n"
    found = [each.label for each in completions(analyse("model.nn", text), len(text) - 1)]
    assert found == ["__init__", "build", "compute_output_shape", "get_config"]


@pytest.mark.parametrize(
    ("written", "label", "active"),
    [
        ("stacked(x, 3, 4, ", 'stacked(x, *widths, activation="relu", **options)', "*widths"),
        ("stacked(x, activation=", 'stacked(x, *widths, activation="relu", **options)', 'activation="relu"'),
        ("stacked(x, use_bias=", 'stacked(x, *widths, activation="relu", **options)', "**options"),
        ("Block(", "Block(units, rate=0.1, **kwargs)", "units"),
        ("block.shrink(x, by=", "shrink(x, *, by=1)", "by=1"),
        ("block(", "block(x)", "x"),
        ("double(x, ", "double(t, k=2)", "k=2"),
        ("ops.mean(x, ", "mean(x, axis=None, keepdims=False)", "axis=None"),
        ("keras.ops.softmax(", "softmax(x, axis=-1)", "x"),
        ("layers.Dense(", "Dense(units, activation=linear", "units"),
    ],
)
def test_the_signature_of_a_call_is_shown(analysis: Analysis, written: str, label: str, active: str) -> None:
    text = f"{TEXT}z = {written}"
    found = signature_help(analyse("model.nn", text, before=analysis), len(text))
    assert found is not None
    assert str(found.signature).startswith(label)
    assert found.active is not None
    assert str(found.signature.arguments[found.active]) == active


def test_bodies_of_methods_functions_and_scopes_have_hints(analysis: Analysis) -> None:
    hints = {TEXT.count("\n", 0, offset) + 1: hint for offset, hint in shapes(analysis).items()}
    assert hints[line("h = |super()")] == "(batch, 4)"
    assert hints[line("h |+= self.shift")] == "(batch, 4)"
    assert hints[line("x = |block(x)")] == "(batch, 4)"
    assert hints[line("self.shift |= ")] == "(4,)"
    assert hints[line("y = |stacked(")] == "(batch, 3)"
    assert hints[line("activation=|activation")] == "(batch, 8) | (batch, 16) | (batch, 3)"


def test_the_file_is_laid_out_as_it_is(analysis: Analysis) -> None:
    assert format_text(TEXT) == TEXT


def test_no_feature_fails_wherever_the_file_ends_or_lacks_something(analysis: Analysis) -> None:
    for start in range(0, len(TEXT), 61):
        for text in (TEXT[:start], TEXT[:start] + TEXT[start + 7 :]):
            made = analyse("model.nn", text, before=analysis)
            assert made.bug is None
            shapes(made)
            for offset in (start, max(start - 1, 0), start // 2):
                hover(made, offset)
                completions(made, offset)
                signature_help(made, offset)
                references(made, offset)
