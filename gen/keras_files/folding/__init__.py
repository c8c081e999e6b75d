"""Equal blocks of a written model found again: repeated in a row they become a `for`, elsewhere calls of a `def`.

    statements ──search──▶ the repetition that saves most lines ──merge──▶ one body, and what differs ──▶ again

Two stretches of statements are equal if they differ in names of layers, in numbers and words among the arguments, and
in the tensors that they begin with.  What differs becomes arguments of the `def`, or what the `for` runs over; numbers
that count along with another one become formulas of that.  Names are put together from a part that changes,
`name=f"block_{number}_conv"`, so each layer keeps its own.

`statements` has what a folded model is made of, `defaults` the arguments that layers leave out, `merging` makes one
body of equal blocks, `searching` finds these and puts a loop or a function in their place, `writing` makes the text.
Every variable is written once, until the text is made; what a round of a loop takes from the one before is said by a
`Carry`.  At the end `unrolling` runs the folded statements, and what it gives must be the statements that there were:
where it is not, nothing is folded.
"""

from __future__ import annotations

import ast
import builtins
import keyword

from gen.keras_files.folding.defaults import say_defaults
from gen.keras_files.folding.searching import Program, is_fixed
from gen.keras_files.folding.statements import copied, layer_call, targets_of
from gen.keras_files.folding.writing import Folded


def folded(text: str) -> str:
    """The text of a model with its equal blocks folded; the same text where there are none."""
    module = ast.parse(text)
    head, body, end = _parts(module)
    if len(body) < 4:
        return text
    say_defaults(body)
    inputs = [name for each in head if isinstance(each, ast.Assign) for name in targets_of(each)]
    program = Program([_named(each) for each in body], inputs, end, _words(module))
    original = [copied(each) if isinstance(each, ast.Assign) else each for each in program.statements]
    while program.fold_best():
        pass
    if not program.is_folded:
        return text
    return Folded(text, head, program.functions, program.statements, program.end).written(original)


def _parts(module: ast.Module) -> tuple[list[ast.stmt], list[ast.Assign], list[ast.stmt]]:
    """What comes before the calls of a model, the calls, and what comes after."""
    places = [i for i, each in enumerate(module.body) if isinstance(each, ast.Assign) and not is_fixed(each)]
    if not places:
        return module.body, [], []
    last = len(module.body)
    while not (isinstance(module.body[last - 1], ast.Assign) and not is_fixed(module.body[last - 1])):
        last -= 1
    body = module.body[places[0] : last]
    if not all(isinstance(each, ast.Assign) for each in body):
        return module.body, [], []
    return module.body[: places[0]], [each for each in body if isinstance(each, ast.Assign)], module.body[last:]


def _words(module: ast.Module) -> set[str]:
    """Every name of the text, and Python's own."""
    names = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    return names | set(dir(builtins)) | set(keyword.kwlist)


def _named(node: ast.Assign) -> ast.Assign:
    """The statement with the name of its layer said, which may be that of its variable."""
    call = layer_call(node)
    if call is not None and all(each.arg != "name" for each in call.keywords):
        call.keywords.append(ast.keyword("name", ast.Constant(targets_of(node)[0])))
    return node
