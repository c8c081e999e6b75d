"""Equal blocks of an imported model become a loop or a function; the layers keep their names, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from gen.keras_files.folding import folded
from gen.nn_layout import format_text
from tests.building import graph_of

HEAD = """from keras import Input, Model
from keras.layers import Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, LayerNormalization
from keras.layers import MultiHeadAttention, ReLU

pixels = Input({shape})

"""
END = "\n\nmodel = Model(pixels, scores)\n"


def model(lines: Iterable[str], shape: str = "(8, 8, 4)") -> str:
    return HEAD.format(shape=shape) + "\n".join(lines) + END


def block(number: int, x: str, filters: int = 4) -> list[str]:
    """A block of six layers on a tensor."""
    return [
        f'b{number}_1_conv = Conv2D({filters}, 3, padding="same")({x})',
        f"b{number}_1_bn = BatchNormalization()(b{number}_1_conv)",
        f"b{number}_1_relu = ReLU()(b{number}_1_bn)",
        f'b{number}_2_conv = Conv2D({filters}, 3, padding="same")(b{number}_1_relu)',
        f"b{number}_2_bn = BatchNormalization()(b{number}_2_conv)",
        f"b{number}_add = Add()([{x}, b{number}_2_bn])",
    ]


def head(x: str) -> list[str]:
    return [f"means = GlobalAveragePooling2D()({x})", "scores = Dense(3)(means)"]


def is_same(text: str) -> str:
    """The folded text, which has the layers, the weights and the calls of the other."""
    found = format_text(folded(text))
    assert format_text(found) == found
    one, other = graph_of(text), graph_of(found)
    for graph in (one, other):
        assert graph.nodes
    layers = [
        [(layer.name if layer.weights else "", layer.component, [*layer.weights]) for layer in graph.layers]
        for graph in (one, other)
    ]
    assert layers[0] == layers[1]
    made = [{tensor: i for i, tensor in enumerate(graph.makers())} for graph in (one, other)]
    calls = [
        [(node.layer.component, [known.get(tensor) for tensor in node.inputs]) for node in graph.nodes]
        for graph, known in zip((one, other), made, strict=True)
    ]
    assert calls[0] == calls[1]
    return found


def test_blocks_in_a_row_are_a_loop() -> None:
    lines = [
        "stem = Conv2D(4, 1)(pixels)",
        *block(1, "stem"),
        *block(2, "b1_add"),
        *block(3, "b2_add"),
        *head("b3_add"),
    ]
    found = is_same(model(lines))
    assert "for number in range(1, 4):" in found
    assert 'b_1_conv = Conv2D(4, 3, padding="same", name=f"b{number}_1_conv")(x)' in found
    assert found.count("Conv2D(") == 3


def test_what_differs_is_what_the_loop_runs_over() -> None:
    wide = [line.replace("Add()([b1_add, b2_2_bn])", "ReLU()(b2_2_bn)") for line in block(2, "b1_add", 8)]
    first = [line.replace("Add()([stem, b1_2_bn])", "ReLU()(b1_2_bn)") for line in block(1, "stem")]
    found = is_same(model(["stem = Conv2D(4, 1)(pixels)", *first, *wide, *head("b2_add")]))
    assert "for filters, number in [(4, 1), (8, 2)]:" in found or "for number, filters in [(1, 4), (2, 8)]:" in found


def test_blocks_that_stand_apart_are_calls_of_a_function() -> None:
    between = 'down{0} = Conv2D(4, 2, strides=2, name="reduce_{1}")({2})'
    lines = ["stem = Conv2D(4, 1)(pixels)", *block(1, "stem")]
    lines += [between.format(1, "a", "b1_add"), *block(2, "down1"), "act = ReLU()(b2_add)", *block(3, "act")]
    found = is_same(model([*lines, *head("b3_add")]))
    assert "def block(" in found and found.count("block(") == 4
    assert found.count("BatchNormalization(") == 2


def test_layers_of_an_encoder_are_one_block_in_a_loop() -> None:
    lines, x = [], "pixels"
    for i in range(3):
        lines += [
            f"attention_{i} = MultiHeadAttention(2, 4)({x}, {x})",
            f"sum_{i} = {x} + attention_{i}",
            f"norm_{i} = LayerNormalization()(sum_{i})",
            f'wide_{i} = Dense(16, activation="gelu")(norm_{i})',
            f"narrow_{i} = Dense(8)(wide_{i})",
            f"sum_{i}_b = norm_{i} + narrow_{i}",
            f"end_{i} = LayerNormalization()(sum_{i}_b)",
        ]
        x = f"end_{i}"
    found = is_same(model([*lines, f"scores = Dense(3)({x})"], "(6, 8)"))
    assert "for number in range(3):" in found and found.count("MultiHeadAttention(") == 1


@pytest.mark.parametrize(
    "last",
    [
        ["both = Add()([b1_1_relu, b2_1_relu, b3_add])", *head("both")],  # reads what is inside of a block
        ["both = Add()([b1_add, b2_add, b3_add])", *head("both")],  # reads what every round gives
    ],
)
def test_what_is_no_loop_stays_as_it_is(last: list[str]) -> None:
    lines = ["stem = Conv2D(4, 1)(pixels)", *block(1, "stem"), *block(2, "b1_add"), *block(3, "b2_add"), *last]
    assert "for " not in is_same(model(lines)).split("def ")[0]


def test_names_without_a_pattern_are_kept_by_leaving_the_blocks_apart() -> None:
    lines = [
        "stem = Conv2D(4, 1)(pixels)",
        *block(1, "stem"),
        *block(2, "b1_add"),
        *block(3, "b2_add"),
        *head("b3_add"),
    ]
    text = model(lines).replace("b2_1_conv", "left").replace("b2_2_conv", "right").replace("b3_1_conv", "down")
    text = (
        text.replace("b3_2_conv", "up").replace("b1_2_conv", "in_it").replace("b3_2_bn", "odd").replace("b2_1_bn", "c")
    )
    assert folded(text) == text


def test_numbers_that_count_along_are_formulas_of_one() -> None:
    lines, x = ["stem = Conv2D(4, 1)(pixels)"], "stem"
    for i in range(3):
        lines += [
            f'conv2d_{2 * i + 5} = Conv2D(4, 3, padding="same")({x})',
            f"norm_{i} = BatchNormalization()(conv2d_{2 * i + 5})",
            f'conv2d_{2 * i + 6} = Conv2D(4, 3, padding="same")(norm_{i})',
            f"add_{i} = Add()([{x}, conv2d_{2 * i + 6}])",
        ]
        x = f"add_{i}"
    found = is_same(model([*lines, *head(x)]))
    assert "for number in range(3):" in found
    assert 'name=f"conv2d_{2 * number + 5}"' in found and 'name=f"conv2d_{2 * number + 6}"' in found


def test_numbers_without_a_formula_keep_blocks_apart() -> None:
    lines, x = ["stem = Conv2D(4, 1)(pixels)"], "stem"
    for i, k in enumerate((3, 9, 4)):
        lines += [
            f'conv_{i} = Conv2D(4, 3, padding="same")({x})',
            f"norm_{k} = BatchNormalization()(conv_{i})",
            f"add_{i} = Add()([{x}, norm_{k}])",
        ]
        x = f"add_{i}"
    text = model([*lines, *head(x)])
    assert folded(text) == text


def test_lines_that_repeat_are_a_loop_inside_of_blocks_that_repeat() -> None:
    lines, x = ["stem = Conv2D(4, 1)(pixels)"], "stem"
    for i in range(2, 5):
        for k in range(6):
            lines.append(f'conv{i}_{k} = Conv2D(4, 3, padding="same")({x})')
            x = f"conv{i}_{k}"
        lines += [f"norm{i} = BatchNormalization()({x})", f"relu{i} = ReLU()(norm{i})"]
        x = f"relu{i}"
    found = is_same(model([*lines, *head(x)]))
    assert "\nfor number in range(2, 5):\n    for number_2 in range(6):\n" in found
    assert found.count("Conv2D(") == 2


def test_what_the_model_gives_keeps_its_variable() -> None:
    lines, x = [], "pixels"
    for i in range(6):
        lines.append(f'conv_{i} = Conv2D(4, 3, padding="same")({x})')
        x = f"conv_{i}"
    found = is_same(model(lines).replace("scores)", "conv_5)"))
    assert "\nfor number in range(5):\n" in found  # the last one is what the model gives
    assert "conv_5 = Conv2D(" in found


def test_what_most_calls_of_a_function_say_is_its_default() -> None:
    between = ["Conv2D(4, 2)", "ReLU()", "BatchNormalization()", 'Conv2D(3, 1, activation="relu")']
    lines, x = ["stem = Conv2D(4, 1)(pixels)"], "stem"
    for i, made in enumerate(between):
        lines += [
            *block(i, x, 8 if i == 2 else 4)[:-1],
            f"b{i}_add = ReLU()(b{i}_2_bn)",
            f"apart_{i} = {made}(b{i}_add)",
        ]
        x = f"apart_{i}"
    found = is_same(model([*lines, *head(x)]))
    assert re.search(r"def block\(\w+, number, filters=4\):", found)
    assert "block(apart_1, filters=8, number=2)" in found and "block(apart_0, number=1)" in found
