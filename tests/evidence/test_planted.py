"""Secrets planted everywhere a call can carry one are in no octet that any command writes.

The traffic is put into segments of one to nine octets, in chunks, in gzip, twice, and out of order; every command of the program runs over it, and every
file that it leaves, every line that it prints and everything inside its archives and columns is looked through.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pyarrow import parquet

from sensor.evidence.pcapng import Packet, pcapng
from sensor.sinks.formats import FORMATS
from tests.core.conftest import CLIENT, SERVER, Frame, Wire
from tests.evidence.conftest import ROOT, calls_of

SECRETS = {
    "bearer": "tkB7x9Qm2LpZr4Wv8Yn", "basic": "hunter2basic", "cookie": "ck5u0v9w8x7y6z5a4b", "set_cookie": "sc1d2e3f4g5h6i7j8k", "api_key": "ak99zz88yy77xx66ww",
    "query": "qs4rT6yU8iO0pA2sD4", "form": "fp7asswordOfForm", "json": "js0nPassw0rdHere", "nested": "n3stedPassw0rdXyz", "part": "mp4rtPassw0rdAbc",
    "xml": "xm1Passw0rdDef", "zipped": "gz1ppedPassw0rdGhi", "chunked": "chnkdPassw0rdJkl", "reply": "rp1yTokenMnoPqrStu", "path": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
    "card": "4111111111111111", "email": "jane.roe@planted.example", "referer": "rf3rerT0kenVwxYz12", "user": "us3rinf0Passw0rd", "trailer": "tr41lerT0ken98765",
    "attack": "atk5qlPassw0rd7890", "beside": "bs1deAttackPassw0rd", "literal": "gq1LiteralPassw0rd", "attribute": "xm2AttributePassw0rd", "strange": "st2 ange' Passw0rd; ---- of a person",
}  # fmt: skip


def exchanges() -> Iterator[tuple[bytes, bytes]]:
    s = SECRETS
    basic = base64.b64encode(f"joe:{s['basic']}".encode()).decode()
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    def post(path: str, kind: str, body: bytes, more: str = "") -> bytes:
        return f"POST {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def get(target: str, more: str = "") -> bytes:
        return f"GET {target} HTTP/1.1\r\nHost: shop.example\r\n{more}\r\n".encode()

    reply = json.dumps({"access_token": s["reply"], "mail": s["email"], "n": list(range(40))}).encode()
    cookies = f"HTTP/1.1 200 OK\r\nSet-Cookie: sid={s['set_cookie']}; Path=/; HttpOnly\r\nContent-Type: application/json\r\nContent-Length: {len(reply)}\r\n\r\n".encode()
    yield get("/me", f"Authorization: Bearer {s['bearer']}\r\nCookie: theme=dark; session={s['cookie']}\r\n"), cookies + reply
    yield get("/admin", f"authorization: Basic {basic}\r\nX-Api-Key:{s['api_key']}\r\n"), ok
    yield get(f"/reset?access_token={s['query']}&x=1", f"Referer: https://joe:{s['user']}@shop.example/?api_key={s['referer']}\r\n"), ok
    yield get(f"/u/{quote(s['email'], safe='')}/card/{s['card']}/{s['path']}"), ok
    yield post("/login", "application/x-www-form-urlencoded", f"user=joe&password={s['form']}".encode()), ok
    yield post("/login", "application/json", json.dumps({"u": "joe", "password": s["json"], "card_number": s["card"]}).encode()), ok
    yield post("/login", "application/json", json.dumps({"inner": json.dumps({"user_password": s["nested"]})}).encode()), ok
    part = f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{s["part"]}\r\n--b--\r\n'.encode()
    yield post("/upload", "multipart/form-data; boundary=b", part), ok
    yield post("/soap", "text/xml", f"<e><Password>{s['xml']}</Password></e>".encode()), ok
    yield post("/zip", "application/json", gzip.compress(json.dumps({"password": s["zipped"]}).encode(), mtime=0), "Content-Encoding: gzip\r\n"), ok
    text = json.dumps({"a": 1, "password": s["chunked"]}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(text[at : at + 5]), text[at : at + 5]) for at in range(0, len(text), 5))
    trailer = f"0\r\nX-Auth-Token: {s['trailer']}\r\n\r\n".encode()
    yield b"POST /c HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + trailer, ok
    yield get(f"/items?id=1%27%20UNION%20SELECT%20password%20FROM%20users--&password={s['attack']}"), ok
    yield post("/items", "application/json", json.dumps({"q": f"' OR 1=1 -- password={s['attack']}"}).encode()), ok
    for between in range(0, 40, 3):  # wherever a quotation of the attack is cut
        yield post("/items", "application/json", json.dumps({"password": s["beside"], "n": "y" * between, "q": "1' OR '1'='1"}).encode()), ok
    yield post("/graphql", "application/json", json.dumps({"query": f'mutation {{ login(user: "joe", password: "{s["literal"]}") {{ id }} }}'}).encode()), ok
    yield post("/soap", "text/xml", f'<e><Credential user="joe" password="{s["attribute"]}"/></e>'.encode()), ok
    for number in range(40):  # so that the last one is strange
        yield post("/login", "application/json", json.dumps({"u": "joe", "password": f"pw{number}xyz{number * 7}"}).encode()), ok
    yield post("/login", "application/json", json.dumps({"u": "joe", "password": s["strange"]}).encode()), ok


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The traffic as a capture: tiny segments, some again, some late."""
    rng = random.Random(5)
    frames: list[bytes] = []
    for number, (request, reply) in enumerate(list(exchanges()) * 2):
        wire = Wire(port=41000 + number)
        for who, octets in ((CLIENT, request), (SERVER, reply)):
            cuts = []
            at = 0
            while at < len(octets):
                at += rng.randrange(1, 10 if number % 2 else 400)
                cuts.append(at)
            wire.send(who, octets, [cut for cut in cuts if cut < len(octets)])
        wire.close()
        some: list[Frame] = list(wire.frames)
        for _ in range(3):
            at = rng.randrange(3, len(some) - 4)
            some.insert(at + 2, some[at])
            some[at], some[at + 1] = (some[at + 1], some[at]) if some[at].who == some[at + 1].who else (some[at], some[at + 1])
        frames += [frame.octets(k) for k, frame in enumerate(some)]
    packets = [Packet(1_700_000_000_000_000_000 + k * 1_000_000, 1, len(one), one, "") for k, one in enumerate(frames)]
    path = tmp_path_factory.mktemp("planted") / "planted.pcapng"
    path.write_bytes(pcapng(packets, "test", "test"))
    return path


def forms(secret: str) -> set[bytes]:
    """How a secret may stand in octets: as it is, quoted, in base64 at each of three offsets, in hexadecimal."""
    raw = secret.encode()
    out = {raw, quote(secret, safe="").encode(), raw.hex().encode()}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw + b"\0" * 3).rstrip(b"=")
        out.add(coded[4 if shift else 0 : len(coded) - 6])
    return {one for one in out if len(one) >= 6}


def everything(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every octet below a folder, archives, columns and databases opened."""
    for file in sorted(path.rglob("*")):
        if not file.is_file():
            continue
        octets = file.read_bytes()
        yield str(file), octets
        if octets[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(octets)) as archive:
                for name in archive.namelist():
                    yield f"{file}:{name}", archive.read(name)
        if file.suffix == ".parquet":
            yield f"{file}:rows", repr(parquet.read_table(file).to_pylist()).encode()
        if octets.startswith(b"SQLite"):
            with sqlite3.connect(file) as db:
                for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    yield f"{file}:{table}", repr(db.execute(f"SELECT * FROM {table}").fetchall()).encode()


def streams(path: Path) -> Iterator[tuple[str, bytes]]:
    """What the packets of a capture carry, put together again."""
    for call in calls_of(path):
        for name in ("request_head", "response_head", "request_body", "response_body"):
            if call[name]:
                yield f"{path}:{name}", call[name]


def test_the_planted_traffic_is_read_whole(planted: Path) -> None:
    calls = calls_of(planted)
    assert len(calls) == 2 * len(list(exchanges()))
    text = b"".join(octets for _, octets in streams(planted))
    # Trailers are in no column of a call.
    assert {name for name, secret in SECRETS.items() if not any(form in text for form in forms(secret))} <= {"trailer"}


def test_no_output_of_any_command_holds_a_secret(planted: Path, tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    out.mkdir()
    said: list[tuple[str, bytes]] = []

    def run(*words: str | Path, status: tuple[int, ...] = (0, 3)) -> bytes:
        done = subprocess.run([sys.executable, "-m", "sensor", *map(str, words)], cwd=ROOT, capture_output=True, timeout=300, check=False)
        assert done.returncode in status, (words, done.stderr)
        said.append((" ".join(map(str, words)), done.stdout + done.stderr))
        return done.stdout

    sinks = [word for name in FORMATS for word in ("--sink", f"file:{out}/{name}.log?format={name}")]
    run("replay", planted, "--state", state, "--calls", out / "a.jsonl", "--bodies", "--mask-bodies", "--alerts", out / "alerts.jsonl", "--continue",
        "--evidence", out / "ring", "--sink", "store:", *sinks, "--sink", "tcp://127.0.0.1:9", "--sink", "udp://127.0.0.1:9")  # fmt: skip
    run("replay", planted, "--state", state, "--calls", out / "a.parquet", "--headers", "--mask-bodies", "--no-model")
    run("replay", planted, "--state", state, "--calls", "-", "--headers", "--no-model")
    (out / "map.json").write_bytes(run("replay", planted, "--state", state, "--json"))
    for words in (["map", "export", out / "map.json"], ["map", "diff", out / "map.json", out / "map.json"], ["map", "explain", out / "map.json", "shop.example"]):
        run(*words, status=(0, 1, 2, 3))
    run("learn", planted, "-o", out / "shop.model", "-q", status=(0, 1, 2))
    listed = [json.loads(line) for line in run("alerts", "list", "--json", "--store", state / "alerts.sqlite").splitlines()]
    assert listed, "the attack must be found, or there is nothing to look through"
    for alert in listed[:2]:
        run("alerts", "show", alert["uid"], "--store", state / "alerts.sqlite")
        run("evidence", alert["uid"], planted, "--state", state, "-o", out / alert["uid"], "--all-connections")
        run("evidence", alert["uid"], planted, "--state", state, "-o", out / f"{alert['uid']}.zip", "--json")
    run("alerts", "close", listed[0]["uid"], "--false-positive", "--note", "test", "--store", state / "alerts.sqlite")
    captures = sorted(out.rglob("flows.pcapng"))
    assert captures and sum(len(calls_of(path)) for path in captures) > 0
    octets = [*said, *everything(tmp_path), *(one for path in captures for one in streams(path))]
    leaks = {
        (name, where.removeprefix(str(tmp_path)), some[max(0, some.find(form) - 60) : some.find(form) + 60])
        for where, some in octets
        for name, secret in SECRETS.items()
        for form in forms(secret)
        if form in some
    }
    assert not leaks
    # And the sentinel that the scan can find something: the unmasked bundle holds them.
    run("evidence", listed[0]["uid"], planted, "--state", state, "-o", tmp_path / "bare", "--unmasked", "--all-connections")
    bare = b"".join(some for _, some in everything(tmp_path / "bare"))
    assert sum(any(form in bare for form in forms(secret)) for secret in SECRETS.values()) > 10


def test_the_shops_own_credentials_are_in_no_bundle(tmp_path: Path) -> None:
    shop = ROOT / "pcaps" / "shop.pcap"
    whole = b"".join(octets for _, octets in streams(shop))
    found = set(re.findall(rb'"password":\s*"([^"]{4,})"', whole)) | set(re.findall(rb"[\w.+-]+@[\w-]+\.[\w.]+\w", whole)) | set(re.findall(rb"[Bb]earer ([\w.-]{16,})", whole))
    assert len(found) > 50
    argv = [sys.executable, "-m", "sensor", "replay", str(shop), "-q", "--state", str(tmp_path / "s"), "--alerts", str(tmp_path / "a.jsonl")]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    for uid in {json.loads(line)["uid"] for line in (tmp_path / "a.jsonl").read_text().splitlines()[:4]}:
        argv = [sys.executable, "-m", "sensor", "evidence", uid, "--from", str(tmp_path / "a.jsonl"), "--state", str(tmp_path / "s"), "--all-connections"]
        subprocess.run([*argv, "-o", str(tmp_path / uid)], cwd=ROOT, check=True, capture_output=True)
        for where, octets in [*everything(tmp_path / uid), *streams(tmp_path / uid / "flows.pcapng")]:
            leaked = [secret for secret in found if secret in octets]
            assert not leaked, (where, leaked[:3])
