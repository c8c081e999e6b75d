"""Files that no such model saved are refused: foreign, damaged, missing, or with objects in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import TRAINED_SAMPLES, X, saved_arrays
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


def test_a_missing_file_is_an_os_error(credit: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        credit.Model.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a.pop("h/kernel"), "h/kernel is missing"),
        (lambda a: a.update({"h/more": np.ones(3)}), "h/more is unknown"),
        (lambda a: a.update({"h/bias": np.ones(31, "f4")}), r"h/bias: expected float32 \(32,\), got float32 \(31,\)"),
        (lambda a: a.update({"h/bias": np.ones(32)}), r"h/bias: expected float32 \(32,\), got float64"),
        (lambda a: a.update({"dtype": np.array("int8")}), "dtype: expected float32 or float64"),
        (lambda a: a.update({"dtype": np.array("nonsense")}), "nonsense"),
        (lambda a: a.pop("dtype"), "was not saved by this model"),
        (lambda a: a.update({"rng": np.array("{}")}), "was not saved by this model"),
        (lambda a: a.update({"rng": np.array("[")}), "was not saved by this model"),
        (
            lambda a: a.update({"rng": np.array('{"bit_generator": "PCG64", "state": 3}')}),
            "was not saved by this model",
        ),
        (lambda a: a.update({"step": np.ones(3)}), "was not saved by this model"),
        (lambda a: a.pop("velocity"), "velocity is missing"),
        (lambda a: a.update({"../x": np.ones(3)}), r"\.\./x is unknown"),
        (lambda a: a.update({"/etc/passwd": np.ones(3)}), "/etc/passwd is unknown"),
        (lambda a: a.clear(), "was not saved by this model"),
    ],
)
def test_a_foreign_file_is_refused(
    credit: ModuleType, tmp_path: Path, change: Callable[[Any], Any], reason: str
) -> None:
    path = tmp_path / "model.npz"
    arrays = saved_arrays(credit, path)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=reason) as caught:
        credit.Model.load(path)
    assert str(path) in str(caught.value)


def test_the_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    for name in TRAINED_SAMPLES:
        sample(name).Model().save(path)
        for other in TRAINED_SAMPLES:
            if other != name:
                with pytest.raises(ValueError, match=r"was not saved by this model: .* is (missing|unknown)"):
                    sample(other).Model.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"step": np.array(np.inf)},
        {"rng": '{"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}, "has_uint32": 0, "uinteger": 0}'},
    ],
)
def test_nonsense_in_a_saved_file_is_refused(credit: ModuleType, tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "model.npz"
    arrays = saved_arrays(credit, path)
    np.savez(path, **{**arrays, **change})
    with pytest.raises(ValueError, match="was not saved by this model"):
        credit.Model.load(path)


@pytest.mark.parametrize("contents", [b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_none_is_refused(credit: ModuleType, tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=r"model\.npz"):
        credit.Model.load(path)


def test_a_single_array_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ValueError, match=r"a\.npy"):
        credit.Model.load(tmp_path / "a.npy")


def test_a_pickle_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    arrays = saved_arrays(credit, path)
    arrays["h/bias"] = np.array([print], object)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"model\.npz .*got object"):
        credit.Model.load(path)


def test_a_damaged_file_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    credit.Model().save(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 997):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"model\.npz"):
            credit.Model.load(path)
    refused = 0
    for place in range(0, len(whole), 401):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            loaded = credit.Model.load(path)
        except ValueError as error:
            refused += str(path) in str(error)
        else:  # a byte that means nothing, such as one of a date
            np.testing.assert_array_equal(loaded.state, credit.Model().state)
    assert refused > 50
