"""A policy under a clock: what replay and the live service both drive, tick by tick.

The clock says when (`Ticks`), somebody observes and forecasts, the policy answers, and its answer
is checked before anybody follows it. Same recorded inputs, same routings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from wattlas.errors import InputError, Problem, WattlasError
from wattlas.model.checks import part_of, refuse
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import LAWFUL, Feasibility, feasibility, words
from wattlas.policy.own import raised
from wattlas.policy.protocol import Forecast, Observed, Policy, State
from wattlas.policy.routing import UNSERVED_REGION, Routing

T = TypeVar("T", Observed, Forecast)
STATES_TRIED = 2
"""Answers whose state is tried to be written as JSON."""


@dataclass
class Loop:
    """Drives one policy for a scenario: keeps its state, counts epochs, checks its answers."""

    scenario: Scenario
    policy: Policy
    judged: Feasibility
    state: State
    epoch: int = 0

    @staticmethod
    def of(scenario: Scenario, policy: Policy) -> Loop:
        """A loop that has not ticked yet."""
        return Loop(scenario, policy, feasibility(scenario), {})

    @cached_property
    def asked_for(self) -> np.ndarray:
        """Whether anybody of a metro and class ever asks, (I, K); looked for once in all hours."""
        return np.asarray((self.scenario.demand_per_h > 0).any(axis=2))

    def tick(self, observed: Observed, forecast: Forecast) -> Routing:
        """The routing from now on. InputError where the policy fails, or answers what is not
        allowed: it names the policy, the time and the rule.
        """
        routing, self.state = self._answer(locked(observed), locked(forecast))
        self.epoch += 1
        refuse(self._untimely(routing, observed.utc))
        refuse(self._problems(routing))
        return part_of(routing, epoch=self.epoch)

    def _answer(self, observed: Observed, forecast: Forecast) -> tuple[Routing, State]:
        """What the policy says, if it is a routing and a state at all."""
        at, when = f"policy.{self.policy.name}", f"{observed.utc}Z"
        try:
            answer: object = self.policy.route(observed, forecast, self.state)
        except InputError as error:
            raise InputError([_by_policy(each, at, when) for each in error.problems]) from error
        except WattlasError:
            raise
        except (Exception, SystemExit) as error:
            what = f"fails at {when}: {raised(error)}"
            raise InputError([Problem(at, what, "See to that in the policy.")]) from error
        match answer:
            case (Routing() as routing, Mapping() as state):
                self._check_state(state, at, when)
                return routing, state
        what = f"answers at {when} with {type(answer).__name__}, wanted a routing and a state"
        raise InputError([Problem(at, what, "Return (Routing, mapping).")])

    def _check_state(self, state: State, at: str, when: str) -> None:
        """InputError for a state that cannot be kept; of the first answers only: a state of a
        rolling horizon is long, and one that can be written once can be written again.
        """
        if self.epoch >= STATES_TRIED:
            return
        try:
            json.dumps(state)
        except (TypeError, ValueError) as error:
            what = f"answers at {when} with a state that cannot be kept: {error}"
            fix = "Remember numbers, texts, lists and mappings of them; of an array its tolist()."
            raise InputError([Problem(at, what, fix)]) from error

    def _untimely(self, routing: Routing, utc: np.datetime64) -> Iterator[Problem]:
        """A routing of another moment, or one that ends before the next is asked for."""
        at, step_s = f"policy.{self.policy.name}", self.scenario.hours.step_h * 3600.0
        if routing.issued_utc != utc:
            what = f"is asked at {utc}Z and answers with a routing of {routing.issued_utc}Z"
            yield Problem(at, what, "Set `issued_utc` to observed.utc.")
        if routing.hold_s < step_s * (1 - 1e-9):
            what = (
                f"answers at {utc}Z with a routing that holds {routing.hold_s:g} s, and the next "
                f"one is asked for after {step_s:g} s"
            )
            yield Problem(at, what, "Let it hold for a step: what is older serves in full.")

    def _problems(self, routing: Routing) -> Iterator[Problem]:
        s = self.scenario
        at = f"policy.{self.policy.name}"
        ids = {
            "metros": tuple(metro.id for metro in s.metros),
            "classes": tuple(klass.id for klass in s.classes),
            "points": tuple(point.id for point in s.points),
        }
        for name, wanted in ids.items():
            if getattr(routing, name) != wanted:
                yield Problem(f"{at}.{name}", "are not those of the scenario", "Keep their order.")
                return
        regions = tuple(region.id for region in s.regions)
        if routing.regions not in (regions, (*regions, UNSERVED_REGION)):
            fix = f"Keep their order; `{UNSERVED_REGION}` may follow."
            yield Problem(f"{at}.regions", "are not those of the scenario", fix)
            return
        yield from self._unrouted(at, routing)
        yield from self._forbidden(at, routing)

    def _unrouted(self, at: str, routing: Routing) -> Iterator[Problem]:
        """Demand of which the routing says nothing."""
        s, asks = self.scenario, self.asked_for.copy()
        asks[routing.metro[~routing.degraded], routing.klass[~routing.degraded]] = False
        for i, k in np.argwhere(asks):
            what = (
                f"says nothing of requests of {s.metros[i].id}, class {s.classes[k].id}, from "
                f"{routing.issued_utc}Z on"
            )
            fix = f"Give their places in full service, or send them to `{UNSERVED_REGION}`."
            yield Problem(at, what, fix)

    def _forbidden(self, at: str, routing: Routing) -> Iterator[Problem]:
        """Places that no request of the metro and class may go to, each with the rule."""
        s = self.scenario
        served = (routing.region < len(s.regions)) & (routing.share > 0)
        rows = np.flatnonzero(served)
        where = tuple(
            a[rows] for a in (routing.metro, routing.klass, routing.region, routing.point)
        )
        closed = self.judged.closed[where] & LAWFUL
        for n in np.flatnonzero(closed):
            i, k, r, o = (int(index[n]) for index in where)
            place = f"{s.regions[r].id} at {s.points[o].id}"
            what = (
                f"sends requests of {s.metros[i].id}, class {s.classes[k].id}, from "
                f"{routing.issued_utc}Z on to {place}, which is forbidden: {words(int(closed[n]))}"
            )
            yield Problem(at, what, "Route to places that are open to the class.")


def locked(told: T) -> T:
    """The same inputs with arrays that cannot be written to: they are the scenario's own, and a
    policy is to leave them as they are.
    """
    changed: dict[str, Any] = {}
    for name, value in vars(told).items():
        if isinstance(value, np.ndarray) and value.flags.writeable:
            changed[name] = value.view()
            changed[name].flags.writeable = False
    return replace(told, **changed) if changed else told


def _by_policy(problem: Problem, at: str, when: str) -> Problem:
    """A problem of a routing as one of the policy that made it, with the time."""
    if problem.where.startswith(at):
        return problem
    return replace(problem, where=at, what=f"at {when}: {problem.where} {problem.what}")
