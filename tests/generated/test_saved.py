"""What becomes of a model that is copied, pickled, saved and loaded; hostile files, and places that are no files."""

from __future__ import annotations

import copy
import io
import json
import multiprocessing
import os
import pickle
import stat
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.building import build
from tests.generated.test_checkpoint import data_of
from tests.samples import sample, sample_text

pytestmark = pytest.mark.filterwarnings("error")

TABLE = """
x = Input(4, int32)
y = Dense(1)(Flatten()(Embedding(30000, 4)(x)))
model = Model(x, y)
model.compile(rmsprop(0.01), loss=mse)
"""
"""Its table is updated row by row, and rows that wait for their turn are state."""


@pytest.fixture
def credit() -> ModuleType:
    return sample("credit")


def trained(module: ModuleType, data: Any, dtype: Any = np.float32) -> Any:
    model = module.Model(3, dtype)
    model.learning_rate = 0.01
    model.fit(*data, epochs=1, verbose=0)
    return model


def state_of(model: Any) -> dict[str, Any]:
    return {name: np.array(value) for name, value in model._saved().items()}


def assert_same(model: Any, other: Any) -> None:
    mine, others = state_of(model), state_of(other)
    assert list(mine) == list(others)
    for name, value in mine.items():
        np.testing.assert_array_equal(value, others[name], err_msg=name)


# --------------------------------------------------------------------------------------------------------------- copies

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "oldest pickle": lambda model: pickle.loads(pickle.dumps(model, 0)),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", ["credit", "tags", "digits", "table"])
def test_a_copy_trains_on_as_the_model_does_and_apart_from_it(
    name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = build(TABLE) if name == "table" else sample(name)
    monkeypatch.setitem(sys.modules, module.__name__, module)  # another test may have built one of that name
    rng = np.random.default_rng(0)
    ids = (rng.integers(0, 30000, (64, 4)), rng.normal(size=64))
    data: Any = ids if name == "table" else data_of(name)
    model = trained(module, data, np.float64 if how == "copy" else np.float32)
    before = state_of(model)
    other = COPIES[how](model)
    assert_same(other, model)
    history = other.fit(*data, epochs=2, verbose=0)
    for key, value in state_of(model).items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)  # the model is as it was
    assert model.fit(*data, epochs=2, verbose=0) == history
    assert_same(other, model)


def test_a_model_for_inference_can_be_copied_after_it_has_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    module, (x, _) = sample("credit_inference"), data_of("credit")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    model = module.Model(4)
    expected = model.predict(x)
    for how in COPIES.values():
        found = how(model).predict(x)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_model_that_has_come_to_nothing_can_still_be_looked_at(credit: ModuleType) -> None:
    model = credit.Model()
    model.weights["h/bias"][3] = np.nan
    assert np.isnan(copy.deepcopy(model).weights["h/bias"][3])


def test_models_go_to_other_processes_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits_model.py").write_text(sample_text("digits"), encoding="utf-8")
    (tmp_path / "digits_work.py").write_text(
        "def train(model, x, y):\n    return model, model.fit(x, y, epochs=2, verbose=0)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import digits_model  # type: ignore[import-not-found]  # it is written above
    import digits_work  # type: ignore[import-not-found]  # likewise

    x, y = data_of("digits")
    model = trained(digits_model, (x, y))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        other, history = pool.apply(digits_work.train, (model, x, y))
    assert history == model.fit(x, y, epochs=2, verbose=0)
    assert_same(other, model)


# ------------------------------------------------------------------------------------------------- weights, and no more


@pytest.mark.parametrize("name", ["credit", "tags"])
def test_a_training_file_loads_what_its_twin_saved_and_the_other_way_round(name: str, tmp_path: Path) -> None:
    module, twin, data = sample(name), sample(f"{name}_inference"), data_of(name)
    model = trained(module, data, np.float64)
    model.save(tmp_path / "all.npz")
    small = twin.Model.load(tmp_path / "all.npz")
    small.save(tmp_path / "weights.npz")
    again = module.Model.load(tmp_path / "weights.npz")
    assert (again.dtype, again.step) == (np.float64, 0)
    for key, value in model.weights.items():
        np.testing.assert_array_equal(again.weights[key], value)
    again.fit(*data, epochs=1, verbose=0)


def test_a_file_with_a_part_of_the_state_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    arrays = state_of(credit.Model())
    for name in ("step", "rng", "velocity", "learning_rate", "dtype"):
        np.savez(tmp_path / "model.npz", **{key: value for key, value in arrays.items() if key != name})
        with pytest.raises(ValueError, match=f"was not saved by this model: {name} is missing"):
            credit.Model.load(tmp_path / "model.npz")


# -------------------------------------------------------------------------------------------------------- hostile files


def archive(path: Path, members: dict[str, bytes], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **options)
    return file.getvalue()


def header(descr: str, shape: str, version: bytes = b"\x01\x00") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text


def members(credit: ModuleType) -> dict[str, bytes]:
    return {f"{name}.npy": npy(value) for name, value in state_of(credit.Model()).items()}


DEEP = "[" * 100_000
HOSTILE: dict[str, dict[str, Any]] = {
    "a negative step": {"step": np.array(-1)},
    "a step that is not whole": {"step": np.array(1.5)},
    "a step of 10^30": {"step": np.array(10**30, object)},
    "a step of 10^30 as a float": {"step": np.array(1e30)},
    "a step that is not finite": {"step": np.array(np.nan)},
    "a step of 2^63": {"step": np.array(2**63, np.uint64)},
    "several steps": {"step": np.array([1])},
    "a step that is a text": {"step": np.array("1")},
    "no learning rate": {"learning_rate": np.array(np.nan)},
    "an infinite learning rate": {"learning_rate": np.array(np.inf)},
    "a learning rate of 0": {"learning_rate": np.array(0.0)},
    "a negative learning rate": {"learning_rate": np.array(-0.1)},
    "a complex learning rate": {"learning_rate": np.array(1j)},
    "deep JSON": {"rng": np.array(DEEP)},
    "JSON that is no state": {"rng": np.array("[]")},
    "JSON with huge numbers": {"rng": np.array('{"bit_generator": "PCG64", "state": {"state": 1e999, "inc": 1}}')},
    "another generator": {"rng": np.array(json.dumps(np.random.MT19937(0).state, default=np.ndarray.tolist))},
    "a state that is bytes": {"rng": np.array(b"{}")},
    "a dtype that is no text": {"dtype": np.array(3)},
    "NaN among weights": {"h/bias": np.full(32, np.nan, np.float32)},
    "NaN among slots": {"velocity": np.full(3298, np.nan, np.float32)},
    "bytes in the other order": {"h/bias": np.zeros(32, ">f4")},
    "half precision": {"h/bias": np.zeros(32, "f2")},
    "records": {"h/bias": np.zeros(32, [("a", "f4")])},
    "dates": {"h/bias": np.zeros(32, "M8[s]")},
    "Python objects": {"h/bias": np.zeros(32, object)},
    "raw bytes": {"h/bias": np.zeros(32, "V4")},
    "another shape": {"h/bias": np.zeros((32, 1), "f4")},
    "no axes": {"h/bias": np.array(0.0, "f4")},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_of_a_model_with_nonsense_is_refused(credit: ModuleType, tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, **{**state_of(credit.Model()), **HOSTILE[what]})
    with pytest.raises(ValueError, match=r"model\.npz was not saved by this model: "):
        credit.Model.load(path)


RAW: dict[str, dict[str, bytes]] = {
    "a member that is no array": {"notes.txt": b"hello"},
    "an array without its ending": {"h/bias": npy(np.zeros(32, "f4"))},
    "a folder": {"h/": b""},
    "a name that leads outside": {"../h/bias.npy": npy(np.zeros(32, "f4"))},
    "an absolute name": {"/h/bias.npy": npy(np.zeros(32, "f4"))},
    "text for an array": {"h/bias.npy": b"0 0 0"},
    "nothing for an array": {"h/bias.npy": b""},
    "half a header": {"h/bias.npy": npy(np.zeros(32, "f4"))[:30]},
    "half an array": {"h/bias.npy": npy(np.zeros(32, "f4"))[:-4]},
    "more than the array": {"h/bias.npy": npy(np.zeros(32, "f4")) + b"more"},
    "a header of 4 GB": {"h/bias.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100_000},
    "a header that is code": {"h/bias.npy": header("__import__('os').getcwd()", "(32,)")},
    "a deep header": {"h/bias.npy": header("'<f4'", "(" * 300 + ")" * 300)},
    "a header of signs": {"h/bias.npy": header("'<f4'", "(" + "-" * 9000 + "1,)")},
    "a version to come": {"h/bias.npy": b"\x93NUMPY\x09\x00" + npy(np.zeros(32, "f4"))[8:]},
    "a negative size": {"h/bias.npy": header("'<f4'", "(-32,)") + bytes(128)},
    "a size of 10^30": {"h/bias.npy": header("'<f4'", f"({10**30},)") + bytes(128)},
    "a text of 4 GB": {"rng.npy": header("'<U1000000000'", "()") + bytes(64)},
    "a dtype that is a text of 4 GB": {"dtype.npy": header("'<U1000000000'", "()") + bytes(64)},
    "a subarray of 10^12": {"h/bias.npy": header("('<f4', (1000000, 1000000))", "(32,)") + bytes(128)},
}


@pytest.mark.parametrize("what", RAW)
def test_a_file_with_a_broken_member_is_refused(credit: ModuleType, tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.npz"
    archive(path, {**members(credit), **RAW[what]})
    with pytest.raises(ValueError, match=r"model\.npz (was not saved by this model|is not an \.npz file of arrays): "):
        credit.Model.load(path)


def test_members_that_are_there_twice_are_refused(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    credit.Model().save(path)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr("h/bias.npy", npy(np.ones(32, "f4")))
    with pytest.raises(ValueError, match=r"model\.npz is not an \.npz file of arrays: h/bias\.npy is repeated"):
        credit.Model.load(path)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_numpy_does_not_write_is_not_unpacked(credit: ModuleType, tmp_path: Path, kind: int) -> None:
    archive(tmp_path / "model.npz", members(credit), compression=kind)
    with pytest.raises(ValueError, match="is compressed in a way that NumPy does not use"):
        credit.Model.load(tmp_path / "model.npz")


def test_an_encrypted_member_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    credit.Model().save(path)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 4)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.npz is not an \.npz file of arrays: .*encrypted"):
        credit.Model.load(path)


def test_what_was_compressed_afterwards_is_read(credit: ModuleType, tmp_path: Path) -> None:
    model = trained(credit, data_of("credit"))
    np.savez_compressed(tmp_path / "model.npz", **state_of(model))
    assert_same(credit.Model.load(tmp_path / "model.npz"), model)


def peak_of(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["h/kernel", "rng", "dtype", "step", "learning_rate", "velocity", "more", "h/more", "fit"]
)
def test_a_small_file_does_not_become_a_large_array(credit: ModuleType, tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.npz"
    bomb = header("'<f4'", "(25000000,)") if name not in ("rng", "dtype", "fit") else header("'<U25000000'", "()")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for key, content in members(credit).items():
            if key != f"{name}.npy":
                file.writestr(key, content)
        with file.open(f"{name}.npy", "w") as member:
            member.write(bomb)
            for _ in range(100):
                member.write(bytes(1_000_000))
    assert path.stat().st_size < 200_000

    def load() -> None:
        if name == "fit":
            with pytest.raises(ValueError, match="this training cannot continue from it"):
                credit.Model().fit(*data_of("credit"), verbose=0, checkpoint=path)
        else:
            with pytest.raises(ValueError, match="was not saved by this model"):
                credit.Model.load(path)

    assert peak_of(load) < 3_000_000


def test_a_file_for_a_table_has_its_rows_brought_up_to_date_between_0_and_the_step(tmp_path: Path) -> None:
    module, path = build(TABLE), tmp_path / "model.npz"
    arrays = state_of(module.Model())
    for wrong in (-1, 1):
        np.savez(path, **{**arrays, "last": np.full_like(arrays["last"], wrong)})
        with pytest.raises(ValueError, match="last: expected steps from 0 to 0"):
            module.Model.load(path)


def test_bytes_changed_anywhere_give_a_value_error_or_the_same_model(credit: ModuleType, tmp_path: Path) -> None:
    model, path, rng = trained(credit, data_of("credit")), tmp_path / "model.npz", np.random.default_rng(5)
    model.save(path)
    whole = path.read_bytes()
    marks = [place for place in range(len(whole) - 1) if whole[place : place + 2] == b"PK"]
    refused = taken = 0
    for turn in range(1500):
        content = bytearray(whole)
        near = rng.random() < 0.8
        for _ in range(rng.integers(1, 4)):
            place = marks[rng.integers(len(marks))] + rng.integers(0, 190) if near else rng.integers(len(whole))
            content[min(place, len(whole) - 1)] = rng.integers(256)
        if turn % 10 == 0:
            del content[rng.integers(len(content)) :]
        path.write_bytes(content)
        try:
            other = credit.Model.load(path)
        except ValueError as error:
            refused += str(error).startswith(str(path))
        else:
            assert_same(other, model)
            taken += 1
    assert (refused + taken, refused > 500) == (1500, True)


# ------------------------------------------------------------------------------------------------------ where it writes


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o664])
def test_a_file_keeps_its_mode(credit: ModuleType, tmp_path: Path, mode: int) -> None:
    path = tmp_path / "model.npz"
    credit.Model(1).save(path)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(mode)
    credit.Model(2).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    credit.Model(2).fit(*data_of("credit"), epochs=1, verbose=0, checkpoint=tmp_path / "place.npz")


def test_a_file_that_is_read_only_stays(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    credit.Model(1).save(path)
    path.chmod(0o444)
    before = path.read_bytes()
    with pytest.raises(PermissionError, match=r"model\.npz is read-only"):
        credit.Model(2).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.npz"]


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_neither_read_nor_replaced(credit: ModuleType, tmp_path: Path, linked: bool) -> None:
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if linked:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    with pytest.raises(OSError, match="is not a regular file"):
        credit.Model().save(path)
    with pytest.raises(ValueError, match="is not a regular file"):
        credit.Model.load(path)
    for name in ("checkpoint", "csv"):
        with pytest.raises((OSError, ValueError), match="is not a regular file"):
            credit.Model().fit(*data_of("credit"), epochs=1, verbose=0, **{name: path})
    with pytest.raises(OSError, match="is not a regular file"):
        credit._write(path, {"amount": np.zeros(3)})
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/full"])
def test_a_device_is_never_replaced(credit: ModuleType, path: str) -> None:
    before = os.stat(path)
    with pytest.raises(OSError, match=f"{path} is not a regular file"):
        credit.Model().save(path)
    assert os.stat(path).st_rdev == before.st_rdev


def test_nothing_is_written_through_a_link_that_leads_nowhere(credit: ModuleType, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    link, second, circle = tmp_path / "model.npz", tmp_path / "second.npz", tmp_path / "circle.npz"
    link.symlink_to(far / "startup")
    second.symlink_to(link)
    circle.symlink_to(circle)
    for path in (link, second, circle):
        with pytest.raises(FileNotFoundError, match="is a link to a file that does not exist"):
            credit.Model().save(path)
        with pytest.raises(FileNotFoundError):
            credit._write(path, {"amount": np.zeros(3)})
        for name in ("checkpoint", "csv"):
            with pytest.raises(FileNotFoundError):
                credit.Model().fit(*data_of("credit"), epochs=1, verbose=0, **{name: path})
    assert os.listdir(far) == []


def test_no_link_that_waits_for_a_temporary_file_is_followed(
    credit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    monkeypatch.setattr(credit.os, "urandom", bytes)  # as if somebody had guessed its name
    (tmp_path / f".{bytes(8).hex()}.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        credit.Model().save(tmp_path / "model.npz")
    assert victim.read_text() == "mine"
    assert (tmp_path / f".{bytes(8).hex()}.tmp").is_symlink()


def test_a_model_with_nan_in_it_does_not_replace_a_good_one(credit: ModuleType, tmp_path: Path) -> None:
    path, model = tmp_path / "model.npz", credit.Model(1)
    model.save(path)
    model.weights["h/kernel"][0, 0] = np.nan
    with pytest.raises(ValueError, match="h/kernel contains NaN"):
        model.save(path)
    assert_same(credit.Model.load(path), credit.Model(1))


def test_outputs_may_have_any_name_when_they_are_written(tmp_path: Path) -> None:
    module = build(
        "x = Input(3)\nfile = Dense(1)(x)\nallow_pickle = Dense(2)(x)\nmodel = Model(x, [file, allow_pickle])"
    )
    module._write(tmp_path / "out.npz", module.Model().predict(np.zeros((4, 3))))
    with np.load(tmp_path / "out.npz") as found:
        assert {name: found[name].shape for name in found.files} == {"file": (4, 1), "allow_pickle": (4, 2)}
