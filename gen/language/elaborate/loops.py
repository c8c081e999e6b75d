"""Loops: rounds, how they end, and loops over what nobody knows."""

from __future__ import annotations

from gen.language import syntax
from gen.language.elaborate.changes import bound_names, changes_model, makes_model
from gen.language.elaborate.context import MAX_ROUNDS
from gen.language.elaborate.doubts import mark, pass_over, peek
from gen.language.elaborate.keras_names import PLAIN_MODULES
from gen.language.elaborate.repeated import alike
from gen.language.elaborate.running import (
    BREAK,
    GOES_ON,
    Doubt,
    Returned,
    Runner,
    RunningStatement,
    Signal,
    holds,
    looped_over,
)
from gen.language.elaborate.values import (
    WRONG,
    Binding,
    Frame,
    FunctionValue,
    LayerCall,
    ModelValue,
    Namespace,
    ObjectValue,
    TensorValue,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    without_shape,
)

MOST_OF_DATA = 10
"""How many rounds of a loop are run at most that trains or prepares data: each does the same for a model, nothing."""


def run_for(runner: Runner, loop: syntax.For, frame: Frame) -> Signal:
    """Run a `for` loop round by round; a long one over data is left out after its first round."""
    runner.statement = RunningStatement(loop.iterable.span)
    iterable = runner.evaluate(loop.iterable, frame)
    too_long = isinstance(iterable, range) and len(iterable) > MAX_ROUNDS
    values = list(iterable[:3]) if too_long else looped_over(runner, iterable, loop.iterable.span)
    if not isinstance(values, list):
        if isinstance(values, Wrong):
            _try_once(runner, loop, frame)
        elif _each_makes_model(loop, frame):
            return _one_of_many(runner, loop, values, frame)
        return pass_over(runner, loop, values, frame)
    works_on_data = False
    before = runner.context.effects, runner.context.passings
    for index, value in enumerate(values):
        if index == 1 and len(iterable) > MOST_OF_DATA:
            effects, passings = runner.context.effects, runner.context.passings
            works_on_data = effects == before[0] and passings > before[1] and not _may_change(runner, loop, frame)
        if works_on_data:
            why = Unknown(runner.context.text(loop.iterable.span), loop.span)
            mark(runner, [loop], why, loop.span, frame, settled=("trainable",))
            runner.context.ignore(loop.span)
            return GOES_ON
        runner.context.step(loop.span)
        runner.bind_quietly(loop.target, value, loop.iterable.span, frame)
        signal = runner.run(loop.body, frame)
        if isinstance(signal, Doubt):
            return _doubted(runner, loop, signal, before[0], frame)
        if signal is BREAK:
            return GOES_ON
        if isinstance(signal, Returned):
            return signal
    if too_long:
        message = f"This loop would run {len(iterable):,} times; at most {MAX_ROUNDS:,} are allowed"
        runner.context.error("loop-limit", loop.iterable.span, message)
    return runner.run(loop.otherwise, frame)


def run_while(runner: Runner, loop: syntax.While, frame: Frame) -> Signal:
    """Run a `while` loop, as long as its condition is known."""
    rounds, before = 0, runner.context.effects
    while True:
        runner.statement = RunningStatement(loop.test.span)
        held = holds(runner, loop.test, frame)
        if not isinstance(held, bool):
            return pass_over(runner, loop, held, frame)
        if not held:
            return runner.run(loop.otherwise, frame)
        rounds += 1
        if rounds > MAX_ROUNDS:
            message = f"This loop runs more than {MAX_ROUNDS:,} times"
            runner.context.error("loop-limit", loop.test.span, message, hint="check the condition that ends it")
            return GOES_ON
        runner.context.step(loop.test.span)
        signal = runner.run(loop.body, frame)
        if isinstance(signal, Doubt):
            return _doubted(runner, loop, signal, before, frame)
        if signal is BREAK:
            return GOES_ON
        if isinstance(signal, Returned):
            return signal


def _each_makes_model(loop: syntax.For, frame: Frame) -> bool:
    """Whether each round of a loop makes a model of its own."""
    pending, seen = [loop.body], set[int]()
    while pending:
        body = pending.pop()
        if makes_model(body, called=("Model", "Sequential")):
            return True
        for call in syntax.calls(body):
            definition = _definition(call.function, frame)
            if definition is not None and id(definition) not in seen:
                seen.add(id(definition))
                pending.append(definition.body)
    return False


def _one_of_many(runner: Runner, loop: syntax.For, why: Unknown, frame: Frame) -> Signal:
    """Run two rounds of a loop over data that makes a model in each: `for train, test in folds.split(x, y):`.

    Where the second makes the same as the first, it does not matter how many there are.  What else a round changes
    nobody knows then.
    """
    rounds: list[list[ModelValue]] = []
    starts: list[int] = []
    signal, calls = GOES_ON, runner.context.calls
    for _ in range(2):
        before = len(runner.context.models)
        starts.append(len(calls))
        runner.bind_quietly(loop.target, without_shape(why), loop.iterable.span, frame)
        signal = runner.run(loop.body, frame)
        rounds.append(runner.context.models[before:])
        if isinstance(signal, Returned) or signal is BREAK:
            return signal if isinstance(signal, Returned) else GOES_ON
    first, made = rounds
    same = len(first) == len(made) and all(map(alike, first, made))
    bound = {name: peek(syntax.Name(name, loop.span), frame) for name in bound_names(loop.body)}
    first_round = set(calls[slice(*starts)])
    kept = [name for name, held in bound.items() if same and _is_apart(held, first_round)]
    bindings = [(name, frame.holding(name).bindings.get(name)) for name in kept]
    doubts = [model.unknown if same else why.of_model(loop.iterable.span) for model in made]
    mark(runner, [loop], why, loop.span, frame)
    for name, binding in bindings:
        if binding is not None:
            frame.holding(name).bindings[name] = binding
    for model, doubt in zip(made, doubts, strict=True):
        model.unknown = doubt
    return signal if isinstance(signal, Doubt) and signal.returns else GOES_ON


def _is_apart(value: Value, earlier: set[LayerCall]) -> bool:
    """Whether a tensor, a layer or a model of a round is not made of what the round before it called."""
    if isinstance(value, Wrapped):
        return not isinstance(value, ModelValue) or earlier.isdisjoint(value.calls)
    if not isinstance(value, TensorValue):
        return False
    pending, seen = [value], set[TensorValue]()
    while pending:
        each = pending.pop()
        if each in seen or not isinstance(each.maker, LayerCall):
            continue
        seen.add(each)
        if each.maker in earlier:
            return False
        pending += each.maker.reads
    return True


def _doubted(runner: Runner, loop: syntax.For | syntax.While, doubt: Doubt, before: int, frame: Frame) -> Signal:
    """What comes of a loop that perhaps ends in a round; it is passed over if it has changed no model yet."""
    mark(runner, [loop], doubt.why, loop.span, frame)
    if isinstance(doubt.why, Unknown) and runner.context.effects == before:
        runner.context.ignore(loop.span)
    return doubt if doubt.returns else GOES_ON


def _may_change(runner: Runner, loop: syntax.For, frame: Frame) -> bool:
    """Whether a loop may change what a model is in one of its rounds."""

    def is_module(owner: syntax.Expr) -> bool:
        held = peek(owner, frame)
        return isinstance(held, Namespace) or (held is None and getattr(owner, "id", "") in PLAIN_MODULES)

    return changes_model(loop.body, lambda called: _definition(called, frame), is_module)


def _definition(called: syntax.Expr, frame: Frame) -> syntax.Def | None:
    """The function of the file that is called, or the method of one of its objects."""
    held = peek(called, frame)
    if held is None and isinstance(called, syntax.Attribute):
        owner = peek(called.value, frame)
        held = owner.cls.find(called.name) if isinstance(owner, ObjectValue) else None
    definition = held.definition if isinstance(held, FunctionValue) else None
    return definition if isinstance(definition, syntax.Def) else None


def _try_once(runner: Runner, loop: syntax.For, frame: Frame) -> None:
    """Run the body of a loop over what is wrong already, for the errors in it."""
    for name in syntax.names_bound(loop.target):
        frame.holding(name.id).bindings[name.id] = Binding(WRONG, name.span, read=True)
    runner.run(loop.body, frame)
