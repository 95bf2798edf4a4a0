"""Vendors' keys, account numbers and telephone numbers: every make is found, masked, and asked for by its hint."""

from __future__ import annotations

import random
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import ibans, keys, phones
from sensor.masking import Masker

MASKER = Masker(b"k" * 32)


@pytest.mark.parametrize("make", keys.KEYS, ids=lambda make: make.vendor)
def test_a_key_of_every_make_is_found_and_masked_wherever_it_stands(make: keys.Make) -> None:
    @settings(max_examples=20, deadline=None)
    @given(st.from_regex(re.compile(make.pattern, re.ASCII), fullmatch=True).filter(str.isascii))
    def check(key: str) -> None:
        assert re.search(make.hint, key)
        text = f"the key is <{key}> and more"
        assert keys.vendor(text)
        assert key not in MASKER.text(text) and "masked-" in MASKER.text(text)

    check()


@pytest.mark.parametrize(
    "text",
    ["pk_live_51H8abcDEFghiJKLmnoPQR", "cus_NffrFeUfNV2Hib", "sk-loading-spinner", "key-value pairs are stored", "a3f5" * 16, "re_make it", "glpat", "the dp.pt. file", "img_0123456789abcdef0123456789abcdef"],
)
def test_what_is_no_key(text: str) -> None:
    assert keys.vendor(text) == ""
    assert MASKER.text(text) == text


def iban(country: str, noise: random.Random) -> str:
    body = "".join(noise.choices(string.digits, k=ibans.LENGTHS[country] - 4))
    return f"{country}{98 - int(body + ''.join(str(int(c, 36)) for c in country) + '00') % 97:02d}{body}"


@pytest.mark.parametrize("country", sorted(ibans.LENGTHS))
def test_an_account_number_of_every_country_is_found_and_masked(country: str) -> None:
    number = iban(country, random.Random(country))
    spaced = " ".join(number[k : k + 4] for k in range(0, len(number), 4))
    for text in (number, spaced, f"/a/{number}", f"to {spaced}, now", spaced.replace(" ", "%20")):
        assert re.search(ibans.HINT, text) and ibans.account_number(ibans.bare(re.search(ibans.PATTERN, text)[0]))  # type: ignore[index]
        assert number[6:] not in MASKER.text(text) and "masked-iban-" in MASKER.text(text)
    assert MASKER.text(number).partition("masked")[2] == MASKER.text(spaced).partition("masked")[2]  # equal numbers, equal tokens
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not ibans.account_number(wrong)


def test_telephone_numbers_have_a_country() -> None:
    assert phones.international("4930901820") and phones.international("14155552671")
    assert not phones.international("999123456789") and not phones.international("4930") and not phones.international("1" * 16)
