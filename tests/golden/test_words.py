"""What each verb says, word for word, over small worlds in which no factor is 1.

A change of words is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.every_option import BY_HOUR, MOVE, STATE, USERS, write_files
from tests.golden.kept import keep
from tests.golden.printed import left_out_where_narrow
from tests.serve.live import configuration, schedule
from wattlas.cli import run

HERE = Path(__file__).parent / "words"
URLS = {"oslo": "http://127.0.0.1:9", "austin": "https://127.0.0.1:9"}
UNEVEN = (
    "tiny --set regions.oslo.utilisation_max=0.8 --set regions.austin.pue=1.37 "
    "--set regions.oslo.reserved_gpu=3 --set time.step_h=0.5 "
    "--set classes.D.unserved_usd_per_request=0.0007"
)
CASES = {
    "check": f"check {UNEVEN}",
    "check-problems": "check tiny --set regions.oslo.pue=0.9 --set classes.A.accuracy_min=2 "
                      "--set signals.carbon.scale=-1",
    "check-names": "check tiny --set residency.eu-stays.EU=[EU,XX,YY] "
                   "--set classes.A.points=[large-fast,smal] --set regions.only=[oslo,austn]",
    "plan": f"plan {UNEVEN} {BY_HOUR} --verify",
    "plan-waiting": "plan tiny --set classes.D.may_wait_h=3 --set objective.carbon_cap_share=0.97",
    "plan-conflict": "plan tiny --set regions.oslo.reserved_gpu=0.001",
    "plan-late": "plan tiny --set classes.A.latency_budget_ms=50",
    "plan-cap": "plan tiny --set objective.carbon_cap_t=0.000001",
    "fleet": f"fleet {UNEVEN} {BY_HOUR} --survive region --outage-on-demand 0.5 --verify",
    "fleet-reach": f"fleet {UNEVEN} --reach added_ms --most 130 --jumps",
    "fleet-patience": f"fleet {UNEVEN} --patience D:0,2",
    "frontier": f"frontier {UNEVEN} --samples 4",
    "frontier-weighted": "frontier tiny --objective weighted --carbon-price 57 --variant class:A",
    "breakeven": f"breakeven tiny {MOVE} {STATE} --stay-h 3 --returns",
    "breakeven-largest": f"breakeven {UNEVEN}",
    "menu": "tiers menu tiny -k A --all --cap-g 0.05",
    "share": "tiers share tiny -k A --remote --days 1 --targets --cap-share 0.8",
    "share-ahead": "tiers share --hours hours.csv --ahead --forecast thought.csv --first --days 2",
    "design": f"tiers design tiny {USERS}",
    "design-resized": f"tiers design tiny {USERS} --fleet resize -k A",
    "fit": "tiers fit choices.csv --curvature fit",
    "replay": "replay run tiny --hours 2 --scale 0.03 --policy greedy --against uniform --seeds 2",
    "replay-served": "replay run tiny --trace trace.csv --service service.json --start-s 30",
    "replay-rolling": "replay run tiny --policy rolling --begin 2023-06-01T16:00 --hours 3 "
                      "--scale 0.02 --look-ahead 4h --forecast persistence",
    "policies": "replay policies",
    "forecast": "forecast tiny --forecast persistence",
    "sweep": "sweep run tiny --vary regions.*.pue=1.1,1.3 --vary "
             "objective.carbon_price_usd_per_t=0,100 --jobs 1 --out swept",
    "weights": f"export weights {UNEVEN}",
    "weights-by-hour": "export weights tiny --by-hour --by carbon --node frankfurt",
    "envoy-weights": "export weights tiny --to envoy --out g",
    "litellm-weights": "export weights tiny --to litellm --out g",
    "httproute": "export weights tiny --to httproute --out g --gateway mine",
    "aigatewayroute": "export weights tiny --to aigatewayroute --out g",
    "llm-d": "export weights tiny --to llm-d --out g",
    "envoy": "export envoy serve.yaml --token-file token",
    "nginx": "export nginx serve.yaml --token-file token",
    "litellm": "export litellm serve.yaml",
    "demand": "demand log.csv --time at --class model --country land --into made "
              "--tokens-in prompt --tokens-out answer --each-day",
    "data-list": "data list",
    "data-show": "data show typical-2023",
    "data-check": "data check hours.csv",
    "data-import": "data import gap.csv --as price --time-column t --value-column p --zone X "
                   "--into pack --unit usd/kwh --fill linear",
    "data-import-wide": "data import wide.csv --as price --time-column day --into pack --zone X "
                        "--unit usd/mwh",
    "data-import-steps": "data import half.csv --as price --time-column t --value-column p "
                         "--zone X --into pack",
    "calibrate": "replay calibrate served.jsonl --batch 8 --step-tokens 2048 --kv-tokens 9999",
    "points": "points zeus.csv --model plover --accuracy 0.7 --requests 400 --ttft-ms 35",
    "init": "init company --regions aws:us-east-1,gcp:europe-west9,azure:westus2",
}  # fmt: skip
"""Name of the golden file → what is asked."""
LARGEST = 12_000
"""Bytes of a written file beyond which it is left out: what it holds is judged elsewhere."""


TEXTS = (".yaml", ".yml", ".json", ".csv", ".conf", ".sh", ".txt")
MASKS = (
    (r"(?m)^(Plan|Fleet|Replay|Weights|Design|Sweep|Study): .*\n", ""),
    (r"studied in [\d.]+ s|\b\d+\.\d+ s\b", "so many s"),
    (r"\bhighs [\d.]+", "highs"),
    (r"\b\d(\.\d+)?e-(0[6-9]|[1-9]\d)", "~0"),
    (r"\bworst residual (~0|0\.0e\+00) \(\w+\)", "worst residual ~0"),
    (r"\b([0-9a-f]{64}|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16})\b", "a hash"),
)
"""Progress, durations, versions, rounding and hashes of a scenario differ from run to run."""


def said(words: str, folder: Path) -> str:
    """Exit code, stdout, stderr and the texts that were written."""
    write_files(folder)
    (folder / "schedule.json").write_text(json.dumps(schedule()))
    (folder / "serve.yaml").write_text(json.dumps(configuration(URLS, access_log="access.log")))
    (folder / "token").write_text("secret-token\n")
    given = {path.name for path in folder.iterdir()}
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(shlex.split(words))
    parts = [f"wattlas {words}\n-> {int(code)}", out.getvalue(), err.getvalue()]
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        new = place.parts[0] not in given and path.is_file() and path.suffix in TEXTS
        if new and path.stat().st_size <= LARGEST:
            parts.append(f"== {place}\n{path.read_text('utf-8')}")
    text = "\n".join(line.rstrip() for line in "\n".join(parts).split("\n"))
    text = text.replace(str(folder), "FOLDER")
    for pattern, plain in MASKS:
        text = re.sub(pattern, plain, text)
    return text.rstrip() + "\n"


@pytest.mark.parametrize("name", CASES)
def test_words_are_those_of_the_golden_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every heading, figure, note and order of rows is that which was read and found right."""
    monkeypatch.setenv("COLUMNS", "160")
    narrow = left_out_where_narrow(monkeypatch)
    text = said(CASES[name], tmp_path)
    keep("\n".join([text, *narrow]), HERE / f"{name}.txt")


def test_every_golden_file_is_asked_for() -> None:
    """A file that no case writes is left over."""
    assert {path.stem for path in HERE.iterdir()} == CASES.keys()
