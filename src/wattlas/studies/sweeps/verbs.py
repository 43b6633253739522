"""What a sweep runs at each point: the totals of a plan, the outcome of a replay, a fleet.

A verb turns a scenario and settings into metrics, numbers with their units in their names. A new
one is a row of `VERBS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from wattlas.model.plan import Plan, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.studies.meta import DERIVED, totals_dict
from wattlas.studies.replay_runs import Traffic, Trial
from wattlas.studies.replay_tables import BASELINE, MEASURES
from wattlas.studies.replays import replayed

Metrics = Mapping[str, float]
Measure = Callable[[Scenario, Mapping[str, Any], int | None], tuple[str, Metrics]]
"""Scenario, settings, seed → how it ended, and the metrics. Raises WattlasError."""
NAN = float("nan")


@dataclass(frozen=True)
class VerbSetting:
    """A setting of a verb: what its values are, in words and as a test."""

    words: str
    kinds: tuple[type, ...]
    is_file: bool = False

    def takes(self, value: Any) -> bool:
        """Whether a value is of the kind; True is no number."""
        if isinstance(value, bool):
            return bool in self.kinds
        return isinstance(value, self.kinds)


NUMBER = VerbSetting("number", (int, float))
WHOLE = VerbSetting("whole number", (int,))
TEXT = VerbSetting("text", (str,))
FLAG = VerbSetting("true or false", (bool,))
FILE = VerbSetting("path of a file", (str,), is_file=True)


@dataclass(frozen=True)
class Verb:
    """`metrics` are all that it may give; `ranked` those that a report ranks fields by, the first
    one first. `draws` says that it depends on a seed.
    """

    metrics: tuple[str, ...]
    ranked: tuple[str, ...]
    measure: Measure
    settings: Mapping[str, VerbSetting] = field(default_factory=dict)
    draws: bool = False


# -- plan -------------------------------------------------------------------------------------


def placed(scenario: Scenario) -> Plan:
    """The plan of a scenario, with totals and no flows."""
    return plan(scenario, keep_flows=False)


def _plan(scenario: Scenario, _settings: Mapping[str, Any], _seed: int | None) -> Any:
    made = placed(scenario).raise_if_infeasible()
    return str(made.status), _numbers(totals_dict(made.totals))


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: NAN if value is None else float(value) for name, value in values.items()}


TOTALS = (*(each.name for each in fields(Totals)), *DERIVED)

# -- replay -----------------------------------------------------------------------------------


def _replay(scenario: Scenario, settings: Mapping[str, Any], seed: int | None) -> Any:
    """The measures of the policy, and what it saves against the baseline on the same requests."""
    from wattlas.replays.arrivals.trace import open_trace
    from wattlas.replays.service.file import read_services
    from wattlas.replays.service.serving import Serving

    given = dict(settings)
    how, came, tried = (
        {each.name: given.pop(each.name) for each in fields(kind) if each.name in given}
        for kind in (Serving, Traffic, Trial)
    )
    service = given.pop("service", None)
    if "trace" in came:
        came["trace"] = open_trace(came["trace"])
    models = {} if service is None else read_services(Path(service))
    made = replayed(
        scenario, traffic=Traffic(**came), trial=Trial(first_seed=seed or 0, **tried),
        serving=Serving(models, **how), **given,
    )  # fmt: skip
    outcome, base = made[made.policy], made[BASELINE]
    metrics = {name: float(measure(outcome)) for name, (_, measure) in MEASURES.items()}
    metrics["late_share"] = outcome.late / max(outcome.served, 1)
    metrics["saved_usd"] = base.totals.variable_usd - outcome.totals.variable_usd
    metrics["saved_kg"] = base.totals.carbon_kg - outcome.totals.carbon_kg
    return "replayed", metrics


REPLAY_SETTINGS = {
    "policy": TEXT,
    "trace": FILE,
    "service": FILE,
    "scale": NUMBER,
    "world": NUMBER,
    "utilisation": NUMBER,
    "hours": WHOLE,
    "klass": TEXT,
    "even": FLAG,
    "pooled": FLAG,
    "start_s": NUMBER,
    "rtt_p95": NUMBER,
}

# -- fleet ------------------------------------------------------------------------------------

FLEET = (
    "gpu", "cost_usd", "rent_usd", "variable_usd", "carbon_kg", "it_mwh", "gap",
    "own_peaks_gpu", "own_peaks_usd", "least_gpu",
)  # fmt: skip


def _fleet(scenario: Scenario, settings: Mapping[str, Any], _seed: int | None) -> Any:
    """The fleet of least cost, beside every region sized for its own peak."""
    from wattlas.placement.fleet.fleet import fleet

    made = fleet(scenario, **settings)
    metrics = {
        **made.optimal.row(),
        "gap": made.gap,
        "own_peaks_gpu": made.own_peaks.count,
        "own_peaks_usd": made.own_peaks.cost_usd,
        "least_gpu": made.least_count,
    }
    return str(made.status), metrics


VERBS: dict[str, Verb] = {
    "plan": Verb(TOTALS, ("cost_usd", "variable_usd", "carbon_kg", "rtt_mean_ms"), _plan),
    "replay": Verb(
        (*MEASURES, "late_share", "saved_usd", "saved_kg"),
        ("variable_usd", "saved_usd", "carbon_kg", "saved_kg", "late_share"),
        _replay,
        REPLAY_SETTINGS,
        draws=True,
    ),
    "fleet": Verb(FLEET, ("cost_usd", "gpu", "carbon_kg"), _fleet, {"exact": NUMBER}),
}
"""Name → what a sweep can run."""
