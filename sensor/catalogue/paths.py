"""The paths of a site as a bounded tree: the evidence that endpoint templates are decided on.

`PathTable` takes calls at column speed. Each path segment is an edge, and what stands at the end of a path is a *cell* per method: calls, callers,
statuses, first and last seen. A segment whose shape says *value* (a number, a UUID, hex, a date, a token) keeps its own edge only while few such
values stand beside each other; past `values_kept` they fold into one edge of that shape, whose subtree is the union of theirs, with a sketch of
the values. Folding depends on the set of values alone, so the tree is the same for any order of the calls.

`Matcher` walks decided templates the same way: a literal edge first, then the parameter.

What a stranger can make grow is bounded: edges of one shape by folding, words by `words_kept` (a new word beside so many must be seen four times
before it gets an edge), everything by `nodes_kept`. Each bound counts what it dropped in `dropped`. The hash is keyed.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.octets import find_in
    from cython.cimports.parsers.siphash import bytes_hash
    from cython.cimports.parsers.spread import spread
else:
    from parsers.octets import find_in
    from parsers.siphash import bytes_hash
    from parsers.spread import spread

COMPILED = cython.compiled

KINDS = ("word", "integer", "uuid", "hex", "token", "date", "mixed", "email", "number")
"""Shapes of a segment. A *word* may be anything; *mixed* has letters and several digits; the rest are values by their shape."""

WORD = cython.declare(cython.int, 0)
INTEGER = cython.declare(cython.int, 1)
UUID = cython.declare(cython.int, 2)
HEX = cython.declare(cython.int, 3)
TOKEN = cython.declare(cython.int, 4)
DATE = cython.declare(cython.int, 5)
MIXED = cython.declare(cython.int, 6)
EMAIL = cython.declare(cython.int, 7)
NUMBER = cython.declare(cython.int, 8)

_MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)

# The sample of values must not depend on the table's secret, or the same capture would show other examples each time.
_SAMPLE0 = cython.declare(cython.ulonglong, 0x5A17C0DE5A17C0DE)
_SAMPLE1 = cython.declare(cython.ulonglong, 0x0DDB1A5E0DDB1A5E)

PATHS = cython.declare(cython.Py_ssize_t, 16_384)
"""Whole paths that are remembered with where they lead: a power of two; 0.2 MB a table."""

PREFIXES = cython.declare(cython.Py_ssize_t, 1_024)
"""Paths without their last segment that are remembered likewise: most new paths are new in the last."""

MATRIX = 8
"""Matrix parameters of one path that are told of."""
Matrix: TypeAlias = "tuple[frozenset[tuple[int, str]], tuple[tuple[int, str], ...]]"
"""The matrix parameters of a path, each with the number of its segment from 0; the same in the order they come in."""
NO_MATRIX: Matrix = (frozenset(), ())
_MATRIX = re.compile(r";([A-Za-z_][A-Za-z0-9_.-]{0,39})=")

_DIGIT = cython.declare(cython.int, 1)
_LOWER = cython.declare(cython.int, 2)
_UPPER = cython.declare(cython.int, 4)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _plain(x: cython.int) -> cython.int:
    """x; interpreted, an int that does not wrap as numpy's would."""
    if cython.compiled:
        return x
    else:
        return int(x)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _quote(data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t) -> cython.bint:
    """Whether a percent-encoded quote stands at a place that has three octets."""
    return data[at] == 37 and data[at + 1] == 50 and data[at + 2] == 55


@cython.cclass
class Segment:
    """The shape of one path segment: its kind, and where its stem stands when a frame is around it (``{id}.json``, ``Orders({id})``, ``{id}:close``)."""

    def __init__(self) -> None:
        self.kind = 0
        self.stem_at = 0
        self.stem_end = 0
        self.frame_at = 0
        self.frame_end = 0

    def read(self, data: Any, start: Any, end: Any) -> Any:
        """Read data[start:end]; sets kind, stem_at, stem_end."""
        i: cython.Py_ssize_t
        c: cython.int
        at: cython.Py_ssize_t = start
        stop: cython.Py_ssize_t = end
        dot: cython.Py_ssize_t = -1
        # Most values are numbers or UUIDs.
        c = data[start] if start < end else 0
        if 48 <= c <= 57 or (end - start == 36 and data[start + 8] == 45):
            i = start
            while i < end and 48 <= data[i] <= 57:
                i += 1
            if i < end and end - start == 36 and data[start + 8] == 45 and data[start + 13] == 45 and data[start + 18] == 45 and data[start + 23] == 45:
                i = start
                while i < end:
                    c = data[i]
                    if not (48 <= c <= 57 or 97 <= (c | 32) <= 102 or (c == 45 and (i - start == 8 or i - start == 13 or i - start == 18 or i - start == 23))):
                        break
                    i += 1
                if i == end:
                    self.kind = UUID
                    i = -1
            elif i == end:
                self.kind = INTEGER
                i = -1
            if i < 0:
                self.stem_at = self.frame_at = start
                self.stem_end = self.frame_end = end
                return 0
        keyed: cython.bint = False
        # The frame: Name( ... ) of OData, then a suffix .ext, :verb or #fragment made of letters.
        if end - start >= 4 and data[end - 1] == 41:
            i = start
            while i < end and data[i] != 40:
                i += 1
            c = data[i - 1] if i > start else 0
            if start < i < end - 2 and (97 <= (c | 32) <= 122 or 48 <= c <= 57):  # a name right before it: no `Mercury_(planet)`
                keyed = True
                at = i + 1
                stop = end - 1
                if stop - at >= 2 and data[at] == 39 and data[stop - 1] == 39:
                    at += 1
                    stop -= 1
                elif stop - at >= 6 and _quote(data, at) and _quote(data, stop - 3):
                    at += 3
                    stop -= 3
        if at == start:
            i = end - 1
            while i > start:
                c = data[i]
                if c in {46, 58, 35}:
                    dot = i
                    break
                if not (97 <= (c | 32) <= 122 or c == 95 or (48 <= c <= 57 and i > start)):
                    break
                i -= 1
            if dot > start and data[dot] == 58:  # a verb stands behind the only colon; addresses and URNs have several
                i = start
                while i < dot and data[i] != 58:
                    i += 1
                if i < dot:
                    dot = -1
            if dot > start and dot < end - 1 and 97 <= (data[dot + 1] | 32) <= 122 and (data[dot] != 46 or end - dot <= 6):
                stop = dot
        digits: cython.int = 0
        letters: cython.int = 0
        hexes: cython.int = 0
        dashes: cython.int = 0
        dots: cython.int = 0
        others: cython.int = 0
        number_tokens: cython.int = 0
        switches: cython.int = 0
        digit_runs: cython.int = 0
        longest_digits: cython.int = 0
        before: cython.int = 0
        token_is_number: cython.bint = True
        token_at: cython.Py_ssize_t = at
        run: cython.int = 0
        n: cython.Py_ssize_t = stop - at
        mail: cython.bint = False
        i = at
        while i < stop:
            c = data[i]
            if 48 <= c <= 57:
                digits += 1
                run += 1
                if before != _DIGIT:
                    digit_runs += 1
                    if before != 0:
                        switches += 1
                longest_digits = max(longest_digits, run)
                before = _DIGIT
            else:
                run = 0
                if 97 <= c <= 122:
                    letters += 1
                    if c <= 102:
                        hexes += 1
                    if before not in (_LOWER, 0, _UPPER):
                        switches += 1
                    before = _LOWER
                    token_is_number = False
                elif 65 <= c <= 90:
                    letters += 1
                    if c <= 70:
                        hexes += 1
                    if before not in (_UPPER, 0):
                        switches += 1
                    before = _UPPER
                    token_is_number = False
                else:
                    if c == 45:
                        dashes += 1
                    elif c == 46:
                        dots += 1
                    elif c == 64:
                        mail = True
                        others += 1
                    elif c == 37 and i + 2 < stop and data[i + 1] == 52 and data[i + 2] == 48:  # %40
                        mail = True
                        others += 1
                    else:
                        others += 1
                    if i > token_at and token_is_number:
                        number_tokens += 1
                    token_at = i + 1
                    token_is_number = True
                    before = 0
            i += 1
        if stop > token_at and token_is_number:
            number_tokens += 1
        kind: cython.int = WORD
        if n == 0:
            at = start
            stop = end
        elif digits == n:
            kind = INTEGER
        elif mail and letters > 0 and (dots > 0 or stop < end):
            kind = EMAIL
            at = start
            stop = end
        elif n == 36 and dashes == 4 and digits + hexes == 32 and letters == hexes and data[at + 8] == 45 and data[at + 13] == 45:
            kind = UUID
        elif letters == 0 and digits > 0:
            # 2.0 and 1.2.3 are versions as a rule, so words until many of them show; 2024-05-01 is a date; 51.5,-0.1 and +4930123 are numbers.
            if n == 10 and dashes == 2 and dots == 0 and others == 0 and data[at + 4] == 45 and data[at + 7] == 45:
                kind = DATE
            elif dots > 0 and dashes == 0 and others == 0 and dots < 3:
                kind = WORD
            else:
                kind = NUMBER
        elif letters == hexes and digits > 0 and digits + hexes == n and n >= 8:
            kind = HEX
        elif n >= 19 and digits >= 8 and dashes == 2 and data[at + 4] == 45 and data[at + 7] == 45 and letters <= 2:
            kind = DATE
        elif digits >= 2 and n >= 16 and dashes + dots <= 1 and others <= 2 and (switches >= 4 or longest_digits >= 8):
            kind = TOKEN
        elif digits >= 2 and (longest_digits >= 3 or digit_runs >= 2 or number_tokens > 0 or n >= 12):
            kind = MIXED
        elif digits == 1 and number_tokens == 1 and dots == 0 and n >= 4:
            kind = MIXED
        elif n >= 24 and digits >= 1 and switches >= 8:
            kind = TOKEN
        if keyed and kind == WORD and n > 0:  # what stands in parentheses behind a name is a key, however it reads
            kind = MIXED
        self.frame_at = at
        self.frame_end = stop
        if kind == WORD:
            at = start
            stop = end
        self.kind = kind
        self.stem_at = at
        self.stem_end = stop
        return 0


def shape(text: bytes) -> tuple[str, bytes, bytes, bytes]:
    """(kind, prefix, stem, suffix) of a segment, for callers in plain Python."""
    if not text:
        return "word", b"", b"", b""
    segment: Segment = Segment()
    segment.read(text, 0, len(text))
    return KINDS[segment.kind], text[: segment.stem_at], text[segment.stem_at : segment.stem_end], text[segment.stem_end :]


def sample_hash(text: bytes) -> int:
    """The hash that value samples and caller sketches use: the same in every run."""
    return int(bytes_hash(_SAMPLE0, _SAMPLE1, text, 0, len(text)))


@cython.cclass
class PathTable:
    def __init__(
        self,
        k0: Any,
        k1: Any,
        values_kept: Any = 16,
        words_kept: Any = 1024,
        callers_kept: Any = 32,
        nodes_kept: Any = 131_072,
        depth_kept: Any = 32,
    ) -> None:
        self.k0 = k0
        self.k1 = k1
        self.values_kept = values_kept
        self.words_kept = words_kept
        self.callers_kept = callers_kept
        self.nodes_kept = nodes_kept
        self.depth_kept = depth_kept
        self.dropped = {"paths_past_node_limit": 0, "paths_too_deep": 0, "words_folded": 0, "methods_dropped": 0, "odd_targets": 0}
        self.slots = 1024
        self.slots_used = 0
        self.slot_key = np.zeros(self.slots, np.uint64)
        self.slot_node = np.zeros(self.slots, np.int32)
        self.parents, self.kinds, self.texts, self.frames = [], [], [], []
        self.children, self.cells_of, self.value_texts, self.codes_of = [], [], [], []
        self.siblings = {}
        self.roots = {}
        self.methods = {}
        self.method_names = []
        self.nodes = 0
        self.folded = np.zeros(256, np.uint32)
        self.sketch_of = np.full(256, -1, np.int32)
        self.passed = np.zeros(256, np.int64)
        self.value_hash = np.zeros((16, 64), np.uint64)
        self.value_n = np.zeros(16, np.int32)
        self.sketches = 0
        self.cell_slots = 1024
        self.cell_key = np.zeros(self.cell_slots, np.uint64)
        self.cell_slot = np.zeros(self.cell_slots, np.int32)
        self.cells = 0
        self.cell_node = np.zeros(256, np.int32)
        self.cell_method = np.zeros(256, np.int32)
        self.cell_calls = np.zeros(256, np.int64)
        self.cell_first = np.zeros(256, np.int64)
        self.cell_last = np.zeros(256, np.int64)
        self.caller_hash = np.zeros((256, self.callers_kept), np.uint64)
        self.caller_n = np.zeros(256, np.int32)
        self.last_caller = np.zeros(256, np.uint64)
        self.status_slots = 1024
        self.status_used = 0
        self.status_key = np.zeros(self.status_slots, np.uint64)
        self.status_calls = np.zeros(self.status_slots, np.int64)
        self.sighted = np.zeros(65_536, np.uint8)
        self.path_key = np.zeros(PATHS, np.uint64)
        self.path_cell = np.zeros(PATHS, np.int32)
        self.prefix_key = np.zeros(PREFIXES, np.uint64)
        self.prefix_node = np.zeros(PREFIXES, np.int32)
        self.prefix_depth = np.zeros(PREFIXES, np.int32)
        self.unsure = False
        self.kept = set()
        self.matrix = []
        self.matrix_seen = False
        self.segment = Segment()

    # Tables -------------------------------------------------------------------------------------------------------------------------

    def edge(self, key: Any) -> Any:
        """The node behind a key, or -1."""
        mask: cython.Py_ssize_t = self.slots - 1
        i: cython.Py_ssize_t = key & mask
        while self.slot_key[i] != 0:
            if self.slot_key[i] == key:
                return _plain(self.slot_node[i])
            i = (i + 1) & mask
        return -1

    def add_edge(self, key: Any, node: Any) -> None:
        if self.slots_used * 2 >= self.slots:
            keys, nodes = np.asarray(self.slot_key), np.asarray(self.slot_node)
            self.slots *= 2
            self.slots_used = 0
            self.slot_key = np.zeros(self.slots, np.uint64)
            self.slot_node = np.zeros(self.slots, np.int32)
            for at in np.flatnonzero(keys):
                self.add_edge(int(keys[at]), int(nodes[at]))
        k: cython.ulonglong = key
        mask: cython.Py_ssize_t = self.slots - 1
        i: cython.Py_ssize_t = k & mask
        while self.slot_key[i] != 0 and self.slot_key[i] != k:
            i = (i + 1) & mask
        if self.slot_key[i] == 0:
            self.slots_used += 1
        self.slot_key[i] = k
        self.slot_node[i] = node

    def word_key(self, node: Any, data: Any, start: Any, end: Any) -> Any:
        n: cython.ulonglong = node
        key: cython.ulonglong = bytes_hash(self.k0 ^ spread(n + 1), self.k1, data, start, end)
        return key | 1  # 0 is an empty slot

    def frame_key(self, node: Any, kind: Any, data: Any, start: Any, stem_at: Any, stem_end: Any, end: Any) -> Any:
        n: cython.ulonglong = node
        k: cython.ulonglong = kind
        key: cython.ulonglong = spread(self.k1 ^ (n << 8) ^ k)
        if stem_at > start:
            key ^= bytes_hash(self.k1, self.k0, data, start, stem_at)
        if end > stem_end:
            key ^= bytes_hash(self.k0, self.k0, data, stem_end, end)
        return key | 1

    def add_node(self, parent: Any, kind: Any, text: bytes, frame: tuple[bytes, bytes] | None) -> int:
        node = self.nodes
        if node == len(self.folded):
            self.folded = np.concatenate([np.asarray(self.folded), np.zeros(node, np.uint32)])
            self.sketch_of = np.concatenate([np.asarray(self.sketch_of), np.full(node, -1, np.int32)])
            self.passed = np.concatenate([np.asarray(self.passed), np.zeros(node, np.int64)])
        self.nodes = node + 1
        self.parents.append(parent)
        self.kinds.append(kind)
        self.texts.append(text)
        self.frames.append(frame)
        self.children.append([])
        self.cells_of.append([])
        self.value_texts.append(None)
        self.matrix.append(None)
        if parent >= 0:
            self.children[parent].append(node)
        if frame is not None:
            self.value_texts[node] = {}
            if self.sketches == len(self.value_n):
                self.value_hash = np.concatenate([np.asarray(self.value_hash), np.zeros((self.sketches, 64), np.uint64)])
                self.value_n = np.concatenate([np.asarray(self.value_n), np.zeros(self.sketches, np.int32)])
            self.sketch_of[node] = self.sketches
            self.sketches += 1
        return int(node)

    def root(self, name: str) -> int:
        """The node that a host's paths hang from."""
        node = self.roots.get(name)
        if node is None:
            node = self.roots[name] = self.add_node(-1, 0, name.encode(), None)
        return int(node)

    def method(self, name: str) -> int:
        """The number of a method; the 64th and later share one, since a stranger can invent them."""
        number = self.methods.get(name)
        if number is None:
            if len(self.method_names) >= 63:
                self.dropped["methods_dropped"] += 1
                name = "(other)"
                if name in self.methods:
                    return int(self.methods[name])
            number = self.methods[name] = len(self.method_names)
            self.method_names.append(name)
        return int(number)

    # Growing and folding: for structure seen for the first time only -----------------------------------------------------------------

    def child(self, node: Any, text: bytes) -> int:
        """The node for a segment below `node`, made if need be; -1 when a limit forbids it."""
        segment: Segment = Segment()
        if text:
            segment.read(text, 0, len(text))
        kind = int(segment.kind)
        at, stop = int(segment.stem_at), int(segment.stem_end)
        if not text:
            at = stop = 0
        folded = self.edge(self.frame_key(node, kind, text, 0, at, stop, len(text)))
        if folded >= 0 and kind != WORD and text not in self.kept:
            self.note_value(folded, bytes_hash(_SAMPLE0, _SAMPLE1, text, 0, len(text)), text, 0, len(text))
            return int(folded)
        key = self.word_key(node, text, 0, len(text))
        found = self.edge(key)
        if found >= 0:
            return int(found)
        group = (node, kind, text[:at], text[stop:])
        beside = self.siblings.setdefault(group, [])
        if kind == WORD and len(beside) >= self.words_kept and text not in self.kept:
            sight = int(key >> 20) & 0xFFFF
            seen = min(_plain(self.sighted[sight]) + 1, 255)
            self.sighted[sight] = seen
            self.unsure = True
            if seen < 4 or len(beside) >= 4 * self.words_kept or self.nodes >= self.nodes_kept:
                self.dropped["words_folded"] += 1
                return self.fold_node(node, kind, text, 0, 0)
        if self.nodes >= self.nodes_kept:
            # Past the limit a value still finds the fold of its shape; what would need a new edge is dropped and counted.
            if self.nodes < self.nodes_kept + self.nodes_kept // 8 and kind != WORD:
                return self.fold(node, kind, text[:at], text[stop:])
            return -1
        made = self.add_node(node, kind, text, None)
        self.add_edge(key, made)
        beside.append(made)
        if (kind not in (WORD, MIXED) and len(beside) > self.values_kept) or (kind == MIXED and len(beside) > 4 * self.values_kept):
            return self.fold(node, kind, text[:at], text[stop:])
        return made

    def fold_node(self, node: Any, kind: Any, text: bytes, at: Any, stop: Any) -> int:
        """The folded node of the segment's kind and frame; for words, of any frame."""
        if kind == WORD:
            made = self.fold(node, kind, b"", b"")
        else:
            made = self.fold(node, kind, text[:at], text[stop:])
        self.note_value(made, bytes_hash(_SAMPLE0, _SAMPLE1, text, 0, len(text)), text, 0, len(text))
        return made

    def fold(self, node: Any, kind: Any, prefix: bytes, suffix: bytes) -> int:
        """One node for all values of this kind and frame below `node`; those that stand there go into it."""
        whole = prefix + suffix
        key = self.frame_key(node, kind, whole, 0, len(prefix), len(prefix), len(whole))
        made = self.edge(key)
        if made >= 0:
            return int(made)
        made = self.add_node(node, kind, b"", (prefix, suffix))
        self.add_edge(key, made)
        self.folded[node] = int(self.folded[node]) | (1 << kind)
        if kind == WORD:  # the words that have an edge keep it
            return made
        self.forget_paths()
        inside = [one for one in self.siblings.pop((node, kind, prefix, suffix), []) if self.texts[one] not in self.kept]
        gone = set(inside)
        self.children[node] = [one for one in self.children[node] if one not in gone]
        for one in inside:
            text = self.texts[one]
            self.add_edge(self.word_key(node, text, 0, len(text)), -1)
            self.note_value(made, bytes_hash(_SAMPLE0, _SAMPLE1, text, 0, len(text)), text, 0, len(text))
            self.absorb(one, made)
            self.join_matrix(made, self.matrix[one])
        return made

    def absorb(self, source: Any, target: Any) -> None:
        """Move the counts and the subtree of `source` into `target`; `source` is dead afterwards."""
        for cell in self.cells_of[source]:
            self.absorb_cell(cell, self.make_cell(target, int(self.cell_method[cell])))
        self.cells_of[source] = []
        for one in self.children[source]:
            frame = self.frames[one]
            if frame is None:
                into = self.child(target, self.texts[one])
            else:
                into = self.fold(target, self.kinds[one], frame[0], frame[1])
                for text in self.value_texts[one].values():
                    self.note_value(into, bytes_hash(_SAMPLE0, _SAMPLE1, text, 0, len(text)), text, 0, len(text))
            if into >= 0:
                self.absorb(one, into)
                self.join_matrix(into, self.matrix[one])
        self.children[source] = []
        self.value_texts[source] = None

    def absorb_cell(self, source: Any, target: Any) -> None:
        self.cell_calls[target] = self.cell_calls[target] + self.cell_calls[source]
        self.cell_first[target] = min(self.cell_first[target], self.cell_first[source])
        self.cell_last[target] = max(self.cell_last[target], self.cell_last[source])
        for i in range(int(self.caller_n[source])):
            self.note_caller(target, self.caller_hash[source, i])
        for status, calls in self.statuses(source).items():
            self.note_status(target, status, calls)

    def copy_tree(self, other: PathTable, source: Any, target: Any) -> None:
        """Add the counts and the subtree of a node of another table to `target` of this one."""
        for cell in other.cells_of[source]:
            into = self.make_cell(target, self.method(other.method_names[other.cell_method[cell]]))
            self.cell_calls[into] = self.cell_calls[into] + other.cell_calls[cell]
            self.cell_first[into] = min(self.cell_first[into], other.cell_first[cell])
            self.cell_last[into] = max(self.cell_last[into], other.cell_last[cell])
            for i in range(int(other.caller_n[cell])):
                self.note_caller(into, other.caller_hash[cell, i])
            for status, calls in other.statuses(cell).items():
                self.note_status(into, status, calls)
        for one in other.children[source]:
            frame = other.frames[one]
            matrix = other.matrix[one] if other.matrix_seen else NO_MATRIX
            if matrix is not None and matrix[0]:
                self.see_matrix()
            if frame is None:
                below = self.child(target, other.texts[one])
            else:
                below = self.fold(target, other.kinds[one], frame[0], frame[1])
                for text in other.value_texts[one].values():
                    self.note_value(below, bytes_hash(_SAMPLE0, _SAMPLE1, text, 0, len(text)), text, 0, len(text))
            if below >= 0:
                self.join_matrix(below, matrix)
                self.copy_tree(other, one, below)

    def count_passed(self) -> None:
        """Set `passed`, the calls that went through each node: those of its cells and of all below it."""
        passed = np.zeros(len(self.passed), np.int64)
        node: cython.Py_ssize_t = self.nodes - 1
        while node >= 0:  # a node is made after the one it hangs from
            for cell in self.cells_of[node]:
                passed[node] += self.cell_calls[cell]
            if passed[node] and self.parents[node] >= 0:
                passed[self.parents[node]] += passed[node]
            node -= 1
        self.passed = passed

    # Matrix parameters (RFC 3986 3.3: ``/users;id=7/orders``) make a path no other one, as a query does not. ------------------------

    def see_matrix(self) -> None:
        """There are matrix parameters: the paths that were met already had none."""
        if not self.matrix_seen:
            self.matrix_seen = True
            self.matrix = [NO_MATRIX if cells else None for cells in self.cells_of]

    def join_matrix(self, node: Any, met: Any) -> None:
        """A path that ends at a node was met with these matrix parameters; those remain that such paths have always."""
        if met is None or not self.matrix_seen:
            return
        known = self.matrix[node]
        if known is not None:
            met = (known[0] & met[0], min(known[1], met[1])) if known[0] and met[0] else NO_MATRIX
        self.matrix[node] = met

    def matrix_of(self, nodes: list[int]) -> tuple[tuple[int, str], ...]:
        """The matrix parameters that all paths which end at these nodes have, in the order they come in: the number of their segment, from 0, and name."""
        if not self.matrix_seen:
            return ()
        met = [self.matrix[node] or NO_MATRIX for node in nodes]
        always = frozenset.intersection(*(names for names, _ in met)) if met else frozenset()
        order = min(order for _, order in met) if always else ()
        return tuple(one for one in dict.fromkeys(order) if one in always)

    # Saving -----------------------------------------------------------------------------------------------------------------------

    def dump(self, node: Any) -> list[Any]:
        """A node and all below it as plain data: what `load` adds to a tree."""
        frame = self.frames[node]
        cells = []
        for cell in self.cells_of[node]:
            callers = [int(self.caller_hash[cell, i]) for i in range(int(self.caller_n[cell]))]
            counts = [int(self.cell_calls[cell]), int(self.cell_first[cell]), int(self.cell_last[cell])]
            cells.append([self.method_names[self.cell_method[cell]], *counts, sorted(self.statuses(cell).items()), callers])
        values = [text.decode("latin-1") for text in self.value_texts[node].values()] if frame is not None else []
        made = None if frame is None else [frame[0].decode("latin-1"), frame[1].decode("latin-1")]
        below = [self.dump(child) for child in self.children[node]]
        matrix = self.matrix[node] if self.matrix_seen else None
        also = [[sorted(matrix[0]), list(matrix[1])]] if matrix is not None and matrix[0] else []
        return [self.kinds[node], self.texts[node].decode("latin-1"), made, values, cells, below, *also]

    def load(self, node: Any, data: list[Any]) -> None:
        """Add what `dump` gave of another tree's node to `node`. Raises ValueError or TypeError for what it cannot have given."""
        _, _, _, _, cells, below = data[:6]
        for method, calls, first, last, statuses, callers in cells:
            into = self.make_cell(node, self.method(method))
            self.cell_calls[into] = self.cell_calls[into] + calls
            self.cell_first[into] = min(self.cell_first[into], first)
            self.cell_last[into] = max(self.cell_last[into], last)
            for caller in callers:
                self.note_caller(into, caller)
            for status, n in statuses:
                self.note_status(into, status, n)
        for one in below:
            kind, text, frame, values = one[0], one[1].encode("latin-1"), one[2], one[3]
            matrix = (frozenset(map(tuple, one[6][0])), tuple(map(tuple, one[6][1]))) if len(one) > 6 else NO_MATRIX
            if matrix[0]:
                self.see_matrix()
            if frame is None:
                child = self.child(node, text)
            else:
                child = self.fold(node, kind, frame[0].encode("latin-1"), frame[1].encode("latin-1"))
                for value in values:
                    octets = value.encode("latin-1")
                    self.note_value(child, bytes_hash(_SAMPLE0, _SAMPLE1, octets, 0, len(octets)), octets, 0, len(octets))
            if child >= 0:
                self.join_matrix(child, matrix)
                self.load(child, one)

    # Cells --------------------------------------------------------------------------------------------------------------------------

    def find_cell(self, node: Any, method: Any) -> Any:
        at: cython.ulonglong = node
        number: cython.ulonglong = method
        key: cython.ulonglong = (at << 6 | number) + 1
        mask: cython.Py_ssize_t = self.cell_slots - 1
        i: cython.Py_ssize_t = spread(key) & mask
        while self.cell_key[i] != 0:
            if self.cell_key[i] == key:
                return _plain(self.cell_slot[i])
            i = (i + 1) & mask
        return -1

    def place_cell(self, node: Any, method: Any, cell: Any) -> None:
        key = (int(node) << 6 | int(method)) + 1
        mask = int(self.cell_slots) - 1
        i = int(spread(key)) & mask
        while self.cell_key[i] != 0:
            i = (i + 1) & mask
        self.cell_key[i] = key
        self.cell_slot[i] = cell

    def make_cell(self, node: Any, method: Any) -> int:
        """The cell of a method at a node, made if need be."""
        cell = self.find_cell(node, method)
        if cell >= 0:
            return int(cell)
        cell = self.cells
        if cell == len(self.cell_node):
            for name in ("cell_node", "cell_method", "caller_n"):
                setattr(self, name, np.concatenate([np.asarray(getattr(self, name)), np.zeros(cell, np.int32)]))
            for name in ("cell_calls", "cell_first", "cell_last"):
                setattr(self, name, np.concatenate([np.asarray(getattr(self, name)), np.zeros(cell, np.int64)]))
            self.caller_hash = np.concatenate([np.asarray(self.caller_hash), np.zeros((cell, self.callers_kept), np.uint64)])
            self.last_caller = np.concatenate([np.asarray(self.last_caller), np.zeros(cell, np.uint64)])
        if cell * 2 >= self.cell_slots:
            self.cell_slots *= 2
            self.cell_key = np.zeros(self.cell_slots, np.uint64)
            self.cell_slot = np.zeros(self.cell_slots, np.int32)
            for old in range(int(cell)):
                self.place_cell(self.cell_node[old], self.cell_method[old], old)
        self.cells = cell + 1
        self.cell_node[cell] = node
        self.cell_method[cell] = method
        self.cell_first[cell] = 0x7FFFFFFFFFFFFFFF
        self.cell_last[cell] = -0x7FFFFFFFFFFFFFFF
        self.place_cell(node, method, cell)
        self.cells_of[node].append(int(cell))
        self.codes_of.append([])
        return int(cell)

    def note_value(self, node: Any, value: Any, data: Any, start: Any, end: Any) -> Any:
        """Keep the smallest 64 hashes of a folded node's values, with their text: a sample, and a count of distinct values."""
        sketch: cython.int = self.sketch_of[node]
        n: cython.int = self.value_n[sketch]
        i: cython.int = 0
        worst: cython.int = 0
        if n == 64 and value > self.value_hash[sketch, 0]:
            return 0
        while i < n:
            if self.value_hash[sketch, i] == value:
                return 0
            i += 1
        texts = self.value_texts[node]
        if n < 64:
            self.value_hash[sketch, n] = value
            self.value_n[sketch] = n + 1
            n += 1
            i = n - 1
        else:
            texts.pop(int(self.value_hash[sketch, 0]), None)
            self.value_hash[sketch, 0] = value
            i = 0
        texts[int(value)] = bytes(data[start:end])
        if n == 64:  # the largest stands first
            i = 1
            while i < n:
                if self.value_hash[sketch, i] > self.value_hash[sketch, worst]:
                    worst = i
                i += 1
            value = self.value_hash[sketch, 0]
            self.value_hash[sketch, 0] = self.value_hash[sketch, worst]
            self.value_hash[sketch, worst] = value
        return 0

    def note_caller(self, cell: Any, caller: Any) -> Any:
        """As `note_value`, for the callers of a cell."""
        kept: cython.int = self.callers_kept
        n: cython.int = self.caller_n[cell]
        i: cython.int = 0
        worst: cython.int = 0
        if n == kept and caller > self.caller_hash[cell, 0]:
            return 0
        while i < n:
            if self.caller_hash[cell, i] == caller:
                return 0
            i += 1
        if n < kept:
            self.caller_hash[cell, n] = caller
            n += 1
            self.caller_n[cell] = n
        else:
            self.caller_hash[cell, 0] = caller
        if n == kept:
            i = 1
            while i < n:
                if self.caller_hash[cell, i] > self.caller_hash[cell, worst]:
                    worst = i
                i += 1
            caller = self.caller_hash[cell, 0]
            self.caller_hash[cell, 0] = self.caller_hash[cell, worst]
            self.caller_hash[cell, worst] = caller
        return 0

    def note_status(self, cell: Any, status: Any, calls: Any) -> Any:
        at: cython.ulonglong = cell
        code: cython.ulonglong = status
        key: cython.ulonglong = (at << 10 | (code & 1023)) + 1
        mask: cython.Py_ssize_t = self.status_slots - 1
        i: cython.Py_ssize_t = spread(key) & mask
        while self.status_key[i] != 0:
            if self.status_key[i] == key:
                self.status_calls[i] += calls
                return 0
            i = (i + 1) & mask
        self.status_key[i] = key
        self.status_calls[i] = calls
        self.status_used += 1
        self.codes_of[cell].append(int(status))
        if self.status_used * 2 >= self.status_slots:
            self.grow_statuses()
        return 0

    def grow_statuses(self) -> None:
        keys, counts = np.asarray(self.status_key), np.asarray(self.status_calls)
        self.status_slots *= 2
        self.status_used = 0
        self.status_key = np.zeros(self.status_slots, np.uint64)
        self.status_calls = np.zeros(self.status_slots, np.int64)
        mask: cython.Py_ssize_t = self.status_slots - 1
        i: cython.Py_ssize_t
        for at in np.flatnonzero(keys):
            i = int(spread(int(keys[at]))) & mask
            while self.status_key[i] != 0:
                i = (i + 1) & mask
            self.status_key[i] = keys[at]
            self.status_calls[i] = counts[at]
            self.status_used += 1

    def statuses(self, cell: Any) -> dict[int, int]:
        """Calls of a cell by status; 0 stands for no response seen."""
        found = {}
        mask = int(self.status_slots) - 1
        for status in self.codes_of[cell]:
            key = (int(cell) << 10 | status) + 1
            i = int(spread(key)) & mask
            while self.status_key[i] != 0:
                if self.status_key[i] == key:
                    found[status] = int(self.status_calls[i])
                    break
                i = (i + 1) & mask
        return found

    def callers(self, cell: Any) -> tuple[int, bool]:
        """How many callers a cell has, and whether that is counted (else it is an estimate from the sketch)."""
        n = int(self.caller_n[cell])
        if n < self.callers_kept:
            return n, True
        return round((n - 1) / (int(self.caller_hash[cell, 0]) / 2.0**64)), False

    def distinct(self, node: Any) -> tuple[int, bool]:
        """How many values a folded node has taken, and whether that is counted."""
        sketch = int(self.sketch_of[node])
        if sketch < 0:
            return 1, True
        n = int(self.value_n[sketch])
        if n < 64:
            return n, True
        return round((n - 1) / (int(self.value_hash[sketch, 0]) / 2.0**64)), False

    # The hot path -------------------------------------------------------------------------------------------------------------------

    def walk(self, root: Any, data: Any, start: Any, end: Any) -> Any:
        """The node at the end of the path data[start:end] (which begins with a slash), grown if need be; -1 when a limit forbids it."""
        node: cython.int = cython.cast(cython.int, root)
        below: cython.int
        at: cython.Py_ssize_t = start
        stop: cython.Py_ssize_t
        cut: cython.Py_ssize_t
        depth: cython.int = 0
        key: cython.ulonglong
        segment: Segment = self.segment
        last: cython.Py_ssize_t = end - 1  # the last slash
        slot: cython.Py_ssize_t = 0
        key: cython.ulonglong = 0
        while last > start and data[last] != 47:
            last -= 1
        if last > start:
            key = _joined_key(bytes_hash(self.k1, self.k0, data, start, last), root, 0)
            slot = key & (PREFIXES - 1)
            if self.prefix_key[slot] == key:
                node = cython.cast(cython.int, self.prefix_node[slot])
                depth = cython.cast(cython.int, self.prefix_depth[slot])
                at = last
        while at < end:
            if at == last and key != 0 and not self.unsure:
                self.prefix_key[slot] = key
                self.prefix_node[slot] = node
                self.prefix_depth[slot] = depth
            at += 1  # the slash
            stop = at
            cut = -1
            while stop < end and data[stop] != 47:
                if data[stop] == 59 and cut < 0:
                    cut = stop  # matrix parameters are no part of the name
                stop += 1
            if cut < 0:
                cut = stop
            if cut == at:
                if stop < end:
                    at = stop
                    continue  # //
                if depth == 0:
                    return node
                # a trailing slash: an empty word
            depth += 1
            if depth > self.depth_kept:
                self.dropped["paths_too_deep"] += 1
                return -1
            below = -1
            if cut > at and self.folded[node] != 0:
                segment.read(data, at, cut)
                if segment.kind != 0 and (self.folded[node] >> segment.kind) & 1 and not (self.kept and bytes(data[at:cut]) in self.kept):
                    below = self.edge(self.frame_key(node, segment.kind, data, at, segment.stem_at, segment.stem_end, cut))
                    if below >= 0:
                        self.note_value(below, bytes_hash(_SAMPLE0, _SAMPLE1, data, at, cut), data, at, cut)
            if below < 0:
                key = self.word_key(node, data, at, cut)
                below = self.edge(key)
                if below < 0 and self.folded[node] & 1 and cut > at:
                    below = self.crowded_word(node, data, at, cut, key)
                if below < 0:
                    below = self.child(node, bytes(data[at:cut]))
                    if below < 0:
                        self.dropped["paths_past_node_limit"] += 1
                        return -1
            node = below
            at = stop
        return node

    def crowded_word(self, node: Any, data: Any, start: Any, end: Any, key: Any) -> Any:
        """What `child` says of a new word beside too many others, as long as it gets no edge; -1 where `child` must decide.

        Random paths come this way, each segment of them, so it makes no object.
        """
        sight: cython.ulonglong = (key >> 20) & 0xFFFF
        below: cython.int
        segment: Segment = self.segment
        beside: cython.Py_ssize_t = len(self.siblings.get((node, 0, b"", b""), ()))
        if self.kept or beside < self.words_kept or (self.sighted[sight] >= 3 and beside < 4 * self.words_kept and self.nodes < self.nodes_kept):
            return -1
        segment.read(data, start, end)
        if segment.kind != 0:
            return -1
        below = self.edge(self.frame_key(node, 0, data, start, start, end, end))
        if below < 0:
            return -1
        self.sighted[sight] = min(_plain(self.sighted[sight]) + 1, 255)
        self.unsure = True
        self.dropped["words_folded"] += 1
        self.note_value(below, bytes_hash(_SAMPLE0, _SAMPLE1, data, start, end), data, start, end)
        return below

    def forget_paths(self) -> None:
        """Forget where paths lead: nodes have moved."""
        self.path_key = np.zeros(PATHS, np.uint64)
        self.prefix_key = np.zeros(PREFIXES, np.uint64)

    def observe(
        self,
        rows: Any,
        keys: Any,
        offsets: Any,
        octets: Any,
        roots: Any,
        methods: Any,
        statuses: Any,
        times: Any,
        callers: Any,
        cells: Any,
    ) -> int:
        """Take the calls in `rows` of a batch's columns; `keys` are their `path_keys`. The cell that each found goes into `cells`, which says -1
        where one found none. Returns how many found a place."""
        if not cython.compiled:
            columns = rows, keys, offsets, octets, roots, methods, statuses, times, callers
            rows, keys, offsets, octets, roots, methods, statuses, times, callers = (column.tolist() for column in columns)
            octets = bytes(octets)
        row_v: cython.const[cython.longlong][::1] = rows
        key_v: cython.const[cython.ulonglong][::1] = keys
        offset_v: cython.const[cython.int][::1] = offsets
        data: cython.const[cython.uchar][::1] = octets
        root_v: cython.const[cython.int][::1] = roots
        method_v: cython.const[cython.int][::1] = methods
        status_v: cython.const[cython.int][::1] = statuses
        time_v: cython.const[cython.longlong][::1] = times
        caller_v: cython.const[cython.ulonglong][::1] = callers
        found_v: cython.int[::1] = cells
        i: cython.Py_ssize_t = 0
        n: cython.Py_ssize_t = len(row_v)
        row: cython.Py_ssize_t
        slot: cython.Py_ssize_t
        key: cython.ulonglong
        node: cython.int
        cell: cython.int
        start: cython.Py_ssize_t
        end: cython.Py_ssize_t
        placed: cython.Py_ssize_t = 0
        while i < n:
            row = row_v[i]
            i += 1
            if key_v[row] == 0:
                self.dropped["odd_targets"] += 1
                continue
            # A path that was seen before, with this method below this root, leads where it led.
            key = _joined_key(key_v[row], root_v[row], method_v[row])
            slot = key & (PATHS - 1)
            if self.path_key[slot] == key:
                cell = self.path_cell[slot]
            else:
                end = offset_v[row + 1]
                start = path_start(data, offset_v[row], end)
                node = self.walk(root_v[row], data, start, end)
                if node < 0:
                    continue
                if find_in(data, start, end, 59) >= 0:
                    matrix = matrix_names(bytes(data[start:end]))
                    if matrix[0]:
                        self.see_matrix()
                    self.join_matrix(node, matrix)
                elif self.matrix_seen:
                    self.join_matrix(node, NO_MATRIX)
                cell = self.find_cell(node, method_v[row])
                if cell < 0:
                    cell = self.make_cell(node, method_v[row])
                if self.unsure:  # a new word among too many: the next time it may get an edge
                    self.unsure = False
                else:
                    self.path_key[slot] = key
                    self.path_cell[slot] = cell
            placed += 1
            found_v[row] = cell
            self.cell_calls[cell] += 1
            self.cell_first[cell] = min(self.cell_first[cell], time_v[row])
            self.cell_last[cell] = max(self.cell_last[cell], time_v[row])
            self.note_status(cell, status_v[row], 1)
            if caller_v[row] != self.last_caller[cell]:
                self.last_caller[cell] = caller_v[row]
                self.note_caller(cell, caller_v[row])
        return int(placed)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _joined_key(path: cython.ulonglong, root: cython.int, method: cython.int) -> cython.ulonglong:
    """The key of a path below a root, with a method; 0 is an empty slot."""
    at: cython.ulonglong = root
    number: cython.ulonglong = method + 1
    return path ^ spread(at << 8 | number) | 1


def matrix_names(path: bytes) -> Matrix:
    """The matrix parameters of a path."""
    found = []
    segments = (segment for segment in path.split(b"/") if segment.partition(b";")[0])
    for number, segment in enumerate(segments):
        for name in _MATRIX.findall(segment.decode("latin-1")) if b";" in segment else ():
            if len(found) < MATRIX:
                found.append((number, name))
    return (frozenset(found), tuple(found)) if found else NO_MATRIX


def path_keys(k0: Any, k1: Any, offsets: Any, octets: Any) -> Any:
    """A keyed hash of each path of a column (u64, never 0); 0 for a target that holds no path, such as ``*``."""
    keys = np.zeros(max(0, len(offsets) - 1), np.uint64)
    if not cython.compiled:
        offsets, octets = offsets.tolist(), octets.tobytes()
    offset_v: cython.const[cython.int][::1] = offsets
    data: cython.const[cython.uchar][::1] = octets
    key_v: cython.ulonglong[::1] = keys
    low: cython.ulonglong = k0
    high: cython.ulonglong = k1
    i: cython.Py_ssize_t = 0
    n: cython.Py_ssize_t = len(key_v)
    start: cython.Py_ssize_t
    while i < n:
        start = path_start(data, offset_v[i], offset_v[i + 1])
        if start >= 0:
            key_v[i] = bytes_hash(low, high, data, start, offset_v[i + 1]) | 1
        i += 1
    return keys


@cython.cfunc
@cython.exceptval(-2)
def path_start(data: cython.const[cython.uchar][::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Where the path begins: past scheme and authority of an absolute-form target; -1 for ``*`` and ``host:port``."""
    i: cython.Py_ssize_t
    if start < end and data[start] == 47:
        return start
    i = start
    while i + 2 < end:
        if data[i] == 58 and data[i + 1] == 47 and data[i + 2] == 47:
            i += 3
            while i < end and data[i] != 47:
                i += 1
            return i
        i += 1
    return -1


@cython.cclass
class Matcher:
    """Decided templates as a tree to walk: literal edges, and parameters that take segments of the kinds and the frame they were seen with."""

    def __init__(self, k0: Any, k1: Any, depth_kept: Any = 32) -> None:
        self.k0 = k0
        self.k1 = k1
        self.depth_kept = depth_kept
        self.slots = 1024
        self.slots_used = 0
        self.slot_key = np.zeros(self.slots, np.uint64)
        self.slot_node = np.zeros(self.slots, np.int32)
        self.nodes = 0
        self.literals = np.zeros(256, np.uint8)
        self.first_param = np.full(256, -1, np.int32)
        self.next_param = np.full(256, -1, np.int32)
        self.param_kinds = np.zeros(256, np.uint32)
        self.param_frame = np.zeros(256, np.uint64)
        self.leaf = np.full(256, -1, np.int32)
        self.path_key = np.zeros(PATHS, np.uint64)
        self.path_leaf = np.zeros(PATHS, np.int32)
        self.segment = Segment()

    def edge(self, key: Any) -> Any:
        mask: cython.Py_ssize_t = self.slots - 1
        i: cython.Py_ssize_t = key & mask
        while self.slot_key[i] != 0:
            if self.slot_key[i] == key:
                return _plain(self.slot_node[i])
            i = (i + 1) & mask
        return -1

    def word_key(self, node: Any, data: Any, start: Any, end: Any) -> Any:
        n: cython.ulonglong = node
        key: cython.ulonglong = bytes_hash(self.k0 ^ spread(n + 1), self.k1, data, start, end)
        return key | 1

    def add_node(self) -> int:
        node = self.nodes
        if node == len(self.leaf):
            for name in ("first_param", "next_param", "leaf"):
                setattr(self, name, np.concatenate([np.asarray(getattr(self, name)), np.full(node, -1, np.int32)]))
            self.literals = np.concatenate([np.asarray(self.literals), np.zeros(node, np.uint8)])
            self.param_kinds = np.concatenate([np.asarray(self.param_kinds), np.zeros(node, np.uint32)])
            self.param_frame = np.concatenate([np.asarray(self.param_frame), np.zeros(node, np.uint64)])
        self.nodes = node + 1
        return int(node)

    def add_literal(self, parent: Any, text: bytes) -> int:
        """A literal edge; its node."""
        if self.slots_used * 2 >= self.slots:
            keys, nodes = np.asarray(self.slot_key), np.asarray(self.slot_node)
            self.slots *= 2
            self.slot_key = np.zeros(self.slots, np.uint64)
            self.slot_node = np.zeros(self.slots, np.int32)
            for at in np.flatnonzero(keys):
                self.place(int(keys[at]), int(nodes[at]))
        made = self.add_node()
        self.place(int(self.word_key(parent, text, 0, len(text))), made)
        self.slots_used += 1
        self.literals[parent] = 1
        return made

    def place(self, key: Any, node: Any) -> None:
        k: cython.ulonglong = key
        mask: cython.Py_ssize_t = self.slots - 1
        i: cython.Py_ssize_t = k & mask
        while self.slot_key[i] != 0:
            i = (i + 1) & mask
        self.slot_key[i] = k
        self.slot_node[i] = node

    def add_param(self, parent: Any, kinds: Any, prefix: bytes, suffix: bytes, anything: bool = False) -> int:
        """A parameter edge for segments of these kinds (a bit each) inside this frame, or for anything at all; its node."""
        made = self.add_node()
        self.param_kinds[made] = (1 << len(KINDS)) - 1 if anything else kinds
        self.param_frame[made] = 0 if anything else frame_hash(self.k0, prefix + suffix, len(prefix))
        self.next_param[made] = self.first_param[parent]
        self.first_param[parent] = made
        return made

    def walk(self, root: Any, data: Any, start: Any, end: Any) -> Any:
        """The template node at the end of a path, or -1. Takes a literal before a parameter, and comes back for the parameter if the literal leads nowhere."""
        node: cython.int = root
        below: cython.int
        param: cython.int
        at: cython.Py_ssize_t = start
        stop: cython.Py_ssize_t
        cut: cython.Py_ssize_t
        frame: cython.ulonglong
        depth: cython.int = 0
        tries: cython.int = 0
        back_node: cython.int = -1  # the last place where a literal was taken though a parameter stood beside it
        back_at: cython.Py_ssize_t = 0
        back_depth: cython.int = 0
        only_param: cython.bint = False
        segment: Segment = self.segment
        while True:
            if at >= end:
                if self.leaf[node] >= 0:
                    return node
                below = -1
            else:
                stop = at + 1
                cut = -1
                while stop < end and data[stop] != 47:
                    if data[stop] == 59 and cut < 0:
                        cut = stop
                    stop += 1
                if cut < 0:
                    cut = stop
                if cut == at + 1:
                    if stop < end:
                        at = stop
                        continue
                    if depth == 0:
                        at = end
                        continue
                depth += 1
                if depth > self.depth_kept:
                    return -1
                below = -1
                if not only_param and self.literals[node] != 0:
                    below = self.edge(self.word_key(node, data, at + 1, cut))
                    if below >= 0 and self.first_param[node] >= 0:
                        back_node = node
                        back_at = at
                        back_depth = depth - 1
                only_param = False
                if below < 0 and cut > at + 1 and self.first_param[node] >= 0:
                    segment.read(data, at + 1, cut)
                    param = self.first_param[node]
                    while param >= 0:
                        if (self.param_kinds[param] >> segment.kind) & 1:
                            frame = 1
                            if segment.kind == WORD and self.param_frame[param] != 1:
                                segment.stem_at = segment.frame_at
                                segment.stem_end = segment.frame_end
                            if segment.stem_at > at + 1 or segment.stem_end < cut:
                                frame = bytes_hash(self.k0, 1, data, at + 1, segment.stem_at) ^ bytes_hash(self.k0, 2, data, segment.stem_end, cut) | 1
                            if frame == self.param_frame[param] or self.param_frame[param] == 0:
                                below = param
                                break
                            if segment.kind == WORD:
                                segment.stem_at = at + 1
                                segment.stem_end = cut
                        param = self.next_param[param]
            if below < 0:
                tries += 1
                if back_node < 0 or tries > 4:
                    return -1
                node = back_node
                at = back_at
                depth = back_depth
                back_node = -1
                only_param = True
                continue
            node = below
            at = stop

    def fingerprint(self) -> bytes:
        """Equal for two that label every path alike."""
        arrays = (self.slot_key, self.slot_node, self.first_param, self.next_param, self.param_kinds, self.param_frame, self.leaf)
        return blake2b(b"".join(np.asarray(one).tobytes() for one in arrays), digest_size=16).digest()

    def match(self, keys: Any, offsets: Any, octets: Any, roots: Any, leaves: Any) -> None:
        """The leaf number of every path (-1: no template takes it) into `leaves`; `keys` are their `path_keys`. A root of -1 is a host without a map."""
        if not cython.compiled:
            keys, offsets, octets, roots = keys.tolist(), offsets.tolist(), octets.tobytes(), roots.tolist()
        key_v: cython.const[cython.ulonglong][::1] = keys
        offset_v: cython.const[cython.int][::1] = offsets
        data: cython.const[cython.uchar][::1] = octets
        root_v: cython.const[cython.int][::1] = roots
        leaf_v: cython.int[::1] = leaves
        i: cython.Py_ssize_t = 0
        n: cython.Py_ssize_t = len(root_v)
        slot: cython.Py_ssize_t
        key: cython.ulonglong
        node: cython.int
        end: cython.Py_ssize_t
        while i < n:
            leaf_v[i] = -1
            if root_v[i] >= 0 and key_v[i] != 0:
                key = _joined_key(key_v[i], root_v[i], 0)
                slot = key & (PATHS - 1)
                if self.path_key[slot] != key:
                    end = offset_v[i + 1]
                    node = self.walk(root_v[i], data, path_start(data, offset_v[i], end), end)
                    self.path_key[slot] = key
                    self.path_leaf[slot] = self.leaf[node] if node >= 0 else -1
                leaf_v[i] = self.path_leaf[slot]
            i += 1


def frame_hash(k0: Any, frame: bytes, prefix: Any) -> int:
    """What a parameter's frame is known by; 1 for none."""
    if not frame:
        return 1
    return int(bytes_hash(k0, 1, frame, 0, prefix) ^ bytes_hash(k0, 2, frame, prefix, len(frame)) | 1)
