"""Checks across sections: small functions that yield what is wrong. None of them stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zoneinfo import available_timezones

from wattlas.data.draft import Draft
from wattlas.data.entities import Entities, Entity, check_id
from wattlas.data.place_checks import Site, misplaced
from wattlas.data.points import per_token
from wattlas.data.schema.places import REGIONS
from wattlas.errors import Problem
from wattlas.model.geography import is_timezone
from wattlas.model.suggest import did_you_mean
from wattlas.model.workload import ANYWHERE, kind_of

Check = Callable[[Draft], Iterator[Problem]]


def check_coordinates(draft: Draft) -> Iterator[Problem]:
    """Nobody lives at (0, 0): it is what an empty cell becomes, and makes latencies equal.

    Half a place is none: where one coordinate is given, so is the other.
    """
    for entities in (draft.metros, draft.nodes, draft.regions):
        for entity in entities.kept:
            lacking = [name for name in ("lat_deg", "lon_deg") if entity.get(name) is None]
            if len(lacking) == 1:
                yield entity.problem(lacking[0], "is missing", f"Add `{lacking[0]}`.")
            if entity.get("lat_deg") == 0 and entity.get("lon_deg") == 0:
                what = "stands at (0, 0), in the sea off Ghana"
                yield entity.problem("lat_deg", what, "Give its coordinates in degrees.")


def check_timezones(draft: Draft) -> Iterator[Problem]:
    """Every time zone is one that the IANA database knows; local demand asks for the metros'."""
    demand = draft.inputs.typed.demand
    for metro in draft.metros.kept:
        local = demand.population is not None or demand.totals is not None
        if local and metro.get("timezone") is None:
            fix = "Add `timezone`, an IANA name: demand follows its local hours."
            yield metro.problem("timezone", "is missing", fix)
    for entity in (*draft.metros.kept, *draft.regions.kept):
        zone = entity.get("timezone")
        if zone is not None and not is_timezone(zone):
            fix = did_you_mean(zone, available_timezones())
            fix = fix if fix.startswith("Did") else "Use an IANA name, e.g. Africa/Lagos."
            yield entity.problem("timezone", f"is `{zone}`, which is no known time zone", fix)


def check_jurisdictions(draft: Draft) -> Iterator[Problem]:
    """Every metro and region has a jurisdiction where a class obeys a residency rule."""
    if not any(entry.get("residency") for entry in draft.classes.kept):
        return
    for place in (*draft.metros.kept, *draft.regions.kept):
        if place.get("jurisdiction") is None:
            fix = "Add `jurisdiction`: residency rules speak of it."
            yield place.problem("jurisdiction", "is missing", fix)


def check_population(draft: Draft) -> Iterator[Problem]:
    """Demand by population needs a population of more than 0 at every metro."""
    if draft.inputs.typed.demand.population is None:
        return
    for metro in draft.metros.kept:
        if not metro.get("population"):
            what = "is missing" if metro.get("population") is None else "is 0"
            fix = "Give the persons served from here, or drop the metro."
            yield metro.problem("population", what, fix)


def check_metro_nodes(draft: Draft) -> Iterator[Problem]:
    """A metro's service node exists and was not dropped."""
    yield from _references(draft.metros, "node", draft.nodes)


def check_node_regions(draft: Draft) -> Iterator[Problem]:
    """The region of a node's pinned state exists."""
    for node in draft.nodes.kept:
        region = node.get("region")
        if region and not draft.regions.dropped(region):
            yield from _reference(node, "region", region, draft.regions)


def check_region_variants(draft: Draft) -> Iterator[Problem]:
    """A region offers variants that some operating point has."""
    known = draft.points.values("variant") | set(draft.inputs.typed.variants)
    for region in draft.regions.kept:
        for variant in region.get("variants", ()):
            if variant not in known:
                what = f"names the variant `{variant}`, which no operating point has"
                yield region.problem("variants", what, did_you_mean(variant, known))


def check_region_accelerators(draft: Draft) -> Iterator[Problem]:
    """The kinds of a region's accelerators are named by operating points."""
    known = {kind_of(text) for text in draft.points.values("hardware")} - {""}
    for region in draft.regions.kept:
        for kind in region.get("accelerators", ()):
            if kind not in known:
                what = f"names the kind `{kind}`, which no operating point names in `hardware`"
                fix = did_you_mean(kind, known) or "Give the points their `hardware`."
                yield region.problem("accelerators", what, fix)


def check_class_references(draft: Draft) -> Iterator[Problem]:
    """Token profile, residency rule, operating points and state's regions of a class exist."""
    rules = draft.inputs.typed.residency
    for entry in draft.classes.kept:
        profile, rule = entry.get("token_profile"), entry.get("residency")
        if profile:
            yield from _reference(entry, "token_profile", profile, draft.token_profiles)
        if rule and rule not in rules:
            what = f"is `{rule}`, which is no residency rule"
            fix = did_you_mean(rule, rules) or "Add it under `residency:`."
            yield entry.problem("residency", what, fix)
        for point in entry.get("points", ()):
            yield from _reference(entry, "points", point, draft.points)
        for region in entry.get("state_copies", ()):
            if region != ANYWHERE and not draft.regions.dropped(region):
                yield from _reference(entry, "state_copies", region, draft.regions)


def check_class_tokens(draft: Draft) -> Iterator[Problem]:
    """A class says how long its prompts and answers are, if any point has figures per token."""
    for entry in draft.classes.kept:
        usable = entry.get("points") or draft.points.ids
        if not any(per_token(point) for point in draft.points.kept if point.id in usable):
            continue
        lacking = [t for t in ("tokens_in", "tokens_out") if entry.get(t) is None]
        if lacking and entry.get("token_profile") is None:
            what = f"lacks {' and '.join(f'`{t}`' for t in lacking)}"
            yield entry.problem("", what, "Add them, or a `token_profile`.")


def check_point_classes(draft: Draft) -> Iterator[Problem]:
    """Scores by class name classes that exist."""
    known = {c.id for c in draft.classes.every}
    for point in draft.points.kept:
        for name in point.get("accuracy_by_class", {}):
            if name not in known:
                what = f"names the class `{name}`, which does not exist"
                yield point.problem("accuracy_by_class", what, did_you_mean(name, known))


def check_class_accuracy(draft: Draft) -> Iterator[Problem]:
    """Some operating point is accurate enough for each class."""
    for entry in draft.classes.kept:
        for name in ("accuracy_min", "mean_accuracy_min"):
            least, points = entry.get(name), entry.get("points") or draft.points.ids
            scores = [
                _score(draft, point, entry.id) for point in draft.points.kept if point.id in points
            ]
            if least is not None and scores and max(scores) < least:
                what = f"is {least:g}, and the best of its operating points reaches {max(scores):g}"
                yield entry.problem(name, what, "Lower it, or add a better point.")


def _score(draft: Draft, point: Entity, class_id: str) -> float:
    by_class = {**draft.accuracy.get(point.id, {}), **point.get("accuracy_by_class", {})}
    return float(by_class.get(class_id, point.get("accuracy", 0.0)))


def check_residency(draft: Draft) -> Iterator[Problem]:
    """Rules name jurisdictions that metros and regions have: a misspelt rule has no effect."""
    document = draft.inputs.document
    jurisdictions_of_metros, jurisdictions_of_regions = (
        draft.metros.values("jurisdiction"),
        draft.regions.values("jurisdiction"),
    )
    known = jurisdictions_of_metros | jurisdictions_of_regions | {ANYWHERE}
    for rule, lines in draft.inputs.typed.residency.items():
        for jurisdiction, allowed in lines.items():
            path = ("residency", rule, jurisdiction)
            if jurisdiction not in known:
                what = f"`{jurisdiction}` is the jurisdiction of no metro and no region"
                yield document.problem(path, what, did_you_mean(jurisdiction, known))
            for n, name in enumerate(allowed):
                if name not in known:
                    what = f"`{name}` is the jurisdiction of no metro and no region"
                    yield document.problem((*path, n), what, did_you_mean(name, known))


def check_objective(draft: Draft) -> Iterator[Problem]:
    """At most one cap, and not on what is made least."""
    objective = draft.inputs.typed.objective
    caps = [
        name
        for name in ("carbon_cap_t", "carbon_cap_share", "cost_cap_usd", "cost_cap_share")
        if getattr(objective, name) is not None
    ]
    if len(caps) > 1:
        what = f"stands beside {', '.join(f'`{c}`' for c in caps[:-1])}: only one cap can hold"
        fix = "Keep one, and make the other quantity least."
        yield draft.inputs.document.problem(("objective", caps[-1]), what, fix)
    for cap in caps:
        if len(caps) == 1 and cap.startswith(objective.minimise):
            what = f"caps {objective.minimise}, which is already made least"
            other_quantity = "carbon" if objective.minimise == "cost" else "cost"
            yield draft.inputs.document.problem(
                ("objective", cap),
                what,
                f"Say `minimise: {other_quantity}`, or cap {other_quantity}.",
            )


def check_prices(draft: Draft) -> Iterator[Problem]:
    """What asks for the cost of electricity, where the scenario says that it is not known."""
    goal, signal = draft.inputs.typed.objective, draft.inputs.typed.signals.price
    document = draft.inputs.document
    if not signal.unknown:
        return
    if signal.table is not None or signal.constant:
        what = "stands beside prices"
        yield document.problem(("signals", "price", "unknown"), what, "Keep one of them.")
    if goal.minimise == "cost" or goal.caps_cost:
        what = "asks for cost, and `signals.price.unknown` says that it is not known"
        fix = "Say `objective: {minimise: carbon}` without a cap on cost, or give prices."
        yield document.problem(("objective",), what, fix)


def check_frictions(draft: Draft) -> Iterator[Problem]:
    """Start costs by region name regions that exist."""
    for region in draft.inputs.typed.frictions.start_usd_by_region:
        path = ("frictions", "start_usd_by_region", region)
        yield from check_id(draft.inputs.document, path, region, draft.regions)


def check_baseline(draft: Draft) -> Iterator[Problem]:
    """Stated baseline regions name metros, classes and regions that exist."""
    document, section = draft.inputs.document, draft.inputs.typed.baseline
    stated: dict[tuple[str, ...], dict[str, str]] = {("baseline", "metros"): section.metros}
    for klass, by_metro in section.classes.items():
        stated["baseline", "classes", klass] = by_metro
        yield from check_id(document, ("baseline", "classes", klass), klass, draft.classes)
    for path, by_metro in stated.items():
        for metro, region in by_metro.items():
            yield from check_id(document, (*path, metro), metro, draft.metros)
            yield from check_id(document, (*path, metro), region, draft.regions)


def _references(entities: Entities, name: str, targets: Entities) -> Iterator[Problem]:
    for entity in entities.kept:
        if entity.get(name):
            yield from _reference(entity, name, entity.get(name), targets)


def _reference(entity: Entity, name: str, identity: str, targets: Entities) -> Iterator[Problem]:
    if identity in targets.ids:
        return
    what = f"`{identity}` is not one of the {targets.section}"
    fix = did_you_mean(identity, targets.ids)
    if targets.dropped(identity):
        what = f"`{identity}` is left out of the {targets.section} by `only` or `drop`"
        fix = "Keep it, or name another."
    yield entity.problem(name, what, fix)


CHECKS: tuple[Check, ...] = (
    check_coordinates,
    check_timezones,
    check_jurisdictions,
    check_population,
    check_metro_nodes,
    check_node_regions,
    check_region_variants,
    check_region_accelerators,
    check_class_references,
    check_class_tokens,
    check_point_classes,
    check_class_accuracy,
    check_residency,
    check_objective,
    check_prices,
    check_frictions,
    check_baseline,
)


def warn_lawless(draft: Draft) -> Iterator[Problem]:
    """Metros that a rule in use does not speak of may be served anywhere."""
    for entry in draft.classes.kept:
        lines = draft.inputs.typed.residency.get(str(entry.get("residency")))
        if lines is None or ANYWHERE in lines:
            continue
        silent = sorted({m.get("jurisdiction") for m in draft.metros.kept} - set(lines) - {None})
        if silent:
            what = f"says nothing on metros in {', '.join(silent)}: they may be served anywhere"
            yield draft.inputs.document.problem(
                ("residency", entry.get("residency")), what, 'Add a line for them, or for "*".'
            )


def warn_unmoved_state(draft: Draft) -> Iterator[Problem]:
    """Sticky state that costs nothing to move is not sticky."""
    moves = draft.inputs.typed.frictions.move_state
    for entry in draft.classes.kept:
        if entry.get("state") != "sticky":
            continue
        if moves and entry.get("session_state_bytes") is None:
            what = "is sticky, and its state has no size: it moves for nothing"
            yield entry.problem("state", what, "Add `session_state_bytes`.")
        elif not moves:
            what = "is sticky, and moving state costs nothing here"
            yield entry.problem("state", what, "Say `frictions: {move_state: true}` to charge it.")


def warn_places(draft: Draft) -> Iterator[Problem]:
    """Places that do not fit the time zone they name: a wrong sign, two numbers swapped."""
    for entities in (draft.metros, draft.regions):
        for entity in entities.kept:
            lat, lon = entity.get("lat_deg"), entity.get("lon_deg")
            if lat is None or lon is None:
                continue
            told = misplaced(Site(lat, lon), entity.get("timezone"))
            if told is not None:
                yield entity.problem("lon_deg", *told)


def warn_pue(draft: Draft) -> Iterator[Problem]:
    """A PUE that no site has is a percentage, or another figure."""
    usual = REGIONS["pue"].usual
    assert usual is not None
    low, high = usual
    for region in draft.regions.kept:
        pue = region.get("pue")
        if pue is not None and not low <= pue <= high:
            what = f"is {pue:g}, which is unusual: wanted {low:g} to {high:g}"
            yield region.problem("pue", what, "Divide a percentage by 100.")


WARNINGS: tuple[Check, ...] = (warn_lawless, warn_unmoved_state, warn_places, warn_pue)


def unique(problems: list[Problem]) -> list[Problem]:
    """Without repeats, by file and line."""
    once = dict.fromkeys(problems)
    return sorted(once, key=lambda p: (p.file or "", p.line or 0))
