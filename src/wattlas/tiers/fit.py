"""Taste from a choice experiment: a population with standard errors, and what it would pay.

The model is section 7's on money, U and v per request,

    V = {W·[(1 − θ)·Q + θ·(1 − c/c_ref)] − price}/μ,    Pr(j) = exp V_j / Σ exp V

maximised over the choices of each segment apart. What cannot be told from a table, and a taste for
the worse, is an error that names the parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from wattlas.errors import InputError, Problem, SolverError
from wattlas.model.choices import Choices, faults
from wattlas.model.users import Scale
from wattlas.tiers import ends, identify
from wattlas.tiers.choices import Tasks, scale_of, spread_of, tasks_of, term_values
from wattlas.tiers.estimate import CURVATURE_MOST, Coefficients, estimate
from wattlas.tiers.fitted import Fit, SegmentFit
from wattlas.tiers.logit import Diverges, null_loglik
from wattlas.tiers.notes import population_notes, segment_notes, table_notes
from wattlas.tiers.worth import NORMAL_975, divisors, estimates, taste, willingness

EVERYBODY = "all"
"""Id of the segment of a table without segments."""


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
    problems = [
        *_options(curvature, requests),
        *(f.problem(choices.label) for f in faults(choices)),
    ]
    if problems:
        raise InputError(problems)
    used_scale = scale_of(choices, requests) if scale is None else scale
    fitted: list[SegmentFit] = []
    respondents = len(np.unique(choices.respondent))
    for name, rows in _members(choices).items():
        tasks = tasks_of(choices, rows, requests)
        try:
            coefficients = _estimated(tasks, used_scale, curvature, additive)
            held = ends.held(tasks, used_scale, coefficients, additive=additive)
        except InputError as fault:
            segment = "" if choices.segment is None else name
            problems += [_with_place(p, segment, choices.label) for p in fault.problems]
            continue
        share = tasks.clusters / respondents
        fitted.append(_segment_fit(name, tasks, used_scale, coefficients, held, share))
    if problems:
        raise InputError(problems)
    notes = [
        *choices.notes,
        *table_notes(choices, used_scale, scale is None, requests),
        *population_notes(fitted),
    ]
    return Fit(tuple(fitted), used_scale, requests, tuple(notes))


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


def _with_place(problem: Problem, segment: str, label: str) -> Problem:
    where = f"{problem.where} (segment {segment})" if segment else problem.where
    return Problem(where, problem.what, problem.fix, label or None)


def _estimated(tasks: Tasks, scale: Scale, curvature: float | None, additive: bool) -> Coefficients:
    """The coefficients, or InputError with all that the tasks cannot tell.

    Where weights that add up to 1 can be told, each fix says so.
    """
    try:
        return _told(tasks, scale, curvature, additive)
    except InputError as fault:
        answer = "" if additive else _additive_answer(tasks, scale, curvature)
        if not answer:
            raise
        told = [replace(p, fix=f"{p.fix} {answer}") for p in fault.problems]
        raise InputError(told) from None


def _additive_answer(tasks: Tasks, scale: Scale, curvature: float | None) -> str:
    """What the fit with k_a + k_l = 1 says, in a sentence; nothing where it hardly says it."""
    try:
        coefficients = _told(tasks, scale, curvature, additive=True)
    except (InputError, SolverError):
        return ""
    covariance = coefficients.covariance
    weight = next(
        e for e in estimates("", taste(coefficients), covariance) if e.parameter == ends.K_A
    )
    sure = all(e.z >= NORMAL_975 for e in estimates("", divisors(coefficients), covariance))
    if not sure or not 0.0 <= weight.value <= 1.0:
        return ""
    told = f"k_a {weight.value:.3g} ± {weight.standard_error:.2g}"
    return f"`--additive` (k_a + k_l = 1; additive=True in Python) answers: {told}."


def _told(tasks: Tasks, scale: Scale, curvature: float | None, additive: bool) -> Coefficients:
    """The coefficients where the tasks tell them all, and none has a wrong sign."""
    design = term_values(tasks, scale, curvature or 0.0, additive=additive)
    problems = list(identify.too_few(design, len(design.names) + (curvature is None)))
    spread = spread_of(design, tasks.there)
    unidentified = identify.unidentified(spread)
    problems += unidentified
    problems += identify.decided(design, tasks.there)
    if curvature is None and not unidentified:
        problems += identify.unbent(tasks, scale)
    if problems:
        raise InputError(problems)
    try:
        coefficients = estimate(tasks, scale, curvature, additive=additive)
    except Diverges as fault:
        raise InputError([identify.diverging(spread, fault.direction)]) from None
    covariance = coefficients.covariance
    problems += identify.meaningless(tuple(estimates("", divisors(coefficients), covariance)))
    if not problems:
        figures = tuple(estimates("", taste(coefficients), covariance))
        problems += ends.wrong_signs(figures, additive=additive)
    if problems:
        raise InputError(problems)
    return coefficients


def _segment_fit(
    name: str,
    tasks: Tasks,
    scale: Scale,
    coefficients: Coefficients,
    held: Coefficients | None,
    share: float,
) -> SegmentFit:
    figures = tuple(estimates(name, taste(coefficients), coefficients.covariance))
    in_money = tuple(
        estimates(name, willingness(coefficients, tasks, scale), coefficients.covariance)
    )
    return SegmentFit(
        id=name,
        share=share,
        respondents=tasks.clusters,
        tasks=len(tasks.there),
        estimates=figures,
        worth=in_money,
        coefficients=coefficients,
        held=held,
        clustered=coefficients.clustered is not None,
        loglik=coefficients.loglik,
        null_loglik=null_loglik(tasks.there),
        notes=tuple(segment_notes(tasks, scale, coefficients, figures, held)),
    )
