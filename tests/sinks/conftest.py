"""Real receivers, each started by the test that needs it, on loopback ports of its own, with its files under tmp_path."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensor.alerts import Alert
from sensor.findings import Evidence, Feature
from sensor.sinks import Sink
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import fields_of

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


def worded(name: str, one: Alert) -> bytes:
    """An alert in a format's words, as long as they get: what `test_standards` proves that others read."""
    return FORMATS[name](fields_of(one.to_json()), one.to_json(), 1 << 20)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port nobody has just now. Below those that the kernel gives to outgoing connections: one of these could take it while its receiver is down."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(seen: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `seen` returns once it is true: soon, but a machine with other work to do may take its time."""
    end = time.monotonic() + seconds
    while not (got := seen()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)
    return got


def freeze(process: subprocess.Popen[bytes] | None) -> None:
    """Stop a process. The signal reaches one of its threads first; until all stand still, the others go on reading and answering."""
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    tasks = Path(f"/proc/{process.pid}/task")

    def still() -> bool:
        return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir())

    until(still)


def thaw(process: subprocess.Popen[bytes] | None) -> None:
    """Let a process that was stopped go on."""
    assert process is not None
    process.send_signal(signal.SIGCONT)


def tell(sink: Sink, receiver: Receiver, alerts: Iterable[Alert], datagrams: bool) -> None:
    """Give the alerts to a sink, the first that its receiver gets; datagrams a few at a time, since what overruns the receiver's socket buffer while it has
    no processor is lost and nobody is told."""
    for number, one in enumerate(alerts, 1):
        sink.send(one)
        if datagrams and number % 10 == 0:
            receiver.lines(number)


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
            self.process.wait(60)
            self.process = None

    def lines(self, least: int = 1, seconds: float = 60.0) -> list[dict[str, Any]]:
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
            folder, [binary, "-n", "-iNONE", "-f", str(conf)], lambda: listens(self.tcp) and self.unix.exists() and (certificates is None or listens(self.tls))
        )


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    receiver = Rsyslog(folder)
    receiver.start()
    yield receiver
    receiver.stop(signal.SIGKILL)


class SyslogNg(Receiver):
    """syslog-ng, from the path or, as it cannot stand beside rsyslog, unpacked in the folder that API_SENSOR_SYSLOG_NG names."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        prefix = os.environ.get("API_SENSOR_SYSLOG_NG", "")
        binary = str(Path(prefix, "usr/sbin/syslog-ng")) if prefix else shutil.which("syslog-ng")
        if not binary or not Path(binary).is_file():
            pytest.skip("syslog-ng is neither installed nor unpacked where API_SENSOR_SYSLOG_NG says")
        self.udp, self.tcp, self.tls, self.lf = free_port(socket.SOCK_DGRAM), free_port(), free_port(), free_port()
        self.old = free_port(socket.SOCK_DGRAM)
        conf = folder / "syslog-ng.conf"
        conf.write_text(
            f'''@version: 3.35
            options {{ keep-hostname(yes); log-msg-size(65536); flush-lines(1); stats-level(0); log-fifo-size(1000); }};
            source s_new {{
                syslog(transport(udp) ip(127.0.0.1) port({self.udp}) so-rcvbuf(8388608));
                syslog(transport(tcp) ip(127.0.0.1) port({self.tcp}));
                syslog(transport(tls) ip(127.0.0.1) port({self.tls}) tls(key-file("{certificates}/server.key")
                    cert-file("{certificates}/server.pem") ca-file("{certificates}/ca.pem") peer-verify(required-trusted)));
                network(transport(tcp) ip(127.0.0.1) port({self.lf}) flags(syslog-protocol));
            }};
            source s_old {{ network(transport(udp) ip(127.0.0.1) port({self.old}) so-rcvbuf(8388608)); network(transport(tcp) ip(127.0.0.1) port({self.old})); }};
            destination d {{ file("{folder}/received"
                template("$(format-json --scope rfc5424 --scope sdata --key DATE --key UNIXTIME time=$C_UNIXTIME isodate=$S_ISODATE frac=$S_USEC)\\n")); }};
            log {{ source(s_new); source(s_old); destination(d); flags(flow-control); }};
            '''
        )
        lib = Path(prefix, "usr/lib")
        libraries = [lib / "syslog-ng", *lib.glob("*-linux-gnu"), *Path(prefix, "lib").glob("*-linux-gnu")]
        argv = [
            binary,
            "-F",
            "--no-caps",
            "-f",
            str(conf),
            "-R",
            str(folder / "persist"),
            "-c",
            str(folder / "ctl"),
            "-p",
            str(folder / "pid"),
        ]
        env = {}
        if prefix:
            env["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
            argv += ["--module-path", str(next((lib / "syslog-ng").glob("[0-9]*")))]
        super().__init__(folder, argv, lambda: listens(self.tcp) and listens(self.old), env)
        shown = subprocess.run([binary, "--version"], env=self._env, capture_output=True, check=False)
        if shown.returncode:
            pytest.skip(f"syslog-ng does not start here: {shown.stderr.decode(errors='replace').strip()[:200]}")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of the test's own: ca, server (sensor.test, 127.0.0.1), client, an expired server, and a stranger."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def make_certificates(folder: Path) -> Path:
    """What the fixture of that name has, in `folder`."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    for authority in ("ca", "stranger"):
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={authority}",
            "-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:sensor.test,DNS:localhost,IP:127.0.0.1\n")
    for name, days in (("server", "2"), ("client", "2"), ("renewed", "2"), ("expired", "-1")):
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sensor.test", "-keyout", f"{name}.key",
            "-out", f"{name}.csr",
        )  # fmt: skip
        dates = ["-days", days]
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
            "-extfile", "names", *dates,
        )  # fmt: skip
    return folder


@pytest.fixture
def rsyslog_tls(tmp_path: Path, certificates: Path) -> Iterator[Rsyslog]:
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    receiver = Rsyslog(folder, certificates)
    receiver.start()
    yield receiver
    receiver.stop(signal.SIGKILL)


@pytest.fixture
def syslog_ng(tmp_path: Path, certificates: Path) -> Iterator[SyslogNg]:
    folder = tmp_path / "syslog-ng"
    folder.mkdir()
    receiver = SyslogNg(folder, certificates)
    receiver.start()
    yield receiver
    receiver.stop(signal.SIGKILL)
