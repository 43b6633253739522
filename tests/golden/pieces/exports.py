"""What is written for gateways, of odd configurations and worlds, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wattlas
from tests.replays.worlds import green
from tests.serve.live import configuration, schedule
from wattlas.errors import WattlasError
from wattlas.model.endpoints import Address, Endpoint, Endpoints
from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.policy.planned import Planned
from wattlas.policy.registry import policy_of
from wattlas.serve.config import read_config
from wattlas.serve.schedule import read_schedule
from wattlas.studies.export import files as exported
from wattlas.studies.export import listings, story
from wattlas.studies.export.gateways import Setting, check_node, dns_name
from wattlas.studies.export.grafana import dashboard
from wattlas.studies.export.listings import sentences, weights_listing, weights_mapping
from wattlas.studies.export.live_envoy import live_bootstrap
from wattlas.studies.export.live_litellm import callback_file, live_config
from wattlas.studies.export.live_nginx import live_nginx, quoted
from wattlas.studies.export.rounding import routes, whole_weights
from wattlas.studies.export.schedule import schedule_of, steps_of
from wattlas.studies.export.weights import Weights, weights
from wattlas.studies.export.yaml_text import yaml_text

NOON = datetime(2026, 11, 29, 12, 20, tzinfo=UTC)
URLS = {"oslo": "https://oslo.in", "austin": "http://[::1]:81"}


def tried(work: Callable[[], Any]) -> Any:
    """What comes of it, or why not."""
    try:
        return work()
    except WattlasError as error:
        return f"refused: {error}"


def changes(kind: str, name: str, told: Any, first: dict[str, list[str]]) -> Iterator[str]:
    """The text of a kind, or in what it differs from the first one."""
    text = told if isinstance(told, str) else yaml_text([told])
    lines = text.splitlines()
    yield f"== {kind}, {name}"
    if text.startswith("refused") or kind not in first:
        first.setdefault(kind, lines)
        yield from lines
    else:
        yield from list(unified_diff(first[kind], lines, lineterm="", n=1))[2:]


def gateways(folder: Path) -> Iterator[str]:
    """Envoy, nginx and LiteLLM before the live plane."""
    path, first = folder / "serve.yaml", dict[str, list[str]]()
    stated = {**configuration(URLS), "access_log": "log of it/access.log", "limits": {}}
    stated["upstreams"]["oslo"] |= {"key_env": "A_KEY", "points": {"small": "http://s:82"}}
    plan = schedule()
    plan["hours"][0]["sets"][0]["full"][0]["share"] = plan["hours"][0]["sets"][1]["full"][0][
        "share"
    ] = 0.3
    plan["hours"][0]["sets"][0]["full"][1]["share"] = plan["hours"][0]["sets"][1]["full"][1][
        "share"
    ] = 0.7
    stated_socket = {**stated, "decisions": {"socket": "a b.sock"}, "served": {"small": "tiny"}}
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "usual": (stated, "tok en"),
        "by a socket": (stated_socket, ""),
        "without a token": (stated, ""),
        "no decisions": ({k: v for k, v in stated.items() if k != "decisions"}, ""),
        "no log": ({k: v for k, v in stated.items() if k != "access_log"}, "t"),
        "a port of IPv6": (
            {**stated, "decisions": {**stated["decisions"], "listen": "[::1]:7"}},
            "$",
        ),
    }
    for name, (said, token) in cases.items():
        path.write_text(json.dumps(said))
        (folder / "schedule.json").write_text(json.dumps(plan))
        config, made = read_config(path), read_schedule(folder / "schedule.json")
        for kind, work in (("envoy", live_bootstrap), ("nginx", live_nginx)):
            told = tried(partial(work, config, made, "[::]:99", NOON.timestamp(), token))
            yield from changes(kind, name, told, first)
        yield from changes("litellm", name, tried(partial(live_config, config, made)), first)
    yield f"{len(callback_file()) > 1000}"
    for text in ("plain/a:b@c~d+e-f", "a b", 'a"b\\c', "a$b", "a\nb", "", "å"):
        yield f"{text!r} {tried(lambda text=text: quoted(text))}"  # type: ignore[misc]


def odd(world: Scenario) -> Scenario:
    """Names that no gateway takes as they are."""
    regions = [
        replace(r, pue=1.1 + n / 7, utilisation_max=0.8) for n, r in enumerate(world.regions)
    ]
    return replace(world, regions=tuple(regions))


def shares(_folder: Path) -> Iterator[str]:
    """Tables of shares: for one node, all hours or each, and what is said of them."""
    world = odd(green(0.3))
    made = {
        "all hours": weights(world),
        "by hour": weights(world, by_hour=True),
        "carbon": weights(world, kind="carbon"),
        "short": weights(short(world)),
    }
    for name, each in made.items():
        kept = each.kept and round(each.kept, 4)
        yield f"== {name}: {each.policy} {each.kind} {kept} {each.hours}"
        yield from sentences(each)
        for node in (None, "frankfurt"):
            listing = weights_listing(each, node)
            yield f"{node} {listing.title} {[c.heading for c in listing.columns]} {listing.notes}"
            for row in zip(*listing.table.values(), strict=True):
                yield "   " + " ".join(
                    f"{v:.4g}" if isinstance(v, float | np.floating) else str(v) for v in row
                )
        told = weights_mapping(each, "frankfurt")
        assert told["notes"] == sentences(each)
        said = [told[name] for name in ("policy", "by", "hours_utc")]
        yield f"   {said} {told['rounding']['total']} {len(told['weights'])}"
        yield from of_gateways(each)
    for name, each in unlike(world).items():
        listing = weights_listing(each)
        yield f"== {name}: {each.kept and round(each.kept, 4)} {sentences(each)} {listing.notes}"
        for row in zip(*listing.table.values(), strict=True):
            yield "   " + " ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row)
    listings.MOST_RULES, most = 3, listings.MOST_RULES
    for name in ("all hours", "by hour"):
        listing = weights_listing(made[name])
        yield f"== {name}, by class: {[c.heading for c in listing.columns]} {listing.notes}"
        for row in zip(*listing.table.values(), strict=True):
            yield "   " + " ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row)
    listings.MOST_RULES = most
    for wrong in (
        lambda: weights(world, kind="price"),
        lambda: weights(world.at_hours(range(5)), by_hour=True),
        lambda: check_node(world, "frankfrt"),
    ):
        yield str(tried(wrong))


def unlike(world: Scenario) -> dict[str, Weights]:
    """Of many metros, of a plan for carbon, of one region where nothing can be saved."""
    many = replace(
        world,
        metros=tuple(replace(m, id=f"{m.id}{n}") for n in range(5) for m in world.metros),
        demand_per_h=np.tile(world.demand_per_h, (5, 1, 1)) / 5,
        network=replace(
            world.network,
            rtt_metro_node_ms=np.tile(world.network.rtt_metro_node_ms, (5, 1)),
            modelled_metro_node=np.tile(world.network.modelled_metro_node, (5, 1)),
        ),
    )
    carbon = replace(world, objective=replace(world.objective, minimise=Minimise.CARBON))
    return {"many metros": weights(many), "for carbon": weights(carbon, kind="cost")}


def remote(world: Scenario) -> Scenario:
    """Of which class A's last metro is too far from everywhere, at a price of not serving it."""
    far = world.network.rtt_metro_node_ms.copy()
    far[-1] += 1e4
    classes = tuple(replace(c, unserved_usd_per_request=1e-3) for c in world.classes)
    network = replace(world.network, rtt_metro_node_ms=far)
    return replace(world, classes=classes, network=network)


def short(world: Scenario) -> Scenario:
    """Short of accelerators at a price, so that some is refused."""
    classes = tuple(replace(c, unserved_usd_per_request=1e-5) for c in world.classes)
    return replace(world, classes=classes, reserved_gpu=world.reserved_gpu * 0.3)


def of_gateways(made: Weights) -> Iterator[str]:
    """Each format's first lines and sizes, and the whole of one hour of some."""
    at = Endpoints(
        (
            Endpoint("oslo", Address("o", 1, True)),
            Endpoint("oslo", Address("s", 2, False), "small", "Ser vice", "own"),
        ),
        pattern="http://{region}.{point}.{variant}:7",
    )
    setting = Setting(at, "frankfurt", "x-c", "x-m", "0.0.0.0", 77, "gate", "/etc/x/")
    for name in exported.FORMATS:
        if made.by_hour:
            files = tried(partial(exported.folder_files, made, setting, name))
            if isinstance(files, str):
                yield f"-- {name} {files}"
                continue
            hours = [text for file, text in files.items() if file.startswith("hours")]
            now = files[exported.FORMATS[name].file] in hours
            yield f"-- {name} {list(files)[:3]} {len(files)} {now}"
            yield files[next(k for k in files if k.endswith("-07.yaml"))][:1500]
        else:
            text = tried(partial(exported.single_file, made, setting, name))
            yield f"-- {name} {len(text)}\n{text[:2500]}"
            ending = tried(partial(exported.single_file, made, setting, name, ".json"))
            yield f"{len(ending)} {ending[:60]!r}"
            if made.kind == "carbon":
                files = tried(partial(exported.folder_files, made, setting, name))
                yield str(files if isinstance(files, str) else list(files))


def routing(_folder: Path) -> Iterator[str]:
    """Schedules of a plan and of the baseline, the story of the demo, and a dashboard."""
    world = odd(green(0.3))
    for name, policy in (
        ("plan", policy_of(world, "plan")),
        ("nearest", policy_of(world, "nearest")),
        ("short", policy_of(short(world), "plan")),
        ("remote", policy_of(remote(world), "plan")),
    ):
        assert isinstance(policy, Planned)
        part = schedule_of(policy, NOON, 3, 41, "me")
        yield f"== {name}"
        said = json.loads(part.model_dump_json(by_alias=True))
        for hour in said.pop("hours")[: 1 if name == "remote" else 3]:
            yield json.dumps(rounded(hour))
        yield json.dumps(rounded(said))
    moments = [datetime(2023, 6, 1, hour, 30, tzinfo=UTC) for hour in (0, 7, 23)]
    yield f"{steps_of(world, moments)} {steps_of(world, [NOON])}"
    yield str(tried(lambda: steps_of(world.at_hours(range(6)), moments)))
    told = story.demo_story(wattlas.example("tiny"))
    begins = told.begins_s() - told.schedule.hours[0].issued_utc.timestamp()
    yield f"{told.rtt_ms} {told.metros} {told.bases} {told.contract} {told.share_max}"
    yield f"{len(told.schedule.hours)} {begins % 3600} {told.notice}"
    yield json.dumps(dashboard(), indent=1)


def rounded(value: Any) -> Any:
    """Numbers with five digits."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def yaml(_folder: Path) -> Iterator[str]:
    """Plain data as YAML, shares as whole numbers, names for Kubernetes."""
    data = {
        "a": 1,
        "no": [],
        "x-y": {"n": None, "t": True, "e": {}},
        "l": [1, [2, "b"], {"k": "v", "m": [3]}, ()],
        "s": 'q"å',
        "1": 1e6,
    }
    yield yaml_text([data, {"b": (1, "2")}], ["one\ntwo", "three"])
    for share in (
        [1.0],
        [0.5, 0.5],
        [1 / 3, 1 / 3, 1 / 3],
        [0.1234567, 0.8765433],
        [0.0, 1.0],
        [2 / 7, 4 / 7, 1 / 7],
    ):
        parts = np.array(share)
        yield f"{share} {whole_weights(parts).tolist()} {whole_weights(parts, 10).tolist()}"
    yield f"{routes(green(0.3), [])}, where nothing is to be routed"
    yield f"{whole_weights(np.full(40, 1 / 40), 10).tolist()}, of equals the first"
    for names in (("Oslo", "large"), ("7", "x"), ("å", "b"), ("-a-", "--"), ("", "")):
        yield f"{names} {dns_name(names)!r}"
    yield (
        exported.swap_script("routes.yaml")
        + exported.hour_file("a.b.yaml", 7)
        + exported.hour_file("a.json", "$h")
    )
    yield Setting().path("x") + Setting(folder="/a/").path("x") + str(copy.copy(Setting()))


CASES = {"gateways": gateways, "shares": shares, "routing": routing, "yaml": yaml}
