"""A storm of signals: every verb that writes, ended at random moments, and what it leaves behind.

Each round starts a verb, sends SIGKILL or SIGTERM after a random time, and looks at the target:
what it held before or what was to be written, whole, or nothing that could be taken for either. In
the end each verb is run to its end, and nothing half written may be left. The target is no damage.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.data.pack_checks import check_path
from wattlas.data.whole_file import MARK
from wattlas.errors import InputError
from wattlas.report.results import META, REPORT, open_results

SECONDS = {"30s": 18.0, "10min": 580.0}
"""How long signals are sent; the rest goes into running each verb to its end."""
FIRST_GUESS_S = 2.0
"""How long a verb takes, before one was seen to end."""
ENDED_BY_US = {0, 130, -signal.SIGKILL, -signal.SIGTERM}
"""Exit codes of a process that we ended: too late, as asked, at once, before it could listen."""


@dataclass(frozen=True)
class Verb:
    """What is run, where it writes to, and what is wrong with what lies there."""

    arguments: str
    target: str
    wrong: Callable[[Path], str]
    last: str = ""
    """Options of the last run, which goes to the end."""

    def start(self, folder: Path, more: str = "") -> subprocess.Popen[bytes]:
        """The verb in a process of its own."""
        code = "from wattlas.cli import main; main()"
        words = [*self.arguments.split(), self.target, *more.split()]
        return subprocess.Popen(
            [sys.executable, "-c", code, *words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )


def _results(folder: Path) -> str:
    if not (folder / META).exists():
        return "a report without its tables" if (folder / REPORT).exists() else ""
    try:
        open_results(folder)
    except InputError as error:
        return str(error)
    return "" if (folder / REPORT).is_file() else "no report"


def _parquet(target: Path) -> str:
    for file in [target] if target.is_file() else target.glob("*.parquet"):
        try:
            pl.read_parquet(file)
        except pl.exceptions.PolarsError as error:
            return f"{file.name}: {error}"
    return ""


def _pack(folder: Path) -> str:
    if not (folder / "manifest.json").exists():
        return ""
    judged = check_path(str(folder))
    return "; ".join(map(str, judged.problems))


def _texts(target: Path) -> str:
    files = [target] if target.is_file() else target.glob("[!.]*")
    return ", ".join(f"{file.name} is empty" for file in files if not file.stat().st_size)


IMPORT = (
    "data import hours.csv --zone-column zone --value-column average_g_per_kwh --replace --into"
)
PRICED = " ".join(f"--set classes.{k}.price_usd_per_request=0.0003" for k in "AD")
USERS = """
users:
  segments:
    all: {share: 1, consciousness: 0.2, weight_accuracy: 0.6, weight_latency: 0.1, value: 2}
"""
VERBS = (
    Verb(f"study t {PRICED} --samples 3 --out", "results", _results),
    Verb("plan t --out", "flows.parquet", _parquet),
    Verb("plan t --resume --out", "parts", _parquet),
    Verb("frontier t --samples 3 --out", "frontier.parquet", _parquet),
    Verb(f"tiers design t --class A {PRICED} --out", "design", _parquet),
    Verb("tiers share t --class A --out", "days.csv", _texts),
    Verb("tiers fit t/choices.csv --out", "users.yaml", _texts),
    Verb("init --example tiny", "copy", _texts, last="--force"),
    Verb(IMPORT, "pack", _pack),
)


def run(options: RunOptions) -> Sequence[Figure]:
    """Signals for as long as the size says, then every verb to its end."""
    chance, damage = random.Random(7), list[str]()
    usual = dict.fromkeys(VERBS, FIRST_GUESS_S)
    rounds = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        began = time.monotonic()
        while time.monotonic() - began < SECONDS[options.size]:
            verb = VERBS[rounds % len(VERBS)]
            number = chance.choice([signal.SIGKILL, signal.SIGTERM])
            damage += _ended(verb, folder, number, chance.uniform(0.0, 1.1) * usual[verb])
            rounds += 1
        for verb in VERBS:
            began = time.monotonic()
            damage += _to_its_end(verb, folder)
            usual[verb] = time.monotonic() - began
        damage += [f"left behind: {path}" for path in folder.rglob(f".*{MARK}*")]
    note = "; ".join(damage[:3]) or f"{rounds} signals, {len(VERBS)} verbs"
    return (Figure("damage", float(len(damage)), unit="", target=0.0, note=note),)


def _prepare(folder: Path) -> None:
    start = Verb("init --example tiny", "t", _texts).start(folder)
    start.communicate()
    with (folder / "t" / "scenario.yaml").open("a", encoding="utf-8") as scenario:
        scenario.write(USERS)
    text = (folder / "t" / "carbon.csv").read_text(encoding="utf-8")
    (folder / "hours.csv").write_text(text, encoding="utf-8")


def _ended(verb: Verb, folder: Path, number: signal.Signals, after_s: float) -> list[str]:
    """What is wrong after a verb was sent a signal."""
    process = verb.start(folder)
    time.sleep(after_s)
    process.send_signal(number)
    _, said = process.communicate()
    # Earlier rounds may have left a target that is refused or complete: usage, but no bug.
    if process.returncode not in ENDED_BY_US | {2}:
        return [f"{verb.arguments}: exit {process.returncode}: {said.decode()[-300:]}"]
    wrong = verb.wrong(folder / verb.target)
    return [f"{verb.arguments} after {number.name}: {wrong}"] if wrong else []


def _to_its_end(verb: Verb, folder: Path) -> list[str]:
    process = verb.start(folder, verb.last)
    _, said = process.communicate()
    if process.returncode:
        return [f"{verb.arguments}: exit {process.returncode}: {said.decode()[-300:]}"]
    wrong = verb.wrong(folder / verb.target)
    return [f"{verb.arguments}: {wrong}"] if wrong else []


BENCHMARK = Benchmark(
    name="killed",
    tells="what every verb that writes leaves behind where it is ended at a random moment",
    sizes=tuple(SECONDS),
    run=run,
    usual="30s",
)
