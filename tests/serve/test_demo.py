"""The demo: a day passes, the cap holds on the page as in the ledger, nothing is left behind."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.serve.demos import Playing, playing
from tests.serve.toys import run_apart
from wattlas.serve.decision import Reason
from wattlas.serve.demo.regions import SimulatedRegion
from wattlas.serve.demo.tally import WHY


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playing]:
    """A demo, with its temporary folder in ours."""
    with playing(tmp_path_factory.mktemp("demo")) as running:
        yield running


def get(demo: Playing, path: str, **headers: str) -> tuple[int, str]:
    """A page of the demo."""
    host = demo.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def state(demo: Playing) -> dict[str, Any]:
    """What the page shows."""
    return dict(json.loads(get(demo, "/state.json")[1]))


def test_requests_are_served_within_the_cap(demo: Playing) -> None:
    """From every metro, in several regions, with less carbon than at the baseline."""
    until = monotonic() + 30
    while state(demo)["requests"] < 150:
        assert monotonic() < until
        sleep(0.2)
    shown = state(demo)
    assert all(tenant["delivered"] for tenant in shown["tenants"])
    assert all(tenant["share"] <= tenant["cap"] == 0.15 for tenant in shown["tenants"])
    used = [each for each in shown["regions"] if each["full"] + each["degraded"]]
    assert len(used) >= 2
    assert 0 < shown["grams"] < shown["usual_grams"]
    for name in ("grams", "usual_grams"):
        assert sum(hour[name] for hour in shown["hours"]) == pytest.approx(shown[name])
    assert shown["trouble"] is None
    assert "invented" in shown["notice"]
    assert 0 < shown["next_routing_min"] <= 60
    assert all(each["why"] for each in shown["last"])
    (stated,) = (json.loads(path.read_text()) for path in demo.folder.rglob("serve.yaml"))
    assert list(stated["contracts"].values()) == [{"share_max": "3/20", "window": "day"}]


def test_a_visitor_soon_sees_answers_degraded(demo: Playing) -> None:
    """The day begins an hour before it pays: within half a minute some are degraded, and at no
    moment more of a tenant's than its cap.
    """
    until = monotonic() + 60
    while not state(demo)["highest_share"]:
        assert monotonic() < until
        sleep(0.2)
    shown = state(demo)
    by_slot = [slot["shares"] for slot in shown["promise"]]
    highest = max(share for shares in by_slot for share in shares.values())
    assert 0 < highest == shown["highest_share"] <= 0.15


def test_every_reason_has_words() -> None:
    """Those of a degraded answer say so, all others say full service."""
    assert set(WHY) == set(Reason)
    low = {reason for reason, words in WHY.items() if words.startswith("degraded: ")}
    assert low == {Reason.SAVING, Reason.FAILOVER}
    assert all(WHY[reason].startswith("full: ") for reason in set(Reason) - low)


def test_a_simulated_region_takes_its_round_trip_and_its_tokens() -> None:
    """No answer comes earlier; its usage counts the words of the question and of the answer."""
    rtt_s, ms_per_token = 0.08, 4.0

    async def ask(port: int, text: str) -> tuple[float, dict[str, Any]]:
        began = monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = {"model": "m", "messages": [{"role": "user", "content": text}]}
        body = json.dumps(said).encode()
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = int(head.partition("content-length: ")[2].split()[0])
        answer = json.loads(await reader.readexactly(size))
        took_s = monotonic() - began
        writer.close()
        return took_s, answer

    async def main() -> list[tuple[float, dict[str, Any]]]:
        region = SimulatedRegion("oslo", rtt_s * 1e3, 1)
        serving = asyncio.create_task(region.run())
        port = int(region.url.rpartition(":")[2])
        answers = await asyncio.gather(ask(port, "one two three"), ask(port, "one"))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return list(answers)

    for words_in, (took_s, answer) in zip((3, 1), run_apart(main()), strict=True):
        words = len(answer["choices"][0]["message"]["content"].split())
        assert took_s >= rtt_s + words * ms_per_token / 1e3
        usage = {"prompt_tokens": 20 * words_in, "completion_tokens": 10 * words}
        assert answer["usage"] == {**usage, "total_tokens": sum(usage.values())}
        assert answer["model"] == "m"


def test_the_page_answers_only_to_its_own_address(demo: Playing) -> None:
    """A page elsewhere that points its name here reads nothing; other paths are shut."""
    status, text = get(demo, "/")
    assert status == 200
    assert "<title>Wattlas live</title>" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert get(demo, "/state.json", Host="evil.example")[0] == 421
    assert get(demo, "/schedule.json")[0] == 404


def test_it_ends_in_order(tmp_path: Path) -> None:
    """At the first signal, and its folder is gone."""
    with playing(tmp_path) as demo:
        assert list(tmp_path.iterdir())
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=30)
        assert demo.returncode == 0
        assert "Traceback" not in said
        assert list(tmp_path.iterdir()) == []
