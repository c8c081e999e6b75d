"""Names, operators, displays, comprehensions, and formatted strings."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from gen.components.arguments import Word
from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate import data, tensors
from gen.language.elaborate.context import MAX_ITEMS
from gen.language.elaborate.formatting import formatted
from gen.language.elaborate.keras_names import AROUND, KERAS, PLAIN_MODULES, in_keras
from gen.language.elaborate.operators import combine, compared, hashable, negated
from gen.language.elaborate.running import Lost, Runner, heading_of, holds, is_true, limited, looped_over, lost, plain
from gen.language.elaborate.spellings import members, namespace, suggestion
from gen.language.elaborate.values import (
    WRONG,
    Builtin,
    Data,
    DictValue,
    Frame,
    Namespace,
    Site,
    TensorValue,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    describe_value,
)


def value_of_name(runner: Runner, name: syntax.Name, frame: Frame, called: bool = False) -> Value:
    """The value of a name: what the file binds it to, else a word, a builtin of Python, or something of Keras."""
    found = runner.names.look_up(name.id, frame)
    if found is not None:
        return found.value
    if name.id in runner.context.given:
        return runner.context.given[name.id]
    space = namespace(name.id)
    if space is not None:
        return space
    if runner.names.is_builtin(name.id):
        return Builtin(name.id)
    if runner.names.is_word(name.id):
        return Word(name.id)
    if name.id == "xrange":
        runner.context.warning("old-spelling", name.span, "Python 3 calls `xrange` `range`")
        return Builtin("range")
    if name.id in ("__name__", "__file__"):
        return "__main__"
    if name.id in PLAIN_MODULES:
        return Namespace((PLAIN_MODULES[name.id],))
    if data.is_data_set(name.id):
        return Namespace(("keras", "datasets", name.id), known=False)
    if name.id in dir(builtins) or name.id in AROUND or name.id in KERAS["callbacks"]:
        return Unknown(name.id, name.span)
    if in_keras(name.id):
        return Unknown(name.id, name.span, missing=True)
    if runner.context.open_names:
        return Unknown(name.id, name.span)
    if called and name.id[:1].isupper():
        layers = [*members("layer"), "Input", "Model", "Sequential"]
        hint = suggestion(name.id, layers)
        return runner.context.error("unknown-layer", name.span, f"There is no layer `{name.id}`", hint=hint)
    hint = suggestion(name.id, runner.names.to_compare(frame), runner.names.words)
    return runner.context.error("unknown-name", name.span, f"There is no `{name.id}`", hint=hint)


def unary_of(runner: Runner, unary: syntax.Unary, frame: Frame) -> Value:
    """The value of `not x`, `-x` or `+x`."""
    value = runner.evaluate(unary.operand, frame)
    if unary.operator == "not":
        held = is_true(runner, value, unary.operand.span)
        return not held if isinstance(held, bool) else held
    if (gone := lost(value)) is not None:
        return gone
    if isinstance(value, TensorValue):
        if unary.operator == "+":
            return value
        site = Site(unary.span, heading_of(runner, unary), frame.group)
        return tensors.negate_tensor(runner.context, value, site)
    return plain(runner, unary.span, negated, unary.operator, value)


def combined(runner: Runner, operator: str, left: Value, right: Value, site: Site) -> Value:
    """`left operator right`."""
    if (isinstance(left, Data) or isinstance(right, Data)) and operator in "+-*/**":
        known = data.combined(left, right)
        if known is not None:
            return known
    if (gone := lost(left, right)) is not None:
        of_model = isinstance(left, TensorValue) or isinstance(right, TensorValue)
        return gone.of_model(site.span) if isinstance(gone, Unknown) and of_model else gone
    if isinstance(left, TensorValue) or isinstance(right, TensorValue):
        return tensors.combine_tensors(runner.context, operator, left, right, site)
    result = plain(runner, site.span, combine, operator, left, right)
    return limited(runner, result, site.span) if isinstance(result, list | tuple | dict) else result


def logical_of(runner: Runner, logical: syntax.Logical, frame: Frame) -> Value:
    """The value of `x and y` or `x or y`, of which the rest is not run once it is decided."""
    value: Value = None
    for each in logical.values:
        value = runner.evaluate(each, frame)
        if each is logical.values[-1]:
            return value
        held = is_true(runner, value, each.span)
        if not isinstance(held, bool):
            return held
        if held is (logical.operator == "or"):
            return value
    return value


def comparison_of(runner: Runner, comparison: syntax.Compare, frame: Frame) -> Value:
    """The value of a chain of comparisons: `0 < x < 9`."""
    left, left_span = runner.evaluate(comparison.left, frame), comparison.left.span
    result: Value = True
    for operator, expression in comparison.rest:
        right = runner.evaluate(expression, frame)
        span = left_span.to(expression.span)
        result = _compared(runner, operator, left, right, Site(span, heading_of(runner, comparison), frame.group))
        if result is not True:
            return result
        left, left_span = right, expression.span
    return result


def _compared(runner: Runner, operator: str, left: Value, right: Value, site: Site) -> Value:
    """`left operator right`, where the operator compares."""
    if (gone := lost(left, right)) is not None:
        return gone
    either = isinstance(left, TensorValue) or isinstance(right, TensorValue)
    if either and operator in tensors.OPERATIONS and left is not None and right is not None:
        return tensors.combine_tensors(runner.context, operator, left, right, site)
    return plain(runner, site.span, compared, operator, left, right)


def display(runner: Runner, items: Sequence[syntax.Expr], frame: Frame) -> list[Value]:
    """The items of a list, a tuple or a set, with what `*` unpacks."""
    values: list[Value] = []
    for each in items:
        value = runner.evaluate(each, frame)
        if isinstance(each, syntax.Starred):
            found = looped_over(runner, value, each.span)
            values += found if isinstance(found, list) else [found]
        else:
            values.append(value)
    return values


def set_of(runner: Runner, values: list[Value], span: Span) -> Value:
    """A set of values."""
    gone = lost(*values)
    return gone if gone is not None else plain(runner, span, lambda: {hashable(each) for each in values})


def dict_of(runner: Runner, display: syntax.Dict, frame: Frame) -> Value:
    """The value of a display of a dict."""
    made = DictValue()
    for key, node in display.items:
        value = runner.evaluate(node, frame)
        if key is None:
            if not isinstance(value, dict):
                if lost(value) is None:
                    runner.context.error("bad-operand", node.span, f"`**` takes a dict, got {describe_value(value)}")
                return lost(value) or WRONG
            made.update(value)
            made.written.update(getattr(value, "written", {}))
            continue
        name = _key(runner, key, frame)
        if not isinstance(name, Wrong):
            name = plain(runner, key.span, hashable, name)
        made[name] = value
        made.written[name] = (key, node)
    if (gone := lost(*made)) is not None:
        return gone
    return limited(runner, made, display.span)


def _key(runner: Runner, key: syntax.Expr, frame: Frame) -> Value:
    """The key of a dict: a name that the file does not bind stands for its own text."""
    if isinstance(key, syntax.Name) and runner.names.look_up(key.id, frame) is None:
        return key.id
    return runner.evaluate(key, frame)


def comprehension_of(runner: Runner, comprehension: syntax.Comprehension, frame: Frame) -> Value:
    """The value of a comprehension."""
    inner = Frame(frame, frame.group, kind="comprehension")
    made: list[Value] = []
    problem = _repeat(runner, comprehension, 0, inner, made)
    if problem is not None:
        names = [each.id for each in syntax.inside(comprehension.element) if isinstance(each, syntax.Name)]
        held = [found.value for name in names if (found := inner.find(name)) is not None]
        of_model = any(isinstance(each, TensorValue | Wrapped) for each in held)
        return problem.of_model(comprehension.span) if of_model and isinstance(problem, Unknown) else problem
    match comprehension.kind:
        case "set":
            return set_of(runner, made, comprehension.span)
        case "dict":
            keys = [key for key, _ in made]
            if (gone := lost(*keys)) is not None:
                return gone
            entries = plain(runner, comprehension.span, lambda: {hashable(key): value for key, value in made})
            return limited(runner, DictValue(entries), comprehension.span) if isinstance(entries, dict) else entries
    return limited(runner, made, comprehension.span)


def _repeat(runner: Runner, each: syntax.Comprehension, depth: int, frame: Frame, made: list[Value]) -> Lost | None:
    """Go through the clauses of a comprehension from `depth` on; what is lost ends it."""
    if depth == len(each.clauses):
        if len(made) >= MAX_ITEMS:
            return runner.context.error("loop-limit", each.span, f"This would have more than {MAX_ITEMS:,} items")
        value = runner.evaluate(each.element, frame)
        made.append(value if each.value is None else (value, runner.evaluate(each.value, frame)))
        return None
    clause = each.clauses[depth]
    values = looped_over(runner, runner.evaluate(clause.iterable, frame), clause.iterable.span)
    if not isinstance(values, list):
        return values
    for value in values:
        runner.context.step(clause.span)
        runner.bind_quietly(clause.target, value, clause.iterable.span, frame)
        held: bool | Lost = True
        for test in clause.tests:
            held = holds(runner, test, frame)
            if held is not True:
                break
        if not isinstance(held, bool):
            return held
        problem = _repeat(runner, each, depth + 1, frame, made) if held else None
        if problem is not None:
            return problem
    return None


def text_of(runner: Runner, string: syntax.Formatted, frame: Frame) -> Value:
    """The value of a formatted string."""
    pieces: list[str] = []
    for part in string.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = runner.evaluate(part.value, frame)
        spec = "" if part.spec is None else text_of(runner, part.spec, frame)
        if (gone := lost(value, spec)) is not None:
            return gone
        conversion = part.conversion or ("r" if part.text and not spec else "")
        piece = plain(runner, part.span, formatted, value, conversion, spec)
        if isinstance(piece, Wrong | Unknown):
            return piece
        pieces.append(part.text + piece)
    return "".join(pieces)
