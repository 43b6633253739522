"""Weights for gateways: the shares of the policy, whole numbers, and what each format may hold."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.acceptance.small_world import small_world
from tests.examples import examples
from tests.fleets import CLASSES, POINTS, binding_capacity
from tests.serve.live import configuration, renamed, schedule
from wattlas.cli import run
from wattlas.data.scenario_file import load
from wattlas.data.whole_file import write_texts
from wattlas.errors import InfeasibleError, InputError, UsageError
from wattlas.model.endpoints import Address, Endpoint, Endpoints, address_of
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.baselines import baseline
from wattlas.placement.problem.instance import build_instance
from wattlas.serve.config import read_config
from wattlas.serve.gateway.tell import decided_headers
from wattlas.serve.schedule import read_schedule
from wattlas.serve.table import place_of
from wattlas.studies.export import litellm
from wattlas.studies.export.envoy import ROUTES_FILE, _part, bootstrap
from wattlas.studies.export.files import folder_files, single_file
from wattlas.studies.export.gateways import Setting
from wattlas.studies.export.httproute import ai_gateway_routes, http_routes
from wattlas.studies.export.listings import sentences, weights_table
from wattlas.studies.export.live_envoy import live_bootstrap
from wattlas.studies.export.live_litellm import live_config
from wattlas.studies.export.live_nginx import live_nginx
from wattlas.studies.export.llmd import peers
from wattlas.studies.export.rounding import TOTAL, Route, routes, whole_weights, worst_rounding
from wattlas.studies.export.weights import Weights, weights
from wattlas.studies.export.yaml_text import yaml_text

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fleet whose accelerators are scarce, so that tables split."""
    folder = tmp_path_factory.mktemp("fleet")
    binding_capacity(folder)
    return folder


@pytest.fixture(scope="module")
def world(fleet: Path) -> Scenario:
    """The fleet."""
    return load(fleet)


@pytest.fixture(scope="module")
def static(world: Scenario) -> Weights:
    """One table for all hours."""
    return weights(world)


@pytest.fixture(scope="module")
def hourly(world: Scenario) -> Weights:
    """A table per UTC hour."""
    return weights(world, by_hour=True)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda shares: sum(shares) > 1e-3),
    st.integers(1, 10_000),
)
@examples(50)
@example([0.75, 0.25] * 20, 10)
def test_whole_weights_keep_the_sum(shares: list[float], total: int) -> None:
    """They add up to the total, none is negative, and none is a whole unit off; of those that lose
    as much the first are raised.
    """
    share = np.array(shares) / sum(shares)
    whole = whole_weights(share, total)
    assert whole.sum() == total
    assert (whole >= 0).all()
    assert np.abs(whole - share * total).max() < 1 + 1e-6
    lost = share * total - np.floor(share * total)
    most = sorted(range(len(share)), key=lambda d: -lost[d])[: round(lost.sum())]
    assert whole.tolist() == [int(w) + (d in most) for d, w in enumerate(np.floor(share * total))]


@pytest.mark.parametrize("by_hour", [False, True])
def test_the_table_does_what_the_policy_does(world: Scenario, by_hour: bool) -> None:
    """Demand by the shares, hour by hour, is where the compared policy places it."""
    found = weights(world, by_hour=by_hour)
    placed = baseline(build_instance(world), found.policy).to_polars()
    shares = pl.DataFrame(dict(weights_table(found)))
    hours = pl.DataFrame(
        {
            "time_utc": pl.Series(world.hours.utc.astype("datetime64[ms]")).dt.replace_time_zone(
                "UTC"
            ),
            "t": np.arange(world.hours.count),
        }
    )
    rows = placed.join(hours, on="time_utc").with_columns(
        pl.col("time_utc").dt.hour().cast(pl.Int64).alias("utc_hour")
    )
    whole = pl.col("requests_per_h").sum().over("metro", "class", "t")
    rows = rows.with_columns((pl.col("requests_per_h") / whole).alias("placed"))
    key = ["class", "metro", "region", "point", *(["utc_hour"] if by_hour else [])]
    both = rows.join(shares, on=key, how="left")
    assert both["share"].null_count() == 0
    assert both["share"].to_numpy() == pytest.approx(both["placed"].to_numpy(), abs=1e-9)


def test_what_the_tables_keep(static: Weights, hourly: Weights) -> None:
    """A table per hour keeps more than one for all, neither more than the plan; told in words."""
    assert static.kept is not None
    assert hourly.kept is not None
    assert 0 < static.kept < hourly.kept <= 1 + 1e-9
    base, table, best = static.baseline_totals, static.table_totals, static.plan_totals
    saved = (base.variable_usd - table.variable_usd) / (base.variable_usd - best.variable_usd)
    assert static.kept == pytest.approx(saved)
    assert f"keeps {static.kept:.1%} of the saving" in sentences(static)[0]
    clean = weights(static.scenario, kind="carbon")
    assert clean.table_totals.carbon_kg < static.table_totals.carbon_kg
    assert "t CO2e" in sentences(clean)[0]


def test_routes_match_all_requests_once(world: Scenario, hourly: Weights) -> None:
    """Every class and metro with demand has one route in every hour, and weights to the total."""
    wanted = {(rule.klass, metro) for rule in hourly.rules for metro in rule.metros}
    everyone = [metro.id for metro in world.metros]
    tables = routes(world, hourly.rules)
    assert len(tables) == 24
    for own in tables:
        matched = [(route.klass, m) for route in own for m in route.metros or everyone]
        assert sorted(matched) == sorted(wanted)
        assert all(sum(route.weights) == TOTAL and min(route.weights) > 0 for route in own)


def test_requests_say_the_same_in_every_hour(hourly: Weights) -> None:
    """The models of LiteLLM and the names and matches of HTTPRoutes do not change by the hour."""
    own = [litellm.config(hourly, Setting(), hour) for hour in range(24)]
    names = [
        {d["model_name"] for d in config["model_list"]}
        | set(config["router_settings"].get("model_group_alias", {}))
        for config in own
    ]
    assert all(each == names[0] for each in names)
    matches = [
        [(d["metadata"]["name"], d["spec"]["rules"][0]["matches"]) for d in documents]
        for documents in (http_routes(hourly, Setting(), hour) for hour in range(24))
    ]
    assert all(each == matches[0] for each in matches)


def test_the_worst_rounding_is_that_of_all_tables(static: Weights) -> None:
    """Of whichever rule and hour it is: thirds lose by it, halves do not."""
    (rule, *_) = static.rules
    places = (("near", "small"), ("far", "small"), ("north", "small"))
    thirds = replace(rule, places=places, share=np.array([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]))
    halves = replace(rule, places=places[:2], share=np.array([[0.5, 0.5]]))
    lost = TOTAL / 3 % 1 / TOTAL
    expected = max(lost, 1 / TOTAL - lost)
    assert worst_rounding([thirds, halves]) == pytest.approx(expected)
    assert worst_rounding([halves, thirds]) == pytest.approx(expected)
    assert worst_rounding([halves]) == 0


def test_a_group_of_litellm_is_named_for_its_class_and_metros(static: Weights) -> None:
    """By the class alone where all its requests go one way; what names metros keeps them."""
    places = (("north", "small"), ("far", "small"))
    own = [
        Route("A", ("paris", "rome"), places, (70, 30)),
        Route("A", ("lyon",), places[:1], (100,)),
        Route("D", (), places, (1, 99)),
        Route("E", ("rome",), places[1:], (100,)),
    ]
    assert litellm._group_names(own) == [
        ["A@paris", "A@rome"], ["A@lyon"], ["D"], ["E@rome"],
    ]  # fmt: skip


def test_a_metro_without_demand_gets_no_route(static: Weights) -> None:
    """Nobody decided where its requests may go, so that they match nothing; it is told."""
    own = [route for route in routes(static.scenario, static.rules)[0] if route.klass == "D"]
    assert all(route.metros for route in own)
    assert "lyon" not in {metro for route in own for metro in route.metros}
    assert any("no requests from lyon" in note for note in static.notes)


def test_an_hour_without_demand_goes_the_usual_way(tmp_path: Path) -> None:
    """Its table is the mean of the others, by demand, not what happens to cost nothing."""
    nights = [0.0] * 6 + [10.0] * 18
    s = small_world(
        tmp_path,
        price={"near": [60.0] * 24, "far": [40.0 if h % 2 else 80.0 for h in range(24)]},
        carbon={"near": [100.0] * 24, "far": [100.0] * 24},
        demand={"A": {"berlin": nights}},
        rtt_ms={"berlin": {"near": 10, "far": 40}},
        classes={"A": CLASSES["A"]},
        points=POINTS,
    )
    (rule,) = weights(s, by_hour=True).rules
    far = [n for n, (region, _) in enumerate(rule.places) if region == "far"]
    assert rule.share[0, far].sum() == pytest.approx(0.5)
    assert rule.share[6:, far].sum(axis=1) == pytest.approx([h % 2 for h in range(6, 24)])


def test_hours_that_are_not_studied_are_named(world: Scenario, tmp_path: Path) -> None:
    """A window of fewer hours than a day has no table for the others."""
    s = small_world(
        tmp_path,
        price={"near": [60.0] * 3}, carbon={"near": [100.0] * 3},
        demand={"A": {"berlin": [1.0] * 3}}, rtt_ms={"berlin": {"near": 10}},
        classes={"A": CLASSES["A"]}, points=POINTS,
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"UTC hour 03, .*23"):
        weights(s, by_hour=True)
    with pytest.raises(UsageError, match="choose cost or carbon"):
        weights(world, kind="water")
    scarce = replace(world, reserved_gpu=world.reserved_gpu * 0.01)
    few = tuple(replace(region, on_demand_gpu=0.0) for region in scarce.regions)
    with pytest.raises(InfeasibleError):
        weights(replace(scarce, regions=few))


def test_one_front_door(static: Weights) -> None:
    """A node has its own routes only; a class whose metros there go alike needs no metro."""
    node = static.scenario.nodes[static.scenario.metro_node[0]].id
    rules = static.at(node)
    assert {rule.node for rule in rules} == {node}
    (own,) = routes(static.scenario, rules, node)
    assert {route.klass: route.metros for route in own} == {"A": (), "D": ()}


def test_http_routes_keep_the_bounds_of_the_gateway_api(static: Weights) -> None:
    """Names, matches, backends and weights are within what gateway.networking.k8s.io/v1 allows."""
    documents = http_routes(static, Setting(), 0)
    names = [document["metadata"]["name"] for document in documents]
    assert len(set(names)) == len(names)
    for document in documents:
        assert (document["apiVersion"], document["kind"]) == (
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
        )
        assert [set(parent) for parent in document["spec"]["parentRefs"]] == [{"name"}]
        rules = document["spec"]["rules"]
        assert 1 <= len(rules) <= 16
        assert sum(len(rule["matches"]) for rule in rules) <= 128
        for rule in rules:
            assert 1 <= len(rule["backendRefs"]) <= 16
            assert 1 <= len(rule["matches"]) <= 64
            for match in rule["matches"]:
                assert len({h["name"].lower() for h in match["headers"]}) == len(match["headers"])
                assert all(re.fullmatch(r"[!-~]{1,256}", h["name"]) for h in match["headers"])
                assert all(h["type"] == "Exact" and h["value"] for h in match["headers"])
            for backend in rule["backendRefs"]:
                assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", backend["name"])
                assert 1 <= backend["port"] <= 65535
                assert 0 <= backend["weight"] <= 1_000_000
            assert sum(backend["weight"] for backend in rule["backendRefs"]) == TOTAL


def test_routes_of_an_ai_gateway_are_those_of_http(static: Weights) -> None:
    """The same rules, matches and weights; a backend is none of a service, so it has no port."""
    pairs = list(zip(ai_gateway_routes(static, Setting(gateway="front"), 0),
                     http_routes(static, Setting(gateway="front"), 0), strict=True))  # fmt: skip
    for own, other in pairs:
        assert (own["apiVersion"], own["kind"]) == (
            "aigateway.envoyproxy.io/v1beta1", "AIGatewayRoute",
        )  # fmt: skip
        assert own["metadata"] == other["metadata"]
        assert own["spec"]["parentRefs"] == [
            {"name": "front", "kind": "Gateway", "group": "gateway.networking.k8s.io"}
        ]
        for rule, same in zip(own["spec"]["rules"], other["spec"]["rules"], strict=True):
            assert rule["matches"] == same["matches"]
            for backend in same["backendRefs"]:
                del backend["port"]
            assert rule["backendRefs"] == same["backendRefs"]
    assert pairs


def test_more_metros_than_a_rule_matches_are_two_routes(static: Weights) -> None:
    """Metros beyond the 64 matches of a rule go to another HTTPRoute with the same weights."""
    (rule, *_) = static.rules
    many = replace(rule, metros=tuple(f"town{n}" for n in range(100)))
    documents = http_routes(replace(static, rules=(many,)), Setting(), 0)
    matches = [document["spec"]["rules"][0]["matches"] for document in documents]
    assert [len(each) for each in matches] == [64, 36]
    wide = replace(rule, places=tuple((f"r{n}", "batched") for n in range(20)),
                   share=np.full((1, 20), 0.05))  # fmt: skip
    with pytest.raises(UsageError, match="20 places"):
        http_routes(replace(static, rules=(wide,)), Setting(), 0)


def test_what_envoy_watches_lies_in_its_folder(hourly: Weights) -> None:
    """The bootstrap names the file of routes as Envoy opens it, there or here."""
    for folder, path in (("/etc/envoy/", "/etc/envoy/"), ("", "./")):
        made = json.dumps(bootstrap(hourly, Setting(folder=folder), watch=True))
        assert f'"path_config_source": {{"path": "{path}{ROUTES_FILE}"}}' in made


def test_envoy_reads_a_name_with_a_percent_sign_as_it_is() -> None:
    """In the values of headers the sign begins a variable, and is written twice."""
    made = _part(("a%b", "100%"), 7)
    for name in ("request_headers_to_add", "response_headers_to_add"):
        told = {each["header"]["key"]: each["header"]["value"] for each in made[name]}
        assert told == {"x-wattlas-region": "a%%b", "x-wattlas-point": "100%%"}
    assert made["weight"] == 7


def test_odd_names_of_places_are_told_and_matched_alike(tmp_path: Path) -> None:
    """Routes of Envoy match what decisions say in headers, a cluster is of one place, and so is a
    deployment of LiteLLM; no name is a format."""
    names = {"oslo": "a/b", "austin": "a", "large": "c é", "small": "b/100% c"}
    upstreams = {name: {"url": "http://x:1"} for name in ("a/b", "a")}
    config = configuration({}, upstreams=upstreams, access_log="a.log", decisions={"socket": "s"})
    (tmp_path / "serve.yaml").write_text(json.dumps(config))
    (tmp_path / "schedule.json").write_text(json.dumps(renamed(schedule(), names)))
    read = read_config(tmp_path / "serve.yaml"), read_schedule(tmp_path / "schedule.json")
    made = live_bootstrap(*read, "x:1", time.time())["static_resources"]
    clusters = [each["name"] for each in made["clusters"]]
    places = {place_of(name) for name in clusters[:-1]}
    assert places == read[1].places
    assert len({*clusters}) == len(clusters) == 4
    (manager,) = made["listeners"][0]["filter_chains"][0]["filters"]
    *own, undecided, _ = manager["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    for route in own:
        place = place_of(route["route"]["cluster"])
        assert place is not None
        told = {name.decode(): v.decode() for name, v in decided_headers(False, place, "", "")}
        for header in route["match"]["headers"]:
            assert header["string_match"]["exact"] == told[header["name"]]
    assert {place_of(route["route"]["cluster"]) for route in own} == places
    for part in undecided["route"]["weighted_clusters"]["clusters"]:
        added = [each["header"]["value"] for each in part["response_headers_to_add"]][2:]
        place = place_of(part["name"])
        assert place is not None
        told = {name.decode(): v.decode() for name, v in decided_headers(False, place, "", "")}
        wanted = [told[f"x-wattlas-{word}"] for word in ("region", "point")]
        assert [value.replace("%%", "%") for value in added] == wanted
        assert all(value.count("%") % 2 == 0 for value in added)
    ids = [each["model_info"]["id"] for each in live_config(*read)["model_list"]]
    assert len({*ids}) == len(ids) == 3


def test_litellm_asks_for_the_servers_that_are_missing(tmp_path: Path) -> None:
    """A region without servers is told, as it is for Envoy and nginx."""
    config = configuration({"oslo": "http://x:1"}, gateway=None, access_log="a.log")
    config["decisions"] = {"socket": "s"}
    (tmp_path / "serve.yaml").write_text(json.dumps(config))
    (tmp_path / "schedule.json").write_text(json.dumps(schedule()))
    read = read_config(tmp_path / "serve.yaml"), read_schedule(tmp_path / "schedule.json")
    for make in (
        lambda: live_config(*read),
        lambda: live_bootstrap(*read, "x:1", time.time()),
        lambda: live_nginx(*read, "x:1", time.time()),
    ):
        with pytest.raises(InputError, match="in `austin`, which has no endpoint"):
            make()


@pytest.mark.parametrize("shares", [[0.999 / 65] * 65 + [0.001], [1 / 3] * 3, [0.00004, 0.99996]])
def test_shares_of_nginx_are_a_whole(shares: list[float], tmp_path: Path) -> None:
    """Rounded to hundredths of a percent, each to less than one and all before the last to no more
    than 100."""
    names = [f"r{n:02d}" for n in range(len(shares))]
    stated, upstreams = schedule(), {name: {"url": "http://x:1"} for name in names}
    full = [
        {"region": name, "point": "large", "share": part}
        for name, part in zip(names, shares, strict=True)
    ]
    stated["hours"][0]["sets"] = [{"metro": "lagos", "class": "chat", "full": full}]
    stated |= {"regions": {name: {"pue": 1.1} for name in names}, "usual": {}}
    stated["hours"][0]["signals"] = {}
    config = configuration({}, upstreams=upstreams, access_log="a", decisions={"socket": "s"})
    (tmp_path / "serve.yaml").write_text(json.dumps(config))
    (tmp_path / "schedule.json").write_text(json.dumps(stated))
    read = read_config(tmp_path / "serve.yaml"), read_schedule(tmp_path / "schedule.json")
    text = live_nginx(*read, "x:1", time.time())
    told = {int(n): float(part) for part, n in re.findall(r"([\d.]+)% place_(\d+);", text)}
    assert sum(told.values()) <= 100.0 + 1e-9
    for n, part in enumerate(shares[:-1]):
        assert told.get(n, 0.0) == pytest.approx(100 * part, abs=0.01 + 1e-9)
    assert 100 - sum(told.values()) == pytest.approx(100 * shares[-1], abs=0.01 + 1e-9)


def test_peers_of_llm_d_are_those_that_the_table_leads_to(hourly: Weights) -> None:
    """By hour: every place with a share, once by address, in the words of its discovery file."""
    for hour in range(hourly.hours):
        rules = hourly.derived.get(None) or routes(hourly.scenario, hourly.at(None), None)
        used: dict[str, set[str]] = {}
        for rule in rules[hour]:
            for (region, point), weight in zip(rule.places, rule.weights, strict=True):
                if weight:
                    used.setdefault(region, set()).add(point)
        text = yaml_text(peers(hourly, Setting(), hour))
        (listed,) = YAML(typ="safe").load_all(text)
        assert set(listed) == {"endpoints"}
        names = [each["name"] for each in listed["endpoints"]]
        assert len(set(names)) == len(names)
        assert {each["address"] for each in listed["endpoints"]} == {
            f"{region}.internal" for region in used
        }
        for each in listed["endpoints"]:
            assert set(each) == {"name", "address", "port", "labels"}
            assert (each["port"], each["labels"]["wattlas.region"]) == ("8000", each["name"])
            # Behind an address with several points no one of them is its label.
            points = used[each["name"]]
            assert each["labels"].get("wattlas.point") == (
                next(iter(points)) if len(points) == 1 else None
            )
            assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", each["name"])


def test_servers_of_one_region_are_peers_of_their_own(hourly: Weights) -> None:
    """Where points have addresses of their own, names and labels tell them apart."""
    setting = Setting(Endpoints(pattern="http://{point}.{region}.internal:8000"))
    listed = [each for hour in range(24) for each in peers(hourly, setting, hour)[0]["endpoints"]]
    for each in listed:
        labels = each["labels"]
        host = f"{labels['wattlas.point']}.{labels['wattlas.region']}.internal"
        assert each["address"] == host
        assert each["name"].startswith(labels["wattlas.region"])


def test_names_that_would_be_one_are_refused(static: Weights) -> None:
    """Two places whose services would share a name are told, instead of being mixed."""
    (rule, *_) = static.rules
    places = (("near", "batched"), ("NEAR", "batched"))
    clash = replace(rule, places=places, share=np.array([[0.5, 0.5]]))
    with pytest.raises(UsageError, match="would be called `near-batched`"):
        http_routes(replace(static, rules=(clash,)), Setting(), 0)
    clash = replace(rule, places=(("a:b", "batched"), ("a-b", "batched")), share=clash.share)
    servers = Endpoint("a:b", Address("x", 1, False)), Endpoint("a-b", Address("y", 1, False))
    with pytest.raises(UsageError, match="2 clusters would be called `a-b`"):
        peers(replace(static, rules=(clash,)), Setting(Endpoints(servers)), 0)


def test_an_ipv6_address_has_no_brackets_beside_its_port(static: Weights) -> None:
    """Where host and port are fields of their own, as llm-d and Envoy have them."""
    (rule, *_) = static.rules
    regions = dict.fromkeys(region for region, _ in rule.places)
    setting = Setting(Endpoints(tuple(Endpoint(r, Address("[::1]", 80 + n, False))
                                      for n, r in enumerate(regions))))  # fmt: skip
    table = replace(static, rules=(rule,))
    assert {each["address"] for each in peers(table, setting, 0)[0]["endpoints"]} == {"::1"}
    assert "[::1]" not in single_file(table, setting, "envoy")


@pytest.mark.parametrize("name", ["litellm", "httproute", "aigatewayroute", "llm-d"])
def test_what_cannot_be_refused_is_not_dropped(static: Weights, name: str) -> None:
    """A table that leaves a part unserved is for Envoy alone, which answers 503 to it."""
    (rule, *_) = static.rules
    lossy = replace(rule, places=(*rule.places, ("unserved", "")),
                    share=np.append(rule.share * 0.9, [[0.1]], axis=1))  # fmt: skip
    table = replace(static, rules=(lossy,))
    with pytest.raises(UsageError, match="Take --to envoy"):
        single_file(table, Setting(), name)
    document = YAML(typ="safe", pure=True).load(single_file(table, Setting(), "envoy"))
    assert {"name": "unserved", "type": "STATIC", "connect_timeout": "5s"} in document[
        "static_resources"
    ]["clusters"]


def test_yaml_reads_the_same_everywhere() -> None:
    """Texts that YAML 1.1 takes for something else come back as they went in."""
    data = {
        "NO": ["NO", "1e6", "12:30", "on", "", "~"], "on": {"@type": "x/y", "n": 3, "yes": True},
        "𝔎 ü": "𝔎",
        "empty": {}, "none": [], "nested": [{"a": [1, {"b": "ü\n\t\"'"}]}],
    }  # fmt: skip
    text = yaml_text([data, {"second": 1}], ["A head", "of two\nlines"])
    for version in ((1, 1), (1, 2)):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version  # type: ignore[assignment]
        assert list(yaml.load_all(text)) == [data, {"second": 1}]


def test_files_by_hour_and_their_swap(hourly: Weights, tmp_path: Path) -> None:
    """24 files with the weights, and a script that puts the one of an hour in place whole."""
    files = folder_files(hourly, Setting(), "litellm")
    for hour in range(24):
        head = files[f"hours/config-{hour:02d}.yaml"].splitlines()[0]
        assert re.findall(r"UTC hour (\d+)", head) == [f"{hour:02d}"]
    assert sorted(files) == sorted(
        [*(f"hours/config-{hour:02d}.yaml" for hour in range(24)), "config.yaml", "swap.sh"]
    )
    write_texts(tmp_path, files)
    told = subprocess.run(
        ["sh", str(tmp_path / "swap.sh"), "echo", "swapped"],
        env={"WATTLAS_HOUR": "15", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (0, "swapped\n"), told.stderr
    assert (tmp_path / "config.yaml").read_text() == files["hours/config-15.yaml"]
    assert {path.name for path in tmp_path.iterdir() if path.name[0] != "."} == {
        "config.yaml", "hours", "swap.sh",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://oslo.internal:8000", ("oslo.internal", 8000, False)),
        ("https://llm.example/", ("llm.example", 443, True)),
        ("http://[::1]:80", ("[::1]", 80, False)),
        ("oslo:8000", None), ("http://a/v1", None), ("http://a:70000", None), ("", None),
        ("http://a:65535", ("a", 65535, False)), ("http://a:65536", None), ("http://a:0", None),
        ("http://a:1", ("a", 1, False)),
        ("http://a b", None), ("ftp://a", None), ("http://a..b", None), ("http://.a", None),
        (f"http://{'a' * 63}.b.", (f"{'a' * 63}.b.", 80, False)), (f"http://{'a' * 64}.b", None),
        (f"http://{'a.' * 127}a", None),
    ],
)  # fmt: skip
def test_addresses(url: str, found: tuple[str, int, bool] | None) -> None:
    """Scheme, host and port, nothing else."""
    address = address_of(url)
    assert (address and (address.host, address.port, address.tls)) == found
    assert address is None or address_of(address.url) == address


def test_a_pattern_names_region_point_and_variant() -> None:
    """Each word in braces is replaced, and what is no address then is told."""
    endpoint = Endpoints(pattern="https://{variant}.{region}.x:8{point}").of("oslo", "443", "big")
    cloud = Endpoints(pattern="http://{region}.internal:8000").of("aws:eu-north-1", "p", "v")
    assert cloud.address.host == "aws-eu-north-1.internal"
    assert endpoint.address.url == "https://big.oslo.x:8443"


def export(path: Path, *arguments: object) -> int:
    return run(["export", "weights", str(path), *map(str, arguments)])


def test_tables_by_their_ending(fleet: Path, tmp_path: Path, capsys: Captured) -> None:
    """CSV, Parquet and JSON hold the same shares; stdout tells what they keep."""
    for ending in ("csv", "parquet", "json"):
        assert export(fleet, "--out", tmp_path / f"w.{ending}") == 0
    assert "of the saving of a plan by the hour" in capsys.readouterr().out
    csv, parquet = pl.read_csv(tmp_path / "w.csv"), pl.read_parquet(tmp_path / "w.parquet")
    told = json.loads((tmp_path / "w.json").read_text())
    assert csv.equals(parquet)
    assert told["weights"] == parquet.to_dicts()
    assert 0 < told["share_of_saving"] < 1
    assert set(csv.columns) == {"class", "node", "metro", "region", "point", "share"}


def test_endpoints_of_a_table(fleet: Path, tmp_path: Path, capsys: Captured) -> None:
    """Each place has its address, a point's own before its region's; no placeholder is told."""
    table = tmp_path / "endpoints.csv"
    table.write_text(
        "region,url,point\nnear,http://near:1,\nnear,http://small:2,small\n"
        "north,https://north,\nfar,http://far:3,\n"
    )
    arguments = ["--to", "litellm", "--endpoints", table, "--out", tmp_path / "c.yaml"]
    assert export(fleet, *arguments) == 0
    assert "made up" not in capsys.readouterr().err
    config = YAML(typ="safe", pure=True).load((tmp_path / "c.yaml").read_text())
    bases = {
        m["model_info"]["id"].split("/", 1)[1]: m["litellm_params"]["api_base"]
        for m in config["model_list"]
    }
    assert bases["near/small"] == "http://small:2/v1"
    assert bases["near/batched"] == "http://near:1/v1"
    assert bases["north/small"] == "https://north:443/v1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("region,url\nnear,near:80\nnorht,http://x\n", ["no address", "Did you mean `north`"]),
        ("region,url\nnear,http://a\nnear,http://b\n", ["`near` is given twice"]),
        ("region\nnear\n", ["url", "missing"]),
        ("region,url\nnear,http://a\n", ["no endpoint"]),
    ],
)
def test_wrong_endpoints_exit_3(
    text: str, words: list[str], fleet: Path, tmp_path: Path, capsys: Captured
) -> None:
    """Every cell that is wrong is named, and every place without an address."""
    table = tmp_path / "endpoints.csv"
    table.write_text(text)
    assert export(fleet, "--to", "envoy", "--endpoints", table) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert all(word in told.err for word in words), told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "envoi"], "Did you mean `envoy`"),
        (["--out", "w.txt"], ".csv, .parquet or .json"),
        (["--out", "w"], "has no ending"),
        (["--to", "litellm", "--out", "w.json"], ".yaml or .yml"),
        (["--to", "envoy", "--by-hour"], "name a folder"),
        (["--to", "envoy", "--by-hour", "--out", "w.yaml"], "name a folder"),
        (["--by", "water"], "choose cost or carbon"),
        (["--listen", "8080", "--to", "envoy"], "HOST:PORT"),
        (["--node", "nowhere"], "no service node"),
        (["--endpoints", "http://{region}"], "--endpoints is for --to envoy"),
        (
            ["--to", "litellm", "--class-header", "x"],
            "--class-header is for --to envoy, httproute, aigatewayroute",
        ),
    ],
)
def test_wrong_usage_exits_2(
    arguments: list[str], words: str, fleet: Path, capsys: Captured
) -> None:
    """What may be asked is named, and nothing is written."""
    assert export(fleet, *arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err


def test_a_folder_by_hour_is_not_half_replaced(
    fleet: Path, tmp_path: Path, capsys: Captured
) -> None:
    """Weights for all hours would be undone by the script that swaps those by hour."""
    out = tmp_path / "gateway"
    assert export(fleet, "--to", "envoy", "--by-hour", "--out", out) == 0
    assert (out / "swap.sh").stat().st_mode & 0o100
    assert export(fleet, "--to", "envoy", "--out", out) == 2
    assert "would undo these" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("[::1]:8081", "::1", 8081),
        ("127.0.0.1:81", "127.0.0.1", 81),
        ("decide.in:9", "decide.in", 9),
    ],
)
def test_addresses_are_written_as_each_gateway_reads_them(
    tmp_path: Path, capsys: Captured, listen: str, host: str, port: int
) -> None:
    """With brackets in nginx and without them in Envoy, of the service and of servers of models;
    what is no socket is no path."""
    urls = {"oslo": f"http://{listen}", "austin": "https://llm.example"}
    stated = configuration(urls, access_log="access.log")
    stated["decisions"]["listen"] = listen
    (tmp_path / "serve.yaml").write_text(json.dumps(stated))
    (tmp_path / "schedule.json").write_text(json.dumps(schedule()))
    (tmp_path / "token").write_text("secret")
    given = [str(tmp_path / "serve.yaml"), "--token-file", str(tmp_path / "token")]
    assert run(["export", "nginx", *given]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    (asked,) = (line for line in lines if line.startswith("upstream wattlas_decisions "))
    assert f"{{ server {where} max_fails" in asked
    servers = [line for line in lines if line.startswith("upstream place_")]
    assert sum(f"{{ server {where} max_fails" in line for line in servers) == 2
    assert sum("{ server llm.example:443 max_fails" in line for line in servers) == 1
    assert run(["export", "envoy", *given]) == 0
    document = YAML(typ="safe", pure=True).load(capsys.readouterr().out)
    found = Counter[tuple[str, int]]()
    for cluster in document["static_resources"]["clusters"]:
        for group in cluster["load_assignment"]["endpoints"]:
            for each in group["lb_endpoints"]:
                address = each["endpoint"]["address"]["socket_address"]
                found[address["address"], address["port_value"]] += 1
    assert found == {(host, port): 3, ("llm.example", 443): 1}


def test_live_gateways_know_the_places_of_every_hour(tmp_path: Path, capsys: Captured) -> None:
    """Also one that only a later hour sends requests to, in full service or degraded; a place is no
    fallback if any hour has it in full."""
    stated = schedule()
    (first,) = stated["hours"]
    now = datetime.fromisoformat(first["issued_utc"])
    chat, plain = ({**each} for each in first["sets"])
    low = [("pune", "small"), ("oslo", "large")]
    chat["full"] = [{"region": "pune", "point": "large"}]
    chat["degraded"] = [{"region": r, "point": o, "share": 0.5} for r, o in low]
    issued = (now + timedelta(days=1)).isoformat()
    later = {**first, "issued_utc": issued, "sets": [chat, plain]}
    stated |= {"hours": [first, later], "regions": {**stated["regions"], "pune": {"pue": 1.2}}}
    urls = {name: f"http://{name}.in:8000" for name in ("oslo", "austin", "pune")}
    config = configuration(urls, access_log="access.log")
    (tmp_path / "serve.yaml").write_text(json.dumps(config))
    (tmp_path / "schedule.json").write_text(json.dumps(stated))
    (tmp_path / "token").write_text("secret")
    given = [str(tmp_path / "serve.yaml"), "--token-file", str(tmp_path / "token")]
    places = {("oslo", "large"), ("austin", "large"), ("oslo", "small"), ("pune", "large"),
              ("pune", "small")}  # fmt: skip
    assert run(["export", "envoy", *given]) == 0
    document = YAML(typ="safe", pure=True).load(capsys.readouterr().out)
    names = {each["name"] for each in document["static_resources"]["clusters"]}
    assert {"/".join(place) for place in places} <= names
    assert run(["export", "nginx", *given]) == 0
    servers = re.findall(r"upstream place_\d+ \{ server (\w+)\.in:", capsys.readouterr().out)
    assert Counter(servers) == Counter(region for region, _ in places)
    out = tmp_path / "litellm"
    assert run(["export", "litellm", given[0], "--out", str(out)]) == 0
    (file,) = out.glob("*.yaml")
    listed = YAML(typ="safe", pure=True).load(file.read_text())["model_list"]
    told = [each["model_info"] for each in listed]
    assert {(each["region"], each["point"]) for each in told} == places
    fallbacks = {(each["region"], each["point"]) for each in told if each.get("fallback")}
    assert fallbacks == {("oslo", "small"), ("pune", "small")}
