"""No message, table, drawing or page has a name that nobody wrote: what a layer is called is what the file calls it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gen import compiler
from gen.compiler import check
from gen.components.base import Component, Layer, registry
from gen.diagnostics import Diagnostics, Source
from gen.inspect.diagram.diagram import diagram_of
from gen.inspect.diagram.mermaid import mermaid
from gen.inspect.facts import describe_model
from gen.lsp.analysis import analyse
from gen.lsp.hover import hover
from tests.building import CASES, QUICK, graph_of, sample


def subclasses(cls: type[Component]) -> Iterator[type[Component]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


WRITABLE = {cls.__name__ for kind in registry.values() for cls in kind.values()}
HIDDEN = [cls for cls in subclasses(Component) if cls.__module__.startswith("gen.")]
HIDDEN = [cls for cls in HIDDEN if not cls.__module__.startswith("gen.components.operations.")]
INTERNAL = sorted({cls.__name__ for cls in HIDDEN} - WRITABLE)
"""The components that no file can name: what operators, brackets, masks and wrappers are made of, and base classes.

Operations have the names of functions, which are words of English: `Where`, `Sum`.
"""
ANY = re.compile(rf"\b({'|'.join(INTERNAL)})\b")

IDS, BOTH = "x = Input(6, 4, int32)\n", "x = Input(6, 4)\nz = Input(5, 3)\n"
STEPS, FREE = "x = Input(6, 4)\n", "x = Input(None, 4)\n"
LONG = "x = Input(1000000, 100)\n"
MASKED = "x = Masking()(Input(6, 4))\n"
SYMBOLS = ("x + 1", "1 + x", "x - 128", "1 - x", "2 * x", "x / 2", "1 / x", "x ** 2", "-x", "x[:, 0]", "x[:, 1:3]")
PAIRS = ("x + x", "x - x", "x * x", "x / x", "x @ x")
FUNCTIONS = ("relu(x)", "softmax(x)", "add([x, x])", "concatenate([x, x])", "multiply([x, x])", "average([x, x])")
WRAPPED = (
    "TimeDistributed(LSTM(3))(x)",
    "TimeDistributed(Dense(3))(x)",
    "TimeDistributed(Dense(3))(x[:, 0])",
    "TimeDistributed(Conv1D(3, 2))(x)",
    "TimeDistributed(TimeDistributed(Dense(2)))(x)",
    "TimeDistributed(BatchNormalization())(x)",
    "TimeDistributed(Embedding(9, 2))(x)",
    "Bidirectional(LSTM(3))(x)",
    "Bidirectional(LSTM(3))(x[:, 0])",
    *(f"Bidirectional(GRU(3, return_sequences=True), merge_mode={mode!r})(x)" for mode in ("sum", "ave", "mul")),
)
LAYERS = ("Conv1D(2, 3)", "LSTM(2)", "Dense(2)", "Conv2D(2, 3)", "Embedding(9, 2)", "Attention()", "Flatten()")
CALLS = (*SYMBOLS, *PAIRS, *FUNCTIONS, *WRAPPED)
FAULTS = [
    *(f"{head}y = {call}\nmodel = Model(x, y)\n" for head in (IDS, LONG) for call in CALLS),
    *(f"{BOTH}y = x {symbol} z\nmodel = Model([x, z], y)\n" for symbol in "+-*/@"),
    *(f"{STEPS}y = {call}\nw = {call}\nmodel = Model(x, Dense(1)(x))\n" for call in CALLS),
    *(f"{MASKED}y = {call}\nmodel = Model(x, y)\n" for call in CALLS),
    *(
        f"{head}y = {layer}({call})\nmodel = Model(x, y)\n"
        for head in (STEPS, FREE)
        for layer in LAYERS
        for call in CALLS
    ),
]  # fmt: skip


def said(text: str) -> Iterator[str]:
    """Everything that the diagnostics of a text say."""
    for item in check(Source("model.nn", text)).in_source_order():
        yield from (item.message, item.label, item.hint or "", *(note.message for note in item.notes))


def test_no_message_has_a_name_that_nobody_wrote() -> None:
    messages = {(text, each) for text in FAULTS for each in said(text)}
    assert len({text for text, _ in messages}) > len(FAULTS) // 2
    assert not {(text, each) for text, each in messages if ANY.search(each)}


@pytest.mark.parametrize("head", [STEPS, FREE], ids=["known", "free"])
@pytest.mark.parametrize("call", sample(CALLS, 2))
def test_what_is_shown_has_no_name_that_nobody_wrote(head: str, call: str) -> None:
    text = f"{head}y = {call}\nmodel = Model(x, Dense(1)(y))\nmodel.compile(sgd, mse)\n"
    if compiler.understand(Source("model.nn", text), Diagnostics()) is None:
        assert not ANY.search(" ".join(said(text))), "a message"
        return
    graph = graph_of(text)
    facts = describe_model(graph)
    assert not ANY.search(mermaid(diagram_of(facts))), "the diagram"
    assert not ANY.search(" ".join(each.kind for each in facts.calls)), "the table of layers"
    analysis = analyse("model.nn", text)
    for offset in range(len(text)):
        shown = hover(analysis, offset)
        assert shown is None or not ANY.search(shown.markdown), f"what is shown over {text[offset:]!r}"
    assert not ANY.search(compiler.generate(graph, "model.nn", QUICK)), "the generated file"


def test_no_file_has_a_name_that_nobody_wrote() -> None:
    for path in CASES:
        found = ANY.findall(path.with_suffix(".golden").read_text("utf-8"))
        assert not found, path.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{STEPS}y = TimeDistributed(LSTM(3))(x)\n", "leave out the TimeDistributed: LSTM takes all steps at once"),
        (f"{STEPS}y = LSTM(3)(x[:, 0])\n", "keep the steps: an index removes them, and LSTM needs them"),
        (f"{BOTH}y = x + z\n", "`+` expects tensors of one shape, got (6, 4) and (5, 3)"),
        (f"{BOTH}y = add([x, z])\n", "add expects tensors of one shape, got (6, 4) and (5, 3)"),
        (f"{IDS}y = relu(x)\n", "relu expects numbers, got int32"),
        ("x = Input(6)\ny = MaxPool1D()(x)\n", "MaxPool1D expects (steps, channels), got (6,)"),
    ],
)
def test_a_message_says_what_the_file_says(text: str, words: str) -> None:
    assert words in list(said(text))


def test_the_names_that_nobody_writes_are_found() -> None:
    assert {"MergeSteps", "AddConstant", "Slice", "ZeroSteps", "Layer"} <= {*INTERNAL, Layer.__name__}
