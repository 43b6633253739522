"""Options of verbs: what they take, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import wattlas
from tests.golden.printed import fault_lines, tried
from wattlas.cli import (
    export,
    export_live,
    foresight,
    frontier,
    import_options,
    options,
    replay_trace,
    sweep_run,
    tiers_design,
    tiers_fit,
    tiers_share,
)
from wattlas.cli.group import group
from wattlas.model.objective import Minimise, Objective

TINY = "tiny"


def told(call: Callable[[], Any]) -> Iterator[str]:
    """What a call writes to stdout, and to stderr after `!`."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        lines = list(fault_lines(call))
    yield out.getvalue() + "".join(f"! {each}\n" for each in err.getvalue().splitlines())
    yield from (each for each in lines if each != "! nothing")


def _options(folder: Path) -> Iterator[str]:
    """Options of verbs: what they take, and what they refuse."""
    for text in ("24h", "24", " 2d ", "2 d", "0h", "1.5h", "", "3w", "1h"):
        yield from tried(lambda t=text: str(foresight.hours_of(t)))
    for pairs in (None, [], ["A=tariff", "B=x=y"], ["A"]):
        yield from tried(lambda p=pairs: str(foresight.published_of(p)))
    usual: Any = ("persistence", "24h", 1, None, None, None, None)
    for n, changed in enumerate(
        (None, "boosted", "2d", 2, None, ["A=tariff"], Path("w"), Path("v"))
    ):
        given = list(usual)
        if n:
            given[n - 1] = changed
        yield str(foresight.foresight_of(*given))
    for at, exact, samples in (
        (None, False, None),
        ("1,2.5", False, None),
        ("0", False, None),
        ("-1", False, None),
        ("1,x", False, None),
        ("inf", False, None),
        ("1", True, None),
        ("1", False, 3),
        (None, True, 3),
        (None, True, None),
        ("1,", False, None),
    ):
        yield from tried(lambda a=at, e=exact, n=samples: str(frontier._budgets(a, e, n)))
    s = wattlas.example(TINY).at_hours(range(1))
    for goal in (
        Objective(),
        Objective(carbon_price_usd_per_t=3.0),
        Objective(minimise=Minimise.CARBON),
    ):
        for price in (None, 0.0, 5.0):
            yield frontier._own_objective(replace(s, objective=goal), price)
    for listen in ("a:1", "[::1]:65535", "a:65536", "a:0", ":1", "a", "a:x"):
        yield from tried(lambda h=listen: str(export_live.host_port(h)))
    (folder / "t").write_text(" token \n")
    (folder / "b").write_bytes(b"\xff")
    for file in (None, folder / "t", folder / "b", folder / "none"):
        yield from tried(lambda f=file: repr(export_live._token(f)))
    for secret in (True, False):
        yield from told(
            lambda x=secret: export_live._tell("N", "text\n", folder / f"o{x}", secret=x)
        )
        yield oct((folder / f"o{secret}").stat().st_mode & 0o077)
    yield from told(lambda: export_live._tell("N", "text\n", None))
    (folder / "hourly").mkdir()
    (folder / "hourly" / "swap.sh").write_text("x")
    for to, by_hour, out in (
        ("wat", False, None),
        ("envoy", True, None),
        ("envoy", True, folder / "o.yaml"),
        ("", True, None),
        ("", False, folder / "w.yaml"),
        ("envoy", False, folder / "w.json"),
        ("litellm", False, folder / "w.json"),
        ("", False, folder / "dir"),
        ("envoy", True, folder / "n"),
    ):
        yield from fault_lines(lambda t=to, h=by_hour, o=out: export._check(t, h, o))
    for name in export.ONLY_FOR:
        for to in ("", "envoy", "llm-d", "httproute", "litellm"):
            yield from fault_lines(lambda n=name, t=to: export._check_options(t, {n: "x"}))
    shares = SimpleNamespace(by_hour=False)
    yield from fault_lines(
        lambda: export._written(shares, SimpleNamespace(node=None), "envoy", folder / "hourly")
    )
    for path in ("~/x", "~nobody-here/x", " ", "", "x"):
        yield from tried(lambda p=path: str(options.out_path(p)).replace(str(Path.home()), "HOME"))
    for named in (
        {},
        {"time": "a", "unit": "s"},
        {"time": "a", "unit": "s", "tokens_in": "i", "tokens_out": "o"},
    ):
        four = [named.get(n) for n in ("time", "unit", "tokens_in", "tokens_out")]
        yield str(replay_trace.changed_fields(*four))
    given = dict.fromkeys((*import_options.LAYOUT_FIELDS, "decimal", "step"), None) | {
        "rename": [],
        "only": ["A"],
        "where": ["a=b=c"],
    }
    for changed in (
        {},
        {"decimal": import_options.Decimal.COMMA, "stamps": import_options.Stamps.END},
        {"rename": ["x"]},
        {"step": 15},
    ):
        yield from tried(
            lambda c=changed: str(
                {k: v for k, v in import_options.layout_fields({**given, **c}).items() if v}
            )
        )
    for vary, run, kind, samples, seeds, settings in (
        (["a.b=1,2"], "plan", "grid", 0, 1, []),
        (["a.b=1:2", "c.d=1:3"], "plan", "sobol", 4, 1, []),
        (["policy=plan,nearest"], "replay", "grid", 0, 2, [" scale = 0.5", "trace=t.csv"]),
        (["a.b=1"], "replay", "grid", 0, 1, ["=3"]),
        (["a.b=1"], "wat", "grid", 0, 1, ["x"]),
        (["a.b=1"], "plan", "gird", 0, 1, []),
    ):
        extra = {
            "policy": None,
            "trace": "t.csv" if run == "replay" and seeds == 1 else None,
            "service": None,
        }
        yield from tried(
            lambda v=vary, r=run, k=kind, n=samples, d=seeds, x=settings, e=extra: str(
                sweep_run.asked_design(v, r, k, n, d, x, e)
            ).replace(str(Path.cwd()), "HERE")
        )
    for as_json in (True, False):
        yield from told(lambda j=as_json: sweep_run._tell_prepared(Path("f"), 1200, 3, j))
    first = group(
        "replay",
        {"policies": "List."},
        "S.",
        "More.",
        first=True,
    )
    yield f"{first.info.help!r} {group('replay', {'policies': 'List.'}, 'S.').info.help!r}"
    for text in ("fit", "0", "-1.5", "x", "nan"):
        yield from tried(lambda t=text: str(tiers_fit._curvature(t)))
    for caps, rule, forecast, ahead in (
        ({"--a": 1.0, "--b": 2.0}, "both", None, False),
        ({"--a": 1.0, "--b": None}, "both", Path("f"), False),
        ({"--a": None}, "budget", Path("f"), True),
        ({"--a": None}, "blind", None, False),
        ({"--a": None}, "percentile", None, False),
    ):
        yield from fault_lines(
            lambda c=caps, r=rule, f=forecast, a=ahead: tiers_share._check(c, r, f, a)
        )
    for design, green, part, hours in (
        (True, None, None, None),
        (True, "g", None, None),
        (True, None, 0.0, None),
        (True, None, None, Path("h")),
        (False, "g", 0.5, None),
        (False, "g", None, None),
    ):
        yield from fault_lines(
            lambda d=design, g=green, p=part, h=hours: tiers_share._check_fallback(d, g, p, h)
        )
    for stated in ({}, {"klass": ["A"], "objective": "carbon", "cap_share": 0.0, "most": 3}):
        asked = {"klass": None, "objective": "", "cap_share": None, "most": None, **stated}
        yield str(tiers_design._with_terms(s, *asked.values()).terms)  # type: ignore[arg-type]


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "verb_options": _options,
}
