"""What verbs say that follow each other in one folder, as JSON, and what they refuse.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import polars as pl
import pytest

from tests.cli.every_option import BY_HOUR, SMALL, STATE, USERS, write_files
from tests.golden.printed import judge, number, outline, table_lines
from wattlas.cli import run
from wattlas.data.scenario_file import EXAMPLES
from wattlas.placement.engine import MESSAGE

HERE = Path(__file__).parent / "verbs"
STEP = "--set time.step_h=0.5 --set regions.oslo.reserved_gpu=3 --set regions.mumbai.pue=1.37"
BINDS = "--set regions.oslo.reserved_gpu=3"
FEW = "replay run tiny --hours 2 --scale 0.02"
MOVE = "-k D --from mumbai --to oslo"
SESSIONS: dict[str, tuple[str, ...]] = {
    "study": (
        f"study tiny {SMALL} --samples 3 --out a",
        f"study tiny {SMALL} {STEP} --samples 3 --out a --json",
        f"plan tiny {SMALL} --out p", "compare a p --anyway",
        "study tiny --out taken", "study tiny --out zeus.csv", "study tiny --out a.html",
        "study tiny --samples 2", "view nowhere", "view taken", "view p --port 70000",
    ),
    "plan-folder": (
        f"plan tiny {STEP} --out p --chunk 7",
        f"plan tiny {STEP} --out p --chunk 7",
        f"plan tiny {STEP} --out p --chunk 7 --resume --json",
        f"plan tiny {STEP} --out p --chunk 8 --resume",
        "plan tiny --out p --chunk 7 --resume",
        f"plan tiny {STEP} --set objective.minimise=carbon --out q",
        "compare p q", "compare p q --anyway",
        "compare p q --anyway --worse-than cost=1%,carbon=0.1",
        "compare q p --anyway --worse-than carbon=50%,energy=90 --json",
        "plan tiny --set objective.carbon_cap_share=0.99 --out r --chunk 3",
        "plan tiny --set regions.oslo.reserved_gpu=0.001 --out s",
        "plan tiny --out flows.csv", "plan tiny --out flows.json --json",
        "plan tiny --out taken", "plan tiny --time-limit-s 0 --out t", "plan tiny --verify --out u",
        "plan tiny --out flows.pdf", "compare p nowhere", "compare p r --worse-than cost",
        "compare p p --worse-than moved=1%", "compare p p --worse-than it=1%",
        "compare p p --worse-than cost=-1", "compare p p --worse-than =5",
        "compare p p --policy plan", "compare p s",
    ),
    "plan-json": (
        f"plan tiny {BINDS} --set objective.carbon_cap_share=0.99 --json --verify",
        "plan tiny --set classes.D.may_wait_h=2 --json",
        "plan tiny --set 'frictions={start_up: true}' --set points.large-fast.start_up_j=4e6 "
        "--set regions.austin.reserved_gpu=1",
        f"plan tiny {BINDS} --set objective.minimise=carbon --set objective.cost_cap_share=1.001",
        f"check tiny {STEP} --json", "check tiny --set regions.oslo.pue=0.9 --json",
        "check nowhere", "check zeus.csv", "check tiny --set nothing", "check tiny --scenario x",
    ),
    "frontier-json": (
        f"frontier tiny {BINDS} --samples 4 --json",
        f"frontier tiny {BINDS} --samples 4 --variant soft --out f.csv",
        f"frontier tiny {BINDS} --variant added_ms --objective carbon --at 1,50 --out f.json",
        f"frontier tiny {BINDS} --variant added_ms --exact --objective weighted --carbon-price 80",
        "frontier tiny --variant wait:D --at 0,2 --json", "frontier tiny --variant wait --at 0,1",
        "frontier tiny --variant wait --objective carbon --at 1 --out w.json",
        "frontier tiny --set objective.minimise=carbon --at 1",
        "frontier tiny --at 1,x", "frontier tiny --at -1", "frontier tiny --at 1 --exact",
        "frontier tiny --at 1 --samples 4", "frontier tiny --exact --samples 3",
        "frontier tiny --variant wat", "frontier tiny --variant class:X", "frontier tiny --samples 2",
        "frontier tiny --objective wat", "frontier tiny --variant wait:X --at 1",
        "frontier tiny --objective weighted", "frontier tiny --carbon-price 5 --at 1",
    ),
    "fleet-json": (
        f"fleet tiny {BY_HOUR} --reach added_ms --most 130 --jumps --verify --json",
        "fleet tiny --survive oslo,austin --survive zone --out fleet.json",
        "fleet tiny --survive region --out folder", "fleet tiny --patience D:0,3 --json",
        "fleet tiny --reach class:D --most 800 --out fleet.csv",
        "fleet tiny --survive cloud", "fleet tiny --survive mars", "fleet tiny --patience D:x",
        "fleet tiny --patience X:1", "fleet tiny --jumps", "fleet tiny --most 3",
        "fleet tiny --outage-on-demand 1", "fleet tiny --reach wat", "fleet tiny --exact 1",
        "fleet tiny --out taken", "fleet tiny --out f.pdf",
        "fleet tiny --set regions.oslo.reserved_usd_per_gpu_year=null",
    ),
    "breakeven-json": (
        f"breakeven tiny {MOVE} --json", f"breakeven tiny {BINDS} {MOVE} --metro lagos",
        f"breakeven tiny {MOVE} --point large-fast --stay-h 2 {STATE} --returns --json",
        "breakeven tiny -k D", f"breakeven tiny {MOVE} --point wat", "breakeven tiny -k X --from a "
        "--to b", f"breakeven tiny {MOVE} --metro mars", "breakeven tiny -k D --from oslo --to oslo",
        f"breakeven tiny {MOVE} --stay-h 0",
    ),
    "tiers-json": (
        "tiers menu tiny -k A --json --cap-g 0.05", "tiers menu tiny -k D --profiles pack "
        "--hardware b200 --intensity 250", "tiers menu tiny", "tiers menu tiny -k X",
        "tiers menu tiny -k A --hardware abacus", "tiers menu tiny -k A --profiles nowhere",
        "tiers share tiny -k A --days 1 --targets --cap-g 0.04 --remote --json",
        "tiers share tiny -k A --green-share 0.4 --rule budget --to oslo --network-kwh-per-gb 0.5 "
        "--first --days 1 --out days.csv",
        "tiers share tiny -k A --ahead --rule percentile --full large-fast --green small",
        "tiers share --hours hours.csv --cap-share 0.99 --green-share 0.2 --json",
        "tiers share tiny -k A --cap-g 0.0000001", f"tiers share tiny -k A --design {USERS}",
        "tiers share tiny -k A --cap-g 1 --cap-share 1", "tiers share tiny -k A --rule wat",
        "tiers share tiny -k A --forecast thought.csv", "tiers share tiny --hours hours.csv",
        "tiers share tiny -k A --design --green small", "tiers share -k A --hours hours.csv "
        "--green small --remote --targets", "tiers share tiny -k A -z mars",
        "tiers share tiny -k A --green small --green-share 0.5", "tiers share tiny -k A --to mars",
        "tiers share tiny -k A --green-share 1.5", "tiers share tiny -k A --latency-factor 0.5",
        "tiers share tiny -k A --full wat", "tiers share tiny -k A --network-kwh-per-gb -1",
    ),
    "design-json": (
        f"tiers design tiny {USERS} --json", f"tiers design tiny {USERS} --objective carbon "
        "--cap-share 0.9 --most 2 --unfair --out made", f"tiers design tiny {USERS} -k D "
        "--profiles pack --hardware b200", "tiers design tiny", f"tiers design tiny {USERS} -k X",
        f"tiers design tiny {USERS} --objective wat", f"tiers design tiny {USERS} --most 0",
        f"tiers design tiny {USERS} --cap-share 2", f"tiers design tiny {USERS} --fleet wat",
        f"tiers design tiny {USERS} --out taken",
        "tiers fit choices.csv --json", "tiers fit choices.csv --additive --curvature -1 "
        "--requests 1000 --accuracy-min 0.5 --latency-max-ms 3000 --reference-g 0.5 --out u.yaml",
        "tiers fit choices.csv --curvature x", "tiers fit nowhere.csv", "tiers fit hours.csv",
        "tiers fit choices.csv --requests 0", "tiers fit choices.csv --accuracy-min 0.99",
        "tiers fit choices.csv --out u.txt", "tiers fit choices.csv --latency-min-ms 9999",
    ),
    "replays": (
        f"{FEW} --policy plan --out r1", f"{FEW} --policy greedy --out r2 --json",
        f"{FEW} --policy greedy --seeds 2 --out r3 --requests each", "compare r1 r2",
        "compare r1 r3", "compare r1 r3 --anyway --policy plan", "compare r1 r2 --policy mars",
        "compare r1 r2 --worse-than late=1%,p95=20,cost=1 --anyway", "compare r1 taken",
        "replay run tiny --trace trace.csv --scale 1 --time-column hours --unit ms --even -k D "
        "--pooled --service service.json --rtt-p95 2 --json",
        "replay policies --json", "replay calibrate served.jsonl --batch 8 --step-tokens 2048 "
        "--kv-tokens 9999 --replicas 2 --check served.jsonl --point mine --out m.json --json",
        f"{FEW} --policy wat", f"{FEW} --against wat", f"{FEW} --seeds 0", f"{FEW} --utilisation 2",
        f"{FEW} --trace nowhere.csv", f"{FEW} --trace hours.csv", f"{FEW} --look-ahead 4h",
        f"{FEW} --policy rolling --forecast wat", f"{FEW} --policy rolling --look-ahead 4x",
        f"{FEW} --begin noon", f"{FEW} --policy rolling --published DE=wat", f"{FEW} --out taken",
        f"{FEW} --service trace.csv", f"{FEW} --policy weighted", f"{FEW} --policy greedy:by=wat",
        f"{FEW} --world 0", f"{FEW} -k X", f"{FEW} --unit wat", f"{FEW} --requests taken",
        "forecast tiny --forecast persistence --begin 2023-06-01T12:00 --json --out fo",
        "forecast tiny --forecast wat", "forecast tiny --begin noon", "forecast tiny --past tiny",
        "replay calibrate served.jsonl --batch 0", "replay calibrate zeus.csv --batch 8",
        "replay calibrate served.jsonl --place a/b --batch 8 --step-tokens 9 --kv-tokens 9",
    ),
    "sweeps": (
        "sweep run tiny --vary regions.*.pue=1.1,1.3 --vary regions.oslo.reserved_gpu=0.001,9 "
        "--jobs 1 --out s --prepare", "sweep one s 0", "sweep table s", "sweep one s 1",
        "sweep one s 2", "sweep one s 99", "sweep one s wat", "sweep table s --json",
        "sweep run tiny --vary regions.*.pue=1.1,1.3 --vary regions.oslo.reserved_gpu=0.001,9 "
        "--jobs 1 --out s",
        "sweep run tiny --vary regions.*.pue=1.1:1.3 --vary objective.carbon_price_usd_per_t=0:90 "
        "--design sobol --samples 2 --jobs 1 --out b", "sweep run tiny --run fleet --vary "
        "regions.*.pue=1.1,1.4 --jobs 1 --out f --json",
        "sweep run tiny --run replay --vary policy=nearest,greedy --with scale=0.01 --with hours=1 "
        "--seeds 2 --jobs 1 --out r", "sweep table nowhere", "sweep table taken",
        "sweep run tiny --vary wat", "sweep run tiny",
        "sweep run tiny --vary regions.*.pue=1.1:1.3", "sweep run tiny --vary regions.*.pue=1 "
        "--design sobol --samples 3", "sweep run tiny --vary regions.*.pue=1:2 --design sobol",
        "sweep run tiny --vary regions.*.pue=1,1 --vary regions.*.pue=2", "sweep run tiny --run wat "
        "--vary regions.*.pue=1", "sweep run tiny --with x=1 --vary regions.*.pue=1",
        "sweep run tiny --with x --vary regions.*.pue=1", "sweep run tiny --vary policy=plan",
        "sweep run tiny --design wat", "sweep run tiny --vary regions.*.pue=1.1,1.3 --out s",
    ),
    "exports": (
        f"export weights tiny {BINDS} --by-hour --out w.json",
        f"export weights tiny {BINDS} --out w.csv", f"export weights tiny {BINDS} --json",
        "export weights tiny --to envoy --by-hour --folder /etc/mine --listen 127.0.0.1:77 "
        "--class-header x-k --metro-header x-m --node frankfurt --out g",
        "export weights tiny --to litellm --endpoints https://{region}.example --out h.yaml",
        "export weights tiny --to wat", "export weights tiny --to envoy --by-hour",
        "export weights tiny --by wat", "export weights tiny --node mars",
        "export weights tiny --listen 127.0.0.1:77", "export weights tiny --to envoy --gateway x",
        "export weights tiny --to envoy --listen x --out g2", "export weights tiny --to envoy "
        "--endpoints nowhere.csv --out g3", "export weights tiny --to envoy --endpoints zeus.csv "
        "--out g4", "export weights tiny --out w.pdf", "export weights tiny --out folder",
        "export routing tiny --policy wat", "export routing tiny --policy greedy",
        "export routing tiny --out x.csv", "export routing tiny --hours 0",
        "export grafana --out board.json", "export grafana --out board.csv",
        "export envoy nowhere.yaml", "export nginx zeus.csv", "export litellm zeus.csv",
        "init here -e tiny", "init here -e tiny", "init here -e tiny --force --json",
        "init -e wat", "init taken --regions ,", "init x --regions aws:wat", "init zeus.csv -e tiny",
        "init x --example tiny --regions aws:us-east-1", "serve", "serve x.yaml --demo",
        "serve nowhere.yaml", "serve zeus.csv --check", "ledger statement nowhere a 2026-11",
        "ledger statement zeus.csv a 2026-11", "ledger correct zeus.csv", "ledger correct zeus.csv "
        "--row x", "ledger correct zeus.csv --row x --void --it-j 1", "ledger correct zeus.csv "
        "--row x --void", "ledger correct zeus.csv --energy zeus.csv --tenant a", "wat", "--version",
        "ledger correct nowhere --signals zeus.csv", "plan --wat", "export wat", "tiers", "data wat",
    ),
}
"""Name of the golden file → what is asked, one after the other in one folder."""
TEXTS = (".csv", ".json", ".yaml", ".sh")
LARGEST, ROWS = 9_000, 6
"""Bytes of a text beyond which only its name is told, and rows that are told of a table."""
MASKS = (
    (r"(?m)^(Plan|Fleet|Replay|Weights|Design|Sweep|Study): .*\n", ""),
    (r"\b\d+(\.\d+)? s\b", "so many s"),
    (re.escape(MESSAGE) + r"\n", ""),
    (r"\b(highs|SCIP) [\d.]+", r"\1"),
    (r"[-−]?(?<!\d)\d(\.\d+)?e[-−](0[89]|[1-9]\d)\b", "0"),
    (r"\b(gap|within|residual) \d(\.\d+)?e-\d\d\b", r"\1 so small"),
    (r"[\d,]+ programs", "so many programs"),
    (r"\b([0-9a-f]{64}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16})\b", "a hash"),
)
MOMENTS = {"wattlas", "created_utc", "seconds", "build_seconds", "epoch", "solver", "programs",
           "gap", "bound_usd", "engine_hours", "highs_hours", "sha256", "rows", "columns"}  # fmt: skip


def _steady(value: object) -> object:
    """An answer without moments, durations, and what a search leaves open."""
    if isinstance(value, dict):
        return {k: "…" if k in MOMENTS else _steady(v) for k, v in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value


def _answer(text: str) -> str:
    """JSON in few lines; other text as it is."""
    if not text.startswith(("{", "[")):
        return text
    return "\n".join(outline("json", _steady(json.loads(text)))) + "\n"


def _said(words: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(shlex.split(words))
    return f"$ wattlas {words}\n-> {int(code)}\n{_answer(out.getvalue())}{err.getvalue()}"


def _written(path: Path, name: str) -> str:
    """A file: a table as such, a short text as it is with numbers of five digits."""
    if path.suffix == ".parquet":
        table = pl.read_parquet(path)
        return "\n".join(table_lines(name, table.to_dict(as_series=False), ROWS))
    if path.suffix not in TEXTS or path.stat().st_size > LARGEST:
        return f"== {name}"
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return f"== {name}\n{_answer(text)}"
    return f"== {name}\n" + re.sub(r"\d+\.\d{4,}(e-?\d+)?", lambda m: number(float(m[0])), text)


def _masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER").replace(str(EXAMPLES), "EXAMPLES")
    for pattern, steady in MASKS:
        text = re.sub(pattern, steady, text)
    return text


@pytest.mark.parametrize("name", SESSIONS)
def test_sessions_are_those_of_the_golden_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    write_files(tmp_path)
    given = {path.name for path in tmp_path.iterdir()}
    with contextlib.chdir(tmp_path):
        said = [_said(words) for words in SESSIONS[name]]
    given |= {"here", "runs", "routes.yaml"}  # the last are those of the present hour
    made = [p for p in sorted(tmp_path.rglob("*")) if p.is_file()]
    names = [str(p.relative_to(tmp_path)) for p in made]
    said += [_written(p, n) for p, n in zip(made, names, strict=True)
             if not given & {*n.split("/")} and "/." not in n]  # fmt: skip
    judge(_masked("\n".join(said), tmp_path), HERE / f"{name}.txt")
