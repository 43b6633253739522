"""One row for each option of each verb: how it is given, and what is then another answer."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattlas.data.scenario_file import EXAMPLES

DAY = "2024-05-01"
Check = Callable[[Any, Any], bool]


def ANY(before: Any, after: Any) -> bool:
    """That the answer is another one is all that is asked of it."""
    return True


@dataclass(frozen=True)
class Row:
    """An option as it is given, and what must then hold of the answers before and after.

    `base` is given in both runs, and `verb` instead of how the verb is called elsewhere. `was` is
    the exit code without the option, `code` with it; a verb that does not end with 0 says `words`.
    Rows with checks of their own are tried in one call, unless they are to be `alone`.
    """

    given: str
    check: Check = ANY
    base: str = ""
    code: int = 0
    words: str = ""
    was: int = 0
    verb: str = ""
    alone: bool = False


def refused(given: str, words: str, base: str = "", code: int = 2) -> Row:
    """An option that is heard by what it is refused for."""
    return Row(given, base=base, code=code, words=words)


def holds(path: str, value: Any) -> Check:
    """At a path of the answer stands a value once the option is given; something else before."""
    return lambda before, after: at(after, path) == value != at(before, path)


def more(path: str) -> Check:
    """A figure of the answer is larger with the option."""
    return lambda before, after: at(after, path) > at(before, path)


def at(answer: Any, path: str) -> Any:
    """What stands at a path of an answer; None where there is nothing."""
    for key in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(key)] if int(key) < len(answer) else None
        else:
            answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    """A column of rows."""
    return [row[name] for row in rows]


def text(answer: Any) -> str:
    """The texts of all files that were written."""
    return "\n".join(answer["text"].values())


def latest(answer: Any) -> int:
    """How many steps a replay has."""
    return int(answer["window"]["hours"])


def write_files(folder: Path) -> None:
    """Small invented inputs: logs, traces, hours, choices."""
    shutil.copy(EXAMPLES / "tiny" / "choices.csv", folder)
    (folder / "taken").mkdir()
    (folder / "taken" / "scenario.yaml").write_text("name: mine\n", encoding="utf-8")
    served = [
        {"queued_ts": 0.2 * n, "input_toks": 100 + n, "output_toks": 50,
         "first_token_ts": 0.2 * n + 0.05, "last_token_ts": 0.2 * n + 1.0}
        for n in range(40)
    ]  # fmt: skip
    texts = {
        "served.jsonl": "\n".join(map(json.dumps, served)),
        "service.json": json.dumps({"large-fast": {"step_s": 0.1, "token_s": 0.001, "batch": 4}}),
        "trace.csv": _csv("arrived_at,num_prefill_tokens,num_decode_tokens,more,hours", (
            (30 * n, 100 + n, 20 + n, 500 + n, 150 * n) for n in range(60))),
        "zeus.csv": _csv("start_time,window_name,elapsed_time,gpu0_energy", (
            (1, "images", 20, 4000), (30, "more", 20, 8000))),
        "bench.json": json.dumps({"model": "plover"}),
        "hours.csv": _hours(lambda t: 300 + 150 * math.cos(t / 24 * 2 * math.pi) + 5 * (t % 7)),
        "thought.csv": _hours(lambda t: 300 + 150 * math.cos(t / 24 * 2 * math.pi)),
        "raw.csv": _csv("t,p,q", (
            (f"{DAY}T{t:02d}:00Z", 10 + t, 50 + t) for t in range(24))),
        "wide.csv": _csv(
            "day," + ",".join(f"h{n + 1}" for n in range(24)),
            ((f"2024-05-0{d}", *range(10 * d, 10 * d + 24)) for d in (1, 2)),
        ),
        "half.csv": _csv("t,p", ((f"{DAY}T{n // 2:02d}:{n % 2 * 30:02d}Z", n) for n in range(48))),
        "gap.csv": _csv("t,p", ((f"{DAY}T{n:02d}:00Z", n) for n in range(24) if n != 7)),
        "comma.csv": "t;p\n" + "".join(f"{DAY}T{n:02d}:00Z;1,{n:03d}\n" for n in range(24)),
        "twice.csv": _csv("t,p,zone", (
            (f"{DAY}T{n // 2:02d}:00Z", n, "XY"[n % 2]) for n in range(48))),
        "log.csv": _csv("at,local,model,land,town,prompt,answer", (
            (f"{day}T{hour:02d}:{minute}:00Z", f"{day}T{hour:02d}:{minute}:00", model, land, town,
             prompt, 20)
            for day in ("2024-03-09", "2024-03-10")
            for hour in range(24)
            for minute, model, land, town, prompt in (
                (10, "big", "DE", "berlin", 100), (40, "small", "US", "austin", 101)))),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _csv(head: str, rows: Any) -> str:
    return "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"


def _hours(grams: Callable[[int], float]) -> str:
    rows = [
        (f"2023-05-{1 + t // 24:02d}T{t % 24:02d}:00Z", zone, round(value, 1))
        for zone, values in (("wavy", grams), ("flat", lambda t: 400.0))
        for t in range(24 * 4)
        for value in (values(t),)
    ]
    return _csv("time_utc,zone,average_g_per_kwh", rows)


SMALL = "--set regions.only=[oslo,mumbai] --set time.hours=2"
BINDING = "--set regions.oslo.reserved_gpu=3"
BY_HOUR = "--set regions.all.on_demand_gpu=2 --set regions.all.on_demand_usd_per_gpu_h=2.0"
USERS = (
    "--set 'users={status_quo: 0.1, segments: {green: {share: 1.0, consciousness: 0.4, "
    "weight_accuracy: 0.6, weight_latency: 0.1, value: 2}}}' "
    "--set classes.A.price_usd_per_request=0.0003 --set classes.D.price_usd_per_request=0.0003 "
    + SMALL
)
MOVE = "-k D --from mumbai --to oslo"
STATE = (
    "--set 'frictions={move_state: true}' --set classes.D.state=sticky "
    "--set classes.D.session_state_bytes=1e6 --set classes.D.requests_per_session_h=10"
)
FEW = "replay run tiny --hours 1 --scale 0.01"
SENT = "--trace trace.csv --scale 1"
ROLLING = "--policy rolling --begin 2023-06-01T16:00 --hours 4"
PRICES = "data import raw.csv --as price --time-column t --value-column p --zone X --into pack"
HALF = "data import --as price --time-column t --value-column p --zone X --into pack"
READ_WORLD = {
    "check": "check tiny",
    "study": f"study tiny {SMALL} --samples 3",
    "plan": "plan tiny",
    "fleet": "fleet tiny",
    "frontier": "frontier tiny --samples 4",
    "breakeven": "breakeven tiny",
    "tiers menu": "tiers menu tiny -k A",
    "tiers share": "tiers share tiny -k A",
    "tiers design": f"tiers design tiny {USERS}",
    "replay run": FEW,
    "forecast": "forecast tiny --forecast persistence",
    "sweep run": "sweep run tiny --vary regions.*.pue=1.1,1.3 --prepare",
    "export weights": "export weights tiny",
    "export routing": "export routing tiny --out routing.json",
}
"""Verbs that read a scenario, and how they are called without any of their options."""
BASES = READ_WORLD | {
    "init": "init",
    "schema": "schema",
    "tiers fit": "tiers fit choices.csv",
    "replay policies": "replay policies",
    "replay calibrate": "replay calibrate served.jsonl --batch 8 --step-tokens 2048 "
    "--kv-tokens 9999",
    "points": "points zeus.csv --model plover --accuracy 0.7 --requests 400 --ttft-ms 35",
    "demand": "demand log.csv --time at --class model --country land --into made",
    "data list": "data list",
    "data show": "data show typical-2023",
    "data check": "data check hours.csv",
    "data import": PRICES,
}

WRITES = {
    "study": ("out", "out/report.html"),
    "plan": ("flows.csv", "flows.csv"),
    "fleet": ("fleet.json", "fleet.json"),
    "frontier": ("f.csv", "f.csv"),
    "tiers share": ("days.csv", "days.csv"),
    "tiers design": ("out", "out/tier_verdicts.parquet"),
    "tiers fit": ("users.yaml", "users.yaml"),
    "replay run": ("out", "out/report.html"),
    "replay calibrate": ("model.json", "model.json"),
    "forecast": ("out", "out/replay_forecasts.parquet"),
    "points": ("points.csv", "points.csv"),
    "export weights": ("weights.csv", "weights.csv"),
    "export routing": ("other.json", "other.json"),
    "sweep run": ("elsewhere", "elsewhere/sweep.json"),
}
"""Verbs with --out: what is given, and a file that is then there."""

ROWS: dict[str, dict[str, Row]] = {
    "init": {
        "--example": Row("-e tiny here", lambda b, a: "price.csv" in a["files"]),
        "--regions": Row("--regions aws:us-east-1", holds("folder", "company"), alone=True),
        "--force": Row("--force taken", was=0),
    },
    "study": {"--samples": refused("--samples 2", "greater than or equal to 3")},
    "plan": {
        "--verify": Row("--verify", lambda b, a: "certificate" in a and "certificate" not in b),
        "--resume": refused("--resume", "needs --out FOLDER"),
        "--chunk": refused("--chunk 24", "needs --out FOLDER"),
        "--time-limit-s": refused("--time-limit-s x", "should be a valid number"),
    },
    "fleet": {
        "--survive": Row(
            "--survive region", lambda b, a: len(a["survives"]) == 3 > len(b["survives"])
        ),
        "--outage-on-demand": Row(
            "--outage-on-demand 0.5", more("bound_usd"), base=f"--survive region {BY_HOUR}"
        ),
        "--reach": Row("--reach added_ms", holds("reach.variant", "added_ms")),
        "--most": Row(
            "--most 40",
            lambda b, a: (
                max(a["reach"]["fleets"]["reach"]) <= 40 < max(b["reach"]["fleets"]["reach"])
            ),
            base="--reach added_ms",
        ),
        "--jumps": Row("--jumps", holds("reach.complete", True), base="--reach added_ms"),
        "--patience": Row("--patience D:0,2", holds("patience.wait_h", [0.0, 2.0])),
        "--exact": Row("--exact 0.1", lambda b, a: b["gap"] <= 1e-6 < a["gap"] <= 0.1, alone=True),
        "--verify": Row("--verify", lambda b, a: "certificate" in a and "certificate" not in b),
    },
    "frontier": {
        "--variant": Row("--variant added_ms", holds("variant", "added_ms")),
        "--objective": Row("--objective carbon", holds("objective", "carbon")),
        "--carbon-price": Row("--carbon-price 50", base="--objective weighted", was=2),
        "--exact": Row("--exact", base="--samples 4", code=2, words="leave out --samples"),
        "--samples": Row(
            "--samples 5", lambda b, a: len(b["points"]["x"]) != len(a["points"]["x"]), base=BINDING
        ),
        "--at": Row("--at 1.5,2", holds("points.x", [1.5, 2.0]), verb="frontier tiny"),
    },
    "breakeven": {
        "--class": Row("-k D", base="--from mumbai --to oslo", was=2),
        "--from": Row("--from mumbai", base="-k D --to oslo", was=2),
        "--to": Row("--to oslo", base="-k D --from mumbai", was=2),
        "--point": Row("--point large-fast", holds("0.point", "large-fast"), base=MOVE),
        "--metro": Row("--metro lagos", holds("0.metros", ["lagos"]), base=MOVE),
        "--stay-h": Row("--stay-h 3", holds("0.breakeven.now", 3.0), base=MOVE),
        "--returns": Row("--returns", base=f"{MOVE} {STATE}"),
    },
    "tiers menu": {
        "--class": Row("-k D", holds("class", "D")),
        "--profiles": Row("--profiles pack", lambda b, a: len(a["menu"]) > len(b["menu"])),
        "--hardware": Row(
            "--hardware b200",
            lambda b, a: {"b200"} == {h.lower().split()[-1] for h in column(a["menu"], "hardware")},
            base="--profiles pack",
        ),
        "--intensity": Row("--intensity 300", holds("g_per_kwh", 300.0)),
        "--cap-g": Row("--cap-g 1", holds("cap_g", 1.0)),
    },
    "tiers share": {
        "--class": Row("-k D", holds("class", "D"), base="--green-share 0.5"),
        "--zone": Row(
            "-z IN",
            lambda b, a: (
                set(column(a["zones"], "zone")) == {"IN"} < set(column(b["zones"], "zone"))
            ),
        ),
        "--cap-share": Row("--cap-share 0.8", holds("cap_share", 0.8)),
        "--cap-g": Row("--cap-g 0.05", holds("cap_g", 0.05), alone=True),
        "--green": Row(
            "--green large-fast", base="-k A --full large-batched", code=3, words="takes"
        ),
        "--green-share": Row("--green-share 0.4", holds("green_share", 0.4), alone=True),
        "--hours": Row(
            "--hours hours.csv",
            lambda b, a: set(column(a["zones"], "zone")) == {"wavy", "flat"},
            verb="tiers share",
            was=2,
        ),
        "--first": Row("--first", base="--days 1", verb="tiers share --hours hours.csv"),
        "--forecast": Row(
            "--forecast thought.csv",
            holds("forecast", "as thought.csv has it"),
            verb="tiers share --hours hours.csv --ahead",
        ),
        "--design": refused("--design", "nobody said who subscribes", code=3),
        "--full": Row("--full large-fast", holds("full_points", ["large-fast"])),
        "--latency-factor": refused("--latency-factor 0.9", "wanted at least 1", code=3),
        "--rule": Row(
            "--rule budget",
            lambda b, a: set(a["zones"][0]["saved"]) == {"budget"} < set(b["zones"][0]["saved"]),
        ),
        "--remote": Row(
            "--remote",
            lambda b, a: (
                set(column(a["zones"], "place"))
                == {"local", "remote"}
                > set(column(b["zones"], "place"))
            ),
        ),
        "--to": Row("--to oslo", lambda b, a: a["zones"] != b["zones"], base="--remote"),
        "--network-kwh-per-gb": Row(
            "--network-kwh-per-gb 1", lambda b, a: a["zones"] != b["zones"], base="--remote"
        ),
        "--ahead": Row("--ahead", lambda b, a: len(a["ahead"]) > 0 == len(b["ahead"]), alone=True),
        "--days": Row("--days 1", lambda b, a: len(a["days"]) > 0 == len(b["days"])),
        "--targets": Row("--targets", lambda b, a: len(a["targets"]) > 0 == len(b["targets"])),
    },
    "tiers design": {
        "--class": Row("-k A", holds("offer.classes", ["A"])),
        "--objective": Row("--objective carbon", holds("offer.objective", "carbon")),
        "--cap-share": Row("--cap-share 0.5", holds("offer.cap_share", 0.5)),
        "--most": Row("--most 2", holds("offer.most", 2)),
        "--profiles": refused("--profiles nowhere", "nowhere", code=3),
        "--hardware": refused("--hardware abacus", "no point is on hardware with `abacus`"),
        "--fleet": Row("--fleet resize", lambda b, a: "resized" in a and "resized" not in b),
    },
    "tiers fit": {
        "--curvature": Row("--curvature -1", lambda b, a: a["loglik"] != b["loglik"]),
        "--additive": Row("--additive", lambda b, a: a["loglik"] < b["loglik"]),
        "--requests": Row("--requests 1000", holds("requests", 1000.0)),
        "--accuracy-min": Row("--accuracy-min 0.5", holds("scale.accuracy_min", 0.5)),
        "--accuracy-max": Row("--accuracy-max 0.95", holds("scale.accuracy_max", 0.95)),
        "--latency-min-ms": Row("--latency-min-ms 100", holds("scale.latency_min_ms", 100.0)),
        "--latency-max-ms": Row("--latency-max-ms 3000", holds("scale.latency_max_ms", 3000.0)),
        "--reference-g": Row("--reference-g 0.5", holds("scale.reference_g", 0.5)),
    },
    "replay run": {
        "--trace": Row(
            "--trace trace.csv", lambda b, a: "trace.csv" in str(a["requests"]), alone=True
        ),
        "--policy": Row("--policy greedy", holds("policy", "greedy"), alone=True),
        "--against": Row("--against uniform", lambda b, a: "uniform" in a["policies"]),
        "--layout": refused("--layout azure", "no such column", base=SENT, code=3),
        "--trace-name": refused("--trace-name x", "holds one trace", base=SENT),
        "--time-column": Row(
            "--time-column hours",
            lambda b, a: latest(a) > latest(b),
            base=SENT,
            verb="replay run tiny",
        ),
        "--unit": Row(
            "--unit ms",
            lambda b, a: latest(a) < latest(b),
            base=f"{SENT} --time-column hours",
            verb="replay run tiny",
        ),
        "--in-column": Row(
            "--in-column more",
            lambda b, a: a["totals"]["plan"]["it_mwh"] > b["totals"]["plan"]["it_mwh"],
            base=SENT,
        ),
        "--out-column": Row("--out-column more", more("totals.plan.it_mwh"), base=SENT),
        "--scale": Row("--scale 0.02", holds("came.scale", 0.02)),
        "--world": Row("--world 0.5", holds("came.world", 0.5)),
        "--class": Row("-k D", holds("came.class", "D"), base=SENT),
        "--even": Row("--even", holds("came.even", True)),
        "--hours": Row("--hours 2", holds("window.hours", 2)),
        "--utilisation": refused("--utilisation 1.5", "at most 1"),
        "--seeds": Row("--seeds 2", holds("seeds", 2)),
        "--service": Row("--service service.json", lambda b, a: a["limits"] != b["limits"]),
        "--pooled": Row("--pooled", base="--service service.json --scale 3"),
        "--start-s": Row("--start-s 100", lambda b, a: a["limits"] != b["limits"]),
        "--rtt-p95": Row("--rtt-p95 2"),
        "--requests": Row(
            "--requests each", lambda b, a: any(n.startswith("each/requests-") for n in a["text"])
        ),
        "--begin": Row(
            "--begin 2023-06-01T05:00",
            holds("window.start_utc", "2023-06-01T05:00:00Z"),
            alone=True,
        ),
        "--forecast": Row("--forecast perfect", base=ROLLING),
        "--look-ahead": Row("--look-ahead 2h", base=ROLLING),
        "--every": Row("--every 3", base=ROLLING),
        "--past": refused("--past nowhere", "nowhere", base=ROLLING, code=3),
        "--weather": refused("--weather none.csv", "none.csv", base=ROLLING, code=3),
        "--vintages": refused("--vintages none.csv", "none.csv", base=ROLLING, code=3),
        "--published": refused("--published DE=tariff", "is no grid zone", base=ROLLING, code=3),
    },
    "replay calibrate": {
        "--layout": refused("--layout azure", "The layout azure has it", code=3),
        "--batch": Row("--batch 4", holds("model.batch", 4)),
        "--step-tokens": Row("--step-tokens 512", holds("model.step_tokens", 512)),
        "--kv-tokens": Row("--kv-tokens 5000", holds("model.kv_tokens", 5000)),
        "--replicas": Row("--replicas 2", lambda b, a: a["model"] != b["model"]),
        "--check": Row("--check served.jsonl", lambda b, a: len(a["errors"]) > len(b["errors"])),
        "--place": refused("--place a/b", "does not say where requests ran"),
        "--point": Row(
            "--point mine",
            lambda b, a: "mine" in a["text"]["m.json"] and "mine" not in b["text"]["m.json"],
            base="--out m.json",
        ),
    },
    "forecast": {
        "--forecast": refused("--forecast wat", "there is no `wat`"),
        "--begin": Row("--begin 2023-06-01T12:00", holds("begin_utc", "2023-06-01T12:00:00Z")),
        "--past": refused("--past tiny", "has 0 hours of past", code=3),
        "--weather": refused("--weather none.csv", "none.csv", code=3),
        "--vintages": refused("--vintages none.csv", "none.csv", code=3),
        "--published": refused("--published DE=tariff", "is no grid zone", code=3),
    },
    "sweep run": {
        "--vary": Row("--vary objective.carbon_price_usd_per_t=0,100", holds("runs", 4)),
        "--run": refused("--run wat", "there is no `wat`"),
        "--policy": refused("--policy plan", "policy"),
        "--trace": refused("--trace none.csv", "none.csv", base="--run replay"),
        "--service": refused("--service none.json", "none.json", base="--run replay", code=2),
        "--with": refused("--with x", "NAME=VALUE"),
        "--design": refused("--design gird", "Did you mean `grid`"),
        "--samples": refused("--samples -1", "greater than or equal to 0"),
        "--seeds": Row("--seeds 2", holds("runs", 4), base="--run replay"),
        "--jobs": refused("--jobs 0", "greater than or equal to 1"),
    },
    "points": {
        "--from": refused("--from zeuss", "zeus"),
        "--model": Row(
            "--model wren",
            holds("points.0.variant", "wren"),
            verb="points zeus.csv --accuracy 0.7 --requests 400 --ttft-ms 35",
            was=3,
        ),
        "--hardware": Row("--hardware H", holds("points.0.hardware", "1 x H"), alone=True),
        "--accuracy": Row(
            "--accuracy 0.8",
            holds("points.0.accuracy", 0.8),
            verb="points zeus.csv --model plover --requests 400 --ttft-ms 35",
            was=3,
        ),
        "--accelerators": Row("--accelerators 4", holds("points.0.accelerators", 4.0)),
        "--requests": Row(
            "--requests 800",
            holds("points.0.request_j", 7.5),
            verb="points zeus.csv --model plover --accuracy 0.7 --ttft-ms 35",
            was=3,
        ),
        "--tokens-in": Row(
            "--tokens-in 100", base="--tokens-out 50 --itl-ms 5 --prompt-share 0.5", was=3
        ),
        "--tokens-out": Row(
            "--tokens-out 50", base="--tokens-in 100 --itl-ms 5 --prompt-share 0.5"
        ),
        "--ttft-ms": Row(
            "--ttft-ms 70",
            holds("points.0.ttft_ms", 70.0),
            verb="points zeus.csv --model plover --accuracy 0.7 --requests 400",
            was=3,
        ),
        "--itl-ms": Row(
            "--itl-ms 5",
            holds("points.0.itl_ms", 5.0),
            base="--tokens-in 100 --tokens-out 50",
            was=3,
        ),
        "--prompt-share": Row(
            "--prompt-share 0.5", base="--tokens-in 100 --tokens-out 50 --itl-ms 5"
        ),
        "--energy-j": refused("--energy-j 1", "--energy-j is not taken", code=3),
        "--power-w": refused("--power-w 1", "--power-w is not taken", code=3),
        "--energy-log": refused("--energy-log none.csv", "none.csv", code=3),
        "--window": refused("--window x", "--window names one of --energy-log"),
        "--only": refused("--only x", "x", code=3),
    },
    "export weights": {
        "--to": Row("--to envoy", base="--out g", was=2),
        "--by-hour": Row("--by-hour", lambda b, a: a["hours_utc"] is not None),
        "--by": Row("--by carbon", holds("by", "carbon")),
        "--endpoints": Row(
            "--endpoints https://{region}.example",
            lambda b, a: ".example" in text(a) and ".example" not in text(b),
            base="--to litellm --out g",
        ),
        "--node": Row(
            "--node frankfurt",
            lambda b, a: (
                set(column(a["weights"], "node"))
                == {"frankfurt"}
                < set(column(b["weights"], "node"))
            ),
        ),
        "--class-header": Row(
            "--class-header x-mine", lambda b, a: "x-mine" in text(a), base="--to envoy --out g"
        ),
        "--metro-header": Row(
            "--metro-header x-mine", lambda b, a: "x-mine" in text(a), base="--to envoy --out g"
        ),
        "--listen": Row(
            "--listen 127.0.0.1:77",
            lambda b, a: "77" in text(a) and "10000" in text(b),
            base="--to envoy --out g",
        ),
        "--gateway": Row(
            "--gateway mine", lambda b, a: "mine" in text(a), base="--to httproute --out g"
        ),
        "--folder": Row(
            "--folder /etc/mine",
            lambda b, a: "/etc/mine" in text(a),
            base="--to envoy --by-hour --out g",
        ),
    },
    "export routing": {
        "--hours": Row("--hours 5", holds("hours", 5)),
        "--policy": Row("--policy nearest", holds("policy", "nearest")),
    },
    "demand": {
        "--time": refused("--time when", "when", code=3),
        "--class": Row(
            "--class town", lambda b, a: a["hour_weights"].keys() == {"berlin", "austin"}
        ),
        "--country": refused("--country nowhere", "nowhere", code=3),
        "--metro": Row("--metro town", code=2, words="--country"),
        "--tokens-in": Row(
            "--tokens-in prompt", holds("tokens.small.tokens_in", 101.0), base="--tokens-out answer"
        ),
        "--tokens-out": Row(
            "--tokens-out answer", holds("tokens.small.tokens_out", 20.0), base="--tokens-in prompt"
        ),
        "--time-zone": Row("--time-zone Europe/Berlin", was=3, base="--time local"),
        "--metros": refused("--metros none.csv", "none.csv", code=3),
        "--each-day": Row(
            "--each-day", lambda b, a: a["text"]["made/totals.csv"] != b["text"]["made/totals.csv"]
        ),
        "--unplaced": refused("--unplaced x", "'x' is not one of"),
        "--into": Row("--into there", holds("table", "there/totals.csv"), alone=True),
    },
    "data check": {"--table": Row("--table price", code=3, words="")},
    "data import": {
        "--into": Row("--into there", holds("folder", "there"), alone=True),
        "--from": refused("--from entsoe-e", "entso"),
        "--as": refused("--as wat", "wat"),
        "--intensity": refused("--intensity direct", "--intensity says nothing of price"),
        "--time-column": refused("--time-column when", "when", code=3),
        "--hour-column": refused("--hour-column nine", "nine", code=3),
        "--interval-column": refused(
            "--interval-column nine", "--interval-column needs --hour-column"
        ),
        "--repeated-column": refused("--repeated-column nine", "nine", code=3),
        "--stamps": Row(
            "--stamps end", holds("manifest.time.start_utc", "2024-04-30T23:00:00Z"), alone=True
        ),
        "--dates": refused("--dates last", "'last' is not one of"),
        "--hour-numbers": refused("--hour-numbers clock", "--hour-numbers needs --hour-column"),
        "--time-zone": refused("--time-zone Nowhere/Land", "there is no zone `Nowhere/Land`"),
        "--zone-column": Row("--zone-column zone", code=2, words="--zone"),
        "--zone": Row("--zone Y", holds("zones", ["Y"])),
        "--class-column": refused("--class-column kind", "class", code=2),
        "--class": refused("--class A", "class", code=2),
        "--value-column": Row("--value-column q", lambda b, a: a["text"] != b["text"]),
        "--unit": Row("--unit usd/kwh", lambda b, a: a["text"] != b["text"]),
        "--factor": Row("--factor 2", lambda b, a: a["text"] != b["text"]),
        "--separator": refused("--separator ;", "t", code=3),
        "--decimal": Row("--decimal comma", was=3, verb=f"{HALF} comma.csv --separator ';'"),
        "--rename": Row("--rename X=Y", holds("zones", ["Y"]), alone=True),
        "--only": refused("--only Y", "Y", code=3),
        "--where": Row(
            "--where zone=X", lambda b, a: a["rows"] == 24, verb=f"{HALF} twice.csv", was=3
        ),
        "--average": Row("--average", lambda b, a: a["rows"] == 24, verb=f"{HALF} half.csv", was=3),
        "--keep-steps": Row(
            "--keep-steps", lambda b, a: a["rows"] == 48, verb=f"{HALF} half.csv", was=3
        ),
        "--fill": Row("--fill linear", lambda b, a: a["rows"] == 24, verb=f"{HALF} gap.csv", was=3),
        "--fill-most": refused("--fill-most 3", "--fill-most needs --fill"),
        "--source": Row("--source ours", holds("manifest.tables.price.source", "ours")),
        "--licence": Row("--licence free", holds("manifest.tables.price.licence", "free")),
        "--name": Row("--name mine", holds("manifest.name", "mine")),
        "--title": Row("--title Mine", holds("manifest.title", "Mine")),
        "--allow-gaps": Row(
            "--allow-gaps", lambda b, a: a["rows"] == 23, verb=f"{HALF} gap.csv", was=3
        ),
    },
}
"""Verb and option → its row."""

LISTED_ONLY = {
    ("export routing", "--writer"): "tests/serve: two files that follow each other",
    ("tiers menu", "--all"): "test_tiers_menu_cli.py: it changes the listing, and not the JSON",
    ("tiers design", "--unfair"): "tests/tiers/test_offer.py: needs a segment that would lose",
    ("sweep run", "--again"): "test_sweep_cli.py: runs that failed",
    ("sweep run", "--cluster"): "test_sweep_cli.py: an address that is none",
    ("sweep run", "--prepare"): "test_sweep_cli.py; it is part of how the verb is called here",
    ("data import", "--step"): "tests/data/test_import_stamps.py: periods that are counted",
    ("data import", "--sheet"): "tests/data/test_sheets.py: a spreadsheet",
    ("data import", "--replace"): "tests/data/test_pack.py: hours that are there already",
}
"""Options that need more than a small file, and where they are tried."""
