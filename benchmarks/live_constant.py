"""The plainest decision service that there could be: what nobody who answers Envoy in Python saves.

`python benchmarks/live_constant.py SOCKET REGION POINT MODEL` listens on a Unix socket and answers
every message with the same decision. It looks for the end of a message and at nothing in it: no
key, no body, no cap, no account.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop

_LENGTH = b"\r\ncontent-length: "


class Constant(asyncio.Protocol):
    """Answers every message alike."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.buffer = answer, b""

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        if self.buffer:
            data = self.buffer + data
        end = data.find(b"\r\n\r\n") + 4
        at = data.find(_LENGTH, 0, end) + len(_LENGTH)
        if end < 4 or len(data) < end + int(data[at : data.index(b"\r", at)]):
            self.buffer = data
            return
        self.buffer = b""
        self.transport.write(self.answer)


async def serve(path: str, region: str, point: str, model: str) -> None:
    """Serve until killed; `ready` is on stdout."""
    told = {"tier": "full", "region": region, "point": point, "reason": "threshold",
            "model": model, "id": f"{'0' * 12}-1.{'A' * 240}"}  # fmt: skip
    lines = "".join(f"x-wattlas-{word}: {value}\r\n" for word, value in told.items())
    answer = f"HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n".encode()
    server = await asyncio.get_running_loop().create_unix_server(lambda: Constant(answer), path)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
