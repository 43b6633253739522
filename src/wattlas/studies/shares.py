"""How much of a class must be degraded to stay under a carbon cap, zone by zone.

The rules are those of `tiers.share` and `tiers.ahead`; what a request emits is `studies.grams`. A
cap is grams per request, or a share of what full service at the baseline region emits in the mean
of the window; away from the baseline region it is the same cap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.scenario import Scenario
from wattlas.model.shown import FrameColumns
from wattlas.model.table import Table
from wattlas.studies.board import Ways, board_of, board_problems
from wattlas.studies.grams import LOCAL, PLACES, Board, Grams, foreseen, grams
from wattlas.tiers.ahead import PAST_DAYS, Ahead, CatchUp, day_ahead, plan_ahead
from wattlas.tiers.days import by_day
from wattlas.tiers.share import RULES, Share, against_blind, green_share, least_mean_g, shares_at

CAP_SHARES = tuple(round(0.5 + 0.025 * n, 3) for n in range(21))
"""Caps of a table of shares, as shares of what full service emits at the baseline region: 0.5 to
1."""


@dataclass(frozen=True)
class ZoneShare:
    """What a rule asks of the clients of a zone, and what degrading evenly would.

    `found` and `blind` are None where no share does; `least_g` is the least attainable cap, g per
    request.
    """

    rule: str
    cap_g: float
    grams: Grams
    utc: np.ndarray
    by_rule: Share | None
    blind: Share | None
    least_g: float

    @property
    def verdict(self) -> str:
        """In words: what looking at carbon earns here, or what can be had at least."""
        if self.by_rule is None or self.blind is None:
            least = f"the least attainable is {self.least_g:.4g} g"
            if self.grams.baseline_g > 0:
                least += f", {self.least_g / self.grams.baseline_g:.1%} of full service "
                least += "at the baseline region"
            if self.rule != "percentile":
                return f"cannot be met: {least}"
            return f"no share keeps the cap over all requests, full and degraded: {least}"
        if self.rule == "blind":
            return f"degrades {self.by_rule.share:.1%} of the requests of every step"
        return against_blind(self.by_rule, self.blind)

    def by_day(self) -> dict[str, list[object]]:
        """Which steps of each day are served how, as `tiers.days.by_day`; nothing where unmet."""
        if self.by_rule is None:
            return {"day": [], "degraded_share": [], "hours": []}
        return by_day(self.by_rule, self.utc, self.grams.requests)


def shares(
    scenario: Scenario,
    klass: str,
    *,
    zones: Sequence[str] | None = None,
    cap_shares: Sequence[float] = CAP_SHARES,
    rules: Sequence[str] = RULES,
    places: Sequence[str] = PLACES,
    ways: Ways | None = None,
) -> FrameColumns:
    """The share of a class's requests to degrade, per zone, cap, rule and place.

    Columns `zone`, `cap_share`, `rule`, `place` and `share`, 0..1, None where no share would do.
    `zones` are those where the class has clients at the baseline region, all unless given.
    `cap_shares` are of what full service at the baseline region emits in the mean, 0..1. `rules`
    are `percentile`, `budget` and `blind`; `places` `local` and `remote`. `ways` says how requests
    are served, in full and degraded.

    Raises InputError with everything that is wrong.
    """
    ways = Ways() if ways is None else ways
    problems = [*board_problems(scenario, klass, ways), *_choices(rules, places, cap_shares)]
    problems += unknown_zones(zones, scenario.signals.zones)
    if problems:
        raise InputError(problems)
    board = board_of(scenario, klass, ways)
    return FrameColumns(share_columns(board, zones_of(board, zones), cap_shares, rules, places))


def share_columns(
    board: Board,
    zones: Sequence[str],
    cap_shares: Sequence[float] = CAP_SHARES,
    rules: Sequence[str] = RULES,
    places: Sequence[str] = PLACES,
) -> Table:
    """As `shares`, on a board that is there."""
    out: dict[str, list[Any]] = {"zone": [], "cap_share": [], "rule": [], "place": [], "share": []}
    for zone in zones:
        for place in places:
            emitted = grams(board, zone, place)
            caps = np.asarray(cap_shares, dtype=float) * emitted.baseline_g
            for rule in rules:
                needed = shares_at(emitted.full_g, emitted.green_g, caps, emitted.requests, rule)
                out["zone"] += [zone] * len(needed)
                out["cap_share"] += list(cap_shares)
                out["rule"] += [rule] * len(needed)
                out["place"] += [place] * len(needed)
                out["share"] += [None if np.isnan(x) else float(x) for x in needed]
    return out


def share_of(
    scenario: Scenario,
    klass: str,
    zone: str,
    *,
    cap_share: float | None = None,
    cap_g: float | None = None,
    rule: str = "budget",
    place: str = LOCAL,
    ways: Ways | None = None,
) -> ZoneShare:
    """All about one zone under one cap: a share of full service at the baseline region, or grams
    per request.

    Raises InputError with everything that is wrong.
    """
    ways = Ways() if ways is None else ways
    problems = [*board_problems(scenario, klass, ways), *_choices([rule], [place])]
    problems += [*unknown_zones([zone], scenario.signals.zones), *cap_problems(cap_share, cap_g)]
    if problems:
        raise InputError(problems)
    board = board_of(scenario, klass, ways)
    zones_of(board, [zone])
    return zone_share(board, zone, place, rule, cap_share, cap_g)


def zone_share(
    board: Board,
    zone: str,
    place: str,
    rule: str,
    cap_share: float | None = None,
    cap_g: float | None = None,
    *,
    emitted: Grams | None = None,
) -> ZoneShare:
    """As `share_of`, on a board that is there; `emitted` are its grams, where they are known."""
    emitted = grams(board, zone, place) if emitted is None else emitted
    cap = cap_of(emitted, cap_share, cap_g)
    return ZoneShare(
        rule=rule,
        cap_g=cap,
        grams=emitted,
        utc=board.utc,
        by_rule=_tried(emitted, cap, rule),
        blind=_tried(emitted, cap, "blind"),
        least_g=least_mean_g(emitted.full_g, emitted.green_g, emitted.requests),
    )


def ahead_of(
    board: Board,
    zone: str,
    place: str,
    rule: str,
    cap_share: float | None = None,
    cap_g: float | None = None,
    *,
    expected_g_per_kwh: np.ndarray | None = None,
) -> Ahead:
    """The plan of a zone made day by day on a forecast of the intensity of each region, (R, T).

    Persistence by default: each hour as it was the day before. Where requests go, too, is chosen
    on the forecast. Raises InputError for steps that are no days.
    """
    per_day = steps_per_day(board)
    expected = persistence(board) if expected_g_per_kwh is None else expected_g_per_kwh
    truth, thought = foreseen(board, zone, place, expected)
    known = np.isfinite(expected).all(axis=0)
    return plan_ahead(
        truth.full_g,
        truth.green_g,
        cap_of(truth, cap_share, cap_g),
        np.where(known, thought.full_g, np.nan),
        np.where(known, thought.green_g, np.nan),
        truth.requests,
        rule,
        CatchUp(steps_per_day=per_day),
    )


def persistence(board: Board, days: int = PAST_DAYS) -> np.ndarray:
    """The intensity of each region as `day_ahead` has it, (R, T)."""
    return day_ahead(board.g_per_kwh, days, steps_per_day(board))


def steps_per_day(board: Board) -> int:
    """Steps of a day. Raises InputError where days cannot be planned one after the other."""
    steps = round(24 / board.step_h)
    if not board.whole or abs(steps * board.step_h - 24) > 1e-9:
        what = "are a sample, or steps that make up no day"
        fix = "Plan ahead over every hour, without `time.sample`."
        raise InputError([Problem("time", what, fix)])
    return steps


def cap_of(emitted: Grams, cap_share: float | None = None, cap_g: float | None = None) -> float:
    """The cap in grams per request."""
    return cap_g if cap_g is not None else (cap_share or 0.0) * emitted.baseline_g


def zones_of(board: Board, zones: Sequence[str] | None = None) -> tuple[str, ...]:
    """The zones asked for, or all. Raises InputError listing each where nobody is at the baseline
    region."""
    nobody = "is the zone of no baseline region of the class"
    problems = list(unknown_zones(zones, board.zones, nobody))
    if problems:
        raise InputError(problems)
    return board.zones if zones is None else tuple(dict.fromkeys(zones))


def cap_problems(cap_share: float | None = None, cap_g: float | None = None) -> Iterator[Problem]:
    """What is wrong with a cap."""
    if (cap_share is None) == (cap_g is None):
        fix = "Give cap_share, or cap_g: one of the two."
        yield Problem("cap", "is given twice, or not at all", fix)
    if cap_share is not None and not 0.0 <= cap_share <= 1.0:
        what = f"is {cap_share:g}, wanted 0..1"
        fix = "Give a share of what full service emits at the baseline region."
        yield Problem("cap_share", what, fix)
    if cap_g is not None and not 0.0 <= cap_g < np.inf:
        what = f"is {cap_g:g}, wanted a number of at least 0"
        yield Problem("cap_g", what, "Give g per request.")


def _tried(emitted: Grams, cap: float, rule: str) -> Share | None:
    try:
        return green_share(emitted.full_g, emitted.green_g, cap, emitted.requests, rule)
    except InfeasibleError:
        return None


def _choices(
    rules: Sequence[str], places: Sequence[str], cap_shares: Sequence[float] = ()
) -> Iterator[Problem]:
    for where, values, known in (("rules", rules, RULES), ("places", places, PLACES)):
        for name in values:
            if name not in known:
                yield Problem(where, f"`{name}` is none", f"Choose {', '.join(known)}.")
    for cap_share in cap_shares:
        yield from cap_problems(cap_share)


def unknown_zones(
    zones: Sequence[str] | None, known: Sequence[str], what: str = "is not there"
) -> Iterator[Problem]:
    """Each zone that is asked for and not known."""
    for zone in dict.fromkeys(zones or ()):
        if zone not in known:
            yield Problem("zone", f"`{zone}` {what}", f"Choose among {', '.join(known)}.")
