"""How good a forecast of a scenario's price and carbon is, out of sample, zone by zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tabular
from wattlas.model.table import Listing, Table, columns
from wattlas.policy.forecasts.judged import AHEAD_H, judged
from wattlas.policy.forecasts.outlook import FromPast, forecast_outlook
from wattlas.studies.foresight import files_of, first_step

SIGNALS = ("price", "carbon")
LEARNT_SHARE = 2 / 3
"""Of a scenario that is learnt from and judged on, the part that is learnt from."""


@dataclass(frozen=True)
class ForecastSkill(Tabular):
    """Columns of `wattlas.policy.forecasts.judged`: mean absolute error of each zone and horizon,
    that of persistence, and skill = 1 − error / persistence, over hours not yet published.
    """

    forecast: str
    begin_utc: np.datetime64
    rows: Table
    notes: tuple[str, ...] = ()

    def table(self) -> Table:
        """One row per signal, zone and horizon."""
        return self.rows

    def listing(self) -> Listing:
        """All rows; a skill of 20 % is an error a fifth below that of persistence."""
        spec = (
            "signal:text series:text ahead_h:count hours:count mean_absolute_error "
            "persistence_error skill:share"
        )
        title = f"Skill of {self.forecast}, judged from {self.begin_utc}Z on"
        return Listing(title, columns(spec), self.rows)


def forecast_skill(
    scenario: Scenario,
    forecast: str = "boosted",
    *,
    begin: str | None = None,
    past: Scenario | None = None,
    ahead_h: Sequence[int] = AHEAD_H,
    published: Mapping[str, str] | None = None,
    weather: str | Path | None = None,
    vintages: str | Path | None = None,
) -> ForecastSkill:
    """Learn from the hours before `begin` (UTC; two thirds of the scenario unless given), or from
    `past`, and judge the hours from then on, each forecast issued `ahead_h` hours before. `weather`
    is a file of that of the zones, `vintages` one of what was known of hours that are over.

    Raises UsageError for a forecast or a time that is none, InputError where there is too little
    to learn from.
    """
    if forecast == "perfect":
        raise UsageError("--forecast: `perfect` comes true, and has nothing to be judged by.")
    count = scenario.hours.count
    first = 0 if past is not None else round(LEARNT_SHARE * count)
    first = first if begin is None else first_step(scenario, begin)
    now = scenario.at_hours(range(first, count)) if first else scenario
    before = past if past is not None or not first else scenario.at_hours(range(first))
    outlook = forecast_outlook(
        now, forecast, past=before, look_ahead_h=max(ahead_h), published=published,
        signals=SIGNALS, files=files_of(forecast, weather, vintages),
    )  # fmt: skip
    assert isinstance(outlook, FromPast)
    table = judged(outlook, ahead_h, signals=SIGNALS)
    return ForecastSkill(forecast, now.hours.utc[0], table, outlook.notes)
