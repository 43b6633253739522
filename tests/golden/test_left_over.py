"""Golden files of readers that nothing writes any more are left over."""

from __future__ import annotations

from pathlib import Path

from tests.golden import (
    test_files_read,
    test_imports,
    test_model_derived,
    test_model_solved,
    test_model_values,
    test_model_written,
    test_packs_read,
    test_scenarios_read,
    test_schemas,
    test_tables_read,
    test_traces_read,
    test_whole_files,
    test_worlds_read,
)

PREFIXES = {
    test_files_read: "pack-",
    test_imports: "import-",
    test_model_derived: "model-",
    test_model_solved: "model-",
    test_model_values: "model-",
    test_model_written: "model-",
    test_packs_read: "pack-",
    test_scenarios_read: "scenario-",
    test_schemas: "",
    test_tables_read: "",
    test_traces_read: "trace-",
    test_whole_files: "world-",
    test_worlds_read: "world-",
}


def test_every_golden_file_is_asked_for() -> None:
    """Each file belongs to a case, and each case has one."""
    cases = {f"{prefix}{name}" for module, prefix in PREFIXES.items() for name in module.CASES}
    assert {path.stem for path in (Path(__file__).parent / "reading").iterdir()} == cases
