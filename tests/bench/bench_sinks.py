"""What delivering an alert costs.

    python tests/bench/bench_sinks.py throughput [ALERTS]   TLS with client certificates to rsyslog, syslog-ng and one that only reads
    python tests/bench/bench_sinks.py latency [SECONDS]     from a finding to its datagram, at 200 findings a second
    python tests/bench/bench_sinks.py stages                each step of an alert's way, alone

`throughput` runs the sensor's side in a process of its own held to one core, the receiver on the others. It counts from the first `send` until the receiver
has confirmed the last alert (spooled, framed, encrypted, taken, connection closed in order), and says wall time, CPU time of user and kernel apart. On a
machine that others use, CPU time is the honest figure; the least of several runs is.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sensor.sinks import open_sink  # noqa: E402
from tests.sinks.conftest import START, Rsyslog, SyslogNg, alert, free_port, listens, make_certificates, until  # noqa: E402

READER = """
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2] + "/server.pem", sys.argv[2] + "/server.key")
context.load_verify_locations(sys.argv[2] + "/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def read(link):
    try:
        link = context.wrap_socket(link, server_side=True)
        room = bytearray(1 << 18)
        while link.recv_into(room):
            pass
        link.unwrap()
    except (OSError, ValueError):
        pass
    link.close()
while True:
    threading.Thread(target=read, args=(server.accept()[0],), daemon=True).start()
"""


def send(place: str, count: int) -> None:
    """The sensor's side, in this process."""
    os.sched_setaffinity(0, {0})
    alerts = [alert(number) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        sink = open_sink(place, Path(folder))
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        for one in alerts:
            sink.send(one)
        spooled = time.monotonic() - began
        state = sink.close(60)
        wall = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
    assert (state.delivered, state.waiting, state.dropped) == (count, 0, 0), state
    user, kernel = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    print(
        f"{count / wall:9,.0f} alerts/s  {count / (user + kernel):9,.0f} a CPU second   wall {wall:.2f} s (spooled after {spooled:.2f} s), "
        f"user {user:.2f} s, kernel {kernel:.2f} s",
        flush=True,
    )


def throughput(count: int) -> None:
    """Each receiver three times."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        c = make_certificates(place)
        mine = f"ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"

        def reader() -> tuple[int, Callable[[], None]]:
            port = free_port()
            process = subprocess.Popen([sys.executable, "-c", READER, str(port), str(c)])
            until(lambda: listens(port))
            return port, process.kill

        def rsyslog() -> tuple[int, Callable[[], None]]:
            (place / "rsyslog").mkdir()
            made = Rsyslog(place / "rsyslog", c)
            conf = place / "rsyslog" / "rsyslog.conf"
            # What a busy site writes: the message and its structured data, not taken apart. Several workers read, as imtcp does by itself.
            text = conf.read_text().replace('action(type="mmpstrucdata")', "").replace('action(type="mmjsonparse" cookie="" container="!alert")', "")
            conf.write_text(text.replace('template="apart" asyncWriting="off" flushOnTXEnd="on"', 'template="RSYSLOG_SyslogProtocol23Format"'))
            made.start()
            return made.tls, lambda: made.stop(signal.SIGKILL)

        def syslog_ng() -> tuple[int, Callable[[], None]]:
            (place / "syslog-ng").mkdir()
            made = SyslogNg(place / "syslog-ng", c)
            made.start()
            return made.tls, lambda: made.stop(signal.SIGKILL)

        for name, start in (("only reads", reader), ("rsyslog", rsyslog), ("syslog-ng", syslog_ng)):
            if name != "only reads" and name == "syslog-ng" and "API_SENSOR_SYSLOG_NG" not in os.environ and not shutil.which("syslog-ng"):
                continue
            port, stop = start()
            try:
                for _ in range(3):
                    print(f"{name:12}", end="", flush=True)
                    subprocess.run([sys.executable, __file__, "send", f"tls://localhost:{port}?{mine}", str(count)], check=True)
            finally:
                stop()


def latency(seconds: float) -> None:
    """Findings of as many clients: each opens an incident, which is told at once. From before `observe` until the datagram is here."""
    from sensor.alerts import AlertConfig, Alerts
    from sensor.findings import Evidence, Finding

    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    arrived: dict[bytes, float] = {}

    def receive() -> None:
        while True:
            data = server.recv(65536)
            now = time.monotonic()
            at = data.index(b'client="') + 8
            arrived.setdefault(data[at : data.index(b'"', at)], now)

    threading.Thread(target=receive, daemon=True).start()
    told: dict[bytes, float] = {}
    grouped = Alerts(AlertConfig(wide_clients=1_000_000, open_incidents=1_000_000, flood=1_000_000))
    count = int(seconds * 200)
    with tempfile.TemporaryDirectory() as folder:
        sink = open_sink(f"udp://127.0.0.1:{server.getsockname()[1]}", Path(folder))
        for number in range(count):
            client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            finding = Finding(
                "bola-enumeration", 0, START + number, "high", 7.5, 0.9, "Objects of other users", "API1:2023", ("T1190",), client, None,
                "GET shop.example/orders/{id}", (Evidence("C1", "shop.pcap", 1, START),), ("412 orders of 390 owners.",), (), "Block it.", {},
            )  # fmt: skip
            told[client.encode()] = time.monotonic()
            for one in grouped.observe([finding]):
                sink.send(one)
            time.sleep(0.005)
        sink.close()
        time.sleep(0.2)
    waits = sorted((arrived[client] - at) * 1e3 for client, at in told.items() if client in arrived)
    cut = statistics.quantiles(waits, n=1000)
    print(f"{len(waits)} of {count} arrived; p50 {cut[499]:.2f} ms, p99 {cut[989]:.2f} ms, p99.9 {cut[998]:.2f} ms, most {waits[-1]:.2f} ms")


def stages() -> None:
    """Microseconds a step, the best of seven runs."""
    from sensor.sinks.destination import Destination, Options
    from sensor.sinks.formats import FORMATS
    from sensor.sinks.message import fields_of
    from sensor.sinks.network import octet_counted
    from sensor.sinks.spool import Spool
    from sensor.sinks.syslog import Syslog

    one = alert(5)
    line = one.to_json()
    fields = fields_of(line)
    maker = Syslog(Options(Destination.parse("tls://siem")), 8192)
    message = maker.message(fields, line, 1)
    print(f"line {len(line)} octets, message {len(message)} octets")

    def step(name: str, run: Callable[[], object], times: int = 1, number: int = 4000) -> None:
        print(f"{name:32} {min(timeit.repeat(run, number=number, repeat=7)) / number / times * 1e6:7.2f} us")

    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool")
        step("Alert to its line", one.to_json)
        step("line into the spool", lambda: spool.append(1, line))
        spool.close()
        spool = Spool(Path(folder) / "spool")
        count = len(spool.read(0))
        spool.read(count)

        def again() -> object:
            spool._read_seq = -2
            return spool.read(0)

        step("line out of the spool", again, count, 100)
        spool.close()
    step("line taken apart", lambda: fields_of(line))
    step("syslog message", lambda: maker.message(fields, line, 1))
    step("framing", lambda: octet_counted([message] * 200), 200, 400)
    for name, body in FORMATS.items():
        step(f"format {name}", lambda body=body: body(fields, line, 8192))  # type: ignore[misc]


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["stages"]
    if what == "send":
        send(rest[0], int(rest[1]))
    elif what == "throughput":
        throughput(int(rest[0]) if rest else 100_000)
    elif what == "latency":
        latency(float(rest[0]) if rest else 10)
    else:
        stages()
