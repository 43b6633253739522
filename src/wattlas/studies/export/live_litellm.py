"""LiteLLM with the live plane inside: a deployment per model and place, and the callback's file."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from wattlas.errors import UsageError
from wattlas.serve.config import ServeConfig
from wattlas.serve.schedule import Schedule
from wattlas.serve.table import Place, slashed
from wattlas.studies.export.litellm import PROVIDER

MODULE = "wattlas_litellm"
CALLBACK = '''

callback = from_environment()
"""What `litellm_settings.callbacks` names."""
'''


def live_config(config: ServeConfig, schedule: Schedule) -> dict[str, Any]:
    """A configuration of LiteLLM's proxy. Raises UsageError where there is nothing to route, or
    nobody to ask."""
    if config.document.decisions is None:
        raise UsageError("the configuration has no `decisions`. Add it, so that LiteLLM can ask.")
    if not config.document.models:
        raise UsageError("the configuration has no `models`. Add them: they are the model groups.")
    deployments = [
        _deployment(config, schedule, name, place, place not in full)
        for name, model in config.document.models.items()
        for places, full in [_places(schedule, model.klass)]
        for place in sorted(places)
    ]
    return {
        "model_list": deployments,
        "router_settings": {"num_retries": config.document.limits.attempts - 1},
        "litellm_settings": {"callbacks": [f"{MODULE}.callback"]},
    }


def _places(schedule: Schedule, klass: str) -> tuple[set[Place], set[Place]]:
    """Places of a class in any hour and under any contract, and those of full service."""
    own = {klass, *schedule.under(klass)}
    pairs = [
        pair
        for hour in schedule.hours
        for (_, name), pair in hour.table.pairs.items()
        if name in own
    ]
    full = {place for pair in pairs for place in pair.full.places}
    low = {place for pair in pairs if pair.low is not None for place in pair.low.places}
    return full | low, full


def _deployment(
    config: ServeConfig, schedule: Schedule, name: str, place: Place, fallback: bool
) -> dict[str, Any]:
    variant = schedule.points[place.point].variant
    served = config.document.served
    model = served.get(place.point) or served.get(variant) or variant
    address = config.endpoints.of(place.region, place.point, variant).address
    upstream = config.document.upstreams[place.region]
    key = f"os.environ/{upstream.key_env}" if upstream.key_env else "none"
    return {
        "model_name": name,
        "litellm_params": {
            "model": f"{PROVIDER}/{model}",
            "api_base": f"{address.url}/v1",
            "api_key": key,
        },
        "model_info": {
            "id": slashed(name, *place),
            "region": place.region,
            "point": place.point,
            "fallback": fallback,
        },
    }


def callback_file() -> str:
    """The file that LiteLLM loads."""
    return files("wattlas.serve").joinpath("litellm.py").read_text(encoding="utf-8") + CALLBACK
