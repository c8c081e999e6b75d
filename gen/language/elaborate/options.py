"""What a script reads from its command line with `argparse`: the defaults, as where it is run without options."""

from __future__ import annotations

from typing import Any

from gen.components.arguments import Word
from gen.language.elaborate.builtin import FUNCTIONS
from gen.language.elaborate.context import Context
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.values import (
    Arguments,
    FunctionValue,
    Method,
    OptionsValue,
    ParserValue,
    Unknown,
    Value,
)

METHODS = (
    "add_argument",
    "add_argument_group",
    "add_mutually_exclusive_group",
    "set_defaults",
    "parse_args",
    "parse_known_args",
)
"""The methods of a parser that decide what the options are; others only print, or end the script."""
_SET = {"store_true": False, "store_false": True}
"""What an option without a value is at first."""


def call(context: Context, parser: ParserValue, method: Method, arguments: Arguments) -> Value:
    """A method of a parser."""
    context.mutations += method.name in ("add_argument", "set_defaults")
    match method.name:
        case "add_argument":
            _add(context, parser, arguments)
            return None
        case "set_defaults":
            parser.defaults |= {name: each.value for name, each in arguments.keywords.items()}
            return None
        case "add_argument_group" | "add_mutually_exclusive_group":
            return parser
    given = [each.value for each in (*arguments.positional, *arguments.keywords.values()) if each.value is not None]
    if any(each not in ([], ()) for each in given if not isinstance(each, OptionsValue)):
        return Unknown(context.text(arguments.span), arguments.span)
    options = OptionsValue(dict(parser.defaults))
    return (options, []) if method.name == "parse_known_args" else options


def _add(context: Context, parser: ParserValue, arguments: Arguments) -> None:
    """`parser.add_argument("--units", type=int, default=32)`."""
    said = {name: each.value for name, each in arguments.keywords.items()}
    flags = [each.value for each in arguments.positional if isinstance(each.value, str)]
    if not flags or said.get("action") in ("help", "version"):
        return
    first = next((flag for flag in flags if flag.startswith("--")), flags[0])
    name = said.get("dest") if isinstance(said.get("dest"), str) else first.lstrip("-").replace("-", "_")
    assert isinstance(name, str)
    parser.defaults[name] = _default(context, first.startswith("-"), said, arguments)


def _default(context: Context, optional: bool, said: dict[str, Any], arguments: Arguments) -> Value:
    """What an option is where the command line does not say it."""
    unknown = Unknown(context.text(arguments.span), arguments.span)
    if said.get("required") is True or (not optional and said.get("nargs") not in ("?", "*")):
        return unknown
    value = said.get("default", _SET.get(str(said.get("action"))))
    if value is None and not optional and said.get("nargs") == "*":
        return []
    kind = said.get("type")
    if not isinstance(value, str) or kind is None:
        return value
    if isinstance(kind, FunctionValue):
        return context.caller.call_with(kind, [value], arguments.site(None))
    if not isinstance(kind, Word) or kind.name not in ("bool", "float", "int", "str"):
        return unknown
    try:
        return FUNCTIONS[kind.name](None, value)
    except Problem as problem:
        return context.error(problem.code, arguments.span, problem.message, hint=problem.hint)
