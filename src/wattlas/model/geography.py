"""Where requests come from, where they enter, where they can run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.units import EARTH_RADIUS_KM


@dataclass(frozen=True)
class Metro:
    """A client metro: where requests come from."""

    id: str
    lat_deg: float
    lon_deg: float
    timezone: str
    """IANA name, e.g. `Africa/Lagos`."""
    country: str
    """ISO 3166-1 alpha-2."""
    jurisdiction: str
    """The legal area that residency rules speak of, e.g. `EU`, `IN`, `US`."""
    population: float = 0.0
    """Persons served from here."""
    node: str = ""
    """Id of the service node that its clients reach."""
    name: str = ""


@dataclass(frozen=True)
class ServiceNode:
    """The API front door: holds session state; traffic to the regions leaves from it."""

    id: str
    lat_deg: float
    lon_deg: float
    jurisdiction: str = ""
    region: str = ""
    """Id of the region that pinned state lives in: the nearest one unless given."""
    name: str = ""


@dataclass(frozen=True)
class Region:
    """A data centre on one grid zone. Prices are what the operator pays at the meter."""

    id: str
    lat_deg: float
    lon_deg: float
    zone: str
    """Grid zone of its price and carbon signals."""
    country: str
    jurisdiction: str
    pue: float = 1.2
    """Facility energy / IT energy, at least 1."""
    capacity_gpu: float = float("inf")
    """Accelerators available = GPU-h per h; `Scenario.capacity_gpu` may vary it by hour."""
    rent_usd_per_gpu_h: float = 0.0
    """Accelerator rent, or its opportunity cost."""
    queue_ms: float = 0.0
    """Mean time that a request waits here before it is served."""
    variants: frozenset[str] | None = None
    """Model variants that run here; None means all."""
    timezone: str = "UTC"
    name: str = ""


def great_circle_km(
    lat_a_deg: np.ndarray, lon_a_deg: np.ndarray, lat_b_deg: np.ndarray, lon_b_deg: np.ndarray
) -> np.ndarray:
    """Great-circle distance between each point of a and each of b: shape (len(a), len(b)), km.

    The haversine formula on a sphere of the mean radius of the Earth.
    """
    lat_a, lon_a = np.radians(np.asarray(lat_a_deg))[:, None], np.radians(lon_a_deg)[:, None]
    lat_b, lon_b = np.radians(np.asarray(lat_b_deg))[None, :], np.radians(lon_b_deg)[None, :]
    h = (
        np.sin((lat_a - lat_b) / 2) ** 2
        + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_a - lon_b) / 2) ** 2
    )
    km: np.ndarray = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0)))
    return km
