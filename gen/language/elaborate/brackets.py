"""What stands in brackets after a value: an index, a slice, a key."""

from __future__ import annotations

from gen.dims import Dim
from gen.language import syntax
from gen.language.elaborate import data, tensors
from gen.language.elaborate.doubts import read
from gen.language.elaborate.operators import item
from gen.language.elaborate.running import Lost, Runner, heading_of, lost, plain
from gen.language.elaborate.values import (
    WRONG,
    Builtin,
    Data,
    Frame,
    FunctionValue,
    Namespace,
    ObjectValue,
    Site,
    TensorValue,
    Unknown,
    Value,
    Wrong,
    describe_value,
)


def item_of(runner: Runner, index: syntax.Index, frame: Frame) -> Value:
    """The value of an expression that ends in brackets: `sizes[1:]`, `x[:, 0]`."""
    owner = runner.evaluate(index.value, frame)
    if isinstance(owner, TensorValue):
        return _slice_tensor(runner, owner, index, frame)
    if isinstance(owner, Unknown) and not isinstance(owner, Data):
        return _item_of_unknown(runner, owner, index, frame)
    key = key_of(runner, index, frame)
    if isinstance(owner, ObjectValue):
        found = owner.cls.find("__getitem__")
        if isinstance(found, FunctionValue):
            return runner.call_with(found, [owner, key], Site(index.span, heading_of(runner, index), frame.group))
    if isinstance(owner, Builtin | Namespace):
        return owner  # an annotation: `list[int]`
    if isinstance(owner, Data) and (known := data.item(owner, key)) is not None:
        return known
    if (gone := lost(owner, key)) is not None:
        return gone
    return plain(runner, index.span if len(index.items) > 1 else index.items[0].span, item, owner, key)


def _item_of_unknown(runner: Runner, owner: Unknown, index: syntax.Index, frame: Frame) -> Value:
    """What stands in brackets after something that nobody knows, which may be anything: `table.loc[:, "a":"b"]`."""
    for each in index.items:
        parts = (each.start, each.stop, each.step) if isinstance(each, syntax.Slice) else ()
        for part in parts:
            if part is not None:
                read(runner, part, frame)
    if len(index.items) == 1 and not isinstance(index.items[0], syntax.Slice):
        key = runner.evaluate(index.items[0], frame)
        if isinstance(key, Wrong):
            return WRONG
        held = owner.known.get(f"[{key}]") if isinstance(key, str) else None
        if held is not None:
            runner.context.need((*owner.made_by, *held.made_by))
            return held.value
    return lost(owner)


def _slice_tensor(runner: Runner, owner: TensorValue, index: syntax.Index, frame: Frame) -> Value:
    parts = [_part(runner, each, frame) for each in index.items]
    if (gone := lost(*parts)) is not None:
        return gone
    for each, part in zip(index.items, parts, strict=True):
        whole = part is None or part is ... or (isinstance(part, int) and not isinstance(part, bool))
        if not whole and not isinstance(each, syntax.Slice):
            message = f"Brackets take integers and slices, got {describe_value(part)}"
            return runner.context.error("bad-index", each.span, message)
    spans = tuple(each.span for each in index.items)
    site = Site(index.span, heading_of(runner, index), frame.group)
    return tensors.slice_tensor(runner.context, owner, tuple(parts), spans, site)


def _part(runner: Runner, each: syntax.Expr | syntax.Slice, frame: Frame) -> Value:
    """What stands in the brackets for an axis: an index, or start, stop and step of a slice."""
    if not isinstance(each, syntax.Slice):
        return runner.evaluate(each, frame)
    bounds = [
        None if part is None else _whole_number(runner, part, frame) for part in (each.start, each.stop, each.step)
    ]
    if (gone := lost(*bounds)) is not None:
        return gone
    if bounds[2] == 0:
        return runner.context.error("bad-index", each.span, "The step of a slice cannot be 0")
    return tuple(bounds)


def key_of(runner: Runner, index: syntax.Index, frame: Frame) -> Value:
    """What stands in the brackets after a plain value: a value, a `slice`, or a tuple of them."""
    keys: list[Value] = []
    for each in index.items:
        part = _part(runner, each, frame)
        if isinstance(each, syntax.Slice) and isinstance(part, tuple):
            part = slice(*part)
        keys.append(part)
    if len(keys) == 1 and not index.tupled:
        return keys[0]
    gone = lost(*keys)
    return gone if gone is not None else tuple(keys)


def _whole_number(runner: Runner, expression: syntax.Expr, frame: Frame) -> int | Lost | None:
    value = runner.evaluate(expression, frame)
    if (gone := lost(value)) is not None:
        return gone
    if value is None or (isinstance(value, int | Dim) and not isinstance(value, bool)):
        return value  # type: ignore[return-value]  # a size is a number here
    message = f"Brackets take integers and slices, got {describe_value(value)}"
    return runner.context.error("bad-index", expression.span, message)
