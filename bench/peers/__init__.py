"""The frameworks that generated files are compared with: one module each, whose `Side` is one system in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.systems import Array


@dataclass(frozen=True)
class Peer:
    """A framework, and how its processes are set up."""

    title: str
    module: str
    packages: tuple[str, ...]
    """What has to be installed, as the package index calls it."""
    environment: dict[str, str] = field(default_factory=dict)
    tolerance: float = 1e-4
    """How far a loss may be off after updates, relatively."""
    lacks: tuple[str, ...] = ()
    """The models that it does not have."""


PEERS = {
    "jax": Peer("JAX", "jax_side", ("jax",), lacks=("mnist_cnn", "resnet", "mlp")),
    "torch": Peer("PyTorch", "torch_side", ("torch",)),
    "keras-jax": Peer("Keras on JAX", "keras_side", ("keras", "jax"), {"KERAS_BACKEND": "jax"}),
    # The gradient of an embedding is sparse: its RMSprop squares what each occurrence of an id gives, not their sum.
    "keras-tf": Peer(
        "Keras on TensorFlow",
        "keras_side",
        ("keras", "tensorflow-cpu"),
        {"KERAS_BACKEND": "tensorflow"},
        tolerance=2e-3,
    ),
}


class Measured(Protocol):
    """What is measured, made from a system and its batches: a model with weights of its own, ready to predict.

    It takes `restart` to make it ready to train.
    """

    def load(self, weights: list[Array]) -> None:
        """Take these weights, in the order and the layouts of the system, as the first ones; restart."""

    def restart(self) -> None:
        """Begin training again, from the first weights and the first batch."""

    def step(self) -> Any:
        """Train on the next batch, returning the loss, computed."""

    def train_on_batch(self) -> Any:
        """The same, as the framework's users call it on NumPy arrays."""

    def gather(self, count: int | None = None) -> None:
        """Lay the rows of the first batches, or of all, together for `fit`."""

    def fit(self, epochs: int = 1, shuffle: bool = True) -> float:
        """Train on them as users do; returns the mean loss of the last epoch."""

    def predict_batch(self) -> Any:
        """The predictions for the rows of the first batch: an array, or one for each output."""

    def predict_one(self) -> Any:
        """The prediction for its first row."""
