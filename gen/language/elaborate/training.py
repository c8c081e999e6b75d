"""`compile` and `fit`: losses, weights and metrics for each output, and the defaults of training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gen.components.arguments import Count, Rate, Word
from gen.components.base import Activation, Loss, Metric, Optimizer, Role, ShapeError, registry
from gen.diagnostics import Note, Span
from gen.dims import show
from gen.graph.checks import check_loss, head_of
from gen.graph.graph import Training
from gen.language.elaborate.binding import accepted_value, renamed
from gen.language.elaborate.called import items_of
from gen.language.elaborate.context import Context
from gen.language.elaborate.own import (
    LossOfFile,
    LossOfIds,
    MetricOfFile,
    is_own,
    loss_of_tensors,
    own_loss,
    own_metric,
)
from gen.language.elaborate.spellings import suggestion
from gen.language.elaborate.values import (
    Argument,
    Arguments,
    DictValue,
    LayerCall,
    ObjectValue,
    TensorValue,
    Wrong,
    entries_of,
    is_wrong,
    unknown_in,
)

COMPILE = ("optimizer", "loss", "loss_weights", "metrics")

IGNORED = {
    "run_eagerly": "the generated file is plain NumPy",
    "jit_compile": "the generated file is plain NumPy",
    "steps_per_execution": "the generated file runs one step at a time",
    "auto_scale_loss": "the generated file computes in float32 or float64, where a loss needs no scaling",
}
UNSUPPORTED = {"weighted_metrics": "metrics are not weighted; write them in `metrics`"}

FIT: dict[str, Any] = {"epochs": Count, "batch_size": Count | None, "validation_split": Rate, "shuffle": bool}
DATA = ("x", "y", "validation_data", "sample_weight", "class_weight")
FIT_ORDER = (
    "x",
    "y",
    "batch_size",
    "epochs",
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
    "shuffle",
    "class_weight",
    "sample_weight",
)
"""The arguments of Keras' `fit` by position."""
WHEN_CALLED = ("verbose", "callbacks")
NOT_IN_FIT = {
    "initial_epoch": "training continues from the loaded model",
    "steps_per_epoch": "an epoch goes through all rows once",
    "validation_steps": "validation goes through all its rows",
    "validation_batch_size": "validation runs in batches of `batch_size`",
    "validation_freq": "validation runs after every epoch",
    "max_queue_size": "the generated file runs in one thread",
    "workers": "the generated file runs in one thread",
    "use_multiprocessing": "the generated file runs in one thread",
    "show_accuracy": "`metrics` of `compile` says what is shown",
}
OLD_FIT = {"nb_epoch": "epochs", "nb_epochs": "epochs"}
"""Arguments of `fit` as Keras 1 calls them."""


@dataclass
class Plan:
    """An output of the file's model, and how it is to be trained."""

    name: str
    tensor: TensorValue
    loss: Loss | None = None
    loss_text: str = ""
    loss_weight: float = 1.0
    metrics: tuple[tuple[str, Metric], ...] = ()
    metric_spans: tuple[Span, ...] = ()
    """Where each of `metrics` stands."""


@dataclass
class Compilation:
    """What one `compile` says; of several the last one stands."""

    optimizer: Optimizer | Wrong
    plans: list[Plan] = field(default_factory=list)


def compiled(context: Context, arguments: Arguments, plans: Sequence[Plan], added: bool = False) -> Compilation:
    """One `compile` applied to the outputs in `plans`; without plans (the model is wrong), what can be checked.

    `added` says whether there is a loss besides: layers add one.
    """
    given = _bound(context, arguments)
    for name, argument in list(given.items()):
        unknown = unknown_in(argument.value)
        if unknown is not None:
            given[name] = replace(argument, value=context.unknown(unknown, argument.span))
    optimizer = given.get("optimizer")
    result = Compilation(
        (
            registry["optimizer"]["rmsprop"]()  # type: ignore[arg-type]  # an optimizer
            if optimizer is None
            else accepted_value(context, "optimizer", Optimizer, optimizer)
        ),
        [replace(plan) for plan in plans],
    )
    rate = result.optimizer.first_rate if isinstance(result.optimizer, Optimizer) else 1.0
    if optimizer is not None and not 0.0 < rate < math.inf:
        message = f"`learning_rate` must be a finite number above 0, got {rate:g}"
        context.error("bad-argument", optimizer.span, message)
    if not plans:
        _check_alone(context, given)
        return result
    loss = given.get("loss")
    if not added or (loss is not None and loss.value is not None):
        _set_losses(context, arguments, loss, result.plans, added)
    _set_weights(context, given.get("loss_weights"), result.plans)
    _set_metrics(context, given.get("metrics"), result.plans)
    if not context.diagnostics.failed:
        _check_figures(context, arguments, result.plans)
    return result


def _bound(context: Context, arguments: Arguments) -> dict[str, Argument]:
    """The arguments of `compile` by name; what it does not take is reported."""
    given = dict(zip(COMPILE, arguments.positional, strict=False))
    if len(arguments.positional) > len(COMPILE):
        span = arguments.positional[len(COMPILE)].span
        context.error("too-many-arguments", span, f"`compile` takes at most {len(COMPILE)} arguments without a name")
    for name, argument in arguments.keywords.items():
        span = arguments.name_spans[name]
        if name in given:
            context.error("duplicate-argument", span, f"`compile` gets its argument `{name}` twice")
        elif name in COMPILE:
            given[name] = argument
        elif name in IGNORED:
            context.warning("ignored-argument", span, f"`{name}` of `compile` has no effect: {IGNORED[name]}")
        elif name in UNSUPPORTED:
            if argument.value is not None:
                message = f"gen does not support `{name}` of `compile`: {UNSUPPORTED[name]}"
                context.error("unsupported-argument", span, message)
        else:
            hint = suggestion(name, COMPILE) or "it takes `optimizer`, `loss`, `loss_weights` and `metrics`"
            context.error("unknown-argument", span, f"`compile` has no argument `{name}`", hint=hint)
    return given


def _check_alone(context: Context, given: dict[str, Argument]) -> None:
    """What can be said of losses and metrics when the outputs are not known."""
    for name, annotation in (("loss", Loss | None), ("loss_weights", float)):
        for leaf in _all_leaves(given.get(name)):
            if not is_own(leaf.value, "loss"):
                accepted_value(context, name, annotation, leaf)
    for leaf in _all_leaves(given.get("metrics")):
        if not is_own(leaf.value, "metric"):
            _metric(context, leaf)


def _all_leaves(argument: Argument | None) -> list[Argument]:
    """What an argument holds, whichever output it is for."""
    if argument is None or argument.value is None:
        return []
    value = argument.value
    entries = [item for _, item in entries_of(argument)] if isinstance(value, DictValue) else [argument]
    return [leaf for entry in entries for leaf in _leaves(entry)]


def _leaves(argument: Argument) -> list[Argument]:
    match argument.value:
        case list() | tuple():
            return [leaf for item in items_of(argument) for leaf in _leaves(item)]
        case _:
            return [argument]


# -------------------------------------------------------------------------------------------------- one for each output


def _by_output(context: Context, name: str, argument: Argument, plans: Sequence[Plan]) -> dict[int, Argument]:
    """The entries of a dict by the index of the output that the key means; keys that mean none are reported."""
    found: dict[int, Argument] = {}
    for key, item in entries_of(argument):
        index = next((i for i, plan in enumerate(plans) if plan.tensor is key.value), None)
        if index is None:
            index = next((i for i, plan in enumerate(plans) if plan.name == key.text), None)
        if isinstance(key.value, Wrong):
            continue
        if index is None:
            names = [plan.name for plan in plans]
            hint = suggestion(key.text, names) or f"the outputs are {', '.join(f'`{each}`' for each in names)}"
            context.error("unknown-output", key.span, f"`{key.text}` is not an output of the model", hint=hint)
        elif index in found:
            context.error("duplicate-argument", key.span, f"`{name}` has the output `{plans[index].name}` twice")
        else:
            found[index] = item
    return found


def _known_keys(argument: Argument) -> bool:
    """Whether every key of a dict is right, as far as one can tell: no output is missed because of a wrong key."""
    return not any(isinstance(key.value, Wrong) for key, _ in entries_of(argument))


def _set_losses(
    context: Context, arguments: Arguments, argument: Argument | None, plans: list[Plan], added: bool
) -> None:
    if argument is None and not arguments.keywords.keys() <= {*COMPILE, *IGNORED, *UNSUPPORTED}:
        return  # a wrong name is reported, which may have been meant as `loss`
    if (argument is None or argument.value is None) and added:
        return
    if argument is None or argument.value is None:
        context.error(
            "missing-loss",
            arguments.span,
            "`compile` needs a `loss`",
            hint="for numbers `mse`, for classes `categorical_crossentropy`, for yes or no `binary_crossentropy`",
        )
        return
    entries: dict[int, Argument] = {}
    match argument.value:
        case DictValue():
            reported = len(context.diagnostics.items)
            entries = _by_output(context, "loss", argument, plans)
            missing = [plan for i, plan in enumerate(plans) if i not in entries]
            if missing and len(context.diagnostics.items) == reported and _known_keys(argument):
                _report_missing_loss(context, argument, missing)
        case list() | tuple():
            entries = dict(enumerate(items_of(argument)))
            _check_number_of_losses(context, argument, entries, plans)
        case _:
            entries = dict.fromkeys(range(len(plans)), argument)
    for index, entry in entries.items():
        if index < len(plans):
            _set_loss(context, entry, plans[index])
    if entries and all(entry.value is None for entry in entries.values()) and not added:
        context.error("missing-loss", argument.span, "No output has a loss, so there is nothing to train")


def _report_missing_loss(context: Context, argument: Argument, missing: Sequence[Plan]) -> None:
    for plan in missing:
        note = Note(plan.tensor.maker.span, f"the output `{plan.name}`")
        hint = f"add `{plan.name}: …`, or `{plan.name}: None` for an output that is not trained"
        if not isinstance(argument.value, DictValue):
            hint = "add a loss to the list, or `None` for an output that is not trained"
        context.error("missing-loss", argument.span, f"The output `{plan.name}` has no loss", notes=(note,), hint=hint)


def _check_number_of_losses(
    context: Context, argument: Argument, entries: dict[int, Argument], plans: Sequence[Plan]
) -> None:
    if len(entries) < len(plans):
        _report_missing_loss(context, argument, plans[len(entries) :][:1])
    elif len(entries) > len(plans):
        outputs = f"{len(plans)} output{'s' * (len(plans) != 1)}"
        message = f"The model has {outputs}, and this is loss number {len(plans) + 1}"
        context.error("unknown-output", entries[len(plans)].span, message)


def _set_loss(context: Context, argument: Argument, plan: Plan) -> None:
    if is_wrong(argument.value):
        return
    if _loss_text(context, argument).lower() in ("crossentropy", "ce"):
        names = "`binary_crossentropy`, `categorical_crossentropy` or `sparse_categorical_crossentropy`"
        message = "Keras chooses the crossentropy by the targets, and a `.nn` file has no targets"
        context.error("bad-argument", argument.span, message, hint=f"write {names}")
        return
    tensor = plan.tensor
    if argument.value is not None and tensor.dtype != "float":
        note = Note(tensor.maker.span, f"the output `{plan.name}`")
        message = f"No weight learns from the output `{plan.name}`: it is {tensor.dtype}, and has no derivative"
        context.error("bad-loss", argument.span, message, notes=(note,), hint="give the output before it the loss")
        return
    if is_own(argument.value, "loss"):
        _set_own_loss(context, argument, plan)
        return
    loss = accepted_value(context, "loss", Loss | None, argument)
    if not isinstance(loss, Loss):
        return
    try:
        check_loss(loss, tensor.shape, _head(tensor))
    except ShapeError as problem:
        note = Note(tensor.maker.span, f"the output `{plan.name}`: {show(tensor.shape)}")
        context.error(
            problem.code, argument.span, problem.message, label=problem.label, notes=(note,), hint=problem.hint
        )
        return
    if loss.by_tensors():
        _set_own_loss(context, argument, plan, loss)
    elif _mask_fits(context, argument, plan):
        plan.loss, plan.loss_text = loss, _loss_text(context, argument)


def _set_own_loss(context: Context, argument: Argument, plan: Plan, loss: Loss | None = None) -> None:
    """A loss that the file computes itself, or one of Keras that is a formula too."""
    if not _mask_fits(context, argument, plan):
        return
    if loss is None:
        found = own_loss(context, argument, plan.name, plan.tensor)
    else:
        found = loss_of_tensors(context, argument, loss, plan.tensor)
    if isinstance(found, Wrong):
        return
    mask, shape = plan.tensor.last_mask, found.value.shape
    if mask is not None and shape[:1] == mask.shape[:1] and shape[: len(mask.shape)] != mask.shape:
        message = f"`{found.name}` gives {show(shape)}, and the output has a mask for each of {show(mask.shape)}"
        hint = "return a value for each step, which the mask can leave out"
        context.error("mask-mismatch", argument.span, message, hint=hint)
        return
    plan.loss, plan.loss_text = (LossOfIds if found.ids else LossOfFile)(found), found.text


def _mask_fits(context: Context, argument: Argument, plan: Plan) -> bool:
    """Whether the mask of an output has a value for each step of it; reports it if not."""
    tensor = plan.tensor
    mask = tensor.last_mask
    if mask is not None and mask.shape != tensor.shape[:-1]:
        message = (
            f"The output `{plan.name}` has a loss for each of {show(tensor.shape[:-1])}, "
            f"and a mask with a value for each of {show(mask.shape)}"
        )
        notes = (Note(mask.maker.span, "the mask begins here"), Note(tensor.maker.span, "the output"))
        hint = "merge them into one step with TimeDistributed(Flatten()), or leave out the mask; Keras fails here too"
        context.error("mask-mismatch", argument.span, message, notes=notes, hint=hint)
        return False
    if mask is None and tensor.handed is not None and tensor.handed.shape == tensor.shape[:-1]:
        message = (
            f"MultiHeadAttention has removed the mask of the output `{plan.name}`, as in Keras: "
            "its loss counts the padded steps like any others"
        )
        notes = (Note(tensor.handed.maker.span, "the mask begins here"), Note(tensor.maker.span, "the output"))
        hint = "give the attention a copy, `c = Rescaling(1.0)(x)`, and `x` keeps its mask"
        context.warning("mask-lost", argument.span, message, notes=notes, hint=hint)
    return True


def _head(tensor: TensorValue) -> Activation | None:
    while isinstance(tensor.maker, LayerCall) and tensor.maker.layer.component.role is Role.SPLIT:
        tensor = tensor.maker.inputs[0]  # a TimeDistributed has the head of what it holds
    return head_of(tensor.maker.layer.component) if isinstance(tensor.maker, LayerCall) else None


def _loss_text(context: Context, argument: Argument) -> str:
    match argument.value:
        case str(text) | Word(text):
            return text
        case _:
            return context.text(argument.span)


def _set_weights(context: Context, argument: Argument | None, plans: list[Plan]) -> None:
    if argument is None or argument.value is None or is_wrong(argument.value):
        return
    match argument.value:
        case DictValue():
            entries = _by_output(context, "loss_weights", argument, plans)
        case list() | tuple() if len(argument.value) == len(plans):
            entries = dict(enumerate(items_of(argument)))
        case int() | float() if len(plans) == 1:
            entries = {0: argument}
        case _:
            names = ", ".join(f"`{plan.name}`" for plan in plans)
            message = f"`loss_weights` takes one weight for each output: {names}"
            context.error("bad-argument", argument.span, message)
            return
    for index, entry in entries.items():
        weight = accepted_value(context, "loss_weights", float, entry)
        if isinstance(weight, float):
            plans[index].loss_weight = weight


# -------------------------------------------------------------------------------------------------------------- metrics


def _set_metrics(context: Context, argument: Argument | None, plans: list[Plan]) -> None:
    if argument is None or argument.value is None:
        return
    match argument.value:
        case Wrong():
            return
        case DictValue():
            entries = _by_output(context, "metrics", argument, plans)
        case list() | tuple() if len(plans) == 1:
            entries = {0: argument}
        case list() | tuple() if len(argument.value) in (0, len(plans)):
            entries = dict(enumerate(items_of(argument)))
        case list() | tuple() if any(isinstance(each, list | tuple | DictValue) for each in argument.value):
            names = ", ".join(f"`{plan.name}`" for plan in plans)
            message = f"`metrics` takes one entry for each output, {names}, and has {len(argument.value)}"
            hint = f"write `metrics={{{plans[0].name}: [{_example(context, argument)}]}}` for metrics of one output"
            context.error("bad-argument", argument.span, message, hint=hint)
            return
        case _:
            entries = dict.fromkeys(range(len(plans)), argument)
            text = context.text(argument.span)
            whole = text if isinstance(argument.value, list | tuple) else f"[{text}]"
            each = whole if len(plans) == 1 else f"[{', '.join([whole] * len(plans))}]"
            context.warning("old-spelling", argument.span, f"Keras 3 writes these `metrics` as `{each}`")
    for index, entry in entries.items():
        _set_metrics_of(context, entry, plans[index])


def _example(context: Context, argument: Argument) -> str:
    items = items_of(argument)
    return context.text(items[0].span)


def _set_metrics_of(context: Context, argument: Argument, plan: Plan) -> None:
    counts: dict[str, int] = {}
    for leaf in _leaves(argument):
        own = is_own(leaf.value, "metric")
        metric = _own_metric(context, leaf, plan) if own else _metric(context, leaf)
        resolved = metric if own or metric is None else _resolved(context, metric, leaf, plan)
        if metric is not None and resolved is not None:
            name = _numbered_as_keras(metric.log_name, counts)
            plan.metrics = (*plan.metrics, (name, resolved))
            plan.metric_spans = (*plan.metric_spans, leaf.span)


def _own_metric(context: Context, argument: Argument, plan: Plan) -> Metric | None:
    """A metric that the file computes itself."""
    if is_wrong(argument.value):
        return None
    if isinstance(argument.value, ObjectValue):
        cls = argument.value.cls
        message = f"gen cannot run the metric `{cls.name}`, which keeps a state of its own"
        hint = "write a function of `y_true` and `y_pred`: its value is averaged over the batches"
        context.error(
            "unsupported-call", argument.span, message, notes=(Note(cls.definition.header, "the class"),), hint=hint
        )
        return None
    if plan.loss is None:
        _report_no_targets(context, argument, plan)
        return None
    target, dtype = plan.tensor.shape, "float"
    if isinstance(plan.loss, LossOfFile):
        target = plan.loss.computed.inputs[0].shape
    elif plan.loss.sparse:
        target = plan.tensor.shape[:-1]
    found = own_metric(context, argument, plan.name, plan.tensor, target, "int32" if plan.loss.sparse else dtype)
    return None if isinstance(found, Wrong) else MetricOfFile(found.name, found)


def _metric(context: Context, argument: Argument) -> Metric | None:
    """The metric that an argument means; one that is given as a word is logged under that word, as in Keras."""
    if argument.value is None:
        return None
    word = argument.value.name if isinstance(argument.value, Word) else argument.value
    if isinstance(argument.value, str) and argument.value.lower() in ("accuracy", "acc"):  # as in Keras, whatever case
        argument = replace(argument, value=argument.value.lower())
    metric = accepted_value(context, "metrics", Metric, argument)
    if not isinstance(metric, Metric):
        return None
    is_class = isinstance(argument.value, Word) and type(metric).__name__ == word
    if isinstance(word, str) and not is_class and hasattr(metric, "name"):
        metric = replace(metric, name=word)  # type: ignore[type-var]  # every metric is a dataclass
    return metric


def _resolved(context: Context, metric: Metric, argument: Argument, plan: Plan) -> Metric | None:
    if plan.loss is None:
        _report_no_targets(context, argument, plan)
        return None
    if isinstance(plan.loss, LossOfFile) and not plan.loss.sparse:
        target = plan.loss.computed.inputs[0].shape
        if target != plan.tensor.shape:
            message = f"`{plan.loss.computed.name}` takes targets {show(target)}, this metric some like the output"
            context.error("metric-shape", argument.span, message, hint="write a function of `y_true` and `y_pred`")
            return None
    try:
        return metric.resolve(plan.loss, plan.tensor.shape)
    except ShapeError as problem:
        note = Note(plan.tensor.maker.span, f"the output `{plan.name}`: {show(plan.tensor.shape)}")
        context.error(
            problem.code, argument.span, problem.message, label=problem.label, notes=(note,), hint=problem.hint
        )
        return None


def _report_no_targets(context: Context, argument: Argument, plan: Plan) -> None:
    if not context.diagnostics.failed:
        message = f"The output `{plan.name}` has a metric, but no loss that says what its targets are"
        context.error("missing-loss", argument.span, message)


def _numbered_as_keras(name: str, counts: dict[str, int]) -> str:
    """The name in the logs: of several metrics of one name, the second gets `_1`, the third `_2`, …"""
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name


# -------------------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class _Figure:
    """What `fit` reports under a name: what it is, in words, and where that stands in the file."""

    name: str
    meaning: str
    span: Span
    validation: bool = True
    """Whether there is one of validation too, `val_` before its name."""


def _check_figures(context: Context, arguments: Arguments, plans: Sequence[Plan]) -> None:
    """Each figure of training and of validation has a name of its own, or one would take the place of another."""
    seen: dict[str, _Figure] = {}
    figures = list(_figures(arguments, plans))
    figures += [
        replace(figure, name=f"val_{figure.name}", meaning=f"{figure.meaning} in validation")
        for figure in figures
        if figure.validation
    ]
    for figure in figures:
        other = seen.setdefault(figure.name, figure)
        if other is not figure:
            general = figure.span == arguments.span  # what the file can change stands elsewhere
            _report_figures(context, *((figure, other) if general else (other, figure)), len(plans) > 1)
            return


def _figures(arguments: Arguments, plans: Sequence[Plan]) -> Iterator[_Figure]:
    """The figures of training."""
    yield _Figure("epoch", "the number of the epoch, which heads the columns of `fit(csv=…)`", arguments.span, False)
    yield _Figure("loss", "the total loss" if len(plans) > 1 else "the loss", arguments.span)
    for plan in plans if len(plans) > 1 else ():
        if plan.loss is not None:
            yield _Figure(f"{plan.name}_loss", f"the loss of the output `{plan.name}`", plan.tensor.maker.span)
    for plan in plans:
        for (name, metric), span in zip(plan.metrics, plan.metric_spans, strict=True):
            meaning = f"the metric `{metric.log_name}`" + (", given again" if name != metric.log_name else "")
            if len(plans) > 1:
                yield _Figure(f"{plan.name}_{name}", f"{meaning} of the output `{plan.name}`", span)
            else:
                yield _Figure(name, meaning, span)


def _report_figures(context: Context, first: _Figure, second: _Figure, several: bool) -> None:
    metrics = any(figure.meaning.startswith("the metric") for figure in (first, second))
    hint = "give the metric another `name=`" if metrics else "give the output another name"
    if metrics and several:
        hint += ", or the output another one"
    context.error(
        "duplicate-figure",
        second.span,
        f"`fit` would report two figures as `{second.name}`: {first.meaning}, and {second.meaning}",
        notes=(Note(first.span, first.meaning),),
        hint=hint,
    )


# ------------------------------------------------------------------------------------------------------------------ fit


def fitted(context: Context, calls: Sequence[Arguments]) -> dict[str, int | float | bool]:
    """The defaults that the calls of `fit` give; its data, and what is for the running model, is passed over."""
    defaults: dict[str, int | float | bool] = {}
    for arguments in calls:
        spans = {name: item.span for name, item in zip(FIT_ORDER, arguments.positional, strict=False)}
        given = dict(zip(FIT_ORDER, arguments.positional, strict=False)) | arguments.keywords
        for name in spans.keys() & arguments.keywords.keys():
            span = arguments.name_spans[name]
            context.error("duplicate-argument", span, f"`fit` gets its argument `{name}` twice")
        for argument in arguments.positional[len(FIT_ORDER) :]:
            context.error("too-many-arguments", argument.span, f"`fit` takes at most {len(FIT_ORDER)} arguments")
        for name, argument in given.items():
            span = (arguments.name_spans | spans)[name]
            if name in OLD_FIT and OLD_FIT[name] not in given:
                name = renamed(context, span, "fit", name, OLD_FIT[name])
            if name in FIT and unknown_in(argument.value) is not None:
                context.ignore(argument.span)
            elif name in FIT:
                if name == "shuffle" and isinstance(argument.value, int | float):
                    argument = replace(argument, value=bool(argument.value))  # as Python reads it
                value = accepted_value(context, name, FIT[name], argument)
                if isinstance(value, int | float):
                    defaults[name] = value
            elif name in DATA or name in WHEN_CALLED:
                if argument.value is not None:
                    context.ignore(argument.span)
            elif name in NOT_IN_FIT:
                context.warning("ignored-argument", span, f"`{name}` of `fit` has no effect: {NOT_IN_FIT[name]}")
            else:
                hint = suggestion(name, FIT) or "it takes `epochs`, `batch_size`, `validation_split` and `shuffle`"
                context.error("unknown-argument", span, f"`fit` has no argument `{name}`", hint=hint)
    return defaults


__all__ = ["Compilation", "Plan", "Training", "compiled", "fitted"]
