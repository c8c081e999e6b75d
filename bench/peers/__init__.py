"""The frameworks that generated files are compared with: one module each, whose `Side` is one system in it."""

from __future__ import annotations

from typing import Any, Protocol

PEERS = {"jax": "jax_side", "torch": "torch_side", "keras": "keras_side"}


class Measured(Protocol):
    """What is measured; each task of `python -m bench` is a method."""

    def restart(self) -> None:
        """Begin training again, from the first weights and the first batch."""

    def step(self) -> Any:
        """Train on the next batch, returning the loss, computed."""

    def train_on_batch(self) -> Any:
        """The same, as the framework's users call it on NumPy arrays."""

    def predict_batch(self) -> Any:
        """The predictions for the rows of the first batch: an array, or one for each output."""

    def predict_one(self) -> Any:
        """The prediction for its first row."""
