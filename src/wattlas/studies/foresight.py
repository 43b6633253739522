"""Policies that look ahead in a replay: on a forecast, on the truth, and the plan in hindsight.

    forecast regret        = cost on the forecast − cost of the same policy on the truth
    distance to the oracle = cost on the forecast − cost of the best plan in hindsight

on the same requests. The truth of demand is the scenario's rates where requests come at them, and
what the trace holds by metro, class and step where they come from one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattlas.data.forecast_file import read_forecasts, read_vintages, read_weather
from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.table import Listing, Table, columns
from wattlas.policy.forecasts.outlook import (
    LOOK_AHEAD_H,
    PERFECT,
    Files,
    FromPast,
    Outlook,
    Perfect,
    forecast_outlook,
)
from wattlas.policy.forecasts.told import Told
from wattlas.policy.protocol import Policy
from wattlas.policy.rolling import oracle, rolling
from wattlas.replays.arrivals.stream import Stream
from wattlas.replays.intervals import mean_and_half
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import shrunk

ROLLING, ORACLE = "rolling", "oracle"
ON_TRUTH = "rolling-perfect"
AHEAD = (ROLLING, ORACLE)
"""Policies that this module makes."""
MEASURES = ("variable_usd", "carbon_kg")


@dataclass(frozen=True)
class Foresight:
    """What a policy that looks ahead is told: `forecast` of the next `look_ahead_h`, planned anew
    every `every` steps; `past` holds earlier hours, `published` when prices of zones are known;
    `weather` is a file of it, `vintages` one of what was known of hours that are over.
    """

    forecast: str = "persistence"
    look_ahead_h: int = LOOK_AHEAD_H
    every: int = 1
    past: Scenario | None = None
    published: Mapping[str, str] | None = None
    weather: str | Path | None = None
    vintages: str | Path | None = None

    def with_past(self, scenario: Scenario, first: int, world: float) -> Foresight:
        """With the steps before the first as its past, where it has no other; of a share of the
        world.
        """
        past = self.past
        if past is None and first:
            past = scenario.at_hours(range(first))
        return self if past is None else replace(self, past=shrunk(past, world))

    def made(
        self, policies: Sequence[str | Policy], roomy: Scenario, truth: Callable[[], Scenario]
    ) -> list[str | Policy]:
        """The policies that are asked for, those that look ahead made, each name once."""
        out: list[str | Policy] = []
        for each in policies:
            new: list[str | Policy] = [each]
            if isinstance(each, str) and each in AHEAD:
                names = {other.name for other in out if not isinstance(other, str)}
                new = [p for p in self.policies(each, roomy, truth()) if p.name not in names]
            out += new
        return out

    def policies(self, name: str, roomy: Scenario, truth: Scenario) -> list[Policy]:
        """The policy of a name, last, and before it those that it is compared with.

        `roomy` is the scenario with the accelerators that a policy may plan with, `truth` that with
        the demand that comes.
        """
        if self.look_ahead_h < 1:
            raise UsageError(f"--look-ahead: {self.look_ahead_h}, wanted at least 1.")
        best = oracle(replace(roomy, demand_per_h=truth.demand_per_h))
        if name == ORACLE:
            return [best]
        policy, another = (rolling(roomy, self.look_ahead_h, self.every) for _ in range(2))
        on_truth = Told(another, Perfect(truth), ON_TRUTH)
        outlook: Outlook = forecast_outlook(
            truth, self.forecast, past=self.past, look_ahead_h=self.look_ahead_h,
            published=self.published, files=files_of(self.forecast, self.weather, self.vintages),
        )  # fmt: skip
        told = Told(policy, outlook, ROLLING)
        return [best, told] if self.forecast == PERFECT else [best, on_truth, told]


def files_of(forecast: str, weather: str | Path | None, vintages: str | Path | None) -> Files:
    """What files say: the forecasts in one where a name is that of a file, which ends in .csv or
    .parquet, the quantities of the weather in another, and vintages in a third.
    """
    is_file = forecast.lower().endswith((".csv", ".parquet"))
    return Files(
        archive=read_forecasts(forecast) if is_file else None,
        weather=() if weather is None else read_weather(weather),
        vintages={} if vintages is None else read_vintages(vintages),
    )


def from_step(scenario: Scenario, first: int) -> Scenario:
    """The scenario from a step on."""
    return scenario.at_hours(range(first, scenario.hours.count)) if first else scenario


def first_step(scenario: Scenario, begin: str | np.datetime64 | None) -> int:
    """The step that begins at a time. Raises UsageError where none does."""
    if begin is None:
        return 0
    try:
        at = np.flatnonzero(scenario.hours.utc == np.datetime64(str(begin).rstrip("Z"), "s"))
    except ValueError:
        at = np.zeros(0, np.int64)
    if not len(at):
        utc = scenario.hours.utc
        raise UsageError(f"--begin: {begin} is no step, wanted {utc[0]}Z to {utc[-1]}Z.")
    return int(at[0])


def came(scenario: Scenario, stream: Stream) -> Scenario:
    """The scenario with the demand that a stream of requests holds."""
    i, k, _, _, t = scenario.shape
    step_s = scenario.hours.step_h * 3600.0
    count = np.zeros(i * k * t)
    for batch in stream.batches():
        step = (batch.at_s // step_s).astype(np.int64)
        inside = step < t
        np.add.at(count, (batch.source * t + step)[inside], 1.0)
    rate = count.reshape(i, k, t) / scenario.hours.step_h
    return replace(scenario, demand_per_h=rate)


def outlook_of(policies: Sequence[str | Policy]) -> FromPast | None:
    """The forecasts that a policy among them is told; None where all know the truth."""
    for policy in policies:
        if isinstance(policy, Told) and isinstance(policy.outlook, FromPast):
            return policy.outlook
    return None


def forecast_regret(outcomes: Mapping[str, tuple[Outcome, ...]]) -> Table | None:
    """What the forecast cost: differences of `MEASURES`, mean over seeds and half the width of the
    interval; None where the rolling policy was not followed.
    """
    if ROLLING not in outcomes:
        return None
    rows: dict[str, list[object]] = {
        n: [] for n in ("policy", "against", "measure", "value", "half_width")
    }
    for against in (ON_TRUTH, ORACLE):
        for measure in MEASURES:
            if against in outcomes:
                pairs = zip(outcomes[ROLLING], outcomes[against], strict=True)
                more = [getattr(a.totals, measure) - getattr(b.totals, measure) for a, b in pairs]
                values = (ROLLING, against, measure, *mean_and_half(more))
                for column, value in zip(rows.values(), values, strict=True):
                    column.append(value)
    return rows


def regret_listing(table: Table) -> Listing:
    """What the terminal shows of `forecast_regret`."""
    words = {"variable_usd": "Cost that decisions change, USD", "carbon_kg": "Carbon, kg"}
    shown = {
        "against": table["against"],
        "measure": [words[measure] for measure in table["measure"]],
        "value": table["value"],
    }
    return Listing("What the forecast cost", columns("against:text measure:text value"), shown)


def skill_listing(table: Table) -> Listing:
    """Medians over series of each signal and horizon."""
    groups: dict[tuple[str, int], list[int]] = {}
    for n, key in enumerate(zip(table["signal"], table["ahead_h"], strict=True)):
        groups.setdefault(key, []).append(n)
    shown: dict[str, list[object]] = {
        n: [] for n in ("signal", "ahead_h", "series", "judged_hours", "skill")
    }
    for (signal, ahead), rows in groups.items():
        gain = np.array([table["skill"][n] for n in rows], dtype=float)
        known = gain[np.isfinite(gain)]
        median = float(np.median(known)) if len(known) else float("nan")
        hours = sum(table["hours"][n] for n in rows)
        for column, value in zip(
            shown.values(), (signal, ahead, len(known), hours, median), strict=True
        ):
            column.append(value)
    spec = "signal:text ahead_h:count series:count judged_hours:count skill:share"
    note = "Skill is 1 − error / error of persistence, of the median series"
    return Listing("How good the forecasts were", columns(spec), shown, (note,))
