"""Trains what gen made of pairs.nn to say whether two handwritten digits are the same:

    gen build examples/pairs.nn
    python examples/pairs.py

In half of the pairs both are the same digit.  All pairs that are tried in the end are of images that were kept from
training; the command fails if it is right about fewer than 94 % of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from data import digits, status

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.pairs import Model

GOAL = 0.94


def pairs(images: np.ndarray, shown: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """The left images, the right images, and whether the two show the same digit: every other pair does."""
    same = np.arange(count) % 2 == 0
    left = rng.integers(len(shown), size=count)
    wanted = np.where(same, shown[left], (shown[left] + rng.integers(1, 10, size=count)) % 10)
    of_digit = [np.flatnonzero(shown == digit) for digit in range(10)]
    right = np.array([rng.choice(of_digit[digit]) for digit in wanted])
    return images[left], images[right], same


def main() -> int:
    rng = np.random.default_rng(1)
    known, unknown, known_digits, unknown_digits = digits()
    left, right, same = pairs(known.reshape(-1, 64), known_digits, 20000, rng)
    model = Model(seed=1)
    model.summary()
    model.fit([left, right], same)

    left, right, same = pairs(unknown.reshape(-1, 64), unknown_digits, 5000, rng)
    judged = (model.predict([left, right])[:, 0] > 0.5) == same
    print(f"right about {judged.sum()} of {len(judged)} pairs of digits that it had not seen: {judged.mean():.1%}")
    return status(judged.mean() >= GOAL, f"{GOAL:.0%}")


if __name__ == "__main__":
    sys.exit(main())
