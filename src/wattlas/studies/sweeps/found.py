"""What a sweep found: its table, what matters, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wattlas.model.shown import Tables
from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.studies import words
from wattlas.studies.meta import described
from wattlas.studies.sweeps.design import DesignKind
from wattlas.studies.sweeps.folder import REPORT, TABLE, SweepFolder
from wattlas.studies.sweeps.ranking import COLUMNS, ranking
from wattlas.units import noun

if TYPE_CHECKING:
    import polars as pl

SHOWN_ERRORS = 3
TEXTS = ("label", "metric", "field", "low_value", "high_value")


@dataclass(frozen=True)
class SweepFindings(Tables):
    """The runs of a sweep that are finished: tables `runs` and `ranking`."""

    sweep: SweepFolder
    rows: pl.DataFrame

    def named_tables(self) -> Mapping[str, Any]:
        """A row for each run, and what matters."""
        return {"runs": self.rows, "ranking": self.page_tables()["sweep_ranking"]}

    @property
    def table_path(self) -> Any:
        """Where the table lies."""
        return self.sweep.folder / TABLE

    @property
    def report_path(self) -> Any:
        """Where the report lies."""
        return self.sweep.folder / REPORT

    @cached_property
    def failed(self) -> pl.DataFrame:
        """Runs that failed, in their order."""
        import polars as pl

        return self.rows.filter(pl.col("exit_code") != 0)

    @property
    def exit_code(self) -> int:
        """That of the first run that failed; 0 where none did."""
        return int(self.failed["exit_code"][0]) if self.failed.height else 0

    @cached_property
    def _ranking(self) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        return ranking(self.sweep.design, self.rows)

    @property
    def ranked(self) -> list[dict[str, Any]]:
        """What matters, as `ranking` gives it."""
        return self._ranking[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What qualifies the ranking."""
        return tuple(f"{note}." for note in self._ranking[1])

    @property
    def is_sobol(self) -> bool:
        """Whether the runs are a Sobol sample."""
        return self.sweep.design.kind is DesignKind.SOBOL

    @property
    def _explained(self) -> str:
        return _EXPLAINED_SOBOL if self.is_sobol else _EXPLAINED_GRID

    def sentence(self) -> str:
        """The answer in one sentence."""
        design = self.sweep.design
        many = self.rows.height
        over = f"Over {many:,} {noun(many, 'run')} of {design.verb}"
        top = next((row for row in self.ranked if row["rank"] == 1), None)
        if top is None:
            return f"{over}, none has a result."
        name = said(top["metric"])
        if self.is_sobol:
            part = f"{top['total']:.2f} of its variance, with all that it does together with others"
            return f"{over}, {name} depends most on {top['field']}: {part}."
        ends = ", ".join(
            f"{words.number(top[end])} at {top[f'{end}_value']}" for end in ("low", "high")
        )
        return f"{over}, {name} depends most on {top['field']}: {ends}, in the mean."

    def listings(self) -> list[Listing]:
        """What the terminal shows: what matters for each metric, then runs that failed."""
        spec = _SOBOL if self.is_sobol else _GRID
        shown = [
            Listing(
                f"What matters for {heading(metric)}",
                spec,
                table_of(_shown(row) for row in self.ranked if row["metric"] == metric),
            )
            for metric in dict.fromkeys(row["metric"] for row in self.ranked)
        ]
        notes = (*self.notes, self._explained) if shown else ()
        return [*shown, Listing("", (), {}, notes), *self._failures()]

    def _failures(self) -> list[Listing]:
        if not self.failed.height:
            return []
        some = self.failed.head(SHOWN_ERRORS)
        more = self.failed.height - some.height
        texts = (Column(name, Kind.TEXT) for name in ("status", "error"))
        columns = (Column("run", Kind.COUNT), *texts)
        table = {"run": some["run"].to_list(), "status": some["status"].to_list(),
                 "error": [_short(text) for text in some["error"]]}  # fmt: skip
        return [Listing("Runs that failed", columns, table, (f"{more:,} more.",) if more else ())]

    def failed_words(self) -> str:
        """How many runs failed."""
        many = self.rows.height
        failed = f"{self.failed.height:,} of {many:,} {noun(many, 'run')} failed"
        return f"{failed}; sweep.parquet has their errors"

    def json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **{k: v for k, v in self.sweep.stated.items() if k != "runs"},
            "sentence": self.sentence(),
            "runs": self.rows.to_dicts(),
            "ranking": self.ranked,
            "missing": len(self.sweep.hashes) - self.rows.height,
            "table": str(self.table_path),
            "report": str(self.report_path),
        }

    def meta(self) -> dict[str, Any]:
        """What the report says of itself."""
        from wattlas import __version__

        design = self.sweep.design
        limits = [*self.notes, self._explained]
        if self.failed.height:
            limits.append(f"{self.failed_words()}.")
        return {
            "wattlas": __version__,
            "page": "sweep",
            **described(self.sweep.base.loaded.scenario),
            "status": "optimal",
            "design": str(design.kind),
            "verb": design.verb,
            "brief": {"sentence": self.sentence(), "actions": [], "moves": []},
            "limits": limits,
        }

    def page_tables(self) -> Mapping[str, pl.DataFrame]:
        """The tables of the report."""
        import polars as pl

        types = {name: pl.String if name in TEXTS else pl.Float64 for name in ("label", *COLUMNS)}
        labelled = [{"label": heading(row["metric"]), **row} for row in self.ranked]
        return {"sweep_ranking": pl.DataFrame(labelled, schema=types)}


_GRID = (
    Column("field", Kind.TEXT, head="field"),
    Column("low_value", Kind.TEXT, head="least at"),
    Column("low", head="mean there", digits=6),
    Column("high_value", Kind.TEXT, head="most at"),
    Column("high", head="mean there", digits=6),
    Column("swing", head="swing"),
    Column("first", Kind.SHARE, head="of the variance"),
)
_SOBOL = (
    Column("field", Kind.TEXT, head="field"),
    Column("first", head="alone"),
    Column("first_low", head="from"),
    Column("first_high", head="to"),
    Column("total", head="in all"),
    Column("total_low", head="from"),
    Column("total_high", head="to"),
)
_EXPLAINED_GRID = (
    "Means are over all values of the other fields. The variance that no field explains alone is "
    "what fields do together, and chance."
)
_EXPLAINED_SOBOL = (
    "Parts of the variance, with 95 % intervals: of the field alone, and in all that it does "
    "together with others. They hold for the ranges given, every value equally likely."
)


def said(metric: str) -> str:
    """A metric inside a sentence: `cost (USD)`."""
    words_, _, unit = heading(metric).partition(", ")
    return f"{words_} ({unit})" if unit else words_


def heading(metric: str) -> str:
    """A metric's name as people read it: `cost, USD`."""
    return Column(metric).heading


INDICES = ("first", "first_low", "first_high", "total", "total_low", "total_high")


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the ranking as people read it: indices to three digits after the point."""
    if row["total"] is None:
        return dict(row)
    return dict(row) | {name: f"{row[name]:.3f}" for name in INDICES}


def _short(text: str | None, most: int = 160) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
