"""A step is taken whole or not at all, wherever it is interrupted, and Ctrl-C loses nothing that was trained."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import pytest

from gen.emit import view
from tests.building import build, graph_of, random_inputs, random_targets
from tests.samples import TEXTS, sample

pytestmark = pytest.mark.filterwarnings("error")
TABLE = """
ids = Input(3, int32)
x = Dropout(0.3)(Flatten()(Embedding(5000, 8)(ids)))
y = Dense(1, sigmoid)(x)
model = Model(ids, y)
model.compile(rmsprop(0.01), loss=binary_crossentropy)
"""
MODELS = {**TEXTS, "table": TABLE}
NAMES = [
    "credit",
    "tags",
    "people",
    "digits",
    "frozen",
    "table",
]  # of all optimizers, with statistics and random numbers
ROWS, OPTIONS = 12, {"epochs": 2, "batch_size": 5, "verbose": 0}


@pytest.fixture(autouse=True)
def heeds_ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, as in any Python that nobody has told otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def module_of(name: str) -> ModuleType:
    return sample(name) if name in TEXTS else build(TABLE, "table.nn")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Builds a model as if its state were large: a copy of it is kept every few steps, and not of all."""

    def made(name: str) -> ModuleType:
        monkeypatch.setattr(view, "LARGE", {"credit": 2000, "tags": 20, "table": 30_000}[name])
        return build(MODELS[name], f"large_{name}.nn")

    return made


def data_of(name: str) -> tuple[Any, Any]:
    graph, rng = graph_of(MODELS[name], f"{name}.nn"), np.random.default_rng(8)
    return random_inputs(graph, rng, ROWS), random_targets(graph, rng, ROWS)


def state(model: Any) -> dict[str, bytes]:
    return {name: np.asarray(value).tobytes() for name, value in model._saved().items()}


def without_random(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: value for name, value in found.items() if name != "rng"}


class At:
    """Does something at the `place`-th event of the lines, and of calls of C, in a generated file."""

    def __init__(self, module: ModuleType, place: int, action: Callable[[], None]) -> None:
        self.file, self.left, self.action = f"{module.__name__.removeprefix('generated_')}.py", place, action

    def __enter__(self) -> None:
        sys.settrace(self.trace)
        sys.setprofile(self.profile)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != self.file:
            return None
        if event == "line":
            self.count()
        return self.trace

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event in ("c_call", "c_return") and frame.f_code.co_filename == self.file:
            self.count()

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            sys.settrace(None)
            sys.setprofile(None)
            self.action()


def fail() -> None:
    raise KeyboardInterrupt


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def everywhere(
    module: ModuleType, action: Callable[[], None], call: Callable[[Any], object], every: int = 1
) -> Iterator[Any]:
    """Models on which `call` was interrupted, at every place after the other."""
    place, ended = 1, False
    while not ended:
        model, at, stopped = module.Model(4), At(module, place, action), False
        try:
            with at:
                call(model)
        except KeyboardInterrupt:
            stopped = True
        ended = at.left > 0
        assert stopped != ended
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which fails in the midst of changing it leave
        yield model
        place += every
    assert place > 100 * every or every > 1


@pytest.mark.parametrize("action", [fail, press_ctrl_c])
@pytest.mark.parametrize("name", NAMES)
def test_train_on_batch_takes_a_step_or_none(name: str, action: Callable[[], None]) -> None:
    module, data = module_of(name), data_of(name)
    model = module.Model(4)
    states = [state(model)]
    model.train_on_batch(*data)
    states.append(state(model))
    seen = [states.index(state(each)) for each in everywhere(module, action, lambda each: each.train_on_batch(*data))]
    assert set(seen) == {0, 1}


def after_each_step(module: ModuleType, data: Any) -> tuple[list[dict[str, bytes]], set[bytes]]:
    """The states after each step of `fit`, and the random states between them."""
    model = module.Model(4)
    states, random = [state(model)], {state(model)["rng"]}
    learn, forward = model._learn, model._forward

    def noted(*arguments: Any) -> None:
        learn(*arguments)
        states.append(state(model))
        random.add(states[-1]["rng"])

    def begun(*arguments: Any) -> Any:
        random.add(state(model)["rng"])  # after the rows were shuffled
        return forward(*arguments)

    model._learn, model._forward = noted, begun
    model.fit(*data, **OPTIONS)
    return states, random


@pytest.mark.parametrize("action", [fail, press_ctrl_c])
@pytest.mark.parametrize("name", NAMES)
def test_fit_takes_each_step_or_not(name: str, action: Callable[[], None]) -> None:
    module, data = module_of(name), data_of(name)
    states, random = after_each_step(module, data)
    steps = [without_random(each) for each in states]
    seen = set()
    for model in everywhere(module, action, lambda each: each.fit(*data, **OPTIONS), 7):
        seen.add(steps.index(without_random(state(model))))
        assert state(model)["rng"] in random
    assert seen == set(range(len(states)))


@pytest.mark.parametrize("name", ["credit", "tags", "table"])
def test_ctrl_c_waits_for_the_step_of_a_large_model(name: str, large: Callable[[str], ModuleType]) -> None:
    module, data = large(name), data_of(name)
    assert hasattr(module.Model(4), "torn")
    states, _ = after_each_step(module, data)
    steps = [without_random(each) for each in states]
    for model in everywhere(module, press_ctrl_c, lambda each: each.fit(*data, **OPTIONS), 7):
        assert without_random(state(model)) in steps
    model = module.Model(4)
    before = without_random(state(model))
    model.train_on_batch(*data)
    after = without_random(state(model))
    for model in everywhere(module, press_ctrl_c, lambda each: each.train_on_batch(*data), 3):
        assert without_random(state(model)) in (before, after)


@pytest.mark.parametrize("name", ["credit", "table"])
def test_a_torn_step_of_a_large_model_is_left_for_weights_from_before(
    name: str, large: Callable[[str], ModuleType]
) -> None:
    module, data = large(name), data_of(name)
    states, _ = after_each_step(module, data)
    steps = [without_random(each) for each in states]
    weights = [{key: value for key, value in each.items() if "/" in key} for each in steps]
    restored = 0
    for model in everywhere(module, fail, lambda each: each.fit(*data, **OPTIONS), 7):
        found = without_random(state(model))
        assert not model.torn
        if found not in steps:
            restored += 1
            assert (model.step, bool(model.state[1:].any())) == (0, False)
            assert {key: value for key, value in found.items() if "/" in key} in weights
    assert restored


@pytest.mark.parametrize("name", ["credit", "digits", "table"])
def test_training_goes_on_after_ctrl_c_where_it_was(name: str, tmp_path: Path) -> None:
    module, data, path = module_of(name), data_of(name), tmp_path / "place.npz"
    options: dict[str, Any] = {**OPTIONS, "validation_split": 0.25}
    whole = module.Model(4)
    history = whole.fit(*data, **options)

    def call(model: Any) -> None:
        path.unlink(missing_ok=True)
        model.fit(*data, **options, checkpoint=path)

    for number, model in enumerate(everywhere(module, press_ctrl_c, call, 41)):
        again = model if number % 2 else module.Model(4)
        if not path.exists():  # it was interrupted before training
            assert model.step == 0
            continue
        assert again.fit(*data, **options, checkpoint=path) == history
        assert state(again) == state(whole)


@pytest.mark.parametrize("name", ["credit", "table"])
def test_a_checkpoint_is_read_whole_or_not_at_all(name: str, tmp_path: Path) -> None:
    module, data, path = module_of(name), data_of(name), tmp_path / "place.npz"
    states, random = after_each_step(module, data)
    steps = [without_random(each) for each in states]
    module.Model(4).fit(*data, **{**OPTIONS, "epochs": 1}, checkpoint=path)
    kept, seen = path.read_bytes(), set()

    def call(model: Any) -> None:
        path.write_bytes(kept)
        model.fit(*data, **OPTIONS, checkpoint=path)

    for model in everywhere(module, press_ctrl_c, call, 11):
        seen.add(steps.index(without_random(state(model))))
        assert state(model)["rng"] in random
        assert module.Model.load(path).step >= 3
    assert seen == {0, 4, 5, 6}  # what comes while it is read waits for the end of a step


def test_what_ctrl_c_kept_is_in_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, data, path = sample("digits"), data_of("digits"), tmp_path / "place.npz"
    update, calls = module.update, iter(range(9))

    def pressed(*arguments: Any) -> None:
        if next(calls) == 4:
            press_ctrl_c()
        update(*arguments)

    monkeypatch.setattr(module, "update", pressed)
    model = module.Model(4)
    with pytest.raises(KeyboardInterrupt, match="stopped after 1 of 2 epochs and 2 of 3 steps"):
        model.fit(*data, **OPTIONS, checkpoint=path)
    assert model.step == 5
    assert state(module.Model.load(path)) == state(model)


def test_ctrl_c_is_heeded_at_once_in_callbacks_and_in_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    module, data = sample("credit"), data_of("credit")
    reached: list[str] = []

    def slow(*_: Any) -> None:
        press_ctrl_c()
        reached.append("too far")

    for options in ({"callbacks": slow}, {"validation_split": 0.25}):
        monkeypatch.setattr(module.Model, "_evaluate", slow)
        model = module.Model(4)
        with pytest.raises(KeyboardInterrupt, match="stopped after"):
            model.fit(*data, **OPTIONS, **options)
        assert model.step in (2, 3)
    assert not reached


def test_a_handler_of_ones_own_is_called_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    module, data, calls = sample("credit"), data_of("credit"), []

    def note(*_: Any) -> None:
        calls.append(model.step)

    signal.signal(signal.SIGINT, note)
    model = module.Model(4)
    learn = module.update
    monkeypatch.setattr(module, "update", lambda *rest: (press_ctrl_c(), learn(*rest)))
    history = model.fit(*data, **OPTIONS)
    assert calls == [1, 2, 3, 4, 5, 6]
    assert len(history["loss"]) == 2
    assert signal.getsignal(signal.SIGINT) is note


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_the_system_does_with_ctrl_c_is_left_to_it(handler: Any) -> None:
    signal.signal(signal.SIGINT, handler)
    sample("credit").Model(4).fit(*data_of("credit"), **OPTIONS)
    assert signal.getsignal(signal.SIGINT) is handler


def test_other_threads_train_as_the_main_one_does() -> None:
    from concurrent.futures import ThreadPoolExecutor

    module, data = sample("digits"), data_of("digits")
    histories = []
    with ThreadPoolExecutor(2) as pool:
        for model in (module.Model(4), module.Model(4)):
            histories.append(pool.submit(model.fit, *data, **OPTIONS).result())
    assert histories == [module.Model(4).fit(*data, **OPTIONS)] * 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("error", [MemoryError, SystemExit, GeneratorExit])
def test_any_exception_leaves_a_whole_model(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    module, data = sample("tags"), data_of("tags")
    track = module.track

    def torn(p: Any, b: Any) -> None:
        track(p, b)
        raise error

    model = module.Model(4)
    model.train_on_batch(*data)
    before = state(model)
    monkeypatch.setattr(module, "track", torn)
    with pytest.raises(error):
        model.train_on_batch(*data)
    assert state(model) == before
    with pytest.raises(error):
        model.fit(*data, **OPTIONS, shuffle=False)
    assert state(model) == before


# ---------------------------------------------------------------------------------------------------------- the command


def command(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], steps: int, *more: str
) -> str:
    """What `train` says that is interrupted after so many steps."""
    update, calls = module.update, iter(range(99))

    def pressed(*arguments: Any) -> None:
        update(*arguments)
        if next(calls) == steps - 1:
            press_ctrl_c()

    x, y = data_of("digits")
    np.savez("data.npz", pixels=x[0], digit=y[0])
    with monkeypatch.context() as context:
        context.setattr(module, "update", pressed)
        assert module._command(["train", "data.npz", "--epochs", "3", "--batch-size", "5", *more]) == 130
    return capsys.readouterr().err.split(": ", 1)[1].rstrip()


def test_the_command_says_what_ctrl_c_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    module = sample("digits")
    stopped = "stopped after 1 of 3 epochs and 1 of 3 steps; "
    assert command(module, monkeypatch, capsys, 4, "--no-save") == stopped + "the model is not saved"
    assert os.listdir() == ["data.npz"]
    said = command(module, monkeypatch, capsys, 4, "--save", "model.npz", "--checkpoint", "place.npz")
    assert said == stopped + "model.npz contains the model as it was then; the same command continues from place.npz"
    model = module.Model.load("model.npz")
    assert model.step == 4
    assert state(model) == state(module.Model.load("place.npz"))
    more = ["--epochs", "3", "--batch-size", "5", "--save", "model.npz"]
    assert module._command(["train", "data.npz", *more, "--checkpoint", "place.npz"]) == 0
    assert module._command(["train", "data.npz", *more[:4], "--save", "whole.npz"]) == 0
    assert state(module.Model.load("model.npz")) == state(module.Model.load("whole.npz"))


def test_ctrl_c_before_the_first_step_writes_over_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    module = sample("digits")
    module.Model(7).save("model.npz")
    before = Path("model.npz").read_bytes()
    monkeypatch.setattr(module.Model, "_check", lambda *_: press_ctrl_c())
    assert command(module, monkeypatch, capsys, 99, "--save", "model.npz") == "stopped; the model is not saved"
    assert Path("model.npz").read_bytes() == before
