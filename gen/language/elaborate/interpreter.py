"""Runs a file: statements in order, expressions from the inside out, functions and loops as often as they say.

It runs the part of Python that decides the structure of a model, on its own values, and can reach nothing else.  What
it cannot know, such as data, is `Unknown`; that is an error only where a model depends on it.

Here each statement and expression is sent to the function that knows its kind; `running` says what these share.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate.attributes import attribute_of
from gen.language.elaborate.brackets import item_of
from gen.language.elaborate.calls import call_anything, call_function_of, call_with, result_of
from gen.language.elaborate.context import MAX_RUNNING, Context, Stop
from gen.language.elaborate.definitions import define, define_class, function_of
from gen.language.elaborate.doubts import leave_out, mark
from gen.language.elaborate.expressions import (
    combined,
    comparison_of,
    comprehension_of,
    dict_of,
    display,
    logical_of,
    set_of,
    text_of,
    unary_of,
    value_of_name,
)
from gen.language.elaborate.imports import imported
from gen.language.elaborate.loops import run_for, run_while
from gen.language.elaborate.names import Names
from gen.language.elaborate.running import (
    BREAK,
    CONTINUE,
    GOES_ON,
    Doubt,
    Returned,
    RunningStatement,
    Signal,
    heading_of,
    holds,
    limited,
)
from gen.language.elaborate.statements import (
    evaluate_alone,
    pass_over_foreign,
    run_assert,
    run_if,
    run_raise,
    run_try,
    run_with,
)
from gen.language.elaborate.targets import assign, augment, bind, bind_quietly, delete, given_or
from gen.language.elaborate.values import Arguments, Binding, Frame, Group, Method, Site, TensorValue, Value, Wrapped
from gen.language.elaborate.wrappers import call_any


class Interpreter:
    """Runs one file."""

    def __init__(self, context: Context) -> None:
        self.context = context
        context._caller = self
        self.names = Names(context)
        self.statement = RunningStatement(Span(0, 0))
        self._running = 0

    def run(self, statements: Sequence[syntax.Statement], frame: Frame) -> Signal:
        """Run statements in order, until one of them leaves them."""
        for index, statement in enumerate(statements):
            self.context.step(statement.span)
            signal = self._execute(statement, frame)
            if isinstance(signal, Doubt):
                leave_out(self, statements[index + 1 :], signal.why, frame)
                mark(self, statements[index + 1 :], signal.why, statement.span, frame)
            if signal is not GOES_ON:
                return signal
        return GOES_ON

    def _execute(self, statement: syntax.Statement, frame: Frame) -> Signal:
        match statement:
            case syntax.Assign():
                assign(self, statement, frame)
            case syntax.AugAssign():
                augment(self, statement, frame)
            case syntax.Evaluate(value, span):
                self.statement = RunningStatement(span, value)
                evaluate_alone(self, value, frame)
            case syntax.Def():
                define(self, statement, frame)
            case syntax.Class():
                define_class(self, statement, frame)
            case syntax.For():
                return run_for(self, statement, frame)
            case syntax.While():
                return run_while(self, statement, frame)
            case syntax.If():
                return run_if(self, statement, frame)
            case syntax.With():
                return run_with(self, statement, frame)
            case syntax.Try():
                return run_try(self, statement, frame)
            case syntax.Return(value, span):
                self.statement = RunningStatement(span)
                return Returned(None if value is None else self.evaluate(value, frame))
            case syntax.Import():
                for name, value in imported(self.context, statement):
                    binding = Binding(given_or(self, name, value, frame), statement.span, read=True)
                    frame.holding(name).bindings[name] = binding
            case syntax.Break():
                return BREAK
            case syntax.Continue():
                return CONTINUE
            case syntax.Delete(targets):
                for target in targets:
                    delete(self, target, frame)
            case syntax.Assert():
                run_assert(self, statement, frame)
            case syntax.Raise():
                run_raise(self, statement, frame)
            case syntax.Foreign():
                pass_over_foreign(self, statement, frame)
        return GOES_ON

    def evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        """The value of an expression; `WRONG` if anything in it is reported."""
        self._running += 1
        try:
            if self._running > MAX_RUNNING:
                message = f"More than {MAX_RUNNING:,} expressions are inside each other here"
                self.context.error("too-deep", expression.span, message)
                raise Stop
            return self._evaluate(expression, frame)
        finally:
            self._running -= 1

    def _evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        match expression:
            case syntax.Constant(value):
                return value
            case syntax.Name():
                return self.name(expression, frame)
            case syntax.Call():
                return result_of(self, expression, frame)
            case syntax.List(items):
                return limited(self, display(self, items, frame), expression.span)
            case syntax.Tuple(items):
                return limited(self, tuple(display(self, items, frame)), expression.span)
            case syntax.Set(items):
                return set_of(self, display(self, items, frame), expression.span)
            case syntax.Dict():
                return dict_of(self, expression, frame)
            case syntax.Attribute():
                return attribute_of(self.context, self.evaluate(expression.value, frame), expression)
            case syntax.Unary():
                return unary_of(self, expression, frame)
            case syntax.Binary(operator, left, right, span):
                site = Site(span, heading_of(self, expression), frame.group)
                return combined(self, operator, self.evaluate(left, frame), self.evaluate(right, frame), site)
            case syntax.Logical():
                return logical_of(self, expression, frame)
            case syntax.Compare():
                return comparison_of(self, expression, frame)
            case syntax.Conditional(test, value, otherwise):
                held = holds(self, test, frame)
                return self.evaluate(value if held else otherwise, frame) if isinstance(held, bool) else held
            case syntax.Lambda():
                return function_of(self, expression, frame)
            case syntax.Comprehension():
                return comprehension_of(self, expression, frame)
            case syntax.Formatted():
                return text_of(self, expression, frame)
            case syntax.NamedExpr(target, value):
                result = self.evaluate(value, frame)
                around = frame
                while around.kind == "comprehension" and around.enclosing is not None:
                    around = around.enclosing
                self.names.bind(target.id, result, target.span, around)
                return result
            case syntax.Index():
                return item_of(self, expression, frame)
            case syntax.Starred(value):
                return self.evaluate(value, frame)
            case syntax.ForeignExpr(word, _, span):
                return self.context.error("unsupported-syntax", span, f"gen does not read `{word}`")

    def name(self, name: syntax.Name, frame: Frame, called: bool = False) -> Value:
        return value_of_name(self, name, frame, called)

    def bind(self, target: syntax.Expr, value: Value, span: Span, frame: Frame) -> None:
        bind(self, target, value, span, frame)

    def bind_quietly(self, target: syntax.Target, value: Value, span: Span, frame: Frame) -> None:
        bind_quietly(self, target, value, span, frame)

    # What other modules call

    def call(self, function: Value, arguments: Arguments, site: Site) -> Value:
        """The result of a call of anything, as part of a call at `site`."""
        return call_anything(self, function, arguments, site.group)

    def call_with(self, function: Value, values: Sequence[Value], site: Site) -> Value:
        """The same with values that no expression stands for."""
        return call_with(self, function, values, site)

    def call_function_of(self, method: Method, arguments: Arguments, group: Group | None) -> Value:
        """The result of a method of a class of the file, which runs in `group`."""
        return call_function_of(self, method, arguments, group)

    def call_wrapped(self, called: Wrapped, tensors: Sequence[TensorValue], site: Site) -> Value:
        """The outputs of a layer, a model, or a wrapper on tensors."""
        return call_any(self.context, called, tensors, site)

    def call_method(self, method: Method, span: Span) -> Value:
        """The result of a method without arguments."""
        return call_function_of(self, method, Arguments((), {}, {}, span, span, span), None)
