"""Every capture of this folder, one function a case. usage: run CASE..."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nginx_conf
import truth
from lab import Lab, sh, stop

PCAPS = truth.PCAPS
CASES: dict[str, Callable[[], None]] = {}


def case(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers a maker under the captures it makes."""

    def keep(maker: Callable[[], None]) -> Callable[[], None]:
        for name in names:
            CASES[name] = maker
        return maker

    return keep


def start_shop(lab: Lab) -> None:
    lab.address(lab.server, "lo", "169.254.169.254/32")
    users = [f"10.20.1.{number}" for number in range(1, 12)] + ["10.20.2.1", "10.20.3.1", *(f"10.20.66.{ten}0" for ten in range(1, 9))]
    for address in users:
        lab.address(lab.client, "vc", f"{address}/16")
    lab.python(lab.server, "shop_server.py")
    lab.wait_port(lab.server, "127.0.0.1", 9000)
    lab.start(lab.server, "nginx", "-c", str(nginx_conf.write(lab.scratch, nginx_conf.SHOP)))
    lab.wait_port(lab.server, lab.server_ip, 80)


def finish(lab: Lab, *workers: subprocess.Popen[bytes]) -> None:
    for worker in workers:
        if worker.wait(180):
            logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in lab.scratch.glob("*.log"))
            raise SystemExit(f"a client failed\n{logs}")


NGINX = "nginx's own access log ($request_method, $request_uri, $status, $body_bytes_sent and the route that the framework behind it chose)"


@case("shop-normal")
def shop_normal() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_shop(lab)
        with lab.capture(lab.server, "vs", PCAPS / "shop-normal.pcap"):
            finish(lab, lab.python(lab.client, "shop_users.py", "28", "2"))
        truth.write(
            "shop-normal",
            "The shop with its customers, a partner, a monitor and a load check, and nobody else: what normal looks like.",
            NGINX,
            truth.from_nginx(lab.scratch / "access.log"),
            endpoints=True,
        )


@case("shop", "shop-lossy")
def shop() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_shop(lab)
        sh(f"ip link add m0 netns {lab.server} type veth peer name m1 netns {lab.server}")
        for device in ("m0", "m1"):
            sh(f"ip netns exec {lab.server} sysctl -qw net.ipv6.conf.{device}.disable_ipv6=1")
            lab.bring_up(lab.server, device)
        with (
            lab.capture(lab.server, "vs", PCAPS / "shop.pcap"),
            lab.capture(lab.server, "m1", PCAPS / "shop-lossy.pcap"),
        ):
            mirror = lab.python(lab.server, "lossy_mirror.py", "vs", "m0", "7")
            while "ready" not in (lab.scratch / "lossy_mirror.py.log").read_text():
                time.sleep(0.05)
            finish(lab, lab.python(lab.client, "shop_users.py", "42", "1"), lab.python(lab.client, "shop_attackers.py", "42", "1"))
            time.sleep(0.5)
            stop(mirror)
        did = json.loads((lab.scratch / "lossy_mirror.py.log").read_text().splitlines()[-1])
        rows = truth.from_nginx(lab.scratch / "access.log")
        truth.write("shop", "The shop with its customers and eight attackers.", NGINX, rows, endpoints=True)
        truth.write(
            "shop-lossy",
            "The same 45 seconds as shop, seen through a mirror port that loses, doubles and delays frames.",
            NGINX + "; the mirror says itself what it lost",
            rows,
            endpoints=True,
            mirror=did,
        )


def main() -> None:
    asked = sys.argv[1:]
    if not asked:
        print("cases:", *CASES)
        return
    wanted = list(CASES) if asked == ["all"] else asked
    unknown = [name for name in wanted if name not in CASES]
    if unknown:
        raise SystemExit(f"no such case: {', '.join(unknown)}; there are: {', '.join(CASES)}")
    makers: list[Any] = []
    for name in wanted:
        if CASES[name] not in makers:
            makers.append(CASES[name])
    for maker in makers:
        maker()
        print(f"{maker.__name__}: made")
    for path in sorted(Path(PCAPS).glob("*.pcap*")):
        print(f"{path.stat().st_size:9,} {path.name}")


if __name__ == "__main__":
    main()
