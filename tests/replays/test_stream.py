"""Requests of a replay: who asks, the same whatever the batches, at the rates that were asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.replays.arrivals import files as files_module
from wattlas.replays.arrivals.draws import uniform
from wattlas.replays.arrivals.stream import AtRates, Came, FromTrace, Stream
from wattlas.replays.arrivals.trace import open_trace


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example."""
    return shipped("tiny")


def _trace(path: Path, count: int, extra: str = "") -> Path:
    """Requests every two seconds; `extra` cells name metro and class."""
    rows = [f"{2 * n},{10 + n % 7},{1 + n % 5}{extra}" for n in range(count)]
    head = "arrived_at,num_prefill_tokens,num_decode_tokens" + (",metro,class" if extra else "")
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def _whole(stream: Stream) -> Came:
    return Came(*(np.concatenate(column) for column in zip(*stream.batches(), strict=True)))


def test_draws_are_uniform_and_their_own() -> None:
    """In [0, 1), even over rows, seeds and copies, and a pure function of the three."""
    row = np.arange(100_000)
    draws = [uniform(seed, row, copy) for seed in (0, 1) for copy in (0, 1)]
    for draw in draws:
        assert 0 <= draw.min() < draw.max() < 1
        counts = np.histogram(draw, 20, (0, 1))[0]
        assert ((counts - 5000) ** 2 / 5000).sum() < 50  # chi-square, 19 degrees of freedom
    for n, one in enumerate(draws):
        for other in draws[n + 1 :]:
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    np.testing.assert_array_equal(uniform(3, row[5:9]), uniform(3, row)[5:9])


@pytest.mark.parametrize("step_h", [1.0, 0.5])
def test_metros_are_drawn_by_the_demand_of_the_hour(
    tiny: Scenario, tmp_path: Path, step_h: float
) -> None:
    """Shares of metros and classes in a step are those of the scenario's demand in it."""
    tiny = replace(tiny, hours=replace(tiny.hours, step_h=step_h))
    stream = FromTrace(tiny, open_trace(_trace(tmp_path / "a.csv", 40_000)), seed=4)
    came = _whole(stream)
    hour = (came.at_s / (3600 * step_h)).astype(int)
    for t in (0, 7, 20):
        weight = tiny.demand_per_h[:, :, t].ravel()
        drawn = np.bincount(came.source[hour == t], minlength=len(weight)) / (hour == t).sum()
        np.testing.assert_allclose(drawn, weight / weight.sum(), atol=0.05)


def test_batches_and_scale_change_nothing_else(
    tiny: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut anywhere, the stream is the same; scaled, each request comes so often in the mean."""
    path = _trace(tmp_path / "a.csv", 2000)
    whole = _whole(FromTrace(tiny, open_trace(path), seed=1, scale=2.3))
    monkeypatch.setattr("wattlas.data.reader.dialect.PIECE_BYTES", 500)
    assert files_module.PIECE_BYTES > 500
    cut = FromTrace(tiny, open_trace(path), seed=1, scale=2.3)
    assert len(list(cut.batches())) > 10
    for one, other in zip(whole, _whole(cut), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(whole.at_s) == 4600
    assert len(_whole(FromTrace(tiny, open_trace(path), scale=0.1)).at_s) == 200
    other_seed = _whole(FromTrace(tiny, open_trace(path), seed=2, scale=2.3))
    assert (other_seed.source != whole.source).any()


def test_what_the_trace_names_is_kept(tiny: Scenario, tmp_path: Path) -> None:
    """Metro and class of a trace are its own; one that is not there is refused with its request."""
    metro, klass = tiny.metros[1].id, tiny.classes[0].id
    changed = {"metro": "metro", "klass": "class"}
    path = _trace(tmp_path / "a.csv", 50, f",{metro},{klass}")
    came = _whole(FromTrace(tiny, open_trace(path, "vidur", changed=changed)))
    assert set(came.source) == {len(tiny.classes)}
    wrong = _trace(tmp_path / "b.csv", 5, f",nowhere,{klass}")
    with pytest.raises(InputError, match="request 1: names the metro `nowhere`"):
        list(FromTrace(tiny, open_trace(wrong, "vidur", changed=changed)).batches())
    with pytest.raises(InputError, match="there is no class `Z`"):
        FromTrace(tiny, open_trace(path), klass="Z")


def test_rates_are_met(tiny: Scenario) -> None:
    """Even arrivals are as many as the rates add up to; Poisson ones in the mean, by seed."""
    even = _whole(AtRates(tiny, even=True, scale=0.37))
    demand = tiny.demand_per_h.reshape(-1, tiny.hours.count).sum(axis=1) * 0.37
    np.testing.assert_allclose(np.bincount(even.source, minlength=len(demand)), demand, atol=1.0)
    assert (np.diff(even.at_s) >= 0).all()
    halves = replace(tiny, hours=replace(tiny.hours, step_h=0.5))
    half = _whole(AtRates(halves, even=True, scale=0.037))
    np.testing.assert_allclose(np.bincount(half.source, minlength=len(demand)), demand / 20, atol=1)
    assert even.at_s[-1] / 2 == pytest.approx(half.at_s[-1], abs=120)
    few = len(_whole(AtRates(halves, seed=1, scale=0.1)).at_s)
    assert abs(few - tiny.demand_per_h.sum() / 20) < 5 * np.sqrt(few)
    poisson = [_whole(AtRates(tiny, seed=seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(poisson[0].at_s, poisson[1].at_s)
    assert len(poisson[0].at_s) != len(poisson[2].at_s)
    total = tiny.demand_per_h.sum()
    assert abs(len(poisson[0].at_s) - total) < 5 * np.sqrt(total)
    assert (np.diff(poisson[0].at_s) >= 0).all()
    k = poisson[0].source % len(tiny.classes)
    np.testing.assert_array_equal(poisson[0].tokens[:, 0], np.array([1000, 2000])[k])
    with pytest.raises(InputError, match="scale"):
        AtRates(tiny, scale=0.0)


def test_an_hour_without_demand_takes_the_days(tiny: Scenario, tmp_path: Path) -> None:
    """A request that comes when nobody is expected has the metros of all hours."""
    silent = replace(tiny, demand_per_h=tiny.demand_per_h * (np.arange(tiny.hours.count) > 0))
    came = _whole(FromTrace(silent, open_trace(_trace(tmp_path / "a.csv", 1000))))
    assert len(np.unique(came.source)) > 2


def test_a_chat_stays_with_who_began_it(
    tiny: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns of a chat come from the metro and class of its first one, whatever the hour and the
    batches; a parent that the trace does not hold begins a chat.
    """
    count, chats = 3000, 300
    number = np.arange(count)
    parent = np.where(number < chats, -1, number - chats) + 10_000  # turn after turn, 300 at a time
    parent[:chats] = -1
    parent[chats] = 77  # is not there
    file = tmp_path / "chats.parquet"
    pl.DataFrame(
        {
            "chat_id": number + 10_000, "parent_chat_id": parent, "timestamp": 20.0 * number,
            "input_length": 10 + number % 7, "output_length": 1 + number % 5,
        }
    ).write_parquet(file)  # fmt: skip
    first = number % chats
    first[chats::chats] = chats  # the turn whose parent is unknown, and those that follow it
    whole = _whole(FromTrace(tiny, open_trace(file), seed=2))
    np.testing.assert_array_equal(whole.source, whole.source[first])
    assert len(set(whole.source[:chats])) > 5
    twice = _whole(FromTrace(tiny, open_trace(file), seed=2, scale=2.0))
    np.testing.assert_array_equal(twice.source[::2], whole.source)
    np.testing.assert_array_equal(twice.source[1::2], twice.source[1::2][first])
    assert (twice.source[1::2] != twice.source[::2]).any()  # each copy is a chat of its own
    monkeypatch.setattr(files_module, "BATCH_ROWS", 128)
    np.testing.assert_array_equal(
        _whole(FromTrace(tiny, open_trace(file), seed=2)).source, whole.source
    )


@pytest.mark.parametrize(("cells", "noun"), [("mars,A", "metro"), ("berlin,Z", "class")])
def test_the_request_that_names_nobody_is_told(
    tiny: Scenario, tmp_path: Path, cells: str, noun: str
) -> None:
    """By its own number, however many names there are before it."""
    path = _trace(tmp_path / "a.csv", 20, ",lagos,A")
    lines = path.read_text().splitlines()
    lines[8] = lines[8].replace("lagos,A", cells)
    lines[3] = lines[3].replace("lagos,A", "delhi,D")
    path.write_text("\n".join(lines) + "\n")
    changed = {"metro": "metro", "klass": "class"}
    with pytest.raises(InputError, match=f"request 8: names the {noun} `"):
        list(FromTrace(tiny, open_trace(path, "vidur", changed=changed)).batches())
