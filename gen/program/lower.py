"""Lowering: a graph becomes programs, its rules inlined forward in order and backward in reverse.

Three programs come out of a model: the training step (sections `forward`, `loss`, `backward`, `input_gradients`,
`track`), prediction (`infer`, `activate`) and the optimizer's `update`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from gen.components.base import Activation, Loss, Optimizer, describe
from gen.dims import product, show
from gen.graph.graph import Graph, NamedLayer, Node, Output, Tensor
from gen.program.builder import Array, Builder, Generator, Number
from gen.program.fence import FenceError
from gen.program.inline import run
from gen.program.ir import NUMBER, ArrayType, Block, Program, literal, operation
from gen.program.rules import parameter_names, returned_names


@dataclass(frozen=True)
class Identifiers:
    """The Python names of a model's things: inputs, outputs, tensors by object; weights by layer and weight name."""

    tensors: dict[Tensor, str]
    outputs: dict[Output, str]
    weights: dict[tuple[NamedLayer, str], str]
    split: frozenset[Tensor] = frozenset()
    """Tensors between a layer and the activation that was split from it; they share the name of the result."""


@dataclass(frozen=True)
class Lowered:
    """A program and what the emitter has to know about it."""

    program: Program
    kernels: dict[str, FunctionType]
    results: dict[str, tuple[ast.expr, ...]]
    """What the function of a section returns."""
    places: dict[str, str]
    """Variables that the emitter asks for by a name of its own: `"logits:answer"`, `"prediction:answer"`."""
    random: bool = False
    """Whether `forward` draws random numbers."""


@dataclass
class _Application:
    """One node as it was run forward: what `backward` and `update` may ask for."""

    node: Node
    names: dict[str, Any]
    inputs: tuple[Array, ...]
    rows: tuple[Array, ...]
    result: Array


class _Lowering:
    """What lowering a graph keeps in hand."""

    def __init__(self, graph: Graph, names: Identifiers, reserved: set[str]) -> None:
        self.graph, self.names = graph, names
        self.build = Builder(taken=set(reserved) | {n for name in names.tensors.values() for n in (name, f"d{name}")})
        self.values: dict[Tensor, Array] = {}
        self.weights: dict[tuple[NamedLayer, str], Array] = {}
        self.applications: list[_Application] = []
        self.gradients: dict[Tensor, Array] = {}
        self.weight_gradients: dict[tuple[NamedLayer, str], Array] = {}
        self.pinned: dict[str, str] = {}
        self.kept: dict[str, list[str]] = {}
        self.results: dict[str, tuple[ast.expr, ...]] = {}
        self.places: dict[str, str] = {}
        self.random = False
        self.linear: set[Tensor] = set()
        self.blocks: dict[tuple[str, int], Block] = {}
        for item in graph.inputs:
            kind = ArrayType(item.tensor.shape, item.tensor.dtype)
            self.values[item.tensor] = self.build.parameter(names.tensors[item.tensor], kind)
        for layer in graph.layers:
            for name, weight in layer.weights.items():
                place = f"p.{names.weights[layer, name]}"
                self.weights[layer, name] = self.build.parameter(place, ArrayType(weight.shape))

    def enter(self, section: str, block: Block) -> None:
        self.build.section, self.build.block = section, block

    def block_of(self, section: str, node: Node) -> Block:
        """The block of a node's call; a layer and the activation that was split from it share one."""
        key = (section, id(node.call))
        if key not in self.blocks:
            last = next(item for item in reversed(self.graph.nodes) if item.call is node.call)
            shapes = ", ".join(show(output.shape) for output in last.outputs)
            self.blocks[key] = Block(node.call.text, shapes if section in ("forward", "infer") else "")
        return self.blocks[key]

    def finish(self, parameters: set[str]) -> Lowered:
        build = self.build
        program = Program(
            tuple(build.statements),
            build.types,
            build.names,
            frozenset(parameters),
            self.pinned,
            {section: tuple(names) for section, names in self.kept.items()},
            build.soft,
            build.fallback,
            frozenset(build.claimed),
            frozenset(build.taken),
        )
        return Lowered(program, build.kernels, self.results, self.places, self.random)

    def is_linear(self, tensor: Tensor) -> bool:
        """Whether `tensor` is what a layer gives before its activation, which this program applies next."""
        return tensor in self.linear

    # -------------------------------------------------------------------------------------------------- forward

    def forward(self, section: str, nodes: tuple[Node, ...]) -> None:
        """Run `nodes` in order."""
        activations = (node for node in nodes if isinstance(node.layer.component, Activation))
        self.linear |= {node.inputs[0] for node in activations if self.is_split(node.inputs[0])}
        for node in nodes:
            self.enter(section, self.block_of(section, node))
            self.apply(node, predicting=section != "forward")

    def apply(self, node: Node, predicting: bool) -> None:
        component = node.layer.component
        inputs = tuple(self.values[tensor] for tensor in node.inputs)
        (output,) = node.outputs
        flat = component.last_axis and len(output.shape) > 2
        rows = tuple(self.as_rows(item) for item in inputs) if flat else inputs
        rule = self.rule(node.layer, predicting)
        ident = self.names.tensors[output]
        bindings = self.bindings(node.layer, rule, rows)
        outcome = run(self.build, rule, bindings, self.local(ident, rule))
        result: Array = outcome.result
        if not flat and not result.type.contiguous:
            result = self.build.copy(result)
        result = self.build.reshape(result, output.shape)
        memory = self.build.reshaped_from(result)
        if self.is_linear(output):
            self.build.fallback.setdefault((memory or result).name, f"{ident}_linear")
        else:
            self.build.claim(result, ident)
            if memory is not None:
                self.build.name(memory, f"{ident}_rows")
        self.values[output] = result
        self.applications.append(_Application(node, outcome.names, inputs, rows, result))

    def is_split(self, tensor: Tensor) -> bool:
        """Whether `tensor` came to be when a layer was split from its activation."""
        return tensor in self.names.split

    def rule(self, layer: NamedLayer, predicting: bool) -> FunctionType:
        """The rule to run forward; a frozen layer with statistics predicts in training too, as in Keras."""
        component = type(layer.component)
        frozen = not layer.trainable and hasattr(component, "update")
        return getattr(component, "predict" if (predicting or frozen) and hasattr(component, "predict") else "forward")  # type: ignore[no-any-return]

    def bindings(self, layer: NamedLayer, rule: FunctionType, inputs: tuple[Array, ...]) -> dict[str, Any]:
        """A value for every parameter of a forward rule: inputs in order, then weights (None where there is none)."""
        found: dict[str, Any] = {"self": layer.component}
        waiting = list(inputs)
        variadic = bool(rule.__code__.co_flags & 0x04)
        for name in parameter_names(rule):
            if (layer, name) in self.weights:
                found[name] = self.weights[layer, name]
            elif name == "rng":
                found[name], self.random = Generator(), True
            elif variadic and waiting:
                found[name], waiting = tuple(waiting), []
            else:
                found[name] = waiting.pop(0) if waiting else None
        return found

    def as_rows(self, array: Array) -> Array:
        """A view of `array` as a matrix of its last axis."""
        if len(array.shape) == 2:
            return array
        return self.build.reshape(array, (product(array.shape[:-1]), array.shape[-1]))

    def local(self, ident: str, rule: FunctionType) -> Callable[[str], str | None]:
        """How a rule's local names read in the generated code; those that it returns are named by what they become."""
        returned = returned_names(rule)
        return lambda name: None if name in returned else f"{ident}_{name}"

    # ----------------------------------------------------------------------------------------------------- loss

    def losses(self) -> None:
        """The section `loss`, and the gradient of each output by what its loss is computed from."""
        gradients = []
        terms: list[tuple[float, str]] = []
        for output in self.graph.outputs:
            if output.loss is not None:
                name, gradient = self.loss(output)
                terms.append((output.loss_weight, name))
                gradients.append(gradient)
        penalty = self.penalties()
        total = _weighted_sum(terms, penalty)
        self.results["loss"] = (total, *(ast.Name(name, ast.Load()) for _, name in terms))
        for gradient in gradients:
            gradient()

    def loss(self, output: Output) -> tuple[str, Callable[[], None]]:
        """Lower one loss; gives the name of its value and what lowers its gradient, for the backward section."""
        ident, loss = self.names.outputs[output], output.loss
        assert loss is not None and output.loss_input is not None
        logits = self.values[output.loss_input]
        fused = output.loss_input is not output.tensor
        head = f"loss of {ident}: {output.loss_text}" + (", from the logits" if fused else "")
        self.enter("loss", Block(head))
        rows = self.as_rows(logits)
        target = logits.shape[:-1] if loss.sparse else logits.shape
        true = self.build.parameter(f"{ident}_true", ArrayType(target, "intp" if loss.sparse else "float"))
        true_rows = self.build.reshape(true, rows.shape[:1]) if loss.sparse else self.as_rows(true)
        weight = self.build.parameter(f"{ident}_weight", ArrayType(logits.shape[:-1]))
        self.places[f"logits:{output.name}"] = logits.name
        rule = type(loss).forward  # type: ignore[attr-defined]  # every loss has one
        bindings = {"self": loss, **dict(zip(parameter_names(rule), (true_rows, rows), strict=True))}
        outcome = run(self.build, rule, bindings, self.local(ident, rule))
        result, names = outcome.result, outcome.names
        values, prediction = result if isinstance(result, tuple) else (result, rows)
        self.build.name(values, f"{ident}_losses")
        column = self.build.views.get(values.name)
        if column is not None and column.shape == (*rows.shape[:1], 1):
            values = column
        values = self.weigh(values, weight)
        count = literal(rows.shape[0])
        axis: dict[str, object] = {"axis": None} if len(values.shape) > 1 else {}
        total = operation("float", operation("np.add.reduce", values.name, **axis))
        value = self.build.number(f"{ident}_loss", ast.BinOp(total, ast.Div(), count))
        seen = self.build.reshape(prediction if fused else rows, logits.shape)
        if fused:
            self.build.fallback[prediction.name] = f"{ident}_prediction"
        self.places[f"prediction:{output.name}"] = seen.name
        if output.metrics:
            self.kept.setdefault("loss", []).append(seen.name)

        def gradient() -> None:
            self.enter("backward", Block(head))
            self.loss_gradient(output, loss, {**names, **bindings, "y_pred": prediction}, weight, rows)

        return value, gradient

    def loss_gradient(self, output: Output, loss: Loss, names: dict[str, Any], weight: Array, rows: Array) -> None:
        assert output.loss_input is not None
        ident = self.names.tensors[output.loss_input]
        rule = type(loss).backward  # type: ignore[attr-defined]  # every loss has one
        scale = _divided(output.loss_weight, rows.shape[0])
        bindings = {"self": loss, "scale": scale, **{n: names[n] for n in parameter_names(rule) if n in names}}
        bindings["scale"] = scale
        gradient: Array = run(self.build, rule, bindings, self.local(self.names.outputs[output], rule)).result
        if any(gradient.name == item.name for item in names.values() if isinstance(item, Array)):
            gradient = self.build.copy(gradient)
        gradient = self.build.reshape(self.weigh(gradient, weight), output.loss_input.shape)
        self.contribute(output.loss_input, gradient, f"d{ident}")

    def weigh(self, rows: Array, weight: Array) -> Array:
        """Values of rows, or rows themselves, times the sample weights, if there are any."""
        if len(weight.shape) > 1:
            weight_rows = self.build.reshape(weight, (rows.shape[0], 1)[: len(rows.shape)])
        elif len(rows.shape) > 1:
            column = ast.Tuple([ast.Slice(), ast.Constant(None)], ast.Load())
            weight_rows = self.build.view("index", weight, column, shape=(*weight.shape, 1), contiguous=False)
        else:
            weight_rows = weight
        return self.build.call("multiply", rows, weight_rows, guard=f"{weight.name} is not None")

    def penalties(self) -> list[str]:
        """The regularizers' terms of the loss, by the names of their values."""
        found = []
        for (layer, name), array in self.weights.items():
            weight = layer.weights[name]
            if weight.regularizer is None or not (layer.trainable and weight.trainable):
                continue
            ident = self.names.weights[layer, name]
            self.enter("loss", Block(f"penalty of {layer.name}/{name}: {describe(weight.regularizer)}"))
            rule = type(weight.regularizer).forward  # type: ignore[attr-defined]  # every regularizer has one
            outcome = run(self.build, rule, {"self": weight.regularizer, "w": array}, self.local(ident, rule))
            found.append(self.build.number(f"{ident}_penalty", operation("float", outcome.result.name)))
        return found

    # ------------------------------------------------------------------------------------------------- backward

    def backward(self) -> None:
        """The section `backward`: every node in reverse."""
        for application in reversed(self.applications):
            node = application.node
            (output,) = node.outputs
            if output in self.gradients:
                self.enter("backward", self.block_of("backward", node))
                self.differentiate(application, self.gradients[output])
        self.regularize()
        for (layer, name), gradient in self.weight_gradients.items():
            if layer.trainable and layer.weights[name].trainable:
                self.pin(gradient, f"g.{self.names.weights[layer, name]}")

    def differentiate(self, application: _Application, dy: Array) -> None:
        node, layer = application.node, application.node.layer
        component = layer.component
        flat = component.last_axis and len(dy.shape) > 2
        (output,) = node.outputs
        forward = self.rule(layer, predicting=False)
        predicts = forward.__name__ == "predict"
        rule = getattr(type(component), "predict_backward" if predicts else "backward")
        names = {**application.names, "y": application.result, "dy": self.as_rows(dy) if flat else dy}
        if flat and "y" in parameter_names(rule):
            names["y"] = self.as_rows(application.result)
        bindings: dict[str, Any] = {"self": component}
        for name in parameter_names(rule):
            bindings[name] = names.get(name, self.weights.get((layer, name)))
        outcome = run(self.build, rule, bindings, self.local(self.names.tensors[output], rule))
        self.distribute(application, forward, outcome.by_name())

    def distribute(self, application: _Application, forward: FunctionType, results: dict[str, Any]) -> None:
        """Hand what a backward rule returned to the tensors and weights that it is the gradient of."""
        node = application.node
        inputs = [name for name in parameter_names(forward) if application.names.get(name) is not None]
        tensors = iter(zip(node.inputs, application.inputs, strict=True))
        bound: dict[str, tuple[tuple[Tensor, Array], ...]] = {}
        for name in inputs:
            if (node.layer, name) in self.weights or name == "rng":
                continue
            if forward.__code__.co_flags & 0x04 and not bound:
                bound[name] = tuple(tensors)
            elif (item := next(tensors, None)) is not None:
                bound[name] = (item,)
        for name, value in results.items():
            of = name.removeprefix("d")
            if len(results) == 1 and of not in bound and (node.layer, of) not in self.weights:
                of = next(iter(bound))  # a rule with one result need not name it
            if of in bound:
                values = value if isinstance(value, tuple | list) else (value,)
                for (tensor, array), gradient in zip(bound[of], values, strict=True):
                    if array.type.dtype == "float" and gradient is not None:
                        gradient = gradient if gradient.type.contiguous else self.build.copy(gradient)
                        gradient = self.build.reshape(gradient, array.shape)
                        self.contribute(tensor, gradient, f"d{self.names.tensors[tensor]}")
            elif (node.layer, of) in self.weights:
                if value is not None:
                    self.contribute_weight((node.layer, of), value)
            elif value is not None:
                raise FenceError(f"{type(node.layer.component).__name__}.backward returns `{name}`: gradient of what?")

    def contribute_weight(self, weight: tuple[NamedLayer, str], gradient: Array) -> None:
        """One summand of the gradient of a weight: one per call of its layer, one of its regularizer."""
        known = self.weight_gradients.get(weight)
        self.weight_gradients[weight] = gradient if known is None else self.build.call("add", known, gradient)

    def contribute(self, tensor: Tensor, gradient: Array, wanted: str) -> None:
        """One summand of the gradient of `tensor`: the first takes its name, the others are added at once."""
        if tensor in self.gradients:
            self.gradients[tensor] = self.build.call("add", self.gradients[tensor], gradient)
            return
        self.gradients[tensor] = gradient
        memory = self.build.reshaped_from(gradient)
        if self.is_linear(tensor):
            self.build.soft.setdefault((memory or gradient).name, f"{wanted}_linear")
        else:
            self.build.claim(gradient, wanted)
            if memory is not None:
                self.build.name(memory, f"{wanted}_rows")

    def regularize(self) -> None:
        for (layer, name), array in self.weights.items():
            weight = layer.weights[name]
            if weight.regularizer is None or not (layer.trainable and weight.trainable):
                continue
            ident = self.names.weights[layer, name]
            self.enter("backward", Block(f"penalty of {layer.name}/{name}: {describe(weight.regularizer)}"))
            rule = type(weight.regularizer).backward  # type: ignore[attr-defined]  # every regularizer has one
            outcome = run(self.build, rule, {"self": weight.regularizer, "w": array}, self.local(ident, rule))
            self.contribute_weight((layer, name), outcome.result)

    def pin(self, array: Array, place: str) -> str:
        """Have `array` end up at `place`, copied there if it is somewhere already; returns the variable there."""
        build = self.build
        if array.name in self.pinned or "#" not in array.name or array.name in build.views or array.name in build.read:
            array = build.copy(array)
        self.pinned[array.name] = place
        return array.name

    # --------------------------------------------------------------------------------------- around the training step

    def input_gradients(self) -> None:
        """The gradients of float inputs, for `check`; what only they need moves into a section of its own."""
        wanted = []
        self.enter("input_gradients", Block(""))
        for item in self.graph.inputs:
            if item.tensor.dtype != "float":
                continue
            name = self.names.tensors[item.tensor]
            if item.tensor in self.gradients:
                place = f"b.d{name}"
                wanted.append(self.pin(self.gradients[item.tensor], place))
                self.places[f"gradient:{item.name}"] = place
        self.kept["input_gradients"] = wanted

    def track(self) -> None:
        """The section `track`: moving statistics."""
        for application in self.applications:
            layer = application.node.layer
            rule = getattr(type(layer.component), "update", None)
            if rule is None or not layer.trainable:
                continue
            self.enter("track", self.block_of("track", application.node))
            bindings: dict[str, Any] = {"self": layer.component}
            for name in parameter_names(rule):
                bindings[name] = application.names.get(name, self.weights.get((layer, name)))
            ident = self.names.tensors[application.node.outputs[0]]
            outcome = run(self.build, rule, bindings, self.local(ident, rule))
            for name, value in outcome.by_name().items():
                self.pinned[value.name] = f"p.{self.names.weights[layer, name]}"
                self.weights[layer, name] = value


def _divided(weight: float, count: object) -> Number | float:
    """`weight / count` as a number of the running file."""
    if isinstance(count, int):
        return weight / count
    return Number(ast.BinOp(ast.Constant(float(weight)), ast.Div(), literal(count)))


def _weighted_sum(terms: list[tuple[float, str]], penalties: list[str]) -> ast.expr:
    summands: list[ast.expr] = [
        (
            ast.Name(name, ast.Load())
            if weight == 1
            else ast.BinOp(literal(float(weight)), ast.Mult(), ast.Name(name, ast.Load()))
        )
        for weight, name in terms
    ]
    summands += [ast.Name(name, ast.Load()) for name in penalties]
    total = summands[0]
    for summand in summands[1:]:
        total = ast.BinOp(total, ast.Add(), summand)
    return total


# ------------------------------------------------------------------------------------------------------ the programs


def training_step(graph: Graph, names: Identifiers, reserved: set[str]) -> Lowered:
    """The program of one training step of a compiled graph."""
    lowering = _Lowering(graph, names, reserved)
    needed = _needed(graph, [output.loss_input for output in graph.outputs if output.loss is not None])
    lowering.forward("forward", needed)
    lowering.losses()
    lowering.backward()
    lowering.input_gradients()
    lowering.track()
    return lowering.finish(_parameters(lowering))


def inference(graph: Graph, names: Identifiers, reserved: set[str]) -> Lowered:
    """The program of a prediction up to the heads: what the losses are computed from."""
    lowering = _Lowering(graph, names, reserved)
    heads = [output.loss_input or output.tensor for output in graph.outputs]
    lowering.forward("infer", _needed(graph, list(heads)))
    values = [lowering.values[head].name for head in heads]
    lowering.results["infer"] = tuple(ast.Name(value, ast.Load()) for value in values)
    return lowering.finish(_parameters(lowering))


def activation(graph: Graph, names: Identifiers, reserved: set[str]) -> Lowered:
    """The program that makes heads predictions, each in place; `rows:answer` tells which are taken as matrices."""
    lowering = _Lowering(graph, names, reserved)
    build = lowering.build
    for output in graph.outputs:
        if output.loss_input in (None, output.tensor):
            continue
        (maker,) = [node for node in graph.nodes if output.tensor in node.outputs]
        assert isinstance(maker.layer.component, Activation) and output.loss_input is not None
        shape, ident = output.tensor.shape, names.outputs[output]
        lowering.enter("activate", Block(f"{ident}: {describe(maker.layer.component)}"))
        if maker.layer.component.last_axis and len(shape) > 2:
            shape = (product(shape[:-1]), shape[-1])
            lowering.places[f"rows:{output.name}"] = ident = f"{ident}_rows"
        head = build.parameter(ident, ArrayType(shape))
        rule = type(maker.layer.component).forward  # type: ignore[attr-defined]  # every activation has one
        bindings = {"self": maker.layer.component, parameter_names(rule)[0]: head}
        result: Array = run(build, rule, bindings, lowering.local(names.outputs[output], rule)).result
        lowering.pin(result, ident)
    return lowering.finish(_parameters(lowering))


def update(optimizer: Optimizer, size: int, reserved: set[str]) -> Lowered:
    """The program of one optimizer step over flat vectors of `size` trainable weights."""
    build = Builder(taken=set(reserved), section="update", block=Block(""))
    flat = ArrayType((size,))
    rule = type(optimizer).update  # type: ignore[attr-defined]  # every optimizer has one
    bindings: dict[str, Any] = {
        "self": optimizer,
        "w": build.parameter("w", flat),
        "g": build.parameter("dw", flat),
        "learning_rate": Number(ast.Name("learning_rate", ast.Load())),
        "step": Number(ast.Name("step", ast.Load())),
    }
    for name in parameter_names(rule):
        if name not in bindings:
            bindings[name] = build.parameter(name, flat) if name in optimizer.slots() else None
    arrays = {name for name, value in bindings.items() if isinstance(value, Array)}
    outcome = run(build, rule, bindings, lambda name: None if name in arrays else name)
    results = {name: value for name, value in outcome.by_name().items() if value is not None}
    pinned = {value.name: name for name, value in results.items() if value.name != name}
    outside = {value.name for value in bindings.values() if isinstance(value, Array)}
    program = Program(
        tuple(build.statements), build.types, build.names, frozenset(outside), pinned, taken=frozenset(build.taken)
    )
    return Lowered(program, build.kernels, {}, {})


def _needed(graph: Graph, tensors: list[Tensor | None]) -> tuple[Node, ...]:
    """The nodes that `tensors` depend on, in order."""
    wanted = {tensor for tensor in tensors if tensor is not None}
    found = []
    for node in reversed(graph.nodes):
        if any(output in wanted for output in node.outputs):
            wanted.update(node.inputs)
            found.append(node)
    return tuple(reversed(found))


def _parameters(lowering: _Lowering) -> set[str]:
    return {name for name in lowering.build.types if "#" not in name and lowering.build.types[name] is not NUMBER}
