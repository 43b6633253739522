"""What came out of a replay: what it cost and emitted, how long it took, what it kept.

Two accounts stand beside each other. The one of requests is the plan's own: joules per token times
tokens. The metered one is ∫P(n) dt over all replicas that were on, and knows what they draw with
nothing to do; where no power curve was given it is absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wattlas.model.plan import Totals
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables
from wattlas.model.table import Table
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.placement.problem.baseline_region import baseline_of
from wattlas.replays.kernel import state as S
from wattlas.units import J_PER_KWH, KG_PER_T, KWH_PER_MWH

if TYPE_CHECKING:
    from wattlas.replays.run import Replay

QUANTILES = (0.5, 0.95, 0.99)
MOMENTS = ("first token", "full answer")


@dataclass(frozen=True)
class Metered:
    """∫P(n) dt over a replay, at the meter: all of it, and the part that idle replicas would have
    drawn anyway. Movable is the rest: what follows the requests.
    """

    facility_mwh: float
    idle_mwh: float
    energy_usd: float
    idle_usd: float
    carbon_kg: float
    idle_kg: float

    @property
    def movable_usd(self) -> float:
        """Energy bill without what idling costs."""
        return self.energy_usd - self.idle_usd

    @property
    def movable_kg(self) -> float:
        """Emissions without those of idling."""
        return self.carbon_kg - self.idle_kg


@dataclass(frozen=True)
class Outcome(Tables):
    """A finished replay. `totals` are those that a plan has, of the requests that came; money and
    carbon of requests by their tokens. `metered` is None without power curves.

    `requests` = `served` + `unserved` + `refused`: every request once.
    """

    scenario: Scenario
    policy: str
    steps: int
    requests: int
    served: int
    unserved: int
    refused: int
    """Larger than the KV memory of every replica at its place."""
    late: int
    """Served over budget."""
    moved: float
    """Share of the served requests that ran away from their baseline region, 0..1."""
    started: int
    """Replicas that were switched on after the first step."""
    over_cap: int
    """Settled prefixes in which a contract's degraded share was above its cap: never."""
    totals: Totals
    metered: Metered | None
    latency: Table
    """Per class, full or degraded, and moment: requests, p50, p95, p99 in ms, share late."""
    distribution: Table
    """Per class and moment: `share` of the requests that took at most `latency_ms`."""
    caps: Table
    """Per step, cap and window: delivered, granted, degraded, `share` and `share_max`."""
    places: Table
    """Per step, class, region, point and service: requests, tokens in and out."""
    notes: tuple[str, ...] = ()

    def named_tables(self) -> dict[str, Table]:
        """Its tables by name."""
        return {name: getattr(self, name) for name in ("latency", "distribution", "caps", "places")}

    def quantile_ms(self, klass: str, moment: str, service: str = "full") -> dict[str, float]:
        """p50, p95 and p99 of a class, ms. KeyError where no request of it was served so."""
        table = self.latency
        for n in range(len(table["class"])):
            key = (table["class"][n], table["moment"][n], table["service"][n])
            if key == (klass, moment, service):
                return {f"p{100 * q:.0f}": float(table[f"p{100 * q:.0f}_ms"][n]) for q in QUANTILES}
        raise KeyError((klass, moment, service))


def outcome_of(run: Replay, policy: str) -> Outcome:
    """What a replay that has ended comes to."""
    s = run.scenario
    columns = run.tally.columns()
    gone = columns["region"] == len(s.regions)
    served = int(run.sums.served[:, :, S.SERVED].sum())
    late = int(run.sums.served[:, :, S.LATE].sum())
    unserved = int(columns["requests"][gone].sum())
    totals = replace(run.tally.totals(), late_requests=float(late))
    return Outcome(
        scenario=s,
        policy=policy,
        steps=run.steps,
        requests=run.came,
        served=served,
        unserved=unserved,
        refused=run.refused,
        late=late,
        moved=_moved(s, columns),
        started=run.replicas.started,
        over_cap=int(run.sums.counts[:, S.OVER].sum()),
        totals=replace(totals, reserved_usd=float(s.reserved_usd[: run.steps].sum())),
        metered=_metered(run),
        latency=_latency(s, run.sums.bins, run.sums.served),
        distribution=_distribution(s, run.sums.bins),
        caps=_caps(run),
        places=_places(s, columns),
        notes=(*run.stream.notes(), *_told(run)),
    )


def _told(run: Replay) -> Iterator[str]:
    if run.crowded > 0:
        yield (
            f"Whole replicas of every point took up to {run.crowded:.3g} accelerators more than a "
            "region has: replay a larger share of the world"
        )


def _moved(s: Scenario, columns: dict[str, np.ndarray]) -> float:
    from wattlas.placement.problem.feasibility import feasibility

    home = baseline_of(s, feasibility(s)).region.ravel()
    # Columns of no request at all are empty, and of numbers that are no indices.
    source, region = (columns[name].astype(np.int64) for name in ("source", "region"))
    on = region < len(s.regions)
    site = np.append(s.site, -1)  # where nothing runs, and the baseline region of none
    ran = np.minimum(region, len(s.regions))
    away = on & (site[ran] != site[home[source]])
    return float(columns["requests"][away].sum() / max(columns["requests"][on].sum(), 1.0))


def _metered(run: Replay) -> Metered | None:
    """Energy by region and step times PUE, price and intensity; None where nobody gave power."""
    s = run.scenario
    if not run.replicas.pools.power_w.any():
        return None
    meter = np.array(run.meter).reshape(run.steps, 2, s.shape[2], s.shape[3]).sum(axis=3)
    kwh = meter.transpose(1, 2, 0) / J_PER_KWH
    hours = slice(0, run.steps)
    pue = s.pue[:, None]
    usd = energy_usd_per_kwh(pue, s.price_usd_per_mwh[:, hours])
    tonnes = carbon_t_per_kwh(pue, s.deciding_g_per_kwh[:, hours])
    values = []
    for weight in (pue / KWH_PER_MWH, usd, tonnes * KG_PER_T):
        values += [float((kwh[part] * weight).sum()) for part in (0, 1)]
    return Metered(*values)


def edges_ms() -> np.ndarray:
    """Upper edges of the bins of latencies, ms, (BINS,): 1 % apart."""
    return np.asarray(S.SHORTEST_S * 1e3 * np.exp(np.arange(S.BINS) / S.BINS_PER_E))


def quantiles_ms(bins: np.ndarray, quantiles: tuple[float, ...] = QUANTILES) -> list[float]:
    """Quantiles of a histogram, in the middle of a bin: within half a percent."""
    cumulative = np.cumsum(bins)
    if not cumulative[-1]:
        return [float("nan")] * len(quantiles)
    at = np.searchsorted(cumulative, np.array(quantiles) * cumulative[-1], side="left")
    return list(edges_ms()[at] * np.exp(-0.5 / S.BINS_PER_E))


def _latency(s: Scenario, bins: np.ndarray, served: np.ndarray) -> Table:
    rows: dict[str, list[object]] = {
        n: [] for n in ("class", "service", "moment", "requests", "p50_ms", "p95_ms", "p99_ms",
                        "late_share")
    }  # fmt: skip
    for k, klass in enumerate(s.classes):
        for low, service in enumerate(("full", "degraded")):
            count, late = (int(n) for n in served[k, low])
            for n, moment in enumerate(MOMENTS):
                if count:
                    marks = quantiles_ms(bins[k, low, n])
                    values = (klass.id, service, moment, count, *marks, late / count)
                    for column, value in zip(rows.values(), values, strict=True):
                        column.append(value)
    return rows


def _distribution(s: Scenario, bins: np.ndarray) -> Table:
    """Where the cumulative share rises, per class and moment, full and degraded together."""
    rows: dict[str, list[np.ndarray]] = {n: [] for n in ("class", "moment", "latency_ms", "share")}
    for k, klass in enumerate(s.classes):
        for n, moment in enumerate(MOMENTS):
            counts = bins[k, :, n].sum(axis=0)
            on = np.flatnonzero(counts)
            if len(on):
                share = np.cumsum(counts)[on] / counts.sum()
                columns = (
                    np.full(len(on), klass.id),
                    np.full(len(on), moment),
                    edges_ms()[on],
                    share,
                )
                for column, value in zip(rows.values(), columns, strict=True):
                    column.append(value)
    return {n: np.concatenate(v) if v else np.zeros(0) for n, v in rows.items()}


def _caps(run: Replay) -> Table:
    """The counts at the end of each step, of the window that the step lies in."""
    s, ledgers = run.scenario, run.ledgers
    rows: dict[str, list[object]] = {
        n: [] for n in ("time_utc", "cap", "window_utc", "delivered", "granted", "degraded",
                        "share", "share_max")
    }  # fmt: skip
    ends = s.hours.utc + np.timedelta64(round(s.hours.step_h * 3600), "s")
    for hour, counts in enumerate(run.caps):
        for row in np.unique(ledgers.at[:, hour]):
            if row < 0:
                continue
            cap = s.share_caps[ledgers.cap[row]]
            delivered, granted, low = (int(counts[row, n]) for n in (S.DELIVERED, S.GRANTED, S.LOW))
            values = (ends[hour], cap.id, ledgers.begin[row], delivered, granted, low,
                      low / delivered if delivered else 0.0, cap.share_max)  # fmt: skip
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)
    return {name: np.array(column) for name, column in rows.items()}


def _places(s: Scenario, columns: dict[str, np.ndarray]) -> Table:
    """Requests by step, class, region, point and service; metros are added up."""
    k, r, o = s.shape[1:4]
    names = ("hour", "source", "degraded", "region", "point")
    hour, source, low, region, point = (columns[n].astype(np.int64) for n in names)
    key = (((hour * k + source % k) * (r + 1) + region) * o + point) * 2 + low
    unique, inverse = np.unique(key, return_inverse=True)
    sums = [np.bincount(inverse, columns[n], len(unique)) for n in
            ("requests", "tokens_in", "tokens_out")]  # fmt: skip
    rest, low = np.divmod(unique, 2)
    rest, point = np.divmod(rest, o)
    rest, region = np.divmod(rest, r + 1)
    hour, klass = np.divmod(rest, k)
    regions = np.array([*(x.id for x in s.regions), "unserved"])
    return {
        "time_utc": s.hours.utc[hour],
        "class": np.array([c.id for c in s.classes])[klass],
        "region": regions[region],
        "point": np.array([x.id for x in s.points])[point],
        "service": np.where(low == 1, "degraded", "full"),
        "requests": sums[0],
        "tokens_in": sums[1],
        "tokens_out": sums[2],
    }
