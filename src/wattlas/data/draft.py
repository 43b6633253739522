"""What is known of a scenario before it is judged: its things, and the sections they come from."""

from __future__ import annotations

from dataclasses import dataclass, field

from wattlas.data.entities import Entities, Entity, gather
from wattlas.data.inputs import Inputs
from wattlas.data.points import incomplete
from wattlas.data.schema_facts import Selection
from wattlas.data.tables import Column, Table, typed
from wattlas.data.yaml_lines import Path_, dotted

REQUIRED = {
    "metros": ("lat_deg", "lon_deg", "timezone", "jurisdiction"),
    "nodes": ("lat_deg", "lon_deg"),
    "regions": ("zone", "lat_deg", "lon_deg", "pue", "jurisdiction"),
    "classes": ("latency_budget_ms",),
    "token_profiles": ("tokens_in", "tokens_out"),
}
ID_COLUMNS = {
    "metros": "metro",
    "nodes": "node",
    "regions": "region",
    "points": "point",
    "classes": "class",
    "token_profiles": "token_profile",
}
NEEDED = ("metros", "nodes", "regions", "points", "classes")


@dataclass(frozen=True)
class Draft:
    """The things of a scenario, patched and selected, and the inputs they came from."""

    inputs: Inputs
    metros: Entities
    nodes: Entities
    regions: Entities
    points: Entities
    classes: Entities
    token_profiles: Entities
    accuracy: dict[str, dict[str, float]] = field(default_factory=dict)
    """Point → class → accuracy, from the table of scores by class."""


def make_draft(inputs: Inputs) -> Draft:
    """Read every section of things with ids; problems are noted in `inputs`."""
    made = {name: _section(inputs, name) for name in ID_COLUMNS if name != "nodes"}
    made["nodes"] = _nodes(inputs, made["metros"], made["regions"])
    made["points"] = _with_variants(inputs, made["points"])
    for name in NEEDED:
        if not made[name].kept and not made[name].every:
            fix = f"Name a `pack:`, or give `{name}.table` or entries."
            inputs.report((name,), "there are none", fix)
        elif not made[name].kept:
            inputs.report((name,), "none is left after `only` and `drop`", "Keep at least one.")
    return Draft(inputs, **made, accuracy=_accuracy(inputs, made["points"], made["classes"]))


def _section(inputs: Inputs, name: str) -> Entities:
    section: Selection = getattr(inputs.typed, name)
    path: Path_ = (name, "table")
    table = inputs.table(path, name, section.table)
    if table is not None and name == "token_profiles":
        table = _plain_token_columns(table)
    required = REQUIRED.get(name, ())
    found, problems = gather(inputs.document, name, section, table, ID_COLUMNS[name], required)
    inputs.problems += problems
    return found


def _plain_token_columns(table: Table) -> Table:
    """A pack's traces (`trace`, `tokens_in_mean`, …) as token profiles."""
    renames = {
        "trace": "token_profile",
        "tokens_in_mean": "tokens_in",
        "tokens_out_mean": "tokens_out",
    }
    if "token_profile" in table.columns:
        return table
    return Table(table.label, table.frame.rename(renames, strict=False), table.path)


def _nodes(inputs: Inputs, metros: Entities, regions: Entities) -> Entities:
    at = inputs.typed.nodes.at
    if at is None:
        return _section(inputs, "nodes")
    hosts = metros if at == "metros" else regions
    nodes = []
    for host in hosts.kept:
        fields = {
            key: host.get(key)
            for key in ("name", "jurisdiction", "lat_deg", "lon_deg")
            if host.get(key) is not None
        }
        if at == "regions":
            fields["region"] = host.id
        nodes.append(Entity(host.id, fields, dotted(("nodes", host.id)), host.home))
    return Entities("nodes", tuple(nodes), tuple(nodes))


def _with_variants(inputs: Inputs, points: Entities) -> Entities:
    """Points with what their variant says where they do not; then each must be complete."""
    variants = inputs.typed.variants

    def filled(point: Entity) -> Entity:
        variant = variants.get(str(point.get("variant")))
        shared = {} if variant is None else variant.model_dump(exclude_none=True, exclude={"name"})
        return Entity(point.id, {**shared, **point.fields}, point.where, point.home, point.places)

    every = tuple(filled(p) for p in points.every)
    kept = tuple(p for p in every if p.id in set(points.ids))
    for point in every:
        inputs.problems += incomplete(point)
    return Entities(points.section, kept, every)


def _accuracy(inputs: Inputs, points: Entities, classes: Entities) -> dict[str, dict[str, float]]:
    """Scores by class from the table of the document, or of the pack."""
    path: Path_ = ("points", "accuracy_table")
    table = inputs.table(path, "point_accuracy", inputs.typed.points.accuracy_table)
    if table is None:
        return {}
    columns = [Column("class"), Column("point"), Column("accuracy", "number", at_least=0.0)]
    frame, problems = typed(table, columns)
    inputs.problems += problems
    if not {"class", "point", "accuracy"} <= set(frame.columns):
        return {}
    scores: dict[str, dict[str, float]] = {}
    known = {"class": {c.id for c in classes.every}, "point": {p.id for p in points.every}}
    for row in frame.drop_nulls().iter_rows(named=True):
        for column, ids in known.items():
            if row[column] not in ids and table.path is not None:
                what = f"`{row[column]}` is not known"
                inputs.problems.append(
                    table.problem(row["__row"], column, what, "Add it, or drop the row.")
                )
        if row["accuracy"] > 1:
            what = f"is {row['accuracy']:g}, wanted 0..1"
            inputs.problems.append(
                table.problem(row["__row"], "accuracy", what, "Divide a percentage by 100.")
            )
        scores.setdefault(row["point"], {})[row["class"]] = row["accuracy"]
    return scores
