"""Trains what gen made of digits_conv.nn on scikit-learn's handwritten digits:

    gen build examples/digits_conv.nn
    python examples/digits_conv.py

A fifth of the digits is kept from training; the command fails if fewer than 98.5 % of it are read correctly.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data import digits, status

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.digits_conv import Model

GOAL = 0.985


def main() -> int:
    known, unknown, known_digits, unknown_digits = digits()
    model = Model(seed=1)
    model.summary()
    model.fit(known[..., None], known_digits)  # one channel

    right = model.predict(unknown[..., None]).argmax(axis=1) == unknown_digits
    print(f"read {right.sum()} of {len(right)} digits that it had not seen: {right.mean():.1%}")
    return status(right.mean() >= GOAL, f"{GOAL:.1%}")


if __name__ == "__main__":
    sys.exit(main())
