"""nginx with the live plane behind it: `auth_request` asks where each request goes.

The question is a request without body, so tenant, tier and model come from headers. The answer's
headers name the place; where no answer comes, requests pass in full service by fixed shares. The
access log tells what became of each, in the form of Envoy's, and settles them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wattlas.errors import UsageError
from wattlas.model.endpoints import Address
from wattlas.serve.config import ServeConfig, host_port
from wattlas.serve.gateway.endpoints import ENDPOINTS
from wattlas.serve.gateway.upstream import header_text
from wattlas.serve.schedule import Schedule
from wattlas.serve.table import Place, slashed

DECIDED_IN = "500ms"
"""How long a request waits for its decision; then it is served in full."""
TOLD = ("id", "region", "point", "model", "tier", "reason")
SHOWN = ("region", "point", "model", "tier", "reason")
"""What clients may see: the sealed decision is none of their business."""
MOST_PARTS = 10_000
"""Shares are hundredths of a percent."""
BESIDE_KEY = 31
"""Bytes that nginx holds beside a key of a map, and more."""
_PLAIN = re.compile(r"[\w.:/@~+-]+")


def live_nginx(
    config: ServeConfig, schedule: Schedule, listen: str, utc_s: float, token: str = ""
) -> str:
    """A complete nginx.conf; its relative paths are from nginx's prefix. `utc_s` says which hour's
    shares stand in while no decision can be had. Raises UsageError where the configuration lacks
    what it takes."""
    document = config.document
    if document.decisions is None:
        raise UsageError("the configuration has no `decisions`. Add it, so that nginx can ask.")
    if document.access_log is None:
        raise UsageError("the configuration has no `access_log`. Add it: it settles requests.")
    if document.decisions.token_sha256 is not None and not token:
        raise UsageError("`decisions` asks for a token. Give --token-file, or use `socket`.")
    places = sorted(schedule.places)
    log = quoted(str((config.folder / document.access_log).resolve()))
    return "\n".join(
        [
            "worker_processes auto;",
            "pid nginx.pid;",
            "error_log stderr warn;",
            "events { worker_connections 4096; }",
            "http {",
            *_indented(_paths()),
            *_indented(_upstreams(config, schedule, places)),
            *_indented(_maps(config, schedule, places, utc_s)),
            *_indented(_log(log)),
            *_indented(_server(config, listen, token)),
            "}",
            "",
        ]
    )


def quoted(text: str) -> str:
    """A text as nginx reads it. Raises UsageError for one that it would read otherwise."""
    return text if _PLAIN.fullmatch(text) else f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """A text within quotation marks. Raises UsageError for one that nginx would read otherwise."""
    if "$" in text or not text.isprintable():
        raise UsageError(f"`{text}` cannot stand in nginx's configuration. Rename it.")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _key_of(region: str, point: str) -> str:
    """A place in a map. No header of ours has a tab, and no key that begins with one has a meaning
    of its own."""
    return f'"\\t{region}\\t{point}"'


def _indented(lines: Iterator[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _paths() -> Iterator[str]:
    """Temporary files, in nginx's prefix."""
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        yield f"{name}_temp_path temp-{name};"


def _server_of(config: ServeConfig, schedule: Schedule, place: Place) -> Address:
    variant = schedule.points[place.point].variant
    return config.endpoints.of(place.region, place.point, variant).address


def _upstreams(config: ServeConfig, schedule: Schedule, places: list[Place]) -> Iterator[str]:
    decisions = config.document.decisions
    assert decisions is not None
    if decisions.socket is not None:
        where = quoted(f"unix:{(config.folder / decisions.socket).resolve()}")
    else:
        host, port = host_port(decisions.listen or "")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    yield f"upstream wattlas_decisions {{ server {where} max_fails=0; keepalive 64; }}"
    for n, place in enumerate(places):
        address = _server_of(config, schedule, place)
        server = f"server {address.host}:{address.port} max_fails=0; keepalive 64;"
        yield f"upstream place_{n} {{ {server} }}"


def _maps(
    config: ServeConfig, schedule: Schedule, places: list[Place], utc_s: float
) -> Iterator[str]:
    """What follows from the place that was decided."""
    names = [(header_text(place.region), header_text(place.point)) for place in places]
    _refuse_alike(names)
    longest = max(len(region + point) for region, point in names)
    yield f"map_hash_bucket_size {1 << (longest + BESIDE_KEY).bit_length()};"
    yield f"map {_key_of('$wattlas_region', '$wattlas_point')} $wattlas_upstream {{"
    yield "    default $wattlas_undecided;"
    for n, each in enumerate(names):
        yield f"    {_key_of(*map(_escaped, each))} place_{n};"
    yield "}"
    columns = {
        "scheme": [
            "https" if _server_of(config, schedule, place).tls else "http" for place in places
        ],
        "host": [_server_of(config, schedule, place).host for place in places],
        "key": [_key(config, place) for place in places],
        "served_region": [region for region, _ in names],
        "served_point": [point for _, point in names],
        "served": [slashed(*place) for place in places],
    }
    for name, values in columns.items():
        yield f"map $wattlas_upstream $wattlas_{name} {{"
        for n, value in enumerate(values):
            yield f"    place_{n} {quoted(value) if value else chr(34) * 2};"
        yield "}"
    yield "map $wattlas_tier $wattlas_shown_tier { default $wattlas_tier; '' full; }"
    yield "map $wattlas_reason $wattlas_shown_reason { default $wattlas_reason; '' undecided; }"
    yield "map $content_length $wattlas_bytes_in { default $content_length; '' $request_length; }"
    yield 'map "$request_completion $wattlas_end" $wattlas_flags { "OK whole" -; default CUT; }'
    yield "split_clients $request_id $wattlas_undecided {"
    yield from (f"    {line}" for line in _shares(schedule, places, utc_s))
    yield "}"


def _refuse_alike(names: Sequence[tuple[str, str]]) -> None:
    """Names of places as headers tell them: nginx does not tell large letters from small ones."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for region, point in names:
        key = region.lower(), point.lower()
        if key in seen:
            both = f"`{region}`, `{point}` and {', '.join(f'`{name}`' for name in seen[key])}"
            raise UsageError(f"nginx takes {both} for one place. Rename a region or a point.")
        seen[key] = region, point


def _key(config: ServeConfig, place: Place) -> str:
    key = config.upstream_keys.get(place.region)
    return f"Bearer {key}" if key else ""


def _shares(schedule: Schedule, places: list[Place], utc_s: float) -> Iterator[str]:
    """Full service by fixed shares."""
    sums: dict[Place, float] = {}
    for pair in schedule.at(utc_s).table.pairs.values():
        for place, share in pair.full.shares:
            sums[place] = sums.get(place, 0.0) + share
    whole = sum(sums.values())
    *first, last = sorted(sums)
    upto, before = 0.0, 0
    for place in first:
        upto += sums[place]
        # Of what all before it come to: parts that are rounded up alone may be more than a whole.
        bound = min(round(MOST_PARTS * upto / whole), MOST_PARTS)
        if bound > before:
            yield f"{(bound - before) / 100:.2f}% place_{places.index(place)};"
        before = bound
    yield f"* place_{places.index(last)};"


def _log(path: str) -> Iterator[str]:
    """What became of each request, as a line of JSON that settles it."""
    fields = {
        "id": '"$wattlas_id"', "status": "$status", "flags": '"$wattlas_flags"',
        "cluster": '"$wattlas_served"',
        "type": '"$sent_http_content_type"', "bytes_in": "$wattlas_bytes_in",
        "bytes_out": "$body_bytes_sent",
    }  # fmt: skip
    line = ",".join(f'"{name}":{value}' for name, value in fields.items())
    yield f"log_format wattlas escape=json '{{{line}}}';"
    yield f"access_log {path} wattlas;"


def _server(config: ServeConfig, listen: str, token: str) -> Iterator[str]:
    limits = config.document.limits
    paths = "|".join(re.escape(path.decode()) for path in ENDPOINTS)
    yield "server {"
    yield f"    listen {listen};"
    yield f"    client_max_body_size {limits.body_bytes};"
    yield f"    client_body_timeout {round(limits.body_s * 1000)}ms;"
    yield f"    client_header_timeout {round(limits.header_s * 1000)}ms;"
    yield "    proxy_http_version 1.1;"
    yield '    proxy_set_header Connection "";'
    yield from (f"    {line}" for line in _question(token))
    yield f"    location ~ ^({paths})$ {{"
    yield from (f"        {line}" for line in _served())
    yield "    }"
    yield "    location = /wattlas-whole { internal; set $wattlas_end whole; return 204; }"
    yield "    location / { access_log off; return 404; }"
    yield "}"


def _question(token: str) -> Iterator[str]:
    """The question, and what stands in where nobody answers it."""
    yield "location = /wattlas-decision {"
    yield "    internal;"
    yield "    proxy_pass http://wattlas_decisions/forward;"
    yield "    proxy_method GET;"
    yield "    proxy_pass_request_body off;"
    yield '    proxy_set_header Content-Length "";'
    yield '    proxy_set_header Connection "";'
    yield f"    proxy_set_header x-wattlas-token {quoted(token) if token else chr(34) * 2};"
    yield f"    proxy_connect_timeout {DECIDED_IN};"
    yield f"    proxy_read_timeout {DECIDED_IN};"
    yield "    error_page 500 502 504 = @wattlas-away;"
    yield "}"
    yield "location @wattlas-away { internal; return 204; }"


def _served() -> Iterator[str]:
    yield "limit_except POST { deny all; }"
    # For nginx a request is complete although its server broke off. Only after a whole body it
    # asks for what to add, which here is nothing but the word for the log.
    yield "set $wattlas_end cut;"
    yield "add_after_body /wattlas-whole;"
    yield "addition_types *;"
    yield "auth_request /wattlas-decision;"
    for word in TOLD:
        yield f"auth_request_set $wattlas_{word} $upstream_http_x_wattlas_{word};"
    yield "proxy_pass $wattlas_scheme://$wattlas_upstream;"
    yield "proxy_ssl_server_name on;"
    yield "proxy_ssl_name $wattlas_host;"
    yield "proxy_next_upstream off;"
    yield "proxy_buffering off;"
    yield "proxy_read_timeout 300s;"
    yield "proxy_set_header Host $wattlas_host;"
    yield 'proxy_set_header Connection "";'
    yield "proxy_set_header Authorization $wattlas_key;"
    yield 'proxy_set_header x-api-key "";'
    for word in TOLD:
        yield f'proxy_set_header x-wattlas-{word} "";'
        yield f"proxy_hide_header x-wattlas-{word};"
    values = {
        "region": "served_region", "point": "served_point", "model": "model",
        "tier": "shown_tier", "reason": "shown_reason",
    }  # fmt: skip
    for word in SHOWN:
        yield f"add_header x-wattlas-{word} $wattlas_{values[word]} always;"
