"""What a study says of itself: the question, the totals, the headline, what is not in them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from wattlas.model.plan import Totals
from wattlas.model.scenario import Scenario
from wattlas.units import noun

DERIVED = ("cost_usd", "accelerator_usd", "variable_usd", "energy_usd_per_mwh", "carbon_g_per_kwh")
"""What follows from the fields of the totals."""


def described(scenario: Scenario) -> dict[str, Any]:
    """What a results folder says of the question: scenario, window, objective, sources."""
    i, k, r, o, t = scenario.shape
    utc = scenario.hours.utc
    return {
        "scenario": {
            "name": scenario.name,
            "title": scenario.title,
            "notice": scenario.notice,
            "source_path": scenario.source_path,
            "metros": i,
            "classes": k,
            "regions": r,
            "points": o,
            "nodes": len(scenario.nodes),
        },
        "window": {
            "start_utc": f"{utc[0]}Z",
            "end_utc": f"{utc[-1] + np.timedelta64(round(scenario.hours.step_h * 3600), 's')}Z",
            "hours": t,
            "hours_represented": float(scenario.hours.hours.sum()),
            "step_h": scenario.hours.step_h,
            "sample": sample_words(scenario),
        },
        "intensity": {
            "deciding": str(scenario.signals.deciding),
            "kind": scenario.signals.intensity_kind,
        },
        "objective": {key: _plain(v) for key, v in asdict(scenario.objective).items()},
        "classes": {k.id: k.name for k in scenario.classes},
        "provenance": [asdict(source) for source in scenario.provenance],
        "network": {"modelled_share": scenario.network.modelled_share},
    }


def identified(scenario: Scenario) -> dict[str, Any]:
    """As `described`, with the hash of everything in the scenario that decides results."""
    from wattlas.placement.streaming.fingerprint import fingerprint

    about = described(scenario)
    return {**about, "scenario": {**about["scenario"], "sha256": fingerprint(scenario)}}


def totals_dict(totals: Totals) -> dict[str, float | None]:
    """Every field of the totals and what follows from them, by name."""
    return {**asdict(totals), **{name: getattr(totals, name) for name in DERIVED}}


def headline(best: Totals, base: Totals) -> dict[str, float | None]:
    """What the plan saves against the baseline, absolute and in shares of what decisions change.

    Each share is of the baseline's cost of the same kind; None where that is not above zero, as
    where negative prices earn more than all else costs.
    """
    saved_usd, saved_kg = base.cost_usd - best.cost_usd, base.carbon_kg - best.carbon_kg
    saved_bill = base.energy_usd - best.energy_usd
    return {
        "saving_usd": saved_usd,
        "saving_share": ratio_of(saved_usd, base.variable_usd),
        "saving_share_of_all": ratio_of(saved_usd, base.cost_usd),
        "saving_energy_usd": saved_bill,
        "saving_energy_share": ratio_of(saved_bill, base.energy_usd),
        "saving_kg": saved_kg,
        "saving_carbon_share": ratio_of(saved_kg, base.carbon_kg),
    }


def ratio_of(part: float, whole: float) -> float | None:
    """part / whole; None where the whole is not above zero, so that a share of it says nothing."""
    return part / whole if whole > 0 else None


def sample_words(scenario: Scenario) -> str | None:
    """How the steps stand for more than themselves, or None where they do not."""
    hours = scenario.hours
    if (hours.weight == 1.0).all():
        return None
    days = len(np.unique(hours.utc.astype("datetime64[D]")))
    return (
        f"{days} representative {noun(days, 'day')} ({hours.count} {noun(hours.count, 'step')}) "
        f"stand{'s' * (days == 1)} for {hours.hours.sum():,.0f} hours"
    )


def limit_sentences(scenario: Scenario) -> list[str]:
    """What the numbers do not hold, in plain sentences."""
    sentences = []
    if not scenario.signals.priced:
        sentences.append(
            "Nobody stated what electricity costs: no cost and no saving of money is known, and "
            "what is told in money is left out."
        )
    if scenario.signals.marginal_g_per_kwh is None:
        sentences.append(
            "Carbon intensity is the grid's average; marginal intensity is not in the data, so "
            "moving demand may save more or less than shown."
        )
    if scenario.network.modelled_share > 0:
        sentences.append(
            f"{scenario.network.modelled_share:.0%} of round-trip times come from a distance "
            "model, not a measurement."
        )
    sentences += billing_words(scenario)
    from wattlas.placement.constraints.registry import links

    if not links(scenario):
        sentences.append("Starting capacity and moving state cost nothing here.")
    if scenario.waits:
        sentences.append(
            "Requests may wait in the plan and in the saving without each limit; nothing waits in "
            "frontiers over latency, in simpler policies and in offers to users."
        )
    sentences.append(
        "Frontiers, and the saving without each limit, leave the frictions or caps out where they "
        "say so; prices are what the signals give and nothing is added to them."
    )
    return sentences


def billing_words(scenario: Scenario) -> list[str]:
    """What the stated billing of accelerators lets decisions change, in sentences."""
    sentences = []
    if not scenario.only_on_demand.all():
        sentences.append(
            "Reserved accelerators are paid whether they are used or not, so their price decides "
            "nothing here."
        )
    prices = {r.on_demand_usd_per_gpu_h for r in scenario.regions if r.on_demand_gpu}
    if len(prices) == 1 and scenario.only_on_demand.all():
        sentences.append(
            f"Every accelerator is on demand at {prices.pop():g} USD/GPU-h, so its price decides "
            "between operating points but not between regions."
        )
    return sentences


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
