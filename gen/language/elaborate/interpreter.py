"""Runs a file: statements in order, expressions from the inside out, blocks and loops as often as they say."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gen.components.arguments import Word
from gen.components.base import Activation
from gen.diagnostics import Note, Span
from gen.language import syntax
from gen.language.elaborate import tensors
from gen.language.elaborate.apply import call_layer
from gen.language.elaborate.arithmetic import OperandError, combine, negated
from gen.language.elaborate.attributes import attribute_of, call_method, data_of
from gen.language.elaborate.blocks import assigned_names, bind_parameters, returns
from gen.language.elaborate.called import call_options, layer_inputs, mask_fits, model_inputs, one_tensor
from gen.language.elaborate.construct import apply_activation, call_word
from gen.language.elaborate.context import MAX_BLOCKS, MAX_ITEMS, MAX_NESTED, MAX_ROUNDS, Context
from gen.language.elaborate.imports import imported
from gen.language.elaborate.models import call_model
from gen.language.elaborate.names import Names
from gen.language.elaborate.spellings import hint_for_module, members, namespace, suggestion
from gen.language.elaborate.values import (
    NO_OPTIONS,
    NOTHING,
    WRONG,
    Argument,
    Arguments,
    BidirectionalValue,
    Binding,
    BlockValue,
    BoxValue,
    DictValue,
    Distributed,
    Frame,
    Group,
    Key,
    LayerValue,
    Method,
    ModelValue,
    Namespace,
    Site,
    TensorValue,
    Value,
    Wrapper,
    Wrong,
    count_items,
    describe_value,
    is_wrong,
    nests_deeper,
    sentence,
)
from gen.language.elaborate.wrappers import call_any


@dataclass
class _Statement:
    """What is running: `heading` is the expression whose outermost call stands for the whole statement."""

    span: Span
    heading: syntax.Expr | None = None
    targets: dict[int, str] = field(default_factory=dict)
    """The variables that the values of expressions are bound to, by the identity of the expression."""


_GOES_ON = object()


class Interpreter:
    """Runs one file."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.names = Names(context)
        self._statement = _Statement(Span(0, 0))

    # ------------------------------------------------------------------------------------------------------- statements

    def run(self, statements: Sequence[syntax.Statement], frame: Frame) -> Value:
        """Run statements in order; the value of the `return` that was met, if one was."""
        for statement in statements:
            self.context.step(statement.span)
            result = self._execute(statement, frame)
            if result is not _GOES_ON:
                return result
        return _GOES_ON

    def _execute(self, statement: syntax.Statement, frame: Frame) -> Value:
        match statement:
            case syntax.Assign():
                self._assign(statement, frame)
            case syntax.Evaluate(value, span):
                self._statement = _Statement(span, value)
                self.evaluate(value, frame)
            case syntax.Def():
                self._define(statement, frame)
            case syntax.For():
                return self._loop(statement, frame)
            case syntax.Return(value, span):
                self._statement = _Statement(span)
                return self.evaluate(value, frame)
            case syntax.Import():
                self._import(statement, frame)
        return _GOES_ON

    def _assign(self, statement: syntax.Assign, frame: Frame) -> None:
        targets, value = statement.targets, statement.value
        whole = len(targets) == 1 or isinstance(value, syntax.Call)
        self._statement = _Statement(statement.span, value if whole else None)
        if len(targets) == 1:
            self._statement.targets[id(value)] = targets[0].id
        elif isinstance(value, syntax.Tuple | syntax.List) and len(value.items) == len(targets):
            for target, item in zip(targets, value.items, strict=True):
                self._statement.targets[id(item)] = target.id
        result = self.evaluate(value, frame)
        if len(targets) == 1:
            self.names.bind(targets[0].id, result, targets[0].span, frame)
            return
        for target, item in zip(targets, self._unpacked(targets, result, value.span), strict=True):
            self.names.bind(target.id, item, target.span, frame)

    def _unpacked(self, targets: Sequence[syntax.Name], value: Value, span: Span) -> Sequence[Value]:
        """One value for each target."""
        if isinstance(value, list | tuple | range) and len(value) == len(targets):
            return value
        if not isinstance(value, Wrong):
            count = f"{len(value)} values" if isinstance(value, list | tuple | range) else describe_value(value)
            message = f"There are {len(targets)} names on the left, and {count} on the right"
            self.context.error("unpack-mismatch", span, message)
        return [WRONG] * len(targets)

    def _define(self, definition: syntax.Def, frame: Frame) -> None:
        defaults: dict[str, Argument] = {}
        self._statement = _Statement(definition.header)
        for parameter in definition.parameters:
            if parameter.default is not None:
                defaults[parameter.name] = Argument(self.evaluate(parameter.default, frame), parameter.default)
        if not returns(definition.body):
            if self.context.readable:
                message = f"The block `{definition.name}` returns nothing"
                hint = "end it with `return` and the tensor that it makes"
                self.context.error("missing-return", definition.header, message, hint=hint)
            self.names.bind(definition.name, WRONG, definition.header, frame)
            return
        self.names.bind(definition.name, BlockValue(definition, frame, defaults), definition.header, frame)

    def _loop(self, loop: syntax.For, frame: Frame) -> Value:
        self._statement = _Statement(loop.iterable.span)
        values = self.evaluate(loop.iterable, frame)
        good = self._can_repeat(values, loop)
        for value in values if good else (WRONG,):
            self.context.step(loop.span)
            frame.bindings[loop.target.id] = Binding(value, loop.target.span, read=True)
            result = self.run(loop.body, frame)
            if result is not _GOES_ON:
                return result if good else WRONG
        if not good:  # the body ran once, for the errors in it; what it made is not what was meant
            for name in assigned_names(loop.body):
                frame.bindings[name] = Binding(WRONG, loop.span, read=True)
        return _GOES_ON

    def _can_repeat(self, values: Value, loop: syntax.For) -> bool:
        span = loop.iterable.span
        if is_wrong(values) and not isinstance(values, list | tuple):
            return False
        if not isinstance(values, list | tuple | range):
            hint = f"write `range({values})`" if isinstance(values, int) else "a loop runs over a range or a list"
            message = f"A loop cannot run over {describe_value(values)}"
            self.context.error("not-iterable", span, message, hint=hint)
            return False
        count = len(values)
        if count > MAX_ROUNDS:
            message = f"This loop would run {count:,} times; at most {MAX_ROUNDS:,} are allowed"
            self.context.error("loop-limit", span, message)
            return False
        return True

    def _import(self, statement: syntax.Import, frame: Frame) -> None:
        for name, value in imported(self.context, statement):
            frame.bindings[name] = Binding(value, statement.span, read=True)

    # ------------------------------------------------------------------------------------------------------ expressions

    def evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        """The value of an expression; `WRONG` if anything in it is reported."""
        match expression:
            case syntax.Constant(value):
                return value
            case syntax.Name():
                return self._name(expression, frame)
            case syntax.Call():
                return self._call(expression, frame)
            case syntax.List(items):
                return self._limited([self.evaluate(item, frame) for item in items], expression.span)
            case syntax.Tuple(items):
                return self._limited(tuple([self.evaluate(item, frame) for item in items]), expression.span)
            case syntax.Dict(items):
                entries = tuple([(self._key(key, frame), self._argument(item, frame)) for key, item in items])
                return self._limited(DictValue(entries), expression.span)
            case syntax.Attribute():
                return self._attribute(expression, frame)
            case syntax.Unary():
                return self._unary(expression, frame)
            case syntax.Binary():
                return self._binary(expression, frame)
            case syntax.Index():
                return self._index(expression, frame)

    def _limited(self, value: Value, span: Span) -> Value:
        """A list, a tuple or a dict, unless too much is in it: everything is looked through wherever it is used."""
        count = count_items(value, MAX_ITEMS)
        self.context.step(span, count // 20)
        if count <= MAX_ITEMS and nests_deeper(value, MAX_NESTED):
            message = f"Lists and dicts nest more than {MAX_NESTED} deep here"
            return self.context.error("too-deep", span, message)
        if count <= MAX_ITEMS:
            return value
        if is_wrong(value):
            return WRONG
        message = f"This would have more than {MAX_ITEMS:,} items, including nested ones"
        return self.context.error("loop-limit", span, message)

    def _argument(self, expression: syntax.Expr, frame: Frame) -> Argument:
        return Argument(self.evaluate(expression, frame), expression)

    def _heading(self, expression: syntax.Expr) -> Span:
        """What heads the call that `expression` is: the statement if it is all of it, else itself."""
        return self._statement.span if expression is self._statement.heading else expression.span

    def _name(self, name: syntax.Name, frame: Frame, called: bool = False) -> Value:
        found = self.names.look_up(name.id, frame)
        if found is not None:
            return found.value
        space = namespace(name.id)
        if space is not None:
            return space
        if self.names.is_word(name.id):
            return Word(name.id)
        if called and name.id[:1].isupper():
            layers = [*members("layer"), "Input", "Model", "Sequential"]
            hint = suggestion(name.id, layers)
            return self.context.error("unknown-layer", name.span, f"There is no layer `{name.id}`", hint=hint)
        hint = suggestion(name.id, self.names.to_compare(frame), self.names.words)
        if called and name.id in dir(builtins):
            hint = "a `.nn` file has only one function of Python's, `range`"
        return self.context.error("unknown-name", name.span, f"There is no `{name.id}`", hint=hint)

    def _key(self, key: syntax.Expr, frame: Frame) -> Key:
        if isinstance(key, syntax.Name):
            found = self.names.look_up(key.id, frame)
            return Key(key.id, None if found is None else found.value, key.span)
        assert isinstance(key, syntax.Constant)
        return Key(str(key.value), None, key.span)

    def _attribute(self, attribute: syntax.Attribute, frame: Frame) -> Value:
        return attribute_of(self.context, self.evaluate(attribute.value, frame), attribute)

    def _unary(self, unary: syntax.Unary, frame: Frame) -> Value:
        value = self.evaluate(unary.operand, frame)
        if is_wrong(value):
            return WRONG
        if isinstance(value, TensorValue):
            if unary.operator == "+":
                return value
            return tensors.negate_tensor(self.context, value, Site(unary.span, self._heading(unary), frame.group))
        try:
            return negated(unary.operator, value)
        except OperandError as problem:
            return self.context.error(problem.code, unary.span, problem.message, hint=problem.hint)

    def _binary(self, binary: syntax.Binary, frame: Frame) -> Value:
        left, right = self.evaluate(binary.left, frame), self.evaluate(binary.right, frame)
        if is_wrong(left) or is_wrong(right):
            return WRONG
        if isinstance(left, TensorValue) or isinstance(right, TensorValue):
            site = Site(binary.span, self._heading(binary), frame.group)
            return tensors.combine_tensors(self.context, binary.operator, left, right, site)
        try:
            return self._limited(combine(binary.operator, left, right), binary.span)
        except OperandError as problem:
            return self.context.error(problem.code, binary.span, problem.message, hint=problem.hint)

    def _index(self, index: syntax.Index, frame: Frame) -> Value:
        owner = self.evaluate(index.value, frame)
        parts = [self._part(item, frame) for item in index.items]
        if is_wrong(owner) or any(isinstance(part, Wrong) for part in parts):
            return WRONG
        if isinstance(owner, TensorValue):
            spans = tuple(item.span for item in index.items)
            site = Site(index.span, self._heading(index), frame.group)
            return tensors.slice_tensor(self.context, owner, tuple(parts), spans, site)
        if not isinstance(owner, list | tuple | range) or len(parts) != 1:
            message = f"Brackets with {len(parts)} parts cannot follow {describe_value(owner)}"
            if len(parts) == 1:
                message = f"Brackets cannot follow {describe_value(owner)}"
            return self.context.error("bad-index", index.span, message)
        part = parts[0]
        try:
            return owner[part] if isinstance(part, int) else owner[slice(*part)]
        except IndexError:
            message = f"There is no item {part} among {len(owner)}"
            return self.context.error("bad-index", index.items[0].span, message, hint="the first item has index 0")
        except ValueError:
            return self.context.error("bad-index", index.items[0].span, "The step of a slice cannot be 0")

    def _part(self, item: syntax.Expr | syntax.Slice, frame: Frame) -> Value:
        """An index, or start, stop and step of a slice."""
        if not isinstance(item, syntax.Slice):
            return self._whole_number(item, frame)
        bounds = [
            None if part is None else self._whole_number(part, frame) for part in (item.start, item.stop, item.step)
        ]
        if any(isinstance(bound, Wrong) for bound in bounds):
            return WRONG
        if bounds[2] == 0:
            return self.context.error("bad-index", item.span, "The step of a slice cannot be 0")
        return tuple(bounds)

    def _whole_number(self, expression: syntax.Expr, frame: Frame) -> int | Wrong | None:
        value = self.evaluate(expression, frame)
        if is_wrong(value):
            return WRONG
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        message = f"Brackets take integers and slices, got {describe_value(value)}"
        return self.context.error("bad-index", expression.span, message)

    # ------------------------------------------------------------------------------------------------------------ calls

    def _call(self, call: syntax.Call, frame: Frame) -> Value:
        target = self._statement.targets.get(id(call))
        heading = self._heading(call)
        if isinstance(call.function, syntax.Name):
            function = self._name(call.function, frame, called=True)
        else:
            function = self.evaluate(call.function, frame)
        arguments = self._arguments(call, heading, frame, data_of(function, call))
        context = self.context
        match function:
            case Wrong():
                return WRONG
            case Word():
                return call_word(context, function, arguments, frame.group, target)
            case LayerValue():
                return call_layer(context, function, arguments, Site(call.span, heading, frame.group))
            case ModelValue():
                given = model_inputs(context, function, arguments)
                function.called = True
                return (
                    WRONG if isinstance(given, Wrong) else call_model(context, function, given, call.span, frame.group)
                )
            case Distributed() | BidirectionalValue():
                return self._call_wrapper(function, arguments, frame)
            case BlockValue():
                return self._call_block(function, arguments, frame)
            case Method():
                return call_method(context, function, arguments)
            case Activation() if arguments.positional and isinstance(arguments.positional[0].value, TensorValue):
                return apply_activation(context, function, arguments, frame.group)
            case Namespace(path, known) if not known:
                message = f"`{'.'.join(path)}` cannot be part of a model"
                return context.error("unsupported-call", call.function.span, message, hint=hint_for_module(path))
        message = f"{sentence(describe_value(function))} cannot be called"
        return context.error("not-callable", call.function.span, message)

    def _call_wrapper(self, function: Wrapper, arguments: Arguments, frame: Frame) -> Value:
        context, kind = self.context, "TimeDistributed" if isinstance(function, Distributed) else "Bidirectional"
        held = function.forward if isinstance(function, BidirectionalValue) else None
        said = NO_OPTIONS if held is None else call_options(context, held, arguments)
        given = one_tensor(context, kind, arguments) if held is None else layer_inputs(context, held, arguments, 2)
        if isinstance(given, Wrong) or isinstance(said, Wrong) or not mask_fits(context, said, given[0], arguments):
            return WRONG
        return call_any(context, function, given, arguments.site(frame.group), said)

    def _arguments(self, call: syntax.Call, heading: Span, frame: Frame, data: Collection[str | int] = ()) -> Arguments:
        """The evaluated arguments of a call, but for those in `data`, by name or position: these are `WRONG`."""

        def argument(name: str | int, item: syntax.Expr) -> Argument:
            is_data = name in data and not (isinstance(item, syntax.Constant) and item.value is None)
            return Argument(WRONG, item) if is_data else self._argument(item, frame)

        positional = [argument(index, item) for index, item in enumerate(call.positional)]
        keywords = {item.name: argument(item.name, item.value) for item in call.keywords}
        spans = {item.name: item.name_span for item in call.keywords}
        return Arguments(tuple(positional), keywords, spans, call.span, call.function.span, heading)

    def _call_block(self, block: BlockValue, arguments: Arguments, caller: Frame) -> Value:
        context, name = self.context, block.definition.name
        context.step(arguments.span)
        if any(block.definition is active.definition for active, _ in context.active):
            note = Note(block.definition.header, "the block")
            message = f"The block `{name}` calls itself, and would never end"
            hint = "to repeat something, write a `for` loop"
            return context.error("recursive-block", arguments.span, message, notes=(note,), hint=hint)
        if len(context.active) >= MAX_BLOCKS:
            message = f"Blocks call each other more than {MAX_BLOCKS} deep"
            return context.error("recursive-block", arguments.span, message)
        given = bind_parameters(context, block, arguments)
        if given is None:
            return WRONG
        depth = (caller.group.depth if caller.group else 0) + 1
        group = Group(name, caller.group, depth)
        frame = Frame(block.frame, group)
        for parameter, argument in given.items():
            frame.bindings[parameter] = Binding(argument.value, argument.span, read=True)
        statement = self._statement
        with context.inside(block, arguments.span), context.boxed(BoxValue(group, context.box)):
            result = self.run(block.definition.body, frame)
        self._statement = statement
        return NOTHING if result is _GOES_ON else result
