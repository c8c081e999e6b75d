"""Trains what gen made of gap.nn to say which character is missing in the English of Python's own help texts:

    gen build examples/gap.nn
    python examples/gap.py

Every tenth paragraph is kept from training; the command fails if fewer than 75 % of the gaps in these are filled right.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from data import status
from texts import decode, texts

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.gap import Model

GOAL = 0.75
SIDE = 12  # characters that are read on each side


def gaps(text: np.ndarray, every: int) -> tuple[list[np.ndarray], np.ndarray]:
    """The text before and after every so many characters, and these characters."""
    pieces = np.lib.stride_tricks.sliding_window_view(text, 2 * SIDE + 1)[::every]
    return [pieces[:, :SIDE], pieces[:, SIDE + 1 :]], pieces[:, SIDE]


def main() -> int:
    known, unknown = texts()
    model = Model(seed=1)
    model.summary()
    model.fit(*gaps(known, 6))

    sides, missing = gaps(unknown, 5)
    said = model.predict(sides).argmax(axis=1)
    for row in range(3, 200, 40):
        before, after = (decode(side[row]).replace("\n", " ") for side in sides)
        print(f"{before}[{decode(said[row : row + 1])}]{after}    was {decode(missing[row : row + 1])!r}")
    right = said == missing
    print(f"filled {right.sum():,} of {len(right):,} gaps in text that it had not seen: {right.mean():.1%}")
    return status(right.mean() >= GOAL, f"{GOAL:.0%}")


if __name__ == "__main__":
    sys.exit(main())
