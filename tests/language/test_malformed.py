"""Malformed files get an answer: a sample of what `python -m tests.malformed` reads."""

from __future__ import annotations

from itertools import islice

import pytest

from tests import malformed


@pytest.mark.parametrize("seed", range(4))
def test_malformed_files_get_an_answer(seed: int) -> None:
    for number, data in enumerate(islice(malformed.texts(seed), 150)):
        try:
            malformed.in_time(data)
        except (Exception, malformed.TooLate) as error:
            raise AssertionError(f"text {number}: {data!r}") from error


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in malformed.extremes()])
def test_what_is_too_large_is_refused(data: bytes) -> None:
    assert malformed.in_time(data) == "refused"
