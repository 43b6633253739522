"""`wattlas sweep`: one question asked of many scenarios; a run by itself; the table of all."""

from __future__ import annotations

from wattlas.cli.group import group

VERBS = {
    "run": "Carry out a sweep, or what is missing of it.",
    "one": "Carry out one run of a sweep: for Snakemake, SLURM arrays and the like.",
    "table": "Collect the runs that are finished, and rank what matters.",
}
"""Name → what help says of it."""

app = group(
    "sweep",
    VERBS,
    "Vary fields of a scenario or settings of a policy, and say which of them matter.",
    "`wattlas sweep SCENARIO --vary FIELD=1,2 --out FOLDER` runs; `wattlas sweep run --help` has "
    "its options.",
    first=True,
)
