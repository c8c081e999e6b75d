"""Masks that Keras 3 writes out as operations and as arguments of calls, and that gen carries beside tensors by itself.

A mask is a formula of where it comes from: `("differs", x, 0)` of the ids of an Embedding, `("or", …)` of those of the
inputs of an Add.  An argument goes where its formula is that of the mask that gen has there anyway; any other stays.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from gen.components.base import Layer as GenLayer
from gen.keras_files.arguments import component_class
from gen.keras_files.dialects import Call, Layer, Model, Ref, is_foreign, refs
from gen.keras_files.expressions import is_function

Formula: TypeAlias = tuple[Any, ...]

EVERYTHING: Formula = ("everything",)
"""The mask of a tensor whose steps all count."""
NOTHING: Formula = ("nothing",)
MOST_DEEP = 100
"""How many layers a mask is followed through."""
ATTENDING = ("query", "value", "key")
"""The arguments of a MultiHeadAttention, whose masks have names of their own: `query_mask`."""


def drop_masks(model: Model) -> None:
    """Take the masks out of calls that gen carries to them by itself."""
    if not any(_makes_mask(layer) for layer in model.layers):
        return
    masks = _Masks(model)
    for layer in model.layers:
        for number, call in enumerate(layer.calls):
            kwargs = {}
            for key, value in call.kwargs.items():
                if not key.endswith("mask"):
                    kwargs[key] = value
                elif not masks.is_carried(key, value, call):
                    kwargs[key] = masks.simplest(value) if isinstance(value, Ref) else value
            layer.calls[number] = Call(call.args, kwargs)


class _Masks:
    """The formulas of the masks of one model: those that its operations make, and those that gen has beside tensors."""

    def __init__(self, model: Model) -> None:
        self._known = model.by_name
        self._made: dict[Ref, Formula | None] = {}
        self._carried: dict[Ref, Formula | None] = {}
        self._simplest: dict[Formula, Ref] = {}
        for layer in model.layers:
            for number in range(len(layer.calls)):
                result = Ref(layer.name, number)
                formula = self._of(result)
                if formula is not None:
                    self._simplest.setdefault(formula, result)

    def is_carried(self, key: str, value: Any, call: Call) -> bool:
        """Whether gen has the mask that an argument gives beside the tensor that it is of."""
        if key == "mask":
            tensors = call.args[0] if call.args else call.kwargs.get("inputs")
            if isinstance(value, Ref) and isinstance(tensors, list) and tensors:  # and states behind the tensor
                tensors = tensors[0]
        else:
            name = key.removesuffix("_mask")
            place = ATTENDING.index(name) if name in ATTENDING else -1
            tensors = call.args[place] if 0 <= place < len(call.args) else call.kwargs.get(name)
        if isinstance(value, list) and isinstance(tensors, list):
            pairs = list(zip(value, tensors, strict=False))
            return len(value) <= len(tensors) and any(refs(value)) and all(self._same(*pair) for pair in pairs)
        return isinstance(value, Ref) and self._same(value, tensors)

    def simplest(self, mask: Ref) -> Ref:
        """The first of the tensors that are the same mask."""
        formula = self._of(mask)
        return mask if formula is None else self._simplest[formula]

    def _same(self, mask: Any, tensor: Any) -> bool:
        if not isinstance(tensor, Ref) or not (mask is None or isinstance(mask, Ref)):
            return False
        carried = self._beside(tensor)
        return carried is None if mask is None else self._of(mask) == (carried or EVERYTHING)

    def _of(self, ref: Ref, depth: int = 0) -> Formula | None:
        """The formula of a tensor that Keras has made of masks; None for any other tensor."""
        if ref in self._made or depth > MOST_DEEP:
            return self._made.get(ref)
        self._made[ref] = None
        layer = self._known[ref.layer]
        if layer.operation and layer.calls:
            self._made[ref] = self._of_operation(layer, layer.calls[ref.call], depth + 1)
        return self._made[ref]

    def _of_operation(self, layer: Layer, call: Call, depth: int) -> Formula | None:
        def argument(name: str, place: int, default: Any = None) -> Any:
            given = call.args[place] if len(call.args) > place else None
            return given if given is not None else call.kwargs.get(name, layer.config.get(name, default))

        first = argument("x1" if layer.kind in ("NotEqual", "LogicalOr", "LogicalAnd") else "x", 0)
        match layer.kind:
            case "NotEqual":
                value = argument("x2", 1)
                single = isinstance(first, Ref) and isinstance(value, int | float)
                return ("differs", first, value) if single else None
            case "OnesLike" | "ZerosLike" if argument("dtype", 1) == "bool":
                return EVERYTHING if layer.kind == "OnesLike" else NOTHING
            case "ExpandDims" if isinstance(first, Ref):
                return _wide(self._of(first, depth), argument("axis", 1))
            case "BroadcastTo" | "ConvertToTensor" if isinstance(first, Ref):
                return self._of(first, depth)
            case "LogicalOr" | "LogicalAnd":
                parts = [self._of(each, depth) for each in (first, argument("x2", 1)) if isinstance(each, Ref)]
                return _joined("or" if layer.kind == "LogicalOr" else "and", parts) if len(parts) == 2 else None
            case "Concatenate":
                listed = argument("xs", 0)
                parts = [self._of(each, depth) for each in refs(listed)] if isinstance(listed, list | tuple) else []
                return ("beside", argument("axis", 1, 0), *parts) if parts and None not in parts else None
            case "Any" | "All" if isinstance(first, Ref) and not argument("keepdims", 2):
                return _over("or" if layer.kind == "Any" else "and", self._of(first, depth), argument("axis", 1))
        return None

    def _beside(self, ref: Ref, depth: int = 0) -> Formula | None:
        """The formula of the mask that gen has beside a tensor."""
        if ref in self._carried or depth > MOST_DEEP:
            return self._carried.get(ref)
        self._carried[ref] = None
        layer = self._known[ref.layer]
        if layer.calls:
            self._carried[ref] = self._after(layer, layer.calls[ref.call], depth + 1)
        return self._carried[ref]

    def _after(self, layer: Layer, call: Call, depth: int) -> Formula | None:
        """The formula of the mask that a call passes on."""
        taken = list(refs(call.args or call.kwargs.get("query", call.kwargs.get("inputs"))))
        if not taken:
            return None
        if _makes_mask(layer):
            return _root(layer, taken[0])
        if not _carries_mask(layer):
            return None
        cls = component_class(layer.kind) if layer.model is None else None
        masks = [self._beside(each, depth) for each in taken]
        if cls is None or not cls.merges or cls.__name__ in ("Attention", "AdditiveAttention"):
            return masks[0]
        if cls.__name__ == "Dot" or not any(masks):
            return None
        if cls.__name__ == "Concatenate":
            wide = [EVERYTHING if mask is None else _wide(mask, -1) for mask in masks]
            found = _over("or", ("beside", layer.config.get("axis", -1), *wide), -1)
            return None if found == EVERYTHING else found
        return None if None in masks else _joined("or", masks)


def _root(layer: Layer, x: Ref) -> Formula:
    """The mask that a layer makes."""
    if layer.kind == "Embedding":
        return ("differs", x, 0)
    return ("or over", -1, ("differs", x, layer.config.get("mask_value", 0.0)))


def _wide(mask: Formula | None, axis: Any) -> Formula | None:
    return None if mask is None else ("wide", axis, mask)


def _joined(word: str, parts: list[Formula | None]) -> Formula | None:
    """Several masks as one: `or` counts what counts in any of them, `and` what counts in all."""
    if None in parts:
        return None
    every: set[Formula] = set()
    for part in parts:
        assert part is not None
        every |= part[1] if part[0] == word else {part}
    strong, weak = (EVERYTHING, NOTHING) if word == "or" else (NOTHING, EVERYTHING)
    if strong in every:
        return strong
    every -= {weak}
    return next(iter(every), weak) if len(every) < 2 else (word, frozenset(every))


def _over(word: str, mask: Formula | None, axis: Any) -> Formula | None:
    """Whether any, or all, along an axis count: masks that stand beside each other on it are joined."""
    if mask is None:
        return None
    if mask[0] == "beside" and mask[1] == axis:
        return _joined(word, [part[2] if part[:2] == ("wide", axis) else part for part in mask[2:]])
    if mask[0] == "beside" and mask[1] == 1 and all(part[0] in ("wide", "everything") for part in mask[2:]):
        word = "any"  # all features of a step are the same
    return (f"{word} over", axis, mask)


def _makes_mask(layer: Layer) -> bool:
    return layer.kind == "Masking" or (layer.kind == "Embedding" and bool(layer.config.get("mask_zero")))


def _carries_mask(layer: Layer) -> bool:
    """Whether gen's layer passes on the mask of what it gets."""
    if is_function(layer) or is_foreign(layer):
        return False
    if layer.model is not None:
        return all(each.kind == "InputLayer" or _carries_mask(each) for each in layer.model.layers)
    cls = component_class(layer.kind)
    return cls is None or cls.supports_masking or cls.masking is not GenLayer.masking
