// What else could one do? Policies by cost and carbon, with the Pareto curve between the optima.
(function (W) {
  "use strict";

  // A label that is moved up or down stands by its middle, from the upper left corner of its dot.
  const beside = ({ side, dy }, size) => (dy
    ? { position: [side === "right" ? size + 5 : -5, size / 2 + dy], align: side === "right" ? "left" : "right", verticalAlign: "middle" }
    : { position: side });

  function draw(state, theme, width) {
    const rows = W.rows("policies");
    const placed = rows.filter((row) => row.variable_usd != null && row.carbon_kg != null);
    const reserved = (rows.find((row) => row.policy === "optimum") || rows[0]).reserved_usd || 0;
    const curve = W.rows("abatement").map((row) => ({ ...row, variable: row.cost_usd - reserved })).sort((a, b) => a.carbon_kg - b.carbon_kg);
    const money = W.scale(Math.max(0, ...placed.map((row) => row.variable_usd)), "usd");
    const carbon = W.scale(Math.max(0, ...placed.map((row) => row.carbon_kg)), "kg");
    const small = width < 560;
    const grid = { left: 58, right: 20, top: 40, bottom: 50 };
    const height = small ? 430 : 460;
    const points = [...placed, ...curve.map((row) => ({ carbon_kg: row.carbon_kg, variable_usd: row.variable }))];
    const x = W.span(points.map((row) => row.carbon_kg / carbon.div));
    const y = W.span(points.map((row) => row.variable_usd / money.div));
    const across = (width - grid.left - grid.right) / (x.max - x.min);
    const down = (height - grid.top - grid.bottom) / (y.max - y.min);
    const at = (row) => [(row.carbon_kg / carbon.div - x.min) * across, (y.max - row.variable_usd / money.div) * down];
    const sides = W.settle(placed, at, width - grid.left - grid.right, { small, shifts: small ? [] : [-15, 15, -30, 30], must: () => !small });
    const colour = (row) => (row.policy === "optimum" ? theme.plan : row.policy.startsWith("nearest") ? theme.baseline : theme.ink);
    const dot = (row) => ({
      value: [row.carbon_kg / carbon.div, row.variable_usd / money.div], row, symbolSize: row.policy === "optimum" ? 15 : 11,
      itemStyle: row.feasible ? { color: colour(row), opacity: 1 } : { color: theme.paper, borderColor: colour(row), borderWidth: 2, opacity: 1 },
      label: sides.has(row) ? { show: true, formatter: () => sides.get(row).text, ...beside(sides.get(row), row.policy === "optimum" ? 15 : 11) } : { show: false },
    });
    const steepest = curve.filter((row) => row.abatement_usd_per_t != null);
    const best = rows.find((row) => row.policy === "optimum");
    const green = rows.find((row) => row.policy === "carbon_optimum");
    const closed = rows.filter((row) => !row.feasible).length;
    const kept = (policy) => (rows.find((row) => row.policy === policy) || {}).share_of_saving;
    const tables = [["static_cost", "one fixed table of shares"], ["hourly_table_cost", "one table per hour of the day"]]
      .filter(([policy]) => kept(policy) != null).map(([policy, name]) => (kept(policy) < 0 ? `${name} is worse than the baseline` : `${name} keeps ${W.say(kept(policy), "share")} of its saving`));
    return {
      answer: best
        ? `The plan's variable cost is ${W.say(best.variable_usd, "usd")} ${W.period}, its carbon ${W.say(best.carbon_kg, "kg")}${green && green.feasible && green.policy !== best.policy && green.carbon_kg != null ? `; the least-carbon one emits ${W.say(green.carbon_kg, "kg")} for ${W.say(green.variable_usd, "usd")}` : ""}. ${closed ? `${closed} of ${rows.length} policies break a limit.` : `All ${rows.length} policies keep every limit.`}${tables.length ? ` Beside the plan, ${tables.join("; ")}.` : ""}`
        : `${rows.length} policies were compared.`,
      height,
      option: {
        grid,
        xAxis: { type: "value", ...x, axisLine: { onZero: false }, name: `Carbon, ${carbon.unit}${W.year ? " a year" : ""}`, nameGap: 30, axisLabel: { formatter: (v) => W.num(v), showMinLabel: x.min === 0, showMaxLabel: false } },
        yAxis: { ...W.above(`Variable cost, ${money.unit}${W.year ? " a year" : ""}`, theme, 58), ...y, axisLine: { onZero: false }, axisLabel: { formatter: (v) => W.num(v), showMinLabel: y.min === 0, showMaxLabel: false } },
        tooltip: { trigger: "item" },
        series: [
          {
            type: "line", name: "pareto", data: curve.map((row) => [row.carbon_kg / carbon.div, row.variable / money.div]), symbol: "circle", symbolSize: 4,
            color: theme.plan, lineStyle: { color: theme.plan, width: 1.6 },
            tooltip: { formatter: (event) => paretoTip(curve[event.dataIndex]) },
          },
          {
            type: "scatter", data: placed.map(dot), z: 5,
            label: { color: theme.ink, fontSize: small ? 10 : 12, distance: 8, textBorderColor: theme.paper, textBorderWidth: 3 },
            tooltip: { formatter: (event) => tip(event.data.row) },
          },
        ],
      },
      notes: [
        ...(closed ? [rows.filter((row) => !row.feasible).map((row) => `${row.label.slice(0, 1).toUpperCase()}${row.label.slice(1)} is not feasible${row.reason ? `: ${row.reason}` : ""}.`).join(" ")] : []),
        ...(curve.length ? [`The line is the cheapest way to each level of carbon${steepest.length ? `; its slope, the price of abatement, runs from ${W.num(Math.min(...steepest.map((r) => r.abatement_usd_per_t)))} to ${W.num(Math.max(...steepest.map((r) => r.abatement_usd_per_t)))} USD/t` : ""}.`] : ["The Pareto curve between cost and carbon was not computed."]),
        ...(x.min !== 0 || y.min !== 0 ? ["The axes do not start at zero."] : []),
        ...(closed ? ["Hollow: breaks a budget, a rule or a capacity limit, so that its cost and carbon are not on offer."] : []),
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  const tip = (row) =>
    W.tip(row.label, [
      ["Variable cost", W.say(row.variable_usd, "usd")], ["Energy", W.say(row.energy_usd, "usd")], ["Egress", W.say(row.egress_usd, "usd")], ["Accelerators on demand", W.say(row.on_demand_usd, "usd")],
      ["Carbon", W.say(row.carbon_kg, "kg")], ["Mean round trip", W.say(row.rtt_mean_ms, "ms")], ...(row.unserved_share ? [["Unserved", W.say(row.unserved_share, "share")]] : []),
      ...(row.share_of_saving != null ? [["Of the plan's saving", W.say(row.share_of_saving, "share")]] : []),
      ...(row.share_of_carbon_saving != null ? [["Of the least-carbon saving", W.say(row.share_of_carbon_saving, "share")]] : []), ...(row.late_share ? [["Late", W.say(row.late_share, "share")]] : []),
      ["", row.feasible ? "feasible" : `not feasible: ${row.reason || "no reason given"}`],
    ]);

  const paretoTip = (row) =>
    W.tip("Cheapest at this carbon", [["Variable cost", W.say(row.variable, "usd")], ["Carbon", W.say(row.carbon_kg, "kg")], ["Abatement", row.abatement_usd_per_t == null ? "–" : `${W.num(row.abatement_usd_per_t)} USD/t`]]);

  W.figure("policies", { draw });
})(window.Wattlas);
