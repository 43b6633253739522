"""The answer in brief: one sentence with the verdict, and the largest changes as what to do.

Both are made here, from the meta data and the tables of a study; the terminal prints them and the
report shows them. Every number says of what kind it is, and a minus sign before money or carbon
means less of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from math import isnan
from typing import Any

from wattlas.model.shown import sentences_html
from wattlas.model.table import Table, rows_of
from wattlas.studies import words
from wattlas.studies.fleet_brief import fleet_brief
from wattlas.studies.labels import class_label

ACTIONS = 3
NOTHING = 1e-6
"""Part of a total below which a difference is told as none."""
A_YEAR_H = 8760

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Brief:
    """One sentence, and at most `ACTIONS` imperative ones with the rows of `changes` they tell."""

    sentence: str
    actions: tuple[str, ...]
    moves: tuple[dict[str, str], ...]
    """Class, from and to of each action, for who draws them."""
    fleet: str = ""
    """The fleet in one sentence; empty where there is none to ask for."""
    fleet_assumes: str = ""
    """What that counts on, and the answer without it."""
    fleet_first: bool = False
    """Whether the fleet saves more money than the routing."""


def brief(meta: Mapping[str, Any], tables: Mapping[str, Table]) -> Brief:
    """The answer of a study, from its meta data and the tables changes, flows and places."""
    rows: list[Row] = list(rows_of(tables.get("changes", {})))
    quantity = _ranked_by(meta)
    largest = sorted(rows, key=lambda row: -row[quantity])[:ACTIONS]
    chosen = [row for row in largest if row[quantity] > _least(meta, quantity)]
    say = _Speaker(meta, tables)
    fleet = fleet_brief(meta, period(meta))
    routed = meta["headline"]["saving_usd"]
    return Brief(
        _sentence(meta, rows, say),
        tuple(say.action(row) for row in chosen),
        tuple({key: row[key] for key in ("class", "from_region", "to_region")} for row in chosen),
        fleet.sentence,
        fleet.assumes,
        fleet.saving_usd > (routed if routed == routed else 0.0),
    )


def period(meta: Mapping[str, Any]) -> str:
    """`a year`, or `in 168 h`: what the sums are sums over."""
    hours = (meta.get("window") or {}).get("hours_represented") or 0
    return "a year" if abs(hours - A_YEAR_H) <= 24 else f"in {words.number(hours)} h"


def _by_carbon(meta: Mapping[str, Any]) -> bool:
    return (meta.get("objective") or {}).get("minimise") == "carbon"


def _ranked_by(meta: Mapping[str, Any]) -> str:
    """What the largest change is the largest in: what is made least, or what alone is saved."""
    saved = meta["headline"]
    only_carbon = saved["saving_usd"] <= 0 < saved["saving_kg"]
    return "saving_kg" if _by_carbon(meta) or only_carbon else "saving_usd"


def _least(meta: Mapping[str, Any], quantity: str) -> float:
    total = "carbon_kg" if quantity == "saving_kg" else "cost_usd"
    return NOTHING * abs(float(meta["totals"]["baseline"][total]))


# -- the sentence -----------------------------------------------------------------------------


def _sentence(meta: Mapping[str, Any], rows: list[Row], say: _Speaker) -> str:
    saved = meta["headline"]
    money = _part(meta, "cost_usd", saved["saving_usd"], words.money, "cost")
    carbon = _part(meta, "carbon_kg", saved["saving_kg"], words.mass, "carbon")
    parts = [carbon, money] if _by_carbon(meta) else [money, carbon]
    stated = [part for part in parts if part]
    least = "carbon" if _by_carbon(meta) else "cost"
    saves = "no carbon" if isnan(saved["saving_usd"]) else "neither cost nor carbon"
    baseline = meta["baseline"]["label"]
    if not stated:
        return (
            f"Change nothing: the plan saves {saves} {period(meta)}; the baseline, "
            f"{baseline}, already has the least {least} that the limits allow."
        )
    moved = say.moved(rows)
    whole = f"{moved}: {' and '.join(stated)} {period(meta)}, against the {baseline}"
    return f"{whole}{_unserved(meta)}{_fixed_table(saved)}."


def _part(
    meta: Mapping[str, Any], total: str, saving: float, say: Callable[[float], str], what: str
) -> str:
    """`−USD 1.2 M (4.3 % of all cost)`; empty for a difference that is none, or not known."""
    before, after = (float(meta["totals"][name][total]) for name in ("baseline", "plan"))
    if isnan(saving) or abs(saving) <= NOTHING * max(abs(before), abs(after)):
        return ""
    unit = "" if what == "cost" else " of CO₂e"
    return f"{signed(saving, say)}{unit}{_share_words(saving, before, what)}"


def signed(saving: float, say: Callable[[float], str]) -> str:
    """A saving with the sign of the change: less of it is −, more of it +."""
    return f"{'−' if saving >= 0 else '+'}{say(abs(saving))}"


def _share_words(saving: float, before: float, what: str) -> str:
    """The share of the baseline's total, in words where a percentage would mislead."""
    if before <= 0:
        return f" (no share, as the baseline's {what} is not above zero)"
    share = saving / before
    if share > 1:
        return f" (more than all {what}, as the plan's is below zero)"
    if share < -1:
        return f" ({words.number(1 - share)} times the baseline's {what})"
    return f" ({words.share(abs(share))} of all {what})"


def _unserved(meta: Mapping[str, Any]) -> str:
    """What the plan serves that the baseline does not, or the other way round."""
    base, plan = (float(meta["totals"][n]["unserved_requests"]) for n in ("baseline", "plan"))
    requests = max(float(meta["totals"]["plan"]["requests"]) + plan, 1e-300)
    if abs(base - plan) <= NOTHING * requests:
        return ""
    part = words.share(abs(base - plan) / requests)
    if base > plan:
        return f"; it serves a further {part} of the requests"
    return f"; it leaves a further {part} of the requests unserved"


def _fixed_table(saved: Mapping[str, Any]) -> str:
    """What one fixed table of shares keeps of the saving, in tenths; nothing while unknown."""
    share = saved.get("static_share_of_saving")
    if share is None or share != share:
        return ""
    if share > 0.995:
        tenths_kept = "all"
    elif share <= 0.05:
        tenths_kept = "none" if share <= 0 else "less than a tenth"
    else:
        tenths = min(round(share * 10), 9)
        tenths_kept = f"{tenths} tenth{'s' if tenths > 1 else ''}"
    return f"; one fixed table keeps {tenths_kept} of it"


# -- the actions ------------------------------------------------------------------------------


class _Speaker:
    """Says rows of `changes` with the names of regions and classes."""

    def __init__(self, meta: Mapping[str, Any], tables: Mapping[str, Table]) -> None:
        self.meta, self.tables = meta, tables
        places = rows_of(tables.get("places", {}))
        self.names = {row["id"]: row["name"] for row in places if row["kind"] == "region"}

    def region(self, region: str) -> str:
        """A region's name; its id where it has none."""
        return str(self.names.get(region) or region)

    def moved(self, rows: list[Row]) -> str:
        """`Move 31 % of the IT energy, most of it from Frankfurt to Oslo`."""
        pairs: dict[tuple[str, str], float] = {}
        for row in rows:
            if row["from_region"] != row["to_region"] and "unserved" not in (
                row["from_region"],
                row["to_region"],
            ):
                pair = (row["from_region"], row["to_region"])
                pairs[pair] = pairs.get(pair, 0.0) + row["it_mwh"]
        total, energy = sum(pairs.values()), float(self.meta["totals"]["plan"]["it_mwh"])
        if not total > NOTHING * energy:
            return "Move nothing, but choose among the models and hardware of each region"
        (origin, target), most = max(pairs.items(), key=lambda item: item[1])
        route = f"from {self.region(origin)} to {self.region(target)}"
        if len(pairs) > 1:
            route = f"{'most of it' if most > total / 2 else 'the largest part'} {route}"
        return f"Move {words.share(total / energy)} of the IT energy, {route}".replace(
            "energy, from", "energy from"
        )

    def action(self, row: Row) -> str:
        """One change as what to do, with what it saves and when."""
        klass = class_label(self.meta["classes"], row["class"])
        origin, target = row["from_region"], row["to_region"]
        by_carbon = _ranked_by(self.meta) == "saving_kg"
        effects = list(self._effects(row))
        saves = " and ".join(reversed(effects) if by_carbon else effects)
        if origin == target:
            return f"{self._remixed(klass, row)}: {saves}"
        part = "" if row["requests_share"] > 0.995 else f"{words.share(row['requests_share'])} of "
        if origin == "unserved":
            do = f"Serve {part}{klass} in {self.region(target)} that the baseline leaves unserved"
        elif target == "unserved":
            do = f"Leave {part}{klass} of {self.region(origin)} unserved"
        else:
            do = f"Send {part}{klass} of {self.region(origin)} to {self.region(target)}"
        return f"{do}{self._hours_words(row)}: {saves}"

    def _effects(self, row: Row) -> Iterator[str]:
        """What a change saves of each kind; neither what is not known nor what is rounding."""
        for quantity, say, unit in (
            ("saving_usd", words.money, ""),
            ("saving_kg", words.mass, " of CO₂e"),
        ):
            if abs(row[quantity]) > _least(self.meta, quantity):
                yield f"{signed(row[quantity], say)}{unit}"

    @staticmethod
    def _hours_words(row: Row) -> str:
        share = row["hours_share"]
        return "" if share > 0.995 else f", in {words.share(share)} of the hours"

    def _remixed(self, klass: str, row: Row) -> str:
        """A change of the serving configuration in one region, named where one stands out."""
        old, new = (self._point(table, row) for table in ("baseline_flows", "flows"))
        where = self.region(row["to_region"])
        if old and new and old != new:
            return f"Serve {klass} in {where} with {new} instead of {old}"
        return f"Change the mix of serving configurations of {klass} in {where}"

    def _point(self, table: str, row: Row) -> str:
        """The operating point with most requests of a class in a region; empty for none."""
        sums: dict[str, float] = {}
        for flow in rows_of(self.tables.get(table, {})):
            if flow["class"] == row["class"] and flow["region"] == row["to_region"]:
                sums[flow["point"]] = sums.get(flow["point"], 0.0) + flow["requests"]
        return str(max(sums, key=lambda point: sums[point])) if sums else ""


def verdicts(told: Mapping[str, Any]) -> list[str]:
    """The sentences of a brief, that of more money first, the fleet's with what it counts on."""
    fleet = [told[key] for key in ("fleet", "fleet_assumes") if told.get(key)]
    routing = [told.get("sentence", "")]
    return [*fleet, *routing] if told.get("fleet_first") else [*routing, *fleet]


def brief_html(meta: Mapping[str, Any]) -> str:
    """The answer of a study for a notebook: the sentence, what to do, what to know of the data."""
    scenario, told = meta["scenario"], meta.get("brief") or {}
    head = f"{scenario.get('title') or scenario.get('name')}: {meta['status']}"
    actions = "".join(f"<li>{escape(action)}</li>" for action in told.get("actions", ()))
    sentences = sentences_html((head, *verdicts(told)))
    listed = f"<ol>{actions}</ol>" if actions else ""
    return sentences + listed + sentences_html([scenario.get("notice", "")])
