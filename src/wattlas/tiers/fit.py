"""Taste from a choice experiment: a population with standard errors, and what it would pay.

The model is section 7's on money, U and v per request,

    V = {W·[(1 − θ)·Q + θ·(1 − c/c_ref)] − price}/μ,    Pr(j) = exp V_j / Σ exp V

maximised over the choices of each segment apart. What cannot be told from a table is an error that
names the parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.choices import Choices, faults
from wattlas.model.users import Scale, Segment, Users
from wattlas.tiers import identify
from wattlas.tiers.choices import OUTSIDE, Tasks, scale_of, spread_of, tasks_of, terms
from wattlas.tiers.estimate import CURVATURE_MOST, Coefficients, estimate
from wattlas.tiers.logit import Diverges, null_loglik
from wattlas.tiers.notes import of_segment, of_table, of_users
from wattlas.tiers.worth import Estimate, estimates, sums, taste, willingness

EVERYBODY = "all"
"""Id of the segment of a table without segments."""


@dataclass(frozen=True)
class SegmentFit:
    """What the choices of one segment say.

    `estimates` are taste by its name in `model.users`, unclipped; `worth` is what users would pay
    at the mean of what they were offered. `clustered` says whether standard errors allow for
    choices of one respondent being alike.
    """

    id: str
    share: float
    """Share of the respondents."""
    respondents: int
    tasks: int
    estimates: tuple[Estimate, ...]
    worth: tuple[Estimate, ...]
    coefficients: Coefficients
    clustered: bool
    loglik: float
    null_loglik: float
    """ln L where every alternative of a task is as likely as the others."""
    notes: tuple[str, ...]

    @property
    def rho2(self) -> float:
        """McFadden's 1 − ln L / ln L of equal chances."""
        return 1.0 - self.loglik / self.null_loglik

    def __getitem__(self, parameter: str) -> Estimate:
        """An estimate by its name; KeyError for one that there is not."""
        for one in (*self.estimates, *self.worth):
            if one.parameter == parameter:
                return one
        raise KeyError(parameter)


@dataclass(frozen=True)
class Fit:
    """What a table of choices says: each segment, and the scale that its figures are on."""

    segments: tuple[SegmentFit, ...]
    scale: Scale
    requests: float
    """Price and carbon in the table were for so many."""
    notes: tuple[str, ...]

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Taste of all segments, one after the other."""
        return tuple(e for one in self.segments for e in one.estimates)

    @property
    def worth(self) -> tuple[Estimate, ...]:
        """Willingness to pay of all segments, one after the other."""
        return tuple(e for one in self.segments for e in one.worth)

    @property
    def tasks(self) -> int:
        """Number of choices."""
        return sum(one.tasks for one in self.segments)

    @property
    def respondents(self) -> int:
        """Number of respondents."""
        return sum(one.respondents for one in self.segments)

    @property
    def loglik(self) -> float:
        """ln L of all segments together."""
        return sum(one.loglik for one in self.segments)

    @property
    def rho2(self) -> float:
        """McFadden's 1 − ln L / ln L of equal chances, all segments together."""
        return 1.0 - self.loglik / sum(one.null_loglik for one in self.segments)

    def users(self) -> Users:
        """The population to plan with, on `scale`; its segments in shares of respondents.

        θ, k_a and k_l are brought into 0..1, and μ and the worth of leaving are means over the
        segments; `notes` say where that changes something.
        """

        def mean(name: str) -> float:
            return float(sum(one.share * one[name].value for one in self.segments))

        return Users(
            segments=tuple(_segment(one) for one in self.segments),
            scale_usd=mean("scale_usd"),
            ends=self.scale,
            may_leave=self.may_leave,
            outside_usd=mean("outside_usd") if self.may_leave else None,
        )

    @property
    def may_leave(self) -> bool:
        """Whether every segment could choose none of the alternatives."""
        return all(OUTSIDE in one.coefficients.names for one in self.segments)


def fit(
    choices: Choices,
    *,
    scale: Scale | None = None,
    curvature: float | None = 0.0,
    additive: bool = False,
    requests: float = 1.0,
) -> Fit:
    """Fit taste to a table of choices, each segment apart.

    `scale` is the ranges of the table unless given. `curvature` ρ is 0 (linear) unless another is
    given; None estimates it. `additive` fixes k_a + k_l = 1. Price and carbon in the table are for
    so many `requests`. Where a respondent answered several tasks, standard errors are clustered.

    Raises InputError with everything that is wrong with the table, or else with every parameter
    that it cannot tell; SolverError where the search fails.
    """
    wrong = [*_options(curvature, requests), *(f.problem(choices.label) for f in faults(choices))]
    if wrong:
        raise InputError(wrong)
    on = scale_of(choices, requests) if scale is None else scale
    fitted: list[SegmentFit] = []
    everyone = len(np.unique(choices.respondent))
    for name, rows in _members(choices).items():
        tasks = tasks_of(choices, rows, requests)
        try:
            found = _estimated(tasks, on, curvature, additive)
        except InputError as fault:
            segment = "" if choices.segment is None else name
            wrong += [_placed(p, segment, choices.label) for p in fault.problems]
            continue
        fitted.append(_of_segment(name, tasks, on, found, tasks.clusters / everyone))
    if wrong:
        raise InputError(wrong)
    told = [*choices.notes, *of_table(choices, on, scale is None, requests), *of_users(fitted)]
    return Fit(tuple(fitted), on, requests, tuple(told))


def _options(curvature: float | None, requests: float) -> Iterator[Problem]:
    if curvature is not None and not abs(curvature) <= CURVATURE_MOST:
        what = f"is {curvature:g}, wanted −{CURVATURE_MOST:g}..{CURVATURE_MOST:g}"
        yield Problem("curvature", what, "0 is linear; None estimates it.")
    if not 0 < requests < float("inf"):
        what = f"is {requests:g}, wanted a number above 0"
        yield Problem("requests", what, "Say for how many requests price and carbon are given.")


def _members(choices: Choices) -> dict[str, np.ndarray]:
    """Rows of each segment, by its name."""
    if choices.segment is None:
        return {EVERYBODY: np.arange(len(choices.respondent))}
    names = np.unique(choices.segment)
    return {str(name): np.flatnonzero(choices.segment == name) for name in names}


def _placed(problem: Problem, segment: str, label: str) -> Problem:
    where = f"{problem.where} (segment {segment})" if segment else problem.where
    return Problem(where, problem.what, problem.fix, label or None)


def _estimated(tasks: Tasks, scale: Scale, curvature: float | None, additive: bool) -> Coefficients:
    """The coefficients, or InputError with all that the tasks cannot tell."""
    made = terms(tasks, scale, curvature or 0.0, additive=additive)
    problems = list(identify.too_few(made, len(made.names) + (curvature is None)))
    spread = spread_of(made, tasks.there)
    unidentified = identify.unidentified(spread)
    problems += unidentified
    problems += identify.decided(made, tasks.there)
    if curvature is None and not unidentified:
        problems += identify.unbent(tasks, scale)
    if problems:
        raise InputError(problems)
    try:
        found = estimate(tasks, scale, curvature, additive=additive)
    except Diverges as fault:
        raise InputError([identify.diverging(spread, fault.direction)]) from None
    problems += identify.meaningless(tuple(estimates("", sums(found), found.covariance)))
    if problems:
        raise InputError(problems)
    return found


def _of_segment(
    name: str, tasks: Tasks, scale: Scale, found: Coefficients, share: float
) -> SegmentFit:
    figures = tuple(estimates(name, taste(found), found.covariance))
    worth = tuple(estimates(name, willingness(found, tasks, scale), found.covariance))
    return SegmentFit(
        id=name,
        share=share,
        respondents=tasks.clusters,
        tasks=len(tasks.there),
        estimates=figures,
        worth=worth,
        coefficients=found,
        clustered=found.clustered is not None,
        loglik=found.loglik,
        null_loglik=null_loglik(tasks.there),
        notes=tuple(of_segment(tasks, scale, found, figures)),
    )


def _segment(one: SegmentFit) -> Segment:
    theta, k_a, k_l = (
        min(max(one[name].value, 0.0), 1.0)
        for name in ("consciousness", "weight_accuracy", "weight_latency")
    )
    return Segment(
        id=one.id,
        share=one.share,
        consciousness=theta,
        weight_accuracy=k_a,
        weight_latency=k_l,
        curvature=one.coefficients.curvature,
        usd_per_utility=one["usd_per_utility"].value,
    )
