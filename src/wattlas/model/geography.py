"""Where requests come from, where they enter, where they can run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, Bounds, numbers, refuse, series, texts
from wattlas.units import EARTH_RADIUS_KM

_SWAPPED = "Give degrees north; look for latitude and longitude swapped."
LATITUDE = Bounds(-90.0, 90.0, unknown=True, fix=_SWAPPED)
LONGITUDE = Bounds(-180.0, 180.0, unknown=True, fix="Give degrees east.")
"""Places may have no coordinates (nan) where every round trip is stated."""
PUE = Bounds(low=1.0, fix="PUE is facility energy / IT energy, not IT / facility.")
ACCELERATORS = replace(NOT_NEGATIVE, free=True)
UTILISATION = Bounds(
    1e-3, 1.0, fix="Give the share of accelerator time that may be used, e.g. 0.8."
)


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

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"metros.{self.id}."
        yield from texts(self, at, "id")
        yield from texts(self, at, "country", "jurisdiction", "node", "name", empty=True)
        yield from numbers(self, at, LATITUDE, "lat_deg")
        yield from numbers(self, at, LONGITUDE, "lon_deg")
        yield from numbers(self, at, NOT_NEGATIVE, "population")
        yield from _timezone(at, self.timezone)


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

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"nodes.{self.id}."
        yield from texts(self, at, "id")
        yield from texts(self, at, "jurisdiction", "region", "name", empty=True)
        yield from numbers(self, at, LATITUDE, "lat_deg")
        yield from numbers(self, at, LONGITUDE, "lon_deg")


@dataclass(frozen=True)
class Region:
    """A data centre on one grid zone, or its accelerators of one kind: those of several kinds are
    regions of one `site`. Prices are what the operator pays at the meter.
    """

    id: str
    lat_deg: float
    lon_deg: float
    zone: str
    """Grid zone of its price and carbon signals."""
    country: str
    jurisdiction: str
    pue: float = 1.2
    """Facility energy / IT energy, at least 1."""
    reserved_gpu: float = float("inf")
    """Accelerators held all year = GPU-h per h; `Scenario.reserved_gpu` may vary it by hour."""
    reserved_usd_per_gpu_year: float = 0.0
    """What a reserved accelerator costs a year, whether it is used or not."""
    on_demand_gpu: float = 0.0
    """How many more accelerators can be had by the hour; inf where without end."""
    on_demand_usd_per_gpu_h: float = 0.0
    """What an hour of one of those costs, paid when it is used."""
    reserved_gpu_min: float = 0.0
    """A fleet keeps at least so many reserved accelerators here: what is there already."""
    reserved_gpu_max: float = float("inf")
    """A fleet reserves at most so many here."""
    capacity_max: float = float("inf")
    """What a fleet may have at this site in any hour, reserved and on demand together."""
    power_max_kw: float = float("inf")
    """Likewise as power at the meter, each accelerator at its hungriest operating point."""
    utilisation_max: float = 1.0
    """The share of a reserved accelerator's time that a fleet may count on."""
    idle_w: float = 0.0
    """What a reserved accelerator draws while it does nothing: part of what it draws at work."""
    embodied_kg_per_gpu_year: float = 0.0
    """Carbon of making a reserved accelerator, by the year that it is held."""
    queue_ms: float = 0.0
    """Mean time that a request waits here before it is served."""
    variants: frozenset[str] | None = None
    """Model variants that run here; None means all."""
    site: str = ""
    """The data centre that it is a part of; empty: it is one. See `by_kind`."""
    hardware: str = ""
    """The kind of accelerators here; empty: of one kind, whatever it is. Operating points that name
    another kind do not run here."""
    timezone: str = "UTC"
    name: str = ""

    def __post_init__(self) -> None:
        refuse(self._problems())
        if self.variants is not None:
            object.__setattr__(self, "variants", frozenset(self.variants))

    def _problems(self) -> Iterator[Problem]:
        at = f"regions.{self.id}."
        yield from texts(self, at, "id", "zone")
        words = ("country", "jurisdiction", "name", "site", "hardware")
        yield from texts(self, at, *words, empty=True)
        yield from numbers(self, at, LATITUDE, "lat_deg")
        yield from numbers(self, at, LONGITUDE, "lon_deg")
        yield from numbers(self, at, PUE, "pue")
        yield from numbers(self, at, ACCELERATORS, "reserved_gpu", "on_demand_gpu")
        prices = ("reserved_usd_per_gpu_year", "on_demand_usd_per_gpu_h")
        yield from numbers(self, at, NOT_NEGATIVE, *prices, "queue_ms")
        yield from self._fleet_problems(at)
        yield from series(self, at, "variants", str, optional=True)
        yield from _timezone(at, self.timezone)

    def _fleet_problems(self, at: str) -> Iterator[Problem]:
        """What a fleet is asked for here."""
        kept = ("reserved_gpu_min", "idle_w", "embodied_kg_per_gpu_year")
        most = ("reserved_gpu_max", "capacity_max", "power_max_kw")
        unclear = [
            *numbers(self, at, NOT_NEGATIVE, *kept),
            *numbers(self, at, ACCELERATORS, *most),
            *numbers(self, at, UTILISATION, "utilisation_max"),
        ]
        yield from unclear
        if unclear:
            return
        for name in ("reserved_gpu_max", "capacity_max"):
            if getattr(self, name) < self.reserved_gpu_min:
                what = (
                    f"is {getattr(self, name):g}, below reserved_gpu_min {self.reserved_gpu_min:g}"
                )
                yield Problem(f"{at}{name}", what, "Raise it, or lower reserved_gpu_min.")


@lru_cache(maxsize=1024)
def is_timezone(name: str) -> bool:
    """Whether the IANA database knows a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _timezone(at: str, name: object) -> Iterator[Problem]:
    if not isinstance(name, str) or not is_timezone(name):
        what = f"is `{name}`, which is no known time zone"
        yield Problem(f"{at}timezone", what, "Use an IANA name, e.g. Africa/Lagos.")


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
