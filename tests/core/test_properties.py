"""What holds for every conversation, honest or not: see `tests/core/pieces.py` for what they are made of.

Longer: pytest tests/core/test_properties.py --hypothesis-profile=long
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parsers.limits import Limits
from tests.core.conftest import CLIENT, SERVER, Frame, Wire, block_of
from tests.core.pieces import PIECES

ORDINARY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
LIMITS = Limits(flows=8, head=600, headers=12, kept_body=300, reorder_bytes=600, reorder_total=2000, pipelined=4, batch_rows=8)

OCTETS = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), st.binary(max_size=20)), min_size=1, max_size=4).map(b"".join).filter(bool)
TURNS = st.lists(st.tuples(st.sampled_from([CLIENT, SERVER]), OCTETS), min_size=1, max_size=8)
CUTS = st.lists(st.integers(0, 2000), max_size=30)
# A segment is as the ends sent it, or is elsewhere in its stream, or acknowledges something else, or has other flags.
ODD = st.tuples(st.sampled_from([0, 0, 0, 0, -40, -1, 1, 30, 700, 2**31]), st.sampled_from([0, 0, 0, -30, 40]), st.sampled_from([None, None, None, 0x10, 0x11, 0x02, 0x12, 0x04, 0x00]))


def conversation(turns: list[tuple[int, bytes]], cuts: list[int], port: int = 40000, handshake: bool = True, closed: bool = True) -> list[Frame]:
    line = Wire(port, handshake=handshake)
    for who, octets in turns:
        line.send(who, octets, cuts)
    if closed:
        line.close()
    return line.frames


def run(engine_of: Callable[..., Any], frames: list[Frame], sizes: list[int] | None = None, limits: Limits = LIMITS) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Feed the frames, in blocks of those sizes over and over; the calls must keep what the limits promise."""
    engine = engine_of(limits, key=(1, 2))
    octets = [frame.octets(number) for number, frame in enumerate(frames)]
    whole = block_of(octets)
    batches: list[Any] = []
    at = turn = 0
    while at < len(octets):
        size = len(octets) if not sizes else sizes[turn % len(sizes)]
        part = block_of(octets[at : at + size])
        part.ts[:], part.packet[:] = whole.ts[at : at + size], whole.packet[at : at + size]
        batches += engine.feed(part)
        assert engine.counters["connections_open"] <= limits.flows
        at += size
        turn += 1
    batches += engine.finish()
    counters = dict(engine.counters)
    assert counters["connections_open"] == 0 and counters["faults"] == 0, engine.fault
    assert counters["held_most"] <= limits.reorder_total + 128 + max((len(frame.payload) for frame in frames), default=0), "but for the segment that came last"
    assert engine.calls.room.taken == 0, "a message was not given back"
    rows = []
    for batch in batches:
        batch.validate(full=True)
        rows += batch.to_pylist()
    for row in rows:
        assert row["method"] is not None or row["status"] is not None
        for name in ("request_body", "response_body"):
            assert row[name] is None or len(row[name]) <= limits.kept_body
        for name in ("request_bytes", "response_bytes", "duration", "ttfb"):
            assert row[name] is None or row[name] >= 0, (name, row[name])
    return rows, counters


def essence(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What must not depend on how the octets were cut into frames."""
    return [{name: value for name, value in row.items() if name not in {"ts", "packet", "duration", "ttfb", "uid"}} for row in rows]


@pytest.fixture
def engine() -> Any:
    from parsers.engine import Engine

    return Engine


@ORDINARY
@given(turns=TURNS, cuts=CUTS)
@example(  # lines that are no status line are not known as such the next time
    turns=[
        (CLIENT, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
        (SERVER, b"HTTP/1.1 100 Continue\r\n\r\nContent-Length: 7\r\nContent-Length: 7\r\n"),
        (SERVER, b"HTTP/1.1 100 Continue\r\n\r\nContent-Length: 7\r\n"),
    ],
    cuts=[30],
)
def test_any_split_of_any_stream_gives_the_same_calls(engine: Any, turns: list[tuple[int, bytes]], cuts: list[int]) -> None:
    whole, _ = run(engine, conversation(turns, []))
    split, _ = run(engine, conversation(turns, cuts))
    assert essence(split) == essence(whole)


@st.composite
def mess(draw: st.DrawFn) -> list[Frame]:
    """Segments of several connections in any order, with any loss, copies and lies."""
    frames: list[Frame] = []
    for port in draw(st.lists(st.integers(40000, 40011), min_size=1, max_size=3)):
        frames += conversation(draw(TURNS), draw(CUTS), port, draw(st.booleans()), draw(st.booleans()))
    order = draw(st.one_of(st.permutations(range(len(frames))), st.just(list(range(len(frames))))))
    kept = []
    for at in order:
        seq, ack, flags = draw(ODD) if draw(st.integers(0, 5)) == 0 else (0, 0, None)
        who, *rest = astuple(frames[at])
        frame = Frame(who, rest[0] + seq, rest[1] + ack, rest[2] if flags is None else flags, rest[3], rest[4])
        kept += [frame] * draw(st.sampled_from([0, 1, 1, 1, 1, 2]))
    return kept


@ORDINARY
@given(frames=mess(), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_any_mess_in_any_blocks_gives_the_same_calls_within_the_limits(engine: Any, frames: list[Frame], sizes: list[int]) -> None:
    assert run(engine, frames, sizes) == run(engine, frames)


@ORDINARY
@given(frames=mess())
def test_compiled_and_interpreted_forms_agree_on_any_mess(frames: list[Frame]) -> None:
    from tests import forms

    if not forms.is_compiled("parsers.engine"):
        pytest.skip("nothing is compiled here")
    twins: list[ModuleType] = [forms.module("parsers.engine", form) for form in forms.FORMS]
    assert [twin.COMPILED for twin in twins] == [False, True]
    one, two = (run(twin.Engine, frames) for twin in twins)
    assert one == two
