"""An embedding before a projection works on distinct ids where that pays; no prediction is of weights gone by."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.components.kernels import as_dense, sum_by_id
from gen.components.layers import projection_kernels as kernels
from gen.components.layers.convolution_kernels import (
    correlate,
    correlate_input_gradient,
    correlate_kernel_gradient,
)
from gen.components.layers.projection import EmbeddedProjection
from tests.building import build, graph_of

FEATURES = 64
SHARES = {"few": 20, "many": 5000}
"""How many ids there are, so that repeats pay or not."""


def tokens(share: str, *shape: int) -> tuple[Any, Any]:
    """Ids of this shape and the table that they are looked up in; what the batch holds decides which way is taken."""
    rng = np.random.default_rng(3)
    ids = rng.integers(0, SHARES[share], shape)
    assert kernels.repeats_pay(len(np.unique(ids)), ids.size, FEATURES) == (share == "few")
    return ids, rng.normal(size=(SHARES[share], FEATURES))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("rate", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_a_convolution_of_embedded_ids_is_that_of_their_rows(padding: str, width: int, rate: int, share: str) -> None:
    rng = np.random.default_rng(4)
    ids, table = tokens(share, 7, 13)
    kernel, rows = rng.normal(size=(width, FEATURES, 3)), table[ids]
    expected = correlate(rows, kernel, padding, None, (rate,))
    np.testing.assert_allclose(kernels.correlate_embedded(ids, table, kernel, padding, (rate,)), expected, rtol=1e-9)
    memory = kernels.ProjectedRows()
    found = kernels.correlate_remembered(ids, table, kernel, memory, padding, (rate,))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    dy = rng.normal(size=expected.shape)
    dproducts = kernels.correlated_by_id(dy, ids, table, width, padding, (rate,))
    drows = correlate_input_gradient(dy, rows.shape, kernel, padding, None, (rate,))
    found, expected = (
        as_dense(each, table) for each in (kernels.embedded_table_gradient(dproducts, kernel), sum_by_id(drows, ids))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        kernels.embedded_kernel_gradient(dproducts, table, kernel),
        correlate_kernel_gradient(dy, rows, kernel, padding, None, (rate,)),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("shape", [(90,), (9, 11), (3, 4, 9)], ids=str)
def test_a_dense_layer_of_embedded_ids_is_that_of_their_rows(shape: tuple[int, ...], share: str) -> None:
    rng = np.random.default_rng(5)
    ids, table = tokens(share, *shape)
    kernel = rng.normal(size=(FEATURES, 3))
    np.testing.assert_allclose(kernels.project_embedded(ids, table, kernel), table[ids] @ kernel, rtol=1e-9)
    memory = kernels.ProjectedRows()
    np.testing.assert_allclose(kernels.project_remembered(ids, table, kernel, memory), table[ids] @ kernel, rtol=1e-9)
    dy = rng.normal(size=(*shape, 3))
    dproducts = kernels.projected_by_id(dy, ids, table)
    drows = dy @ kernel.T
    found, expected = (
        as_dense(each, table) for each in (kernels.embedded_table_gradient(dproducts, kernel), sum_by_id(drows, ids))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(
        kernels.embedded_kernel_gradient(dproducts, table, kernel),
        table[ids].reshape(-1, FEATURES).T @ dy.reshape(-1, 3),
        rtol=1e-9,
    )


def test_an_id_that_occurs_often_is_summed_like_any_other() -> None:
    rng = np.random.default_rng(6)
    ids = np.where(rng.random((4, 300)) < 0.7, 2, rng.integers(0, 40, (4, 300)))
    table, dy = np.zeros((40, FEATURES)), rng.normal(size=(4, 300, 3))
    distinct, sums = kernels.projected_by_id(dy, ids, table)
    expected = as_dense(sum_by_id(dy, ids), np.zeros((40, 3)))
    np.testing.assert_allclose(sums, expected[distinct], rtol=1e-9)


MODEL = """
ids = Input(None, int32)
x = Embedding(500, 64)(ids)
x = Conv1D(8, 3, relu)(x)
y = Dense(1)(GlobalMaxPooling1D()(x))
model = Model(ids, y)
model.compile(optimizer=sgd, loss=mse)
"""


def agrees(model: Any, module: Any, x: Any) -> None:
    """Assert that the model predicts what a new one with its weights does."""
    fresh = module.Model()
    for name, weight in model.weights.items():
        fresh.weights[name][...] = weight
    np.testing.assert_allclose(model.predict(x), fresh.predict(x), rtol=1e-5, atol=1e-6)


def test_no_prediction_is_of_weights_that_have_changed() -> None:
    module = build(MODEL)
    model, rng = module.Model(), np.random.default_rng(7)
    x = rng.integers(0, 500, (4, 100)).astype(np.int32)
    model.predict(x)
    before = model.predict(x)
    for name, place in [("x/embeddings", x[0, 0]), ("x_2/kernel", (1, 5)), ("x/embeddings", slice(None))]:
        model.weights[name][place] += 1.0
        agrees(model, module, x)
        assert not np.allclose(model.predict(x), before)
    model.train_on_batch(x, np.ones((4, 1)))
    agrees(model, module, x)
    model.weights["x/embeddings"][x[0, 0]] = np.nan
    assert np.isnan(model.predict(x)[0])
    model.weights["x/embeddings"][x[0, 0]] = 0.0
    agrees(model, module, x)


def test_predictions_of_any_length_share_what_is_remembered() -> None:
    module = build(MODEL)
    model, rng = module.Model(), np.random.default_rng(8)
    for length in (3, 20, 70, 300, 64):
        agrees(model, module, rng.integers(0, 500, (1, length)).astype(np.int32))
    assert model._memory.x_2.count > 250


def test_threads_that_predict_at_once_get_what_one_alone_gets() -> None:
    model, rng = build(MODEL).Model(), np.random.default_rng(9)
    batches = [rng.integers(0, 500, (4, 80)).astype(np.int32) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.predict, batches))
    for batch, prediction in zip(batches, found, strict=True):
        np.testing.assert_allclose(model.predict(batch), prediction, rtol=1e-5, atol=1e-6)


def test_a_prediction_that_is_interrupted_leaves_nothing_wrong() -> None:
    """At whatever line: what is remembered after it is right."""
    rng = np.random.default_rng(11)
    table, kernel = rng.normal(size=(50, FEATURES)), rng.normal(size=(FEATURES, 3))
    stopped = True
    for stop in range(1, 200):
        memory, lines = kernels.ProjectedRows(), iter(range(stop))
        memory.lock = nullcontext()  # Python may be interrupted before it lets go of a lock

        def trace(frame: Any, event: str, _: Any, lines: Any = lines) -> Any:
            if frame.f_code.co_name == "find" and event == "line" and next(lines, None) is None:
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            memory.find(np.arange(30), table, kernel)
            stopped = False
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        for ids in (np.arange(20, 50), np.arange(50)):
            products, places = memory.find(ids, table, kernel)
            np.testing.assert_allclose(products[0, places], table[ids] @ kernel)
        if not stopped:
            break
    assert not stopped
    assert stop > 10


def test_what_is_remembered_has_a_bound() -> None:
    rng = np.random.default_rng(10)
    table = rng.normal(size=(20_000, FEATURES)).astype(np.float32)
    kernel = rng.normal(size=(FEATURES, 2_000)).astype(np.float32)
    memory = kernels.ProjectedRows()
    for count in (1_000, 2_500, 2_500, 2_500, 6_000, 1_000):
        ids = np.sort(rng.choice(len(table), count, replace=False))
        products, places = memory.find(ids, table, kernel)
        some = rng.choice(count, 5)
        np.testing.assert_allclose(products[0, places[some]], table[ids[some]] @ kernel, rtol=1e-3, atol=1e-3)
        assert memory.count <= len(memory.rows) < 6_000
        assert memory.products.nbytes + memory.rows.nbytes < 2.1 * max(table.nbytes, 1 << 24)


def fused(text: str) -> int:
    """How many nodes of the graph are an embedding with its projection."""
    graph = compiler.rewrite(graph_of(text))
    return sum(isinstance(node.layer.component, EmbeddedProjection) for node in graph.nodes)


def test_only_what_is_read_by_a_projection_alone_is_fused() -> None:
    ids, model = "ids = Input(9, int32)\nx = Embedding(50, 64)(ids)\n", "model = Model(ids, y)\n"
    assert fused(f"{ids}y = Dense(4, relu)(x)\n{model}") == 1
    assert fused(f"{ids}y = Conv1D(4, 3, padding=same, dilation_rate=2)(x)\n{model}") == 1
    assert fused(f"{ids}y = Conv1D(4, 3, strides=2)(x)\n{model}") == 0
    assert fused(f"{ids}y = Conv1D(4, 3, groups=2)(x)\n{model}") == 0
    assert fused(f"{ids}y = Dense(4)(Flatten()(x))\n{model}") == 0
    assert fused(f"{ids}y = Concatenate()([Dense(4)(x), x])\n{model}") == 0
    assert fused(f"{ids}y = Dense(4)(x)\nmodel = Model(ids, [x, y])\n") == 0
    assert fused(f"{ids.replace('64', '8')}y = Dense(4)(x)\n{model}") == 0
