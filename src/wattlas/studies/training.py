"""A Gymnasium environment around the loop that replay runs: an agent is the policy.

One step of the environment is one step of the scenario. The agent sees what a policy sees
(`Observed`), gives a weight to every place where a request may run, and is paid when the step is
settled: minus what its requests cost and emitted, by the account of the replay. Queues, batches,
caps and requests are the replay's own. Needs the extra `gym`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from wattlas.errors import LimitError, MachineError, UsageError
from wattlas.model.plan import Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import Feasibility, degraded_points, feasibility
from wattlas.policy.loop import Loop
from wattlas.policy.protocol import Forecast, Observed, State
from wattlas.policy.routing import SUMS_TO_ONE, UNSERVED_REGION, Routing
from wattlas.replays.fleet import Replicas
from wattlas.replays.run import Replay, shrunk
from wattlas.replays.service.serving import Serving
from wattlas.replays.tally import COLUMNS, totals_of
from wattlas.studies.replay_runs import Traffic

Stepped = tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]
"""Observation, reward, terminated, truncated, info: what Gymnasium's `step` returns."""
MOST = 1e12
"""What is endless, as an observation."""


@dataclass(frozen=True)
class OpenPlaces:
    """Where a request may run: parallel arrays, one entry per weight of an action.

    `group` numbers the sets, those of one metro, class and `degraded`; a pair that nothing serves
    has one place, in region R: it is not served.
    """

    metro: np.ndarray
    klass: np.ndarray
    degraded: np.ndarray
    region: np.ndarray
    point: np.ndarray
    group: np.ndarray

    @staticmethod
    def of(scenario: Scenario, judged: Feasibility) -> OpenPlaces:
        """The lawful places within reach, with accelerators for a replica in every step."""
        i, k, r, _, _ = scenario.shape
        low = degraded_points(scenario)
        fits = scenario.most_gpu.min(axis=1)[:, None] >= [p.accelerators for p in scenario.points]
        open_ = judged.allowed & fits
        rows = []
        for which in (False, True):
            metro, klass, region, point = np.nonzero(open_ & (low == which)[None, :, None, :])
            rows.append((metro, klass, np.full(len(metro), which), region, point))
        full = np.zeros((i, k), dtype=bool)
        full[rows[0][0], rows[0][1]] = True
        metro, klass = np.nonzero(~full)
        nowhere = np.full(len(metro), r)
        rows.append((metro, klass, np.zeros(len(metro), bool), nowhere, np.zeros_like(metro)))
        columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
        kept = full[columns[0], columns[1]] | ~columns[2]
        columns = [column[kept] for column in columns]
        metro, klass, degraded, region, point = columns
        group = (metro * k + klass) * 2 + degraded
        return OpenPlaces(metro, klass, degraded, region, point, group)

    def shares(self, weight: np.ndarray) -> np.ndarray:
        """Weights as shares that add up to 1 in each set; equal ones where all weights are 0."""
        total = np.bincount(self.group, weight)
        count = np.bincount(self.group)
        sums = total[self.group]
        as_they_are = np.abs(sums - 1.0) <= SUMS_TO_ONE * 1e-3  # no rounding where none is needed
        scaled = weight / np.where(sums > 0, np.where(as_they_are, 1.0, sums), 1.0)
        return np.asarray(np.where(sums > 0, scaled, 1.0 / count[self.group]))


class Agent:
    """A policy that answers with the weights that it was given last."""

    name = "agent"

    def __init__(self, scenario: Scenario, places: OpenPlaces) -> None:
        self.scenario, self.places = scenario, places
        self.weight = np.zeros(len(places.group))

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The routing of the weights. A contract's request is degraded wherever its cap allows."""
        s, places = self.scenario, self.places
        share = places.shares(self.weight)
        on = share > 0
        routing = Routing(
            metros=tuple(m.id for m in s.metros),
            classes=tuple(k.id for k in s.classes),
            regions=(*(r.id for r in s.regions), UNSERVED_REGION),
            points=tuple(o.id for o in s.points),
            metro=places.metro[on], klass=places.klass[on], degraded=places.degraded[on],
            region=places.region[on], point=places.point[on], share=share[on],
            saving_usd=np.zeros(s.shape[:2]),
            threshold_usd=self._threshold(),
            issued_utc=observed.utc,
            hold_s=s.hours.step_h * 3600.0,
        )  # fmt: skip
        return routing, state

    def _threshold(self) -> np.ndarray:
        """Classes are degraded (0) where a degraded place has a weight, else never (inf); (K,)."""
        wanted = self.places.klass[self.places.degraded & (self.weight > 0)]
        threshold = np.full(len(self.scenario.classes), np.inf)
        threshold[wanted] = 0.0
        return threshold


class Episodes:
    """What the environment does, without Gymnasium: `begin` an episode, `advance` it by a step."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        usd_weight: float = 1.0,
        kg_weight: float = 0.0,
        traffic: Traffic | None = None,
        hours: int | None = None,
    ) -> None:
        if not (usd_weight >= 0 and kg_weight >= 0 and usd_weight + kg_weight > 0):
            raise UsageError("usd_weight and kg_weight: wanted 0 or more, and one of them above 0.")
        self.traffic = traffic or Traffic()
        part = scenario if hours is None else scenario.at_hours(range(hours))
        self.scenario = part if self.traffic.world == 1.0 else shrunk(part, self.traffic.world)
        self.usd_weight, self.kg_weight = usd_weight, kg_weight
        self.judged = feasibility(self.scenario)
        self.places = OpenPlaces.of(self.scenario, self.judged)
        self.agent = Agent(self.scenario, self.places)
        self.run: Replay | None = None
        self.hour = 0
        self._steps: Iterator[int] = iter(())

    def shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The arrays of an observation by name, and their shapes."""
        i, k, r, _, _ = self.scenario.shape
        for name in ("price_usd_per_mwh", "carbon_g_per_kwh", "signal_age_s", "load_gpu",
                     "capacity_gpu"):  # fmt: skip
            yield name, (r,)
        yield "demand_per_h", (i, k)
        yield "counts", (len(self.scenario.share_caps), 2)
        yield "time_h", (1,)

    def begin(self, seed: int) -> dict[str, np.ndarray]:
        """Begin anew with the requests of a seed; the first observation."""
        s = self.scenario
        self.run = Replay(
            s, Loop(s, self.agent, self.judged, {}), self.traffic.stream(s, seed),
            Replicas.of(s, Serving()), expected=False,
        )  # fmt: skip
        self._steps = self.run.each_step()
        self.hour = 0
        return self._observation()

    def advance(self, action: np.ndarray) -> Stepped:
        """Route a step's requests by an action, and serve until the next step."""
        if self.run is None:
            raise UsageError("step: reset the environment first.")
        self.agent.weight = np.clip(np.asarray(action, dtype=float), 0.0, 1.0)
        parts = len(self.run.tally.parts)
        terminated = truncated = False
        info: dict[str, Any] = {}
        try:
            done = next(self._steps, None)
            if done is None or done + 1 == self.scenario.hours.count:
                next(self._steps, None)  # until the last request is answered
                terminated = True
        except LimitError as error:
            truncated, info["error"] = True, str(error)
        totals = self._settled(parts)
        self.hour = min(self.hour + 1, self.scenario.hours.count - 1)
        reward = -(self.usd_weight * totals.variable_usd + self.kg_weight * totals.carbon_kg)
        info |= {"variable_usd": totals.variable_usd, "carbon_kg": totals.carbon_kg}
        return self._observation(), reward, terminated, truncated, info

    def weights_of(self, routing: Routing) -> np.ndarray:
        """The action that stands for a routing. UsageError where it routes elsewhere."""
        places = self.places
        _, _, r, o, _ = self.scenario.shape
        key = (places.group * (r + 1) + places.region) * o + places.point
        group = (routing.metro * len(routing.classes) + routing.klass) * 2 + routing.degraded
        wanted = (group * (r + 1) + routing.region) * o + routing.point
        order = np.argsort(key)
        at = order[np.minimum(np.searchsorted(key[order], wanted), len(order) - 1)]
        if (key[at] != wanted).any():
            raise UsageError("The routing sends requests where no action can, or serves none.")
        weight = np.zeros(len(key))
        weight[at] = routing.share
        return weight

    def observed(self) -> Observed:
        """What a policy would see now."""
        if self.run is None:
            raise UsageError("observed: reset the environment first.")
        return self.run.observed(self.hour)

    def _observation(self) -> dict[str, np.ndarray]:
        seen = self.observed()
        counts = np.zeros((len(self.scenario.share_caps), 2))
        for n, cap in enumerate(self.scenario.share_caps):
            if cap.id in seen.counts:
                counts[n] = seen.counts[cap.id].delivered, seen.counts[cap.id].granted
        values = {name: getattr(seen, name) for name, _ in self.shapes() if hasattr(seen, name)}
        values |= {"counts": counts, "time_h": np.array([self.hour * self.scenario.hours.step_h])}
        return {
            name: np.clip(np.nan_to_num(np.asarray(value, dtype=np.float64)), -MOST, MOST)
            for name, value in values.items()
        }

    def _settled(self, parts: int) -> Totals:
        """What the requests of a step come to; nothing where none came."""
        assert self.run is not None
        new = self.run.tally.parts[parts:]
        if not new:
            return Totals()
        sums = dict(zip(COLUMNS, (np.concatenate(c) for c in zip(*new, strict=True)), strict=True))
        hour = self.scenario.at_hours([self.hour])
        return totals_of(hour, sums | {"hour": np.zeros(len(sums["hour"]))})


def routing_env(scenario: Scenario, **more: Any) -> Any:
    """The Gymnasium environment of a scenario. `more` are `usd_weight`, `kg_weight`, `traffic` and
    `hours` of `Episodes`.

    An action is a weight of 0..1 for each of `episodes.places`; weights of a set are scaled to add
    up to 1. An observation holds the arrays of `Observed` (regions R, metros I, classes K,
    contracts C) and the time since the first step, h. The reward of a step is
    −(`usd_weight` · variable_usd + `kg_weight` · carbon_kg) of the requests that came in it.
    `reset(seed=n)` plays the requests that a replay draws with seed n. An episode ends with the
    last step, or is cut short where queues grow beyond all bounds. Raises MachineError without the
    extra `gym`.
    """
    if find_spec("gymnasium") is None:
        raise MachineError(
            "gymnasium: not installed. Install the extra: pip install 'wattlas[gym]'"
        )
    import gymnasium
    from gymnasium import spaces

    class RoutingEnv(gymnasium.Env):  # type: ignore[misc]
        """An agent routes; see `routing_env`."""

        metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

        def __init__(self) -> None:
            self.episodes = Episodes(scenario, **more)
            self.action_space = spaces.Box(0.0, 1.0, (len(self.episodes.places.group),), np.float64)
            self.observation_space = spaces.Dict({
                name: spaces.Box(-MOST, MOST, shape, np.float64)
                for name, shape in self.episodes.shapes()
            })  # fmt: skip

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            """Begin anew, with the requests of a seed, drawn anew unless given."""
            super().reset(seed=seed)
            draw = int(self.np_random.integers(2**31)) if seed is None else seed
            return self.episodes.begin(draw), {"seed": draw}

        def step(self, action: np.ndarray) -> Stepped:
            """Route a step's requests by an action, and serve until the next step."""
            return self.episodes.advance(action)

    return RoutingEnv()
