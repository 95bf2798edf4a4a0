"""From a score to a p-value, by calls that were held back from learning.

Up to the largest held-back score the p-value is conformal: one more than how many held-back calls were as strange, of one more than all. Past
it an exponential tail goes on, fitted to how far the strangest twentieth exceed the rest and never steeper than one nat a nat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

POINTS = 8192
"""Held-back scores kept; the upper half of them all, below it every so many."""


@dataclass(slots=True, eq=False, repr=False)
class Calibration:
    """Held-back scores, what each stands for, and the tail."""

    scores: Array
    """Ascending."""
    above: Array
    """Of each, the share of normal calls at least as strange; one more value at the end for what is stranger than all."""
    beta: float

    def nats(self, x: Array) -> Array:
        """Negative logarithm of the p-value."""
        at = np.searchsorted(self.scores, x, "left")
        out: Array = (-np.log(self.above))[at].astype(np.float32)
        if len(self.scores):
            out = out + (np.maximum(x - self.scores[-1], 0) / self.beta).astype(np.float32)
        return out


def calibrate(held: Array, trimmed: float = 0.0, caution: float = 1.0, bound: bool = False) -> Calibration:
    """A calibration from held-back scores. `trimmed` is the share of strangest calls that were left out of them; `bound` takes the upper
    95 % bound of each share instead of its best guess (none in n says at most 3 in n), which is what an alert budget must be kept by."""
    scores = np.sort(held.astype(np.float64))
    n = len(scores)
    rank = np.arange(n, -1, -1) + 1.0
    above = trimmed + (1 - trimmed) * np.minimum(1, (rank + 2 * np.sqrt(rank) * bound) / (n + 1))
    beta = 1.0
    if n:
        top = scores[n - max(int(n * 0.05), min(n, 10)) :]
        beta = max(1.0, float((top - top[0]).mean()))
        if n > POINTS:
            kept = np.zeros(n, bool)
            kept[np.linspace(0, n - 1, POINTS // 2).astype(np.int64)] = True
            kept[n - POINTS // 2 :] = True
            scores, above = scores[kept], np.append(above[:-1][kept], above[-1])
    return Calibration(scores.astype(np.float32), above.astype(np.float64), beta * caution)
