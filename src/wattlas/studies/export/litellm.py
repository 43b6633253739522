"""Weights for LiteLLM: a model group per class, and per metros that go another way.

A client asks for the model `A`, or `A@berlin` where metros go different ways; LiteLLM's
`simple-shuffle` draws a deployment of that group by its weight.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from wattlas.serve.table import slashed
from wattlas.studies.export.gateways import Setting, endpoint_of, refuse_unserved, routes_at
from wattlas.studies.export.rounding import Route
from wattlas.studies.export.weights import Weights

PROVIDER = "hosted_vllm"
"""What speaks OpenAI's protocol without a key; `model` of an endpoint says otherwise."""


def config(weights: Weights, setting: Setting, hour: int) -> dict[str, Any]:
    """A configuration of LiteLLM. Raises UsageError where a table leaves requests unserved."""
    refuse_unserved(weights, setting, "LiteLLM")
    own = routes_at(weights, setting, hour)
    names = _group_names(own)
    models = [
        _deployment(weights, setting, names[n][0], place, weight)
        for n, route in enumerate(own)
        for place, weight in zip(route.places, route.weights, strict=True)
    ]
    aliases = {alias: names[n][0] for n in range(len(own)) for alias in names[n][1:]}
    settings: dict[str, Any] = {"routing_strategy": "simple-shuffle"}
    if aliases:
        settings["model_group_alias"] = aliases
    return {"model_list": models, "router_settings": settings}


def _group_names(own: list[Route]) -> list[list[str]]:
    """The names of each route's group: `A`, or `A@berlin` and the other metros that go there."""
    count = Counter(route.klass for route in own)
    return [
        [route.klass]
        if count[route.klass] == 1 and not route.metros
        else [f"{route.klass}@{metro}" for metro in route.metros]
        for route in own
    ]


def _deployment(
    weights: Weights, setting: Setting, group: str, place: tuple[str, str], weight: int
) -> dict[str, Any]:
    endpoint, variant = endpoint_of(weights, setting, place), weights.variant_of[place[1]]
    return {
        "model_name": group,
        "litellm_params": {
            "model": endpoint.model or f"{PROVIDER}/{variant}",
            "api_base": f"{endpoint.address.url}/v1",
            "weight": weight,
        },
        "model_info": {"id": slashed(group, *place), "region": place[0], "point": place[1]},
    }
