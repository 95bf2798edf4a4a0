"""FEATURES: the numbers of a call that the autoencoder sees, each with its formula and why it tells.

They come from columns alone: counts the field reader made, and the batch's own numbers. A feature is a row in the table: its name, how it is
made, how a person reads it, and why it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.calls import numbers
from models.fields import ROW_COUNTS
from models.observe import Observation

Array = np.ndarray[Any, Any]

_AT = {name: index for index, name in enumerate(ROW_COUNTS)}


@dataclass(slots=True)
class Columns:
    """What formulas read: counts by name, and the batch's numbers with null as -1."""

    counts: Array
    status: Array
    request_bytes: Array
    response_bytes: Array
    duration: Array
    ttfb: Array
    hour: Array

    def __getitem__(self, name: str) -> Array:
        column: Array = self.counts[:, _AT[name]]
        return column

    def characters(self) -> Array:
        """Characters of all values, at least one."""
        out: Array = np.maximum(self["letters"] + self["digits"] + self["punctuation"] + self["spaces"] + self["uncommon"], 1)
        return out


Formula = Callable[[Columns], Array]


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of FEATURES."""

    name: str
    formula: Formula
    words: str
    """How it reads in an explanation."""
    why: str
    unit: str = ""
    inverse: Callable[[float], float] = float
    """From the feature's scale back to what a person reads."""
    clock: bool = False
    """Needs training that saw whole days."""


def _log(name: str) -> Formula:
    return lambda c: np.log1p(c[name])


def _share(name: str) -> Formula:
    return lambda c: c[name] / c.characters()


def _size(name: str) -> Formula:
    return lambda c: np.where(getattr(c, name) >= 0, np.log1p(np.maximum(getattr(c, name), 0)), np.nan)


def _time(name: str) -> Formula:
    return lambda c: np.where(getattr(c, name) >= 0, np.log1p(np.maximum(getattr(c, name), 0) / 1e5), np.nan)


def _status(low: int, high: int) -> Formula:
    return lambda c: ((c.status >= low) & (c.status < high)).astype(np.float32)


def _expm1(x: float) -> float:
    return float(np.expm1(min(x, 60.0)))


def _milliseconds(x: float) -> float:
    return _expm1(x) / 10


FEATURES: tuple[Feature, ...] = (
    Feature("path_len", _log("path_len"), "path length", "payloads and traversals lengthen the path", "octets", _expm1),
    Feature("path_segments", lambda c: c["path_segments"], "path segments", "depth changes with forced browsing and traversal"),
    Feature("query_len", _log("query_len"), "query length", "most injected text travels in the query", "octets", _expm1),
    Feature("body_len", _log("body_len"), "request body length kept", "and the rest in the body", "octets", _expm1),
    Feature("params", _log("params"), "number of values sent", "missing and extra parameters, mass assignment", "", _expm1),
    Feature("longest_value", _log("longest_value"), "longest value", "overflows and payloads are one long value", "characters", _expm1),
    Feature("letters", _share("letters"), "share of letters in the values", "character classes part text, numbers, code"),
    Feature("digits", _share("digits"), "share of digits in the values", "encoded payloads, ids out of place"),
    Feature("punctuation", _share("punctuation"), "share of punctuation in the values", "code is punctuation"),
    Feature("spaces", _share("spaces"), "share of spaces in the values", "SQL and shell need spaces"),
    Feature("uncommon", _share("uncommon"), "share of control and non-ASCII characters", "binary, log forging, homoglyphs"),
    Feature("escapes", _share("escapes"), "share of percent-escaped characters", "evasion escapes what needs none"),
    Feature("entropy", lambda c: c["entropy"], "entropy of the values", "random tokens and encoded payloads are high, floods low", "nats"),
    Feature("nats", lambda c: c["nats"], "strangeness of neighbouring characters", "text of another language than usual", "nats"),
    Feature("headers", lambda c: c["headers"], "number of headers", "tools send fewer or other headers than clients"),
    Feature("header_bytes", _log("header_bytes"), "size of the header block", "payloads in headers", "octets", _expm1),
    Feature("longest_header", _log("longest_header"), "longest header value", "payloads in headers", "characters", _expm1),
    Feature("header_marks", _log("header_marks"), "punctuation in header values", "expression lookups sit in header values", "", _expm1),
    Feature("cookies", lambda c: c["cookies"], "number of cookies", "session handling differs between clients"),
    Feature("json_depth", lambda c: c["json_depth"], "depth of the JSON body", "nesting attacks and foreign documents"),
    Feature("request_bytes", _size("request_bytes"), "request body size", "uploads where none are usual", "octets", _expm1),
    Feature("response_bytes", _size("response_bytes"), "response body size", "a dump is larger than a record", "octets", _expm1),
    Feature("duration", _time("duration"), "duration", "time-based injection and heavy queries are slow", "ms", _milliseconds),
    Feature("ttfb", _time("ttfb"), "time to first octet", "the server thought longer than usual", "ms", _milliseconds),
    Feature("ok", _status(200, 300), "answered 2xx", "what fails where it never failed, or works where it never did"),
    Feature("redirect", _status(300, 400), "answered 3xx", "logins and guards redirect"),
    Feature("refused", _status(400, 500), "answered 4xx", "probing is refused"),
    Feature("failed", _status(500, 600), "answered 5xx", "payloads that hit something make it fail"),
    Feature("hour_sin", lambda c: np.sin(c.hour), "hour of the day", "night work of a day-time client", "", float, True),
    Feature("hour_cos", lambda c: np.cos(c.hour), "hour of the day", "night work of a day-time client", "", float, True),
)


def feature_matrix(batch: pa.RecordBatch, seen: Observation) -> Array:
    """float32[call, FEATURES]; NaN where a part of the call was not seen."""
    columns = Columns(
        seen.counts,
        numbers(batch.column("status"), -1),
        numbers(batch.column("request_bytes"), -1),
        numbers(batch.column("response_bytes"), -1),
        numbers(batch.column("duration"), -1),
        numbers(batch.column("ttfb"), -1),
        (np.asarray(batch.column("ts"), dtype=np.int64) % 86_400_000_000_000) / 86_400e9 * 2 * np.pi,
    )
    out = np.empty((batch.num_rows, len(FEATURES)), np.float32)
    for index, feature in enumerate(FEATURES):
        out[:, index] = feature.formula(columns)
    return out


@dataclass(slots=True)
class Scale:
    """How features become comparable: against all calls, and against calls of the same endpoint."""

    mean: Array
    spread: Array
    place_mean: Array
    """[node + 1, feature]; the last row is all calls."""
    place_spread: Array

    def apply(self, x: Array, node: Array) -> Array:
        """float32[call, 2 * features]: pooled and per-endpoint, within -8..8; NaN becomes 0, which is what is usual."""
        place = np.where(node >= 0, node, len(self.place_mean) - 1)
        z = np.concatenate([(x - self.mean) / self.spread, (x - self.place_mean[place]) / self.place_spread[place]], 1)
        np.nan_to_num(z, copy=False, nan=0.0, posinf=8.0, neginf=-8.0)
        return np.clip(z, -8, 8, out=z)


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
    at = np.where(node >= 0, node, nodes)
    count = np.zeros((nodes + 1, x.shape[1]))
    total = np.zeros_like(count)
    square = np.zeros_like(count)
    np.add.at(count, at, ok)
    np.add.at(total, at, zero)
    np.add.at(square, at, zero**2)
    place_mean = (total + lean / 4 * mean) / (count + lean / 4)
    variance = (square - 2 * place_mean * total + count * place_mean**2 + lean * spread**2) / (count + lean)
    place_spread = np.maximum(np.sqrt(np.maximum(variance, 0)), floor)
    place_spread[:, spread > 1e5] = 1e6
    place_mean[-1], place_spread[-1] = mean, spread
    f32 = np.float32
    return Scale(mean.astype(f32), spread.astype(f32), place_mean.astype(f32), place_spread.astype(f32))
