"""Trains what gen made of digits_rows.nn on scikit-learn's handwritten digits, each read row by row:

    gen build examples/digits_rows.nn
    python examples/digits_rows.py

A fifth of the digits is kept from training; the command fails if fewer than 96 % of it are read correctly.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data import digits, status

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.digits_rows import Model

GOAL = 0.96


def main() -> int:
    known, unknown, known_digits, unknown_digits = digits()
    model = Model(seed=1)
    model.summary()
    model.fit(known, known_digits)

    right = model.predict(unknown).argmax(axis=1) == unknown_digits
    print(f"read {right.sum()} of {len(right)} digits that it had not seen: {right.mean():.1%}")
    return status(right.mean() >= GOAL, f"{GOAL:.0%}")


if __name__ == "__main__":
    sys.exit(main())
