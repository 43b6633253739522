"""`wattlas replay`: a policy on requests that came, one by one; and the calibration of a server."""

from __future__ import annotations

from wattlas.cli.group import group

VERBS = {
    "run": "Replay a policy request by request.",
    "policies": "List the policies that there are.",
    "calibrate": "Fit the service model to the log of a server.",
}
"""Name → what help says of it."""

app = group(
    "replay",
    VERBS,
    "Say what a policy would have cost, emitted, delayed and promised, request by request.",
    "`wattlas replay SCENARIO --trace FILE` runs; `wattlas replay run --help` has its options.",
    first=True,
)
