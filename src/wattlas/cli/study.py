"""`wattlas study`: the main job, from a scenario to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattlas.cli.common import (
    JsonOption,
    ScenarioArgument,
    ScenarioOption,
    SetOption,
    load_scenario,
    print_json,
    progress,
    ready_engine,
    say,
)
from wattlas.cli.show import percent, table, ticker

if TYPE_CHECKING:
    from wattlas.studies.study import Study


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the report and its tables.")
    ] = Path("wattlas-results"),
    samples: Annotated[
        int, typer.Option(help="Budgets per frontier where capacity may bind.", min=3)
    ] = 16,
    as_json: JsonOption = False,
) -> None:
    """Say where inference should run, what that saves, and what latency is worth.

    Prints a summary and writes a folder with report.html, meta.json and Parquet tables. Without a
    scenario it studies the embedded world.
    """
    from wattlas.report.folder import save
    from wattlas.studies.study import study

    with progress("Reading"):
        loaded = load_scenario(path, scenario, set)
    ready_engine(loaded)
    with ticker("Study") as tell:
        found = study(loaded, samples=samples, progress=tell)
    with progress("Writing the report"):
        report = save(found, out)
    if as_json:
        print_json({**found.meta, "folder": str(out), "report": str(report)})
        return
    summary(found)
    typer.echo(f"\nReport: {report}\nShow it: wattlas view {out}")


def summary(found: Study) -> None:
    """The answer for the terminal: status, saving, where, latency, moves, realised benefit."""
    head(found)
    where(found)
    latency(found)
    moves(found)
    realised(found)
    tiers(found)
    for sentence in found.meta["limits"]:
        say(f"note: {sentence}")


def head(found: Study) -> None:
    """How it ended, and what the plan saves."""
    meta, line = found.meta, found.meta["headline"]
    mine, base = found.plan.totals, found.home.totals
    title = meta["scenario"]["title"] or meta["scenario"]["name"]
    window = meta["window"]
    typer.echo(f"{title}\n{meta['scenario']['notice']}".strip())
    typer.echo(
        f"{meta['status']}, {window['hours']:,} steps for {window['hours_represented']:,.0f} h, "
        f"{meta['solver']}; {meta['intensity']['deciding']} carbon intensity decides; "
        f"studied in {meta['seconds']:.1f} s"
    )
    rows = [
        [
            "energy bill, USD",
            base.energy_usd,
            mine.energy_usd,
            percent(line["saving_energy_share"]),
        ],
        ["egress, USD", base.egress_usd, mine.egress_usd, _less(base.egress_usd, mine.egress_usd)],
        ["rent, USD", base.rent_usd, mine.rent_usd, _less(base.rent_usd, mine.rent_usd)],
        ["all cost, USD", base.cost_usd, mine.cost_usd, _less(base.cost_usd, mine.cost_usd)],
        ["carbon, kg", base.carbon_kg, mine.carbon_kg, percent(line["saving_carbon_share"])],
        ["IT energy, MWh", base.it_mwh, mine.it_mwh, _less(base.it_mwh, mine.it_mwh)],
        ["mean round trip, ms", base.rtt_mean_ms, mine.rtt_mean_ms, ""],
    ]
    label = meta["baseline"]["label"]
    table("What the plan saves", ["", label, "plan", "saved"], rows)


def _less(base: float, mine: float) -> str:
    """The share that is saved; how many times as much where it is more than twice."""
    if not base:
        return ""
    return f"× {mine / base:,.0f}" if mine > 2 * base else percent((base - mine) / base)


def where(found: Study) -> None:
    """Regions by the energy that the plan runs there."""
    hourly, scenario = found.tables["hourly"], found.plan.scenario
    regions = [r.id for r in scenario.regions]
    span = _grid(hourly["hours_represented"], regions)
    mine = (_grid(hourly["it_mw"], regions) * span).sum(axis=0)
    base = (_grid(hourly["home_it_mw"], regions) * span).sum(axis=0)
    used = (_grid(hourly["gpu"], regions) * span).sum(axis=0)
    room = (_grid(hourly["capacity_gpu"], regions) * span).sum(axis=0)
    price = _grid(hourly["price_usd_per_mwh"], regions)
    dirt = _grid(hourly["deciding_g_per_kwh"], regions)
    worth = _grid(hourly["capacity_price_usd_per_gpu_h"], regions)
    total = max(float(mine.sum()), 1e-300)
    hours = span[:, 0].sum()
    rows = [
        [
            regions[r],
            percent(base[r] / max(float(base.sum()), 1e-300)),
            percent(mine[r] / total),
            percent(used[r] / room[r]) if room[r] == room[r] and room[r] else "–",
            float((price[:, r] * span[:, r]).sum() / hours),
            float((dirt[:, r] * span[:, r]).sum() / hours),
            float((worth[:, r] * span[:, r]).sum() / hours),
        ]
        for r in sorted(range(len(regions)), key=lambda r: -float(mine[r]))
    ]
    heads = ["region", "at home", "plan", "full", "USD/MWh", "g/kWh", "one more GPU-h, USD"]
    table("Where inference runs (share of IT energy)", heads, rows)


def _grid(values: Any, regions: list[str]) -> Any:
    import numpy as np

    return np.asarray(values, dtype=float).reshape(-1, len(regions))


def latency(found: Study) -> None:
    """A few budgets of the frontier and what each further one brings."""
    one = next((f for f in found.frontiers if str(f.variant) == "scale"), None)
    if one is None or not len(one.x):
        return
    import numpy as np

    base = one.cost_usd[0]
    keep = np.unique(np.linspace(0, len(one.x) - 1, 7).round().astype(int))
    keep = np.unique(np.concatenate([keep, [max(one.at(one.users_x), 0)]]))
    kg = next(f for f in found.frontiers if str(f.variant) == "scale" and f.objective == "carbon")
    rows = [
        [
            f"× {one.x[n]:.3g}" + ("  (yours)" if n == one.at(one.users_x) else ""),
            base - one.cost_usd[n],
            kg.carbon_kg[0] - kg.carbon_kg[min(max(kg.at(one.x[n]), 0), len(kg.x) - 1)],
        ]
        for n in keep
    ]
    heads = ["latency budgets", "saved at least cost, USD", "saved at least carbon, kg"]
    table("What latency is worth, against the tightest budgets that serve everyone", heads, rows)


def moves(found: Study) -> None:
    """Break-even of the largest moves: payload and stay."""
    import itertools

    broken = found.tables["breakeven"]
    names = ("class", "from_region", "to_region", "quantity", "value", "verdict", "reason")
    entries = list(zip(*(broken[n] for n in names), strict=True))
    rows = []
    for key, group in itertools.groupby(entries, key=lambda e: e[:3]):
        by = {e[3]: e for e in group}
        payload, gap = by.get("payload_bytes"), by.get("price_gap_usd_per_mwh")
        if payload is None or gap is None:
            continue
        rows.append([*key, gap[5], gap[4], payload[4]])
    heads = ["class", "from", "to", "verdict", "break-even gap, USD/MWh", "break-even payload, B"]
    if rows:
        table("Which moves pay", heads, rows)


def realised(found: Study) -> None:
    """Does shifting really help? The saving without each limit."""
    benefit = found.tables["benefit"]
    names = ("label", "saving_usd", "realised_ratio_usd", "saving_kg", "realised_ratio_kg")
    rows = [
        [label, usd, _share(ratio_usd), kg, _share(ratio_kg)]
        for label, usd, ratio_usd, kg, ratio_kg in zip(*(benefit[n] for n in names), strict=True)
    ]
    heads = ["", "least cost saves, USD", "realised", "least carbon saves, kg", "realised"]
    table("Does shifting help? The same saving without each limit", heads, rows)


def tiers(found: Study) -> None:
    """Which tier to offer in each class, or why none."""
    verdicts = found.tables.get("tier_verdicts")
    if verdicts is None:
        return
    names = ("class", "floor", "discount", "share", "adoption", "profit_gain_share")
    more = ("carbon_saved_share", "worth", "reason")
    rows, none = [], []
    for klass, floor, *shares, worth, reason in zip(
        *(verdicts[n] for n in (*names, *more)), strict=True
    ):
        if worth:
            rows.append([klass, floor, *(percent(one) for one in shares)])
        else:
            none.append(f"Class {klass}: no tier is worth offering, because {reason}.")
    heads = ["class", "floor", "discount", "promise", "taken up", "more profit", "less carbon"]
    if rows:
        table("Which tier to offer: at most the promised share is degraded", heads, rows)
    for line in none:
        typer.echo(line)


def _share(value: float) -> str:
    return percent(value) if value == value else "–"
