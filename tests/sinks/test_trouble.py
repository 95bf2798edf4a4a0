"""Networks, disks and receivers in trouble: links that go dead without a word, slow receivers, full disks, names that are gone."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.sinks import open_sink, open_sinks
from sensor.sinks.destination import Destination, Options
from sensor.sinks.network import Certificates, Tls
from sensor.sinks.sentences import sentence
from tests.sinks.conftest import Rsyslog, alert, free_port, freeze, thaw, until

SENDER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from sensor.alerts import Alert
from sensor.sinks import network, open_sink
network.TIMEOUT_S, network.CONFIRM_S = 1.0, 0.5
place, spools, model, first, count, pause = sys.argv[1], Path(sys.argv[2]), Alert.from_json(sys.argv[3].encode()), *map(float, sys.argv[4:])
sink = open_sink(place, spools)
for number in range(int(first), int(first + count)):
    sink.send(replace(model, uid=f"{number:020x}"))
    print(number, flush=True)
    time.sleep(pause)
state = sink.close(60)
print("closed", state.waiting, state.dropped, state.outages, flush=True)
"""


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@pytest.fixture
def wire() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a wire between them: the sensor's (10.9.0.1) and the receiver's (10.9.0.2)."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    here, there = f"sensor{os.getpid()}", f"siem{os.getpid()}"
    try:
        for name in (here, there):
            ip("netns", "add", name)
        ip("-n", here, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", there)
        for name, address in ((here, "10.9.0.1/24"), (there, "10.9.0.2/24")):
            ip("-n", name, "address", "add", address, "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
            ip("-n", name, "link", "set", "lo", "up")
    except (subprocess.CalledProcessError, FileNotFoundError) as fault:
        for name in (here, there):
            ip("netns", "del", name, check=False)
        pytest.skip(f"no network namespaces here: {fault}")
    yield here, there
    for name in (here, there):
        ip("netns", "del", name, check=False)


@pytest.mark.root
@pytest.mark.parametrize(("way", "receiver_dies"), [("tcp", True), ("tls", False)], ids=["tcp, and the receiver dies", "tls"])
def test_a_link_that_goes_dead_without_a_word_costs_nothing(
    wire: tuple[str, str], certificates: Path, tmp_path: Path, way: str, receiver_dies: bool
) -> None:
    here, there = wire
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    receiver = Rsyslog(folder, certificates)
    conf = folder / "rsyslog.conf"
    conf.write_text(conf.read_text().replace("127.0.0.1", "0.0.0.0"))
    receiver._argv = ["ip", "netns", "exec", there, *receiver._argv]
    receiver._ready = lambda: subprocess.run(
        ["ip", "netns", "exec", here, sys.executable, "-c", f"import socket; socket.create_connection(('10.9.0.2', {receiver.tcp}), 1)"],
        capture_output=True, check=False,
    ).returncode == 0  # fmt: skip
    receiver.start()
    c = certificates
    place = f"tcp://10.9.0.2:{receiver.tcp}"
    if way == "tls":
        place = f"tls://10.9.0.2:{receiver.tls}?name=sensor.test&ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"
    sender = subprocess.Popen(
        ["ip", "netns", "exec", here, sys.executable, "-c", SENDER, place, str(tmp_path / "spools"), alert().to_json().decode(), "0", "800", "0.005"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert sender.stdout is not None
    try:
        for _ in range(200):
            sender.stdout.readline()
        # From here on nobody answers: no FIN, no RST, no ICMP.
        ip("-n", there, "link", "set", "wire", "down")
        if receiver_dies:
            receiver.stop(signal.SIGKILL)
        for _ in range(400):
            sender.stdout.readline()
        ip("-n", there, "link", "set", "wire", "up")
        if receiver_dies:
            receiver.start()
        *_, end = sender.stdout.read().decode().splitlines()
    finally:
        sender.stdout.close()
        sender.wait()
        receiver.stop(signal.SIGKILL)
    word, waiting, dropped, outages = end.split()
    assert (word, waiting, dropped) == ("closed", "0", "0")
    assert int(outages) >= 1
    # In order: what is new comes after what was before it; what is repeated has its number again.
    got = [int(line["all"]["alert"]["uid"], 16) for line in receiver.lines(800)]
    assert list(dict.fromkeys(got)) == list(range(800))


def test_a_slow_receiver_gets_everything_and_not_the_same_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.sinks.network.CONFIRM_S", 0.3)
    got: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=sip, args=(link,), daemon=True).start()

    def sip(link: socket.socket) -> None:
        whole = bytearray()
        with link:
            while data := link.recv(24576):
                whole += data
                time.sleep(0.02)  # 1.2 MB a second: all of it would take more than five times as long as it has
            got.append(bytes(whole))  # before the connection is closed, which says that it was read

    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    threading.Thread(target=serve, daemon=True).start()
    sink = open_sink(f"tcp://127.0.0.1:{server.getsockname()[1]}?confirm=close", tmp_path / "spools")
    for number in range(1500):
        sink.send(alert(number))
    state = sink.close(60)
    server.close()
    assert state.sentence() == ""
    whole = b"".join(got)
    assert all(whole.count(b'{"uid":"%020x"' % number) >= 1 for number in range(1500))


def test_a_receiver_that_froze_after_it_had_answered_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsyslog: Rsyslog) -> None:
    monkeypatch.setattr("sensor.sinks.delivery.CHECKPOINT_S", 0.1)
    monkeypatch.setattr("sensor.sinks.delivery.WAIT_MOST_S", 0.2)
    sink = open_sink(f"tcp://127.0.0.1:{rsyslog.tcp}", tmp_path / "spools")
    sink.send(alert(0))
    until(lambda: sink.state().delivered == 1)
    # Now, not before: one that takes longer three times in a row counts as one that never closes.
    monkeypatch.setattr("sensor.sinks.network.CONFIRM_S", 0.05)
    freeze(rsyslog.process)
    sink.send(alert(1))
    time.sleep(2)  # long enough for more tries than a receiver that never closes is given
    assert (sink.state().delivered, sink.state().waiting) == (1, 1)
    thaw(rsyslog.process)
    assert sink.close(60).sentence() == ""


@pytest.mark.root
def test_a_full_disk_is_said_and_costs_nothing_while_memory_lasts(tmp_path: Path, rsyslog: Rsyslog) -> None:
    """A real one: a tmpfs of a megabyte in a mount namespace of the sender's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""
import os, subprocess, sys
from dataclasses import replace
from pathlib import Path
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", {str(disk)!r}], check=True)
from sensor.alerts import Alert
from sensor.sinks import open_sink, open_sinks
model = Alert.from_json(sys.argv[1].encode())
sink = open_sink("tcp://127.0.0.1:{rsyslog.tcp}", Path({str(disk)!r}))
sys.stdin.readline()
for number in range(3000):
    sink.send(replace(model, uid=f"{{number:020x}}"))
state = sink.state()
print(state.waiting, state.dropped, state.error, flush=True)
sys.stdin.readline()
print(sink.close(60).sentence() or "all delivered", flush=True)
"""
    rsyslog.stop(signal.SIGKILL)
    sender = subprocess.Popen(
        ["unshare", "-m", sys.executable, "-c", script, alert().to_json().decode()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sender.stdout is not None and sender.stdin is not None
    sender.stdin.write(b"\n")
    sender.stdin.flush()
    said = sender.stdout.readline().decode()
    rsyslog.start()
    sender.stdin.write(b"\n")
    sender.stdin.flush()
    end = sender.stdout.readline().decode().strip()
    for pipe in (sender.stdin, sender.stdout):
        pipe.close()
    sender.wait()
    assert said.split()[:2] == ["3000", "0"]
    assert "No space left on device" in said
    assert end == "all delivered"
    assert [line["all"]["alert"]["uid"] for line in rsyslog.lines(3000)] == [f"{number:020x}" for number in range(3000)]


def test_a_name_that_is_gone_for_a_while_costs_nothing(tmp_path: Path, rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch) -> None:
    find = socket.getaddrinfo
    gone = True

    def resolver(host: str, *rest: object, **more: object) -> object:
        if gone and host == "siem.test":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return find("127.0.0.1" if host == "siem.test" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    sink = open_sink(f"tcp://siem.test:{rsyslog.tcp}", tmp_path / "spools")
    for number in range(10):
        sink.send(alert(number))
    until(lambda: sink.state().error)
    assert "siem.test cannot be found: DNS does not answer" in sink.state().error
    gone = False
    assert sink.close(60).sentence() == ""
    assert len(rsyslog.lines(10)) == 10


def test_alerts_are_not_confirmed_by_ourselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to a port of this machine that is also its own source port is open at once, and echoes: TCP's simultaneous open."""
    def meet(to: tuple[str, int], **more: object) -> socket.socket:
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        link.bind(to)
        link.connect(to)
        return link

    monkeypatch.setattr(socket, "create_connection", meet)
    sink = open_sink(f"tcp://127.0.0.1:{free_port()}", tmp_path / "spools")
    sink.send(alert())
    state = sink.close(0.5)
    assert (state.delivered, state.waiting) == (0, 1)
    assert "nothing listens at that port" in state.error


def test_a_spool_that_fills_up_keeps_the_gravest_and_says_what_it_gave_up(
    tmp_path: Path, rsyslog: Rsyslog, caplog: pytest.LogCaptureFixture
) -> None:
    rsyslog.stop(signal.SIGKILL)
    sink = open_sink(f"tcp://127.0.0.1:{rsyslog.tcp}?spool=400k", tmp_path / "spools")
    for number in range(2000):  # four times what there is room for; a quarter each of low, medium, high and critical
        sink.send(alert(number))
    folder = next((tmp_path / "spools").iterdir())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 450 << 10
    assert sum("the spool is full" in record.message for record in caplog.records) == 1
    rsyslog.start()
    state = sink.close(60)
    assert state.waiting == 0
    assert state.delivered + state.dropped == 2000
    assert f"{state.dropped} alerts given up" in state.sentence()
    got = {int(line["all"]["alert"]["uid"], 16): line for line in rsyslog.lines(2000 - state.dropped)}
    assert len(got) == 2000 - state.dropped
    # In order; the numbers that are missing are those that were given up, so the receiver can see how many.
    assert list(got) == sorted(got)
    assert [int(line["all"]["rfc5424-sd"]["meta"]["sequenceid"]) for line in got.values()] == [number + 1 for number in got]
    kept = [sum(number % 4 == rank for number in got) for rank in range(4)]
    assert kept[0] <= kept[1] <= kept[2] <= kept[3] and kept[3] > kept[0] + 100
    oldest_critical, oldest_low = (min(number for number in got if number % 4 == rank) for rank in (3, 0))
    assert oldest_critical < oldest_low


def test_a_disk_that_cannot_be_read_for_a_while_costs_nothing(tmp_path: Path, rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch) -> None:
    pread, broken = os.pread, True

    def faulty(fd: int, octets: int, at: int) -> bytes:
        if broken and octets > 100:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, octets, at)

    monkeypatch.setattr(os, "pread", faulty)
    sink = open_sink(f"tcp://127.0.0.1:{rsyslog.tcp}", tmp_path / "spools")
    for number in range(10):
        sink.send(alert(number))
    until(lambda: "Input/output error" in sink.state().error)
    broken = False
    assert sink.close(60).sentence() == ""
    assert len(rsyslog.lines(10)) == 10


def test_a_connection_that_is_reset_before_the_handshake_leaves_no_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        watch = select.poll()
        watch.register(link, 0)
        assert watch.poll(60_000)
        destination = Destination.parse("tls://127.0.0.1")
        context = Certificates(Options(destination)).context()
        with pytest.raises(ConnectionResetError), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                context.wrap_socket(link, server_hostname="x")
            finally:
                gc.collect()
    assert said == []


@pytest.mark.parametrize("how", ["send", "confirm"])
def test_what_the_receiver_said_before_it_broke_off_is_the_reason_told(how: str, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS 1.3: that a client's certificate is wanted comes after the client's handshake, maybe between our look and our write."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            link, _ = listener.accept()
            with pytest.raises(ssl.SSLError), link:
                context.wrap_socket(link, server_side=True)

        server = threading.Thread(target=refuse)
        server.start()
        destination = Destination.parse(f"tls://localhost:{listener.getsockname()[1]}?ca={certificates}/ca.pem")
        transport = Tls(destination, Options(destination))
        link = transport._connect()
        server.join(10)
    look = transport._refuse_dead

    def late(link: socket.socket) -> None:
        if sys.exc_info()[0] is not None:  # the looks before were too early
            look(link)

    monkeypatch.setattr(transport, "_refuse_dead", late)
    try:
        until(lambda: select.select([link], [], [], 0)[0])
        with pytest.raises(OSError) as told:
            if how == "confirm":
                transport.confirm()
            for _ in range(100):  # our kernel may take the first octets yet
                transport.send([b"one"])
                time.sleep(0.01)
    finally:
        transport.close()
    assert sentence(told.value) == "the receiver wants a client certificate: give cert=FILE and key=FILE"


def test_what_waits_is_delivered_though_the_options_were_changed(tmp_path: Path, rsyslog: Rsyslog) -> None:
    """The natural answer to a failed delivery is to mend the destination; the numbers go on, too."""
    place = f"tcp://127.0.0.1:{rsyslog.tcp}"
    rsyslog.stop(signal.SIGKILL)
    sinks = open_sinks([place], tmp_path / "spools")
    for number in range(3):
        sinks.send(alert(number))
    (state,) = sinks.close(0.2)
    assert "3 alerts could not be delivered" in state.sentence()
    other = open_sinks(["udp://127.0.0.1:9"], tmp_path / "spools")
    assert [line.partition(" wait in ")[0] for line in other.unclaimed] == ["alerts of earlier runs"]
    assert place in other.unclaimed[0]
    other.close(0)
    rsyslog.start()
    sinks = open_sinks([f"{place}?size=4096&app=mended&hide=clients"], tmp_path / "spools")
    sinks.send(alert(3))
    (state,) = sinks.close(60)
    assert state.sentence() == ""
    sinks = open_sinks([f"{place}?size=4096&app=mended&hide=clients"], tmp_path / "spools")
    sinks.send(alert(4))
    (state,) = sinks.close(60)
    assert {tuple(line["all"]["alert"]["clients"]) for line in rsyslog.lines(5)} == {()}
    got = [(int(line["all"]["alert"]["uid"], 16), line["app"], line["all"]["rfc5424-sd"]["meta"]["sequenceid"]) for line in rsyslog.lines(5)]
    assert got == [(number, "mended", str(number + 1)) for number in range(5)]
    assert not sinks.unclaimed


TWO = """
import sys, time
from dataclasses import replace
from pathlib import Path
from sensor.alerts import Alert
from sensor.sinks import open_sinks
place, spools, model, first = sys.argv[1], Path(sys.argv[2]), Alert.from_json(sys.argv[3].encode()), int(sys.argv[4])
sinks = open_sinks([place], spools)
for number in range(first, first + 50):
    sinks.send(replace(model, uid=f"{number:020x}"))
print("sent", flush=True)
time.sleep(3600)
"""


def test_what_one_of_two_processes_left_is_delivered_by_the_next(tmp_path: Path, rsyslog: Rsyslog) -> None:
    place = f"tcp://127.0.0.1:{rsyslog.tcp}"
    rsyslog.stop(signal.SIGKILL)
    for first in (0, 50):
        words = [place, str(tmp_path / "spools"), alert().to_json().decode(), str(first)]
        process = subprocess.Popen([sys.executable, "-c", TWO, *words], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        if first:
            process.kill()
            process.wait()
        else:
            alive = process
        process.stdout.close()
    assert len(list((tmp_path / "spools").iterdir())) == 2
    alive.kill()
    alive.wait()
    rsyslog.start()
    (state,) = open_sinks([place], tmp_path / "spools").close(60)
    assert state.sentence() == ""
    assert [int(line["all"]["alert"]["uid"], 16) for line in rsyslog.lines(100)] == list(range(100))


def test_a_datagram_that_is_too_long_does_not_stop_the_others(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        sink = open_sink(f"unix://{tmp_path}/log?size=1M", tmp_path / "spools")
        sink.send(alert(1, reasons=tuple(f"{number} " + "x" * 999 for number in range(400))))
        sink.send(alert(2))
        state = sink.close(10)
        assert (state.delivered, state.waiting, state.dropped) == (1, 0, 1)
        assert "give a smaller size=" in state.sentence()
        assert alert(2).uid.encode() in receiver.recv(65536)


def test_alerts_that_only_memory_held_are_given_up_at_the_end_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = open_sink(f"tcp://127.0.0.1:{free_port()}", tmp_path / "spools")
    sink.send(alert(1))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, octets: write(fd, octets[:3]) if len(octets) > 100 else write(fd, octets))
        sink.send(alert(2))
        said = sink.close(0.1).sentence()
    assert "1 alert could not be delivered" in said
    assert "1 alert given up (1: no room in the spool" in said and "No space left on device" in said


def test_an_idle_connection_that_something_on_the_way_ends_is_no_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("sensor.sinks.network.IDLE_S", 0.5)
    monkeypatch.setattr("sensor.sinks.delivery.CHECKPOINT_S", 0.1)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(link: socket.socket) -> None:
            with link, contextlib.suppress(OSError):
                link.settimeout(1.5)  # as a balancer ends what is idle
                while octets := link.recv(65536):
                    got.append(octets)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sink = open_sink(f"tcp://127.0.0.1:{server.getsockname()[1]}", tmp_path / "spools")
        for number in range(2):
            sink.send(alert(number))
            until(lambda number=number: sink.state().delivered == number + 1)  # type: ignore[misc]
            time.sleep(3)
        sink.send(alert(2))
        state = sink.close(60)
    assert (state.delivered, state.outages, caplog.records) == (3, 0, [])
    assert b"".join(got).count(b"[meta sequenceId") == 3


def test_several_receivers_that_are_away_are_waited_for_together(tmp_path: Path) -> None:
    sinks = open_sinks([f"tcp://127.0.0.1:{free_port()}" for _ in range(5)], tmp_path / "spools")
    sinks.send(alert(1))
    began = time.monotonic()
    assert [state.waiting for state in sinks.close(2)] == [1] * 5
    assert time.monotonic() - began < 6
