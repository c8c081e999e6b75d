"""Arguments of Keras that several components refuse, each with the reason."""

from __future__ import annotations

_REASONS = {
    "lora_rank": "gen has no low-rank adaptation",
    "lora_alpha": "gen has no low-rank adaptation",
    "quantization_config": "gen computes in float32 or float64",
}

SEED = {"seed": "Model(seed=…) seeds every draw"}
"""What a component has as `ignored` if it draws numbers."""


def refused(*names: str) -> dict[str, str]:
    """Arguments for `unsupported`, with the reasons."""
    return {name: _REASONS[name] for name in names}
