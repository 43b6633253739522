"""What a reader of a fit should know before using it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattlas.model.choices import Choices
from wattlas.model.users import Scale
from wattlas.tiers.choices import BOTH, PRICE, Tasks, spread_of, term_values
from wattlas.tiers.ends import beyond
from wattlas.tiers.estimate import Coefficients
from wattlas.tiers.fitted import SegmentFit
from wattlas.tiers.identify import weakly_told
from wattlas.tiers.worth import NORMAL_975, QUALITY, WHOLE, Estimate, divisors, estimates

FEW_RESPONDENTS = 30
"""Clustered standard errors of fewer respondents tend to be too small."""
DIVIDED = {
    PRICE: "W, μ and willingness to pay",
    QUALITY: "k_a and k_l",
    WHOLE: "θ and W",
}
STATED = "people pay less than they say: if choices were not paid for, try a lower W as well"


def table_notes(choices: Choices, scale: Scale, own_scale: bool, requests: float) -> Iterator[str]:
    """Which scale the figures are on, what lies outside of it, and what stated choices are."""
    ranges = ", the ranges of the table" if own_scale else ""
    yield (
        f"the scale is accuracy {scale.accuracy_min:g} to {scale.accuracy_max:g}, latency "
        f"{scale.latency_max_ms:g} to {scale.latency_min_ms:g} ms and {scale.reference_g:.4g} g "
        f"per request{ranges}; θ, k_a, k_l and W hold on it alone"
    )
    beyond = (
        (choices.accuracy < scale.accuracy_min)
        | (choices.accuracy > scale.accuracy_max)
        | (choices.latency_ms < scale.latency_min_ms)
        | (choices.latency_ms > scale.latency_max_ms)
    )
    if beyond.any():
        yield f"{int(beyond.sum())} alternatives lie beyond that scale and count as its ends"
    if requests != 1:
        yield f"price and carbon of the table were divided by {requests:g} requests"
    yield STATED


def segment_notes(
    tasks: Tasks,
    scale: Scale,
    coefficients: Coefficients,
    figures: Sequence[Estimate],
    held: Coefficients | None,
) -> Iterator[str]:
    """How far the figures of one segment can be relied on."""
    yield _errors(tasks, coefficients)
    if coefficients.clustered is not None and tasks.clusters < FEW_RESPONDENTS:
        yield f"{tasks.clusters} respondents are few: true standard errors may be larger"
    if held is not None:
        yield _held(figures, coefficients, held)
    for estimate in estimates("", divisors(coefficients), coefficients.covariance):
        if estimate.z < NORMAL_975:
            yield (
                f"{estimate.parameter} hardly moves the choices ({estimate.z:.1f} standard errors "
                f"above 0): {DIVIDED[estimate.parameter]} may be anything, whatever the intervals"
            )
    design = term_values(
        tasks, scale, coefficients.curvature, additive=BOTH not in coefficients.names
    )
    yield from weakly_told(spread_of(design, tasks.there))


def population_notes(segments: Sequence[SegmentFit]) -> Iterator[str]:
    """What a population of several segments has but one of."""
    if len(segments) < 2:
        return
    yield "shares count respondents, not requests"
    for name in ("scale_usd", "outside_usd"):
        values = [e.value for segment in segments for e in segment.estimates if e.parameter == name]
        if len(values) == len(segments):
            yield (
                f"a population has one {name}: the mean over segments, of {min(values):.3g} to "
                f"{max(values):.3g} USD per request"
            )


def _errors(tasks: Tasks, coefficients: Coefficients) -> str:
    if coefficients.clustered is not None:
        answered = len(tasks.there) / tasks.clusters
        return (
            f"standard errors are clustered by respondent, who answered {answered:.3g} tasks each"
        )
    if tasks.clusters == 1:
        return "standard errors are plain: one respondent answered every task"
    return "standard errors are plain: each respondent answered one task"


def _held(figures: Sequence[Estimate], free: Coefficients, held: Coefficients) -> str:
    """Which figures the population has at an end of 0..1, and what that costs in ln L."""
    told = " and ".join(
        f"{figure.parameter} is {figure.value:.3g} ± {figure.standard_error:.2g}, not told apart "
        f"from {end}"
        for (_, end), figure in beyond(figures)
    )
    return (
        f"{told}: the population is the likeliest within 0..1, all its figures fitted anew "
        f"(ln L {held.loglik:,.1f} instead of {free.loglik:,.1f})"
    )
