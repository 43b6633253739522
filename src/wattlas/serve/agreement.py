"""What a configuration and a schedule do not agree on."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from wattlas.errors import Problem
from wattlas.model.suggest import did_you_mean
from wattlas.serve.config import ServeConfig
from wattlas.serve.schedule import Schedule

log = logging.getLogger("wattlas.serve")


def mismatches(config: ServeConfig, schedule: Schedule) -> Iterator[Problem]:
    """What configuration and schedule do not agree on: each place needs a server and a model."""
    known = {*config.document.upstreams}
    if config.document.gateway is not None:
        for region in sorted({place.region for place in schedule.places} - known):
            what = f"has no servers for `{region}`, where the schedule sends requests"
            yield Problem("upstreams", what, f"Add `{region}` with its url.")
    for name, model in config.document.models.items():
        if model.klass not in schedule.bases:
            what = f"`{model.klass}` is none of the schedule's classes"
            yield Problem(f"models.{name}.class", what, did_you_mean(model.klass, schedule.bases))
    metros = {config.metro_of(name) for name in config.document.tenants}
    for metro in sorted(metros - schedule.metros):
        fix = did_you_mean(metro, sorted(schedule.metros))
        yield Problem("metro", f"`{metro}` is none of the schedule's metros", fix)


def unused(config: ServeConfig, schedule: Schedule) -> Iterator[Problem]:
    """Points that the configuration names and the schedule does not have: nothing is sent by them.
    No reason to refuse it, since a schedule to come may have them; but it may be a slip."""
    document, points = config.document, schedule.points
    known = {*points, *(point.variant for point in points.values())}
    named = {f"served.{name}": name for name in document.served}
    for region, upstream in document.upstreams.items():
        named |= {f"upstreams.{region}.points.{name}": name for name in upstream.points}
    for where, name in named.items():
        if name not in known:
            what = (
                f"`{name}` is no operating point of the schedule and no variant: it changes nothing"
            )
            yield Problem(where, what, did_you_mean(name, known))


def agreed(config: ServeConfig, schedule: Schedule) -> list[Problem]:
    """What the two do not agree on; where they do, what is unused is told in the log."""
    problems = list(mismatches(config, schedule))
    if not problems:
        for each in unused(config, schedule):
            log.warning("%s", each)
    return problems
