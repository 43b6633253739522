// How many accelerators, and where? Each fleet that is compared, region by region.
(function (W) {
  "use strict";

  const F = W.fleet;
  // Told apart by shape as well as by colour.
  const MARKS = [
    ["given", "As given", (theme) => ({ symbol: "rect", symbolSize: [3, 17], itemStyle: { color: theme.baseline } })],
    ["own_peaks", "Own peak", (theme) => ({ symbol: "diamond", symbolSize: 11, itemStyle: { color: theme.paper, borderColor: theme.ink, borderWidth: 1.6 } })],
    ["outage", "With any one region lost", (theme) => ({ symbol: "circle", symbolSize: 9, itemStyle: { color: theme.paper, borderColor: theme.user, borderWidth: 2 } })],
  ];

  function draw(state, theme, width) {
    const rows = W.rows("fleet_regions");
    const by = new Map(rows.map((row) => [`${row.variant} ${row.region}`, row]));
    const gpu = (variant, region) => (by.get(`${variant} ${region}`) || {}).gpu;
    const variants = W.unique(rows.map((row) => row.variant));
    const regions = W.unique(rows.map((row) => row.region)).sort((a, b) => (gpu("optimal", a) || 0) - (gpu("optimal", b) || 0) || (gpu("own_peaks", a) || 0) - (gpu("own_peaks", b) || 0) || (a < b ? 1 : -1));
    const small = width < 560;
    const longest = Math.max(0, ...regions.map((id) => F.name(id).length));
    const left = Math.min(small ? 104 : 160, Math.max(54, 18 + 6.6 * longest));
    const marks = MARKS.filter(([variant]) => variants.includes(variant));
    const tall = Math.max(70, regions.length * 22);
    return {
      answer: answer(regions, gpu),
      alt: `Accelerators of ${regions.length} regions in ${marks.length + 1} fleets.`,
      height: tall + 96 + (small ? 22 : 0),
      option: {
        grid: { left, right: 22, top: 12, height: tall },
        legend: { bottom: 0, left: 0, itemWidth: 14, itemGap: 14, textStyle: { color: theme.muted, fontSize: 12 }, selectedMode: false },
        xAxis: { type: "value", name: "Accelerators", nameGap: 26, axisLabel: { formatter: (v) => W.num(v) } },
        yAxis: { type: "category", data: regions, axisTick: { show: false }, axisLabel: { interval: 0, color: theme.ink, width: left - 12, overflow: "truncate", hideOverlap: false, formatter: (id) => F.name(id) } },
        tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => tip(items[0].axisValue, by) },
        series: [
          { name: "Least cost", type: "bar", barWidth: 13, color: theme.plan, data: regions.map((id) => gpu("optimal", id)) },
          ...marks.map(([variant, name, look]) => ({ name, type: "scatter", z: 5, ...look(theme), data: regions.map((id) => [gpu(variant, id), id]).filter(([value]) => value != null) })),
        ],
      },
      notes: notes(),
      columns: ["fleet", "region", "accelerators", "utilisation", "on_demand_gpu_h", "held_back_share", "cost_usd", "carbon_kg"],
      rows: [
        ...W.rows("fleets").map((row) => [row.variant, "all", row.gpu, null, null, row.held_back_share, row.cost_usd, row.carbon_kg]),
        ...rows.map((row) => [row.variant, row.region, row.gpu, row.utilisation, row.on_demand_gpu_h, 0, null, null]),
      ],
    };
  }

  function answer(regions, gpu) {
    const [best, peaks, alone, given, outage] = ["optimal", "own_peaks", "alone", "given", "outage"].map(F.of);
    if (!best || !peaks) return "The fleets were not added up.";
    const parts = [`The fleet of least cost holds ${F.gpu(best.gpu)} accelerators for ${W.say(best.cost_usd, "usd")} ${W.period}; each region for its own peak takes ${F.gpu(peaks.gpu)} for ${W.say(peaks.cost_usd, "usd")}${alone ? `, each for its own demand alone ${F.gpu(alone.gpu)} for ${W.say(alone.cost_usd, "usd")}` : ""}${given ? `, as given are ${F.gpu(given.gpu)} for ${W.say(given.cost_usd, "usd")}` : ""}.`];
    if (best.unserved_share > 1e-6) parts.push(`It leaves ${W.say(best.unserved_share, "share")} of the requests unserved, at their price.`);
    const change = (id) => (gpu("optimal", id) || 0) - (gpu("own_peaks", id) || 0);
    const order = [...regions].sort((a, b) => change(b) - change(a));
    const least = 1e-3 * Math.max(1, best.gpu);
    const moved = [[order[0], 1], [order.at(-1), -1]].filter(([id, sign]) => sign * change(id) > least);
    if (moved.length) parts.push(`Against its own peak ${moved.map(([id, sign]) => `${F.name(id)} holds ${F.gpu(Math.abs(change(id)))} ${sign > 0 ? "more" : "fewer"}`).join(", ")}.`);
    if (outage) parts.push(`To go on while ${(W.meta.fleet || {}).lost || "any one region"} is lost it takes ${F.gpu(outage.gpu)}.`);
    return parts.join(" ");
  }

  function notes() {
    const told = W.meta.fleet || {};
    const held = told.held_back || {};
    const out = ["Every fleet is routed at least cost, and but for that of own demand alone over all regions. Perfect foresight: each hour's demand and prices are known in advance; accelerators are reserved for the whole time, at the rents as stated. Where rents are alike many fleets cost nearly the same: read the total, not the place."];
    if (held.optimal) out.push(`With ${W.say(told.held_back_share, "share")} of each accelerator's time held back, least cost takes at most ${F.gpu(held.optimal.gpu)} for ${W.say(held.optimal.cost_usd, "usd")}, own peaks ${F.gpu(held.own_peaks.gpu)} for ${W.say(held.own_peaks.cost_usd, "usd")}${held.outage ? `, any one region lost ${F.gpu(held.outage.gpu)} for ${W.say(held.outage.cost_usd, "usd")}` : ""}.`);
    if (told.uncoverable_share > 0) out.push(`When a region is lost, up to ${W.say(told.uncoverable_share, "share")} of the demand is tied to it by law or state, so that no accelerator elsewhere serves it.`);
    else if (told.no_outage) out.push(`No fleet with a region lost: ${told.no_outage}.`);
    if (told.bound_usd != null) out.push(`Certified: no fleet ${F.of("outage") ? "that may lose any one region " : ""}costs less than ${W.say(told.bound_usd, "usd", 4)}${told.least_count != null ? `, and none that serves everything at once has fewer than ${F.gpu(told.least_count)} accelerators, the largest hour of all demand together` : ""}.`);
    return out;
  }

  function tip(region, by) {
    const cell = (variant) => by.get(`${variant} ${region}`);
    const best = cell("optimal");
    return W.tip(F.name(region), [
      ["Least cost", F.gpu(best && best.gpu)],
      ...MARKS.filter(([variant]) => cell(variant)).map(([variant, name]) => [name, F.gpu(cell(variant).gpu)]),
      ...(best && best.utilisation != null ? [["Utilisation", W.say(best.utilisation, "share")]] : []),
      ...(best && best.on_demand_gpu_h > 0 ? [["By the hour", `${W.num(best.on_demand_gpu_h)} GPU-h`]] : []),
    ]);
  }

  W.figure("fleet-regions", { draw });
})(window.Wattlas);
