"""A user's own policy, from a file, a module or a distribution; and every way in which it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from textwrap import dedent

import numpy as np
import pytest

import wattlas
from tests.policy.asked import driven
from tests.replays.worlds import Fixed, thin
from tests.shipped import shipped
from wattlas.cli import run
from wattlas.errors import InputError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.policy.registry import check, is_own, policy_of
from wattlas.policy.routing import Routing
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.run import replay

MINE = dedent(
    """
    from dataclasses import dataclass
    from wattlas.policy.registry import policy_of

    @dataclass
    class Counted:
        inner: object

    class Mine:
        name = "mine"

        def __init__(self, scenario, by="carbon", twice=1.0):
            self.inner = policy_of(scenario, f"greedy:by={by}")
            self.twice = twice

        def route(self, observed, forecast, state):
            routing, _ = self.inner.route(observed, forecast, state)
            return routing, {"asked": state.get("asked", 0) + 1}

    class Nothing:
        pass

    class Nameless:
        def __init__(self, scenario): pass
        def route(self, observed, forecast): pass

    class Unnamed(Mine):
        name = " "

    class Broken:
        name = "broken"
        def __init__(self, scenario): raise OSError("no such oracle")

    class Refusing:
        name = "refusing"
        def __init__(self, scenario):
            from wattlas.errors import InputError, Problem
            raise InputError([Problem("signals.price", "is too flat", "Give another.")])

    number = 3
    """
)


@pytest.fixture(scope="module")
def world() -> Scenario:
    """The first hours of the tiny example."""
    return thin(shipped("tiny"), 0.01)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file with a policy and several that are none."""
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def routes_by_carbon(world: Scenario, spec: str) -> None:
    own, wanted = policy_of(world, spec), policy_of(world, "greedy:by=carbon")
    for got, other in zip(driven(world, own), driven(world, wanted), strict=True):
        np.testing.assert_array_equal(got.share, other.share)
        np.testing.assert_array_equal(got.region, other.region)
    assert is_own(spec)


def test_a_class_of_a_file(world: Scenario, mine: Path) -> None:
    """A class by its file is made with the scenario and the options, numbers as numbers."""
    routes_by_carbon(world, f"{mine}:Mine")
    made = policy_of(world, f"{mine}:Mine:by=cost,twice=2")
    assert made.twice == 2.0  # type: ignore[attr-defined]


def test_files_of_one_name_stay_apart(world: Scenario, mine: Path) -> None:
    """And apart from a module that is called so."""
    other = mine.parent / "other" / "json.py"
    other.parent.mkdir()
    other.write_text(mine.read_text().replace("number = 3", "number = 4"))
    mine = mine.rename(mine.with_name("json.py"))
    made = [policy_of(world, f"{path}:Mine") for path in (mine, other)]
    homes = [sys.modules[type(each).__module__] for each in made]
    assert [home.number for home in homes] == [3, 4]
    assert sys.modules["json"] is json


def test_what_a_policy_refuses_in_our_words_stays(world: Scenario, mine: Path) -> None:
    """A problem that it names itself is not wrapped in another."""
    with pytest.raises(InputError) as caught:
        policy_of(world, f"{mine}:Refusing")
    (problem,) = caught.value.problems
    assert (problem.where, problem.what) == ("signals.price", "is too flat")


def test_options_are_numbers_where_they_may_be(world: Scenario, mine: Path) -> None:
    """Whole, with a point or an exponent; else they are words."""
    for text, value in (("3", 3.0), ("0.5", 0.5), ("1e-3", 1e-3), ("two", "two")):
        assert policy_of(world, f"{mine}:Mine:twice={text}").twice == value  # type: ignore[attr-defined]


def test_a_class_of_a_module(world: Scenario, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class by its module, as Python finds it."""
    package = mine.parent / "their_package_of_policies"
    package.mkdir()
    (package / "__init__.py").touch()
    mine.rename(package / "rules.py")
    monkeypatch.syspath_prepend(str(mine.parent))
    routes_by_carbon(world, "their_package_of_policies.rules:Mine")


def test_a_policy_of_a_distribution(
    world: Scenario, mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an installed distribution registers is there by name, in lists, and on the terminal."""
    folder = mine.parent
    mine.rename(folder / "their_policies_module.py")
    info = folder / "their_policies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-policies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[wattlas.policies]\ntheirs = their_policies_module:Mine\n"
        "gone = their_policies_module:Gone\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    routes_by_carbon(world, "theirs")
    with pytest.raises(UsageError, match=r"hourly-shares.*, gone, theirs, all"):
        check("wat")
    with pytest.raises(InputError, match=r"policy.gone: \(their_policies_module:Gone\) cannot be"):
        policy_of(world, "gone")
    arguments = ("tiny", "--hours", "1", "--scale", "0.01", "--policy", "theirs,plan")
    assert run(["replay", *arguments, "--against", "theirs", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["replay_policies"]
    assert rows["policy"] == ["nearest", "mine", "plan"]
    assert rows["against"] == ["mine"] * 3
    sys.modules.pop("their_policies_module", None)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{folder}/none.py:Mine", "there is no such file"),
        ("{folder}/mine.py:Wat", r"names `Wat`, which .* does not have. It has Mine, Nameless"),
        ("{folder}/mine.py", "names no class. Give ./file.py:Class"),
        ("{folder}/mine.py:number", "names `number`, which is no class"),
        ("{folder}/mine.py:Nothing", r"cannot be made: TypeError"),
        ("{folder}/mine.py:Mine:wat=1", r"cannot be made: TypeError: .*'wat'"),
        ("{folder}/mine.py:Broken", r"cannot be made: OSError: no such oracle \(line \d+ of"),
        ("{folder}/mine.py:Nameless", r"has no `name`(.|\n)*a `route` that takes other arguments"),
        ("{folder}/mine.py:Unnamed", r"has no `name`, which results call it by"),
        ("{folder}/wrong.py:Mine", r"cannot be imported: SyntaxError"),
        ("no_such_package_at_all:Mine", r"cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_is_no_policy(world: Scenario, mine: Path, spec: str, words: str) -> None:
    """A file, class or object that is none is one error that names it and says why."""
    (mine.parent / "wrong.py").write_text("class Mine:\n  def")
    text = spec.format(folder=mine.parent)
    with pytest.raises(InputError, match=words) as caught:
        policy_of(world, text)
    assert all(problem.where.startswith("policy.") for problem in caught.value.problems)


def _abroad(routing: Routing) -> Routing:
    return replace(routing, region=np.full_like(routing.region, 2))


def _half(routing: Routing) -> Routing:
    return replace(routing, share=routing.share * 0.5)


def _with(name: str, value: object) -> Callable[[Routing], Routing]:
    """A change of one column to a value throughout."""
    return lambda routing: replace(routing, **{name: np.full(len(routing.share), value)})  # type: ignore[arg-type]


def _shorter(routing: Routing) -> Routing:
    return replace(routing, share=routing.share[1:])


def _ends(_routing: Routing) -> Routing:
    raise SystemExit(3)


def _fails(_routing: Routing) -> Routing:
    raise ZeroDivisionError("of my own making")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_abroad, r"policy.fixed: sends requests of \S+, class \S+, from {utc}Z .* forbidden: "),
        (_half, r"policy.fixed: at {utc}Z: routing.\S+.full has shares that add up to 0.5"),
        (_fails, r"policy.fixed: fails at {utc}Z: ZeroDivisionError: of my own making \(line"),
        (lambda routing: None, r"policy.fixed: answers at {utc}Z with tuple, wanted a routing"),
        (_ends, r"policy.fixed: fails at {utc}Z: SystemExit: 3 \(line"),
        (_with("share", "x"), r"policy.fixed: at {utc}Z: routing.share is no array of numbers"),
        (_with("share", np.nan), "routing.share is negative or no number"),
        (_with("share", -1.0), "routing.share is negative or no number"),
        (_with("degraded", 2), "routing.degraded is no array of True and False"),
        (_with("region", 99), "routing.region names none of the 3 ids"),
        (_with("region", 0.5), "routing.region names none of the 3 ids"),
        (_shorter, "routing has columns of unequal length"),
        (lambda routing: replace(routing, saving_usd=np.ones(3)), r"has the shape \(3,\), wanted"),
        (lambda routing: replace(routing, threshold_usd=None), "threshold_usd is no array of num"),
        (lambda routing: replace(routing, issued_utc=None), "issued_utc is None, no numpy.dat"),
        (
            lambda routing: replace(routing, issued_utc=np.datetime64("1999-01-01T00:00:00")),
            r"policy.fixed: is asked at {utc}Z and answers with a routing of 1999-01-01T00:00:00Z",
        ),
        (lambda routing: replace(routing, hold_s=60.0), "holds 60 s, and the next one is asked"),
    ],
)
def test_answers_that_break_a_rule(
    world: Scenario, change: Callable[[Routing], Routing], words: str
) -> None:
    """The policy, the time, the metro and class, and the rule are named."""
    with pytest.raises(InputError, match=words.format(utc=world.hours.utc[0])):
        replay(world, Fixed(world, change=change), AtRates(world))


def test_a_full_region_names_the_policy(world: Scenario) -> None:
    """A region without accelerators for one replica: policy, metro, class, time and region."""
    policy = Fixed(world)
    empty = replace(world, reserved_gpu=world.reserved_gpu * 0.0 + 1e-6)
    words = rf"policy.fixed: sends requests of \S+, class \S+, from {world.hours.utc[0]}Z .*full"
    with pytest.raises(InputError, match=words):
        replay(empty, policy, AtRates(empty))


def test_an_answer_of_another_shape(world: Scenario) -> None:
    """A policy that forgets its state is told what to return."""

    class Forgets:
        name = "forgets"

        def route(self, observed: object, forecast: object, state: object) -> object:
            return Fixed(world).route(observed, forecast, {})[0]  # type: ignore[arg-type]

    with pytest.raises(InputError, match=r"policy.forgets: answers at .* with Routing, wanted a"):
        replay(world, Forgets(), AtRates(world))  # type: ignore[arg-type]


def test_lists_will_do(world: Scenario) -> None:
    """A routing of lists routes as that of arrays does."""
    names = ("metro", "klass", "degraded", "region", "point", "share", "saving_usd")

    def listed(routing: Routing) -> Routing:
        return replace(routing, **{name: getattr(routing, name).tolist() for name in names})

    made, plain = (
        replay(world, Fixed(world, change=change), AtRates(world)) for change in (listed, None)
    )
    assert made.totals == plain.totals


def test_what_a_policy_is_told_stays_as_it_is(world: Scenario) -> None:
    """A policy that writes to what it was told fails by name, and the scenario is as before."""

    class Writes(Fixed):
        def route(self, observed, forecast, state):  # type: ignore[no-untyped-def]
            (forecast if observed is None else observed).demand_per_h[...] = 0.0
            return super().route(observed, forecast, state)

    class WritesAhead(Writes):
        def route(self, observed, forecast, state):  # type: ignore[no-untyped-def]
            return super().route(None, forecast, state)

    before = world.demand_per_h.copy()
    for kind in (Writes, WritesAhead):
        with pytest.raises(InputError, match=r"policy.fixed: fails at .*read-only \(line \d+ of"):
            replay(world, kind(world), AtRates(world))
    np.testing.assert_array_equal(world.demand_per_h, before)


def test_a_state_that_cannot_be_kept(world: Scenario) -> None:
    """What a policy remembers must survive being written as JSON, or is refused at once."""

    class Hoards(Fixed):
        def route(self, observed, forecast, state):  # type: ignore[no-untyped-def]
            return super().route(observed, forecast, state)[0], {"seen": observed.demand_per_h}

    with pytest.raises(InputError, match=r"policy.fixed: answers at .*with a state that cannot be"):
        replay(world, Hoards(world), AtRates(world))


def test_an_object_that_is_no_policy(world: Scenario) -> None:
    """What is given to `wattlas.replay` is looked at before anything is replayed."""
    with pytest.raises(InputError, match=r"policy.PurePosixPath: has no method `route`"):
        wattlas.replay(world, ["plan", PurePosixPath()])  # type: ignore[list-item]


def test_a_policy_of_a_user_ends_a_comparison(world: Scenario) -> None:
    """Among several policies a user's own that fails is an error, and not a row."""
    with pytest.raises(InputError, match=r"policy.fixed: fails"):
        wattlas.replay(world, [Fixed(world, change=_fails), "plan", "greedy"])
    with pytest.raises(UsageError, match="two policies are called `fixed`"):
        wattlas.replay(world, [Fixed(world), Fixed(world)])
