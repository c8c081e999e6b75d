"""The graph of a model: tensors, layer calls, inputs, outputs, and the settings of training.

Plain frozen data.  Tensors, layers, and nodes are compared by identity: two equal calls are still two calls.  Called
models are already flat: every node is the call of one layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gen.components.base import Activation, Constraint, Layer, Loss, Metric, Optimizer, Regularizer, Weight
from gen.diagnostics import Span
from gen.dims import Shape


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array of the model.  `name` is the variable that it is bound to, or comes from its layer's name.

    `shape` has the batch first; `dtype` is `"float"` (the model's float type), `"int32"`, `"bool"`, …
    """

    name: str
    shape: Shape
    dtype: str = "float"


@dataclass(frozen=True, eq=False)
class NamedLayer:
    """A layer with its name and weights; one object for all calls of the layer."""

    name: str
    component: Layer | Activation
    weights: dict[str, Weight]
    trainable: bool = True
    """False freezes all weights of the layer (and a BatchNormalization then runs in inference mode, as in Keras)."""
    parts: tuple[NamedLayer, ...] = ()
    """The layers that it replaces, if it was fused from several; `weights` are theirs."""

    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes."""
        return [weight for weight in self.weights.values() if self.trainable and weight.trainable]

    def owner(self, weight: str) -> NamedLayer:
        """The layer of the model that a weight belongs to: this one, or the part that has it."""
        return next((part for part in self.parts if weight in part.weights), self)


@dataclass(frozen=True, eq=False)
class Box:
    """One call of a model or a block, which groups the nodes that it made.  `parent` is the box around it."""

    name: str
    parent: Box | None = None


@dataclass(frozen=True)
class Call:
    """The place in the `.nn` file that a node comes from.

    `text` is what heads its block in the generated file, on one line: `h = Dense(32, relu)(applicant)`, or the call
    alone where it stands inside a larger expression.  `block` is the same for the nodes that one call became.  `before`
    are the texts of calls that it was fused with.
    """

    text: str
    span: Span
    block: object = None
    before: tuple[str, ...] = ()
    then: str = ""
    """What a rewrite has moved after the call, for its heading: `relu after it`."""
    fused: tuple[object, ...] = ()
    """`block` of the calls that it was fused with, or took an activation from."""
    box: Box | None = None
    """The call of a model or a block that it is part of."""
    wrapper: str = ""
    """`TimeDistributed` or `Bidirectional`, if the call comes from the call of such a wrapper."""
    operator: str = ""
    """How the file writes it, if it is not the call of a layer: `+`, `[…]`, `relu(…)`."""


@dataclass(frozen=True, eq=False)
class Node:
    """One call of a layer: `outputs = layer(inputs)`.

    `masks` says for each input which of its steps count, if the layer uses it; `options` are those of the call.
    """

    layer: NamedLayer
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    call: Call
    masks: tuple[Tensor | None, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    predicts: bool = False
    """Whether it does in training what it does in prediction: a call with `training=False`."""
    turn: int = 0
    """The place in the order of the calls of a layer that changes with each: in Keras' order, not that of the file."""
    inner: tuple[Tensor, ...] = ()
    """Tensors that no longer exist, because the call was fused from several; their names stay taken."""

    @property
    def first(self) -> Tensor | None:
        """Its first input; None where it has none, as a constant."""
        return self.inputs[0] if self.inputs else None

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """The tensors that the call reads: its inputs and their masks."""
        return (*self.inputs, *(mask for mask in self.masks if mask is not None))


@dataclass(frozen=True, eq=False)
class Formula:
    """What a function of the file makes of tensors, in training alone: a loss, a penalty, a metric.

    `inputs` are the tensors that no call gives: the targets and the prediction of an output, a weight.
    """

    name: str
    text: str
    """As the file has it, for comments and the summary."""
    span: Span
    inputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    """Operations and activations, in order."""
    value: Tensor

    @property
    def reads(self) -> set[Tensor]:
        """What it needs that the calls of layers give, or an input is."""
        made = {tensor for node in self.nodes for tensor in node.outputs}
        read = {tensor for node in self.nodes for tensor in node.reads}
        return (read | {self.value}) - made - set(self.inputs)


@dataclass(frozen=True, eq=False)
class OwnLoss(Loss):
    """A loss that the file computes itself: what `formula` makes of the targets, its only input, and of the output."""

    formula: Formula
    summed: bool = False
    """Whether it is the sum of what the formula gives, not the mean."""
    component: Loss | None = None
    """The loss of Keras that the formula is of; None if it is of the file."""

    @property
    def written(self) -> str:
        return self.formula.text

    @property
    def target(self) -> Tensor:
        """The targets."""
        return self.formula.inputs[0]


@dataclass(frozen=True, eq=False)
class OwnLossOfIds(OwnLoss):
    """One whose targets are class ids."""

    sparse = True


@dataclass(frozen=True, eq=False)
class OwnMetric(Metric):
    """A metric that the file computes itself: what `formula` makes of the targets and of the prediction."""

    name: str
    formula: Formula

    @property
    def written(self) -> str:
        return self.formula.text


@dataclass(frozen=True, eq=False)
class OwnRegularizer(Regularizer):
    """A regularizer that the file computes itself, with a function of the weight."""

    name: str
    function: Any

    @property
    def written(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class OwnConstraint(Constraint):
    """A constraint that the file computes itself, with a function of the weight."""

    name: str
    function: Any

    @property
    def written(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Constrained:
    """What one weight is after each step by a function of the file; the only input of `formula` is the weight."""

    layer: NamedLayer
    weight: str
    formula: Formula


@dataclass(frozen=True, eq=False)
class Penalty:
    """What one weight costs by a function of the file; the only input of `formula` is the weight."""

    layer: NamedLayer
    weight: str
    formula: Formula


def target_of(loss: Loss, tensor: Tensor) -> Shape:
    """The shape of the targets of an output that is trained with this loss."""
    if isinstance(loss, OwnLoss):
        return loss.target.shape
    return tensor.shape[:-1] if loss.sparse else tensor.shape


@dataclass(frozen=True, eq=False)
class Input:
    """An input: its public name and its tensor."""

    name: str
    tensor: Tensor
    span: Span


@dataclass(frozen=True, eq=False)
class Output:
    """An output: its public name, its tensor, and how it is trained (`loss` is None in a model not compiled).

    `loss_input` is what the loss is computed from: the tensor itself, or the logits before `head` where the loss is
    fused with its head.
    """

    name: str
    tensor: Tensor
    span: Span
    loss: Loss | None = None
    loss_weight: float = 1.0
    metrics: tuple[tuple[str, Metric], ...] = ()
    """Log name (without the output's name before it) and metric, resolved for this output."""
    loss_input: Tensor | None = None
    loss_text: str = ""
    """The loss as the file writes it, for comments and the summary."""
    mask: Tensor | None = None
    """The steps that count in the loss; None if all do."""


@dataclass(frozen=True)
class Training:
    """The settings of `compile` and `fit`; `fit` contains the defaults that the file gives, by argument name."""

    optimizer: Optimizer
    fit: dict[str, int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Shared:
    """What a model has in common with the other models of its file: all of them work on one set of weights."""

    member: str
    """The identifier of the model."""
    members: tuple[str, ...]
    """Those of all."""
    order: tuple[str, ...]
    """The weights in the order of the flat vector, `layer/weight`; those that a model trains lie side by side."""


@dataclass(frozen=True)
class Graph:
    """A checked model.  `nodes` are in the order of the calls, `layers` in the order of first use, for the weights."""

    name: str
    docstring: str | None
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    training: Training | None
    layers: tuple[NamedLayer, ...]
    summary: bool = False
    """Whether the file asks gen to print the summary when it builds the model."""
    added: tuple[Formula, ...] = ()
    """What `add_loss` adds to the loss."""
    penalties: tuple[Penalty, ...] = ()
    """What weights cost by functions of the file."""
    constrained: tuple[Constrained, ...] = ()
    """What weights are after each step by functions of the file."""
    shared: Shared | None = None
    """Where several models of a file are built; `layers` are then those of all, frozen where they are another's."""
    asked: str = ""
    """The name by which it was picked among the models of its file; empty where the file decides."""

    def formulas(self) -> Iterator[Formula]:
        """What only training computes, by functions of the file."""
        for output in self.outputs:
            if isinstance(output.loss, OwnLoss):
                yield output.loss.formula
            yield from (metric.formula for _, metric in output.metrics if isinstance(metric, OwnMetric))
        yield from self.added
        yield from (penalty.formula for penalty in self.penalties)
        yield from (each.formula for each in self.constrained)

    def watched(self) -> tuple[Tensor, ...]:
        """What the losses read besides the outputs, in the order of the calls that give it; no inputs."""
        wanted = {tensor for formula in self.formulas() for tensor in formula.reads}
        wanted -= {output.tensor for output in self.outputs if output.loss is not None}
        return tuple(tensor for node in self.nodes for tensor in node.outputs if tensor in wanted)

    def maker(self, tensor: Tensor) -> Node:
        """The call that makes `tensor`, which is not an input."""
        return next(node for node in self.nodes if tensor in node.outputs)

    def makers(self) -> dict[Tensor | None, Node]:
        """The call that makes each tensor; inputs have none."""
        return {tensor: node for node in self.nodes for tensor in node.outputs}

    def read_counts(self) -> Counter[Tensor]:
        """How often each tensor is read: by calls, as an input or a mask, as an output, by losses and as its mask."""
        counts = Counter(tensor for node in self.nodes for tensor in node.reads)
        counts.update(tensor for formula in self.formulas() for tensor in formula.reads)
        for output in self.outputs:  # a loss that is computed from the output itself reads no more than the output does
            counts.update({each for each in (output.tensor, output.loss_input, output.mask) if each is not None})
        return counts
