"""What `wattlas tiers share` answers, as rows that the tables and `--json` both show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wattlas.errors import InfeasibleError

if TYPE_CHECKING:
    import numpy as np

    from wattlas.model.scenario import Scenario
    from wattlas.studies.grams import Board
    from wattlas.studies.shares import ZoneShare
    from wattlas.tiers.ahead import Ahead

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
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
class Asked:
    """A question about a board; `world` is None where hours came from a table."""

    question: Question
    board: Board
    zones: tuple[str, ...]
    world: Scenario | None
    klass: str
    green_share: float | None
    expected: np.ndarray | None = None
    forecast: str = ""
    """In words; empty where nothing is planned ahead."""


@dataclass(frozen=True)
class Answer:
    """A row per zone and place; per plan made ahead; per day; per target."""

    zones: Rows
    ahead: Rows
    days: Rows
    targets: Rows


def answer(asked: Asked) -> Answer:
    """Everything that was asked. Raises InfeasibleError where no zone can meet the cap."""
    of, found = asked.question, Answer([], [], [], [])
    for zone in asked.zones:
        for place in of.places:
            shares = _shares(asked, zone, place)
            found.zones.append(_zone_row(asked, zone, place, shares))
            plans = _plans(asked, zone, place) if asked.forecast else {}
            found.ahead.extend(_ahead_row(shares[rule], plan) for rule, plan in plans.items())
            if of.days or of.every_day:
                for rule in of.rules if of.every_day else [of.main]:
                    found.days.extend(_day_rows(shares[rule], plans.get(rule)))
        if of.targets and asked.world is not None:
            from wattlas.studies.levels import levels

            cap = float(found.zones[-1]["cap_g"])
            found.targets.extend(levels(asked.world, asked.klass, asked.board, zone, cap))
    _all_unmet(asked, found.zones)
    return found


def shown_days(of: Question, rows: Rows) -> Rows:
    """Days to show of each zone and place by the main rule: the dirtiest or the first, in order."""
    chosen: Rows = []
    main = [row for row in rows if row["rule"] == of.main]
    for key in dict.fromkeys((row["zone"], row["place"]) for row in main):
        own = [row for row in main if (row["zone"], row["place"]) == key]
        kept = own if of.first else sorted(own, key=lambda row: -float(row["full_g"]))
        chosen += sorted(kept[: of.days], key=lambda row: str(row["day"]))
    return chosen


def _shares(asked: Asked, zone: str, place: str) -> dict[str, ZoneShare]:
    from wattlas.studies.grams import grams
    from wattlas.studies.shares import zone_share

    of, one = asked.question, grams(asked.board, zone, place)
    return {
        rule: zone_share(asked.board, zone, place, rule, of.cap_share, of.cap_g, of=one)
        for rule in of.rules
    }


def _plans(asked: Asked, zone: str, place: str) -> dict[str, Ahead]:
    from wattlas.studies.shares import ahead_of

    of, board, expected = asked.question, asked.board, asked.expected
    return {
        rule: ahead_of(
            board, zone, place, rule, of.cap_share, of.cap_g, expected_g_per_kwh=expected
        )
        for rule in of.rules
    }


def _zone_row(asked: Asked, zone: str, place: str, shares: dict[str, ZoneShare]) -> dict[str, Any]:
    from wattlas.studies.grams import intensity
    from wattlas.tiers.share import mean_of

    mean, variation = intensity(asked.board, zone)
    one = shares[asked.question.main]
    return {
        "zone": zone,
        "place": place,
        "requests": float(one.grams.requests.sum()),
        "mean_g_per_kwh": mean,
        "variation": variation,
        "home_g": one.grams.home_g,
        "full_g": mean_of(one.grams.full_g, one.grams.requests),
        "cap_g": one.cap_g,
        "least_g": one.least_g,
        **{rule: share.found.share if share.found else None for rule, share in shares.items()},
        "blind": one.blind.share if one.blind else None,
        "saved": {rule: s.found.saved if s.found else None for rule, s in shares.items()},
        "verdict": {rule: share.verdict for rule, share in shares.items()},
    }


def _ahead_row(share: ZoneShare, plan: Ahead) -> dict[str, Any]:
    return {
        "zone": share.grams.zone,
        "place": share.grams.place,
        "rule": share.rule,
        "hindsight_share": share.found.share if share.found else None,
        "blind_share": share.blind.share if share.blind else None,
        "share": plan.share,
        "cap_g": plan.cap_g,
        "promised_g": plan.promised_g,
        "delivered_g": plan.held_g,
        "mean_g": plan.mean_g,
        "kept": plan.kept,
        "short_days": plan.short_days,
    }


def _day_rows(share: ZoneShare, plan: Ahead | None) -> Iterator[dict[str, Any]]:
    """Every day of a zone, as planned ahead where it was, else in hindsight."""
    from wattlas.tiers.days import by_day, daily

    one = share.grams
    told = share.by_day() if plan is None else by_day(plan, share.utc, one.requests)
    full = daily(one.full_g, share.utc, one.requests)
    for n, day in enumerate(told["day"]):
        yield {
            "zone": one.zone,
            "place": one.place,
            "rule": share.rule,
            "plan": "hindsight" if plan is None else "ahead",
            "day": day,
            "full_g": float(full[n]),
            "degraded_share": told["degraded_share"][n],
            "hours": told["hours"][n],
        }


def _all_unmet(asked: Asked, zones: Rows) -> None:
    """Raise where the cap is out of reach everywhere."""
    if "budget" not in asked.question.rules or any(row["budget"] is not None for row in zones):
        return
    lines = [f"{row['zone']}, {row['place']}: {row['verdict']['budget']}" for row in zones]
    raise InfeasibleError(
        "With every request degraded no zone can meet the cap. Raise it, or degrade further.\n"
        + "\n".join(lines)
    )
