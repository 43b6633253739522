"""What a study computes in threads of its own is what it would compute one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest

from tests.shipped import shipped
from wattlas.model.plan import Plan
from wattlas.placement.compare.baselines import BASELINES, policy_names
from wattlas.studies import findings, registry, study
from wattlas.studies.findings import Findings
from wattlas.studies.registry import TableEntry


def test_policies_that_are_placed_meanwhile_are_the_same() -> None:
    """In a thread of their own or when they are wanted: the same totals, in the same order."""
    found = Findings(shipped("tiny"))
    with found.policies_meanwhile():
        meanwhile = found.policies
    alone = Findings(shipped("tiny")).policies
    assert list(meanwhile) == list(alone) == policy_names(found.scenario)
    for name, placed in alone.items():
        assert meanwhile[name].totals == placed.totals
        assert meanwhile[name].status is placed.status


def test_the_fleet_begins_once_policies_are_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not beside them; and where the study ends early, it does not wait for the others."""
    goes_on, order = threading.Event(), []

    def slow(_instance: object, name: str, **_more: object) -> None:
        goes_on.wait(30)
        order.append(name)

    def sized(_scenario: object, tell: Callable[[str, float], None]) -> str:
        tell("fleet", 0.0)
        order.append("fleet")
        return "no fleet here"

    monkeypatch.setattr(findings, "baseline", slow)
    monkeypatch.setattr(findings, "fleet_answer", sized)
    found = Findings(shipped("tiny"))
    with found.policies_meanwhile(), found.fleet_meanwhile():
        goes_on.set()
        assert found.fleet == "no fleet here"
    assert order[-1] == "fleet"
    assert len(order) > 3
    goes_on.clear()
    order.clear()
    found = Findings(shipped("tiny"))
    with found.policies_meanwhile():
        with found.fleet_meanwhile():
            pass
        assert order == []
        goes_on.set()
    with pytest.raises(CancelledError):
        _ = found.fleet


def test_tables_of_one_thread_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then those that keep both cores busy, then the fleet's; told in the registry's order."""
    made: list[str] = []

    def noted(entry: TableEntry) -> TableEntry:
        return replace(entry, compute=lambda _found: made.append(entry.name) or {})

    entries = {name: noted(entry) for name, entry in registry.tables().items()}
    monkeypatch.setattr(registry, "tables", lambda: entries)
    told = study._tables(Findings(shipped("tiny")))
    assert list(told) == list(entries)
    of_fleet = {n for f in registry.figures() if f.part is registry.FLEET for n in f.needs}
    rank = [3 if name in of_fleet else entries[name].busy + entries[name].large for name in made]
    assert rank == sorted(rank)
    assert set(rank) == {0, 1, 2, 3}
    assert [name for name in made if entries[name].large] == ["benefit"]


def test_an_error_ends_the_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else fails, the study waits for the policy that is being placed, and no other."""
    began, goes_on = threading.Event(), threading.Event()
    placed: list[str] = []

    def slow(_instance: object, name: str, **_more: object) -> Plan | None:
        began.set()
        goes_on.wait(30)
        placed.append(name)
        return None

    monkeypatch.setattr(findings, "baseline", slow)
    found = Findings(shipped("tiny"))

    def fail_once_it_began() -> None:
        with found.policies_meanwhile():
            began.wait(30)
            threading.Timer(0.1, goes_on.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_once_it_began()
    first = next(name for name in policy_names(found.scenario) if name not in BASELINES)
    assert placed == [first]
    with pytest.raises(CancelledError):
        _ = found.policies
