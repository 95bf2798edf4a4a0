"""What normal looks like, learned from calls, and how far a call is from it.

    model = models.learn(batches)            # calls that are normal
    model.save("shop.model")
    scores = models.load("shop.model").score(batch)     # .score, .p: one a call
    reasons = model.explain(batch, [7])      # what made call 7 strange, in sentences

`self_train` learns from the very capture that is judged, where there is no other. See CARD.md for what it finds and what not.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["FEATURES", "Anomaly", "Model", "ModelConfig", "ModelError", "Reason", "Scores", "learn", "load", "self_train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    return getattr(import_module("models.artifact" if name == "load" else "models.model"), name)
