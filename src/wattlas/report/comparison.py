"""Two results folders side by side, metric by metric, and whether the second is worse than allowed.

Only what answers the same question is compared: the same scenario, and for replays the same
requests. A limit is `metric=1%`, of what the first folder says, or `metric=5` in the metric's unit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.shown import Tabular
from wattlas.model.table import Column, Kind, Listing, Table
from wattlas.report.results import Results, open_results
from wattlas.studies.replay_tables import MEASURES

NEUTRAL = frozenset({"requests", "moved", "rtt_mean_ms", "it_mwh", "facility_mwh", "gpu_h"})
"""Metrics of which more is neither better nor worse."""
BETTER = frozenset({"served"})
"""Metrics of which more is better; of all others less is."""
SHORT = {"cost": "variable_usd", "carbon": "carbon_kg", "energy": "energy_usd"}
"""What a limit may be called by for short."""
TAILS = ("p50", "p95", "p99")
"""Names of limits that hold for every class, service and moment."""
ROUNDING = 1e-9
"""What is beyond a limit by less than this, relative, is rounding."""


@dataclass(frozen=True)
class WorseLimit:
    """How much worse than the first a metric may be: so much, or a share of what the first says."""

    metric: str
    amount: float
    relative: bool

    def allowed(self, first: float) -> float:
        """In the metric's unit."""
        return self.amount * abs(first) if self.relative else self.amount


@dataclass(frozen=True)
class Comparison(Tabular):
    """Two results by metric: `rows` in order, and the metrics in which the second is `worse` than
    a limit allows.
    """

    first: str
    second: str
    rows: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    worse: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether the second keeps every limit."""
        return not self.worse

    def table(self) -> Table:
        """Columns metric, label, a, b, difference, relative, limit, worse."""
        names = ("metric", "label", "a", "b", "difference", "relative", "limit", "worse")
        return {name: [row[name] for row in self.rows] for name in names}

    def heading(self) -> str:
        """What stands above it."""
        return f"A: {self.first}. B: {self.second}"

    def listing(self) -> Listing:
        """The table as a person reads it: limits where there are any."""
        heads = [
            Column("label", Kind.TEXT, head="metric"), Column("a", head="A", digits=5),
            Column("b", head="B", digits=5), Column("difference", head="B − A"),
            Column("relative", Kind.SHARE, head="of A"),
        ]  # fmt: skip
        if any(row["limit"] is not None for row in self.rows):
            heads += [Column("limit", head="allowed"), Column("worse", Kind.FLAG, head="worse")]
        return Listing(self.heading(), tuple(heads), self.table(), self.notes)


def compare(
    first: str | Path,
    second: str | Path,
    *,
    worse_than: str = "",
    policy: str | None = None,
    anyway: bool = False,
) -> Comparison:
    """Compare two results folders: of replays, or of studies and plans.

    Of a replay the policy that it looks at is compared, or `policy` in both. `worse_than` holds
    limits with commas between: `late=1%,cost=0.5%`. Raises InputError for folders that cannot be
    read or do not answer the same question, unless `anyway`; UsageError for a limit or a policy
    that is none.
    """
    a, b = open_results(first), open_results(second)
    problems = list(_differences(a, b))
    if problems and not anyway:
        raise InputError(problems)
    notes = tuple(f"Not the same question: {p.where} {p.what}" for p in problems)
    of_a, of_b = (_metrics(results, policy) for results in (a, b))
    limits = _limits(worse_than, of_a)
    rows = tuple(
        _row(name, of_a[name], of_b[name], limits.get(name)) for name in of_a if name in of_b
    )
    left = [name for name in {**of_a, **of_b} if (name in of_a) != (name in of_b)]
    if left:
        notes += (f"In one folder alone: {', '.join(left)}",)
    missing = sorted(set(limits) & set(left))
    if missing:
        raise UsageError(f"--worse-than: {', '.join(missing)} is in one of the folders alone.")
    worse = tuple(row["metric"] for row in rows if row["worse"])
    return Comparison(_name(a, policy), _name(b, policy), rows, notes, worse)


def _kind(results: Results) -> str:
    return "replay" if results.meta.get("page") == "replay" else "placement"


def _name(results: Results, policy: str | None) -> str:
    looked_at = policy or results.meta.get("policy")
    at = f", policy {looked_at}" if _kind(results) == "replay" else ""
    return f"{results.folder}{at}"


# -- comparable -------------------------------------------------------------------------------


def _differences(a: Results, b: Results) -> Iterator[Problem]:
    """Why two results do not answer the same question, all of it."""
    fix = "Compare results of one question, or say --anyway."
    if _kind(a) != _kind(b):
        yield Problem("kind", f"is {_kind(a)} in one and {_kind(b)} in the other", fix)
        return
    hashes = [_scenario(results) for results in (a, b)]
    if None in hashes:
        at = " and ".join(str(r.folder) for r, h in zip((a, b), hashes, strict=True) if h is None)
        yield Problem("scenario", f"is not told by its hash in {at}", fix)
    elif hashes[0] != hashes[1]:
        names = [results.title for results in (a, b)]
        told = f"`{names[0]}` and `{names[1]}`" if names[0] != names[1] else f"`{names[0]}` twice"
        yield Problem("scenario", f"differs: {told}, with other figures or rules in it", fix)
    if _kind(a) == "replay":
        mine, theirs = (_requests(results) for results in (a, b))
        for name in {**mine, **theirs}:
            if mine.get(name) != theirs.get(name):
                what = f"is {mine.get(name)} in one and {theirs.get(name)} in the other"
                yield Problem(f"requests.{name}", what, fix)


def _scenario(results: Results) -> str | None:
    """The hash of the scenario; a plan's folder tells it in a file of its own."""
    stated = (results.meta.get("scenario") or {}).get("sha256")
    if stated is not None or results.folder is None:
        return None if stated is None else str(stated)
    path = results.folder / "plan.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["scenario"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _requests(results: Results) -> Mapping[str, Any]:
    """What decides which requests came, by name."""
    window = results.meta.get("window") or {}
    told = {"seeds": results.meta.get("seeds"), "hours": window.get("hours")}
    return {**(results.meta.get("came") or {}), **told}


# -- metrics ----------------------------------------------------------------------------------


def _metrics(results: Results, policy: str | None) -> dict[str, float]:
    """Every metric that has a value, by name."""
    if _kind(results) == "placement":
        if policy is not None:
            raise UsageError("--policy: these folders hold plans, and no replay of a policy.")
        totals = (results.meta.get("totals") or {}).get("plan") or {}
        return {name: float(v) for name, v in totals.items() if isinstance(v, int | float)}
    looked_at = policy or str(results.meta.get("policy"))
    table = results.table("replay_totals")
    own = table.filter(policy=looked_at)
    if not own.height:
        known = ", ".join(dict.fromkeys(table["policy"]))
        raise UsageError(f"--policy: {results.folder} holds no `{looked_at}`. It has {known}.")
    rows = own.select("measure", "value").iter_rows()
    metrics = {name: float(value) for name, value in rows if value is not None}
    for row in results.table("replay_latency").filter(policy=looked_at).iter_rows(named=True):
        at = f"{row['class']}.{row['service']}.{row['moment']}"
        metrics |= {f"{tail} {at}": float(row[f"{tail}_ms"]) for tail in TAILS}
    return metrics


def _limits(text: str, metrics: Mapping[str, float]) -> dict[str, WorseLimit]:
    """Limits by metric. Raises UsageError for one that is none."""
    limits: dict[str, WorseLimit] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        stated, equals, value = (piece.strip() for piece in part.partition("="))
        relative = value.endswith("%")
        try:
            amount = float(value.removesuffix("%")) / (100.0 if relative else 1.0)
        except ValueError:
            amount = math.nan
        if not equals or not 0 <= amount < math.inf:
            raise UsageError(f"--worse-than: `{part}`, wanted metric=1% or metric=5.")
        names = _named(stated, metrics)
        limits |= {name: WorseLimit(name, amount, relative) for name in names}
    return limits


def _named(stated: str, metrics: Mapping[str, float]) -> list[str]:
    """The metrics that a limit is for."""
    name = SHORT.get(stated, stated)
    name = (
        name if name in metrics else f"{name}_requests" if f"{name}_requests" in metrics else name
    )
    if name in NEUTRAL:
        raise UsageError(f"--worse-than: more {name} is neither better nor worse.")
    names = [m for m in metrics if m == name or (stated in TAILS and m.startswith(f"{stated} "))]
    if not names:
        known = [*SHORT, *TAILS, *(m for m in metrics if " " not in m and m not in NEUTRAL)]
        raise UsageError(f"--worse-than: no metric `{stated}`. There are {', '.join(known)}.")
    return names


def _row(name: str, a: float, b: float, limit: WorseLimit | None) -> dict[str, Any]:
    allowed = None if limit is None else limit.allowed(a)
    more = a - b if name in BETTER else b - a
    slack = ROUNDING * max(abs(a), abs(b))
    return {
        "metric": name, "label": MEASURES[name][0] if name in MEASURES else name.replace("_", " "),
        "a": a, "b": b, "difference": b - a, "relative": (b - a) / abs(a) if a else None,
        "limit": allowed, "worse": allowed is not None and more > allowed + slack,
    }  # fmt: skip
