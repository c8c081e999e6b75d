"""The pass that cuts a batch into slices: where slices meet, what counts once, and what needs the whole batch."""

from __future__ import annotations

import ast

import pytest

from gen.compiler import programs
from gen.program.passes.slices import in_slices
from tests.building import QUICK, graph_of

COMPILED = '\nmodel.compile("sgd", "mse")'


def step_of(text: str) -> tuple[list[str], str]:
    """The statements of a training step on slices that differ from those on a whole batch, and why there is none."""
    graph = graph_of(text)
    planned = next(each for each in programs(graph, QUICK) if "backward" in each.program.sections())
    sliced = in_slices(planned.program, planned.lowered.results)
    before = {(each.section, ast.unparse(each.value), each.guard) for each in planned.program.statements}
    after = [(each.section, ast.unparse(each.value), each.guard) for each in sliced.program.statements]
    return [f"{section}: {value}" for section, value, guard in after if (section, value, guard) not in before], (
        sliced.why_not
    )


def test_slices_of_dense_layers_never_meet() -> None:
    changed, why = step_of(f"x = Input(4)\nmodel = Model(x, Dense(2)(Dense(3, relu)(x))){COMPILED}")
    assert not why
    assert [text for text in changed if "over_slices" in text] == []
    assert any("b.whole_batch" in text for text in changed)  # which the loss is divided by


def test_the_mean_of_a_batch_is_that_of_all_slices() -> None:
    changed, why = step_of(f"x = Input(4)\nmodel = Model(x, Dense(2)(BatchNormalization()(x))){COMPILED}")
    assert not why
    assert len([text for text in changed if "over_slices" in text and text.startswith("forward")]) == 2
    assert len([text for text in changed if "over_slices" in text and text.startswith("track")]) == 0


def test_a_penalty_counts_once() -> None:
    changed, why = step_of(f'x = Input(4)\nmodel = Model(x, Dense(2, kernel_regularizer="l2")(x)){COMPILED}')
    assert not why
    assert any("if b.is_first else 0.0" in text for text in changed)


def test_steps_that_count_are_those_of_all_slices() -> None:
    text = f"x = Input(5, dtype=int32)\nh = Embedding(9, 3, mask_zero=True)(x)\nmodel = Model(x, Dense(2)(h)){COMPILED}"
    changed, why = step_of(text)
    assert not why
    assert any("over_slices(b, int(np.count_nonzero" in text for text in changed)


@pytest.mark.parametrize(
    "expression",
    [
        "ops.max(x, axis=0, keepdims=True) + x",
        "x + ops.min(x, axis=0)",
        "x * ops.prod(x, axis=0)",
        "x + ops.take(x, ops.convert_to_tensor([0]), axis=0)",
        "ops.flip(x, axis=0)",
        "ops.cumsum(x, axis=0)",
        "ops.reshape(ops.cumsum(ops.reshape(x, (4, -1)), axis=1), (-1, 4))",
        "ops.matmul(ops.matmul(x, ops.transpose(x)), x)",
        "ops.sort(x, axis=0)",
        "ops.take(x, ops.argmax(x, axis=0), axis=0)[:1] + x",
        "x * ops.expand_dims(ops.cast(ops.arange(ops.shape(x)[0]), 'float32'), -1)",
        "x + ops.sum(ops.matmul(ops.transpose(ops.reshape(x, (-1, 2))), ops.reshape(ops.transpose(x), (-1, 2))))",
        "x * ops.dot(ops.reshape(ops.transpose(x), (-1,)), ops.reshape(x, (-1,)))",
        "x + ops.matmul(ops.reshape(ops.transpose(x), (1, -1)), ops.reshape(x, (-1, 1)))",
        "x * ops.sum(ops.reshape(ops.transpose(x), (-1,)) * ops.reshape(x, (-1,)))",
    ],
)
def test_what_takes_one_row_to_another_needs_the_whole_batch(expression: str) -> None:
    text = (
        f"x = Input(4)\nh = Dense(4)(x)\ny = Lambda(lambda x: {expression})(h)\nmodel = Model(x, Dense(2)(y)){COMPILED}"
    )
    assert step_of(text)[1]


@pytest.mark.parametrize(
    "expression",
    [
        "x - ops.mean(x, axis=0, keepdims=True)",
        "x / (1.0 + ops.sum(ops.square(x)))",
        "ops.reshape(ops.reshape(x, (-1, 2)), (-1, 4))",
        "ops.transpose(ops.transpose(x))",
        "x * ops.mean(ops.std(x, axis=1))",
        "x * ops.dot(ops.reshape(x, (-1,)), ops.reshape(x, (-1,)))",
        "ops.flip(x, axis=1)",
    ],
)
def test_what_keeps_rows_apart_or_adds_them_up_runs_on_slices(expression: str) -> None:
    text = (
        f"x = Input(4)\nh = Dense(4)(x)\ny = Lambda(lambda x: {expression})(h)\nmodel = Model(x, Dense(2)(y)){COMPILED}"
    )
    assert step_of(text)[1] == ""
