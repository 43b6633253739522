"""The dashboard's queries against the table that the service counts by."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from wattlas.cli import run
from wattlas.serve import names

WORDS = {"sum", "max", "by", "rate", "histogram_quantile", "le"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The dashboard as it is written."""
    out = tmp_path_factory.mktemp("grafana") / "wattlas.json"
    assert run(["export", "grafana", "--out", str(out)]) == 0
    return dict(json.loads(out.read_text()))


def queries(made: dict[str, Any]) -> list[tuple[str, str]]:
    """Every query and the legend of its lines."""
    return [(t["expr"], t["legendFormat"]) for p in made["panels"] for t in p["targets"]]


def test_every_query_asks_for_what_is_counted(made: dict[str, Any]) -> None:
    """Its names are series of the table, its labels those of each metric in it, and nothing else
    is a word of it."""
    series = {name: metric for metric in names.ALL for name in metric.series}
    for text, legend in queries(made):
        bare = re.sub(r"\[\$__rate_interval\]|\"[^\"]*\"", "", text)
        told = set(re.findall(r"[a-z_]\w*", bare))
        asked = {word for word in told if word.startswith("wattlas_")}
        assert asked
        assert asked <= set(series), text
        labels = (told - asked - WORDS) | set(re.findall(r"{{(\w+)}}", legend))
        for name in asked:
            assert labels <= set(series[name].labels) or len(asked) > 1, (text, labels)
        assert labels <= {label for name in asked for label in series[name].labels}
        for name in asked:
            grows = series[name].kind != "gauge"
            assert (f"rate({name}" in text) is grows
        assert text.count("(") == text.count(")")


def test_every_metric_is_looked_at_or_left_out_for_a_reason(made: dict[str, Any]) -> None:
    """Events have names of their own that come and go; marginal emissions stand beside no axis."""
    text = " ".join(text for text, _ in queries(made))
    unseen = {m.name for m in names.ALL if not any(s in text for s in m.series)}
    assert unseen == {names.EVENTS.name, names.MARGINAL.name}


def test_panels_do_not_overlap(made: dict[str, Any]) -> None:
    """Each has its place, its question and its unit."""
    places = [tuple(panel["gridPos"].values()) for panel in made["panels"]]
    covered = [
        (x + right, y + down)
        for x, y, w, h in (
            tuple(panel["gridPos"][name] for name in "xywh") for panel in made["panels"]
        )
        for right in range(w)
        for down in range(h)
    ]
    assert len(set(covered)) == len(covered)
    assert max(x for x, _ in covered) == 23
    assert len(set(places)) == len(places)
    assert all(x + w <= 24 for x, _, w, _ in places)
    for panel in made["panels"]:
        assert panel["title"].endswith("?")
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    assert run(["export", "grafana", "--out", str(tmp_path / "x.yaml")]) == 2
