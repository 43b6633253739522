// Where does it run, and what changes? Regions by carbon or price on a map, the largest changes named.
(function (W) {
  "use strict";

  const { el, svg } = W;
  const FLOWS_SHOWN = 220;
  const CHANGES_SHOWN = 24;
  const ANTARCTICA = "010";
  const FAR = 60; // ms of round trip
  const CLOSEST = 5; // times the scale of the whole world
  let land = null;

  function countries() {
    if (land) return land;
    const world = JSON.parse(document.getElementById("wattlas-world").textContent);
    const shapes = { ...world.objects.countries, geometries: world.objects.countries.geometries.filter((one) => one.id !== ANTARCTICA) };
    land = { shapes: topojson.feature(world, shapes), borders: topojson.mesh(world, shapes, (a, b) => a !== b) };
    return land;
  }

  // Equal Earth, turned and scaled so that every region and metro is on it.
  function projected(width, height) {
    const places = W.rows("places").filter((row) => row.kind !== "node" && row.lon_deg != null).map((row) => [row.lon_deg, row.lat_deg]);
    const [west, east] = W.extent(places.map(([lon]) => lon));
    const centre = east - west < 150 ? (west + east) / 2 : 11;
    const pad = [[34, 26], [width - 34, height - 26]];
    const make = () => d3.geoEqualEarth().rotate([-centre, 0]);
    const whole = make().fitExtent([[2, 2], [width - 2, height - 2]], { type: "Sphere" });
    if (!places.length) return { projection: whole, centre };
    const near = make().fitExtent(pad, { type: "MultiPoint", coordinates: places });
    const most = CLOSEST * whole.scale();
    if (!(near.scale() <= most)) {
      const [x, y] = make().scale(most).translate([0, 0])([centre, d3.mean ? d3.mean(places, (p) => p[1]) : places[0][1]]);
      return { projection: make().scale(most).translate([width / 2 - x, height / 2 - y]), centre };
    }
    return { projection: near, centre };
  }

  // A gentle bow by the shorter way round, in degrees, cut where it crosses the edge of the map. Great
  // circles would be truer, but over the poles they leave the picture.
  function bow([lon, lat], [lon2, lat2], centre) {
    const wide = ((lon2 - lon + 540) % 360) - 180;
    const length = Math.hypot(wide, lat2 - lat);
    const rise = Math.min(16, 0.16 * length) * (lat + lat2 < -30 ? -1 : 1);
    const steps = Math.max(24, Math.ceil(length));
    const pieces = [[]];
    let before = null;
    for (let step = 0; step <= steps; step++) {
      const t = step / steps;
      const at = ((lon + wide * t - centre + 540) % 360) - 180;
      if (before != null && Math.abs(at - before) > 180) pieces.push([]);
      pieces.at(-1).push([at + centre, Math.max(-56, Math.min(80, lat + (lat2 - lat) * t + rise * Math.sin(Math.PI * t)))]);
      before = at;
    }
    return pieces.filter((piece) => piece.length > 1);
  }

  // The pieces on the screen, without what lies under the discs at both ends.
  function line(from, to, { projection, centre }, startGap, endGap) {
    const pieces = bow(from, to, centre).map((piece) => piece.map((point) => projection(point)));
    const [start, end] = [projection(from), projection(to)];
    const away = (point, centreOf, gap) => Math.hypot(point[0] - centreOf[0], point[1] - centreOf[1]) > gap;
    const whole = pieces.map((piece) => piece.filter((point) => away(point, start, startGap) && away(point, end, endGap)));
    return whole.filter((piece) => piece.length > 1);
  }

  const path = (pieces) => pieces.map((piece) => `M${piece.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L")}`).join("");

  function head(pieces, size, colour) {
    const last = pieces.at(-1);
    const [x, y] = last.at(-1);
    const [x0, y0] = last[Math.max(0, last.length - 3)];
    const turn = (Math.atan2(y - y0, x - x0) * 180) / Math.PI;
    return svg("path", { d: `M${size},0L${-size * 0.6},${size * 0.75}L${-size * 0.6},${-size * 0.75}Z`, fill: colour, transform: `translate(${x.toFixed(1)},${y.toFixed(1)}) rotate(${turn.toFixed(1)})` });
  }

  const SIGNALS = {
    carbon: { column: "deciding_g_per_kwh", unit: "g/kWh", name: "Carbon" },
    price: { column: "price_usd_per_mwh", unit: "USD/MWh", name: "Price" },
  };
  const known = (key) => W.rows("regions").some((row) => row[SIGNALS[key].column] != null);

  const controls = [
    () => {
      const options = Object.keys(SIGNALS).filter(known).map((key) => [key, SIGNALS[key].name]);
      return options.length > 0 && { kind: "choice", key: "colour", label: "Colour", options };
    },
    () => ({ kind: "choice", key: "show", label: "Show", options: [["changes", "Changes"], ["plan", "Plan"], ...(W.has("baseline_flows") ? [["baseline", "Baseline"]] : [])] }),
    () => {
      const classes = W.unique(W.column("flows", "class")).sort();
      return classes.length > 1 && { kind: "select", key: "class", label: "Class", options: [["", "All"], ...classes.map((id) => [id, W.klass(id)])] };
    },
  ];

  // What moves between two regions, all classes of the choice together, largest first.
  function changed(state) {
    const rows = W.rows("changes").filter((row) => row.from_region !== row.to_region && (!state.class || row.class === state.class));
    return [...W.group(rows, (row) => JSON.stringify([row.from_region, row.to_region]))]
      .map(([key, list]) => {
        const [from, to] = JSON.parse(key);
        return { from, to, mwh: W.sum(list.map((r) => r.it_mwh)), usd: W.sum(list.map((r) => r.saving_usd)), kg: W.sum(list.map((r) => r.saving_kg)), named: numbers(from, to, state) };
      })
      .sort((a, b) => b.mwh - a.mwh);
  }

  // The actions of the verdict that this arrow is, with their classes: `1 interactive (A)`.
  function numbers(from, to, state) {
    const moves = (W.meta.brief || {}).moves || [];
    return moves
      .map((move, at) => ({ ...move, number: at + 1 }))
      .filter((move) => move.from_region === from && move.to_region === to && (!state.class || move.class === state.class));
  }

  const flowTable = (state) => (state.show === "baseline" ? "baseline_flows" : "flows");

  function flowing(state) {
    const rows = W.rows(flowTable(state)).filter((row) => !state.class || row.class === state.class);
    return [...W.group(rows, (row) => JSON.stringify([row.metro, row.region]))]
      .map(([key, list]) => {
        const [metro, region] = JSON.parse(key);
        return { metro, region, mwh: W.sum(list.map((r) => r.it_mwh)), rtt: list[0].rtt_ms };
      })
      .sort((a, b) => b.mwh - a.mwh);
  }

  // Energy of each region under plan and baseline, for the class of the choice.
  function discs(state) {
    const sums = new Map(W.rows("places").filter((row) => row.kind === "region").map((row) => [row.id, { id: row.id, plan: 0, base: 0 }]));
    for (const [policy, table] of [["plan", "flows"], ["baseline", "baseline_flows"]])
      for (const row of W.rows(table)) {
        const disc = sums.get(row.region);
        if (disc && (!state.class || row.class === state.class)) disc[policy] += row.it_mwh;
      }
    const signals = new Map(W.rows("regions").map((row) => [row.region, row]));
    return [...sums.values()].map((disc) => ({ ...disc, ...(signals.get(disc.id) || {}) })).sort((a, b) => b.plan - a.plan);
  }

  function draw(state, theme, width) {
    const printing = document.documentElement.classList.contains("printing");
    const height = Math.round(Math.min(520, Math.max(230, width * (printing ? 0.46 : 0.6))));
    const view = projected(width, height);
    const regions = discs(state);
    const signal = SIGNALS[state.colour] || SIGNALS.carbon;
    const [low, high] = W.extent(regions.map((disc) => disc[signal.column]));
    const ends = theme[state.colour] || theme.carbon;
    const shade = (value) => (value == null ? theme.land : W.ramp(high > low ? (value - low) / (high - low) : 0.5, ends));
    const peak = Math.max(1e-12, ...regions.flatMap((disc) => [disc.plan, disc.base]));
    const small = width < 560;
    const radius = (mwh) => (mwh > 0 ? (small ? 2 : 3) + (small ? 10 : 15) * Math.sqrt(mwh / peak) : 0);
    const spot = (id) => {
      const place = W.place("region", id);
      return place && place.lon_deg != null && [place.lon_deg, place.lat_deg];
    };
    const size = (disc) => Math.max(3, radius(disc.plan), state.show === "changes" || state.show === "baseline" ? radius(disc.base) : 0);
    const sizes = new Map(regions.map((disc) => [disc.id, size(disc)]));
    const scene = { state, theme, view, regions, small, spot, sizes, radius, shade, signal, width, height };
    const picture = state.show === "changes" ? changes(scene) : flows(scene);
    const tip = el("div", { class: "maptip", hidden: true });
    const hover = (node, make) => {
      node.addEventListener("pointermove", (event) => point(event, tip, make(), width));
      node.addEventListener("pointerleave", () => (tip.hidden = true));
      return node;
    };
    const { shapes, borders } = countries();
    const outline = d3.geoPath(view.projection);
    const frame = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", class: "world" },
      svg("path", { d: outline(shapes), fill: theme.land }),
      svg("path", { d: outline(borders), fill: "none", stroke: theme.paper, "stroke-width": 0.7 }),
      ...picture.lines.map(([node, make]) => (make ? hover(node, make) : node)),
      ...dots(scene).map(([node, make]) => hover(node, make)),
      ...labels(scene, picture.badges),
    );
    const total = W.sum(regions.map((disc) => disc[state.show === "baseline" ? "baseline" : "plan"]));
    return {
      answer: picture.answer(total), alt: picture.alt, notes: picture.notes, columns: picture.columns, rows: picture.rows,
      node: el("div", { class: "map" }, frame, tip, legend(scene, low, high, ends)),
    };
  }

  function point(event, tip, content, width) {
    tip.replaceChildren(content);
    tip.hidden = false;
    const box = tip.parentElement.getBoundingClientRect();
    const x = event.clientX - box.left;
    tip.style.left = `${Math.max(0, Math.min(width - tip.offsetWidth, x > width / 2 ? x - tip.offsetWidth - 12 : x + 12))}px`;
    tip.style.top = `${Math.max(0, event.clientY - box.top - tip.offsetHeight - 8)}px`;
  }

  // -- what changes -----------------------------------------------------------------------------
  function changes({ state, theme, view, spot, sizes, small }) {
    const pairs = changed(state);
    const placed = pairs.filter((pair) => spot(pair.from) && spot(pair.to));
    const shown = placed.filter((pair, at) => at < CHANGES_SHOWN || pair.named.length);
    const most = shown.length ? shown[0].mwh : 1;
    const badges = [];
    const lines = [];
    // The named ones are drawn last, over the others.
    for (const pair of [...shown].sort((a, b) => a.named.length - b.named.length || a.mwh - b.mwh)) {
      const strong = pair.named.length > 0;
      const colour = strong ? theme.plan : theme.baseline;
      const wide = 0.8 + (small ? 3.5 : 5) * Math.sqrt(pair.mwh / most);
      const pieces = line(spot(pair.from), spot(pair.to), view, sizes.get(pair.from) + 1, sizes.get(pair.to) + 5);
      if (!pieces.length) continue;
      const body = svg("g", { class: strong ? "change named" : "change", opacity: strong ? 1 : 0.5 },
        svg("path", { d: path(pieces), fill: "none", stroke: colour, "stroke-width": wide.toFixed(2), "stroke-linecap": "round" }),
        head(pieces, 3.5 + wide, colour),
        svg("path", { d: path(pieces), fill: "none", stroke: "transparent", "stroke-width": 12 }),
      );
      lines.push([body, () => changeTip(pair)]);
      if (strong) badges.push({ number: pair.named.map((move) => move.number).join(", "), classes: small ? "" : W.unique(pair.named.map((move) => W.klass(move.class))).join(", "), points: pieces.flat(), first: pair.named[0].number });
    }
    badges.sort((a, b) => a.first - b.first);
    // Of what goes unserved on one side no energy moves from a region to another.
    const none = (pair) => pair.from === "unserved" || pair.to === "unserved";
    const [moved, other] = [false, true].map((some) => W.sum(pairs.filter((pair) => none(pair) === some).map((pair) => pair.mwh)));
    return {
      lines, badges,
      answer: (total) => (moved > 0
        ? `${W.say(moved, "mwh")} of IT energy ${W.period}${total ? `, ${W.say(moved / total, "share")} of it all,` : ""} runs in another region than under the baseline.${other > 0 ? ` ${W.say(other, "mwh")} more is served that the baseline leaves unserved.` : ""}`
        : "No request runs in another region than under the baseline."),
      alt: `Map of ${shown.length} changes between regions.`,
      notes: [
        `Disc: energy of the plan in a region; dashed ring: of the baseline (${W.baseline}). Arrow: requests that the baseline serves at its foot and the plan at its head; green and numbered: the actions of the verdict.`,
        ...(shown.length < placed.length ? [`The ${shown.length} largest of ${placed.length} changes are drawn (${W.say(W.sum(shown.map((p) => p.mwh)) / moved, "share")} of the energy that moves).`] : []),
        ...(placed.length < pairs.length ? [`${W.say(W.sum(pairs.filter((p) => !placed.includes(p)).map((p) => p.mwh)), "mwh")} of what changes has no place on the map (unserved, or a place without coordinates).`] : []),
      ],
      columns: ["class", "from_region", "to_region", "it_mwh", "requests", "requests_share", "hours_share", "saving_usd", "saving_kg"],
      rows: W.rows("changes").filter((row) => !state.class || row.class === state.class)
        .map((row) => [row.class, row.from_region, row.to_region, row.it_mwh, row.requests, row.requests_share, row.hours_share, row.saving_usd, row.saving_kg]),
    };
  }

  const signed = (saving, kind) => `${saving >= 0 ? "−" : "+"}${W.say(Math.abs(saving), kind)}`;
  const changeTip = (pair) =>
    W.tip(`${W.name("region", pair.from)} → ${W.name("region", pair.to)}`, [
      ["IT energy", W.say(pair.mwh, "mwh")], ["Cost", signed(pair.usd, "usd")], ["Carbon", signed(pair.kg, "kg")],
      ...pair.named.map((move) => [`Action ${move.number}`, W.klass(move.class)]),
    ]);

  // -- where requests go ------------------------------------------------------------------------
  function flows({ state, theme, view, spot, sizes }) {
    const pairs = flowing(state);
    const drawn = pairs.filter((pair) => W.place("metro", pair.metro)?.lon_deg != null && spot(pair.region));
    const shown = drawn.slice(0, FLOWS_SHOWN);
    const most = shown.length ? shown[0].mwh : 1;
    const metro = (id) => {
      const place = W.place("metro", id);
      return [place.lon_deg, place.lat_deg];
    };
    const lines = [...shown].reverse().flatMap((pair) => {
      const pieces = line(metro(pair.metro), spot(pair.region), view, 2, sizes.get(pair.region));
      if (!pieces.length) return [];
      const part = Math.sqrt(pair.mwh / most);
      return [[svg("path", { d: path(pieces), fill: "none", stroke: theme.baseline, "stroke-width": (0.5 + 4 * part).toFixed(2), opacity: (0.25 + 0.5 * part).toFixed(2) }), () => flowTip(pair)]];
    });
    const dot = (row) => {
      const [x, y] = view.projection([row.lon_deg, row.lat_deg]);
      return [svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 1.6, fill: theme.ink, opacity: 0.7 }), null];
    };
    const away = W.sum(pairs.filter((pair) => pair.rtt > FAR).map((pair) => pair.mwh));
    const best = [...W.group(pairs.filter((p) => p.region !== "unserved"), (pair) => pair.region)].map(([id, list]) => ({ id, mwh: W.sum(list.map((p) => p.mwh)) })).sort((a, b) => b.mwh - a.mwh);
    return {
      lines: [...lines, ...W.rows("places").filter((row) => row.kind === "metro" && row.lon_deg != null).map(dot)], badges: [],
      answer: (total) => (best.length
        ? `${W.say(total, "mwh")} of IT energy ${W.period}${state.show === "baseline" ? ` if everyone is served at the ${W.baseline}` : ""}: ${best.slice(0, 3).map((one) => `${W.name("region", one.id)} takes ${W.say(one.mwh / total, "share")}`).join(", ")}; ${W.say(away / total, "share")} travels further than ${FAR} ms of round trip.`
        : "No demand runs here."),
      alt: `Map of ${shown.length} flows from metros to regions.`,
      notes: [
        "Disc: energy that runs in a region. Line: demand on its way to the region that serves it, as wide as the square root of its energy. Small dot: a metro.",
        ...(drawn.length > shown.length ? [`The ${shown.length} largest of ${drawn.length} flows are drawn.`] : []),
        ...(drawn.length < pairs.length ? [`${W.say(W.sum(pairs.filter((p) => !drawn.includes(p)).map((p) => p.mwh)), "mwh")} has no place on the map (unserved, or a place without coordinates).`] : []),
      ],
      columns: ["policy", "class", "metro", "region", "it_mwh", "rtt_ms"],
      rows: pairs.map((pair) => [state.show, state.class || "all", pair.metro, pair.region, pair.mwh, pair.rtt]),
    };
  }

  const flowTip = (pair) =>
    W.tip(`${W.name("metro", pair.metro)} → ${W.name("region", pair.region)}`, [["IT energy", W.say(pair.mwh, "mwh")], ["Round trip", W.say(pair.rtt, "ms")]]);

  // -- regions and names ------------------------------------------------------------------------
  function dots({ state, theme, view, regions, spot, radius, shade, signal }) {
    return regions.filter((disc) => spot(disc.id)).map((disc) => {
      const [x, y] = view.projection(spot(disc.id)).map((v) => v.toFixed(1));
      const energy = state.show === "baseline" ? disc.base : disc.plan;
      const ring = state.show === "changes" && Math.abs(disc.base - disc.plan) > 1e-6 * Math.max(disc.base, disc.plan);
      const node = svg("g", { class: "region" },
        svg("circle", { cx: x, cy: y, r: Math.max(3, radius(energy)).toFixed(1), fill: energy > 0 ? shade(disc[signal.column]) : theme.paper, stroke: energy > 0 ? theme.paper : shade(disc[signal.column]), "stroke-width": energy > 0 ? 1.2 : 2 }),
        ring && disc.base > 0 && svg("circle", { cx: x, cy: y, r: radius(disc.base).toFixed(1), fill: "none", stroke: theme.ink, "stroke-width": 1, "stroke-dasharray": "3 2.5", opacity: 0.75 }),
      );
      return [node, () => W.tip(W.name("region", disc.id), [
        ["Plan", W.say(disc.plan, "mwh")], ["Baseline", W.say(disc.base, "mwh")],
        ["Mean intensity", W.say(disc.deciding_g_per_kwh, "g/kWh")], ["Mean price", W.say(disc.price_usd_per_mwh, "USD/MWh")],
      ])];
    });
  }

  const DIRECTIONS = [[1, 0, "start"], [-1, 0, "end"], [0, -1, "middle"], [0, 1, "middle"], [0.75, -0.75, "start"], [0.75, 0.75, "start"], [-0.75, -0.75, "end"], [-0.75, 0.75, "end"]];

  // Names of regions and numbers of actions, none over another, over a disc or over a named arrow.
  function labels({ theme, view, regions, spot, sizes, small, width, height }, badges) {
    const placed = regions.filter((disc) => spot(disc.id)).map((disc) => ({ disc, at: view.projection(spot(disc.id)), r: sizes.get(disc.id) }));
    const taken = placed.map(({ at: [x, y], r }) => [x - r, y - r, x + r, y + r]);
    const size = small ? 10.5 : 12;
    const round = small ? 8 : 9.5;
    const tags = badges.flatMap((badge) => numbered(badge, taken, round, [width, height]));
    taken.push(...tags.map(({ at: [x, y], wide }) => [x - wide, y - round, x + wide, y + round]));
    taken.push(...badges.flatMap((badge) => badge.points.map(([x, y]) => [x - 3, y - 3, x + 3, y + 3])));
    const moves = (W.meta.brief || {}).moves || [];
    const ends = new Set(moves.flatMap((move) => [move.from_region, move.to_region]));
    const around = ([x, y], r, gaps) => gaps.flatMap((gap) => DIRECTIONS.map(([dx, dy, anchor]) => [x + dx * (r + gap), y + dy * (r + gap + (dx ? 0 : size * 0.6)), anchor]));
    const weight = ({ disc }) => (ends.has(disc.id) ? 1e9 : 0) + Math.max(disc.plan, disc.base) / (1e-12 + Math.max(...regions.map((other) => Math.max(other.plan, other.base))));
    const names = [...placed].sort((a, b) => weight(b) - weight(a)).map(({ disc, at, r }) => ({
      text: W.short(W.name("region", disc.id), 20), size, weight: ends.has(disc.id) ? 600 : 400, fill: theme.ink, spots: around(at, r, [4, 11, 18]),
    }));
    const classes = tags.filter(({ badge }) => badge.classes).map(({ badge, at, wide }) => ({ text: badge.classes, size, weight: 600, fill: theme.plan, spots: around(at, wide, [4, 9]) }));
    const important = names.filter((label) => label.weight === 600);
    const all = [...important, ...classes, ...names.filter((label) => label.weight !== 600)];
    const spots = W.fit(all, taken, [width, height], theme.font);
    return [
      ...tags.map(({ badge, at: [x, y], wide }) => svg("g", { class: "badge" },
        svg("rect", { x: (x - wide).toFixed(1), y: (y - round).toFixed(1), width: (2 * wide).toFixed(1), height: 2 * round, rx: round, fill: theme.plan, stroke: theme.paper, "stroke-width": 1.5 }),
        svg("text", { class: "map-label", x: x.toFixed(1), y: y.toFixed(1), dy: "0.35em", "text-anchor": "middle", "font-size": size, "font-weight": 700, fill: theme.paper }, badge.number))),
      ...all.flatMap((label, at) => spots[at] ? svg("text", {
        class: "map-label", x: spots[at].x.toFixed(1), y: spots[at].y.toFixed(1), dy: "0.35em", "text-anchor": spots[at].anchor, "font-size": label.size, "font-weight": label.weight,
        fill: label.fill, stroke: theme.paper, "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round",
      }, label.text) : []),
    ];
  }

  // Where on its arrow a number stands: in the middle, else where it meets no disc and no other number, else beside it: between large discs an arrow is short.
  function numbered(badge, taken, round, [width, height]) {
    const wide = round + 4 * (badge.number.length - 1);
    const along = (t) => badge.points[Math.round(t * (badge.points.length - 1))];
    const [mx, my] = along(0.5);
    const beside = [3, 9, 15, 21].flatMap((gap) => DIRECTIONS.map(([dx, dy]) => [mx + dx * (wide + gap), my + dy * (round + gap)]));
    for (const [x, y] of [...[0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9].map(along), ...beside]) {
      const box = [x - wide, y - round, x + wide, y + round];
      const inside = box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height;
      if (!inside || taken.some(([l, top, r, bottom]) => box[0] < r && l < box[2] && box[1] < bottom && top < box[3])) continue;
      taken.push(box);
      return [{ badge, at: [x, y], wide }];
    }
    return [];
  }

  function legend({ signal }, low, high, ends) {
    if (!(high >= low)) return null;
    return el("div", { class: "legend" },
      el("span", {}, `${signal.name}, mean:`), el("span", {}, W.num(low)),
      el("i", { style: `background:linear-gradient(to right, ${ends.low}, ${ends.high})` }),
      el("span", {}, `${W.num(high)} ${signal.unit}`),
    );
  }

  W.figure("map", { controls, draw });
})(window.Wattlas);
