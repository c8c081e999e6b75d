"""The state of lowering a graph: the values of tensors and weights so far, their gradients, names, and places."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from gen.components.base import Layer, Role, describe
from gen.components.rules import called_with_fields, returned_names
from gen.dims import product, show
from gen.graph.graph import Graph, NamedLayer, Node, Output, Tensor
from gen.graph.identifiers import Identifiers
from gen.program import ops
from gen.program.ir import SIZE, Block, Constant, Program
from gen.program.lower.builder import Builder
from gen.program.types import NUMBER, Array, ArrayType

SHOWN = ("forward", "loss", "infer")
"""The sections whose comments say which shapes come of calls."""
MEASURE = "measure "
"""How the name of a section begins that computes a metric of the file's own."""


@dataclass(frozen=True)
class Lowered:
    """A program and what the emitter has to know about it."""

    program: Program
    kernels: dict[str, Callable[..., Any]]
    results: dict[str, tuple[ast.expr, ...]]
    """What the function of a section returns."""
    places: dict[str, str]
    """Variables that the emitter asks for by a name of its own: `"logits:answer"`, `"prediction:answer"`."""
    random: bool = False
    """Whether `forward` draws random numbers."""
    memories: dict[str, type] = field(default_factory=dict)
    """What predictions remember, by the name of its attribute: the class that it is of."""
    slices: int = 0
    """Where it may run on slices of a batch: how many rows each has at least; 0 where it may not."""


@dataclass(frozen=True)
class Application:
    """One node as it was run forward: what `backward` and `update` may ask for."""

    node: Node
    names: dict[str, Any]
    """The local names of the rule; its parameters among them."""
    inputs: tuple[Array, ...]
    results: tuple[Array, ...]


class Lowering:
    """The state of lowering one graph; the modules beside this one fill it."""

    def __init__(
        self, graph: Graph, names: Identifiers, reserved: set[str], tables: Collection[tuple[NamedLayer, str]] = ()
    ) -> None:
        self.graph, self.names, self.tables = graph, names, tables
        self.build = Builder(taken={*reserved, *names.taken})
        self.rows = {names.outputs[output]: names.related[output, "rows"] for output in graph.outputs}
        self.values: dict[Tensor, Array] = {}
        self.weights: dict[tuple[NamedLayer, str], Array] = {}
        self.applications: list[Application] = []
        self.gradients: dict[Tensor, Array] = {}
        self.weight_gradients: dict[tuple[NamedLayer, str], Array] = {}
        self.table_gradients: dict[tuple[NamedLayer, str], list[Array]] = {}
        """Of weights that are updated row by row: ids and rows, once for each call."""
        self.pinned: dict[str, str] = {}
        self.kept: dict[str, list[str]] = {}
        self.results: dict[str, tuple[ast.expr, ...]] = {}
        self.places: dict[str, str] = {}
        self.linear: set[Tensor] = set()
        self.seeds: list[tuple[Block, Tensor]] = []
        """What is added to the loss as it is, with the block of its gradient."""
        self.blocks: dict[tuple[str, object], Block] = {}
        self.memories: dict[str, type] = {}
        self.constants: dict[str, Constant] = {}
        nodes = [*graph.nodes, *(node for formula in graph.formulas() for node in formula.nodes)]
        self.last = {node.call.block: node for node in nodes if node.layer.component.role is not Role.MASK}
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
        key = (section, node.call.block)
        if key not in self.blocks:
            call = ", ".join(filter(None, (node.call.text, node.call.then)))
            calls = "\n".join((*node.call.before, call))
            self.blocks[key] = Block(calls, self._note(section, node), node.call.block, node.call.fused)
        return self.blocks[key]

    def _note(self, section: str, node: Node) -> str:
        """What stands beside a call: the shape that comes of it, and the identifier that is not as the file says.

        A name that the file binds again and again, `x`, has a number here each time.
        """
        outputs = self.last[node.call.block].outputs
        shapes = ", ".join(show(self.names.shown(output.shape)) for output in outputs)
        bound, equals, _ = node.call.text.partition(" = ")
        made = ", ".join(self.names.tensors[output] for output in outputs)
        name = made if equals and bound != made else ""
        return ": ".join(filter(None, (name, shapes if section in SHOWN or section.startswith(MEASURE) else "")))

    def calls_of(self, layer: NamedLayer) -> tuple[object, ...]:
        """`Call.block` of all calls of a layer, alone or as a part of another."""
        nodes = (node for node in self.graph.nodes if layer is node.layer or layer in node.layer.parts)
        return tuple(dict.fromkeys(node.call.block for node in nodes))

    def penalty_block(self, layer: NamedLayer, weight: str) -> Block:
        """The block of what a regularizer adds to the loss, or to the gradient."""
        regularizer = layer.weights[weight].regularizer
        assert regularizer is not None
        return Block(f"penalty of {layer.name}/{weight}: {describe(regularizer)}", others=self.calls_of(layer))

    def kernel(self, function: Callable[..., Any], *operands: Any) -> Array:
        """The result of a kernel that lowering itself puts in."""
        return self.build.call(ops.of_kernel(function), *operands)

    def lowered(self) -> Lowered:
        """The program so far, and what belongs to it."""
        build = self.build
        bound = {name for statement in build.statements if statement.binds for name in statement.targets}
        named = {name for name, kind in build.types.items() if "#" not in name and kind not in (NUMBER, SIZE)}
        program = Program(
            tuple(build.statements),
            build.types,
            build.names,
            frozenset(named - bound),
            self.pinned,
            {section: tuple(names) for section, names in self.kept.items()},
            build.soft,
            build.fallback,
            build.claimed,
            frozenset(build.taken),
            self.constants,
        )
        random = any(statement.op.draws for statement in build.statements)
        return Lowered(program, build.kernels, self.results, self.places, random, self.memories)

    def is_linear(self, tensor: Tensor) -> bool:
        """Whether `tensor` is what a layer gives before its activation, which this program applies next."""
        return tensor in self.linear

    def rule(self, node: Node, predicting: bool) -> FunctionType:
        """The rule to run forward; a frozen layer with statistics predicts in training too, as in Keras."""
        component = type(node.layer.component)
        frozen = not node.layer.trainable and hasattr(component, "update")
        always = frozen or (node.predicts and hasattr(component, "predict_backward"))
        name = "predict" if (predicting or always) and hasattr(component, "predict") else "forward"
        rule: FunctionType = getattr(component, name)
        return rule

    def weight_name(self, layer: NamedLayer, parameter: str) -> str | None:
        """The weight that a parameter of a rule stands for: `query/kernel` for `query_kernel`."""
        if layer.component.own_weight:
            return next(iter(layer.weights)) if parameter == layer.component.own_weight else None
        return next((name for name in layer.weights if name.replace("/", "_") == parameter), None)

    def weight(self, layer: NamedLayer, parameter: str) -> Array | None:
        """The weight that a parameter of a rule stands for."""
        name = self.weight_name(layer, parameter)
        return None if name is None else self.weights[layer.owner(name), name]

    def memory(self, node: Node) -> Array:
        """What a layer remembers from one prediction to the next: an object that belongs to this call."""
        ident = self.names.tensors[node.outputs[0]]
        assert isinstance(node.layer.component, Layer) and node.layer.component.memory is not None
        self.memories[ident] = node.layer.component.memory
        return self.build.parameter(f"memory.{ident}", ArrayType((), "memory"))

    def constant(self, node: Node) -> Array:
        """What a node without operands gives: an array that is made with the buffers."""
        (output,) = node.outputs
        place, kind = f"b.{self.names.tensors[output]}", ArrayType(output.shape, output.dtype)
        self.constants[place] = Constant("", output.shape, output.dtype, called_with_fields(node.layer.component))
        return self.build.parameter(place, kind)

    def as_rows(self, array: Array) -> Array:
        """A view of `array` as a matrix of its last axis."""
        if len(array.shape) == 2:
            return array
        return self.build.reshape(array, (product(array.shape[:-1]), array.shape[-1]))

    def local(self, ident: str, rule: FunctionType) -> Callable[[str], str | None]:
        """How a rule's local names read in the generated code; those that it returns are named by what they become."""
        returned = returned_names(rule)
        return lambda name: None if name in returned else f"{ident}_{name}"

    def name_rows(self, tensor: Tensor, memory: Array) -> None:
        """Name the matrix that a tensor is a view of; for the head of an output a name is set aside."""
        ident = self.names.tensors[tensor]
        if ident in self.rows:
            self.build.claim(memory, self.rows[ident])
        else:
            self.build.name(memory, f"{ident}_rows")

    def in_order(self, tensor: Tensor, gradient: Array | None) -> Array | None:
        """The gradient of `tensor` with its memory in order, for what may take it as a matrix."""
        if gradient is None or gradient.name not in self.build.stretched:
            return gradient
        copied = self.build.copy(gradient)
        if not self.is_linear(tensor):
            self.build.claim(copied, self.names.gradients[tensor])
        return copied

    def contribute(self, tensor: Tensor, gradient: Array) -> None:
        """One summand of the gradient of `tensor`: the first takes its name, the others are added at once."""
        name = self.names.gradients[tensor]
        if tensor in self.gradients:
            before = self.gradients[tensor]
            self.build.soft.setdefault(gradient.name, f"{name}_part")
            self.gradients[tensor] = self.build.call(ops.ADD, before, gradient)
            if before.name in self.build.stretched and not self.is_linear(tensor):
                self.build.claim(self.gradients[tensor], name)
            return
        self.gradients[tensor] = gradient
        if gradient.name in self.build.stretched:
            return
        memory = self.build.reshaped_from(gradient)
        if self.is_linear(tensor):
            self.build.soft.setdefault((memory or gradient).name, f"{name}_linear")
        else:
            self.build.claim(gradient, name)
            if memory is not None:
                self.build.name(memory, f"{name}_rows")

    def own_head(self, section: str, output: Output) -> None:
        """Copy what a loss is computed from, where it is an input or a view of one: it is worked on in place."""
        head = output.loss_input or output.tensor
        memory = array = self.values[head]
        while memory.name in self.build.views:
            memory = self.build.views[memory.name]
        if "#" in memory.name:
            return
        maker = self.graph.maker(output.tensor)
        self.enter(section, self.block_of(section, maker))
        self.values[head] = self.build.copy(array)
        self.build.claim(self.values[head], self.names.outputs[output])

    def own_mask(self, section: str, output: Output) -> None:
        """Put the mask of an output where the loss looks for it, and `evaluate` too: `b.answer_mask`."""
        if output.mask is None:
            return
        self.enter(section, self.block_of(section, self.graph.maker(output.tensor)))
        place, mask = f"b.{self.names.related[output, 'mask']}", self.values[output.mask]
        self.places[f"mask:{output.name}"] = place
        self.values[output.mask] = Array(self.pin(mask, place), mask.type)

    def pin(self, array: Array, place: str) -> str:
        """Have `array` end up at `place`, copied there if it is somewhere already; returns the variable there."""
        build = self.build
        if array.name in self.pinned or "#" not in array.name or array.name in build.views or array.name in build.read:
            array = build.copy(array)
        self.pinned[array.name] = place
        return array.name
