"""Every layer with every combination of its arguments that changes the code, proven one by one.

The combinations are generated: the fields of a layer give the arguments, their types the values, and a combination that
the layer refuses is left out.  There are two kinds.  `candidates` is the full product of few values, those that change
which code is written.  `pairs` crosses every argument with every other, and with every way to call the layer: each two
of their values occur together, and where two arguments are numbers, each is below the other, and above it.

`python -m tests.combinations` proves all of them, `… LSTM GRU` those of some layers, `… --pairs` the second kind alone;
`tests/components/test_combinations.py` proves a sample.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args, get_origin

from gen import compiler
from gen.components.base import Layer, Regularizer, parameters, registry
from gen.diagnostics import Diagnostics, Source
from gen.graph.sizes import least_sizes
from tests import proof
from tests.building import LENGTH, QUICK, load

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
    "output_size": (2, 3),
    "height": (3, 7),
    "width": (4,),
    "factor": (0.3,),
    "height_factor": (0.3,),
    "width_factor": (0.2,),
    "fill_value": (0.0, 0.5),
    "value_range": ((-1.0, 1.6),),
    "stddev": (0.3,),
    "num_tokens": (5,),
    "bin_boundaries": ((-0.5, 0.5),),
}
"""The values of arguments by name, where their type does not give them."""
OWN: dict[tuple[str, str], tuple[Any, ...]] = {
    ("ZeroPadding1D", "padding"): (1, (0, 2)),
    ("ZeroPadding2D", "padding"): (1, ((0, 1), (2, 0))),
    ("Cropping2D", "cropping"): (1, ((0, 1), (1, 0))),
    ("ZeroPadding3D", "padding"): (1, ((0, 1), (2, 0), 1)),
    ("Cropping3D", "cropping"): (1, ((0, 1), (1, 0), 0)),
    ("Rescaling", "scale"): (2.0,),
    ("EinsumDense", "equation"): ("ab,bd->ad", "abc,cd->abd"),
    ("EinsumDense", "output_shape"): (5, (None, 5)),
    ("EinsumDense", "bias_axes"): (None, "d"),
    ("GroupNormalization", "groups"): (2, -1),
    ("Conv1D", "padding"): ("valid", "same", "causal"),
    ("MaxPooling1D", "strides"): (None, 1),
    ("MaxPooling2D", "strides"): (None, 1),
    ("AveragePooling1D", "strides"): (None, 1),
    ("AveragePooling2D", "strides"): (None, 1),
    ("MaxPooling3D", "strides"): (None, 1),
    ("AveragePooling3D", "strides"): (None, 1),
    ("Dot", "axes"): (1, (2, 1)),
    ("Conv1DTranspose", "output_padding"): (None, 1),
    ("Conv2DTranspose", "output_padding"): (None, 1),
}


class Written(str):
    """A value as it stands in a `.nn` file."""

    def __repr__(self) -> str:
        return str(self)


WIDE: dict[str, tuple[Any, ...]] = {
    "units": (3, 7),
    "unit_forget_bias": (True, False),
    "filters": (4, 1, 2, 6),
    "kernel_size": (1, 2, 3, 5),
    "pool_size": (1, 2, 3, 4),
    "strides": (1, 2, 3),
    "dilation_rate": (1, 2, 3),
    "groups": (1, 2, 4),
    "depth_multiplier": (1, 2, 3),
    "output_padding": (None, 0, 1, 2),
    "cropping": (0, 1, 2, (0, 1), (2, 1)),
    "size": (1, 2, 3),
    "rate": (0.0, 0.3, 0.9),
    "dropout": (0.0, 0.3, 0.9),
    "recurrent_dropout": (0.0, 0.3, 0.9),
    "activation": ("linear", "tanh", "relu", "softmax"),
    "recurrent_activation": ("sigmoid", "hard_sigmoid", "tanh"),
    "input_dim": (4, 11),
    "output_dim": (1, 3, 15),
    "num_heads": (1, 2, 3),
    "key_dim": (1, 2, 4),
    "value_dim": (None, 1, 3, 5),
    "output_shape": (None, 1, 5),
    "sliding_window": (None, 1, 2, 9),
    "scale": (True, False),
    "offset": (0.0, 0.5, -2.0),
    "target_shape": ((-1, 2), (2, -1), (-1,), (6,)),
    "dims": ((2, 1), (1, 2), (3, 1, 2)),
    "n": (1, 2, 5),
    "axes": (1, 2, -1, (2, 1), (1, 2)),
    "axis": (-1, 1, 2, -2),
    "mask_value": (0.0, 1.0, -1.0),
    "max_value": (None, 0.0, 0.5, 1.0, 6.0),
    "threshold": (0.0, 0.2, 1.0, 2.0),
    "negative_slope": (0.0, 0.1, 1.5),
    "alpha": (0.0, 0.5, 1.0, 2.0),
    "momentum": (0.0, 0.5, 0.99),
    "epsilon": (0.001, 0.7),
    "shared_axes": (None, (1,), (2,), (1, 2)),
    "noise_shape": (None, (None, 1), (1, None)),
    "output_size": (1, 2, 3, 4),
    "height": (2, 5, 8),
    "width": (3, 7),
    "factor": (0.0, 0.3, (0.1, 0.4)),
    "height_factor": (0.3, -0.2, (-0.3, 0.1), (0.1, 0.2)),
    "width_factor": (0.2, -0.3, (-0.2, -0.1)),
    "fill_value": (-1.0, 0.0, 0.5),
    "value_range": ((-1.0, 1.6), (0.0, 255.0)),
    "stddev": (0.0, 0.3, 0.9),
    "num_tokens": (2, 5),
    "bin_boundaries": ((0.1,), (-0.5, 0.0, 0.5)),
}
"""Values of arguments by name, on both sides of each other."""
WIDE_OWN: dict[tuple[str, str], tuple[Any, ...]] = {
    ("ZeroPadding1D", "padding"): (0, 1, (0, 2), (3, 1)),
    ("ZeroPadding2D", "padding"): (0, 1, (1, 2), ((0, 1), (2, 0))),
    ("Cropping2D", "cropping"): (0, 1, (1, 2), ((0, 1), (1, 0))),
    ("ZeroPadding3D", "padding"): (0, 1, (1, 2, 0), ((0, 1), (2, 0), 1)),
    ("Cropping3D", "cropping"): (0, 1, (1, 0, 1), ((0, 1), (1, 0), 0)),
    ("Rescaling", "scale"): (2.0, -0.5, 0.0),
    ("RandomRotation", "factor"): (0.1, (-0.3, -0.1), (0.4, 0.7)),
    ("EinsumDense", "equation"): ("ab,bd->ad", "abc,cd->abd", "abc,bd->adc", "...c,cd->...d"),
    ("EinsumDense", "output_shape"): (1, 5, (None, 3), (5, None)),
    ("EinsumDense", "bias_axes"): (None, "d"),
    ("Conv2D", "kernel_size"): (1, 2, 3, (1, 3), (3, 2)),
    ("Conv2D", "strides"): (1, 2, 3, (1, 2)),
    ("Conv2DTranspose", "kernel_size"): (1, 2, 3, (1, 3), (3, 2)),
    ("Conv2DTranspose", "strides"): (1, 2, 3, (1, 2)),
    ("Conv3D", "kernel_size"): (1, 2, 3, (1, 3, 2)),
    ("Conv3D", "strides"): (1, 2, 3, (1, 2, 3)),
    ("UpSampling2D", "size"): (1, 2, 3, (2, 3)),
    ("UpSampling3D", "size"): (1, 2, (2, 3, 1)),
    **{
        (f"{kind}Pooling{axes}D", "strides"): (None, 1, 2, 3)
        for kind, axes in itertools.product(("Max", "Average"), (1, 2, 3))
    },
}
PRODUCT = 300
"""Up to so many combinations of the wide values are all taken."""
INPUTS = ("6", "8, 4", "None, 4", "6, 5, 4")
"""Shapes to call a layer on: a row, a sequence, one of unknown length, an image."""
VOLUMES = ("5, 4, 6, 4",)
"""What layers over three axes are called on besides."""


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


Columns: TypeAlias = "list[tuple[Any, ...]]"
Row: TypeAlias = "tuple[Any, ...]"


def pairs(cls: type[Layer]) -> Iterator[Combination]:
    """Combinations for one layer that gen accepts, in which each two of the wide values occur together.

    All of them, where they are few.  Two values that no accepted combination holds together are left out.
    """
    columns, combination = wide(cls)
    if math.prod(map(len, columns)) <= PRODUCT:
        yield from filter(accepted, map(combination, itertools.product(*columns)))
    else:
        yield from cover(columns, combination)


def sample_of_pairs(cls: type[Layer], count: int) -> list[Combination]:
    """Some combinations of the wide values that gen accepts."""
    columns, combination = wide(cls)
    draw = random.Random(cls.__name__)
    rows = (combination(tuple(map(draw.choice, columns))) for _ in range(500))
    return list(itertools.islice(filter(accepted, rows), count))


def wide(cls: type[Layer]) -> tuple[Columns, Callable[[Row], Combination]]:
    """The wide values of each argument and the ways to call the layer, and what makes a combination of one of each."""
    arguments = {parameter.name: wide_values_of(cls, parameter) for parameter in parameters(cls)}
    arguments = {name: values for name, values in arguments.items() if values}
    held = list(candidates(cls))
    count = len(list(texts(cls, "")))
    calls = tuple(at for at in range(count) if any(accepted(item) for item in held[at::count]))

    def combination(row: Row) -> Combination:
        given = zip(arguments, row[:-1], strict=True)
        written = ", ".join(f"{name}={value!r}" for name, value in given)
        call, text = list(texts(cls, written))[row[-1]]
        return Combination(f"{cls.__name__}({written}){call}", text)

    return [*arguments.values(), calls], combination


def cover(columns: Columns, combination: Callable[[Row], Combination]) -> Iterator[Combination]:
    """Accepted rows, one value of each column, that hold every two values of two columns that a row can hold."""
    draw = random.Random(1)
    places = [(i, a) for i, values in enumerate(columns) for a in range(len(values))]
    missing = {(one, other) for one, other in itertools.combinations(places, 2) if one[0] != other[0]}
    order = sorted(missing)
    draw.shuffle(order)
    for pair in order:
        for attempt in range(TRIES if pair in missing else 0):
            row = _row_with(pair, columns, missing, draw, greed=1 - attempt / (TRIES - 1))
            made = combination(tuple(values[at] for values, at in zip(columns, row, strict=True)))
            if accepted(made):
                missing -= set(itertools.combinations(enumerate(row), 2))
                yield made
                break


TRIES = 30
"""So many rows are tried for two values before they count as refused together."""


def _row_with(
    pair: tuple[tuple[int, int], tuple[int, int]],
    columns: Columns,
    missing: set[Any],
    draw: random.Random,
    greed: float,
) -> list[int]:
    """A row with these two places.

    It is filled up with what goes with most places that are missing yet, as often as `greed` says, or with the first
    values, which get along.
    """
    row: dict[int, int] = dict(pair)
    rest = [i for i in range(len(columns)) if i not in row]
    draw.shuffle(rest)
    for i in rest:
        row[i] = 0
        if draw.random() < greed:
            choices = list(range(len(columns[i])))
            draw.shuffle(choices)
            row[i] = max(choices, key=lambda at: sum(tuple(sorted(((i, at), item))) in missing for item in row.items()))
    return [row[i] for i in range(len(columns))]


def wide_values_of(cls: type[Layer], parameter: Any) -> tuple[Any, ...]:
    """The values of an argument for `pairs`."""
    if (cls.__name__, parameter.name) in WIDE_OWN:
        return WIDE_OWN[cls.__name__, parameter.name]
    if parameter.name in WIDE:
        return WIDE[parameter.name]
    if Regularizer in flattened(parameter.annotation):
        return (None, Written("l1_l2(l1=0.02, l2=0.1)"))
    return values_of(cls, parameter)


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
    if cls.__name__ in ("Embedding", "CategoryEncoding"):
        yield " on ids", model(["ids = Input(None, int32)"], f"{name}(ids)")
        return
    for shape in (*INPUTS, *VOLUMES) if getattr(cls, "rank", None) == 3 else INPUTS:
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
    proof.compare_with_keras(graph, module, rows=3, length=max(LENGTH, *least_sizes(graph).values(), 0))


def attempt(combination: Combination) -> str:
    """What went wrong; an empty text if nothing did."""
    try:
        prove(combination)
    except Exception:  # whatever it is belongs into the report
        return traceback.format_exc(limit=-3)
    return ""


def main(arguments: list[str]) -> int:
    names = [argument for argument in arguments if argument != "--pairs"]
    kinds = [pairs] if "--pairs" in arguments else [combinations, pairs]
    wanted = [LAYERS[name] for name in names] or list(LAYERS.values())
    failed = total = 0
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=100) as pool:  # what JAX compiled adds up
        for cls in wanted:
            start, found = time.perf_counter(), list(dict.fromkeys(item for kind in kinds for item in kind(cls)))
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
