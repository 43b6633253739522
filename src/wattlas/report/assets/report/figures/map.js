// Where do requests go? Flows from metros to regions on a world map.
(function (W) {
  "use strict";

  const FLOWS_SHOWN = 220;
  const ANTARCTICA = "010";
  const CENTRE = 11;
  const projection = d3.geoEqualEarth().rotate([-CENTRE, 0]);
  let registered = false;

  function register() {
    if (registered) return;
    const world = JSON.parse(document.getElementById("wattlas-world").textContent);
    const countries = topojson.feature(world, world.objects.countries);
    const features = countries.features.filter((country) => country.id !== ANTARCTICA);
    // Names are dropped: two countries of one name would be one to ECharts, and none is shown.
    features.forEach((country, at) => (country.properties = { name: String(at) }));
    echarts.registerMap("world", { type: "FeatureCollection", features });
    registered = true;
  }

  // A gentle bow by the shorter way round, cut where it crosses the edge of the map. Great circles
  // would be truer, but over the poles they leave the picture.
  function arc([lon, lat], [lon2, lat2]) {
    const wide = ((lon2 - lon + 540) % 360) - 180;
    const length = Math.hypot(wide, lat2 - lat);
    const bow = Math.min(16, 0.16 * length) * (lat + lat2 < -30 ? -1 : 1);
    const steps = Math.max(2, Math.ceil(length / 4));
    const pieces = [[]];
    let before = null;
    for (let step = 0; step <= steps; step++) {
      const t = step / steps;
      const at = ((lon + wide * t - CENTRE + 540) % 360) - 180;
      if (before != null && Math.abs(at - before) > 180) pieces.push([]);
      pieces.at(-1).push([at + CENTRE, Math.max(-56, Math.min(80, lat + (lat2 - lat) * t + bow * Math.sin(Math.PI * t)))]);
      before = at;
    }
    return pieces.filter((piece) => piece.length > 1);
  }

  const tableOf = (state) => (state.policy === "home" ? "home_flows" : "flows");

  const controls = [
    () => W.has("home_flows") && { kind: "choice", key: "policy", label: "Show", options: [["plan", "Plan"], ["home", W.Baseline]] },
    () => {
      const classes = W.unique(W.rows("flows").map((row) => row.class)).sort();
      return classes.length > 1 && { kind: "choice", key: "class", label: "Class", options: [["", "All"], ...classes.map((id) => [id, W.klass(id)])] };
    },
  ];

  function draw(state, theme, width) {
    register();
    const rows = W.rows(tableOf(state)).filter((row) => !state.class || row.class === state.class);
    const pairs = [...W.group(rows, (row) => JSON.stringify([row.metro, row.region]))]
      .map(([key, list]) => {
        const [metro, region] = JSON.parse(key);
        return { metro, region, mwh: W.sum(list.map((r) => r.it_mwh)), rtt: list[0].rtt_ms };
      })
      .sort((a, b) => b.mwh - a.mwh);
    const total = W.sum(pairs.map((pair) => pair.mwh));
    const drawn = pairs.filter((pair) => W.place("metro", pair.metro) && W.place("region", pair.region));
    const shown = drawn.slice(0, FLOWS_SHOWN);
    const most = shown.length ? shown[0].mwh : 1;
    const at = (place) => [place.lon_deg, place.lat_deg];
    const lines = shown.flatMap((pair) =>
      arc(at(W.place("metro", pair.metro)), at(W.place("region", pair.region))).map((coords) => ({
        coords, pair,
        lineStyle: { width: 0.5 + 5 * Math.sqrt(pair.mwh / most), color: W.colour(pair.region), opacity: 0.25 + 0.45 * Math.sqrt(pair.mwh / most) },
      })),
    );
    // The edge of the map, so that a line that is cut there is seen to go on at the other side.
    const edges = [CENTRE - 179.9, CENTRE + 179.9].map((lon) => ({
      coords: d3.range(-56, 84, 4).map((lat) => [lon, lat]), edge: true, lineStyle: { width: 1, color: theme.line, opacity: 1 }, tooltip: { show: false },
    }));
    const byRegion = [...W.group(pairs, (pair) => pair.region)].map(([id, list]) => ({ id, mwh: W.sum(list.map((p) => p.mwh)) }));
    const peak = Math.max(1e-12, ...byRegion.map((one) => one.mwh));
    const small = width < 560;
    const dots = byRegion.filter((one) => W.place("region", one.id)).map((one) => ({
      name: W.name("region", one.id), value: [...at(W.place("region", one.id)), one.mwh],
      symbolSize: 5 + (small ? 12 : 20) * Math.sqrt(one.mwh / peak), itemStyle: { color: W.colour(one.id), borderColor: theme.paper, borderWidth: 1.2, opacity: 1 },
      label: { show: one.mwh > peak * (small ? 0.3 : 0.12), formatter: () => W.name("region", one.id) },
    }));
    const metros = W.rows("places").filter((row) => row.kind === "metro").map((row) => ({ name: row.name, value: [...at(row), 0] }));
    const best = [...byRegion].filter((one) => one.id !== "unserved").sort((a, b) => b.mwh - a.mwh);
    const away = W.sum(pairs.filter((pair) => pair.rtt > 60).map((pair) => pair.mwh));
    return {
      answer: best.length
        ? `${W.say(total, "mwh")} of IT energy ${W.period}${state.policy === "home" ? ` if everyone is served at the ${W.baseline}` : ""}: ${best.slice(0, 3).map((one) => `${W.name("region", one.id)} takes ${W.say(one.mwh / total, "share")}`).join(", ")}; ${W.say(away / total, "share")} travels further than 60 ms of round trip.`
        : "No demand runs here.",
      alt: `World map of ${shown.length} flows from metros to regions.`,
      height: Math.round(Math.min(560, Math.max(210, width * 0.52))),
      option: {
        geo: {
          map: "world", roam: true, silent: true, left: 4, right: 4, top: 8, bottom: 8, scaleLimit: { min: 1, max: 12 },
          projection: { project: (p) => projection(p), unproject: (p) => projection.invert(p), stream: projection.stream },
          itemStyle: { areaColor: theme.land, borderColor: theme.paper, borderWidth: 0.6 },
        },
        tooltip: { trigger: "item" },
        series: [
          {
            type: "lines", coordinateSystem: "geo", polyline: true, data: [...edges, ...lines],
            tooltip: { formatter: (event) => (event.data.edge ? "" : flowTip(event.data.pair, total)) },
          },
          {
            type: "scatter", coordinateSystem: "geo", data: metros, symbolSize: small ? 2 : 3, silent: true,
            itemStyle: { color: theme.ink, opacity: 0.55 },
          },
          {
            type: "scatter", coordinateSystem: "geo", data: dots, z: 5, labelLayout: { hideOverlap: true },
            label: { position: "right", color: theme.ink, fontSize: small ? 10 : 12, textBorderColor: theme.paper, textBorderWidth: 3 },
            tooltip: { formatter: (event) => W.tip(event.name, [["IT energy", W.say(event.value[2], "mwh")], ["of the total", W.say(event.value[2] / total, "share")]]) },
          },
        ],
      },
      notes: [
        "Circle: energy that runs in a region. Line: demand that moved, as wide as the square root of its energy, in the colour of the region that serves it. Small dot: a metro.",
        ...(drawn.length > shown.length ? [`The ${shown.length} largest of ${drawn.length} flows are drawn (${W.say(W.sum(shown.map((p) => p.mwh)) / total, "share")} of the energy).`] : []),
        ...(drawn.length < pairs.length ? [`${W.say(W.sum(pairs.filter((p) => !drawn.includes(p)).map((p) => p.mwh)), "mwh")} has no place on the map (unserved, or a place without coordinates).`] : []),
      ],
      columns: ["policy", "class", "metro", "region", "it_mwh", "rtt_ms"],
      rows: pairs.map((pair) => [state.policy || "plan", state.class || "all", pair.metro, pair.region, pair.mwh, pair.rtt]),
    };
  }

  const flowTip = (pair, total) =>
    W.tip(`${W.name("metro", pair.metro)} → ${W.name("region", pair.region)}`, [
      ["IT energy", W.say(pair.mwh, "mwh")], ["of the total", W.say(pair.mwh / total, "share")], ["round trip", W.say(pair.rtt, "ms")],
    ]);

  W.figure("map", { controls, draw });
})(window.Wattlas);
