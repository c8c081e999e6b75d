"""The trail of shapes from the Input to a call: the notes of a shape error."""

from __future__ import annotations

from collections.abc import Sequence

from gen.components.base import Activation, Layer, Role, ShapeError
from gen.diagnostics import Note
from gen.dims import Shape, show
from gen.language.elaborate.values import InputValue, LayerCall, LayerValue, TensorValue

MAX_NOTES = 6


def shape_notes(inputs: Sequence[TensorValue]) -> tuple[Note, ...]:
    """Where the shapes of `inputs` come from, the nearest call first.

    For each input: the calls that changed the shape, back to the last one that changed the number of axes, or to the
    Input.  What happened before that does not matter.
    """
    notes: dict[Note, None] = {}
    for tensor in dict.fromkeys(inputs):
        for note in _trail_of(tensor):
            notes[note] = None
    return tuple(notes)[:MAX_NOTES]


def _trail_of(tensor: TensorValue) -> list[Note]:
    notes: list[Note] = []
    current = tensor
    while True:
        maker = current.maker
        if isinstance(maker, InputValue) or not maker.inputs:
            notes.append(Note(maker.span, _text(current, None)))
            return _shortened(notes)
        before = maker.inputs[0]
        if before.shape != current.shape or before.dtype != current.dtype:
            notes.append(Note(maker.span, _text(current, before.shape)))
            if len(before.shape) != len(current.shape):
                return _shortened(notes)
        current = before


def _shortened(notes: list[Note]) -> list[Note]:
    """The notes nearest to the error and the one where the trail begins."""
    return notes if len(notes) <= MAX_NOTES else [*notes[: MAX_NOTES - 1], notes[-1]]


def _text(tensor: TensorValue, before: Shape | None) -> str:
    shape = show(tensor.shape) + ("" if tensor.dtype == "float" else f" of {tensor.dtype}")
    if before is not None and len(before) == 3 and len(tensor.shape) == 2:
        return f"{shape}: the steps end here"
    return shape


def hint_from_trail(layer: LayerValue, inputs: Sequence[TensorValue]) -> str | None:
    """What to write instead, where the layer needs a sequence and one before it ended the sequence."""
    found = _end_of_steps(inputs[0]) if len(inputs) == 1 else None
    if found is None or not _takes(layer.component, found[1]):
        return None
    maker, name = found[0].layer, layer.word
    if getattr(maker.component, "return_sequences", None) is False:
        return f"give the {maker.word} before it `return_sequences=True`"
    if isinstance(maker.component, Layer) and maker.component.pools:
        return f"move the pooling after the last {name}"
    if maker.component.role is Role.MERGE:
        return f"leave out the {maker.word}: {name} takes all steps at once"
    if found[0].said.operator == "[…]":
        return f"keep the steps: an index removes them, and {name} needs them"
    return f"move the {maker.word} after the last {name}"


def _takes(component: Layer | Activation, shape: Shape) -> bool:
    try:
        component.output(shape)
    except ShapeError:
        return False
    return True


def _end_of_steps(tensor: TensorValue) -> tuple[LayerCall, Shape] | None:
    """The call that made a matrix of a sequence, where `tensor` is such a matrix, and the shape before it."""
    current = tensor
    while len(current.shape) == 2 and not isinstance(current.maker, InputValue) and current.maker.inputs:
        call, before = current.maker, current.maker.inputs[0]
        if len(before.shape) > 2:
            return call, before.shape
        current = before
    return None
