"""Simulated servers of models: they answer in OpenAI's form after as long as a model would take."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import Any

import orjson

WORDS = "the quick brown fox jumps over the lazy dog and runs to where the wind blows".split()
MS_PER_TOKEN = 4.0


class SimulatedRegion:
    """One region's servers: an answer takes its round trip and its tokens."""

    def __init__(self, region: str, rtt_ms: float, seed: int) -> None:
        self.region = region
        self._rtt_s = rtt_ms / 1e3
        self._random = random.Random(seed)
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    async def run(self) -> None:
        """Serve until cancelled."""
        server = await asyncio.start_server(self._connected, sock=self.socket)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                at = head.index(b"content-length:") + 15
                body = await reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))
                await self._answer(orjson.loads(body), writer)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            return
        finally:
            writer.close()

    async def _answer(self, said: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        tokens_in = sum(len(str(m.get("content", "")).split()) for m in said["messages"])
        words = [self._random.choice(WORDS) for _ in range(self._random.randint(20, 60))]
        await asyncio.sleep(self._rtt_s + len(words) * MS_PER_TOKEN / 1e3)
        usage = {"prompt_tokens": 20 * tokens_in, "completion_tokens": 10 * len(words)}
        message = {"role": "assistant", "content": " ".join(words)}
        text = orjson.dumps(
            {
                "id": "demo", "object": "chat.completion", "created": 0, "model": said["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {**usage, "total_tokens": sum(usage.values())},
            }
        )  # fmt: skip
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(text), text)
        )
        await writer.drain()
