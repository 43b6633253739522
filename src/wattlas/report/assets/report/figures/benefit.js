// Does shifting really help? What each limit takes away; and the execution layers.
(function (W) {
  "use strict";

  const controls = [
    () => {
      const some = (key) => W.rows("benefit").some((row) => row[key] != null);
      const options = [["usd", "Money"], ["kg", "Carbon"]].filter(([key]) => some(`saving_${key}`));
      const held = (W.meta.objective || {}).minimise === "carbon" ? "kg" : "usd";
      return options.length > 1 && { kind: "choice", key: "unit", label: "Saving in", options, standard: held };
    },
  ];

  function draw(state, theme, width) {
    const kind = state.unit || "usd";
    const saving = (row) => row[`saving_${kind}`];
    const ratio = (row) => row[`realised_ratio_${kind}`];
    const rows = W.rows("benefit");
    const base = rows.find((row) => row.removed === "none");
    const actual = base ? saving(base) : null;
    const order = [...rows].sort((a, b) => weight(a) - weight(b) || (saving(b) || 0) - (saving(a) || 0)).reverse();
    const scale = W.scale(Math.max(0, ...rows.map((row) => Math.abs(saving(row) || 0))), kind);
    const all = rows.find((row) => row.removed === "all");
    const small = width < 560;
    const kept = rows.map((row) => Math.min(saving(row) ?? 0, actual ?? 0) / scale.div);
    return {
      answer: answer(actual, all, ratio, kind, rows, saving),
      height: 70 + order.length * 34,
      option: {
        grid: { left: small ? 132 : 190, right: small ? 46 : 70, top: 28, bottom: 44 },
        xAxis: { type: "value", name: `Saving${small ? "" : ` against the ${W.baseline}`}, ${scale.unit}${W.year ? " a year" : ""}`, nameGap: 28, axisLabel: { formatter: (v) => W.num(v) } },
        yAxis: { type: "category", data: order.map((row) => row.label || row.removed), axisTick: { show: false }, axisLabel: { color: theme.ink, fontSize: small ? 11 : 12, lineHeight: 13, width: small ? 118 : 178, overflow: "break", hideOverlap: false, interval: 0 } },
        tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => tip(order[items[0].dataIndex], saving, ratio, kind) },
        series: [
          {
            type: "bar", stack: "s", barWidth: 18, data: order.map((row) => kept[rows.indexOf(row)]), color: theme.plan,
            markLine: actual == null ? undefined : W.rule({ xAxis: actual / scale.div }, "as it is", theme, { label: { position: "end" } }),
          },
          {
            type: "bar", stack: "s", color: `${theme.plan}55`,
            data: order.map((row) => Math.max(0, (saving(row) ?? 0) / scale.div - kept[rows.indexOf(row)])),
            label: { show: true, position: "right", color: theme.ink, fontSize: 12, formatter: (event) => share(ratio(order[event.dataIndex])) },
          },
        ],
      },
      notes: notes(rows, all, ratio),
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  const LIMITS = {
    egress: "egress prices", residency: "residency rules", state: "state that has to stay", capacity: "capacity",
    latency: "latency budgets", variants: "models that run in some regions only",
    start_up: "starting capacity", state_move: "moving state",
  };
  const weight = (row) => (row.removed === "none" ? 0 : row.removed === "all" ? 2 : 1);
  const share = (value) => (value == null ? "" : value > 1.5 ? `${value.toFixed(1)} times` : W.say(value, "share", 4));

  function answer(actual, all, ratio, kind, rows, saving) {
    if (actual == null) return "The saving as it is was not computed.";
    const parts = [`The least-${kind === "kg" ? "carbon" : "cost"} plan saves ${W.say(actual, kind)} ${W.period}`];
    // Without limits the baseline may cost less as well: then there is less to save, and no share to state.
    if (all && ratio(all) > 1) parts.push(`, more than the ${W.say(saving(all), kind)} that are left to save where no switching cost, rule or limit burdens the baseline either`);
    else if (all && ratio(all) != null) parts.push(`, ${share(ratio(all))} of what it could without any switching cost, rule or limit`);
    const singles = rows.filter((row) => weight(row) === 1 && saving(row) != null).sort((a, b) => saving(b) - saving(a));
    const worst = singles[0];
    parts.push(worst && saving(worst) > actual * 1.0005 ? `. Of the limits on where demand may run, the most expensive: ${LIMITS[worst.removed] || worst.label || worst.removed} (${W.say(saving(worst) - actual, kind)} lost).` : ".");
    return parts.join("");
  }

  function notes(rows, all, ratio) {
    const out = ["Each row removes one thing and solves again; the number is the share of that row's saving that remains in reality. Solid: what is saved as it is. Pale: what the limit takes away. Money is that of the least-cost plan, carbon that of the least-carbon one."];
    const low = all && ratio(all) != null && ratio(all) < 0.6;
    out.push(
      (low ? "Much of the ideal saving is lost here, as others have found. " : "") +
        "The counter-evidence to keep in mind: over real grids, one static move to a better region caught almost all of the spatial gain where regions keep their rank, what shifting from hour to hour added was small, and the gain shrinks as grids get cleaner (Sukprasert et al., EuroSys 2024). Compare the best single regions among the policies below.",
    );
    if (rows.some((row) => ratio(row) > 1.0005)) out.push("A share above 100 %: without that limit the baseline gains as well, and more than the plan, so that less is left to save.");
    for (const row of rows) if (row.note) out.push(`${row.label || row.removed}: ${row.note}`);
    return out;
  }

  const tip = (row, saving, ratio, kind) =>
    W.tip(row.label || row.removed, [["Saving", W.say(saving(row), kind)], ["Realised", share(ratio(row)) || "–"], ...(row.note ? [[row.note, ""]] : [])]);

  W.figure("benefit", { controls, draw });
})(window.Wattlas);
