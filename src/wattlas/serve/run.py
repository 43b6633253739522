"""One process that serves: ports, ledger, files that change, and an orderly end.

SIGTERM and SIGINT drain: no new connections, requests in flight come to their end, what is in hand
is returned, all rows are recorded. SIGHUP takes configuration and schedule anew, and so does a
change of either file.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from wattlas.errors import InputError, Problem
from wattlas.serve.admin import admin_app
from wattlas.serve.agreement import agreed
from wattlas.serve.asgi import handler_of
from wattlas.serve.config import (
    LimitsSection,
    ListenSection,
    ServeConfig,
    ServeDocument,
    is_database,
    read_config,
)
from wattlas.serve.connection import Server
from wattlas.serve.decisions import Decisions
from wattlas.serve.direct import DirectServer
from wattlas.serve.edge import address, bound
from wattlas.serve.envoy_log import EnvoyLog
from wattlas.serve.gateway.app import Gateway
from wattlas.serve.gateway.front import Front
from wattlas.serve.gateway.pool import WireUpstream
from wattlas.serve.gateway.trail import Ended
from wattlas.serve.ledger.journal import Row, Store
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.plane import TRUE_CLOCK, Plane, PlaneClock, open_plane
from wattlas.serve.schedule import read_schedule
from wattlas.serve.telemetry import Telemetry
from wattlas.serve.totals import MetricTotals, counted_as

log = logging.getLogger("wattlas.serve")
WATCH_S = 0.5
LOOK_S = 0.25
SWITCH_S = 0.0005
"""The thread that records lets go after so long where somebody waits for a decision."""
BLOCKED_S = 0.5
"""A loop that is later than that kept gateways waiting for longer than they wait for a decision."""


Stamps = list[tuple[int, int, int] | None]
"""Inode, time and size of each file; None for one that is not there."""


class RunningService:
    """A plane with its ports open."""

    def __init__(
        self,
        path: Path,
        clock: PlaneClock = TRUE_CLOCK,
        watch: Callable[[Sequence[Row]], None] = lambda rows: None,
    ) -> None:
        self.path = path
        self.totals = MetricTotals()
        self._watch = watch
        self.plane: Plane = open_plane(path, store_of, clock, self._made)
        self.plane.on_end = self._ended
        document = self.plane.config.document
        self.telemetry: Telemetry | None = None
        self.upstream = WireUpstream(document.limits.connect_s)
        self.gateway = Gateway(self.plane, self.upstream)
        self.ports: dict[str, tuple[Any, socket.socket]] = {}
        self._servers: list[Server] = []
        self._stopped = asyncio.Event()
        try:
            self._bind(document)
            if (told := document.telemetry) is not None:
                self.telemetry = Telemetry(told.endpoint, told.every_s, told.traces)
        except BaseException:
            self.close()
            raise

    def _made(self, rows: Sequence[Row]) -> None:
        """Show rows to everybody who counts."""
        if rows:
            counted = counted_as(rows, self.plane.known_names)
            self.totals.take(counted)
            if self.telemetry is not None:
                for row in counted:
                    self.telemetry.take(row)
        self._watch(rows)

    def _ended(self, ended: Ended) -> None:
        """Show a request of the gateway to those who count or trace."""
        place, first_us = ended.outcome.place, ended.trail.first_us
        if first_us is not None:
            self.totals.first(place.region, ended.outcome.degraded, first_us)
        if self.telemetry is not None:
            self.telemetry.ended(ended)

    def _bind(self, document: ServeDocument) -> None:
        """Open every port. Raises UsageError for one that cannot be had."""
        if document.gateway is not None:
            self.ports["gateway"] = self.gateway, bound(document.gateway.listen, None)
        apps: dict[str, Callable[[ListenSection], Any]] = {
            "decisions": lambda port: Decisions(self.plane, port),
            "admin": lambda port: admin_app(self.plane, port, self.reload, self.totals),
        }
        for name, app in apps.items():
            port: ListenSection | None = getattr(document, name)
            if port is not None:
                where = self.path.parent / port.socket if port.socket else None
                self.ports[name] = app(port), bound(port.listen, where)

    def close(self) -> None:
        """Let go of ports and ledger."""
        for _, opened in self.ports.values():
            opened.close()
        self.plane.store.close()
        if self.plane.spool is not None:
            self.plane.spool.close()

    @property
    def addresses(self) -> dict[str, str]:
        """Where each port listens."""
        return {name: address(opened) for name, (_, opened) in self.ports.items()}

    def reload(self, *, at_once: bool = True) -> list[Problem]:
        """Take configuration and schedule anew; what is wrong keeps the present ones."""
        problems = self.plane.take_config(self.path)
        path = self.plane.config.schedule_path
        return problems + self.plane.take_schedule(path, at_once=at_once)

    def stop_on_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """SIGTERM and SIGINT drain, SIGHUP reads the files again."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)

    @property
    def ready(self) -> bool:
        """Whether every port is served."""
        return bool(self._servers) and all(server.started for server in self._servers)

    def stop(self) -> None:
        """Begin to drain."""
        self._stopped.set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until stopped, and come to an orderly end."""
        limits = self.plane.config.document.limits
        keeper = asyncio.create_task(self.plane.keeper.run())
        works = [self._watch_files(), self._watch_loop()]
        if self.plane.config.document.access_log is not None:
            follow = EnvoyLog(self.plane, self.path.parent / self.plane.config.document.access_log)
            works.append(follow.run())
        others = [asyncio.create_task(self._told(work)) for work in works]
        serving = []
        for app, opened in self.ports.values():
            server = _server(app, limits)
            self._servers.append(server)
            serving.append(asyncio.create_task(server.serve(sockets=[opened])))
        while not self.ready:
            await asyncio.sleep(0.005)
        ready()
        await self._stopped.wait()
        for server in self._servers:
            server.stop()
        await asyncio.gather(*serving)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.plane.keeper.stop()
        await keeper
        await self.upstream.close()
        if self.telemetry is not None:
            await asyncio.to_thread(self.telemetry.close)
        self.close()

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        """Work beside the requests, until it is cancelled: a bug that ends it is told at once, and
        keeps nothing else from coming to its end."""
        try:
            await work
        except Exception:
            self.plane.events["work_ended"] += 1
            log.exception("work beside the requests has ended, by a bug of ours")

    async def _watch_files(self) -> None:
        """Take files anew that were changed."""
        watched = Watched(self._stamps())
        while True:
            await asyncio.sleep(WATCH_S)
            if watched.changed(self._stamps()):
                self.reload(at_once=False)
            elif self.plane.is_due:
                path = self.plane.config.schedule_path
                self.plane.take_schedule(path, at_once=False)

    async def _watch_loop(self) -> None:
        """Notice that something kept the process from answering."""
        now = asyncio.get_running_loop().time
        while True:
            due_s = now() + LOOK_S
            await asyncio.sleep(LOOK_S)
            late_s = now() - due_s
            if late_s > BLOCKED_S:
                self.plane.events["loop_blocked"] += 1
                log.warning("nothing was answered for %.1f s: something held the process", late_s)

    def _stamps(self) -> Stamps:
        return [_stamp(path) for path in (self.path, self.plane.config.schedule_path)]


class Watched:
    """Files whose stamps are looked at, again and again.

    Whoever writes in place is read half-way through otherwise, and the first half of a
    configuration may be a sound one without a contract.
    """

    def __init__(self, stamps: Stamps) -> None:
        self._taken = self._seen = stamps

    def changed(self, stamps: Stamps) -> bool:
        """Whether they differ from those that were taken, and stood still since the last look."""
        still, self._seen = stamps == self._seen, stamps
        if not still or stamps == self._taken:
            return False
        self._taken = stamps
        return True


def _server(app: Any, limits: LimitsSection) -> Server:
    """What serves an application."""
    if isinstance(app, Decisions):
        return DirectServer(app, limits)
    return Front(app if isinstance(app, Gateway) else handler_of(app, limits), limits)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def store_of(config: ServeConfig) -> Store:
    """The ledger's store that a configuration names."""
    return store_at(config.document.ledger, config.ledger_path)


def store_at(ledger: str, path: Path) -> Store:
    """The store at an address, or in a file where it is none."""
    if is_database(ledger):
        from wattlas.serve.ledger.postgres import PostgresStore

        return PostgresStore(ledger)
    return SqliteStore(path)


async def serve(path: Path, ready: Callable[[RunningService], None]) -> None:
    """Serve a configuration's file until a signal ends it."""
    service = RunningService(path)
    service.stop_on_signals(asyncio.get_running_loop())
    await service.run(lambda: ready(service))


def allow_descriptors() -> None:
    """Allow this process as many descriptors as it may have: each client needs one, and the usual
    limit of 1,024 is for programs that look at all of theirs again and again."""
    try:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ImportError, OSError, ValueError):
        return  # no such limits here, or a system that allows less than it says


def main(work: Coroutine[Any, Any, None]) -> None:
    """Run a service on the fastest loop that is there.

    What is loaded lives as long as the process, and requests leave no circles behind: collections
    are made rare.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    sys.setswitchinterval(SWITCH_S)
    allow_descriptors()
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def check_files(path: Path) -> None:
    """Raise InputError with everything that is wrong with a configuration and its schedule."""
    config = read_config(path)
    problems = agreed(config, read_schedule(config.schedule_path))
    if problems:
        raise InputError(problems)
