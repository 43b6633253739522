"""A small scenario, settings that change it, and settings and texts that are wrong."""

from __future__ import annotations

from pathlib import Path

from tests.golden.telling import put

WORLD = """
name: mini
title: Two of each
time: {start: "2023-06-03T22:00:00Z", hours: 4}
metros:
  oslo: {country: NO, jurisdiction: EU, lat_deg: 59.9, lon_deg: 10.7, timezone: Europe/Oslo,
      population: 1.0e+6, node: n1}
  delhi: {country: IN, jurisdiction: IN, lat_deg: 28.6, lon_deg: 77.2, timezone: Asia/Kolkata,
      population: 3.0e+7}
nodes:
  n1: {lat_deg: 59.0, lon_deg: 11.0, region: north, jurisdiction: EU}
  n2: {lat_deg: 20.0, lon_deg: 77.0}
regions:
  north: {zone: "NO", lat_deg: 60.0, lon_deg: 10.0, pue: 1.1, reserved_gpu: 40, jurisdiction: EU,
      reserved_usd_per_gpu_year: 8760}
  south: {zone: IN, lat_deg: 19.0, lon_deg: 73.0, pue: 1.5, on_demand_gpu: 50,
      on_demand_usd_per_gpu_h: 2.5, jurisdiction: IN}
signals:
  price: {constant: {"NO": 40, IN: 70}}
  carbon: carbon.csv
network:
  metro_node: {model: fitted}
  node_region: trips.csv
  egress: {default_usd_per_gb: 0.05}
points:
  big: {variant: large, hardware: H100, accuracy: 0.9, prefill_j_per_token: 0.3,
      decode_j_per_token: 2.4, prefill_gpu_s_per_token: 0.0001, decode_gpu_s_per_token: 0.004,
      ttft_ms: 60, itl_ms: 12, prefill_ms_per_token: 0.05}
  tiny: {variant: small, hardware: "2 x L40S", accuracy: 0.7, prefill_j_per_token: 0.05,
      decode_j_per_token: 0.35, prefill_gpu_s_per_token: 0.00003, decode_gpu_s_per_token: 0.0006,
      ttft_ms: 25, itl_ms: 9, weights_bytes: 1.6e+10}
token_profiles:
  chat: {tokens_in: 900, tokens_out: 150}
classes:
  a: {name: chat, latency_budget_ms: 900, token_profile: chat, bytes_per_request: 10000,
      accuracy_min: 0.6, residency: law}
  b: {latency_budget_ms: 60000, tokens_in: 100, tokens_out: 50, latency_to: full_answer}
residency:
  law: {EU: [EU], "*": ["*"]}
demand:
  table: demand.csv
  population: {requests_per_person_day: 0.01, classes: {b: {share: 1, hour_weights: office,
      weekend_factor: 0.5}}}
overrides:
  dear: {objective.carbon_price_usd_per_t: 50, regions.north.pue: 1.3}
  little: {classes: {a: {accuracy_min: 0.1}}}
scenarios:
  both: [dear, little]
  dear: [dear]
"""
HOURS = [f"2023-06-0{d}T{h:02}:00:00Z" for d, h in ((3, 22), (3, 23), (4, 0), (4, 1))]
FILES = {
    "carbon.csv": "time_utc,zone,average_g_per_kwh,marginal_g_per_kwh\n"
    + "".join(
        f"{t},{z},{g + n},{m - n}\n"
        for n, t in enumerate(HOURS)
        for z, g, m in (("NO", 30, 200), ("IN", 700, 900))
    ),
    "trips.csv": "node,region,rtt_ms,method\nn1,north,5,measured\nn1,south,130,guessed\n"
    "n2,north,120,measured\nn2,south,9,measured\n",
    "demand.csv": "time_utc,metro,class,requests_per_h\n"
    + "".join(
        f"{t},{m},a,{1000 * (n + 1) + q}\n"
        for n, t in enumerate(HOURS)
        for q, m in enumerate(("oslo", "delhi"))
    ),
    "price.csv": "time_utc,zone,price_usd_per_mwh\n"
    + "".join(f"{t},NO,{20 - 7 * n}\n" for n, t in enumerate(HOURS)),
    "capacity.csv": "time_utc,region,reserved_gpu\n"
    + "".join(f"{t},north,{n}\n" for n, t in enumerate(HOURS)),
    "regions.csv": "# places\nregion,zone,pue,reserved_gpu,variants,lat_deg,lon_deg,jurisdiction\n"
    "north,NO,1.2,free,large;small,60,10,EU\nwest,NO,1.3,5,,61,9,EU\n",
    "accuracy.csv": "class,point,accuracy\na,big,0.95\nb,tiny,0.75\n",
    "totals.csv": "metro,country,class,period,requests_per_day,tokens_per_month\noslo,,b,,5000,\n"
    ",IN,b,,,6e6\n",
    "odd.csv": "metro,country,class,period,requests_per_day,tokens_per_month,more\n"
    "oslo,NO,b,,5,,\n,,b,,5,,\noslo,,b,,5,6,\noslo,,b,,,,\noslo,,b,2023-6,5,,\n"
    "delhi,,b,2023-06-04,,6,\noslo,,q,,5,,\nolso,,b,,5,,\n,SE,b,,5,,\noslo,,b,,5,,\noslo,,b,,5,,\n"
    "oslo,,b,2023-06-03,5,,\n,,,,,,\noslo,,b,2023-06-31,5,,\n",
    "bare.csv": "class,period\nb,\n",
    "by day.csv": "metro,class,period,requests_per_day\noslo,b,2023-06-03,2400\n"
    "oslo,b,2023-06-04,4800\ndelhi,b,2023-06-03,24\ndelhi,b,2023-06-04,48\n",
    "by month.csv": "country,class,period,requests_per_month\nNO,b,2023-06,7200\nIN,b,2023-06,72\n"
    "NO,b,2023-07,1\n",
    "part.csv": "metro,class,period,requests_per_day\noslo,b,2023-06-04,2400\n",
    "twice.csv": "metro,country,class,period,requests_per_day\noslo,,b,2023-06,5\n"
    "oslo,,b,2023-06,5\noslo,,b,,5\n,NO,b,2023-06,9\n",
    "old.csv": "region,zone,pue,capacity_gpu,rent_usd_per_gpu_h\nnorth,NO,1.2,5,2.5\n"
    "south,IN,1.3,6,\n",
    "misspelt.csv": "region,zone,pue,reserved_gpus,lat_deg,lon_deg,jurisdictions\n"
    "north,NO,1.2,5,60,10,EU\nsouth,IN,,5,19,73,IN\n",
    "keyless.csv": "regions,zone,pue\nnorth,NO,1.2\n",
    "no pue.csv": "region,zone,lat_deg,lon_deg\nnorth,NO,60,10\neast,IN,59,11\n",
    "choices.csv": "x\n1\n",
}
Sets = tuple[str, ...]


def world(folder: Path, **files: str) -> Path:
    """The scenario and its tables in a folder."""
    for name, text in {"scenario.yaml": WORLD, **FILES}.items():
        put(folder, name, files.get(name, text))
    return folder


GOOD: dict[str, Sets] = {
    "texts": (
        "name=other",
        "title=A title",
        "notice=Mind this",
        "solver=highs",
        "when_none=nearest",
        "unserved_usd_per_request=0.5",
    ),
    "time": ("time={start: 2023-06-03T23:00:00+00:00, hours: 2}",),
    "half hours": ("time.step_h=0.5", "time.hours=2"),
    "two hours": ("time.step_h=2",),
    "no time": ("time=null",),
    "metros": (
        "metros.all.population=5e6",
        "metros.delhi={node: n1, name: Delhi}",
        "metros.lagos={lat_deg: 6.5, lon_deg: 3.4, timezone: Africa/Lagos, jurisdiction: "
        "NG, country: NG}",
    ),
    "metros dropped": ("metros.only=[oslo]",),
    "regions": (
        "regions.all={queue_ms: 7, idle_w: 60, embodied_kg_per_gpu_year: 300}",
        "regions.north={reserved_gpu_min: 3, reserved_gpu_max: 90, capacity_max: 100, "
        "power_max_kw: 70, utilisation_max: 0.9, variants: [large]}",
        "regions.south.reserved_gpu=free",
    ),
    "regions by a table": ("regions=regions.csv", "regions.south=null", "nodes.n1.region=west"),
    "regions by a table, with entries": (
        "regions.table=regions.csv",
        "regions.west.pue=1.7",
        "regions.drop=[west]",
    ),
    "kinds": (
        "regions.north.accelerators={H100: {reserved_gpu: 8, reserved_usd_per_gpu_year: "
        "20000, on_demand_gpu: 4, on_demand_usd_per_gpu_h: 3}, L40S: {reserved_gpu: 9, "
        "idle_w: 30}}",
        "capacity.scale=2",
    ),
    "capacity": ("capacity={table: capacity.csv, scale: 1.5}",),
    "free capacity": ("capacity.free=true",),
    "price": (
        "signals.price={constant: {IN: 7}, table: price.csv, scale: 2, add_usd_per_mwh: "
        "3, source: us, licence: CC, note: n}",
    ),
    "price unknown": ("signals.price={constant: null, unknown: true}", "objective.minimise=carbon"),
    "carbon": (
        "signals.carbon.scale=3",
        "signals.carbon.constant={IN: 500}",
        "signals.intensity_kind=direct",
        "signals.decide_by=average",
    ),
    "trips": (
        "network.metro_node={model: paper, add_ms: 4}",
        "network.node_region={pairs: {n1: {south: 90}}, add_ms: 2}",
    ),
    "metros and regions without a place": (
        "metros.oslo={lat_deg: null, lon_deg: null}",
        "regions.north={lat_deg: null, lon_deg: null}",
        "network.metro_node={pairs: {oslo: {n1: 5, n2: 90}}}",
    ),
    "a metro that is elsewhere": ("metros.oslo.lon_deg=-140",),
    "trips by distance": ("network.node_region={table: null, model: fitted}",),
    "nodes at metros": (
        "nodes={at: metros, n1: null, n2: null}",
        "metros.oslo.node=null",
        "network.node_region={table: null, model: fitted}",
    ),
    "nodes at regions": (
        "nodes={at: regions, n1: null, n2: null}",
        "metros.oslo.node=null",
        "network.node_region={table: null, model: paper}",
    ),
    "egress": ("network.egress={pairs: {n1: {north: 0.2}}, scale: 3}",),
    "points": (
        "points.all={itl_p95_ms: 30, request_j: 5, request_gpu_s: 0.1}",
        "points.big={accelerators: 4, accuracy_by_class: {b: 0.8}}",
        "points.accuracy_table=accuracy.csv",
        "variants.large={accuracy: 0.88, weights_bytes: 2e11}",
        "points.big.accuracy=null",
    ),
    "classes": (
        "classes.all={round_trips: 2, may_wait_h: 2}",
        "classes.a={points: [big], mean_accuracy_min: 0.8, price_usd_per_request: 0.01, "
        "relaxable: false, unserved_usd_per_request: 3, when_none: nearest}",
        "classes.b={state: pinned, state_copies: [north], session_state_bytes: 1e6, "
        "requests_per_session_h: 4}",
    ),
    "sticky": (
        "classes.b={state: sticky, session_state_bytes: 1e9}",
        "frictions={move_state: true, carry_weights: true, start_usd_per_gpu_h: 1, "
        "start_usd_by_region: {north: 2}, start_kwh_per_gpu_h: 0.5, initial: cold}",
    ),
    "sticky and free": ("classes.b.state=sticky", "frictions.initial=free"),
    "sticky without size": ("classes.b.state=sticky", "frictions.move_state=true"),
    "residency": ("residency.law={EU: [EU, IN]}", "classes.b.residency=law"),
    "population": (
        "demand.population={requests_per_person_day: 0.02, by_country: {IN: 0.001}, "
        "by_metro: {oslo: 0.5}, classes: {b: {share: 1, hour_weights: mine}}, "
        "hour_profiles: {mine: [1,2,3,4,5,6,7,8,9,10,11,12,12,11,10,9,8,7,6,5,4,3,2,1]}}",
        "demand.scale=2",
    ),
    "totals": (
        "demand.population=null",
        "demand.totals={requests_per_day: {oslo: {b: 2400}}, tokens_per_month: {IN: {b: "
        "4.5e+6}}, hour_weights: waking, weekend_factor: 0.5, classes: {b: "
        "{weekend_factor: 2}}}",
    ),
    "totals everywhere": (
        "demand.population=null",
        'demand.totals={requests_per_month: {"*": {b: 93000}}, hour_weights: office}',
    ),
    "totals of countries": (
        "demand.population=null",
        "demand.totals={tokens_per_day: {XX: {b: 9000}}, countries: {XX: [oslo, delhi]}}",
    ),
    "lawless": ('residency.law."*"=null',),
    "no bytes": ("classes.a.bytes_per_request=0", "network.egress=null"),
    "totals of a metro that is dropped": (
        "metros.drop=[delhi]",
        "demand={table: null, population: {requests_per_person_day: 1, classes: {a: {share: 1}}}}",
        "demand.totals.requests_per_day={oslo: {b: 24}, delhi: {b: 48}}",
        "demand.population.classes={b: null}",
    ),
    "images": (
        "points.pixels={variant: v, accuracy: 0.8, request_j: 5, request_gpu_s: 0.2, ttft_ms: 30}",
        "points.drop=[big, tiny]",
        "classes={a: {token_profile: null}, b: {tokens_in: null, tokens_out: null}}",
    ),
    "totals by day": ("demand.population=null", "demand.totals=by day.csv"),
    "totals by month": (
        "demand.population=null",
        "demand.totals={table: by month.csv, hour_weights: waking}",
    ),
    "totals by a table": ("demand.population=null", "demand.totals=totals.csv"),
    "tiers": (
        "tiers.green={share_max: 0.2, adoption: 0.3, accuracy_min: 0.65, latency_factor: "
        "1.5, discount: 0.1, classes: [a], points: [tiny], window: day}",
    ),
    "users": (
        "users={count: 500, seed: 3, usd_per_mtok_in: 1, usd_per_mtok_out: 4, scale: "
        "0.2, status_quo: 0.1, may_leave: true, outside: -1, prior: {usd_per_t_median: "
        "80}, ends: {accuracy_min: 0.5, accuracy_max: 0.9, latency_min_ms: 100, "
        "latency_max_ms: 900, reference_g: 0.5}}",
    ),
    "segments": (
        "users.segments={x: {share: 0.7, weight_accuracy: 0.4, weight_latency: 0.2, "
        "usd_per_t: 9, curvature: 0.5}, y: {share: 0.1, weight_accuracy: 0.1, "
        "weight_latency: 0.3, consciousness: 0.4, usd_per_utility: 0.02}}",
    ),
    "offer": (
        "offer={objective: carbon, cap_share: free, most: 2, classes: [a], "
        "accelerators: on demand}",
    ),
    "baseline": ("baseline={metros: {oslo: south}, classes: {b: {delhi: north}}}",),
    "objective": (
        "objective={minimise: carbon, carbon_price_usd_per_t: 3, cost_cap_share: 1.1, window: day}",
    ),
    "objective by cost": ("objective={carbon_cap_t: 0.5, window: hour}",),
    "pue at its limits": ("regions.north.pue=1", "regions.south.pue=3"),
    "gone far": ("regions.north.pue=3.5", "metros.oslo.timezone=Asia/Tokyo"),
}
