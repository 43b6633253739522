"""What a replay tells: its tables, the listings of the terminal, and what its folder says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from wattlas.model.plan import Totals
from wattlas.model.table import Column, Kind, Listing, Table, columns, rows_of
from wattlas.replays.intervals import mean_and_half
from wattlas.replays.outcome import Outcome
from wattlas.studies import words
from wattlas.studies.foresight import forecast_regret, regret_listing, skill_listing
from wattlas.studies.meta import identified, totals_dict
from wattlas.studies.regret import best_by, policies_table

if TYPE_CHECKING:
    from wattlas.studies.replays import Replayed

BASELINE = "nearest"

# -- tables -----------------------------------------------------------------------------------


_NAN = float("nan")


def _nan_if_none(value: float | None) -> float:
    return _NAN if value is None else value


MEASURES: Mapping[str, tuple[str, Callable[[Outcome], float]]] = {
    "variable_usd": ("Cost that decisions change, USD", lambda o: o.totals.variable_usd),
    "energy_usd": ("Energy, USD", lambda o: o.totals.energy_usd),
    "egress_usd": ("Egress, USD", lambda o: o.totals.egress_usd),
    "on_demand_usd": ("Accelerators on demand, USD", lambda o: o.totals.on_demand_usd),
    "reserved_usd": ("Reserved accelerators, USD", lambda o: o.totals.reserved_usd),
    "carbon_kg": ("Carbon, deciding intensity, kg", lambda o: o.totals.carbon_kg),
    "carbon_average_kg": ("Carbon, average intensity, kg", lambda o: o.totals.carbon_average_kg),
    "carbon_marginal_kg": (
        "Carbon, marginal intensity, kg",
        lambda o: _nan_if_none(o.totals.carbon_marginal_kg),
    ),
    "metered_usd": ("Metered energy, USD", lambda o: o.metered.energy_usd if o.metered else _NAN),
    "movable_usd": ("of it movable, USD", lambda o: o.metered.movable_usd if o.metered else _NAN),
    "metered_kg": ("Metered carbon, kg", lambda o: o.metered.carbon_kg if o.metered else _NAN),
    "movable_kg": ("of it movable, kg", lambda o: o.metered.movable_kg if o.metered else _NAN),
    "requests": ("Requests", lambda o: o.requests),
    "served": ("Served", lambda o: o.served),
    "unserved": ("Not served", lambda o: o.unserved),
    "refused": ("Refused: larger than the KV memory", lambda o: o.refused),
    "late": ("Over budget", lambda o: o.late),
    "moved": ("Share away from the baseline region", lambda o: o.moved),
    "started": ("Replicas switched on", lambda o: o.started),
    "over_cap": ("Settled prefixes over a degradation cap", lambda o: o.over_cap),
}


def tables_of(made: Replayed) -> dict[str, Table]:
    """What the results folder holds; without a contract there is no table of caps."""
    every = {
        "replay_policies": policies_table(made.outcomes, made.against, made.refused),
        "replay_totals": _totals(made),
        "replay_latency": _stacked(made, "latency"),
        "replay_distribution": _stacked(made, "distribution"),
        "replay_caps": _stacked(made, "caps"),
        "replay_places": _stacked(made, "places"),
        "replay_forecasts": made.skill or {"signal": ()},
        "replay_forecast_regret": forecast_regret(made.outcomes) or {"policy": ()},
    }
    return {name: table for name, table in every.items() if _rows(table)}


def _totals(made: Replayed) -> Table:
    """Every measure of every policy: mean over seeds, and half the width of its interval."""
    rows: dict[str, list[Any]] = {n: [] for n in ("policy", "measure", "value", "half_width")}
    for policy, runs in made.outcomes.items():
        for name, (_, measure) in MEASURES.items():
            mean, half = mean_and_half([measure(run) for run in runs])
            for column, value in zip(rows.values(), (policy, name, mean, half), strict=True):
                column.append(value)
    return rows


def _stacked(made: Replayed, name: str) -> Table:
    """A table of the first seed of every policy, one below the other."""
    parts = [(policy, getattr(runs[0], name)) for policy, runs in made.outcomes.items()]
    names = parts[0][1].keys()
    stacked: dict[str, Any] = {
        "policy": np.concatenate([np.full(_rows(table), policy) for policy, table in parts])
    }
    for column in names:
        values = np.concatenate([np.asarray(table[column]) for _, table in parts])
        if values.dtype.kind == "M":
            values = values.astype("datetime64[ms]")
        stacked[column] = values
    return stacked


def _rows(table: Table) -> int:
    return len(next(iter(table.values())))


# -- listings ---------------------------------------------------------------------------------


def totals_listing(made: Replayed) -> Listing:
    """Every measure, policies side by side, with ± where there are several seeds."""
    table: dict[str, list[Any]] = {"measure": []}
    table |= {policy: [] for policy in made.outcomes}
    values: dict[str, dict[str, Any]] = {}
    for row in rows_of(made.named_tables()["replay_totals"]):
        values.setdefault(row["measure"], {})[row["policy"]] = row
    for name, (label, _) in MEASURES.items():
        if all(np.isnan(row["value"]) for row in values[name].values()):
            continue
        table["measure"].append(label)
        for policy, row in values[name].items():
            table[policy].append(_shown(row["value"], row["half_width"]))
    heads = (Column("measure", Kind.TEXT), *(Column(p, Kind.TEXT, head=p) for p in made.outcomes))
    return Listing("What came out", heads, table, made.notes)


def _shown(value: float, half: float) -> str:
    text = words.number(value)
    return text if np.isnan(half) else f"{text} ± {words.number(half)}"


def latency_listing(made: Replayed) -> Listing:
    """Percentiles of each class."""
    spec = (
        "policy:text class:text service:text moment:text requests:count p50_ms p95_ms p99_ms "
        "late_share:share"
    )
    table = made.named_tables()["replay_latency"]
    return Listing("How long it took", columns(spec), table)


def caps_listing(made: Replayed) -> Listing | None:
    """The degraded share of each contract's windows at the end; None without contracts."""
    table = made.named_tables().get("replay_caps")
    if table is None:
        return None
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows_of(table):
        last[row["policy"], row["cap"], row["window_utc"]] = dict(row)
    kept = list(last.values())
    spec = (
        "policy:text cap:text delivered:count granted:count degraded:count share:share "
        "share_max:share"
    )
    names = [column.name for column in columns(spec)]
    columns_ = {name: [row[name] for row in kept] for name in names}
    over = sum(run.over_cap for runs in made.outcomes.values() for run in runs)
    note = f"{over:,} settled prefixes were over their cap"
    return Listing("Degraded, against the cap", columns(spec), columns_, (note,))


def policies_listing(made: Replayed) -> Listing:
    """Policies below each other: what each comes to, and its regret with ± over seeds."""
    rows = rows_of(made.named_tables()["replay_policies"])

    def regret(row: dict[str, Any], stem: str, unit: str) -> str | None:
        value = row[f"{stem}_{unit}"]
        return None if value is None else _shown(value, row[f"{stem}_half_{unit}"])

    table: dict[str, list[Any]] = {
        "policy": [row["policy"] for row in rows],
        "cost_usd": [row["cost_usd"] for row in rows],
        "regret_usd": [regret(row, "regret_cost", "usd") for row in rows],
        "carbon_kg": [row["carbon_kg"] for row in rows],
        "regret_kg": [regret(row, "regret_carbon", "kg") for row in rows],
        "late": [row["late_share"] for row in rows],
        "unserved": [row["unserved"] for row in rows],
    }
    heads = list(columns(
        "policy:text cost_usd regret_usd:text carbon_kg regret_kg:text late:share unserved:count"
    ))  # fmt: skip
    if made.against is not None:
        for unit, stem in (("usd", "against_cost"), ("kg", "against_carbon")):
            name = f"against_{unit}"
            table[name] = [regret(row, stem, unit) for row in rows]
            head = f"over {made.against}, {unit.upper() if unit == 'usd' else unit}"
            heads.append(Column(name, Kind.TEXT, head=head))
    notes = tuple(f"{name} cannot be followed here: {why}" for name, why in made.refused.items())
    return Listing("Policies on the same requests", tuple(heads), table, (*notes, *made.notes))


def listings(made: Replayed) -> list[Listing]:
    """What the terminal shows: of several policies one table, else every measure."""
    if made.several:
        shown: list[Listing | None] = [policies_listing(made), caps_listing(made)]
    else:
        shown = [totals_listing(made), latency_listing(made), caps_listing(made)]
    tables = made.named_tables()
    if "replay_forecast_regret" in tables:
        shown.append(regret_listing(tables["replay_forecast_regret"]))
    if "replay_forecasts" in tables:
        shown.append(skill_listing(tables["replay_forecasts"]))
    return [listing for listing in shown if listing is not None]


def sentence(made: Replayed) -> str:
    """The answer in one sentence."""
    if made.several:
        return _sentence_of_several(made)
    policy, base = made[made.policy], made[BASELINE]
    came = f"{policy.requests:,} requests {made.traffic.words}"
    late = f"{policy.late / max(policy.served, 1):.2%} over budget"
    if made.policy == BASELINE:
        return f"{came} under the policy {BASELINE}: {late}."
    usd = base.totals.variable_usd - policy.totals.variable_usd
    kg = base.totals.carbon_kg - policy.totals.carbon_kg
    was_late = f"{base.late / max(base.served, 1):.2%}"
    return (
        f"Over {came}, {made.policy} saves {words.money(usd)} and {words.mass(kg)} of CO₂e against "
        f"{BASELINE}, with {late} ({BASELINE}: {was_late})."
    )


def _sentence_of_several(made: Replayed) -> str:
    """Which policy costs and which emits least, against the baseline."""
    base = made[BASELINE]
    cheapest, greenest = (best_by(made.outcomes, name) for name in ("cost_usd", "carbon_kg"))
    usd = base.totals.variable_usd - made[cheapest].totals.variable_usd
    kg = base.totals.carbon_kg - made[greenest].totals.carbon_kg
    head = f"Of {len(made.outcomes)} policies over {base.requests:,} requests {made.traffic.words}"
    return (
        f"{head}, {cheapest} costs least, {words.money(usd)} less than {BASELINE}, and {greenest} "
        f"emits least, {words.mass(kg)} of CO₂e less."
    )


def meta_of(made: Replayed) -> dict[str, Any]:
    """What the results folder says of itself."""
    from wattlas import __version__

    totals: dict[str, Totals] = {
        "plan": made[made.policy].totals,
        "baseline": made[BASELINE].totals,
    }
    return {
        "wattlas": __version__,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "page": "replay",
        **identified(made.scenario),
        "status": "optimal" if made.policy == "plan" else "heuristic",
        "policy": made.policy,
        "policies": list(made.outcomes),
        "refused": dict(made.refused),
        "requests": made.traffic.words,
        "came": made.traffic.identity,
        "seeds": len(made.outcomes[made.policy]),
        "totals": {name: totals_dict(each) for name, each in totals.items()},
        "baseline": {"policy": BASELINE, "label": "nearest"},
        "brief": {"sentence": sentence(made), "actions": [], "moves": []},
        "limits": [f"{note}." for note in made.notes],
    }
