"""Trains what gen made of writer.nn on the English of Python's own help texts, and lets it write:

    gen build examples/writer.nn
    python examples/writer.py

Every tenth paragraph is kept from training; the command fails if a character of these takes more than 2.2 bits.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from data import status
from texts import decode, encode, texts

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from out.writer import Model

GOAL = 2.2
STEPS = 64  # characters read from nothing in training


def rows(text: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The text in rows of `steps` characters, and the character that follows each of them."""
    whole = (len(text) - 1) // steps * steps
    return text[:whole].reshape(-1, steps), text[1 : whole + 1].reshape(-1, steps)


def more_slowly(epoch: int, logs: dict[str, float], model: Any) -> None:
    """Learn more slowly after each epoch."""
    model.learning_rate *= 0.7


def write(model: Model, start: str, characters: int, rng: np.random.Generator) -> str:
    """Go on from `start`, drawing each character from what the model says; rather a likely one."""
    written = list(encode(start))
    for _ in range(characters):
        chances = model.predict(np.array([written[-STEPS:]]))[0, -1].astype(np.float64) ** 2
        written.append(rng.choice(len(chances), p=chances / chances.sum()))
    return decode(written)


def main() -> int:
    known, unknown = texts()
    model = Model(seed=1)
    model.summary()
    model.fit(*rows(known, STEPS), callbacks=[more_slowly])

    print()
    print(write(model, "The ", 400, np.random.default_rng(1)))
    print()
    bits = model.evaluate(*rows(unknown, 256))["loss"] / math.log(2)
    counts = np.bincount(known, minlength=96) + 1
    alone = -np.log2(counts / counts.sum())[unknown].mean()
    print(f"{bits:.2f} bits per character of {len(unknown):,} that it had not seen ({alone:.2f} by frequency alone)")
    return status(bits <= GOAL, f"{GOAL} bits")


if __name__ == "__main__":
    sys.exit(main())
