"""Which lines of a generated file come from which calls."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gen import compiler
from gen.compiler import Options
from gen.diagnostics import Span
from gen.inspect.sourcemap import Lines, Piece, SourceMap, source_map
from tests.building import CASES, EXAMPLES, case_graph, graph_of, sample

TWO_HEADS = """
x = Input(8)
h = Dense(4, relu)(x)
amount = Dense(1)(h)
yes = Dense(1, sigmoid)(h)
model = Model(x, [amount, yes])
model.compile(adam(), loss=[mse, binary_crossentropy])
"""


def mapped(text: str) -> SourceMap:
    return source_map(graph_of(text), "model.nn")


def shown(found: SourceMap, piece: Piece) -> str:
    return "\n".join(found.text.split("\n")[piece.lines.first - 1 : piece.lines.last])


def of_call(found: SourceMap, call: str, function: str) -> str:
    lines = found.text.split("\n")
    return "\n".join("\n".join(lines[each.first - 1 : each.last]) for each in found.lines_of(call, function))


def test_a_call_has_its_lines_in_every_function() -> None:
    found = mapped(TWO_HEADS)
    assert "# h = Dense(4, relu)(x)" in of_call(found, "h", "forward")
    assert "np.maximum(h, b.zeros_batch_4, out=h)" in of_call(found, "h", "forward")
    assert "out=g.h_kernel" in of_call(found, "h", "backward")
    assert "p.h_kernel" in of_call(found, "h", "infer")
    assert "amount" not in of_call(found, "h", "forward")


def test_a_loss_belongs_to_the_call_of_its_head() -> None:
    found = mapped(TWO_HEADS)
    assert "# loss of yes" in of_call(found, "yes", "loss")
    assert "# loss of amount" not in of_call(found, "yes", "loss")
    assert "# loss of yes" in of_call(found, "yes", "backward")
    assert of_call(found, "yes", "activate"), "the sigmoid that prediction alone applies"


def test_lines_and_calls_are_the_same_pairs_both_ways() -> None:
    found = mapped(TWO_HEADS)
    for call in found.spans:
        for lines in found.lines_of(call):
            assert all(call in found.calls_at(line) for line in range(lines.first, lines.last + 1))
    assert found.calls_at(1) == ()


def test_calls_are_found_by_a_part_of_their_place_and_by_what_is_around_them() -> None:
    found = mapped(TWO_HEADS)
    start = TWO_HEADS.index("Dense(1)")
    assert found.calls_in(Span(start, start + 5)) == ("amount",)
    assert found.calls_in(Span(0, len(TWO_HEADS))) == ("h", "amount", "yes")


def test_fused_calls_share_lines() -> None:
    found = mapped(
        "ids = Input(6, dtype='int32')\ne = Embedding(500, 128)(ids)\ny = Conv1D(64, 3)(e)\n"
        "model = Model(ids, y)\nmodel.compile(adam(), loss=mse)\n"
    )
    (forward,) = [piece for piece in found.pieces if piece.function == "forward"]
    assert sorted(forward.calls) == ["e", "y"]


def test_statements_say_their_rule_and_the_shape_of_what_they_give() -> None:
    found = mapped(TWO_HEADS)
    (piece,) = [piece for piece in found.pieces if piece.function == "forward" and piece.calls == ("h",)]
    assert [(each.rule, tuple(map(str, each.shape))) for each in piece.statements] == [
        ("Dense.forward", ("batch", "4")),
        ("Dense.forward", ("batch", "4")),
        ("Relu.forward", ("batch", "4")),
    ]


@pytest.mark.parametrize("path", [*sample(CASES, 24), *sample(EXAMPLES, 2)], ids=lambda path: path.stem)
@pytest.mark.parametrize("inference", [False, True], ids=["training", "inference"])
def test_every_model_is_mapped(path: Path, inference: bool) -> None:
    options = Options(inference, formatted=False)
    graph = case_graph(path)
    found = source_map(graph, path.name, options)
    assert found.text == compiler.generate(graph, path.name, options)
    heads_of_files(found)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_lines_are_those_of_the_text_as_it_is_laid_out(path: Path) -> None:
    found = source_map(case_graph(path), path.name)
    assert found.text == (path.parent.parent / "out" / f"{path.stem}.py").read_text("utf-8")
    heads_of_files(found)


def heads_of_files(found: SourceMap) -> None:
    """Every piece begins with its heading, holds whole statements only, and every heading in the text has a piece."""
    lines = found.text.split("\n")
    before = Lines(0, 0)
    for piece in found.pieces:
        assert before.last < piece.lines.first, "pieces overlap"
        before = piece.lines
        said = [f"# {line}" for line in piece.heading.split("\n")] if piece.heading else []
        there = [line.strip() for line in lines[piece.lines.first - 1 :][: len(said)]]
        assert all(line.startswith(head) for line, head in zip(there, said, strict=True)), shown(found, piece)
        assert ast.parse("if 1:\n" + "\n".join(f" {line}" for line in shown(found, piece).split("\n"))) is not None
        assert piece.calls or not piece.heading, f"{piece.heading} comes from no call"
        functions = [line for line in lines[: piece.lines.first] if line.startswith("def ")]
        assert functions[-1].startswith(f"def {piece.function}(")
