"""What is known of a scenario before it is judged: its things, and the sections they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wattlas.data.clouds import filled
from wattlas.data.entities import Entities, Entity, gather, lacking, unknown_ids
from wattlas.data.inputs import Inputs
from wattlas.data.points import incomplete, without_token_time
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema.places import METROS, NODES, REGIONS
from wattlas.data.schema.workload import CLASSES, POINT_ACCURACY, POINTS, TOKEN_PROFILES
from wattlas.data.schema_facts import Selection
from wattlas.data.yaml_lines import Path_, dotted
from wattlas.errors import InputError

SECTIONS = (METROS, NODES, REGIONS, POINTS, CLASSES, TOKEN_PROFILES)
TOKENS = ("tokens_in", "tokens_out")
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

    def tokens(self, klass: Entity) -> dict[str, float]:
        """Tokens of a request of a class, as far as it or its token profile says."""
        named = klass.get("token_profile")
        profile = next((p for p in self.token_profiles.every if p.id == named), None)
        stated = {
            name: klass.get(name, None if profile is None else profile.get(name)) for name in TOKENS
        }
        return {name: float(value) for name, value in stated.items() if value is not None}


def make_draft(inputs: Inputs) -> Draft:
    """Read every section of things with ids; problems are noted in `inputs`."""
    sections = {schema.name: _section(inputs, schema) for schema in SECTIONS if schema is not NODES}
    sections["nodes"] = _nodes(inputs, sections["metros"], sections["regions"])
    if inputs.typed.metros.table is None:
        sections["metros"] = _with_own_nodes(sections["metros"], sections["nodes"])
    sections["points"] = _with_variants(inputs, sections["points"])
    inputs.problems += without_token_time(sections["points"].kept, sections["classes"].kept)
    _refuse_hours_alone(inputs, sections)
    for name in NEEDED:
        if not sections[name].kept and not sections[name].every:
            fix = f"Name a `pack:`, or give `{name}.table` or entries."
            inputs.report((name,), "there are none", fix)
        elif not sections[name].kept:
            inputs.report((name,), "none is left after `only` and `drop`", "Keep at least one.")
    return Draft(
        inputs, **sections, accuracy=_accuracy(inputs, sections["points"], sections["classes"])
    )


def _refuse_hours_alone(inputs: Inputs, sections: Mapping[str, Entities]) -> None:
    """Packs of hours where a world is meant: whatever else lacks follows from it."""
    world = sections["metros"].every or any(pack.has("metros") for pack in inputs.packs)
    if world or not inputs.packs or not all(p.manifest.kind == "hours" for p in inputs.packs):
        return
    names = ", ".join(["typical-2023", *(inputs.typed.pack or ())])
    what = "gives hours alone: there are no metros, and no table of them is named"
    fix = f"Lay it over a pack that has places: `pack: [{names}]`."
    raise InputError([inputs.document.problem(("pack",), what, fix)])


def _section(inputs: Inputs, schema: TableSchema) -> Entities:
    """The things of a section; what a point lacks is known only with its variant."""
    section: Selection = getattr(inputs.typed, schema.name)
    path: Path_ = (schema.name, "table")
    table = inputs.table(path, schema, section.table)
    things, problems = gather(inputs.document, schema.name, section, table)
    inputs.problems += problems
    if schema in (NODES, REGIONS):
        things = filled(inputs, things)
    if schema is not POINTS:
        inputs.problems += lacking(things, table, schema)
    return things


def _nodes(inputs: Inputs, metros: Entities, regions: Entities) -> Entities:
    node_hosts = inputs.typed.nodes.at
    if node_hosts is None:
        return _section(inputs, NODES)
    hosts = metros if node_hosts == "metros" else regions
    nodes = []
    for host in hosts.every:
        fields = {
            key: host.get(key)
            for key in ("name", "jurisdiction", "lat_deg", "lon_deg", "cloud")
            if host.get(key) is not None
        }
        if node_hosts == "regions":
            fields["region"] = host.id
        nodes.append(Entity(host.id, fields, dotted(("nodes", host.id)), host.at))
    kept = set(hosts.ids)
    return Entities("nodes", tuple(n for n in nodes if n.id in kept), tuple(nodes))


def _with_own_nodes(metros: Entities, nodes: Entities) -> Entities:
    """A pack's metros beside other nodes than the pack's: they reach the nearest one."""
    known = {node.id for node in nodes.every}

    def freed(metro: Entity) -> Entity:
        if "node" in metro.places or metro.get("node") in known:
            return metro
        fields = {name: value for name, value in metro.fields.items() if name != "node"}
        return replace(metro, fields=fields)

    every = tuple(freed(metro) for metro in metros.every)
    ids = set(metros.ids)
    return Entities(metros.section, tuple(m for m in every if m.id in ids), every)


def _with_variants(inputs: Inputs, points: Entities) -> Entities:
    """Points with what their variant says where they do not; then each must be complete."""
    variants = inputs.typed.variants

    def with_variant(point: Entity) -> Entity:
        variant = variants.get(str(point.get("variant")))
        shared = {} if variant is None else variant.model_dump(exclude={"name"})
        return Entity(point.id, {**shared, **point.fields}, point.where, point.at, point.places)

    every = tuple(with_variant(p) for p in points.every)
    kept = tuple(p for p in every if p.id in set(points.ids))
    for point in every:
        inputs.problems += incomplete(point)
    return Entities(points.section, kept, every)


def _accuracy(inputs: Inputs, points: Entities, classes: Entities) -> dict[str, dict[str, float]]:
    """Scores by class from the table of the document, or of the pack."""
    path: Path_ = ("points", "accuracy_table")
    table = inputs.table(path, POINT_ACCURACY, inputs.typed.points.accuracy_table)
    if table is None:
        return {}
    cells = typed(table)
    inputs.problems += [*cells.problems, *doubled(table, cells.frame)[0]]
    if not cells.has("class", "point", "accuracy"):
        return {}
    for things in (classes, points):
        inputs.problems += unknown_ids(table, cells.frame, things)
    scores: dict[str, dict[str, float]] = {}
    for row in cells.frame.drop_nulls().iter_rows(named=True):
        scores.setdefault(row["point"], {})[row["class"]] = row["accuracy"]
    return scores
