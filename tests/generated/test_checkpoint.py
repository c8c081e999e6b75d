"""Training that is interrupted anywhere goes on from its checkpoint, bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.building import build, graph_of, random_inputs, random_targets
from tests.samples import TEXTS, sample, sample_text

pytestmark = pytest.mark.filterwarnings("error")
TRAINED = [name for name in TEXTS if "compile" in TEXTS[name]]
OPTIONS: dict[str, Any] = {"epochs": 3, "batch_size": 5, "validation_split": 0.25, "verbose": 0}
TABLE = """
ids = Input(3, int32)
x = Flatten()(Embedding(5000, 8)(ids))
y = Dense(1, sigmoid)(x)
model = Model(ids, y)
model.compile(rmsprop(0.01), loss=binary_crossentropy)
"""
ROWS, STEPS = 24, 4  # of an epoch, whose last batch is smaller


class PowerCut(Exception):
    """What stops training in the middle of a step."""


def data_of(name: str) -> tuple[Any, Any]:
    graph, rng = graph_of(TEXTS[name], f"{name}.nn"), np.random.default_rng(8)
    return random_inputs(graph, rng, ROWS), random_targets(graph, rng, ROWS)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Makes a module write its checkpoint before each step, rather than every ten seconds."""
    return lambda module: monkeypatch.setattr(module._Checkpoint, "due", lambda self: True)


def interrupted(model: Any, steps: int, *data: Any, **options: Any) -> None:
    """Train until a step is half done: the gradients of the next are there, but it is not taken."""
    learn, left = model._learn, iter(range(steps))

    def cut(*arguments: Any) -> None:
        if next(left, None) is None:
            raise PowerCut
        learn(*arguments)

    model._learn = cut
    with pytest.raises(PowerCut):
        model.fit(*data, **options)


def differences(model: Any, other: Any) -> Iterator[str]:
    """The names of what differs."""
    ours, theirs = model._saved(), other._saved()
    assert ours.keys() == theirs.keys()
    return (name for name in ours if not np.array_equal(ours[name], theirs[name]))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", TRAINED)
def test_interrupted_training_ends_where_uninterrupted_training_does(
    name: str, shuffle: bool, eager: Callable[[ModuleType], None], tmp_path: Path
) -> None:
    module, data, path = sample(name), data_of(name), tmp_path / "place.npz"
    eager(module)
    options = {**OPTIONS, "shuffle": shuffle}
    whole = module.Model(4)
    history = whole.fit(*data, **options)
    for steps in (0, 1, STEPS, STEPS - 1, 2):  # so many after the interruption before
        model = module.Model(4)
        interrupted(model, steps, *data, **options, checkpoint=path)
    last = module.Model(4)
    assert last.fit(*data, **options, checkpoint=path) == history
    assert not list(differences(last, whole))


def test_rows_of_a_table_that_wait_for_their_turn_are_kept(eager: Callable[[ModuleType], None], tmp_path: Path) -> None:
    module, path = build(TABLE), tmp_path / "place.npz"
    assert module.Model().last.size == 5000
    eager(module)
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 5000, (ROWS, 3)), rng.integers(0, 2, ROWS)
    whole = module.Model(4)
    history = whole.fit(x, y, **OPTIONS)
    interrupted(module.Model(4), STEPS + 1, x, y, **OPTIONS, checkpoint=path)
    last = module.Model(4)
    assert last.fit(x, y, **OPTIONS, checkpoint=path) == history
    assert not list(differences(last, whole))


def test_more_than_256_batches_are_added_up_alike(eager: Callable[[ModuleType], None], tmp_path: Path) -> None:
    module, path = sample("people"), tmp_path / "place.npz"
    eager(module)
    rng = np.random.default_rng(3)
    ages, incomes, genders = rng.normal(size=1000), np.eye(3)[rng.integers(0, 3, 1000)], rng.integers(0, 2, 1000)
    x, y = rng.normal(size=(1000, 6)), [ages, incomes, genders]
    options: dict[str, Any] = {"epochs": 1, "batch_size": 2, "verbose": 0}
    history = module.Model(4).fit(x, y, **options)
    interrupted(module.Model(4), 270, x, y, **options, checkpoint=path)
    assert module.Model(4).fit(x, y, **options, checkpoint=path) == history


def test_a_loss_that_is_not_finite_after_going_on_leaves_good_weights(
    eager: Callable[[ModuleType], None], tmp_path: Path
) -> None:
    module, path = sample("digits"), tmp_path / "place.npz"
    eager(module)
    x, y = data_of("digits")
    options: dict[str, Any] = {"epochs": 1, "batch_size": 5, "shuffle": False, "verbose": 0}
    x[0][12] = np.nan  # in the third batch
    left = []
    for interruption in (None, 2):
        model = module.Model(4)
        if interruption:
            interrupted(module.Model(4), interruption - 1, x, y, **options, checkpoint=path)
        with pytest.raises(ValueError, match=r"epoch 1/1, step 3: the loss of digit is not finite"):
            model.fit(x, y, **options, checkpoint=path if interruption else None)
        left.append(model)
    assert not list(differences(*left))


def test_a_finished_training_is_not_repeated_and_can_be_prolonged(tmp_path: Path) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "place.npz"
    longer = {**OPTIONS, "epochs": 5}
    whole = module.Model(4)
    history = whole.fit(*data, **longer)
    first = module.Model(4).fit(*data, **OPTIONS, checkpoint=path)
    seen: list[int] = []
    again = module.Model(4)
    assert again.fit(*data, **OPTIONS, checkpoint=path, callbacks=[lambda epoch, *_: seen.append(epoch)]) == first
    assert again.fit(*data, **longer, checkpoint=path, callbacks=[lambda epoch, *_: seen.append(epoch)]) == history
    assert seen == [3, 4]
    assert not list(differences(again, whole))


def test_training_that_a_callback_stopped_stays_stopped(tmp_path: Path) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "place.npz"
    first = module.Model(4).fit(*data, **OPTIONS, checkpoint=path, callbacks=lambda *_: "stop")
    assert len(first["loss"]) == 1
    assert module.Model(4).fit(*data, **OPTIONS, checkpoint=path) == first


def test_a_checkpoint_is_loaded_like_a_saved_model(tmp_path: Path) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "place.npz"
    model = module.Model(4)
    model.fit(*data, **OPTIONS, checkpoint=path)
    assert not list(differences(module.Model.load(path), model))


def test_without_being_asked_nothing_is_written_before_ten_seconds(tmp_path: Path) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "place.npz"
    interrupted(module.Model(4), 2, *data, **OPTIONS, checkpoint=path)
    assert module.Model.load(path).step == 0  # it was written once, to see that it can be
    assert module._Checkpoint.SECONDS == 10.0


def edit(path: Path, **changes: Any) -> None:
    """Change what a checkpoint tells of the training; None takes it away."""
    with np.load(path) as arrays:
        saved = dict(arrays)
    place = {**json.loads(str(saved["fit"])), **changes}
    saved["fit"] = np.array(json.dumps({key: value for key, value in place.items() if value is not None}))
    np.savez(path, **saved)


def changed(array: Any, place: Any = slice(None)) -> Any:
    """An array that is another one at a place."""
    array = array.copy()
    array[place] = array[place] * 0.5 if array.dtype.kind == "f" else 9 - array[place]
    return array


def other_file() -> ModuleType:
    return build(TEXTS["digits"].replace("adam(0.01)", "adam(0.01, epsilon=1e-6)"), "digits.nn")


def trained(
    module: ModuleType | None = None, seed: int = 4, dtype: Any = np.float32, rate: float = 0.01, **changes: Any
) -> tuple[Any, dict[str, Any]]:
    """A model and arguments of `fit`; of one thing other than the rest."""
    (x,), (y,) = data_of("digits")
    model = (module or sample("digits")).Model(seed, dtype)
    model.learning_rate = rate
    return model, {"x": x, "y": y, **OPTIONS, **changes}


(X,), (Y,) = data_of("digits")
HELD = {"validation_split": 0.0, "validation_data": (X[:5], Y[:5])}
HASH = r"\w{16}"


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        ({}, {"batch_size": 6}, "batch_size was 5 and is 6"),
        ({}, {"shuffle": False}, "shuffle was True and is False"),
        ({}, {"validation_split": 0.5}, "rows was 18 and is 12"),
        ({}, {"x": X[:20], "y": Y[:20]}, "rows was 18 and is 15"),
        ({"validation_split": 0.0}, HELD, "rows of validation was 0 and is 5"),
        (HELD, {"validation_data": None}, "rows of validation was 5 and is 0"),
        (HELD, {**HELD, "validation_data": (changed(X[:5]), Y[:5])}, "input pixels of validation was float64"),
        (HELD, {**HELD, "validation_data": (X[:5], changed(Y[:5]))}, "target digit of validation was "),
        (HELD, {**HELD, "validation_data": (X[:5], Y[:5], np.ones(5))}, "sample_weight of digit of validation"),
        ({}, {"x": changed(X)}, rf"input pixels was float64 \(18, 12\) {HASH} and is float64 \(18, 12\) {HASH}"),
        ({}, {"x": changed(X, 3)}, "input pixels was float64"),
        ({}, {"x": X.astype("f")}, r"input pixels was float64 \(18, 12\) .* and is float32 \(18, 12\)"),
        ({}, {"y": changed(Y)}, "target digit was "),
        ({}, {"y": changed(Y, 0)}, "target digit was "),
        ({}, {"x": X[::-1]}, "input pixels was "),
        ({}, {"sample_weight": np.ones(24)}, r"sample_weight of digit was None and is float64 \(18,\)"),
        ({"sample_weight": np.ones(24)}, {"sample_weight": np.full(24, 2.0)}, "sample_weight of digit was float64"),
        ({}, {"class_weight": {1: 2.0}}, r"class_weight of digit was None and is \{1: 2.0\}"),
        ({"class_weight": {1: 2.0}}, {"class_weight": {1: 3.0}}, r"class_weight of digit was .*2.0\} and is .*3.0\}"),
        ({}, {"seed": 5}, rf"the model at the start, its weights and seed, was {HASH} and is {HASH}"),
        ({}, {"rate": 0.02}, "learning_rate was 0.01 and is 0.02"),
        ({}, {"dtype": np.float64}, "dtype was float32 and is float64"),
        ({}, {"module": other_file()}, rf"sha256 of the file was {HASH} and is {HASH}"),
        ({}, {"epochs": 2}, "epochs is 2, but it has run for more"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ended", [True, False])
def test_another_training_is_refused_and_what_differs_is_said(
    before: dict[str, Any],
    now: dict[str, Any],
    reason: str,
    ended: bool,
    eager: Callable[[ModuleType], None],
    tmp_path: Path,
) -> None:
    path = tmp_path / "place.npz"
    model, options = trained(**before)
    if ended:
        model.fit(**options, checkpoint=path)
    else:
        eager(sample("digits"))
        interrupted(model, -(-18 // 5) * 2 + 2, options.pop("x"), options.pop("y"), **options, checkpoint=path)
    kept = path.read_bytes()
    other, options = trained(**{**before, **now})
    start = other._saved()
    with pytest.raises(ValueError, match=rf"place\.npz: this training cannot continue from it: {reason}"):
        other.fit(**options, checkpoint=path)
    assert all(np.array_equal(value, start[name]) for name, value in other._saved().items())
    assert path.read_bytes() == kept


def test_three_folds_are_never_one_model(tmp_path: Path) -> None:
    path = tmp_path / "place.npz"
    folds = np.array_split(np.arange(24), 3)
    for number, fold in enumerate(folds):
        model, options = trained(validation_split=0.0)
        options["x"], options["y"] = (np.delete(options[name], fold, 0) for name in ("x", "y"))
        if number == 0:
            model.fit(**options, checkpoint=path)
            continue
        with pytest.raises(ValueError, match="cannot continue from it: input pixels was"):
            model.fit(**options, checkpoint=path)


@pytest.mark.parametrize(("callbacks", "said"), [
    ((), "this training ended after 3 of 3 epochs; nothing is left to do without more epochs"),
    ([lambda epoch, *_: "stop" if epoch else None], "a callback ended this training after 2 of 3 epochs"),
])  # fmt: skip
def test_training_that_has_ended_says_so_and_gives_its_history(
    callbacks: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "place.npz"
    model, options = trained(callbacks=callbacks, verbose=1)
    history = model.fit(**options, checkpoint=path)
    capsys.readouterr()
    again, options = trained(callbacks=callbacks, verbose=1)
    assert again.fit(**options, checkpoint=path, csv=tmp_path / "history.csv") == history
    assert capsys.readouterr().out.startswith(f"{path}: {said}")
    assert not list(differences(again, model))
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + len(history["loss"])


def test_a_model_that_training_left_or_that_was_loaded_from_the_checkpoint_goes_on(
    eager: Callable[[ModuleType], None], tmp_path: Path
) -> None:
    path = tmp_path / "place.npz"
    model, options = trained(epochs=6)
    whole = model.fit(**options)
    model, options = trained(epochs=2)
    model.fit(**options, checkpoint=path)
    model.fit(**{**options, "epochs": 4}, checkpoint=path)
    loaded, options = sample("digits").Model.load(path), {**options, "epochs": 5}
    loaded.fit(**options, checkpoint=path)
    eager(sample("digits"))
    interrupted(loaded, 2, options.pop("x"), options.pop("y"), **{**options, "epochs": 6}, checkpoint=path)
    first, options = trained(epochs=6)
    assert first.fit(**options, checkpoint=path) == whole


def test_a_learning_rate_that_a_callback_changed_is_that_of_training(tmp_path: Path) -> None:
    def falls(epoch: int, logs: Any, model: Any) -> None:
        model.learning_rate *= 0.5

    path = tmp_path / "place.npz"
    model, options = trained(callbacks=falls, epochs=4)
    whole = model.fit(**options)
    for epochs in (2, 4):
        model, options = trained(callbacks=falls, epochs=epochs)
        history = model.fit(**options, checkpoint=path)
    assert history == whole
    assert model.learning_rate == 0.01 / 16


def test_of_a_mapped_file_few_rows_are_compared_the_first_and_the_last_among_them(tmp_path: Path) -> None:
    digest = sample("digits")._digest
    array = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (100_000, 3))
    start = digest(array[:])
    array[1:1000] = 1.0  # between the first two that are read
    assert digest(array[:]) == start
    for row in (0, -1):
        array[row] = 2.0
        assert digest(array[:]) != start
        array[row] = 0.0
        assert digest(array[:]) == start
    array += 1.0
    assert digest(array[:]) != start


@pytest.mark.parametrize("shape", [(1,), (2, 0), (5, 1), (3000, 2), (70_000, 300)])
def test_any_array_has_a_digest_that_changes_with_its_ends(shape: tuple[int, ...]) -> None:
    digest, array = sample("digits")._digest, np.zeros(shape, np.float32)
    start = digest(array)
    assert digest(array.copy()) == start
    if array.size:
        for row in (0, -1):
            array[row] = 1.0
            assert digest(array) != start
            array[row] = 0.0
    assert len({digest(array.astype(dtype)) for dtype in ("f4", "f8", "i4", ">f4", "?")}) == 5


def test_without_docstrings_the_file_is_known_too(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(sample_text("digits"), encoding="utf-8")
    program = "import network; print(network._plan.__doc__, network._own_hash())"
    found = [
        subprocess.run(
            [sys.executable, "-B", *option, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        for option in ([], ["-OO"])
    ]
    header = sample_text("digits").split("sha256 of the rest: ")[1][:16]
    assert found == [header, header]


@pytest.mark.parametrize(
    "changes",
    [
        {"history": None},
        {"history": 3},
        {"history": {"loss": 3}},
        {"figures": [3]},
        {"figures": [[5, 1.0, []]]},
        {"figures": [["5", [1.0, 1.0], []]]},
        {"start": {"bit_generator": "MT19937"}},
        {"start": "x"},
        {"stopped": None},
        {"plan": None},
        {"plan": 3},
        {"plan": {}},
    ],
)
def test_a_checkpoint_with_nonsense_is_refused_and_changes_nothing(changes: dict[str, Any], tmp_path: Path) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "place.npz"
    module.Model(4).fit(*data, **OPTIONS, checkpoint=path)
    edit(path, **changes)
    before, model = path.read_bytes(), module.Model(5)
    with pytest.raises(ValueError, match=r"place\.npz: this training cannot continue from it"):
        model.fit(*data, **OPTIONS, checkpoint=path)
    assert not list(differences(model, module.Model(5)))
    assert path.read_bytes() == before


def test_a_file_that_is_no_checkpoint_is_never_overwritten(tmp_path: Path) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "model.npz"
    module.Model(4).save(path)
    for contents in (path.read_bytes(), path.read_bytes()[:500], b"text", b""):
        path.write_bytes(contents)
        with pytest.raises(ValueError, match=r"model\.npz is not (a checkpoint of fit|an \.npz file)"):
            module.Model(5).fit(*data, **OPTIONS, checkpoint=path)
        assert path.read_bytes() == contents


def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "place.npz"
    sample("people").Model(4).fit(*data_of("people"), **OPTIONS, shuffle=True, checkpoint=path)
    with pytest.raises(ValueError, match=r"cannot continue from it: sha256 of the file was \w{16} and is \w{16}"):
        sample("digits").Model(4).fit(*data_of("digits"), **OPTIONS, checkpoint=path)


def test_a_checkpoint_that_cannot_be_written_is_an_error_before_training(tmp_path: Path) -> None:
    model = sample("digits").Model(4)
    for path in (tmp_path / "missing" / "place.npz", tmp_path):
        with pytest.raises(OSError, match=tmp_path.name):
            model.fit(*data_of("digits"), **OPTIONS, checkpoint=path)
    assert model.step == 0


def test_the_command_goes_on_from_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module, (x, y) = sample("digits"), data_of("digits")
    np.savez(tmp_path / "data.npz", pixels=x[0], digit=y[0])
    data, place = str(tmp_path / "data.npz"), str(tmp_path / "place.npz")
    for epochs in ("2", "5"):
        assert module._command(["train", data, "--no-save", "--epochs", epochs, "--checkpoint", place]) == 0
    lines = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["1/2", "2/2", "3/5", "4/5", "5/5"]
