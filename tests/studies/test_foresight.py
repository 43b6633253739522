"""What a forecast costs in a replay: on the forecast, on the truth, and in hindsight."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.policy.forecasts.test_outlook import long_world
from tests.shipped import shipped
from wattlas.cli import run
from wattlas.errors import InputError, UsageError
from wattlas.model.frictions import Frictions
from wattlas.model.table import rows_of
from wattlas.placement.engine.threads import VARIABLE
from wattlas.policy.forecasts.outlook import Perfect
from wattlas.policy.forecasts.told import Told
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.registry import policy_of
from wattlas.policy.rolling import rolling
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.stream import AtRates
from wattlas.report.results import open_results
from wattlas.studies.foresight import (
    ON_TRUTH,
    Foresight,
    came,
    forecast_regret,
    skill_listing,
)
from wattlas.studies.replay_runs import _groups
from wattlas.studies.replay_tables import listings

BEGIN = "2023-06-03T07:00"


def world() -> wattlas.Scenario:
    """Some weeks of few requests, with a price on starting."""
    scenario = long_world()
    return replace(
        scenario,
        demand_per_h=scenario.demand_per_h * 0.002,
        frictions=Frictions(start_usd_per_gpu_h=0.3),
    )


@pytest.fixture(scope="module")
def made() -> wattlas.studies.replays.Replayed:  # type: ignore[name-defined]
    """Three hours on persistence, two seeds."""
    told = Foresight("persistence", look_ahead_h=6)
    return wattlas.replay(
        world(), "rolling", trial=wattlas.Trial(begin=BEGIN, hours=3, seeds=2), foresight=told
    )


def test_regret_is_the_difference_on_the_same_requests(
    made: wattlas.studies.replays.Replayed,  # type: ignore[name-defined]
) -> None:
    """Every policy got them all; the table is what the totals say, as mean over seeds."""
    assert list(made.outcomes) == ["nearest", "oracle", ON_TRUTH, "rolling"]
    for seed in range(2):
        assert len({runs[seed].requests for runs in made.outcomes.values()}) == 1
    table = made.named_tables()["replay_forecast_regret"]
    for n, measure in enumerate(table["measure"]):
        pairs = zip(made.outcomes["rolling"], made.outcomes[table["against"][n]], strict=True)
        more = [getattr(a.totals, measure) - getattr(b.totals, measure) for a, b in pairs]
        assert table["value"][n] == pytest.approx(np.mean(more), abs=1e-12)
    assert set(table["against"]) == {ON_TRUTH, "oracle"}
    assert made["rolling"].totals.friction_usd > 0
    assert forecast_regret({"plan": made.outcomes["oracle"]}) is None


def test_what_comes_does_not_depend_on_what_runs_beside(
    made: wattlas.studies.replays.Replayed,  # type: ignore[name-defined]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Policies that ran at the same time did as they do one after the other."""
    stages: list[str] = []
    monkeypatch.setenv(VARIABLE, "1")
    alone = wattlas.replay(
        world(), "rolling", trial=wattlas.Trial(begin=BEGIN, hours=3),
        foresight=Foresight("persistence", look_ahead_h=6),
        progress=lambda stage, _share: stages.append(stage),
    )  # fmt: skip
    assert f"{ON_TRUTH}, seed 0" in stages
    for name in (ON_TRUTH, "rolling"):
        assert alone[name].totals == made[name].totals


def test_forecasts_are_judged_by_signal_series_and_horizon(
    made: wattlas.studies.replays.Replayed,  # type: ignore[name-defined]
) -> None:
    """Persistence, judged by itself a day ahead or less; carbon of all zones in all three hours."""
    table = made.named_tables()["replay_forecasts"]
    assert set(table["signal"]) == {"price", "carbon", "demand"}
    assert set(table["ahead_h"]) == {1, 6}
    scenario = world()
    first = int(np.flatnonzero(scenario.hours.utc == np.datetime64(BEGIN))[0])
    zone = scenario.regions[0].zone
    value = scenario.signals.average_g_per_kwh[scenario.signals.zone_index(zone)]
    hours = np.arange(first, first + 3)
    wanted = np.abs(value[hours] - value[hours - 24]).mean()
    keys = zip(table["signal"], table["series"], table["ahead_h"], strict=True)
    at = list(keys).index(("carbon", zone, 6))
    assert table["mean_absolute_error"][at] == pytest.approx(wanted)
    assert table["hours"][at] == 3
    assert table["skill"][at] <= 0
    titles = [listing.title for listing in listings(made)]
    assert titles[-2:] == ["What the forecast cost", "How good the forecasts were"]


def test_each_policy_is_made_once() -> None:
    """Whoever is compared with the same best has it once, before those that it is for."""
    world = shipped("tiny").at_hours(range(6))
    foresight = Foresight(forecast="perfect", look_ahead_h=2)
    asked = ["plan", "oracle", "rolling", "oracle"]
    made = foresight.made(asked, world, lambda: world)
    assert [each if isinstance(each, str) else each.name for each in made] == [
        "plan", "oracle", "rolling",
    ]  # fmt: skip
    alone = foresight.made(["rolling"], world, lambda: world)
    assert [each if isinstance(each, str) else each.name for each in alone] == ["oracle", "rolling"]


def test_who_runs_beside_whom() -> None:
    """Neighbours that are told forecasts, unless they share a policy, an outlook or a name."""
    world = wattlas.example("tiny").at_hours(range(2))
    (ours, theirs), (before, after) = ([make(world) for _ in "ab"] for make in (rolling, Perfect))
    told, other = Told(ours, before, "told"), Told(theirs, after, "other")
    groups = _groups(["plan", "nearest", told, other, policy_of(world, "nearest"), told])
    assert [len(group) for group in groups] == [1, 1, 2, 1, 1]
    for shares in (Told(ours, after, "a"), Told(theirs, before, "a"), Told(theirs, after, "told")):
        assert [len(group) for group in _groups([told, shares])] == [1, 1]


def test_the_past_is_of_the_same_share_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps before the first are the past, with the demand and accelerators that are replayed."""
    pasts, made = [], Foresight.made

    def seen(self: Foresight, *given: Any) -> Any:
        pasts.append(self.past)
        return made(self, *given)

    monkeypatch.setattr(Foresight, "made", seen)
    tiny = shipped("tiny")
    wattlas.replay(
        tiny, "nearest", wattlas.Traffic(world=0.25, scale=0.05),
        trial=wattlas.Trial(begin=str(tiny.hours.utc[5]), hours=1),
    )  # fmt: skip
    (past,) = pasts
    assert past is not None
    np.testing.assert_allclose(past.demand_per_h, 0.25 * tiny.demand_per_h[:, :, :5])
    np.testing.assert_array_equal(past.hours.utc, tiny.hours.utc[:5])


def test_on_the_truth_there_is_no_regret() -> None:
    """`perfect`: nothing to compare a forecast with but the oracle, and nothing is judged."""
    told = Foresight("perfect", look_ahead_h=6)
    perfect = wattlas.replay(
        world(), "rolling", trial=wattlas.Trial(begin=BEGIN, hours=2), foresight=told
    )
    assert list(perfect.outcomes) == ["nearest", "oracle", "rolling"]
    assert "replay_forecasts" not in perfect.named_tables()
    hindsight = wattlas.replay(world(), "oracle", trial=wattlas.Trial(begin=BEGIN, hours=2))
    assert hindsight["oracle"].totals == perfect["oracle"].totals


def test_the_truth_of_demand_is_what_comes() -> None:
    """Requests of a stream by metro, class and step."""
    scenario = world().at_hours(range(3))
    stream = AtRates(scenario, 1)
    counted = came(scenario, stream).demand_per_h
    assert counted.sum() == sum(len(batch.at_s) for batch in stream.batches())
    assert np.corrcoef(counted.ravel(), scenario.demand_per_h.ravel())[0, 1] > 0.9


def test_routings_are_judged_by_the_requests_that_come() -> None:
    """A twentieth of the requests, on a fifth of the accelerators: the best plan in hindsight is
    that of a twentieth of the demand, and no region is too full for it that is for all of it.
    """
    tiny = shipped("tiny").at_hours(range(3))
    tight = replace(tiny, reserved_gpu=tiny.reserved_gpu * 0.2)
    with pytest.raises(InputError, match=r"nearest: sends .* full: 3.23694 are needed of 2.4"):
        wattlas.replay(tight, "nearest")
    few = wattlas.replay(tight, "oracle", wattlas.Traffic(scale=0.05, even=True))
    wanted = wattlas.plan(replace(tight, demand_per_h=tight.demand_per_h * 0.05)).totals
    assert few["oracle"].totals.variable_usd == pytest.approx(wanted.variable_usd, rel=2e-3)


def test_a_replay_starts_friction_as_the_plan_counts_it() -> None:
    """Evenly at the plan's rates, what starts cost is the plan's within whole requests."""
    scenario = replace(world().at_hours(range(3)), demand_per_h=long_world().demand_per_h[..., :3])
    replayed = wattlas.replay(scenario, rolling(scenario, 3), wattlas.Traffic(even=True))
    wanted = wattlas.plan(scenario).totals.friction_usd
    assert wanted > 0
    assert replayed["rolling"].totals.friction_usd == pytest.approx(wanted, rel=0.02)


def test_wrong_words_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """No past, a time that is no step, a forecast that is none, hours that are none."""
    for arguments, code, words in (
        ((), 3, "hours of past before"),
        (("--begin", "2023-06-01T00:30"), 2, "is no step"),
        (("--begin", "soon"), 2, "is no step"),
        (("--forecast", "wat"), 2, "there is no `wat`"),
        (("--look-ahead", "half"), 2, "wanted whole hours"),
        (("--published", "DE"), 2, "wanted ZONE="),
    ):
        assert run(["replay", "tiny", "--policy", "rolling", "--hours", "2", *arguments]) == code
        assert words in capsys.readouterr().err
    for unheard in ("--forecast boosted", "--look-ahead 2h", "--every 3", "--past tiny",
                    "--published DE=tariff", "--weather none.csv"):  # fmt: skip
        assert run(["replay", "tiny", "--hours", "2", *unheard.split()]) == 2
        assert "for `rolling`, which is not among the policies" in capsys.readouterr().err
    with pytest.raises(UsageError, match="wanted at least 1"):
        wattlas.replay(
            world(),
            "rolling",
            trial=wattlas.Trial(begin=BEGIN),
            foresight=Foresight(look_ahead_h=0),
        )
    with pytest.raises(InputError, match="has 7 hours of past"):
        wattlas.replay(world(), "rolling", trial=wattlas.Trial(begin="2023-06-01T07:00", hours=1))


def test_from_the_command_line_to_a_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The past is a scenario of its own; the folder holds both tables."""
    shifted = _shifted(tmp_path)
    out = tmp_path / "out"
    arguments = [str(shifted), "--policy", "rolling", "--look-ahead", "4h", "--past", "tiny",
                 "--hours", "1", "--even", "--world", "1", "--out", str(out)]  # fmt: skip
    assert run(["replay", *arguments]) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    assert "What the forecast cost" in text
    results = open_results(out)
    assert results.table("replay_forecasts").filter(signal="carbon").height > 0
    assert results.table("replay_forecast_regret").height == 4


def _shifted(folder: Path) -> Path:
    """The tiny example a day later."""
    import shutil

    from wattlas.data.scenario_file import example_path

    source = example_path("tiny")
    source = source if source.is_dir() else source.parent
    made = folder / "later"
    shutil.copytree(source, made)
    for path in made.glob("*"):
        if path.suffix in (".csv", ".yaml"):
            path.write_text(path.read_text("utf-8").replace("2023-06-01", "2023-06-02"), "utf-8")
    return made


def test_skill_of_a_scenario_is_told_by_zone_and_horizon(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Learnt before a time and judged from then on, by hand for persistence; JSON, Parquet."""
    scenario = long_world().at_hours(range(24 * 9))
    made = wattlas.forecast_skill(scenario, "climatology", begin="2023-06-08", ahead_h=(1, 24))
    table = made.to_polars()
    assert table.height == 2 * 2 * len({region.zone for region in scenario.regions})
    zone = scenario.regions[0].zone
    carbon = scenario.signals.average_g_per_kwh[scenario.signals.zone_index(zone)]
    day, last = (np.abs(carbon[168:] - carbon[168 - h : -h]).mean() for h in (24, 24))
    row = table.filter(signal="carbon", series=zone, ahead_h=24).row(0, named=True)
    assert row["persistence_error"] == pytest.approx(min(day, last))
    assert row["skill"] == pytest.approx(1 - row["mean_absolute_error"] / day)
    assert row["hours"] == 48
    with pytest.raises(UsageError, match="nothing to be judged by"):
        wattlas.forecast_skill(scenario, "perfect")
    out = tmp_path / "skill"
    later = str(_shifted(tmp_path))
    arguments = ("forecast", later, "--past", "tiny", "--forecast", "persistence")
    assert run([*arguments, "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["forecast"] == "persistence"
    assert (out / "replay_forecasts.parquet").exists()
    assert run(arguments) == 0
    assert "Skill of persistence" in capsys.readouterr().out


class Recorded:
    """What a rule was shown, and what it answered."""

    name = "recorded"

    def __init__(self, rule: Policy) -> None:
        self.rule, self.seen, self.said = rule, [], []

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """As the rule."""
        routing, state = self.rule.route(observed, forecast, state)
        self.seen.append(observed)
        self.said.append((routing.metro, routing.klass, routing.region, routing.share))
        return routing, state


def hours_of(scenario: wattlas.Scenario, forecast: str) -> Recorded:
    """Least carbon beside `rolling`, three hours."""
    rule = Recorded(policy_of(scenario, "least-carbon"))
    told = Foresight(forecast, look_ahead_h=6)
    made = wattlas.replay(
        scenario, ["rolling", rule], trial=wattlas.Trial(begin=BEGIN, hours=3), foresight=told
    )
    if forecast == "persistence":
        assert any("recorded, rolling decide on the same forecasts" in n for n in made.notes)
        assert any("revised after the fact" in note for note in made.notes)
    else:
        assert any(note.startswith("oracle, recorded decide on the true") for note in made.notes)
    return rule


def test_all_policies_are_told_what_rolling_is() -> None:
    """A rule that looks at the hour sees no carbon and no unpublished price of it, and what it
    answers does not change with them; told the truth, it does."""
    scenario = world()
    last = int(np.flatnonzero(scenario.hours.utc == np.datetime64(BEGIN))[0]) + 2
    _, _, region, share = hours_of(scenario, "perfect").said[-1]
    busiest = scenario.regions[np.bincount(region, share).argmax()].zone
    carbon = scenario.signals.average_g_per_kwh.copy()
    carbon[scenario.signals.zone_index(busiest), last] *= 100.0
    other = replace(scenario, signals=replace(scenario.signals, average_g_per_kwh=carbon))
    answers = {}
    for forecast in ("persistence", "perfect"):
        one, two = hours_of(scenario, forecast), hours_of(other, forecast)
        answers[forecast] = all(map(np.array_equal, one.said[-1], two.said[-1]))
        assert np.isnan(one.seen[-1].carbon_g_per_kwh).all() == (forecast == "persistence")
        assert np.isinf(one.seen[-1].signal_age_s).any() == (forecast == "persistence")
    assert answers == {"persistence": True, "perfect": False}


def test_skill_is_told_of_the_median_series() -> None:
    """By signal and look-ahead; a series that has none is not counted, its hours are."""
    nan = float("nan")
    rows = [("price", 1, 10, 0.0), ("price", 1, 20, 0.1), ("price", 1, 30, 0.9),
            ("price", 1, 40, nan), ("carbon", 6, 5, nan)]  # fmt: skip
    names = ("signal", "ahead_h", "hours", "skill")
    table = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    told = rows_of(skill_listing(table).table)
    assert [(r["signal"], r["ahead_h"], r["series"], r["judged_hours"]) for r in told] == [
        ("price", 1, 3, 100), ("carbon", 6, 0, 5),
    ]  # fmt: skip
    assert [r["skill"] for r in told] == pytest.approx([0.1, nan], nan_ok=True)
