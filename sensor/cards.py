"""Payment card numbers in text: which can be one, and which texts of a column may hold one.

A pattern for them makes a text search ten times as slow as it is without, since digits stand everywhere; runs of digits are told by hand instead.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

PATTERN = r"(?<![0-9A-Fa-f.-])[2-6](?:[0-9]{12,18}+|[0-9]{3}(?P<gap>[ +-]|%20)[0-9]{4,6}(?P=gap)[0-9]{4,5}(?:(?P=gap)[0-9]{1,7}(?:(?P=gap)[0-9]{1,3})?)?)(?![0-9A-Fa-f-])"
"""What a card number looks like: 13 to 19 digits in a row, or in groups with equal gaps; not inside hex, a UUID or a decimal number."""


def luhn(digits: str) -> bool:
    """Whether the last digit of `digits` is their check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        n = ord(digit) - 48
        total += n if place % 2 == 0 else (2 * n if n < 5 else 2 * n - 9)
    return total % 10 == 0


def card_number(digits: str) -> bool:
    """Whether `digits` can be a payment card number: an issuer's range, that issuer's length, and the check digit.

    The ranges keep timestamps, order numbers and database keys out, one in ten of which has a right check digit by chance.
    """
    n = len(digits)
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    issued = (
        (digits[0] == "4" and n in (13, 16, 19))
        or (n == 16 and (51 <= two <= 55 or 2221 <= four <= 2720))
        or (n == 15 and two in (34, 37))
        or (n == 14 and (two in (36, 38, 39) or 300 <= three <= 305))
        or (16 <= n <= 19 and (four == 6011 or two == 65 or 644 <= three <= 649 or 3528 <= four <= 3589 or two == 62))
        or (n == 16 and (2200 <= four <= 2204 or three == 508 or digits[:6] == "606282"))
        or (n in (16, 18, 19) and four in (5060, 5061, 5067))
        or (12 <= n <= 19 and four in (5018, 5020, 5038, 6304, 6759, 6761, 6762, 6763))
    )
    return issued and luhn(digits) and len(set(digits)) > 1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _digit(c: cython.int) -> cython.bint:
    return 48 <= c <= 57


@cython.cfunc
@cython.exceptval(-1)
def _may_hold(data: cython.const[cython.uchar][::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
    """Whether PATTERN may match in data[start:end]; it does nowhere where this says no. A match begins with four digits or more: every fourth octet tells."""
    i: cython.Py_ssize_t = start
    at: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    c: cython.int
    while i < end:
        if not _digit(data[i]):
            i += 4
            continue
        # The run of digits around this one; it began within the last four octets.
        at = i
        stop = i + 1
        while stop < end and _digit(data[stop]):
            stop += 1
        i = stop + 1
        if stop - at < 10 and (stop == end or data[stop] not in {32, 37, 43, 45}):
            continue  # too short, and no gap behind it
        while at > start and _digit(data[at - 1]):
            at -= 1
        if stop - at < 4 or not 50 <= data[at] <= 54:
            continue
        if at > start:
            c = data[at - 1]
            if 97 <= (c | 32) <= 102 or c in {45, 46}:
                continue
        if 13 <= stop - at <= 19:
            return 1
        if stop - at == 4 and stop < end:
            c = data[stop]
            if c == 37:  # %20
                stop += 2
            elif c not in {32, 43, 45}:
                continue
            if end - stop > 4 and _digit(data[stop + 1]) and _digit(data[stop + 2]) and _digit(data[stop + 3]) and _digit(data[stop + 4]):
                return 1
    return 0


def may_hold(offsets: Any, octets: Any) -> list[int]:
    """Rows, ascending, of a text column (offsets i32, octets u8) that PATTERN may match in."""
    if not cython.compiled:
        offsets, octets = offsets.tolist(), octets.tobytes()
    offset_v: cython.const[cython.int][::1] = offsets
    data: cython.const[cython.uchar][::1] = octets
    row: cython.Py_ssize_t
    found = []
    for row in range(len(offset_v) - 1):
        if offset_v[row + 1] - offset_v[row] >= 13 and _may_hold(data, offset_v[row], offset_v[row + 1]):
            found.append(row)
    return found
