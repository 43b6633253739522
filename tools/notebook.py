"""Run the cells of a notebook and write what they show into it, without Jupyter.

    python tools/notebook.py docs/notebook.ipynb

A cell's value is shown as Jupyter does it: as HTML where the object offers that, as a picture where
it is a drawing of matplotlib, as text beside.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

DPI = 72


def run_cells(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the outputs of its code cells, run in order in one namespace."""
    namespace: dict[str, Any] = {"__name__": "__notebook__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = _outputs("".join(cell["source"]), namespace, count)
            cell = {**cell, "outputs": outputs, "execution_count": count}
        cells.append(cell)
    return {**notebook, "cells": cells}


def _outputs(source: str, namespace: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """What a cell prints, and what the value of its last expression looks like."""
    tree, last = ast.parse(source), None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), namespace)
        value = None if last is None else eval(compile(last, "cell", "eval"), namespace)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = _lines(printed.getvalue())
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        shown = {"output_type": "execute_result", "execution_count": count, "metadata": {}}
        outputs.append({**shown, "data": _data(value)})
    return outputs


def _data(value: Any) -> dict[str, Any]:
    """A value by media type."""
    figure = getattr(value, "figure", None)
    if figure is not None:
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight", metadata={})
        encoded = base64.b64encode(picture.getvalue()).decode()
        return {"text/plain": [type(value).__name__], "image/png": encoded}
    data: dict[str, Any] = {"text/plain": _lines(repr(value).split("\n")[0][:200])}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = _lines(value._repr_html_())
        data["text/plain"] = [type(value).__name__]
    return data


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main(path: Path) -> None:
    """Run a notebook in place."""
    import matplotlib

    matplotlib.use("agg")
    done = run_cells(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
