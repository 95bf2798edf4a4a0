"""The model: learn from normal calls, score others, say why.

Three judges look at a call: the profile of each field (`models.profile`), where the call is in the tree of endpoints, and the autoencoder over
FEATURES. Each of their measures becomes a p-value by calls held back from learning (cross-fitting: every training call is scored by a model
that did not learn from it). The p-values, as nats, are joined by their Euclidean norm, and the joint score is calibrated once more on the same held-back
calls. Nothing in this is tuned to a set of attacks: attacks play no part in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from models import autoencoder, judge
from models.autoencoder import Autoencoder
from models.calibrate import Calibration, calibrate
from models.callers import Callers
from models.calls import Calls, joined_calls, read_calls, requests, taken
from models.endpoints import PathTree, learn_tree, routes
from models.features import FEATURES, Scale, feature_matrix, learn_scale
from models.fields import FieldReader
from models.observe import Observation, character_tables, observe
from models.profile import ROW_ASPECTS, Profile, joined, learn_profile
from parsers.evidence import Evidence
from parsers.tags import heads

Array = np.ndarray[Any, Any]

_GROUP_WORDS = ("value", "header", "cookie", "answer")
_USED = (
    [(0, j) for j in range(8)] + [(1, j) for j in range(8) if j != judge.LANGUAGE] + [(2, j) for j in range(8) if j != judge.LANGUAGE]
    + [(3, judge.LENGTH), (3, judge.VALUE)]
)  # fmt: skip
MEASURES: tuple[str, ...] = (*(f"{_GROUP_WORDS[g]} {judge.ASPECTS[j]}" for g, j in _USED), *ROW_ASPECTS, "autoencoder")
"""What each call is measured by, in the order of the model's calibrations."""
_COLUMNS = np.array([g * 8 + j for g, j in _USED])


class ModelError(Exception):
    """A model file, or training data, that cannot be used; says which and what would be right."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How to learn. Every default is what the model card's figures were made with."""

    rows: int = 50_000
    """Distinct calls kept to learn from, chosen by lot: the same ones in any order of the capture, those that came often first."""
    folds: int = 5
    """Parts that are held back in turn."""
    network: str = "torch"
    """The autoencoder: `torch` (bent), `linear` (principal components, no torch needed) or `off`."""
    hidden: int = 32
    waist: int = 8
    steps: int = 600
    seed: int = 1
    trim: float = 0.0
    """Share of the strangest calls that must not teach: zero where training data are known to be normal."""
    caution: float = 2.0
    """How much flatter than fitted the tail of the joint score goes on: normal calls of another day differ more than held-back ones."""
    level: float = 1e-4
    """Alert budget: a finding where p is at most this, one in 10 000 normal calls."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each call: its score (larger is stranger) and calibrated p-value, both float32."""

    score: Array
    p: Array


@dataclass(frozen=True, slots=True)
class Reason:
    """One measure that made a call strange."""

    name: str
    seen: str
    usual: str
    sentence: str
    nats: float = 0.0


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A judgement on one call, with the field names of `sensor.findings.Finding`."""

    detector: str
    row: int
    ts: int
    severity: str
    severity_score: float
    confidence: float
    title: str
    category: str
    reasons: tuple[str, ...]
    client: str | None
    principal: str | None
    endpoint: str | None
    evidence: tuple[Evidence, ...]
    techniques: tuple[str, ...]
    features: tuple[Reason, ...]
    response: str
    action: dict[str, Any]
    group: str


@dataclass(slots=True, eq=False, repr=False)
class Model:
    """What normal looks like. Made by `learn`, `self_train` or `load`."""

    config: ModelConfig
    tree: PathTree
    bigrams: Array
    profile: Profile
    scale: Scale
    network: Autoencoder | None
    calibrations: list[Calibration]
    joint: Calibration
    trained_on: dict[str, Any]

    _scorer: Scorer | None = field(default=None, repr=False, compare=False)

    @property
    def scorer(self) -> Scorer:
        """What scoring keeps from batch to batch."""
        if self._scorer is None:
            self._scorer = Scorer(self)
        return self._scorer

    def score(self, batch: pa.RecordBatch) -> Scores:
        """Judge every call of a batch."""
        return self.scorer.score(batch)

    def explain(self, batch: pa.RecordBatch, rows: Sequence[int], most: int = 5) -> list[list[Reason]]:
        """For each of these rows, what made it strange, strongest first."""
        from models.explain import explain_rows

        return explain_rows(self, batch, list(rows), most)

    def observe(self, batch: pa.RecordBatch) -> tuple[Array, Array, list[Anomaly]]:
        """(scores, p-values, anomalies past the alert budget): what the pipeline asks of a judge."""
        from models.explain import anomalies, large_takers

        scores = self.score(batch)
        rows = np.flatnonzero(scores.p <= self.config.level)
        found = anomalies(self, batch, rows.tolist(), scores) + large_takers(batch, self.scorer.callers.observe(batch))
        return scores.score, scores.p, sorted(found, key=lambda one: one.row)

    def save(self, path: Any) -> None:
        """Write the model file."""
        from models.artifact import save

        save(self, path)


class Scorer:
    """A model's judge and tables, made once; what they remember changes no score. `callers` counts from the first batch on."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reader = FieldReader(model.bigrams, model.tree.keys, model.tree.children, len(model.tree.names))
        self.callers = Callers()
        # The whole model learned from more calls than the parts that were calibrated: the unseen costs it more by this, and that is no evidence.
        more = np.log(model.config.folds / (model.config.folds - 1)) + 1e-3
        self.nats = judge.Nats([*model.calibrations, model.joint], [more] * (len(MEASURES) - 1) + [0, 0])
        self.judge = judge.Judge(self.reader, model.profile, model.tree.calls > 0, _COLUMNS, self.nats)
        self.standard, self.run = None, None
        self.tile, self.seen = 512, np.zeros((0, 0), np.float32)
        if model.network is not None:
            self.standard, self.run = model.scale.standard(), autoencoder.Run(model.network)
            self.tile, self.seen = self.run.tile, self.run.z

    def open(self, batch: pa.RecordBatch) -> Calls:
        """Take a batch's columns."""
        calls = read_calls(batch)
        calls.root = self.model.tree.root_of(calls.method, calls.host)
        self.reader.open(calls)
        return calls

    def score(self, batch: pa.RecordBatch) -> Scores:
        """Judge every call of a batch."""
        n = batch.num_rows
        score, p = np.zeros(n, np.float32), np.zeros(n, np.float32)
        if n:
            self.open(batch)
            self.judge.know(heads(batch))
            squares, strange = np.zeros(n), np.zeros(-(-n // self.tile) * self.tile, np.float32)
            for first in range(0, n, self.tile):  # what one part writes is still near when the next reads it
                self.judge.score(first, min(first + self.tile, n), self.standard, squares, self.seen)
                if self.run is not None:
                    self.run.errors(strange[first : first + self.tile])
            self.reader.close()
            self.judge.forget_tags()
            self.nats.join(squares, strange[:n], score, p)
        return Scores(score, p)

    def measure(self, batch: pa.RecordBatch) -> tuple[Array, Array, Observation]:
        """(measures as nats[call, MEASURES], the field behind each, what was observed): for the few calls that are explained."""
        model = self.model
        seen = observe(read_calls(batch), model.tree, model.bigrams)
        raw = np.zeros((batch.num_rows, len(MEASURES)), np.float32)
        where = np.full((batch.num_rows, len(_COLUMNS)), -1, np.int32)
        judge.Judge(seen.reader, model.profile, model.tree.calls > 0).measure(
            np.arange(batch.num_rows), seen.ranges, seen.node, seen.variant, _COLUMNS, raw, where
        )
        if model.network is not None:
            raw[:, -1] = model.network.score(model.scale.apply(feature_matrix(seen.counts), seen.node))
        nats = np.zeros_like(raw)
        self.nats.measured(raw, nats)
        return nats, where, seen


def _nats(calibrations: list[Calibration], raw: Array) -> Array:
    out = np.empty_like(raw)
    judge.Nats(calibrations, [0] * len(calibrations)).measured(raw, out)
    return out


@dataclass(slots=True, eq=False, repr=False)
class _Sample:
    """Distinct calls to learn from, and how many copies of each came.

    Every call draws a lot (a hash of what it asks for and when); the lowest lots are kept. So a request that came often is hardly left out, whatever
    the number of others, and one that came once is as likely as the next.
    """

    rows: int
    hashes: Array
    """Of what each call asks for, ascending."""
    lots: Array
    copies: Array
    """Counted since the call was taken in."""
    places: Array
    """Of each call, its row in the parts laid end to end."""
    parts: list[Calls]
    total: int = 0
    first_ts: int = 0
    last_ts: int = 0

    def add(self, batch: pa.RecordBatch) -> Array:
        """Draw a batch's lots; returns the hashes of its calls."""
        n = batch.num_rows
        if not n:
            return self.hashes[:0]
        calls = read_calls(batch)
        self.first_ts = int(calls.ts.min()) if not self.total else min(self.first_ts, int(calls.ts.min()))
        self.last_ts = max(self.last_ts, int(calls.ts.max()))
        self.total += n
        every = hashes = requests(batch, calls)
        lots = joined(hashes, calls.ts.view(np.uint64))
        order = np.lexsort((lots, hashes))
        fresh = np.ones(n, bool)
        fresh[1:] = hashes[order][1:] != hashes[order][:-1]
        first = np.flatnonzero(fresh)
        count = np.diff(np.append(first, n))
        row = order[first]
        found, lot = hashes[row], lots[row]
        at = np.searchsorted(self.hashes, found)
        known = np.zeros(len(found), bool)
        inside = at < len(self.hashes)
        known[inside] = self.hashes[at[inside]] == found[inside]
        self.copies[at[known]] += count[known]
        known[known] = lot[known] >= self.lots[at[known]]  # a lower lot of the same request: this call stands for it from now on
        fresh = np.flatnonzero(~known & (lot <= self.lots.max())) if len(self.hashes) >= self.rows else np.flatnonzero(~known)
        if not len(fresh):
            return every
        again = inside[fresh] & (self.hashes[np.minimum(at[fresh], len(self.hashes) - 1)] == found[fresh]) if len(self.hashes) else np.zeros(len(fresh), bool)
        count = count[fresh].copy()
        count[again] = self.copies[at[fresh][again]]
        stay = np.ones(len(self.hashes), bool)
        stay[at[fresh][again]] = False
        places = sum(part.rows for part in self.parts) + np.arange(len(fresh))
        self.parts.append(taken(calls, row[fresh]))
        hashes, lots = np.concatenate([self.hashes[stay], found[fresh]]), np.concatenate([self.lots[stay], lot[fresh]])
        copies, places = np.concatenate([self.copies[stay], count]), np.concatenate([self.places[stay], places])
        if len(hashes) > self.rows:
            lowest = np.argsort(lots, kind="stable")[: self.rows]
            hashes, lots, copies, places = hashes[lowest], lots[lowest], copies[lowest], places[lowest]
        order = np.argsort(hashes, kind="stable")
        self.hashes, self.lots, self.copies, self.places = hashes[order], lots[order], copies[order], places[order]
        if sum(part.rows for part in self.parts) > 4 * self.rows:
            self._pack()
        return every

    def _pack(self) -> None:
        """Let go of calls that were pushed out."""
        self.parts = [taken(joined_calls(self.parts), self.places)]
        self.places = np.arange(len(self.hashes))

    def calls(self) -> Calls:
        """The calls, in the order of their hashes."""
        self._pack()
        return self.parts[0]


def _collect(batches: Iterable[pa.RecordBatch], rows: int) -> tuple[_Sample, list[Array]]:
    """The sample; and the hashes of all calls, batch by batch, where there is a list of batches."""
    sample = _Sample(rows, np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64), [])
    hashes = []
    for batch in batches:
        came = sample.add(batch)
        if isinstance(batches, list):
            hashes.append(came)
    if sample.total == 0:
        raise ModelError("there is nothing to learn from: the training capture has no API call; give one that has, a day of normal use is best")
    return sample, hashes


def learn(batches: Iterable[pa.RecordBatch], config: ModelConfig | None = None) -> Model:
    """Learn what normal is from calls that are normal."""
    config = config or ModelConfig()
    sample, _ = _collect(iter(batches), config.rows)
    return _fit(sample, config)


SELF = ModelConfig(rows=4_000, folds=2, network="linear", trim=0.1, caution=4.0)
"""How a capture is judged by itself: fewer rows, no torch, and the strangest tenth does not teach."""


def self_train(batches: Iterable[pa.RecordBatch], config: ModelConfig | None = None) -> Model:
    """Learn from a capture that may hold attacks: what stands out from the rest of it does not teach."""
    config = config or SELF
    if config.trim <= 0:
        config = replace(config, trim=0.1)
    sample, hashes = _collect(list(batches), config.rows)
    return _fit(sample, config, _steady(hashes, sample))


SLICES = 16
"""Parts of a capture, by calls, in most of which a request must come for it to belong there."""


def _steady(hashes: list[Array], sample: _Sample) -> Array:
    """Which calls of the sample came again all through the capture, as a health check does: common, however unlike the rest they are."""
    came = np.zeros((len(sample.hashes), SLICES), bool)
    before = 0
    for part in hashes:
        at = np.minimum(np.searchsorted(sample.hashes, part), len(sample.hashes) - 1)
        known = sample.hashes[at] == part
        came[at[known], (before + np.flatnonzero(known)) * SLICES // sample.total] = True
        before += len(part)
    out: Array = came.sum(1) * 4 >= SLICES * 3
    return out


def _fit(sample: _Sample, config: ModelConfig, steady: Array | None = None) -> Model:
    calls = sample.calls()
    rows = calls.rows
    copies = sample.copies
    config = replace(config, folds=max(2, min(config.folds, rows)))
    folds = config.folds
    fold = (np.argsort(np.argsort(sample.hashes * np.uint64(0x9E3779B97F4A7C15), kind="stable"), kind="stable") % folds).astype(np.uint8)
    keep = np.ones(rows, bool)
    whole_days = sample.last_ts - sample.first_ts >= 86_400_000_000_000
    ways = routes(calls)
    tree = learn_tree(zip(ways, copies.tolist(), strict=True))
    before = None
    if config.trim > 0 and rows >= 20:
        # Twice: what was strange to a model that attacks had taught a little is left out, and the tree of paths is made again without it.
        # An endpoint that many distinct calls use stays known even so.
        raw, calibrations, _, before = _held_back(calls, copies, fold, folds, tree, keep, replace(config, network="off", trim=0.0), whole_days)
        joint = _norm(_nats(calibrations, raw))
        # At most that share, and of it only what stands far out of the bulk: a common kind of call that is a little odd must go on teaching.
        middle, upper, most = _quantiles(joint, (0.5, 0.75, 1 - config.trim))
        keep = joint <= max(most, middle + 3 * (upper - middle))
        if steady is not None:
            keep |= steady
        if keep.any():
            tree = learn_tree((ways[row], int(copies[row])) for row in np.flatnonzero(keep).tolist())
        else:
            keep[:] = True
    raw, calibrations, noise, before = _held_back(calls, copies, fold, folds, tree, keep, config, whole_days, before)
    nats = _nats(calibrations, raw)
    score = _norm(nats)
    joint_calibration = calibrate(score[keep], 1 - float(keep.mean()), config.caution, True)
    bigrams = character_tables(taken(calls, np.flatnonzero(keep)), np.zeros(int(keep.sum()), np.uint8), 1)
    seen = observe(calls, tree, bigrams, before=before)
    profile = learn_profile(seen.fields, seen.node, seen.variant, copies, tree, keep)
    x = feature_matrix(seen.counts)
    scale = learn_scale(x[keep], seen.node[keep], len(tree.names), whole_days)
    network = _network(scale.apply(x[keep], seen.node[keep]), config)
    if network is not None:
        if noise is not None:
            network.noise = noise
        else:
            autoencoder.set_noise(network, scale.apply(x[keep], seen.node[keep]))
    digest = hashlib.sha256(sample.hashes.tobytes()).hexdigest()
    trained_on = {
        "calls": sample.total, "distinct": rows, "kept": int(keep.sum()), "endpoints": int((tree.calls > 0).sum()),
        "first_ts": sample.first_ts, "last_ts": sample.last_ts, "calls_sha256": digest,
    }  # fmt: skip
    return Model(config, tree, bigrams, profile, scale, network, calibrations, joint_calibration, trained_on)


def _network(z: Array, config: ModelConfig) -> Autoencoder | None:
    if config.network == "off" or len(z) < 8:
        return None
    if config.network == "linear":
        return autoencoder.linear(z, config.waist)
    if config.network == "torch":
        return autoencoder.train(z, config.seed, config.hidden, config.waist, config.steps)
    raise ModelError(f"unknown network {config.network!r}; it is torch, linear or off")


def _quantiles(values: Array, shares: tuple[float, ...]) -> list[float]:
    """As numpy.quantile, which imports more than a short run takes."""
    ascending = np.sort(values.astype(np.float64))
    return np.interp(np.array(shares) * (len(ascending) - 1), np.arange(len(ascending)), ascending).tolist()  # type: ignore[no-any-return]


def _norm(nats: Array) -> Array:
    out: Array = np.sqrt(np.square(nats).sum(1))
    return out


def _held_back(
    calls: Calls, copies: Array, fold: Array, folds: int, tree: PathTree, keep: Array, config: ModelConfig, whole_days: bool,
    before: Observation | None = None,
) -> tuple[Array, list[Calibration], Array | None, Observation]:
    """Measures of every call by models that did not learn from its fold, the calibration of each measure, the network's usual errors, what was observed."""
    noise: list[Array] = []
    rows = calls.rows
    bigrams = character_tables(calls, fold, folds)
    seen = observe(calls, tree, bigrams, fold, before)
    # A held-back call takes its own copies with it: an endpoint that only it used is one that was never seen.
    ended = tree.calls > 1
    x = feature_matrix(seen.counts)
    raw = np.zeros((rows, len(MEASURES)), np.float32)
    for k in range(folds):
        teach, held = (fold != k) & keep, fold == k
        if not teach.any() or not held.any():
            continue
        profile = learn_profile(seen.fields, seen.node, seen.variant, copies, tree, teach)
        measured = np.zeros((int(held.sum()), len(MEASURES)), np.float32)
        judge.Judge(seen.reader, profile, ended).measure(np.flatnonzero(held), seen.ranges, seen.node, seen.variant, _COLUMNS, measured)
        raw[held] = measured
        if config.network != "off":
            scale = learn_scale(x[teach], seen.node[teach], len(tree.names), whole_days)
            network = _network(scale.apply(x[teach], seen.node[teach]), config)
            if network is not None:
                autoencoder.set_noise(network, scale.apply(x[held & keep], seen.node[held & keep]))
                noise.append(network.noise)
                raw[held, -1] = network.score(scale.apply(x[held], seen.node[held]))
    usual = np.mean(noise, axis=0).astype(np.float32) if noise else None
    return raw, [calibrate(raw[keep, index], config.trim) for index in range(len(MEASURES))], usual, seen


def config_dict(config: ModelConfig) -> dict[str, Any]:
    """The configuration as plain values, for the model file."""
    return asdict(config)


__all__ = ["FEATURES", "MEASURES", "Anomaly", "Model", "ModelConfig", "ModelError", "Reason", "Scores", "learn", "self_train"]
