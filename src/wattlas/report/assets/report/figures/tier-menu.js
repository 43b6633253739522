// What could be served instead of full service, and what should be at which carbon intensity?
(function (W) {
  "use strict";

  const T = W.tiers;
  const AXES = {
    carbon_g: ["Carbon", "Carbon at the mean intensity, g per request", "g"],
    energy_wh: ["Energy", "IT energy, Wh per request", "Wh"],
    gpu_s: ["Accelerator time", "Accelerator time, s per request", "s"],
    cost_usd_per_million: ["Cost", "Cost, USD per million requests", "USD per million"],
  };

  const controls = [
    ...T.controls,
    (state) => {
      const keys = Object.keys(AXES).filter((key) => T.rows("tier_menu", state).some((row) => row[key] != null));
      return keys.length > 1 && { kind: "choice", key: "over", label: "Against", options: keys.map((key) => [key, AXES[key][0]]) };
    },
  ];

  function draw(state, theme, width) {
    const key = state.over || "energy_wh";
    const all = T.rows("tier_menu", state);
    const rows = all.filter((row) => row[key] != null);
    if (!rows.length) return T.nothing(state, "no menu of operating points");
    const small = width < 560;
    const [low, high] = W.extent(rows.map((row) => row[key]));
    const log = low > 0 && high / low > 12;
    const to = (x) => (log ? Math.log10(x) : x);
    const x = log ? { min: to(low) - 0.1, max: to(high) + 0.1 } : W.span(rows.map((row) => row[key]));
    const y = W.span(rows.map((row) => row.accuracy));
    const height = small ? 400 : 430;
    const grid = { left: 54, right: 20, top: 40, bottom: 52 };
    const across = (width - grid.left - grid.right) / (x.max - x.min);
    const down = (height - grid.top - grid.bottom) / (y.max - y.min);
    const size = sizes(rows);
    const named = [...rows].sort((a, b) => Boolean(b.role) - Boolean(a.role) || b.pareto - a.pareto || b.accuracy - a.accuracy).map((row) => ({ row, label: row.role ? (small ? row.role : `${row.role}: ${row.point}`) : row.point }));
    const place = ({ row }) => [(to(row[key]) - x.min) * across, (y.max - row.accuracy) * down];
    const sides = W.settle(named, place, width - grid.left - grid.right, { small, must: (one) => Boolean(one.row.role), order: ["top", "bottom", "left", "right"], radius: (one) => size(one.row) / 2, over: 0 });
    const front = best(rows, key);
    const stairs = [...front.map((row) => [row[key], row.accuracy]), [high, front.at(-1).accuracy]];
    const value = (row) => [row[key], row.accuracy];
    const ticks = log ? decades(low, high) : undefined;
    const edge = log ? { min: 10 ** x.min, max: 10 ** x.max } : x;
    return {
      answer: answer(state, rows),
      height,
      option: {
        grid,
        xAxis: { type: log ? "log" : "value", ...edge, axisLine: { onZero: false }, name: AXES[key][1], nameGap: 30, splitLine: { show: false }, axisLabel: { formatter: (v) => W.num(v), showMinLabel: log || x.min === 0, showMaxLabel: log, customValues: ticks }, axisTick: { customValues: ticks } },
        yAxis: { ...W.above("Accuracy", theme), ...y, axisLine: { onZero: false }, axisLabel: { formatter: (v) => W.num(v), showMinLabel: y.min === 0, showMaxLabel: false } },
        tooltip: { trigger: "item" },
        series: [
          { type: "line", data: stairs, step: "end", symbol: "none", silent: true, lineStyle: { color: theme.plan, width: 1.6 } },
          {
            type: "scatter", z: 5, tooltip: { formatter: (event) => tip(event.data.row) },
            label: { color: theme.ink, fontSize: small ? 10 : 12, textBorderColor: theme.paper, textBorderWidth: 3 },
            // Full service and fallback come last, and so on top.
            data: [...named].reverse().map((one) => ({
              value: value(one.row), row: one.row, symbolSize: size(one.row), itemStyle: style(one.row, theme),
              label: sides.has(one) ? { show: true, formatter: () => sides.get(one).text, position: sides.get(one).side, distance: 4, fontWeight: one.row.role ? 600 : 400 } : { show: false },
            })),
          },
        ],
      },
      notes: [
        `The larger the dot, the longer a request takes: ${W.say(W.extent(rows.map((r) => r.service_ms))[0], "ms")} to ${W.say(W.extent(rows.map((r) => r.service_ms))[1], "ms")}. The line is the highest accuracy to be had for at most that much; filled dots off the line are on the front because they are faster or need less energy, hollow ones are beaten by another point in everything.`,
        ...(log ? ["The horizontal axis is logarithmic."] : []),
        ...(y.min !== 0 ? ["The axis of accuracy does not start at zero."] : []),
      ],
      columns: Object.keys(all[0]), rows: all.map((row) => Object.values(row)),
    };
  }

  // 1, 2 and 5 of each decade: a logarithmic axis by itself marks the decades only.
  function decades(low, high) {
    const out = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 0.1; power++) out.push(...[1, 2, 5].map((m) => Number((m * 10 ** power).toPrecision(3))));
    return out.filter((v) => v >= low / 1.25 && v <= high * 1.25);
  }

  function sizes(rows) {
    const [low, high] = W.extent(rows.map((row) => row.service_ms));
    const crowd = rows.length > 40 ? 0.65 : 1;
    return (row) => crowd * (high > low ? 8 + 16 * Math.sqrt((row.service_ms - low) / (high - low)) : 12);
  }

  const style = (row, theme) => {
    const colour = row.role === "fallback" ? theme.user : row.role === "full" ? theme.ink : row.pareto ? theme.plan : theme.baseline;
    return row.pareto || row.role ? { color: colour, opacity: 0.92, borderColor: theme.paper, borderWidth: 1 } : { color: theme.paper, borderColor: colour, borderWidth: 1.5, opacity: 1 };
  };

  function best(rows, key) {
    let most = -Infinity;
    return [...rows].sort((a, b) => a[key] - b[key] || b.accuracy - a.accuracy).filter((row) => row.accuracy > most && ((most = row.accuracy), true));
  }

  function answer(state, rows) {
    const front = rows.filter((row) => row.pareto).length;
    const full = rows.find((row) => row.role === "full");
    const fallback = rows.find((row) => row.role === "fallback");
    const head = `Class ${W.klass(T.klass(state))} can be served at ${rows.length} operating point${rows.length === 1 ? "" : "s"}, ${front === rows.length ? (front > 1 ? "all of them" : "the one") : front === 1 ? "one of them" : `${front} of them`} worth having`;
    if (!full) return `${head}.`;
    if (!fallback) return `${head}; full service is ${full.point}, and no fallback below it was chosen.`;
    const energy = 1 - fallback.energy_wh / full.energy_wh;
    const faster = full.service_ms - fallback.service_ms;
    return `${head}. Falling from ${full.point} to ${fallback.point} gives up ${W.num(full.accuracy - fallback.accuracy)} of accuracy, ${energy < 0 ? `takes ${W.say(-energy, "share")} more` : `saves ${W.say(energy, "share")} of the`} energy, and is ${W.say(Math.abs(faster), "ms")} ${faster < 0 ? "slower" : "faster"}.`;
  }

  const tip = (row) =>
    W.tip(row.point, [
      ["Accuracy", W.num(row.accuracy)], ["Service time", W.say(row.service_ms, "ms")], ...(row.service_p95_ms == null ? [] : [["95th percentile", W.say(row.service_p95_ms, "ms")]]),
      ["Carbon", T.grams(row.carbon_g)], ["Energy", `${W.num(row.energy_wh)} Wh`], ["Accelerator", `${W.num(row.gpu_s)} s`],
      ...(row.cost_usd_per_million == null ? [] : [["Cost per million", W.say(row.cost_usd_per_million, "usd")]]),
      ["", row.role === "full" ? "full service" : row.role === "fallback" ? "the fallback" : row.pareto ? "on the front" : "beaten in everything"],
    ]);

  T.figure("tier-menu", { controls, draw });
})(window.Wattlas);
