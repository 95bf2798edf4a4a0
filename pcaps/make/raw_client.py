"""Plays hand-made requests at a real server over real sockets, as attackers' scripts and odd clients do.

usage: raw_client.py HOST PORT SET. The server's own answer and log say how it read them.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

H = "Host: api.shop.example\r\n"
SETS: dict[str, list[list[str]]] = {
    # Each list is one connection; each text one send.
    "http09": [["GET /orders.json\r\n"], ["GET /search.json\r\n"]],
    "odd": [
        [f"GET /orders.json HTTP/1.1\r\n{H}X-Folded: one\r\n two\r\n\r\n"],
        [f"GET  /orders.json HTTP/1.1\r\n{H}\r\n"],
        [f"GET /search.json?bare=lf HTTP/1.1\n{H.strip()}\n\n"],
        [f"POST /upload/a HTTP/1.1\r\n{H}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
        [f"PUT /upload/b HTTP/1.1\r\n{H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        [f"PUT /upload/c HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n5;ext=\"v\"\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n"],
        [f"PUT /upload/d HTTP/1.1\r\n{H}Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\nok"],
        [f"PUT /upload/e HTTP/1.1\r\n{H}Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\nok"],
        [f"GET http://api.shop.example/orders.json?form=absolute HTTP/1.1\r\n{H}\r\n"],
        [f"OPTIONS * HTTP/1.1\r\n{H}\r\n"],
        ["GET /orders.json HTTP/1.1\r\nHost: one.example\r\nHost: two.example\r\n\r\n"],
        ["GET /orders.json HTTP/1.1\r\n\r\n"],
        [f"GET /orders.json?pipelined=1 HTTP/1.1\r\n{H}\r\nGET /search.json?pipelined=2 HTTP/1.1\r\n{H}\r\nHEAD /catalog.json?pipelined=3 HTTP/1.1\r\n{H}\r\nGET /orders.json?pipelined=4 HTTP/1.1\r\n{H}\r\n"],
        [f"\r\n\r\nGET /orders.json?after=blank HTTP/1.1\r\n{H}\r\n"],
        [f"GET /orders.json HTTP/9.9\r\n{H}\r\n"],
        [f"BREW /pot HTTP/1.1\r\n{H}\r\n"],
        [f"GET /orders.json?nul=\0 HTTP/1.1\r\n{H}\r\n"],
        ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
        [f"GET /orders.json?long={'a' * 9000} HTTP/1.1\r\n{H}\r\n"],
    ],
    "bytewise": [
        [*f"GET /orders.json?one=byte HTTP/1.1\r\n{H}\r\n"],
        [*f"PUT /upload/f HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n"],
        ["GET /search.json?half HTTP/1.1\r\nHo", "st: api.shop.example\r", "\n\r", f"\nGET /search.json?next HTTP/1.1\r\n{H}\r", "\n"],
    ],
}


def main() -> None:
    host, port, which = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    for texts in SETS[which]:
        with socket.create_connection((host, port), timeout=5) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for text in texts:
                try:
                    line.sendall(text.encode("latin-1"))
                except OSError:
                    break
                if len(texts) > 1:
                    time.sleep(0.002)
            line.settimeout(0.25)
            try:
                while line.recv(65536):
                    pass
            except OSError:
                pass


def reuse() -> None:
    """Twelve connections from one port, one after the other, some ended by a reset."""
    host, port = sys.argv[1], int(sys.argv[2])
    for number in range(12):
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.bind(("0.0.0.0", 45678))
            line.connect((host, port))
            line.sendall(f"GET /orders.json?visit={number} HTTP/1.1\r\n{H}\r\n".encode())
            line.settimeout(2)
            got = b""
            while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < 200:
                got += line.recv(65536)
            time.sleep(0.01)


if __name__ == "__main__":
    reuse() if sys.argv[3] == "reuse" else main()
