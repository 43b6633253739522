"""What a tenant used in a month: sums of its rows, exactly, and the chain that proves them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from wattlas.errors import UsageError
from wattlas.serve.ledger.journal import START, Row, Store, line_of
from wattlas.serve.meters import PROFILE
from wattlas.units import J_PER_KWH

SUMS = (
    "tokens_in tokens_out it_mj facility_mj average_ug marginal_ug nano_usd usual_mj "
    "usual_average_ug usual_marginal_ug usual_nano_usd"
).split()
"""Fields of a row that are added up."""
COUNTS = ["requests", "whole", "degraded", "unknown", "corrections"]
FIGURES = {
    "it_mj": "tokens by the operating point's profile, or the server's own meter",
    "facility_mj": "IT energy times the PUE of the region",
    "average_ug": "facility energy at the average intensity of region and hour: location-based",
    "marginal_ug": "facility energy at the marginal intensity: what a change causes, no inventory",
    "nano_usd": "facility energy at the price of region and hour",
    "usual_mj": "in full service at the baseline region: by the profile, or as it was where the "
    "request was served there",
}
"""How each figure is found; those of `usual` are found alike."""
MJ_PER_KWH = J_PER_KWH * 1e3
UG_PER_G = 1e6
NANO = 1e9
ALWAYS_US = 2**62
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_MONTH = re.compile(r"(19[7-9][0-9]|[2-8][0-9]{3})-(0[1-9]|1[0-2])")
"""Since 1970; a calendar ends with the year 9999."""


def month_us(month: str) -> tuple[int, int]:
    """Microseconds since 1970 of a month's beginning and end, UTC. Raises UsageError."""
    match = _MONTH.fullmatch(month)
    if match is None:
        raise UsageError(f"`{month}` is no month. Write 2026-11.")
    year, number = int(match[1]), int(match[2])
    first = datetime(year, number, 1, tzinfo=UTC)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return round(first.timestamp() * 1e6), round(following.timestamp() * 1e6)


def statement(store: Store, tenant: str, month: str) -> dict[str, Any]:
    """A tenant's month (UTC): totals, the same by region and by hour, and the chain's heads.

    Amounts are whole mJ, µg and nano-USD: parts add up to totals exactly. `unknown` counts requests
    of which an amount is not known. Corrections count where what they correct does; `uncorrected`
    is the total without them. The chain's heads are those before the first and after the last of
    the month's rows.
    """
    since, until = month_us(month)
    kept = store.rows(tenant, since, until)
    stated = [row for row in kept.rows if row.corrects is None]
    first = kept.numbers[0] - 1 if kept.rows else 0
    return {
        "tenant": tenant,
        "month": month,
        "total": total(kept.rows),
        "uncorrected": total(stated),
        "missing": _missing(stated),
        "by_region": _by(kept.rows, lambda row: row.region),
        "by_hour": _by(kept.rows, _hour),
        "by_hour_and_region": _by_place(kept.rows),
        "contracts": _contracts(stated),
        "vintages": _vintages(kept.rows),
        "corrections": [_told(row) for row in kept.rows if row.corrects is not None],
        "methods": _methods(kept.rows),
        "figures": FIGURES,
        "chain": {
            "head": (kept.heads or [START])[-1].hex(),
            "number": (kept.numbers or [0])[-1],
            "head_before": store.head(tenant, first).hex(),
            "number_before": first,
            "former": _former(store, tenant, since),
        },
    }


def _former(store: Store, tenant: str, until_us: int) -> dict[str, Any] | None:
    """Where the statement of the month before ends; None where that has no rows."""
    month = datetime.fromtimestamp(until_us // 1_000_000 - 1, UTC).strftime("%Y-%m")
    kept = store.rows(tenant, month_us(month)[0], until_us)
    if not kept.rows:
        return None
    return {"month": month, "number": kept.numbers[-1], "head": kept.heads[-1].hex()}


def total(rows: Iterable[Row]) -> dict[str, int]:
    """Sums of rows."""
    sums = dict.fromkeys(COUNTS + SUMS, 0)
    for row in rows:
        if row.corrects is None:
            sums["requests"] += 1
            sums["whole"] += row.end == "whole"
            sums["degraded"] += row.degraded and row.end == "whole"
            sums["unknown"] += any(getattr(row, name) is None for name in SUMS)
        else:
            sums["corrections"] += 1
            sums["unknown"] -= row.filled or 0
        for name in SUMS:
            sums[name] += getattr(row, name) or 0
    return sums


def _missing(rows: Iterable[Row]) -> dict[str, int]:
    """Of how many requests each amount was not known when they ended."""
    counts = Counter(name for row in rows for name in SUMS if getattr(row, name) is None)
    return {name: counts[name] for name in SUMS if counts[name]}


def _told(row: Row) -> dict[str, Any]:
    """A correction: what it corrects, why, when it was recorded, and its differences."""
    return {
        "id": row.id,
        "corrects": row.corrects,
        "hour": _hour(row),
        "region": row.region,
        "usual_region": row.usual_region,
        "why": row.reason,
        "vintage": row.vintage,
        "recorded": datetime.fromtimestamp(row.ended_us // 1_000_000, UTC).strftime(_MOMENT),
        "filled": row.filled or 0,
        **{name: getattr(row, name) or 0 for name in SUMS},
    }


def _by(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, dict[str, int]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: total(group) for name, group in sorted(groups.items())}


def _by_place(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Sums of each hour and region, with the vintages of their signals: what another rule of
    accounting needs later."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((_hour(row), row.region), []).append(row)
    return [
        {"hour": hour, "region": region, "vintages": _vintages(group), **total(group)}
        for (hour, region), group in sorted(groups.items())
    ]


def _vintages(rows: Iterable[Row]) -> list[str]:
    return sorted({row.vintage for row in rows})


def _hour(row: Row) -> str:
    return datetime.fromtimestamp(row.admitted_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:00Z")


def _methods(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """How tokens and energy were found: requests by method, and the IT energy of each; that of
    corrections is one of them, so that these add up to the total."""
    tokens: Counter[str] = Counter()
    energy: dict[str, dict[str, int]] = {}
    for row in rows:
        by_method = energy.setdefault(row.energy or PROFILE, {"requests": 0, "it_mj": 0})
        by_method["it_mj"] += row.it_mj or 0
        if row.corrects is None:
            tokens[row.method] += 1
            by_method["requests"] += 1
    return {"tokens": dict(sorted(tokens.items())), "energy": dict(sorted(energy.items()))}


def _contracts(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Answers delivered, whole and degraded, by contract and window."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.contract:
            groups.setdefault((row.contract, row.window), []).append(row)
    return [
        {"contract": contract, "window": window, **_delivered(group)}
        for (contract, window), group in sorted(groups.items())
    ]


def _delivered(rows: list[Row]) -> Mapping[str, Any]:
    whole = [row for row in rows if row.end == "whole"]
    low = sum(row.degraded for row in whole)
    return {"delivered": len(whole), "degraded": low, "share": low / len(whole) if whole else 0.0}


def statement_rows(store: Store, tenant: str, month: str) -> bytes:
    """The rows of a statement as lines of JSON, byte for byte as they are hashed, for who wants to
    see that nothing was changed: SHA-256(head ‖ line) from `head_before` on, line by line, is
    `head`, which is that of the statement.

    The first line tells these heads and numbers. A row that was recorded between two of the month
    is among them, though it was admitted in another. Raises UsageError.
    """
    since, until = month_us(month)
    kept = store.rows(tenant, 0, ALWAYS_US)
    own = [n for n, row in enumerate(kept.rows) if since <= row.admitted_us < until]
    first, end = (own[0], own[-1] + 1) if own else (0, 0)
    told = {
        "tenant": tenant, "month": month,
        "number_before": kept.numbers[first] - 1 if own else 0,
        "head_before": (kept.heads[first - 1] if first else START).hex(),
        "number": kept.numbers[end - 1] if own else 0,
        "head": (kept.heads[end - 1] if own else START).hex(),
    }  # fmt: skip
    lines = [orjson.dumps(told), *map(line_of, kept.rows[first:end])]
    return b"".join(line + b"\n" for line in lines)


def statement_csv(made: Mapping[str, Any]) -> str:
    """The statement as a table: one line per region, per hour, per hour and region with the
    vintages of its signals, and the total last."""
    text = io.StringIO()
    names = list(made["total"])
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "name", "region", "vintages", *names])
    for part in ("by_region", "by_hour"):
        for name, sums in made[part].items():
            writer.writerow([part.removeprefix("by_"), name, "", "", *(sums[n] for n in names)])
    for sums in made["by_hour_and_region"]:
        vintages = ", ".join(sums["vintages"])
        told = ["hour_and_region", sums["hour"], sums["region"], vintages]
        writer.writerow([*told, *(sums[n] for n in names)])
    writer.writerow(["total", made["month"], "", "", *(made["total"][n] for n in names)])
    return text.getvalue()
