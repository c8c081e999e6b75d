"""Optimizers: one step over the flat vector of all weights.  Arithmetic and defaults: `keras/src/optimizers`.

The compiler clips the gradient (`clipnorm`, `clipvalue`, or `global_clipnorm`), then applies decoupled weight decay,
and then takes the step.  `learning_rate` and `step`, which counts from 1, are Python numbers.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np

from gen.components.arguments import NonNegative, Positive, Range, Rate
from gen.components.base import ArgumentError, Optimizer, Schedule, component
from gen.components.kernels import Array, nadam_product

UNSUPPORTED = {
    "use_ema": "gen keeps no moving average of the weights",
    "ema_momentum": "gen keeps no moving average of the weights",
    "ema_overwrite_frequency": "gen keeps no moving average of the weights",
    "loss_scale_factor": "gen computes in float32 or float64, which need no scaling of the loss",
    "gradient_accumulation_steps": "gen updates the weights after every batch; use a larger batch",
}


def at_most_one_clipping(optimizer: Optimizer) -> None:
    """Raise `ArgumentError` if more than one of the three kinds of clipping is set."""
    given = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(optimizer, name) is not None]
    if len(given) > 1:
        raise ArgumentError(given[1], f"`{given[0]}` and `{given[1]}` exclude each other", f"keep `{given[0]}` alone")


def plain(optimizer: Optimizer) -> bool:
    """Whether there is no weight decay, momentum, or clipping, so that only its own gradient moves a weight."""
    return not any(
        getattr(optimizer, name, None)
        for name in ("momentum", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
    )


def decoupled(self: Any, w: Array, learning_rate: float) -> Array:
    """The weights after decoupled weight decay, w - learning_rate · weight_decay · w."""
    return w if self.weight_decay is None else w - w * (self.weight_decay * learning_rate)


@component
class SGD(Optimizer):
    """Steps against the gradient; with `momentum`, a step includes a share of the step before it.

    With `nesterov`, the step uses the momentum as it is after this gradient.

    Formula: w = w - learning_rate · g; with momentum: m = momentum · m - learning_rate · g, w = w + m
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.01
    momentum: NonNegative = 0.0
    nesterov: bool = False
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)
        if self.momentum > 1:
            raise ArgumentError("momentum", f"`momentum` must be at most 1, got {self.momentum:g}")

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0} if self.momentum != 0 else {}

    def ignores_zero_gradients(self) -> bool:
        return plain(self)

    def update(
        self, w: Array, g: Array, learning_rate: float, step: int, momentum: Array | None
    ) -> tuple[Array, Array | None]:
        descent = learning_rate * g
        if momentum is None:
            w = w - descent
        else:
            momentum = self.momentum * momentum - descent
            if self.nesterov:
                w = w + (self.momentum * momentum - descent)
            else:
                w = w + momentum
        return w, momentum


@component
class RMSprop(Optimizer):
    """Divides the gradient by the root of its running mean square, the velocity v (Hinton, 2012).

    `momentum` adds a running sum of the steps; `centered` subtracts the square of the running mean from v.

    Formula: v = rho · v + (1 - rho) · g², w = w - learning_rate · g / √(v + epsilon)
    """

    aliases = ("rmsprop",)
    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    rho: Rate = 0.9
    momentum: NonNegative = 0.0
    epsilon: Positive = 1e-7
    centered: bool = False
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        slots = {"velocity": 0.0}
        if self.momentum > 0:
            slots["momentum"] = 0.0
        if self.centered:
            slots["average_gradient"] = 0.0
        return slots

    def ignores_zero_gradients(self) -> bool:
        return plain(self)

    def update(
        self,
        w: Array,
        g: Array,
        learning_rate: float,
        step: int,
        velocity: Array,
        momentum: Array | None,
        average_gradient: Array | None,
    ) -> tuple[Array, Array, Array | None, Array | None]:
        change = (g * g - velocity) * (1 - self.rho)
        velocity = velocity + change
        variance = velocity
        if average_gradient is not None:
            shift = (g - average_gradient) * (1 - self.rho)
            average_gradient = average_gradient + shift
            variance = velocity - average_gradient * average_gradient
        deviation = np.sqrt(variance + self.epsilon)
        increment = learning_rate * g / deviation
        if momentum is not None:
            momentum = self.momentum * momentum + increment
            increment = momentum
        w = w - increment
        return w, velocity, momentum, average_gradient

    def untouched(self, steps: Array, velocity: Array, average_gradient: Array | None) -> tuple[Array, Array | None]:
        decay = self.rho**steps
        velocity = velocity * decay
        if average_gradient is not None:
            average_gradient = average_gradient * decay
        return velocity, average_gradient


@component
class Adam(Optimizer):
    """Divides the running mean of the gradient by the root of its running mean square (Kingma and Ba, 2014).

    alpha is the learning rate with a correction: both means start at 0, so they are too small at first.  `amsgrad`
    divides by the root of the largest velocity so far.

    Formula: m = beta_1 · m + (1 - beta_1) · g, v = beta_2 · v + (1 - beta_2) · g², w = w - alpha · m / (√v + epsilon)
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: Positive = 1e-7
    amsgrad: bool = False
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        slots = {"momentum": 0.0, "velocity": 0.0}
        if self.amsgrad:
            slots["velocity_hat"] = 0.0
        return slots

    def update(
        self,
        w: Array,
        g: Array,
        learning_rate: float,
        step: int,
        momentum: Array,
        velocity: Array,
        velocity_hat: Array | None,
    ) -> tuple[Array, Array, Array, Array | None]:
        alpha = learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        momentum_change = (g - momentum) * (1 - self.beta_1)
        momentum = momentum + momentum_change
        velocity_change = (g * g - velocity) * (1 - self.beta_2)
        velocity = velocity + velocity_change
        scale = velocity
        if velocity_hat is not None:
            velocity_hat = np.maximum(velocity_hat, velocity)
            scale = velocity_hat
        deviation = np.sqrt(scale) + self.epsilon
        increment = alpha * momentum / deviation
        w = w - increment
        return w, momentum, velocity, velocity_hat


@component
class AdamW(Optimizer):
    """Adam, with decoupled weight decay before each step (Loshchilov and Hutter, 2017).

    Formula: w = w - learning_rate · weight_decay · w, then as adam
    """

    aliases = ("adamw",)
    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    weight_decay: NonNegative = 0.004
    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: Positive = 1e-7
    amsgrad: bool = False
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        slots = {"momentum": 0.0, "velocity": 0.0}
        if self.amsgrad:
            slots["velocity_hat"] = 0.0
        return slots

    def update(
        self,
        w: Array,
        g: Array,
        learning_rate: float,
        step: int,
        momentum: Array,
        velocity: Array,
        velocity_hat: Array | None,
    ) -> tuple[Array, Array, Array, Array | None]:
        alpha = learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        momentum_change = (g - momentum) * (1 - self.beta_1)
        momentum = momentum + momentum_change
        velocity_change = (g * g - velocity) * (1 - self.beta_2)
        velocity = velocity + velocity_change
        scale = velocity
        if velocity_hat is not None:
            velocity_hat = np.maximum(velocity_hat, velocity)
            scale = velocity_hat
        deviation = np.sqrt(scale) + self.epsilon
        increment = alpha * momentum / deviation
        w = w - increment
        return w, momentum, velocity, velocity_hat


@component
class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of its squares so far, the accumulator a (Duchi et al., 2011).

    Formula: a = a + g², w = w - learning_rate · g / √(a + epsilon)
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    initial_accumulator_value: NonNegative = 0.1
    epsilon: Positive = 1e-7
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        return {"accumulator": self.initial_accumulator_value}

    def ignores_zero_gradients(self) -> bool:
        return plain(self)

    def update(self, w: Array, g: Array, learning_rate: float, step: int, accumulator: Array) -> tuple[Array, Array]:
        square = g * g
        accumulator = accumulator + square
        deviation = np.sqrt(accumulator + self.epsilon)
        increment = learning_rate * g / deviation
        w = w - increment
        return w, accumulator


@component
class Adadelta(Optimizer):
    """Divides the gradient by the root of its running mean square, a, and multiplies it by that of its steps, d.

    Zeiler, 2012.

    Formula: s = √(d + epsilon) / √(a + epsilon) · g, w = w - learning_rate · s
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    rho: Rate = 0.95
    epsilon: Positive = 1e-7
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        return {"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}

    def update(
        self,
        w: Array,
        g: Array,
        learning_rate: float,
        step: int,
        accumulated_grad: Array,
        accumulated_delta_var: Array,
    ) -> tuple[Array, Array, Array]:
        square = (1 - self.rho) * (g * g)
        accumulated_grad = self.rho * accumulated_grad + square
        deviation = np.sqrt(accumulated_grad + self.epsilon)
        descent = np.sqrt(accumulated_delta_var + self.epsilon) / deviation * g
        descent_square = (1 - self.rho) * (descent * descent)
        accumulated_delta_var = self.rho * accumulated_delta_var + descent_square
        w = w - learning_rate * descent
        return w, accumulated_grad, accumulated_delta_var


@component
class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root of the mean square (Kingma and Ba, 2014).

    Formula: m = beta_1 · m + (1 - beta_1) · g, u = max(beta_2 · u, |g|), w = w - alpha · m / (u + epsilon)
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: Positive = 1e-7
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0, "norm": 0.0}

    def update(
        self, w: Array, g: Array, learning_rate: float, step: int, momentum: Array, norm: Array
    ) -> tuple[Array, Array, Array]:
        alpha = learning_rate / (1 - self.beta_1**step)
        momentum_change = (g - momentum) * (1 - self.beta_1)
        momentum = momentum + momentum_change
        size = np.abs(g)
        norm = np.maximum(self.beta_2 * norm, size)
        deviation = norm + self.epsilon
        increment = alpha * momentum / deviation
        w = w - increment
        return w, momentum, norm


@component
class Nadam(Optimizer):
    """Adam with Nesterov's momentum, which grows over the first steps (Dozat, 2016).

    u_t is the momentum of a step, beta_1 · (1 - 0.96^t / 2), and U_t the product of all up to it.

    Formula: w = w - alpha · (u_(t+1) · m / (1 - U_(t+1)) + (1 - u_t) · g / (1 - U_t)) / (√v + epsilon); m, v as in Adam
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    beta_1: Rate = 0.9
    beta_2: Rate = 0.999
    epsilon: Positive = 1e-7
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0, "velocity": 0.0}

    def numbers(self, step: int) -> tuple[float, ...]:
        return (nadam_product(self.beta_1, step),)

    def update(
        self, w: Array, g: Array, learning_rate: float, step: int, momentum: Array, velocity: Array
    ) -> tuple[Array, Array, Array]:
        now = self.beta_1 * (1.0 - 0.5 * 0.96**step)
        ahead = self.beta_1 * (1.0 - 0.5 * 0.96 ** (step + 1))
        product = nadam_product(self.beta_1, step)
        ahead_share = ahead / (1.0 - product * ahead)
        gradient_share = (1.0 - now) / (1.0 - product)
        correction = math.sqrt(1 - self.beta_2**step)
        momentum_change = (g - momentum) * (1 - self.beta_1)
        momentum = momentum + momentum_change
        velocity_change = (g * g - velocity) * (1 - self.beta_2)
        velocity = velocity + velocity_change
        mean = ahead_share * momentum + gradient_share * g
        deviation = np.sqrt(velocity) / correction + self.epsilon
        increment = learning_rate * mean / deviation
        w = w - increment
        return w, momentum, velocity


@component
class Ftrl(Optimizer):
    """Follows the regularized leader (McMahan et al., 2013), with shrinkage of weights by the l2 of each step.

    `l1_regularization_strength` makes weights exactly 0.  a is the accumulator, z the linear term.

    Formula: a' = a + g², z = z + g - (a'^-power - a^-power) / learning_rate · w,
    w = (clip(z, -l1, l1) - z) / (a'^-power / learning_rate + 2 · l2 + beta / learning_rate)
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    learning_rate_power: Annotated[float, Range(high=0)] = -0.5
    initial_accumulator_value: NonNegative = 0.1
    l1_regularization_strength: NonNegative = 0.0
    l2_regularization_strength: NonNegative = 0.0
    l2_shrinkage_regularization_strength: NonNegative = 0.0
    beta: NonNegative = 0.0
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)

    def slots(self) -> dict[str, float]:
        return {"accumulator": self.initial_accumulator_value, "linear": 0.0}

    def update(
        self, w: Array, g: Array, learning_rate: float, step: int, accumulator: Array, linear: Array
    ) -> tuple[Array, Array, Array]:
        before = accumulator**-self.learning_rate_power
        accumulator = accumulator + g * g
        after = accumulator**-self.learning_rate_power
        change = (after - before) / learning_rate * w
        linear = linear + g
        if self.l2_shrinkage_regularization_strength != 0:
            linear = linear + 2.0 * self.l2_shrinkage_regularization_strength * w
        linear = linear - change
        kept = -linear
        if self.l1_regularization_strength != 0:
            l1 = self.l1_regularization_strength
            kept = np.minimum(np.maximum(linear, -l1), l1) - linear
        quadratic = after / learning_rate
        if self.l2_regularization_strength != 0:
            quadratic = quadratic + 2.0 * self.l2_regularization_strength
        if self.beta != 0:
            quadratic = quadratic + self.beta / learning_rate
        w = kept / quadratic
        return w, accumulator, linear


@component
class Lion(Optimizer):
    """Steps of one size, against the sign of a running mean of the gradient (Chen et al., 2023).

    Formula: w = w - learning_rate · sign(beta_1 · m + (1 - beta_1) · g), m = beta_2 · m + (1 - beta_2) · g
    """

    unsupported = UNSUPPORTED

    learning_rate: Positive | Schedule = 0.001
    beta_1: Rate = 0.9
    beta_2: Rate = 0.99
    weight_decay: NonNegative | None = None
    clipnorm: Positive | None = None
    clipvalue: Positive | None = None
    global_clipnorm: Positive | None = None
    name: str | None = None

    decay = decoupled

    def __post_init__(self) -> None:
        at_most_one_clipping(self)
        if self.beta_1 <= 0:
            raise ArgumentError("beta_1", f"`beta_1` must be more than 0, got {self.beta_1:g}")

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0}

    def update(self, w: Array, g: Array, learning_rate: float, step: int, momentum: Array) -> tuple[Array, Array]:
        share = (1 - self.beta_1) * g
        direction = np.sign(self.beta_1 * momentum + share)
        w = w - learning_rate * direction
        new = (1 - self.beta_2) * g
        momentum = self.beta_2 * momentum + new
        return w, momentum
