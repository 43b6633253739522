"""`python -m benchmarks list` and `python -m benchmarks run`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, words
from benchmarks.registry import Asked, Benchmark, registry, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0 where every target is met, 1 where one is not."""
    asked = _parser().parse_args(arguments)
    known = registry()
    if asked.verb == "list":
        for one in known.values():
            print(f"{one.name:<14} {', '.join(one.sizes):<10} {one.tells}")
        return 0
    chosen = [known[name] for name in asked.names or known]
    found = machine()
    print(words(found), flush=True)
    results = [_run(one, asked) for one in chosen]
    if asked.json:
        _write(asked.json, {"machine": found, "results": results})
    missed = [f for one in results for f in one["figures"] if f["met"] is False]
    return 1 if missed else 0


def _run(one: Benchmark, asked: argparse.Namespace) -> dict[str, Any]:
    size = asked.size if asked.size in one.sizes else one.size
    figures = one.run(Asked(size, asked.shared, asked.repeat))
    print(table(one.name, size, figures), flush=True)
    return {"name": one.name, "size": size, "figures": [f.as_dict() for f in figures]}


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
