"""The bundle: formats that others read, a manifest that holds, the same octets every time."""

from __future__ import annotations

import datetime
import io
import json
import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from haralyzer import HarParser

from sensor.cli import main
from sensor.evidence.bundle import bundle, write, zipped
from sensor.evidence.gather import EvidenceLimits
from sensor.evidence.pcapng import Packet, pcapng
from sensor.masking import Masker
from tests.core.conftest import CLIENT, SERVER, Wire
from tests.evidence.conftest import PCAPS, ROOT, calls_of, citing, source_of

MASKER = Masker(b"k" * 32)
SHOP = ROOT / "pcaps" / "shop.pcap"

# HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): the members each object must have, and their types.
NUMBER = (int, float)
PAIRS = [{"name": str, "value": str}]
HAR: dict[str, Any] = {
    "startedDateTime": str,
    "time": NUMBER,
    "request": {
        "method": str, "url": str, "httpVersion": str, "cookies": PAIRS, "headers": PAIRS, "queryString": PAIRS, "headersSize": int, "bodySize": int,
    },
    "response": {
        "status": int, "statusText": str, "httpVersion": str, "cookies": PAIRS, "headers": PAIRS, "content": {"size": int, "mimeType": str},
        "redirectURL": str, "headersSize": int, "bodySize": int,
    },
    "cache": {},
    "timings": {"send": NUMBER, "wait": NUMBER, "receive": NUMBER},
}  # fmt: skip


def hold(value: Any, rule: Any, where: str) -> None:
    if isinstance(rule, dict):
        assert isinstance(value, dict), where
        for name, inner in rule.items():
            assert name in value, f"{where}.{name}"
            hold(value[name], inner, f"{where}.{name}")
    elif isinstance(rule, list):
        assert isinstance(value, list), where
        for one in value:
            hold(one, rule[0], where)
    else:
        assert isinstance(value, rule) and not isinstance(value, bool), where


@pytest.mark.parametrize("capture", PCAPS, ids=lambda path: path.stem)
def test_the_calls_are_har_1_2(capture: Path) -> None:
    calls = calls_of(capture)
    document = json.loads(bundle(citing(calls), source_of(capture), MASKER).files["calls.har"])
    assert document["log"]["version"] == "1.2" and set(document["log"]["creator"]) == {"name", "version"}
    assert len(document["log"]["entries"]) == len(calls)
    for entry, call in zip(document["log"]["entries"], calls, strict=True):
        hold(entry, HAR, "entry")
        assert datetime.datetime.fromisoformat(entry["startedDateTime"]).utcoffset() == datetime.timedelta(0)
        assert min(entry["timings"].values()) >= 0
        assert entry["time"] == pytest.approx(sum(entry["timings"].values()))
        assert not (set(entry) - set(HAR) - {"serverIPAddress", "connection", "comment"}) - {name for name in entry if name.startswith("_")}
        data = entry["request"].get("postData")
        if data:
            hold(data, {"mimeType": str, "params": list, "text": str}, "postData")
        assert entry["response"]["status"] == (call["status"] or 0)
        assert urlsplit(entry["request"]["url"]).scheme in ("http", "https", "ftp", "")
    read = HarParser(document)
    entries = [one for page in read.pages for one in page.entries]
    assert len(entries) == len(calls)
    assert all(one.response.status >= 0 and isinstance(one.startTime, datetime.datetime) and one.request.headersSize >= -1 for one in entries)


def test_the_manifest_holds_and_the_same_alert_gives_the_same_octets(tmp_path: Path) -> None:
    alert = citing(calls_of(SHOP)[:40])
    one = bundle(alert, source_of(SHOP), MASKER)
    two = bundle(alert, source_of(SHOP), MASKER)
    assert one.files == two.files and zipped(one) == zipped(two)
    write(one, tmp_path / "folder")
    done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=tmp_path / "folder", capture_output=True, text=True, check=True)
    assert done.stdout.count(": OK") == len(one.files) - 1
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (tmp_path / "folder").iterdir())
    manifest = json.loads(one.files["manifest.json"])
    capture = subprocess.run(["sha256sum", str(SHOP)], capture_output=True, text=True, check=True).stdout.split()[0]
    assert manifest["captures"] == [{"name": str(SHOP), "octets": SHOP.stat().st_size, "sha256": capture}]
    with zipfile.ZipFile(io.BytesIO(zipped(one))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(one.files)


@pytest.mark.skipif(shutil.which("capinfos") is None, reason="capinfos is not installed")
def test_capinfos_and_tshark_read_the_packets(tmp_path: Path) -> None:
    made = bundle(citing(calls_of(SHOP)[:40]), source_of(SHOP), MASKER)
    path = tmp_path / "flows.pcapng"
    path.write_bytes(made.files["flows.pcapng"])
    said = subprocess.run(["capinfos", "-M", str(path)], capture_output=True, text=True, check=True).stdout
    assert f"Number of packets:   {made.packets}" in said and "Capture comment:     api-sensor alert abab" in said
    comments = subprocess.run(["tshark", "-r", str(path), "-T", "fields", "-e", "frame.comment"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(comments) == made.packets and all(f"{SHOP} packet " in line for line in comments)


def test_the_timeline_is_what_the_callers_did_and_the_baseline_what_others_do() -> None:
    calls = calls_of(SHOP)
    attacker = [call for call in calls if call["client_ip"] == "10.20.66.10"]
    made = bundle(citing(attacker[5:8]), source_of(SHOP), MASKER)
    timeline = [json.loads(line) for line in made.files["timeline.jsonl"].splitlines()]
    assert [line["packet"] for line in timeline] == [call["packet"] for call in attacker]
    baseline = json.loads(made.files["baseline.json"])["endpoints"]
    login = next(one for one in baseline if one["endpoint"] == "POST api.shop.example/api/v1/login")
    others = [call for call in calls if call["path"] == "/api/v1/login" and call["client_ip"] != "10.20.66.10"]
    assert login["observed"]["calls"] == sum(call["path"] == "/api/v1/login" for call in attacker)
    assert (login["usual"]["calls"], login["usual"]["clients"]) == (len(others), len({call["client_ip"] for call in others}))


def test_a_bundle_masks_what_an_unmasked_run_put_into_its_alert() -> None:
    alert = citing(calls_of(SHOP)[:3], reasons=("Seen in query: password=hunter2hunter2.",), title="joe@example.com")
    made = bundle(alert, source_of(SHOP), MASKER)
    assert not [name for name, octets in made.files.items() if b"hunter2" in octets or b"joe@example.com" in octets]
    assert b"hunter2" in bundle(alert, source_of(SHOP), MASKER, unmasked=True).files["README.txt"]


def test_what_is_never_sent_is_in_no_file_of_the_bundle() -> None:
    capture = ROOT / "pcaps" / "shop.pcap"
    alert = citing(
        [call for call in calls_of(capture) if call["client_ip"] == "10.20.66.20"][:5], reasons=("A secret reason.",), title="10.20.66.20 walked ids",
        response={"advice": ["Block 10.20.66.20."]},
    )  # fmt: skip
    made = bundle(alert, source_of(capture), MASKER, never_send=("clients", "reasons", "principals", "endpoints"))
    for name, octets in made.files.items():
        assert name == "flows.pcapng" or b"A secret reason" not in octets, name
    for name in ("alert.json", "README.txt", "baseline.json", "judges.json", "manifest.json"):
        assert b"10.20.66." not in made.files[name], name
    assert b"Block (not sent)." in made.files["alert.json"]
    assert b"never to be sent: clients, endpoints, principals, reasons" in made.files["README.txt"]
    assert json.loads(made.files["baseline.json"])["endpoints"] == []
    for line in (*made.files["timeline.jsonl"].splitlines(), *map(json.dumps, json.loads(made.files["calls.har"])["log"]["entries"])):
        assert not {"client_ip", "_client", "principal", "_principal"} & json.loads(line).keys()


def test_a_password_that_an_injection_brings_out_as_a_title_is_masked() -> None:
    calls = calls_of(SHOP)
    dumped = next(call for call in calls if b'"title": "ada-pass-1"' in (call["response_body"] or b""))
    made = bundle(citing([dumped]), source_of(SHOP), MASKER)
    assert not [name for name, octets in made.files.items() if b"ada-pass-1" in octets]


def test_bounds_leave_out_and_say_so() -> None:
    made = bundle(citing(calls_of(SHOP)), source_of(SHOP), MASKER, bounds=EvidenceLimits(calls=50, endpoints=2, compared=100))
    assert (made.calls, made.timeline) == (50, 50)
    assert json.loads(made.files["manifest.json"])["left_out"] == made.left_out
    assert set(made.left_out) == {"calls", "timeline", "compared", "endpoints"}


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def test_from_replay_to_bundle_by_the_commands_that_readme_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    assert run("replay", SHOP, "-q", "--state", state, "--alerts", tmp_path / "alerts.jsonl", "--sink", f"store:{state}/alerts.sqlite") == 0
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    uid = next(alert["uid"] for alert in alerts if "credential-stuffing" in alert["detectors"])
    capsys.readouterr()
    assert run("evidence", uid[:12], "--state", state, "-o", tmp_path / "one.zip", "--json") == 0
    manifest = json.loads(capsys.readouterr().out)
    assert run("evidence", uid, "--state", state, "-o", tmp_path / "two.zip", "--from", tmp_path / "alerts.jsonl") == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert (manifest["alert"], manifest["masked"], manifest["connections_missing"]) == (uid, True, [])
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        judges = json.loads(archive.read("judges.json"))["detectors"]
        assert {one["detector"]: one["kind"] for one in judges}["credential-stuffing"] == "rule"
        assert all(len(one["sha256"]) == 64 for one in judges if one["kind"] == "rule")
    assert run("evidence", uid, "--state", state, "-o", tmp_path / "all", "--all-connections", "--unmasked") == 0
    assert "nothing is masked" in capsys.readouterr().err
    assert b"NOT MASKED" in (tmp_path / "all" / "README.txt").read_bytes()
    assert run("evidence", uid, "--state", state, "-o", tmp_path / "after.zip", SHOP) == 0  # captures may stand after options
    assert (tmp_path / "after.zip").read_bytes() == (tmp_path / "one.zip").read_bytes()
    with pytest.raises(SystemExit):
        run("evidence", uid, "--no-such-option", SHOP)
    # Another capture: said, and status 1.
    assert run("evidence", uid, ROOT / "pcaps" / "vlan.pcap", "--state", state, "-o", tmp_path / "none") == 1
    assert not (tmp_path / "none").exists()


def test_mistakes_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "alerts.jsonl").write_bytes(citing(calls_of(SHOP)[:2]).to_json() + b"\n")
    (tmp_path / "torn.jsonl").write_bytes(b'{"uid": "abab"\n')
    cases = [
        ["evidence", "zz", "--from", tmp_path / "alerts.jsonl"],
        ["evidence", "abab", "--from", tmp_path / "absent.jsonl"],
        ["evidence", "abab", "--from", tmp_path / "torn.jsonl"],
        ["evidence", "abab", "absent.pcap", "--from", tmp_path / "alerts.jsonl"],
        ["evidence", "abab", "--from", tmp_path / "alerts.jsonl", "-o", tmp_path / "alerts.jsonl"],
    ]
    for words in cases:
        assert run(*words, "--state", tmp_path / "state") == 2, words
    said = capsys.readouterr().err
    assert "Traceback" not in said and "torn.jsonl:1" in said
    with (tmp_path / "torn.jsonl").open("ab") as file:
        file.write((tmp_path / "alerts.jsonl").read_bytes().replace(str(SHOP).encode(), b"moved/away.pcap"))
    assert run("evidence", "abab", "--from", tmp_path / "torn.jsonl", "--state", tmp_path / "state") == 2
    assert "moved/away.pcap: not found from here; name the captures after the uid" in capsys.readouterr().err
    assert run("evidence", "abab", SHOP, "--from", tmp_path / "torn.jsonl", "--state", tmp_path / "state", "-o", tmp_path / "e.zip") == 0


def test_no_file_of_text_drives_a_terminal_and_all_mean_what_they_did(tmp_path: Path) -> None:
    wire = Wire()
    odd = "/a?q=\u009b31m\u202etxt\u2066\ufeff\U000e0041\x7f' OR '1'='1"
    wire.send(CLIENT, f"GET {odd.replace(' ', '%20')} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: \x1b]0;x\x07\u202e\r\n\r\n".encode(), [])
    wire.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", [])
    wire.close()
    capture = tmp_path / "odd.pcapng"
    capture.write_bytes(pcapng([Packet(10**18 + k, 1, len(one), one, "") for k, one in enumerate(frame.octets(k) for k, frame in enumerate(wire.frames))], "t", "t"))
    calls = calls_of(capture)
    made = bundle(citing(calls), source_of(capture), MASKER)
    assert run("replay", "-q", capture, "--calls", tmp_path / "calls.jsonl", "--headers", "--unmasked", "--state", tmp_path / "state") == 0
    texts = {name: octets.decode() for name, octets in made.files.items() if name != "flows.pcapng"} | {"calls": (tmp_path / "calls.jsonl").read_text()}
    for name, text in texts.items():
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]", text), name
    assert json.loads(texts["calls"])["query"] == calls[0]["query"]
    assert "\u009b31m\u202etxt\u2066\ufeff\U000e0041\x7f" in json.loads(texts["calls.har"])["log"]["entries"][0]["request"]["url"]
