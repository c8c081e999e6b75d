"""What an expression of a `.nn` file can be, besides what Python's own values stand for.

Numbers, strings, `None`, lists, tuples, sets, ranges and sizes (`gen.dims.Dim`) stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias

from gen.components.arguments import Word
from gen.components.base import Activation, Component, Initializer, Layer, Regularizer, Weight, snake_case
from gen.diagnostics import Span
from gen.dims import Dim, Shape, show
from gen.language import syntax
from gen.records import record

Value: TypeAlias = Any


class Wrong:
    """What is already reported as wrong.  Whatever is made of it is wrong too, and no further error."""

    def __repr__(self) -> str:
        return "what is wrong already"


WRONG = Wrong()


MOST_CAUSES = 20
"""How many unknown values are kept that something comes from."""


@record
class Held:
    """What is known of an attribute of something unknown; `is_set` says that the file has set it."""

    value: Value
    is_set: bool = True
    made_by: tuple[Span, ...] = ()


@record
class Unknown:
    """What gen cannot know when it reads a file: data, and whatever is made of data or of other libraries.

    It is no error in itself.  It becomes one where the model depends on it.
    """

    text: str
    """What it comes from, as the file writes it: `np.load("words.npy")`."""
    span: Span
    """Where that is."""
    name: str | None = None
    """The variable that it was last bound to."""
    needed: Span | None = None
    """Where something of a model was first made of it."""
    missing: bool = False
    """Whether it is something of Keras that gen does not have."""
    kept: bool = False
    """Whether the statement that makes it says something of the model: `model.fit(…)`."""
    others: tuple[Unknown, ...] = ()
    """What else it comes from."""
    why: str = "which is not known when gen reads the file"
    made_by: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    """The statements that have made it."""
    holder: Unknown | None = field(default=None, compare=False, repr=False)
    """What it is an attribute of."""
    known: dict[str, Held] = field(default_factory=dict, compare=False, repr=False)
    """What is known of its attributes, and of its items by `[key]`."""

    def of_model(self, span: Span) -> Unknown:
        """The same for something of a model that is made of it at `span`."""
        return self if self.needed else replace(self, needed=span)

    def with_others(self, found: Iterable[Unknown]) -> Unknown:
        """The same, where it also comes from what is `found`, as far as that is something of a model."""
        others = dict.fromkeys(self.others)
        for each in found:
            if each.missing or each.needed:
                others |= dict.fromkeys((replace(each, others=()), *each.others))
        others.pop(replace(self, others=()), None)
        return replace(self, others=tuple(others)[:MOST_CAUSES]) if len(others) > len(self.others) else self

    def __repr__(self) -> str:
        return f"`{self.name or self.text}`, {self.why}"


@record
class Data(Unknown):
    """Data whose shape is known; its size is `Unknown` where only the rows that are taken say it."""

    shape: tuple[Value, ...] = ()
    classes: int | None = None
    """How many different labels there are, for labels."""
    drawn: Initializer | None = None
    """The distribution that all of its numbers are drawn from, where that is known."""

    @property
    def distribution(self) -> Initializer | None:
        """What its numbers are drawn from, unless something may have changed some of them."""
        return None if "[]" in self.known else self.drawn

    def touch(self) -> None:
        """Note that something may have changed some of its numbers."""
        self.known["[]"] = Held(None, is_set=False)

    def __repr__(self) -> str:
        return Unknown.__repr__(self)


@record
class Variable(Unknown):
    """`tf.Variable(value)`: a weight of the layer or the model that holds it, whose first value is drawn."""

    drawn: Initializer | None = None
    shape: tuple[int, ...] = ()
    trained: bool = True

    def __repr__(self) -> str:
        return Unknown.__repr__(self)


def without_shape(value: Value) -> Value:
    """A value of which a computation is made: nobody knows its shape or its attributes."""
    if isinstance(value, Data | Variable):
        return Unknown(value.text, value.span, value.name, value.needed, made_by=value.made_by)
    return replace(value, kept=False, holder=None, known={}) if isinstance(value, Unknown) else value


class Phase:
    """The argument `training` of a `call`: true in `fit`, false in `predict`, and so not known to the file."""

    def __repr__(self) -> str:
        return "`training`, which is not known when gen reads the file"


PHASE = Phase()


@dataclass(frozen=True)
class Builtin(Word):
    """A function or a type of Python's own: `len`, `int`; as the word for a dtype it means that."""

    def __repr__(self) -> str:
        return f"Python's `{self.name}`"


@dataclass(frozen=True)
class PlainFunction:
    """A function of plain values out of a module: `math.sqrt`, `np.prod`."""

    path: str

    def __repr__(self) -> str:
        return f"the function `{self.path}`"


@dataclass(frozen=True)
class Member(Word):
    """A word that was reached through a module: `losses.mse`; it means only components of these kinds."""

    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Function(Word):
    """A function on tensors, by its path: `keras.ops.sum`.  As an argument it is the word for an activation."""

    path: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"the function `{'.'.join(self.path)}`"


@dataclass(frozen=True)
class Namespace:
    """A module of Keras: `keras.layers`.  `known` is false for those that have no part in a model."""

    path: tuple[str, ...]
    known: bool = True

    def __repr__(self) -> str:
        return f"the module `{'.'.join(self.path)}`"


@dataclass(frozen=True)
class Application:
    """What `keras.applications` has under a name: a function of a text of gen's own."""

    name: str
    text: str

    def __repr__(self) -> str:
        return f"`{self.name}` of `keras.applications`"


@record
class Argument:
    """The value of an argument, where it stands, and the expression that it came from."""

    value: Value
    node: syntax.Expr

    @property
    def span(self) -> Span:
        return self.node.span


@record
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

    def with_others(self, others: Arguments) -> Arguments:
        """These arguments and then `others`, in a call of the others; what is named by both is that of the others."""
        return replace(
            others,
            positional=(*self.positional, *others.positional),
            keywords=self.keywords | others.keywords,
            name_spans=self.name_spans | others.name_spans,
        )

    def without_first(self) -> Arguments:
        """These arguments without the first positional one."""
        return replace(self, positional=self.positional[1:])


@dataclass(eq=False)
class ParserValue:
    """A parser of `argparse`: what its options are where a command line says nothing."""

    defaults: dict[str, Value] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "a parser of `argparse`"


@dataclass(eq=False)
class OptionsValue:
    """What a parser of `argparse` gives: the options by name."""

    values: dict[str, Value]

    def __repr__(self) -> str:
        return "what `parse_args` gives"


@dataclass(eq=False)
class PartialValue:
    """`functools.partial(function, …)`: a function with the first of its arguments."""

    function: Value
    arguments: Arguments

    def completed(self, others: Arguments) -> Arguments:
        """The arguments of a call that gives the others."""
        return self.arguments.with_others(others)

    def __repr__(self) -> str:
        return "a `functools.partial`"


@dataclass(eq=False)
class RecordType:
    """`collections.namedtuple("Stage", ["filters", "stride"])`: a type of tuples whose items have names."""

    name: str
    fields: tuple[str, ...]
    defaults: dict[str, Value]

    def __repr__(self) -> str:
        return f"the named tuple `{self.name}`"


class RecordValue(tuple[Any, ...]):
    """A tuple of such a type."""

    type: RecordType


@record
class Undecided:
    """A call of a name that is a loss and a metric at once; the argument that it is given to decides."""

    word: Word
    kinds: tuple[str, ...]
    arguments: Arguments

    def __repr__(self) -> str:
        return f"`{self.word.name}(…)`"


@record
class Key:
    """A key of a dict: its text, the value that it is, and where it stands."""

    text: str
    value: Value
    span: Span


class DictValue(dict[Any, Value]):
    """`{"age": mse}`; `written` has the key and the value as the file writes them, for those of a display."""

    def __init__(self, entries: dict[Any, Value] | None = None) -> None:
        super().__init__(entries or {})
        self.written: dict[Any, tuple[syntax.Expr, syntax.Expr]] = {}

    def __repr__(self) -> str:
        return "a dict"


def entries_of(argument: Argument) -> list[tuple[Key, Argument]]:
    """The keys and the values of a dict that is an argument, each with its own place where the file writes it."""
    found = []
    for key, value in argument.value.items():
        at, node = argument.value.written.get(key, (argument.node, argument.node))
        text = key if isinstance(key, str) else at.id if isinstance(at, syntax.Name) else str(key)
        found.append((Key(text, key, at.span), Argument(value, node)))
    return found


@dataclass(eq=False)
class Group:
    """One call of a function, or a model that is called: its name heads the names of what is made inside."""

    name: str
    parent: Group | None
    depth: int
    owner: Unit | None = None
    """The model, the wrapper or the object whose name the group has; None for a function."""


@record
class Site:
    """Where a call stands: its place, the place of what heads it in the generated file, and the group that it is in."""

    span: Span
    heading: Span
    group: Group | None


@dataclass(eq=False)
class BoxValue:
    """One call of a function or of a model; `group` has its name, and is the same for all calls of a model."""

    group: Group
    parent: BoxValue | None


@dataclass(eq=False)
class UnitCall:
    """One call of a model, a wrapper or an object, on `inputs`; `parent` is the call that it is a part of."""

    unit: Unit
    inputs: tuple[TensorValue, ...]
    parent: UnitCall | None


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
    auto_name: str = ""
    """The name that Keras gives it: `dense_1`."""
    activation: Value = None
    """The function of the file that it applies to what it computes."""
    activated: TensorValue | None = None
    """The first tensor that this function gave."""
    channels_first: bool = False
    """Whether it takes and gives the channels before the axes that it works along."""
    activity: Regularizer | None = None
    """What its results cost, each time that it is called."""

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
    lost: TensorValue | None = None
    """Its mask as the layers of a graph are handed it, where a call has taken it away from what this depends on."""
    masked: TensorValue | None = None
    """For a mask: the tensor that it was made for."""
    ids_of: TensorValue | None = None
    """For ids that an Input gives as floats: the tensor that has them."""
    wrapper: Wrapper | LambdaValue | ObjectValue | None = None
    """The wrapper or the object that gives it, and whose name it has."""
    activated: LayerValue | None = None
    """The layer that gives it by an activation of the file, and whose name it has."""

    @property
    def handed(self) -> TensorValue | None:
        """The mask that a layer with an argument for it is handed in a graph."""
        return self.mask if self.lost is None else self.lost

    @property
    def last_mask(self) -> TensorValue | None:
        """Its mask where the model ends."""
        return None if self.takers else self.mask

    def __repr__(self) -> str:
        return f"a tensor {show(self.shape)}"


@record
class CallOptions:
    """What a call on tensors says besides them: a mask, in place of the one that the tensors bring, and options."""

    mask: TensorValue | None = None
    options: dict[str, Any] = field(default_factory=dict)
    carries: bool = True
    """False for an operator of a wrapper's own: its output has the mask of `masked_like`, whatever its inputs have."""
    masked_like: TensorValue | None = None
    moves_mask: bool = False
    """Whether such an operator does to the mask of its input what it does to the input."""
    predicts: bool = False
    """Whether it says `training=False`."""
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
    repeats: LayerCall | None = None
    """The call of a model's layer that it makes once more, in a call of the model."""
    box: BoxValue | None = None
    """The innermost call of a block or a model that it was made in."""
    within: UnitCall | None = None
    """The innermost call of a model, a wrapper or an object that it is a part of."""

    @property
    def reads(self) -> tuple[TensorValue, ...]:
        """The inputs, and the masks that the layer makes use of."""
        return (*self.inputs, *(mask for mask in self.masks if mask is not None))

    @property
    def outermost(self) -> UnitCall | None:
        """The outermost call that it is a part of; None where the file calls the layer itself."""
        within = self.within
        while within is not None and within.parent is not None:
            within = within.parent
        return within

    @property
    def unit(self) -> Unit | None:
        """The outermost model, wrapper or object whose call it is a part of."""
        return None if (outermost := self.outermost) is None else outermost.unit

    @property
    def makes_mask(self) -> bool:
        """Whether it computes the mask of what another call makes, or the ids that it looks up."""
        return self.outputs[0].masked is not None or self.outputs[0].ids_of is not None


@dataclass(eq=False, repr=False)
class InputValue:
    """An `Input(…)`; `written` is false for one that follows from the first layer of a Sequential."""

    order: int
    span: Span
    given_name: str | None = None
    written: bool = True
    auto_name: str = ""
    tensor: TensorValue = field(init=False)

    def __repr__(self) -> str:
        return "an Input"


@dataclass(eq=False)
class ModelValue:
    """A `Model` or a `Sequential`.  A Sequential has no inputs until it is built."""

    kind: str
    span: Span
    order: int
    parent: Group | None
    given_name: str | None = None
    variable: str | None = None
    bound: list[tuple[int, str]] = field(default_factory=list)
    """The variables and attributes that it has been bound to, each with how many functions ran there."""
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
    unknown: Unknown | None = None
    """What it depends on and gen cannot know."""
    output_names: dict[TensorValue, str] = field(default_factory=dict)
    """The names of outputs that are given as a dict."""
    added: list[LayerCall] = field(default_factory=list)
    """The calls that only the losses depend on which its layers add."""
    fits: list[Arguments] = field(default_factory=list)
    frozen: set[LayerValue] | None = None
    """The layers that were frozen when it was trained first, after its last `compile`; None if it was not trained."""
    summary: bool = False
    depth: int = 1
    """How deep models and wrappers hold each other in it, itself counted."""
    auto_name: str = ""
    instance: ObjectValue | None = None
    """The object of a class of the file that it is."""
    runs_call: bool = False
    """Whether it is of a class of the file, whose `call` Keras runs line by line."""

    @property
    def sequential(self) -> bool:
        return self.layers is not None

    @property
    def public(self) -> str | None:
        """The name by which the file tells it from others: `name=`, else what it is bound to farthest outside."""
        return self.given_name or self.outside

    @property
    def outside(self) -> str | None:
        """What it is bound to farthest outside of functions."""
        return min(self.bound, key=lambda each: each[0], default=(0, None))[1]

    def __repr__(self) -> str:
        return f"the {self.kind}"


@dataclass(eq=False)
class Distributed:
    """`TimeDistributed(…)` of a layer or a model."""

    inner: Wrapped
    span: Span
    group: Group
    given_name: str | None = None
    variable: str | None = None
    output: TensorValue | None = None
    """The first that it gave."""
    depth: int = 1
    """How deep models and wrappers hold each other in it, itself counted."""
    input_shape: tuple[Any, ...] | None = None
    """The shape that it says its input has."""
    auto_name: str = ""
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
    input_shape: tuple[Any, ...] | None = None
    """The shape that it says its input has."""
    auto_name: str = ""
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


@dataclass(eq=False)
class Binding:
    """A name and what it holds; `read` says whether anything has asked for it."""

    value: Value
    span: Span
    read: bool = False


@dataclass(eq=False)
class Frame:
    """The names of a file, of one call of a function, or of the body of a class.

    A function also sees those of the place where it is defined.
    """

    enclosing: Frame | None = None
    group: Group | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)
    kind: Literal["file", "function", "class", "comprehension"] = "function"
    method: tuple[ClassValue, ObjectValue] | None = None
    """The class in which the function that runs is defined, and the object that it runs for: what `super()` means."""
    outside: dict[str, Frame] = field(default_factory=dict)
    """The names that `global` and `nonlocal` say are those of another frame."""

    def holding(self, name: str) -> Frame:
        """The frame in which a name is bound that is bound here."""
        return self.outside.get(name, self)

    def file(self) -> Frame:
        """The frame of the file around this place."""
        frame = self
        while frame.enclosing is not None:
            frame = frame.enclosing
        return frame

    def find(self, name: str) -> Binding | None:
        frame: Frame | None = self
        while frame is not None:
            frame = frame.holding(name)
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

    def running(self) -> tuple[ClassValue, ObjectValue] | None:
        """The class and the object of the innermost method around this place."""
        frame: Frame | None = self
        while frame is not None and frame.method is None:
            frame = frame.enclosing
        return None if frame is None else frame.method


@dataclass(eq=False)
class FunctionValue:
    """A `def` or a `lambda`, with the frame that it is defined in and the defaults of its parameters."""

    definition: syntax.Def | syntax.Lambda
    frame: Frame
    defaults: dict[str, Argument]
    owner: ClassValue | None = None
    """The class in whose body it is defined."""
    kind: Literal["function", "property", "static", "class"] = "function"
    called: bool = False

    @property
    def name(self) -> str:
        return self.definition.name if isinstance(self.definition, syntax.Def) else "lambda"

    @property
    def header(self) -> Span:
        """Where it is defined."""
        return self.definition.header if isinstance(self.definition, syntax.Def) else self.definition.span

    def __repr__(self) -> str:
        return f"the function `{self.name}`"


@dataclass(eq=False)
class ClassValue:
    """A `class` of the file; `kind` is what Keras' base class makes of it, empty for a plain one."""

    definition: syntax.Class
    bases: tuple[ClassValue, ...]
    kind: str
    namespace: dict[str, Value] = field(default_factory=dict)
    fields: tuple[str, ...] | None = None
    """The fields of a dataclass, in order."""
    used: bool = False
    extends: Value = None
    """The layer of Keras, or `Sequential`, that it extends, or a base of it; None for `Layer` and `Model`."""

    @property
    def name(self) -> str:
        return self.definition.name

    def order(self) -> Iterator[ClassValue]:
        """The class and its bases, in the order in which attributes are looked for."""
        seen: dict[ClassValue, None] = {}
        for each in (self, *(base for parent in self.bases for base in parent.order())):
            seen.pop(each, None)  # what several share comes after all of them
            seen[each] = None
        return iter(seen)

    def find(self, name: str, after: ClassValue | None = None) -> Value:
        """What the class has under a name, after the class `after` in its order; `MISSING` if nothing."""
        order = list(self.order())
        for each in order[order.index(after) + 1 :] if after in order else order:
            if name in each.namespace:
                return each.namespace[name]
        return MISSING

    def __repr__(self) -> str:
        return f"the class `{self.name}`"


MISSING = object()


@dataclass(eq=False)
class ObjectValue:
    """An object of a class of the file.

    For a layer, `group` has its name, and `built` says whether it has its weights.
    """

    cls: ClassValue
    span: Span
    attributes: dict[str, Value] = field(default_factory=dict)
    group: Group | None = None
    given_name: str | None = None
    variable: str | None = None
    output: TensorValue | None = None
    """The first that it gave."""
    trainable: bool = True
    built: bool = False
    prepared: bool = False
    """Whether `super().__init__()` has run."""
    input_shape: tuple[Any, ...] | None = None
    model: ModelValue | None = None
    """For a model: what `call` has made of its inputs."""
    depth: int = 1
    losses: list[tuple[TensorValue, str]] = field(default_factory=list)
    """What `add_loss` was given, and how the file writes it."""
    auto_name: str = ""

    @property
    def kind(self) -> str:
        """The word for it where it has no other name."""
        return snake_case(self.cls.name)

    @property
    def word(self) -> str:
        return self.cls.name

    def __repr__(self) -> str:
        return f"an object of `{self.cls.name}`"


@dataclass(eq=False)
class LambdaValue:
    """`Lambda(function)`: a layer that applies a function of the file; `group` has its name."""

    function: Value
    arguments: dict[str, Argument]
    """What the function gets besides the tensor."""
    span: Span
    group: Group
    given_name: str | None = None
    variable: str | None = None
    output: TensorValue | None = None
    """The first that it gave."""
    input_shape: tuple[Any, ...] | None = None
    """The shape that it says its input has."""
    auto_name: str = ""
    depth: ClassVar[int] = 1
    kind: ClassVar[str] = "lambda"
    word: ClassVar[str] = "Lambda"

    def __repr__(self) -> str:
        return f"the layer `{self.word}`"


Unit: TypeAlias = ModelValue | Distributed | BidirectionalValue | LambdaValue | ObjectValue
"""What calls layers when it is called."""
Wrapped: TypeAlias = LayerValue | ModelValue | Distributed | BidirectionalValue | LambdaValue | ObjectValue
"""What a wrapper can hold, and a Sequential: all that can be called on tensors."""


ACTIVITY = "activity_regularizer"
"""What the results of a layer cost, by name."""


@dataclass(frozen=True, eq=False)
class AddedLoss:
    """What one call of a layer or a model adds to the loss, as the file writes it, and what that call gave."""

    value: TensorValue
    text: str
    results: tuple[TensorValue, ...]
    model: ModelValue | None = None
    """The only model that it is added to, where that is said."""
    name: str = "add_loss"


@record
class Item:
    """A layer or a model in a Sequential, with its place and what heads its call."""

    value: Wrapped
    span: Span
    heading: Span


@record
class Method:
    """`model.compile`: a method that is about to be called; `owner` is whatever has methods."""

    owner: Value
    name: str
    span: Span
    function: FunctionValue | None = None
    """What runs, for a method of a class of the file."""

    def __repr__(self) -> str:
        return f"the method `{self.name}`"


@record
class Super:
    """`super()`: an object, and the class after which its attributes are looked for."""

    after: ClassValue
    owner: ObjectValue

    def __repr__(self) -> str:
        return "`super()`"


_HOLDS = (list, tuple, dict, set, frozenset, Undecided)
"""What holds other values."""


def is_wrong(value: Value) -> bool:
    """Whether `value` is, or holds, something that is already reported."""
    if not isinstance(value, _HOLDS):
        return isinstance(value, Wrong)
    return any(isinstance(each, Wrong) for each in everything_in(value))


def unknown_in(value: Value) -> Unknown | None:
    """What gen cannot know in `value`, if anything."""
    if not isinstance(value, _HOLDS):
        return without_shape(value) if isinstance(value, Unknown) else None
    return next((without_shape(each) for each in everything_in(value) if isinstance(each, Unknown)), None)


def lost_in(values: Iterable[Value]) -> Wrong | Unknown | None:
    """Why a computation on `values` has no result: something in them is wrong, or not known; None if nothing is."""
    inside = [each for value in values for each in everything_in(value)]
    wrong = any(isinstance(each, Wrong) for each in inside)
    return WRONG if wrong else next((without_shape(each) for each in inside if isinstance(each, Unknown)), None)


def everything_in(value: Value) -> Iterator[Value]:
    """`value` and all that lists, dicts and calls in it hold, each container once."""
    if not isinstance(value, _HOLDS):
        yield value
        return
    pending, seen = [value], set[int]()
    while pending:
        each = pending.pop()
        match each:
            case list() | tuple() | set() | frozenset():
                inside = list(each)
            case dict():
                inside = [*each, *each.values()]
            case Undecided(_, _, arguments):
                inside = [item.value for item in (*arguments.positional, *arguments.keywords.values())]
            case _:
                yield each
                continue
        yield each
        if id(each) not in seen:
            seen.add(id(each))
            pending += inside


def count_items(value: Value, most: int) -> int:
    """How many values are inside `value`, at any depth; counting ends where there are more than `most`."""
    count, pending = 0, [value]
    while pending and count <= most:
        match pending.pop():
            case list() | tuple() as items:
                count += len(items)
                pending += items[: most + 1]
            case dict() as items:
                count += len(items)
                pending += list(items.values())[: most + 1]
            case set() | frozenset() as items:
                count += len(items)
    return count


def nests_deeper(value: Value, most: int) -> bool:
    """Whether lists, tuples and dicts are inside each other in `value` more than `most` deep."""
    level = [value]
    for _ in range(most + 1):
        inside: dict[int, Value] = {}
        for each in level:
            match each:
                case list() | tuple() as items:
                    inside |= {id(item): item for item in items if isinstance(item, list | tuple | dict)}
                case dict() as items:
                    inside |= {id(item): item for item in items.values() if isinstance(item, list | tuple | dict)}
        if not inside:
            return False
        level = list(inside.values())
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
        case Dim():
            return f"the size `{value}`"
        case str():
            return "a string"
        case list():
            return "a list"
        case tuple():
            return "a tuple"
        case range():
            return "a range"
        case set() | frozenset():
            return "a set"
        case Builtin(name):
            return f"Python's `{name}`"
        case Word(name):
            return f"`{name}`"
        case Component():
            return f"the {value.kind} `{type(value).__name__}`"
        case _:
            return repr(value)


def sentence(text: str) -> str:
    """`text` with a capital letter first."""
    return text[:1].upper() + text[1:]
