"""Results to one self-contained HTML file that makes no request and opens from a disk.

The templates escape every text. The policy in the page's head forbids every connection and every
script but those whose hashes it lists, so that a name from a scenario cannot become code even if
an escape were missed.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattlas.data.whole_file import write_text
from wattlas.report.embed import page_tables, script_json
from wattlas.report.page import context
from wattlas.report.results import REPORT, Results, open_results
from wattlas.report.vendor import asset_text, own_scripts, vendored
from wattlas.studies import registry, words

if TYPE_CHECKING:
    from jinja2 import Environment

_META_SHOWN = (
    "window",
    "objective",
    "totals",
    "intensity",
    "status",
    "baseline",
    "classes",
    "brief",
    "fleet",
)
TEMPLATES = Path(__file__).with_name("templates")


def render_report(results: Results) -> str:
    """The whole report as one HTML document."""
    from markupsafe import Markup

    page = str(results.meta.get("page", "study"))
    figures = registry.figures(page)
    scripts = _scripts(figures)
    tables, thinned = page_tables(results)
    data = {
        "meta": {key: results.meta.get(key) for key in _META_SHOWN},
        "tables": tables,
        "thinned": thinned,
        "parts": [asdict(part) for part in registry.PARTS if part.page == page],
        "figures": [_words(figure) for figure in figures],
    }
    world = next(part for part in vendored() if not part.is_script)
    return (
        _templates()
        .get_template("report.html")
        .render(
            **context(results),
            policy=Markup(policy(scripts)),
            style=Markup(asset_text("report/report.css")),
            scripts=[Markup(_inline(text)) for text in scripts],
            data=Markup(script_json(data)),
            world=Markup(asset_text(world.file).replace("<", "\\u003c")),
        )
    )


def _scripts(figures: list[registry.Figure]) -> list[str]:
    """The page's scripts in the order in which they run.

    The library of charts comes last: the first screen does without it, and is drawn before that
    megabyte is read.
    """
    first = [asset_text(part.file) for part in vendored() if part.is_script and not part.for_charts]
    ours = "\n".join(path.read_text("utf-8") for path in own_scripts(figures))
    return [*first, ours, *(asset_text(part.file) for part in vendored() if part.for_charts)]


def _words(figure: registry.Figure) -> dict[str, Any]:
    """What the page says of a figure beside its picture."""
    names = ("id", "question", "needs", "missing", "lacks", "depth")
    return {**{name: getattr(figure, name) for name in names}, "part": figure.part.id}


@cache
def _templates() -> Environment:
    """The templates, which escape every value that is not markup made above."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["unbroken"] = words.unbroken
    return environment


def write_report(results: Results | str | Path, path: str | Path | None = None) -> Path:
    """Write `report.html` into the results folder, or to `path`; returns where it lies."""
    read_results = results if isinstance(results, Results) else open_results(results)
    if path is None:
        if read_results.folder is None:
            raise ValueError("these results have no folder: give the path of the report")
        path = read_results.folder / REPORT
    return write_text(Path(path), render_report(read_results))


def policy(scripts: list[str]) -> str:
    """The content security policy under which only these scripts run and nothing is fetched."""
    hashes = " ".join(f"'sha256-{_digest(_inline(text))}'" for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inline(text: str) -> str:
    """A script as it stands in the page; one that would end its element early is a bug."""
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("a bundled script holds text that would end its element")
    return text
