"""The demo: a service as it is, on simulated regions, with a client of its own and a fast clock.

Everything is on loopback, and in a folder that is removed in the end. No key, no network, no
database is needed; the page answers only to its own address.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from wattlas.serve.demo.regions import SimulatedRegion
from wattlas.serve.demo.tally import DemoTally
from wattlas.serve.direct import Answered, DirectServer
from wattlas.serve.edge import address, bound
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.pool import WireUpstream
from wattlas.serve.gateway.tell import JSON
from wattlas.serve.gateway.upstream import Failure, whole
from wattlas.serve.heads import Head
from wattlas.serve.plane import PlaneClock
from wattlas.serve.run import RunningService
from wattlas.serve.schedule_parts import HourPart, SchedulePart, issued_s

SPEED = 600.0
"""Seconds of the demo per second: a day in 144 s."""
REQUESTS_PER_S = 25.0
MOST_BYTES = 1_000_000
_HTML = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; "
     b"script-src 'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]  # fmt: skip


@dataclass(frozen=True)
class Story:
    """What is played: a schedule, round trips to each region in ms, and the contract's terms.

    `bases` are the classes that requests are of, `metros` where they come from.
    """

    schedule: SchedulePart
    rtt_ms: Mapping[str, float]
    metros: tuple[str, ...]
    bases: tuple[str, ...]
    contract: str
    share_max: str
    notice: str = ""

    def begins_s(self) -> float:
        """An hour before degrading pays for the first time, so that a visitor sees both: seconds
        since 1970. The schedule's first hour where it never does."""
        hours = sorted(self.schedule.hours, key=issued_s)
        first = next((n for n, hour in enumerate(hours) if _pays(hour)), 0)
        return issued_s(hours[max(first - 1, 0)])


def _pays(hour: HourPart) -> bool:
    """Whether a request is worth degrading."""
    for each in hour.sets:
        least = hour.threshold_usd.get(each.klass)
        if least is not None and each.saving_usd is not None and each.saving_usd >= least:
            return True
    return False


class Demo:
    """A demo with its ports open."""

    def __init__(self, story: Story, folder: Path, speed: float, page: str | None) -> None:
        self.story, self.speed = story, speed
        self.regions = [
            SimulatedRegion(region, rtt, seed)
            for seed, (region, rtt) in enumerate(story.rtt_ms.items())
        ]
        self.keys = {f"from-{metro}": secrets.token_urlsafe(16) for metro in story.metros}
        self.tally = DemoTally()
        began, steady = story.begins_s(), time.monotonic()

        def utc_s() -> float:
            return began + (time.monotonic() - steady) * speed

        clock = PlaneClock(utc_s, utc_s)
        self.service = RunningService(self._files(folder), clock, self.tally.add)
        self._url = f"{self.service.addresses['gateway']}/v1/chat/completions"
        self._page = (files("wattlas.serve.demo") / "page.html").read_bytes()
        self.socket: socket.socket = bound(page or "127.0.0.1:0", None)
        limits = self.service.plane.config.document.limits
        self.pages = DirectServer(self._shown, limits)

    @property
    def url(self) -> str:
        """The page."""
        return f"{address(self.socket)}/"

    def _files(self, folder: Path) -> Path:
        tenants = {
            name: {
                "keys_sha256": [hashlib.sha256(key.encode()).hexdigest()],
                "contract": self.story.contract,
                "metro": name.removeprefix("from-"),
            }
            for name, key in self.keys.items()
        }
        config = {
            "schedule": "schedule.json",
            "gateway": {"listen": "127.0.0.1:0"},
            "upstreams": {region.region: {"url": region.url} for region in self.regions},
            "models": {base: {"class": base} for base in self.story.bases},
            "contracts": {
                self.story.contract: {"share_max": self.story.share_max, "window": "day"}
            },
            "tenants": tenants,
        }
        (folder / "schedule.json").write_text(self.story.schedule.model_dump_json(by_alias=True))
        path = folder / "serve.yaml"
        path.write_text(json.dumps(config))
        return path

    def _shown(self, head: Head, body: bytes) -> Answered:
        """The page and its state, for whoever names this address as the host."""
        method, path, headers = head.method, head.path, head.headers
        port = self.socket.getsockname()[1]
        host = next(value for name, value in headers if name == b"host")
        if host.decode("latin-1") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            raise Refusal(421, "This server answers only to its own address.", "bad_host")
        if method != b"GET" or path not in (b"/", b"/state.json"):
            raise Refusal(404, "There is no such page.", "unknown_url")
        if path == b"/":
            return 200, _HTML, self._page
        state = self.tally.state(self.service.plane)
        return (
            200,
            [JSON, (b"cache-control", b"no-store")],
            orjson.dumps({**state, "speed": self.speed, "notice": self.story.notice}),
        )

    async def run(self, ready: Callable[[Demo], None]) -> None:
        """Play until the service is stopped."""
        others: list[asyncio.Task[Any]] = [
            asyncio.create_task(region.run()) for region in self.regions
        ]
        page = asyncio.create_task(self.pages.serve([self.socket]))
        client = asyncio.create_task(self._client())
        await self.service.run(lambda: ready(self))
        self.pages.stop()
        for task in (client, *others):
            task.cancel()
        await asyncio.gather(page, client, *others, return_exceptions=True)
        self.socket.close()

    async def _client(self) -> None:
        """Requests at random moments, from every metro, through the gateway."""
        dice = random.Random(7)
        running: set[asyncio.Task[None]] = set()
        while not self.service.ready:
            await asyncio.sleep(0.01)
        gateway = WireUpstream(self.service.plane.config.document.limits.connect_s)
        while True:
            await asyncio.sleep(dice.expovariate(REQUESTS_PER_S))
            tenant = dice.choice(list(self.keys))
            asking = asyncio.create_task(self._ask(gateway, tenant, dice.choice(self.story.bases)))
            running.add(asking)
            asking.add_done_callback(running.discard)

    async def _ask(self, gateway: WireUpstream, tenant: str, base: str) -> None:
        said = {"model": base, "messages": [{"role": "user", "content": "Tell me a story."}]}
        headers = {"authorization": f"Bearer {self.keys[tenant]}"}
        try:
            await whole(await gateway.post(self._url, orjson.dumps(said), headers), MOST_BYTES)
        except Failure:
            return  # the service is being stopped


async def play(
    story: Story, ready: Callable[[Demo], None], speed: float = SPEED, page: str | None = None
) -> None:
    """Play a story until a signal ends it."""
    with tempfile.TemporaryDirectory(prefix="wattlas-demo-") as folder:
        demo = Demo(story, Path(folder), speed, page)
        demo.service.stop_on_signals(asyncio.get_running_loop())
        await demo.run(ready)
