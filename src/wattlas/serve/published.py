"""What everybody may know: a month of the whole service, at `/.well-known/sustainability-data`.

The form is that of the Internet-Draft `draft-besleaga-sustainability-wellknown`, which is no
standard yet. Published is the last month (UTC) that is over, of all tenants together, and only if
there were enough of them: of few, a sum tells what one used.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from wattlas.serve.config import PublishSection
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.ledger.journal import AWAY, CORRECTION, Row, Store, is_away
from wattlas.serve.plane import Plane
from wattlas.serve.statements import month_us
from wattlas.serve.totals import MJ_PER_J, UG_PER_G
from wattlas.units import G_PER_KG, J_PER_KWH

log = logging.getLogger("wattlas.serve")

PATHS = (b"/.well-known/sustainability-data", b"/.well-known/sustainability")
"""The path of the draft, and the one that it had before."""
HEADERS = [
    (b"content-type", b"application/sustainability-data+json"),
    (b"cache-control", b"public, max-age=3600"),
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
]
AGAIN_S = 3600.0
"""How often a month is added up anew: rows of it may still come."""
COUNTED = ("whole", "broken", CORRECTION)
"""Ends of rows that are added up. A correction is of all requests of its hour, those that failed
too; what these took is next to nothing."""
METHOD = "modelled: tokens, energy per token of the model on its hardware, and PUE"
UNITS = 6
"""Significant digits."""


def declaration(store: Store, said: PublishSection, utc_s: float) -> dict[str, Any] | None:
    """The month before a moment; None where nothing may or can be told."""
    first = datetime.fromtimestamp(utc_s, UTC).replace(day=1)
    month = (first - timedelta(days=1)).strftime("%Y-%m")
    since, until = month_us(month)
    by_tenant = [store.rows(tenant, since, until).rows for tenant in store.tenants()]
    delivered = [[row for row in rows if row.end in COUNTED] for rows in by_tenant]
    used = [rows for rows in delivered if rows]
    figures = _figures([row for rows in used for row in rows])
    if len(used) < said.least_tenants or not figures:
        return None
    return {
        "updated": datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "capabilities": "basic",
        "provider": said.provider,
        "measurement-method": METHOD,
        "methodology-uri": said.methodology,
        "reporting-period": month,
        "target": said.target,
        "target-type": "service",
        **figures,
    }


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Energy and emissions of delivered answers. A sum of which a part is unknown is left out."""
    energy, carbon = [row.facility_mj for row in rows], [row.average_ug for row in rows]
    made: dict[str, Any] = {}
    if None not in energy:
        kwh = sum(filter(None, energy)) / MJ_PER_J / J_PER_KWH
        made |= {"energy-consumption": _short(kwh), "energy-unit": "kWh"}
        if None not in carbon:
            grams = sum(filter(None, carbon)) / UG_PER_G
            made |= {
                "carbon-footprint": _short(grams / G_PER_KG),
                "carbon-unit": "kgCO2e",
                "carbon-accounting": "location-based",
            }
            if kwh:
                made["carbon-intensity-gCO2e-per-kWh"] = _short(grams / kwh)
    return made


def _short(value: float) -> float:
    return float(f"{value:.{UNITS}g}")


class Published:
    """The declaration of a service, added up when it is asked for, and seldom."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._lock = asyncio.Lock()
        self._made: tuple[PublishSection, str, float, bytes | None] | None = None

    async def text(self) -> bytes | None:
        """The declaration; None where nothing is published. Raises Refusal where the ledger does
        not answer."""
        said = self._plane.config.document.publish
        if said is None:
            return None
        async with self._lock:
            utc_s = self._plane.clock()
            month = datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m")
            made, now = self._made, time.monotonic()
            if made is None or made[:2] != (said, month) or now - made[2] > AGAIN_S:
                declared = await self._declared(said, utc_s)
                text = None if declared is None else orjson.dumps(declared)
                made = self._made = said, month, now, text
        return made[3]

    async def _declared(self, said: PublishSection, utc_s: float) -> dict[str, Any] | None:
        try:
            return await asyncio.to_thread(declaration, self._plane.store, said, utc_s)
        except Exception as error:
            if not is_away(error):
                raise
            log.error("nothing is published: the ledger does not answer (%s)", error)
            raise Refusal(503, AWAY, "ledger_away") from None
