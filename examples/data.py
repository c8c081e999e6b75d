"""The handwritten digits of scikit-learn for the examples, and what an example says at its end."""

from __future__ import annotations

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def digits(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images to train on, images kept from training (a fifth), and which digits they show.

    1,797 images of 8 by 8 pixels of 0 to 16; (rows, 8, 8) float32.
    """
    images, shown = load_digits(return_X_y=True)
    images = images.astype(np.float32).reshape(-1, 8, 8)
    known, unknown, known_digits, unknown_digits = train_test_split(
        images, shown, test_size=0.2, stratify=shown, random_state=seed
    )
    return known, unknown, known_digits, unknown_digits


def status(good: bool, promised: str) -> int:
    """The exit status of an example; says what was promised if the result is not good."""
    if not good:
        print(f"that is worse than {promised}", file=sys.stderr)
    return 0 if good else 1
