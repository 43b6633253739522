"""Settings that contradict the small world or one another, and documents that are wrong."""

from __future__ import annotations

from tests.golden.inputs.scenarios import Sets

WRONG: dict[str, Sets] = {
    "clouds": (
        'regions."aws:eu-north-1"={reserved_gpu: 5}',
        'regions."aws:eu-nort-1"={pue: 1.2}',
        'regions.gcp={cloud: "gcp:europe-west9", pue: 1.1}',
    ),
    "places": (
        "metros.oslo={lat_deg: 0, lon_deg: 0}",
        "metros.delhi={timezone: Asia/Kolkatta, population: 0}",
        "metros.x={lat_deg: 3}",
        "nodes.n2={region: nort}",
        "nodes.n1={lon_deg: null}",
    ),
    "references": (
        "metros.oslo.node=n3",
        "metros.delhi.node=n2",
        "nodes.drop=[n2]",
        "regions.north.variants=[larg]",
        "regions.south.accelerators={A100: {reserved_gpu: 1}}",
        "classes.a={token_profile: chatt, residency: lax, points: [bigg], state: pinned, "
        "state_copies: [nort]}",
        "points.big.accuracy_by_class={c: 0.5}",
    ),
    "nothing listed": (
        "metros.only=[null]",
        "metros.drop=[{}]",
        "time=[1]",
        "regions.north.accelerators=3",
        "classes.a.points=x",
    ),
    "selections": (
        "metros.only=[oslo, olso]",
        "regions.drop=[sout]",
        "classes.only=[a]",
        "points.drop=[tiny]",
    ),
    "accuracy": ("classes.a.accuracy_min=0.95", "classes.b.mean_accuracy_min=0.99"),
    "tokens": ("classes.b.tokens_in=null", "classes.a.token_profile=null"),
    "residency": (
        'residency.law={EU: [EU, US], XX: ["*"]}',
        "metros.oslo.jurisdiction=null",
        "regions.south.jurisdiction=null",
    ),
    "objective": ("objective={carbon_cap_t: 1, cost_cap_usd: 2, carbon_cap_share: 0.5}",),
    "objective of itself": ("objective={minimise: carbon, carbon_cap_t: 1}",),
    "prices": ("signals.price.unknown=true", "objective.cost_cap_usd=5"),
    "frictions": (
        "frictions.start_usd_by_region={sout: 1}",
        "baseline={metros: {olso: north, oslo: nort}, classes: {c: {oslo: north}}}",
    ),
    "signals": (
        "regions.north.zone=SE",
        "signals.price.constant={FR: 1, IN: 3}",
        "signals.carbon.constant={XX: 1}",
    ),
    "marginal": (
        "regions.north.zone=SE",
        "signals.price.constant.SE=1",
        "signals.carbon.constant={SE: 1}",
    ),
    "no marginal": (
        'signals.carbon={table: null, constant: {IN: 4, "NO": 5}}',
        "signals.decide_by=marginal",
    ),
    "time": ("time.start=2023-06-03",),
    "time after": ("time={start: 2023-06-05T00:00:00Z, hours: null}",),
    "time unfit": ("time={hours: 5, step_h: 2}",),
    "time unknown": ("time=null", 'signals.carbon={table: null, constant: {IN: 4, "NO": 5}}'),
    "hours unknown": (
        "time={hours: null}",
        'signals.carbon={table: null, constant: {IN: 4, "NO": 5}}',
    ),
    "time too long": ("time.hours=30",),
    "sample": ("time.sample={days_per_month: 1}",),
    "trips": (
        "network.node_region={model: fitted, pairs: {n1: {est: 4}, n3: {north: 4}}}",
        "network.metro_node={model: null}",
    ),
    "trips lacking": (
        "network.node_region={table: null}",
        "network.egress={default_usd_per_gb: null, pairs: {n1: {north: 1}}}",
    ),
    "trips of no place": (
        "network={metro_node: {model: fitted}, node_region: {model: fitted, table: null}}",
        "metros.oslo.node=m0",
        *(f"nodes.m{n}={{region: north}}" for n in range(5)),
    ),
    "trips too fast": ("network.node_region.pairs={n1: {south: 3}, n2: {north: 4000}}",),
    "demand": ("demand=null",),
    "demand shares": (
        "demand.population.classes={b: {share: 0.7, hour_weights: offic}, c: {share: 0.4}}",
        "demand.population.by_country={XX: 1}",
        "demand.population.by_metro={olso: 1}",
        "demand.population.hour_profiles={mine: [1, 2]}",
    ),
    "demand twice": (
        "demand.population.classes={a: {share: 1}}",
        "demand.totals.requests_per_day={oslo: {a: 1, b: 2}}",
    ),
    "totals": (
        "demand.population=null",
        "demand.totals={requests_per_day: {oslo: {b: 1}, NO: {b: 2}, Mars: {b: 1}}, "
        "tokens_per_month: {delhi: {c: 1}}, countries: {XX: [olso]}}",
    ),
    "old columns": ("regions={table: old.csv, north: null, south: null}",),
    "misspelt columns": ("regions={table: misspelt.csv, north: null, south: null}",),
    "keyless": ("regions={table: keyless.csv, north: null, south: null}",),
    "columns missing": ("regions={table: no pue.csv, north: null, south: null}",),
    "nothing left": ("metros.only=[]", "points.drop=[big, tiny]"),
    "new entries": ("regions.nort={queue_ms: 3}", "nodes.n3={region: north}", "metros.os={}"),
    "no time between tokens": ("points.big.itl_ms=null", "points.tiny.itl_ms=null"),
    "half a point": (
        "points.tiny={decode_j_per_token: null, ttft_ms: null, accuracy: null}",
        "points.half={variant: v, accuracy: 0.5, request_j: 3}",
    ),
    "too deep": ("name=" + "[" * 60 + "]" * 60,),
    "too deep to read": ("name=" + "[" * 600,),
    "no value": ("name=",),
    "totals of an empty country": (
        "demand.population=null",
        "demand.totals={requests_per_day: {XX: {b: 1}}, countries: {XX: []}}",
    ),
    "totals that say nothing": ("demand.population=null", "demand.totals={hour_weights: office}"),
    "totals odd": ("demand.population=null", "demand.totals=odd.csv"),
    "totals bare": ("demand.population=null", "demand.totals=bare.csv"),
    "totals of a part": ("demand.population=null", "demand.totals=part.csv"),
    "totals twice": ("demand.population=null", "demand.totals=twice.csv"),
    "totals of two places": (
        "demand.population=null",
        'demand.totals={requests_per_day: {oslo: {b: 1}, "*": {b: 1}}, '
        "tokens_per_day: {oslo: {b: 1}}}",
    ),
    "totals of nothing": (
        "demand.population=null",
        "demand.totals={hour_weights: lunch, classes: {c: {}}}",
    ),
    "totals without people": (
        "demand.population=null",
        "metros.delhi.population=null",
        "metros.oslo.population=0",
        'demand.totals.requests_per_day={"*": {b: 1}}',
    ),
    "totals without tokens": (
        "demand.population=null",
        "demand.totals.tokens_per_day={oslo: {b: 1}}",
        "classes.b.tokens_in=0",
        "classes.b.tokens_out=0",
    ),
    "totals without hours": (
        "demand.population=null",
        "demand.totals={requests_per_day: {oslo: {b: 1}}, hour_weights: none, "
        "hour_profiles: {none: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}}",
    ),
    "tiers": (
        "tiers={green: {share_max: 0.2, adoption: 0.7, classes: [c], accuracy_min: "
        "0.99}, blue: {share_max: 0.2, adoption: 0.7, points: [bigg]}}",
    ),
    "tiers too good": ("tiers.green={share_max: 0.2, adoption: 0.7, accuracy_min: 0.99}",),
    "users": ("users.segments={x: {share: 0, weight_accuracy: 0.4, weight_latency: 0.2}}",),
    "ends": (
        "users.ends={accuracy_min: 0.9, accuracy_max: 0.8, latency_min_ms: 9, "
        "latency_max_ms: 5, reference_g: 1}",
    ),
    "weights": ("users.segments={x: {share: 1, weight_accuracy: 0.8, weight_latency: 0.7}}",),
    "tables": (
        "regions=no.csv",
        "points.accuracy_table=demand.csv",
        "capacity=choices.csv",
        "demand.table=price.csv",
        "network.egress=trips.csv",
    ),
    "kinds and a table": (
        "capacity=capacity.csv",
        "regions.north.accelerators={H100: {reserved_gpu: 8}}",
    ),
    "kinds unknown": ("regions.north.accelerators={H10: {reserved_gpu: 8}}",),
    "old keys": ("regions={all: {rent_usd_per_gpu_h: 2}, north: {capacity_gpu: 5}}",),
    "packs": ("pack=[typical-2022, .]",),
    "offer": ("offer={points: [x], profiles: choices.csv}",),
    "waiting": ("classes.b.may_wait_h=1.5",),
    "no nodes": (
        "nodes={n1: null, n2: null}",
        "metros.oslo.node=null",
        "network.node_region={table: null, model: fitted}",
    ),
    "no prices under a cap of cost": (
        "signals.price={constant: null}",
        "objective={minimise: carbon, cost_cap_usd: 5}",
    ),
    "no prices under a share of cost": (
        "signals.price={constant: null}",
        "objective={minimise: carbon, cost_cap_share: 1.5}",
    ),
    "no places": ("metros={oslo: null, delhi: null}",),
    "no id": ("classes.c={latency_budget_ms: 4}", "metros.osl={population: 5}"),
    "no signal": ("signals.price={constant: null}",),
    "wrong region": ("regions.south.pue=null",),
    "totals of days without hours": (
        "demand.population=null",
        "demand.totals={table: by day.csv, weekend_factor: 0}",
    ),
    "nodes of clouds": ('nodes."aws:eu-north-1"={}', 'nodes."aws:eu-nowhere-1"={region: north}'),
    "old keys that are odd": (
        "regions={north: {capacity_gpu: x, rent_usd_per_gpu_h: y}, south: {capacity_gpu: [1]}}",
    ),
    "settings inside what is none": ("title.of=1", "time.start.of.day=2", "classes.a.name.b=3"),
    "setting": ("regions",),
    "setting of nothing": ("=3",),
    "setting of no path": ("a..b=3",),
    "setting quoted": ('regions."a.b=3',),
    "setting of no YAML": ("name={a",),
    "setting twice": ("name={a: 1, a: 2}",),
}
TEXTS: dict[str, str] = {
    "empty": "",
    "list": "- a\n- b\n",
    "text": "hello",
    "tabs": "name: a\n\ttitle: b\n",
    "twice": "name: a\nname: b\n",
    "twice, the second with one twice": "name: a\nx: 1\nx: {y: 1, y: 2}\n",
    "odd keys": "name: a\n? [x]\n: 3\n",
    "alias of itself": "name: a\nx: &x\n  y: *x\n",
    "aliases of themselves": "name: a\nx: &x\n  y: *x\nz: {k: 1, k: 2}\nw: &w\n  v: *w\n",
    "merged": "base: &b {share: 1}\nname: a\nmetros: {<<: *b, oslo: {lat_deg: 1}}\n",
    "bad number": "name: a\ntime: {start: !!int x}\n",
    "deep": "name: a\nx: " + "[" * 60 + "]" * 60,
    "brackets": "[" * 600,
    "unknown": "nam: a\nmetro: {}\n",
    "overrides": "name: a\noverrides: {x: 3, y: {a..b: 1}, z: {regions.oslo.pue: x, nme: 3}}\n"
    "scenarios: {s: [x, q], t: 5, u: y}\n",
    "overrides of several lines": "name: a\noverrides:\n  x:\n    regions.oslo:\n      pue: 1.2\n"
    "      queue_ms: fast\n    time:\n      hours: many\nscenarios:\n  s: [x]\n",
    "scenarios": "name: a\nscenarios: [x]\n",
    "null": "name:\n",
    "true": "name: a\nnotice: true\ntime: {hours: 2.5, sample: {days_per_month: 29}}\n",
}
