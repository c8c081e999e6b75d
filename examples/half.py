"""Trains what gen made of half.nn, which sees only the upper half of a handwritten digit, on its three questions:

    gen build examples/half.nn
    python examples/half.py

A fifth of the digits is kept from training.  The command fails if, of these, fewer than 85 % are named or fewer than
88 % are told even from odd, or if the ink of the lower half is off by more than 4.5 % of what it could be.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from data import digits, status

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.half import Model


def answers(images: np.ndarray, shown: np.ndarray) -> dict[str, np.ndarray]:
    """The digit, whether it is even, and the ink of the lower half: 1 if it were all black."""
    return {"digit": shown, "even": shown % 2 == 0, "ink": images[:, 4:].mean(axis=(1, 2)) / 16}


def main() -> int:
    known, unknown, known_digits, unknown_digits = digits()
    targets, truth = answers(known, known_digits), answers(unknown, unknown_digits)
    model = Model(seed=1)
    model.summary()
    model.fit(known[:, :4], targets)

    guessed = model.predict(unknown[:, :4])
    digit = (guessed["digit"].argmax(axis=1) == truth["digit"]).mean()
    even = ((guessed["even"][:, 0] > 0.5) == truth["even"]).mean()
    ink = np.abs(guessed["ink"][:, 0] - truth["ink"]).mean()
    mean = np.abs(targets["ink"].mean() - truth["ink"]).mean()
    print(f"of {len(unknown)} upper halves that it had not seen, it named the digit of {digit:.1%},")
    print(f"told even from odd for {even:.1%}, and was off by {ink:.1%} of ink ({mean:.1%} by always saying the mean)")
    return status(digit >= 0.85 and even >= 0.88 and ink <= 0.045, "85%, 88% and 4.5%")


if __name__ == "__main__":
    sys.exit(main())
