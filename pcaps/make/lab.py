"""A small laboratory: network namespaces, veth pairs of MTU 1500 without offloads, and tcpdump between.

Everything on the wire comes from real kernels, real servers and real clients; nothing here writes a packet. Needs root and iproute2, ethtool,
tcpdump.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent


def sh(command: str) -> None:
    """Runs one line of shell and stops the maker when it fails."""
    subprocess.run(["bash", "-euc", command], check=True)


class Lab:
    """Two hosts, `client` and `server`, on one wire; more devices are added by the cases that need them."""

    def __init__(self, names: dict[str, str] | None = None, v4: str = "10.20.0", v6: str = "fd20::") -> None:
        self.tag = f"lab{os.getpid()}"
        self.client, self.server = f"{self.tag}c", f"{self.tag}s"
        self.client_ip, self.server_ip = f"{v4}.1", f"{v4}.2"
        self.client_ip6, self.server_ip6 = f"{v6}1", f"{v6}2"
        self.names = names or {}
        self.scratch = Path(tempfile.mkdtemp(prefix="lab-"))
        self.scratch.chmod(0o755)
        self.started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Lab:
        for space in (self.client, self.server):
            sh(f"ip netns add {space}; ip -n {space} link set lo up")
            hosts = Path("/etc/netns") / space
            hosts.mkdir(parents=True, exist_ok=True)
            lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self.names.items())]
            (hosts / "hosts").write_text("\n".join(lines) + "\n")
        sh(f"ip link add vc netns {self.client} type veth peer name vs netns {self.server}")
        self.address(self.client, "vc", f"{self.client_ip}/16", f"{self.client_ip6}/64")
        self.address(self.server, "vs", f"{self.server_ip}/16", f"{self.server_ip6}/64")
        self.bring_up(self.client, "vc")
        self.bring_up(self.server, "vs")
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.started):
            stop(process)
        for space in (self.client, self.server):
            subprocess.run(["ip", "netns", "del", space], check=False)
            shutil.rmtree(Path("/etc/netns") / space, ignore_errors=True)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def address(self, space: str, device: str, *addresses: str) -> None:
        """Gives a device its addresses (no duplicate detection: IPv6 works at once)."""
        for address in addresses:
            sh(f"ip -n {space} addr add {address} dev {device} {'nodad' if ':' in address else ''}")

    def bring_up(self, space: str, device: str, mtu: int = 1500) -> None:
        """Sets a device up with one frame for one segment, as a mirror port would show it."""
        sh(
            f"ip -n {space} link set {device} mtu {mtu} up;"
            f"ip netns exec {space} ethtool -K {device} tso off gso off gro off tx off rx off >/dev/null 2>&1 || true"
        )

    def argv(self, space: str, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", space, *command]

    def run(self, space: str, *command: str, check: bool = True, timeout: float = 120.0) -> str:
        """Runs a command in a namespace to its end and returns what it printed."""
        done = subprocess.run(self.argv(space, command), capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start(self, space: str, *command: str, log: str = "") -> subprocess.Popen[bytes]:
        """Starts a command in a namespace; the lab ends it."""
        out = (self.scratch / (log or f"{Path(command[0]).name}.log")).open("ab")
        process = subprocess.Popen(self.argv(space, command), stdout=out, stderr=out)
        self.started.append(process)
        return process

    def python(self, space: str, script: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts one of the scripts beside this file with the maker's own Python."""
        return self.start(space, sys.executable, str(HERE / script), *arguments, log=script + ".log")

    def wait_port(self, space: str, address: str, port: int) -> None:
        """Waits until somebody listens there (or anywhere); looks at the kernel's table, so that no probe is on the wire."""
        for _ in range(200):
            said = self.run(space, "ss", "-Hltn")
            if any(f"{who}:{port} " in said for who in ((address, "0.0.0.0", "*") if address else ("",))):
                return
            time.sleep(0.05)
        logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in self.scratch.glob("*.log"))
        raise SystemExit(f"nobody listens on {address} port {port}\n{logs}")

    @contextlib.contextmanager
    def capture(
        self, space: str, device: str, out: Path, what: str = "tcp", options: Sequence[str] = ()
    ) -> Iterator[None]:
        """tcpdump on a device while the body runs."""
        log = self.scratch / f"tcpdump-{out.stem}.log"
        out.unlink(missing_ok=True)
        command = ["tcpdump", "-i", device, "-B", "65536", "-s", "0", "-U", "-n", "-Z", "root", *options, "-w", str(out), *what.split()]
        with log.open("wb") as sink:
            process = subprocess.Popen(self.argv(space, command), stdout=sink, stderr=sink)
        try:
            while b"listening on" not in log.read_bytes():
                if process.poll() is not None:
                    raise SystemExit(log.read_text())
                time.sleep(0.02)
            time.sleep(0.3)
            yield
            # What tcpdump has not yet taken from the kernel when it is interrupted is lost without a word: wait until it has nothing new for a while.
            size, quiet = -1, 0
            while quiet < 12:
                time.sleep(0.1)
                quiet = quiet + 1 if out.stat().st_size == size else 0
                size = out.stat().st_size
        finally:
            stop(process, signal.SIGINT)
        said = log.read_text()
        if "\n0 packets dropped by kernel" not in said:
            raise SystemExit(f"tcpdump lost packets; run it again\n{said}")


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """Ends one process that the lab started (`ip netns exec` becomes its command, so the signal reaches it)."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
