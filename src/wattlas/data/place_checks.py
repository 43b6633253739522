"""Plausibility by place and distance: a sign that is wrong, two numbers swapped, light outrun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np

from wattlas.model.geography import great_circle_km, is_timezone

LIGHT_KM_PER_MS = 299.792458
"""In a vacuum: nothing is faster, and glass is slower by half."""
SLOWEST_MS = 3_000.0
"""No published round trip comes near."""
ROUNDING_MS = 0.5
FAR_KM, NEAR_KM, NEARER = 2500.0, 2000.0, 3.0
"""A place farther than the first from its zone's town is suspected where a slip of the pen would
put it nearer than the second, and so many times nearer: wide countries are no slips."""
FAR_H = 3.5
"""No clock is farther from the sun than this."""


@dataclass(frozen=True)
class Site:
    """Where something stands, degrees."""

    lat_deg: float
    lon_deg: float


def misplaced(place: Site, zone: str | None) -> tuple[str, str] | None:
    """What is wrong with a place whose time zone contradicts it, and the fix; None if nothing."""
    if zone is None or not is_timezone(zone):
        return None
    town = _towns().get(zone)
    stands = f"({place.lat_deg:g}, {place.lon_deg:g}) does not fit {zone}"
    far_km = 0.0 if town is None else _km(place, town)
    if town is not None and far_km > FAR_KM:
        for other, slip in _slips(place):
            if _km(other, town) < min(NEAR_KM, far_km / NEARER):
                fix = f"Did you mean lat_deg {other.lat_deg:g}, lon_deg {other.lon_deg:g}?"
                return f"{stands}: {slip}", fix
    off_h = _offset_h(zone) - place.lon_deg / 15.0
    off_h = abs((off_h + 12.0) % 24.0 - 12.0)
    if off_h <= FAR_H or zone.startswith("Etc/"):
        return None
    what = f"{stands}: its clock is {off_h:.1f} h from the sun there"
    return what, "Check the longitude, its sign, and the time zone."


def _slips(place: Site) -> Iterator[tuple[Site, str]]:
    """What a place may have been meant to be."""
    lat, lon = place.lat_deg, place.lon_deg
    yield Site(lat, -lon), "the longitude looks as if it had the wrong sign"
    yield Site(-lat, lon), "the latitude looks as if it had the wrong sign"
    if abs(lon) <= 90:
        yield Site(lon, lat), "latitude and longitude look swapped"


def implausible_trip(a: Site | None, b: Site | None, rtt_ms: float) -> tuple[str, str] | None:
    """What is wrong with a round trip that no signal can make, and the fix; None if nothing.

    Light bounds it from below; from above what no network takes, satellites included.
    """
    if rtt_ms > SLOWEST_MS:
        return f"is {rtt_ms:,.0f} ms, slower than any network", "Is it in microseconds? Give ms."
    if a is None or b is None:
        return None
    km = _km(a, b)
    least_ms = 2.0 * km / LIGHT_KM_PER_MS
    if rtt_ms + ROUNDING_MS >= least_ms:
        return None
    what = f"is {rtt_ms:g} ms over {km:,.0f} km, where light takes {least_ms:.1f} ms"
    return what, "Check the round trip (is it one way?) and the coordinates of both."


def _km(a: Site, b: Site) -> float:
    start, other = np.array([[p.lat_deg, p.lon_deg] for p in (a, b)]).T
    return float(great_circle_km(start[:1], other[:1], start[1:], other[1:])[0, 0])


@cache
def _offset_h(zone: str) -> float:
    """Standard time of a zone against UTC, h."""
    info = ZoneInfo(zone)
    offsets = [datetime(2023, m, 1, tzinfo=UTC).astimezone(info).utcoffset() for m in (1, 7)]
    return min(o.total_seconds() for o in offsets if o is not None) / 3600.0


@cache
def _towns() -> dict[str, Site]:
    """The town that each zone is named for, from the IANA database; none where it is not there."""
    try:
        text = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError):
        return {}
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {row[2]: _place(row[1]) for row in rows}


def _place(text: str) -> Site:
    """`+415100-0873900`, degrees with minutes and perhaps seconds."""
    cut = max(text.rfind("+"), text.rfind("-"))

    def degrees(part: str, width: int) -> float:
        digits = part[1:]
        whole, rest = float(digits[:width]), digits[width:]
        value = whole + float(rest[:2]) / 60.0 + float(rest[2:] or 0) / 3600.0
        return -value if part[0] == "-" else value

    return Site(degrees(text[:cut], 2), degrees(text[cut:], 3))
