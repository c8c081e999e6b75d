"""A graph and its weights as files of Keras 3: written without Keras, to be read by it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gen.components.activations import Exponential, Mish, Relu, Tanh
from gen.components.base import Activation, Component, Layer, Schedule, given_to, parameters, snake_case
from gen.components.layers.masking import AnyDiffers, AnyMask, JoinedMasks, Mask, Masking, NotZero, ZeroSteps
from gen.components.operations.base import Operation
from gen.components.operations.making import Constant, Parameter
from gen.dims import Dim, Shape
from gen.graph.graph import Graph, NamedLayer, Node, OwnLoss, OwnMetric, Tensor
from gen.keras_files.problems import KerasFileError, Report
from gen.keras_files.slots import in_order
from gen.keras_files.weights import snake

Array = np.ndarray[Any, np.dtype[Any]]
VERSION = "3.5.0"
"""The version of Keras whose words the files have; later ones read them."""
PASSED = ("AsIds",)
"""Layers of gen's own that Keras does without."""
MODULES = {
    "keras.src.ops.math": ("Logsumexp", "Rsqrt", "Erf"),
    "keras.src.ops.core": ("Cast", "StopGradient"),
    "keras.src.ops.nn": ("Normalize", "OneHot"),
}
AS_LAYERS = {"Relu": "ReLU", "LeakyRelu": "LeakyReLU", "Elu": "ELU", "Softmax": "Softmax"}
"""Activations with arguments, as the layers that Keras has for them."""
ACTIVATIONS = {"Tanh": "Tanh", "Exponential": "Exp"}
"""Activations that Keras has among the operations of NumPy."""
ELEMENTWISE = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
"""Layers that are operations of Keras, too."""
NUMBERS = {"AddConstant": "Add", "MultiplyByConstant": "Multiply", "DivideByConstant": "Divide"}
NUMBERS_FIRST = {"SubtractFromConstant": "Subtract", "DivideConstant": "Divide"}


class Exporter:
    """The configuration of a graph, layer by layer, in Keras' order."""

    def __init__(self, graph: Graph, dtype: str) -> None:
        self._graph, self._dtype = graph, dtype
        self._report = Report()
        self._names: dict[Any, str] = {}
        self._taken: set[str] = set()
        self._places: dict[Tensor, list[Any]] = {}
        self._constants: dict[Tensor, dict[str, Any]] = {}
        self._masks: dict[Tensor, Node] = {}
        """The masks that layers make, which get a place only where they are said."""
        self._carried: dict[Tensor, Tensor] = {}
        """The mask that Keras has beside a tensor: functions carry none."""
        self._maskable: set[Tensor] = set()
        """The tensors beside which Keras may have a mask, used or not."""
        self._joined = {_masked_and_masks(each, part)[0] for each, part in _mask_nodes(graph)}
        """The inputs of layers that join the masks of them."""
        self._making: dict[tuple[Layer, tuple[Tensor, ...]], Tensor] = {}
        """The tensors whose mask is still to come, by what makes it of which inputs."""
        self.entries: dict[str, dict[str, Any]] = {}
        self._parents: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self.layers: dict[str, NamedLayer] = {}
        for item in graph.inputs:
            self._input(item.name, item.tensor)
        for node in graph.nodes:
            self._node(node)
        for output in graph.outputs:
            if output.tensor not in self._places:
                self._report.problem(output.name, "a constant is an output")
        if self._report.problems:
            lines = [f"  {name}: {'; '.join(each)}" for name, each in self._report.problems.items()]
            raise KerasFileError("\n".join(["Keras has no layer for some calls of this model", *lines]))
        self.order = self._ordered()

    # ------------------------------------------------------------------------------------------------ configuration

    def config(self) -> dict[str, Any]:
        """What is in `config.json`."""
        outputs = [self._places[output.tensor] for output in self._graph.outputs]
        inputs = [self._places[item.tensor] for item in self._graph.inputs]
        found = {
            "name": "model",
            "trainable": True,
            "layers": [self.entries[name] for name in self.order],
            "input_layers": inputs[0] if len(inputs) == 1 else inputs,
            "output_layers": outputs[0] if len(outputs) == 1 else outputs,
        }
        return {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": found,
            "registered_name": "Functional",
            "build_config": {"input_shape": None},
            "compile_config": self._compiled(),
        }

    def _compiled(self) -> dict[str, Any] | None:
        training, outputs = self._graph.training, self._graph.outputs
        losses = [
            output.loss.component or output.loss if isinstance(output.loss, OwnLoss) else output.loss
            for output in outputs
        ]
        if training is None or any(isinstance(loss, OwnLoss) for loss in losses) or self._graph.added:
            return None
        metrics = [
            [self._part("metrics", metric) for _, metric in output.metrics if not isinstance(metric, OwnMetric)]
            for output in outputs
        ]
        return {
            "optimizer": self._part("optimizers", training.optimizer),
            "loss": [None if loss is None else self._part("losses", loss) for loss in losses],
            "loss_weights": [output.loss_weight for output in outputs],
            "metrics": metrics,
            "weighted_metrics": None,
            "run_eagerly": False,
            "steps_per_execution": 1,
            "jit_compile": False,
        }

    def keeps_rate(self) -> bool:
        """Whether the state of the optimizer has a learning rate: one that follows a schedule is none."""
        return self._graph.training is None or self._graph.training.optimizer.schedule is None

    def numbers(self, step: int) -> list[np.generic]:
        """What the state of the optimizer has besides slots, after so many steps."""
        training = self._graph.training
        return [] if training is None else [np.dtype(self._dtype).type(n) for n in training.optimizer.numbers(step)]

    def _part(self, module: str, component: Component) -> dict[str, Any]:
        """An initializer, a regularizer, a loss, a metric, or an optimizer."""
        given = given_to(component)
        config = {name: self._value(value) for name, value in given.items() if value is not None}
        return {
            "module": f"keras.{module}",
            "class_name": type(component).__name__,
            "config": config,
            "registered_name": None,
        }

    def _value(self, value: Any) -> Any:
        if isinstance(value, Activation):
            if all(getattr(value, item.name) == item.default for item in parameters(type(value))):
                return snake_case(type(value).__name__)
            if type(value).__name__ not in AS_LAYERS:
                raise KerasFileError(f"{type(value).__name__} with arguments stands inside of another layer")
            part = self._part("layers", value)
            return {**part, "class_name": AS_LAYERS[type(value).__name__]}
        if isinstance(value, Component):
            return self._part("optimizers.schedules" if isinstance(value, Schedule) else f"{value.kind}s", value)
        if isinstance(value, tuple | list):
            return [self._value(each) for each in value]
        if isinstance(value, slice):
            ends = {name: self._value(getattr(value, name)) for name in ("start", "stop", "step")}
            return {"class_name": "__slice__", "config": ends}
        if value is ...:
            return {"class_name": "__ellipsis__", "config": {}}
        if isinstance(value, Dim):
            raise KerasFileError("it needs a size that only data decide")
        value = value.item() if isinstance(value, np.generic) else value
        if not (value is None or isinstance(value, bool | int | float | str)):
            raise KerasFileError("it has a function of the file's own, which Keras keeps in no file")
        return value

    # -------------------------------------------------------------------------------------------------------- calls

    def _input(self, name: str, tensor: Tensor) -> None:
        shape = [None, *(None if isinstance(size, Dim) else size for size in tensor.shape[1:])]
        dtype = self._dtype if tensor.dtype == "float" else tensor.dtype
        config = {"batch_shape": shape, "dtype": dtype, "sparse": False}
        self._places[tensor] = [self._entry(tensor, name, "keras.layers", "InputLayer", config), 0, 0]

    def _entry(self, key: Any, name: str, module: str, kind: str, config: dict[str, Any]) -> str:
        """The name of a new entry of the layers."""
        wanted = name.replace("/", ".")
        found, number = wanted, 1
        while found in self._taken:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        self._names[key] = found
        self.entries[found] = {
            "module": module,
            "class_name": kind,
            "config": {"name": found, **config},
            "registered_name": None,
            "name": found,
            "inbound_nodes": [],
        }
        return found

    def _node(self, node: Node) -> None:
        component = node.layer.component
        kind = type(component).__name__
        if isinstance(component, Mask):
            self._mask(node, component)
            return
        if kind in PASSED or (isinstance(component, ZeroSteps) and not any(node.masks)):
            self._places[node.outputs[0]] = self._places[node.inputs[0]]
            if node.inputs[0] in self._carried:
                self._carried[node.outputs[0]] = self._carried[node.inputs[0]]
            return
        if self._may_mask(node):
            self._maskable.update(node.outputs)
        try:
            if isinstance(component, ZeroSteps):
                self._zero_steps(node)
            elif isinstance(component, Relu) and component != Relu():
                self._function(node, "ReLU", "keras.layers", component, list(node.inputs))
            elif isinstance(component, Tanh | Exponential):
                self._function(node, ACTIVATIONS[kind], "keras.src.ops.numpy", component, list(node.inputs))
            elif isinstance(component, Mish):
                self._mish(node)
            elif isinstance(component, Activation):
                self._function(node, kind, "keras.src.ops.nn", component, list(node.inputs))
            elif isinstance(component, Operation):
                self._operation(node, component)
            elif kind in ELEMENTWISE and self._keeps_too_much(node):
                self._made(node, kind, {}, [self._tensor(tensor) for tensor in node.inputs])
            elif component.internal or kind in (*NUMBERS, *NUMBERS_FIRST, *OPERATORS):
                self._operator(node, kind, component)
            else:
                self._layer(node, component)
        except KerasFileError as error:
            self._report.problem(node.layer.name, str(error))
            for i, tensor in enumerate(node.outputs):
                self._places[tensor] = ["?", 0, i]

    def _layer(self, node: Node, component: Layer) -> None:
        layer = node.layer
        if not self._constants.keys().isdisjoint(node.inputs):
            raise KerasFileError("a constant is among its inputs")
        if layer not in self._names:
            given = given_to(component)
            config: dict[str, Any] = {name: self._value(value) for name, value in given.items()}
            if not type(component).__name__.startswith("SpatialDropout"):
                config["trainable"] = layer.trainable
            name = self._entry(
                layer, layer.name, "keras.layers", type(component).__name__, {"dtype": self._dtype, **config}
            )
            self.layers[name] = layer
        tensors = [self._tensor(tensor) for tensor in node.inputs]
        said: dict[str, Any] = dict(node.options)
        said |= self._lost_masks(node, component)
        if hasattr(component, "go_backwards") and len(tensors) > 1:
            tensors, said["initial_state"] = tensors[:1], tensors[1:]
        if type(component).__name__ == "CategoryEncoding" and len(tensors) > 1:
            tensors, said["count_weights"] = tensors[:1], tensors[1]
        if type(component).__name__ == "MultiHeadAttention" and len(tensors) > 3:
            said.setdefault("attention_mask", tensors[3])
            tensors = tensors[:3]
        self._call(node, self._names[layer], [tensors] if component.merges else tensors, said)
        self._carry(node, component)

    # -------------------------------------------------------------------------------------------------------- masks

    def _may_mask(self, node: Node) -> bool:
        """Whether Keras may have a mask beside the result; the graph does not have those that nothing uses."""
        component = node.layer.component
        if isinstance(component, Masking) or getattr(component, "mask_zero", False):
            return True
        passes = isinstance(component, Activation) or component.supports_masking
        return passes and not self._maskable.isdisjoint(node.inputs)

    def _keeps_too_much(self, node: Node) -> bool:
        """Whether Keras' layer would pass on masks that gen has not there, such as those of an operator."""
        return len(node.inputs) == 2 and node.inputs not in self._joined and self._maskable.issuperset(node.inputs)

    def _carry(self, node: Node, component: Layer) -> None:
        """Remember which mask Keras has beside the result of a layer."""
        masks = [self._carried.get(tensor) for tensor in node.inputs]
        found = component.masking(tuple(0 if mask is None else len(mask.shape) for mask in masks))
        if found is None:
            return
        if not isinstance(found, int):
            self._making[found, node.inputs] = node.outputs[0]
            return
        mask = masks[found]
        if mask is not None:
            self._carried[node.outputs[0]] = mask

    def _mask(self, node: Node, component: Mask) -> None:
        """Remember a mask that a layer makes; Keras makes it, too, unless it has lost one that this one is made of."""
        (mask,) = node.outputs
        self._masks[mask] = node
        inputs, masks = _masked_and_masks(node, component)
        of = self._making.get((component, inputs))
        if of is not None and masks == tuple(self._carried[each] for each in inputs if each in self._carried):
            self._carried[of] = mask

    def _lost_masks(self, node: Node, component: Layer) -> dict[str, Any]:
        """The masks that a call needs and Keras has not beside its inputs, as arguments."""
        pairs = list(zip(node.inputs, node.masks, strict=False))
        if all(mask is None or mask is self._carried.get(tensor) for tensor, mask in pairs):
            return {}
        if type(component).__name__ == "MultiHeadAttention":
            return {"attention_mask": self._attention_mask(node)}
        masks = [None if mask is None else self._tensor(mask) for mask in node.masks]
        if not component.merges:
            return {"mask": masks[0]}
        if "use_causal_mask" in node.options:
            return {"mask": masks}
        raise KerasFileError("Keras has no mask beside its inputs, and the layer takes none as an argument")

    def _attention_mask(self, node: Node) -> dict[str, Any]:
        """All masks of a MultiHeadAttention as one: that of the query Keras takes from beside it alone."""
        name, (batch, steps, _) = node.layer.name, node.inputs[0].shape
        shape = (batch, steps, node.inputs[1].shape[1])
        found = [self._tensor(mask) for mask in node.inputs[3:4]]
        for mask, axis in zip(node.masks, (-1, -2, -2), strict=False):
            if mask is not None:
                sizes = (batch, steps, 1) if axis == -1 else (batch, 1, shape[2])
                found.append(self._step(name, "ExpandDims", {"axis": axis}, [self._tensor(mask)], sizes, "bool"))
        whole, *others = found
        for other in others:
            whole = self._step(name, "LogicalAnd", {}, [whole, other], shape, "bool")
        return whole

    def _zero_steps(self, node: Node) -> None:
        """Multiply with the mask: what a Bidirectional does to both of its directions."""
        (mask,) = node.masks
        assert mask is not None
        name = node.layer.name
        column = self._step(name, "ExpandDims", {"axis": -1}, [self._tensor(mask)], (*mask.shape, 1), "bool")
        self._made(node, "Multiply", {}, [self._tensor(node.inputs[0]), column])

    def _place_mask(self, node: Node) -> None:
        """Write a mask as operations."""
        component, name = node.layer.component, node.layer.name
        inputs, masks = _masked_and_masks(node, component)
        match component:
            case NotZero():
                self._made(node, "NotEqual", {}, [self._tensor(inputs[0]), 0])
            case AnyDiffers(value):
                differs = self._step(name, "NotEqual", {}, [self._tensor(inputs[0]), value], inputs[0].shape, "bool")
                self._made(node, "Any", {"axis": -1, "keepdims": False}, [differs])
            case AnyMask():
                first, *others = map(self._tensor, masks)
                for other in others[:-1]:
                    first = self._step(name, "LogicalOr", {}, [first, other], masks[0].shape, "bool")
                if others:
                    self._made(node, "LogicalOr", {}, [first, others[-1]])
                else:
                    self._places[node.outputs[0]] = self._places[masks[0]]
            case JoinedMasks(masked, axis):
                left = iter(masks)
                pairs = zip(inputs, masked, strict=True)
                parts = [self._tensor(next(left)) if has else self._all(name, x) for x, has in pairs]
                self._made(node, "Concatenate", {"axis": axis}, [parts])

    def _all(self, name: str, tensor: Tensor) -> dict[str, Any]:
        """The mask of a tensor whose steps all count."""
        x = self._tensor(tensor)
        same = self._step(name, "Equal", {}, [x, x], tensor.shape, "bool")
        return self._step(name, "Any", {"axis": -1, "keepdims": False}, [same], tensor.shape[:-1], "bool")

    # --------------------------------------------------------------------------------------------------- operations

    def _operator(self, node: Node, kind: str, component: Any) -> None:
        x = [self._tensor(tensor) for tensor in node.inputs]
        if kind in NUMBERS:
            return self._made(node, NUMBERS[kind], {}, [*x, component.constant])
        if kind in NUMBERS_FIRST:
            return self._made(node, NUMBERS_FIRST[kind], {}, [component.constant, *x])
        shape = node.inputs[0].shape
        match kind:
            case "Power":
                return self._made(node, "Power", {}, [*x, component.exponent])
            case "Negative" | "Divide":
                return self._made(node, kind, {}, x)
            case "MatrixProduct":
                return self._made(node, "Matmul", {}, x)
            case "Slice":
                return self._made(node, "GetItem", {}, [*x, self._value(component.index)])
            case "ReverseSteps":
                return self._made(node, "Flip", {"axis": 1}, x)
            case "ChannelsLast" | "ChannelsFirst":
                rank = len(shape)
                axes = [0, *range(2, rank), 1] if kind == "ChannelsLast" else [0, rank - 1, *range(1, rank - 1)]
                return self._made(node, "Transpose", {"axes": axes}, x)
            case "StackSteps":
                return self._made(node, "Stack", {"axis": 1}, [x])
            case "MergeSteps":
                return self._made(node, "Reshape", {"newshape": [-1, *self._value(shape[2:])]}, x)
            case "SplitSteps":
                steps = self._value((node.inputs[1].shape[1],))
                return self._made(node, "Reshape", {"newshape": [-1, *steps, *self._value(shape[1:])]}, x[:1])
        raise KerasFileError(f"{kind} is gen's own")

    def _mish(self, node: Node) -> None:
        """The one activation that is no operation of Keras: as a layer, which would carry a mask."""
        if node.inputs[0] in self._carried:
            raise KerasFileError("Keras has no operation for it")
        self._made(node, "Activation", {"activation": "mish"}, [self._tensor(node.inputs[0])], "keras.layers")

    def _operation(self, node: Node, component: Operation) -> None:
        kind = type(component).__name__
        if isinstance(component, Constant):
            self._constant(node, component)
            return
        if isinstance(component, Parameter) or kind.startswith("Random") or not component.of_keras:
            raise KerasFileError(f"Keras keeps no {kind} in a file")
        numbers = {key: self._value(value) for key, value in node.options.items()}
        waiting = [self._tensor(tensor) for tensor in node.inputs]
        if component.listed:
            operands: list[Any] = waiting if component.spread else [waiting]
        else:
            left = iter(waiting)
            names = component.names(numbers, waiting)
            operands = [numbers[name] if name in numbers else next(left) for name in names]
        module = next((module for module, kinds in MODULES.items() if kind in kinds), "keras.src.ops.numpy")
        self._function(node, kind, module, component, operands)

    def _constant(self, node: Node, component: Constant) -> None:
        """Keep the numbers of a constant: they are an argument of what reads them."""
        (tensor,) = node.outputs
        if any(isinstance(size, Dim) for size in tensor.shape):
            raise KerasFileError("it needs a size that only data decide")
        dtype = self._dtype if tensor.dtype == "float" else tensor.dtype
        config = {"value": np.asarray(component.forward()).tolist(), "dtype": dtype}
        self._constants[tensor] = {"class_name": "__tensor__", "config": config}

    def _function(self, node: Node, kind: str, module: str, component: Component, operands: list[Any]) -> None:
        given = given_to(component)
        config = {name.removesuffix("_"): self._value(value) for name, value in given.items()}
        if config.get("dtype") == "float":
            config["dtype"] = self._dtype
        operands = [self._tensor(each) if isinstance(each, Tensor) else each for each in operands]
        self._made(node, "Identity" if kind == "Linear" else kind, config, operands, module)

    def _made(
        self, node: Node, kind: str, config: dict[str, Any], operands: list[Any], module: str = "keras.src.ops.numpy"
    ) -> None:
        name = node.layer.name if node.layer not in self._names else node.outputs[0].name
        if kind == "Identity":
            module = "keras.layers"
        if module == "keras.layers" and node.inputs[0] in self._carried:
            self._carried[node.outputs[0]] = self._carried[node.inputs[0]]
        self._call(node, self._entry(node.layer, name, module, kind, config), operands, {})

    def _step(
        self, name: str, kind: str, config: dict[str, Any], operands: list[Any], shape: Shape, dtype: str
    ) -> dict[str, Any]:
        """The result of an operation that is no call of the graph."""
        name = self._entry(object(), name, "keras.src.ops.numpy", kind, config)
        self._append(name, operands, {})
        return self._said(shape, dtype, [name, 0, 0])

    def _tensor(self, tensor: Tensor) -> dict[str, Any]:
        if tensor in self._masks and tensor not in self._places:
            self._place_mask(self._masks[tensor])
        if tensor in self._constants:
            return self._constants[tensor]
        return self._said(tensor.shape, tensor.dtype, self._places[tensor])

    def _said(self, shape: Shape, dtype: str, place: list[Any]) -> dict[str, Any]:
        """A tensor as an argument."""
        sizes = [None if isinstance(size, Dim) else size for size in shape]
        config = {"shape": sizes, "dtype": self._dtype if dtype == "float" else dtype, "keras_history": place}
        return {"class_name": "__keras_tensor__", "config": config}

    def _call(self, node: Node, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        for i, tensor in enumerate(node.outputs):
            self._places[tensor] = [name, len(self.entries[name]["inbound_nodes"]), i]
        self._append(name, args, kwargs)

    def _append(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Add a call to an entry of the layers."""
        nodes = self.entries[name]["inbound_nodes"]
        self._parents[name, len(nodes)] = [(place[0], place[1]) for place in _histories([args, kwargs])]
        if not self._parents[name, len(nodes)]:
            raise KerasFileError("Keras keeps no call on constants alone in a file")
        nodes.append({"args": args, "kwargs": kwargs})

    # -------------------------------------------------------------------------------------------------------- order

    def _ordered(self) -> list[str]:
        """The layers in the order that a model of Keras has them in: by their distance from the outputs."""
        finished: list[tuple[str, int]] = []
        seen: set[tuple[str, int]] = set()
        numbers: dict[str, int] = {}
        stack = [
            ((place[0], place[1]), False) for place in reversed([self._places[o.tensor] for o in self._graph.outputs])
        ]
        while stack:
            key, ready = stack.pop()
            if ready:
                finished.append(key)
            elif key not in seen:
                seen.add(key)
                numbers.setdefault(key[0], len(numbers))
                stack.append((key, True))
                stack += [(each, False) for each in reversed(self._parents.get(key, []))]
        depths: dict[tuple[str, int], int] = {}
        found: dict[str, int] = {}
        for key in reversed(finished):
            depth = max(depths.get(key, 0), found.get(key[0], 0))
            found[key[0]] = depths[key] = depth
            for parent in self._parents.get(key, []):
                depths[parent] = max(depth + 1, depths.get(parent, 0))
        for item in self._graph.inputs:
            found.setdefault(self._names[item.tensor], 0)
            numbers.setdefault(self._names[item.tensor], -1)
        return sorted(found, key=lambda name: (-found[name], numbers[name]))


OPERATORS: tuple[str, ...] = (
    "Power",
    "Negative",
    "Divide",
    "MatrixProduct",
    "Slice",
    "ChannelsLast",
    "ChannelsFirst",
    "ReverseSteps",
    "StackSteps",
    "MergeSteps",
)
OPERATORS += ("SplitSteps",)


def _mask_nodes(graph: Graph) -> Iterator[tuple[Node, Mask]]:
    for node in graph.nodes:
        if isinstance(node.layer.component, Mask):
            yield node, node.layer.component


def _masked_and_masks(node: Node, component: Component) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The inputs of the layer whose mask a node makes, and those masks that the node makes it of."""
    match component:
        case AnyMask(count):
            split = count
        case JoinedMasks(masked):
            split = len(masked)
        case _:
            split = len(node.inputs)
    return node.inputs[:split], node.inputs[split:]


def _histories(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"]
            return
        value = list(value.values())
    for each in value if isinstance(value, list | tuple) else ():
        yield from _histories(each)


# ------------------------------------------------------------------------------------------------------------- files


def keras_file(graph: Graph, weights: Mapping[str, Array], state: Mapping[str, Any], dtype: str) -> bytes:
    """A `.keras` file; `state` has `step`, `learning_rate`, and `slots` by `layer/weight/slot`."""
    exporter = Exporter(graph, dtype)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        about = {"keras_version": VERSION, "date_saved": "1980-01-01@00:00:00"}
        for name, content in {
            "metadata.json": json.dumps(about).encode(),
            "config.json": json.dumps(exporter.config()).encode(),
            "model.weights.h5": _hdf5(exporter, weights, state),
        }.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


def weights_file(graph: Graph, weights: Mapping[str, Array], dtype: str) -> bytes:
    """A `.weights.h5` file."""
    return _hdf5(Exporter(graph, dtype), weights, {})


def _hdf5(exporter: Exporter, weights: Mapping[str, Array], state: Mapping[str, Any]) -> bytes:
    import h5py

    data = io.BytesIO()
    trained: list[str] = []
    with h5py.File(data, "w") as file:
        file.create_group("vars")
        counts: dict[str, int] = {}
        for name in exporter.order:
            entry = exporter.entries[name]
            if ".ops." in entry["module"]:
                continue
            key = snake(entry["class_name"])
            number = counts[key] = counts.get(key, -1) + 1
            group = file.create_group(f"layers/{key}_{number}" if number else f"layers/{key}")
            group.create_group("vars").attrs["name"] = name
            layer = exporter.layers.get(name)
            if layer is None:
                continue
            for weight, place in _places(layer):
                group[place] = weights[f"{layer.name}/{weight}"]
                if layer.trainable and layer.weights[weight].trainable:
                    trained.append(f"{layer.name}/{weight}")
        slots = state.get("slots")
        if slots is not None:
            kinds = list(dict.fromkeys(name.rpartition("/")[2] for name in slots))
            kept = [slots[f"{name}/{kind}"] for kind, name in in_order(kinds, trained)]
            file["optimizer/vars/0"] = np.int32(state["step"])
            first = 1
            if exporter.keeps_rate():
                file["optimizer/vars/1"], first = np.float32(state["learning_rate"]), 2
            for i, array in enumerate((*kept, *exporter.numbers(int(state["step"]))), first):
                file[f"optimizer/vars/{i}"] = array
    return data.getvalue()


def _places(layer: NamedLayer) -> Iterator[tuple[str, str]]:
    """Where the weights of a layer are in its group."""
    counts: dict[str, int] = {}
    for name in layer.weights:
        part = name.rpartition("/")[0]
        inside = f"{'output' if 'output' in part else part}_dense/" if part else ""
        if "recurrent_kernel" in layer.weights:
            inside = "cell/"
        number = counts[inside] = counts.get(inside, -1) + 1
        yield name, f"{inside}vars/{number}"
