// What is a further millisecond worth to the fleet? Accelerators and cost over the reach allowed.
(function (W) {
  "use strict";

  const F = W.fleet;
  const ms = (value) => `${W.num(value)} ms`;

  function draw(state, theme, width) {
    const rows = [...W.rows("fleet_reach")].sort((a, b) => a.reach - b.reach);
    const table = { columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)) };
    if (rows.length === 1) return { answer: answer(rows, []), node: W.el("div", {}), empty: true, ...table };
    const hull = rows.filter((row) => row.on_hull);
    const base = F.of("own_peaks");
    const made = F.over({ x: "reach", rows, hull, base, baseName: "each region for its own peak", name: width < 560 ? "Round trip beyond the baseline, ms" : "Round trip allowed beyond the baseline region, ms", say: (row) => `Up to ${ms(row.reach)} farther` }, theme, width);
    return {
      ...made,
      answer: answer(rows, hull),
      notes: [
        `${rows.length} samples (hollow, dotted): the cost is a step function that falls where a pair opens, and between two samples a step may come earlier. The solid line is the lower convex hull; its slope is what a further millisecond is worth at best. wattlas fleet --reach added_ms --jumps finds every step.`,
        "Each class keeps its own latency budget, whatever the reach.",
        ...(made.cut ? ["The axes do not start at zero."] : []),
      ],
      ...table,
    };
  }

  function answer(rows, hull) {
    const [first, last] = [rows[0], rows.at(-1)];
    if (rows.length === 1) return `There is no farther region to reach: ${F.gpu(first.gpu)} accelerators for ${W.say(first.cost_usd, "usd")} ${W.period}.`;
    const saved = first.cost_usd - last.cost_usd;
    const head = `With no reach beyond the baseline region the fleet holds ${F.gpu(first.gpu)} accelerators, with ${ms(last.reach)} ${F.gpu(last.gpu)}: ${W.say(Math.abs(saved), "usd")} ${saved >= 0 ? "less" : "more"} ${W.period}.`;
    const at = hull.findIndex((row) => row.usd_per_unit > 0);
    const end = at < 0 ? null : hull[at + 1];
    return end ? `${head} Up to ${ms(end.reach)} each millisecond is worth ${W.say(hull[at].usd_per_unit, "usd")}${hull[at].gpu_per_unit > 0 ? ` and ${W.num(hull[at].gpu_per_unit)} accelerators` : ""}, along the hull.` : `${head} Reach alone saves nothing here.`;
  }

  const without = () => (W.meta.fleet || {}).no_reach && `The return on reach is not known: ${W.meta.fleet.no_reach}.`;
  W.figure("fleet-reach", { draw, without });
})(window.Wattlas);
