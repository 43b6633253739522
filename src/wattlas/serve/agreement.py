"""What a configuration and a schedule do not agree on."""

from __future__ import annotations

from collections.abc import Iterator

from wattlas.errors import Problem
from wattlas.model.suggest import did_you_mean
from wattlas.serve.config import ServeConfig
from wattlas.serve.schedule import Schedule


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
