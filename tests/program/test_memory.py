"""The memory that the summary promises is what is measured; buffers share it only where nothing is lost."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.compiler import PASSES, Options
from gen.emit.footprint import Footprint, bytes_text
from gen.graph.graph import Graph
from gen.graph.sizes import least_sizes, typical_sizes
from gen.program.cost.bytes import buffer_bytes, room_bytes
from gen.program.memory.verify import verify_plan
from gen.program.verify import VerificationError
from tests.building import (
    CASES,
    EXAMPLES,
    QUICK,
    build,
    case_graph,
    case_module,
    graph_of,
    random_inputs,
    random_targets,
    rows_of,
)

OBJECTS = 150_000
"""Bytes that Python's objects take, and NumPy's buffers for numbers to be converted, whatever the model."""


def planned(graph: Graph, batch: int, length: int) -> dict[str, int]:
    """The lines of the table for a batch of so many rows."""
    footprint = footprint_of(graph)
    return footprint.rows({"batch": batch, **dict.fromkeys(least_sizes(footprint.graph), length)})


def footprint_of(graph: Graph) -> Footprint:
    return compiler.assembler(graph, "model.nn", Options()).footprint()


def measured(call: Any) -> int:
    """The most that `call` holds at once beyond what was there before it."""
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    call()
    return tracemalloc.get_traced_memory()[1] - before


def repeated(array: np.ndarray) -> np.ndarray:
    """Ids of which so many are distinct as takes the most memory: somewhat more than three of four."""
    return array % int(1.8 * array.size) if array.dtype == np.int32 else array


def figures(path: Path, batch: int, length: int, threads: int = 1) -> dict[str, tuple[int, int]]:
    """What is planned and what is measured, for `train_on_batch`, `fit` and `predict`."""
    graph, module = case_graph(path), case_module(path)
    rng = np.random.default_rng(0)
    x = [repeated(array) for array in random_inputs(graph, rng, batch, "float32", length)]
    plan = planned(graph, batch, length)
    more = (threads - 1) * plan.get("each further thread", 0)
    held = plan["weights"] + plan.get("gradients", 0) + plan.get("optimizer", 0)
    found = {}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        model = module.Model(threads=threads)
        found["Model"] = held, tracemalloc.get_traced_memory()[0] - before
        found["predict"] = plan["buffers of a prediction"], measured(lambda: model.predict(x, batch))
        if "optimizer" in plan:
            y = random_targets(graph, rng, batch, "float32", length)
            model = module.Model(threads=threads)
            step = measured(lambda: [model.train_on_batch(x, y) for _ in range(2)])
            found["train_on_batch"] = plan["buffers of a step"] + more, step
            model = module.Model(threads=threads)
            fit = measured(lambda: model.fit(x, y, epochs=2, batch_size=batch, verbose=0))
            found["fit"] = plan["buffers of a step"] + plan["kept by fit"] + more, fit
    finally:
        tracemalloc.stop()
    return found


POSTS, QA, VIDEO, DIGITS, WRITER = (
    next(path for path in EXAMPLES if path.stem == name) for name in ("posts", "qa", "video", "digits_conv", "writer")
)
DENSE, GRU, DEPTHWISE, ATTENTION, NORMALIZED = (
    next(path for path in CASES if path.stem == name)
    for name in ("dense_no_bias", "gru", "depthwise_conv2d", "attention", "batch_normalization")
)


@pytest.mark.parametrize(
    ("path", "batch", "length"),
    [
        (POSTS, 8, 300), (POSTS, 16, 269), (QA, 32, 100), (QA, 128, 30), (VIDEO, 32, 1), (DIGITS, 256, 1),
        (WRITER, 32, 40), (DENSE, 32_000, 1), (GRU, 512, 100), (DEPTHWISE, 2000, 1), (ATTENTION, 1000, 20),
        (NORMALIZED, 16_000, 1),
    ],
    ids=lambda item: item.stem if isinstance(item, Path) else str(item),
)  # fmt: skip
def test_what_is_planned_is_what_is_measured(path: Path, batch: int, length: int) -> None:
    for call, (expected, found) in figures(path, batch, length).items():
        assert abs(found - expected) < 0.1 * expected + OBJECTS, f"{call}: {found} bytes where {expected} are planned"


@pytest.mark.parametrize(("path", "batch", "length"), [(DIGITS, 256, 1), (WRITER, 64, 40)])
def test_two_threads_take_no_more_than_is_planned(path: Path, batch: int, length: int) -> None:
    """And no less, but for the room of kernels, which need not be at work at the same time."""
    footprint = footprint_of(case_graph(path))
    assert footprint.programs.step is not None
    sizes = {"batch": batch // 2, **dict.fromkeys(least_sizes(footprint.graph), length)}
    room = 2 * room_bytes(footprint.programs.step.program, sizes)
    found = figures(path, batch, length, threads=2)
    for call in ("train_on_batch", "fit"):
        expected, taken = found[call]
        assert 0.9 * (expected - room) - OBJECTS < taken < 1.1 * expected + OBJECTS, call


def test_the_summary_says_what_a_model_takes(capsys: pytest.CaptureFixture[str]) -> None:
    case_module(QA).Model().summary()
    lines = capsys.readouterr().out.rstrip().splitlines()[-8:]
    assert " ".join(lines[0].split()) == "memory in float32, text 100, question 100 batch 1 batch 32 batch 256"
    assert [line[:25].rstrip() for line in lines[1:]] == [
        "weights", "gradients", "optimizer", "buffers of a step", "kept by fit", "buffers of a prediction",
        "each further thread",
    ]  # fmt: skip
    assert lines[1].split()[1:] == ["4.00", "MB"] * 3


def test_lengths_are_as_long_as_the_layers_need() -> None:
    assert "memory in float32, posts 269 " in case_module(POSTS).SUMMARY


def test_a_model_built_for_inference_takes_its_weights_and_the_buffers_of_a_prediction() -> None:
    footprint = compiler.assembler(case_graph(QA), "qa.nn", Options(inference=True)).footprint()
    assert list(footprint.rows({"batch": 1, "text": 5, "question": 5})) == [
        "weights", "buffers of a prediction", "each further thread",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 KB"), (9_994, "9.99 KB"), (9_996, "10.0 KB"), (99_960, "100 KB"),
     (999_499, "999 KB"), (999_600, "1.00 MB"), (56_585_264, "56.6 MB"), (12 * 10**9, "12.0 GB")],
)  # fmt: skip
def test_sizes_have_three_digits_and_a_unit(count: int, text: str) -> None:
    assert bytes_text(count) == text


# ------------------------------------------------------------------------------------------------------------- sharing


@pytest.mark.parametrize("path", [POSTS, QA, DIGITS, WRITER], ids=lambda path: path.stem)
def test_buffers_that_share_memory_change_no_number(path: Path) -> None:
    graph = case_graph(path)
    apart = replace(QUICK, passes=frozenset(PASSES) - {"share"})
    length = max([20, *least_sizes(graph).values()])
    rng = np.random.default_rng(1)
    x, y = random_inputs(graph, rng, 3, "float32", length), random_targets(graph, rng, 3, "float32", length)
    models = [case_module(path, options).Model() for options in (QUICK, apart)]
    logs = [[model.train_on_batch(x, y) for _ in range(2)] for model in models]
    assert logs[0] == logs[1]
    np.testing.assert_array_equal(models[0].state, models[1].state)
    for first, second in zip(*(rows_of(model.predict(x)) for model in models), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("path", "share"),
    [(POSTS, 0.78), (QA, 0.88), (DIGITS, 0.88)],
    ids=lambda item: item.stem if isinstance(item, Path) else "",
)
def test_sharing_makes_the_buffers_of_a_step_smaller(path: Path, share: float) -> None:
    graph = case_graph(path)
    sizes = typical_sizes(least_sizes(graph), 32)
    with_all, apart = (
        next(each for each in compiler.programs(graph, options) if "backward" in each.program.sections())
        for options in (QUICK, replace(QUICK, passes=frozenset(PASSES) - {"share"}))
    )
    with_all_bytes, apart_bytes = (buffer_bytes([each], sizes) for each in (with_all, apart))
    assert with_all_bytes < share * apart_bytes


def test_a_buffer_in_memory_that_is_still_needed_is_noticed() -> None:
    step = next(each for each in compiler.programs(case_graph(QA), QUICK) if "backward" in each.program.sections())
    buffers = [buffer for buffer in step.plan.buffers if buffer.type.dtype == "float" and buffer not in step.plan.hosts]
    wrong = replace(step.plan, hosts={buffers[1]: buffers[0]})
    with pytest.raises(VerificationError, match="whose memory holds"):
        verify_plan(step.program, wrong, [])


def test_small_buffers_stay_apart() -> None:
    assert "in_" not in "".join(compiler.view(case_graph(DENSE), "dense.nn").buffers)


# ------------------------------------------------------------------------------------------------------- large weights

LARGE = """ids = Input(4, int32)
words = Embedding(600_000, 4)(ids)
y = Dense(1)(Flatten()(words))
model = Model(ids, y)
model.compile(rmsprop(0.01), loss=mse)
"""


def test_a_large_table_is_drawn_in_parts_with_the_same_values() -> None:
    module = build(LARGE)
    tracemalloc.start()
    try:
        model = module.Model(3)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < held + 13_000_000  # float64 numbers for half of the table at a time
    whole = np.random.default_rng(3).uniform(-0.05, 0.05, (600_000, 4)).astype(np.float32)
    np.testing.assert_array_equal(model.weights["words/embeddings"], whole)


def test_a_large_model_whose_loss_is_not_finite_keeps_good_weights_and_starts_its_optimizer_anew() -> None:
    model = build(LARGE).Model()
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 600_000, (40, 4)), rng.random((40, 1))
    y[-1] = 3e38  # whose square is too large
    start = {name: weight.copy() for name, weight in model.weights.items()}
    with pytest.raises(ValueError, match="step 20: the loss of y is not finite"):
        model.fit(x, y, epochs=1, batch_size=2, shuffle=False, verbose=0)
    assert model.step == 0
    assert not model.state[1:].any()
    assert np.isfinite(list(model.evaluate(x[:-1], y[:-1]).values())).all()
    moved = max(float(np.abs(weight - start[name]).max()) for name, weight in model.weights.items())
    assert moved > 0.0  # 18 or 19 steps are kept, not none


@pytest.mark.parametrize("layer", ["Dense(8)", "Conv1D(8, 3)", "Conv1D(8, 3, padding='same')"])
def test_the_plan_knows_a_table_that_is_projected_in_several_places(layer: str) -> None:
    text = f"""
a, b = Input(None, int32), Input(None, int32)
embed = Embedding(1000, 64)
x, z = GlobalMaxPooling1D()({layer}(embed(a))), GlobalMaxPooling1D()({layer}(embed(b)))
model = Model([a, b], Dense(1)(Concatenate()([x, z])))
model.compile(optimizer=rmsprop(), loss=mse)
"""
    model, ids = build(text).Model(), np.arange(200).reshape(4, 50)
    assert np.isfinite(model.train_on_batch([ids, ids], np.ones((4, 1)))["loss"])
    graph = graph_of(text)
    few, many = (planned(graph, 4, length)["buffers of a step"] for length in (50, 500))
    assert 2 * few < many
