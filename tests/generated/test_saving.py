"""Saving and loading: training goes on bit for bit, a save that fails leaves the old file, any place will do."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import MARKS, SCORES, TAG_IDS, X, Y, same, saved_arrays

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_goes_on_bit_for_bit(tags: ModuleType, credit: ModuleType, tmp_path: Path, dtype: Any) -> None:
    cases: list[tuple[Any, Any]] = [(([MARKS, SCORES], TAG_IDS), tags), ((X, Y), credit)]
    for data, module in cases:
        model = module.Model(3, dtype)
        model.learning_rate = 0.01
        model.fit(*data, epochs=2, verbose=0)
        model.save(tmp_path / "model.npz")
        other = module.Model.load(tmp_path / "model.npz")
        assert (other.step, other.learning_rate, other.dtype) == (model.step, 0.01, dtype)
        assert model.fit(*data, epochs=2, verbose=0) == other.fit(*data, epochs=2, verbose=0)
        np.testing.assert_array_equal(model.state, other.state)
        assert os.listdir(tmp_path) == ["model.npz"]


def test_a_model_for_inference_loads_what_training_saved(
    credit: ModuleType, predictor: ModuleType, tmp_path: Path
) -> None:
    model = credit.Model(5)
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.npz")
    other = predictor.Model.load(tmp_path / "model.npz")
    assert same(other.predict(X), model.predict(X))
    other.save(tmp_path / "small.npz")
    assert same(predictor.Model.load(tmp_path / "small.npz").weights, model.weights)
    again = credit.Model.load(tmp_path / "small.npz")
    assert same(again.weights, model.weights)
    assert (again.step, again.learning_rate, np.abs(again.state[1:]).max()) == (0, 0.001, 0.0)
    np.savez(tmp_path / "weights.npz", **model.weights)  # without a word about their dtype
    for module in (credit, predictor):
        assert same(module.Model.load(tmp_path / "weights.npz").weights, model.weights)
    fits = [credit.Model.load(tmp_path / name).fit(X, Y, epochs=2, verbose=0) for name in ("small.npz", "weights.npz")]
    assert fits[0] == fits[1]


def test_the_saved_state_is_plain(credit: ModuleType, tmp_path: Path) -> None:
    arrays = saved_arrays(credit, tmp_path / "model.npz")
    assert set(arrays) == {"dtype", "step", "learning_rate", "rng", "velocity", *credit.Model().weights}
    assert json.loads(str(arrays["rng"]))["bit_generator"] == "PCG64"


def test_a_failed_save_leaves_the_old_file(credit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    credit.Model(1).save(path)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        credit.Model(2).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.npz"]


def test_a_full_disk_leaves_the_old_file(files: dict[str, Path], credit: ModuleType, tmp_path: Path) -> None:
    credit.Model(1).save(tmp_path / "model.npz")
    before = (tmp_path / "model.npz").read_bytes()
    program = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # as if the disk were full after so many bytes
import credit, numpy as np
for write in (
    lambda model: model.save("model.npz"),
    lambda model: model.fit(np.ones((3, 100)), [np.ones(3), np.ones(3)], verbose=0, checkpoint="place.npz"),
):
    try:
        write(credit.Model(2))
    except OSError as error:
        print(error.errno)
"""
    (tmp_path / "credit.py").write_bytes(files["credit"].read_bytes())
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(errno.EFBIG)] * 2
    assert (tmp_path / "model.npz").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"credit.py", "model.npz"}


@pytest.mark.parametrize("name", ["with spaces.npz", "größe — λ.npz", "no_ending", "a\nb.npz"])
def test_any_name_of_a_file_will_do(credit: ModuleType, tmp_path: Path, name: str) -> None:
    model = credit.Model(1)
    model.save(tmp_path / name)
    assert same(credit.Model.load(tmp_path / name).weights, model.weights)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_stays_one_when_a_model_is_saved_to_it(credit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, file = tmp_path / "model.npz", tmp_path / "far" / "model.npz"
    credit.Model(1).save(file)
    link.symlink_to(file)
    credit.Model(2).save(link)
    assert link.is_symlink()
    assert same(credit.Model.load(file).weights, credit.Model(2).weights)


def test_saves_at_once_do_not_disturb_each_other(credit: ModuleType, tmp_path: Path) -> None:
    models, path = [credit.Model(seed) for seed in range(4)], tmp_path / "model.npz"
    failed: list[BaseException] = []

    def work(model: Any) -> None:
        try:
            for _ in range(10):
                model.save(path)
                credit.Model.load(path)
        except (OSError, ValueError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert os.listdir(tmp_path) == ["model.npz"]
