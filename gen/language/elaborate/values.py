"""What an expression of a `.nn` file can be, besides a number, a string, a list or a tuple."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

from gen.components.arguments import Word
from gen.components.base import Activation, Component, Layer, Weight
from gen.diagnostics import Span
from gen.dims import Shape, show
from gen.language import syntax

Value: TypeAlias = Any
"""Numbers, strings, `None`, lists, tuples and ranges stand for themselves; the rest is defined here."""


class Wrong:
    """What is already reported as wrong.  Whatever is made of it is wrong too, and no further error."""

    def __repr__(self) -> str:
        return "what is wrong already"


WRONG = Wrong()


class Nothing:
    """What `compile`, `fit` and the like give."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Nothing()


@dataclass(frozen=True)
class Member(Word):
    """A word that was reached through a module: `losses.mse`; it means only components of these kinds."""

    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Namespace:
    """A module of Keras: `keras.layers`.  `known` is false for those that have no part in a model."""

    path: tuple[str, ...]
    known: bool = True

    def __repr__(self) -> str:
        return f"the module `{'.'.join(self.path)}`"


@dataclass(frozen=True)
class Argument:
    """The value of an argument, where it stands, and the expression that it came from."""

    value: Value
    node: syntax.Expr

    @property
    def span(self) -> Span:
        return self.node.span


@dataclass(frozen=True)
class Arguments:
    """The evaluated arguments of a call; `span` is the whole call, `function` what is called.

    `heading` is what heads the call in the generated file: the statement, or the call alone inside a larger one.
    """

    positional: tuple[Argument, ...]
    keywords: dict[str, Argument]
    name_spans: dict[str, Span]
    span: Span
    function: Span
    heading: Span

    def site(self, group: Group | None) -> Site:
        """Where the call stands, in this group."""
        return Site(self.span, self.heading, group)

    def without_first(self) -> Arguments:
        """These arguments without the first positional one."""
        return replace(self, positional=self.positional[1:])


@dataclass(frozen=True)
class Undecided:
    """A call of a name that is a loss and a metric at once; the argument that it is given to decides."""

    word: Word
    kinds: tuple[str, ...]
    arguments: Arguments

    def __repr__(self) -> str:
        return f"`{self.word.name}(…)`"


@dataclass(frozen=True)
class Key:
    """A key of a dict: its text, and what the file binds to that name, if anything."""

    text: str
    value: Value
    span: Span


@dataclass(frozen=True)
class DictValue:
    """`{"age": mse}`, in the order of the file."""

    items: tuple[tuple[Key, Argument], ...]

    def __repr__(self) -> str:
        return "a dict"


@dataclass(eq=False)
class Group:
    """One call of a block, or a model that is called: its name heads the names of what is made inside."""

    name: str
    parent: Group | None
    depth: int
    owner: ModelValue | Wrapper | None = None
    """The model or the wrapper whose name the group has; None for a block."""


@dataclass(frozen=True)
class Site:
    """Where a call stands: its place, the place of what heads it in the generated file, and the group that it is in."""

    span: Span
    heading: Span
    group: Group | None


@dataclass(eq=False)
class BoxValue:
    """One call of a block or of a model; `group` has its name, and is the same for all calls of a model."""

    group: Group
    parent: BoxValue | None


@dataclass(eq=False)
class LayerValue:
    """A layer of the file.  It is named at the end, from what is noted here."""

    component: Layer | Activation
    kind: str
    span: Span
    group: Group | None
    given_name: str | None = None
    variable: str | None = None
    trainable: bool = True
    input_shape: tuple[Any, ...] | None = None
    """The shape, without the batch, that a first layer of a Sequential was given."""
    input_dtype: str | None = None
    weights: dict[str, Weight] | None = None
    calls: list[LayerCall] = field(default_factory=list)
    written: str = ""
    """What the file writes for it, if not the name of its class: `MaxPool1D`, `add`, `TimeDistributed`, `-`."""

    @property
    def word(self) -> str:
        """What it is called in a message."""
        written = self.written or type(self.component).__name__
        return written if written.isidentifier() else f"`{written}`"

    def in_words(self, text: str) -> str:
        """`text` that its component says of itself, with the word for it that the file has."""
        return re.sub(rf"\b{type(self.component).__name__}\b", self.word, text)

    def __repr__(self) -> str:
        return f"the layer `{self.word.strip('`')}`"


@dataclass(eq=False)
class TensorValue:
    """An array of the model; `maker` is the call or the Input that makes it."""

    shape: Shape
    dtype: str
    maker: LayerCall | InputValue
    group: Group | None
    variable: str | None = None
    """The variable that it is first bound to where it is made."""
    public: str | None = None
    """The variable that it is bound to farthest outside, with the group of that place."""
    public_group: Group | None = None
    mask: TensorValue | None = None
    """Which of its steps count, (batch, steps) of bool; None if all do."""
    takers: tuple[LayerCall, ...] = ()
    """The calls that have taken its mask away, for what depends on what they make."""
    masked: TensorValue | None = None
    """For a mask: the tensor that it was made for."""
    ids_of: TensorValue | None = None
    """For ids that an Input gives as floats: the tensor that has them."""
    wrapper: Wrapper | None = None
    """The wrapper that gives it, and whose name it has."""

    @property
    def last_mask(self) -> TensorValue | None:
        """Its mask where the model ends."""
        return None if self.takers else self.mask

    def __repr__(self) -> str:
        return f"a tensor {show(self.shape)}"


@dataclass(frozen=True)
class CallOptions:
    """What a call on tensors says besides them: a mask, in place of the one that the tensors bring, and options."""

    mask: TensorValue | None = None
    options: dict[str, Any] = field(default_factory=dict)
    carries: bool = True
    """False for an operator of a wrapper's own: its output has the mask of `masked_like`, whatever its inputs have."""
    masked_like: TensorValue | None = None
    moves_mask: bool = False
    """Whether such an operator does to the mask of its input what it does to the input."""
    operator: str = ""
    """How the call is written, where it is no call: `+`, `[…]`.  What is written so has no masks in Keras."""


NO_OPTIONS = CallOptions()


@dataclass(eq=False)
class LayerCall:
    """One call of a layer, in the order of the file."""

    order: int
    layer: LayerValue
    inputs: tuple[TensorValue, ...]
    outputs: tuple[TensorValue, ...]
    heading: Span
    span: Span
    group: Group | None
    owner: Group | None
    """The group that the layer belongs to; it heads the layer's name."""
    said: CallOptions
    """What the call says besides its inputs."""
    masks: tuple[TensorValue | None, ...] = ()
    """The masks of the inputs, if the layer makes use of them."""
    statement: object = field(default_factory=object)
    """The same for all calls that one call in the file became."""
    repeated: bool = False
    """Whether it is a call of a model's layer in a call of the model."""
    box: BoxValue | None = None
    """The innermost call of a block or a model that it was made in."""
    unit: ModelValue | Wrapper | None = None
    """The outermost model or wrapper whose call it is a part of; None where the file calls the layer itself."""

    @property
    def reads(self) -> tuple[TensorValue, ...]:
        """The inputs, and the masks that the layer makes use of."""
        return (*self.inputs, *(mask for mask in self.masks if mask is not None))

    @property
    def makes_mask(self) -> bool:
        """Whether it computes the mask of what another call makes, or the ids that it looks up."""
        return self.outputs[0].masked is not None or self.outputs[0].ids_of is not None


@dataclass(eq=False)
class InputValue:
    """An `Input(…)`; `written` is false for one that follows from the first layer of a Sequential."""

    order: int
    span: Span
    given_name: str | None = None
    written: bool = True
    tensor: TensorValue = field(init=False)


@dataclass(eq=False)
class ModelValue:
    """A `Model` or a `Sequential`.  A Sequential has no inputs until it is built."""

    kind: str
    span: Span
    order: int
    parent: Group | None
    given_name: str | None = None
    variable: str | None = None
    inputs: tuple[TensorValue, ...] = ()
    outputs: tuple[TensorValue, ...] = ()
    calls: list[LayerCall] = field(default_factory=list)
    layers: list[Item] | None = None
    trainable: bool = True
    called: bool = False
    broken: bool = False
    """Whether a layer of it is reported as wrong, so that every call of it is."""
    group: Group | None = None
    """The group of its layers where it is called."""
    names: dict[str, InputValue | Wrapped] = field(default_factory=dict)
    """What the file itself gives a name, of what it consists of: a model or a wrapper inside is one thing."""
    moved_groups: dict[Group, Group] = field(default_factory=dict)
    compilations: list[Arguments] = field(default_factory=list)
    fits: list[Arguments] = field(default_factory=list)
    summary: bool = False
    depth: int = 1
    """How deep models and wrappers hold each other in it, itself counted."""

    @property
    def sequential(self) -> bool:
        return self.layers is not None

    def __repr__(self) -> str:
        return f"the {self.kind}"


@dataclass(eq=False)
class Distributed:
    """`TimeDistributed(…)` of a layer or a model."""

    inner: LayerValue | ModelValue | Distributed | BidirectionalValue
    span: Span
    group: Group
    given_name: str | None = None
    variable: str | None = None
    output: TensorValue | None = None
    """The first that it gave."""
    depth: int = 1
    """How deep models and wrappers hold each other in it, itself counted."""
    kind: ClassVar[str] = "time_distributed"
    word: ClassVar[str] = "TimeDistributed"

    def __repr__(self) -> str:
        return f"the layer `{self.word}`"


@dataclass(eq=False)
class BidirectionalValue:
    """`Bidirectional(…)`: two recurrent layers, the second of which runs from the end."""

    forward: LayerValue
    backward: LayerValue
    merge_mode: str | None
    span: Span
    group: Group
    given_name: str | None = None
    variable: str | None = None
    output: TensorValue | None = None
    """The first that it gave."""
    depth: ClassVar[int] = 1
    kind: ClassVar[str] = "bidirectional"
    word: ClassVar[str] = "Bidirectional"

    def __repr__(self) -> str:
        return f"the layer `{self.word}`"


@dataclass(eq=False)
class CellValue:
    """`LSTMCell(…)`: what an RNN does at each step; `component` is the layer that it becomes."""

    component: Layer
    word: str
    span: Span
    trainable: bool = True
    taken: bool = False
    """Whether an RNN has it."""

    def __repr__(self) -> str:
        return f"the cell `{self.word}`"


Wrapper: TypeAlias = Distributed | BidirectionalValue
Wrapped: TypeAlias = LayerValue | ModelValue | Wrapper
"""What a wrapper can hold, and a Sequential: all that can be called on tensors."""


@dataclass(frozen=True)
class Item:
    """A layer or a model in a Sequential, with its place and what heads its call."""

    value: Wrapped
    span: Span
    heading: Span


@dataclass(frozen=True)
class Method:
    """`model.compile`: a method that is about to be called."""

    owner: ModelValue
    name: str
    span: Span

    def __repr__(self) -> str:
        return f"the method `{self.name}`"


@dataclass(eq=False)
class Binding:
    """A name and what it holds; `read` says whether anything has asked for it."""

    value: Value
    span: Span
    read: bool = False


@dataclass(eq=False)
class Frame:
    """The names of a file, or of one call of a block; a block also sees those of the place where it is defined."""

    enclosing: Frame | None = None
    group: Group | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)

    def find(self, name: str) -> Binding | None:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.bindings:
                return frame.bindings[name]
            frame = frame.enclosing
        return None

    def visible(self) -> list[str]:
        """Every name that can be written here."""
        frame: Frame | None = self
        names: list[str] = []
        while frame is not None:
            names += frame.bindings
            frame = frame.enclosing
        return names


@dataclass(eq=False)
class BlockValue:
    """A `def`, with the frame that it is defined in and the defaults of its parameters."""

    definition: syntax.Def
    frame: Frame
    defaults: dict[str, Argument]

    def __repr__(self) -> str:
        return f"the block `{self.definition.name}`"


def is_wrong(value: Value) -> bool:
    """Whether `value` is, or holds, something that is already reported."""
    match value:
        case Wrong():
            return True
        case list() | tuple():
            return any(is_wrong(item) for item in value)
        case DictValue(items):
            return any(is_wrong(argument.value) for _, argument in items)
        case Undecided(_, _, arguments):
            return any(is_wrong(argument.value) for argument in (*arguments.positional, *arguments.keywords.values()))
        case _:
            return False


def count_items(value: Value, most: int) -> int:
    """How many values are inside `value`, at any depth; counting ends where there are more than `most`."""
    count, pending = 0, [value]
    while pending and count <= most:
        match pending.pop():
            case list() | tuple() as items:
                count += len(items)
                pending += items[: most + 1]
            case DictValue(items):
                count += len(items)
                pending += [argument.value for _, argument in items]
    return count


def nests_deeper(value: Value, most: int) -> bool:
    """Whether lists, tuples and dicts are inside each other in `value` more than `most` deep."""
    level = [value]
    for _ in range(most + 1):
        inside: list[Value] = []
        for each in level:
            match each:
                case list() | tuple() as items:
                    inside += items
                case DictValue(items):
                    inside += [argument.value for _, argument in items]
        if not inside:
            return False
        level = inside
    return True


def describe_value(value: Value) -> str:
    """The value as a message names it: `the number 3`, `a tensor (batch, 32)`."""
    match value:
        case None:
            return "None"
        case bool():
            return str(value)
        case int() | float():
            return f"the number {value!r}"
        case str():
            return "a string"
        case list():
            return "a list"
        case tuple():
            return "a tuple"
        case range():
            return "a range"
        case Word(name):
            return f"`{name}`"
        case Component():
            return f"the {value.kind} `{type(value).__name__}`"
        case _:
            return repr(value)


def sentence(text: str) -> str:
    """`text` with a capital letter first."""
    return text[:1].upper() + text[1:]
