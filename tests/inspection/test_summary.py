"""`gen summary`: parameters as Keras counts them, shapes, operations and memory, as a table and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gen import cli
from gen.dims import show
from gen.inspect.facts import CallFacts, Facts, SizeError, describe_model
from gen.inspect.summary import count_text, write_summary
from tests import keras_twin
from tests.building import CASES, EXAMPLES, case_graph, graph_of
from tests.program.test_memory import footprint_of

SHARED = """\
x = Input(4)
encoder = Model(x, Dense(3)(Dense(2, relu, name="narrow")(x)))
left = Input(4)
right = Input(4)
y = encoder(left) + encoder(right)
model = Model([left, right], y)
model.compile(sgd, mse)
"""
BLOCKS = """\
def block(x):
    y = Dense(4, relu)(x)
    return x + y

x = Input(4, name="start")
h = block(block(x))
y = Dense(1, name="end")(h)
model = Model(x, y)
"""


def named(facts: Facts) -> dict[str, CallFacts]:
    return {call.name: call for call in facts.calls}


# ---------------------------------------------------------------------------------------------------------------- facts


TWINS = ("pairs", "digits_conv", "gap", "batch_normalization", "frozen_dense", "shared_layer", "gru", "prelu")


@pytest.mark.parametrize("name", TWINS)
def test_parameters_are_counted_as_keras_counts_them(name: str) -> None:
    graph = case_graph(next(path for path in (*EXAMPLES, *CASES) if path.stem == name))
    facts, twin = describe_model(graph), keras_twin.twin(graph)
    assert facts.parameters == twin.count_params()
    assert facts.trainable == sum(weight.value.size for weight in twin.trainable_weights)


@pytest.mark.parametrize("path", [path for path in CASES if "frozen" in path.stem], ids=lambda path: path.stem)
def test_frozen_parameters_are_not_trained(path: Path) -> None:
    facts = describe_model(case_graph(path))
    assert facts.trainable < facts.parameters


def test_the_operations_of_calls_are_most_of_those_of_the_model() -> None:
    """What belongs to no single call is the gradient of a loss or of a weight that several share, and penalties."""
    for path in CASES[::3]:
        facts = describe_model(case_graph(path))
        names = [call.name for call in facts.calls]
        assert len(names) == len(set(names)), path.stem
        forward = facts.operations.get("forward", facts.operations.get("predict", 0))
        backward = facts.operations.get("backward", 0)
        assert sum(call.forward for call in facts.calls) == forward, path.stem
        losses = facts.operations.get("loss", 0)  # their gradients take as many, or more
        least = 0.0 if any(case_graph(path).formulas()) else 0.5 * (backward - losses)
        assert least <= sum(call.backward for call in facts.calls) <= backward, path.stem


def test_the_parameters_of_a_shared_layer_stand_at_its_first_call() -> None:
    calls = named(describe_model(graph_of(SHARED)))
    first, second = calls["encoder/narrow"], calls["encoder/narrow#2"]
    assert (first.parameters, first.shared) == (10, False)
    assert (second.parameters, second.shared) == (0, True)
    assert first.forward == second.forward > 0


def test_each_call_of_a_model_is_a_box() -> None:
    calls = named(describe_model(graph_of(SHARED)))
    boxes = [calls[name].box for name in ("encoder/narrow", "encoder/dense", "encoder/narrow#2")]
    assert boxes[0] is not None and boxes[0].name == "encoder"
    assert boxes[0] is boxes[1] is not boxes[2]
    assert calls["y"].box is None


def test_each_call_of_a_block_is_a_box() -> None:
    calls = named(describe_model(graph_of(BLOCKS)))
    first, second = calls["block/y"].box, calls["block_2/y"].box
    assert first is not None and second is not None
    assert (first.name, first.parent, second.name, second.parent) == ("block", None, "block_2", None)
    assert calls["end"].box is None


def test_a_model_called_in_a_block_is_a_box_in_its_box() -> None:
    text = """\
x = Input(4)
inner = Model(x, Dense(4)(x))

def block(x):
    return inner(x)

y = block(block(x))
model = Model(x, y)
"""
    boxes = [call.box for call in describe_model(graph_of(text)).calls]
    assert [box.name for box in boxes if box] == ["inner", "inner"]
    assert [box.parent is not None for box in boxes if box] == [True, True]
    assert boxes[0] is not boxes[1]


def test_a_wrapper_is_one_call_with_what_it_holds() -> None:
    text = """\
x = Input("steps", 4)
both = Bidirectional(LSTM(3, return_sequences=True))(x)
each = TimeDistributed(Dense(2))(both)
model = Model(x, each)
"""
    both, each = describe_model(graph_of(text)).calls
    assert (both.kind, show(both.shape), both.parameters) == ("Bidirectional(LSTM)", "(batch, steps, 6)", 2 * 4 * 3 * 8)
    assert (each.kind, show(each.shape), each.parameters) == ("TimeDistributed(Dense)", "(batch, steps, 2)", 14)
    assert [edge.source for edge in each.inputs] == ["both"]
    assert each.forward > 0


def test_a_call_knows_what_feeds_it() -> None:
    calls = named(describe_model(graph_of(BLOCKS)))
    assert [(edge.source, edge.from_input) for edge in calls["block/add"].inputs] == [
        ("start", True),
        ("block/y", False),
    ]


def test_memory_is_that_of_the_plan() -> None:
    graph = graph_of(SHARED)
    assert describe_model(graph, 7).memory == footprint_of(graph).rows({"batch": 7})


def test_a_model_that_is_not_compiled_has_a_prediction_alone() -> None:
    facts = describe_model(graph_of(BLOCKS))
    assert set(facts.operations) == {"predict"}
    assert sum(call.forward for call in facts.calls) == facts.operations["predict"]
    assert all(call.backward == 0 for call in facts.calls)


def test_the_size_of_a_sequence_is_what_is_asked_for() -> None:
    graph = graph_of('x = Input("steps", 4)\ny = Conv1D(2, 5)(x)\nmodel = Model(x, y)\n')
    assert describe_model(graph).sizes == {"batch": 32, "steps": 100}
    facts = describe_model(graph, batch=2, steps=10)
    assert facts.calls[0].memory == 4 * 2 * 6 * 2
    with pytest.raises(SizeError, match="`steps` must be 5 or more"):
        describe_model(graph, steps=4)


def test_names_of_sizes_change_no_figure() -> None:
    """`self` and `np` have another identifier in the programs, of which the figures are."""
    text = "x = Input({}, {}, 3)\ny = Conv2D(2, 3, strides=2)(x)\nmodel = Model(x, y)\nmodel.compile(adam(), mse)\n"
    plain = describe_model(graph_of(text.format('"high"', '"wide"')), batch=3, steps=9)
    hostile = describe_model(graph_of(text.format('"self"', '"np"')), batch=3, steps=9)
    assert hostile.sizes == {"batch": 3, "self": 9, "np": 9}
    assert (hostile.operations, hostile.memory) == (plain.operations, plain.memory)
    assert [call.forward for call in hostile.calls] == [call.forward for call in plain.calls]


# -------------------------------------------------------------------------------------------------------------- command


def summary(folder: Path, text: str, *options: str) -> Result:
    (folder / "model.nn").write_text(text)
    result = CliRunner().invoke(cli.gen, ["summary", str(folder / "model.nn"), *options])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def test_what_is_no_terminal_gets_plain_text(tmp_path: Path) -> None:
    lines = summary(tmp_path, SHARED).stdout.splitlines()
    assert lines[0].split()[:5] == ["call", "kind", "output", "shape", "parameters"]
    assert not any("\x1b" in line or "─" in line for line in lines)
    assert "encoder/narrow#2 Dense, relu (batch, 2) shared" in [" ".join(line.split()[:6]) for line in lines]
    assert ["parameters", "19"] in [line.split() for line in lines]


def test_a_terminal_gets_a_table_that_fits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    write_summary(describe_model(graph_of(SHARED)), stream, terminal=True)
    lines = stream.getvalue().splitlines()
    assert any("─" in line for line in lines)
    assert max(map(len, lines)) <= 60


def test_json_has_everything_with_places_in_the_file(tmp_path: Path) -> None:
    data: dict[str, Any] = json.loads(summary(tmp_path, SHARED, "--format", "json", "--batch-size", "8").stdout)
    assert data["sizes"] == {"batch": 8}
    assert data["parameters"] == {"total": 19, "trained": 19, "not_trained": 0}
    narrow = next(call for call in data["calls"] if call["name"] == "encoder/narrow")
    assert (narrow["line"], narrow["shape"], narrow["box"]) == (2, ["batch", 2], ["encoder"])
    assert narrow["inputs"] == [{"from": "left", "input": True, "shape": ["batch", 4]}]
    assert data["outputs"] == [{"name": "y", "from": "y", "shape": ["batch", 3], "loss": "mse"}]


def test_for_inference_there_is_no_backward_pass(tmp_path: Path) -> None:
    data = json.loads(summary(tmp_path, SHARED, "--format", "json", "--inference").stdout)
    assert set(data["operations"]) == {"predict"}
    assert data["outputs"][0]["loss"] is None


def test_a_model_that_is_wrong_is_reported_and_has_no_summary(tmp_path: Path) -> None:
    result = summary(tmp_path, "x = Input(4)\nmodel = Model(x, Dens(1)(x))\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[unknown-" in result.stderr


def test_too_few_steps_are_refused(tmp_path: Path) -> None:
    text = 'x = Input("steps", 4)\ny = Conv1D(2, 5)(x)\nmodel = Model(x, y)\n'
    result = summary(tmp_path, text, "--steps", "4")
    assert result.exit_code == 2
    assert result.stderr == "gen: the size `steps` must be 5 or more for every layer to have something to compute\n"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (1000, "1.00 k"), (999_499, "999 k"), (2_779_811_840, "2.78 G")]
)
def test_counts_have_three_digits(count: int, text: str) -> None:
    assert count_text(count) == text
