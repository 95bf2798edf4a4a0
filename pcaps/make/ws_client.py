"""Talks to ws_server.py through nginx: text, binary, pieces, ping, with and without compression, one refused. usage: ws_client.py HOST"""

from __future__ import annotations

import asyncio
import os
import sys

import websockets
from websockets.asyncio.client import connect


async def main() -> None:
    host = sys.argv[1]
    for compression in ("deflate", None):
        async with connect(f"ws://{host}/live/prices?from=desk", compression=compression) as line:  # type: ignore[arg-type]
            await line.send('{"subscribe":"prices","sku":"SKU-1000"}')
            await line.recv()
            await line.send(os.urandom(3000))
            await line.recv()
            await line.send(["one piece, ", "two pieces, ", "GET /not/a/call HTTP/1.1\r\n\r\n"])
            await line.recv()
            await (await line.ping())
    try:
        async with connect(f"ws://{host}/v1/no-such-place"):
            pass
    except websockets.InvalidStatus:
        pass


asyncio.run(main())
