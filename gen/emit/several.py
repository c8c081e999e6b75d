"""Several models of a file in one module: each as if it were alone, under names of its own, on one set of weights.

The parts of a model are filled in as for a file that takes what models share from elsewhere.  Then its definitions get
its name: `forward` becomes `encoder_forward`, `Buffers` `EncoderBuffers`, `Model` `Encoder`.  What is the same in all
of them, and needs nothing that is not, stays as it is and is written once.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gen.emit.bindings import defined, verify_bindings
from gen.emit.runtime import borrowing, identity
from gen.emit.templates import environment
from gen.emit.view import View
from gen.graph.names import of_member
from gen.program.verify import VerificationError

_NETWORK, _MEMBER = "network.py.jinja", "member.py.jinja"
_ANY = (
    "training",
    "dims",
    "limits",
    "parts",
    "per_step",
    "several_inputs",
    "slices",
    "predict_slices",
    "random",
    "normal",
)
"""What the shared parts have where any of the models needs it."""


def filled_together(views: Sequence[View], helpers: Sequence[str], runtime: bool = False) -> str:
    """The text of the module before it is laid out and sealed; with `runtime`, of one that takes what it shares."""
    needs = {name: any(getattr(view, name) for view in views) for name in _ANY}
    common = {
        **needs,
        "own": False,
        "common": True,
        "metrics": True,
        "member": "",
        "members": (),
        "kept_buffers": View.kept_buffers,
    }
    whole = {**replace(views[0], members=tuple(views)).holes(), "training": needs["training"]}
    networks, members = _apart(views)
    parts = [
        *networks,
        "# Those were the networks.  Next comes what they work on, then what they call.",
        "" if runtime else _filled("params.py.jinja", common),
        _filled("shared_params.py.jinja", whole),
        *helpers,
        "# What follows brings data to the networks, trains, saves and checks them.",
        "" if runtime else renamed(_filled("common.py.jinja", common), {"Model": "Any"}),
        *members,
        _filled("models.py.jinja", whole),
    ]
    header = _filled("header.py.jinja", whole)
    if runtime:
        own = {**whole, "common": False}
        alone = _filled("header.py.jinja", {**own, "identity": identity()})
        header = _filled("header.py.jinja", {**own, **borrowing("\n".join([alone, *parts]), header)})
    parts.insert(0, header)
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _filled(template: str, holes: Mapping[str, object]) -> str:
    return environment().get_template(template).render(holes)


def _apart(views: Sequence[View]) -> tuple[list[str], list[str]]:
    """The networks, and the other parts, of all models under names of their own."""
    texts = []
    for view in views:
        holes = replace(view, common=False).holes()
        texts.append((_filled(_NETWORK, holes), _filled(_MEMBER, holes)))
        verify_bindings(ast.parse("\n".join(texts[-1])))
    alike = _alike(["\n".join(pair) for pair in texts])
    done: list[list[str]] = [[], []]
    written: set[str] = set()
    for view, pair in zip(views, texts, strict=True):
        own = [name for name in defined(ast.parse("\n".join(pair)).body) if name not in alike]
        names = {name: of_member(name, view.member) for name in own}
        for place, text in zip(done, pair, strict=True):
            place.append(renamed(_without(text, written), names))
        written |= alike & set(defined(ast.parse("\n".join(pair)).body))
    return done[0], done[1]


def _alike(texts: Sequence[str]) -> set[str]:
    """What several models define in the same way, of what is nobody else's, and what needs nothing that differs."""
    found: dict[str, list[str]] = {}
    uses: dict[str, set[str]] = {}
    for text in texts:
        for node in ast.parse(text).body:
            for name in defined([node]):
                found.setdefault(name, []).append(ast.unparse(node))
                uses[name] = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    alike = {name for name, each in found.items() if name[0] == "_" and len(each) > 1 and len(set(each)) == 1}
    while different := {name for name in alike if (uses[name] & found.keys()) - alike}:
        alike -= different
    return alike


def _without(text: str, names: set[str]) -> str:
    """A text without some of its definitions."""
    lines = text.split("\n")
    for node in reversed(ast.parse(text).body):
        if set(defined([node])) & names:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            del lines[first - 1 : node.end_lineno]
    return "\n".join(lines)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A module with other names for what it defines; attributes, and variables that hide a name, keep theirs."""
    lines = [line.encode() for line in text.split("\n")]
    for line, column, name in sorted(_places(ast.parse(text), names), reverse=True):
        before, after = lines[line - 1][:column], lines[line - 1][column:]
        if not after.startswith(name.encode()):
            raise VerificationError(f"{name} is not where it should be: {lines[line - 1].decode()}")
        lines[line - 1] = before + names[name].encode() + after[len(name) :]
    return "\n".join(line.decode() for line in lines)


def _places(module: ast.Module, names: Mapping[str, str]) -> set[tuple[int, int, str]]:
    """Where names of the module stand: line, column in bytes, name."""
    found: set[tuple[int, int, str]] = set()

    def visit(node: ast.AST, hidden: frozenset[str], in_class: bool) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name in names and node in module.body:
                found.add((node.lineno, node.col_offset + (4 if isinstance(node, ast.FunctionDef) else 6), name))
            case ast.Name(id=name, ctx=context) if name in names and name not in hidden:
                if not (in_class and isinstance(context, ast.Store)):
                    found.add((node.lineno, node.col_offset, name))
            case ast.JoinedStr():
                inner = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - hidden
                if inner & names.keys():
                    raise VerificationError(f"an f-string reads {sorted(inner & names.keys())}")
                return
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            for each in (*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)):
                visit(each, hidden, in_class=False)
            hidden |= _bound(node)
            body = node.body if isinstance(node, ast.FunctionDef) else [node.body]
            notes = [each.annotation for each in ast.walk(node.args) if isinstance(each, ast.arg) and each.annotation]
            if isinstance(node, ast.FunctionDef):
                notes += [node.returns] if node.returns is not None else []
                for each in node.decorator_list:
                    visit(each, hidden, in_class=False)
            for each in (*notes, *body):
                visit(each, hidden, in_class=False)
            return
        for child in ast.iter_child_nodes(node):
            visit(child, hidden, in_class or isinstance(node, ast.ClassDef))

    def _bound(function: ast.FunctionDef | ast.Lambda) -> set[str]:
        inside = [each for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        arguments = [each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)]
        return {*arguments, *(each.id for each in inside)}

    visit(module, frozenset(), in_class=False)
    return found
