"""Parameters of copied functions that nothing reads once `specialize` has left out what a file has no use for.

They go, and so does what the calls among the functions give for them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from gen.emit.specialize import without_clauses


def without_unread(texts: dict[str, str], roots: Iterable[ast.Call], kept: set[str]) -> dict[str, str]:
    """`texts`, functions by name, without the parameters that nothing reads.

    Functions in `kept`, and those that the calls in `roots` name, stay as they are: they are called from elsewhere.
    """
    outside = kept | {node.id for root in roots for node in ast.walk(root) if isinstance(node, ast.Name)}
    found = texts
    while (fewer := _pass(found, outside, kept)) != found:
        found = fewer
    return found


def _pass(texts: dict[str, str], outside: set[str], kept: set[str]) -> dict[str, str]:
    """The same, but for what nothing reads only because of what has gone."""
    found = dict(texts)
    for name in texts:
        callers = [each for each in found if each != name and name in _names(found[each])]
        if name in outside:
            continue
        if not callers:
            del found[name]
            continue
        gone = _unread(found[name])
        if gone and kept.isdisjoint(callers) and all(_only_calls(found[each], name) for each in callers):
            places = _parameters(found[name])
            found[name] = _dropped(found[name], gone)
            for each in callers:
                found[each] = _without_idle(_without_arguments(found[each], name, places, gone))
    return found


def _function(text: str) -> ast.FunctionDef:
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.FunctionDef)
    return node


def _names(text: str) -> list[str]:
    """The names that a text reads."""
    nodes = ast.walk(ast.parse(text))
    return [node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)]


def _parameters(text: str) -> list[str]:
    return [each.arg for each in _function(text).args.args]


def _unread(text: str) -> set[str]:
    read = set(_names(text))
    return {name for name in _parameters(text) if name not in read}


def _calls(text: str, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _only_calls(text: str, name: str) -> bool:
    """Whether a text calls a function with arguments that tell their parameters, and names it nowhere else."""
    calls = list(_calls(text, name))
    plain = all(
        not any(isinstance(each, ast.Starred) for each in call.args) and all(each.arg for each in call.keywords)
        for call in calls
    )
    return plain and _names(text).count(name) == len(calls)


def _dropped(text: str, gone: set[str]) -> str:
    """A function without these parameters, and without what its documentation says of them."""
    node, lines = _function(text), text.split("\n")
    head, first = node.body[0], node.body[1]
    assert isinstance(head, ast.Expr) and isinstance(head.value, ast.Constant)
    plain: list[ast.expr | None] = [None] * (len(node.args.args) - len(node.args.defaults))
    pairs = zip(node.args.args, [*plain, *node.args.defaults], strict=True)
    left = [(item, default) for item, default in pairs if item.arg not in gone]
    node.args.args = [item for item, _ in left]
    node.args.defaults = [default for _, default in left if default is not None]
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    written = lines[head.lineno - 1 : head.end_lineno]
    said = without_clauses(str(head.value.value), [f"`{name}`" for name in gone]) or written
    after = (head.end_lineno or 0) if first.lineno > (head.end_lineno or 0) else first.lineno - 1
    return "\n".join([f"def {node.name}({ast.unparse(node.args)}){result}:", *said, *lines[after:]])


def _without_arguments(text: str, name: str, places: Sequence[str], gone: set[str]) -> str:
    """A text whose calls of a function do not give these of its parameters, which stand at their `places`."""
    source = text.encode()
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)

    def span(node: ast.expr | ast.keyword) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[(node.end_lineno or 0) - 1] + (
            node.end_col_offset or 0
        )

    for call in sorted(_calls(text, name), key=lambda node: span(node), reverse=True):
        given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        named = [*places[: len(call.args)], *(each.arg for each in call.keywords)]
        left = [source[slice(*span(each))] for each, name in zip(given, named, strict=True) if name not in gone]
        start, stop = span(given[0])[0], span(given[-1])[1]
        source = source[:start] + b", ".join(left) + source[stop:]
    return source.decode()


def _without_idle(text: str) -> str:
    """A function without the variables that nothing reads, where making them does nothing else."""
    read, lines = set(_names(text)), text.split("\n")
    for node in reversed(_function(text).body):
        match node:
            case ast.Assign([ast.Name(id=name)], ast.Name() | ast.Constant() | ast.Tuple()) if name not in read:
                del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines)
