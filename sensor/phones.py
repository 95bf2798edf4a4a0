"""Telephone numbers in international form (ITU-T E.164): a plus, a country's calling code, eight to fifteen digits in all."""

from __future__ import annotations

import re

PATTERN = r"(?<![A-Za-z0-9])(?:\+|%2[Bb])[1-9](?:(?:[ ().-]|%20){0,2}[0-9]){7,14}(?![A-Za-z0-9])"
"""What one looks like in text."""
HINT = r"(?:\+|%2[Bb])[1-9](?:[ ().-]|%20){0,2}[0-9](?:[ ().-]|%20){0,2}[0-9](?:[ ().-]|%20){0,2}[0-9]"
"""What every one has in it, without a look to either side."""

_CALLING = re.compile(
    r"1|7|2(?:[07]|1[1-368]|[2-4]\d|5[0-8]|6\d|9[01789])|3(?:[0-469]|5\d|7[0-8]|8[0-35-79])|4(?:[013-9]|2[013])|5(?:[1-8]|0\d|9\d)|6(?:[0-6]|7[02-9]|8[0-35-9]|9[0-2])"
    r"|8(?:[1246]|00|08|5[02356]|7[08]|8[01236])|9(?:[0-58]|6[0-8]|7[0-79]|9[2-68])"
).match
"""Country calling codes that ITU-T has assigned."""


def international(digits: str) -> bool:
    """Whether digits begin with a calling code and are as many as a number has."""
    return 8 <= len(digits) <= 15 and _CALLING(digits) is not None


def bare(text: str) -> str:
    """The digits of a number in text."""
    return re.sub(r"\D", "", text.replace("%20", "").replace("%2B", "").replace("%2b", ""))
