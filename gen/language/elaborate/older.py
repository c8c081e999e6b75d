"""How Keras 1 and 2, and TensorFlow, spell what Keras 3 has under another name: modules, names, arguments.

What means the same is read as Keras 3 spells it, with a warning where Keras 3 refuses it.  What means something else in
Keras 3, or nothing any more, stays an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gen.components.base import Component, Layer, Optimizer, parameters
from gen.components.schedules import InverseTimeDecay
from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.values import Argument, Arguments

# -------------------------------------------------------------------------------------------------------------- modules

SAME_IN_TENSORFLOW = ("initializers", "losses", "metrics", "optimizers")
"""Modules of TensorFlow that are those of Keras."""
LAYERS = (
    "advanced_activations",
    "convolutional",
    "convolutional_recurrent",
    "core",
    "cudnn_recurrent",
    "embeddings",
    "experimental",
    "local",
    "merge",
    "noise",
    "normalization",
    "pooling",
    "preprocessing",
    "recurrent",
    "wrappers",
)
"""Modules that the layers of Keras were in, inside of `keras.layers`."""
OPTIMIZERS: tuple[str, ...] = ("adadelta", "adagrad", "adam", "adamax", "ftrl", "gradient_descent", "nadam", "rmsprop")
OPTIMIZERS += ("adam_v2", "experimental", "gradient_descent_v2", "legacy", "optimizer_v2", "rmsprop_v2")
"""Modules that optimizers were in, inside of `keras.optimizers`."""
INSIDE = {"layers": LAYERS, "optimizers": OPTIMIZERS, "backend": ("common", "tensorflow_backend")}
MOVED = {"objectives": "losses", "initializations": "initializers"}
ENGINE = ("base_layer", "functional", "input_layer", "sequential", "topology", "training")


def present_path(path: Sequence[str]) -> tuple[str, ...]:
    """The path of a module as Keras 3 has it; the same path for one that it does not know under another name."""
    match tuple(path):
        case ("tensorflow", "keras", *rest) | ("tensorflow", "python", "keras", *rest):
            return present_path(("keras", *rest))
        case ("tensorflow", "compat", "v1" | "v2", *rest):
            return present_path(("tensorflow", *rest))
        case ("tensorflow", module, *rest) if module in SAME_IN_TENSORFLOW:
            return present_path(("keras", module, *rest))
        case ("keras", "engine", module, *rest) if module in ENGINE and rest:
            return ("keras", *rest)
        case ("keras", "engine", module) if module in ENGINE:
            return tuple(path)
        case ("keras", "engine", *rest) if rest:
            return ("keras", *rest)
        case ("keras", "optimizer_v1" | "optimizer_v2", *rest):
            return present_path(("keras", "optimizers", *rest)) if rest[1:] else ("keras", "optimizers")
        case ("keras", "api" | "src", *rest) if rest:
            return present_path(("keras", *rest))
        case ("keras", module, *rest) if module in MOVED:
            return ("keras", MOVED[module], *rest)
        case ("keras", module, inner, *rest) if rest and inner in INSIDE.get(module, ()):
            return present_path(("keras", module, *rest))
    return tuple(path)


def warn_of_module(context: Context, path: Sequence[str], span: Span) -> None:
    """Warn of a module that Keras 3 has not, where what it had is read from another one."""
    present = present_path((*path, "_"))[:-1]
    if present != tuple(path) and path[0] == "keras" and path[1:2] != ("api",) and path[1:2] != ("src",):
        names = f"what it had is read from `{'.'.join(present)}`"
        context.warning("old-spelling", span, f"Keras 3 has no `{'.'.join(path)}`: {names}")


# ---------------------------------------------------------------------------------------------------------------- names

LAYER_NAMES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "Deconvolution2D": "Conv2DTranspose",
    "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "TimeDistributedDense": "Dense",
}
"""Layers as they were called, and what they are called now."""
STILL_THERE: tuple[str, ...] = ("Convolution1D", "Convolution2D", "Convolution3D", "SeparableConvolution1D")
STILL_THERE += ("Convolution1DTranspose", "Convolution2DTranspose", "Convolution3DTranspose", "SeparableConvolution2D")
"""Those that Keras 3 knows too."""
INITIALIZERS = {
    "random_normal_initializer": "RandomNormal",
    "random_uniform_initializer": "RandomUniform",
    "zeros_initializer": "Zeros",
    "ones_initializer": "Ones",
    "constant_initializer": "Constant",
}
"""Initializers that TensorFlow has at its top."""

OF_TENSORFLOW_1: dict[str, tuple[str, dict[str, str], dict[str, float]]] = {
    "AdamOptimizer": (
        "Adam",
        {"learning_rate": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"},
        {"epsilon": 1e-8},
    ),
    "GradientDescentOptimizer": ("SGD", {"learning_rate": "learning_rate"}, {}),
    "MomentumOptimizer": (
        "SGD",
        {
            "learning_rate": "learning_rate",
            "momentum": "momentum",
            "use_locking": "",
            "name": "",
            "use_nesterov": "nesterov",
        },
        {},
    ),
}
"""The optimizers of `tf.train` that compute what one of Keras does: that one, its arguments, and other defaults.

The `RMSPropOptimizer` and the `AdagradOptimizer` of TensorFlow 1 begin with other averages than Keras.
"""


def of_tensorflow_1(context: Context, name: str, arguments: Arguments) -> tuple[str, Arguments] | None:
    """The optimizer of Keras that does what `tf.train.AdamOptimizer` does, and its arguments; None for others."""
    if name not in OF_TENSORFLOW_1:
        return None
    present, names, defaults = OF_TENSORFLOW_1[name]
    given = dict(zip(names, arguments.positional, strict=False)) | arguments.keywords
    if len(arguments.positional) > len(names) or any(each not in names for each in given if each not in _OF_TF):
        return None
    context.warning("old-spelling", arguments.function, f"Keras 3 has no `{name}`: it is read as `{present}`")
    node = syntax.Constant(None, arguments.span)
    keywords = {each: Argument(value, node) for each, value in defaults.items()}
    keywords |= {names[each]: argument for each, argument in given.items() if names.get(each)}
    spans = dict.fromkeys(keywords, arguments.span)
    return present, replace(arguments, positional=(), keywords=keywords, name_spans=spans)


_OF_TF = ("name", "use_locking")
"""What every optimizer of TensorFlow takes and changes nothing."""

# ------------------------------------------------------------------------------------------------------------ arguments

RENAMED = {
    "lr": ("learning_rate",),
    "output_dim": ("units",),
    "nb_filter": ("filters",),
    "filter_length": ("kernel_size",),
    "border_mode": ("padding",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "stride": ("strides",),
    "pool_length": ("pool_size",),
    "atrous_rate": ("dilation_rate",),
    "bias": ("use_bias",),
    "init": ("kernel_initializer", "embeddings_initializer", "alpha_initializer"),
    "inner_init": ("recurrent_initializer",),
    "gamma_init": ("gamma_initializer",),
    "beta_init": ("beta_initializer",),
    "inner_activation": ("recurrent_activation",),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "U_regularizer": ("recurrent_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "U_constraint": ("recurrent_constraint",),
    "b_constraint": ("bias_constraint",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "p": ("rate",),
    "sigma": ("stddev",),
    "alpha": ("negative_slope",),
    "input": ("inputs",),
    "output": ("outputs",),
}
"""Arguments as older versions of Keras call them, and what they are called now, in one layer or the other."""

KERAS_1: tuple[str, ...] = (
    "border_mode",
    "subsample",
    "nb_filter",
    "init",
    "dim_ordering",
    "bias",
    "W_regularizer",
    "b_regularizer",
)
KERAS_1 += ("W_constraint", "b_constraint", "atrous_rate", "nb_row", "nb_col")
"""Arguments of a convolution that only Keras 1 has."""

IGNORED_BY = {"DepthwiseConv2D": ("kernel_initializer", "kernel_regularizer")}
"""Arguments that layers of Keras 2 took and did not use."""

ANYTHING = object()
HARMLESS: dict[str, tuple[Any, ...]] = {
    "dim_ordering": ("tf", "default"),
    "mode": (0,),
    "fused": (ANYTHING,),
    "consume_less": (ANYTHING,),
    "implementation": (ANYTHING,),
    "unroll": (ANYTHING,),
    "time_major": (False,),
    "forget_bias_init": ("one", "ones"),
    "input_dtype": (ANYTHING,),
    "decay": (0, None),
    "schedule_decay": (ANYTHING,),
    "epsilon": (None,),
    "virtual_batch_size": (None,),
    "renorm": (False,),
    "sample_weight_mode": (None,),
    "target_tensors": (None,),
    "weighted_metrics": (None,),
    "weights": (None,),
    "autocast": (ANYTHING,),
    "activity_regularizer": (None,),
    "class_mode": (ANYTHING,),
}
"""Arguments that change nothing with these values, and that Keras 3 has not, or not with them."""


@dataclass(frozen=True)
class _Call:
    """A call whose arguments are read: what is called, and which arguments it takes."""

    context: Context
    called: str
    names: Sequence[str]
    takes: Mapping[str, Any] | Sequence[str]


def present_arguments(
    context: Context, cls: type[Component] | None, called: str, names: Sequence[str], takes: Any, arguments: Arguments
) -> Arguments:
    """The arguments as Keras 3 calls them; `names` are those by position, `takes` all.  Warns of what it changes."""
    if not _is_older(cls, called, names, takes, arguments):
        return arguments
    call = _Call(context, called, names, takes)
    arguments = _with_kernel(call, cls, arguments)
    keywords: dict[str, Argument] = {}
    spans: dict[str, Span] = {}
    for name, argument in arguments.keywords.items():
        span = arguments.name_spans[name]
        new = None if name in takes else next((each for each in RENAMED.get(name, ()) if each in takes), None)
        known_elsewhere = cls is not None and (name in cls.unsupported or name in cls.ignored)
        if new is not None and new not in arguments.keywords and not known_elsewhere:
            context.warning("old-spelling", span, f"Keras 3 calls the argument `{name}` of `{called}` `{new}`")
            keywords[new], spans[new] = argument, span
        elif _is_harmless(cls, name, argument, takes) and not known_elsewhere:
            message = f"Keras 3 has no argument `{name}` of `{called}`, which changes nothing here"
            if name in takes:
                message = f"Keras 3 does not take this `{name}` of `{called}`: its default is used"
            context.warning("old-spelling", span, message)
        else:
            keywords[name], spans[name] = argument, span
    present = replace(arguments, keywords=keywords, name_spans=spans)
    return _with_schedule(call, cls, present) if cls is not None and issubclass(cls, Optimizer) else present


def _with_schedule(call: _Call, cls: type[Optimizer], arguments: Arguments) -> Arguments:
    """`SGD(0.1, decay=1e-6)`: the decay of Keras 2 as the schedule that does the same."""
    decay = arguments.keywords.get("decay")
    if decay is None or not isinstance(decay.value, int | float) or decay.value < 0:
        return arguments
    usual = next(item.default for item in parameters(cls) if item.name == "learning_rate")
    given = arguments.positional[0] if arguments.positional else arguments.keywords.get("learning_rate")
    rate = usual if given is None else given.value
    if not isinstance(rate, int | float) or rate <= 0:
        return arguments
    text = f"learning_rate=InverseTimeDecay({rate:g}, 1, {decay.value:g})"
    call.context.warning("old-spelling", arguments.name_spans["decay"], f"Keras 3 writes this `decay` as `{text}`")
    made = replace(decay, value=InverseTimeDecay(float(rate), 1, float(decay.value)))
    keywords = {name: each for name, each in arguments.keywords.items() if name != "decay"}
    if arguments.positional:
        return replace(arguments, positional=(made, *arguments.positional[1:]), keywords=keywords)
    spans = {"learning_rate": arguments.name_spans["decay"]} | arguments.name_spans
    return replace(arguments, keywords={**keywords, "learning_rate": made}, name_spans=spans)


def with_old_defaults(context: Context, called: str, arguments: Arguments) -> Arguments:
    """The arguments of a layer with those that only Keras 3 asks for."""
    averages = called.startswith(("AveragePooling", "AvgPool"))
    if not averages or arguments.positional or "pool_size" in arguments.keywords:
        return arguments
    span = arguments.span
    context.warning("old-spelling", span, f"Keras 3 asks for the `pool_size` of `{called}`: it is 2, as in Keras 2")
    two = Argument(2, syntax.Constant(2, span))
    spans = arguments.name_spans | {"pool_size": span}
    return replace(arguments, keywords=arguments.keywords | {"pool_size": two}, name_spans=spans)


def _is_older(cls: Any, called: str, names: Sequence[str], takes: Any, arguments: Arguments) -> bool:
    """Whether anything of a call may be spelled as in older versions."""
    if "kernel_size" in names and len(arguments.positional) >= 3 and called in LAYER_NAMES:
        return True
    ignored = IGNORED_BY.get(cls.__name__, ()) if cls is not None else ()
    return any(name in ignored for name in arguments.keywords) or any(
        (name not in takes and (name in RENAMED or name in KERAS_1)) or name in HARMLESS for name in arguments.keywords
    )


def _is_harmless(cls: type[Component] | None, name: str, argument: Argument, takes: Any) -> bool:
    if name == "epsilon":
        return cls is not None and issubclass(cls, Optimizer) and argument.value is None
    if cls is not None and name not in takes and name in IGNORED_BY.get(cls.__name__, ()):
        return True
    if name in takes or name not in HARMLESS:
        return False
    return any(value is ANYTHING or _same(value, argument.value) for value in HARMLESS[name])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) or one is None:
        return type(other) is type(one) and bool(one == other)
    return isinstance(other, int | float) and one == other


def _with_kernel(call: _Call, cls: type[Component] | None, arguments: Arguments) -> Arguments:
    """`Convolution2D(32, 3, 3, border_mode="same")`: the two sizes of the kernel of Keras 1 as one argument."""
    if cls is None or not issubclass(cls, Layer) or "kernel_size" not in call.names or "filters" not in call.names:
        return arguments
    keywords = arguments.keywords
    if "nb_row" in keywords and "nb_col" in keywords and "kernel_size" not in keywords:
        row, column = keywords["nb_row"], keywords["nb_col"]
        kept = {name: each for name, each in keywords.items() if name not in ("nb_row", "nb_col")}
        both = replace(row, value=(row.value, column.value))
        spans = arguments.name_spans | {"kernel_size": arguments.name_spans["nb_row"]}
        message = f"Keras 3 calls the arguments `nb_row` and `nb_col` of `{call.called}` `kernel_size`"
        call.context.warning("old-spelling", spans["kernel_size"], message)
        return replace(arguments, keywords={**kept, "kernel_size": both}, name_spans=spans)
    given = arguments.positional
    two = call.called.endswith("2D") and len(given) >= 3 and all(_is_number(each) for each in given[:3])
    if not two or not any(name in KERAS_1 for name in keywords):
        return arguments
    kernel = replace(given[1], value=(given[1].value, given[2].value))
    text = f"({given[1].value}, {given[2].value})"
    message = f"Keras 3 has one argument for both sizes of the kernel of `{call.called}`: `{text}`"
    call.context.warning("old-spelling", given[1].span.to(given[2].span), message)
    return replace(arguments, positional=(given[0], kernel, *given[3:]))


def _is_number(argument: Argument) -> bool:
    return isinstance(argument.value, int) and not isinstance(argument.value, bool)


def refused(cls: type[Component], name: str) -> tuple[str, str] | None:
    """Why gen refuses an argument that Keras 3 has no more, and what to do instead."""
    if name == "decay" and issubclass(cls, Optimizer):
        return (
            "Keras 3 has no such argument",
            "write a schedule, such as `learning_rate=InverseTimeDecay(0.01, 1, 1e-6)`",
        )
    return None
