"""What is killed loses nothing: a few of the kills of `python -m tests.kills`."""

from __future__ import annotations

import sys

import pytest

from tests import kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


def test_a_saved_file_is_the_old_or_the_new_one() -> None:
    assert kills.saving(4).startswith("4 kills")


def test_a_generated_file_is_the_old_or_the_new_one() -> None:
    assert kills.building(4).startswith("4 kills")


def test_ctrl_c_leaves_a_whole_model() -> None:
    assert kills.interrupting(8).startswith("Ctrl-C")


def test_killed_training_goes_on_bit_for_bit() -> None:
    assert "kills in" in kills.training(4)
