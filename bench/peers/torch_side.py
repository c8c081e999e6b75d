"""The systems in PyTorch, eager."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from itertools import cycle, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import BETA_1, BETA_2, EPSILON, LEARNING_RATE, RHO, THREADS
from bench.systems import Array, Batch, System, joined

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", THREADS)))


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


def dense(*sizes: int, between: Callable[[], nn.Module] = nn.ReLU) -> Callable[[System], nn.Module]:
    """Dense layers of these sizes, with relu or another activation between them."""
    pairs = list(pairwise(sizes))
    return lambda _: nn.Sequential(*[layer for a, b in pairs for layer in (nn.Linear(a, b), between())][:-1])


class ChannelsLast(nn.Module):
    """From images with the channels last to PyTorch's order, in the same memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)


class Flat(nn.Module):
    """The numbers of an image in one row, in Keras' order, which is that of the memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def mnist_cnn(_: System) -> nn.Module:
    return nn.Sequential(
        ChannelsLast(),
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(Flat(), nn.Dropout(0.5), nn.Linear(1600, 10)),
    )


def mlp(system: System) -> nn.Module:
    units = system.weights[0][1]
    first = nn.Linear(784, units), nn.ReLU(), nn.Dropout(0.2)
    second = nn.Linear(units, units), nn.ReLU(), nn.Dropout(0.2)
    return nn.Sequential(*first, *second, nn.Linear(units, 10))


class Padded(nn.Module):
    """The row and the column of zeros that Keras adds at the end for a stride of 2."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, (0, 1, 0, 1))


def normalized(a: int, b: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    """A convolution and its batch normalization, with Keras' momentum and epsilon."""
    before = [Padded()] if stride == 2 and size == 3 else []
    padding = 1 if stride == 1 and size == 3 else 0
    convolution = nn.Conv2d(a, b, size, stride, padding, bias=False)
    return [*before, convolution, nn.BatchNorm2d(b, eps=1e-3, momentum=0.01)]


class Stage(nn.Module):
    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.y = nn.Sequential(*normalized(a, b, 3, stride), nn.ReLU(), *normalized(b, b))
        self.s = nn.Sequential(*normalized(a, b, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.y(x) + self.s(x))


def resnet(_: System) -> nn.Module:
    stages = Stage(16, 16, 1), Stage(16, 32, 2), Stage(32, 64, 2)
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    return nn.Sequential(ChannelsLast(), *normalized(3, 16), nn.ReLU(), *stages, *end)


class Kindness(nn.Module):
    """Two LSTMs in both directions; of the second, the last states."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20_000, 128)
        self.first = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
        self.second = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
        self.kind = nn.Linear(128, 1)
        for name, p in [*self.first.named_parameters(), *self.second.named_parameters()]:
            if name.startswith("bias_hh"):
                p.requires_grad_(False).zero_()

    def forward(self, ids: Tensor) -> Tensor:
        steps, _ = self.first(self.embedding(ids))
        last = self.second(steps)[1][0]
        kind: Tensor = self.kind(last.transpose(0, 1).flatten(1))
        return kind


class Block(nn.Module):
    """One block of a Transformer, with four heads of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.joined = (nn.Linear(64, 64) for _ in range(4))
        self.first = nn.LayerNorm(64, eps=1e-6)
        self.dense = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
        self.second = nn.LayerNorm(64, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (each(x).unflatten(2, (4, 16)).transpose(1, 2) for each in (self.query, self.key, self.value))
        context = functional.scaled_dot_product_attention(q, k, v)
        x = self.first(x + self.joined(context.transpose(1, 2).flatten(2)))
        y: Tensor = self.second(x + self.dense(x))
        return y


class MeanOfSteps(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def transformer(_: System) -> nn.Module:
    return nn.Sequential(nn.Embedding(20_000, 64), Block(), Block(), MeanOfSteps(), nn.Linear(64, 2))


NETWORKS: dict[str, Callable[[System], nn.Module]] = {
    "two_classes": dense(100, 32, 1),
    "ten_classes": dense(100, 32, 10),
    "functional": dense(64, 32, 32, 10),
    "video": dense(784, 32, 10),
    "qa": lambda _: Answers(),
    "posts": lambda _: Posts(),
    "mnist_cnn": mnist_cnn,
    "resnet": resnet,
    "mlp": mlp,
    "bilstm": lambda _: Kindness(),
    "transformer": transformer,
    "policy": dense(8, 64, 64, 4, between=nn.Tanh),
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
        self.network, self.outputs, self.size = NETWORKS[system.network](system), system.outputs, system.batch
        self.arrays = batches
        self.batches = [(tensors(x), tensors(y)) for x, y in batches]
        self.x, self.one = self.batches[0][0], tuple(x[:1] for x in self.batches[0][0])
        self.p: list[Tensor] = [p for p in self.network.parameters() if p.requires_grad]
        self.running = [each for each in self.network.buffers() if each.ndim]  # means and variances
        self.start: list[Tensor] = []
        self.velocity: list[Tensor] = []
        self.momentum: list[Tensor] = []
        self.update = {"rmsprop": self._rmsprop, "adam": self._adam}[system.optimizer]

    def load(self, weights: list[Array]) -> None:
        places = [*self.p, *self.running]
        self.start = [turned(torch.from_numpy(array), p) for p, array in zip(places, weights, strict=True)]
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        for p, array in zip([*self.p, *self.running], self.start, strict=False):
            p.copy_(array)
        self.velocity = self.velocity or [torch.zeros_like(p) for p in self.p]
        self.momentum = self.momentum or [torch.zeros_like(p) for p in self.p if self.update == self._adam]
        for slot in (*self.velocity, *self.momentum):
            slot.zero_()
        self.steps = 0
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
        self.network.train()
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
        self.update()
        return [total.detach(), *right]

    @torch.no_grad()
    def _rmsprop(self) -> None:
        """Keras' RMSprop, with epsilon inside of the root, in the way of `torch.optim`."""
        gradients = [p.grad for p in self.p if p.grad is not None]
        torch._foreach_mul_(self.velocity, RHO)
        torch._foreach_addcmul_(self.velocity, gradients, gradients, 1 - RHO)
        roots = torch._foreach_add(self.velocity, EPSILON)
        torch._foreach_sqrt_(roots)
        torch._foreach_addcdiv_(self.p, gradients, roots, -LEARNING_RATE)

    @torch.no_grad()
    def _adam(self) -> None:
        """Keras' Adam, whose epsilon is not corrected, in the way of `torch.optim`."""
        self.steps += 1
        gradients = [p.grad for p in self.p if p.grad is not None]
        torch._foreach_lerp_(self.momentum, gradients, 1 - BETA_1)
        torch._foreach_mul_(self.velocity, BETA_2)
        torch._foreach_addcmul_(self.velocity, gradients, gradients, 1 - BETA_2)
        roots = torch._foreach_sqrt(self.velocity)
        torch._foreach_add_(roots, EPSILON)
        rate = LEARNING_RATE * math.sqrt(1 - BETA_2**self.steps) / (1 - BETA_1**self.steps)
        torch._foreach_addcdiv_(self.p, self.momentum, roots, -rate)

    def _logits(self, x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        logits = self.network(*x)
        return logits if isinstance(logits, tuple) else (logits,)

    def predict_batch(self) -> Any:
        return self._predict(self.x)

    def predict_one(self) -> Any:
        return self._predict(self.one)

    @torch.inference_mode()
    def _predict(self, x: tuple[Tensor, ...]) -> tuple[Array, ...]:
        self.network.eval()
        return tuple(HEADS[o.loss](each).numpy() for o, each in zip(self.outputs, self._logits(x), strict=True))


def turned(array: Tensor, p: Tensor) -> Tensor:
    """A weight in Keras' layout, as PyTorch has it: kernels begin with their results."""
    if p.ndim < 2:
        return array.flatten()
    if p.ndim == 2:  # also the kernels of attention, which have an axis for the heads
        return array if array.shape == p.shape != p.T.shape else array.reshape(p.T.shape).T
    return array.permute(-1, -2, *range(array.ndim - 2))


def tensors(arrays: tuple[Array, ...]) -> tuple[Tensor, ...]:
    """Tensors over the same memory."""
    return tuple(torch.from_numpy(array) for array in arrays)
