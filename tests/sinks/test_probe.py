"""`api-sensor sink test`: each hop, each way to fail, in words an operator can act on."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from sensor.cli import main
from sensor.sinks import open_sinks
from tests.sinks.conftest import Rsyslog, SyslogNg, alert, free_port, freeze, thaw


def tried(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[tuple[str, bool, str]]]:
    """Exit status, and (hop, whether it went well, what was said) of each."""
    status = main(["sink", "test", *words, "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["ms"] >= 0 for line in lines)
    return status, [(line["hop"], line["ok"], line["said"]) for line in lines]


def test_a_good_way_is_told_hop_by_hop(rsyslog_tls: Rsyslog, certificates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    c = certificates
    good = f"tls://localhost:{rsyslog_tls.tls}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"
    status, hops = tried(capsys, good)
    assert (status, [hop for hop, _, _ in hops]) == (0, ["destination", "name", "connection", "our certificate", "TLS", "alert"])
    said = {hop: text for hop, _, text in hops}
    assert "localhost is 127.0.0.1" in said["name"] or "::1" in said["name"]
    assert "for sensor.test, localhost, 127.0.0.1, issued by ca, valid from" in said["TLS"]
    assert said["TLS"].startswith("TLSv1.3 TLS_") and "SHA-256" in said["TLS"]
    assert "read it to the end and closed in order" in said["alert"]
    assert rsyslog_tls.lines(1)[0]["all"]["alert"]["category"] == "test"
    print_ = said["TLS"].rpartition("SHA-256 ")[2]
    mine = f"cert={c}/client.pem&key={c}/client.key"
    assert tried(capsys, f"tls://localhost:{rsyslog_tls.tls}?fingerprint={print_}&{mine}")[0] == 0
    assert main(["sink", "test", good]) == 0
    out = capsys.readouterr().out
    assert out.count("    ok  ") == 6 and " ms)" in out


def test_each_way_to_fail_is_said(
    rsyslog_tls: Rsyslog, certificates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c = certificates
    mine = f"cert={c}/client.pem&key={c}/client.key"
    closed = free_port()
    (tmp_path / "file").write_text("")
    for line, hop, why in (
        ("tcp://no-such-host.invalid", "name", "no-such-host.invalid cannot be found"),
        (f"tcp://127.0.0.1:{closed}", "connection", f"port {closed}: nothing listens at that port"),
        (f"tls://localhost:{rsyslog_tls.tls}?ca={c}/stranger.pem&{mine}", "TLS", "nobody we trust signed"),
        (f"tls://localhost:{rsyslog_tls.tls}?ca={c}/ca.pem&{mine}&name=other.test", "TLS", "is for another name than other.test"),
        (f"tls://localhost:{rsyslog_tls.tls}?fingerprint={'ab' * 32}&{mine}", "TLS", "another fingerprint"),
        (f"tls://localhost:{rsyslog_tls.tcp}?ca={c}/ca.pem", "TLS", ""),
        (f"tls://localhost:{rsyslog_tls.tls}?ca={c}/ca.pem&cert={c}/expired.pem&key={c}/expired.key", "our certificate", "has expired"),
        (f"unix://{tmp_path}/none", "socket", "does the receiver run"),
        (f"unix://{tmp_path}/file", "socket", "is no socket"),
        (f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}", "alert", "nothing listens at that port"),
        (f"file:{tmp_path}/alerts.jsonl?min=high", "alert", "filters of this destination"),
    ):
        # Patience, but for what never answers: a receiver of lines is told a TLS greeting, and datagrams are tried until the end.
        status, hops = tried(capsys, line, "--timeout", "60" if why and hop != "alert" else "0.3")
        assert (status, hops[-1][:2]) == (1, (hop, False)), line
        assert why in hops[-1][2]
        assert all(ok for _, ok, _ in hops[:-1])
        if hop == "TLS" and "stranger" in line:
            assert "issued by ca, valid from" in hops[-1][2], "which certificate was refused is shown"
    for line in ("udp://x?nonsense=1", "nonsense", "pigeon://x"):
        assert main(["sink", "test", line]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_client_certificate_is_said(syslog_ng: SyslogNg, certificates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, hops = tried(capsys, f"tls://localhost:{syslog_ng.tls}?ca={certificates}/ca.pem", "--timeout", "10")
    # In TLS 1.3 the receiver says so after the handshake; one that is slow, when the alert was sent.
    assert status == 1 and hops[-1][0] in ("TLS", "alert")
    assert "wants a client certificate: give cert=FILE and key=FILE" in hops[-1][2]


def test_secrets_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _, hops = tried(capsys, f"http://me:hunter2@127.0.0.1:{free_port()}/x?token=hunter2&secret=hunter2", "--timeout", "0.2")
    assert "hunter2" not in json.dumps(hops)


@pytest.mark.parametrize("line", ["https://joe:hunter2@[bad/x", "https://h?token=hunter2&token=hunter2", "https://h?hunter2", "bad scheme:hunter2?token=hunter2", "https://joe:hunter2@h:99999"])
def test_a_line_that_is_wrong_is_said_without_its_secrets(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sink", "test", line.replace("scheme:hunter2", "scheme:x")]) == 2
    said = capsys.readouterr().err
    assert "hunter2" not in said and said


def test_a_frozen_receiver_is_told_from_a_good_one(rsyslog: Rsyslog, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.sinks.network.CONFIRM_S", 0.2)
    freeze(rsyslog.process)
    status, hops = tried(capsys, f"tcp://127.0.0.1:{rsyslog.tcp}?confirm=close", "--timeout", "0.3")
    thaw(rsyslog.process)
    assert (status, hops[-1][0]) == (1, "alert")
    assert "does not close its side" in hops[-1][2]


def test_files_and_stores_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (f"file:{tmp_path}/alerts.jsonl", f"store:{tmp_path}/alerts.sqlite"):
        status, hops = tried(capsys, line)
        assert (status, hops[-1][0], hops[-1][1]) == (0, "alert", True)
    assert b'"category":"test"' in (tmp_path / "alerts.jsonl").read_bytes()


def test_sinks_of_a_configuration_are_tested_by_name_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "sensor.yaml"
    config.write_text(f"sinks:\n  - name: archive\n    to: file:{tmp_path}/alerts.jsonl\n  - name: siem\n    to: tcp://127.0.0.1:{free_port()}\n")
    assert tried(capsys, "archive", "--config", str(config))[0] == 0
    assert tried(capsys, "siem", "--config", str(config), "--timeout", "0.2")[0] == 1
    status, hops = tried(capsys, "--config", str(config), "--timeout", "0.2")
    assert status == 1
    assert [ok for hop, ok, _ in hops if hop in ("alert", "connection")] == [True, False]
    for words, why in (
        (["archiv", "--config", str(config)], "did you mean 'archive'?"),
        (["archive"], "say which file knows it with --config"),
        ([], "say which destination"),
    ):
        assert main(["sink", "test", *words]) == 2
        assert why in capsys.readouterr().err


def test_flush_delivers_what_earlier_runs_left(tmp_path: Path, rsyslog: Rsyslog, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"tcp://127.0.0.1:{rsyslog.tcp}"
    rsyslog.stop(signal.SIGKILL)
    sinks = open_sinks([f"{place}?size=4096"], tmp_path / "spool")
    for number in range(3):
        sinks.send(alert(number))
    assert "api-sensor sink flush" in sinks.close(0)[0].sentence()
    words = ["sink", "flush", place, "--state", str(tmp_path), "--timeout"]
    assert main([*words, "0.2"]) == 1
    assert "3 alerts could not be delivered (nothing listens at that port" in capsys.readouterr().out
    rsyslog.start()
    (tmp_path / "config.yaml").write_text(f"sinks:\n- to: {place}\n  name: siem\n")
    assert main(["sink", "flush", "siem", "--config", str(tmp_path / "config.yaml"), "--state", str(tmp_path)]) == 0
    assert f"{place}: 3 waiting alerts delivered" in capsys.readouterr().out
    assert main([*words, "5"]) == 0
    assert f"{place}: nothing was waiting" in capsys.readouterr().out
    assert [int(line["all"]["alert"]["uid"], 16) for line in rsyslog.lines(3)] == [0, 1, 2]
