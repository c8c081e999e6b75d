"""`RNN(cell)`: a recurrent layer made of a cell, `LSTMCell(…)`, as Keras has them; it is the layer of that cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gen.components.base import Layer, parameters, registry
from gen.components.layers.recurrence import UNSUPPORTED
from gen.language.elaborate import models
from gen.language.elaborate.binding import LAYER_OPTIONS, Made, accepted_value, input_shape_of, make, valid_name
from gen.language.elaborate.context import Context
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    CellValue,
    Group,
    LayerValue,
    Value,
    Wrong,
    describe_value,
    is_wrong,
)

CELLS = {"SimpleRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
"""Each cell, and the layer that goes through a sequence with it."""
FLAGS = ("return_sequences", "return_state", "go_backwards")
"""What the RNN says, and not its cell."""
OTHERS = ("stateful", "unroll", "zero_output_for_mask")


def make_cell(context: Context, word: str, arguments: Arguments) -> Value:
    """`LSTMCell(units, …)`."""
    wrong = [name for name in arguments.keywords if name in (*FLAGS, *OTHERS)]
    for name in wrong:
        hint = f"write `RNN({word}(…), {name}=…)`"
        message = f"`{word}` has no argument `{name}`: it is one of the RNN around it"
        context.error("unknown-argument", arguments.name_spans[name], message, hint=hint)
    layer = registry["layer"][CELLS[word]]
    most = [item.name for item in parameters(layer)].index(FLAGS[0])
    if len(arguments.positional) > most:
        span = arguments.positional[most].span
        return context.error("too-many-arguments", span, f"`{word}` takes at most {most} arguments")
    if wrong:
        return WRONG
    made = make(context, layer, word, arguments)
    if not isinstance(made, Made):
        return WRONG
    assert isinstance(made.component, Layer)
    return CellValue(made.component, word, arguments.span, made.options.get("trainable", True))


def make_rnn(context: Context, arguments: Arguments, group: Group | None) -> Value:
    """`RNN(cell, return_sequences=…, name=…)`."""
    names = ("cell", *FLAGS, *OTHERS, *LAYER_OPTIONS)
    given = models.bind(context, "RNN", names, arguments)
    if given is None:
        return WRONG
    if "cell" not in given:
        hint = "write `RNN(LSTMCell(8))`"
        return context.error("missing-argument", arguments.span, "`RNN` needs its argument `cell`", hint=hint)
    cell = _cell(context, given["cell"])
    said = {name: _accepted(context, name, each) for name, each in given.items() if name != "cell"}
    if cell is None or any(isinstance(value, Wrong) for value in said.values()):
        return WRONG
    component = replace(cell.component, **{name: said[name] for name in FLAGS if name in said})  # type: ignore[type-var]  # a dataclass
    layer = LayerValue(component, "rnn", arguments.span, group, written="RNN")
    layer.given_name = said.get("name")
    layer.trainable = said.get("trainable", True) and cell.trainable
    layer.input_shape = input_shape_of(said)
    layer.activity = said.get("activity_regularizer")
    context.layers.append(layer)
    return layer


def _accepted(context: Context, name: str, argument: Argument) -> Any:
    value = accepted_value(context, name, LAYER_OPTIONS.get(name, bool), argument)
    if isinstance(value, Wrong) or (name == "name" and not valid_name(context, value, argument)):
        return WRONG
    if name in UNSUPPORTED and value:
        message = f"gen does not support `{name}` of `RNN`: {UNSUPPORTED[name]}"
        return context.error("unsupported-argument", argument.span, message)
    return value


def _cell(context: Context, held: Argument) -> CellValue | None:
    """The cell that an RNN is given; None, and a diagnostic, if it is none or belongs to another RNN."""
    cell = held.value
    if is_wrong(cell):
        return None
    if not isinstance(cell, CellValue):
        hint = "write SimpleRNNCell, LSTMCell or GRUCell"
        if isinstance(cell, LayerValue) and hasattr(cell.component, "go_backwards"):
            hint = f"{cell.written} is a whole layer: leave out the RNN, or write `RNN({cell.written}Cell(…))`"
        elif isinstance(cell, list | tuple):
            hint = "for several cells, write one RNN after the other, all but the last with return_sequences=True"
        context.error("bad-argument", held.span, f"`RNN` takes a cell, got {describe_value(cell)}", hint=hint)
        return None
    if cell.taken:
        message = "This cell belongs to another RNN"
        context.error("bad-argument", held.span, message, hint="call that RNN twice if both should share their weights")
        return None
    cell.taken = True
    return cell
