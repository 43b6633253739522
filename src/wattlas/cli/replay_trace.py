"""Options that say how a trace or a log is laid out."""

from __future__ import annotations

from typing import Annotated

import typer

LayoutOption = Annotated[
    str | None, typer.Option(help="Layout of the file; known from its columns unless given.")
]
TraceNameOption = Annotated[
    str | None, typer.Option(help="Which of several traces in the file.", metavar="NAME")
]
TimeColumnOption = Annotated[str | None, typer.Option(help="Column of times.", metavar="NAME")]
UnitOption = Annotated[
    str | None, typer.Option(help="Unit of times: s, ms, us, ns, or stamp for dates.")
]
InColumnOption = Annotated[
    str | None, typer.Option(help="Column of prompt tokens.", metavar="NAME")
]
OutColumnOption = Annotated[
    str | None, typer.Option(help="Column of answer tokens.", metavar="NAME")
]


def changed_fields(
    time: str | None, unit: str | None, tokens_in: str | None, tokens_out: str | None
) -> dict[str, str]:
    """The fields of a layout that were given."""
    given = {"time": time, "unit": unit, "tokens_in": tokens_in, "tokens_out": tokens_out}
    return {name: value for name, value in given.items() if value is not None}
