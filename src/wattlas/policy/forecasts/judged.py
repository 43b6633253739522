"""How good the forecasts of a scenario's steps are, series by series and horizon by horizon."""

from __future__ import annotations

from collections.abc import Sequence

from wattlas.model.table import Table
from wattlas.policy.forecasts.columns import SPEC
from wattlas.policy.forecasts.outlook import SIGNALS, FromPast
from wattlas.policy.forecasts.skill import skill

AHEAD_H = (1, 6, 12, 24)


def judged(
    outlook: FromPast,
    ahead_h: Sequence[int] = AHEAD_H,
    *,
    signals: Sequence[str] = SIGNALS,
    least_hours: int = 1,
) -> Table:
    """Columns of `SPEC`: errors in the signal's unit over the `hours` of the scenario that were not
    published when the forecast was issued; persistence is the better of two, see `skill`. `series`
    is a zone, or a metro and class. nan where nothing was judged.
    """
    pasts = outlook.pasts
    histories = {"price": pasts.price, "carbon": pasts.carbon, "demand": pasts.demand}
    names = [word.partition(":")[0].rstrip("?") for word in SPEC.split()]
    rows: dict[str, list[object]] = {name: [] for name in names}
    for signal in signals:
        history = histories[signal]
        if history is None:
            continue
        horizons = [h for h in ahead_h if h <= outlook.look_ahead_h]
        table = skill(
            outlook.models[signal], history, pasts.span.first, pasts.span.hours, horizons,
            least_hours=least_hours,
        )  # fmt: skip
        for each in table:
            gain = each.skill
            for n, series in enumerate(history.ids):
                values = (
                    signal, series, each.ahead_h, int(each.hours[n]), float(each.error[n]),
                    float(each.persistence[n]), float(gain[n]),
                )  # fmt: skip
                for name, value in zip(names, values, strict=True):
                    rows[name].append(value)
    return rows
