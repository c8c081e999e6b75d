"""What a component is: one class with its arguments as fields and its rules as ordinary NumPy functions.

A component is registered by being defined.  Its rules run as they are (that is the reference); the compiler reads their
source and inlines it.  Names with a meaning in a rule's signature:

| name | is |
| --- | --- |
| the parameters of `output` | the inputs of a layer, in order; `*inputs` for any number of them |
| the keys of `weights` | the layer's weights; `None` where a weight does not exist |
| `dy` | the gradient of what `forward` returned |
| `y` | what `forward` returned |
| any other name in `backward` | the value that `forward` bound to that name, kept |
| `rng` | a `numpy.random.Generator`; a rule that has it is random in training |
| `mask`, `masks` | which steps count, (batch, steps): of the first input, of each; `None` where all do |
| `memory` | in `predict`: an object of the layer's class `memory`, the same in all predictions of this call |
| the keys of `call_options` | what the call on a tensor says, known when the file is compiled |

A `backward` returns names: `dx` is the gradient of `x`, `dkernel` that of `kernel`.  Each is summed over the batch.
That of a weight that is only read by row (`Weight.by_row`) is what a kernel of dtype `"rows"` gives: ids and rows.
An input or a mask that is not there is `None`.  A layer with several outputs has an `output` that gives a list of
shapes, a `forward` that gives a tuple, and gets a tuple as `dy`, with `None` for results that nobody differentiates.
A `/` in the name of a weight is `_` in a signature: `query/kernel` is `query_kernel`.
"""

from __future__ import annotations

import inspect
import math
import re
from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

from gen.components.scope import Scope
from gen.dims import Shape, Size

# ---------------------------------------------------------------------------------------------- what rules are made of


class ArgumentError(ValueError):
    """An argument of a component that does not fit; `argument` names it."""

    def __init__(self, argument: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.argument, self.message, self.hint = argument, message, hint


class ShapeError(ValueError):
    """Inputs whose shapes (or dtypes) do not fit a layer.

    `message` is the sentence of the diagnostic, `label` stands under the call, `code` is the diagnostic's code.
    """

    def __init__(self, message: str, label: str = "", hint: str | None = None, code: str = "shape-mismatch") -> None:
        super().__init__(message)
        self.message, self.label, self.hint, self.code = message, label, hint, code


class Component:
    """Base of all components.  Subclasses are frozen dataclasses; their fields are the arguments, as in Keras."""

    kind: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Further names by which Keras knows it (`acc`, `mse`)."""
    word: ClassVar[str] = ""
    """What it is called if that is neither the name of its class nor the same in snake case."""
    unsupported: ClassVar[dict[str, str]] = {}
    """Arguments that Keras has and gen refuses unless they have their default (None or False), each with the reason."""
    ignored: ClassVar[dict[str, str]] = {}
    """Arguments that Keras has and that change nothing here, each with the reason; a warning says so."""


@dataclass(frozen=True)
class Weight:
    """A weight of a layer: its shape, how it starts, what it costs, whether it is trained."""

    shape: tuple[int, ...]
    initializer: Initializer
    regularizer: Regularizer | None = None
    trainable: bool = True
    by_row: bool = False
    """Whether rules only ever take rows of it by their ids: its gradient is what a kernel of dtype `"rows"` gives."""

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


class Initializer(Component):
    """Draws the first value of a weight: `draw(self, rng, shape)` gives float64; copied into the generated file."""

    kind = "initializer"
    by_row: ClassVar[bool] = False
    """Whether the rows of a weight can be drawn one after the other, with the same result as all at once."""

    def fits(self, shape: tuple[int, ...]) -> None:
        """Raises `ShapeError` if no weight of this shape can be drawn."""


class Regularizer(Component):
    """What a weight costs: `forward(self, w)` gives the penalty, a scalar; `backward(self, w)` its gradient."""

    kind = "regularizer"


class Activation(Component):
    """An array to an array of its shape: `forward(self, x)`, `backward(self, dy, …)`.

    `last_axis` activations (softmax) are written for a matrix and work on its rows.
    """

    kind = "activation"
    last_axis: ClassVar[bool] = False
    probability: ClassVar[bool] = False
    """Whether results lie between 0 and 1, so that a crossentropy can be taken of them."""
    factor: ClassVar[float] = 1.0
    """What `forward` multiplies x with before all else; another one than 1 has a rule `of_multiple` for factor · x."""

    def output(self, x: Shape) -> Shape:
        """The shape of the output, that of the input; raises `ShapeError` where the input has no axis that it needs."""
        return x


class Layer(Component, ABC):
    """A layer: `output(self, x)`, `weights(self, x)`, `forward`, `backward`.

    `output` gives the shape of the output for the shapes of the inputs, all with the batch first, and raises
    `ShapeError`.  `forward` must not apply `activation`: the compiler does, after it.
    `last_axis` layers are written for a matrix (rows, features); the compiler flattens the leading axes.
    A layer with statistics has `update(self, …)`: like `backward` it names what it needs of `forward`, and the
    weights that it changes; it returns their new values under their own names.
    A layer that does something else in prediction has `predict` beside `forward`, with inputs and weights alone.  One
    with statistics predicts in training too while it is frozen, and has `predict_backward` for that.
    """

    kind = "layer"
    last_axis: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    """Whether the layer is called on a list of tensors."""
    applies_activation: ClassVar[bool] = False
    """Whether `forward` applies `activation` itself, inside; otherwise the compiler applies it to the result."""

    internal: ClassVar[bool] = False
    """Whether it is part of what another call stands for, and is not listed by itself."""
    supports_masking: ClassVar[bool] = False
    """Whether steps that the mask leaves out stay apart, so that the mask goes on to the output."""
    memory: ClassVar[type | None] = None
    """Of what class `memory` is, for a rule that has it in its signature; made without arguments, once per model."""
    joins_masks: ClassVar[bool] = False
    """Whether its output has a mask if all of its inputs have one, so that one alone is lost."""
    takes_masks: ClassVar[bool] = False
    """Whether its inputs have no mask any more for calls that depend on its output."""
    call_options: ClassVar[dict[str, Any]] = {}
    """Options of the call on a tensor, with their defaults: `use_causal_mask=True`."""

    # A type checker lets `*_: Any, **__: Any` be overridden by any signature, here one with names for the inputs.

    @abstractmethod
    def output(self, *_: Any, **__: Any) -> Shape | list[Shape]:
        """The shape of the output for the shapes of the inputs, a list for several; raises `ShapeError`."""

    def weights(self, *_: Any, **__: Any) -> dict[str, Weight]:
        """The weights by name, in Keras' order; none by default.  One that does not exist is left out."""
        return {}

    def needs(self, *inputs: Shape) -> tuple[Size, ...]:
        """Sizes that have to be 1 or more when data arrive, besides those of the output."""
        return ()

    def vocabulary(self) -> int | None:
        """For a layer whose input is ids: how many there are, from 0."""
        return None

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        """The mask of the output, where `masks` says how many axes that of each input has; 0 for none.

        The number of the input whose mask it has, or a layer that makes it of the inputs and then the masks that there
        are; None for no mask.
        """
        return next((i for i, axes in enumerate(masks) if axes), None) if self.supports_masking else None

    def dtype(self, *inputs: str) -> str:
        """The dtype of the output (`float` is the model's float type); raises `ShapeError` for one that does not do."""
        for dtype in inputs:
            if dtype != "float":
                raise ShapeError(
                    f"{type(self).__name__} expects numbers, got {dtype}",
                    code="dtype-mismatch",
                    hint="give the Input a float dtype, or embed the ids first",
                )
        return "float"


class Loss(Component):
    """How wrong a prediction is, row by row: `forward(self, y_true, y_pred)` gives one value per row of a matrix.

    `backward(self, scale, …)` gives the gradient of `scale · Σ values` by `y_pred`; `scale` is a Python number.
    """

    kind = "loss"
    sparse: ClassVar[bool] = False
    """Whether targets are class ids, one per row, rather than rows."""
    target_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """Between which numbers targets lie that are no ids; the generated file refuses others, and what is not finite."""

    def after(self, head: Activation | None) -> Loss | None:
        """The loss to compute from what `head` is applied to instead, where that is better; else None.

        Such a loss has `head` as the field and its `forward` gives two results: the values and the prediction.
        """
        return None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        """Raises `ShapeError` (codes `loss-shape`, `loss-range`) if the loss cannot be used on such an output."""


class Metric(Component):
    """A figure to watch: `measure(self, y_true, y_pred)` gives sums over a batch, `result(self, …)` the figure of them.

    `measure` returns a tuple of numbers or arrays; they are added over batches and are the arguments of `result`.  Both
    functions are copied into the generated file, with the fields as parameters.  Arrays have a row for each step that
    counts; where a mask leaves out all of them, they have none.
    """

    kind = "metric"

    @property
    def log_name(self) -> str:
        """The name in the logs: `name`, else that of the class in snake case.

        Keras logs a metric that is given as a word under that word: the compiler puts it in `name`.
        """
        return getattr(self, "name", None) or snake_case(self.word or type(self).__name__)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        """The metric that stands for this one on an output of this shape trained with this loss.

        Raises `ShapeError` (code `metric-shape`) if there is none.
        """
        return self


class Optimizer(Component):
    """`slots(self)` gives the first value of each slot by name; `update(self, w, g, learning_rate, step, …)` one step.

    `update` works on the flat vector of all trainable weights, part by part: each number by itself.  It names the slots
    that it needs and returns the new `w` and slots under their names.  `learning_rate` and `step` (from 1) are Python
    numbers.

    Where there is `decay(self, w, learning_rate)`, it gives the weights that `update` then starts from.

    Where `ignores_zero_gradients(self)`, the rows of a table that a batch does not hold are left for later.  If such
    steps change slots, `untouched(self, steps, …)` names these and returns them after `steps` of them, (rows, 1).
    """

    kind = "optimizer"

    def slots(self) -> dict[str, float]:
        return {}

    def ignores_zero_gradients(self) -> bool:
        """Whether a step without a gradient leaves a weight exactly where it is."""
        return False


# --------------------------------------------------------------------------------------------------------- the registry

KINDS: dict[str, type[Component]] = {
    base.kind: base for base in (Layer, Activation, Loss, Metric, Optimizer, Initializer, Regularizer)
}
registry: dict[str, Scope[type[Component]]] = {kind: Scope(kind) for kind in KINDS}
"""Every component by kind and by each of its names: `registry["loss"]["mse"]`."""


def snake_case(name: str) -> str:
    """`BatchNormalization` → `batch_normalization`, `ReLU` → `re_lu`, `Conv1D` → `conv1d`; as Keras does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


C = TypeVar("C", bound=type[Component])


@dataclass_transform(frozen_default=True)
def component(cls: C) -> C:
    """Make a frozen dataclass of `cls` and register it under its names: its own and in snake case, and its aliases."""
    for name, _ in inspect.getmembers(cls, lambda member: getattr(member, "__isabstractmethod__", False)):
        raise TypeError(f"the {cls.kind} {cls.__name__} has no `{name}`")
    cls = dataclass(frozen=True)(cls)  # type: ignore[assignment]  # dataclass() does not say that it returns cls itself
    made = (cls.__name__,) if cls.kind == "layer" else (cls.__name__, snake_case(cls.__name__))
    for name in (*([cls.word] if cls.word else made), *cls.aliases):
        taken = registry[cls.kind].get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ValueError(f"{cls.kind} {name} is defined twice: {taken.__module__} and {cls.__module__}")
        registry[cls.kind][name] = cls
    return cls


@dataclass(frozen=True)
class Parameter:
    """An argument of a component: its name, the type that it must have, and its default (`required` if none)."""

    name: str
    annotation: Any
    default: Any
    required: bool


def parameters(cls: type[Component]) -> tuple[Parameter, ...]:
    """The arguments of a component in the order in which they may be given by position."""
    return _parameters(cls)  # type: ignore[arg-type]  # a class is hashable, whatever its objects are


@cache
def _parameters(cls: type[Component]) -> tuple[Parameter, ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_parameter(item, hints[item.name]) for item in fields(cls))  # type: ignore[arg-type]  # a dataclass


def _parameter(item: Any, annotation: Any) -> Parameter:
    if item.default_factory is not MISSING:
        return Parameter(item.name, annotation, item.default_factory(), False)
    required = item.default is MISSING
    return Parameter(item.name, annotation, None if required else item.default, required)


def describe(item: Component) -> str:
    """The component as one would write it: `Dense(32, activation=relu)`; arguments at their defaults are left out."""
    given = []
    for parameter in parameters(type(item)):
        value = getattr(item, parameter.name)
        if parameter.required or value != parameter.default:
            given.append(f"{parameter.name}={describe(value) if isinstance(value, Component) else repr(value)}")
    cls = type(item)
    name = cls.word or (cls.__name__ if item.kind in ("layer", "optimizer") else snake_case(cls.__name__))
    return f"{name}({', '.join(given)})" if given else name
