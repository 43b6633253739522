"""Where a gateway sends requests: the address of each region's servers, by operating point."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wattlas.errors import InputError, Problem

URL = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?/?")
HOST = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
"""A name: words of at most 63 letters with dots between; a dot may end it."""
PORTS = {"http": 80, "https": 443}
MOST_PORT = 65_535
NO_HOST = re.compile(r"[^A-Za-z0-9.-]")
"""What the name of a host may not hold; a dash stands for it in a pattern."""
PLACES = ("region", "point", "variant")
"""Words that a pattern may hold in braces."""
URL_FIX = "Write http://HOST:PORT or https://HOST:PORT, without a path."


@dataclass(frozen=True)
class Address:
    """Host and port, and whether TLS is spoken there."""

    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        """As it is written: `https://oslo.internal:8443`."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    @property
    def bare_host(self) -> str:
        """The host where the port stands by itself: an IPv6 address without its brackets."""
        return self.host.strip("[]")


def address_of(url: str) -> Address | None:
    """The address that an URL names; None where it is none, or has a path."""
    match = URL.fullmatch(url.strip())
    if match is None:
        return None
    port = int(match[3] or PORTS[match[1]])
    known = 0 < port <= MOST_PORT and (match[2].startswith("[") or HOST.fullmatch(match[2]))
    return Address(match[2], port, match[1] == "https") if known else None


@dataclass(frozen=True)
class Endpoint:
    """Servers of a region, or of one operating point there; `point` is empty for all of them.

    `service` is what Kubernetes calls them, `model` what LiteLLM calls the model there; a name is
    made where they are empty.
    """

    region: str
    address: Address
    point: str = ""
    service: str = ""
    model: str = ""


@dataclass(frozen=True)
class Endpoints:
    """The address of every place: those that are listed, or a pattern with `{region}` in it."""

    listed: Sequence[Endpoint] = ()
    pattern: str = ""

    def of(self, region: str, point: str, variant: str) -> Endpoint:
        """The servers of a place. Raises InputError where it has none."""
        if self.pattern:
            return Endpoint(region, self._by_pattern(region, point, variant), point)
        own = [each for each in self.listed if each.region == region]
        exact = [each for each in own if each.point == point]
        for each in exact or [each for each in own if not each.point]:
            return each
        what = f"weights lead to `{point}` in `{region}`, which has no endpoint"
        raise InputError([Problem(f"endpoints.{region}", what, "Add a row with its url.")])

    def _by_pattern(self, region: str, point: str, variant: str) -> Address:
        url = self.pattern
        for word, text in zip(PLACES, (region, point, variant), strict=True):
            url = url.replace(f"{{{word}}}", NO_HOST.sub("-", text))
        address = address_of(url)
        if address is None:
            what = f"`{self.pattern}` makes `{url}`, which is no address"
            raise InputError([Problem("--endpoints", what, URL_FIX)])
        return address
