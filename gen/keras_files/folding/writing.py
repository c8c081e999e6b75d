"""The text of a folded model, which runs the statements that there were, one by one."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gen.keras_files.folding.defaults import WithoutDefaults
from gen.keras_files.folding.statements import (
    Function,
    Loop,
    Rename,
    Statement,
    assignment,
    carries_in,
    copied,
    defined_in,
    expression_of,
    is_constant,
    layer_call,
    name_of,
    names_in,
    targets_of,
    used_in,
    with_names,
)
from gen.keras_files.folding.unrolling import unrolled


@dataclass
class Folded:
    """A folded model, and the text that it was."""

    text: str
    head: Sequence[ast.stmt]
    """What comes before the calls of layers."""
    functions: Sequence[Function]
    statements: Sequence[Statement]
    end: Sequence[ast.stmt]
    """What comes after them."""

    def written(self, original: Sequence[Statement]) -> str:
        """The text of the model; the text that there was, if the statements of both are not the same."""
        before = [ast.parse(_source(self.text, node)) for node in self.end]
        expected = list(unrolled(ast.unparse(_module([], [*original, _ending(before)], {}))))
        self._use_defaults()
        self.statements = self._with_short_targets()
        statements = [*self.statements, _ending(self.end)]
        names: dict[str, str] = {}

        def is_same() -> bool:
            return list(unrolled(ast.unparse(_module(self.functions, statements, names)))) == expected

        if not is_same():
            return self.text
        fixed = {name for each in (*self.head, *before) for name in names_in(each)}
        for carry in carries_in(self.statements):
            for one, other in ((carry.inside, carry.last), (carry.first, carry.last)):
                if {one, other} & fixed:
                    continue
                now = dict(names)
                both = {names.get(one, one), names.get(other, other)}
                wanted = min(both, key=lambda name: (len(name), name))
                names |= {name: wanted for name, new in names.items() if new in both} | {one: wanted, other: wanted}
                if not is_same():
                    names.clear()
                    names |= now
        return self._laid(names)

    def _use_defaults(self) -> None:
        """Make what most calls of a function say the default of its argument."""
        calls = [
            node
            for each in _assignments([*self.statements, *(each for f in self.functions for each in f.body)])
            for node in ast.walk(each)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        defaults = {function.name: _common_values(function, calls) for function in self.functions}
        without = _WithoutCommon(defaults)
        self.statements = list(_changed(self.statements, without))
        self.functions = [
            replace(
                each,
                arguments=sorted(each.arguments, key=lambda name: name in defaults[each.name]),
                body=list(_changed(each.body, without)),
                defaults=defaults[each.name],
            )
            for each in self.functions
        ]

    def _with_short_targets(self) -> list[Statement]:
        """Loops that run over the shortest names: what one runs over, no other statement sees."""
        targets = {name for each in self.statements for name in _run_over(each)}
        taken = {*used_in(self.statements), *defined_in(self.statements)}
        taken |= {name for each in (*self.head, *self.end) for name in names_in(each)}
        taken |= {each.name for each in self.functions}
        found: list[Statement] = []
        for each in self.statements:
            names = _shortest_names(_run_over(each), taken - targets)
            found += with_names([each], names) if names else [each]
        return found

    def _laid(self, names: Mapping[str, str]) -> str:
        lines: list[str] = []
        imports = [i for i, each in enumerate(self.head) if isinstance(each, ast.Import | ast.ImportFrom)]
        defined = imports[-1] + 1 if imports else 1
        for i, each in enumerate(self.head):
            if i == defined:
                lines += self._defined()
            lines += [""] * self._has_blank(each) + [_source(self.text, each)]
        if defined >= len(self.head):
            lines += self._defined()
        lines.append("")
        for statement in self.statements:
            lines += [""] * (isinstance(statement, ast.Assign) and self._has_blank(statement) and bool(lines[-1]))
            if isinstance(statement, ast.Assign) and statement.lineno:
                lines.append(_shortest(statement, names, self.text))
            else:
                made = WithoutDefaults().visit(_module([], [statement], names))
                lines += [ast.unparse(each) for each in made.body]
        lines.append("")
        rename = Rename(names)
        for node in self.end:
            source = _source(self.text, node)
            lines += [""] * (self._has_blank(node) and bool(lines[-1]))
            changed = ast.unparse(rename.visit(copied(node)))
            lines.append(source if changed == ast.unparse(ast.parse(source)) else changed)
        return "\n".join([*lines, ""])

    def _has_blank(self, node: ast.stmt) -> bool:
        """Whether a blank line was before a statement."""
        lines = self.text.split("\n")
        return node.lineno > 1 and not lines[node.lineno - 2].strip()

    def _defined(self) -> list[str]:
        lines = []
        for function in self.functions:
            node = WithoutDefaults().visit(_module([_local(function)], [], {})).body[0]
            lines += ["", "", *ast.unparse(node).split("\n"), "", ""]
        return lines


def _ending(end: Sequence[ast.AST]) -> ast.Assign:
    """A statement that reads what those after the calls of layers read."""
    read: list[ast.expr] = [ast.Name(name, ast.Load()) for node in end for name in names_in(node)]
    return assignment(["_"], ast.Call(ast.Name("Model", ast.Load()), read, []))


def _local(function: Function) -> Function:
    """A function whose variables have the shortest names: those of others are not seen in it."""
    own = [*function.tensors, *function.arguments, *defined_in(function.body)]
    names = _shortest_names(own, set(used_in(function.body)) - set(own))
    arguments = function.arguments  # calls say them by name
    names |= {name: name for name in arguments}
    if len(set(names.values())) < len(names):
        return function
    body = with_names(function.body, names)
    tensors = [names[name] for name in function.tensors]
    return replace(function, tensors=tensors, body=body, result=names[function.result])


def _common_values(function: Function, calls: Sequence[ast.Call]) -> dict[str, ast.expr]:
    """The value of each argument that more than half of the calls give; names and their numbers are always said."""
    own = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == function.name]
    found = {}
    for name in function.arguments:
        given = [each.value for call in own for each in call.keywords if each.arg == name and is_constant(each.value)]
        counts = Counter(map(ast.unparse, given))
        text, count = counts.most_common(1)[0] if counts else ("", 0)
        if not re.match(r"(name|number)(_\d+)?$", name) and count > max(1, len(own) / 2):
            found[name] = expression_of(text)
    return found


class _WithoutCommon(ast.NodeTransformer):
    """Leaves out the arguments of functions that are at their defaults."""

    def __init__(self, defaults: Mapping[str, Mapping[str, ast.expr]]) -> None:
        self._defaults = defaults

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call without them."""
        self.generic_visit(node)
        known = self._defaults.get(node.func.id, {}) if isinstance(node.func, ast.Name) else {}
        node.keywords = [
            each
            for each in node.keywords
            if each.arg not in known or ast.unparse(each.value) != ast.unparse(known[str(each.arg)])
        ]
        return node


def _assignments(statements: Sequence[Statement]) -> Iterator[ast.Assign]:
    for each in statements:
        if isinstance(each, ast.Assign):
            yield each
        else:
            yield from _assignments(each.body)


def _changed(statements: Sequence[Statement], change: ast.NodeTransformer) -> Iterator[Statement]:
    for each in statements:
        if isinstance(each, ast.Assign):
            yield change.visit(copied(each))
        else:
            yield replace(each, body=list(_changed(each.body, change)))


def _shortest_names(own: Iterable[str], taken: set[str]) -> dict[str, str]:
    """For each name one without a number at its end, or with a low one."""
    names: dict[str, str] = {}
    for name in own:
        base = re.sub(r"_\d+$", "", name)
        found, number = base, 1
        while found in taken:
            number += 1
            found = f"{base}_{number}"
        taken.add(found)
        names[name] = found
    return names


def _run_over(statement: Statement) -> Iterator[str]:
    """What the loops of a statement run over."""
    if isinstance(statement, Loop):
        yield from statement.targets
        for each in statement.body:
            yield from _run_over(each)


def _emitted(statements: Sequence[Statement], names: Mapping[str, str]) -> Iterator[ast.stmt]:
    """Statements of Python, in which variables have these names."""
    rename = Rename(names)
    for each in statements:
        if isinstance(each, ast.Assign):
            yield rename.visit(copied(each))
            continue
        yield from _copies([(carry.inside, carry.first) for carry in each.carried], names)
        body = list(_emitted(each.body, names))
        body += _copies([(carry.inside, carry.last) for carry in each.carried], names)
        target = assignment(each.targets, ast.Constant(None)).targets[0]
        yield ast.For(rename.visit(target), rename.visit(copied(each.values)), body, [], lineno=0)


def _copies(pairs: Sequence[tuple[str, str]], names: Mapping[str, str]) -> Iterator[ast.stmt]:
    renamed = [(names.get(one, one), names.get(other, other)) for one, other in pairs]
    wanted = [(one, other) for one, other in dict.fromkeys(renamed) if one != other]
    if wanted:
        read: list[ast.expr] = [ast.Name(other, ast.Load()) for _, other in wanted]
        yield assignment([one for one, _ in wanted], read[0] if len(read) == 1 else ast.Tuple(read, ast.Load()))


def _module(functions: Sequence[Function], statements: Sequence[Statement], names: Mapping[str, str]) -> ast.Module:
    body: list[ast.stmt] = []
    for each in functions:
        arguments = [ast.arg(name) for name in (*each.tensors, *each.arguments)]
        inside = [*_emitted(each.body, {}), ast.Return(ast.Name(each.result, ast.Load()))]
        defaults = [each.defaults[name] for name in each.arguments if name in each.defaults]
        given = ast.arguments([], arguments, None, [], [], None, defaults)
        body.append(ast.FunctionDef(each.name, given, inside, [], lineno=0))
    return ast.fix_missing_locations(ast.Module([*body, *_emitted(statements, names)], []))


def _source(text: str, node: ast.stmt) -> str:
    return ast.get_source_segment(text, node) or ast.unparse(node)


def _shortest(node: ast.Assign, names: Mapping[str, str], text: str) -> str:
    """A statement that is not folded; its layer has the name of its variable where that is the same."""
    new = WithoutDefaults().visit(Rename(names).visit(copied(node)))
    call = layer_call(new)
    if call is not None and name_of(call) == targets_of(new)[0]:
        call.keywords = [each for each in call.keywords if each.arg != "name"]
    changed, source = ast.unparse(new), _source(text, node)
    return source if changed == ast.unparse(ast.parse(source)) else changed
