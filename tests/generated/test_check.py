"""Gradients of a generated file equal finite differences, and its command `check` finds each that does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.generated.common import TRAINED_SAMPLES, copies, data_of, run, same
from tests.samples import sample, sample_text

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("name", TRAINED_SAMPLES)
def test_gradients_equal_finite_differences(name: str) -> None:
    model, (x, y) = sample(name).Model(2, np.float64), data_of(name)
    state = model.rng.bit_generator.state
    before = copies(model.weights)
    weight = RNG.random(12)
    _, gradients = model.loss_and_grads(x, y, weight)
    assert same(model.weights, before)
    assert model.rng.bit_generator.state == state
    assert model.step == 0
    for key, gradient in gradients.items():
        values = model.weights[key].reshape(-1)
        for i in RNG.choice(values.size, min(5, values.size), replace=False):
            totals = []
            for shift in (1e-6, -1e-6):
                kept = values[i]
                values[i] += shift
                totals.append(model.loss_and_grads(x, y, weight)[0]["loss"])
                values[i] = kept
            assert gradient.reshape(-1)[i] == pytest.approx((totals[0] - totals[1]) / 2e-6, rel=1e-5, abs=1e-7), key


def test_check_finds_every_gradient_right(files: dict[str, Path], tmp_path: Path) -> None:
    for name, lines in (("credit", 8), ("tags", 7)):
        status, out, _ = run(files[name], "check", cwd=tmp_path)
        assert status == 0
        assert len(out.splitlines()) == lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b.ones_batch.dot(dh, out=g.h_bias)", "b.ones_batch.dot(dh * 1.00001, out=g.h_bias)"),
        ("dh *= h_active", "pass"),
        ("b.dh.dot(p.h_kernel.T, out=b.dapplicant)", "b.dapplicant.fill(0.0)"),
        ("b.h.T.dot(damount, out=g.amount_kernel)", "g.amount_kernel.fill(np.nan)"),
        ("ddefault *= 10.0 / b.batch", "ddefault *= 1.0 / b.batch"),
    ],
)
def test_check_finds_a_wrong_gradient(tmp_path: Path, old: str, new: str) -> None:
    text = sample_text("credit")
    assert text.count(old) == 1
    (tmp_path / "wrong.py").write_text(text.replace(old, new), encoding="utf-8")
    assert run(tmp_path / "wrong.py", "check", cwd=tmp_path)[0] == 1
