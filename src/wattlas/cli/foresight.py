"""Options of verbs that forecast: what a policy is told of the hours ahead, and its past."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.cli.common import load_scenario
from wattlas.errors import UsageError

if TYPE_CHECKING:
    from wattlas.studies.foresight import Foresight

BeginOption = Annotated[
    str | None, typer.Option(help="First step, UTC; those before it are the past.", metavar="TIME")
]
ForecastOption = Annotated[
    str, typer.Option(help="perfect, persistence, climatology, boosted, or a file.", metavar="NAME")
]
LookAheadOption = Annotated[
    str, typer.Option("--look-ahead", help="Hours that are planned at once.", metavar="HOURS")
]
EveryOption = Annotated[int, typer.Option(help="Plan anew every so many steps.", min=1)]
PastOption = Annotated[
    Path | None,
    typer.Option(help="Scenario of earlier hours to forecast from.", metavar="SCENARIO"),
]
PublishedOption = Annotated[
    list[str] | None,
    typer.Option(
        help="When the price of a zone is known: ZONE=day_ahead, tariff, or measured.",
        metavar="ZONE=WORD",
    ),
]
WeatherOption = Annotated[
    Path | None,
    typer.Option(help="Weather of the zones, for --forecast boosted.", metavar="FILE"),
]

VintagesOption = Annotated[
    Path | None,
    typer.Option(help="Price and carbon as they became known and were revised.", metavar="FILE"),
]


def hours_of(text: str) -> int:
    """`24h`, `24` or `2d` as hours. Raises UsageError for anything else."""
    match = re.fullmatch(r"(\d+)\s*(h|d|)", text.strip())
    hours = int(match[1]) * (24 if match[2] == "d" else 1) if match else 0
    if hours < 1:
        raise UsageError(f"--look-ahead: `{text}`, wanted whole hours as 24h, or days as 2d.")
    return hours


def published_of(pairs: Sequence[str] | None) -> dict[str, str]:
    """ZONE=WORD as a mapping. Raises UsageError for an entry without `=`."""
    for pair in pairs or ():
        if "=" not in pair:
            raise UsageError(f"--published: `{pair}`, wanted ZONE=day_ahead, tariff or measured.")
    return {zone: word for zone, _, word in (pair.partition("=") for pair in pairs or ())}


def foresight_of(
    forecast: str,
    look_ahead: str,
    every: int,
    past: Path | None,
    published: Sequence[str] | None,
    weather: Path | None,
    vintages: Path | None,
) -> Foresight | None:
    """What the options say together; reads the past. None where they say nothing of their own."""
    hours, kinds = hours_of(look_ahead), published_of(published)
    from wattlas.studies.foresight import Foresight

    earlier = None if past is None else load_scenario(past)
    told = Foresight(forecast, hours, every, earlier, kinds or None, weather, vintages)
    return None if told == Foresight() else told
