"""Malformed files get an answer: a sample of what `python -m tests.malformed` reads."""

from __future__ import annotations

import pytest

from tests import malformed


@pytest.mark.parametrize("seed", range(4))
def test_malformed_files_get_an_answer(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    failed = malformed.main(150, seed)
    assert not failed, capsys.readouterr().out
