"""Every capture of this folder, one function a case. usage: run CASE..."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nginx_conf
import truth
from lab import Lab, sh, stop
from switches import Switches

PCAPS = truth.PCAPS
HERE = Path(__file__).resolve().parent
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


FILES = """
  server {
    listen %s; server_name api.shop.example; root %s/www; etag on;
    client_max_body_size 8k; client_body_in_single_buffer on;
    location / { add_header X-Request-Id $request_id always; }
    location /upload/ { dav_methods PUT DELETE; create_full_put_path on; client_max_body_size 64k; }
    location = /none { return 204; }
    location = /moved { return 301 /orders.json; }
    location /live/ { proxy_pass http://127.0.0.1:9100; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header Host $host; }
    location /big/ { limit_rate 200k; }
  }
"""
PLAIN = "nginx's own access log ($request_method, $request_uri, $status, $body_bytes_sent)"


def start_files(lab: Lab, listen: str = "", http: str = "") -> None:
    """nginx with a few JSON files, uploads by PUT, and the answers that have no body."""
    www = lab.scratch / "www"
    (www / "big").mkdir(parents=True)
    (www / "upload").mkdir()
    (www / "upload").chmod(0o777)
    (www / "orders.json").write_text(json.dumps({"orders": [{"order_id": f"{number:08x}", "status": "shipped", "total": number * 3.5} for number in range(25)]}))
    (www / "search.json").write_text(json.dumps({"hits": [{"sku": f"A-{number}", "price": number * 1.1} for number in range(8)], "total": 8}))
    (www / "catalog.json").write_text(json.dumps({"products": [{"sku": f"A-{number}", "title": f"Item number {number}", "price": number} for number in range(120)]}))
    (www / "big" / "report.txt").write_text("".join(f"{number:06d};row of the report\n" for number in range(3000)))
    lab.start(lab.server, "nginx", "-c", str(nginx_conf.write(lab.scratch, FILES % (listen or f"{lab.server_ip}:80", lab.scratch), http)))
    lab.wait_port(lab.server, "" if listen else lab.server_ip, 80)


def curl(lab: Lab, *arguments: str, check: bool = True) -> str:
    return lab.run(lab.client, "curl", "-s", "-S", "--max-time", "20", "-o", "/dev/null", *arguments, check=check)


def keep_log(lab: Lab, name: str, shows: str, *, capture: str = "", by: str = PLAIN, **more: Any) -> None:
    truth.write(name, shows, by, truth.from_nginx(lab.scratch / "access.log"), capture=capture, **more)


@case("methods")
def methods() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        at = "http://api.shop.example"
        piece = lab.scratch / "piece.bin"
        piece.write_bytes(bytes(range(256)) * 20)
        part = lab.scratch / "part.txt"
        with lab.capture(lab.server, "vs", PCAPS / "methods.pcap"):
            curl(lab, "-I", f"{at}/orders.json", "--next", "-s", "-o", "/dev/null", f"{at}/none", "--next", "-s", "-o", "/dev/null", f"{at}/orders.json", "--next", "-s", "-I", "-o", "/dev/null", f"{at}/missing.json")
            tag = lab.run(lab.client, "curl", "-s", "-o", "/dev/null", "-w", "%header{etag}", f"{at}/orders.json")
            curl(lab, "-H", f"If-None-Match: {tag}", f"{at}/orders.json", "--next", "-s", "-o", "/dev/null", f"{at}/search.json")
            curl(lab, "-z", "2030-01-01", f"{at}/search.json")
            curl(lab, "-r", "0-99", f"{at}/catalog.json", "--next", "-s", "-o", "/dev/null", "-r", "-50", f"{at}/catalog.json", "--next", "-s", "-o", "/dev/null", "-r", "10-19,40-59", f"{at}/catalog.json", "--next", "-s", "-o", "/dev/null", "-r", "999999-", f"{at}/catalog.json")
            lab.run(lab.client, "curl", "-s", "-r", "0-1999", "-o", str(part), f"{at}/catalog.json")
            lab.run(lab.client, "curl", "-s", "-C", "-", "-o", str(part), f"{at}/catalog.json")
            curl(lab, "-T", str(piece), f"{at}/upload/one.bin", "--next", "-s", "-o", "/dev/null", "-T", str(piece), f"{at}/upload/one.bin", "--next", "-s", "-o", "/dev/null", "-X", "DELETE", f"{at}/upload/one.bin")
            curl(lab, "-H", "Transfer-Encoding: chunked", "-T", str(piece), f"{at}/upload/two.bin")
            curl(lab, "-X", "OPTIONS", f"{at}/orders.json", "--next", "-s", "-o", "/dev/null", "-X", "POST", "-d", '{"a":1}', "-H", "Content-Type: application/json", f"{at}/orders.json")
            curl(lab, "-L", f"{at}/moved")
            curl(lab, "-F", f"file=@{piece};type=image/png", "-F", "note=hello", f"{at}/form", check=False)
        keep_log(lab, "methods", "HEAD, 204, 301, 304, 206 (one range, several, none that fits), 404, 405, 413; uploads by PUT, whole and chunked; a resumed download; multipart.")


@case("http10")
def http10() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        at = "http://api.shop.example"
        with lab.capture(lab.server, "vs", PCAPS / "http10.pcap", options=("--time-stamp-precision=nano",)):
            for _ in range(2):
                curl(lab, "-0", f"{at}/orders.json")
                curl(lab, "-0", "-H", "Connection: keep-alive", f"{at}/orders.json", "--next", "-s", "-o", "/dev/null", "-0", "-H", "Connection: keep-alive", f"{at}/search.json")
                curl(lab, "-0", "-I", f"{at}/catalog.json")
            lab.run(lab.client, sys.executable, str(HERE / "raw_client.py"), "api.shop.example", "80", "http09")
        keep_log(lab, "http10", "HTTP/1.0 with and without keep-alive, and HTTP/0.9, to nginx; times in nanoseconds.")


@case("odd")
def odd() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        with lab.capture(lab.server, "vs", PCAPS / "odd.pcap"):
            lab.run(lab.client, sys.executable, str(HERE / "raw_client.py"), "api.shop.example", "80", "odd")
        keep_log(lab, "odd", "What smugglers and broken clients send, and how nginx read it: folded headers, two lengths, length beside chunks, bare LF, absolute-form, two hosts and none, pipelining, noise.")


@case("bytewise")
def bytewise() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        sh(f"ip -n {lab.client} route replace 10.20.0.2/32 dev vc advmss 88")
        with lab.capture(lab.server, "vs", PCAPS / "bytewise.pcap"):
            lab.run(lab.client, sys.executable, str(HERE / "raw_client.py"), "api.shop.example", "80", "bytewise")
            curl(lab, "http://api.shop.example/catalog.json")
        keep_log(lab, "bytewise", "Requests written an octet at a time, headers cut at awkward places, and answers in segments of 88 octets or fewer.")


@case("portreuse")
def portreuse() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        with lab.capture(lab.server, "vs", PCAPS / "portreuse.pcap"):
            lab.run(lab.client, sys.executable, str(HERE / "raw_client.py"), "api.shop.example", "80", "reuse")
        keep_log(lab, "portreuse", "Twelve connections from the same client port, each ended by a reset before the next begins.")


@case("tfo")
def tfo() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        for space in (lab.client, lab.server):
            sh(f"ip netns exec {space} sysctl -qw net.ipv4.tcp_fastopen=3")
        start_files(lab, "10.20.0.2:80 fastopen=16")
        with lab.capture(lab.server, "vs", PCAPS / "tfo.pcap"):
            for number in range(5):
                curl(lab, "--tcp-fastopen", f"http://api.shop.example/orders.json?visit={number}")
        keep_log(lab, "tfo", "TCP fast open: from the second visit on, the request is in the SYN.")


@case("aborted")
def aborted() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        at = "http://api.shop.example"
        with lab.capture(lab.server, "vs", PCAPS / "aborted.pcap"):
            curl(lab, f"{at}/orders.json?before")
            curl(lab, "--max-time", "0.15", f"{at}/big/report.txt?aborted", check=False)
            curl(lab, "--max-filesize", "100", f"{at}/search.json?too-large-for-the-client", check=False)
            curl(lab, f"{at}/orders.json?after")
            time.sleep(0.3)
        keep_log(lab, "aborted", "A download that the client gives up in the middle, between calls that end well.")


@case("ipv6")
def ipv6() -> None:
    with Lab({"api.shop.example": "fd20::2"}) as lab:
        start_files(lab, "[fd20::2]:80")
        with lab.capture(lab.server, "any", PCAPS / "ipv6.pcap"):
            for number in range(4):
                curl(lab, f"http://api.shop.example/orders.json?visit={number}", "--next", "-s", "-o", "/dev/null", "http://api.shop.example/search.json")
            curl(lab, "-g", "http://[fd20::2]/catalog.json")
        keep_log(lab, "ipv6", "IPv6, captured on the `any` device (Linux cooked capture).")


@case("expect")
def expect() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_files(lab)
        at = "http://api.shop.example"
        body = lab.scratch / "body.json"
        body.write_text(json.dumps({"rows": list(range(1500))}))
        huge = lab.scratch / "huge.json"
        huge.write_text("[" + "1," * 40000 + "1]")
        with lab.capture(lab.server, "vs", PCAPS / "expect.pcap"):
            for number in range(3):
                curl(lab, "-H", "Expect: 100-continue", "-T", str(body), f"{at}/upload/{number}.json", "--next", "-s", "-o", "/dev/null", f"{at}/orders.json?after={number}")
            curl(lab, "-H", "Expect: 100-continue", "-T", str(huge), f"{at}/upload/huge.json", check=False)
        keep_log(lab, "expect", "Expect: 100-continue: the body after the interim answer three times, refused with 413 before the body once.")


@case("upgrade")
def upgrade() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        lab.python(lab.server, "ws_server.py", "127.0.0.1", "9100")
        lab.wait_port(lab.server, "127.0.0.1", 9100)
        start_files(lab)
        with lab.capture(lab.server, "vs", PCAPS / "upgrade.pcap"):
            lab.run(lab.client, sys.executable, str(HERE / "ws_client.py"), "api.shop.example")
            curl(lab, "--http2", "http://api.shop.example/orders.json?upgrade=refused")
            time.sleep(0.3)
        rows = truth.from_nginx(lab.scratch / "access.log")
        for row in rows:
            if row["status"] == 101:
                row.pop("bytes")  # nginx counts the octets of the WebSocket itself
        truth.write("upgrade", "WebSocket through nginx (with and without compression, a text that looks like a request), one refused with 404, and an h2c upgrade that the server ignores.", PLAIN, rows)


@case("trailers")
def trailers() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        lab.start(lab.server, "node", str(HERE / "wire_server.mjs"), lab.server_ip, "80", log="calls.jsonl")
        lab.wait_port(lab.server, lab.server_ip, 80)
        with lab.capture(lab.server, "vs", PCAPS / "trailers.pcap"):
            lab.run(lab.client, "node", str(HERE / "wire_client.mjs"), "api.shop.example", "80")
        truth.write("trailers", "Chunked bodies with trailers both ways, early hints (103), server-sent events, HEAD and 204 on kept connections.", "the Node server's own log", truth.from_lines(lab.scratch / "calls.jsonl"))


@case("codings")
def codings() -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        log = lab.scratch / "calls.jsonl"
        lab.python(lab.server, "codings_server.py", lab.server_ip, "80", str(log))
        lab.wait_port(lab.server, lab.server_ip, 80)
        with lab.capture(lab.server, "vs", PCAPS / "codings.pcap"):
            lab.run(lab.client, sys.executable, str(HERE / "codings_client.py"), "http://api.shop.example")
        truth.write("codings", "Bodies in gzip, deflate (with and without zlib's wrapper), br, zstd and two at once, whole and chunked, both ways.", "the aiohttp server's own log, with the body before coding", truth.from_lines(log))


@case("connect")
def connect() -> None:
    with Lab({"proxy.example": "10.20.0.2", "api.shop.example": "127.0.0.1"}) as lab:
        start_files(lab, "127.0.0.1:80")
        log = lab.scratch / "tinyproxy.log"
        conf = lab.scratch / "tinyproxy.conf"
        conf.write_text(f'Port 3128\nListen {lab.server_ip}\nTimeout 60\nAllow 10.20.0.0/16\nLogFile "{log}"\nLogLevel Connect\nConnectPort 80\nDisableViaHeader Yes\n')
        lab.start(lab.server, "tinyproxy", "-d", "-c", str(conf))
        lab.wait_port(lab.server, lab.server_ip, 3128)
        with lab.capture(lab.server, "vs", PCAPS / "connect.pcap"):
            curl(lab, "-x", "http://proxy.example:3128", "http://api.shop.example/orders.json?form=absolute")
            curl(lab, "-p", "-x", "http://proxy.example:3128", "http://api.shop.example/orders.json?inside=tunnel")
            curl(lab, "-p", "-x", "http://proxy.example:3128", "http://api.shop.example:22/", check=False)
        asked = [line.split(": ", 2)[-1] for line in log.read_text().splitlines() if "Request (file descriptor" in line]
        rows: list[dict[str, Any]] = []
        for line in asked:
            method, target, _ = line.split(" ")
            status = 403 if target.endswith(":22") else 200
            rows.append({"method": method, "target": target, "status": status, "client": lab.client_ip})
        inside = [{**row, "inside": True} for row in truth.from_nginx(lab.scratch / "access.log") if "inside" in row["target"]]
        for row in inside:
            for name in ("client", "port", "time"):
                row.pop(name, None)
            row["client"] = lab.client_ip
        truth.write("connect", "A forward proxy (tinyproxy): absolute-form, CONNECT that carries plain HTTP, CONNECT refused.", "tinyproxy's log, and nginx's for the call inside the tunnel", rows + inside)


@case("fragments")
def fragments() -> None:
    """client --1500-- r1 --600-- r2 --1500-- server; nobody sets DF, so the routers cut the datagrams."""
    with Lab({"api.shop.example": "10.22.0.2"}) as lab:
        one, two = f"{lab.tag}r", f"{lab.tag}t"
        try:
            for space in (one, two):
                sh(f"ip netns add {space}; ip netns exec {space} sysctl -qw net.ipv4.ip_forward=1")
            sh(f"ip -n {lab.client} link del vc")
            links = [(lab.client, "vc", "10.21.0.1", one, "left", "10.21.0.2", 1500), (one, "mid", "10.23.0.1", two, "mid", "10.23.0.2", 600), (two, "right", "10.22.0.1", lab.server, "vs", "10.22.0.2", 1500)]
            for near, device, ip, far, other, there, mtu in links:
                sh(f"ip link add {device} netns {near} type veth peer name {other} netns {far}")
                lab.address(near, device, f"{ip}/24")
                lab.address(far, other, f"{there}/24")
                lab.bring_up(near, device, mtu)
                lab.bring_up(far, other, mtu)
            sh(f"ip -n {lab.client} route add default via 10.21.0.2; ip -n {lab.server} route add default via 10.22.0.1; ip -n {one} route add 10.22.0.0/24 via 10.23.0.2; ip -n {two} route add 10.21.0.0/24 via 10.23.0.1")
            for space in (lab.client, lab.server):
                sh(f"ip netns exec {space} sysctl -qw net.ipv4.ip_no_pmtu_disc=1")
            lab.server_ip = "10.22.0.2"
            start_files(lab)
            body = lab.scratch / "body.json"
            body.write_text(json.dumps({"rows": list(range(1200))}))
            with lab.capture(two, "mid", PCAPS / "fragments.pcap", what="ip"):
                for number in range(3):
                    curl(lab, f"http://api.shop.example/orders.json?visit={number}", "--next", "-s", "-o", "/dev/null", "-T", str(body), f"http://api.shop.example/upload/{number}.json")
                curl(lab, "http://api.shop.example/catalog.json")
            keep_log(lab, "fragments", "IPv4 fragments: routers cut segments of 1500 for a link of 600, both ways.")
        finally:
            for space in (one, two):
                subprocess.run(["ip", "netns", "del", space], check=False)


def visits(lab: Lab) -> None:
    for number in range(3):
        curl(lab, f"http://api.shop.example/orders.json?visit={number}", "--next", "-s", "-o", "/dev/null", "http://api.shop.example/search.json", "--next", "-s", "-o", "/dev/null", "-d", '{"quantity":1}', "http://api.shop.example/orders.json")
    curl(lab, "http://api.shop.example/catalog.json")


TUNNELS = {
    "vlan": "802.1Q: access ports in VLAN 10, the trunk captured.",
    "gre": "Ethernet in GRE with a key, between two switches.",
    "vxlan": "VXLAN, network 5001.",
    "geneve": "GENEVE, network 77.",
}


def through_switches(kind: str) -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab, Switches(lab) as switches:
        if kind == "vlan":
            switches.trunk()
        else:
            switches.tunnel(kind, {"gre": "options:key=9", "vxlan": "options:key=5001", "geneve": "options:key=77"}[kind])
        start_files(lab)
        lab.run(lab.client, "ping", "-c", "1", "-W", "3", "10.20.0.2", check=False)
        with lab.capture(switches.spaces[1], "trunk", PCAPS / f"{kind}.pcap", what=""):
            visits(lab)
        keep_log(lab, kind, f"{TUNNELS[kind]} Made by Open vSwitch.")


for _kind in TUNNELS:
    CASES[_kind] = lambda kind=_kind: through_switches(kind)  # type: ignore[misc]


def erspan(version: int, name: str) -> None:
    with Lab({"api.shop.example": "10.20.0.2"}) as lab, Switches(lab) as switches:
        more = "options:erspan_idx=3" if version == 1 else "options:erspan_dir=1 options:erspan_hwid=4"
        switches.mirror(f"options:key=7 options:erspan_ver={version} {more}")
        start_files(lab)
        try:
            lab.run(lab.client, "ping", "-c", "1", "-W", "3", "10.20.0.2", check=False)
            with lab.capture(f"{lab.tag}z", "span", PCAPS / f"{name}.pcap", what=""):
                visits(lab)
            keep_log(lab, name, f"A switch's mirror port in ERSPAN type {'II' if version == 1 else 'III'}, as a far collector sees it. Made by Open vSwitch.")
        finally:
            subprocess.run(["ip", "netns", "del", f"{lab.tag}z"], check=False)


CASES["erspan2"] = lambda: erspan(1, "erspan2")
CASES["erspan3"] = lambda: erspan(2, "erspan3")


@case("interfaces")
def interfaces() -> None:
    """dumpcap on two devices of the server at once: the wire, and the loopback to the framework behind nginx."""
    with Lab({"api.shop.example": "10.20.0.2"}) as lab:
        start_shop(lab)
        out = PCAPS / "interfaces.pcapng"
        out.unlink(missing_ok=True)
        dump = lab.start(lab.server, "dumpcap", "-q", "-i", "vs", "-f", "tcp", "-i", "lo", "-f", "tcp port 9000", "-w", str(out))
        while not out.exists() or out.stat().st_size < 100:
            time.sleep(0.05)
        time.sleep(0.8)
        for number in range(4):
            curl(lab, f"http://api.shop.example/api/v1/products?page={number + 1}", "--next", "-s", "-o", "/dev/null", "http://api.shop.example/healthz")
        time.sleep(1)
        stop(dump, signal.SIGINT)
        out.chmod(0o644)
        front = truth.from_nginx(lab.scratch / "access.log")
        # What nginx asked the framework is the same calls again, over the loopback from ports that its log does not name.
        behind = [{"client": "127.0.0.1", **{name: row[name] for name in ("method", "target", "status", "host", "time")}} for row in front]
        truth.write("interfaces", "pcapng of two interfaces at once: the wire, and the loopback between nginx and the framework behind it. Each call is seen on both.", "nginx's access log, each call once for either side", front + behind, capture="interfaces.pcapng")


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
        print("made:", *(name for name, one in CASES.items() if one is maker))
    for path in sorted(Path(PCAPS).glob("*.pcap*")):
        print(f"{path.stat().st_size:9,} {path.name}")


if __name__ == "__main__":
    main()
