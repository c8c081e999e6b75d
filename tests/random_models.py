"""Random valid models, as Keras code that gen takes as it stands: what Keras makes of it is an independent witness.

A model is drawn line by line.  Keras itself runs each line as it is drawn, which gives the shapes to go on from, and
refuses what cannot be.  What Hypothesis shrinks, then, is the text of a small file.

Names are drawn too: plain ones, and those that a generated file needs itself or makes of the plain ones (`x3_gate`
beside `x3`, where silu has a local `gate`; `dx3`; `scratch`; `self`).
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import keras
import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, note, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption
from keras.src.backend.common.masking import get_keras_mask

from gen.components.base import registry
from gen.emit.identifiers import copied_names
from gen.graph.names import CHECK_LOCALS, RESERVED, UPDATE_LOCALS
from tests import random_constructs as constructs
from tests.keras_twin import computes_in

ACTIVATIONS = """
linear relu relu6 leaky_relu hard_sigmoid hard_silu hard_tanh hard_shrink soft_shrink sparse_sigmoid elu selu
sparse_plus sigmoid log_sigmoid tanh tanh_shrink softplus softsign squareplus celu silu mish gelu softmax log_softmax
sparsemax
"""
RECURRENT_ACTIVATIONS = ("tanh", "sigmoid", "relu", "softsign", "hard_sigmoid")
VOCABULARY = 7


@dataclass(frozen=True)
class Value:
    """A tensor of the text: its name and its shape after the batch, None for steps that only data decide."""

    name: str
    shape: tuple[int | None, ...]


@dataclass(repr=False)
class RandomModel:
    """A model as text, how Keras has run it, and what its data have to be like."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    ids: list[bool] = field(default_factory=list)
    """For each input whether it takes ids."""
    targets: list[str] = field(default_factory=list)
    """For each output what its targets are."""
    inner: set[str] = field(default_factory=set)
    """The tensors of models that are called as layers."""
    metrics: list[tuple[str, ...]] = field(default_factory=list)
    """For each output its metrics, by the words that Keras knows."""

    def __repr__(self) -> str:
        return "the model below"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    @property
    def keras(self) -> keras.Model:
        model: keras.Model = self.names["model"]
        return model

    @property
    def whole(self) -> keras.Model:
        """The same with every tensor as an output, also those that reach none."""
        tensors = [
            value
            for name, value in self.names.items()
            if name not in self.inner and isinstance(value, keras.KerasTensor)
        ]
        return keras.Model(self.keras.inputs, tensors)

    def inputs(self, rng: np.random.Generator, rows: int, steps: int) -> list[np.ndarray]:
        """Arrays for a batch: the steps of each input one more, from `steps` on, and a first id that is not padding."""
        found = []
        for place, (tensor, ids) in enumerate(zip(self.keras.inputs, self.ids, strict=True)):
            shape = (rows, *(steps + place if size is None else size for size in tensor.shape[1:]))
            value = rng.integers(0, VOCABULARY, shape, dtype=np.int32) if ids else rng.normal(size=shape)
            if ids:
                value[:, 0] = np.maximum(value[:, 0], 1)
            found.append(value)
        return found

    def outputs(self, rng: np.random.Generator, predicted: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Targets for outputs of these shapes."""
        return [_TARGETS[kind](rng, value.shape) for kind, value in zip(self.targets, predicted, strict=True)]


def _one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


_TARGETS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "numbers": lambda rng, shape: rng.normal(size=shape),
    "shares": lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    "yes or no": lambda rng, shape: rng.integers(0, 2, shape) * 1.0,
    "one-hot": _one_hot,
    "classes": lambda rng, shape: rng.integers(0, shape[-1], shape[:-1]),
}

HEADS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("linear", "numbers", ("mse", "mae", "huber", "log_cosh", "cosine_similarity")),
    ("linear", "shares", ("mean_absolute_percentage_error",)),
    ("tanh", "yes or no", ("hinge", "squared_hinge")),
    ("softplus", "shares", ("poisson", "mean_squared_logarithmic_error")),
    ("sigmoid", "yes or no", ("binary_crossentropy",)),
    ("softmax", "one-hot", ("categorical_crossentropy", "kl_divergence", "categorical_hinge")),
    ("softmax", "classes", ("sparse_categorical_crossentropy",)),
)
"""The activation of an output, what its targets are, and the losses that take both."""

OF_NUMBERS = ("mae", "mse", "RootMeanSquaredError")
METRICS = {
    "numbers": OF_NUMBERS,
    "shares": (*OF_NUMBERS, "mape", "msle"),
    "yes or no": (*OF_NUMBERS, "binary_accuracy", "AUC", "Precision", "Recall", "accuracy"),
    "one-hot": (*OF_NUMBERS, "accuracy", "categorical_crossentropy"),
    "classes": ("acc", "sparse_categorical_accuracy", "sparse_categorical_crossentropy"),
}
"""The metrics of an output, by what its targets are."""

OPTIMIZERS = (
    "SGD(0.05)",
    "SGD(0.05, momentum=0.9)",
    "SGD(0.05, momentum=0.9, nesterov=True)",
    "RMSprop(0.01)",
    "RMSprop(0.01, momentum=0.5, centered=True)",
    "Adam(0.01)",
    "Adam(0.01, amsgrad=True)",
    "AdamW(0.01, weight_decay=0.1)",
    "Adagrad(0.05)",
)
CLIPPING = ("", "", "", "clipnorm=0.5", "clipvalue=0.1", "global_clipnorm=0.5")


ENDINGS = ("2", "rows", "linear", "true", "weight", "loss", "losses", "mask", "count", "prediction", "row", "kernel")
OWN_NAMES = (
    "scratch", "scratch_2", "value", "columns", "greatest", "ones_batch", "zeros_batch", "batch_2", "true", "loss_",
    *sorted({*RESERVED, *CHECK_LOCALS, *UPDATE_LOCALS, *copied_names()} - {"Model"}),
)  # fmt: skip
"""What generated files call things of their own."""


@cache
def locals_of(word: str) -> tuple[str, ...]:
    """The local names of the rules of the component that a word of a line names, if it names one."""
    classes = {cls for kind in registry.values() for name, cls in kind.items() if name in (word, word.lower())}
    rules = [rule for cls in classes for rule in vars(cls).values() if isinstance(rule, FunctionType)]
    return tuple(sorted({name for rule in rules for name in rule.__code__.co_varnames if name != "self"}))


class _Draft:
    """A model in the making."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw, self.model, self.values, self.count = draw, RandomModel(), list[Value](), 0
        self.inputs: list[str] = []
        self.shared: list[tuple[str, tuple[int | None, ...]]] = []
        self.taken: set[str] = set()
        self.model.names.update(
            {
                name: getattr(keras, name)
                for name in ("Input", "Model", "Sequential", "layers", "optimizers", "regularizers")
            }
        )

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def run(self, line: str) -> bool:
        """Have Keras run a line, and keep it if that is possible."""
        state = random.getstate()  # from which Keras draws the seeds of weights, and Hypothesis everything
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exec(line, self.model.names)
            except Exception:  # Keras tells in many ways that it will not
                return False
            finally:
                random.setstate(state)
        self.model.lines.append(line)
        return True

    def fresh(self, letter: str) -> str:
        """A name that no variable and no layer has: a plain one, or one that the generated file may want itself."""
        self.count += 1
        plain = f"{letter}{self.count}"
        name = plain if self.one_of(True, False) else self.one_of(*self.wanted_elsewhere())
        name = plain if name in self.taken or name in self.model.names else name
        self.taken.add(name)
        return name

    def wanted_elsewhere(self) -> Sequence[str]:
        """Names of the generated file's own, and those that it makes of a variable that there is or will be."""
        if not self.values or self.one_of(True, False, False):
            return OWN_NAMES
        value = self.draw(st.sampled_from(self.values)).name
        near = self.one_of(value, value, f"x{self.count + 1}", f"layer{self.count + 1}")
        made = next((line for line in self.model.lines if line.startswith(f"{value} =")), "")
        rules = [local for word in re.findall(r"\w+", made) for local in locals_of(word)]
        found = [f"{near}_{ending}" for ending in (*rules, *ENDINGS)]
        return [*found, f"d{near}", f"d{near}_linear", f"in_{near}", *OWN_NAMES[:1]]

    def add(self, expression: str) -> bool:
        """A new tensor, if Keras makes one that is neither empty nor large."""
        name = self.fresh("x")
        if not self.run(f"{name} = {expression}"):
            return False
        shape = tuple(self.model.names[name].shape[1:])
        sizes = [size for size in shape if size is not None]
        if not sizes or min(sizes) < 1 or np.prod(sizes) > 400 or None in shape[1:]:
            self.model.lines.pop()
            return False
        self.values.append(Value(name, shape))
        return True

    def add_with(self, definition: str, expression: str) -> None:
        """A new tensor that takes a definition, which goes if the tensor cannot be."""
        before = len(self.model.lines)
        if not (self.run(definition) and self.add(expression)):
            del self.model.lines[before:]

    def layer(self, text: str) -> str:
        """A layer with a name of its own, so that its weights are found again."""
        name = self.fresh("layer")
        return f"layers.{text[:-1]}{'' if text.endswith(('(', '()')) else ', '}name='{name}')"

    # ------------------------------------------------------------------------------------------------------- inputs

    def input(self) -> None:
        name = self.fresh("in")
        steps = self.one_of(5, 1, None, 8)
        kind = self.one_of("row", "sequence", "ids", "image")
        line = {
            "row": f"Input(({self.one_of(4, 1, 6)},), name='{name}')",
            "sequence": f"Input(({steps}, {self.one_of(3, 1, 4)}), name='{name}')",
            "ids": f"Input(({steps},), dtype='int32', name='{name}')",
            "image": f"Input(({self.one_of(5, 6)}, {self.one_of(4, 7)}, {self.one_of(2, 1)}), name='{name}')",
        }[kind]
        assert self.run(f"{name} = {line}")
        self.inputs.append(name)
        self.model.ids.append(kind == "ids")
        if kind == "ids":
            masks = self.one_of("", ", mask_zero=True")
            assert self.add(f"{self.layer(f'Embedding({VOCABULARY}, {self.one_of(3, 4)}{masks})')}({name})")
        else:
            self.values.append(Value(name, tuple(self.model.names[name].shape[1:])))

    # -------------------------------------------------------------------------------------------------------- layers

    def step(self) -> None:
        """One more tensor, of one or several that there are."""
        value = self.draw(
            st.sampled_from(self.values[: -3 - 1 : -1] if self.one_of(True, True, False) else self.values)
        )
        equal = [other for other in self.values if other.shape == value.shape]
        share = [name for name, shape in self.shared if shape == value.shape]
        kinds = ["layer"] * 5 + [
            "merge",
            "operator",
            "operation",
            "operation",
            "function",
            "class",
            "class",
            "lambda",
            "share",
        ]
        kinds += ["again"] * bool(share)
        match self.one_of(*kinds):
            case "layer":
                self.add(self.call(value))
            case "merge":
                other = self.draw(st.sampled_from(equal))
                kind = self.one_of("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
                self.add(f"{self.layer(f'{kind}()')}([{value.name}, {other.name}])")
            case "operator":
                other = self.draw(st.sampled_from(equal))
                x = value.name
                texts = [
                    f"{x} * 0.5",
                    f"{x} + 1.0",
                    f"1.0 - {x}",
                    f"-{x}",
                    f"{x} + {other.name}",
                    f"{x} * {other.name}",
                ]
                if len(value.shape) == 2:
                    texts += [f"{x}[:, 1:]", f"{x}[:, -1]", f"{x}[:, ::2]"]
                self.add(self.one_of(*texts))
            case "operation":
                other = self.draw(st.sampled_from(equal))
                self.add(constructs.operation(self.one_of, value.name, other.name, value.shape))
            case "function":
                name = self.fresh("block")
                text, more = constructs.function(self.one_of, name, value.shape)
                self.add_with(text, f"{name}({value.name}{more}, name='{self.fresh('layer')}')")
            case "class":
                name = self.fresh("Own")
                text, made = constructs.layer(self.one_of, name, value.shape)
                self.add_with(text, f"{made}'{self.fresh('layer')}')({value.name})")
            case "lambda":
                self.add(f"{self.layer(constructs.lambda_(self.one_of, value.shape))}({value.name})")
            case "share":
                self.share(value)
            case "again":
                self.add(f"{self.one_of(*share)}({value.name})")

    def share(self, value: Value) -> None:
        """A layer, or a model, with a name, which later steps call again."""
        if self.one_of(True, False):
            name, made = self.fresh("shared"), self.constructor(value)
            if not self.run(f"{name} = {made}"):
                return
        else:
            inside, outside, name = self.fresh("inside"), self.fresh("outside"), self.fresh("shared")
            first, second = self.constructor(value), self.one_of(
                "Activation('tanh')", "Dense(3)", "LayerNormalization()"
            )
            lines = [
                f"{inside} = Input({value.shape!r})",
                f"{outside} = {self.layer(second)}({first}({inside}))",
                f"{name} = Model({inside}, {outside}, name='{name}')",
            ]
            for count, line in enumerate(lines):
                if not self.run(line):
                    del self.model.lines[len(self.model.lines) - count :]
                    return
            self.model.inner |= {inside, outside}
        before = len(self.model.lines)
        if self.add(f"{name}({value.name})"):
            self.shared.append((name, value.shape))
        else:
            del self.model.lines[before:]

    def call(self, value: Value) -> str:
        x = value.name
        if len(value.shape) == 2 and self.one_of(*[False] * 5, True):
            drop = self.one_of("", ", dropout=0.3")
            heads = f"MultiHeadAttention({self.one_of(2, 1)}, {self.one_of(3, 2)}{drop})"
            causal = self.one_of("", ", use_causal_mask=True")
            return self.one_of(
                f"{self.layer(f'Attention(use_scale=True{drop})')}([{x}, {x}])",
                f"{self.layer(f'AdditiveAttention(use_scale=True{drop})')}([{x}, {x}])",
                f"{self.layer(heads)}({x}, {x}{causal})",
            )
        if len(value.shape) >= 2 and self.one_of(*[False] * 6, True):
            # its draws are those of each step, which are others than those of all steps as rows: nothing is dropped
            made = re.sub(r"(ropout\w*[(=])0\.\d", r"\g<1>0.0", self.constructor(Value("", value.shape[1:])))
            return f"{self.layer(f'TimeDistributed({made})')}({x})"
        return f"{self.constructor(value)}({x})"

    def constructor(self, value: Value) -> str:
        """A layer for a tensor of this shape."""
        by_rank = {1: self.for_rows, 2: self.for_sequences, 3: self.for_images}
        anywhere = self.one_of(True, False, False)
        return self.layer(self.for_all() if anywhere or len(value.shape) > 3 else by_rank[len(value.shape)](value))

    def activation(self) -> str:
        return f"activation='{self.one_of(*ACTIVATIONS.split())}'"

    def for_all(self) -> str:
        bias = self.one_of("", ", use_bias=False", ", kernel_regularizer=regularizers.L2(0.01)")
        return self.one_of(
            f"Dense({self.one_of(3, 1, 5)}, {self.activation()}{bias})",
            f"Activation('{self.one_of(*ACTIVATIONS.split())}')",
            "BatchNormalization()",
            f"BatchNormalization(center={self.one_of(True, False)}, scale={self.one_of(True, False)})",
            f"LayerNormalization({self.one_of('', 'scale=False', 'center=False')})",
            "UnitNormalization()",
            "Rescaling(0.5, offset=0.1)",
            "PReLU()",
            "ReLU(max_value=1.0, negative_slope=0.1)",
            "LeakyReLU()",
            "ELU(0.5)",
            "Softmax()",
            "Dropout(0.4)",
            "Flatten()",
        )

    def for_rows(self, value: Value) -> str:
        (size,) = value.shape
        return self.one_of(
            f"Dense({self.one_of(4, 2)}, {self.activation()})", "RepeatVector(3)", f"Reshape(({size}, 1))"
        )

    def for_sequences(self, value: Value) -> str:
        channels = value.shape[1]
        keep = f"return_sequences={self.one_of(True, False)}"
        recurrent = self.one_of(
            f"LSTM({self.one_of(3, 1)}, {keep}, use_bias={self.one_of(True, False)}",
            f"GRU({self.one_of(3, 2)}, {keep}, reset_after={self.one_of(True, False)}",
            f"SimpleRNN({self.one_of(3, 2)}, {keep}, activation='{self.one_of(*RECURRENT_ACTIVATIONS)}'",
        )
        options = self.one_of("", ", go_backwards=True", ", dropout=0.3", ", recurrent_dropout=0.3")
        merge = self.one_of("'concat'", "'sum'", "'mul'", "'ave'")
        window = self.one_of(2, 3, 1)
        padding = self.one_of("'valid'", "'same'")
        paces = self.one_of("", ", strides=2", ", dilation_rate=2")
        groups = self.one_of("", f", groups={channels}")
        causal = self.one_of(padding, "'causal'")
        return self.one_of(
            f"{recurrent}{options})",
            f"Bidirectional(layers.{recurrent}), merge_mode={merge})",
            f"Conv1D({channels}, {window}, padding={causal}{paces}{groups}, {self.activation()})",
            f"Conv1D(4, {window}, padding={padding}{paces})",
            f"DepthwiseConv1D({window}, padding={padding}, depth_multiplier={self.one_of(1, 2)})",
            f"SeparableConv1D(3, {window}, padding={padding})",
            f"Conv1DTranspose(3, {window}, padding={padding}, strides={self.one_of(1, 2)})",
            f"MaxPooling1D({window}, padding={padding})",
            f"MaxPooling1D({window}, strides=1)",
            f"AveragePooling1D({window}, padding={padding})",
            "GlobalMaxPooling1D()",
            "GlobalAveragePooling1D()",
            "ZeroPadding1D((1, 2))",
            "Cropping1D((1, 0))",
            "UpSampling1D(2)",
            "Permute((2, 1))",
            "SpatialDropout1D(0.4)",
            "Masking(0.0)",
            "BatchNormalization(axis=1)",
            f"Reshape((-1, {channels}, 1))",
        )

    def for_images(self, value: Value) -> str:
        height, width, channels = value.shape
        window = self.one_of("2", "3", "(1, 2)")
        padding = self.one_of("'valid'", "'same'")
        paces = self.one_of("", ", strides=2", ", dilation_rate=2")
        groups = self.one_of("", f", groups={channels}")
        return self.one_of(
            f"Conv2D({channels}, {window}, padding={padding}{paces}{groups}, {self.activation()})",
            f"Conv2D(3, {window}, padding={padding}{paces})",
            f"DepthwiseConv2D({window}, padding={padding}, depth_multiplier={self.one_of(1, 2)})",
            f"SeparableConv2D(3, {window}, padding={padding})",
            f"Conv2DTranspose(2, {window}, padding={padding}, strides={self.one_of(1, 2)})",
            f"MaxPooling2D({window}, padding={padding})",
            f"AveragePooling2D({window}, padding={padding})",
            "GlobalMaxPooling2D()",
            "GlobalAveragePooling2D()",
            "ZeroPadding2D(((1, 0), (0, 2)))",
            "Cropping2D(((1, 0), (0, 1)))",
            "UpSampling2D((2, 1))",
            "SpatialDropout2D(0.4)",
            "BatchNormalization(axis=1)",
            f"Reshape(({height} * {width}, {channels}))" if height else "Flatten()",
        )

    # ------------------------------------------------------------------------------------------------------- the end

    def output(self, value: Value) -> tuple[str, str] | None:
        """A head on a tensor, as the name of the output, and its loss."""
        activation, targets, losses = self.one_of(*HEADS)
        name, units = self.fresh("out"), self.one_of(3, 2)
        if not self.run(f"{name} = layers.Dense({units}, activation='{activation}', name='{name}')({value.name})"):
            return None
        self.model.targets.append(targets)
        self.model.metrics.append(
            tuple(self.draw(st.lists(st.sampled_from(METRICS[targets]), max_size=2, unique=True)))
        )
        return name, self.one_of(*losses)


@st.composite
def random_models(draw: Callable[[st.SearchStrategy[Any]], Any]) -> RandomModel:
    """A model that Keras accepts, compiled."""
    computes_in("float64")
    draft = _Draft(draw)
    assert draft.run("import numpy as np\nfrom keras import ops")
    for _ in range(draft.one_of(1, 2, 3)):
        draft.input()
    for _ in range(draw(st.integers(1, 12))):
        draft.step()
    read = set(re.findall(r"\w+", " ".join(line.partition("=")[2] for line in draft.model.lines)))
    unread = [value for value in draft.values if value.name not in read]
    masked = [value for value in draft.values if get_keras_mask(draft.model.names[value.name]) is not None]
    ends = [draft.values[-1], *draw(st.lists(st.sampled_from(unread or draft.values), max_size=2))]
    ends += draw(st.lists(st.sampled_from(masked), max_size=1)) if masked else []
    heads = [head for head in map(draft.output, dict.fromkeys(ends)) if head is not None]
    assume(heads)
    names = ", ".join(name for name, _ in heads)
    losses = ", ".join(f"'{loss}'" for _, loss in heads)
    weights = f", loss_weights=[{', '.join(str(draft.one_of(1.0, 0.3, 2.0)) for _ in heads)}]" if len(heads) > 1 else ""
    inputs = draft.inputs
    used = _used(draft.model, inputs, [name for name, _ in heads])
    draft.model.ids = [ids for ids, name in zip(draft.model.ids, inputs, strict=True) if name in used]
    clipping = draft.one_of(*CLIPPING)
    optimizer = draft.one_of(*OPTIMIZERS)
    optimizer = f"{optimizer[:-1]}, {clipping})" if clipping else optimizer
    assume(draft.run(f"model = Model([{', '.join(used)}], [{names}])"))
    metrics = [list(each) for each in draft.model.metrics]
    metrics = metrics if len(heads) > 1 else metrics[0]
    assert draft.run(f"model.compile(optimizer=optimizers.{optimizer}, loss=[{losses}]{weights}, metrics={metrics})")
    return draft.model


def prove_random_models(start: int, count: int, folder: Path, check: Callable[[RandomModel], None]) -> None:
    """Check `count` models, drawn from a seed; what fails is shrunk, printed, and kept as `failed_SEED.nn`."""

    @seed(start)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(random_models())
    def prove(model: RandomModel) -> None:
        note(model.text)
        try:
            check(model)
        except Exception as error:
            if not isinstance(error, UnsatisfiedAssumption):
                (folder / f"failed_{start}.nn").write_text(model.text, "utf-8")  # the last one is the smallest
            raise

    prove()
    jax.clear_caches()  # or the models of one process take all memory in the end


def _used(model: RandomModel, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """The inputs that lead to the outputs."""
    seen: set[int] = set()
    waiting = [model.names[name] for name in outputs]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node, _ = tensor._keras_history
        waiting += operation._inbound_nodes[node].input_tensors
    return [name for name in inputs if id(model.names[name]) in seen]
