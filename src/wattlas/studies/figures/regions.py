"""Where does it run, and what is paid there? The regions by the energy of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing
from wattlas.studies.registry import figure, listing, table

if TYPE_CHECKING:
    import numpy as np

    from wattlas.model.table import Table
    from wattlas.studies.findings import Findings
    from wattlas.studies.study import Study

LEAST_NAMED = 0.005
"""Part of a region's requests below which a model is counted and not named."""
MODELS_NAMED = 2
"""Models of a region that are named with their share; the rest is counted."""


@table(
    "regions",
    "region:text baseline_share plan_share it_mwh utilisation? models:text? "
    "paid_usd_per_mwh? price_usd_per_mwh? deciding_g_per_kwh? carbon_kg "
    "capacity_price_usd_per_gpu_h? capacity_price_kg_per_gpu_h?",
)
def regions(findings: Findings) -> Table:
    """Regions, most energy first; prices and intensities are means over the window's hours.

    `utilisation` is of the accelerators whose number is known, `paid_usd_per_mwh` the plan's energy
    bill over its facility energy, `models` the model variants by their share of the requests.
    """
    import numpy as np

    ids = [r.id for r in findings.scenario.regions]
    hourly, flows = findings.hourly, findings.flow_sums

    def by_region(name: str) -> np.ndarray:
        return np.asarray(hourly[name], dtype=float).reshape(-1, len(ids))

    hours = by_region("hours_represented")
    busy, capacity = ((by_region(name) * hours).sum(axis=0) for name in ("gpu", "capacity_gpu"))
    known = np.isfinite(capacity) & (capacity > 0)
    sums = {name: _sums(ids, flows, name) for name in ("facility_mwh", "energy_usd", "carbon_kg")}
    plan_mwh = (by_region("it_mw") * hours).sum(axis=0)

    def mean(name: str) -> np.ndarray:
        return np.asarray((by_region(name) * hours).sum(axis=0) / hours[:, 0].sum())

    values = {
        "region": np.array(ids),
        "baseline_share": _parts((by_region("baseline_it_mw") * hours).sum(axis=0)),
        "plan_share": _parts(plan_mwh),
        "it_mwh": plan_mwh,
        "utilisation": _ratio(busy, np.where(known, capacity, 0.0)),
        "models": np.array(_models(findings, ids)),
        "paid_usd_per_mwh": _ratio(sums["energy_usd"], sums["facility_mwh"]),
        "price_usd_per_mwh": mean("price_usd_per_mwh"),
        "deciding_g_per_kwh": mean("deciding_g_per_kwh"),
        "carbon_kg": sums["carbon_kg"],
        "capacity_price_usd_per_gpu_h": mean("capacity_price_usd_per_gpu_h"),
        "capacity_price_kg_per_gpu_h": mean("capacity_price_kg_per_gpu_h"),
    }
    order = np.argsort(-plan_mwh, kind="stable")
    return {name: column[order] for name, column in values.items()}


def _models(findings: Findings, ids: list[str]) -> list[str]:
    """`large 62%, small 38%` of the requests of each region; empty where none runs."""
    flows, variant = findings.flow_sums, {p.id: p.variant for p in findings.scenario.points}
    sums: dict[str, dict[str, float]] = {region: {} for region in ids}
    columns = (flows["region"], flows["point"], flows["requests"])
    for region, point, requests in zip(*columns, strict=True):
        if region in sums:
            model = variant[str(point)]
            sums[region][model] = sums[region].get(model, 0.0) + float(requests)
    texts = []
    for mix in sums.values():
        ranked = sorted(mix.items(), key=lambda item: -item[1])
        total = sum(mix.values())
        large = [(model, part) for model, part in ranked if part >= LEAST_NAMED * total]
        named = [f"{model} {part / total:.0%}" for model, part in large[:MODELS_NAMED]]
        more = len(ranked) - len(named)
        texts.append(", ".join(named) + (f", {more} more" if more > 0 else ""))
    return texts


def _sums(ids: list[str], flows: Table, name: str) -> np.ndarray:
    """A column of flows by region, (R,)."""
    import numpy as np

    of_region = {region: n for n, region in enumerate([*ids, "unserved"])}
    at = np.array([of_region[str(region)] for region in flows["region"]], dtype=np.int64)
    return np.bincount(at, np.asarray(flows[name], dtype=float), len(of_region))[: len(ids)]


def _parts(values: np.ndarray) -> np.ndarray:
    return values / max(float(values.sum()), 1e-300)


def _ratio(top: np.ndarray, below: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(np.divide(top, below, out=np.full(len(top), np.nan), where=below > 0))


figure(
    __file__,
    order=8,
    question="Where does it run, and what is paid there?",
    needs=("regions",),
    missing="The regions were not added up",
)


@listing(order=20)
def where(study: Study) -> Listing:
    """Regions by the energy that the plan runs there; means over the window."""
    values: dict[str, Any] = dict(study.tables["regions"])
    by_carbon = (study.meta.get("objective") or {}).get("minimise") == "carbon"
    unit, name = ("kg", "kg") if by_carbon else ("USD", "usd")
    return Listing(
        "Where inference runs (share of IT energy)",
        (
            Column("region", Kind.TEXT),
            Column("baseline_share", Kind.SHARE, head="baseline"),
            Column("plan_share", Kind.SHARE, head="plan"),
            Column("utilisation", Kind.SHARE),
            Column("paid_usd_per_mwh", head="USD/MWh paid"),
            Column("deciding_g_per_kwh", head="g/kWh"),
            Column("carbon_kg", head="carbon, kg", wide=True),
            Column(f"capacity_price_{name}_per_gpu_h", head=f"one more GPU-h, {unit}"),
            Column("models", Kind.TEXT, wide=True),
        ),
        values,
    )
