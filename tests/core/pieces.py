"""Octets of which odd conversations are made: what a mutator would need long to find. The properties and the fuzzers draw from it."""

from __future__ import annotations

PIECES = [
    b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", b"POST /b?c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", b"HEAD / HTTP/1.0\r\n\r\n",
    b"PUT /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"0\r\nT: x\r\n\r\n", b"ffffffffffffffffff\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"CONNECT a:443 HTTP/1.1\r\n\r\n",
    b"Content-Length: ", b"Transfer-Encoding: ", b"Content-Encoding: gzip\r\n", b"\r\n", b"\n", b" ", b":", b"\x00", b"\r", b"GET /e\r\n", b"Content-Length: 7\r\n",
    b"GET /f", b"GET HTTP/1.1\r\n", b"GET /g h HTTP/1.1\r\n\r\n", b"POST /i\r\nA: b\r\n\r\n", b"SOURCE /j ICE/1.0\r\n\r\n", b"OPTIONS / RTSP/1.0\r\n", b"XYZ /k HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 102 x\r\nContent-Length: 3\r\n\r\n", b"RTSP/1.0 400 x\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"\xef\xbb\xbfHTTP/1.1 200 OK\r\n\r\n", b" \r\n", b"\t\n", b"\r\r\n", b"a: b\n \n",
    b"Transfer\x00-Encoding: chunked\r\n", b"A:\n\x00b\r\n", b"Connection: close\r\nContent-Length: 1 2\r\n\r\n", b"\x0b5\r\nhello\r\n",
    b"\x05\x01\x00", b"\x05\x00", b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50", b"\x05\x00\x00\x01\x0a\x00\x00\x01\x00\x50", b"\x04\x01\x00\x50\x0a\x00\x00\x01u\x00", b"\x00\x5a\x00\x00\x00\x00\x00\x00",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12), b"\x16\x03\x01\x00\x05", b"G", b"ET /l HTTP/1.1\r\n\r\n", b"x" * 90, b"A: b\r\n" * 5,
    b"H\xdf\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.0 304 Not Modified\r\nContent-Length: 2\r\n\r\n\xc2\x85",
]  # fmt: skip
