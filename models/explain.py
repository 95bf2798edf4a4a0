"""Why a call is strange: the measures that made it so, with what was seen and what is usual, in sentences.

Only calls that are told about come here, so this is plain Python. Values are given as sent; masking them is the caller's.
"""

from __future__ import annotations

from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from models import judge
from models.callers import FACTOR
from models.features import FEATURES, feature_matrix
from models.fields import KINDS, MARKS, STATUS
from models.observe import Observation
from models.profile import ROW_ASPECTS
from parsers.evidence import Evidence

if TYPE_CHECKING:
    from models.model import Anomaly, Model, Reason, Scores

Array = np.ndarray[Any, Any]

LEAST = 2.5
"""Nats below which a measure is not worth a sentence: what one call in twelve has."""
SHOWN = 80
"""Characters of a value that are shown."""
PART = 16_384
"""Calls of a batch that the two limits below are for, whatever its size."""
EXPLAINED = 64
"""Anomalies of one part that are explained; the rest are told without reasons (a part of nothing but anomalies needs no more)."""
ALIKE = 8
"""Anomalies of one endpoint and part that are told one by one; the strangest of them says how many more there are."""


def explain_rows(model: Model, batch: pa.RecordBatch, rows: list[int], most: int) -> list[list[Reason]]:
    """Reasons of each of these rows, strongest first."""
    if not rows:
        return []
    part = pa.concat_batches([batch.slice(row, 1) for row in rows])
    nats, where, seen = model.scorer.measure(part)
    features = feature_matrix(seen.counts)
    units = model.profile.units(seen.fields)
    return [_reasons(model, part, row, nats[row], where[row], seen, features, units, most) for row in range(len(rows))]


def _reasons(
    model: Model, batch: pa.RecordBatch, row: int, nats: Array, where: Array, seen: Observation, features: Array, units: Array, most: int
) -> list[Reason]:
    from models.model import Reason

    out: list[Reason] = []
    told: set[tuple[str, str]] = set()
    for index in np.argsort(-nats, kind="stable").tolist():
        if len(out) >= most or (nats[index] < LEAST and out):
            break
        for name, seen_value, usual, sentence in _measure(model, batch, row, index, where, seen, features, units):
            if (name, seen_value) in told and index != len(nats) - 1:
                continue
            told.add((name, seen_value))
            out.append(Reason(name, seen_value, usual, sentence, float(nats[index])))
    return out[:most]


def _measure(
    model: Model, batch: pa.RecordBatch, row: int, index: int, where: Array, seen: Observation, features: Array, units: Array
) -> list[tuple[str, str, str, str]]:
    fields = len(where)
    if index < fields:
        at = int(where[index])
        if at < 0:
            return []
        from models.model import _USED

        return [_field(model, batch, row, at, _USED[index][1], seen, int(units[at]))]
    if index < fields + len(ROW_ASPECTS):
        return [_row(model, batch, row, index - fields, seen)]
    return _network(model, row, seen, features)


def _text(data: Array, start: int, end: int) -> str:
    shown = bytes(data[start : min(end, start + SHOWN)]).decode("utf-8", "backslashreplace")
    return shown + ("..." if end - start > SHOWN else "")


def _field(model: Model, batch: pa.RecordBatch, row: int, at: int, aspect: int, seen: Observation, unit: int) -> tuple[str, str, str, str]:
    fields, profile = seen.fields, model.profile
    kind = int(fields["kind"][at])
    n = int(profile.n[unit])
    if kind >= STATUS:
        column = {8: "status", 9: "response_type", 10: "response_bytes", 11: "request_bytes"}[kind]
        value = str(batch.column(column)[row].as_py())
        low, high = int(profile.length_low[unit]), int(profile.length_high[unit])
        usual = f"{low} to {high}" if kind >= 10 else "another"
        return KINDS[kind], value, usual, f"the {KINDS[kind]} is {value}; over {n} earlier calls of this endpoint it was {usual}"
    calls = seen.calls
    data = (calls.path, calls.query, calls.head, calls.body)[int(fields["source"][at])]
    name = _text(data, int(fields["name_at"][at]), int(fields["name_end"][at]))
    value = _text(data, int(fields["at"][at]), int(fields["end"][at]))
    what = f"{KINDS[kind]} {name}".strip()
    length = int(fields["length"][at])
    low, high = int(profile.length_low[unit]), int(profile.length_high[unit])
    span = f"{low} to {high} characters" if low <= high else "nothing of the kind"
    if aspect == judge.NAME:
        return what, value, "no such name", f"the {what} was never seen at this endpoint"
    if aspect == judge.LENGTH:
        return what, f"{length} characters", span, f"the {what} is {length} characters long; in {n} earlier values it had {span}"
    mask = int(fields["mask"][at])
    rare = sorted((b for b in range(judge.BITS) if mask >> b & 1), key=lambda b: -float(profile.bit_set[unit, b]))
    marks = " and ".join(MARKS[b] for b in rare[:2] if profile.bit_set[unit, b] > 2) or "an unusual set of characters"
    if aspect in (judge.CHARACTERS, judge.RAREST):
        often = np.exp(-float(profile.bit_set[unit, rare[0]])) if rare else 0.0
        return what, value, f"{marks} in {often:.2%} of values", f"the {what} has {marks}; of {n} earlier values {often:.2%} had"
    if aspect == judge.MARKS:
        count = int(fields["marks"][at])
        return what, f"{count} punctuation marks", "fewer or more", f"the {what} has {count} punctuation marks, which {n} earlier values make unlikely"
    if aspect == judge.SHAPE:
        return what, value, "another shape", f"the {what} has a shape (letters, digits, marks in turn) that none of {n} earlier values had"
    if aspect == judge.VALUE:
        return what, value, "one of the known values", f"the {what} is none of the values seen in {n} earlier calls, where new ones are rare"
    return what, value, "text of another kind", f"the characters of the {what} follow each other as they did in none or few of {n} earlier values"


def _row(model: Model, batch: pa.RecordBatch, row: int, aspect: int, seen: Observation) -> tuple[str, str, str, str]:
    method, path = batch.column("method")[row].as_py() or "", batch.column("path")[row].as_py() or ""
    node = int(seen.node[row])
    deepest = node if node >= 0 else -node - 3
    known = model.tree.names[deepest] if 0 <= deepest < len(model.tree.names) else "no call to this host with this method"
    here = f"{method} {path[:SHOWN]}"
    if aspect == 0:
        return "endpoint", here, known, f"{here} is no known endpoint; the nearest known is {known}"
    if aspect == 1:
        words = [word for bit, word in ((seen.variant[row] & 1, "a query"), (seen.variant[row] >> 1, "a body")) if bit]
        carried = " and ".join(words) or "neither query nor body"
        return "form of call", carried, "another form", f"calls of {known} do not usually come with {carried}"
    return "parameters", "names are missing", "always sent", f"{here} lacks parameters, headers or fields that calls of {known} always carry"


def _network(model: Model, row: int, seen: Observation, features: Array) -> list[tuple[str, str, str, str]]:
    """The features whose reconstruction was furthest off."""
    if model.network is None:
        return []
    x, node = features[row : row + 1], seen.node[row : row + 1]
    z = model.scale.apply(x, node)
    residual = model.network.residuals(z.copy())[0]
    width = len(FEATURES)
    both = np.maximum(residual[:width], residual[width:])
    place = int(node[0]) if node[0] >= 0 else len(model.scale.place_mean) - 1
    out = []
    for index in np.argsort(-both, kind="stable")[:2].tolist():
        feature = FEATURES[index]
        seen_value = feature.inverse(float(np.nan_to_num(x[0, index])))
        usual = feature.inverse(float(model.scale.place_mean[place, index]))
        unit = f" {feature.unit}" if feature.unit else ""
        out.append(
            (
                feature.words, f"{seen_value:.3g}{unit}", f"about {usual:.3g}{unit}",
                f"{feature.words} is {seen_value:.3g}{unit}, usually about {usual:.3g}{unit}, and does not fit the rest of the call",
            )
        )  # fmt: skip
    return out


def _strangest(batch: pa.RecordBatch, rows: list[int], scores: Scores) -> tuple[list[int], dict[int, int]]:
    """The ALIKE strangest rows of each endpoint and part, in row order, and how many more each endpoint's strangest row stands for.

    An endpoint that changed makes every call to it strange; a person needs a few of them, and their number. Each call keeps its score in the log.
    """
    if len(rows) <= ALIKE:
        return rows, {}
    parts = [batch.column(name) for name in ("method", "host", "template") if name in batch.schema.names]
    keys = [[column[row].as_py() for row in rows] for column in parts]
    groups: dict[tuple[object, ...], list[int]] = {}
    for row, *key in zip(rows, *keys, strict=True):
        groups.setdefault((row // PART, *key), []).append(row)
    kept: list[int] = []
    alike: dict[int, int] = {}
    for group in groups.values():
        ranked = sorted(group, key=lambda row: (float(scores.p[row]), -float(scores.score[row]), row))
        kept += ranked[:ALIKE]
        if len(ranked) > ALIKE:
            alike[ranked[0]] = len(ranked) - ALIKE
    return sorted(kept), alike


def anomalies(model: Model, batch: pa.RecordBatch, rows: list[int], scores: Scores) -> list[Anomaly]:
    """The findings of a batch, in row order."""
    from models.model import Anomaly

    rows, alike = _strangest(batch, rows, scores)
    explained = [row for _, part in groupby(rows, lambda row: row // PART) for row in islice(part, EXPLAINED)]
    reasons = dict(zip(explained, explain_rows(model, batch, explained, 5), strict=True))
    out = []
    for row in rows:
        why = tuple(reasons.get(row, ()))
        p, score = float(scores.p[row]), float(scores.score[row])
        nats = -np.log(max(p, 1e-30))
        high = nats >= 18
        value = batch.column
        method, host = value("method")[row].as_py() or "?", value("host")[row].as_py() or ""
        template = value("template")[row].as_py() if batch.schema.get_field_index("template") >= 0 else None
        principal = value("principal")[row].as_py() if batch.schema.get_field_index("principal") >= 0 else None
        client = value("client_ip")[row].as_py()
        ts = int(value("ts")[row].as_py())
        endpoint = f"{method} {host}{template}" if template else None
        sentences = tuple(reason.sentence for reason in why)
        if alike.get(row):
            judged = min(PART, batch.num_rows - row // PART * PART)
            sentences += (f"{alike[row]} more calls to this endpoint among the {judged} judged together are past the budget too",)
        lead = f"the call's score is {score:.1f}; a normal call is this strange with probability {max(p, 1e-30):.1g}"
        out.append(
            Anomaly(
                "anomaly", row, ts, "high" if high else "medium", min(8.9, 4 + nats / 8), float(min(0.95, 0.5 + nats / 60)),
                f"unusual call to {endpoint or host or 'an unknown host'}" + (f": {why[0].name}" if why else ""), "anomaly", (lead, *sentences),
                client, principal, endpoint,
                (Evidence(value("uid")[row].as_py() or "", value("pcap_file")[row].as_py() or "", int(value("packet")[row].as_py() or 0), ts),),
                (), why, "compare the call with usual ones of this endpoint; if it is legitimate, learn again with traffic that has it", {}, "",
            )
        )  # fmt: skip
    return out


def large_takers(batch: pa.RecordBatch, found: list[tuple[int, int, int, int, int]]) -> list[Anomaly]:
    """A finding for each call with which a caller came to stand out by the size of its answers (`models.callers`)."""
    from models.model import Anomaly, Reason

    out = []
    for row, large, others, most, own in found:
        value = {name: batch.column(name)[row].as_py() for name in ("ts", "uid", "pcap_file", "packet", "client_ip", "method", "host", "template", "principal")}
        endpoint = f"{value['method'] or '?'} {value['host'] or ''}{value['template']}"
        usual = f"at most {most:,} octets in {others} calls of others"
        sentence = f"{large} answers to this caller were at least {FACTOR} times as large as any that others had; the last has {own:,} octets, {usual}"
        out.append(
            Anomaly(
                "volume", row, value["ts"], "medium", 5.5, 0.7, f"a caller takes far larger answers than others from {endpoint}", "API6:2023", (sentence,),
                value["client_ip"], value["principal"], endpoint,
                (Evidence(value["uid"] or "", value["pcap_file"] or "", int(value["packet"] or 0), value["ts"]),),
                (), (Reason("response size", f"{own:,} octets", usual, sentence),),
                "find out whose credential this is and whether its owner asked for that much; if not, revoke it and limit what one answer holds", {}, "",
            )
        )  # fmt: skip
    return out
