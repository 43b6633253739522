"""`wattlas replay calibrate LOG`: the service model of a server from the log of its requests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattlas.cli.common import print_json, progress
from wattlas.cli.options import JsonOption, out_option
from wattlas.cli.replay_trace import LayoutOption
from wattlas.cli.tables import show

BatchOption = Annotated[
    int | None, typer.Option(help="Most requests at once (vLLM: max_num_seqs).", min=1)
]
StepTokensOption = Annotated[
    int | None, typer.Option(help="Tokens of a step (vLLM: max_num_batched_tokens).", min=2)
]
KvTokensOption = Annotated[
    int | None, typer.Option(help="Tokens of the KV memory (vLLM logs them at start).", min=1)
]
ReplicasOption = Annotated[int, typer.Option(help="Engines that share the requests.", min=1)]
SecondOption = Annotated[
    Path | None, typer.Option("--check", help="A second log of the same server to judge by.")
]
PlaceOption = Annotated[
    str | None,
    typer.Option(help="Server that is meant of a log of several.", metavar="REGION/POINT"),
]
PointOption = Annotated[str, typer.Option(help="Operating point that --out names it after.")]
OutOption = Annotated[Path | None, out_option("Write the model to this .json file.", "FILE")]


def command(
    log: Annotated[Path, typer.Argument(help="Log of requests with times of their tokens.")],
    layout: LayoutOption = None,
    batch: BatchOption = None,
    step_tokens: StepTokensOption = None,
    kv_tokens: KvTokensOption = None,
    replicas: ReplicasOption = 1,
    second: SecondOption = None,
    place: PlaceOption = None,
    point: PointOption = "point",
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit how long a step lasts to a server's log, and say how far the model is off.

    Fitted on the requests of even number, judged on those of odd number, and on a second log.
    """
    from wattlas.report.files import try_result

    try_result(out, (".json",))
    with progress("Fitting"):
        from wattlas.data.whole_file import write_text
        from wattlas.replays.arrivals.trace import open_trace
        from wattlas.replays.calibrate import calibrate
        from wattlas.replays.service.file import services_text

        made = calibrate(
            open_trace(log, layout, place=place), batch=batch, step_tokens=step_tokens,
            kv_tokens=kv_tokens, replicas=replicas,
            second=None if second is None else open_trace(second, layout, place=place),
        )  # fmt: skip
    text = services_text({point: made.model})
    if out is not None:
        write_text(out, text)
    if as_json:
        print_json({"model": made.model, "errors": made.to_polars().to_dicts(), "out": out})
        return
    show(made.listing())
    if out is not None:
        typer.echo(f"Service model: {out}")
