"""Functions and classes of the file: `def`, `lambda`, `class`, and what decorators make of them."""

from __future__ import annotations

from gen.language import syntax
from gen.language.elaborate.classes import class_kind, is_component
from gen.language.elaborate.named_tuples import made_type
from gen.language.elaborate.running import Runner, RunningStatement
from gen.language.elaborate.spellings import BASES
from gen.language.elaborate.values import (
    MISSING,
    WRONG,
    Argument,
    ClassValue,
    Frame,
    FunctionValue,
    Member,
    Namespace,
    Site,
    Unknown,
    Value,
    Wrong,
)


def define(runner: Runner, definition: syntax.Def, frame: Frame) -> None:
    """Bind the name of a function."""
    runner.statement = RunningStatement(definition.header)
    made = function_of(runner, definition, frame)
    value: Value = made
    for decorator in reversed(definition.decorators):
        value = _decorated(runner, decorator, value, frame)
    if definition.asynchronous or _is_generator(definition):
        value = Unknown(definition.name, definition.header)
    runner.names.bind(definition.name, value, definition.header, frame)


def function_of(runner: Runner, definition: syntax.Def | syntax.Lambda, frame: Frame) -> FunctionValue:
    """A function as a value, with the defaults that its parameters have now."""
    defaults = {
        parameter.name: Argument(runner.evaluate(parameter.default, frame), parameter.default)
        for parameter in definition.parameters
        if parameter.default is not None
    }
    around = frame
    while around.kind == "class" and around.enclosing is not None:
        around = around.enclosing  # a method does not see the names of its class
    return FunctionValue(definition, around, defaults)


def _decorated(runner: Runner, decorator: syntax.Expr, value: Value, frame: Frame) -> Value:
    """What a decorator makes of a function or a class."""
    kinds = {"property": "property", "staticmethod": "static", "classmethod": "class"}
    name = decorator.id if isinstance(decorator, syntax.Name) else ""
    if name in kinds and frame.find(name) is None and isinstance(value, FunctionValue):
        value.kind = kinds[name]  # type: ignore[assignment]  # the words are those of the field
        return value
    written = decorator.function if isinstance(decorator, syntax.Call) else decorator
    last = written.name if isinstance(written, syntax.Attribute) else getattr(written, "id", "")
    if last == "dataclass" and isinstance(value, ClassValue):
        value.fields = _fields(value)
        return value
    if last in ("setter", "overload", "abstractmethod", "wraps", "override", "cached_property"):
        return value
    found = runner.evaluate(decorator, frame)
    match found:
        case Namespace() | Member() | Wrong():
            return WRONG if isinstance(found, Wrong) else value
        case Unknown(text):
            return value if text.split(".")[0] in ("keras", "tf", "tensorflow", "typing") else found
        case FunctionValue():
            return runner.call_with(found, [value], Site(decorator.span, decorator.span, frame.group))
    return value


def define_class(runner: Runner, definition: syntax.Class, frame: Frame) -> None:
    """Bind the name of a class, once its body has run."""
    runner.statement = RunningStatement(definition.header)
    bases: list[ClassValue] = []
    kind, unknown, extends = "", None, None
    named = False
    for base in definition.bases:
        value = runner.evaluate(base, frame)
        if isinstance(value, Unknown) and value.text.rpartition(".")[2] == "NamedTuple":
            named = True
        elif isinstance(value, Unknown | Wrong):
            unknown = unknown or value
        elif isinstance(value, Namespace) and not value.known and value.path[-1] not in BASES:
            unknown = unknown or Unknown(runner.context.text(base.span), base.span)  # no class of a model
        elif isinstance(value, ClassValue):
            bases.append(value)
            kind = kind or value.kind
            extends = extends or value.extends
        else:
            found = class_kind(runner.context, value, base.span)
            unknown = WRONG if found is None else unknown
            kind = kind or found or ""
            extends = extends or (value if is_component(value) else None)
    if unknown is not None or kind == "callback":
        unknown = unknown or Unknown(definition.name, definition.header)
        runner.names.bind(definition.name, unknown, definition.header, frame)
        return
    made = ClassValue(definition, tuple(bases), kind, extends=extends)
    body = Frame(frame, frame.group, kind="class")
    runner.run(definition.body, body)
    made.namespace = {name: binding.value for name, binding in body.bindings.items()}
    for value in made.namespace.values():
        if isinstance(value, FunctionValue) and value.owner is None:
            value.owner = made
    value = made if not named else _named_tuple(made)
    for decorator in reversed(definition.decorators):
        value = _decorated(runner, decorator, value, frame)
    runner.names.bind(definition.name, value, definition.header, frame)


def _named_tuple(cls: ClassValue) -> Value:
    """What a class that extends `typing.NamedTuple` is; nobody knows one that has more than fields."""
    fields = _fields(cls)
    if set(cls.namespace) - set(fields):
        return Unknown(cls.name, cls.definition.header)
    defaults = {name: value for name, value in cls.namespace.items() if value is not MISSING}
    return made_type(cls.name, fields, defaults)


def _is_generator(definition: syntax.Def) -> bool:
    """Whether a function yields values, one after the other, as those do that make batches of data."""
    inside = [each for each in definition.body if not isinstance(each, syntax.Def | syntax.Class)]
    return any(
        isinstance(part, syntax.ForeignExpr) and part.word == "yield"
        for statement in syntax.walk(inside)
        for expression in syntax.expressions(statement)
        for part in syntax.inside(expression)
    )


def _fields(cls: ClassValue) -> tuple[str, ...]:
    """The fields of a dataclass: what its body and those of its bases annotate, in order."""
    names: dict[str, None] = {}
    for each in reversed(list(cls.order())):
        for statement in each.definition.body:
            if isinstance(statement, syntax.Pass) and statement.declares:
                names[statement.declares] = None
            elif isinstance(statement, syntax.Assign) and statement.annotation is not None:
                for target in statement.targets:
                    names |= {name.id: None for name in syntax.names_bound(target)}
    return tuple(names)
