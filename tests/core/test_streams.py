"""Properties of the whole core: however a conversation is cut, lost, doubled or shuffled, no call is made up and none gets another's response."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parsers.limits import Limits
from tests.core.conftest import CLIENT, SERVER, block_of

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def exchange(number: int, kind: str) -> tuple[bytes, bytes]:
    """A request and the response that answers it; both carry the number."""
    host = b"Host: api.example\r\n"
    name = b"X-Number: %d\r\n" % number
    body = b'{"number":%d,"text":"%s"}' % (number, b"GET /not/a/call " * (number % 3))
    length = b"Content-Length: %d\r\n" % len(body)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:5], body[5:]) if piece) + b"0\r\n\r\n"
    path = b"/v1/things/%d" % number
    ok = b"HTTP/1.1 200 OK\r\n" + name
    if kind == "chunked":
        request = b"POST " + path + b" HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
        return request, ok + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    if kind == "head":
        return b"HEAD " + path + b" HTTP/1.1\r\n" + host + b"\r\n", ok + length + b"\r\n"
    if kind == "interim":
        request = b"PUT " + path + b" HTTP/1.1\r\n" + host + length + b"Expect: 100-continue\r\n\r\n" + body
        return request, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n" + name + b"Content-Length: 0\r\n\r\n"
    if kind == "deflate":
        packed = zlib.compress(body)
        return b"GET " + path + b" HTTP/1.1\r\n" + host + b"\r\n", ok + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    if kind == "empty":
        return b"DELETE " + path + b" HTTP/1.1\r\n" + host + b"\r\n", b"HTTP/1.1 204 No Content\r\n" + name + b"\r\n"
    return b"GET " + path + b" HTTP/1.1\r\n" + host + b"\r\n", ok + length + b"\r\n" + body


KINDS = st.lists(st.sampled_from(["plain", "chunked", "head", "interim", "deflate", "empty"]), min_size=1, max_size=6)
CUTS = st.lists(st.integers(0, 10_000), max_size=40)
DEPTH = st.integers(1, 3)


def conversation(wire: Any, kinds: list[str], cuts: list[int], depth: int, first: tuple[int, int] = (1000, 900000)) -> Any:
    """A connection that makes the exchanges, `depth` requests at a time in one write."""
    line = wire(first=first)
    pairs = [exchange(number, kind) for number, kind in enumerate(kinds)]
    for start in range(0, len(pairs), depth):
        some = pairs[start : start + depth]
        line.send(CLIENT, b"".join(request for request, _ in some), cuts)
        line.send(SERVER, b"".join(response for _, response in some), cuts)
    line.close()
    return line


def essence(calls: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What must not depend on how the octets were cut into frames."""
    names = ("method", "path", "query", "host", "status", "request_bytes", "response_bytes", "request_head", "response_head", "request_body", "response_body", "complete", "protocol")
    return [tuple(call[name] for name in names) + (tuple(call["weird"]),) for call in calls]


@QUICK
@given(kinds=KINDS, cuts=CUTS, depth=DEPTH)
def test_any_split_of_a_stream_gives_the_same_calls(wire: Any, replay: Any, kinds: list[str], cuts: list[int], depth: int) -> None:
    whole, _ = replay(conversation(wire, kinds, [], depth).frames)
    split, counters = replay(conversation(wire, kinds, cuts, depth).frames)
    assert essence(split) == essence(whole)
    assert [call["path"] for call in whole] == [f"/v1/things/{number}" for number in range(len(kinds))]
    assert counters.get("gaps", 0) == 0


def test_every_single_cut_of_every_kind_gives_the_same_calls(wire: Any, replay: Any) -> None:
    kinds = ["chunked", "interim", "head"]
    whole = essence(replay(conversation(wire, kinds, [], 3).frames)[0])
    for cut in range(1, max(len(b"".join(exchange(number, kind)[side] for number, kind in enumerate(kinds))) for side in (0, 1))):
        assert essence(replay(conversation(wire, kinds, [cut], 3).frames)[0]) == whole


@QUICK
@given(kinds=KINDS, cuts=CUTS, depth=DEPTH, first=st.tuples(st.integers(2**32 - 300, 2**32 - 1), st.integers(2**32 - 300, 2**32 - 1)))
def test_sequence_numbers_may_wrap(wire: Any, replay: Any, kinds: list[str], cuts: list[int], depth: int, first: tuple[int, int]) -> None:
    usual, _ = replay(conversation(wire, kinds, cuts, depth).frames)
    wrapped, _ = replay(conversation(wire, kinds, cuts, depth, first).frames)
    assert essence(wrapped) == essence(usual)


@QUICK
@given(kinds=KINDS, cuts=CUTS, depth=DEPTH, seed=st.integers(0, 10**9))
def test_doubled_frames_change_nothing(wire: Any, replay: Any, kinds: list[str], cuts: list[int], depth: int, seed: int) -> None:
    dice = random.Random(seed)
    frames = conversation(wire, kinds, cuts, depth).frames
    doubled = [frame for frame in frames for _ in range(1 + (dice.random() < 0.3))]
    assert essence(replay(doubled)[0]) == essence(replay(frames)[0])


@QUICK
@given(kinds=KINDS, cuts=CUTS, depth=DEPTH, seed=st.integers(0, 10**9))
def test_a_frame_that_comes_a_little_late_changes_nothing(wire: Any, replay: Any, kinds: list[str], cuts: list[int], depth: int, seed: int) -> None:
    """Data of one direction overtaken by its own next segments, as parallel mirror queues do it."""
    dice = random.Random(seed)
    frames = list(conversation(wire, kinds, cuts, depth).frames)
    whole = essence(replay(frames)[0])
    for at in range(3, len(frames) - 1):
        if dice.random() < 0.2 and frames[at].payload and frames[at + 1].payload and frames[at].who == frames[at + 1].who:
            frames[at], frames[at + 1] = frames[at + 1], frames[at]
    assert essence(replay(frames)[0]) == whole


@QUICK
@example(kinds=["plain", "plain", "plain", "plain", "head", "interim", "plain"], cuts=[1, 2, 3, 4, 5, 6, 7, 5766], depth=3, seed=0, share=0.125)
@example(kinds=["plain", "plain", "plain", "plain", "plain", "empty"], cuts=[1, 2, 3, 64, 697, 2226], depth=2, seed=213, share=0.375)
@given(kinds=st.lists(st.sampled_from(["plain", "chunked", "head", "interim", "deflate", "empty"]), min_size=2, max_size=12), cuts=CUTS, depth=DEPTH, seed=st.integers(0, 10**9), share=st.floats(0.01, 0.6))
def test_no_loss_makes_up_a_call_or_credits_a_response_to_another(
    wire: Any, replay: Any, kinds: list[str], cuts: list[int], depth: int, seed: int, share: float
) -> None:
    dice = random.Random(seed)
    frames = [frame for frame in conversation(wire, kinds, cuts, depth).frames if dice.random() >= share]
    calls, _ = replay(frames)
    asked = {f"/v1/things/{number}": kind for number, kind in enumerate(kinds)}
    seen: list[str] = []
    for call in calls:
        if call["method"] is not None and call["path"] is not None and "head_gap" not in call["weird"]:
            assert call["path"] in asked, "a call that nobody made"
            seen.append(call["path"])
        head = call["response_head"] or b""
        # A head that the loss cut may end inside the number's line: then it says nothing.
        if call["method"] is not None and b"\r" in head.partition(b"X-Number: ")[2] and call["path"] in asked:
            number = head.split(b"X-Number: ")[1].split(b"\r")[0].decode()
            assert call["path"].endswith("/" + number), "a response credited to another request"
        if "response_body" in call["complete"] and call["method"] is not None and call["path"] in asked:
            number = int(call["path"].rsplit("/", 1)[1])
            truth = essence(replay(conversation(wire, kinds, [], 1).frames)[0])[number]
            assert (call["status"], call["response_bytes"]) == (truth[4], truth[6]), "says that it is whole, and is not"
    assert len(seen) == len(set(seen)), "a call counted twice"


@QUICK
@given(first=st.binary(max_size=300), second=st.binary(max_size=300), cuts=CUTS, handshake=st.booleans())
def test_no_octets_raise(wire: Any, replay: Any, first: bytes, second: bytes, cuts: list[int], handshake: bool) -> None:
    line = wire(handshake=handshake)
    line.send(CLIENT, b"GET /a HTTP/1.1\r\n" + first, cuts)
    line.send(SERVER, second, cuts)
    line.send(CLIENT, second, cuts)
    line.send(SERVER, b"HTTP/1.1 200 OK\r\n" + first, cuts)
    line.close()
    replay(line.frames)


@QUICK
@given(frames=st.lists(st.binary(max_size=200), max_size=8))
def test_no_frames_raise(frames_block: Callable[..., Any], frames: list[bytes]) -> None:
    from parsers.engine import Engine

    engine = Engine()
    engine.feed(frames_block(frames))
    engine.finish()


@pytest.mark.parametrize("what", ["heads", "bodies", "unanswered requests"])
def test_messages_being_read_are_bounded_together(wire: Any, replay: Any, what: str) -> None:
    """Many connections, each within its own bounds."""
    limits = Limits(message_bytes=500_000)
    frames = []
    for number in range(200):
        line = wire(port=20_000 + number)
        if what == "heads":
            line.send(CLIENT, b"GET /a HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"y" * 1000) * 30)
        elif what == "bodies":
            line.send(CLIENT, b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n" + b"z" * 50_000)
        else:
            line.send(CLIENT, exchange(number, "plain")[0] * 20)
        frames += line.frames
    calls, counters = replay(frames, limits)
    assert counters["message_octets_most"] < limits.message_bytes + 300 * 1280 + 131_072
    assert what == "unanswered requests" or counters["messages_limited"] > 0
    assert len(calls) == 200 * (20 if what == "unanswered requests" else 1)


@pytest.mark.parametrize("what", ["silent connections", "early data", "unanswered requests"])
def test_what_a_stranger_can_make_grow_is_bounded(wire: Any, replay: Any, what: str) -> None:
    limits = Limits(flows=64, reorder_bytes=4096, reorder_total=65_536, pipelined=16)
    frames = []
    for number in range(400):
        line = wire(port=20_000 + number)
        if what == "early data":
            line.next[CLIENT] += 1  # an octet never comes
            for _ in range(10):
                line.send(CLIENT, b"x" * 1000)
        elif what == "unanswered requests":
            line.send(CLIENT, exchange(number, "plain")[0] * 30)
        frames += line.frames
    calls, counters = replay(frames, limits)
    assert counters["evicted"] >= 400 - 64
    assert counters["connections_open"] == 0
    if what == "unanswered requests":
        assert len(calls) == 400 * 30  # given up, not lost


def test_a_start_line_quoted_in_a_body_behind_a_gap_is_no_call(wire: Any, replay: Any) -> None:
    """The segment ends right after the quoted version; the next one shows that no line ended there."""
    line = wire()
    body = b'{"text":"GET / HTTP/1.1 is how it begins"}'
    line.send(CLIENT, b"POST /v1/notes HTTP/1.1\r\nHost: api.example\r\nContent-Length: %d\r\n\r\n" % len(body) + body + exchange(2, "plain")[0])
    head = next(frame for frame in line.frames if frame.payload)
    cut = head.payload.index(b"GET /")
    late = wire()
    late.next[CLIENT] += cut
    late.send(CLIENT, head.payload[cut:], [len(b"GET / HTTP/1.1")])
    calls, _ = replay(late.frames)
    assert [call["path"] for call in calls if call["method"] is not None] in ([], ["/v1/things/2"])


def test_junk_before_a_request_without_version_is_no_response(wire: Any, replay: Any) -> None:
    """Found by fuzz_engine.py: a row with neither method nor status."""
    line = wire()
    line.send(SERVER, b" ")
    line.send(CLIENT, b"GET /e\r\nfffffffffffffffff")
    line.send(SERVER, b"\n\n")
    line.close()
    assert all(call["method"] is not None or call["status"] is not None for call in replay(line.frames)[0])


def test_a_pair_made_after_a_lost_request_is_undone_by_a_loss_in_its_response(wire: Any, replay: Any) -> None:
    """Found by the property above: of three requests in one go the first two were not seen whole, and the first response was cut by a loss."""
    line = wire()
    pairs = [exchange(number, "plain") for number in range(3)]
    line.send(CLIENT, b"".join(request for request, _ in pairs), [30, len(pairs[0][0]) + len(pairs[1][0])])
    line.send(SERVER, b"".join(response for _, response in pairs), [28, 29])
    line.close()
    sent = [[frame for frame in line.frames if frame.payload and frame.who == who] for who in (CLIENT, SERVER)]
    lost = sent[CLIENT][0], sent[SERVER][1]
    for call in replay([frame for frame in line.frames if frame not in lost])[0]:
        assert call["method"] is None or call["status"] is None


def test_a_body_behind_octets_that_are_read_again_is_whole(wire: Any, replay: Any) -> None:
    # What stands before HTTP is taken out of the segment and the rest read from a copy, which is gone when the call is made.
    line, body = wire(), bytes(range(256)) * 3
    line.send(CLIENT, b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nPOST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 768\r\n\r\n" + body)
    line.send(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n")
    line.close()
    calls, _ = replay(line.frames)
    assert [(call["path"], call["status"], call["request_body"]) for call in calls] == [("/a", 204, body)]


def test_data_held_behind_both_ends_ends_the_connection_once(replay: Any) -> None:
    """Found by the properties: a segment beyond the FIN was held, and ending the connection began to end it again, without end."""
    from tests.core.conftest import Frame

    frames = [
        Frame(CLIENT, 1016, 900000, 0x18, b"octets"),
        Frame(CLIENT, 1723, 900040, 0x18, b"held: it acknowledges what never came"),
        Frame(CLIENT, 1068, 900000, 0x11),
        Frame(SERVER, 900000, 1069, 0x11),
    ]
    assert replay(frames)[0] == []


@pytest.mark.parametrize("cuts", [[], [1], [2]])
def test_a_first_octet_that_could_open_a_proxy_header_changes_nothing(wire: Any, replay: Any, cuts: list[int]) -> None:
    line = wire()
    line.send(CLIENT, b"\x00Z\x00\x00\x00\x00\x00\x00", cuts)
    line.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", cuts)
    line.close()
    calls, _ = replay(line.frames)
    assert [(call["method"], call["status"], call["weird"]) for call in calls] == [(None, 200, ["request_line_malformed"])]


def asked(count: int, further: int, line: Any) -> list[Any]:
    """Requests of a client that acknowledges, with each, `further` octets that its server never sent."""
    from tests.core.conftest import Frame

    frames = list(line.frames)
    seq, ack = line.next
    for number in range(count):
        octets = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number
        frames.append(Frame(CLIENT, seq, ack + further, 0x18, octets))
        seq += len(octets)
    return frames


@pytest.mark.parametrize("further", [0x4000_0010, 0x7000_0000])
def test_what_cannot_have_been_sent_is_not_waited_for(wire: Any, replay: Any, further: int) -> None:
    """An acknowledgement from beyond any window held all that followed it, without bound, and dropped it at the end."""
    calls, counters = replay(asked(300, further, wire()))
    assert [call["path"] for call in calls] == [f"/{number}" for number in range(300)]
    assert counters["held_most"] == 0


def test_ends_that_wait_for_each_other_are_read_as_they_came(wire: Any, replay: Any) -> None:
    """Each side acknowledges what the other has yet to send: both were held, without bound, and dropped at the end."""
    from tests.core.conftest import Frame

    line = wire()
    frames = asked(300, 90, line)
    asks = frames[len(line.frames) :]
    response = b"HTTP/1.1 204 No Content\r\n\r\n"
    mixed = list(line.frames)
    for number, ask in enumerate(asks):
        mixed.append(Frame(CLIENT, ask.seq, line.next[1] + len(response) * (number + 1), 0x18, ask.payload))
        mixed.append(Frame(SERVER, line.next[1] + len(response) * number, ask.seq + len(ask.payload), 0x18, response))
    calls, counters = replay(mixed)
    assert [(call["path"], call["status"]) for call in calls] == [(f"/{number}", 204) for number in range(300)]
    assert counters["held_most"] < 1000


def test_of_two_copies_the_one_its_receiver_can_have_taken_is_read(wire: Any, replay: Any) -> None:
    """A decoy that acknowledges what was never sent is dropped by its receiver (RFC 9293 3.10.7.4); the request that follows it under the same
    numbers is not."""
    from tests.core.conftest import Frame

    line = wire()
    seq, ack = line.next
    decoy, real = (b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % name for name in (b"decoy", b"admin"))
    calls, _ = replay(
        [
            *line.frames,
            Frame(CLIENT, seq, ack + 5000, 0x18, decoy),
            Frame(CLIENT, seq, ack, 0x18, real),
            Frame(SERVER, ack, seq + len(real), 0x18, b"HTTP/1.1 204 No Content\r\n\r\n"),
        ]
    )
    assert [(call["path"], call["status"]) for call in calls] == [("/admin", 204)]
    assert "retransmission_differs" in calls[0]["weird"]


@pytest.mark.parametrize(
    ("seen", "path"),
    [
        (b"GET /images/box.gif HTT", "/images/box.gif"),  # what 96 octets of a frame show, say
        (b"GET /images/box.gif ", "/images/box.gif"),
        (b"GET /a b HTTP/1.", "/a b"),
        (b"DELETE /images/box.gif?now=1 H", "/images/box.gif"),
        (b"GET /images/box.gif", None),  # the target may go on
        (b"GET /images/box.gif\tHTTP", None),
        (b"ODD /images/box.gif HTT", None),
    ],
)
def test_a_request_line_whose_end_was_cut_off_names_its_request(wire: Any, replay: Any, seen: bytes, path: str | None) -> None:
    line = wire()
    line.send(CLIENT, seen + b"P/1.1\r\nHost: h\r\n\r\n", [len(seen)])
    line.send(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n")
    line.close()
    rest = next(frame for frame in line.frames if frame.payload.endswith(b"h\r\n\r\n"))
    calls, _ = replay([frame for frame in line.frames if frame is not rest])
    whole = [("request_head" in call["complete"], call["status"]) for call in calls]
    assert [call["path"] for call in calls] == [path] and whole == [(False, 204)]
    assert path is None or calls[0]["weird"] == ["head_gap"]


@pytest.mark.parametrize("cut", [[], [3]])
def test_a_head_that_comes_after_something_else_ends_where_it_ends(wire: Any, replay: Any, cut: list[int]) -> None:
    """Found by hostile conversations: the late head was taken to stand a segment earlier than it did, and what came after it raised."""
    line = wire()
    line.send(CLIENT, b"GET /a b\r\nHost: h\r\n\r\n")
    line.send(SERVER, b"H\xdf\r\nContent-Length: 0\r\n\r\n", cut)
    line.send(SERVER, b"HTTP/1.0 304 Not Modified\r\nContent-Length: 2\r\n\r\n\xc2\x85", cut)
    line.close()
    calls, counters = replay(line.frames)
    assert [(call["path"], call["status"], call["response_bytes"]) for call in calls] == [("/a b", 304, 0)]
    assert counters["faults"] == 0


def test_a_mistake_of_ours_costs_its_connection_and_no_other(wire: Any) -> None:
    from parsers.engine import Engine

    def fail(*given: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    engine = Engine()
    engine.calls.decode_body = fail
    lines = [wire(40000 + number) for number in range(4)]
    for number, line in enumerate(lines):
        coded = b"Content-Encoding: gzip\r\n" if number % 2 else b""
        for turn in range(3):
            line.send(CLIENT, b"GET /%d/%d HTTP/1.1\r\nHost: h\r\n\r\n" % (number, turn))
            line.send(SERVER, b"HTTP/1.1 200 OK\r\n" + coded + b"Content-Length: 4\r\n\r\nbody")
    frames = [frame for turn in zip(*(line.frames for line in lines), strict=True) for frame in turn]
    batches = engine.feed(block_of([frame.octets(number) for number, frame in enumerate(frames)])) + engine.finish()
    calls = [call for batch in batches for call in batch.to_pylist()]
    assert sorted(call["path"] for call in calls) == [f"/{number}/{turn}" for number in (0, 2) for turn in range(3)]
    assert {call["response_body"] for call in calls} == {b"body"} and {call["request_body"] for call in calls} == {b""}
    assert engine.counters["faults"] == 2 and "a mistake of ours" in engine.fault
    assert engine.counters["connections_open"] == 0 and engine.calls.room.taken == 0


def asks(line: Any, path: bytes) -> None:
    line.send(CLIENT, b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    line.send(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.mark.parametrize("lies", [[0x02], [0x04, 0x02], [0x11, 0x02], [0x02, 0x10], [0x04, 0x02, 0x10]], ids=lambda lies: "-".join(map(hex, lies)))
@pytest.mark.parametrize("ahead", [0x5000_0000, 5000, -5000])
def test_a_client_cannot_leave_a_connection_that_its_server_is_still_in(wire: Any, lies: list[int], ahead: int) -> None:
    """A SYN, a reset or an end that the server drops (RFC 5961), and all that followed on the connection was out of the window of a new one."""
    from parsers.engine import Engine
    from tests.core.conftest import Frame

    line = wire()
    asks(line, b"/before")
    for number, flags in enumerate(lies):
        line.frames.append(Frame(CLIENT, line.next[CLIENT] + ahead + (number if flags == 0x10 else 0), line.next[SERVER] if flags != 0x02 else 0, flags))
        line.acknowledge(SERVER)  # the challenge
    first = len(line.frames)
    asks(line, b"/hidden")
    asks(line, b"/after")
    block = block_of([frame.octets(number) for number, frame in enumerate(line.frames)])
    block.ts[first - 2 * len(lies) :] += 10_000_000_000
    engine = Engine()
    calls = [row for batch in engine.feed(block) + engine.finish() for row in batch.to_pylist()]
    assert [(call["path"], call["status"]) for call in calls] == [("/before", 204), ("/hidden", 204), ("/after", 204)]


@pytest.mark.parametrize("seen", ["all", "no SYN-ACK", "client"])
def test_ports_that_are_used_again_while_the_end_of_the_last_connection_was_lost(wire: Any, replay: Any, seen: str) -> None:
    one, two = wire(40000), wire(40000, (5_000_000, 7_000_000))
    asks(one, b"/one")
    asks(two, b"/two")
    asks(two, b"/three")
    frames = [*one.frames, *(frame for frame in two.frames if seen != "no SYN-ACK" or frame.flags != 0x12)]
    calls, counters = replay([frame for frame in frames if seen != "client" or frame.who == CLIENT])
    status = None if seen == "client" else 204
    assert counters["reused"] == 1
    if seen == "no SYN-ACK":  # the request that nothing had confirmed yet is read on its own, or not at all
        calls = [call for call in calls if call["path"] != "/two"]
        assert [(call["path"], call["status"]) for call in calls] == [("/one", 204), (None, 204), ("/three", 204)]
    else:
        assert [(call["path"], call["status"]) for call in calls] == [("/one", status), ("/two", status), ("/three", status)]


def test_an_end_that_the_server_drops_ends_nothing(wire: Any, replay: Any) -> None:
    """A FIN with a wrong checksum, a short time to live or an acknowledgement of what was never sent: what followed it was no part of the stream."""
    from tests.core.conftest import Frame

    line = wire()
    asks(line, b"/before")
    line.frames.append(Frame(CLIENT, line.next[CLIENT], line.next[SERVER] + 70_000, 0x11))
    line.acknowledge(SERVER)
    asks(line, b"/hidden")
    asks(line, b"/after")
    line.close()
    calls, counters = replay(line.frames)
    assert [(call["path"], call["status"]) for call in calls] == [("/before", 204), ("/hidden", 204), ("/after", 204)]
    assert counters["connections"] == 1


def test_what_is_held_behind_an_end_is_bounded(wire: Any) -> None:
    from parsers.engine import Engine
    from tests.core.conftest import Frame

    line = wire()
    asks(line, b"/before")
    line.frames.append(Frame(CLIENT, line.next[CLIENT], line.next[SERVER], 0x11))
    line.frames += [Frame(CLIENT, line.next[CLIENT] + 100 * number, line.next[SERVER], 0x18, b"x" * 100) for number in range(5000)]
    engine = Engine(Limits(reorder_bytes=2000))
    calls = [row for batch in engine.feed(block_of([frame.octets(number) for number, frame in enumerate(line.frames)])) + engine.finish() for row in batch.to_pylist()]
    assert [(call["path"], call["status"]) for call in calls] == [("/before", 204)]
    assert engine.counters["held_most"] < 2600


def test_a_pair_that_nothing_confirms_before_the_connection_ends_is_a_call(wire: Any, replay: Any) -> None:
    """Found by spoilt captures: a request was lost, the next one was answered, and the response was cut short by the end of the capture."""
    line = wire()
    line.send(CLIENT, b"GET /lost HTTP/1.1\r\nHost: h\r\n\r\n")
    lost = line.frames[-2]
    line.send(CLIENT, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    line.send(SERVER, b"HTTP/1.1 206 Partial Content\r\nContent-Length: 500\r\n\r\n")
    calls, _ = replay([frame for frame in line.frames if (frame is not lost and frame.payload) or frame.flags == 0x02])
    assert [(call["path"], call["status"]) for call in calls] == [("/a", 206)]


def test_too_little_memory_is_no_connections_doing(wire: Any) -> None:
    from parsers.engine import Engine

    def fail(*given: object) -> None:
        raise MemoryError

    engine, line = Engine(), wire()
    engine.calls.decode_body = fail
    line.send(CLIENT, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    line.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody")
    with pytest.raises(MemoryError):
        engine.feed(block_of([frame.octets(number) for number, frame in enumerate(line.frames)]))
    assert engine.counters["faults"] == 0
