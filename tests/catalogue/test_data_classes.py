"""Data classes on the labelled set: precision and recall by class, with the near misses that a sensor must keep quiet about."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from sensor.catalogue.data_classes import _NATIONAL, CLASSES, DataClass, below, named, of_number, of_text
from sensor.catalogue.schema import Room, Schema, learn
from tests.catalogue.labelled import Sample, samples


def given(sample: Sample) -> list[DataClass]:
    """The classes that the sensor gives to the sample's own field."""
    schema, room = Schema(), Room()
    for value in sample.values:
        learn(schema, {sample.field: value, **dict.fromkeys(sample.beside)}, 0, room)
    return [one for one in below(schema, "response.200") if one.field == f"response.200.{sample.field}"]


def judged(made: list[Sample]) -> tuple[float, float, Counter[tuple[str, str]]]:
    """(precision, recall, mistakes by what was wanted and what was given)."""
    right = wrong = missed = 0
    mistakes: Counter[tuple[str, str]] = Counter()
    for sample in made:
        found = {one.name for one in given(sample)}
        right += sample.wanted in found
        wrong += len(found - {sample.wanted})
        missed += bool(sample.wanted) and sample.wanted not in found
        if found != ({sample.wanted} if sample.wanted else set()):
            mistakes[sample.wanted or "-", f"{','.join(sorted(found)) or '-'} ({sample.field})"] += 1
    return right / (right + wrong), right / (right + missed), mistakes


@pytest.mark.parametrize("values", [1, 3, 25])
def test_precision_and_recall_on_the_labelled_set(values: int, capsys: pytest.CaptureFixture[str]) -> None:
    made = samples(values, values)
    precision, recall, mistakes = judged(made)
    with capsys.disabled():
        print(f"\ndata classes, {len(made)} fields of {values} values: precision {precision:.4f}, recall {recall:.4f}; {dict(mistakes.most_common(8))}")
    assert precision >= 0.98 and recall >= 0.98


def test_every_class_stands_in_the_labelled_set() -> None:
    assert {sample.wanted for sample in samples(1, 1, 1)} - {""} == set(CLASSES)


def test_no_value_of_the_labelled_set_is_written() -> None:
    for sample in samples(7, 12, 1):
        if sample.wanted in ("", "card_security_code", "special_category", "health"):
            continue
        schema, room = Schema(), Room()
        for value in sample.values:
            learn(schema, {sample.field: value, **dict.fromkeys(sample.beside)}, 0, room)
        written = json.dumps([schema.to_json(), [one.to_json() for one in below(schema, "request")], *(schema.to_json_schema(dialect) for dialect in ("2020-12", "3.0"))], ensure_ascii=False)
        assert not any(isinstance(value, str) and len(value) > 3 and value in written for value in sample.values), sample


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("email", "email"), ("userEmail", "email"), ("email_verified", ""), ("phone_verified_at", ""), ("X-Api-Key", "secret"), ("next_page_token", ""), ("card_brand", ""), ("firstName", "person_name"),
        ("file_name", ""), ("passwordResetUrl", ""), ("Latitude", "location"), ("flat", ""), ("plate", ""), ("", ""), ("日本", ""), ("a" * 5_000, ""),
    ],
)
def test_what_field_names_say(field: str, wanted: str) -> None:
    assert named(field) == wanted


def test_a_field_of_order_numbers_is_none_of_cards_however_many_pass() -> None:
    noise: list[Any] = [f"4{n:015d}" for n in range(0, 2_000, 7)]
    assert given(Sample("order", tuple(noise), "")) == []


def test_no_text_or_name_is_slow_to_judge() -> None:
    texts = ["eyJ" * 20_000, "eyJ-" * 15_000, "a@" + ("a" * 62 + ".") * 30, "xapp-1-" * 9_000, "-----BEGIN " * 6_000, "sk-" * 20_000, "MNO" * 20_000, "+1" * 20, "1 " * 20, "A" * 60_000, "key-" * 15_000, "SG." * 20_000]
    for text in texts:
        given(Sample("note", (text,), ""))
    for called in ("password" + "Confirm" * 17, "phone" + "_number" * 17, "_" * 128, "aB" * 64, "street_address" * 9, "insured_" * 16, "medical_" * 16):
        named(called)


def test_a_class_is_saved_and_read_back() -> None:
    (one,) = given(Sample("iban", ("DE89370400440532013000",), "iban"))
    assert (one.group, one.count, one.seen) == ("payment", 1, 1)
    assert DataClass.from_json(json.loads(json.dumps(one.to_json()))) == one
    with pytest.raises(ValueError):
        DataClass.from_json({"field": "a"})


@pytest.mark.parametrize(("country", "module", "looks"), [(country, module, looks) for country, module, looks, _ in _NATIONAL])
def test_no_number_whatever_it_is_breaks_a_validator(country: str, module: str, looks: str) -> None:
    @hypothesis.settings(max_examples=60, deadline=None)
    @hypothesis.given(st.from_regex(re.compile(looks, re.ASCII), fullmatch=True))
    def check(text: str) -> None:
        of_text(text, "", sum(c.isdigit() for c in text), "national_id")

    check()


def test_a_number_of_a_county_that_nobody_knows_is_none() -> None:
    assert of_text("333331373907300450", "", 18, "id") == "" == of_number(333331373907300450, "id")
