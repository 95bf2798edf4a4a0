"""Real receivers, each started by the test that needs it, on loopback ports of its own, with its files under tmp_path."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensor.alerts import Alert
from sensor.findings import Evidence, Feature

START = 1_700_000_000_123_456_789


def alert(number: int = 1, **more: Any) -> Alert:
    """An alert as a campaign makes it."""
    made = Alert(
        uid=f"{number:020x}",
        revision=1,
        state="open",
        first_seen=START,
        last_seen=START + number * 1_000_000,
        severity=("low", "medium", "high", "critical")[number % 4],
        severity_score=6.5,
        confidence=0.87,
        title="Objects of other users read one after the other",
        category="API1:2023",
        techniques=("T1190",),
        detectors=("bola-enumeration", "autoencoder"),
        clients=("203.0.113.9",),
        principals=("masked-jwt-k3q6vd2mzc5a",),
        endpoints=("GET shop.example/orders/{order_id}",),
        calls=412,
        reasons=("412 orders of 390 owners in 60 s, usual is 1 to 4.", "Identifiers rise by one with each call."),
        features=(Feature("orders per minute", "412", "1 to 4"),),
        evidence=(Evidence("Cx5Gh2", "shop.pcap", 1234, START),),
        response={
            "advice": ["Block the client and check the owner on GET /orders/{order_id}."],
            "actions": [{"kind": "block_address"}],
        },
        loss={"gaps": 2},
    )
    return replace(made, **more)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port nobody has just now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(seen: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `seen` returns once it is true."""
    end = time.monotonic() + seconds
    while not (got := seen()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)
    return got


class Receiver:
    """A receiver as a process of its own: started, stopped, killed, started again."""

    def __init__(
        self, folder: Path, argv: list[str], ready: Callable[[], bool], env: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._argv = argv
        self._ready = ready
        self._env = {**os.environ, **(env or {})}
        self.out = folder / "received"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env)
        log.close()

        def up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()
            return self._ready()

        until(up)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None

    def lines(self, least: int = 1, seconds: float = 10.0) -> list[dict[str, Any]]:
        """What was received, a JSON object a line, once there are `least` of them."""

        def enough() -> list[bytes] | None:
            got = self.out.read_bytes().split(b"\n")[:-1] if self.out.exists() else []
            return got if len(got) >= least else None

        return [json.loads(line) for line in until(enough, seconds)]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Rsyslog(Receiver):
    """Debian's rsyslog: UDP, TCP, and TLS where `certificates` are given. It writes each message taken apart, as one JSON line."""

    def __init__(self, folder: Path, certificates: Path | None = None) -> None:
        binary = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if binary is None:
            pytest.skip("rsyslogd is not installed")
        self.udp, self.tcp, self.tls = free_port(socket.SOCK_DGRAM), free_port(), free_port()
        self.unix = folder / "log.sock"
        tls_global = tls_input = ""
        if certificates is not None:
            if not list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
                pytest.skip("rsyslog-gnutls is not installed")
            tls_global = f'''global(defaultNetstreamDriverCAFile="{certificates}/ca.pem"
                defaultNetstreamDriverCertFile="{certificates}/server.pem" defaultNetstreamDriverKeyFile="{certificates}/server.key")'''
            tls_input = f'''input(type="imtcp" address="127.0.0.1" port="{self.tls}" ruleset="keep" streamDriver.name="gtls"
                streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["sensor.test"])'''
        conf = folder / "rsyslog.conf"
        conf.write_text(
            f'''
            global(workDirectory="{folder}" maxMessageSize="64k")
            {tls_global}
            module(load="imudp")
            module(load="imtcp" maxSessions="500")
            module(load="imuxsock" sysSock.use="off")
            module(load="mmpstrucdata")
            module(load="mmjsonparse")
            template(name="apart" type="list") {{
                constant(value="{{")
                property(outname="pri" name="pri" format="jsonf") constant(value=",")
                property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf") constant(value=",")
                property(outname="host" name="hostname" format="jsonf") constant(value=",")
                property(outname="app" name="app-name" format="jsonf") constant(value=",")
                property(outname="procid" name="procid" format="jsonf") constant(value=",")
                property(outname="msgid" name="msgid" format="jsonf") constant(value=",")
                property(outname="parsed" name="parsesuccess" format="jsonf") constant(value=",")
                property(outname="msg" name="msg" format="jsonf") constant(value=",")
                constant(value="\\"all\\":") property(name="$!all-json")
                constant(value="}}\\n")
            }}
            ruleset(name="keep" queue.type="Direct") {{
                action(type="mmpstrucdata")
                action(type="mmjsonparse" cookie="" container="!alert")
                action(type="omfile" file="{folder}/received" template="apart" asyncWriting="off" flushOnTXEnd="on")
            }}
            input(type="imudp" address="127.0.0.1" port="{self.udp}" ruleset="keep" rcvbufSize="8m")
            input(type="imtcp" address="127.0.0.1" port="{self.tcp}" ruleset="keep")
            input(type="imuxsock" socket="{self.unix}" ruleset="keep" createPath="on" useSpecialParser="off"
                  parseHostname="on" ignoreTimestamp="off" useSysTimeStamp="off")
            {tls_input}
            '''
        )
        super().__init__(
            folder, [binary, "-n", "-iNONE", "-f", str(conf)], lambda: listens(self.tcp) and self.unix.exists()
        )


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    receiver = Rsyslog(folder)
    receiver.start()
    yield receiver
    receiver.stop(signal.SIGKILL)
