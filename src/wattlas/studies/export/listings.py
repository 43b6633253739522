"""What an export says: the shares, what they keep of the saving, what to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wattlas.model.table import Column, Kind, Listing, Table, rows_of, table_of
from wattlas.studies.export.rounding import TOTAL, worst_rounding
from wattlas.studies.labels import POLICY_LABELS
from wattlas.studies.meta import totals_dict
from wattlas.units import KG_PER_T

if TYPE_CHECKING:
    from wattlas.studies.export.weights import Rule, Weights

MOST_RULES = 16
"""Rules that the listing shows one by one."""

EXACT = 1e-12
"""A difference below this is none."""


def weights_table(weights: Weights, node: str | None = None) -> Table:
    """One row per share above 0: of which class, node and metro, to which region and point.

    By hour there is a column `utc_hour`, 0..23, in which a step begins.
    """
    rows = [
        {
            **({"utc_hour": hour} if weights.by_hour else {}),
            "class": rule.klass, "node": rule.node, "metro": metro,
            "region": region, "point": point, "share": float(share),
        }
        for rule in weights.at(node)
        for hour in range(weights.hours)
        for metro in rule.metros
        for (region, point), share in zip(rule.places, rule.share[hour], strict=True)
        if share > 0
    ]  # fmt: skip
    names = ["class", "node", "metro", "region", "point", "share"]
    return table_of(rows, ["utc_hour", *names] if weights.by_hour else names)


def weights_mapping(weights: Weights, node: str | None = None) -> dict[str, Any]:
    """The weights for JSON: what they are, what they keep, every share."""
    return {
        "policy": weights.policy,
        "by": weights.kind,
        "hours_utc": list(range(weights.hours)) if weights.by_hour else None,
        "share_of_saving": weights.kept,
        "totals": {
            name: totals_dict(getattr(weights, f"{name}_totals"))
            for name in ("baseline", "table", "plan")
        },
        "rounding": {"total": TOTAL, "worst": worst_rounding(weights.at(node))},
        "notice": weights.scenario.notice,
        "notes": [*sentences(weights)],
        "weights": rows_of(weights_table(weights, node)),
    }


def weights_listing(weights: Weights, node: str | None = None) -> Listing:
    """Where each class goes, from where; by hour the mean share, and its least and most.

    Many rules are told by class alone, each in proportion to its requests.
    """
    rules = weights.at(node)
    few = len(rules) <= MOST_RULES
    rows = [row for rule in rules for row in _rows(rule)] if few else _by_class(rules)
    shown = {"class": "class", "from": "metros", "region": "region", "point": "point"}
    if not few:
        del shown["from"]
    shares = ("share", "least", "most") if weights.by_hour and few else ("share",)
    more = f"Of {len(rules)} tables, in proportion to their requests; --out FILE.csv has each."
    return Listing(
        "Shares, mean over the hours of the day" if weights.by_hour else "Shares",
        (
            *(Column(name, Kind.TEXT, head=head) for head, name in shown.items()),
            *(Column(name, Kind.SHARE) for name in shares),
        ),
        table_of(rows, (*shown.values(), *shares)),
        notes=() if few else (more,),
    )


def _rows(rule: Rule) -> Iterator[dict[str, Any]]:
    """One row per place of a rule."""
    for (region, point), share in zip(rule.places, rule.share.T, strict=True):
        yield {
            "class": rule.klass,
            "metros": _metros(rule),
            "region": region,
            "point": point,
            "share": float(share.mean()),
            "least": float(share.min()),
            "most": float(share.max()),
        }


def _by_class(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """One row per class and place, those of most requests first."""
    requests: dict[str, dict[tuple[str, str], float]] = {}
    for rule in rules:
        own = requests.setdefault(rule.klass, {})
        for place, share in zip(rule.places, rule.share.mean(axis=0), strict=True):
            own[place] = own.get(place, 0.0) + rule.requests * float(share)
    return [
        {"class": klass, "region": region, "point": point, "share": number / sum(own.values())}
        for klass, own in requests.items()
        for (region, point), number in sorted(own.items(), key=lambda item: -item[1])
    ]


def _metros(rule: Rule) -> str:
    first, *others = rule.metros
    return f"{first} and {len(others)} more" if others else first


def sentences(weights: Weights) -> list[str]:
    """What the table keeps of the saving, what rounding costs, and the notes."""
    worst = worst_rounding(weights.rules)
    near = f"within {worst:.1g} of their shares" if worst > EXACT else "exactly their shares"
    rounded = f"Weights are whole numbers out of {TOTAL:,}, {near}."
    return [kept_words(weights), rounded, *(f"{note}." for note in weights.notes)]


def kept_words(weights: Weights) -> str:
    """What the table keeps of what a plan by the hour saves."""
    label = POLICY_LABELS[weights.policy]
    label = label[0].upper() + label[1:]
    if weights.kept is None:
        return f"{label}: no share of a saving is stated, because {_why_not(weights)}."
    base, table, best = (getattr(weights, f"{n}_totals") for n in ("baseline", "table", "plan"))
    if weights.kind == "carbon":
        kept, whole = ((base.carbon_kg - t.carbon_kg) / KG_PER_T for t in (table, best))
        unit = "t CO2e"
    else:
        kept, whole = (base.variable_usd - t.variable_usd for t in (table, best))
        unit = "USD"
    return (
        f"{label}, keeps {weights.kept:.1%} of the saving of a plan by the hour: "
        f"{_amount(kept)} of {_amount(whole)} {unit}."
    )


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _why_not(weights: Weights) -> str:
    if weights.kind == "cost" and str(weights.scenario.objective.minimise) != "cost":
        return "the plan is made for carbon"
    if weights.table_totals.unserved_requests > weights.plan_totals.unserved_requests:
        return "the table serves less than the plan"
    return "the plan saves nothing"
