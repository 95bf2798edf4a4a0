"""International bank account numbers (ISO 13616): what one looks like in text, and whether it is one."""

from __future__ import annotations

LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24,
    "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27,
    "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an IBAN by country: SWIFT's registry."""

_GAP = r"(?:[ +-]|%20)?"
_COUNTRIES = "|".join(sorted(LENGTHS))
PATTERN = rf"(?<![A-Za-z0-9])(?:{_COUNTRIES})[0-9]{{2}}(?:{_GAP}[A-Z0-9]{{4}}){{2,7}}(?:{_GAP}[A-Z0-9]{{1,3}})?(?![A-Za-z0-9])"
"""What an IBAN looks like: in a row, or in fours with gaps."""
HINT = rf"(?:{_COUNTRIES})[0-9]{{2}}{_GAP}[A-Z0-9]{{4}}{_GAP}[A-Z0-9]{{4}}"
"""What every one has in it, without a look to either side."""


def bare(text: str) -> str:
    """An IBAN without its gaps."""
    return text.replace("%20", "").replace(" ", "").replace("+", "").replace("-", "")


def account_number(text: str) -> bool:
    """Whether a text without gaps is an IBAN: its country's length, and the check digits (ISO 7064, 97-10)."""
    if LENGTHS.get(text[:2]) != len(text) or not (text.isascii() and text.isalnum() and text.isupper()):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1
