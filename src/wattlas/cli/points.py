"""`wattlas points`: operating points from what people measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wattlas.cli.common import print_json, progress, say
from wattlas.cli.options import JsonOption, out_option
from wattlas.cli.tables import show

FORMATS = (".csv", ".parquet")


def _fact(name: str) -> Any:
    from wattlas.data.measured.facts import FACTS

    fact = FACTS[name]
    return typer.Option(fact.option, help=f"{fact.words}.", metavar=fact.metavar)


def command(
    files: Annotated[list[Path], typer.Argument(help="What the tools wrote: JSON or CSV.")],
    layout: Annotated[
        str, typer.Option("--from", help="The tool; recognised unless given.", metavar="TOOL")
    ] = "",
    model: Annotated[list[str] | None, _fact("model")] = None,
    hardware: Annotated[list[str] | None, _fact("hardware")] = None,
    accuracy: Annotated[list[str] | None, _fact("accuracy")] = None,
    accelerators: Annotated[list[str] | None, _fact("accelerators")] = None,
    energy_j: Annotated[list[str] | None, _fact("energy_j")] = None,
    power_w: Annotated[list[str] | None, _fact("power_w")] = None,
    energy_log: Annotated[
        Path | None, typer.Option(help="Energy of the one measurement, of CodeCarbon or Zeus.")
    ] = None,
    window: Annotated[str, typer.Option(help="Which window or project of that log.")] = "",
    requests: Annotated[list[str] | None, _fact("requests")] = None,
    tokens_in: Annotated[list[str] | None, _fact("tokens_in")] = None,
    tokens_out: Annotated[list[str] | None, _fact("tokens_out")] = None,
    ttft_ms: Annotated[list[str] | None, _fact("ttft_ms")] = None,
    itl_ms: Annotated[list[str] | None, _fact("itl_ms")] = None,
    prompt_share: Annotated[
        float, typer.Option(help="Part of energy and time that prompts take.", min=0.0, max=1.0)
    ] = 0.0,
    only: Annotated[str, typer.Option(help="Only points with this in their name.")] = "",
    out: Annotated[Path | None, out_option("Write the table of points.", "FILE.csv")] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn what a benchmark or an energy log says into operating points.

    Facts that a tool does not tell come from options: VALUE for all, or NAME=VALUE for a model, a
    run or a file. vLLM, genai-perf, AIPerf, LLMPerf, ML.ENERGY, CodeCarbon, Zeus and timm are read.
    """
    from wattlas.report.files import try_result
    from wattlas.studies.points import measured_points, points_frame, points_listing

    facts = {
        "model": model, "hardware": hardware, "accuracy": accuracy, "accelerators": accelerators,
        "energy_j": energy_j, "power_w": power_w, "requests": requests, "tokens_in": tokens_in,
        "tokens_out": tokens_out, "ttft_ms": ttft_ms, "itl_ms": itl_ms,
    }  # fmt: skip
    stated = {name: entries for name, entries in facts.items() if entries}
    try_result(out, FORMATS)
    with progress("Reading"):
        measured = measured_points(
            files, stated, layout=layout, energy_log=energy_log, window=window,
            prompt_share=prompt_share, only=only,
        )  # fmt: skip
    if out is not None:
        _write(out, points_frame(measured))
    if as_json:
        print_json({"points": points_frame(measured).to_dicts(), "notes": measured.notes})
        return
    show(points_listing(measured))
    for note in measured.notes:
        say(f"note: {note}")
    if out is not None:
        say(f"Wrote {out}.")


def _write(out: Path, frame: Any) -> None:
    from wattlas.data.frame_file import write_frame
    from wattlas.data.whole_file import write_text

    if out.suffix.lower() == ".parquet":
        write_frame(out, frame)
    else:
        write_text(out, frame.write_csv())
