"""Results to one self-contained HTML file that makes no request and opens from a disk.

The policy in its head forbids every connection and every script but those whose hashes it lists,
so that a name from a scenario cannot become code even if an escape were missed.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path

from wattlas.report import page
from wattlas.report.embed import page_tables, script_json
from wattlas.report.results import REPORT, Results, open_results, write_text
from wattlas.report.vendor import OWN_SCRIPTS, read, vendored

_META_SHOWN = ("window", "objective", "totals", "intensity", "status", "baseline")


def render_report(results: Results) -> str:
    """The whole report as one HTML document."""
    scripts = [read(part.file) for part in vendored() if part.is_script]
    scripts.append("\n".join(read(f"report/{name}") for name in OWN_SCRIPTS))
    tables, thinned = page_tables(results)
    data = {
        "meta": {key: results.meta.get(key) for key in _META_SHOWN},
        "tables": tables,
        "thinned": thinned,
    }
    world = next(part for part in vendored() if not part.is_script)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(results.title)} – Wattlas</title>",
            '<link rel="icon" href="data:,">',
            f"<style>\n{read('report/report.css')}</style>",
            "</head>",
            "<body>",
            '<div class="page">',
            page.header(results),
            "<noscript><p>The pictures need JavaScript; the numbers above do not.</p></noscript>",
            '<main id="figures"></main>',
            page.footer(results),
            "</div>",
            _data("wattlas-data", script_json(data)),
            _data("wattlas-world", read(world.file).replace("<", "\\u003c")),
            *(f"<script>{_inline(text)}</script>" for text in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


def write_report(results: Results | str | Path, path: str | Path | None = None) -> Path:
    """Write `report.html` into the results folder, or to `path`; returns where it lies."""
    found = results if isinstance(results, Results) else open_results(results)
    if path is None:
        if found.folder is None:
            raise ValueError("these results have no folder: give the path of the report")
        path = found.folder / REPORT
    return write_text(Path(path), render_report(found))


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


def _data(element: str, text: str) -> str:
    return f'<script type="application/json" id="{element}">{text}</script>'
