"""Asks codings_server.py for every coding, whole and in chunks, and sends coded bodies. usage: codings_client.py URL"""

from __future__ import annotations

import gzip
import sys
import zlib

import brotli
import requests
import zstandard

session = requests.Session()
base = sys.argv[1]
body = b'{"items":[' + b'{"sku":"A-1","quantity":2},' * 60 + b"{}]}"
for coding in ("identity", "gzip", "deflate", "raw-deflate", "br", "zstd", "deflate+gzip"):
    for query in ("", "?chunked=1"):
        session.get(f"{base}/v1/{coding}{query}", stream=True, timeout=10).raw.read(decode_content=False)
for coding, octets in {"gzip": gzip.compress(body), "deflate": zlib.compress(body), "br": brotli.compress(body), "zstd": zstandard.compress(body)}.items():
    session.post(f"{base}/v1/identity", data=octets, headers={"Content-Encoding": coding, "Content-Type": "application/json"}, timeout=10)
    session.post(f"{base}/v1/identity", data=(octets[start : start + 20] for start in range(0, len(octets), 20)), headers={"Content-Encoding": coding}, timeout=10)
