"""`wattlas check`: what a scenario is, or everything that is wrong with it."""

from __future__ import annotations

import typer

from wattlas.cli.common import (
    print_json,
    problem_json,
    progress,
    read_scenario,
    show_problems,
    show_warnings,
)
from wattlas.cli.options import JsonOption, ScenarioArgument, ScenarioOption, SetOption
from wattlas.errors import InputError


def command(
    path: ScenarioArgument = None,
    scenario: ScenarioOption = None,
    set: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a scenario is, or everything that is wrong with it (exit 3).

    Nothing is solved. Warnings go to stderr; they stop nothing.
    """
    from wattlas.data.summary import facts_text, scenario_facts

    try:
        with progress("Reading"):
            loaded = read_scenario(path, scenario, set)
    except InputError as error:
        if not as_json:
            raise
        problems = [problem_json(p) for p in error.problems]
        print_json({"ok": False, "problems": problems, "warnings": []})
        show_problems(error.problems)
        raise typer.Exit(error.exit_code) from None
    facts = scenario_facts(loaded)
    if as_json:
        warnings = [problem_json(w) for w in loaded.warnings]
        print_json({"ok": True, "problems": [], "warnings": warnings, "scenario": facts})
    else:
        typer.echo(facts_text(facts))
    show_warnings(loaded.warnings)
