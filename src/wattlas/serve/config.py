"""The one file of configuration, `serve.yaml`: checked whole, every problem at once.

schedule: schedule.json            # what `wattlas export routing` writes
ledger: ledger.sqlite
metro: lagos                       # where requests come from, unless a tenant says otherwise
gateway: {listen: 127.0.0.1:8080}
decisions: {listen: 127.0.0.1:8081, token_sha256: …}
admin: {listen: 127.0.0.1:8082, token_sha256: …}
upstreams:
  oslo: {url: "http://oslo.internal:8000", key_env: OSLO_KEY}
models:
  llama: {class: chat}             # what clients ask for → the class of the request
served: {large: llama-70b, small: llama-8b}      # operating point or variant → upstream's name
contracts:
  green: {share_max: 3/20, window: month, zone: Europe/Berlin}
tenants:
  acme: {keys_sha256: [ … ], contract: green}
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError

from wattlas.data.schema_types import Section
from wattlas.data.yaml_lines import Document, read_yaml
from wattlas.errors import InputError, Problem
from wattlas.model.endpoints import URL_FIX, Endpoint, Endpoints, address_of
from wattlas.model.objective import Window
from wattlas.model.suggest import did_you_mean
from wattlas.policy.cap import share_of
from wattlas.serve.calendar import WindowCalendar
from wattlas.serve.ledger.book import TenantContract
from wattlas.serve.meters import (
    EnergyMeter,
    MeterSection,
    as_section,
    meter_of,
    section_problems,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LISTEN = re.compile(r"(.+):(\d{1,5})")
DIGEST_FIX = "Give the 64 hexadecimal digits of its SHA-256: printf %s KEY | sha256sum"


EndpointName = Literal["chat/completions", "completions", "embeddings", "responses", "messages"]
"""Endpoints as the configuration names them: their paths without /v1/."""


class ListenSection(Section):
    """Where a port or a Unix socket is opened, and the token that it asks for."""

    listen: str | None = None
    """HOST:PORT; port 0 takes a free one."""
    socket: str | None = None
    """Path of a Unix socket, in place of `listen`; only the user who runs the service may open it.
    """
    token_sha256: str | None = None
    """SHA-256 of the token; needed with `listen`."""


class GatewaySection(Section):
    """Where the embedded gateway listens."""

    listen: str
    """HOST:PORT; port 0 takes a free one."""


class UpstreamSection(Section):
    """Servers of a region that speak OpenAI's API."""

    url: str
    """http://HOST:PORT."""
    points: dict[str, str] = Field(default_factory=dict)
    """Operating points that other servers of the region serve, and their URL."""
    key_env: str | None = None
    """Name of the environment variable that holds the key for the upstream."""
    endpoints: list[EndpointName] = Field(default_factory=lambda: list(get_args(EndpointName)))
    """What its servers serve; everything unless given."""
    meter: Annotated[MeterSection | None, BeforeValidator(as_section)] = None
    """What its servers say of the energy of an answer; without it tokens and the profile tell."""


class ModelSection(Section):
    """A model that clients ask for."""

    klass: str = Field(alias="class")
    """The workload class that its requests are of."""
    tier: Literal["auto", "default", "flex", "priority"] = "auto"
    """What is asked for where a request does not say."""


class ContractSection(Section):
    """At most so many requests of a window may be degraded."""

    share_max: float | str
    """Degradation cap: 0.15 or 3/20."""
    window: Literal["hour", "day", "month", "all"] = "month"
    zone: str = "UTC"
    """Time zone whose midnight begins the window."""


class TenantSection(Section):
    """Who may ask, under which contract."""

    keys_sha256: list[str] = Field(min_length=1)
    """SHA-256 of each key."""
    contract: str | None = None
    """Full service without one."""
    metro: str | None = None
    """Where its requests come from; that of the file unless given."""
    most_in_flight: int = Field(default=1000, ge=1)
    """Requests that it may have open at once."""


class TelemetrySection(Section):
    """A collector of OpenTelemetry."""

    endpoint: str
    """http://HOST:PORT; metrics go to /v1/metrics there, by OTLP over HTTP."""
    every_s: float = Field(default=15.0, ge=0.05)
    traces: bool = False
    """Whether each request of the gateway is told as spans, too; they go to /v1/traces there."""


class PublishSection(Section):
    """What is published of the whole service, at `/.well-known/sustainability-data`."""

    provider: str = Field(min_length=1)
    """Who runs the service, and whom to ask."""
    methodology: str
    """https://…, a page that says how the figures are found."""
    target: str = Field(min_length=1)
    """What the figures are of: the host that clients know."""
    least_tenants: int = Field(default=3, ge=1)
    """Nothing is published of a month in which fewer had answers."""


class LimitsSection(Section):
    """Bounds on what a client or an upstream may take."""

    header_bytes: int = Field(default=16_384, ge=1024)
    body_bytes: int = Field(default=8_000_000, ge=1024)
    header_s: float = Field(default=10.0, gt=0)
    """Longest time from the first byte of a request to the end of its headers."""
    body_s: float = Field(default=60.0, gt=0)
    """Longest time until the whole body is there."""
    connect_s: float = Field(default=3.0, gt=0)
    first_byte_s: float = Field(default=60.0, gt=0)
    """Longest time until an upstream's first content byte."""
    idle_s: float = Field(default=60.0, gt=0)
    """Longest pause of a stream, on either side."""
    answer_s: float = Field(default=900.0, gt=0)
    """Longest answer."""
    answer_bytes: int = Field(default=64_000_000, ge=1024)
    event_bytes: int = Field(default=2_000_000, ge=1024)
    """Longest event of a stream."""
    attempts: int = Field(default=3, ge=1, le=10)
    """Places that are tried for one request."""
    follow_s: float = Field(default=60.0, ge=0)
    """How long a schedule that moved requests is followed before a changed file moves them again;
    twice as long each time that they would go back."""
    drain_s: float = Field(default=30.0, gt=0)
    """How long requests in flight may take after SIGTERM."""


class ServeDocument(Section):
    """The file `serve.yaml`."""

    schedule: str
    """Path of the schedule that `wattlas export routing` writes."""
    ledger: str = "ledger.sqlite"
    """Path of the ledger, or postgresql://…"""
    spool: str | None = None
    """Path of the files that keep what has ended until it is recorded: beside the ledger's file
    unless given, and nowhere for a database."""
    metro: str | None = None
    """Where requests come from, unless their tenant says otherwise."""
    gateway: GatewaySection | None = None
    decisions: ListenSection | None = None
    admin: ListenSection | None = None
    access_log: str | None = None
    """Envoy's or nginx's access log, which settles what it was told by `decisions`."""
    telemetry: TelemetrySection | None = None
    publish: PublishSection | None = None
    upstreams: dict[str, UpstreamSection] = Field(default_factory=dict)
    """Servers by region."""
    models: dict[str, ModelSection] = Field(default_factory=dict)
    """What clients may ask for."""
    served: dict[str, str] = Field(default_factory=dict)
    """The upstream's name of the model of an operating point, or of a variant."""
    contracts: dict[str, ContractSection] = Field(default_factory=dict)
    tenants: dict[str, TenantSection] = Field(default_factory=dict)
    limits: LimitsSection = Field(default_factory=LimitsSection)


@dataclass(frozen=True)
class ServeConfig:
    """A configuration that was checked, and where its file lies."""

    document: ServeDocument
    folder: Path

    @property
    def schedule_path(self) -> Path:
        """The schedule's file; a relative path is one from the configuration."""
        return self.folder / self.document.schedule

    @property
    def in_postgres(self) -> bool:
        """Whether the ledger is a database, by its address."""
        return is_database(self.document.ledger)

    @property
    def ledger_path(self) -> Path:
        """The ledger's file."""
        return self.folder / self.document.ledger

    @property
    def spool_path(self) -> Path | None:
        """How the files begin that keep what has ended; None for a database without any."""
        if self.document.spool is not None:
            return self.folder / self.document.spool
        ledger = self.ledger_path
        return None if self.in_postgres else ledger.with_name(f"{ledger.name}-ended")

    @cached_property
    def tenants_by_digest(self) -> Mapping[bytes, str]:
        """SHA-256 of a key → the tenant whose it is."""
        return {
            bytes.fromhex(digest): name
            for name, tenant in self.document.tenants.items()
            for digest in tenant.keys_sha256
        }

    @cached_property
    def contracts(self) -> Mapping[tuple[str, str], TenantContract]:
        """Contracts by tenant and id."""
        made = {}
        for name, tenant in self.document.tenants.items():
            if tenant.contract is not None:
                stated = self.document.contracts[tenant.contract]
                calendar = WindowCalendar(Window(stated.window), stated.zone)
                made[name, tenant.contract] = TenantContract(share_of(stated.share_max), calendar)
        return made

    @cached_property
    def endpoints(self) -> Endpoints:
        """Addresses of every region and operating point."""
        listed = []
        for region, upstream in self.document.upstreams.items():
            for point, url in {"": upstream.url, **upstream.points}.items():
                address = address_of(url)
                assert address is not None
                listed.append(Endpoint(region, address, point))
        return Endpoints(tuple(listed))

    @cached_property
    def upstream_keys(self) -> Mapping[str, str]:
        """Region → the key for its servers, from the environment."""
        return {
            region: os.environ[upstream.key_env]
            for region, upstream in self.document.upstreams.items()
            if upstream.key_env is not None
        }

    @cached_property
    def meters(self) -> Mapping[str, EnergyMeter]:
        """Region → what its servers say of energy."""
        return {
            region: meter_of(upstream.meter)
            for region, upstream in self.document.upstreams.items()
            if upstream.meter is not None
        }

    def serves(self, region: str, endpoint: str) -> bool:
        """Whether the servers of a region serve an endpoint."""
        return endpoint in self.document.upstreams[region].endpoints

    def metro_of(self, tenant: str) -> str:
        """Where a tenant's requests come from."""
        return self.document.tenants[tenant].metro or self.document.metro or ""


def is_database(ledger: str) -> bool:
    """Whether a ledger is a database, by its address."""
    return ledger.startswith(("postgresql://", "postgres://"))


def read_config(path: Path) -> ServeConfig:
    """The configuration in a file. Raises InputError with everything that is wrong in it."""
    document = read_yaml(path)
    try:
        typed = ServeDocument.model_validate(document.data)
    except ValidationError as fault:
        from wattlas.data.validation import form_problems  # a tenth of the service's memory

        raise InputError(list(form_problems(fault, ServeDocument, document))) from None
    problems = list(_problems(typed, document))
    if problems:
        raise InputError(problems)
    return ServeConfig(typed, path.parent)


def _problems(config: ServeDocument, at: Document) -> Iterator[Problem]:
    """What the form alone does not show."""
    if not (config.gateway or config.decisions):
        fix = "Give `gateway`, `decisions` or both a `listen`."
        yield at.problem((), "opens no port for requests", fix)
    for name in ("decisions", "admin"):
        yield from _port(at, name, getattr(config, name))
    if config.gateway is not None:
        yield from _listen(at, ("gateway", "listen"), config.gateway.listen)
        if not config.models:
            yield at.problem(
                (), "names no models, so that the gateway serves none", "Add `models`."
            )
    if config.telemetry is not None and address_of(config.telemetry.endpoint) is None:
        what = f"`{config.telemetry.endpoint}` is no address"
        yield at.problem(("telemetry", "endpoint"), what, URL_FIX)
    if config.publish is not None and not config.publish.methodology.startswith("https://"):
        what = f"`{config.publish.methodology}` is no https address"
        fix = "Give the page that says how figures are found."
        yield at.problem(("publish", "methodology"), what, fix)
    yield from _upstreams(config, at)
    yield from _contracts(config, at)
    yield from _tenants(config, at)


def _port(at: Document, name: str, port: ListenSection | None) -> Iterator[Problem]:
    if port is None:
        return
    if (port.listen is None) == (port.socket is None):
        yield at.problem((name,), "needs either `listen` or `socket`", "Give one of them.")
    if port.listen is not None:
        yield from _listen(at, (name, "listen"), port.listen)
        if port.token_sha256 is None:
            fix = "Add `token_sha256`, or use `socket`."
            yield at.problem((name,), "would be open to everybody", fix)
    if port.token_sha256 is not None and not _DIGEST.fullmatch(port.token_sha256):
        yield at.problem((name, "token_sha256"), "is no SHA-256", DIGEST_FIX)


def _listen(at: Document, path: tuple[str, ...], text: str) -> Iterator[Problem]:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > 65_535:
        yield at.problem(path, f"is `{text}`, wanted HOST:PORT", "Write 127.0.0.1:8080.")


def host_port(listen: str) -> tuple[str, int]:
    """HOST and PORT of an address that was checked."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _upstreams(config: ServeDocument, at: Document) -> Iterator[Problem]:
    for region, upstream in config.upstreams.items():
        path = ("upstreams", region)
        if address_of(upstream.url) is None:
            yield at.problem((*path, "url"), f"`{upstream.url}` is no address", URL_FIX)
        for point, url in upstream.points.items():
            if address_of(url) is None:
                yield at.problem((*path, "points", point), f"`{url}` is no address", URL_FIX)
        if upstream.key_env is not None and not os.environ.get(upstream.key_env):
            what = f"names `{upstream.key_env}`, which the environment does not hold"
            yield at.problem((*path, "key_env"), what, "Set it before the service is started.")
        if upstream.meter is not None:
            for key, what, fix in section_problems(upstream.meter):
                yield at.problem((*path, "meter", *([key] if key else [])), what, fix)


def _contracts(config: ServeDocument, at: Document) -> Iterator[Problem]:
    for name, contract in config.contracts.items():
        path = ("contracts", name)
        for key, check in (("share_max", _share), ("zone", _zone)):
            try:
                check(contract)
            except InputError as error:
                yield at.problem((*path, key), error.problems[0].what, error.problems[0].fix)


def _share(contract: ContractSection) -> Any:
    return share_of(contract.share_max)


def _zone(contract: ContractSection) -> Any:
    return WindowCalendar(Window(contract.window), contract.zone)


def _tenants(config: ServeDocument, at: Document) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, tenant in config.tenants.items():
        path = ("tenants", name)
        if tenant.contract is not None and tenant.contract not in config.contracts:
            fix = did_you_mean(tenant.contract, list(config.contracts)) or "Add it to `contracts`."
            what = f"`{tenant.contract}` is no contract"
            yield at.problem((*path, "contract"), what, fix)
        if tenant.metro is None and config.metro is None:
            yield at.problem(path, "has no metro", "Give it one, or give one for the whole file.")
        for n, digest in enumerate(tenant.keys_sha256):
            if not _DIGEST.fullmatch(digest):
                yield at.problem((*path, "keys_sha256", n), "is no SHA-256", DIGEST_FIX)
            elif owner.setdefault(digest, name) != name:
                what = f"is the key of {owner[digest]}, too"
                yield at.problem((*path, "keys_sha256", n), what, "Give each tenant its own.")
