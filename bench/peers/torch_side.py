"""The systems in PyTorch, eager."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import EPSILON, LEARNING_RATE, RHO, THREADS
from bench.systems import Array, Batch, System, joined

torch.set_num_threads(THREADS)


class LSTM(nn.LSTM):
    """Batch first, the last output, and one bias as in Keras: the second stays 0."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__(features, units, batch_first=True)
        self.bias_hh_l0.requires_grad_(False).zero_()

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # of its three results the one that is used
        return super().forward(x)[1][0][0]


class Embedded(nn.Embedding):
    """With the steps last, as convolutions take them."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids).transpose(1, 2)


class Answers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.text = nn.Sequential(nn.Embedding(10_000, 64), LSTM(64, 32))
        self.question = nn.Sequential(nn.Embedding(10_000, 32), LSTM(32, 16))
        self.answer = nn.Linear(48, 500)

    def forward(self, text: Tensor, question: Tensor) -> Tensor:
        answer: Tensor = self.answer(torch.cat([self.text(text), self.question(question)], dim=-1))
        return answer


class Posts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Embedded(50_000, 256),
            *(nn.Conv1d(256, 128, 5), nn.ReLU(), nn.MaxPool1d(5)),
            *(nn.Conv1d(128, 256, 5), nn.ReLU(), nn.Conv1d(256, 256, 5), nn.ReLU(), nn.MaxPool1d(5)),
            *(nn.Conv1d(256, 256, 5), nn.ReLU(), nn.Conv1d(256, 256, 5), nn.ReLU()),
            *(nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(256, 128), nn.ReLU()),
        )
        self.age, self.income, self.gender = nn.Linear(128, 1), nn.Linear(128, 10), nn.Linear(128, 1)

    def forward(self, ids: Tensor) -> tuple[Tensor, ...]:
        x = self.body(ids)
        return self.age(x), self.income(x), self.gender(x)


def dense(*sizes: int) -> Callable[[], nn.Module]:
    """Dense layers of these sizes, with relu between them."""
    pairs = list(pairwise(sizes))
    return lambda: nn.Sequential(*[layer for a, b in pairs for layer in (nn.Linear(a, b), nn.ReLU())][:-1])


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "two_classes": dense(100, 32, 1),
    "ten_classes": dense(100, 32, 10),
    "functional": dense(64, 32, 32, 10),
    "video": dense(784, 32, 10),
    "qa": Answers,
    "posts": Posts,
}
HEADS: dict[str, Callable[[Tensor], Tensor]] = {
    "mse": lambda value: value,
    "binary_crossentropy": torch.sigmoid,
    "categorical_crossentropy": lambda logits: torch.softmax(logits, dim=-1),
}
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": lambda y, value: functional.mse_loss(value, y),
    "binary_crossentropy": lambda y, logits: functional.binary_cross_entropy_with_logits(logits, y),
    "categorical_crossentropy": lambda y, logits: functional.cross_entropy(logits.flatten(0, -2), y.flatten(0, -2)),
}
RIGHT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "binary_crossentropy": lambda y, logits: ((logits > 0.0) == (y > 0.5)).sum(),
    "categorical_crossentropy": lambda y, logits: (y.argmax(dim=-1) == logits.argmax(dim=-1)).sum(),
}


class Side:
    """One system."""

    def __init__(self, system: System, batches: list[Batch]) -> None:
        self.network, self.outputs, self.size = NETWORKS[system.network](), system.outputs, system.batch
        self.arrays = batches
        self.batches = [(tensors(x), tensors(y)) for x, y in batches]
        self.x, self.one = self.batches[0][0], tuple(x[:1] for x in self.batches[0][0])
        self.p: list[Tensor] = [p for p in self.network.parameters() if p.requires_grad]
        self.start: list[Tensor] = []
        self.velocity: list[Tensor] = []

    def load(self, weights: list[Array]) -> None:
        start = [torch.from_numpy(array) for array in weights]
        turned = [array.permute(*reversed(range(array.ndim))) for array in start]  # Keras' kernels, as PyTorch has them
        self.start = [t if t.shape == p.shape else a for p, a, t in zip(self.p, start, turned, strict=True)]
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        for p, array in zip(self.p, self.start, strict=False):
            p.copy_(array)
        self.velocity = self.velocity or [torch.zeros_like(p) for p in self.p]
        for velocity in self.velocity:
            velocity.zero_()
        self.turns, self.array_turns = cycle(self.batches), cycle(self.arrays)

    def step(self) -> Any:
        return self._train(*next(self.turns))[0].item()

    def train_on_batch(self) -> Any:
        x, y = next(self.array_turns)
        return self._train(tensors(x), tensors(y))[0].item()

    def gather(self, count: int | None = None) -> None:
        x, y = joined(self.arrays[:count])
        self.rows = tensors(x), tensors(y)

    def fit(self, epochs: int = 1, shuffle: bool = True) -> float:
        """Nothing waits for a figure before the end of an epoch."""
        x, y = self.rows
        count = len(x[0])
        for _ in range(epochs):
            order = torch.randperm(count) if shuffle else torch.arange(count)
            totals: list[Tensor] = []
            for index in torch.split(order, self.size):
                figures = self._train(*(tuple(a.index_select(0, index) for a in arrays) for arrays in (x, y)))
                totals = [a.add_(b) for a, b in zip(totals, figures, strict=True)] if totals else figures
            means = [total.item() / len(range(0, count, self.size)) for total in totals]
        return means[0]

    def _train(self, x: tuple[Tensor, ...], y: tuple[Tensor, ...]) -> list[Tensor]:
        """A step on these rows; the loss, and how many answers of an output are right."""
        logits = self._logits(x)
        total, right = None, []
        for output, target, each in zip(self.outputs, y, logits, strict=True):
            value = LOSSES[output.loss](target, each)
            value = value if output.weight == 1.0 else output.weight * value
            total = value if total is None else total + value
            if output.accuracy:
                with torch.no_grad():
                    right.append(RIGHT[output.loss](target, each))
        assert total is not None
        for p in self.p:
            p.grad = None
        total.backward()  # type: ignore[no-untyped-call]  # PyTorch gives it no types
        self._update()
        return [total.detach(), *right]

    @torch.no_grad()
    def _update(self) -> None:
        """Keras' RMSprop, with epsilon inside of the root, in the way of `torch.optim`."""
        gradients = [p.grad for p in self.p if p.grad is not None]
        torch._foreach_mul_(self.velocity, RHO)
        torch._foreach_addcmul_(self.velocity, gradients, gradients, 1 - RHO)
        roots = torch._foreach_add(self.velocity, EPSILON)
        torch._foreach_sqrt_(roots)
        torch._foreach_addcdiv_(self.p, gradients, roots, -LEARNING_RATE)

    def _logits(self, x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        logits = self.network(*x)
        return logits if isinstance(logits, tuple) else (logits,)

    def predict_batch(self) -> Any:
        return self._predict(self.x)

    def predict_one(self) -> Any:
        return self._predict(self.one)

    @torch.inference_mode()
    def _predict(self, x: tuple[Tensor, ...]) -> tuple[Array, ...]:
        return tuple(HEADS[o.loss](each).numpy() for o, each in zip(self.outputs, self._logits(x), strict=True))


def tensors(arrays: tuple[Array, ...]) -> tuple[Tensor, ...]:
    """Tensors over the same memory."""
    return tuple(torch.from_numpy(array) for array in arrays)
