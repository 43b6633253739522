"""Where did requests run, hour by hour?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattlas.studies.registry import REPLAY, figure, replay_table

if TYPE_CHECKING:
    import polars as pl


def by_region(places: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Requests by step and region: the page shows neither classes nor points apart."""
    import polars as pl

    keys = ["policy", "time_utc", "region"]
    sums = places.group_by(keys).agg(pl.col("requests").sum()).sort(keys)
    return sums, "Requests of all classes and operating points are added up"


replay_table(
    "replay_places",
    "policy:text time_utc:time class:text region:text point:text service:text requests tokens_in "
    "tokens_out",
    thin=by_region,
)

figure(
    __file__,
    order=30,
    part=REPLAY,
    question="Where did requests run, hour by hour?",
    needs=("replay_places",),
    missing="No request came",
)
