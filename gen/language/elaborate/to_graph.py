"""From what the file made to the graph of its model: which model, how it is trained, what everything is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gen.components.base import Loss, Metric
from gen.diagnostics import Note, Span
from gen.graph.checks import MAX_PARAMETERS, parameters
from gen.graph.graph import (
    Box,
    Call,
    Constrained,
    Formula,
    Graph,
    Input,
    NamedLayer,
    Node,
    Output,
    OwnConstraint,
    OwnLoss,
    OwnLossOfIds,
    OwnMetric,
    OwnRegularizer,
    Penalty,
    Tensor,
    Training,
)
from gen.graph.several import share
from gen.language import syntax
from gen.language.elaborate.changes import makes_model
from gen.language.elaborate.context import Context, Numbering
from gen.language.elaborate.naming import Namer, name_of_model, names_of_inputs
from gen.language.elaborate.order import Turns
from gen.language.elaborate.own import (
    Addition,
    Computed,
    LossOfFile,
    MetricOfFile,
    additions,
    own_constraint,
    own_penalty,
)
from gen.language.elaborate.repeated import without_repeated
from gen.language.elaborate.spellings import suggestion
from gen.language.elaborate.training import Compilation, Plan, compiled, fitted
from gen.language.elaborate.unheld import frozen
from gen.language.elaborate.values import (
    ACTIVITY,
    BidirectionalValue,
    BoxValue,
    Distributed,
    Group,
    InputValue,
    LayerCall,
    LayerValue,
    ModelValue,
    ObjectValue,
    TensorValue,
    Wrong,
)

MOST_TOGETHER = 100
"""How many models of one file are built together."""


def graphs_of_file(context: Context, file: syntax.File) -> list[tuple[ModelValue, Graph]]:
    """The models that are built of the file, and their graphs; none, and diagnostics, if anything is wrong."""
    models = _models_of_file(context, file)
    several = len(models) > 1
    if several:
        for each in context.models:
            each.variable = each.outside
    parts = [_Parts(*additions(context, each)) if _is_usable(context, each) else None for each in models]
    layers = _names_of_layers(models, parts) if several else None
    found = [_finished(context, file, *each, layers) for each in zip(models, parts, strict=True)]
    _check_others(context, models)
    for model, graph in zip(models, found, strict=True):
        _check_weights(context, model, graph)
    made = [(model, graph) for model, graph in zip(models, found, strict=True) if graph is not None]
    if context.diagnostics.failed or len(made) < len(found):
        return []
    if several:
        made = _together(context, made)
    total = sum(parameters(layer.weights.values()) for layer in made[0][1].layers) if made else 0
    if total > MAX_PARAMETERS:
        message = f"The model has {total:,} weights; gen builds models of up to {MAX_PARAMETERS:,}"
        context.error("too-large", models[0].span, message)
        return []
    return made


def _check_weights(context: Context, model: ModelValue, graph: Graph | None) -> None:
    """Report two weights of one name: a `name=` with a `/` may say what a part of another layer is called."""
    seen = set()
    for layer in graph.layers if graph is not None else ():
        for weight in layer.weights:
            name = f"{layer.name}/{weight}"
            if name in seen:
                message = f"Two weights of the model are called `{name}`"
                context.error("duplicate-name", model.span, message, hint="give one of the layers another `name=`")
                return
            seen.add(name)


@dataclass(frozen=True)
class _Parts:
    """What a model consists of: its calls, and what they add to the loss."""

    calls: list[LayerCall]
    added: list[Addition]

    @property
    def every(self) -> list[LayerCall]:
        """All calls."""
        return [*self.calls, *(call for each in self.added for call in each.calls)]


def _finished(
    context: Context, file: syntax.File, model: ModelValue, parts: _Parts | None, layers: Namer | None
) -> Graph | None:
    """The graph of one model; `layers` has the names of layers, where other models use them too."""
    calls, added = (parts.calls, parts.added) if parts is not None else ([], [])
    namer = Namer(parts.every, model.parent) if parts is not None else None
    plans = _plans(context, model, namer) if namer is not None else []
    compilation = _train(context, model, plans, bool(added))
    defaults = _fit(context, model)
    if namer is None or context.diagnostics.failed:
        return None
    training = None
    if compilation is not None and not isinstance(compilation.optimizer, Wrong):
        training, plans = Training(compilation.optimizer, defaults), compilation.plans
    return _Assembly(context, model, namer, layers or namer).graph(plans, training, file.docstring, calls, added)


def _models_of_file(context: Context, file: syntax.File) -> list[ModelValue]:
    """The models to build, in the order of the file: one, unless the file compiles several and none is asked for."""
    model = _model_of_file(context, file)
    trained = _trained(context)
    if model is not None and len(trained) < sum(bool(each.compilations) for each in context.models):
        message = "The file makes this model again and again, each time the same; gen builds it once"
        context.warning("repeated-model", model.span, message)
    if model is None or context.asked or len(trained) < 2:
        return [] if model is None else [model]
    if len(trained) > MOST_TOGETHER:
        message = f"The file compiles {len(trained)} models; gen builds at most {MOST_TOGETHER} together"
        context.error("two-models", model.span, message, hint="build them one by one: `gen build --model NAME`")
        return []
    weighty = {call.layer for each in trained for call in each.calls if call.layer.weights}
    depth = max(_depth(each) for each in trained)
    return [
        each
        for each in sorted(context.models, key=lambda each: each.order)
        if each in trained
        or (
            not each.compilations
            and each.public is not None
            and _depth(each) <= depth
            and each.inputs
            and not each.broken
            and each.unknown is None
            and any(call.layer in weighty for call in each.calls)
        )
    ]


def _trained(context: Context) -> list[ModelValue]:
    """The models that are compiled, each once."""
    return without_repeated([model for model in context.models if model.compilations])


def _depth(model: ModelValue) -> int:
    """How many functions ran where the model got its name."""
    return min((depth for depth, _ in model.bound), default=0)


def _names_of_layers(models: Sequence[ModelValue], parts: Sequence[_Parts | None]) -> Namer:
    """One name for each layer of several models: that which it has farthest inside of models that are called."""
    calls = [call for each in parts if each is not None for call in each.every]
    parents = {model.parent for model in models}
    around = parents.pop() if len(parents) == 1 else None
    return Namer(sorted(calls, key=lambda call: -_models_around(call.owner)), around)


def _models_around(group: Group | None) -> int:
    """How many models that are called, one in the other, what is made in a group is part of."""
    count = 0
    while group is not None:
        count += isinstance(group.owner, ModelValue | ObjectValue)
        group = group.parent
    return count


def _together(context: Context, made: list[tuple[ModelValue, Graph]]) -> list[tuple[ModelValue, Graph]]:
    """The graphs of models that work on one set of weights, which all of them know."""
    graphs = share([(model.outside or model.public or "model", graph) for model, graph in made])
    if graphs is None:
        context.error(
            "two-models",
            made[0][0].span,
            "Each of these models trains other weights than the others, in ways that gen cannot lay out in one vector",
            hint="build them one by one: `gen build --model NAME`",
        )
        return []
    for model, graph in made:
        if graph.training is not None and not any(layer.trainable_weights() for layer in graph.layers):
            context.warning(
                "trains-nothing",
                model.compilations[-1].span,
                f"`{model.public or 'model'}` trains nothing: all its layers are frozen, as in Keras 3,"
                " where `trainable` counts when a model is first trained, not when it is compiled",
                hint="where it is to learn, train it before its layers are frozen: write its `fit(…)` above that line",
            )
    return [(model, graph) for (model, _), graph in zip(made, graphs, strict=True)]


def _model_of_file(context: Context, file: syntax.File) -> ModelValue | None:
    """The model that is asked for; else the one that is compiled; else the last one defined."""
    if not context.models:
        if not context.diagnostics.failed and context.passed_over:
            context.unknown(context.passed_over[0], context.passed_over[0].span)
        if not context.diagnostics.failed:
            loads = makes_model(file.statements, called=("load_model", "model_from_json"))
            span = file.statements[-1].span if file.statements else Span(0, 0)
            hint = "end it with `model = Model(inputs, outputs)`"
            if loads:
                hint = "the model that it loads is in a file: `gen import FILE` reads that"
            context.error("no-model", span, "The file defines no model", hint=hint)
        return None
    if context.asked:
        return _asked(context)
    trained = _trained(context)
    for other in trained[1:] if context.single else ():
        first = trained[0].compilations[0].span
        message = "The file compiles several models, and one is wanted"
        hint = f"say which one: `--model {trained[0].public or 'NAME'}`"
        context.error("two-models", other.compilations[0].span, message, notes=(Note(first, "the first"),), hint=hint)
    return trained[0] if trained else max(context.models, key=lambda model: model.order)


def _asked(context: Context) -> ModelValue | None:
    """The model with the name that is asked for: a compiled one if several have it, else the last of them."""
    name, models = context.asked, sorted(context.models, key=lambda model: model.order)
    found = [model for model in models if model.public == name]
    found = found or [model for model in models if name in (each for _, each in model.bound)]
    if not found:
        if not context.diagnostics.failed:  # else the model may be what could not be made
            names = list(dict.fromkeys(model.public for model in models if model.public is not None))
            there = f"; there {'is' if len(names) == 1 else 'are'} {_listed(names)}" if names else ""
            hint = suggestion(name, names)
            context.error("no-model", models[-1].span, f"The file has no model called `{name}`{there}", hint=hint)
        return None
    trained = [model for model in found if model.compilations]
    for other in trained[1:]:
        message = f"Two compiled models are called `{name}`, and gen is to build the one of this name"
        notes = (Note(trained[0].span, "the first"),)
        context.error("two-models", other.span, message, notes=notes, hint='give it a name: `name="…"`')
    return trained[0] if trained else found[-1]


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


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
        if model.sequential and not model.layers:
            hint = "add an Input and layers"
        elif not model.sequential:
            hint = "call it on an Input: `Model(x, model(x))`, or write `model.build((None, 32))`"
        kind = "Sequential" if model.sequential else "model"
        context.error("no-input", model.span, f"This {kind} does not know the shape of its input", hint=hint)
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
            note = Note(seen[plan.name].tensor.maker.span, "the other one")
            other = Numbering(*taken, *names, *seen).claim(plan.name)
            message = f"Two outputs are called `{plan.name}`; this one becomes `{other}`"
            hint = "assign them to different variables, or give their layers a `name=`"
            context.warning("renamed-output", plan.tensor.maker.span, message, notes=(note,), hint=hint)
            plan.name = other
        seen[plan.name] = plan
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


def _check_others(context: Context, models: Sequence[ModelValue]) -> None:
    for other in context.models:
        if other not in models:
            fitted(context, other.fits)


def _fit(context: Context, model: ModelValue) -> dict[str, int | float | bool]:
    if model.fits and not model.compilations and not model.broken and context.readable:
        hint = "write `model.compile(optimizer, loss)` before it"
        context.error("not-compiled", model.fits[0].span, "This model is trained, but not compiled", hint=hint)
    return fitted(context, model.fits)


class _Assembly:
    """Makes the frozen objects of a graph, one for each thing of the file."""

    def __init__(self, context: Context, model: ModelValue, namer: Namer, layers: Namer) -> None:
        self._context, self._model, self._namer, self._layer_names = context, model, namer, layers
        self._tensors: dict[TensorValue, Tensor] = {}
        self._layers: dict[LayerValue, NamedLayer] = {}
        self._boxes: dict[BoxValue, Box] = {}
        self._frozen = frozen(context) if model.frozen is None else model.frozen
        self._turns = Turns()
        self._formulas: set[NamedLayer] = set()
        """The layers that formulas consist of, which are none of the model's."""

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
        constrained = tuple(self._constrained()) if training is not None else ()
        layers = tuple(each for each in self._layers.values() if each.weights or each not in self._formulas)
        return Graph(
            name_of_model(model),
            docstring,
            inputs,
            nodes,
            outputs,
            training,
            layers,
            model.summary,
            terms,
            penalties,
            constrained,
            asked=self._context.asked,
        )

    def _added(self, added: Addition) -> Formula:
        """What `add_loss` was given, as calls of its own."""
        if added.name == ACTIVITY:
            place = Call(f"{ACTIVITY}: {added.text}", Span(0, 0), object(), operator="formula")
            nodes = tuple(replace(self._node(call), call=place) for call in added.calls)
        else:
            nodes = tuple(replace(self._node(call), call=place) for call, place in self._by_statement(added.calls))
        self._formulas |= {node.layer for node in nodes}
        return Formula(added.name, added.text, Span(0, 0), (), nodes, self._tensors[added.value])

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

    def _constrained(self) -> Iterator[Constrained]:
        """What weights are after each step by functions of the file."""
        for value, layer in list(self._layers.items()):
            for name, weight in layer.weights.items():
                own = weight.constraint
                if not isinstance(own, OwnConstraint) or not (layer.trainable and weight.trainable):
                    continue
                computed = own_constraint(self._context, own.function, own.name, weight.shape, value.span)
                if not isinstance(computed, Wrong):
                    leaf = Tensor("w", weight.shape)
                    yield Constrained(layer, name, self._formula(computed, {computed.inputs[0]: leaf}, (leaf,)))

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
            self._turn(call),
        )

    def _turn(self, call: LayerCall) -> int:
        """When Keras runs a call of a layer that changes with each of several."""
        changes = hasattr(call.layer.component, "update") and len(call.layer.calls) > 1
        return self._turns.of(self._model).get(call, 0) if changes else 0

    def _loss(self, plan: Plan) -> Loss | None:
        """The loss of an output; what the file computes itself becomes calls."""
        if not isinstance(plan.loss, LossOfFile):
            return plan.loss
        computed = plan.loss.computed
        true, predicted = computed.inputs
        leaf = Tensor(f"{plan.name}_true", true.shape, true.dtype)
        formula = self._formula(computed, {true: leaf, predicted: self._tensors[plan.tensor]}, (leaf,))
        return (OwnLossOfIds if computed.ids else OwnLoss)(formula, computed.summed, computed.component)

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
            trainable = layer not in self._frozen
            namer = self._layer_names if self._layer_names.has(layer) else self._namer
            name, weights = namer.layer(layer), layer.weights or {}
            if layer.component.own_weight and "/" in name:  # its own name is that of the weight
                name, _, weight = name.rpartition("/")
                weights = {weight: weights[layer.component.own_weight]}
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
