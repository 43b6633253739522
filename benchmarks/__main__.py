"""`python -m benchmarks list` and `python -m benchmarks run`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, words
from benchmarks.registry import Benchmark, RunOptions, registry, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0 where every target is met, 1 where one is not."""
    options = _parser().parse_args(arguments)
    by_name = registry()
    if options.verb == "list":
        for benchmark in by_name.values():
            print(f"{benchmark.name:<14} {', '.join(benchmark.sizes):<10} {benchmark.tells}")
        return 0
    chosen = [by_name[name] for name in options.names or by_name]
    machine_facts = machine()
    print(words(machine_facts), flush=True)
    results = [_run(benchmark, options) for benchmark in chosen]
    if options.json:
        _write(options.json, {"machine": machine_facts, "results": results})
    missed = [f for benchmark in results for f in benchmark["figures"] if f["met"] is False]
    return 1 if missed else 0


def _run(benchmark: Benchmark, options: argparse.Namespace) -> dict[str, Any]:
    size = options.size if options.size in benchmark.sizes else benchmark.size
    figures = benchmark.run(RunOptions(size, options.shared, options.repeat))
    print(table(benchmark.name, size, figures), flush=True)
    return {"name": benchmark.name, "size": size, "figures": [f.as_dict() for f in figures]}


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write under a temporary name and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="what there is")
    run = verbs.add_parser("run", help="measure")
    run.add_argument("names", nargs="*", metavar="NAME", help="all unless named")
    run.add_argument("--size", default="", help="where a benchmark has it; its usual one otherwise")
    run.add_argument("--repeat", type=int, default=3, help="the least of so many is taken")
    run.add_argument("--shared", type=Path, help="folder with bench/instances.py")
    run.add_argument("--json", type=Path, help="write the figures and the machine to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
