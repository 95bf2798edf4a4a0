"""Hostile conversations: calls of real captures with hostile text in their heads and bodies, through everything that reads calls.

    python -m tests.app.hostile 600 [SEED]   # for ten minutes; what fails is shown with the number that `conversations` makes it again from
"""

from __future__ import annotations

import io
import json
import logging
import random
import sys
import time
import traceback
from pathlib import Path

from parsers.limits import Limits
from tests.core.conftest import CLIENT, SERVER, Frame, Wire, block_of

ROOT = Path(__file__).resolve().parents[2]
TOKENS = [
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9", b"%00", b"%ff%fe", b"%25%32%35", b"../" * 5, b"'\" OR 1=1--", b"<script>", b"${jndi:ldap://x}", b"{{7*7}}",
    b"[]" * 3, b'{"a":', b"[" * 200, b'{"a":' * 150, b"1e999", b"-0", b"NaN", b"99999999999999999999999", b"\\ud800", b"\\u0000", b"4111111111111111", b"DE89370400440532013000",
    b"eyJhbGciOiJub25lIn0.e30.", b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.x", b"Bearer ", b"Basic Og==", b"Basic !!!", b"A" * 5000, b"\r\n", b"\n", b"\r", b":", b",", b";", b"=", b"&",
    b"?", b"#", b"/", b"//", b"{", b"}", b"{id}", b"<a>" * 60, b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///'>]>", b"query{a{b}}", b"mutation", b"__schema", b"\x1b[31m",
    b"\xe2\x80\xae", b"\xc2\x85", b"\xe2\x80\xa8", b"|", b"%s%n", b"=cmd()", b"user@example.com", b"00000000-0000-0000-0000-000000000000", b"2024-02-30T25:61:61Z", b"true", b"null",
    b"Content-Type: multipart/form-data; boundary=x\r\n", b"Content-Type: application/xml\r\n", b"Content-Type: application/graphql\r\n", b"Cookie: " + b"a=b; " * 300 + b"\r\n",
    b"X-A: " * 50, b"Host: " + b"a." * 200 + b"\r\n",
]  # fmt: skip
LENGTHS = (b"content-length", b"transfer-encoding", b"content-encoding", b"expect", b"upgrade")

Exchange = tuple[bytes, bytes, bytes, bytes]


def exchanges(names: list[str]) -> list[Exchange]:
    """Heads and bodies of the calls of captures in `pcaps`."""
    from parsers.engine import Engine
    from sensor.capture import open_captures

    found: dict[Exchange, None] = {}
    for name in names:
        engine = Engine()
        with open_captures([str(ROOT / "pcaps" / f"{name}.pcap")]) as source:
            batches = [batch for block in source for batch in engine.feed(block)]
        for batch in [*batches, *engine.finish()]:
            for row in batch.to_pylist():
                if row["request_head"] and row["response_head"]:
                    found[row["request_head"], (row["request_body"] or b"")[:3000], row["response_head"], (row["response_body"] or b"")[:3000]] = None
    return list(found)


def spoilt(chance: random.Random, octets: bytes) -> bytes:
    """Octets with some of TOKENS in them, some octets changed, left out or said again."""
    for _ in range(chance.choice([0, 0, 1, 1, 2, 4])):
        at = chance.randrange(len(octets) + 1)
        how = chance.randrange(6)
        if how < 3:
            token = chance.choice(TOKENS)
            octets = octets[:at] + token + octets[at + chance.choice([0, 0, len(token), chance.randrange(9)]) :]
        elif how == 3:
            octets = octets[:at] + bytes([chance.randrange(256)]) + octets[at + 1 :]
        elif how == 4:
            octets = octets[:at] + octets[at + chance.randrange(40) :]
        else:
            end = min(len(octets), at + chance.randrange(200))
            octets = octets[:end] + octets[at:end] * chance.randrange(1, 5) + octets[end:]
    return octets


def framed(chance: random.Random, head: bytes, body: bytes) -> bytes:
    """A message whose length is right, mostly, so that its body is read."""
    if chance.random() > 0.85:
        return head + body
    lines = [line for line in head.split(b"\r\n\r\n")[0].split(b"\r\n") if not line.lower().startswith(LENGTHS)]
    return b"\r\n".join(lines) + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def conversations(number: int, known: list[Exchange]) -> tuple[list[Frame], random.Random]:
    """The frames of some connections; the same for the same number."""
    chance = random.Random(number)
    frames: list[Frame] = []
    pool = [chance.choice(known) for _ in range(chance.choice([1, 3, 12]))]
    for connection in range(chance.randrange(1, 6)):
        line = Wire(40000 + connection)
        for _ in range(chance.randrange(1, 30)):
            asked, sent, answered, got = chance.choice(pool)
            line.send(CLIENT, framed(chance, spoilt(chance, asked), spoilt(chance, sent)))
            line.send(SERVER, framed(chance, spoilt(chance, answered), spoilt(chance, got)))
        line.close()
        frames += line.frames
    return frames, chance


class Reader:
    """Everything that reads calls, map and alerts. Raises for whatever fails in any of it."""

    def __init__(self, folder: Path) -> None:
        import rules

        self.folder, self.rules = folder, rules.load(None)

    def read(self, frames: list[Frame], chance: random.Random) -> int:
        """Returns how many calls there were."""
        from sensor.calllog import CallLog
        from sensor.catalogue.export import openapi
        from sensor.catalogue.page import html, tree
        from sensor.masking import Masker
        from sensor.pipeline import Pipeline
        from sensor.sinks.formats import FORMATS
        from sensor.sinks.message import fields_of

        masker = Masker(b"k" * 32)
        log = CallLog(str(self.folder / f"calls.{chance.choice(['parquet', 'jsonl'])}"), masker, True, True, True) if chance.random() < 0.5 else None
        limits = Limits(batch_rows=chance.choice([7, 50, 100_000]))
        pipeline = Pipeline(masker, self.rules if chance.random() < 0.8 else None, None, log, None, limits, self_train=chance.random() < 0.3)
        summary = pipeline.run([block_of([frame.octets(number) for number, frame in enumerate(frames)])])
        assert summary.faults == {}, summary.faults
        assert pipeline.catalogue is not None
        json.dumps(pipeline.catalogue.to_json(masker.text))
        for version in ("3.1.0", "3.0.3"):
            json.dumps(openapi(summary.endpoints, version, masker.text))
        page, drawn = html(summary.endpoints, masker.text, 3), io.StringIO()
        tree(summary.endpoints, drawn, masker.text)
        assert not {"\x1b", "\u202e"} & {*page, *drawn.getvalue()}
        for alert in summary.alerts[:20]:
            line = alert.to_json()
            for name, body in FORMATS.items():
                for room in (480, 1900, 1 << 20):
                    text = body(fields_of(line), line, room)
                    assert len(text) <= room, (name, room, len(text))
                    assert all(octet >= 32 or octet == 9 for octet in text.rstrip(b"\n")), (name, text)
        return summary.calls


def main() -> None:
    import tempfile

    logging.basicConfig(level=logging.ERROR)
    until = time.monotonic() + float(sys.argv[1])
    number = int((sys.argv[2:] or ["0"])[0])
    known = exchanges(sorted({path.stem for path in (ROOT / "pcaps").glob("*.pcap")}))
    calls = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        while time.monotonic() < until:
            frames, chance = conversations(number, known)
            try:
                calls += reader.read(frames, chance)
            except Exception:
                failed += 1
                print(f"--- {number}\n{traceback.format_exc()}")
            number += 1
    print(f"up to {number}: {calls} calls, {failed} failed")
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
