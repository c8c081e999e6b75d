"""The base of recurrent layers: a cell says what happens at one step, and everything else is here.

Arrays have the shape (steps, gates · units, batch): each gate of a step is one block of memory.  A step that the mask
(batch, steps) leaves out hands its states on.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from gen.components.base import Activation, Constraint, Initializer, Layer, Regularizer, Weight
from gen.components.kernels import Array, kernel
from gen.components.layers.recurrence import (
    IGNORED,
    UNSUPPORTED,
    Gradient,
    dropped,
    drops_by_gate,
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
    kernel_constraint: Constraint | None = None
    recurrent_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None
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
        check_activations(self, x)
        return output_of(self, x, h)

    def weights(self, x: Shape, h: Shape | None = None) -> dict[str, Weight]:
        bias = Weight((self.gates * self.units,), self.bias_initializer, self.bias_regularizer, self.bias_constraint)
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
        states, kept, share, weights = trained(self, x, {"h": h}, kernel, recurrent_kernel, bias, mask, rng)
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
        dx, dstates, gradients = differentiated_steps(self, dy, x, {"h": h}, mask, share, weights, kept)
        dh = dstates["h"]
        dkernel, drecurrent_kernel, dbias = gradients
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
        return predicted(self, x, {"h": h}, kernel, recurrent_kernel, bias, mask)


# ------------------------------------------------------------------------------------------------------------- one step


def step_of(states: dict[str, Array], at: dict[str, Any], constants: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """What a cell does at one step; where the mask leaves it out, the states stay as they are."""
    cell = constants["cell"]
    result, kept = applied(cell.step, cell.step_backward, {"x": at["x"], **states}, constants["weights"])
    new = dict(zip(states, result if isinstance(result, tuple) else (result,), strict=True))
    if at["left_out"] is not None:
        new = {name: np.where(at["left_out"], states[name], after) for name, after in new.items()}
    if at["kept"] is not None:
        new = {name: np.where(at["kept"], after, states[name]) for name, after in new.items()}
    return new, kept if constants["training"] else {}, {}


def step_back_of(states: dict[str, Array], at: dict[str, Any], constants: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The gradients of one step; where the mask leaves it out, those of states stay as they are, others are none."""
    cell, weights = constants["cell"], constants["weights"]
    dafter = states if at["dy"] is None else {**states, "dh": states["dh"] + at["dy"]}
    used = {name: counted(value, at["kept"]) for name, value in dafter.items()}
    found = called(cell.step_backward, {**weights, **at["names"], **used})
    before = {name: found[name] for name in states}
    if at["kept"] is not None:
        before = {name: np.where(at["kept"], value, dafter[name]) for name, value in before.items()}
    gradients = {name: found.get(name) for name in ("dkernel", "drecurrent_kernel", "dbias")}
    return before, {"dx": found["dx"]}, gradients


def counted(dafter: Array, kept: Array | None) -> Array:
    """The gradient of a state, 0 where the mask leaves the step out."""
    used = dafter if kept is None else dafter * kept
    return used  # its name is that of the array in the generated file


def check_activations(cell: Cell, x: Shape) -> None:
    """Raise `ShapeError` where an activation does not take what a cell gives it."""
    for activation in (cell.activation, getattr(cell, "recurrent_activation", cell.activation)):
        activation.output((x[0], cell.units))


def activate(activation: Activation, x: Array, multiplied: bool = False) -> tuple[Array, dict[str, Array]]:
    """An activation of (units, batch) or (gates, units, batch), and what its `backward` asks for.

    `multiplied` says that x has the activation's factor already; see `prefactor`.
    """
    if over_units(activation):
        rows, kept = applied(activation.forward, activation.backward, {"x": units_last(x)})
        return units_first(rows, x.shape), kept
    if multiplied and activation.factor != 1:
        return applied(activation.of_multiple, activation.backward, {"x": x})
    return applied(activation.forward, activation.backward, {"x": x})


def prefactor(activation: Activation) -> float:
    """What the weights of a gate are multiplied with, once, so that no step has to do that to their sums.

    The sigmoid is 1/2 + tanh(x / 2) / 2, and the half may be a matter of the weights that x comes from.
    """
    return 1.0 if over_units(activation) else activation.factor


@kernel(
    lambda weights, factors, order=None: weights,
    operations=lambda weights, factors, order=None: math.prod(weights),
    linear=True,
)
def multiplied_blocks(
    weights: Array, factors: tuple[float, ...], order: tuple[int, ...] | None = None, out: Array | None = None
) -> Array:
    """The blocks along the last axis, each times its factor; in another order, where first is block `order[0]`."""
    if out is None:
        out = np.empty_like(weights)
    blocks = weights.reshape(*weights.shape[:-1], len(factors), -1)
    result = out.reshape(blocks.shape)
    by_block = np.array(factors, weights.dtype)[:, np.newaxis]
    if order is not None:
        blocks = np.take(blocks, order, axis=-2, out=result, mode="clip")
    np.multiply(blocks, by_block, out=result)
    return out


def in_blocks(weights: Array, factors: tuple[float, ...], order: tuple[int, ...] | None = None) -> Array:
    """`multiplied_blocks`, or what is the same where all have one factor."""
    if order is None and len(set(factors)) == 1:
        return weights * factors[0]
    return multiplied_blocks(weights, factors, order)


def differentiated(activation: Activation, dy: Array, kept: dict[str, Array]) -> Array:
    """The gradient of the argument of `activate`."""
    if over_units(activation):
        return units_first(activation.backward(units_last(dy), **kept), dy.shape)
    return activation.backward(dy, **kept)


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


def input_kernel_gradient(cell: Cell, x: Array, dsums: Array, order: tuple[int, ...]) -> Array:
    """The gradient of the kernel that projects x; the gates of `dsums` are those of x in this order.

    Where each gate drops features of its own, x has those of all gates, and a gate only its own in its gradient.
    """
    gates, units = cell.gates, cell.units
    if not drops_by_gate(cell, gates):
        return x @ dsums.T
    features = x.shape[0] // gates
    parts = tuple(
        x[gate * features : (gate + 1) * features] @ dsums[place * units : (place + 1) * units].T
        for place, gate in enumerate(order)
    )
    return np.concatenate(parts, axis=1)


def units_last(x: Array) -> Array:
    """(…, units, batch) as a matrix with a row for each sample and each gate."""
    return x.swapaxes(-1, -2).reshape(-1, x.shape[-2])


def units_first(rows: Array, shape: Shape) -> Array:
    """The inverse of `units_last`, to the shape of its argument."""
    return rows.reshape(*shape[:-2], shape[-1], shape[-2]).swapaxes(-1, -2)  # type: ignore[arg-type]  # sizes are numbers


# -------------------------------------------------------------------------------------------------------- all the steps


def trained(
    cell: Cell,
    x: Array,
    first: dict[str, Array | None],
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
    rng: np.random.Generator,
) -> tuple[dict[str, Array], dict[str, Any], Array | None, dict[str, Array | None]]:
    """The states of all steps, and what the gradients are computed from: what steps keep, what is dropped, weights."""
    share = input_share(cell, cell.gates, x, rng)
    drop = state_share(cell, cell.gates, x, rng)
    inputs, wide = dropped(x, kernel, share, cell.first_share)
    weights = {"kernel": wide, "recurrent_kernel": recurrent_kernel, "bias": bias, "drop": drop}
    left_out = None if mask is None else steps_of(cell, np.logical_not(mask))
    states, kept, _ = scan(
        step_of,
        {name: Zeros((cell.units, x.shape[0])) if state is None else state.T for name, state in first.items()},
        {"x": steps_of(cell, inputs), "left_out": left_out, "kept": None},
        {"cell": cell, "weights": weights, "training": True},
        every=True,
    )
    return states, kept, share, weights


def differentiated_steps(
    cell: Cell,
    dy: Gradient,
    x: Array,
    first: dict[str, Array | None],
    mask: Array | None,
    share: Array | None,
    weights: dict[str, Array | None],
    kept: dict[str, Any],
) -> tuple[Array, dict[str, Array | None], tuple[Array | None, ...]]:
    """The gradients of x, of the first states that are given, and of the weights."""
    dresults = split_gradient(cell, dy)
    dsequence, last = dresults[0], dict(zip(first, dresults[1:], strict=False))
    states, inputs, found = scan(
        step_back_of,
        {"d" + name: Zeros((cell.units, x.shape[0])) if end is None else end.T for name, end in last.items()},
        {
            "dy": None if dsequence is None else dsequence.transpose(1, 2, 0),
            "kept": None if mask is None else steps_of(cell, mask),
            "names": kept,
        },
        {"cell": cell, "weights": weights},
        backwards=True,
    )
    dinputs = undropped(inputs["dx"].transpose(2, 0, 1), share, cell.first_share)
    dstates = {name: None if start is None else states["d" + name].T for name, start in first.items()}
    return in_order(cell, dinputs), dstates, (found["dkernel"], found["drecurrent_kernel"], found["dbias"])


def predicted(
    cell: Cell,
    x: Array,
    first: dict[str, Array | None],
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
) -> Array | tuple[Array, ...]:
    """The results in prediction, which keeps no more of the states than is asked for."""
    weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias, "drop": None}
    kept = None if mask is None else steps_of(cell, mask)
    states, _, _ = scan(
        step_of,
        {name: Zeros((cell.units, x.shape[0])) if state is None else state.T for name, state in first.items()},
        {"x": steps_of(cell, x), "left_out": None, "kept": kept},
        {"cell": cell, "weights": weights, "training": False},
        every=cell.return_sequences,
    )
    if cell.return_sequences:
        return results_of(cell, *states.values())
    last = tuple(state.T for state in states.values())
    return (last[0], *last) if cell.return_state else last[0]


def steps_of(layer: Cell, sequence: Array) -> Array:
    """(batch, steps, …) as (steps, …, batch), in the order in which the loop takes its steps."""
    ordered = in_order(layer, sequence)
    return ordered.transpose(1, 2, 0) if ordered.ndim == 3 else ordered.T
