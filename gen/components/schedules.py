"""Schedules: the learning rate of each step.  Arithmetic and defaults: `keras/src/optimizers/schedules`.

The generated model keeps the rate that a schedule starts from, or climbs to, as `model.learning_rate`, which can be
changed at any time; the rule gives that of a step, which counts from 0.
"""

from __future__ import annotations

import math
from typing import Annotated

from gen.components.arguments import Duration, NonNegative, Positive, Range
from gen.components.base import ArgumentError, Schedule, component


@component
class ExponentialDecay(Schedule):
    """Multiplies the rate by `decay_rate` every `decay_steps` steps: smoothly, or all at once with `staircase`.

    Formula: rate = initial_learning_rate · decay_rate ^ (step / decay_steps)
    Example: ExponentialDecay(0.1, 1000, 0.9)
    """

    initial_learning_rate: Positive
    decay_steps: Duration
    decay_rate: Positive
    staircase: bool = False
    name: str | None = None

    def rate(self, learning_rate: float, step: int) -> float:
        periods = step / self.decay_steps
        if self.staircase:
            periods = math.floor(periods)
        return learning_rate * math.pow(self.decay_rate, periods)


@component
class InverseTimeDecay(Schedule):
    """Divides the rate by 1 + `decay_rate` · step / `decay_steps`; `staircase` counts whole periods alone.

    Formula: rate = initial_learning_rate / (1 + decay_rate · step / decay_steps)
    Example: InverseTimeDecay(0.1, 1000, 0.5)
    """

    initial_learning_rate: Positive
    decay_steps: Duration
    decay_rate: NonNegative
    staircase: bool = False
    name: str | None = None

    def rate(self, learning_rate: float, step: int) -> float:
        periods = step / self.decay_steps
        if self.staircase:
            periods = math.floor(periods)
        return learning_rate / (1.0 + self.decay_rate * periods)


@component
class PolynomialDecay(Schedule):
    """Goes from the rate to `end_learning_rate` in `decay_steps` steps; `cycle` begins again, over more steps.

    Formula: rate = (initial_learning_rate - end_learning_rate) · (1 - step / decay_steps) ^ power + end_learning_rate
    Example: PolynomialDecay(0.1, 10_000)
    """

    initial_learning_rate: Positive
    decay_steps: Duration
    end_learning_rate: NonNegative = 0.0001
    power: Positive = 1.0
    cycle: bool = False
    name: str | None = None

    def rate(self, learning_rate: float, step: int) -> float:
        if self.cycle:
            part = step / (self.decay_steps * max(math.ceil(step / self.decay_steps), 1))
        else:
            part = min(step / self.decay_steps, 1.0)
        return (learning_rate - self.end_learning_rate) * math.pow(1.0 - part, self.power) + self.end_learning_rate


@component
class PiecewiseConstantDecay(Schedule):
    """Takes one of `values` after the other: the next when the step is beyond the next of `boundaries`.

    `model.learning_rate` is the largest of them; the others keep their ratio to it.

    Formula: rate = values[k], k = how many boundaries are less than the step
    Example: PiecewiseConstantDecay((1000, 5000), (0.1, 0.01, 0.001))
    """

    boundaries: tuple[float, ...]
    values: tuple[float, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            message = f"there is one more of `values` than of `boundaries`, got {len(self.values)}"
            raise ArgumentError("values", f"{message} and {len(self.boundaries)}")
        if min(self.values) < 0 or max(self.values) <= 0:
            raise ArgumentError("values", "`values` are learning rates, from 0 on")
        if list(self.boundaries) != sorted(self.boundaries):
            raise ArgumentError("boundaries", "`boundaries` are numbers of steps that grow")

    def base(self) -> float:
        return max(self.values)

    def rate(self, learning_rate: float, step: int) -> float:
        place = sum(step > boundary for boundary in self.boundaries)
        return learning_rate * (self.values[place] / max(self.values))


@component
class CosineDecay(Schedule):
    """Falls as half a wave of a cosine, in `decay_steps` steps, to `alpha` times the rate (Loshchilov, Hutter, 2016).

    With a `warmup_target`, the rate first climbs to it from `initial_learning_rate`, in `warmup_steps` steps, and
    `model.learning_rate` is that target.

    Formula: rate = initial_learning_rate · ((1 - alpha) · (1 + cos(π · step / decay_steps)) / 2 + alpha)
    Example: CosineDecay(0.0, 10_000, warmup_target=0.1, warmup_steps=500)
    """

    initial_learning_rate: NonNegative
    decay_steps: Duration
    alpha: NonNegative = 0.0
    name: str | None = None
    warmup_target: Positive | None = None
    warmup_steps: Annotated[int, Range(0)] | NonNegative = 0

    def __post_init__(self) -> None:
        if self.warmup_target is None and self.initial_learning_rate == 0:
            raise ArgumentError("initial_learning_rate", "`initial_learning_rate` must be more than 0, got 0")

    def base(self) -> float:
        return self.initial_learning_rate if self.warmup_target is None else self.warmup_target

    def rate(self, learning_rate: float, step: int) -> float:
        since = float(step)
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                climb = learning_rate - self.initial_learning_rate
                return self.initial_learning_rate + climb * (step / self.warmup_steps)
            since = step - self.warmup_steps
        part = min(since / self.decay_steps, 1.0)
        return learning_rate * ((1.0 - self.alpha) * 0.5 * (1.0 + math.cos(math.pi * part)) + self.alpha)


@component
class CosineDecayRestarts(Schedule):
    """CosineDecay that begins again: each period is `t_mul` times as long as the last, and starts from `m_mul` times
    its rate (Loshchilov and Hutter, 2016).

    Formula: rate = initial_learning_rate · ((1 - alpha) · m_mul^k · (1 + cos(π · part)) / 2 + alpha), in the period k
    Example: CosineDecayRestarts(0.1, 1000)
    """

    initial_learning_rate: Positive
    first_decay_steps: Duration
    t_mul: Positive = 2.0
    m_mul: Positive = 1.0
    alpha: NonNegative = 0.0
    name: str | None = None

    def rate(self, learning_rate: float, step: int) -> float:
        part = step / self.first_decay_steps
        if self.t_mul == 1.0:
            period = math.floor(part)
            part -= period
        else:
            period = math.floor(math.log(1.0 - part * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = self.t_mul**period
            part = (part - (1.0 - length) / (1.0 - self.t_mul)) / length
        wave = 0.5 * self.m_mul**period * (1.0 + math.cos(math.pi * part))
        return learning_rate * ((1.0 - self.alpha) * wave + self.alpha)
