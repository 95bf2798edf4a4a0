"""Fingerprints of structure, and which calls the sampler chooses by them, in both forms."""

from __future__ import annotations

import json
import random
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.spread import spread
from tests.forms import FORMS, is_compiled, module

JSON, FORM, XML = 1, 2, 3


@pytest.fixture(params=FORMS, scope="module")
def structures(request: pytest.FixtureRequest) -> ModuleType:
    return module("sensor.catalogue.structure", request.param)


def fingerprint(structures: ModuleType, body: Any, kind: int = JSON) -> int:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return int(structures.Structure(7, 8).of(octets, 0, len(octets), kind))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": "x"}, {"b": "yyy", "a": 222}),
        ([{"a": 1}], [{"a": 2}, {"a": 3}, {"a": -4}]),
        ({"1": "x", "2": "y"}, {"77": "z"}),
        (b' {"a" : "q\\"\\\\" }\n', b'{"a":""}'),
        (b'\xef\xbb\xbf{"a":1}', b'{"a":2}'),
        ({"123e4567-e89b-12d3-a456-426614174000": {"n": 1}}, {"00000000-e89b-12d3-a456-426614174001": {"n": 2}}),
    ],
)
def test_the_same_structure(structures: ModuleType, one: Any, other: Any) -> None:
    assert fingerprint(structures, one) == fingerprint(structures, other) != 0


def test_both_forms_give_the_same_fingerprint() -> None:
    compiled, interpreted = (module("sensor.catalogue.structure", form) for form in FORMS)
    for body in ({"a": [1, {"b": "x"}], "1": None}, [[], {}, 1.5], {"123e4567-e89b-12d3-a456-426614174000": {"n": 1}}):
        assert fingerprint(compiled, body) == fingerprint(interpreted, body)


def test_spread_is_the_finaliser_of_splitmix64() -> None:
    # The first numbers of SplitMix64 from seed 0: its state grows by the golden ratio's odd number.
    assert [spread(n * 0x9E3779B97F4A7C15) for n in (1, 2, 3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1.5}),
        ({"a": None}, {"a": False}),
        ({"a": {}}, {"a": []}),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
        ([{"a": 1}], [{"a": 1}, {}]),
        ([1], [[1]]),
        ({"1": "x"}, {"1": 1}),
        ({"a": 1, "b": {"c": 1}}, {"a": 1, "b": {"c": 1, "d": 1}}),
    ],
)
def test_another_structure(structures: ModuleType, one: Any, other: Any) -> None:
    assert fingerprint(structures, one) != fingerprint(structures, other)


@pytest.mark.parametrize("body", [b"", b"  ", b"{", b"[}", b'{"a"', b'{"a":', b'{"a":1}]', b'{"a":1}{', b'{"a":"', b"{1:2}", b"nonsense?", b'"\\"', b'{"a":1} 2', b"\xff\xfe"])
def test_what_is_no_json_has_none(structures: ModuleType, body: bytes) -> None:
    assert fingerprint(structures, body) == 0


def test_where_a_text_that_was_cut_is_whole(structures: ModuleType) -> None:
    text = b'{"a": [1, 22, {"b": "x\\"}]", "c": [[], {}]}], "d": {"e": null}, "g": 12}'
    found = [structures.last_whole(text[:end]) for end in range(len(text) + 1)]
    assert found == [module("sensor.catalogue.structure", FORMS[0]).last_whole(text[:end]) for end in range(len(text) + 1)]
    assert (found[0], found[1], found[8], found[10], found[-2], found[-1]) == ((0, b""), (1, b"{"), (7, b"{["), (8, b"{["), (text.rindex(b","), b"{"), (len(text), b""))
    assert structures.last_whole(b"[" * 65) == structures.last_whole(b"[}") == (0, b"")


def test_forms_and_xml(structures: ModuleType) -> None:
    assert fingerprint(structures, b"a=1&b=x", FORM) == fingerprint(structures, b"b=yy&a=22&a=3", FORM) != fingerprint(structures, b"a=x&b=x", FORM)
    one = b'<?xml version="1.0"?><a x="1"><b>t</b><b/></a>'
    assert fingerprint(structures, one, XML) == fingerprint(structures, b"<a x='22'><b>u</b></a>", XML) != fingerprint(structures, b"<a><b>u</b></a>", XML)
    assert fingerprint(structures, b"<a><b><c/></b></a>", XML) != fingerprint(structures, b"<a><b/><c/></a>", XML)


def test_ranges_outside_the_buffer_are_refused(structures: ModuleType) -> None:
    for start, end in ((0, 9), (-1, 2), (2, 1)):
        with pytest.raises(IndexError):
            structures.Structure(7, 8).of(b"{}", start, end, JSON)


def test_hostile_bodies_have_an_answer(structures: ModuleType) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 50_000, b'"' + b"\\" * 100_001, b'{"' + b'\\"' * 50_000, b"<a" + b"=" * 60_000 + b">", b"<a>" * 30_000, b"&" * 60_000):
        for kind in (JSON, FORM, XML):
            fingerprint(structures, body, kind)
    many = b"{" + b",".join(b'"k%dx":1' % n for n in range(50_000)) + b"}"
    assert fingerprint(structures, many) != 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ 01.eatrufslnx<>/=&?!\'', max_size=60).map(str.encode), st.sampled_from([0, JSON, FORM, XML, 4]))
def test_both_forms_give_one_fingerprint(octets: bytes, kind: int) -> None:
    if not is_compiled("sensor.catalogue.structure"):
        pytest.skip("nothing is compiled here")
    assert fingerprint(module("sensor.catalogue.structure", "python"), octets, kind) == fingerprint(module("sensor.catalogue.structure", "compiled"), octets, kind)


def column(values: list[bytes]) -> tuple[Any, Any]:
    octets = b"".join(values) or b"\0"
    return np.cumsum([0, *map(len, values)]).astype(np.int32), np.frombuffer(octets, np.uint8)


class Chosen:
    """A sampler fed with calls of (endpoint, status, query, head, request, response)."""

    def __init__(self, structures: ModuleType, **limits: int) -> None:
        self.sampler = structures.Sampler(1, 2, {"?api_key": 8 | 128, "?key": 8 | 128 | 64, "signature": 6}, **limits)
        self.count = 0

    def feed(self, calls: list[tuple[int, int, bytes, bytes, bytes, bytes]], whole: int = 3) -> tuple[list[int], list[int], list[int]]:
        n = len(calls)
        chances = np.array([random.Random(self.count + k).getrandbits(64) for k in range(n)], np.uint64)
        self.count += n
        schemes, take, slots = np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.int32)
        self.sampler.choose(
            np.array([call[0] for call in calls], np.uint64), np.array([call[1] for call in calls], np.int32), chances, schemes, np.full(n, JSON | JSON << 4, np.uint8), np.full(n, whole, np.uint8),
            *(column([call[k] for call in calls]) for k in (2, 3, 4, 5)), take, slots,
        )
        return take.tolist(), slots.tolist(), schemes.tolist()


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_the_first_calls_are_read_and_later_ones_thin_out(structures: ModuleType) -> None:
    chosen = Chosen(structures)
    take, _, _ = chosen.feed([(5, 200, b"", HEAD, b"", b'{"a":%d}' % (n % 9)) for n in range(20_000)])
    assert all(one == 3 for one in take[:64])
    read = sum(one & 2 > 0 for one in take)
    assert 64 + 20 < read < 64 + 120
    assert int(chosen.sampler.bodies[1]) == 20_000 and read < int(chosen.sampler.looked[1]) < 3_000


def test_a_new_structure_is_found_among_many_known_ones(structures: ModuleType) -> None:
    chosen = Chosen(structures)
    usual = [(5, 200, b"", HEAD, b"", b'{"a":1,"b":"%s"}' % (b"x" * (n % 9))) for n in range(5_000)]
    chosen.feed(usual)
    take, _, _ = chosen.feed([(5, 200, b"", HEAD, b"", b'{"a":1,"b":"x","new":%d}' % (n % 10)) for n in range(400)])
    assert any(one & 2 for one in take)
    longer, _, _ = chosen.feed([(5, 200, b"", HEAD, b"", b'{"a":1,"b":"x","new":"%s"}' % (b"y" * 900))])
    assert longer[0] & 2  # its length class alone is new


def test_the_choice_depends_on_the_calls_alone(structures: ModuleType) -> None:
    calls = [(5 + n % 3, 200 + n % 2, b"q=%d" % n, HEAD, b"", b'{"a":%d}' % n) for n in range(3_000)]
    assert Chosen(structures).feed(calls) == Chosen(structures).feed(calls)


def test_both_forms_choose_the_same(structures: ModuleType) -> None:
    noise = random.Random(3)
    calls = [(noise.randrange(4), noise.choice([0, 200, 404, 401]), noise.choice([b"", b"a=1&api_key=123456789", b"key=short"]), HEAD, noise.choice([b"", b'{"x":1}']), noise.choice([b"", b"[1,2]", b"nope"])) for _ in range(600)]
    assert Chosen(structures).feed(calls) == Chosen(module("sensor.catalogue.structure", "python")).feed(calls)


def test_credentials_in_queries_and_heads_are_told(structures: ModuleType) -> None:
    signed = b"POST / HTTP/1.1\r\nhost: a\r\nSIGNATURE: sig1=:x:\r\n\r\n"
    calls = [
        (5, 200, b"a=1&api_key=0123456789", HEAD, b"", b""), (5, 200, b"API_KEY=0123456789", HEAD, b"", b""), (5, 200, b"api_key=", HEAD, b"", b""), (5, 200, b"xapi_key=0123456789", HEAD, b"", b""),
        (5, 200, b"key=price_descending", HEAD, b"", b""), (5, 200, b"key=AIzaSyA0123456789abcdef", HEAD, b"", b""), (5, 401, b"", signed, b"", b""),
    ]
    chosen = Chosen(structures)
    take, _, schemes = chosen.feed(calls)
    assert schemes == [8, 8, 0, 0, 0, 8, 6] and [one & 4 > 0 for one in take] == [True, True, False, False, False, True, False]
    assert np.asarray(chosen.sampler.answered[0]).tolist()[:9] == [3, 0, 0, 0, 0, 0, 0, 0, 3]
    assert np.asarray(chosen.sampler.refused[0]).tolist()[6] == 1


def test_bodies_not_seen_whole_are_counted_and_not_read(structures: ModuleType) -> None:
    chosen = Chosen(structures)
    take, _, _ = chosen.feed([(5, 200, b"", HEAD, b'{"a":', b'{"b":')] * 3, whole=0)
    assert take == [0, 0, 0] and [int(n) for n in chosen.sampler.incomplete[:2]] == [3, 3]


def test_limits_hold_and_are_counted(structures: ModuleType) -> None:
    chosen = Chosen(structures, slots_kept=10, structures_kept=8)
    chosen.feed([(n, 200, b"", HEAD, b"", b'{"k%dx":1}' % n) for n in range(1, 300)])
    assert chosen.sampler.slots == 10 and chosen.sampler.counters["slots_past_limit"] > 0
    chosen.feed([(1, 200, b"", HEAD, b"", b'{"k%dx":1}' % n) for n in range(1, 300)])
    assert chosen.sampler.structures == 8 and chosen.sampler.counters["structures_past_limit"] > 0


def test_many_endpoints_keep_their_counts(structures: ModuleType) -> None:
    chosen = Chosen(structures)
    _, slots, _ = chosen.feed([(1 + n % 1500, 200, b"", HEAD, b"", b"{}") for n in range(4_500)])
    assert slots[:1500] == slots[1500:3000] == slots[3000:] and len(set(slots)) == 1500
    assert {int(chosen.sampler.bodies[slot + 1]) for slot in slots} == {3}
