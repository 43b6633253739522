"""What the demo's page shows: sums of the rows as they are made, and the last of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from wattlas.serve.accounts import UG_PER_G
from wattlas.serve.ledger.journal import Row
from wattlas.serve.plane import Plane

LAST = 12
HOURS = 48


class Tally:
    """Adds up rows. `state` is what the page asks for."""

    def __init__(self) -> None:
        self._places: Counter[tuple[str, bool]] = Counter()
        self._whole: Counter[tuple[str, bool]] = Counter()
        self._grams: dict[int, list[float]] = {}
        """UTC hour → grams as it was, and as it would have been."""
        self._last: deque[Row] = deque(maxlen=LAST)
        self.requests = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Take rows."""
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        self.requests += 1
        self._last.append(row)
        if row.end != "whole":
            return
        self._places[row.region, row.degraded] += 1
        self._whole[row.tenant, row.degraded] += 1
        if row.average_ug is not None and row.usual_average_ug is not None:
            hour = row.admitted_us // 3_600_000_000
            grams = self._grams.setdefault(hour, [0.0, 0.0])
            grams[0] += row.average_ug / UG_PER_G
            grams[1] += row.usual_average_ug / UG_PER_G
            while len(self._grams) > HOURS:
                del self._grams[min(self._grams)]

    def state(self, plane: Plane) -> dict[str, Any]:
        """Everything that the page shows, as JSON can say it."""
        now = plane.clock()
        hour = plane.hour(now)
        grams = [sum(pair[n] for pair in self._grams.values()) for n in (0, 1)]
        return {
            "utc": _time(now),
            "requests": self.requests,
            "in_flight": len(plane.book.in_flight),
            "trouble": plane.book.trouble,
            "grams": grams[0],
            "usual_grams": grams[1],
            "tenants": [self._tenant(plane, name) for name in plane.config.document.tenants],
            "regions": [
                {
                    "region": region,
                    "full": self._places[region, False],
                    "degraded": self._places[region, True],
                    "g_per_kwh": signal.average_g_per_kwh if signal else None,
                    "usd_per_mwh": signal.price_usd_per_mwh if signal else None,
                }
                for region in plane.schedule.regions
                for signal in (hour.signals.get(region),)
            ],
            "hours": [
                {"utc": _time(3600 * at), "grams": pair[0], "usual_grams": pair[1]}
                for at, pair in sorted(self._grams.items())
            ],
            "last": [_shown(row) for row in reversed(self._last)],
        }

    def _tenant(self, plane: Plane, name: str) -> dict[str, Any]:
        low, full = self._whole[name, True], self._whole[name, False]
        contract = plane.config.document.tenants[name].contract
        cap = plane.config.contracts[name, contract].share_max if contract else None
        return {
            "tenant": name,
            "delivered": low + full,
            "share": low / (low + full) if low + full else 0.0,
            "cap": None if cap is None else float(cap),
        }


def _time(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M")


def _shown(row: Row) -> dict[str, Any]:
    return {
        "utc": _time(row.admitted_us / 1e6),
        "tenant": row.tenant,
        "tier": "degraded" if row.degraded else "full",
        "reason": row.reason,
        "region": row.region,
        "model": row.model_served,
        "grams": None if row.average_ug is None else row.average_ug / UG_PER_G,
    }
