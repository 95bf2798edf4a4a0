"""Which calls are worth reading: a fingerprint of a body's structure, and the sample that is taken of every endpoint.

`Structure.of` gives a body's structural fingerprint: the same for bodies that have the same fields of the same types, whatever their values, the order
of the fields and the number of array items. It reads octets only, makes no object and never fails; the hash is keyed, so that nobody can make a body that
passes for another.

Reading every octet of every body would cost more than decoding the packets did. So `Sampler.choose` takes, of the calls of each endpoint (requests) and of
each endpoint and status (responses):

* the first FIRST of them, read whole;
* those whose length class is new, or, of one in 32, whose first octets are; and one in LOOKED of the others (fewer of the long ones): fingerprinted,
  and read whole when the structure is new;
* a sample that thins out with the number of calls, DECAY in n, never below one in RAREST, read whole for its values.

Which calls are in the sample depends on their time and client port, and on how many came before: not on chance, so the same capture gives the same answer.
How many calls and bodies were seen and looked at is counted; what is said about the rest stands on these counts.

The same pass counts every call by the way it authenticates, since it has the call's columns at hand.
"""

from __future__ import annotations

from typing import Any

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

OTHER, JSON, FORM, XML, MULTIPART = range(5)
"""Kinds of bodies that are read; OTHER is read where its first octet says JSON."""

FIRST = cython.declare(cython.longlong, 64)
DECAY = cython.declare(cython.longlong, 8)
RAREST = cython.declare(cython.longlong, 4096)
LOOKED = cython.declare(cython.ulonglong, 32)
SHAPES = cython.declare(cython.int, 64)  # structures of one slot that are read for being new; past it new structures are no news
DEEPEST = cython.declare(cython.int, 64)  # objects and arrays inside one another; deeper bodies share one fingerprint
PARTS = cython.declare(cython.int, 700)  # distinct parts of one body's structure
SCHEMES = 16  # room for the ways to authenticate that are counted (sensor.catalogue.authentication.SCHEMES)

IN_THE_OPEN = 128
NEEDS_PROOF = 64

_JSON = cython.declare(cython.int, 1)
_FORM = cython.declare(cython.int, 2)
_XML = cython.declare(cython.int, 3)
_LOW = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_LOW32 = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_FNV = cython.declare(cython.ulonglong, 0x100000001B3)
_FNV_START = cython.declare(cython.ulonglong, 0xCBF29CE484222325)
_ARRAY = cython.declare(cython.ulonglong, 0x9AE16A3B2F90404F)
_KEYED = cython.declare(cython.ulonglong, 0xC949C7DEFD7A5F31)

# Types of JSON values, as bits of a mask under the keys of a map.
_NULL = cython.declare(cython.int, 1)
_BOOLEAN = cython.declare(cython.int, 2)
_INTEGER = cython.declare(cython.int, 3)
_NUMBER = cython.declare(cython.int, 4)
_STRING = cython.declare(cython.int, 5)
_LIST = cython.declare(cython.int, 6)
_OBJECT = cython.declare(cython.int, 7)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _join(a: cython.ulonglong, b: cython.ulonglong) -> cython.ulonglong:
    """One word of two, in this order."""
    return spread(spread(a ^ _FNV_START) + b if cython.compiled else (spread(a ^ _FNV_START) + int(b)) & _LOW)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _blank(c: cython.int) -> cython.bint:
    return c == 32 or c == 10 or c == 13 or c == 9


@cython.cfunc
@cython.exceptval(-1)
def _is_key(data: cython.const[cython.uchar][::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
    """Whether a member's name is a value: all digits, or digits and hex letters (with dashes) of some length, or an address."""
    n: cython.Py_ssize_t = end - start
    i: cython.Py_ssize_t
    c: cython.int
    digits: cython.int = 0
    hexes: cython.int = 0
    if n == 0 or n > 128:
        return n > 128
    for i in range(start, end):
        c = data[i]
        if 48 <= c <= 57:
            digits += 1
        elif 97 <= c <= 102 or 65 <= c <= 70 or c == 45:
            hexes += 1
        elif c == 64:
            return 1
    return digits == n or (n >= 12 and digits > 1 and digits + hexes == n)


@cython.cclass
class Structure:
    """Fingerprints under one key. Not for two threads at once: it keeps its working memory."""

    def __init__(self, k0: Any, k1: Any) -> None:
        self.k0 = k0
        self.k1 = k1
        self.path = np.zeros(DEEPEST, np.uint64)
        self.members = np.zeros(DEEPEST, np.uint64)
        self.keyed = np.zeros(DEEPEST, np.uint32)
        self.array = np.zeros(DEEPEST, np.uint8)
        self.known = np.zeros(1024, np.uint64)
        self.known_in = np.zeros(1024, np.uint32)
        self.round = 0
        self.found = 0
        self.names = 0
        self.total = 0
        if not cython.compiled:  # numpy's integers warn where C's wrap
            for name in ("path", "members", "keyed", "array", "known", "known_in"):
                setattr(self, name, getattr(self, name).tolist())

    def note(self, part: Any) -> Any:
        """Add a part of the structure, once however often it stands there."""
        i: cython.Py_ssize_t = part & 1023
        while self.known_in[i] == self.round:
            if self.known[i] == part:
                return 0
            i = (i + 1) & 1023
        if self.found >= PARTS:
            return 0
        self.found += 1
        self.known_in[i] = self.round
        self.known[i] = part
        self.total = (self.total + spread(part)) & _LOW
        return 0

    def of(self, data: Any, start: Any, end: Any, kind: Any) -> Any:
        """The fingerprint of data[start:end] read as `kind`; 0 where it cannot be read so. Raises IndexError for a range outside the buffer.

        After JSON `names` says how many members all its objects have, those of one name each for itself.
        """
        if start < 0 or start > end or end > len(data):
            raise IndexError("structure: range outside the buffer")
        self.round = (self.round + 1) & 0xFFFFFFFF
        if self.round == 0:
            self.round = 1
            for i in range(1024):
                self.known_in[i] = 0
        self.found = 0
        self.names = 0
        self.total = 0
        at: cython.Py_ssize_t = start
        while at < end and (_blank(data[at]) or data[at] in {0xEF, 0xBB, 0xBF}):  # UTF-8's byte order mark
            at += 1
        if at == end:
            return 0
        if kind == _FORM:
            return self.form(data, at, end)
        if kind == _XML:
            return self.xml(data, at, end)
        if kind == _JSON or data[at] == 123 or data[at] == 91:
            return self.json(data, at, end)
        return 0

    def json(self, data: Any, start: Any, end: Any) -> Any:
        i: cython.Py_ssize_t = start
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        c: cython.int
        kind: cython.int
        depth: cython.int = -1
        named: cython.bint = False
        is_key: cython.bint = False
        name: cython.ulonglong = 0
        here: cython.ulonglong
        values: cython.Py_ssize_t = 0
        while i < end:
            c = data[i]
            if _blank(c):
                i += 1
                continue
            if c == 44:  # ,
                named = False
                i += 1
                continue
            if c == 125 or c == 93:  # } ]
                if depth < 0 or self.array[depth] != (c == 93):
                    return 0
                if c == 125:
                    self.note(_join(_join(self.path[depth], self.members[depth]), self.keyed[depth] + 1))
                depth -= 1
                named = False
                i += 1
                continue
            if c == 34:  # "
                j = i + 1
                while True:
                    j = find_in(data, j, end, 34)
                    if j < 0:
                        return 0
                    k = j - 1
                    while data[k] == 92:  # the quote at i ends this
                        k -= 1
                    if (j - k) & 1:
                        break
                    j += 1
                if depth >= 0 and not self.array[depth] and not named:
                    is_key = _is_key(data, i + 1, j) != 0
                    name = _KEYED if is_key else bytes_hash(self.k0, self.k1, data, i + 1, j)
                    named = True
                    self.names += 1
                    i = j + 1
                    while i < end and _blank(data[i]):
                        i += 1
                    if i >= end or data[i] != 58:
                        return 0
                    i += 1
                    continue
                kind = _STRING
                i = j + 1
            elif c == 123:
                kind = _OBJECT
                i += 1
            elif c == 91:
                kind = _LIST
                i += 1
            elif c == 116 or c == 102 or c == 110:  # true false null
                kind = _NULL if c == 110 else _BOOLEAN
                i += 1
                while i < end and 97 <= data[i] <= 122:
                    i += 1
            elif c == 45 or 48 <= c <= 57:
                kind = _INTEGER
                i += 1
                while i < end:
                    c = data[i]
                    if not (48 <= c <= 57):
                        if c == 46 or c == 101 or c == 69:
                            kind = _NUMBER
                        elif c != 43 and c != 45:
                            break
                    i += 1
            else:
                return 0
            # A value: what it is part of learns its type.
            if depth < 0:
                values += 1
                if values > 1:
                    return 0  # two values are no JSON text
                self.note(kind)
                here = self.k1
            elif self.array[depth]:
                self.note(_join(self.path[depth], kind))
                here = _join(self.path[depth], _ARRAY)
            else:
                if not named:
                    return 0
                if is_key:
                    self.keyed[depth] = self.keyed[depth] | (1 << kind)
                else:
                    self.members[depth] = (self.members[depth] + _join(name, kind)) & _LOW
                here = _join(self.path[depth], name)
            if kind >= _LIST:  # or an object
                depth += 1
                if depth >= DEEPEST:
                    return _join(self.k0, _ARRAY) | 1
                self.path[depth] = here
                self.members[depth] = 0
                self.keyed[depth] = 0
                self.array[depth] = kind == _LIST
                named = False
        if depth >= 0:
            return 0
        return _join(self.total, self.found) | 1

    def form(self, data: Any, start: Any, end: Any) -> Any:
        i: cython.Py_ssize_t = start
        at: cython.Py_ssize_t
        equals: cython.Py_ssize_t
        kind: cython.int
        c: cython.int
        while i <= end:
            at = i
            equals = -1
            kind = 0  # of the value: empty, digits, other
            while i < end and data[i] != 38:
                c = data[i]
                if equals < 0:
                    if c == 61:
                        equals = i
                elif 48 <= c <= 57:
                    if kind == 0:
                        kind = 1
                else:
                    kind = 2
                i += 1
            if i > at:
                self.note(_join(bytes_hash(self.k0, self.k1, data, at, equals if equals >= 0 else i), kind))
            i += 1
        return _join(self.total, self.found) | 1

    def xml(self, data: Any, start: Any, end: Any) -> Any:
        i: cython.Py_ssize_t = start
        at: cython.Py_ssize_t
        c: cython.int
        depth: cython.int = 0
        here: cython.ulonglong
        quote: cython.int
        if data[start] != 60:
            return 0
        self.path[0] = self.k1
        while True:
            i = find_in(data, i, end, 60)  # <
            if i < 0 or i + 1 >= end:
                break
            i += 1
            c = data[i]
            if c == 47:  # </
                depth = max(depth - 1, 0)
            elif c != 33 and c != 63:
                at = i
                while i < end and not _blank(data[i]) and data[i] != 47 and data[i] != 62:
                    i += 1
                here = _join(self.path[depth], bytes_hash(self.k0, self.k1, data, at, i))
                self.note(here)
                quote = 0
                at = i
                while i < end:
                    c = data[i]
                    if quote:
                        if c == quote:
                            quote = 0
                    elif c == 34 or c == 39:
                        quote = c
                    elif c == 62:
                        break
                    elif _blank(c):
                        at = i + 1
                    elif c == 61:  # an attribute: its name ends here
                        self.note(_join(here, bytes_hash(self.k1, self.k0, data, at, i)))
                        at = i + 1
                    i += 1
                if i < end and data[i - 1] != 47:
                    depth += 1
                    if depth >= DEEPEST:
                        return _join(self.k0, _ARRAY) | 1
                    self.path[depth] = here
            i = find_in(data, i, end, 62)
            if i < 0:
                break
        return _join(self.total, self.found) | 1


def last_whole(octets: bytes) -> tuple[int, bytes]:
    """Where the last complete value of a JSON text ends that was cut somewhere, and what is open there, outermost first, as ``{`` and ``[``.

    (0, b"") where nothing is complete, or where more than DEEPEST are open.
    """
    data: cython.const[cython.uchar][::1] = octets
    stack = bytearray(DEEPEST)
    kinds: cython.uchar[::1] = stack
    depth: cython.int = 0
    kept: cython.int = 0
    whole: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t = 0
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(octets)
    c: cython.int
    while i < n:
        c = data[i]
        if c == 34:
            j = i + 1
            while True:
                j = find_in(data, j, n, 34)
                if j < 0:
                    return whole, bytes(stack[:kept])  # a string that never ends
                k = j - 1
                while data[k] == 92:
                    k -= 1
                if (j - k) & 1:
                    break
                j += 1
            i = j
        elif c == 44:
            whole = i
            kept = depth
        elif c == 123 or c == 91:
            if depth >= DEEPEST:
                return 0, b""
            kinds[depth] = c
            depth += 1
            whole = i + 1
            kept = depth
        elif c == 125 or c == 93:
            if depth == 0 or kinds[depth - 1] != (123 if c == 125 else 91):
                return 0, b""
            depth -= 1
            whole = i + 1
            kept = depth
            if depth == 0:
                break
        i += 1
    return whole, bytes(stack[:kept])


def fold_name(name: str) -> int:
    """The hash that names of query parameters and headers are looked up by, in lower case."""
    h = 0xCBF29CE484222325
    for octet in name.lower().encode():
        h = ((h ^ octet) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


@cython.cclass
class Sampler:
    """Counts the calls of every endpoint and chooses those to be read.

    `names`: what credentials are called in queries (``?name``) and heads (``name``), with the number of their scheme; IN_THE_OPEN is added where the query
    shows the credential itself, NEEDS_PROOF where the name alone says little, so that the value must be a machine's.
    """

    def __init__(self, k0: Any, k1: Any, names: dict[str, int], slots_kept: Any = 32_768, structures_kept: Any = 65_536) -> None:
        self.k0 = k0
        self.k1 = k1
        self.structure = Structure(k0, k1)
        self.slots_kept = slots_kept
        self.structures_kept = structures_kept
        self.counters = {"slots_past_limit": 0, "structures_past_limit": 0}
        self.slots = 0
        self.structures = 0
        self.table_key = np.zeros(1024, np.uint64)
        self.table_slot = np.zeros(1024, np.int32)
        self.structure_key = np.zeros(_power_of_two(2 * structures_kept), np.uint64)
        self.seen = np.zeros(256, np.int64)
        self.bodies = np.zeros(256, np.int64)
        self.looked = np.zeros(256, np.int64)
        self.incomplete = np.zeros(256, np.int64)
        self.lengths = np.zeros(256, np.uint64)
        self.beginnings = np.zeros(256, np.uint64)
        self.shapes = np.zeros(256, np.int32)
        self.owner = np.zeros(256, np.int32)
        self.status = np.zeros(256, np.int32)
        self.answered = np.zeros((256, SCHEMES), np.int64)
        self.refused = np.zeros((256, SCHEMES), np.int64)
        self.name_hash = np.zeros(256, np.uint64)
        self.name_code = np.zeros(256, np.uint8)
        for name, code in names.items():
            h = fold_name(name)
            i = h & 255
            while self.name_hash[i] != 0:
                i = (i + 1) & 255
            self.name_hash[i] = h
            self.name_code[i] = code

    def slot(self, key: Any, owner: Any, status: Any) -> Any:
        """The slot behind a key, made when it is new; -1 past the limit. A slot of responses has the slot of their requests as its owner."""
        key |= 1
        mask: cython.Py_ssize_t = len(self.table_key) - 1
        i: cython.Py_ssize_t = (key >> 1) & mask
        while self.table_key[i] != 0:
            if self.table_key[i] == key:
                return int(self.table_slot[i]) if not cython.compiled else self.table_slot[i]
            i = (i + 1) & mask
        if self.slots >= self.slots_kept:
            self.counters["slots_past_limit"] += 1
            return -1
        at: cython.int = self.slots
        if at == len(self.seen):
            self.grow()
        if at * 2 >= len(self.table_key):
            self.rehash()
            return self.slot(key, owner, status)
        self.slots = at + 1
        self.table_key[i] = key
        self.table_slot[i] = at
        self.owner[at] = owner if owner >= 0 else at
        self.status[at] = status
        return at

    def grow(self) -> None:
        n = len(self.seen)
        for name in ("seen", "bodies", "looked", "incomplete"):
            setattr(self, name, np.concatenate([np.asarray(getattr(self, name)), np.zeros(n, np.int64)]))
        self.lengths = np.concatenate([np.asarray(self.lengths), np.zeros(n, np.uint64)])
        self.beginnings = np.concatenate([np.asarray(self.beginnings), np.zeros(n, np.uint64)])
        for name in ("shapes", "owner", "status"):
            setattr(self, name, np.concatenate([np.asarray(getattr(self, name)), np.zeros(n, np.int32)]))
        for name in ("answered", "refused"):
            setattr(self, name, np.concatenate([np.asarray(getattr(self, name)), np.zeros((n, SCHEMES), np.int64)]))

    def rehash(self) -> None:
        keys, slots = np.asarray(self.table_key), np.asarray(self.table_slot)
        self.table_key = np.zeros(2 * len(keys), np.uint64)
        self.table_slot = np.zeros(2 * len(keys), np.int32)
        mask = 2 * len(keys) - 1
        for at in np.flatnonzero(keys):
            i = (int(keys[at]) >> 1) & mask
            while self.table_key[i] != 0:
                i = (i + 1) & mask
            self.table_key[i] = keys[at]
            self.table_slot[i] = slots[at]

    def known(self, key: Any) -> Any:
        """Whether a structure was seen before in its slot; it is remembered from now on, as long as there is room."""
        key |= 1
        mask: cython.Py_ssize_t = len(self.structure_key) - 1
        i: cython.Py_ssize_t = (key >> 1) & mask
        while self.structure_key[i] != 0:
            if self.structure_key[i] == key:
                return True
            i = (i + 1) & mask
        if self.structures >= self.structures_kept:
            self.counters["structures_past_limit"] += 1
            return True
        self.structures += 1
        self.structure_key[i] = key
        return False

    def sample(self, slot: Any, chance: Any) -> Any:
        """Count one more of a slot, and say whether it is among those that are read whatever they hold: the first ones, and ever fewer of the others."""
        n: cython.longlong = self.seen[slot]
        m: cython.ulonglong = n // DECAY
        self.seen[slot] = n + 1
        m = min(m, RAREST)
        return 1 if n < FIRST or ((chance >> 32) * m) >> 32 == 0 else 0

    def judge(self, slot: Any, chance: Any, data: Any, start: Any, end: Any, kind: Any, extra: Any) -> Any:
        """Whether the body data[start:end] is to be read. `chance`: a word of random bits that belongs to the call; `extra`: what else makes the structure."""
        size: cython.Py_ssize_t = end - start
        m: cython.ulonglong
        bit: cython.ulonglong = 1
        i: cython.Py_ssize_t
        h: cython.ulonglong
        c: cython.int
        read: cython.bint = self.sample(slot, chance)
        look: cython.bint = self.seen[slot] <= FIRST
        if not look:
            m = LOOKED * (1 + size // 1024)
            look = read or ((chance & _LOW32) * m) >> 32 == 0
        # The length by its two highest bits, and the beginning with digits alike: a class of either that is new is looked at.
        m = size
        i = 0
        while m > 3:
            m >>= 1
            i += 2
        bit <<= (i + (m & 1)) & 63
        if self.lengths[slot] & bit == 0:
            self.lengths[slot] = self.lengths[slot] | bit
            look = True
        if look or chance & 31 == 0:  # a body's first octets stand in memory that nothing else here touches: 60 ns each
            h = 0
            i = start
            while i < end and i < start + 12:
                c = data[i]
                if 48 <= c <= 57:
                    c = 48
                h = ((h ^ c) * _FNV) & _LOW
                i += 1
            bit = 1
            bit <<= spread(h) & 63
            if self.beginnings[slot] & bit == 0:
                self.beginnings[slot] = self.beginnings[slot] | bit
                look = True
        if not look:
            return 0
        self.looked[slot] += 1
        h = self.structure.of(data, start, end, kind) if size > 0 else 1
        h = _join(_join(h, extra), slot)
        if not self.known(h):
            if self.shapes[slot] < SHAPES:
                self.shapes[slot] += 1
                read = True
        return 1 if read else 0

    def named(self, name: Any) -> Any:
        """The scheme of a name's hash; 0 for none."""
        i: cython.Py_ssize_t = name & 255
        while self.name_hash[i] != 0:
            if self.name_hash[i] == name:
                return self.name_code[i] if cython.compiled else int(self.name_code[i])
            i = (i + 1) & 255
        return 0

    def query_scheme(self, data: Any, start: Any, end: Any) -> Any:
        """The scheme of the first credential in a query; 0 for none. A credential has eight octets at least."""
        i: cython.Py_ssize_t = start
        at: cython.Py_ssize_t
        c: cython.int
        h: cython.ulonglong
        code: cython.int
        digits: cython.int
        while i < end:
            h = (_FNV_START ^ 63) * _FNV & _LOW  # the names of the query stand with a ? in front
            while i < end:
                c = data[i]
                if c == 61 or c == 38:
                    break
                if 65 <= c <= 90:
                    c |= 32
                h = (h ^ c) * _FNV & _LOW
                i += 1
            at = i
            digits = 0
            while i < end and data[i] != 38:
                if 48 <= data[i] <= 57:
                    digits += 1
                i += 1
            if i - at > 8:
                code = self.named(h)
                if code and (not code & 64 or (i - at > 16 and digits > 0)):
                    return code
            i += 1
        return 0

    def head_scheme(self, data: Any, start: Any, end: Any) -> Any:
        """The scheme that a header of a request's head shows beside those that have columns of their own; 0 for none."""
        i: cython.Py_ssize_t = start
        c: cython.int
        h: cython.ulonglong
        code: cython.int
        while True:
            i = find_in(data, i, end, 10)
            if i < 0 or i + 1 >= end:
                return 0
            i += 1
            c = data[i] | 32
            if c != 120 and c != 115 and c != 97 and c != 99 and c != 100 and c != 111 and c != 112 and c != 116:
                continue  # x s a c d o p t begin the names looked for
            h = _FNV_START
            while i < end:
                c = data[i]
                if c == 58 or c <= 32:
                    break
                if 65 <= c <= 90:
                    c |= 32
                h = (h ^ c) * _FNV & _LOW
                i += 1
            if c == 58:
                code = self.named(h)
                if code:
                    return code

    def choose(
        self,
        ids: Any,
        statuses: Any,
        chances: Any,
        schemes: Any,
        kinds: Any,
        whole: Any,
        query: Any,
        head: Any,
        request: Any,
        response: Any,
        take: Any,
        slots: Any,
    ) -> list[int]:
        """Count the calls of a batch and choose those to be read; returns the rows whose endpoint is new here.

        Columns by row: `ids` (what makes an endpoint, 0: none), `statuses`, `chances` (random bits), `schemes` (how it authenticates, 0: nothing seen in the
        columns; the scheme found is written back), `kinds` (of the request's body, and of the response's in the next four bits), `whole` (bit 0: the request's body was seen whole, bit 1:
        the response's; bits 2 and 3: it was cut where bodies are). `query head request response` are pairs (offsets, octets). Written: `take` (bit 0: read the request, bit 1: read the response; bit 2: a
        credential stands in the query) and `slots`.
        """
        if not cython.compiled:
            ids, statuses, chances, kinds, whole = (column.tolist() for column in (ids, statuses, chances, kinds, whole))
            query, head, request, response = ((offsets.tolist(), octets.tobytes()) for offsets, octets in (query, head, request, response))
        id_v: cython.const[cython.ulonglong][::1] = ids
        status_v: cython.const[cython.int][::1] = statuses
        chance_v: cython.const[cython.ulonglong][::1] = chances
        scheme_v: cython.uchar[::1] = schemes
        kind_v: cython.const[cython.uchar][::1] = kinds
        whole_v: cython.const[cython.uchar][::1] = whole
        take_v: cython.uchar[::1] = take
        slot_v: cython.int[::1] = slots
        query_at: cython.const[cython.int][::1] = query[0]
        query_data: cython.const[cython.uchar][::1] = query[1]
        head_at: cython.const[cython.int][::1] = head[0]
        head_data: cython.const[cython.uchar][::1] = head[1]
        request_at: cython.const[cython.int][::1] = request[0]
        request_data: cython.const[cython.uchar][::1] = request[1]
        response_at: cython.const[cython.int][::1] = response[0]
        response_data: cython.const[cython.uchar][::1] = response[1]
        row: cython.Py_ssize_t
        slot: cython.int
        other: cython.int
        code: cython.int
        before: cython.int
        chance: cython.ulonglong
        extra: cython.ulonglong
        here: cython.ulonglong
        start: cython.Py_ssize_t
        end: cython.Py_ssize_t
        fresh = []
        for row in range(len(id_v)):
            take_v[row] = 0
            slot_v[row] = -1
            if id_v[row] == 0:
                continue
            before = self.slots
            here = spread(id_v[row] ^ _FNV_START)
            slot = self.slot(here, -1, -1)
            if slot < 0:
                continue
            if self.slots > before:
                fresh.append(row)
            slot_v[row] = slot
            chance = spread(chance_v[row] ^ id_v[row])
            # How it authenticates.
            code = scheme_v[row]
            start = query_at[row]
            end = query_at[row + 1]
            extra = 0
            if end > start:
                before = self.query_scheme(query_data, start, end)
                if before:
                    if before & 128:
                        take_v[row] = 4
                    if code == 0:
                        code = before & 15
            if code == 0:
                code = self.head_scheme(head_data, head_at[row], head_at[row + 1]) & 15
            scheme_v[row] = code
            if status_v[row] == 401 or status_v[row] == 403:
                self.refused[slot, code] += 1
            elif status_v[row] > 0:
                self.answered[slot, code] += 1
            # The request: its query and body are one structure. One that was refused for what it was says nothing about those that are taken.
            start = request_at[row]
            end = request_at[row + 1]
            if status_v[row] < 400 and end > start:
                self.bodies[slot] += 1
            if status_v[row] < 400 and end > start and not whole_v[row] & 1:
                self.incomplete[slot] += 1
            if status_v[row] < 400 and (end == start or whole_v[row] & 5):
                if query_at[row + 1] > query_at[row] and (self.seen[slot] < FIRST or ((chance & _LOW32) * LOOKED) >> 32 == 0):
                    extra = self.structure.of(query_data, query_at[row], query_at[row + 1], _FORM)
                if self.judge(slot, chance, request_data, start, end, kind_v[row] & 15, extra):
                    take_v[row] = take_v[row] | 1
            # The response.
            start = response_at[row]
            end = response_at[row + 1]
            if status_v[row] > 0:
                other = self.slot(spread(here + status_v[row] if cython.compiled else (here + status_v[row]) & _LOW), slot, status_v[row])
                if other < 0:
                    continue
                if end == start:  # its head alone is read
                    if self.sample(other, spread(chance)):
                        take_v[row] = take_v[row] | 2
                    continue
                self.bodies[other] += 1
                if not whole_v[row] & 2:
                    self.incomplete[other] += 1
                if whole_v[row] & 10 and self.judge(other, spread(chance), response_data, start, end, kind_v[row] >> 4, 0):
                    take_v[row] = take_v[row] | 2
        return fresh


def _power_of_two(n: int) -> int:
    return 1 << max(1, (n - 1).bit_length())
