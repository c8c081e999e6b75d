"""However long a model is, nothing recurses over its length: neither the compiler nor Python over the file."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator

import pytest

from gen import compiler
from gen.compiler import Options, check
from gen.diagnostics import Source
from gen.graph.lookups import lookups
from gen.inspect.diagram.diagram import diagram_of
from gen.inspect.diagram.mermaid import mermaid
from gen.inspect.facts import describe_model
from gen.lsp.analysis import analyse
from gen.lsp.hints import shapes
from tests.building import graph_of

LENGTH = 220
FRAMES = 180
"""So many calls may be inside each other here: fewer than the models are long, enough for whatever nests otherwise."""
NUMBERS = range(LENGTH)
OUTPUTS = ", ".join(f"y{i}" for i in NUMBERS)
INPUTS = ", ".join(f"x{i}" for i in range(70))
LOOP = f"for i in range({LENGTH}):\n    "
MODELS = {
    "outputs": "x = Input(3)\n" + "".join(f"y{i} = Dense(1)(x)\n" for i in NUMBERS)
    + f"model = Model(x, [{OUTPUTS}])\n",
    "regularized": f"x = Input(3)\nh = x\n{LOOP}h = Dense(2, kernel_regularizer=l2(0.1))(h)\nmodel = Model(x, h)\n",
    "sequential": f"model = Sequential([Input(3)])\n{LOOP}model.add(Dense(2))\n",
    "operators": f"x = Input(3)\nh = x\n{LOOP}h = relu(h) * 2 + x\nmodel = Model(x, Dense(1)(h))\n",
    "masks": f"x = Input(None, 2)\nh = Masking()(x)\n{LOOP}h = Add()([Dropout(0.1)(h), h])\n"
    "model = Model(x, LSTM(2)(h))\n",
    "symbols": "".join(f"x{i} = Input(None, 2)\n" for i in range(70)) + f"y = Concatenate(1)([{INPUTS}])\n"
    f"model = Model([{INPUTS}], Dense(1)(GlobalAveragePooling1D()(y)))\n",
    "lengths": f"x = Input(None, 2)\nh = x\n{LOOP}h = Concatenate(1)([h, x])\n"
    "model = Model(x, Dense(1)(GlobalAveragePooling1D()(h)))\n",
    "ids": f"x = Input(4, int32)\nh = x\n{LOOP}h = Permute((1,))(h)\nmodel = Model(x, Embedding(9, 2)(h))\n",
    "merged": f"x = Input(3)\nhs = [x]\n{LOOP}hs = hs + [relu(x)]\nmodel = Model(x, Dense(1)(Concatenate()(hs)))\n",
}  # fmt: skip


@pytest.fixture
def shallow() -> Iterator[None]:
    """Calls nest no deeper than `FRAMES` from here on."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + FRAMES)
    yield
    sys.setrecursionlimit(before)


def depth(tree: ast.AST) -> int:
    """How deep the nodes of a syntax tree are inside each other."""
    found, level = 0, [tree]
    while level:
        found, level = found + 1, [child for node in level for child in ast.iter_child_nodes(node)]
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_long_model_is_built_without_deep_calls(name: str, shallow: None) -> None:
    text = MODELS[name] + "model.compile(sgd(0.1), mse)\n"
    graph = graph_of(text)
    made = compiler.generate(graph, "model.nn", Options(verify=True, formatted=False))
    assert depth(ast.parse(made)) < 60
    assert mermaid(diagram_of(describe_model(graph)))
    assert list(shapes(analyse("model.nn", text))) is not None


def test_ids_are_followed_through_a_long_model(shallow: None) -> None:
    graph = graph_of(MODELS["ids"])
    assert list(lookups(graph, graph.inputs[0].tensor)) == [("", 9)]


@pytest.mark.parametrize(
    "text",
    [
        "m = Dense(3)\nfor i in range(2000):\n    m = TimeDistributed(m)\nx = Input(3, 2)\nmodel = Model(x, m(x))\n",
        "m = Sequential([Dense(3)])\nfor i in range(2000):\n    m = Sequential([m])\n"
        "model = Sequential([Input(3), m])\n",
        "a = [1]\nfor i in range(2000):\n    a = [a]\nx = Input(3)\nmodel = Model(x, Dense(a)(x))\n",
        "x = Input(None, 2)\nh = x\nfor i in range(2000):\n    h = ZeroPadding1D(3)(Conv1D(2, 3, strides=2)(h))\n"
        "model = Model(x, h)\n",
    ],
    ids=["wrappers", "sequentials", "lists", "divisions"],
)
def test_what_nests_without_end_is_refused(text: str) -> None:
    codes = {item.code for item in check(Source("model.nn", text)).in_source_order()}
    assert codes & {"too-deep", "too-large"}


def test_a_hundred_sequentials_may_be_inside_each_other() -> None:
    text = (
        "m = Sequential([Dense(3)])\nfor i in range(98):\n    m = Sequential([m])\nmodel = Sequential([Input(3), m])\n"
    )
    assert len(graph_of(text).nodes) == 1


def test_what_other_tools_hang_on_syntax_trees_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All trees share the node of a context; a debugger makes it point to a tree of its own, however deep that is."""
    chain = ast.Constant(0)
    for _ in range(5000):
        chain = ast.Constant(chain)
    shared = ast.parse("x", mode="eval").body.ctx
    assert ast.parse("y", mode="eval").body.ctx is shared
    monkeypatch.setattr(shared, "parent", chain, raising=False)
    graph = graph_of(MODELS["merged"].replace(str(LENGTH), "3") + "model.compile(sgd(0.1), mse)\n")
    assert compiler.generate(graph, "model.nn", Options(verify=True, formatted=False))
