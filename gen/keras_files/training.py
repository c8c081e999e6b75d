"""How a model was compiled, as the arguments of `compile`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gen.components.base import Component, parameters, registry, snake_case
from gen.keras_files.arguments import shortest
from gen.keras_files.problems import Report


class Unknown(Exception):
    """Something that gen's `compile` has no word for."""


_PLAIN = (bool, int, float, str, type(None))


def compilation(
    compiled: dict[str, Any] | None, outputs: Sequence[str], report: Report, use: Callable[[str, str], str]
) -> list[str]:
    """The arguments of `compile`; none for a model that was not compiled, or not so that gen could say it.

    `outputs` are the names of the outputs as the file has them; `use` makes a name of a module known.
    """
    if not compiled or not (compiled.get("loss") or compiled.get("optimizer") or compiled.get("optimizer_config")):
        return []
    if compiled.get("weighted_metrics"):
        report.note("gen has no weighted_metrics, so training goes on without them")
    try:
        loss = _each(compiled.get("loss"), outputs, lambda value: _named("loss", value, use))
        if loss is None or all(each is None for each in loss):
            raise Unknown("it has no loss")
        found = [f"optimizer={_optimizer(compiled, report, use)}", f"loss={_listed(loss)}"]
        weights = compiled.get("loss_weights")
        if weights is not None:
            each = _each(weights, outputs, lambda value: repr(shortest(float(value))))
            each = [text or "1.0" for text in each or []]
            if any(text != "1.0" for text in each):
                found.append(f"loss_weights={_listed(each)}")
    except (Unknown, TypeError, ValueError, KeyError) as error:
        report.note(f"the model comes without its `compile`: {error}")
        return []
    try:
        metrics = _each(compiled.get("metrics"), outputs, lambda value: _metrics(value, use), several=True)
        if metrics is not None and any(metrics):
            found.append(f"metrics={metrics[0] if len(outputs) == 1 else _listed(metrics)}")
    except (Unknown, TypeError, ValueError, KeyError) as error:
        report.note(f"the model comes without its metrics: {error}")
    return found


def _each(
    value: Any, outputs: Sequence[str], text: Callable[[Any], str | None], several: bool = False
) -> list[str | None] | None:
    """The text for each output of a value, a list, or a dict by the names of outputs."""
    if value is None or value in ([], {}):
        return None
    if isinstance(value, dict) and "class_name" not in value:
        unknown = set(value) - set(outputs)
        if unknown:
            raise Unknown(f"it has no output {min(map(str, unknown))[:80]!r}")
        return [None if value.get(name) is None else text(value[name]) for name in outputs]
    if isinstance(value, list | tuple):
        nested = any(isinstance(item, list | tuple) or item is None for item in value)
        if several and not nested:
            return [text(value)] if len(outputs) == 1 else [text(value)] * len(outputs)
        if len(value) == len(outputs):
            return [None if item is None else text(item) for item in value]
        raise Unknown(f"it is compiled for {len(value)} outputs")
    return [text(value)] * len(outputs)


def _listed(texts: Sequence[str | None]) -> str:
    if len(texts) == 1:
        return texts[0] or "None"
    if len(set(texts)) == 1 and not (texts[0] or "").startswith("["):
        return texts[0] or "None"
    return f"[{', '.join(text or 'None' for text in texts)}]"


def _metrics(value: Any, use: Callable[[str, str], str]) -> str | None:
    given = value if isinstance(value, list | tuple) else [value]
    texts = [_named("metric", each, use) for each in given if each is not None]
    return f"[{', '.join(text for text in texts if text)}]" if texts else None


def _named(kind: str, value: Any, use: Callable[[str, str], str]) -> str | None:
    """A loss or a metric."""
    if isinstance(value, str) and kind == "metric" and value in ("accuracy", "acc"):
        return repr("accuracy")
    config: dict[str, Any] = {}
    name: Any = value
    if isinstance(value, dict):
        inside = value.get("config")
        if isinstance(inside, str):
            name = inside
        else:
            name, config = value.get("class_name"), inside or {}
            if name == "MeanMetricWrapper" and isinstance(config.get("fn"), str):
                name, config = config["fn"], {}
            elif name in ("MeanMetricWrapper", "LossFunctionWrapper"):
                name, config = config.get("name"), {}
    if isinstance(name, str) and kind == "metric" and name in ("accuracy", "acc"):
        return repr("accuracy")
    cls = registry[kind].get(name) if isinstance(name, str) else None
    if cls is None:
        raise Unknown(f"gen has no {kind} {str(name)[:80]!r}")
    said = _arguments(cls, {key: each for key, each in config.items() if key not in ("name", "dtype", "fn")})
    if not said:
        return repr(name if snake_case(str(name)) == name else snake_case(cls.__name__))
    module = "keras.losses" if kind == "loss" else "keras.metrics"
    return f"{use(module, cls.__name__)}({', '.join(said)})"


def _optimizer(compiled: dict[str, Any], report: Report, use: Callable[[str, str], str]) -> str:
    value = compiled.get("optimizer", compiled.get("optimizer_config"))
    config: dict[str, Any] = {}
    name: Any = value
    if isinstance(value, dict):
        name, config = value.get("class_name"), dict(value.get("config") or {})
    if name == "LossScaleOptimizer":  # around another one, for the sake of float16
        return _optimizer({"optimizer": config.get("inner_optimizer")}, report, use)
    if name is None:
        raise Unknown("the file does not say its optimizer (Keras leaves it out after `model.save` of an .h5 file)")
    name = str(name).split(">")[-1]
    cls = registry["optimizer"].get(name) or registry["optimizer"].get(name.lower())
    if cls is None:
        raise Unknown(f"gen has no optimizer {name[:80]!r}")
    if "lr" in config:
        config.setdefault("learning_rate", config.pop("lr"))
    first = [f"learning_rate={rate}"] if (rate := _schedule(config, report, use)) else []
    if config.get("epsilon") is None:
        config.pop("epsilon", None)
    for key, why in cls.unsupported.items():
        if config.get(key) and (key != "ema_momentum" or config.get("use_ema")):
            report.note(f"{why} ({key}={config[key]!r:.40})")
    said = first + _arguments(
        cls, {key: each for key, each in config.items() if key not in ("name", "decay")}, strict=False
    )
    return f"{use('keras.optimizers', cls.__name__)}({', '.join(said)})" if said else repr(cls.__name__.lower())


def _schedule(config: dict[str, Any], report: Report, use: Callable[[str, str], str]) -> str:
    """What the learning rate of an optimizer follows, which is taken out of `config`; empty if it stays as it is."""
    rate, decay = config.get("learning_rate"), config.get("decay")
    module = "keras.optimizers.schedules"
    if isinstance(rate, dict):
        del config["learning_rate"]
        name, inside = str(rate.get("class_name")).split(">")[-1], dict(rate.get("config") or {})
        cls = registry["schedule"].get(name)
        if cls is not None:
            said = _arguments(cls, {key: each for key, each in inside.items() if key != "name"})
            return f"{use(module, cls.__name__)}({', '.join(said)})"
        config["learning_rate"] = inside.get("initial_learning_rate", inside.get("value"))
        report.note(f"gen has no schedule {name[:80]!r}: the learning rate stays as it is at first")
    elif isinstance(decay, int | float) and decay > 0 and isinstance(rate, int | float):
        del config["learning_rate"]
        return f"{use(module, 'InverseTimeDecay')}({shortest(float(rate))!r}, 1, {shortest(float(decay))!r})"
    return ""


def _arguments(cls: type[Component], config: dict[str, Any], strict: bool = True) -> list[str]:
    known = {item.name: item for item in parameters(cls)}
    said = []
    for key, value in config.items():
        if isinstance(value, float):
            value = shortest(value)
        if isinstance(value, list):
            value = tuple(shortest(each) if isinstance(each, float) else each for each in value)
        item = known.get(key)
        if item is None:
            harmless = value in (None, False, "auto", "sum_over_batch_size", -1, 0.99) or not strict
            if not harmless:
                raise Unknown(f"gen's {cls.__name__} has no {key}={value!r}"[:200])
        elif not all(isinstance(each, _PLAIN) for each in (value if isinstance(value, tuple) else [value])):
            raise Unknown(f"its {cls.__name__} has a {key} of no known form")
        elif item.required or value != item.default:
            if key == "reduction" and value == "auto":
                continue
            said.append(f"{key}={value!r}")
    order = list(known)
    return sorted(said, key=lambda text: order.index(text.partition("=")[0]))
