"""The base of recurrent layers: a cell says what happens at one step, and everything else is here.

Arrays have the shape (steps, gates · units, batch): each gate of a step is one block of memory.  A step that the mask
(batch, steps) leaves out hands its states on.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gen.components.base import Activation, Initializer, Layer, Regularizer, Weight
from gen.components.kernels import Array
from gen.components.layers.recurrence import (
    IGNORED,
    UNSUPPORTED,
    Gradient,
    dropped,
    in_order,
    input_share,
    masking_of,
    output_of,
    results_of,
    split_gradient,
    state_share,
    undropped,
    weights_of,
)
from gen.components.loops import Zeros, applied, called, scan
from gen.dims import Shape


class Cell(Layer):
    """A recurrent layer, defined by one step; y is the last h, or h at all steps.

    `step` gives the next h from x, (features, batch), and h, (units, batch).  Its other parameters are weights and
    `drop`, the factors of h in the product of each gate, (gates, units, batch), or None.  The parameters of
    `step_backward` are `dh`, the gradient of the next h, and any name that `step` binds.  It returns `dx`, `dh`, the
    gradient of the h before, and the gradients of the weights, each under its name.
    """

    applies_activation = True
    supports_masking = True
    unsupported = UNSUPPORTED
    ignored = IGNORED

    # The arguments of all recurrent layers; each layer declares them as fields, in Keras' order.
    units: int
    activation: Activation
    use_bias: bool
    kernel_initializer: Initializer
    recurrent_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer | None
    recurrent_regularizer: Regularizer | None
    bias_regularizer: Regularizer | None
    dropout: float
    recurrent_dropout: float
    return_sequences: bool
    return_state: bool
    go_backwards: bool

    gates: ClassVar[int] = 1
    """The number of blocks of units that the kernels hold side by side."""
    first_share: ClassVar[int] = 0
    """The gate for which Keras first draws which features to drop."""

    def output(self, x: Shape, h: Shape | None = None) -> Shape | list[Shape]:
        for activation in (self.activation, getattr(self, "recurrent_activation", self.activation)):
            activation.output((x[0], self.units))
        return output_of(self, x, h)

    def weights(self, x: Shape, h: Shape | None = None) -> dict[str, Weight]:
        bias = Weight((self.gates * self.units,), self.bias_initializer, self.bias_regularizer)
        return weights_of(self, x, self.gates, bias)

    masking = masking_of

    def forward(
        self,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        rng: np.random.Generator,
    ) -> Array | tuple[Array, ...]:
        share = input_share(self, self.gates, x, rng)
        drop = state_share(self, self.gates, x, rng)
        inputs, wide = dropped(x, kernel, share, self.first_share)
        weights = {"kernel": wide, "recurrent_kernel": recurrent_kernel, "bias": bias, "drop": drop}
        left_out = None if mask is None else steps_of(self, np.logical_not(mask))
        states, kept, _ = scan(
            step_of,
            {"h": Zeros((self.units, x.shape[0])) if h is None else h.T},
            {"x": steps_of(self, inputs), "left_out": left_out, "kept": None},
            {"cell": self, "weights": weights, "training": True},
            every=True,
        )
        return results_of(self, states["h"])

    def backward(
        self,
        dy: Gradient,
        x: Array,
        h: Array | None,
        mask: Array | None,
        share: Array | None,
        weights: dict[str, Array | None],
        kept: dict[str, Any],
    ) -> tuple[Array | None, ...]:
        dsequence, dlast, _ = split_gradient(self, dy)
        states, inputs, gradients = scan(
            step_back_of,
            {"dh": Zeros((self.units, x.shape[0])) if dlast is None else dlast.T},
            {
                "dy": None if dsequence is None else dsequence.transpose(1, 2, 0),
                "kept": None if mask is None else steps_of(self, mask),
                "names": kept,
            },
            {"cell": self, "weights": weights},
            backwards=True,
        )
        dinputs, dkernel = undropped(inputs["dx"].transpose(2, 0, 1), gradients["dkernel"], share, self.first_share)
        dx = in_order(self, dinputs)
        dh = None if h is None else states["dh"].T
        drecurrent_kernel = gradients["drecurrent_kernel"]
        dbias = gradients["dbias"]
        return dx, dh, dkernel, drecurrent_kernel, dbias

    def predict(
        self,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
    ) -> Array | tuple[Array, ...]:
        weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias, "drop": None}
        kept = None if mask is None else steps_of(self, mask)
        states, _, _ = scan(
            step_of,
            {"h": Zeros((self.units, x.shape[0])) if h is None else h.T},
            {"x": steps_of(self, x), "left_out": None, "kept": kept},
            {"cell": self, "weights": weights, "training": False},
            every=self.return_sequences,
        )
        if self.return_sequences:
            return results_of(self, states["h"])
        y = states["h"].T
        return (y, y) if self.return_state else y


# ------------------------------------------------------------------------------------------------------------- one step


def step_of(states: dict[str, Array], at: dict[str, Any], constants: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """One step of a cell; h stays as it is where the mask leaves the step out."""
    cell, h = constants["cell"], states["h"]
    after, kept = applied(cell.step, cell.step_backward, {"x": at["x"], "h": h}, constants["weights"])
    if at["left_out"] is not None:
        after = np.where(at["left_out"], h, after)
    if at["kept"] is not None:
        after = np.where(at["kept"], after, h)
    return {"h": after}, kept if constants["training"] else {}, {}


def step_back_of(states: dict[str, Array], at: dict[str, Any], constants: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The gradients of one step; if the mask leaves it out, only the gradient of h passes, unchanged."""
    cell, weights = constants["cell"], constants["weights"]
    dafter = states["dh"] if at["dy"] is None else states["dh"] + at["dy"]
    used = dafter if at["kept"] is None else dafter * at["kept"]
    found = called(cell.step_backward, {**weights, **at["names"], "dh": used})
    dh = found["dh"] if at["kept"] is None else np.where(at["kept"], found["dh"], dafter)
    gradients = {name: found.get(name) for name in ("dkernel", "drecurrent_kernel", "dbias")}
    return {"dh": dh}, {"dx": found["dx"]}, gradients


def activate(activation: Activation, x: Array) -> tuple[Array, dict[str, Array]]:
    """An activation of (units, batch) or (gates, units, batch), and the values that its `backward` asks for."""
    if over_units(activation):
        rows, kept = applied(activation.forward, activation.backward, {"x": units_last(x)})  # type: ignore[attr-defined]  # every activation has both
        return units_first(rows, x.shape), kept
    return applied(activation.forward, activation.backward, {"x": x})  # type: ignore[attr-defined]  # every activation has both


def differentiated(activation: Activation, dy: Array, kept: dict[str, Array]) -> Array:
    """The gradient of the argument of `activate`."""
    if over_units(activation):
        return units_first(activation.backward(units_last(dy), **kept), dy.shape)  # type: ignore[attr-defined]  # every activation has one
    return activation.backward(dy, **kept)  # type: ignore[attr-defined]  # every activation has one


def over_units(activation: Activation) -> bool:
    """Whether an activation works along an axis, which is the axis of the units."""
    return activation.last_axis or hasattr(activation, "axis")


def gate_products(recurrent_kernel: Array, h: Array, drop: Array | None, gates: int) -> Array:
    """The product of h for `gates` gates, side by side; with `drop`, each gate has its own h."""
    if drop is None:
        return recurrent_kernel.T @ h
    units, batch = h.shape
    by_gate = recurrent_kernel.T.reshape(gates, units, units)
    return (by_gate @ (drop[:gates] * h)).reshape(gates * units, batch)


def gate_gradients(
    recurrent_kernel: Array, h: Array, drop: Array | None, dproduct: Array, gates: int
) -> tuple[Array, Array]:
    """The gradients of h and of the kernel of these gates."""
    if drop is None:
        return recurrent_kernel @ dproduct, h @ dproduct.T
    units, batch = h.shape
    by_gate = recurrent_kernel.reshape(units, gates, units).swapaxes(0, 1)
    dh = np.add.reduce((by_gate @ dproduct.reshape(gates, units, batch)) * drop[:gates], axis=0)
    parts = tuple((h * drop[gate]) @ dproduct[gate * units : (gate + 1) * units].T for gate in range(gates))
    return dh, np.concatenate(parts, axis=1)


def units_last(x: Array) -> Array:
    """(…, units, batch) as a matrix with a row for each sample and each gate."""
    return x.swapaxes(-1, -2).reshape(-1, x.shape[-2])


def units_first(rows: Array, shape: Shape) -> Array:
    """The inverse of `units_last`, to the shape of its argument."""
    return rows.reshape(*shape[:-2], shape[-1], shape[-2]).swapaxes(-1, -2)  # type: ignore[arg-type]  # sizes are numbers


# -------------------------------------------------------------------------------------------------------- all the steps


def steps_of(layer: Cell, sequence: Array) -> Array:
    """(batch, steps, …) as (steps, …, batch), in the order in which the loop takes its steps."""
    ordered = in_order(layer, sequence)
    return ordered.transpose(1, 2, 0) if ordered.ndim == 3 else ordered.T
