"""What each field of each endpoint usually holds, and how surprising another value is.

Every field has a *unit* of statistics: its own (endpoint, kind and name), else its name's over all endpoints, else its class's. A unit with
few values leans on its parent (additive smoothing towards the parent's estimate), so that a parameter seen twice is judged mostly as parameters
of that name are. Surprises are negative logarithms of probabilities, so they compare between fields and add up:

- length and number of marks: how far out in the tail;
- characters: the set of character kinds in the value against how often each occurs there, and the rarest one of them;
- shape and value: the better guess (Good and Turing's) of the chance that the next one is new, which is near one where all values differ
  and near nothing for an enumeration;
- language: how the neighbourhood of characters fits, against what is usual there;
- name: a parameter that this endpoint never had, or always had and now has not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from models import judge
from models.endpoints import PathTree
from models.fields import (
    COOKIE,
    HEADER,
    KINDS,
    RESPONSE_TYPE,
    SEGMENT,
    STATUS,
    SYMBOLS,
    UNKNOWN,
)
from models.judge import CLASS_OF_KIND, CLASSES, table_of

Array = np.ndarray[Any, Any]

LEAN = 3.0
"""Weight of the parent's estimate, in observations."""
FURTHER = 0.7
"""Nats for each bin (a quarter of an octave) beyond the longest seen."""
UNITS = 16_384
"""Units kept; the fullest stay. More names than this is a scanner's work, or names that are values."""
VALUES = 400_000
"""Values and shapes remembered."""

ENUMERATED = np.isin(np.arange(len(KINDS)), (STATUS, RESPONSE_TYPE))
"""Kinds whose known values are told apart by how rare they are."""

ROW_ASPECTS = ("endpoint", "variant", "missing")


def joined(a: Array, b: Array) -> Array:
    """`models.fields.join_hash` over arrays."""
    with np.errstate(over="ignore"):
        h = ((a.astype(np.uint64) ^ np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0x100000001B3)) ^ b.astype(np.uint64)
        h = h * np.uint64(0xD6E8FEB86659FD93)
        out: Array = h ^ (h >> np.uint64(29))
    return out


@dataclass(slots=True, eq=False, repr=False)
class Profile:
    """Resolved tables: scoring only looks up."""

    unit_keys: Array
    unit_values: Array
    n: Array
    by_length: Array
    by_marks: Array
    bit_set: Array
    bit_gain: Array
    bit_base: Array
    new_shape: Array
    new_value: Array
    nats_mean: Array
    nats_spread: Array
    shape_keys: Array
    shape_cost: Array
    value_keys: Array
    value_cost: Array
    slot_keys: Array
    new_name: Array
    """Of each node (last: everywhere else), the cost of a name never seen there."""
    known_names: Array
    """Pool hashes, sorted."""
    fresh_name: float
    """What a name adds that was seen nowhere at all."""
    new_child: Array
    """Of each node (last: everywhere else), the cost of leaving the tree there."""
    variant_keys: Array
    variant_cost: Array
    new_variant: Array
    expected_keys: Array
    """Sorted hashes of (node, variant, slot)."""
    expected_cost: Array
    expected_place: Array
    """Sorted hashes of (node, variant)."""
    expected_total: Array
    # what explanations read
    length_low: Array
    length_high: Array
    extra: dict[str, Any] = field(default_factory=dict)

    def units(self, table: dict[str, Array]) -> Array:
        """The unit that judges each field."""
        out = np.zeros(len(table["slot"]), np.int32)
        judge.find_units(table["slot"], table["pool"], table["kind"], self.unit_keys, self.unit_values, CLASS_OF_KIND, out)
        return out


def _distinct(keys: Array) -> tuple[Array, Array, Array, Array]:
    """As numpy.unique: the distinct 64-bit keys, ascending, where each came first, which of them each is, how often each came."""
    first, inverse, count = judge.grouped(keys)
    found = keys[first]
    order = np.argsort(found, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return found[order], first[order], place[inverse], count[order]


def _where(sorted_keys: Array, keys: Array) -> tuple[Array, Array]:
    """Index of each key in a sorted array, and whether it is there."""
    if not len(sorted_keys):
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    found: Array = sorted_keys[at] == keys
    return at, found


def _tails(hist: Array, parent: Array, n: Array, lean: float) -> tuple[Array, Array]:
    """Smoothed upper and lower tails of histograms, one a row."""
    up = np.cumsum(hist[:, ::-1], 1)[:, ::-1]
    low = np.cumsum(hist, 1)
    up_parent = np.cumsum(parent[:, ::-1], 1)[:, ::-1]
    low_parent = np.cumsum(parent, 1)
    total = n[:, None] + lean
    return (up + lean * up_parent) / total, (low + lean * low_parent) / total


def learn_profile(table: dict[str, Array], node: Array, variant: Array, copies: Array, tree: PathTree, rows: Array) -> Profile:
    """A profile of the fields whose call is marked in `rows` (bool a call); endpoints are counted over all calls, copies included."""
    keep = rows[table["row"]]
    t = {name: column[keep] for name, column in table.items()}
    n_rows = max(1, int(rows.sum()))
    # Units: classes, then names over all endpoints, then each endpoint's own.
    pools, pool_first, pool_inverse, _ = _distinct(t["pool"])
    slots, slot_first, slot_inverse, slot_count = _distinct(t["slot"])
    slot_pool = pool_inverse[slot_first]
    pool_class = CLASS_OF_KIND[t["kind"][pool_first]]
    if len(slots) > UNITS:
        kept = np.sort(np.argsort(-slot_count, kind="stable")[:UNITS])
    else:
        kept = np.arange(len(slots))
    place_of_slot = np.full(len(slots), -1)
    place_of_slot[kept] = CLASSES + len(pools) + np.arange(len(kept))
    units = CLASSES + len(pools) + len(kept)
    parent = np.full(units, -1)
    parent[CLASSES : CLASSES + len(pools)] = pool_class
    parent[CLASSES + len(pools) :] = CLASSES + slot_pool[kept]
    field_pool = CLASSES + pool_inverse
    field_slot = place_of_slot[slot_inverse]
    field_class = CLASS_OF_KIND[t["kind"]].astype(np.int64)
    levels = (field_class, field_pool, field_slot)

    n = np.zeros(units)
    by_length = np.zeros((units, judge.LENGTH_BINS))
    by_marks = np.zeros((units, judge.MARK_BINS))
    bits = np.zeros((units, judge.BITS))
    nats_sum, nats_square = np.zeros(units), np.zeros(units)
    for level in levels:
        judge.tally(level, t, n, by_length, by_marks, bits, nats_sum, nats_square)

    groups = (np.arange(CLASSES), np.arange(CLASSES, CLASSES + len(pools)), np.arange(CLASSES + len(pools), units))
    # Lengths and marks: tails, each unit leaning on its parent; the classes on a prior that thins out slowly.
    cost_length, cost_marks = np.zeros_like(by_length), np.zeros_like(by_marks)
    for hist, cost, prior in ((by_length, cost_length, 0.85), (by_marks, cost_marks, 0.6)):
        base = prior ** np.arange(hist.shape[1])
        base /= base.sum()
        smooth = np.zeros_like(hist)
        for group in groups:
            above = np.broadcast_to(base, (CLASSES, len(base))) if group is groups[0] else smooth[parent[group]]
            up, low = _tails(hist[group], above, n[group], LEAN)
            smooth[group] = (hist[group] + LEAN * above) / (n[group][:, None] + LEAN)
            # What n observations can tell ends at one in 2n. Past the largest seen each bin further adds to it; shorter than ever does not.
            least = 0.5 / (n[group][:, None] + 1)
            bins = np.arange(hist.shape[1])
            largest = np.where(hist[group] > 0, bins, 0).max(1, keepdims=True)
            low = np.maximum(low, least)
            up = np.maximum(up, least * np.exp(-FURTHER * np.maximum(bins - largest, 0)))
            cost[group] = -np.log(np.minimum(1, 2 * np.minimum(up, low)))
    chance = np.zeros((units, judge.BITS))
    for group in groups:
        above = np.full((CLASSES, judge.BITS), 0.02) if group is groups[0] else chance[parent[group]]
        chance[group] = (bits[group] + LEAN * above) / (n[group][:, None] + LEAN)
    # What a class never showed is no rarer than its observations can tell, however many levels agree.
    lowest = np.zeros(units)
    for group in groups:
        lowest[group] = 0.1 / (n[group] + 1) if group is groups[0] else lowest[parent[group]]
    chance = np.clip(chance, lowest[:, None], 1 - lowest[:, None])
    bit_set = -np.log(chance)
    bit_unset = -np.log1p(-chance)
    expected = (chance * bit_set + (1 - chance) * bit_unset).sum(1)
    bit_base = bit_unset.sum(1) - expected
    # Language: mean and spread of nats a character; a unit with few values has its parent's.
    mean, variance = np.zeros(units), np.zeros(units)
    for group in groups:
        if group is groups[0]:
            above_mean, above_variance = np.full(CLASSES, np.log(SYMBOLS) / 1.5), np.full(CLASSES, 1.0)
        else:
            above_mean, above_variance = mean[parent[group]], variance[parent[group]]
        count = n[group] + LEAN
        mean[group] = (nats_sum[group] + LEAN * above_mean) / count
        raw = nats_square[group] - 2 * mean[group] * nats_sum[group] + n[group] * mean[group] ** 2
        variance[group] = (np.maximum(raw, 0) + LEAN * (above_variance + (above_mean - mean[group]) ** 2)) / count
    spread = np.sqrt(variance + 0.01)

    shape_keys, shape_cost, new_shape = _novelty(t["shape"], levels, units, n, parent, groups, t["kind"], False)
    value_keys, value_cost, new_value = _novelty(t["value"], levels, units, n, parent, groups, t["kind"], True)

    unit_keys, unit_values = table_of(
        np.concatenate([pools, slots[kept]]), np.concatenate([CLASSES + np.arange(len(pools)), place_of_slot[kept]]).astype(np.int32)
    )

    named = judge.NAMED[t["kind"]] != 0
    new_name, fresh_name = _name_costs(t, named, node, rows, len(tree.names), slots, slot_inverse, slot_count, n_rows)
    new_child = _child_costs(tree)
    variant_keys, variant_cost, new_variant = _variant_costs(node, variant, copies * rows, len(tree.names))
    expected_keys, expected_cost, expected_place, expected_total = _expected(t, node, variant, rows, named)
    f32 = np.float32
    length_low, length_high = _usual_lengths(t, levels, units)
    return Profile(
        unit_keys, unit_values, n.astype(f32), cost_length.astype(f32), cost_marks.astype(f32), bit_set.astype(f32),
        (bit_set - bit_unset).astype(f32), bit_base.astype(f32), new_shape.astype(f32), new_value.astype(f32), mean.astype(f32),
        spread.astype(f32), shape_keys, shape_cost, value_keys, value_cost, slots, new_name, pools, fresh_name, new_child,
        variant_keys, variant_cost, new_variant, expected_keys, expected_cost, expected_place, expected_total, length_low, length_high,
    )  # fmt: skip


def _novelty(
    what: Array, levels: tuple[Array, ...], units: int, n: Array, parent: Array, groups: tuple[Array, ...], kind: Array, values: bool
) -> tuple[Array, Array, Array]:
    """Known values (or shapes) of each unit with the cost of each, and each unit's cost of one never seen."""
    once = np.zeros(units)
    all_keys, all_costs, all_units = [], [], []
    for level in levels:
        known = level >= 0
        at = level[known]
        key = joined(at.astype(np.uint64) + np.uint64(1), what[known])
        first, _, count = judge.grouped(key)
        distinct, unit = key[first], at[first]
        once += np.bincount(unit[count == 1], minlength=units)
        # A value that came once is known, but no habit: its cost is that of one in n, where n is large and few are new.
        cost = np.zeros(len(distinct))
        all_keys.append(distinct)
        all_units.append(unit)
        if values:
            share = count / np.maximum(1, n[unit])
            cost = np.where(ENUMERATED[kind[known][first]], -np.log(share), 0)
        all_costs.append(cost)
    chance = np.zeros(units)
    for group in groups:
        above = np.full(CLASSES, 0.5) if group is groups[0] else chance[parent[group]]
        # Never below what n observations can tell: that nothing new came in n says at most one in 2n.
        chance[group] = np.maximum((once[group] + LEAN * above) / (n[group] + LEAN), 0.5 / (n[group] + 1))
    new = -np.log(np.minimum(1, chance))
    keys, costs = np.concatenate(all_keys), np.concatenate(all_costs)
    if len(keys) > VALUES:
        # Where nearly every value is new, remembering them tells nothing: forget those first.
        kept = np.sort(np.argsort(-new[np.concatenate(all_units)], kind="stable")[:VALUES])
        keys, costs = keys[kept], costs[kept]
    table, out = table_of(keys, costs.astype(np.float32))
    return table, out, new


def _name_costs(
    t: dict[str, Array], named: Array, node: Array, rows: Array, nodes: int, slots: Array, inverse: Array, count: Array, n_rows: int
) -> tuple[Array, float]:
    """Cost of an unseen name at each node, then for headers and cookies, then elsewhere; and the extra cost of one unseen everywhere."""
    shared = (t["kind"] == HEADER) | (t["kind"] == COOKIE)
    place = node[t["row"]].astype(np.int64)
    place = np.where(shared, nodes, np.where(place < 0, nodes + 1, place))
    lone = named & (count[inverse] == 1)
    once = np.bincount(place[lone], minlength=nodes + 2).astype(float)
    n = np.bincount(np.where(node[rows] < 0, nodes + 1, node[rows]).astype(np.int64), minlength=nodes + 2).astype(float)
    n[nodes] = n_rows
    overall = (once[:nodes].sum() + once[nodes + 1] + 0.5) / (n_rows + 1)
    chance = (once + LEAN * min(1.0, overall)) / (n + LEAN)
    chance[nodes] = (once[nodes] + 0.5) / (n_rows + 1)
    mine = named & ~shared
    _, _, pool_count = judge.grouped(t["pool"][mine])
    lone_slots = len(judge.grouped(t["slot"][mine & lone])[0]) + 1.0
    fresh = (float((pool_count == 1).sum()) + 0.5) / (lone_slots + 0.5)
    return -np.log(np.minimum(1, chance)).astype(np.float32), float(-np.log(min(1.0, fresh)))


def _child_costs(tree: PathTree) -> Array:
    nodes = len(tree.names)
    total = float(tree.calls.sum()) if nodes else 0.0
    overall = (float(tree.once.sum()) + 0.5) / (total + 1)
    chance = (tree.once + LEAN * min(1.0, overall)) / (tree.visits + LEAN)
    lone_roots = sum(1 for root in tree.roots.values() if root >= 0 and tree.visits[root] == 1)
    out: Array = -np.log(np.minimum(1, np.append(chance, (lone_roots + 0.5) / (total + 1)))).astype(np.float32)
    return out


def _variant_costs(node: Array, variant: Array, copies: Array, nodes: int) -> tuple[Array, Array, Array]:
    seen = (node >= 0) & (copies > 0)
    key = joined(node[seen].astype(np.int64).astype(np.uint64), variant[seen])
    keys, first, inverse, _ = _distinct(key)
    count = np.bincount(inverse, copies[seen].astype(float)) if len(keys) else np.zeros(0)
    n = np.bincount(node[seen], copies[seen].astype(float), nodes + 1) if seen.any() else np.zeros(nodes + 1)
    cost = -np.log(count / np.maximum(1, n[node[seen][first]])) if len(keys) else np.zeros(0)
    lone = np.bincount(node[seen][first][count == 1], minlength=nodes + 1) if len(keys) else np.zeros(nodes + 1)
    overall = (lone.sum() + 0.5) / (n.sum() + 1)
    new = -np.log(np.minimum(1, (lone + LEAN * overall) / (n + LEAN)))
    return keys, cost.astype(np.float32), new.astype(np.float32)


def _expected(t: dict[str, Array], node: Array, variant: Array, rows: Array, named: Array) -> tuple[Array, Array, Array, Array]:
    """Names that most calls of a variant carry, and what it costs to leave one out."""
    key = joined(node.astype(np.int64).astype(np.uint64), variant)
    places, _, _, place_count = _distinct(key[rows & (node >= 0)])
    field_key = key[t["row"]]
    use = named & (node[t["row"]] >= 0)
    pair = joined(field_key[use], t["slot"][use])
    pairs, first, _, count = _distinct(pair)
    at, _ = _where(places, field_key[use][first])
    n = place_count[at].astype(float) if len(places) else np.zeros(0)
    share = count / np.maximum(1, n)
    usual = (share > 0.5) & (n >= 4)
    absent = (n - np.minimum(count, n) + 0.5) / (n + 1)
    cost = -np.log(absent)
    # Less what is expected of it, so that many names that come and go do not add up.
    total = np.bincount(at[usual], cost[usual], len(places)) if len(places) else np.zeros(0)
    return pairs[usual], cost[usual].astype(np.float32), places, total.astype(np.float32)


def _usual_lengths(t: dict[str, Array], levels: tuple[Array, ...], units: int) -> tuple[Array, Array]:
    low, high = np.full(units, 2**31 - 1, np.int32), np.zeros(units, np.int32)
    for level in levels:
        judge.spans(np.ascontiguousarray(level, np.int64), t["length"], low, high)
    return low, high


def tensors(profile: Profile) -> dict[str, Array]:
    """The arrays of a profile by name, for the model file."""
    return {f.name: getattr(profile, f.name) for f in fields(profile) if isinstance(getattr(profile, f.name), np.ndarray)}


__all__ = ["CLASSES", "CLASS_OF_KIND", "KINDS", "ROW_ASPECTS", "SEGMENT", "UNKNOWN", "Profile", "joined", "learn_profile", "tensors"]
