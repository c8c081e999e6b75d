"""Slices of a batch in several threads: the numbers of one thread, in any order of the threads, and after any error."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gen import compiler
from tests.building import (
    CASES,
    EXAMPLES,
    LENGTH,
    build,
    case_graph,
    case_module,
    graph_of,
    random_inputs,
    random_targets,
    sample,
)
from tests.slices import CUT, compare, state_of

ROWS = 7
TEXT = """
i = Input(shape=(6, 6, 2))
x = Conv2D(4, 3, padding="same", use_bias=False, kernel_regularizer="l2")(i)
x = ReLU()(BatchNormalization()(x))
x = Dropout(0.3)(x)
x = GlobalAveragePooling2D()(GaussianNoise(0.1)(x))
y = Dense(3, softmax)(x)
model = Model(i, y)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
"""

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def cut() -> ModuleType:
    return build(TEXT, "cut.nn", CUT)


def batch_of(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, 6, 6, 2)), np.eye(3)[rng.integers(0, 3, rows)]


@pytest.mark.parametrize("path", sample([*CASES, *EXAMPLES], 10), ids=lambda path: path.stem)
def test_slices_compute_what_the_whole_batch_does(path: Path) -> None:
    graph, module = case_graph(path), case_module(path, CUT)
    length = 300 if path.stem == "posts" else LENGTH
    rng = np.random.default_rng(2)
    x, y = random_inputs(graph, rng, ROWS, length=length), random_targets(graph, rng, ROWS, length=length)
    for threads in (2, 3):
        compare(module, x, y, threads)


@pytest.mark.parametrize("optimizer", ["Adam()", "Adagrad(0.1)", "Adam(clipnorm=0.1)", "SGD(global_clipnorm=0.1)"])
def test_each_block_of_many_weights_is_updated_by_one_thread(optimizer: str) -> None:
    """Also where the optimizer clips the gradient before, and where some weights are frozen."""
    text = f"""
i = Input(300)
x = Dense(400, relu)(i)
x = BatchNormalization()(x)
frozen = Dense(30)
frozen.trainable = False
model = Model(i, Dense(3)(frozen(x)))
model.compile(optimizer={optimizer}, loss="mse")
"""
    module = build(text, "large.nn", CUT)
    rng = np.random.default_rng(0)
    for threads in (2, 3):
        compare(module, [rng.normal(size=(ROWS, 300))], [rng.normal(size=(ROWS, 3))], threads)


def test_more_threads_than_rows(cut: ModuleType) -> None:
    x, y = batch_of(2)
    compare(cut, [x], [y], 5)


def test_a_batch_of_one_row_is_not_cut(cut: ModuleType) -> None:
    model = cut.Model(threads=4)
    assert len(model._slices(model._convert(model._check(*batch_of(1))))) == 1


def test_small_models_and_small_batches_stay_in_one_thread() -> None:
    """Threads cost more than they save there."""
    small = build('x = Input(4)\ny = Dense(2)(x)\nmodel = Model(x, y)\nmodel.compile("sgd", "mse")')
    assert not hasattr(small.Model(threads=3), "_team")
    large = build(TEXT.replace("Conv2D(4", "Conv2D(32"), "large.nn")
    model = large.Model(threads=2)
    rows = large._SLICE
    for count, slices in ((rows, 1), (2 * rows - 1, 1), (2 * rows, 2)):
        assert len(model._slices(model._convert(model._check(*batch_of(count))))) == slices


def test_the_number_of_threads_may_change_between_predictions(cut: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the next array is like the one before, for which `predict` skips its checks."""
    model, (x, _) = cut.Model(1, np.float64, threads=1), batch_of()
    usual, buffers = cut.infer, set()
    monkeypatch.setattr(cut, "infer", lambda p, b, *inputs: (buffers.add(b), usual(p, b, *inputs))[1])
    for threads in (1, 1, 3, 3, 2, 1, 1):
        model.threads = threads
        buffers.clear()
        np.testing.assert_allclose(model.predict(x), cut.Model(1, np.float64, threads=1).predict(x), rtol=1e-12)
        assert len(buffers) == threads + 1


def test_a_prediction_draws_nothing(cut: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cut, "_Draws")
    cut.Model(threads=3).evaluate(*batch_of())


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "two"])
@pytest.mark.parametrize("text", [TEXT, 'x = Input(4)\nmodel = Model(x, Dense(2)(x))\nmodel.compile("sgd", "mse")'])
def test_a_number_of_threads_that_is_none_is_refused(text: str, threads: Any) -> None:
    with pytest.raises(ValueError, match="threads: expected an integer of 1 or more, got "):
        build(text, "refused.nn", CUT).Model(threads=threads)


def test_by_default_there_is_a_thread_for_each_core(cut: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert cut.Model().threads == 3


# ---------------------------------------------------------------------------------------------------- order, errors


class InTurn:
    """A team whose members work one after the other, each up to where all meet, in an order that is drawn anew there.

    So every member sees what those before it have left behind, and none can rely on work at the same time.
    """

    def __init__(self, count: int, order: Callable[[int], Sequence[int]]) -> None:
        self.count, self.order, self.barrier = count, order, self
        self.given: list[Any] = [None] * count
        self.turn = [threading.Semaphore(0) for _ in range(count)]
        self.main = threading.Semaphore(0)

    def pause(self, member: int) -> None:
        self.main.release()
        self.turn[member].acquire()

    def wait(self) -> None:
        self.pause(self.now)

    def total(self, member: int, part: Any) -> Any:
        self.given[member] = np.copy(part)
        self.pause(member)
        whole = self.given[0].copy()
        for each in self.given[1:]:
            whole = whole + each
        self.pause(member)
        if isinstance(part, np.ndarray) and part.ndim:
            part[...] = whole
            return part
        return type(part)(whole)

    def run(self, work: Callable[[int], Any]) -> list[Any]:
        results: list[Any] = [None] * self.count
        left = set(range(self.count))

        def member(k: int) -> None:
            self.turn[k].acquire()
            results[k] = work(k)
            left.discard(k)
            self.main.release()

        threads = [threading.Thread(target=member, args=(k,)) for k in range(self.count)]
        for thread in threads:
            thread.start()
        while left:
            for k in self.order(self.count):
                if k in left:
                    self.now = k
                    self.turn[k].release()
                    self.main.acquire()
        for thread in threads:
            thread.join()
        return results


@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled"])
def test_the_order_in_which_slices_run_changes_no_bit(cut: ModuleType, order: str) -> None:
    rng = np.random.default_rng(0)
    orders: dict[str, Callable[[int], Sequence[int]]] = {
        "forwards": range,
        "backwards": lambda count: range(count)[::-1],
        "shuffled": lambda count: rng.permutation(count).tolist(),
    }
    at_once, in_turn = cut.Model(1, np.float64, threads=3), cut.Model(1, np.float64, threads=3)
    in_turn._team = InTurn(3, orders[order])
    for rows in (7, 9, 7):
        x, y = batch_of(rows)
        assert at_once.train_on_batch(x, y) == in_turn.train_on_batch(x, y)
    for name, value in at_once.weights.items():
        np.testing.assert_array_equal(in_turn.weights[name], value, err_msg=name)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, FloatingPointError])
@pytest.mark.parametrize("function", ["forward", "loss", "backward"])
@pytest.mark.parametrize("member", [0, 1, 2])
def test_an_error_in_a_slice_ends_the_step_and_changes_nothing(
    cut: ModuleType, monkeypatch: pytest.MonkeyPatch, function: str, error: type[BaseException], member: int
) -> None:
    model, (x, y) = cut.Model(1, np.float64, threads=3), batch_of()
    model.train_on_batch(x, y)
    before = {name: value.copy() for name, value in model.weights.items()}
    usual = getattr(cut, function)

    def fails(*arguments: Any, **options: Any) -> Any:
        b = next(each for each in arguments if isinstance(each, cut.Buffers))
        if any(b is kept for kept in model._kept[member].values()):
            raise error("in a slice")
        return usual(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(cut, function, fails)
        with pytest.raises(error, match="in a slice"):
            model.train_on_batch(x, y)
    for name, value in model.weights.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    model.train_on_batch(x, y)  # and it goes on
    assert not np.array_equal(model.weights["y/kernel"], before["y/kernel"])


def test_ctrl_c_at_the_end_of_a_wait_is_no_reason_to_wait_again(
    cut: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come when the work of a thread is done, and nobody has noted that yet."""
    model, (x, y) = cut.Model(1, np.float64, threads=3), batch_of()
    usual, waits = cut._Worker.wait, iter(range(100))

    def interrupted(worker: Any) -> None:
        usual(worker)
        if next(waits) == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(cut._Worker, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.train_on_batch(x, y)
    model.train_on_batch(x, y)


def test_what_numpy_does_about_errors_holds_in_every_slice(cut: ModuleType) -> None:
    model, (x, y) = cut.Model(1, np.float64, threads=3), batch_of()
    model.weights["x/kernel"][...] *= 1e10
    with pytest.raises(ValueError, match="loss"):
        model.train_on_batch(x * 1e307, y)  # without a warning of an overflow, which would be an error here


def test_several_threads_may_predict_at_once_in_slices(cut: ModuleType) -> None:
    model = cut.Model(1, np.float64, threads=2)
    batches = [batch_of(rows)[0] * scale for rows, scale in ((5, 1.0), (7, 2.0), (5, 3.0), (7, 4.0))]
    expected = [cut.Model(1, np.float64, threads=2).predict(x) for x in batches]
    wrong: list[int] = []

    def predict(k: int) -> None:
        for _ in range(20):
            if not np.array_equal(model.predict(batches[k]), expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=predict, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


FORKED = """
import os
import sys
import numpy as np
from cut import Model

rng = np.random.default_rng(3)
x, y = rng.normal(size=(7, 6, 6, 2)), np.eye(3)[rng.integers(0, 3, 7)]
model = Model(1, np.float64, threads=3)
model.train_on_batch(x, y)  # so there are threads, which a child has not
child = os.fork()
model.train_on_batch(x, y)
if child == 0:
    np.savez("child.npz", *model.weights.values())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
for name, value, theirs in zip(model.weights, model.weights.values(), np.load("child.npz").values()):
    assert np.array_equal(value, theirs), name
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_that_was_forked_makes_threads_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "cut.py").write_text(compiler.generate(graph_of(TEXT), "cut.nn", CUT), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_blas_has_as_many_threads_afterwards_as_before(cut: ModuleType) -> None:
    model, (x, y) = cut.Model(threads=2), batch_of()
    model.train_on_batch(x, y)
    read, write = cut._blas()
    if not hasattr(read, "argtypes"):
        pytest.skip("NumPy calls another BLAS here")
    before = read()
    try:
        write(3)
        seen = []
        usual = cut.forward
        cut.forward = lambda *arguments: (seen.append(read()), usual(*arguments))
        model.train_on_batch(x, y)
        cut.forward = usual
        assert set(seen) == {1}
        assert read() == 3
    finally:
        write(before)


# --------------------------------------------------------------------------------------------------------------- draws


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pending", [False, True])
def test_a_slice_draws_what_the_whole_batch_would_draw_for_it(cut: ModuleType, dtype: Any, pending: bool) -> None:
    """Also with odd numbers of draws, and with half a word left from the draw before."""
    for rows, edges in ((5, (0, 2, 5)), (7, (0, 3, 4, 7)), (3, (0, 1, 2, 3))):
        whole = np.random.default_rng(4)
        if pending:
            whole.random(1, np.float32)
        state = whole.bit_generator.state
        slices = []
        for start, stop in pairwise(edges):
            rng = np.random.default_rng(0)
            rng.bit_generator.state = state
            slices.append((cut._Draws(rng, start, stop, rows), start, stop))
        for each in (1, 3, 4):
            for draw in ("random", "standard_normal", "random"):
                expected = getattr(whole, draw)((rows, each), dtype)
                for drawn, start, stop in slices:
                    out = np.empty((stop - start, each), dtype)
                    getattr(drawn, draw)(dtype=dtype, out=out)
                    np.testing.assert_array_equal(out, expected[start:stop])
                    assert state_of(drawn.generator) == state_of(whole)
