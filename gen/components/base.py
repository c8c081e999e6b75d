"""The kinds of components: one class each, with arguments as fields and rules as ordinary NumPy functions.

Defining a component registers it.  Its rules run as they are (that is the reference); the compiler reads their source
and inlines it.  Names with a meaning in a rule's signature:

| name | is |
| --- | --- |
| the parameters of `output` | the inputs of a layer, in order; `*inputs` for any number of them |
| the keys of `weights` | the layer's weights; `None` for a weight that does not exist |
| `dy` | the gradient of the result of `forward` |
| `y` | the result of `forward` |
| any other name in `backward` | the value that `forward` bound to that name, kept |
| `rng` | a `numpy.random.Generator`; a rule that has it is random in training |
| `mask`, `masks` | which steps count, (batch, steps): of the first input, of each; `None` where all do |
| `memory` | in `predict`: an object of the layer's class `memory`, the same in all predictions of this call |
| the keys of `call_options` | the options of the call on a tensor, known when gen compiles the file |

A `backward` returns names: `dx` is the gradient of `x`, `dkernel` the gradient of `kernel`.  Each is summed over the
batch.  If rules only read rows of a weight (`Weight.by_row`), its gradient comes from a kernel of dtype `"rows"`: ids
and rows.  A missing input or mask is `None`.  In a layer with several outputs, `output` returns a list of shapes and
`forward` a tuple; `dy` is a tuple too, with `None` for each result that has no gradient.  A `/` in the name of a weight
is `_` in a signature: `query/kernel` is `query_kernel`.
"""

from __future__ import annotations

import inspect
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, dataclass_transform, get_type_hints

from gen.components.scope import Scope
from gen.dims import Shape, Size

# ------------------------------------------------------------------------------------------------ parts of components


class ArgumentError(ValueError):
    """An invalid argument of a component; `argument` is its name."""

    def __init__(self, argument: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.argument, self.message, self.hint = argument, message, hint


class ShapeError(ValueError):
    """Inputs whose shapes or dtypes do not fit a layer.

    `message` is the sentence of the diagnostic, `label` is the text under the call, `code` is the diagnostic's code.
    """

    def __init__(self, message: str, label: str = "", hint: str | None = None, code: str = "shape-mismatch") -> None:
        super().__init__(message)
        self.message, self.label, self.hint, self.code = message, label, hint, code


class Role(Enum):
    """What a node does for the call in the file that it belongs to."""

    MAIN = auto()
    """It computes what the call gives, or a part of that."""
    MASK = auto()
    """It computes the mask of what the call gives."""
    MERGE = auto()
    """It makes rows of the steps of all rows."""
    SPLIT = auto()
    """It makes steps of such rows again; of its second input, which the steps were of, it reads the shape alone."""


class Component:
    """Base of all components.  Subclasses are frozen dataclasses; their fields are the arguments, as in Keras."""

    kind: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names that Keras accepts for it (`acc`, `mse`)."""
    is_call: ClassVar[bool] = False
    """Whether its `forward` is one call of NumPy, which is written as it is and not inlined: that of a constant."""
    first_arguments: ClassVar[tuple[str, ...]] = ()
    """The first of its arguments by position, where that is not the order of its fields."""
    word: ClassVar[str] = ""
    """Its name, if that is neither the name of its class nor the same in snake case."""
    unsupported: ClassVar[dict[str, str]] = {}
    """Arguments of Keras that gen refuses unless they have their default (None or False), each with the reason."""
    ignored: ClassVar[dict[str, str]] = {}
    """Arguments of Keras that change nothing here, each with the reason; gen warns about them."""

    @property
    def written(self) -> str:
        """How it reads, where that does not follow from its arguments."""
        return ""


@dataclass(frozen=True)
class Weight:
    """A weight of a layer: its shape, initializer, regularizer, and constraint, and whether it is trained."""

    shape: tuple[int, ...]
    initializer: Initializer
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None
    trainable: bool = True
    by_row: bool = False
    """Whether rules only take rows of it by id; a kernel of dtype `"rows"` then gives its gradient."""

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


class Initializer(Component):
    """Draws the first value of a weight: `draw(self, rng, shape)` gives float64; copied into the generated file."""

    kind = "initializer"
    zeros: ClassVar[bool] = False
    """Whether it draws zeros, which a new weight is full of anyway."""
    by_row: ClassVar[bool] = False
    """Whether drawing the rows of a weight one after another gives the same result as drawing all at once."""

    def fits(self, shape: tuple[int, ...]) -> None:
        """Raises `ShapeError` if no weight of this shape can be drawn."""


class Regularizer(Component):
    """A penalty on a weight: `forward(self, w)` gives it, a scalar; `backward(self, w)` gives its gradient.

    As the `activity_regularizer` of a layer, it gets what the layer gives, and counts for each row.
    """

    kind = "regularizer"

    if TYPE_CHECKING:  # the rules: each class defines its own, with the parameters that it asks for
        forward: ClassVar[Any]
        backward: ClassVar[Any]

    def fits(self, shape: Shape) -> None:
        """Raises `ShapeError` if it has no penalty for an array of this shape."""


class Constraint(Component):
    """What holds for a weight after each step: `forward(self, w)` gives the weight that comes closest to `w`."""

    kind = "constraint"

    if TYPE_CHECKING:  # the rules: each class defines its own, with the parameters that it asks for
        forward: ClassVar[Any]


class Computation(Component, ABC):
    """What a node of the graph runs on tensors: a layer or an activation."""

    role: ClassVar[Role] = Role.MAIN
    last_axis: ClassVar[bool] = False
    internal: ClassVar[bool] = False
    """Whether it is part of another call, and gen does not list it separately."""
    own_weight: ClassVar[str] = ""
    """If it gives its one weight as it is: what rules call that, which elsewhere has the layer's name; else empty."""
    arithmetic: ClassVar[bool] = False
    """Whether formulas of a file may consist of it, unless it has weights or draws: it does the same in prediction."""
    gives_list: ClassVar[bool] = False
    """Whether its rules give and take several outputs, even if there is one."""
    inside: ClassVar[tuple[str, ...]] = ()
    """The kinds of the layers without a name that Keras makes for it, which it counts: `dropout`, `dropout_1`."""
    as_floats: ClassVar[bool] = False
    """Whether it takes whole numbers too, which become floats before they come to its rules."""
    takes_stretched: ClassVar[bool] = False
    """Whether `backward` takes a `dy` that is stretched: a view in which one number stands in many places."""

    if TYPE_CHECKING:  # the rules: each class defines its own, with the parameters that it asks for
        forward: ClassVar[Any]
        backward: ClassVar[Any]

    # A type checker lets `*_: Any, **__: Any` be overridden by any signature, here one with names for the inputs.

    @abstractmethod
    def output(self, *_: Any, **__: Any) -> Shape | list[Shape]:
        """The shape of the output for the shapes of the inputs; a list if there are several; raises `ShapeError`."""

    def weights(self, *_: Any, **__: Any) -> dict[str, Weight]:
        """The weights by name, in Keras' order; none by default.  It leaves out weights that do not exist."""
        return {}

    def dtype(self, *inputs: str) -> str:
        """The dtype of the output (`float` is the model's float type); raises `ShapeError` for a wrong dtype."""
        for dtype in inputs:
            if dtype != "float":
                raise ShapeError(
                    f"{type(self).__name__} expects numbers, got {dtype}",
                    code="dtype-mismatch",
                    hint="give the Input a float dtype, or embed the ids first",
                )
        return "float"

    def inferred(
        self, shapes: Sequence[Shape], dtypes: Sequence[str], options: Mapping[str, Any]
    ) -> tuple[Shape | list[Shape], str]:
        """The shape and the dtype of the output for those of the inputs, and the options of the call."""
        dtype = self.dtype(*dtypes)
        return self.output(*shapes), dtype

    def least_and_most(self) -> tuple[float, float] | None:
        """Two numbers between which all numbers of the output lie; None if none are known."""
        return None

    def listed_numbers(self) -> tuple[Any, ...] | None:
        """The numbers of the output, if the file lists them."""
        return None

    def keeps_numbers(self, inputs: int) -> bool:
        """Whether it passes whole numbers of so many inputs on unchanged: in another shape, or fewer of them."""
        try:
            return self.dtype(*["int32"] * inputs) == "int32"
        except ShapeError:
            return False

    def takes_ids(self) -> bool:
        """Whether it looks up what it is given as ids, or makes whole numbers of it."""
        return False

    def slices_beyond_first(self) -> bool:
        """Whether it takes a slice that has another place than the first of an axis in it: `x[:, 1:]`."""
        return False

    def vocabulary(self) -> int | None:
        """The number of ids, which count from 0; None if the input is not ids."""
        return None

    def part_of_ids(self, part: str, axes: int | None) -> tuple[str, int | None]:
        """If it keeps numbers: which part of the first ones it gives, if it is given `part` of them.

        A part is written as NumPy's brackets, for rows with `axes` axes of which all is taken; None for numbers that
        have been moved.
        """
        return part, None


class Activation(Computation):
    """From an array to an array of the same shape: `forward(self, x)`, `backward(self, dy, …)`.

    `last_axis` activations (softmax) are written for a matrix and work on its rows.
    """

    kind = "activation"
    arithmetic = True
    takes_stretched = True
    identity: ClassVar[bool] = False
    """Whether the result is the input."""
    probability: ClassVar[bool] = False
    """Whether results lie between 0 and 1, so that a crossentropy can use them."""
    factor: ClassVar[float] = 1.0
    """What `forward` multiplies x with before all else; another one than 1 has a rule `of_multiple` for factor · x."""

    if TYPE_CHECKING:  # the rules: each class defines its own, with the parameters that it asks for
        of_multiple: ClassVar[Any]

    def output(self, x: Shape) -> Shape:
        """The shape of the output, the same as the input's; raises `ShapeError` if the input lacks an axis."""
        return x

    def keeps_greatest(self) -> bool:
        """Whether it may as well be applied to the greatest of some numbers as to all of them, backward too.

        It never falls, and passes nothing back to numbers that it makes equal.
        """
        return False


class Layer(Computation):
    """A layer: `output(self, x)`, `weights(self, x)`, `forward`, `backward`.

    `output` gives the shape of the output from the shapes of the inputs, all with the batch first; it raises
    `ShapeError`. `forward` must not apply `activation`, because the compiler applies it to the result.  `last_axis`
    layers are written for a matrix (rows, features); the compiler flattens the leading axes.

    A layer with statistics has `update(self, …)`.  Its parameters, as in `backward`, name values of `forward`, and the
    weights that it changes; it returns their new values under their names.

    A layer that works differently in prediction has `predict` besides `forward`; its parameters are only inputs and
    weights.  Where that is another result, it has `predict_backward`: a frozen layer with statistics uses `predict` in
    training too, and so does a call with `training=False`.
    """

    kind = "layer"
    merges: ClassVar[bool] = False
    """Whether the layer is called on a list of tensors."""
    applies_activation: ClassVar[bool] = False
    """Whether `forward` itself applies `activation`; otherwise, the compiler applies it to the result."""

    only_trains: ClassVar[bool] = False
    """Whether the layer does nothing in prediction, as Dropout."""
    supports_masking: ClassVar[bool] = False
    """Whether steps that the mask leaves out stay apart, so that the mask goes on to the output."""
    pools: ClassVar[Literal["greatest", "mean"] | None] = None
    """Which number it makes of each window of its input, or of all of it; None if it does not pool."""
    adds_bias_last: ClassVar[bool] = False
    """Whether the last that its rules do is to add its weight `bias`, if it has one, along the last axis."""
    scales_with_kernel: ClassVar[bool] = False
    """Whether to scale its weight `kernel` along the last axis scales its results, without the `bias`, along theirs."""
    retypes: ClassVar[bool] = False
    """Whether it gives the same numbers in another dtype."""
    memory: ClassVar[type | None] = None
    """The class of `memory`, for a rule that has it in its signature; made without arguments, once per model."""
    joins_masks: ClassVar[bool] = False
    """Whether its output has a mask only if all of its inputs have one."""
    takes_masks: ClassVar[bool] = False
    """Whether calls that depend on its output see its inputs without masks."""
    booleans: ClassVar[tuple[str, ...]] = ()
    """Inputs that say yes or no; integers count as such."""
    left_out: ClassVar[dict[str, str]] = {}
    """An input that a call may leave out though it gives later ones, and the input that takes its place."""
    call_options: ClassVar[dict[str, Any]] = {}
    """Options of the call on a tensor, with their defaults: `use_causal_mask=True`."""

    def learned_axes(self, x: Shape) -> tuple[int, ...] | None:
        """The axes over which `model.adapt` finds its weights `mean` and `variance`; None if it learns nothing so."""
        return None

    def needs(self, *inputs: Shape) -> tuple[Size, ...]:
        """Sizes that must be 1 or more when data arrives, in addition to the sizes of the output."""
        return ()

    def takes_bias(self, x: Shape) -> bool:
        """Whether `predict` can add a weight `bias` along the last axis of `x` before all that it does itself."""
        return False

    def as_initializer(self) -> Initializer | None:
        """The initializer that fills a weight with the numbers that it makes of nothing; None if there is none."""
        return None

    def with_kernel_of(self, linear: Layer, x: Shape) -> Layer | None:
        """The layer that predicts what `linear`, with the result `x`, and this one predict after each other.

        It scales the kernel of `linear` instead of `x`.  None if there is no such layer.
        """
        return None

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        """The mask of the output; `masks` says how many axes the mask of each input has, 0 if there is none.

        Returns the number of the input whose mask the output has, or a layer that computes the mask, or None if there
        is no mask.  That layer takes the inputs, and then the masks that exist.
        """
        return next((i for i, axes in enumerate(masks) if axes), None) if self.supports_masking else None


class Loss(Component):
    """The error of a prediction, row by row: `forward(self, y_true, y_pred)` gives one value per row of a matrix.

    `backward(self, scale, …)` gives the gradient of `scale · Σ values` with respect to `y_pred`; `scale` is a Python
    number.
    """

    kind = "loss"
    sparse: ClassVar[bool] = False
    """Whether targets are class ids, one per row, instead of rows."""
    target_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The range of targets that are not ids; the generated file refuses other targets, and NaN and infinity."""

    if TYPE_CHECKING:  # the rules: each class defines its own, with the parameters that it asks for
        forward: ClassVar[Any]
        backward: ClassVar[Any]

    def by_tensors(self) -> bool:
        """Whether it is not one value for each row: then it is what the function of its name makes of tensors."""
        return getattr(self, "axis", -1) != -1

    def after(self, head: Activation | None) -> Loss | None:
        """The loss to compute instead from the input of `head`, if that is better; else None.

        Its field is `head`, and its `forward` gives two results: the values and the prediction.
        """
        return None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        """Raises `ShapeError` (codes `loss-shape`, `loss-range`) if the loss does not fit such an output."""


class Metric(Component):
    """A figure to watch: `measure(self, y_true, y_pred)` gives sums over a batch, `result(self, …)` the figure.

    `measure` returns a tuple of numbers or arrays; the generated file adds them over batches and gives them to
    `result`. It contains copies of both functions, with the fields as parameters.  Arrays have one row for each step
    that counts, and no rows if a mask leaves out all steps.
    """

    kind = "metric"
    logged: ClassVar[str] = ""
    """Its name in the logs, if that is not the name of its class in snake case."""

    @property
    def log_name(self) -> str:
        """The name in the logs: `name`, else the class name in snake case.

        If a metric is given as a word, Keras logs it under that word; the compiler then puts the word in `name`.
        """
        return getattr(self, "name", None) or self.logged or snake_case(self.word or type(self).__name__)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        """The metric to use on an output of this shape that is trained with this loss.

        Raises `ShapeError` (code `metric-shape`) if there is none.
        """
        return self


class Schedule(Component, ABC):
    """The learning rate of each step: `rate(self, learning_rate, step)`, copied into the generated file.

    `base` is what the model's `learning_rate` is at first; `step` counts from 0.
    """

    kind = "schedule"
    initial_learning_rate: float

    def base(self) -> float:
        """The rate that it starts from, or climbs to."""
        return self.initial_learning_rate

    @abstractmethod
    def rate(self, learning_rate: float, step: int) -> float:
        """The rate of a step, for this base."""


class Optimizer(Component):
    """The first value of each slot, `slots(self)`, and a step, `update(self, w, g, learning_rate, step, …)`.

    `slots` returns the values by name.  `update` works on the flat vector of all trainable weights, part by part, and
    on each number separately.  Its parameters name the slots that it needs; it returns the new `w` and slots under
    their names.  `learning_rate` and `step` (from 1) are Python numbers.

    If there is a `decay(self, w, learning_rate)`, `update` starts from the weights that it returns.

    If `ignores_zero_gradients(self)`, the rows of a table that a batch does not contain wait until a batch contains
    them. If steps without a gradient change slots, `untouched(self, steps, …)` names these slots and returns their
    values after `steps` such steps, (rows, 1).
    """

    kind = "optimizer"
    learning_rate: float | Schedule

    if TYPE_CHECKING:  # the rules: each class defines its own, with the parameters that it asks for
        update: ClassVar[Any]

    @property
    def schedule(self) -> Schedule | None:
        """What its learning rate follows; None if it stays."""
        rate = getattr(self, "learning_rate", None)  # one of the user's own may have none
        return rate if isinstance(rate, Schedule) else None

    @property
    def first_rate(self) -> float:
        """The learning rate that the model begins with."""
        return float(getattr(self, "learning_rate", 0.001)) if self.schedule is None else self.schedule.base()

    def slots(self) -> dict[str, float]:
        return {}

    def numbers(self, step: int) -> tuple[float, ...]:
        """The numbers that Keras keeps besides the slots after so many steps, which gen computes from the step."""
        return ()

    def ignores_zero_gradients(self) -> bool:
        """Whether a step without a gradient leaves a weight exactly as it is."""
        return False


# --------------------------------------------------------------------------------------------------------- the registry

KINDS: dict[str, type[Component]] = {
    base.kind: base
    for base in (Layer, Activation, Loss, Metric, Optimizer, Schedule, Initializer, Regularizer, Constraint)
}
registry: dict[str, Scope[type[Component]]] = {kind: Scope(kind) for kind in KINDS}
"""Every component, by its kind and each of its names: `registry["loss"]["mse"]`."""


@cache
def snake_case(name: str) -> str:
    """`BatchNormalization` → `batch_normalization`, `ReLU` → `re_lu`, `Conv1D` → `conv1d`; as Keras does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


C = TypeVar("C", bound=type[Component])


@dataclass_transform(frozen_default=True)
def component(cls: C) -> C:
    """Make a frozen dataclass of `cls` and register it: under its name, the same in snake case, and its aliases."""
    for name, _ in inspect.getmembers(cls, lambda member: getattr(member, "__isabstractmethod__", False)):
        raise TypeError(f"the {cls.kind} {cls.__name__} has no `{name}`")
    cls = dataclass(frozen=True)(cls)  # type: ignore[assignment]  # dataclass() does not say that it returns cls itself
    made = (cls.__name__,) if cls.kind in ("layer", "schedule") else (cls.__name__, snake_case(cls.__name__))
    for name in (*([cls.word] if cls.word else made), *cls.aliases):
        taken = registry[cls.kind].get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ValueError(f"{cls.kind} {name} is defined twice: {taken.__module__} and {cls.__module__}")
        registry[cls.kind][name] = cls
    return cls


@dataclass(frozen=True)
class Parameter:
    """An argument of a component: its name, its type, and its default (`required` if it has none)."""

    name: str
    annotation: Any
    default: Any
    required: bool


def parameters(cls: type[Component]) -> tuple[Parameter, ...]:
    """The arguments of a component, in the order of positional arguments."""
    return _parameters(cls)  # type: ignore[arg-type]  # a class is hashable, whatever its objects are


def given_to(item: Component) -> dict[str, Any]:
    """The arguments of a component by name, in their order."""
    return {parameter.name: getattr(item, parameter.name) for parameter in parameters(type(item))}


@cache
def _parameters(cls: type[Component]) -> tuple[Parameter, ...]:
    hints = get_type_hints(cls, include_extras=True)
    found = {item.name: _parameter(item, hints[item.name]) for item in fields(cls)}  # type: ignore[arg-type]  # a dataclass
    return tuple(found[name] for name in dict.fromkeys((*cls.first_arguments, *found)))


def _parameter(item: Any, annotation: Any) -> Parameter:
    if item.default_factory is not MISSING:
        return Parameter(item.name, annotation, item.default_factory(), False)
    required = item.default is MISSING
    return Parameter(item.name, annotation, None if required else item.default, required)


def describe(item: Component) -> str:
    """The component as source text: `Dense(32, activation=relu)`; it leaves out arguments that have their defaults."""
    if item.written:
        return item.written
    given = []
    for parameter in parameters(type(item)):
        value = getattr(item, parameter.name)
        if parameter.required or value != parameter.default:
            given.append(f"{parameter.name}={describe(value) if isinstance(value, Component) else repr(value)}")
    cls = type(item)
    name = cls.word or (cls.__name__ if item.kind in ("layer", "optimizer") else snake_case(cls.__name__))
    return f"{name}({', '.join(given)})" if given else name
