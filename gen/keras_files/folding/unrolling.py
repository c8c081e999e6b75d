"""A folded text run again: the statements that it stands for, which must be those that were folded."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gen.keras_files.folding.defaults import may_be_unnamed
from gen.keras_files.folding.statements import copied, is_plain, literal_of, names_in, targets_of

FORMULAS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
"""What numbers in names are computed with."""


def unrolled(text: str) -> Iterator[str]:
    """The statements that a folded text runs, one by one, as if nothing were folded; tensors are numbered."""
    module = ast.parse(text)
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    count = [0]

    def run(body: Sequence[ast.stmt], known: dict[str, Any]) -> Iterator[str]:
        for each in body:
            if isinstance(each, ast.For):
                for row in _rows(each.iter, known):
                    targets = each.target.elts if isinstance(each.target, ast.Tuple) else [each.target]
                    values = row if len(targets) > 1 else (row,)
                    for target, value in zip(targets, values, strict=True):
                        assert isinstance(target, ast.Name)
                        known[target.id] = ast.Constant(value) if is_plain(value) else literal_of(value)
                    yield from run(each.body, known)
            elif isinstance(each, ast.Assign):
                yield from assign(each, known)

    def assign(node: ast.Assign, known: dict[str, Any]) -> Iterator[str]:
        value = node.value
        if isinstance(value, ast.Name):
            known[targets_of(node)[0]] = known.get(value.id, value.id)
            return
        if isinstance(value, ast.Tuple):
            read = [known.get(name, name) for name in names_in(value)]
            known |= dict(zip(targets_of(node), read, strict=True))
            return
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in functions:
            function = functions[value.func.id]
            given = [_Known(known).visit(copied(each)) for each in value.args]
            named = {str(each.arg): _Known(known).visit(copied(each.value)) for each in value.keywords}
            names, defaults = [arg.arg for arg in function.args.args], function.args.defaults
            inside: dict[str, Any] = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
            inside |= dict(zip(names, given, strict=False)) | named
            yield from run(function.body[:-1], inside)
            end = function.body[-1]
            assert isinstance(end, ast.Return) and isinstance(end.value, ast.Name)
            known[targets_of(node)[0]] = inside[end.value.id]
            return
        seen = _Known(known).visit(copied(value))
        call = seen.func if isinstance(seen, ast.Call) and isinstance(seen.func, ast.Call) else seen
        if isinstance(call, ast.Call) and may_be_unnamed(call):
            call.keywords = [each for each in call.keywords if each.arg != "name"]
        yield f"{len(targets_of(node))} = {ast.dump(seen)}"
        for name in targets_of(node):
            known[name] = f"%{count[0]}"
            count[0] += 1

    yield from run([each for each in module.body if not isinstance(each, ast.FunctionDef)], {})


def _rows(values: ast.expr, known: Mapping[str, Any]) -> Sequence[Any]:
    seen = _Known(known).visit(copied(values))
    if isinstance(seen, ast.Call):
        return range(*(ast.literal_eval(each) for each in seen.args))
    rows = ast.literal_eval(seen)
    assert isinstance(rows, list | tuple)
    return rows


class _Known(ast.NodeTransformer):
    """Puts what variables are in the place of each, and texts in that of strings with holes."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What a variable is: a numbered tensor, or a constant."""
        found = self._known.get(node.id, node.id)
        return ast.Name(found, ast.Load()) if isinstance(found, str) else copied(found)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """What a formula of whole numbers gives."""
        self.generic_visit(node)
        compute = FORMULAS.get(type(node.op))
        if compute is not None and isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
            left, right = node.left.value, node.right.value
            if isinstance(left, int) and isinstance(right, int):
                return ast.Constant(compute(left, right))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """The text that a string with holes gives."""
        texts = []
        for part in node.values:
            value = self.visit(part.value) if isinstance(part, ast.FormattedValue) else part
            texts.append(str(ast.literal_eval(value)))
        return ast.Constant("".join(texts))
