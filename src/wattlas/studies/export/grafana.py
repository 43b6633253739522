"""A dashboard of the live plane for Grafana, over the metrics that Prometheus reads.

One question per panel, a unit on every axis, and full service at the baseline beside what was
emitted. Names come from the table that the service counts by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from wattlas.serve import names
from wattlas.serve.names import Metric

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
OUTPUT = '{type="output"}'
WIDTH, HEIGHT, COLUMNS = 8, 8, 24
"""Of a panel, and columns of the page, in Grafana's grid."""


class Query(NamedTuple):
    """A query, and what its lines are called."""

    text: str
    legend: str


class Panel(NamedTuple):
    """A panel: its question, the unit of its axis, and what is drawn."""

    title: str
    unit: str
    queries: tuple[Query, ...]


def rate(metric: Metric, by: str = "", only: str = "") -> str:
    """What a counter, or the count of a histogram, grows by per second."""
    (name, *_) = metric.series if metric.kind == "counter" else metric.series[1:]
    return f"sum{f' by ({by}) ' if by else ''}(rate({name}{only}[$__rate_interval]))"


def _quantiles(metric: Metric) -> tuple[Query, ...]:
    """Median, p95 and p99 of a histogram, by tier."""
    grown = f"sum by (le, tier) (rate({metric.series[0]}[$__rate_interval]))"
    return tuple(
        Query(f"histogram_quantile({share}, {grown})", f"{{{{tier}}}} p{share * 100:.0f}")
        for share in (0.5, 0.95, 0.99)
    )


def _value(metric: Metric, legend: str) -> Query:
    return Query(f"max({metric.series[0]})", legend)


PANELS = (
    Panel("Is every contract's degradation cap kept?", "percentunit",
          (Query(names.SHARE.series[0], "{{tenant}} {{contract}} {{window}}"),)),
    Panel("How many requests end, and how?", "reqps",
          (Query(rate(names.REQUESTS, "outcome"), "{{outcome}}"),)),
    Panel("In which tier are they served?", "reqps",
          (Query(rate(names.REQUESTS, "tier"), "{{tier}}"),)),
    Panel("Why are they served so?", "reqps",
          (Query(rate(names.DECISIONS, "reason"), "{{reason}}"),)),
    Panel("Where are they served?", "reqps",
          (Query(rate(names.REQUESTS, "region"), "{{region}}"),)),
    Panel("How long until the first token?", "s", _quantiles(names.FIRST)),
    Panel("How long does an answer take?", "s", _quantiles(names.DURATION)),
    Panel("What is emitted, in g per hour?", "none",
          (Query(f"3600 * {rate(names.CO2E)}", "emitted"),
           Query(f"3600 * {rate(names.USUAL)}", "in full service at the baseline"))),
    Panel("What power do answers take?", "watt",
          (Query(rate(names.ENERGY, "region"), "{{region}}"),)),
    Panel("How is energy found?", "reqps",
          (Query(rate(names.READINGS, "method"), "{{method}}"),)),
    Panel("How many g per 1,000 output tokens?", "none",
          (Query(f"1000 * {rate(names.CO2E)} / {rate(names.TOKENS, only=OUTPUT)}", "g"),)),
    Panel("How old is the routing?", "s", (_value(names.PLAN_AGE, "age"),)),
    Panel("Is anything uncertain?", "none",
          (_value(names.TROUBLED, "full service"), _value(names.FAILURES, "failed recordings"),
           _value(names.LOST, "rows lost"), _value(names.UNKEPT, "answers not kept"))),
    Panel("How much is open?", "none",
          (_value(names.IN_FLIGHT, "requests"), _value(names.PENDING, "rows to record"))),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The dashboard, to be imported; which Prometheus it asks is chosen on the page."""
    return {
        "uid": "wattlas-live",
        "title": "Wattlas live",
        "tags": ["wattlas"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_shown(n, panel) for n, panel in enumerate(PANELS)],
    }


def _shown(n: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(n, COLUMNS // WIDTH)
    return {
        "id": n + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + k), "datasource": SOURCE, "expr": query.text,
             "legendFormat": query.legend}
            for k, query in enumerate(panel.queries)
        ],
    }  # fmt: skip
