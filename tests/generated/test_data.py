"""Which data a generated file takes, as Keras does, and which it refuses: forms, labels, targets; settings of NumPy."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gen.components import registry
from gen.components.base import Loss
from tests.building import CASES, build, case_graph, case_module, random_inputs, random_targets
from tests.generated.test_checkpoint import data_of
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")
RNG = np.random.default_rng(3)
X = RNG.random((40, 100)).astype("f4")
Y = [X[:, :1] * 2 - 1, (X[:, 1:2] > 0.5).astype("f4")]


@pytest.fixture
def credit() -> ModuleType:
    return sample("credit")


@pytest.fixture
def raising() -> Iterator[None]:
    before = np.seterr(all="raise")
    yield
    np.seterr(**before)


class Frame:
    """What a frame of pandas is to NumPy: columns of several kinds come as Python objects."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape, self.ndim = values.shape, values.ndim

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values


def same(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)
    else:
        np.testing.assert_array_equal(found, expected)


# ------------------------------------------------------------------------------------------ what a loss takes as target

HEADS = {
    "BinaryCrossentropy": "Dense(3, sigmoid)",
    "BinaryFocalCrossentropy": "Dense(3, sigmoid)",
    "CategoricalFocalCrossentropy": "Dense(3, softmax)",
    "CategoricalCrossentropy": "Dense(3, softmax)",
    "KLDivergence": "Dense(3, softmax)",
    "Poisson": "Dense(3, softplus)",
    "MeanSquaredLogarithmicError": "Dense(3, softplus)",
}
RANGES = {
    "BinaryCrossentropy": (0, 1),
    "BinaryFocalCrossentropy": (0, 1),
    "CategoricalFocalCrossentropy": (0, 1),
    "CategoricalCrossentropy": (0, 1),
    "CategoricalHinge": (0, 1),
    "KLDivergence": (0, 1),
    "Hinge": (-1, 1),
    "SquaredHinge": (-1, 1),
    "Poisson": (0, math.inf),
    "MeanSquaredLogarithmicError": (0, math.inf),
}
LOSSES = sorted(
    {cls.__name__ for cls in registry["loss"].values() if not cls.sparse and cls.__module__.startswith("gen.")}
)


def trained_with(loss: str) -> ModuleType:
    head = HEADS.get(loss.partition("(")[0], "Dense(3)")
    return build(f"x = Input(4)\ny = {head}(x)\nmodel = Model(x, y)\nmodel.compile(sgd(0.01), loss={loss})", "loss.nn")


@pytest.mark.parametrize("loss", LOSSES)
def test_targets_lie_where_their_loss_takes_them(loss: str) -> None:
    low, high = RANGES.get(loss, (-math.inf, math.inf))
    model, x = trained_with(loss).Model(), RNG.random((8, 4))
    inside = np.full((8, 3), 1.0)
    for end in (low, high, 0.0):
        if math.isfinite(end):
            model.fit(x, inside * end, verbose=0)
    beyond = [end + sign * 0.01 for end, sign in ((low, -1), (high, 1)) if math.isfinite(end)]
    for wrong in (*beyond, math.nan, math.inf, -math.inf):
        y = inside.copy()
        y[5, 1] = wrong
        before = model.state.copy()
        for call in (model.fit, model.evaluate, model.train_on_batch, model.loss_and_grads):
            with pytest.raises(ValueError, match=r"^target y: expected float32 of shape \(batch, 3\), got [^\n]*$"):
                call(x, y)
        with pytest.raises(ValueError, match="target y"):
            model.fit(x, inside, validation_data=(x, y), verbose=0)
        np.testing.assert_array_equal(model.state, before)


@pytest.mark.parametrize("loss", ["BinaryCrossentropy(from_logits=True)", "CategoricalCrossentropy(from_logits=True)"])
def test_losses_of_logits_and_smoothed_ones_have_the_same_targets(loss: str) -> None:
    smoothed = loss.replace("from_logits=True", "from_logits=True, label_smoothing=0.1")
    for each in (loss, smoothed):
        model = build(
            f"x = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\nmodel.compile(sgd(0.01), loss={each})", "loss.nn"
        ).Model()
        with pytest.raises(ValueError, match="got 255, which is not in 0 to 1"):
            model.fit(np.ones((2, 4)), np.full((2, 3), 255, "u1"), verbose=0)


def test_rounding_is_no_reason_to_refuse_a_probability(credit: ModuleType) -> None:
    credit.Model().fit(X, [Y[0], np.full((40, 1), 1.0000002)], verbose=0)


def test_every_range_is_declared_by_the_loss_and_by_the_one_that_it_is_fused_to() -> None:
    for name in LOSSES:
        assert registry["loss"][name].target_range == RANGES.get(name, (-math.inf, math.inf))
    assert Loss.target_range == (-math.inf, math.inf)


def test_targets_of_a_file_are_checked_batch_by_batch(credit: ModuleType, tmp_path: Path) -> None:
    y = Y[1].copy()
    y[-1] = 2.0
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    model, rest = credit.Model(), credit.Model()
    with pytest.raises(ValueError, match=r"target default: .*got 2, which is not in 0 to 1"):
        model.fit(X, [Y[0], mapped], batch_size=39, shuffle=False, verbose=0)
    rest.fit(X[:39], [Y[0][:39], Y[1][:39]], batch_size=39, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.state, rest.state)


def test_targets_in_memory_are_looked_at_once(credit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    check = credit._check_range
    monkeypatch.setattr(credit, "_check_range", lambda array, column: (seen.append(len(array)), check(array, column)))
    credit.Model().fit(X.astype("f8"), [Y[0].astype("f8"), Y[1].astype(bool)], epochs=3, batch_size=8, verbose=0)
    assert seen == [40, 40, 40]


# ----------------------------------------------------------------------------------------------------- what is harmless

ONE = "x = Input(1)\ny = Dense(2)(x)\nmodel = Model(x, y)\nmodel.compile(sgd(0.1), loss=mse)"
IMAGES = "x = Input(5, 4, 1)\ny = Dense(2)(Flatten()(x))\nmodel = Model(x, y)\nmodel.compile(sgd(0.1), loss=mse)"
STEPS = (
    "x = Input(None, 1)\ny = GlobalMaxPooling1D()(Dense(2)(x))\nmodel = Model(x, y)\nmodel.compile(sgd(0.1), loss=mse)"
)
ROW = "x = Input(3)\ny = Dense(2)(x)\nmodel = Model(x, y)\nmodel.compile(sgd(0.1), loss=mse)"
TAKEN: list[tuple[str, tuple[int, ...], Callable[[np.ndarray], Any]]] = [
    (ONE, (6, 1), lambda x: x[:, 0]),
    (ONE, (6, 1), lambda x: x[:, 0].tolist()),
    (ONE, (6, 1), lambda x: [x[:, 0]]),
    (ONE, (6, 1), lambda x: (x,)),
    (ONE, (6, 1), lambda x: {"x": x[:, 0]}),
    (ONE, (6, 1), lambda x: Frame(x[:, 0])),
    (ONE, (6, 1), lambda x: [Frame(x)]),
    (ONE, (6, 1), lambda x: list(x[:, 0])),
    (ONE, (1, 1), lambda x: [x[:, 0]]),
    (IMAGES, (6, 5, 4, 1), lambda x: x[..., 0]),
    (IMAGES, (6, 5, 4, 1), lambda x: [x[..., 0]]),
    (IMAGES, (6, 5, 4, 1), lambda x: x[..., 0].tolist()),
    (IMAGES, (1, 5, 4, 1), lambda x: [x[0]]),
    (IMAGES, (6, 5, 4, 1), lambda x: list(x)),
    (STEPS, (6, 5, 1), lambda x: x[..., 0]),
    (STEPS, (6, 5, 1), lambda x: [x]),
    (ROW, (6, 3), lambda x: x[..., None]),
    (ROW, (6, 3), lambda x: [Frame(x.astype(object))]),
    (ROW, (6, 3), lambda x: x.astype(object)),
    (ROW, (1, 3), lambda x: [x[0]]),
    (ROW, (6, 3), lambda x: [list(row) for row in x]),
]


@pytest.mark.parametrize(("text", "shape", "change"), TAKEN)
def test_what_is_harmless_is_taken(text: str, shape: tuple[int, ...], change: Callable[[np.ndarray], Any]) -> None:
    model, x, y = build(text).Model(dtype=np.float64), RNG.random(shape), RNG.random((shape[0], 2))
    same(model.predict(change(x)), model.predict(x))
    assert model.evaluate(change(x), y) == model.evaluate(x, y)
    twin = build(text).Model(dtype=np.float64)
    assert model.fit(change(x), y, verbose=0) == twin.fit(x, y, verbose=0)
    same(model.state, twin.state)


REFUSED: list[tuple[str, Any, str]] = [
    (ONE, np.zeros((1, 6)), r"got float64 of shape \(1, 6\)"),
    (ONE, [[1.0, 2.0, 3.0]], r"got float64 of shape \(1, 3\)"),
    (IMAGES, np.zeros((6, 1, 5, 4)), r"got float64 of shape \(6, 1, 5, 4\)"),
    (IMAGES, np.zeros((5, 4)), r"got float64 of shape \(5, 4\)"),
    (IMAGES, np.zeros((6, 5, 4, 3)), r"got float64 of shape \(6, 5, 4, 3\)"),
    (STEPS, [np.zeros((5, 1))], r"got a list of one array of shape \(5, 1\), all rows or one: remove the list"),
    (ROW, np.zeros(3), r"got float64 of shape \(3,\)"),
    (ROW, np.zeros((6, 3, 2)), r"got float64 of shape \(6, 3, 2\)"),
    (ROW, np.array([[1, None, 2]], object), "got object of shape"),
    (ROW, np.array([[1, "2", 3.0]], object), "got <U"),
    (ROW, np.array([[1, 2j, 3.0]], object), "got complex128"),
]


@pytest.mark.parametrize(("text", "x", "message"), REFUSED)
def test_what_is_ambiguous_or_no_number_is_refused(text: str, x: Any, message: str) -> None:
    model = build(text).Model()
    for call in (model.predict, lambda x: model.fit(x, np.zeros((len(x), 2)), verbose=0)):
        with pytest.raises(ValueError, match=f"^input x: expected float32 .*{message}"):
            call(x)


def test_a_frame_of_numbers_of_several_kinds_is_taken() -> None:
    module, rows = build(ROW), [[1, 2.5, True], [np.float32(3), np.int8(4), np.True_], [-1, 0.25, False]]
    frame = np.empty((3, 3), object)
    frame[:] = rows
    expected = module.Model().predict(np.array(rows, float))
    for form in (Frame(frame), [Frame(frame)], {"x": Frame(frame)}, frame, rows):
        same(module.Model().predict(form), expected)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i8", "u8", "?", "f2", "f8", "g", ">i4", ">f8"])
def test_numbers_of_any_kind_are_converted_for_a_float_input(dtype: str) -> None:
    x = RNG.integers(0, 2 if dtype == "?" else 100, (5, 3))
    for kind in (np.float32, np.float64):
        model = build(ROW).Model(dtype=kind)
        same(model.predict(x.astype(dtype)), model.predict(x.astype(kind)))
        model.fit(x.astype(dtype), np.zeros((5, 2), dtype), verbose=0)


def test_labels_may_be_whole_floats_and_so_may_the_keys_of_class_weight() -> None:
    x, (y,) = data_of("digits")
    expected = sample("digits").Model().fit(x, y, class_weight={0: 1.0, 3: 5.0}, verbose=0)
    for labels in (y.astype(float), y.astype("f4").tolist(), y.astype(object), y[:, None].astype(float)):
        for keys in ((0.0, 3.0), (np.float32(0), np.int8(3))):
            weights = dict(zip(keys, (1, np.array(5.0)), strict=True))
            assert sample("digits").Model().fit(x, labels, class_weight=weights, verbose=0) == expected


@pytest.mark.parametrize("label", [0.5, -1.0, 10.0, math.nan, math.inf, 1e30])
def test_labels_and_classes_that_are_not_whole_or_out_of_range_are_refused(label: float) -> None:
    x, (y,) = data_of("digits")
    labels = np.asarray(y).astype(float)
    labels[-1] = label
    model = sample("digits").Model()
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match=r"target digit: expected int64 of shape \(batch,\), got "):
            call(x, labels)
    assert model.step == 0
    with pytest.raises(ValueError, match="class_weight: digit has no class"):
        model.fit(x, y, class_weight={label: 1.0}, verbose=0)


# ----------------------------------------------------------------------------------------------------- ids among floats

WORDS = """
words = Input(4)
y = Dense(1)(Flatten()(Embedding(6, 2, mask_zero=True)(words)))
model = Model(words, y)
model.compile(sgd(0.1), loss=mse)
"""
COLUMN = """
row = Input(3)
kind = Flatten()(Embedding(5, 2)(row[:, 0:1]))
y = Dense(1)(Concatenate()([kind, row[:, 1:]]))
model = Model(row, y)
model.compile(sgd(0.1), loss=mse)
"""


def test_a_float_input_before_an_embedding_is_that_of_ids() -> None:
    module = build(WORDS)
    assert module.INPUTS == {"words": ("float32", (None, 4))}
    twin = build(WORDS.replace("Input(4)", "Input(4, int32)"))
    ids, y = RNG.integers(0, 6, (20, 4)), RNG.random(20)
    models = [module.Model(1), twin.Model(1)]
    for form in (ids, ids.astype("f4"), ids.astype("f8"), ids.astype("u1"), ids.tolist()):
        same(models[0].predict(form), models[1].predict(ids))
    assert models[0].fit(ids.astype(float), y, epochs=3, verbose=0) == models[1].fit(ids, y, epochs=3, verbose=0)
    same(models[0].state, models[1].state)
    assert module.check() < 1e-6


@pytest.mark.parametrize("wrong", [-1, 6, 2.5, 2.0000001, math.nan, math.inf])
def test_ids_among_floats_are_whole_and_in_the_vocabulary(wrong: float, tmp_path: Path) -> None:
    model = build(WORDS).Model()
    ids = np.ones((20, 4))
    model.predict(ids)
    ids[7, 2] = wrong
    np.save(tmp_path / "x.npy", ids)
    for x in (ids, np.load(tmp_path / "x.npy", mmap_mode="r"), ids.tolist()):
        for call in (model.predict, lambda x: model.fit(x, np.zeros(20), verbose=0)):
            with pytest.raises(ValueError, match=r"input words: expected float32 .*got "):
                call(x)
    assert model.step == 0


def test_only_the_column_that_is_looked_up_has_to_be_whole() -> None:
    module = build(COLUMN)
    row = RNG.normal(size=(9, 3))
    row[:, 0] = RNG.integers(0, 5, 9)
    model = module.Model()
    model.fit(row, np.zeros(9), verbose=0)
    assert module.check() < 1e-6
    for wrong in (0.5, 5.0, -1.0):
        bad = row.copy()
        bad[4, 0] = wrong
        with pytest.raises(ValueError, match="input row"):
            model.predict(bad)


def test_numbers_that_a_layer_has_made_are_no_ids() -> None:
    from gen import compiler
    from gen.diagnostics import Diagnostics, Source, render_text

    for text in (
        "x = Input(4)\ny = Embedding(5, 2)(Dense(3)(x))\nmodel = Model(x, y)",
        "x = Input(4)\ny = Embedding(5, 2)(x * 2)\nmodel = Model(x, y)",
        "x = Input(4)\ny = Embedding(20000000, 2)(x)\nmodel = Model(x, y)",
        "w = Input(3)\nenc = Model(w, Embedding(5, 2)(w))\nx = Input(4)\ny = enc(Dense(3)(x))\nmodel = Model(x, y)",
    ):
        source, diagnostics = Source("model.nn", text), Diagnostics()
        assert compiler.understand(source, diagnostics) is None
        report = render_text(source, diagnostics.in_source_order())
        assert "error[dtype-mismatch]: Embedding expects ids, got numbers of float32" in report
        assert report.count("error[") == 1


# --------------------------------------------------------------------------------- settings, streams, arrays of no axes

EXTREME = ["activation_softplus", "softmax_layer", "lstm", "batch_normalization", "embedding_rows", "attention"]


@pytest.mark.parametrize("path", [path for path in CASES if path.stem in EXTREME], ids=lambda path: path.stem)
def test_what_works_works_where_numpy_was_told_to_raise(path: Path, raising: None) -> None:
    rng = np.random.default_rng(0)
    model, graph = case_module(path).Model(0, np.float32), case_graph(path)
    with np.errstate(all="ignore"):
        small = [x * np.asarray(1e-40, x.dtype) for x in random_inputs(graph, rng, 5, "float32")]
    y = random_targets(graph, rng, 5, "float32")
    for x in (small, random_inputs(graph, rng, 5)):
        model.predict(x)
        if y:
            model.evaluate(x, y)
            model.loss_and_grads(x, y)
            model.train_on_batch(x, y)
            model.fit(x, y, epochs=2, validation_split=0.4, verbose=0)
            model.slots  # noqa: B018  # to read it computes it


def test_numbers_that_vanish_stop_nothing(credit: ModuleType, raising: None, tmp_path: Path) -> None:
    model = credit.Model()
    model.predict(X)
    model.weights["default/bias"][:] = -200.0  # exp(-200) is less than float32 has
    with np.errstate(all="ignore"):
        small = X * np.float32(1e-42)
    for x in (X, small, X.astype(float) * 1e-60):
        model.predict(x)
        model.predict(x)  # as the one before
        model.evaluate(x, Y)
        model.loss_and_grads(x, Y)
        model.train_on_batch(x, Y)
    model.fit(X.astype(float) * 1e-60, Y, epochs=2, validation_split=0.5, verbose=0, checkpoint=tmp_path / "place.npz")
    model.save(tmp_path / "model.npz")
    credit.Model.load(tmp_path / "model.npz")
    assert credit.check() < 1e-6
    with pytest.raises(FloatingPointError):
        np.float32(1e30) * np.float32(1e30)  # the user's setting is as it was


def test_a_prediction_that_overflows_warns_as_it_always_did(credit: ModuleType, raising: None) -> None:
    huge = np.full((2, 100), 3e38, "f4")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        credit.Model().predict(huge)
    assert caught
    assert all(issubclass(warning.category, RuntimeWarning) for warning in caught)


class Writer:
    """A stream that can be written to, and nothing else."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def test_standard_output_may_be_anything_that_writes(credit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    monkeypatch.setattr(sys, "stdout", writer)
    credit.Model().fit(X, Y, epochs=2)
    credit.Model().summary()
    assert writer.text.startswith("epoch 1/2  ")
    assert "3,298" in writer.text
    monkeypatch.setattr(sys, "stdout", None)
    credit.Model().fit(X, Y, epochs=1)
    credit.Model().summary()


def test_arrays_of_no_axes_are_numbers(credit: ModuleType) -> None:
    model, twin = credit.Model(np.array(3)), credit.Model(3)
    model.learning_rate = np.array(0.01)
    twin.learning_rate = 0.01
    options: dict[str, Any] = {"epochs": 2, "batch_size": 8, "validation_split": 0.25, "shuffle": True, "verbose": 0}
    found = model.fit(X, Y, **{name: np.array(value) for name, value in options.items()})
    assert found == twin.fit(X, Y, **options)
    same(model.state, twin.state)
    same(model.predict(X, batch_size=np.array(7)), twin.predict(X, batch_size=7))
    for name, value in (("epochs", np.array(0)), ("batch_size", np.array(1.5)), ("epochs", np.array(True))):
        with pytest.raises(ValueError, match=f"{name}: expected an integer of 1 or more"):
            model.fit(X, Y, **{name: value})


@pytest.mark.parametrize("x", [np.array(1.0), np.array(1.0, "f4"), np.float32(1.0), 1, np.array(None), np.array("a")])
def test_an_array_of_no_axes_is_no_data(x: Any) -> None:
    for text in (ONE, ROW):
        model = build(text).Model()
        for _ in range(2):
            with pytest.raises(ValueError, match=r"^input x: expected float32 .*of shape \(\)"):
                model.predict(x)
            model.predict(np.zeros((2, 1 if text == ONE else 3), "f4"))
        for call in (model.fit, model.evaluate, model.train_on_batch):
            with pytest.raises(ValueError, match=r"^target y: expected float32 .*of shape \(\)"):
                call(np.zeros((2, 1 if text == ONE else 3)), x)
            with pytest.raises(ValueError, match=r"^sample_weight of y: expected float64 .*of shape \(\)"):
                call(np.zeros((2, 1 if text == ONE else 3)), np.zeros((2, 2)), sample_weight=x)
