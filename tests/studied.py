"""Real studies of small worlds as results, for everything that shows results.

A study is computed once in a test run and kept in a folder that all workers share.
"""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from wattlas.report.results import Results

# Two classes beside those of the example: B is worth a tier like A; C and D run on the leanest
# model and have nothing to fall back to. Two leaner models, so that A and B have three fallbacks.
CLASSES = (
    "classes.A.price_usd_per_request=0.0003",
    "classes.B={name: assistant, latency_budget_ms: 15000, latency_to: full_answer, "
    "token_profile: chat, bytes_per_request: 10000, accuracy_min: 0.8, "
    "price_usd_per_request: 0.0003}",
    "classes.C={name: background, latency_budget_ms: 60000, token_profile: chat, "
    "bytes_per_request: 10000, points: [nano], price_usd_per_request: 0.0005}",
    "classes.D.price_usd_per_request=0.0003",
    "points.mini={variant: mini, accuracy: 0.7, prefill_j_per_token: 0.04, "
    "decode_j_per_token: 0.25, prefill_gpu_s_per_token: 0.00002, "
    "decode_gpu_s_per_token: 0.0005, ttft_ms: 25, itl_ms: 8}",
    "points.nano={variant: nano, accuracy: 0.6, prefill_j_per_token: 0.02, "
    "decode_j_per_token: 0.1, prefill_gpu_s_per_token: 0.00001, "
    "decode_gpu_s_per_token: 0.0003, ttft_ms: 25, itl_ms: 8}",
    "offer.cap_share=0.8",
    "offer.accelerators=on demand",
    "demand.population.classes.A.share=0.6",
    "demand.population.classes.B={share: 0.1}",
    "demand.population.classes.C={share: 0.1}",
    "demand.population.classes.D.share=0.2",
    "users={status_quo: 0.1, segments: {"
    "indifferent: {share: 0.5, consciousness: 0.03, weight_accuracy: 0.6, weight_latency: 0.1, "
    "value: 2}, "
    "mixed: {share: 0.3, consciousness: 0.15, weight_accuracy: 0.6, weight_latency: 0.1, "
    "value: 2}, "
    "green: {share: 0.2, consciousness: 0.4, weight_accuracy: 0.6, weight_latency: 0.1, "
    "value: 2}}}",
)
# One region, one metro, one hour.
SMALLEST = (
    "regions.only=[oslo]",
    "nodes.only=[frankfurt]",
    "metros.only=[berlin]",
    "time.hours=1",
    "residency=null",
    "classes.A.residency=null",
)
LEFT_OUT = {"fleet_patience"}
"""Tables that no study computes."""


@dataclass(frozen=True)
class Studied:
    """The meta data and the tables of a study."""

    meta: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    def results(self, frames: Mapping[str, pl.DataFrame] | None = None, **changes: Any) -> Results:
        """Results that were never on a disk, with other tables or other keys of the meta data."""
        from wattlas.report.results import Results

        return Results(
            meta={**self.meta, **changes},
            tables=dict(self.frames if frames is None else frames),
        )

    def write(self, folder: Path, **changes: Any) -> Results:
        """The same, written to a folder without a report."""
        from wattlas.report.results import write_results

        return write_results(folder, {**self.meta, **changes}, dict(self.frames))


def studied(shared: Path, name: str, settings: tuple[str, ...]) -> Studied:
    """The study of the tiny example with settings; from the folder, or else computed into it."""
    import wattlas

    folder = shared / f"studied-{name}"
    with (shared / f"studied-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "report.html").exists():
            world = wattlas.example("tiny", set=list(settings))
            wattlas.save(wattlas.study(world, samples=4), folder)
    results = wattlas.open_results(folder)
    return Studied(
        {key: value for key, value in results.meta.items() if key != "tables"},
        dict(results.tables),
    )
