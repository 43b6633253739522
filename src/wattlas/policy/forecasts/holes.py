"""Where files of forecasts, of the weather and of vintages say nothing, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wattlas.model.issued import Issued
from wattlas.policy.forecasts.archived import Archived
from wattlas.policy.forecasts.history import History
from wattlas.policy.forecasts.models import Forecaster
from wattlas.policy.forecasts.past import Span
from wattlas.policy.forecasts.vintages import AsKnown


def holes(
    named: Mapping[str, History | None],
    span: Span,
    models: Mapping[str, Forecaster],
    look_ahead_h: int,
) -> tuple[str, ...]:
    """Where a file of forecasts says nothing, so that persistence stands in."""
    issued = np.arange(span.first, span.hours) - 1
    told = []
    for signal, model in models.items():
        model = model.model if isinstance(model, AsKnown) else model
        if not isinstance(model, Archived):
            told.append(f"The forecasts' file has none of {signal}: persistence stands for them")
            continue
        history = named[signal]
        assert history is not None
        shares = [
            np.isfinite(model.lookup.at(history, issued[:-ahead], ahead)).mean()
            for ahead in range(1, min(look_ahead_h, len(issued) - 1) + 1)
        ]
        share = float(np.mean(shares)) if shares else 0.0
        if share < 1.0:
            told.append(
                f"The forecasts' file has {share:.1%} of those of {signal}, over zones and hours "
                "ahead: persistence stands for the others"
            )
    return tuple(told)


def dry(zones: Sequence[str], weather: Sequence[Issued]) -> tuple[str, ...]:
    """Zones whose weather nobody gave."""
    dry = [zone for zone in zones if not any(zone in issued.zones for issued in weather)]
    if not weather or not dry:
        return ()
    return (f"The weather's file has none of {', '.join(dry)}: forecast without",)


def late(zones: Sequence[str], vintages: Mapping[str, Issued]) -> tuple[str, ...]:
    """Zones of which nobody said what was known."""
    told = []
    for signal, issued in vintages.items():
        without = [zone for zone in zones if zone not in issued.zones]
        if without:
            told.append(
                f"The vintages' file has no {signal} of {', '.join(without)}: forecasts know it "
                "as the scenario holds it"
            )
    return tuple(told)
