"""Generated files hold nothing dead: every parameter is read and means something, every branch may be taken."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.building import CASES, EXAMPLES, case_text, sample

UNREAD = {
    "verbose of Model.predict": "Keras gives it",
    "dtype of _Member.__array__": "NumPy gives it",
    "copy of _Member.__array__": "NumPy gives it",
    "measure": "it is given the targets of all outputs, as data has them, by whoever measures a batch",
    "rng": "initializers are called alike, whether they draw anything or not",
}
"""Parameters that nothing reads, and why they are there: of one function, of all of its, or of all functions."""

NEVER_GIVEN = {
    "arguments of _command": "they are those of the process unless somebody calls the function",
    "seed of check": "the contract: `check(seed=0)`",
    "out": "every kernel has it: where its result goes",
}
"""Parameters that no call gives; besides these, a metric or an initializer shows all of its options."""

SAID_AGAIN = {
    "padding of zeros_around": "kernels of several layers call it, and each says how it pads",
}
"""Parameters for which every call has the same constant, where none of the calls stands in the network."""

OF_THE_MODEL = ("forward", "loss", "backward", "update", "update_rows", "infer", "activate", "initialize", "measure")
"""What these functions give is said by the `.nn` file, or by a layer's rule, and stands where one looks for it."""

Function = tuple[str, ast.FunctionDef]


def functions(module: ast.Module) -> Iterator[Function]:
    """Functions of the module, and methods as `Class.method`."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{each.name}", each) for each in node.body if isinstance(each, ast.FunctionDef))


def parameters(function: ast.FunctionDef) -> list[str]:
    return [item.arg for item in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def given(call: ast.Call, function: ast.FunctionDef, parameter: str) -> ast.expr | None:
    """What a call gives for a parameter; None for nothing."""
    positional = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    if parameter in positional[: len(call.args)]:
        return call.args[positional.index(parameter)]
    return next((item.value for item in call.keywords if item.arg == parameter), None)


def default(function: ast.FunctionDef, parameter: str) -> ast.expr | None:
    positional = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    pairs = dict(zip(positional[::-1], function.args.defaults[::-1], strict=False))
    named = zip([item.arg for item in function.args.kwonlyargs], function.args.kw_defaults, strict=True)
    return pairs.get(parameter, dict(named).get(parameter))


def constant(node: ast.expr | None) -> str | None:
    """A constant as text; None for what is none."""
    try:
        return None if node is None else repr(ast.literal_eval(node))
    except ValueError:
        return None


def unread(module: ast.Module) -> Iterator[str]:
    """The parameters that nothing in their functions reads."""
    for name, function in functions(module):
        nodes = [node for statement in function.body for node in ast.walk(statement)]
        read = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)}
        read |= {
            node.target.id for node in nodes if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
        }
        for parameter in parameters(function):
            # backward takes the weights of a batch as one.
            all_or_none = name == "backward" and parameter.endswith("_weight")
            excused = (
                all_or_none or parameter.startswith("_") or UNREAD.keys() & {f"{parameter} of {name}", name, parameter}
            )
            if parameter not in (*read, "self", "cls") and not excused:
                yield f"{parameter} of {name} is never read"


def fixed(module: ast.Module, training: bool) -> Iterator[str]:
    """The parameters that no call gives, or for which every call outside of the network has the same constant."""
    known = dict(functions(module))
    calls: dict[str, list[tuple[str, ast.Call]]] = {}
    names: dict[str, int] = {}
    for caller, function in [*known.items(), ("", module)]:
        body = (
            function.body
            if caller
            else [node for node in module.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        )
        for node in (each for statement in body for each in ast.walk(statement)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                calls.setdefault(node.func.id, []).append((caller, node))
            if isinstance(node, ast.Name):
                names[node.id] = names.get(node.id, 0) + 1
    for name, function in known.items():
        found = calls.get(name, [])
        starred = any(isinstance(item, ast.Starred) for _, call in found for item in call.args)
        starred |= any(item.arg is None for _, call in found for item in call.keywords)
        if not found or starred or names[name] != len(found):
            continue  # it is handed on, or its arguments are not known here
        in_network = any(caller in OF_THE_MODEL for caller, _ in found)
        for parameter in parameters(function):
            values = [given(call, function, parameter) for _, call in found]
            if all(value is None for value in values):
                mine = default(function, parameter) is not None and parameter not in NEVER_GIVEN
                options = function.args.kwonlyargs and in_network  # of a metric or an initializer
                if (
                    mine
                    and f"{parameter} of {name}" not in NEVER_GIVEN
                    and not options
                    and (training or name[0] != "_")
                ):
                    yield f"{parameter} of {name} is given by no call"
            elif not in_network and (training or name[0] != "_"):  # in a file for inference some say less than they can
                said = {constant(value or default(function, parameter)) for value in values}
                excused = f"{parameter} of {name}" in SAID_AGAIN or name.partition("_")[0] in SAID_AGAIN
                if len(said) == 1 and None not in said and not excused:
                    yield f"{parameter} of {name} is {said.pop()} in every call"


def decided(module: ast.Module) -> Iterator[str]:
    """The tests that have one outcome, whatever happens."""
    for node in ast.walk(module):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            leaves = [each for each in ast.walk(node.test) if isinstance(each, ast.expr)]
            inner = (ast.BoolOp, ast.Compare, ast.UnaryOp)
            if all(isinstance(each, (ast.Constant, *inner)) for each in leaves):
                yield f"`{ast.unparse(node.test)}` is decided"
        elif isinstance(node, ast.Match) and isinstance(node.subject, ast.Constant):
            yield f"`match {ast.unparse(node.subject)}` is decided"


def dead(text: str, training: bool = True) -> list[str]:
    module = ast.parse(text)
    return [*unread(module), *fixed(module, training), *decided(module)]


@pytest.mark.parametrize("path", sample([*EXAMPLES, *CASES], 18), ids=lambda path: path.stem)
def test_a_file_holds_nothing_dead(path: Path) -> None:
    text = case_text(path)
    assert dead(text, training="\ndef backward(" in text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def f(a, b):\n    return a\nf(x, y)", "b of f is never read"),
        ("def f(a, b=None):\n    return a, b\nf(x)", "b of f is given by no call"),
        ("def f(a, b):\n    return a, b\nf(x, 1)\nf(y, b=1)", "b of f is 1 in every call"),
        ("def f(a):\n    if 'valid' == 'causal':\n        return a\nf(x)", "`'valid' == 'causal'` is decided"),
        ("def f(a):\n    return a if not None else 1\nf(x)", "`not None` is decided"),
    ],
)
def test_what_is_dead_is_found(text: str, says: str) -> None:
    assert dead(text) == [says]


def test_what_is_alive_is_not() -> None:
    assert not dead("def f(a, b, _c):\n    a += b\n    while True and a:\n        pass\nf(x, 1, 2)\nf(y, 2, z)")
