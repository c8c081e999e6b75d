"""What a template may ask for: one frozen dataclass for the module and one for each kind of thing that it lists.

Texts of the `.nn` file (names, documentation) stand here as they are; the templates send each through `literal`,
`comment` or `docstring`.  Fields called `ident` are identifiers made by `names.Names`; expressions, statements and
functions are finished Python.  Each field and each property of a view is a hole of a template, and the other way round
(a test holds it).
"""

from __future__ import annotations

import keyword
import math
import re
from dataclasses import dataclass, fields
from typing import Any

from gen.emit.literals import literal
from gen.graph.names import of_member


class _View:
    """Makes sure that identifiers are identifiers."""

    def __post_init__(self) -> None:
        ident = getattr(self, "ident", "ok")
        if not (ident.isascii() and ident.isidentifier()) or keyword.iskeyword(ident):
            raise ValueError(f"{type(self).__name__}: {ident!r} is no identifier")


Shape = tuple["int | str", ...]
"""Sizes after the batch; a name stands for one that is known only from the data."""


def _public(shape: Shape) -> tuple[int | None, ...]:
    return (None, *(None if isinstance(size, str) else size for size in shape))


def _dtype(dtype: str) -> str:
    return "self.dtype" if dtype == "float32" else f'np.dtype("{dtype}")'


@dataclass(frozen=True)
class InputView(_View):
    """An input of the model."""

    name: str
    ident: str
    gradient: str
    """The identifier of its gradient: `b.{gradient}`, if it is a float."""
    dtype: str
    """`float32` stands for the model's float type, which may be float64; else `int32` or `bool`."""
    shape: Shape
    index: int
    """Its place among the inputs, from 0."""
    example: str
    """Random values for `check`: an expression of `rng`, `rows` and the identifiers of the sizes."""
    limit: int | None = None
    """Where ids are looked up in a table: its length."""
    parts: tuple[str, ...] = ()
    """Where parts of it are looked up in tables of their own: a function for the part, and the length of the table."""

    @property
    def data_shape(self) -> tuple[int | None, ...]:
        return _public(self.shape)

    @property
    def arguments(self) -> str:
        """What it has to be, as arguments of `_Column`."""
        limit = "" if self.limit is None else f", {literal(self.limit)}"
        parts = f", parts=({', '.join(self.parts)},)" if self.parts else ""
        return f"{literal(self.name)}, {_dtype(self.dtype)}, {literal(self.shape)}{limit}{parts}"

    @property
    def is_float(self) -> bool:
        """Whether its numbers may be any, so that it has a gradient."""
        return self.dtype == "float32" and self.limit is None and not self.parts


@dataclass(frozen=True)
class LossInputView(_View):
    """An input that `loss` reads."""

    ident: str
    index: int
    """Its place among the inputs, from 0."""


@dataclass(frozen=True)
class OutputView(_View):
    """An output of the model; `b.{ident}` is its head after `forward` and its prediction after `loss`."""

    name: str
    ident: str
    dtype: str
    shape: Shape
    index: int
    """Its place among the outputs, from 0."""
    trained: bool
    """Whether it has a loss.  The fields below are used only then."""
    true: str = ""
    """The identifier of its targets."""
    head: str = ""
    """Where its head is in the buffers of a training step, in the shape of the output."""
    mask_ident: str = ""
    """The identifier of the mask of its steps: `b.{mask_ident}`."""
    mask: int | None = None
    """Where its mask is in what `infer` gives, for an `evaluate` that does not run `forward`."""
    target_shape: Shape = ()
    target_dtype: str = "float32"
    classes: int | None = None
    """Where targets are class ids: how many there are."""
    low: float = -math.inf
    high: float = math.inf
    """Between which numbers other targets lie."""
    example: str = ""
    """Random targets for `check`, like `InputView.example`."""

    @property
    def data_shape(self) -> tuple[int | None, ...]:
        return _public(self.shape)

    @property
    def arguments(self) -> str:
        """What its targets have to be, as arguments of `_Column`."""
        limit = "" if self.classes is None else f", {literal(self.classes)}"
        low = "" if self.low == -math.inf else f", low={literal(self.low)}"
        high = "" if self.high == math.inf else f", high={literal(self.high)}"
        shape = f"{_dtype(self.target_dtype)}, {literal(self.target_shape)}"
        return f'{literal(self.name)}, {shape}{limit}{low}{high}, kind="target"'


@dataclass(frozen=True)
class WeightView(_View):
    """A weight: `p.{ident}` is its value, `g.{ident}` its gradient."""

    name: str
    """`layer/weight`"""
    ident: str
    sizes: str
    """Its sizes as arguments: `100, 32`; empty for a scalar."""
    trainable: bool = True
    by_row: bool = False
    """Whether it is one of the `tables`."""
    own: bool = True
    """Whether the model has it, rather than another one that works on the same set of weights."""
    row: bool = False
    """Whether prediction reads it as a matrix of one row, `p.{ident}_row`."""


@dataclass(frozen=True)
class TableView(_View):
    """A weight that is updated row by row: `g.{ident}` is a tuple of ids and rows, `s.{ident}` has its slots."""

    ident: str
    vocabulary: int
    features: int
    part: str
    """Where it is in the flat vector: `122, 36122`."""
    rows: str
    """Where its rows are in the vector of the steps at which each row was brought up to date, as a slice."""
    decaying: tuple[str, ...]
    """The names of its slots, `layer/weight/slot`, that `untouched` changes."""


@dataclass(frozen=True)
class SlotView(_View):
    """A slot of the optimizer: `s.{ident}`, as long as the trainable weights."""

    ident: str
    row: int
    """Its row of the state, from 1."""
    initial: float = 0.0


@dataclass(frozen=True)
class MetricView(_View):
    """A metric of one output."""

    name: str
    """As it is called in logs: `accuracy`, `age_accuracy`."""
    ident: str
    """The parameter that holds its sums."""
    measure: str
    """An expression that gives its sums over a batch as a tuple: `binary_accuracy(gender_true, b.gender)`."""
    result: str
    """An expression that gives the figure of its sums: `mean(*accuracy)`."""


@dataclass(frozen=True)
class DimView(_View):
    """A size of the inputs that is known only from the data, apart from the batch."""

    name: str
    """As it stands in shapes."""
    ident: str
    least: int
    reason: str
    """Why it must be at least `least`, to be read after that number: ` for the two Conv1D`; or empty."""
    example: int
    """The size that `check` uses."""


@dataclass(frozen=True)
class FormulaView:
    """A size of outputs that follows from those of the inputs: `text // 5`."""

    name: str
    """As it stands in shapes."""
    expression: str
    """The same as Python, of the identifiers of the sizes."""


LARGE = 2_000_000


def is_large(state: int) -> bool:
    """Whether weights and slots, so many numbers, are too many for `fit` to keep a copy of them all at each step."""
    return state > LARGE


@dataclass(frozen=True)
class View:
    """The generated module."""

    title: str
    """The first line of the file's documentation, or a sentence in its place."""
    doc: str
    """The rest of it, or empty."""
    source: str
    """The name of the `.nn` file."""
    asked: str
    """The name by which the model was picked among those of its file; empty where the file decided."""
    interface: str
    """The table of inputs and outputs; no empty lines."""
    layers: str
    """The table of layers; no empty lines."""
    footprint: str
    """The table of the memory that it takes; no empty lines."""

    training: bool
    random: bool
    """Whether `forward` takes `rng` after `b`."""
    normal: bool
    """Whether it draws normally distributed numbers."""
    penalties: bool
    """Whether `loss` takes `p` before `b`."""
    loss_inputs: tuple[LossInputView, ...]
    """The inputs that `loss` takes after `b`."""
    watched: tuple[str, ...]
    """Statements of `evaluate`, where it does not run `forward`: what losses read besides the outputs, into `b`."""
    input_gradients: bool
    """Whether `backward` takes `to_inputs`."""
    tracks: bool
    """Whether there is `track(p, b)`."""
    constrains: tuple[str, ...]
    """The parameters of `constrain`, p and b; none if there is none."""
    fused: bool
    """Whether there is `activate`, as some head leaves `infer` without its activation."""
    backward_arguments: str
    """What `backward` takes of `batch.arrays`, and `batch.weights`."""
    update_takes_step: bool
    """Whether `update` takes the number of the step."""
    activate_arguments: str
    """What `activate` takes: buffers and `heads`."""
    evaluates_by_forward: bool
    """Whether `forward` computes what `infer` does, and leaves it in `b`, because no layer depends on training."""

    inputs: tuple[InputView, ...]
    outputs: tuple[OutputView, ...]
    weights: tuple[WeightView, ...]
    """The trainable ones first."""
    tables: tuple[TableView, ...]
    """Those of the trainable ones that are updated row by row."""
    size: int
    """The length of the flat vector: the trainable weights, `tables` behind the others, then those not trained."""
    trainable_size: int
    """How much of it is trainable."""
    dense_size: int
    """How much of that is not in `tables`."""
    gradients: str
    """The class of `g`."""
    catches_up: bool
    """Whether there is `untouched`: whether rows that a batch does not hold have to be brought up to date later."""
    dims: tuple[DimView, ...]
    """In the order in which `Buffers` takes them, after the batch."""
    formulas: tuple[FormulaView, ...]
    sizes: str
    """Expressions for the batch and `dims`, of the identifiers of inputs: `text.shape[0], text.shape[1]`."""

    weights_in_order: tuple[str, ...]
    """The names of the weights in Keras' order; empty where the file has them in it anyway."""

    helpers: tuple[str, ...]
    """Functions that are copied into the module: kernels, initializers, metrics."""
    functions: tuple[str, ...]
    """The functions of the model, in order: `forward`, `loss`, `backward`, `track`, `untouched`, `update_rows`,
    `update`, `infer`, `activate`."""
    initialize: tuple[str, ...]
    """Statements of `initialize(p, rng)`."""
    buffers: tuple[str, ...]
    """Statements of `Buffers.__init__`: of `self`, `batch`, the identifiers of `dims`, and `dtype`."""
    inference_buffers: tuple[str, ...]
    slices: int = 0
    """How many rows a slice of a batch has at least in training; 0 if a batch is not cut."""
    predict_slices: int = 0
    """The same in prediction."""
    shared: bool = False
    """Whether buffers of a training step lie in the memory of others."""
    inference_shared: bool = False
    """Whether buffers of a prediction do."""
    memory: tuple[str, ...] = ()
    """Statements of `Memory.__init__`: what predictions remember."""

    slots: tuple[SlotView, ...] = ()
    scratch: tuple[str, ...] = ()
    """Statements of `Slots.__init__` that give `update` room to work in: of `self` and `state`."""
    row_scratch: tuple[str, ...] = ()
    """Statements of `TableSlots.__init__` that give `update_rows` room, `self.size` rows: of `state` and `features`."""
    update_in_threads: bool = False
    """Whether each thread of a step updates some of the blocks of weights."""
    blocks: bool = False
    """Whether `update` works on some weights at a time."""
    block: int = 0
    """On how many, and on how many numbers of a table."""
    metrics: tuple[MetricView, ...] = ()
    counted: tuple[str, ...] = ()
    """Statements of `measure` that leave out the steps that masks leave out."""
    given: tuple[str, ...] = ()
    """The values that came from outside: `vocabulary = 5000`."""
    learning_rate: float = 0.001
    rate: str = ""
    """What a schedule makes of `self._learning_rate` for the next step; empty if there is none."""
    schedule: str = ""
    """Its name."""
    epochs: int = 1
    batch_size: int = 32
    validation_split: float = 0.0
    shuffle: bool = True
    predict_rows: int = 256
    """How many rows are predicted at once unless `predict` is told."""
    check_rows: int = 4
    """The size of the batch that `check` uses."""
    kept_buffers: int = 4
    """For how many sets of sizes buffers are kept."""

    member: str = ""
    """Where several models of a file work on one set of weights: the identifier of this one."""
    members: tuple[View, ...] = ()
    """In the view of a file that has several models: theirs."""
    trained_part: str = ": Params.trainable_size"
    """Where the trainable weights are in the flat vector, as a slice."""

    own: bool = True
    """Whether what is the model's own is written, which is left out of the module that models share."""
    common: bool = True
    """Whether what all files have in common is written too; if not, the file takes it from the module beside it."""
    imports: str = ""
    """Then: statements that import the modules which the file still needs."""
    borrowed: str = ""
    """Then: statements that give it the names which it takes from the module beside it."""
    identity: str = ""
    """Then: that of the module which the file was built with."""

    def holes(self) -> dict[str, Any]:
        """All that the templates may ask for, by name."""
        names = [field.name for field in fields(self)]
        names += [name for name, value in vars(type(self)).items() if isinstance(value, property)]
        return {name: getattr(self, name) for name in names}

    def class_of_member(self) -> str:
        """The class of the model, where its file has several."""
        return of_member("Model", self.member)

    @property
    def description(self) -> str:
        """The title as argparse takes it, which fills in what looks like `%(prog)`."""
        return self.title.replace("%", "%%") if "%(prog)" in self.title else self.title

    @property
    def saved(self) -> str:
        """Where the command saves the model unless it is told."""
        stem = self.source.removesuffix(".nn").removesuffix(".py").removesuffix(".ipynb")
        return f"{stem if re.fullmatch(r'[A-Za-z0-9_][A-Za-z0-9_.-]*', stem) else 'model'}.npz"

    @property
    def targets(self) -> tuple[OutputView, ...]:
        """The outputs that are trained."""
        return tuple(output for output in self.outputs if output.trained)

    @property
    def flat_weights(self) -> tuple[WeightView, ...]:
        """The weights in the order of the flat vector."""
        return tuple(sorted(self.weights, key=lambda weight: (not weight.trainable, weight.by_row)))

    @property
    def rows_of_tables(self) -> int:
        return sum(table.vocabulary for table in self.tables)

    @property
    def trained(self) -> str:
        """The method that gives the trained weights of `Params` by name."""
        return "named_trainable" if self.frozen else "named"

    @property
    def frozen(self) -> bool:
        """Whether there are weights that are not trained."""
        return bool(self.member) or not all(weight.trainable for weight in self.weights)

    @property
    def limits(self) -> bool:
        """Whether there are numbers that must be in a range, as targets are."""
        return self.training or self.parts or any(item.limit for item in self.inputs)

    @property
    def parts(self) -> bool:
        """Whether parts of an input are ids of different tables."""
        return any(item.parts for item in self.inputs)

    @property
    def state_rows(self) -> int:
        return (not self.member) + len(self.slots)

    @property
    def large_state(self) -> bool:
        """Whether `fit` keeps a copy of the weights alone, and not at each step."""
        return is_large(self.size * (1 + len(self.slots)))

    @property
    def snapshot_steps(self) -> int:
        """After how many steps `fit` keeps the weights of a model with a large state: a copy takes its time."""
        return 1 + self.size // LARGE

    @property
    def several_inputs(self) -> bool:
        return len(self.inputs) > 1

    @property
    def direct(self) -> bool:
        """Whether an array of the shape and dtype of the one before needs no further check to be predicted from."""
        return len(self.inputs) == 1 and self.inputs[0].limit is None and not self.inputs[0].parts

    @property
    def per_step(self) -> bool:
        """Whether some output has a loss for each of several steps of a row."""
        return any(len(target.target_shape) > (target.classes is None) for target in self.targets)

    @property
    def outputs_masked(self) -> bool:
        """Whether `infer` gives masks after the outputs, or what losses read."""
        return bool(self.watched) or any(output.mask is not None for output in self.outputs)

    @property
    def several_outputs(self) -> bool:
        return len(self.outputs) > 1

    @property
    def made(self) -> str:
        """What `_forward` leaves behind, and `_learn` takes."""
        return "slices" if self.slices else "b"

    @property
    def learn(self) -> str:
        """The call that takes a step, after `_forward`."""
        return "self._learn(slices)" if self.slices else "self._learn(b, batch)"

    @property
    def measured(self) -> str:
        """The sums of metrics, after `_forward`."""
        return "self._measure(slices)" if self.slices else f"measure(b, *batch.arrays[{len(self.inputs)}:])"

    @property
    def rng(self) -> str:
        """The argument for `rng` in a call of `forward` by the model, with its comma."""
        return "self.rng, " if self.random else ""

    @property
    def size_parameters(self) -> str:
        return ", ".join(f"{name}: int" for name in ("batch", *(dim.ident for dim in self.dims)))

    @property
    def size_names(self) -> str:
        return ", ".join(("batch", *(dim.ident for dim in self.dims)))

    @property
    def dim_parameters(self) -> str:
        return ", ".join(f"{dim.ident}: int" for dim in self.dims)

    @property
    def input_parameters(self) -> str:
        """The parameters of `sizes`: inputs up to the last one that says a size, and the others."""
        idents = [item.ident for item in self.inputs]
        last = max(i for i, ident in enumerate(idents) if f"{ident}.shape" in self.sizes)
        read = [ident if f"{ident}.shape" in self.sizes else f"_{ident}" for ident in idents[: last + 1]]
        more = ["*_: Array"] if last + 1 < len(idents) else []
        return ", ".join([*(f"{ident}: Array" for ident in read), *more])

    @property
    def input_names(self) -> str:
        return ", ".join(item.ident for item in self.inputs)

    @property
    def target_names(self) -> str:
        return ", ".join(item.true for item in self.targets)

    @property
    def target_parameters(self) -> str:
        return ", ".join(f"{item.true}: Array" for item in self.targets)

    @property
    def metric_parameters(self) -> str:
        return ", ".join(f"{metric.ident}: Sequence[Any]" for metric in self.metrics)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of losses in logs: the total, and each output's if there are several."""
        each = tuple(f"{target.name}_loss" for target in self.targets)
        return ("loss", *(each if len(self.outputs) > 1 else ()))

    @property
    def loss_owners(self) -> tuple[str, ...]:
        """The outputs whose losses `loss` gives after the total."""
        return tuple(target.name for target in self.targets)

    @property
    def unweighted(self) -> tuple[None, ...]:
        return (None,) * len(self.targets)
