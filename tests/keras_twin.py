"""The same model in Keras: a graph of gen's is built again from Keras' own layers, losses, optimizers and metrics.

Keras computes everything here, gradients by automatic differentiation; what is compared with it shares no code with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src.backend.common import dtypes
from keras.src.backend.common.masking import get_keras_mask

from gen.components.base import (
    Activation,
    Component,
    Constraint,
    Initializer,
    Layer,
    Loss,
    Metric,
    Optimizer,
    Regularizer,
    Schedule,
    snake_case,
)
from gen.components.layers.masking import Mask
from gen.components.operations.base import Operation, operations
from gen.components.operations.making import Literal, Parameter
from gen.dims import Size, sizes_in
from gen.graph.graph import Graph, NamedLayer, Node, Output, OwnLoss, Tensor

# With this table Keras on JAX computes some functions in float32 even where float64 is asked for.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def _dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any, mask: Any, scale: float, is_causal: bool, **_: Any
) -> Any:
    """As in JAX, which computes the softmax in float32 even where float64 is asked for."""
    scores = jnp.einsum("btnh,bsnh->bnts", query, key) * scale
    if is_causal:
        mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    if mask is not None:
        scores = jnp.where(mask, scores, -0.7 * float(np.finfo(np.float32).max))
    return jnp.einsum("bnts,bsnh->btnh", jax.nn.softmax(scores, axis=-1), value)


jax.nn.dot_product_attention = _dot_product_attention


def _without_compiling(
    made: Callable[..., Any], by_numpy: Callable[..., np.ndarray], place: Callable[..., Any]
) -> Callable[..., Any]:
    """`made` by NumPy where nothing is traced: JAX compiles a function for every shape of a weight that is drawn."""

    def make(first: Any, *args: Any, **options: Any) -> Any:
        if any(isinstance(each, jax.core.Tracer) for each in (first, *args, *options.values())):
            return made(first, *args, **options)
        return place(by_numpy(first, *args, **options))

    return make


def _generator(key: Any) -> np.random.Generator:
    return np.random.default_rng(np.asarray(key).ravel())


def _uniform(key: Any, shape: Any, dtype: Any, minval: float, maxval: float) -> np.ndarray:
    return _generator(key).uniform(minval, maxval, shape).astype(dtype)


def _normal(key: Any, shape: Any, dtype: Any) -> np.ndarray:
    return _generator(key).normal(size=shape).astype(dtype)


def _truncated_normal(key: Any, shape: Any, lower: float, upper: float, dtype: Any) -> np.ndarray:
    rng = _generator(key)
    drawn = rng.normal(size=shape)
    while (outside := (drawn < lower) | (drawn > upper)).any():
        drawn = np.where(outside, rng.normal(size=shape), drawn)
    return drawn.astype(dtype)


jax.random.uniform = _without_compiling(jax.random.uniform, _uniform, np.asarray)
jax.random.normal = _without_compiling(jax.random.normal, _normal, np.asarray)
jax.random.truncated_normal = _without_compiling(jax.random.truncated_normal, _truncated_normal, np.asarray)
jnp.zeros = _without_compiling(jnp.zeros, np.zeros, jnp.asarray)
jnp.ones = _without_compiling(jnp.ones, np.ones, jnp.asarray)
jnp.full = _without_compiling(jnp.full, np.full, jnp.asarray)

MODULES = {
    Initializer: keras.initializers,
    Regularizer: keras.regularizers,
    Constraint: keras.constraints,
    Loss: keras.losses,
    Metric: keras.metrics,
    Optimizer: keras.optimizers,
    Schedule: keras.optimizers.schedules,
}


OPERATORS: dict[str, Callable[..., Any]] = {
    "AddConstant": lambda layer, x: x + layer.constant,
    "SubtractFromConstant": lambda layer, x: layer.constant - x,
    "MultiplyByConstant": lambda layer, x: x * layer.constant,
    "DivideByConstant": lambda layer, x: x / layer.constant,
    "DivideConstant": lambda layer, x: layer.constant / x,
    "Power": lambda layer, x: x**layer.exponent,
    "Negative": lambda layer, x: -x,
    "Divide": lambda layer, a, b: a / b,
    "MatrixProduct": lambda layer, a, b: keras.ops.matmul(a, b),
    "Slice": lambda layer, x: x[layer.index],
    "MergeSteps": lambda layer, x: keras.ops.reshape(x, (-1, *x.shape[2:])),
    "AsIds": lambda layer, x: x,  # an Embedding of Keras takes floats
    "SplitSteps": lambda layer, x, like: SplitSteps()([x, like]),
    "StackSteps": lambda layer, *steps: keras.ops.stack(steps, axis=1),
    "ZeroSteps": lambda layer, x: x,  # only masks make a difference, in components/test_wrappers.py
    "ChannelsLast": lambda layer, x: keras.ops.moveaxis(x, 1, -1),
    "ChannelsFirst": lambda layer, x: keras.ops.moveaxis(x, -1, 1),
    "ReverseSteps": lambda layer, x: keras.ops.flip(x, axis=1),
}


class OperationTwin(keras.layers.Layer):
    """An operation as Keras' function of the same name, on its tensors and, for the sizes, the inputs of the model."""

    def __init__(self, node: Node, graph: Graph, dtype: str, **options: Any) -> None:
        super().__init__(**options)
        self.node, self.shapes, self.floats = node, [item.tensor.shape for item in graph.inputs], dtype

    def build(self, _: Any) -> None:
        component = self.node.layer.component
        if isinstance(component, Parameter):
            (name,) = self.node.layer.weights
            self.value = self.add_weight(shape=component.shape, name=name, trainable=component.trained)

    def call(self, arguments: Any) -> Any:
        node, component = self.node, self.node.layer.component
        tensors, inputs = arguments[: len(node.inputs)], arguments[len(node.inputs) :]
        if isinstance(component, Parameter):
            return self.value
        sizes: dict[str, Size] = {}
        for shape, array in zip(self.shapes, inputs, strict=True):
            sizes |= {str(size): now for size, now in zip(shape, array.shape, strict=True) if not isinstance(size, int)}
        fields = {item.name: self.known(getattr(component, item.name), sizes) for item in dataclasses.fields(component)}
        if isinstance(component, Literal):
            return keras.ops.convert_to_tensor(component.values, dtype=self.dtype_of(component.dtype()))
        name = next(name for name, cls in operations.items() if cls is type(component))
        if "dtype_" in fields:
            fields["dtype"] = self.dtype_of(fields.pop("dtype_") or component.dtype())
        for ours, theirs in {"n": "N", "m": "M"}.items():
            if ours in fields:
                fields[theirs] = fields.pop(ours)
        numbers = {key: self.known(value, sizes) for key, value in node.options.items()}
        if component.listed:
            first = [fields.pop("subscripts")] if component.spread else []
            given = list(tensors) if component.spread else [list(tensors)]
            return getattr(keras.ops, name)(*first, *given, **fields)
        waiting = iter(tensors)
        operands = [numbers[each] if each in numbers else next(waiting) for each in component.names(numbers, tensors)]
        return getattr(keras.ops, name)(*operands, **fields)

    def known(self, value: Any, sizes: dict[str, Size]) -> Any:
        return sizes_in(value, sizes)

    def dtype_of(self, dtype: str) -> str:
        return self.floats if dtype == "float" else dtype

    def compute_output_spec(self, arguments: Any) -> Any:
        self.build(None)
        self.built = True
        made = [
            keras.KerasTensor([size if isinstance(size, int) else None for size in shape], self.dtype_of(dtype))
            for shape, dtype in ((each.shape, each.dtype) for each in self.node.outputs)
        ]
        return made[0] if len(made) == 1 else made


class SplitSteps(keras.layers.Layer):
    """(batch · steps, …) to (batch, steps, …), as many steps as the second input has."""

    def call(self, inputs: Any) -> Any:
        x, like = inputs
        return keras.ops.reshape(x, (-1, like.shape[1], *x.shape[1:]))

    def compute_output_shape(self, shapes: Any) -> Any:
        return (shapes[1][0], shapes[1][1], *shapes[0][1:])


def computes_in(dtype: str) -> None:
    """Keras computes in `dtype` from here on.

    Its floatx alone does not say it: the policy of layers is taken from that once, when the first layer is made.
    """
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def twin(graph: Graph, dtype: str = "float64") -> keras.Model:
    """`graph` as a compiled Keras model (not compiled if the graph is not), with weights of `dtype`."""
    computes_in(dtype)
    tensors: dict[Tensor, Any] = {}
    layers: dict[NamedLayer, Any] = {}
    for item in graph.inputs:
        shape = tuple(size if isinstance(size, int) else None for size in item.tensor.shape[1:])
        kind = dtype if item.tensor.dtype == "float" else item.tensor.dtype
        tensors[item.tensor] = keras.Input(shape, dtype=kind, name=f"input.{item.name}".replace("/", "."))
    for node in graph.nodes:
        if isinstance(node.layer.component, Operation):
            _operate(node, graph, dtype, tensors, layers)
        else:
            _apply(node, tensors, layers)
    outputs = [_named(output, tensors) for output in graph.outputs]
    model = keras.Model([tensors[item.tensor] for item in graph.inputs], outputs)
    model.gen_layers = {layer.name: made for layer, made in layers.items()}
    if graph.training is not None:
        _compile(model, graph)
    return model


def _named(output: Output, tensors: dict[Tensor, Any]) -> Any:
    return keras.layers.Identity(name=output.name.replace("/", "."))(tensors[output.tensor])


def _operate(node: Node, graph: Graph, dtype: str, tensors: dict[Tensor, Any], layers: dict[NamedLayer, Any]) -> None:
    inputs = [tensors[tensor] for tensor in (*node.inputs, *(item.tensor for item in graph.inputs))]
    made = OperationTwin(node, graph, dtype, trainable=node.layer.trainable)
    if isinstance(node.layer.component, Parameter):
        made = layers.setdefault(node.layer, made)
    result = made(inputs)
    for tensor, value in zip(node.outputs, result if isinstance(result, list | tuple) else [result], strict=True):
        tensors[tensor] = value


def _apply(node: Node, tensors: dict[Tensor, Any], layers: dict[NamedLayer, Any]) -> None:
    component = node.layer.component
    if isinstance(component, Mask):
        return  # Keras carries its own masks
    inputs = [tensors[tensor] for tensor in node.inputs]
    if type(component).__name__ in OPERATORS:  # Keras has no layers for arithmetic on tensors
        tensors[node.outputs[0]] = OPERATORS[type(component).__name__](component, *inputs)
        return
    if node.layer not in layers:
        frozen = {} if node.layer.trainable else {"trainable": False}  # SpatialDropout takes no `trainable`
        layers[node.layer] = make(component, name=f"layer.{node.layer.name}".replace("/", "."), **frozen)
    merges = isinstance(component, Layer) and component.merges
    said: dict[str, Any] = dict(node.options)
    if node.masks and node.masks[0] in tensors:  # a mask that is an input
        said["mask"] = tensors[node.masks[0]]
    states = isinstance(component, Layer) and hasattr(component, "go_backwards")
    if states and len(inputs) > 1:
        inputs, said["initial_state"] = inputs[:1], inputs[1:]
    if type(component).__name__ == "CategoryEncoding" and len(inputs) > 1:
        inputs, said["count_weights"] = inputs[:1], inputs[1]
    if type(component).__name__ == "MultiHeadAttention" and len(inputs) > 3:  # Keras has the masks before it
        inputs, said["attention_mask"] = inputs[:3], inputs[3]
    result = layers[node.layer](inputs, **said) if merges else layers[node.layer](*inputs, **said)
    for tensor, value in zip(node.outputs, result if isinstance(result, list | tuple) else [result], strict=True):
        tensors[tensor] = value


def make(component: Component, **extra: Any) -> Any:
    """The Keras object for a component, with the same arguments."""
    if isinstance(component, Activation):
        return activation(component)
    arguments = {item.name: convert(getattr(component, item.name)) for item in fields(component)}
    if isinstance(component, Layer):
        return getattr(keras.layers, type(component).__name__)(**arguments, **extra)
    module = next(module for base, module in MODULES.items() if isinstance(component, base))
    return getattr(module, type(component).__name__)(**{k: v for k, v in arguments.items() if v is not None}, **extra)


def convert(value: Any) -> Any:
    return make(value) if isinstance(value, Component) else value


def activation(component: Activation) -> Any:
    """The Keras activation function with these arguments."""
    function = getattr(keras.activations, snake_case(type(component).__name__))
    arguments = {item.name: getattr(component, item.name) for item in fields(component)}
    return lambda x: function(x, **arguments)


def _compile(model: keras.Model, graph: Graph) -> None:
    assert graph.training is not None
    model.compile(
        optimizer=make(graph.training.optimizer),
        loss=[_loss(output.loss) for output in graph.outputs],
        loss_weights=[output.loss_weight for output in graph.outputs],
        metrics=[[_metric(name, metric) for name, metric in output.metrics] for output in graph.outputs],
        jit_compile=all(layer.supports_jit for layer in model.layers),
    )


def _loss(loss: Loss | None) -> Any:
    component = loss.component if isinstance(loss, OwnLoss) else loss
    return None if component is None else make(component)


def losses_of_keras(graph: Graph) -> set[str]:
    """The texts of the losses that are formulas, but Keras' own."""
    losses = [output.loss for output in graph.outputs]
    return {loss.formula.text for loss in losses if isinstance(loss, OwnLoss) and loss.component is not None}


def _metric(name: str, metric: Metric) -> Any:
    arguments = {item.name: convert(getattr(metric, item.name)) for item in fields(metric)}
    arguments["name"] = name
    return metric_class(type(metric).__name__)(**arguments)


@cache
def metric_class(name: str) -> Any:
    """A metric of Keras by the name of its class, one that leaves out masked steps.

    Those that are a mean do.  Of a mask these know nothing, so it is handed to them as the sample weights that Keras'
    documentation has them take in its place.
    """
    cls = getattr(keras.metrics, name)
    if name not in ("AUC", "Precision", "Recall", "RootMeanSquaredError"):
        return cls

    class Masked(cls):  # type: ignore[misc]  # Keras has no types
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            mask = get_keras_mask(y_pred)
            if mask is not None:
                sample_weight = keras.ops.broadcast_to(mask[..., None], y_pred.shape)
            super().update_state(y_true, y_pred, sample_weight)

    return Masked


def predictions_in_training(model: keras.Model, inputs: list[np.ndarray]) -> Any:
    """What a training step predicts, with its masks; the model stays as it is."""
    trained, others = model.trainable_variables, model.non_trainable_variables
    values = [variable.value for variable in trained], [variable.value for variable in others]
    return model.stateless_call(*values, inputs, training=True)[0]


def metrics_of(model: keras.Model, targets: list[np.ndarray], predictions: Any) -> dict[str, float]:
    """The metrics of predictions by name, masks considered.

    Keras on JAX forgets them when it differentiates, so that in a training step, and on this backend alone, its metrics
    count masked steps: these are what it reports elsewhere.
    """
    model.reset_metrics()
    model._compile_metrics.update_state(targets, predictions)
    return {name: float(value) for name, value in model._compile_metrics.result().items()}


def load_weights(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Give the twin the weights of a generated model, by name."""
    for name, variable in variables(model).items():
        variable.assign(weights[name])
    for layer in model.gen_layers.values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # which makes constants of its weights


def variables(model: keras.Model) -> dict[str, Any]:
    """The twin's variables by gen's names, `layer/weight`; the seeds of random layers are left out.

    MultiHeadAttention's weights are those of its projections: `layer/query/kernel`.
    """
    found = {}
    for layer, made in model.gen_layers.items():
        for variable in getattr(made, "weights", ()):
            if "seed_generator" not in variable.path:
                parts = isinstance(made, keras.layers.MultiHeadAttention)
                name = "/".join(variable.path.split("/")[-2:]) if parts else variable.name
                found[f"{layer}/{name}"] = variable
    return found


def slots(model: keras.Model, by_name: dict[str, Any], values: Any = None) -> dict[str, np.ndarray]:
    """The optimizer's slots as `Model.slots` has them, of weights by name; their values if the variables lack them."""
    by_path = {variable.path.replace("/", "_"): name for name, variable in by_name.items()}
    found = {}
    for variable, value in zip(model.optimizer.variables, values or model.optimizer.variables, strict=True):
        for path, name in by_path.items():
            if variable.name.startswith(f"{path}_"):
                found[f"{name}/{variable.name.removeprefix(f'{path}_')}"] = np.asarray(value)
    return found
