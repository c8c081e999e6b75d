"""Every layer with every combination of its arguments that changes the code, proven one by one.

The combinations are generated: the fields of a layer give the arguments, their types the values, and a combination that
the layer refuses is left out.  `python -m tests.combinations` proves all of them, `… LSTM GRU` those of some layers;
`test_combinations.py` proves a sample.
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from gen import compiler
from gen.components.base import Layer, parameters, registry
from gen.diagnostics import Diagnostics, Source
from tests import proof
from tests.building import QUICK, load

LAYERS: dict[str, type[Layer]] = {cls.__name__: cls for cls in registry["layer"].values() if issubclass(cls, Layer)}

VALUES: dict[str, tuple[Any, ...]] = {
    "units": (3,),
    "unit_forget_bias": (True,),
    "filters": (4,),
    "kernel_size": (2, 3),
    "pool_size": (2, 3),
    "strides": (1, 2),
    "dilation_rate": (1, 2),
    "groups": (1, 2),
    "depth_multiplier": (1, 2),
    "padding": ("valid", "same"),
    "cropping": (1, (0, 1)),
    "size": (2, 3),
    "rate": (0.0, 0.5),
    "dropout": (0.0, 0.5),
    "recurrent_dropout": (0.0, 0.5),
    "activation": ("tanh", "relu"),
    "input_dim": (11,),
    "output_dim": (3,),
    "num_heads": (2,),
    "key_dim": (3,),
    "value_dim": (None, 2),
    "output_shape": (None, 5),
    "scale": (True, False),
    "offset": (0.0, 0.5),
    "target_shape": ((-1, 2),),
    "dims": ((2, 1),),
    "n": (2,),
    "axes": (1, (2, 1)),
    "axis": (-1, 1),
    "mask_value": (0.0, 1.0),
    "max_value": (None, 0.5),
    "threshold": (0.0, 0.2),
    "shared_axes": (None, (1,)),
    "noise_shape": (None,),
}
"""The values of arguments by name, where their type does not give them."""
OWN: dict[tuple[str, str], tuple[Any, ...]] = {
    ("ZeroPadding1D", "padding"): (1, (0, 2)),
    ("ZeroPadding2D", "padding"): (1, ((0, 1), (2, 0))),
    ("Cropping2D", "cropping"): (1, ((0, 1), (1, 0))),
    ("Rescaling", "scale"): (2.0,),
    ("Conv1D", "padding"): ("valid", "same", "causal"),
    ("MaxPooling1D", "strides"): (None, 1),
    ("MaxPooling2D", "strides"): (None, 1),
    ("AveragePooling1D", "strides"): (None, 1),
    ("AveragePooling2D", "strides"): (None, 1),
    ("Dot", "axes"): (1, (2, 1)),
    ("Conv1DTranspose", "output_padding"): (None, 1),
    ("Conv2DTranspose", "output_padding"): (None, 1),
}
INPUTS = ("6", "8, 4", "None, 4", "6, 5, 4")
"""Shapes to call a layer on: a row, a sequence, one of unknown length, an image."""


@dataclass(frozen=True)
class Combination:
    """A layer with arguments, and how it is called, as the text of a `.nn` file."""

    name: str
    text: str


def combinations(cls: type[Layer]) -> Iterator[Combination]:
    """Every combination for one layer that gen accepts."""
    return filter(accepted, candidates(cls))


def sample(cls: type[Layer], count: int) -> list[Combination]:
    """Some of the combinations, spread over all of them."""
    found = list(candidates(cls))
    starts = [(2 * i + 1) * len(found) // (2 * count) for i in range(count)]
    chosen = (next(filter(accepted, [*found[start:], *found[:start]]), None) for start in starts)
    return list(dict.fromkeys(item for item in chosen if item is not None))


def candidates(cls: type[Layer]) -> Iterator[Combination]:
    """Every combination for one layer, whether it is accepted or not."""
    arguments = {parameter.name: values_of(cls, parameter) for parameter in parameters(cls)}
    arguments = {name: values for name, values in arguments.items() if values}
    for values in itertools.product(*arguments.values()):
        given = dict(zip(arguments, values, strict=True))
        written = ", ".join(f"{name}={value!r}" for name, value in given.items())
        for call, text in texts(cls, written):
            yield Combination(f"{cls.__name__}({written}){call}", text)


def values_of(cls: type[Layer], parameter: Any) -> tuple[Any, ...]:
    """The values that an argument takes; none where it changes no code (initializers, regularizers, names)."""
    if (cls.__name__, parameter.name) in OWN:
        return OWN[cls.__name__, parameter.name]
    if parameter.name in VALUES:
        return VALUES[parameter.name]
    if parameter.annotation is bool:
        return (parameter.default, not parameter.default)
    options = [item for option in flattened(parameter.annotation) for item in literal_values(option)]
    return tuple(item for item in options if item not in ("channels_first", "channels_last"))


def flattened(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal or not get_args(annotation):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from flattened(inner)


def literal_values(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def texts(cls: type[Layer], arguments: str) -> Iterator[tuple[str, str]]:
    """The `.nn` files in which the layer with these arguments is called, each with what tells the call apart."""
    name = f"{cls.__name__}({arguments})"
    if cls.__name__ == "Embedding":
        yield " on ids", model(["ids = Input(None, int32)"], f"{name}(ids)")
        return
    for shape in INPUTS:
        inputs = [f"x = Input({shape})"]
        if cls.merges or cls.__name__ == "MultiHeadAttention":
            other = shape.replace("None", "'length'").replace("8, 4", "5, 4") if "ttention" in cls.__name__ else shape
            two = [
                f"x = Input({shape.replace('None', repr('steps'))})",
                f"z = Input({other.replace('None', repr('steps'))})",
            ]
            call = "(x, z)" if not cls.merges else "([x, z])"
            yield f" on ({shape})", model(two, f"{name}{call}")
            for option in cls.call_options:
                yield f" on ({shape}), {option}", model(two, f"{name}{call[:-1]}, {option}=True)")
            if "masks" in forward_parameters(cls) and shape == "8, 4":
                masked = [two[0], two[1], "x = Masking()(x)", "z = Masking()(z)"]
                yield f" on ({shape}), masked", model(masked, f"{name}{call}")
            continue
        yield f" on ({shape})", model(inputs, f"{name}(x)")
        if "mask" in forward_parameters(cls) and shape == "8, 4":
            inputs = [*inputs, "mask = Input(8, bool)"]
            yield f" on ({shape}), masked", model(inputs, f"{name}(x, mask=mask)")
        if "h" in forward_parameters(cls) and shape == "8, 4":
            states = ["h = Input(3)", "c = Input(3)"][: 2 if "c" in forward_parameters(cls) else 1]
            held = ", ".join(state[0] for state in states)
            yield f" on ({shape}), from states", model([*inputs[:1], *states], f"{name}(x, initial_state=[{held}])")


def forward_parameters(cls: type[Layer]) -> set[str]:
    return set(cls.forward.__code__.co_varnames[: cls.forward.__code__.co_argcount])


def model(lines: list[str], call: str) -> str:
    """A model around one call; each result is an output with a loss of its own."""
    inputs = [line.split(" = ")[0] for line in lines if "Input(" in line]
    results = "y, h_last, c_last" if "LSTM" in call else "y, h_last"
    names = results if "return_state=True" in call else "y"
    outputs = [name.strip() for name in names.split(",")]
    text = [*lines, f"{names} = {call}", *(f"{name}_out = Activation(tanh)({name})" for name in outputs)]
    text.append(f"model = Model([{', '.join(inputs)}], [{', '.join(f'{name}_out' for name in outputs)}])")
    text.append(f"model.compile(sgd(0.1), loss=[{', '.join(['mse'] * len(outputs))}])")
    return "\n".join(text) + "\n"


def accepted(combination: Combination) -> bool:
    """Whether gen builds it; what it refuses has to be refused by a diagnostic, not by a crash."""
    return compiler.understand(Source("model.nn", combination.text), Diagnostics()) is not None


def prove(combination: Combination) -> None:
    """The gradients against central differences; predictions and three steps against Keras."""
    source = Source("model.nn", combination.text)
    graph = compiler.understand(source, Diagnostics())
    assert graph is not None
    module = load(compiler.generate(graph, "model.nn", QUICK), f"combination_{abs(hash(combination.text))}")
    proof.check_gradients(module)
    proof.compare_with_keras(graph, module, rows=3)


def attempt(combination: Combination) -> str:
    """What went wrong; an empty text if nothing did."""
    try:
        prove(combination)
    except Exception:  # whatever it is belongs into the report
        return traceback.format_exc(limit=-3)
    return ""


def main(names: list[str]) -> int:
    wanted = [LAYERS[name] for name in names] or list(LAYERS.values())
    failed = total = 0
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=100) as pool:  # what JAX compiled adds up
        for cls in wanted:
            start, found = time.perf_counter(), list(combinations(cls))
            reports = pool.map(attempt, found, chunksize=1)
            wrong = [(item, report) for item, report in zip(found, reports, strict=True) if report]
            for item, report in wrong:
                print(f"\n{item.name}\n{item.text}{report}", flush=True)
            failed, total = failed + len(wrong), total + len(found)
            took = time.perf_counter() - start
            print(f"{cls.__name__:<24} {len(found):>5} combinations, {len(wrong)} wrong, {took:.0f} s", flush=True)
    print(f"{total} combinations of {len(wanted)} layers, {failed} wrong")
    return 1 if failed or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
