"""Trains what gen made of digits.nn on real handwritten digits: `make digits`, or

    gen build examples/digits.nn
    python examples/digits.py

The digits are scikit-learn's: 1,797 of them, 8 by 8 pixels each.  A fifth is kept from training; the command fails if
fewer than 97 % of it are read correctly.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.digits import Model

GOAL = 0.97


def main() -> int:
    parser = argparse.ArgumentParser(description="Train on handwritten digits, and see how many unknown ones are read.")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of the split [default: 1]")
    options = parser.parse_args()

    pixels, digits = load_digits(return_X_y=True)
    known, unknown, known_digits, unknown_digits = train_test_split(
        pixels.astype(np.float32), digits, test_size=0.2, stratify=digits, random_state=options.seed
    )
    model = Model(seed=options.seed)
    model.summary()
    model.fit(known, known_digits)

    read = model.predict(unknown).argmax(axis=1)
    accuracy = float((read == unknown_digits).mean())
    print(f"read {(read == unknown_digits).sum()} of {len(unknown)} digits that it had not seen: {accuracy:.1%}")
    if accuracy < GOAL:
        print(f"that is less than {GOAL:.0%}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
