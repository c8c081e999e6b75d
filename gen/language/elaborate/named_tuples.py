"""`collections.namedtuple`: tuples whose items have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gen.diagnostics import Span
from gen.language.elaborate.context import Context
from gen.language.elaborate.models import bind
from gen.language.elaborate.values import (
    MISSING,
    WRONG,
    Arguments,
    DictValue,
    Method,
    RecordType,
    RecordValue,
    Unknown,
    Value,
    is_wrong,
    unknown_in,
)

METHODS = ("_asdict", "_replace")


def record_type(context: Context, arguments: Arguments) -> Value:
    """`namedtuple("Stage", ["filters", "stride"], defaults=(1,))`; the names may be one string too."""
    given = bind(context, "namedtuple", ("typename", "field_names", "rename", "defaults", "module"), arguments)
    if given is None or "typename" not in given or "field_names" not in given:
        return WRONG if given is None else Unknown(context.text(arguments.span), arguments.span)
    name, names = given["typename"].value, given["field_names"].value
    defaults = given["defaults"].value if "defaults" in given else ()
    if is_wrong([name, names, defaults]):
        return WRONG
    if (unknown := unknown_in([name, names, defaults])) is not None:
        return unknown
    names = names.replace(",", " ").split() if isinstance(names, str) else names
    valid = isinstance(name, str) and isinstance(names, list | tuple) and isinstance(defaults, list | tuple | None)
    if not valid or not all(isinstance(each, str) and each.isidentifier() for each in names) or "rename" in given:
        message = "`namedtuple` takes the name of the type, and a list of the names of its items"
        return context.error("bad-argument", arguments.span, message)
    defaults = tuple(defaults or ())
    if len(defaults) > len(names) or len(set(names)) < len(names):
        message = f"`namedtuple` has {len(names)} names here, each of which is another one, and has at most one default"
        return context.error("bad-argument", arguments.span, message)
    return made_type(name, names, dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)))


def made_type(name: str, names: Sequence[str], defaults: Mapping[str, Value]) -> RecordType:
    """A type of named tuples."""
    return RecordType(name, tuple(names), dict(defaults))


def make_record(context: Context, kind: RecordType, arguments: Arguments) -> Value:
    """`Stage(64, stride=2)`."""
    given = bind(context, kind.name, kind.fields, arguments)
    if given is None:
        return WRONG
    values = kind.defaults | {name: each.value for name, each in given.items()}
    missing = next((name for name in kind.fields if name not in values), None)
    if missing is not None:
        return context.error("missing-argument", arguments.span, f"`{kind.name}` needs its argument `{missing}`")
    return _record(kind, values)


def _record(kind: RecordType, values: Mapping[str, Value]) -> RecordValue:
    made = RecordValue(values[name] for name in kind.fields)
    made.type = kind
    return made


def attribute(owner: RecordValue, name: str, span: Span) -> Value:
    """`stage.filters`; `MISSING` if it has no such item."""
    if name in owner.type.fields:
        return owner[owner.type.fields.index(name)]
    if name == "_fields":
        return owner.type.fields
    return Method(owner, name, span) if name in METHODS else MISSING


def call_method(context: Context, owner: RecordValue, method: Method, arguments: Arguments) -> Value:
    """`stage._replace(stride=1)`, `stage._asdict()`."""
    values = dict(zip(owner.type.fields, owner, strict=True))
    if method.name == "_asdict":
        return DictValue(values)
    given = bind(context, "_replace", owner.type.fields, arguments)
    return WRONG if given is None else _record(owner.type, values | {name: each.value for name, each in given.items()})
