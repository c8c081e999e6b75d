"""From what the file made to the graph of its model: which model, how it is trained, what everything is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gen.components.base import Loss, Metric
from gen.components.operations.making import Parameter
from gen.diagnostics import Note, Span
from gen.graph.checks import MAX_PARAMETERS, parameters
from gen.graph.graph import (
    Box,
    Call,
    Formula,
    Graph,
    Input,
    NamedLayer,
    Node,
    Output,
    OwnLoss,
    OwnLossOfIds,
    OwnMetric,
    OwnRegularizer,
    Penalty,
    Tensor,
    Training,
)
from gen.language import syntax
from gen.language.elaborate.context import Context, Numbering
from gen.language.elaborate.naming import Namer, name_of_model, names_of_inputs
from gen.language.elaborate.own import Addition, Computed, LossOfFile, MetricOfFile, additions, own_penalty
from gen.language.elaborate.training import Compilation, Plan, compiled, fitted
from gen.language.elaborate.values import (
    BidirectionalValue,
    BoxValue,
    Distributed,
    InputValue,
    LayerCall,
    LayerValue,
    ModelValue,
    TensorValue,
    Wrong,
)


def finish(context: Context, file: syntax.File) -> tuple[ModelValue, Graph] | None:
    """The file's model and its graph; None, and diagnostics, if anything is wrong."""
    model = _model_of_file(context, file)
    if model is None:
        return None
    usable = _is_usable(context, model)
    calls, added = additions(context, model) if usable else ([], [])
    namer = Namer([*calls, *(call for each in added for call in each.calls)], model.parent) if usable else None
    plans = _plans(context, model, namer) if namer is not None else []
    compilation = _train(context, model, plans, bool(added))
    defaults = _fit(context, model)
    if namer is None or context.diagnostics.failed:
        return None
    training = None
    if compilation is not None and not isinstance(compilation.optimizer, Wrong):
        training, plans = Training(compilation.optimizer, defaults), compilation.plans
    graph = _Assembly(context, model, namer).graph(plans, training, file.docstring, calls, added)
    total = sum(parameters(layer.weights.values()) for layer in graph.layers)
    if total > MAX_PARAMETERS:
        message = f"The model has {total:,} weights; gen builds models of up to {MAX_PARAMETERS:,}"
        context.error("too-large", model.span, message)
        return None
    return model, graph


def _model_of_file(context: Context, file: syntax.File) -> ModelValue | None:
    """The model that is compiled; else the last one defined."""
    if not context.models:
        if not context.diagnostics.failed and context.passed_over:
            context.unknown(context.passed_over[0], context.passed_over[0].span)
        if not context.diagnostics.failed:
            context.error(
                "no-model",
                file.statements[-1].span if file.statements else Span(0, 0),
                "The file defines no model",
                hint="end it with `model = Model(inputs, outputs)`",
            )
        return None
    trained = [model for model in context.models if model.compilations]
    for other in trained[1:]:
        first = trained[0].compilations[0].span
        message = "A file can compile only one model, and this is the second"
        hint = "put it into a separate file"
        context.error("two-models", other.compilations[0].span, message, notes=(Note(first, "the first"),), hint=hint)
    return trained[0] if trained else max(context.models, key=lambda model: model.order)


def _is_usable(context: Context, model: ModelValue) -> bool:
    """Whether the model can become a graph; says what it lacks."""
    if model.unknown is not None:
        context.unknown(model.unknown, model.span)
    if model.broken:
        if not context.diagnostics.failed:
            context.error("no-model", model.span, "This model depends on what gen cannot build")
        return False
    if not model.inputs:
        if not context.readable:
            return False  # its layers may be in a line that cannot be read
        hint = "begin with `Input(…)`, or give the first layer its `input_shape`"
        if not model.layers:
            hint = "add an Input and layers"
        context.error("no-input", model.span, "This Sequential does not know the shape of its input", hint=hint)
        return False
    if not model.calls:
        context.error("no-model", model.span, "This model has no layers")
        return False
    return True


def _plans(context: Context, model: ModelValue, namer: Namer) -> list[Plan]:
    """The outputs with their names, which must be different; none is an input's, which is read from the same file."""
    inputs = {tensor.maker.given_name for tensor in model.inputs if isinstance(tensor.maker, InputValue)}
    taken = [name for name in inputs if name is not None]
    names = [model.output_names.get(tensor) or namer.output(tensor) for tensor in model.outputs]
    names = [Numbering(*taken).claim(name) if name in taken else name for name in names]
    plans = [Plan(name, tensor) for name, tensor in zip(names, model.outputs, strict=True)]
    seen: dict[str, Plan] = {}
    for plan in plans:
        if plan.name in seen:
            context.error(
                "duplicate-output",
                plan.tensor.maker.span,
                f"Two outputs are called `{plan.name}`",
                notes=(Note(seen[plan.name].tensor.maker.span, "the other one"),),
                hint="assign them to different variables, or give their layers a `name=`",
            )
        seen.setdefault(plan.name, plan)
    return plans


def _train(context: Context, model: ModelValue, plans: Sequence[Plan], added: bool) -> Compilation | None:
    """What the last `compile` says; all of them are checked."""
    compilation = None
    for arguments in model.compilations:
        compilation = compiled(context, arguments, plans, added)
    for earlier in model.compilations[:-1] if not context.diagnostics.failed else ():
        note = Note(model.compilations[-1].span, "gen uses this one")
        context.warning(
            "compiled-twice",
            earlier.span,
            "The model is compiled again below; gen uses the last `compile`",
            notes=(note,),
        )
    return compilation


def _fit(context: Context, model: ModelValue) -> dict[str, int | float | bool]:
    for other in context.models:
        if other is not model:
            fitted(context, other.fits)
    if model.fits and not model.compilations and not model.broken and context.readable:
        hint = "write `model.compile(optimizer, loss)` before it"
        context.error("not-compiled", model.fits[0].span, "This model is trained, but not compiled", hint=hint)
    return fitted(context, model.fits)


class _Assembly:
    """Makes the frozen objects of a graph, one for each thing of the file."""

    def __init__(self, context: Context, model: ModelValue, namer: Namer) -> None:
        self._context, self._model, self._namer = context, model, namer
        self._tensors: dict[TensorValue, Tensor] = {}
        self._layers: dict[LayerValue, NamedLayer] = {}
        self._boxes: dict[BoxValue, Box] = {}
        self._formulas: set[NamedLayer] = set()
        """The layers that formulas consist of, which are none of the model's."""
        self._frozen = {call.layer for each in context.models if not each.trainable for call in each.calls}

    def graph(
        self,
        plans: Sequence[Plan],
        training: Training | None,
        docstring: str | None,
        calls: Sequence[LayerCall],
        added: Sequence[Addition],
    ) -> Graph:
        model = self._model
        inputs = self._inputs([plan.name for plan in plans])
        nodes = tuple(self._node(call) for call in calls)
        outputs = tuple(
            Output(
                plan.name,
                self._tensors[plan.tensor],
                plan.tensor.maker.span,
                self._loss(plan),
                plan.loss_weight,
                tuple((name, self._metric(plan, metric)) for name, metric in plan.metrics),
                loss_text=plan.loss_text,
                mask=None if plan.tensor.last_mask is None else self._tensors.get(plan.tensor.last_mask),
            )
            for plan in plans
        )
        terms = tuple(self._added(each) for each in added) if training is not None else ()
        penalties = tuple(self._penalties()) if training is not None else ()
        layers = tuple(each for each in self._layers.values() if each.weights or each not in self._formulas)
        return Graph(
            name_of_model(model), docstring, inputs, nodes, outputs, training, layers, model.summary, terms, penalties
        )

    def _added(self, added: Addition) -> Formula:
        """What `add_loss` was given, as calls of its own."""
        nodes = tuple(replace(self._node(call), call=place) for call, place in self._by_statement(added.calls))
        self._formulas |= {node.layer for node in nodes}
        return Formula("add_loss", added.text, Span(0, 0), (), nodes, self._tensors[added.value])

    def _penalties(self) -> Iterator[Penalty]:
        """What weights cost by functions of the file."""
        for value, layer in list(self._layers.items()):
            for name, weight in layer.weights.items():
                own = weight.regularizer
                if not isinstance(own, OwnRegularizer) or not (layer.trainable and weight.trainable):
                    continue
                computed = own_penalty(self._context, own.function, own.name, weight.shape, value.span)
                if not isinstance(computed, Wrong):
                    leaf = Tensor("w", weight.shape)
                    yield Penalty(layer, name, self._formula(computed, {computed.inputs[0]: leaf}, (leaf,)))

    def _node(self, call: LayerCall) -> Node:
        return Node(
            self._layer(call.layer),
            tuple(self._tensors[tensor] for tensor in call.inputs),
            tuple(self._tensor(tensor) for tensor in call.outputs),
            Call(
                self._context.text(call.heading),
                call.span,
                call.statement,
                box=self._box(call.box),
                wrapper=_wrapper(call),
                operator=call.said.operator,
            ),
            tuple(None if mask is None else self._tensors[mask] for mask in call.masks),
            call.said.options,
            call.said.predicts,
        )

    def _loss(self, plan: Plan) -> Loss | None:
        """The loss of an output; what the file computes itself becomes calls."""
        if not isinstance(plan.loss, LossOfFile):
            return plan.loss
        computed = plan.loss.computed
        true, predicted = computed.inputs
        leaf = Tensor(f"{plan.name}_true", true.shape, true.dtype)
        formula = self._formula(computed, {true: leaf, predicted: self._tensors[plan.tensor]}, (leaf,))
        return (OwnLossOfIds if computed.ids else OwnLoss)(formula, computed.summed)

    def _metric(self, plan: Plan, metric: Metric) -> Metric:
        """A metric of an output, the same way."""
        if not isinstance(metric, MetricOfFile):
            return metric
        true, predicted = metric.computed.inputs
        leaves = (
            Tensor(f"{plan.name}_true", true.shape, true.dtype),
            Tensor(plan.name, predicted.shape, predicted.dtype),
        )
        given = dict(zip((true, predicted), leaves, strict=True))
        return OwnMetric(metric.name, self._formula(metric.computed, given, leaves))

    def _formula(self, computed: Computed, given: dict[TensorValue, Tensor], leaves: tuple[Tensor, ...]) -> Formula:
        """The calls of a function of the file on tensors that are `given`; they have names of their own."""
        self._tensors |= given
        model, self._namer = self._namer, Namer(computed.calls, computed.group)
        nodes = [replace(self._node(call), call=place) for call, place in self._by_statement(computed.calls)]
        self._namer = model
        self._formulas |= {node.layer for node in nodes}
        value = self._tensors[computed.value]
        return Formula(computed.name, computed.text, computed.span, leaves, tuple(nodes), value)

    def _by_statement(self, calls: Sequence[LayerCall]) -> list[tuple[LayerCall, Call]]:
        """The calls of a formula with their places; what one statement says stands together, under all of it."""
        found: list[tuple[LayerCall, Call]] = []
        last: LayerCall | None = None
        place = Call("", Span(0, 0))
        for call in reversed(calls):
            inside = (
                last is not None and last.heading.start <= call.heading.start <= call.heading.end <= last.heading.end
            )
            if last is None or not inside or call.box is not last.box:
                last, place = call, Call(self._context.text(call.heading), call.span, object(), operator="formula")
            found.append((call, place))
        return found[::-1]

    def _inputs(self, outputs: Sequence[str]) -> tuple[Input, ...]:
        entries = [tensor.maker for tensor in self._model.inputs if isinstance(tensor.maker, InputValue)]
        return tuple(
            Input(name, self._tensor(entry.tensor), entry.span)
            for name, entry in zip(names_of_inputs(entries, outputs), entries, strict=True)
        )

    def _tensor(self, tensor: TensorValue) -> Tensor:
        self._tensors[tensor] = Tensor(self._namer.tensor(tensor), tensor.shape, tensor.dtype)
        return self._tensors[tensor]

    def _layer(self, layer: LayerValue) -> NamedLayer:
        if layer not in self._layers:
            trainable = layer.trainable and layer not in self._frozen
            name, weights = self._namer.layer(layer), layer.weights or {}
            if isinstance(layer.component, Parameter) and "/" in name:  # its own name is that of the weight
                name, _, weight = name.rpartition("/")
                weights = {weight: weights["value"]}
            self._layers[layer] = NamedLayer(name, layer.component, weights, trainable)
        return self._layers[layer]

    def _box(self, box: BoxValue | None) -> Box | None:
        if box is not None and box not in self._boxes:
            self._boxes[box] = Box(self._namer.box(box.group), self._box(box.parent))
        return self._boxes[box] if box is not None else None


def _wrapper(call: LayerCall) -> str:
    """The word of the outermost wrapper that made the call for what it holds; empty if none did."""
    word, group = "", call.owner
    while group is not None and isinstance(group.owner, Distributed | BidirectionalValue):
        word, group = group.owner.word, group.parent
    return word
