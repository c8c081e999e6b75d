"""Configurations of layers as the arguments of a call: Keras' names and order, defaults left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gen.components.base import (
    Activation,
    Component,
    Initializer,
    Layer,
    Parameter,
    given_to,
    parameters,
    registry,
    snake_case,
)
from gen.components.regularizers import L1, L1L2, L2
from gen.keras_files.problems import KerasFileError, Report
from gen.language.elaborate.older import LAYER_NAMES, RENAMED

NOTHING = object()

PASSED_OVER: tuple[str, ...] = (
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "batch_shape",
    "input_shape",
    "input_dtype",
    "input_length",
    "sparse",
    "ragged",
    "seed",
    "implementation",
    "unroll",
    "time_major",
    "quantization_config",
    "supports_masking",
    "build_config",
    "autocast",
    "consume_less",
    "fused",
    "query_shape",
    "key_shape",
    "value_shape",
    "registered_name",
    "shared_object_id",
    "layer",
    "cell",
    "made",
    "optional",
    "flash_attention",
    "synchronized",
    "renorm_momentum",
    "lora_alpha",
    "forget_bias_init",
)
"""What configurations say that changes nothing here, or that is read elsewhere."""
ACTIVITY = "activity_regularizer"
"""What any layer may have."""
ONLY_TRAINING = ("constraint", "activity_regularizer")
"""Endings of arguments that some layers of gen have not, and that prediction does not need."""
SAME = {"groups": 1, "dim_ordering": "tf", "mode": 0, "renorm_clipping": {}, "attention_axes": [1]}
"""Arguments that some layers of gen have not, with the values that change nothing."""
IN_KERAS_1: dict[str, dict[str, Any]] = {
    "LSTM": {"recurrent_activation": "hard_sigmoid"},
    "GRU": {"recurrent_activation": "hard_sigmoid", "reset_after": False},
}
"""What Keras 1 and 2 take where a configuration does not say it, and gen does not."""


def component_class(kind: str) -> type[Layer] | None:
    """gen's layer for a class of Keras."""
    found = registry["layer"].get(LAYER_NAMES.get(kind, kind))
    return found if found is not None and issubclass(found, Layer) else None


def has_weights(cls: type[Component]) -> bool:
    """Whether the layers of a class may have weights."""
    return issubclass(cls, Layer) and cls.weights is not Layer.weights


@dataclass(frozen=True)
class Arguments:
    """Writes the arguments of one layer, and reports what has no place among them."""

    layer: str
    """What messages call the layer."""
    major: int
    report: Report
    wrapped: bool = False
    """Whether it is in a Bidirectional, which takes care of masked steps."""

    def of_layer(self, cls: type[Component], config: Mapping[str, Any]) -> list[str]:
        """The arguments of a layer."""
        config = self._current(cls, config)
        given: list[str] = []
        by_position = True
        for item in parameters(cls):
            value = config.get(item.name, NOTHING)
            if value is NOTHING:
                value = IN_KERAS_1.get(cls.__name__, {}).get(item.name, NOTHING) if self.major < 3 else NOTHING
            required = item.required
            if value is NOTHING:
                if required:
                    self.report.problem(self.layer, f"its configuration lacks {item.name}")
                by_position = by_position and required
                continue
            text = self._text(item, value, config)
            if required and by_position and text is not None:
                given.append(text)
                continue
            if text is not None:
                leads = not given and by_position and item.name in ("pool_size", "padding", "size", "cropping")
                given.append(text if leads else f"{item.name}={text}")
            by_position = False
        activity = config.get(ACTIVITY)
        if activity is not None and ACTIVITY not in {item.name for item in parameters(cls)} | cls.unsupported.keys():
            config = {name: value for name, value in config.items() if name != ACTIVITY}
            text = self._regularizer(activity)
            given += [] if text is None else [f"{ACTIVITY}={text}"]
        self._refuse_others(cls, config)
        if config.get("trainable") is False and has_weights(cls):
            given.append("trainable=False")
        return given

    def _current(self, cls: type[Component], config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration with today's names of arguments."""
        known = {item.name for item in parameters(cls)}
        found = dict(config)
        for old, names in RENAMED.items():
            if old in found and old not in known:
                new = next((name for name in names if name in known and name not in found), None)
                if new is not None:
                    found[new] = found.pop(old)
        if "nb_row" in found and "nb_col" in found and "kernel_size" in known:
            found["kernel_size"] = [found.pop("nb_row"), found.pop("nb_col")]
        axis = found.get("axis")
        if isinstance(axis, list) and len(axis) == 1 and cls.__name__ == "BatchNormalization":
            found["axis"] = axis[0]
        return found

    def _refuse_others(self, cls: type[Component], config: Mapping[str, Any]) -> None:
        known = {item.name for item in parameters(cls)}
        for name, value in config.items():
            if name in known or name in PASSED_OVER or value is None or value is False or value == []:
                continue
            if name == "zero_output_for_mask" and self.wrapped:
                continue
            if name in SAME and SAME[name] == value:
                continue
            if name == "output_shape" and cls.__name__ == "Conv2DTranspose":
                continue  # of Keras 1: `check_sizes` compares it
            if name.endswith(ONLY_TRAINING):
                self.report.note(f"{self.layer}: gen has no {name}, so training goes on without it")
            elif (
                name.endswith(("_initializer", "_regularizer"))
                or name in cls.ignored
                or (cls.__name__ == "Dense" and name == "input_dim")
            ):
                continue
            elif name == "stateful":
                self.report.note(f"{self.layer}: gen keeps no state from batch to batch")
            elif name in cls.unsupported:
                self.report.problem(self.layer, f"{cls.unsupported[name]} ({name}={_short(value)})")
            else:
                self.report.problem(self.layer, f"gen has no argument {name} for it ({name}={_short(value)})")

    def _text(self, item: Parameter, value: Any, config: Mapping[str, Any]) -> str | None:
        """The text of one argument; None for its default."""
        default = item.default
        if item.name == "data_format":
            return repr(value) if value == "channels_first" else None
        if item.name in ("activation", "recurrent_activation"):
            found = self.activation(value)
            return None if found == _activation_of(default) else found
        if item.name.endswith("_initializer"):
            return self._initializer(value, default)
        if item.name.endswith("_regularizer"):
            return self._regularizer(value)
        if item.name.endswith("_constraint"):
            return self._constraint(value)
        same = {"strides": "pool_size", "value_dim": "key_dim"}.get(item.name, "")
        if same in config and _same(value, config[same]):
            return None
        value = plain(value, self.layer)
        if not item.required and _same(value, default):
            return None
        if isinstance(value, tuple) and item.name in FOLDED and len(set(value)) == 1 and type(value[0]) is int:
            value = value[0]
        return repr(value)

    # ------------------------------------------------------------------------------------- parts that are components

    def activation(self, value: Any) -> str:
        """An activation as the text of an argument."""
        if value is None:
            return repr("linear")
        if isinstance(value, dict):
            config = value.get("config")
            if isinstance(config, str):
                value = config
            elif value.get("class_name") in ACTIVATION_LAYERS and isinstance(config, dict):
                return self._layer_as_activation(value["class_name"], config)
            elif value.get("class_name") == "Activation" and isinstance(config, dict):
                return self.activation(config.get("activation"))
            else:
                value = value.get("class_name")
                if value in registry["layer"]:
                    self.report.problem(self.layer, f"a layer as its activation: {_short(value)}")
                    return repr("linear")
        name = str(value).split(">")[-1]
        cls = registry["activation"].get(name)
        if cls is None or ">" in str(value):
            self.report.problem(self.layer, f"gen has no activation {_short(value)}")
            return repr("linear")
        return repr(snake_case(cls.__name__))

    def _layer_as_activation(self, kind: str, config: Mapping[str, Any]) -> str:
        """A layer in the place of an activation."""
        cls = component_class(kind)
        assert cls is not None
        said = self.of_layer(cls, config)
        if not said and kind in SAME_FUNCTION:
            return repr(SAME_FUNCTION[kind])
        return f"keras.layers.{kind}({', '.join(said)})"

    def is_old_hard_sigmoid(self, value: Any) -> bool:
        """Whether an activation is what Keras 1 and 2 call `hard_sigmoid`: clip(x / 5 + 1 / 2, 0, 1)."""
        if isinstance(value, dict):
            value = value.get("config")
        return self.major < 3 and value == "hard_sigmoid"

    def _initializer(self, value: Any, default: Any) -> str | None:
        made = _component("initializer", value)
        if made is None:  # only a fresh model needs it
            if value is not None:
                self.report.note(f"{self.layer}: gen has no initializer {_short(value)}; a fresh model draws otherwise")
            return None
        if made == default or _canonical(made) == _canonical(default):
            return None
        return written("initializer", made)

    def _regularizer(self, value: Any) -> str | None:
        if value is None:
            return None
        made = _component("regularizer", value)
        if made is None:
            self.report.note(f"{self.layer}: gen has no regularizer {_short(value)}, so training goes on without it")
            return None
        if not isinstance(made, L1 | L2 | L1L2):
            return written("regularizer", made)
        strengths = given_to(made)
        used = {name: value for name, value in strengths.items() if value}
        if not used:
            return None
        return f"keras.regularizers.{'L1L2' if len(used) > 1 else next(iter(used)).upper()}({_said(used)})"

    def _constraint(self, value: Any) -> str | None:
        made = _component("constraint", value)
        if made is None:
            if value is not None:
                self.report.note(f"{self.layer}: gen has no constraint {_short(value)}, so training goes on without it")
            return None
        return written("constraint", made)


ACTIVATION_LAYERS = ("ReLU", "LeakyReLU", "ELU", "Softmax")
"""Layers that may stand where an activation does."""
SAME_FUNCTION = {"ReLU": "relu", "ELU": "elu", "Softmax": "softmax"}
"""Those that are a function by their defaults; that of LeakyReLU has another slope."""


def _said(strengths: Mapping[str, float]) -> str:
    if len(strengths) == 1:
        return repr(next(iter(strengths.values())))
    return ", ".join(f"{name}={value!r}" for name, value in strengths.items())


FOLDED = ("kernel_size", "strides", "pool_size", "dilation_rate", "size", "padding", "cropping")
"""Arguments that may be one number for all axes."""


def _short(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        value = value["class_name"]
    return repr(value)[:80]


def _same(value: Any, default: Any) -> bool:
    """Whether a value is a default, where one number stands for the same one on all axes."""
    value, default = (tuple(each) if isinstance(each, list) else each for each in (value, default))
    if isinstance(value, tuple) != isinstance(default, tuple):
        several, one = (value, default) if isinstance(value, tuple) else (default, value)
        return len(several) > 0 and type(one) is int and all(each == one for each in several)
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    return bool(value == default)


def plain(value: Any, layer: str) -> Any:
    """A value of a configuration as a number, a string, None or a tuple of these."""
    if isinstance(value, list | tuple):
        return tuple(plain(each, layer) for each in value)
    if isinstance(value, dict):  # a number of NumPy, as old versions wrote it
        for key in ("value", "config"):
            if key in value:
                return plain(
                    value[key]["value"] if isinstance(value[key], dict) and "value" in value[key] else value[key], layer
                )
        raise KerasFileError(f"the layer {layer} has an argument of no known form")
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return shortest(value)
    raise KerasFileError(f"the layer {layer} has an argument of no known form")


def shortest(value: float) -> float:
    """0.001 for 0.0010000000474974513: what was meant, where the file has a float32 of it."""
    short = float(f"{value:.6g}")
    with np.errstate(over="ignore"):
        is_single = float(np.float32(value)) == value
    return short if is_single and abs(short - value) <= 1.5e-7 * abs(value) else value


def _activation_of(default: Any) -> str:
    return repr(snake_case(type(default).__name__)) if isinstance(default, Activation) else ""


def _component(kind: str, value: Any) -> Component | None:
    """An initializer or regularizer of a configuration; None if gen has none."""
    if value is None:
        return None
    name: Any = value
    config: Any = {}
    if isinstance(value, dict):
        name, config = value.get("class_name"), value.get("config") or {}
    cls = registry[kind].get(name) if isinstance(name, str) else None
    if cls is None or not isinstance(config, dict):
        return None
    known = {item.name for item in parameters(cls)}
    given = {key: shortest(each) if isinstance(each, float) else each for key, each in config.items() if key in known}
    given = {key: tuple(each) if isinstance(each, list) else each for key, each in given.items()}
    if not all(isinstance(each, int | float | str | tuple) for each in given.values()):
        return None
    if kind == "initializer" and given.get("distribution") == "normal":
        given["distribution"] = "truncated_normal"
    return cls(**given)


def _canonical(component: Any) -> Any:
    """An initializer in the words of `VarianceScaling`, which old files have for all of its kind."""
    if isinstance(component, Component) and type(component).__name__ == "VarianceScaling":
        scale, mode, drawn = given_to(component).values()
        return {
            (1.0, "fan_avg", "uniform"): ("GlorotUniform",),
            (1.0, "fan_avg", "truncated_normal"): ("GlorotNormal",),
            (2.0, "fan_in", "uniform"): ("HeUniform",),
            (2.0, "fan_in", "truncated_normal"): ("HeNormal",),
            (1.0, "fan_in", "uniform"): ("LecunUniform",),
            (1.0, "fan_in", "truncated_normal"): ("LecunNormal",),
        }.get((scale, mode, drawn), component)
    if isinstance(component, Initializer) and not parameters(type(component)):
        return (type(component).__name__,)
    return component


def written(kind: str, component: Component) -> str:
    """A component as the text of an argument: its name where it has no arguments, else a call."""
    canonical = _canonical(component)
    name = canonical[0] if isinstance(canonical, tuple) else type(component).__name__
    said = []
    if not isinstance(canonical, tuple):
        for item in parameters(type(component)):
            value = getattr(component, item.name)
            if item.required or value != item.default:
                said.append(f"{item.name}={value!r}")
    if not said:
        return repr(snake_case(name))
    return f"keras.{kind}s.{name}({', '.join(said)})"
