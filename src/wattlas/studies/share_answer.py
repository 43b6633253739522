"""How much to degrade zone by zone, made ahead and day by day, as rows for tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.scenario import Scenario
from wattlas.studies.grams import Board, grams, intensity
from wattlas.studies.levels import levels
from wattlas.studies.shares import ZoneShare, ahead_of, zone_share
from wattlas.tiers.ahead import Ahead
from wattlas.tiers.days import by_day, daily
from wattlas.tiers.share import mean_of

Row = dict[str, Any]
Rows = list[Row]


@dataclass(frozen=True)
class ShareQuestion:
    """What is asked of every zone. `zones` None are all, and one of the caps is None."""

    zones: tuple[str, ...] | None
    rules: tuple[str, ...]
    places: tuple[str, ...]
    cap_share: float | None
    cap_g: float | None
    days: int = 0
    first: bool = False
    every_day: bool = False
    targets: bool = False

    @property
    def main(self) -> str:
        """The rule that days and verdicts in tables speak of."""
        return self.rules[-1]


@dataclass(frozen=True)
class BoardQuestion:
    """A question about a board; `world` is None where hours came from a table."""

    question: ShareQuestion
    board: Board
    zones: tuple[str, ...]
    world: Scenario | None
    klass: str
    green_share: float | None
    expected: np.ndarray | None = None
    forecast: str = ""
    """In words; empty where nothing is planned ahead."""


@dataclass(frozen=True)
class ShareAnswer:
    """A row per zone and place; per plan made ahead; per day; per target."""

    zones: Rows
    ahead: Rows
    days: Rows
    targets: Rows


def answer(query: BoardQuestion) -> ShareAnswer:
    """Everything that was asked. Raises InfeasibleError where no zone can meet the cap."""
    question, answers = query.question, ShareAnswer([], [], [], [])
    for zone in query.zones:
        for place in question.places:
            shares = _shares(query, zone, place)
            answers.zones.append(_zone_row(query, zone, place, shares))
            plans = _plans(query, zone, place) if query.forecast else {}
            answers.ahead.extend(_ahead_row(shares[rule], plan) for rule, plan in plans.items())
            if question.days or question.every_day:
                for rule in question.rules if question.every_day else [question.main]:
                    answers.days.extend(_day_rows(shares[rule], plans.get(rule)))
        if question.targets and query.world is not None:
            cap = float(answers.zones[-1]["cap_g"])
            answers.targets.extend(levels(query.world, query.klass, query.board, zone, cap))
    _all_unmet(query, answers.zones)
    return answers


def shown_days(question: ShareQuestion, rows: Rows) -> Rows:
    """Days to show of each zone and place by the main rule: the dirtiest or the first, in order."""
    chosen: Rows = []
    main = [row for row in rows if row["rule"] == question.main]
    for key in dict.fromkeys((row["zone"], row["place"]) for row in main):
        of_key = [row for row in main if (row["zone"], row["place"]) == key]
        in_order = (
            of_key if question.first else sorted(of_key, key=lambda row: -float(row["full_g"]))
        )
        chosen += sorted(in_order[: question.days], key=lambda row: str(row["day"]))
    return chosen


def _shares(query: BoardQuestion, zone: str, place: str) -> dict[str, ZoneShare]:
    question, emitted = query.question, grams(query.board, zone, place)
    return {
        rule: zone_share(
            query.board, zone, place, rule, question.cap_share, question.cap_g, emitted=emitted
        )
        for rule in question.rules
    }


def _plans(query: BoardQuestion, zone: str, place: str) -> dict[str, Ahead]:
    question, board, expected = query.question, query.board, query.expected
    return {
        rule: ahead_of(
            board,
            zone,
            place,
            rule,
            question.cap_share,
            question.cap_g,
            expected_g_per_kwh=expected,
        )
        for rule in question.rules
    }


def _zone_row(query: BoardQuestion, zone: str, place: str, shares: dict[str, ZoneShare]) -> Row:
    mean, variation = intensity(query.board, zone)
    main = shares[query.question.main]
    return {
        "zone": zone,
        "place": place,
        "requests": float(main.grams.requests.sum()),
        "mean_g_per_kwh": mean,
        "variation": variation,
        "baseline_g": main.grams.baseline_g,
        "full_g": mean_of(main.grams.full_g, main.grams.requests),
        "cap_g": main.cap_g,
        "least_g": main.least_g,
        **{rule: share.by_rule.share if share.by_rule else None for rule, share in shares.items()},
        "blind": main.blind.share if main.blind else None,
        "saved": {rule: s.by_rule.saved if s.by_rule else None for rule, s in shares.items()},
        "verdict": {rule: share.verdict for rule, share in shares.items()},
    }


def _ahead_row(share: ZoneShare, plan: Ahead) -> Row:
    return {
        "zone": share.grams.zone,
        "place": share.grams.place,
        "rule": share.rule,
        "hindsight_share": share.by_rule.share if share.by_rule else None,
        "blind_share": share.blind.share if share.blind else None,
        "share": plan.share,
        "cap_g": plan.cap_g,
        "planned_g": plan.planned_g,
        "delivered_g": plan.held_g,
        "mean_g": plan.mean_g,
        "kept": plan.kept,
        "short_days": plan.short_days,
    }


def _day_rows(share: ZoneShare, plan: Ahead | None) -> Iterator[Row]:
    """Every day of a zone, as planned ahead where it was, else in hindsight."""
    emitted = share.grams
    served = share.by_day() if plan is None else by_day(plan, share.utc, emitted.requests)
    full = daily(emitted.full_g, share.utc, emitted.requests)
    for n, day in enumerate(served["day"]):
        yield {
            "zone": emitted.zone,
            "place": emitted.place,
            "rule": share.rule,
            "plan": "hindsight" if plan is None else "ahead",
            "day": day,
            "full_g": float(full[n]),
            "degraded_share": served["degraded_share"][n],
            "hours": served["hours"][n],
        }


def _all_unmet(query: BoardQuestion, zones: Rows) -> None:
    """Raise where the cap is out of reach everywhere."""
    if "budget" not in query.question.rules or any(row["budget"] is not None for row in zones):
        return
    lines = [f"{row['zone']}, {row['place']}: {row['verdict']['budget']}" for row in zones]
    raise InfeasibleError(
        "With every request degraded no zone can meet the cap. Raise it, or degrade further.\n"
        + "\n".join(lines)
    )
