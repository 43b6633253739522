"""What a choice experiment says: each segment's estimates, and the population to plan with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wattlas.model.shown import Tabular
from wattlas.model.table import Table, table_of
from wattlas.model.users import Scale, Segment, Users
from wattlas.tiers.choices import OUTSIDE
from wattlas.tiers.estimate import Coefficients
from wattlas.tiers.worth import SHARE, Estimate, taste


@dataclass(frozen=True)
class SegmentFit:
    """What the choices of one segment say.

    `estimates` are taste by its name in `model.users`, as they came out; `worth` is what users
    would pay at the mean of what they were offered. `clustered` says whether standard errors allow
    for choices of one respondent being alike.
    """

    id: str
    share: float
    """Share of the respondents."""
    respondents: int
    tasks: int
    estimates: tuple[Estimate, ...]
    worth: tuple[Estimate, ...]
    coefficients: Coefficients
    held: Coefficients | None
    """The likeliest coefficients with θ, k_a and k_l in 0..1, where the free ones have not."""
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
        for estimate in (*self.estimates, *self.worth):
            if estimate.parameter == parameter:
                return estimate
        raise KeyError(parameter)

    def planned(self, parameter: str) -> float:
        """A figure of taste as the population has it: θ, k_a and k_l lie in 0..1."""
        if self.held is None:
            return self[parameter].value
        value = taste(self.held)[parameter][0].value
        return min(max(value, 0.0), 1.0) if self[parameter].unit == SHARE else value


@dataclass(frozen=True)
class Fit(Tabular):
    """What a table of choices says: each segment, and the scale that its figures are on."""

    segments: tuple[SegmentFit, ...]
    scale: Scale
    requests: float
    """Price and carbon in the table were for so many."""
    notes: tuple[str, ...]

    def table(self) -> Table:
        """One row per estimate of each segment: taste, then what users would pay."""
        return table_of(
            {"segment": segment.id, **asdict(estimate)}
            for segment in self.segments
            for estimate in (*segment.estimates, *segment.worth)
        )

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Taste of all segments, one after the other."""
        return tuple(e for segment in self.segments for e in segment.estimates)

    @property
    def worth(self) -> tuple[Estimate, ...]:
        """Willingness to pay of all segments, one after the other."""
        return tuple(e for segment in self.segments for e in segment.worth)

    @property
    def tasks(self) -> int:
        """Number of choices."""
        return sum(segment.tasks for segment in self.segments)

    @property
    def respondents(self) -> int:
        """Number of respondents."""
        return sum(segment.respondents for segment in self.segments)

    @property
    def loglik(self) -> float:
        """ln L of all segments together."""
        return sum(segment.loglik for segment in self.segments)

    @property
    def rho2(self) -> float:
        """McFadden's 1 − ln L / ln L of equal chances, all segments together."""
        return 1.0 - self.loglik / sum(segment.null_loglik for segment in self.segments)

    def users(self) -> Users:
        """The population to plan with, on `scale`; its segments in shares of respondents.

        Where θ, k_a or k_l came out beyond 0..1 by chance, it is at the end and all else is fitted
        to that. μ and the worth of leaving are means over the segments. `notes` tell of both.
        """

        def mean(name: str) -> float:
            return float(sum(segment.share * segment.planned(name) for segment in self.segments))

        return Users(
            segments=tuple(_segment(segment) for segment in self.segments),
            scale_usd=mean("scale_usd"),
            ends=self.scale,
            may_leave=self.may_leave,
            outside_usd=mean("outside_usd") if self.may_leave else None,
        )

    @property
    def may_leave(self) -> bool:
        """Whether every segment could choose none of the alternatives."""
        return all(OUTSIDE in segment.coefficients.names for segment in self.segments)


def _segment(fitted: SegmentFit) -> Segment:
    return Segment(
        id=fitted.id,
        share=fitted.share,
        consciousness=fitted.planned("consciousness"),
        weight_accuracy=fitted.planned("weight_accuracy"),
        weight_latency=fitted.planned("weight_latency"),
        curvature=fitted.coefficients.curvature,
        usd_per_utility=fitted.planned("usd_per_utility"),
    )
