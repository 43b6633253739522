"""A question about shares put to a scenario, to a table of hours, and with a forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from wattlas.data.intensity_file import read_intensities
from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.studies.board import (
    HALF,
    Ways,
    board_of,
    board_of_table,
    board_problems,
    share_problem,
)
from wattlas.studies.menus import class_of
from wattlas.studies.share_answer import BoardQuestion, ShareQuestion
from wattlas.studies.shares import (
    cap_problems,
    persistence,
    steps_per_day,
    unknown_zones,
    zones_of,
)


def query_of_table(file: Path, question: ShareQuestion, green_share: float | None) -> BoardQuestion:
    """A question about zones of a table of hours, with flat demand.

    `green_share` is degraded over full energy. Raises InputError with everything that is wrong.
    """
    read = read_intensities(file)
    part = HALF if green_share is None else green_share
    problems = [
        *unknown_zones(question.zones, read.zones),
        *cap_problems(question.cap_share, question.cap_g),
        *share_problem(part),
    ]
    if problems:
        raise InputError(problems)
    board = board_of_table(
        read.zones, read.g_per_kwh, read.hours.utc, green_share=part, step_h=read.hours.step_h
    )
    return BoardQuestion(question, board, question.zones or board.zones, None, "", part)


def query_of_scenario(
    world: Scenario, klass: str, question: ShareQuestion, ways: Ways
) -> BoardQuestion:
    """A question about the clients of a class. Raises InputError with everything that is wrong."""
    chosen = class_of(world, klass).id
    problems = [
        *unknown_zones(question.zones, world.signals.zones),
        *cap_problems(question.cap_share, question.cap_g),
        *board_problems(world, chosen, ways),
    ]
    if problems:
        raise InputError(problems)
    board = board_of(world, chosen, ways)
    zones = zones_of(board, question.zones)
    return BoardQuestion(question, board, zones, world, chosen, ways.green_share)


def with_forecast(query: BoardQuestion, file: Path | None) -> BoardQuestion:
    """The same question with the forecast that its days are planned on."""
    if file is not None:
        return replace(query, expected=_read_forecast(query, file), forecast=f"as {file} has it")
    words = "persistence, each hour as it was the day before"
    return replace(query, expected=persistence(query.board), forecast=words)


def _read_forecast(query: BoardQuestion, file: Path) -> np.ndarray:
    """The forecast intensity of each region, (R, T)."""
    board = query.board
    hours = Hours.range(str(board.utc[0]), len(board.utc), 24 / steps_per_day(board))
    read = read_intensities(file, hours)
    zones = board.zones if query.world is None else [r.zone for r in query.world.regions]
    lacking = [zone for zone in dict.fromkeys(zones) if zone not in read.zones]
    if lacking:
        what = f"lacks {', '.join(lacking)}"
        raise InputError([Problem("zone", what, "Add their forecasts.", str(file))])
    rows = [read.zones.index(zone) for zone in zones]
    forecast: np.ndarray = read.g_per_kwh[rows]
    return forecast


def with_designed_fallback(world: Scenario, klass: str, ways: Ways) -> tuple[Scenario, Ways]:
    """The scenario and the ways with the fallback that `design_tiers` chooses for a class.

    Raises UsageError where no tier is worth offering: then there is no such fallback.
    """
    from wattlas.studies.offers import design_tiers

    chosen = class_of(world, klass)
    terms = replace(world.terms, classes=(chosen.id,))
    tier_design = design_tiers(world, terms=terms, sensitive=False)
    design = tier_design.designs[0]
    if design.chosen is None:
        raise UsageError(
            f"no tier is worth offering for class {chosen.id}, because {design.verdict.reason}. "
            "Name a fallback with --green."
        )
    at = design.chosen.contract.point
    factor = max(design.service.latency_factor(at), ways.latency_factor)
    world = tier_design.with_points((design.chosen.fallback,))
    return world, replace(ways, green=design.chosen.fallback, latency_factor=factor)
