"""Conditions, `with`, `try`, assertions, and statements that are only an expression."""

from __future__ import annotations

from gen.language import syntax
from gen.language.elaborate.called import only_trains
from gen.language.elaborate.doubts import note_outside, pass_over
from gen.language.elaborate.operators import truth
from gen.language.elaborate.running import GOES_ON, Raised, Runner, RunningStatement, Signal, holds, plain
from gen.language.elaborate.thrown import Thrown, handler_of
from gen.language.elaborate.values import PHASE, WRONG, Binding, Frame, Unknown, Wrong


def run_if(runner: Runner, statement: syntax.If, frame: Frame) -> Signal:
    """Run the part of an `if` that its condition chooses; where that is not known, neither."""
    runner.statement = RunningStatement(statement.test.span)
    if not statement.otherwise and _is_phase(statement.test, frame):
        return _run_if_training(runner, statement, frame)
    held = True if _is_main(statement.test) else holds(runner, statement.test, frame)
    if isinstance(held, bool):
        return runner.run(statement.body if held else statement.otherwise, frame)
    return pass_over(runner, statement, held, frame)


def _is_phase(test: syntax.Expr, frame: Frame) -> bool:
    """Whether a condition is `training` alone."""
    found = frame.find(test.id) if isinstance(test, syntax.Name) else None
    return found is not None and found.value is PHASE


def _run_if_training(runner: Runner, statement: syntax.If, frame: Frame) -> Signal:
    """`if training:` around layers that do nothing in prediction, so that it makes no difference there."""
    before = len(runner.context.calls)
    signal = runner.run(statement.body, frame)
    if not all(only_trains(call.layer.component) for call in runner.context.calls[before:]):
        plain(runner, statement.test.span, truth, PHASE)
    return signal


def run_with(runner: Runner, statement: syntax.With, frame: Frame) -> Signal:
    """Run a `with`: nothing is entered or left, and only what is bound counts."""
    for scope, target in statement.items:
        runner.statement = RunningStatement(scope.span)
        value = runner.evaluate(scope, frame)
        if isinstance(value, Unknown):
            runner.context.ignore(scope.span)
        if target is not None:
            runner.bind(target, value, scope.span, frame)
    return runner.run(statement.body, frame)


def run_try(runner: Runner, statement: syntax.Try, frame: Frame) -> Signal:
    """What is looked up in vain leads to its handler; any other error is one of the file."""
    thrown: Thrown | None = None
    signal: Signal = GOES_ON
    runner.context.handlers.append(statement.handlers)
    try:
        signal = runner.run(statement.body, frame)
    except Thrown as found:
        thrown = found
    finally:
        runner.context.handlers.pop()
    if thrown is not None:
        handler = handler_of(statement.handlers, thrown.kind)
        if handler is None:  # one farther outside is for it
            runner.run(statement.finish, frame)
            raise thrown
        if handler.name is not None:
            error = Unknown(handler.name.id, handler.name.span)
            frame.holding(handler.name.id).bindings[handler.name.id] = Binding(error, handler.name.span, read=True)
        signal = runner.run(handler.body, frame)
    elif signal is GOES_ON:
        signal = runner.run(statement.otherwise, frame)
    last = runner.run(statement.finish, frame)
    return last if last is not GOES_ON else signal


def run_assert(runner: Runner, statement: syntax.Assert, frame: Frame) -> None:
    """Report an assertion that does not hold."""
    runner.statement = RunningStatement(statement.span)
    held = holds(runner, statement.test, frame)
    if held is False:
        said = None if statement.message is None else runner.evaluate(statement.message, frame)
        message = f"This assertion does not hold: {said}" if isinstance(said, str) else "This assertion does not hold"
        runner.context.error("failed-assertion", statement.span, message)


def run_raise(runner: Runner, statement: syntax.Raise, frame: Frame) -> None:
    """Report what the file raises."""
    runner.statement = RunningStatement(statement.span)
    exception, said = statement.exception, ""
    if isinstance(exception, syntax.Call):
        values = [runner.evaluate(each, frame) for each in exception.positional[:1]]
        said = values[0] if values and isinstance(values[0], str) else ""
    runner.context.error("raised-exception", statement.span, said or "The file raises an exception here")
    raise Raised


def pass_over_foreign(runner: Runner, statement: syntax.Foreign, frame: Frame) -> None:
    """Report a statement that gen does not read, unless it does not matter for a model."""
    if statement.word in ("%", "!", "global") and frame.kind == "file":
        runner.context.ignore(statement.span)
        return
    if statement.word in ("global", "nonlocal") and frame.kind == "function":
        if not note_outside(frame, statement):
            names = ", ".join(f"`{name}`" for name in statement.names)
            message = f"No function around this one has {names}"
            runner.context.error("unknown-name", statement.span, message, hint="write `global` for a name of the file")
        return
    message = f"gen does not read `{statement.word}`"
    runner.context.error("unsupported-syntax", statement.span, message)
    for name in statement.names:
        frame.bindings[name] = Binding(WRONG, statement.span, read=True)


def evaluate_alone(runner: Runner, value: syntax.Expr, frame: Frame) -> None:
    """Run an expression that is a statement of its own."""
    before = runner.context.effects + runner.context.mutations
    result = runner.evaluate(value, frame)
    if isinstance(result, Unknown):
        passed_over = not result.kept
    else:
        alone = frame.kind == "file" or (isinstance(value, syntax.Call) and _is_print(value))
        changed = runner.context.effects + runner.context.mutations != before
        passed_over = alone and not changed and not isinstance(result, Wrong)
    if passed_over and not isinstance(value, syntax.Constant):
        runner.context.ignore(value.span, isinstance(result, Unknown))


def _is_print(call: syntax.Call) -> bool:
    return isinstance(call.function, syntax.Name) and call.function.id == "print"


def _is_main(test: syntax.Expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`."""
    match test:
        case syntax.Compare(syntax.Name("__name__"), (("==", syntax.Constant("__main__")),)):
            return True
    return False
