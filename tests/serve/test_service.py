"""The service around decisions: tokens, settlements, admin, files that change, an orderly end."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.serve.live import ADMIN, KEYS, TOKEN, Live, configuration, digest, schedule
from wattlas.data.whole_file import write_text
from wattlas.errors import InputError, UsageError
from wattlas.serve import envoy_log
from wattlas.serve.decision import End, Settlement
from wattlas.serve.edge import bound
from wattlas.serve.ledger.journal import Row, head_after
from wattlas.serve.run import RunningService, Watched, check_files
from wattlas.serve.schedule import read_schedule

AT_MJ = Row._fields.index("facility_mj")


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service of its own for each test."""
    made = Live(tmp_path_factory.mktemp("service"))
    made.start()
    yield made
    if not made.running.done():
        made.stop()
    made.end()


def call(
    live: Live, port: str, method: str, path: str, said: Any = None, **headers: str
) -> tuple[int, Any]:
    """Status and content of an answer; the right token unless another is given."""
    token = {"x-wattlas-token": TOKEN, "authorization": f"Bearer {ADMIN}"}
    connection = http.client.HTTPConnection(
        live.service.addresses[port].removeprefix("http://"), timeout=10
    )
    try:
        body = None if said is None else json.dumps(said)
        connection.request(method, path, body, {**token, **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        kind = answer.getheader("content-type") or ""
        return answer.status, json.loads(text) if kind.startswith("application/json") else text
    finally:
        connection.close()


def decide(live: Live, **changes: Any) -> dict[str, Any]:
    """A decision for another gateway."""
    status, made = call(
        live, "decisions", "POST", "/decide", {"tenant": "acme", "model": "llama", **changes}
    )
    assert status == 200, made
    return dict(made)


def stock(live: Live, answers: int = 20) -> None:
    """So many answers in full, and then permits in hand."""
    for _ in range(answers):
        settle(live, {"id": decide(live, service_tier="default")["id"]})
    live.settled()
    decide(live)
    _wait(lambda: live.held() > 0)


def settle(live: Live, *said: Any) -> tuple[int, int]:
    """(taken, refused)."""
    status, made = call(live, "decisions", "POST", "/settle", list(said))
    assert status == 200
    return made["settled"], made["refused"]


def test_others_decide_and_settle(live: Live) -> None:
    """The cap is kept over them as over our own gateway; a settlement counts once."""
    low = 0
    for n in range(40):
        decision = decide(live)
        low += decision["degraded"]
        assert decision["model"] == ("llama-8b" if decision["degraded"] else "llama-70b")
        assert settle(live, {"id": decision["id"], "tokens_in": 10, "tokens_out": n}) == (1, 0)
        assert settle(live, {"id": decision["id"], "tokens_in": 10, "tokens_out": n}) == (0, 1)
        assert 2 * low <= n + 1
        live.settled()
    rows = live.settled()
    assert low >= 10
    assert [row.tokens_out for row in rows] == list(range(40))
    assert live.counts() == (40, low + live.held())


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"tenant": "acme", "class": "video"}, 404, "unknown_class"),
        ({"tenant": "acme", "model": "llama", "metro": "mars"}, 404, "unknown_metro"),
        ({"tenant": "acme", "model": "gpt-9"}, 400, "missing_class"),
        ({"tenant": "acme"}, 400, "missing_class"),
        ({"tenant": "nobody", "model": "llama"}, 404, "unknown_tenant"),
        ({"tenant": "acme", "model": 7}, 400, "invalid_type"),
        ({"tenant": "acme", "model": "llama", "metro": 7}, 400, "invalid_type"),
        ({"tenant": "acme", "model": "llama", "service_tier": "gold"}, 400, "invalid_value"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    live: Live, said: Any, status: int, code: str
) -> None:
    """As the asker's mistake, which no second try repairs."""
    got, made = call(live, "decisions", "POST", "/decide", said)
    assert (got, made["error"]["code"]) == (status, code)
    assert call(live, "decisions", "DELETE", "/decide", said)[0] == 405


def test_a_models_own_tier_holds_for_others_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A model that asks for full service gets it from `/decide` as from the gateway."""
    live = Live(tmp_path_factory.mktemp("preset"))
    live.start(models={"llama": {"class": "chat", "tier": "default"}})
    try:
        assert decide(live)["reason"] == "asked"
        assert decide(live, service_tier="flex")["reason"] != "asked"
    finally:
        live.stop()
        live.end()


def test_a_forged_settlement_is_refused(live: Live) -> None:
    """A changed letter of decision or seal, an id alone, and what makes no sense."""
    sealed = decide(live)["id"]
    number, moment, letters = sealed.split(".")
    id, later = f"{number}.{moment}", f"{moment[:-1]}{'8' if moment[-1] == '9' else '9'}"
    wrong = [
        f"{id}.{'A' * 20}{letters[20:]}", f"{number}9.{moment}.{letters}",
        f"{number}.{later}.{letters}", id, f"{id}.{letters[20:]}",
        "", "..",
        f"{id}.{letters[:-8]}AAAA{letters[-4:]}", sealed + "é",
    ]  # fmt: skip
    assert settle(live, *({"id": text} for text in wrong)) == (0, len(wrong))
    assert settle(live, 7, None, {}, {"id": sealed, "end": "well"}) == (0, 4)
    assert live.rows() == []
    assert settle(live, {"id": sealed}, {"id": sealed}) == (1, 1)


def test_a_settlement_survives_a_restart_and_counts_once(live: Live) -> None:
    """Decided before, settled after, twice."""
    sealed = decide(live)["id"]
    live.stop()
    live.start()
    assert settle(live, {"id": sealed}) == (1, 0)
    live.settled()
    settle(live, {"id": sealed})
    assert len(live.settled()) == 1
    assert live.counts()[0] == 1


def test_a_fallback_that_was_not_decided_is_charged(live: Live) -> None:
    """Who served the small model although the large one was decided uses up the share."""
    decision = decide(live, service_tier="default")
    settle(live, {"id": decision["id"], "region": "oslo", "point": "small"})
    row = live.settled()[-1]
    assert (row.degraded, row.model_served) == (True, "llama-8b")
    assert live.counts() == (1, 1)


@pytest.mark.parametrize(
    ("port", "path"),
    [("decisions", "/decide"), ("decisions", "/settle"), ("decisions", "/routing"),
     ("decisions", "/authz/v1/chat/completions"), ("admin", "/metrics"),
     ("admin", "/statements/acme/2026-11.json"), ("admin", "/reload")],
)  # fmt: skip
@pytest.mark.parametrize("token", ["", "wrong"])
def test_ports_ask_for_their_token(live: Live, port: str, path: str, token: str) -> None:
    """Each for its own; a client's key opens none."""
    for key in (token, KEYS["acme"], TOKEN if port == "admin" else ADMIN):
        told = {"x-wattlas-token": key, "authorization": f"Bearer {key}"}
        method = "POST" if path in ("/decide", "/settle", "/reload") else "GET"
        assert call(live, port, method, path, [], **told)[0] == 401


def test_admin_shows_metrics_and_statements(live: Live) -> None:
    """Sums are those of the rows, exactly, and the chain's head is that of the rows."""
    for n in range(12):
        settle(live, {"id": decide(live)["id"], "tokens_in": 7 * n, "tokens_out": 11})
        live.settled()
    rows = live.settled()
    month = time.strftime("%Y-%m", time.gmtime())
    status, made = call(live, "admin", "GET", f"/statements/acme/{month}.json")
    assert status == 200
    for name in ("it_mj", "facility_mj", "average_ug", "nano_usd", "usual_mj"):
        assert made["total"][name] == sum(getattr(row, name) for row in rows)
        for part in ("by_region", "by_hour"):
            assert made["total"][name] == sum(each[name] for each in made[part].values())
    assert made["chain"]["head"] == head_after(rows).hex()
    assert made["total"]["degraded"] == made["contracts"][0]["degraded"] > 0
    status, text = call(live, "admin", "GET", f"/statements/acme/{month}.csv")
    lines = text.splitlines()
    assert lines[0].startswith("part,name,region,vintages,requests,whole,degraded")
    assert lines[-1].startswith(f"total,{month},,,12,12,")
    status, text = call(live, "admin", "GET", f"/statements/acme/{month}.html")
    assert status == 200
    assert made["chain"]["head"] in text
    status, text = call(live, "admin", "GET", f"/statements/acme/{month}.jsonl")
    first, *proof = text.splitlines()
    head = bytes.fromhex(json.loads(first)["head_before"])
    for line in proof:
        head = sha256(head + line.encode()).digest()
    assert head.hex() == json.loads(first)["head"] == made["chain"]["head"]
    assert len(proof) == made["chain"]["number"] == 12
    assert sum(json.loads(line)[AT_MJ] for line in proof) == made["total"]["facility_mj"]
    assert call(live, "admin", "GET", "/statements/acme/2026-13.jsonl")[0] == 400
    assert call(live, "admin", "GET", "/statements/acme/2026-13.json")[0] == 400
    for month in ("0000-01", "0001-01", "1969-12", "9999-12"):
        status, said = call(live, "admin", "GET", f"/statements/acme/{month}.json")
        assert (status, "no month" in said["error"]) == (400, True)
    month = time.strftime("%Y-%m", time.gmtime())
    assert call(live, "admin", "GET", f"/statements/nobody/{month}.json")[0] == 404
    status, text = call(live, "admin", "GET", "/metrics")
    assert 'wattlas_decisions_total{reason="saving"}' in text
    assert "wattlas_full_service 0.0" in text
    assert 'wattlas_degraded_share_ratio{contract="green",tenant="acme",window="all"}' in text


def test_a_ledger_that_does_not_answer_is_no_bug(tmp_path: Path) -> None:
    """Statements and what is published are refused until it does."""
    live, ledger = Live(tmp_path), tmp_path / "ledger.sqlite"
    said = {"provider": "Acme", "methodology": "https://acme.example", "target": "api.acme"}
    live.start(publish={**said, "least_tenants": 1})
    paths = (
        ("admin", "/statements/acme/2026-11.json"),
        ("gateway", "/.well-known/sustainability-data"),
    )
    try:
        ledger.rename(tmp_path / "aside")
        ledger.mkdir()
        for port, path in paths:
            status, told = call(live, port, "GET", path)
            assert (status, "ledger does not answer" in str(told)) == (503, True)
        ledger.rmdir()
        (tmp_path / "aside").rename(ledger)
        assert [call(live, *each[:1], "GET", each[1])[0] for each in paths] == [200, 404]
    finally:
        live.stop()
        live.end()


def test_tenants_and_tokens_may_have_any_letters(tmp_path: Path) -> None:
    """A tenant whose name has a slash has statements, and a token beyond ASCII is known."""
    live = Live(tmp_path)
    tenants = {"a/b é": {"keys_sha256": [digest("sk-ab")]}}
    live.start(tenants=tenants, admin={"listen": "127.0.0.1:0", "token_sha256": digest("tökén")})
    try:
        token = "Bearer tökén".encode().decode("latin-1")
        path = f"/statements/{quote('a/b é', safe='')}/2026-11.json"
        status, made = call(live, "admin", "GET", path, authorization=token)
        assert (status, made["tenant"]) == (200, "a/b é")
        assert call(live, "admin", "GET", path, authorization="Bearer token")[0] == 401
    finally:
        live.stop()
        live.end()


def test_a_socket_that_is_served_is_not_taken(tmp_path: Path) -> None:
    """Of a process that lives; that of one that has ended is."""
    path = tmp_path / "s"
    with bound(None, path) as first:
        first.listen()
        with pytest.raises(UsageError, match="in use"):
            bound(None, path)
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(path))
    with bound(None, path) as second:
        assert second.getsockname() == str(path)


def test_no_client_makes_a_label(live: Live) -> None:
    """What a reporter says of models, of where a request was served and of how tokens were found is
    `other` in the metrics where nobody configured it; its row has it."""
    for n in range(5):
        bomb = f"bomb-{n}"
        said = {"model_asked": bomb, "model": bomb, "region": bomb, "point": bomb, "method": bomb}
        settle(live, {"id": decide(live)["id"], **said})
    assert {row.region for row in live.settled()} == {f"bomb-{n}" for n in range(5)}
    text = call(live, "admin", "GET", "/metrics")[1]
    assert "bomb" not in text
    assert 'model_requested="other"' in text
    assert 'region="other"' in text
    assert 'wattlas_tokens_total{method="other"' not in text  # none were told


def test_routing_and_health_are_shown(live: Live) -> None:
    """What holds now, and whether anything may be degraded."""
    status, made = call(live, "decisions", "GET", "/routing")
    assert (status, made["epoch"]) == (200, 3)
    assert made["sets"][0]["full"] == [
        {"region": "oslo", "point": "large", "share": 0.5},
        {"region": "austin", "point": "large", "share": 0.5},
    ]
    assert call(live, "decisions", "GET", "/healthz")[1]["status"] == "ok"


BAD = {
    "cut short": lambda plan: json.dumps(plan)[:-40],
    "empty": lambda plan: "",
    "another format": lambda plan: json.dumps({**plan, "format": "weights"}),
    "an old epoch": lambda plan: json.dumps({**plan, "epoch": 1}),
    "no hour": lambda plan: json.dumps({**plan, "hours": []}),
    "an unknown region": lambda plan: json.dumps(plan).replace('"austin"', '"mars"', 1),
    "a region without servers": lambda plan: json.dumps(plan).replace("austin", "mars"),
    "NaN": lambda plan: json.dumps(plan).replace('"share": 0.5', '"share": NaN', 1),
    "a negative share": lambda plan: json.dumps(plan).replace('"share": 0.5', '"share": -0.5', 1),
    "shares of 0.9": lambda plan: json.dumps(plan).replace('"share": 0.5', '"share": 0.4', 1),
    "negative carbon": lambda plan: json.dumps(plan).replace("30.0", "-30.0"),
    "kg instead of g": lambda plan: (
        json.dumps(plan).replace("30.0", "0.03").replace("400.0", "0.4")
    ),
    "per MWh instead of per kWh": lambda plan: json.dumps(plan).replace("400.0", "400000.0"),
    "a spike of 100": lambda plan: json.dumps(plan).replace(
        '"average_g_per_kwh": 30.0', '"average_g_per_kwh": 3000.0'
    ),
    "a price in another unit": lambda plan: json.dumps(plan).replace("50.0", "50000.0"),
    "an hour twice": lambda plan: json.dumps({**plan, "hours": plan["hours"] * 2}),
    "HTML": lambda plan: "<!doctype html><title>503</title>",
    "an unknown key": lambda plan: json.dumps({**plan, "more": 1}),
    "a PUE below 1": lambda plan: json.dumps(plan).replace("1.1", "0.9"),
}


@pytest.mark.parametrize("name", ["full", "degraded"])
def test_every_place_is_one_of_the_schedule(tmp_path: Path, name: str) -> None:
    """Also where a request is degraded to, and where nobody asks whether it has a server."""
    for key, known in (("region", "oslo"), ("point", "small" if name == "degraded" else "large")):
        stated = schedule()
        (place, *_) = stated["hours"][0]["sets"][0][name]
        assert place[key] == known
        stated["hours"][0]["sets"][0][name][0] = {**place, key: "mars"}
        path = tmp_path / "schedule.json"
        path.write_text(json.dumps(stated))
        with pytest.raises(InputError, match="`mars` is no"):
            read_schedule(path)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_schedule_never_replaces_a_good_one(live: Live, name: str) -> None:
    """It is refused with what is wrong, and decisions go on."""
    path = live.folder / "schedule.json"
    before = live.service.plane.schedule
    path.write_text(BAD[name](schedule(epoch=4)))
    status, made = call(live, "admin", "POST", "/reload")
    assert status == 422
    assert made["problems"]
    assert live.service.plane.schedule is before
    assert decide(live)["epoch"] == 3
    assert live.service.plane.events["schedules_refused"] >= 1


def test_files_that_change_are_taken(live: Live) -> None:
    """A schedule, and a contract whose share is lowered: nothing is granted until it holds."""
    stock(live)
    write_text(live.folder / "schedule.json", json.dumps(schedule(epoch=9)))
    urls = {region: stub.url for region, stub in live.stubs.items()}
    contract = {"green": {"share_max": "1/10", "window": "all"}}
    live.write(configuration(urls, contracts=contract), schedule(epoch=9))
    until = time.monotonic() + 10
    while live.service.plane.schedule.epoch != 9 and time.monotonic() < until:
        time.sleep(0.02)
    assert decide(live)["epoch"] == 9
    _wait(lambda: live.held() == 0)
    while not (decision := decide(live))["degraded"]:
        settle(live, {"id": decision["id"]})
        _wait(lambda: not live.service.plane.book.pending)
        assert live.counts()[0] < 200
    delivered, granted = live.counts()
    assert 10 * granted <= delivered + live.held() + 1


def test_a_file_that_is_being_written_is_left_alone() -> None:
    """It is taken once, when it stood still from one look to the next; so is one that goes back."""
    old, half, new = [(1, 5, 90), None], [(1, 6, 40), None], [(1, 7, 95), None]
    watched = Watched(old)
    looks = (old, half, new, new, new, half, half, old, new, new, old, old, old)
    told = [n for n, stamps in enumerate(looks) if watched.changed(stamps)]
    assert told == [3, 6, 9, 11]


def test_an_old_schedule_means_full_service(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Decisions go on by it, and say why."""
    live = Live(tmp_path_factory.mktemp("old"))
    live.write()
    live.start()
    try:
        for _ in range(8):
            settle(live, {"id": decide(live)["id"]})
        live.settled()
        old = schedule(hold_s=1.0, epoch=5)
        (live.folder / "schedule.json").write_text(json.dumps(old))
        assert call(live, "admin", "POST", "/reload")[0] == 200
        assert decide(live)["reason"] == "stale-table"
        assert call(live, "decisions", "GET", "/healthz")[1]["trouble"] == "stale-table"
    finally:
        live.stop()
        live.end()


def test_a_store_that_fails_means_full_service(live: Live) -> None:
    """Counted and shown; when it answers again the rows are recorded, and degrading goes on."""
    for _ in range(12):
        settle(live, {"id": decide(live)["id"]})
        live.settled()
    store = live.service.plane.store
    record, store.record = store.record, _fails  # type: ignore[method-assign]
    before = len(live.settled())
    sealed = [decide(live)["id"] for _ in range(3)]
    assert settle(live, *({"id": each} for each in sealed)) == (3, 0)
    _wait(lambda: live.service.plane.book.trouble == "store")
    assert decide(live)["reason"] == "store"
    assert call(live, "decisions", "GET", "/healthz")[1]["status"] == "full service"
    assert "wattlas_full_service 1.0" in call(live, "admin", "GET", "/metrics")[1]
    store.record = record  # type: ignore[method-assign]
    _wait(lambda: live.service.plane.book.trouble is None)
    _wait(lambda: len(live.rows()) == before + 3)
    _wait(lambda: decide(live)["degraded"])


def _fails(batch: Any) -> Any:
    raise OSError("the disk is full")


def _wait(condition: Any) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_set_means_full_service(live: Live, days: int) -> None:
    """For a while; the window of each request is that of its own time."""
    plane = live.service.plane
    keeper = plane.keeper
    for _ in range(8):
        settle(live, {"id": decide(live)["id"]})
    live.settled()
    keeper._clock = lambda: time.time() + 86_400.0 * days
    _wait(lambda: plane.book.trouble == "clock")
    assert decide(live)["reason"] == "clock"
    assert keeper.jumps == 1


def test_the_end_is_orderly(live: Live) -> None:
    """Permits in hand are returned, all rows are recorded, the ports are closed."""
    stock(live)
    last = [decide(live)["id"] for _ in range(5)]
    settle(live, *({"id": each} for each in last))
    in_flight = len(live.service.plane.book.in_flight)
    host = live.service.addresses["decisions"].removeprefix("http://")
    live.stop()
    rows = live.rows()
    low = sum(d.degraded for d in live.service.plane.book.in_flight.values())
    assert (len(rows), in_flight) == (25, 1)
    assert live.counts() == (25, low + sum(row.degraded for row in rows))
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(host, timeout=10).connect()


def test_every_problem_of_a_configuration_is_named(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """At once, each with its place."""
    live = Live(tmp_path_factory.mktemp("wrong"))
    stated = configuration(
        {"oslo": "http://x/path"},
        gateway={"listen": "8080"},
        decisions={"listen": "127.0.0.1:0"},
        contracts={"green": {"share_max": 1.5, "zone": "Mars"}},
        tenants={
            "a": {"keys_sha256": ["xyz"], "contract": "gren"},
            "b": {"keys_sha256": ["0" * 64]}, "c": {"keys_sha256": ["0" * 64]},
        },
    )  # fmt: skip
    path = live.write(stated)
    with pytest.raises(InputError) as caught:
        check_files(path)
    places = {problem.where for problem in caught.value.problems}
    assert places >= {
        "gateway.listen", "decisions", "upstreams.oslo.url", "contracts.green.share_max",
        "contracts.green.zone", "tenants.a.contract", "tenants.a.keys_sha256[0]",
        "tenants.c.keys_sha256[0]",
    }  # fmt: skip
    path.write_text(json.dumps({"shedule": "x", "ledger": 7}))
    with pytest.raises(InputError) as caught:
        check_files(path)
    assert len(caught.value.problems) == 2
    live.end()


def test_an_epoch_that_no_ledger_keeps_is_refused(tmp_path: Path) -> None:
    """Every row has it."""
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(schedule(epoch=2**63 - 1)))
    assert read_schedule(path).epoch == 2**63 - 1
    path.write_text(json.dumps(schedule(epoch=2**63)))
    with pytest.raises(InputError, match="epoch"):
        read_schedule(path)


def test_models_of_a_class_that_the_schedule_lacks_are_refused(tmp_path: Path) -> None:
    """Each of their requests would be; at the start, and by a new configuration or schedule."""
    live = Live(tmp_path)
    live.start()
    try:
        urls = {region: stub.url for region, stub in live.stubs.items()}
        models = {"llama": {"class": "chta"}}
        live.write(configuration(urls, models=models))
        (problem,) = live.service.plane.take_config(tmp_path / "serve.yaml")
        assert (problem.where, problem.fix) == ("models.llama.class", "Did you mean `chat`?")
        with pytest.raises(InputError, match="`chta` is none of the schedule's classes"):
            check_files(tmp_path / "serve.yaml")
        live.write(configuration(urls))
        assert live.service.plane.take_config(tmp_path / "serve.yaml") == []
    finally:
        live.stop()
        live.end()


def test_points_that_the_schedule_lacks_are_told_and_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A schedule to come may have them; as `served` names points, so do addresses of a region."""
    live = Live(tmp_path)
    live.start()
    try:
        urls = {region: stub.url for region, stub in live.stubs.items()}
        stated = configuration(urls, served={"large": "llama-70b", "lagre": "x"})
        stated["upstreams"]["oslo"]["points"] = {"smal": urls["oslo"], "small": urls["oslo"]}
        path = live.write(stated)
        what = "is no operating point of the schedule and no variant: it changes nothing"
        told = [
            f"served.lagre: `lagre` {what}. Did you mean `large`?",
            f"upstreams.oslo.points.smal: `smal` {what}. Did you mean `small`?",
        ]
        assert live.service.plane.take_config(path) == []
        assert caplog.messages[-2:] == told
        caplog.clear()
        check_files(path)
        assert caplog.messages == told
    finally:
        live.stop()
        live.end()


def test_a_bug_beside_the_requests_loses_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told when it happens, and all that ended is recorded at the end."""
    monkeypatch.setattr(envoy_log.EnvoyLog, "_read", lambda log: 1 // 0)
    live = Live(tmp_path)
    live.start(access_log="access.log")
    try:
        settle(live, {"id": decide(live)["id"]})
        assert live.service.plane.events["work_ended"] == 1
        assert "ZeroDivisionError" in caplog.text
        live.stop()
        assert len(live.rows()) == 1
    finally:
        live.end()


def test_a_request_that_was_decided_belongs_to_its_window(live: Live) -> None:
    """However late it ends."""
    plane = live.service.plane
    facts = plane.facts(plane.new_id(), "acme", "chat", *_asked(), "lagos")
    decision = plane.decide(facts)
    assert decision is not None
    assert decision.window == "all"
    late = Settlement(End.WHOLE, decision.place, decision.degraded, plane.clock() + 1e7)
    assert plane.settle(facts.id, late)


def _asked() -> tuple[Any]:
    from wattlas.serve.decision import Asked

    return (Asked.AUTO,)


def test_a_port_that_is_taken_is_told(live: Live) -> None:
    """Before anything else is done."""
    urls = {region: stub.url for region, stub in live.stubs.items()}
    taken = live.url.removeprefix("http://")
    path = live.write(configuration(urls, gateway={"listen": taken}, ledger="other.sqlite"))
    with pytest.raises(Exception, match="cannot be listened at"):
        live.call(_open(path))


async def _open(path: Any) -> RunningService:
    return RunningService(path)
