"""Elaboration: runs the syntax tree of a file and gives the graph of its model.

    statements ──interpreter──▶ values (layers, tensors, models) ──to_graph──▶ graph

The interpreter:

| module | does |
| --- | --- |
| `interpreter` | runs statements and expressions: each goes to the module of its kind |
| `running` | what these modules share: how they reach each other, how statements end, what is lost |
| `statements` | conditions, `with`, `try`, assertions, expressions that stand alone |
| `loops` | `for` and `while` |
| `targets` | assignment |
| `definitions` | `def`, `lambda`, `class`, decorators |
| `expressions` | names, operators, displays, comprehensions, formatted strings |
| `brackets` | indices, slices and keys |
| `calls` | arguments, what is called, the run of a function of the file |
| `doubts` | what is not known and how it spreads |
| `changes` | what statements bind and change that are not run |
| `thrown` | exceptions that a `try` of the file waits for |
| `observed` | the values of expressions, for editors |

Names and plain values:

| module | does |
| --- | --- |
| `context` | what all modules share: where errors go, limits, what has been made so far |
| `values` | what an expression can be |
| `names` | what names are bound to, and who reads them |
| `parameters` | what a call gives the parameters of a function of the file |
| `imports`, `attributes` | imports, what stands after a dot |
| `operators`, `formatting` | operators on plain values, strings made of them, with bounds |
| `builtin`, `objects`, `methods` | Python's own functions, methods of everything, methods of plain values |
| `problems` | what a computation on plain values raises |
| `modules`, `arrays`, `options` | parts of Python's library: `functools`, small NumPy arrays, `argparse` |
| `named_tuples` | `collections.namedtuple` |
| `data` | the shapes of data sets, and of what is made of them |

What Keras calls things:

| module | does |
| --- | --- |
| `spellings` | how Keras spells its modules, components and functions |
| `older` | how Keras 1 and 2, and TensorFlow, spell them |
| `keras_names` | names of Keras that gen does not have |
| `functions` | the names of functions on tensors, and the operation that each is |
| `applications` | the names of `keras.applications`, and gen's text for each |

Layers, tensors and models:

| module | does |
| --- | --- |
| `construct`, `inputs`, `cells` | calls of words: layers and activations, `Input`, `RNN(cell)` |
| `binding` | the arguments of a call, against those of a component |
| `called` | what a layer or model is called on |
| `apply` | calls of layers: shapes, dtypes, masks, weights |
| `wrappers` | `TimeDistributed`, `Bidirectional` |
| `operations`, `tensors` | calls of functions on tensors, operators and brackets |
| `models`, `model_calls` | `Model` and `Sequential`, and their calls |
| `classes` | objects of the file's own classes |
| `application_calls` | calls of models of `keras.applications`: a text of gen's own runs at the call |
| `drawn` | first values of weights that the file computes |
| `unheld` | layers that are not trained because no class holds them |
| `shape_trail` | the notes of a shape error |

Training, and the way to a graph:

| module | does |
| --- | --- |
| `training` | `compile` and `fit` |
| `own`, `loss_functions` | losses, metrics and penalties that the file computes; Keras' losses as functions |
| `makers` | calls the function that makes the model, where the file does not |
| `repeated` | models that the same lines make again and again |
| `to_graph` | the file's models as graphs |
| `naming` | the names of layers, tensors, inputs and outputs |
| `order` | the order of calls and layers in Keras |
| `unused` | warnings about what reaches no output |

Every error is reported where it is found, and the value that there is none of becomes `WRONG`: whatever is made of it
is wrong too, and silent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import gen.components  # noqa: F401  (registers the components)
from gen.diagnostics import Diagnostics, Source, Span
from gen.given import Given
from gen.graph.graph import Graph
from gen.graph.several import alone
from gen.language import syntax
from gen.language.elaborate.context import MAX_RUNNING, Context, Stop
from gen.language.elaborate.interpreter import Interpreter
from gen.language.elaborate.makers import call_maker
from gen.language.elaborate.observed import Observed, Observer
from gen.language.elaborate.running import Raised
from gen.language.elaborate.to_graph import graphs_of_file
from gen.language.elaborate.unused import warn_of_unused
from gen.language.elaborate.values import DictValue, Frame, ModelValue, Value


def elaborate(
    file: syntax.File, source: Source, diagnostics: Diagnostics, given: Given, asked: str = ""
) -> Graph | None:
    """The checked graph of the file's model, or of the one that is asked for by its name.

    What is wrong goes to `diagnostics`; None if there is an error.  `given` has values for variables of the file.
    Raises nothing, whatever the file says.
    """
    context = replace(_context(file, source, diagnostics, asked, single=True), given=_values(given))
    made = _run(Interpreter(context), file)
    return made[0][1] if made else None


def elaborate_all(
    file: syntax.File, source: Source, diagnostics: Diagnostics, given: Given, asked: str = ""
) -> list[Graph]:
    """The same, of each model that is built of a file which compiles several; none if there is an error."""
    context = replace(_context(file, source, diagnostics, asked), given=_values(given))
    return [graph for _, graph in _run(Interpreter(context), file)]


def passed_over(file: syntax.File, source: Source, given: Given) -> tuple[frozenset[Span], frozenset[Span]]:
    """What a file's model does not depend on: statements and arguments, and variables that nothing reads."""
    diagnostics = Diagnostics()
    context = replace(_context(file, source, diagnostics), given=_values(given))
    _run(Interpreter(context), file)
    unused = frozenset(each.span for each in diagnostics.items if each.code == "unused-variable")
    return frozenset(context.ignored) | context.unused_arguments, unused


def observe(
    file: syntax.File,
    source: Source,
    diagnostics: Diagnostics,
    between: Callable[[], None] = lambda: None,
    asked: str = "",
) -> Observed:
    """The same of the first model, and what every expression was.

    That is there for a file with errors too, as far as it could be run.  `between` is called before each statement:
    what it raises ends the run.
    """
    observer = Observer(_context(file, source, diagnostics, asked), between)
    made = _run(observer, file)
    return observer.observed((made[0][0], alone(made[0][1])) if made else None)


def _context(
    file: syntax.File, source: Source, diagnostics: Diagnostics, asked: str = "", single: bool = False
) -> Context:
    return Context(source, diagnostics, single=single, asked=asked, unread=file.unread, readable=not diagnostics.failed)


def _values(given: Given) -> dict[str, Value]:
    """Values from outside as the interpreter has them, which a file may change for itself."""

    def value(each: Value) -> Value:
        match each:
            case dict():
                return DictValue({key: value(item) for key, item in each.items()})
            case list():
                return [value(item) for item in each]
            case tuple():
                return tuple(value(item) for item in each)
        return each

    return {name: value(each) for name, each in given.items()}


@contextmanager
def _room_to_run() -> Iterator[None]:
    """Let Python's own recursion go as deep as `MAX_RUNNING` expressions inside each other need."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, FRAMES_EACH * MAX_RUNNING + before))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


FRAMES_EACH = 12
"""The most frames of Python's between an expression and one inside it."""


def _run(interpreter: Interpreter, file: syntax.File) -> list[tuple[ModelValue, Graph]]:
    """The file's models and their graphs; none, and diagnostics, if anything is wrong."""
    context = interpreter.context
    with _room_to_run():
        try:
            frame = Frame(kind="file")
            interpreter.run(file.statements, frame)
            call_maker(interpreter, frame)
            made = graphs_of_file(context, file)
        except (Stop, Raised):
            return []
    if not made or context.diagnostics.failed:
        return []
    warn_of_unused(context, interpreter.names, [model for model, _ in made])
    return made
