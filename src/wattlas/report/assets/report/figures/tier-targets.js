// What should be served at which carbon intensity? For each cap, the best point that keeps it.
(function (W) {
  "use strict";

  const T = W.tiers;
  const SHOWN_G_PER_KWH = 1000;
  const CAPS = 8;

  // Mean intensity where the demand ran, weighted with energy; null without hours.
  function mean(power) {
    let top = 0;
    let weight = 0;
    for (const row of W.rows("hourly")) {
      if (row.deciding_g_per_kwh == null || !row[power]) continue;
      top += row.deciding_g_per_kwh * row[power] * row.hours_represented;
      weight += row[power] * row.hours_represented;
    }
    return weight > 0 ? top / weight : null;
  }

  function draw(state, theme, width) {
    const rows = T.rows("tier_targets", state);
    if (!rows.length) return T.nothing(state, "no target to show");
    const small = width < 560;
    const caps = W.unique(rows.map((row) => row.cap_g)).sort((a, b) => a - b);
    const every = Math.ceil(caps.length / CAPS);
    const drawn = caps.filter((_, at) => (caps.length - 1 - at) % every === 0);
    const peak = Math.max(SHOWN_G_PER_KWH, W.extent(W.rows("hourly").map((row) => row.deciding_g_per_kwh))[1]);
    const ends = rows.map((row) => row.to_g_per_kwh ?? Infinity);
    const most = Math.min(peak, Math.max(...ends) * 1.1);
    const order = W.unique([...rows].sort((a, b) => b.accuracy - a.accuracy || b.utility - a.utility).map((row) => row.point));
    const fill = (point) => W.ramp(order.length < 2 ? 0.6 : 1 - (0.95 * order.indexOf(point)) / (order.length - 1), theme);
    const bands = drawn.flatMap((cap, at) => band(rows.filter((row) => row.cap_g === cap), most, at));
    const here = mean("it_mw");
    const base = mean("baseline_it_mw");
    const rule = (value, text, colour, type, align) => ({ xAxis: value, lineStyle: { color: colour, type, width: 1.5 }, label: { show: true, formatter: () => text, color: colour, position: "end", align, fontSize: 11 } });
    // Labels stand outwards, lest two lines near each other have theirs on top of one another.
    const outward = (value) => ((value === Math.min(here ?? value, base ?? value) && value > most * 0.15) || value > most * 0.75 ? "right" : "left");
    const rules = [
      ...(here == null || here > most ? [] : [rule(here, small ? `plan ${W.num(here)}` : `mean of the plan ${W.num(here)}`, theme.ink, "solid", outward(here))]),
      ...(base == null || base > most ? [] : [rule(base, small ? `nearest ${W.num(base)}` : `mean at the ${W.baseline} ${W.num(base)}`, theme.muted, "dashed", outward(base))]),
    ];
    return {
      answer: answer(rows, caps, here),
      height: 100 + drawn.length * (small ? 58 : 52),
      option: {
        grid: { left: small ? 66 : 84, right: 16, top: 34, bottom: 50 },
        xAxis: { type: "value", min: 0, max: most, name: small ? "Carbon intensity, g/kWh" : "Carbon intensity of the electricity, g/kWh", nameGap: 28, axisLabel: { formatter: (v) => W.num(v), showMaxLabel: false }, splitLine: { show: false } },
        yAxis: { type: "category", data: drawn.map((cap) => `${W.num(cap, 2)} g`), name: small ? "Cap" : "Cap per request", nameLocation: "end", nameGap: 10, nameTextStyle: { align: "right", padding: [0, 6, 0, 0] }, axisTick: { show: false }, axisLabel: { color: theme.ink, fontSize: 12 } },
        tooltip: { trigger: "item" },
        series: [{
          type: "custom", encode: { x: [0, 1], y: 2 }, clip: true,
          data: bands.map((one) => ({ value: [one.from, one.to, one.at], one })),
          renderItem: (params, api) => box(api, bands[params.dataIndex], theme, fill, small, [here, base]),
          tooltip: { formatter: (event) => tip(event.data.one) },
          markLine: rules.length ? { silent: true, symbol: "none", animation: false, data: rules } : undefined,
        }],
      },
      notes: [
        "Each bar is a cap on the carbon of one request. Along it stands the operating point of highest utility that keeps the cap at that intensity: the stronger the colour, the more accurate (the figures are accuracy and service time). Where the bar is empty, no point on the menu keeps the cap.",
        ...(here == null ? [] : [`Upright lines: the mean intensity where the plan runs${base == null ? "" : `, and (dashed) that of everyone at the ${W.baseline}`}.`]),
        ...(every > 1 ? [`${drawn.length} of ${caps.length} caps are drawn; the table has all.`] : []),
        ...(Math.max(...ends) > most ? [`Cut at ${W.num(most)} g/kWh.`] : []),
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function band(rows, most, at) {
    const out = rows
      .filter((row) => row.from_g_per_kwh < most)
      .map((row) => ({ row, at, from: row.from_g_per_kwh, to: Math.min(most, row.to_g_per_kwh ?? most) }));
    const end = Math.max(0, ...out.map((one) => one.to));
    return end < most ? [...out, { row: null, at, from: end, to: most, cap: rows[0].cap_g }] : out;
  }

  function box(api, one, theme, fill, small, rules) {
    const [x0, y] = api.coord([api.value(0), api.value(2)]);
    const [x1] = api.coord([api.value(1), api.value(2)]);
    const tall = small ? 44 : 36;
    const shape = { x: x0, y: y - tall / 2, width: Math.max(0.5, x1 - x0), height: tall };
    if (!one.row) {
      const text = shape.width > 110 ? [label("nothing keeps it", shape, y, theme.muted, 11)] : [];
      return { type: "group", children: [{ type: "rect", shape, style: { fill: "none", stroke: theme.line, lineDash: [3, 3], lineWidth: 1 } }, ...text] };
    }
    const colour = fill(one.row.point);
    const ink = bright(colour) ? "#1c2126" : "#ffffff";
    // A text that a line would strike through begins after the line, where there is room.
    const text = { ...shape };
    for (const x of rules.filter((v) => v != null).map((v) => api.coord([v, api.value(2)])[0]).sort((a, b) => a - b)) {
      const past = x + 1 - text.x;
      if (past > 0 && past < 130 && text.width - past > 60) Object.assign(text, { x: text.x + past, width: text.width - past });
    }
    const lines = text.width < 52 ? [] : [label(one.row.point, text, y - 7, ink, 11.5, 600), label(text.width < 84 ? W.num(one.row.accuracy) : `${W.num(one.row.accuracy)} · ${W.say(one.row.service_ms, "ms")}`, text, y + 8, ink, 10.5)];
    return { type: "group", children: [{ type: "rect", shape, style: { fill: colour, stroke: theme.paper, lineWidth: 1.5 } }, ...lines] };
  }

  const label = (text, shape, y, fill, fontSize, fontWeight = 400) => ({
    type: "text", x: shape.x + 6, y, silent: true,
    style: { text, fill, fontSize, fontWeight, align: "left", verticalAlign: "middle", width: shape.width - 10, overflow: "truncate", ellipsis: "…" },
  });

  const bright = (rgb) => {
    const [r, g, b] = rgb.match(/\d+/g).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b > 140;
  };

  const holds = (rows, cap, intensity) => rows.find((row) => row.cap_g === cap && row.from_g_per_kwh <= intensity && (row.to_g_per_kwh == null || intensity < row.to_g_per_kwh));

  function answer(rows, caps, here) {
    const full = [...rows].sort((a, b) => b.utility - a.utility)[0].point;
    const asked = here ?? 400;
    const said = caps.map((cap) => [cap, holds(rows, cap, asked)]);
    const kept = said.filter(([, row]) => row && row.point === full).map(([cap]) => cap);
    const tight = said.filter(([, row]) => !row || row.point !== full).at(-1);
    const head = `At ${W.num(asked)} g/kWh${here == null ? "" : ", the mean where the plan runs,"}`;
    const parts = [];
    if (kept.length) parts.push(`the best point, ${full}, keeps a cap of ${W.num(Math.min(...kept), 2)} g a request`);
    if (tight) parts.push(tight[1] ? `a cap of ${W.num(tight[0], 2)} g asks for ${tight[1].point} (accuracy ${W.num(tight[1].accuracy)}, ${W.say(tight[1].service_ms, "ms")})` : `nothing on the menu keeps a cap of ${W.num(tight[0], 2)} g`);
    return `${head} ${parts.join("; ")}.`;
  }

  const tip = (one) =>
    one.row
      ? W.tip(one.row.point, [
        ["Cap", T.grams(one.row.cap_g)], ["From", `${W.num(one.row.from_g_per_kwh)} g/kWh`], ["To", one.row.to_g_per_kwh == null ? "any" : `${W.num(one.row.to_g_per_kwh)} g/kWh`],
        ["Accuracy", W.num(one.row.accuracy)], ["Service time", W.say(one.row.service_ms, "ms")], ["Utility", W.num(one.row.utility)],
      ])
      : W.tip("Nothing on the menu", [["Cap", T.grams(one.cap)], ["Above", `${W.num(one.from)} g/kWh`]]);

  T.figure("tier-targets", { controls: T.controls, draw });
})(window.Wattlas);
