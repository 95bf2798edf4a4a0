"""FEATURES: the numbers of a call that the autoencoder sees, each with its formula and why it tells.

They come from columns alone: counts the field reader made, and the batch's own numbers. A feature is a row in the table: its name, how it is
made, how a person reads it, and why it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models import judge
from models.fields import ROW_COUNTS

Array = np.ndarray[Any, Any]

_AT = {name: index for index, name in enumerate(ROW_COUNTS)}


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of FEATURES."""

    name: str
    how: str
    """`as is`; `log` of one more; `share` of the characters; `time`, the log of one more tenth of a millisecond; `status`, whether within a hundred."""
    count: str
    """What it is made of, a name of ROW_COUNTS; for `status` the lowest of the hundred."""
    words: str
    """How it reads in an explanation."""
    why: str
    unit: str = ""
    inverse: Callable[[float], float] = float
    """From the feature's scale back to what a person reads."""
    clock: bool = False
    """Needs training that saw whole days."""


def _expm1(x: float) -> float:
    return float(np.expm1(min(x, 60.0)))


def _milliseconds(x: float) -> float:
    return _expm1(x) / 10


FEATURES: tuple[Feature, ...] = (
    Feature("path_len", "log", "path_len", "path length", "payloads and traversals lengthen the path", "octets", _expm1),
    Feature("path_segments", "as is", "path_segments", "path segments", "depth changes with forced browsing and traversal"),
    Feature("query_len", "log", "query_len", "query length", "most injected text travels in the query", "octets", _expm1),
    Feature("body_len", "log", "body_len", "request body length kept", "and the rest in the body", "octets", _expm1),
    Feature("params", "log", "params", "number of values sent", "missing and extra parameters, mass assignment", "", _expm1),
    Feature("longest_value", "log", "longest_value", "longest value", "overflows and payloads are one long value", "characters", _expm1),
    Feature("letters", "share", "letters", "share of letters in the values", "character classes part text, numbers, code"),
    Feature("digits", "share", "digits", "share of digits in the values", "encoded payloads, ids out of place"),
    Feature("punctuation", "share", "punctuation", "share of punctuation in the values", "code is punctuation"),
    Feature("spaces", "share", "spaces", "share of spaces in the values", "SQL and shell need spaces"),
    Feature("uncommon", "share", "uncommon", "share of control and non-ASCII characters", "binary, log forging, homoglyphs"),
    Feature("escapes", "share", "escapes", "share of percent-escaped characters", "evasion escapes what needs none"),
    Feature("entropy", "as is", "entropy", "entropy of the values", "random tokens and encoded payloads are high, floods low", "nats"),
    Feature("nats", "as is", "nats", "strangeness of neighbouring characters", "text of another language than usual", "nats"),
    Feature("headers", "as is", "headers", "number of headers", "tools send fewer or other headers than clients"),
    Feature("header_bytes", "log", "header_bytes", "size of the header block", "payloads in headers", "octets", _expm1),
    Feature("longest_header", "log", "longest_header", "longest header value", "payloads in headers", "characters", _expm1),
    Feature("header_marks", "log", "header_marks", "punctuation in header values", "expression lookups sit in header values", "", _expm1),
    Feature("cookies", "as is", "cookies", "number of cookies", "session handling differs between clients"),
    Feature("json_depth", "as is", "json_depth", "depth of the JSON body", "nesting attacks and foreign documents"),
    Feature("request_bytes", "log", "request_bytes", "request body size", "uploads where none are usual", "octets", _expm1),
    Feature("response_bytes", "log", "response_bytes", "response body size", "a dump is larger than a record", "octets", _expm1),
    Feature("duration", "time", "duration", "duration", "time-based injection and heavy queries are slow", "ms", _milliseconds),
    Feature("ttfb", "time", "ttfb", "time to first octet", "the server thought longer than usual", "ms", _milliseconds),
    Feature("ok", "status", "200", "answered 2xx", "what fails where it never failed, or works where it never did"),
    Feature("redirect", "status", "300", "answered 3xx", "logins and guards redirect"),
    Feature("refused", "status", "400", "answered 4xx", "probing is refused"),
    Feature("failed", "status", "500", "answered 5xx", "payloads that hit something make it fail"),
    Feature("hour_sin", "as is", "hour_sin", "hour of the day", "night work of a day-time client", "", float, True),
    Feature("hour_cos", "as is", "hour_cos", "hour of the day", "night work of a day-time client", "", float, True),
)


_HOW = ("as is", "log", "share", "time", "status")
RECIPE = np.array(
    sorted((_HOW.index(f.how), int(f.count) if f.how == "status" else _AT[f.count], index) for index, f in enumerate(FEATURES)), np.int32
)
"""FEATURES as `models.judge` reads them: how, of which count, and which feature it is; all that are made one way together."""


def feature_matrix(counts: Array) -> Array:
    """float32[call, FEATURES] from float32[call, ROW_COUNTS]; NaN where a part of the call was not seen."""
    out = np.empty((len(counts), len(FEATURES)), np.float32)
    judge.features(np.ascontiguousarray(counts), RECIPE, out)
    return out


@dataclass(slots=True, eq=False, repr=False)
class Scale:
    """How features become comparable: against all calls, and against calls of the same endpoint."""

    mean: Array
    spread: Array
    place_mean: Array
    """[node + 1, feature]; the last row is all calls."""
    place_spread: Array

    def standard(self) -> judge.Standard:
        """This scale as compiled code applies it."""
        return judge.Standard(RECIPE, self)

    def apply(self, x: Array, node: Array) -> Array:
        """float32[call, 2 * features]: pooled and per-endpoint, within -8..8; NaN becomes 0, which is what is usual."""
        out = np.empty((len(x), 2 * x.shape[1]), np.float32)
        self.standard().matrix(np.ascontiguousarray(x), np.ascontiguousarray(node, np.int32), out)
        return out


def learn_scale(x: Array, node: Array, nodes: int, whole_days: bool, lean: float = 12.0) -> Scale:
    """Means and spreads; an endpoint with few calls leans on all of them. A feature that never varied keeps a spread worth its unit."""
    ok = np.isfinite(x)
    zero = np.where(ok, x, 0).astype(np.float64)
    n = np.maximum(ok.sum(0), 1)
    mean = zero.sum(0) / n
    spread = np.sqrt((np.where(ok, x - mean, 0) ** 2).sum(0) / n)
    floor = 0.02 + 0.02 * np.abs(mean)
    spread = np.maximum(spread, floor)
    for index, feature in enumerate(FEATURES):
        if feature.clock and not whole_days:
            spread[index] = 1e6  # the hour says nothing to a model that never saw a night
    count = np.zeros((nodes + 1, x.shape[1]))
    total, square = np.zeros_like(count), np.zeros_like(count)
    judge.sums(np.ascontiguousarray(x), np.ascontiguousarray(node, np.int32), count, total, square)
    place_mean = (total + lean / 4 * mean) / (count + lean / 4)
    variance = (square - 2 * place_mean * total + count * place_mean**2 + lean * spread**2) / (count + lean)
    place_spread = np.maximum(np.sqrt(np.maximum(variance, 0)), floor)
    place_spread[:, spread > 1e5] = 1e6
    place_mean[-1], place_spread[-1] = mean, spread
    f32 = np.float32
    return Scale(mean.astype(f32), spread.astype(f32), place_mean.astype(f32), place_spread.astype(f32))
