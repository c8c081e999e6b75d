"""Arguments of Keras that several components refuse, each with the reason."""

from __future__ import annotations

_REASONS = {
    "activity_regularizer": "gen regularizes weights, not outputs",
    "lora_rank": "gen has no low-rank adaptation",
    "lora_alpha": "gen has no low-rank adaptation",
    "quantization_config": "gen computes in float32 or float64",
}
_CONSTRAINTS = "gen has no constraints on weights; a regularizer is the nearest thing"

SEED = {"seed": "Model(seed=…) seeds every draw"}
"""What a component has as `ignored` if it draws numbers."""


def refused(*names: str) -> dict[str, str]:
    """Arguments for `unsupported`, with the reasons."""
    return {name: _CONSTRAINTS if name.endswith("_constraint") else _REASONS[name] for name in names}
