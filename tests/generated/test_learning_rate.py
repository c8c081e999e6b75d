"""The learning rate may be changed, to finite numbers above 0 alone: in a model, a saved file, the command."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import AMOUNT, DEFAULT, X, Y, copies, saved_arrays

pytestmark = pytest.mark.filterwarnings("error")


def test_the_learning_rate_may_be_changed(credit: ModuleType) -> None:
    model, faster = credit.Model(), credit.Model()
    assert model.learning_rate == 0.001
    faster.learning_rate = np.float32(0.004)
    before = copies(model.weights)
    for each in (model, faster):
        each.train_on_batch(X, Y)
    for name, start in before.items():
        moved = 4.0 * (model.weights[name] - start)
        np.testing.assert_allclose(faster.weights[name] - start, moved, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("rate", [0.0, -0.001, np.nan, np.inf, -np.inf, "0.1", None, True, [0.1], 10**400, 1j])
def test_a_learning_rate_that_is_no_finite_number_above_0_is_refused(credit: ModuleType, rate: Any) -> None:
    model = credit.Model()
    with pytest.raises(ValueError, match="learning_rate: expected a finite number above 0, got"):
        model.learning_rate = rate
    assert model.learning_rate == 0.001


@pytest.mark.parametrize("rate", [0.0, np.nan, np.inf, -1.0])
def test_a_saved_learning_rate_that_is_no_finite_number_above_0_is_refused(
    credit: ModuleType, tmp_path: Path, rate: float
) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, **{**saved_arrays(credit, path), "learning_rate": np.array(rate)})
    with pytest.raises(ValueError, match=r"model\.npz .*learning_rate: expected a finite number above 0"):
        credit.Model.load(path)


@pytest.mark.parametrize(
    ("rate", "status", "reason"),
    [
        ("nan", 2, "--learning-rate: expected a finite number above 0, got 'nan'"),
        ("inf", 2, "--learning-rate: expected a finite number above 0, got 'inf'"),
        ("0", 2, "--learning-rate: expected a finite number above 0, got '0'"),
        ("-1", 2, "--learning-rate: expected a finite number above 0, got '-1'"),
        ("1e39", 1, "not finite"),
    ],
)
def test_a_command_that_trains_with_such_a_rate_fails_and_saves_nothing(
    credit: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: str, status: int, reason: str
) -> None:
    data, model = tmp_path / "data.npz", tmp_path / "model.npz"
    np.savez(data, applicant=X, amount=AMOUNT, default=DEFAULT)
    rest = ["--batch-size", "99", "--epochs", "1", f"--learning-rate={rate}", "--save", str(model)]
    with np.errstate(all="ignore"):
        assert credit._command(["train", str(data), *rest]) == status
    assert reason in capsys.readouterr().err
    assert not model.exists()
