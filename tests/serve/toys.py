"""A routing of two classes over three regions, and a book on it that tests drive by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from wattlas.model.objective import Window
from wattlas.policy.routing import Routing
from wattlas.serve.calendar import WindowCalendar
from wattlas.serve.decision import Asked, Decision, End, Facts, Settlement
from wattlas.serve.ledger.book import Book, TenantContract
from wattlas.serve.ledger.journal import Row
from wattlas.serve.table import RoutingTable

T = TypeVar("T")
NOON_S = 1_790_000_000.0
"""A moment of 2026 at which the routing holds."""
KEY = ("acme", "green")


def routing(**changes: Any) -> Routing:
    """Chat in full from oslo and austin, degraded from oslo; batch from austin without fallback."""
    stated: dict[str, Any] = {
        "metros": ("lagos",),
        "classes": ("chat", "batch"),
        "regions": ("oslo", "austin", "pune"),
        "points": ("large", "small"),
        "metro": np.array([0, 0, 0, 0]),
        "klass": np.array([0, 0, 0, 1]),
        "degraded": np.array([False, True, False, False]),
        "region": np.array([0, 0, 1, 1]),
        "point": np.array([0, 1, 0, 0]),
        "share": np.array([0.25, 1.0, 0.75, 1.0]),
        "saving_usd": np.array([[2e-4, np.nan]]),
        "threshold_usd": np.array([1e-4, np.inf]),
        "issued_utc": np.datetime64(int(NOON_S) - 60, "s"),
        "hold_s": 10 * 86_400.0,
        "epoch": 7,
    }
    return Routing(**{**stated, **changes})


def table(**changes: Any) -> RoutingTable:
    """The routing made ready."""
    return RoutingTable(routing(**changes))


def rows_of(ended: Sequence[tuple[Decision, Settlement]]) -> list[Row]:
    """Rows without figures."""
    return [row_of(decision, outcome) for decision, outcome in ended]


def row_of(decision: Decision, outcome: Settlement) -> Row:
    f = decision.facts
    return Row(
        f.id, f.tenant, f.contract, decision.window, int(f.utc_s * 1e6),
        int(outcome.ended_s * 1e6), f.metro, f.klass, f.asked, outcome.degraded, decision.reason,
        outcome.end, outcome.status, outcome.attempts, outcome.model_asked, outcome.model_served,
        outcome.place.region, outcome.place.point, decision.epoch, outcome.tokens_in,
        outcome.tokens_out, outcome.method, *[None] * 9, "",
    )  # fmt: skip


def contracts(
    share: Fraction = Fraction(3, 20), window: Window = Window.ALL, zone: str = "UTC"
) -> Mapping[tuple[str, str], TenantContract]:
    """One contract of one tenant."""
    return {KEY: TenantContract(share, WindowCalendar(window, zone))}


def book(share: Fraction = Fraction(3, 20), window: Window = Window.ALL) -> Book:
    """A book of it."""
    return Book(rows_of, contracts(share, window))


def facts(id: str, asked: Asked = Asked.AUTO, utc_s: float = NOON_S, **changes: Any) -> Facts:
    """A chat request under the contract."""
    stated = {"tenant": "acme", "contract": "green", "metro": "lagos", "klass": "chat", **changes}
    return Facts(id=id, asked=asked, utc_s=utc_s, **stated)


def outcome(decision: Decision, end: End = End.WHOLE, utc_s: float = NOON_S + 1) -> Settlement:
    """How the request ended, at the place that was decided."""
    return Settlement(end, decision.place, decision.degraded, utc_s)


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, on a loop in a thread of its own: the browser's fixture, once it
    was used, keeps a loop running in that of the tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
