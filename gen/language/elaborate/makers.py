"""Functions that make the model of a file, where the file leaves it to others to call them.

`KerasClassifier(build_fn=create_model)`, a tuner, or whoever imports the file calls `create_model()`; so does gen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gen.language import syntax
from gen.language.elaborate.changes import makes_model
from gen.language.elaborate.context import MAX_BLOCKS
from gen.language.elaborate.interpreter import Interpreter
from gen.language.elaborate.values import Frame, FunctionValue, Site


def call_maker(interpreter: Interpreter, frame: Frame) -> None:
    """Call the function of a file that makes a model, where there is one, and nothing has made a model yet.

    It is the one that is asked for by its name, or the only one that no other such function calls.
    """
    context = interpreter.context
    if context.models or context.diagnostics.failed or context.passed_over:
        return
    makers = _makers(frame)
    asked = [each for each in makers if each.name == context.asked]
    makers = asked or makers
    if not makers:
        return
    function, span = makers[0], makers[0].header
    needed = _needed(function)
    if len(makers) > 1 or needed:
        call = f"model = {function.name}({', '.join(f'{each}=…' for each in needed)})"
        message, hint = f"The file does not call `{function.name}`, which makes a model", f"call it: `{call}`"
        if len(makers) > 1:
            names = [f"`{each.name}`" for each in makers]
            message = f"The file calls none of its functions that make a model: {', '.join(names)}"
            hint = f"say which one to call: `--model {function.name}`, or write `{call}`"
        context.error("no-model", span, message, hint=hint)
        return
    interpreter.names.look_up(function.name, frame)  # which is read by that
    interpreter.call_with(function, (), Site(span, span, frame.group))
    for model in context.models:
        model.bound.append((MAX_BLOCKS, function.name))  # for `--model`; what the file binds it to comes first
    if context.models and not context.diagnostics.failed:
        message = f"Nothing calls `{function.name}`, so gen does: it is what makes the model of this file"
        context.warning("called-function", span, message, hint=f"write the call: `model = {function.name}()`")


def _makers(frame: Frame) -> list[FunctionValue]:
    """The functions that make a model, themselves or through another one, and that no other of them calls."""
    held = {name: binding.value for name, binding in frame.bindings.items()}
    functions = {
        name: value
        for name, value in held.items()
        if isinstance(value, FunctionValue) and isinstance(value.definition, syntax.Def) and not value.called
    }
    called = {name: set(_called(value, functions)) for name, value in functions.items()}
    makers = {name for name, value in functions.items() if makes_model(_body(value), called=("Model", "Sequential"))}
    while more := {name for name in functions if name not in makers and not makers.isdisjoint(called[name])}:
        makers |= more
    inner = {each for name in makers for each in called[name] if each != name}
    return [value for name, value in functions.items() if name in makers - inner]


def _called(function: FunctionValue, functions: Mapping[str, FunctionValue]) -> Iterator[str]:
    """The functions that another one calls."""
    for call in syntax.calls(_body(function)):
        if isinstance(call.function, syntax.Name) and call.function.id in functions:
            yield call.function.id


def _body(function: FunctionValue) -> Sequence[syntax.Statement]:
    assert isinstance(function.definition, syntax.Def)
    return function.definition.body


def _needed(function: FunctionValue) -> list[str]:
    """The parameters of a function that a call has to give."""
    assert isinstance(function.definition, syntax.Def)
    return [
        each.name
        for each in function.definition.parameters
        if each.name not in function.defaults and each.kind not in ("args", "kwargs")
    ]
