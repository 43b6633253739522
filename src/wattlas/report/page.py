"""The parts of the report that need no script: what must be read before and after the pictures.

Every text from outside passes through `escape`; the functions return HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from wattlas.report import words
from wattlas.report.results import Results
from wattlas.report.vendor import vendored

_ENDED = {
    "optimal": "Optimal",
    "limit": "Stopped at a limit",
    "infeasible": "Infeasible",
    "failed": "Failed",
    "heuristic": "Heuristic",
}
_TOTALS = (
    ("movable_usd", "Movable cost", words.money),
    ("energy_usd", "Energy", words.money),
    ("egress_usd", "Egress", words.money),
    ("friction_usd", "Frictions", words.money),
    ("unserved_usd", "Demand not served", words.money),
    ("carbon_price_usd", "Carbon at its internal price", words.money),
    ("rent_usd", "Accelerator rent", words.money),
    ("cost_usd", "All cost", words.money),
    ("carbon_kg", "Carbon, deciding intensity", words.mass),
    ("carbon_average_kg", "Carbon, average intensity", words.mass),
    ("carbon_marginal_kg", "Carbon, marginal intensity", words.mass),
    ("it_mwh", "IT energy", words.energy),
    ("facility_mwh", "Facility energy", words.energy),
    ("energy_usd_per_mwh", "Energy bill, USD per MWh of IT energy", words.number),
    ("carbon_g_per_kwh", "Carbon, g per kWh of IT energy", words.number),
    ("requests", "Requests", words.count),
    ("late_requests", "Late requests", words.count),
    ("unserved_requests", "Requests not served", words.count),
    ("rtt_mean_ms", "Mean round trip, ms", words.number),
)


def header(results: Results) -> str:
    """Title, status, notice, headline numbers and the facts that qualify them."""
    scenario = _part(results.meta, "scenario")
    name = scenario.get("name") or ""
    aside = f" · {escape(str(name))}" if name and name != results.title else ""
    return "\n".join(
        [
            '<header class="top">',
            f'<div class="brand">Wattlas{aside}</div>',
            f"<h1>{escape(results.title)}</h1>",
            _status(results),
            f'<p class="notice" role="note">{escape(results.notice)}</p>' if results.notice else "",
            _headline(results),
            _facts(results),
            '<nav aria-label="Questions"><ol id="contents"></ol></nav>',
            "</header>",
        ]
    )


def footer(results: Results) -> str:
    """What is not in the numbers, where they come from, and whose software drew them."""
    limits = [text for text in results.meta.get("limits") or [] if text != results.notice]
    parts = ["<footer>", "<h2>What is not in these numbers</h2>"]
    parts.append(_list(limits) if limits else "<p>The results name no limits.</p>")
    if results.notice:
        parts.append(f"<p><strong>{escape(results.notice)}</strong></p>")
    parts += ["<h2>Where the data comes from</h2>", _provenance(results.meta), _made(results)]
    parts += [_software(), "</footer>"]
    return "\n".join(parts)


def _status(results: Results) -> str:
    meta = results.meta
    bad = "" if results.status == "optimal" else " bad"
    bits = [f"<b>{escape(_ENDED.get(results.status, results.status))}</b>"]
    if meta.get("solver"):
        bits.append(escape(str(meta["solver"])))
    if meta.get("gap") is not None:
        bits.append(f"gap {words.share(meta['gap']) if meta['gap'] else '0'}")
    if meta.get("programs"):
        size = f"{words.number(meta['programs'])} programs"
        if meta.get("rows") and meta.get("columns"):
            size += f" ({words.number(meta['rows'])} rows, {words.number(meta['columns'])} columns)"
        bits.append(size)
    if meta.get("seconds") is not None:
        bits.append(f"{words.number(meta['seconds'])} s")
    conflict = f"<p>{escape(str(meta['conflict']))}</p>" if meta.get("conflict") else ""
    return f'<p class="status{bad}">{" · ".join(bits)}</p>{conflict}'


def period(meta: Mapping[str, Any]) -> str:
    """`a year`, or `in 168 h`: what the sums are sums over."""
    hours = _part(meta, "window").get("hours_represented") or 0
    return "a year" if abs(hours - 8760) <= 24 else f"in {words.number(hours)} h"


def baseline(meta: Mapping[str, Any]) -> str:
    """What the plan is compared with: `nearest place`, or the nearest one with room."""
    return str(_part(meta, "baseline").get("label") or "nearest place")


def _headline(results: Results) -> str:
    totals = _part(results.meta, "totals")
    plan, home = _part(totals, "plan"), _part(totals, "home")
    if not plan:
        return '<p class="lead">There is no placement to look at.</p>'
    found, when = _part(results.meta, "headline"), period(results.meta)
    label = baseline(results.meta)
    cards = [
        _card(
            "Money saved",
            words.money(found.get("saving_usd")),
            f"{when}: {words.share(found.get('saving_share'))} of the movable cost at the {label}",
        ),
        _card(
            "Carbon saved",
            words.mass(found.get("saving_kg")),
            f"{when}: {words.share(found.get('saving_carbon_share'))} of what the {label} emits",
        ),
        _card(
            "Movable cost",
            words.money(plan.get("movable_usd")),
            _against(label, home, "movable_usd"),
        ),
        _card("Carbon", words.mass(plan.get("carbon_kg")), _against(label, home, "carbon_kg")),
    ]
    lead = (
        f"Serving {words.count(plan.get('requests'))} requests took "
        f"{words.energy(plan.get('it_mwh'))} of IT energy. "
        f"Accelerator rent, {words.money(plan.get('rent_usd'))}, comes on top of the movable cost"
    )
    of_all = found.get("saving_share_of_all")
    lead += "." if of_all is None else f": of all cost, the saving is {words.share(of_all)}."
    table = _totals(plan, home, label)
    return f'<div class="cards">{"".join(cards)}</div><p class="lead">{escape(lead)}</p>{table}'


def _card(title: str, big: str, small: str) -> str:
    text = escape(big)
    prefix = "USD "
    if text.startswith(prefix):
        text = f"<small>USD</small> {text.removeprefix(prefix)}"
    return (
        f'<div class="card"><h3>{escape(title)}</h3><div class="big">{text}</div>'
        f"<p>{escape(small)}</p></div>"
    )


def _against(label: str, home: Mapping[str, Any], key: str) -> str:
    say = words.money if key.endswith("_usd") else words.mass
    return f"{label}: {say(home.get(key))}" if home else "no baseline"


def _totals(plan: Mapping[str, Any], home: Mapping[str, Any], label: str) -> str:
    rows = [
        f'<tr><td>{name}</td><td class="n">{escape(say(plan[key]))}</td>'
        f'<td class="n">{escape(say(home.get(key)))}</td></tr>'
        for key, name, say in _TOTALS
        if plan.get(key) is not None
    ]
    return (
        '<details><summary>All totals</summary><div class="scroll tall" tabindex="0"><table>'
        '<thead><tr><th scope="col"></th><th scope="col" class="n">Plan</th>'
        f'<th scope="col" class="n">{escape(label.capitalize())}</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _facts(results: Results) -> str:
    meta = results.meta
    window, scenario = _part(meta, "window"), _part(meta, "scenario")
    intensity, network = _part(meta, "intensity"), _part(meta, "network")
    facts = [("Window", _window(window))]
    if window.get("sample"):
        facts.append(("Sample", str(window["sample"])))
    kind = f" ({intensity['kind']})" if intensity.get("kind") else ""
    facts.append(("Carbon decided by", f"{intensity.get('deciding', 'not stated')}{kind}"))
    facts.append(("Objective", _objective(_part(meta, "objective"))))
    size = [
        f"{words.number(scenario[key])} {key}"
        for key in ("metros", "nodes", "regions", "zones", "classes")
        if isinstance(scenario.get(key), int | float)
    ]
    if size:
        facts.append(("Scenario", ", ".join(size)))
    modelled = network.get("modelled_share")
    if modelled is not None:
        text = f"{words.share(modelled)} of the round trips come from a distance model"
        facts.append(("Network", text if modelled else "all round trips are measured"))
    items = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts
    )
    return f'<dl class="facts">{items}</dl>'


def _window(window: Mapping[str, Any]) -> str:
    start, end = (str(window.get(key) or "?")[:10] for key in ("start_utc", "end_utc"))
    text = f"{start} to {end}"
    hours, total = window.get("hours"), window.get("hours_represented")
    if hours is None:
        return text
    stands = f" that stand for {words.number(total)}" if total and total != hours else ""
    return f"{text}, {words.number(hours)} h{stands}"


def _objective(objective: Mapping[str, Any]) -> str:
    text = f"least {objective.get('minimise', 'cost')}"
    price = objective.get("carbon_price_usd_per_t")
    if price:
        text += f", carbon at {words.number(price)} USD/t"
    caps = {
        "carbon_cap_t": "carbon at most {} t",
        "carbon_cap_share": "carbon at most {} of the baseline's",
        "cost_cap_usd": "cost at most {} USD",
        "cost_cap_share": "cost at most {} of the baseline's",
    }
    for key, phrase in caps.items():
        if objective.get(key) is not None:
            text += ", " + phrase.format(words.number(objective[key]))
            text += f" per {objective['window']}" if objective.get("window") != "all" else ""
    return text


def _provenance(meta: Mapping[str, Any]) -> str:
    rows = meta.get("provenance") or []
    if not rows:
        return "<p>The results name no sources.</p>"
    keys = ("what", "source", "licence", "period", "note")
    heads = "".join(f'<th scope="col">{key.capitalize()}</th>' for key in keys)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(_days(str(row.get(key) or '')))}</td>" for key in keys)
        + "</tr>"
        for row in rows
    )
    return (
        '<div class="scroll whole" tabindex="0"><table class="plain"><thead><tr>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _days(text: str) -> str:
    """Times at midnight as days, which is what a reader of a period wants."""
    return text.replace("T00:00:00Z", "")


def _made(results: Results) -> str:
    meta = results.meta
    bits = [f"Made by Wattlas {escape(str(meta['wattlas']))}", escape(str(meta["created_utc"]))]
    if meta.get("command"):
        bits.append(f"with <code>{escape(str(meta['command']))}</code>")
    source = _part(meta, "scenario").get("source_path")
    if source:
        bits.append(f"from <code>{escape(str(source))}</code>")
    return f"<h2>How this page was made</h2><p>{', '.join(bits)}.</p>"


def _software() -> str:
    texts = "".join(
        f"<h3>{escape(part.name)} {escape(part.version)}, {escape(part.licence)}, "
        f"{escape(part.homepage)}</h3><pre>{escape(part.licence_text())}</pre>"
        for part in vendored()
    )
    names = ", ".join(f"{part.name} {part.version}" for part in vendored())
    return (
        f"<p>This page makes no request. It contains {escape(names)}.</p>"
        f"<details><summary>Licences of the software in this page</summary>{texts}</details>"
    )


def _part(meta: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = meta.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(items: Iterable[Any]) -> str:
    return "<ul>" + "".join(f"<li>{escape(str(item))}</li>" for item in items) + "</ul>"
