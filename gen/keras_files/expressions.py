"""Functions on tensors in both dialects, as expressions: `TFOpLambda` of Keras 2, the operations of Keras 3."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from gen.components.base import registry, snake_case
from gen.components.operations.base import operations
from gen.keras_files.arguments import plain
from gen.keras_files.dialects import Call, Layer, Ref
from gen.keras_files.problems import KerasFileError, Report
from gen.language.elaborate.functions import spelling

OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "truediv": "/",
    "floor_divide": "//",
    "power": "**",
    "pow": "**",
    "matmul": "@",
    "sub": "-",
    "mul": "*",
}
FUNCTIONS_OF_KERAS_2 = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")

Write = Callable[[Any], str]
"""Writes an argument: the variable of a tensor, or a literal."""


def is_function(layer: Layer) -> bool:
    """Whether an entry is a function on tensors, which has neither weights nor a name that counts."""
    return layer.operation or layer.kind in FUNCTIONS_OF_KERAS_2


def expression(layer: Layer, call: Call, write: Write, use: Callable[[str], str], report: Report) -> str:
    """The expression for one call; reports what gen has no word for."""
    if layer.kind in FUNCTIONS_OF_KERAS_2:
        return _of_keras_2(layer, call, write, use, report)
    name = snake_case(layer.kind)
    given = [*call.args]
    keywords = {key: value for key, value in call.kwargs.items() if value is not None}
    if name == "get_item" and len(given) == 2:
        return f"{write(given[0])}[{_index(given[1], write)}]"
    if name in OPERATORS and len(given) == 2 and not keywords and any(isinstance(each, Ref) for each in given):
        return f"{write(given[0])} {OPERATORS[name]} {write(given[1])}"
    if name == "negative" and len(given) == 1:
        return f"-{write(given[0])}"
    if name == "convert_to_tensor" and len(given) == 1 and not layer.config.get("dtype") and not keywords:
        return write(given[0])
    cls: Any = operations.get(name) or registry["activation"].get(name)
    if cls is None:
        report.problem(layer.name, f"gen has no operation {layer.kind[:80]!r}")
        return "None"
    known = {item.name.removesuffix("_"): item.default for item in fields(cls)}
    function = spelling(("keras", "ops", name))
    spelled = function.arguments if function is not None else ()
    known |= {each.name: each.default for each in spelled if each.default is not ...}
    for key, value in layer.config.items():
        if key in ("name", "trainable") or key in keywords or value is None:
            continue
        if key not in known:
            if key == "dtype" or value is False:
                continue
            report.problem(layer.name, f"gen's ops.{name} has no argument {key[:80]!r}")
            continue
        value = plain(value, layer.name)
        if value != known[key]:
            keywords[key] = value
    if spelled and spelled[0].name in keywords:  # the subscripts of an einsum
        given.insert(0, keywords.pop(spelled[0].name))
    said = [write(each) for each in given] + [f"{_word(key)}={write(value)}" for key, value in keywords.items()]
    return f"{use('ops')}.{name}({', '.join(said)})"


def _of_keras_2(layer: Layer, call: Call, write: Write, use: Callable[[str], str], report: Report) -> str:
    keywords = {key: value for key, value in call.kwargs.items() if key != "name" and value is not None}
    given = list(call.args)
    if layer.kind == "SlicingOpLambda" or layer.config.get("function") == "__operators__.getitem":
        spec = keywords.get("slice_spec")
        return f"{write(given[0])}[{_index([_slice(each) for each in spec or []], write)}]"
    function = layer.config.get("function")
    if layer.kind != "TFOpLambda" or not isinstance(function, str) or not re.fullmatch(r"[A-Za-z_][\w.]*", function):
        report.problem(layer.name, f"gen does not know what the {layer.kind[:40]} does")
        return "None"
    last = function.rpartition(".")[2]
    other = [key for key in ("y", "b") if key in keywords]
    if last in OPERATORS and len(given) == 1 and other and len(keywords) == 1:
        return f"{write(given[0])} {OPERATORS[last]} {write(keywords[other[0]])}"
    if last in OPERATORS and len(given) == 2 and not keywords:
        return f"{write(given[0])} {OPERATORS[last]} {write(given[1])}"
    if last in ("neg", "negative"):
        return f"-{write(given[0])}"
    module = use("keras" if function.startswith("keras.") else "tf")
    said = [write(each) for each in given] + [f"{_word(key)}={write(value)}" for key, value in keywords.items()]
    return f"{module}.{function.removeprefix('keras.').removeprefix('__operators__.')}({', '.join(said)})"


def _word(name: str) -> str:
    if not name.isidentifier():
        raise KerasFileError(f"a call has an argument {name[:80]!r}")
    return name


def _slice(spec: Any) -> Any:
    if isinstance(spec, dict) and set(spec) <= {"start", "stop", "step"}:
        return slice(spec.get("start"), spec.get("stop"), spec.get("step"))
    return spec


def _index(value: Any, write: Write) -> str:
    """What stands in brackets behind a tensor."""
    if isinstance(value, list | tuple):
        return ", ".join(_index(each, write) for each in value)
    if isinstance(value, slice):
        ends = ["" if each is None else write(each) for each in (value.start, value.stop)]
        return ":".join([*ends, *([] if value.step is None else [write(value.step)])])
    if value is ... or value == "...":
        return "..."
    return "None" if value is None else write(value)
