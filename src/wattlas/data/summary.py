"""What a scenario is, in figures that a reader can judge."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.data.scenario_file import Loaded
from wattlas.data.series import stamp
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Signals


def scenario_facts(loaded: Loaded) -> dict[str, Any]:
    """The facts of a scenario, as plain values with units in their names."""
    s = loaded.scenario
    return {
        "name": s.name,
        "title": s.title,
        "notice": s.notice,
        "metros": len(s.metros),
        "nodes": len(s.nodes),
        "regions": len(s.regions),
        "zones": len(s.signals.zones),
        "points": len(s.points),
        "window": window_facts(loaded),
        "intensity": {"deciding": str(s.signals.deciding), "kind": s.signals.intensity_kind},
        "price_usd_per_mwh": spread(s.signals.price_usd_per_mwh) if s.signals.priced else None,
        "average_g_per_kwh": spread(s.signals.average_g_per_kwh),
        "demand": demand_facts(s),
        "capacity": capacity_facts(s),
        "network": {"modelled_share": s.network.modelled_share},
        "objective": {"minimise": str(s.objective.minimise), **_set_fields(s)},
        "scenarios": list(loaded.scenarios),
        "provenance": [
            {"what": p.what, "source": p.source, "licence": p.licence} for p in s.provenance
        ],
    }


def _set_fields(s: Scenario) -> dict[str, Any]:
    names = ("carbon_price_usd_per_t", "carbon_cap_t", "carbon_cap_share", "cost_cap_usd")
    values = {n: getattr(s.objective, n) for n in (*names, "cost_cap_share")}
    return {name: value for name, value in values.items() if value}


def window_facts(loaded: Loaded) -> dict[str, Any]:
    """The hours that are studied and those that they stand for; how true a sample is to them."""
    s = loaded.scenario
    facts: dict[str, Any] = {
        "start_utc": stamp(s.hours.utc[0]),
        "hours": s.hours.count * s.hours.step_h,
        "steps": s.hours.count,
        "hours_represented": float(s.hours.hours.sum()),
        "step_h": s.hours.step_h,
    }
    if loaded.arrays.every_hour.price_usd_per_mwh.shape[1] != s.hours.count:
        facts["sample"] = sample_means(loaded.arrays.every_hour, s)
    return facts


def sample_means(every_hour: Signals, s: Scenario) -> dict[str, float]:
    """Mean price and intensity over zones and hours: of the sample, and of every hour."""
    weight = s.hours.weight / s.hours.weight.sum()
    return {
        "price_usd_per_mwh": float((s.signals.price_usd_per_mwh @ weight).mean()),
        "every_hour_price_usd_per_mwh": float(every_hour.price_usd_per_mwh.mean()),
        "average_g_per_kwh": float((s.signals.average_g_per_kwh @ weight).mean()),
        "every_hour_average_g_per_kwh": float(every_hour.average_g_per_kwh.mean()),
    }


def spread(values: np.ndarray) -> dict[str, float]:
    """Least, mean and most of a signal over zones and hours."""
    return {"min": float(values.min()), "mean": float(values.mean()), "max": float(values.max())}


def demand_facts(s: Scenario) -> dict[str, Any]:
    """Requests in all and by class, and the budget of each class."""
    by_class = (s.demand_per_h.sum(axis=0) * s.hours.hours).sum(axis=1)
    return {
        "requests": float(by_class.sum()),
        "classes": [
            {
                "class": k.id,
                "name": k.name,
                "requests": float(requests),
                "latency_budget_ms": k.latency_budget_ms,
                "state": str(k.state),
                "tokens_in": k.tokens_in,
                "tokens_out": k.tokens_out,
            }
            for k, requests in zip(s.classes, by_class, strict=True)
        ],
    }


def capacity_facts(s: Scenario) -> dict[str, Any]:
    """Accelerators against the peak of what the demand needs at points that need the fewest."""
    need = np.zeros(s.hours.count)
    for k, klass in enumerate(s.classes):
        able = [
            p
            for p in s.points
            if klass.accuracy(p) >= klass.accuracy_min
            and (klass.points is None or p.id in klass.points)
        ]
        least = min((klass.gpu_h(p) for p in able), default=0.0)
        need += s.demand_per_h[:, k].sum(axis=0) * least
    most = s.most_gpu
    total = most.sum(axis=0)
    free = bool(np.isinf(most).all())
    return {
        "free": free,
        "gpu": None if not np.isfinite(total).all() else float(total.mean()),
        "peak_need_gpu": float(need.max()),
        "regions_with_limit": int(np.isfinite(most).all(axis=1).sum()),
    }


def facts_text(facts: dict[str, Any]) -> str:
    """The summary for people."""
    w, d, c = facts["window"], facts["demand"], facts["capacity"]
    lines = [f"{facts['name']}: {facts['title']}".rstrip(": ")]
    if facts["notice"]:
        lines.append(facts["notice"])
    lines += [
        "",
        f"{'places':10} {facts['metros']} metros, {facts['nodes']} service nodes, "
        f"{facts['regions']} regions on {facts['zones']} grid zones, "
        f"{facts['points']} operating points",
        f"{'hours':10} {w['hours']:,.10g} from {w['start_utc']}"
        + ("" if w["step_h"] == 1 else f", in {w['steps']:,} steps of {w['step_h'] * 60:g} min")
        + (f", for {w['hours_represented']:,.0f}" if "sample" in w else ""),
    ]
    lines += _sample_words(w)
    lines += [
        _price_words(facts["price_usd_per_mwh"]),
        _signal_words("carbon", facts["average_g_per_kwh"], "gCO2e/kWh")
        + f", {facts['intensity']['kind']}; decided by {facts['intensity']['deciding']}",
        f"{'network':10} {facts['network']['modelled_share']:.0%} of round trips from a "
        "distance model, the rest measured",
        f"{'capacity':10} "
        + (
            "free"
            if c["free"]
            else f"{c['gpu']:,.0f} accelerators"
            if c["gpu"] is not None
            else f"{c['regions_with_limit']} of {facts['regions']} regions have a limit"
        )
        + f"; the peak needs at least {c['peak_need_gpu']:,.0f}",
        f"{'demand':10} {d['requests']:,.0f} requests",
    ]
    for k in d["classes"]:
        share = k["requests"] / d["requests"] if d["requests"] else 0.0
        lines.append(
            f"{'':10} {k['class']} {k['name'] or '':18} {share:4.0%}  "
            f"within {k['latency_budget_ms']:,.0f} ms, {k['state']}" + _token_words(k)
        )
    objective = ", ".join(f"{n} {v}" for n, v in facts["objective"].items())
    lines.append(f"{'objective':10} {objective}")
    if facts["scenarios"]:
        lines.append(f"{'scenarios':10} {', '.join(facts['scenarios'])}")
    return "\n".join(lines)


def _sample_words(w: dict[str, Any]) -> list[str]:
    if "sample" not in w:
        return []
    m = w["sample"]
    price = f"{m['price_usd_per_mwh']:.1f} for {m['every_hour_price_usd_per_mwh']:.1f} USD/MWh"
    price = "" if np.isnan(m["price_usd_per_mwh"]) else f"price {price}, "
    return [
        f"{'':10} representative days: mean {price}carbon "
        f"{m['average_g_per_kwh']:.0f} for {m['every_hour_average_g_per_kwh']:.0f} g/kWh"
    ]


def _token_words(k: dict[str, Any]) -> str:
    """Tokens of a request; nothing where its points have figures per request alone."""
    if not k["tokens_in"] and not k["tokens_out"]:
        return ""
    return f", {k['tokens_in']:,.0f} tokens in, {k['tokens_out']:,.0f} out"


def _price_words(spread_: dict[str, float] | None) -> str:
    if spread_ is None:
        return f"{'price':10} not stated: no cost of electricity is in the results"
    return _signal_words("price", spread_, "USD/MWh")


def _signal_words(name: str, s: dict[str, float], unit: str) -> str:
    return f"{name:10} {s['min']:,.0f} to {s['max']:,.0f}, mean {s['mean']:,.0f} {unit}"
