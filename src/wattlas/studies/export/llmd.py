"""Peer clusters for llm-d's router: its file of `multicluster-file-discovery`.

The file lists the gateways of the regions that a table leads to in an hour, and no shares: the plan
says whether a cluster is asked at all, the router how much each of them gets. Names are those of
regions; labels say region and operating point.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from wattlas.errors import UsageError
from wattlas.model.endpoints import Address
from wattlas.studies.export.gateways import (
    Setting,
    dns_name,
    endpoint_of,
    refuse_unserved,
    routes_at,
)
from wattlas.studies.export.weights import Weights

REGION, POINT = "wattlas.region", "wattlas.point"


def peers(weights: Weights, setting: Setting, hour: int) -> list[dict[str, Any]]:
    """The document: one endpoint per address. Raises UsageError where a table leaves requests
    unserved, of which a list cannot say anything."""
    refuse_unserved(weights, setting, "llm-d")
    places = sorted(
        {
            place
            for route in routes_at(weights, setting, hour)
            for place, weight in zip(route.places, route.weights, strict=True)
            if weight > 0
        }
    )
    by_address: dict[Address, list[tuple[str, str]]] = {}
    for place in places:
        address = endpoint_of(weights, setting, place).address
        by_address.setdefault(address, []).append(place)
    of_region = Counter(members[0][0] for members in by_address.values())
    made = [
        _peer(address, members, alone=of_region[members[0][0]] == 1)
        for address, members in by_address.items()
    ]
    for name, count in Counter(peer["name"] for peer in made).items():
        if count > 1:
            raise UsageError(f"{count} clusters would be called `{name}`. Rename a region.")
    return [{"endpoints": made}]


def _peer(address: Address, places: list[tuple[str, str]], *, alone: bool) -> dict[str, Any]:
    region, point = places[0]
    labels = {REGION: dns_name((region,))}
    if len(places) == 1:
        labels[POINT] = dns_name((point,))
    name = dns_name((region,) if alone else (region, point))
    return {"name": name, "address": address.bare_host, "port": str(address.port), "labels": labels}
