"""A WebSocket server that says everything back. usage: ws_server.py ADDRESS PORT"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    async with serve(echo, sys.argv[1], int(sys.argv[2])):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
