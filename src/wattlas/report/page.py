"""What the templates of the report say outside the pictures: one mapping of names to values.

Names and texts come from the user's files; they stay plain strings, and the templates escape every
one of them. Markup is made in `report.report` alone, from scripts and data that are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wattlas.report.results import Results
from wattlas.report.vendor import vendored
from wattlas.studies import words
from wattlas.studies.brief import period
from wattlas.units import noun

_ENDED = {
    "optimal": "Optimal",
    "limit": "Stopped at a limit",
    "infeasible": "Infeasible",
    "failed": "Failed",
    "heuristic": "Heuristic",
}
_TOTALS = (
    ("variable_usd", "Variable cost", words.money),
    ("energy_usd", "Energy", words.money),
    ("egress_usd", "Egress", words.money),
    ("friction_usd", "Frictions", words.money),
    ("unserved_usd", "Demand not served", words.money),
    ("carbon_price_usd", "Carbon at its internal price", words.money),
    ("on_demand_usd", "Accelerators on demand", words.money),
    ("reserved_usd", "Reserved accelerators", words.money),
    ("cost_usd", "All cost", words.money),
    ("carbon_kg", "Carbon, deciding intensity", words.mass),
    ("carbon_average_kg", "Carbon, average intensity", words.mass),
    ("carbon_marginal_kg", "Carbon, marginal intensity", words.mass),
    ("it_mwh", "IT energy", words.energy),
    ("facility_mwh", "Facility energy", words.energy),
    ("energy_usd_per_mwh", "Energy bill, USD per MWh of IT energy", words.number),
    ("carbon_g_per_kwh", "Carbon, g per kWh of IT energy", words.number),
    ("requests", "Requests", words.count),
    ("late_requests", "Late requests", words.count),
    ("unserved_requests", "Requests not served", words.count),
    ("rtt_mean_ms", "Mean round trip, ms", words.number),
)
SOURCE_COLUMNS = ("what", "source", "licence", "period", "note")


def context(results: Results) -> dict[str, Any]:
    """Every value that header.html and footer.html name."""
    meta = results.meta
    scenario, totals = _part(meta, "scenario"), _part(meta, "totals")
    plan, baseline_totals = _part(totals, "plan"), _part(totals, "baseline")
    return {
        "meta": meta,
        "title": results.title,
        "name": scenario.get("name") or "",
        "notice": results.notice,
        "status": results.status,
        "ended": _ENDED.get(results.status, results.status),
        "solved": list(_solved(meta)),
        "conflict": meta.get("conflict"),
        "command": meta.get("command"),
        "plan": plan,
        "brief": _part(meta, "brief"),
        "asked": ", ".join(_asked(meta)),
        "baseline_totals": baseline_totals,
        "period": period(meta),
        "baseline": baseline_words(meta),
        "totals": list(_totals(plan, baseline_totals)),
        "facts": list(_facts(meta)),
        "limits": [text for text in meta.get("limits") or [] if text != results.notice],
        "source_columns": SOURCE_COLUMNS,
        "provenance": list(_provenance(meta)),
        "source_path": scenario.get("source_path"),
        "vendored": vendored(),
    }


def baseline_words(meta: Mapping[str, Any]) -> str:
    """What the plan is compared with: `nearest region`, or the nearest one with capacity."""
    return str(_part(meta, "baseline").get("label") or "nearest region")


def _asked(meta: Mapping[str, Any]) -> Iterator[str]:
    """What the verdict answers: the stretch of time, what is made least, by which intensity."""
    if meta.get("window"):
        yield _window(_part(meta, "window"))
    if meta.get("objective"):
        yield _objective(_part(meta, "objective"))
    if _part(meta, "intensity").get("deciding"):
        yield f"carbon by {_part(meta, 'intensity')['deciding']} intensity"


def _solved(meta: Mapping[str, Any]) -> Iterator[str]:
    """Solver, gap, size and time, as far as they are known."""
    if meta.get("solver"):
        yield str(meta["solver"])
    if meta.get("gap") is not None:
        yield f"gap {words.share(meta['gap']) if meta['gap'] else '0'}"
    if meta.get("programs"):
        size = _counted(meta, "program")
        if meta.get("rows") and meta.get("columns"):
            size += f" ({_counted(meta, 'row')}, {_counted(meta, 'column')})"
        yield size
    if meta.get("seconds") is not None:
        yield f"{words.number(meta['seconds'])} s"


def _counted(meta: Mapping[str, Any], thing: str) -> str:
    count = meta[f"{thing}s"]
    return f"{words.number(count)} {noun(count, thing)}"


def _totals(plan: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of the table of totals; `nothing` where both policies have none of it."""
    for key, label, say in _TOTALS:
        if plan.get(key) is not None:
            yield {
                "label": label,
                "plan": say(plan[key]),
                "baseline": say(base.get(key)),
                "nothing": not plan[key] and not base.get(key),
            }


def _facts(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What qualifies the numbers: window, sample, intensity, objective, size, network."""
    window, scenario = _part(meta, "window"), _part(meta, "scenario")
    intensity, network = _part(meta, "intensity"), _part(meta, "network")
    yield "Window", _window(window)
    if window.get("sample"):
        yield "Sample", str(window["sample"])
    kind = f" ({intensity['kind']})" if intensity.get("kind") else ""
    yield "Carbon decided by", f"{intensity.get('deciding', 'not stated')}{kind}"
    yield "Objective", _objective(_part(meta, "objective"))
    size = [
        f"{words.number(scenario[key])} {key}"
        for key in ("metros", "nodes", "regions", "zones", "classes")
        if isinstance(scenario.get(key), int | float)
    ]
    if size:
        yield "Scenario", ", ".join(size)
    modelled = network.get("modelled_share")
    if modelled is not None:
        text = f"{words.share(modelled)} of the round trips come from a distance model"
        yield "Network", text if modelled else "all round trips are measured"


def _window(window: Mapping[str, Any]) -> str:
    start, end = (str(window.get(key) or "?")[:10] for key in ("start_utc", "end_utc"))
    text = f"{start} to {end}"
    hours, total = window.get("hours"), window.get("hours_represented")
    if hours is None:
        return text
    stands = f" that stand for {words.number(total)}" if total and total != hours else ""
    return f"{text}, {words.number(hours)} h{stands}"


def _objective(objective: Mapping[str, Any]) -> str:
    text = f"least {objective.get('minimise', 'cost')}"
    price = objective.get("carbon_price_usd_per_t")
    if price:
        text += f", carbon at {words.number(price)} USD/t"
    caps = {
        "carbon_cap_t": "carbon at most {} t",
        "carbon_cap_share": "carbon at most {} of the baseline's",
        "cost_cap_usd": "cost at most {} USD",
        "cost_cap_share": "cost at most {} of the baseline's",
    }
    for key, phrase in caps.items():
        if objective.get(key) is not None:
            text += ", " + phrase.format(words.number(objective[key]))
            text += f" per {objective['window']}" if objective.get("window") != "all" else ""
    return text


def _provenance(meta: Mapping[str, Any]) -> Iterator[list[str]]:
    for row in meta.get("provenance") or []:
        yield [_days(str(row.get(key) or "")) for key in SOURCE_COLUMNS]


def _days(text: str) -> str:
    """Times at midnight as days, which is what a reader of a period wants."""
    return text.replace("T00:00:00Z", "")


def _part(meta: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = meta.get(key)
    return value if isinstance(value, Mapping) else {}
