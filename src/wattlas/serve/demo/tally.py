"""What the demo's page shows: sums of the rows as they are made, and the last of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from wattlas.serve.accounts import UG_PER_G
from wattlas.serve.decision import Reason
from wattlas.serve.ledger.journal import Row
from wattlas.serve.plane import Plane

LAST = 12
HOURS = 48
SLOT_S = 600
"""Of so many seconds the highest share is kept."""
WHY = {
    Reason.SAVING: "degraded: it saves enough now",
    Reason.FAILOVER: "degraded: full service did not answer",
    Reason.NO_CONTRACT: "full: no contract",
    Reason.ASKED: "full: the client asked for it",
    Reason.THRESHOLD: "full: degrading saves too little",
    Reason.CAP: "full: the cap is reached",
    Reason.STALE: "full: the routing is too old",
    Reason.STORE: "full: the ledger does not answer",
    Reason.CLOCK: "full: the clock was set",
    Reason.RECOVERED: "full: the fallback failed",
}
"""Each reason as the page says it."""


class DemoTally:
    """Adds up rows. `state` is what the page asks for."""

    def __init__(self) -> None:
        self._places: Counter[tuple[str, bool]] = Counter()
        self._whole: Counter[tuple[str, str, bool]] = Counter()
        """Answers delivered whole by tenant and window, degraded or not."""
        self._shares: dict[int, dict[str, float]] = {}
        """Slot → tenant → its highest degraded share there, after any answer."""
        self._highest_share = 0.0
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
        self._whole[row.tenant, row.window, row.degraded] += 1
        self._keep_share(row)
        if row.average_ug is not None and row.usual_average_ug is not None:
            hour = row.admitted_us // 3_600_000_000
            grams = self._grams.setdefault(hour, [0.0, 0.0])
            grams[0] += row.average_ug / UG_PER_G
            grams[1] += row.usual_average_ug / UG_PER_G
            while len(self._grams) > HOURS:
                del self._grams[min(self._grams)]

    def _keep_share(self, row: Row) -> None:
        share = self._share(row.tenant, row.window)[1]
        self._highest_share = max(self._highest_share, share)
        slot = self._shares.setdefault(row.ended_us // (1_000_000 * SLOT_S), {})
        slot[row.tenant] = max(slot.get(row.tenant, 0.0), share)
        while len(self._shares) > HOURS * 3600 // SLOT_S:
            del self._shares[min(self._shares)]

    def _share(self, tenant: str, window: str) -> tuple[int, float]:
        """Answers of a tenant in a window, and the degraded share of them."""
        low, full = self._whole[tenant, window, True], self._whole[tenant, window, False]
        return low + full, low / (low + full) if low + full else 0.0

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
            "highest_share": self._highest_share,
            "next_routing_min": max((hour.table.until_s - now) / 60, 0.0),
            "signals_of": hour.vintage,
            "tenants": [self._tenant(plane, name, now) for name in plane.config.document.tenants],
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
            "promise": [
                {"utc": _time(SLOT_S * at), "shares": shares}
                for at, shares in sorted(self._shares.items())
            ],
            "last": [_shown(row) for row in reversed(self._last)],
        }

    def _tenant(self, plane: Plane, name: str, now: float) -> dict[str, Any]:
        contract = plane.config.document.tenants[name].contract
        terms = plane.config.contracts[name, contract] if contract else None
        delivered, share = self._share(name, terms.calendar.at(now).label if terms else "")
        return {
            "tenant": name,
            "delivered": delivered,
            "share": share,
            "cap": None if terms is None else float(terms.share_max),
        }


def _time(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M")


def _shown(row: Row) -> dict[str, Any]:
    return {
        "utc": _time(row.admitted_us / 1e6),
        "tenant": row.tenant,
        "tier": "degraded" if row.degraded else "full",
        "reason": row.reason,
        "why": WHY[Reason(row.reason)],
        "region": row.region,
        "model": row.model_served,
        "grams": None if row.average_ug is None else row.average_ug / UG_PER_G,
    }
