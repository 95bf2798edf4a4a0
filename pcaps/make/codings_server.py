"""Answers in every content coding there is, and takes bodies in them. usage: codings_server.py ADDRESS PORT LOG"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
import zlib
from pathlib import Path

import brotli
import zstandard
from aiohttp import web

PACK = {
    "gzip": lambda octets: gzip.compress(octets, 6),
    "deflate": zlib.compress,
    "raw-deflate": lambda octets: _raw(octets),  # noqa: PLW0108 (_raw is defined below)
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def _raw(octets: bytes) -> bytes:
    press = zlib.compressobj(wbits=-15)
    return press.compress(octets) + press.flush()


LOG = Path(sys.argv[3]).open("a", buffering=1)  # noqa: SIM115 (open as long as the server runs)


async def answer(request: web.Request) -> web.StreamResponse:
    taken = await request.read()
    coding, wanted = request.match_info["coding"], request.query.get("chunked")
    text = json.dumps({"coding": coding, "took": len(taken), "rows": [{"id": number, "note": "the quick brown fox"} for number in range(30)]}).encode()
    both = coding.split("+")
    octets = text
    for one in both:
        octets = PACK[one](octets) if one in PACK else octets
    headers = {"Content-Type": "application/json"}
    if coding != "identity":
        headers["Content-Encoding"] = ", ".join(one.removeprefix("raw-") for one in both)
    if wanted:
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(octets), 37):
            await response.write(octets[start : start + 37])
        await response.write_eof()
    else:
        response = web.Response(body=octets, headers=headers)
        await response.prepare(request)
        await response.write_eof()
    peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
    row = {"client": peer[0], "port": peer[1], "method": request.method, "host": request.host, "target": request.raw_path, "status": 200, "bytes": len(octets), "decoded": text.decode(), "request_bytes": len(taken)}
    LOG.write(json.dumps({"time": time.time(), **row}) + "\n")
    return response


def main() -> None:
    app = web.Application()
    app.router.add_route("*", "/v1/{coding}", answer)

    async def serve() -> None:
        # Bodies are left as they came: aiohttp would refuse a coding for which it has no library.
        runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, sys.argv[1], int(sys.argv[2])).start()
        await asyncio.get_running_loop().create_future()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
