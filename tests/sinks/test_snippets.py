"""The receivers' configurations that ship with the sensor work as they stand, paths and ports aside."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import sensor.sinks
from sensor.alerts import Alert
from sensor.sinks import open_sink
from tests.sinks.conftest import Rsyslog, SyslogNg, alert, free_port, listens, until

SNIPPETS = Path(sensor.sinks.__file__).parent / "receivers"


@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg])
def test_a_shipped_configuration_receives_alerts_over_tls(
    kind: type[Rsyslog | SyslogNg], tmp_path: Path, certificates: Path
) -> None:
    receiver = kind(tmp_path, certificates)
    name = "rsyslog" if kind is Rsyslog else "syslog-ng"
    port = free_port()
    text = (SNIPPETS / f"{name}.conf").read_text()
    for old, new in (
        ("/etc/rsyslog.d/api-sensor", str(certificates)),
        ("/etc/syslog-ng/api-sensor", str(certificates)),
        ("/var/log/api-sensor/alerts.jsonl", str(receiver.out)),
        ('port="6514"', f'port="{port}" address="127.0.0.1"'),
        ("port(6514)", f'port({port}) ip("127.0.0.1")'),
    ):
        text = text.replace(old, new)
    (tmp_path / f"{name}.conf").write_text(text)
    receiver._ready = lambda: listens(port)  # type: ignore[method-assign]
    receiver.start()
    try:
        c = certificates
        sink = open_sink(
            f"tls://localhost:{port}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key", tmp_path / "spools"
        )
        for number in range(20):
            sink.send(alert(number))
        assert sink.close().sentence() == ""
        lines = until(
            lambda: got if receiver.out.exists() and len(got := receiver.out.read_bytes().splitlines()) >= 20 else None
        )
        assert [Alert.from_json(line) for line in lines] == [alert(number) for number in range(20)]
    finally:
        receiver.stop(signal.SIGKILL)
