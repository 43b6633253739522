// How much of the energy was expensive or dirty? The duration curves.
(function (W) {
  "use strict";

  const QUANTITIES = { price: ["Price", "USD/MWh"], carbon: ["Carbon intensity", "g/kWh"] };

  function draw(state, theme, width) {
    const rows = W.rows("duration");
    const quantities = W.unique(rows.map((row) => row.quantity));
    const side = quantities.length > 1 && width >= 640;
    const each = side ? (width - 30) / 2 : width;
    const grid = [];
    const xAxis = [];
    const yAxis = [];
    const series = [];
    const said = [];
    const cuts = [];
    quantities.forEach((quantity, at) => {
      const [label, unit] = QUANTITIES[quantity] || [quantity, ""];
      grid.push({ left: (side ? at * (each + 30) : 0) + 48, width: each - 62, top: (side ? 0 : at * 300) + 36, height: 210 });
      xAxis.push({ gridIndex: at, type: "value", min: 0, max: 100, name: "Share of the energy, %", nameGap: 26, splitLine: { show: false } });
      const own = rows.filter((row) => row.quantity === quantity);
      const top = Math.max(...own.map((row) => row.value));
      const usual = Math.max(...own.filter((row) => row.share_of_energy >= 0.01).map((row) => row.value), 0);
      const cut = usual > 0 && top > 2 * usual;
      if (cut) cuts.push(`The most expensive hundredth of the energy reaches ${W.num(top)} ${unit}, above the picture.`);
      const low = Math.min(...own.map((row) => row.value));
      yAxis.push({ ...W.above(`${label}, ${unit}`, theme, 48), gridIndex: at, max: cut ? Math.ceil((usual * 1.1) / 10) * 10 : undefined, min: low < 0 ? low : 0, axisLabel: { formatter: (v) => W.num(v), showMinLabel: low >= 0, showMaxLabel: !cut } });
      const medians = {};
      for (const policy of ["baseline", "plan"]) {
        const own = rows.filter((row) => row.policy === policy && row.quantity === quantity).sort((a, b) => a.share_of_energy - b.share_of_energy);
        if (!own.length) continue;
        medians[policy] = (own.find((row) => row.share_of_energy >= 0.5) || own.at(-1)).value;
        series.push({
          name: policy === "plan" ? "Plan" : W.Baseline, type: "line", xAxisIndex: at, yAxisIndex: at, symbol: "none", step: "end",
          clip: true, data: [[0, own[0].value], ...own.map((row) => [row.share_of_energy * 100, row.value])], color: theme[policy],
          lineStyle: { color: theme[policy], width: policy === "plan" ? 2 : 1.6, type: policy === "plan" ? "solid" : "dashed" },
        });
      }
      if (medians.plan != null) said.push(`half ${at ? "" : "of the energy ran "}at a ${label.toLowerCase()} above ${W.say(medians.plan, unit)}${medians.base == null ? "" : ` (${W.baseline}: ${W.say(medians.base, unit)})`}`);
    });
    return {
      answer: said.length ? `With the plan, ${said.join(", and ")}.` : "No energy ran.",
      height: side || quantities.length < 2 ? 318 : 618,
      option: {
        grid, xAxis, yAxis, series,
        legend: { bottom: 0, left: 0, icon: "roundRect", itemHeight: 3, textStyle: { color: theme.muted, fontSize: 12 } },
        tooltip: { trigger: "axis", formatter: (items) => W.tip(`${W.num(items[0].axisValue)} % of the energy`, items.map((item) => [item.seriesName, W.num(item.value[1]), item.color])) },
      },
      notes: cuts,
      columns: ["policy", "quantity", "share_of_energy", "value"],
      rows: rows.map((row) => [row.policy, row.quantity, row.share_of_energy, row.value]),
    };
  }

  W.figure("duration", { draw });
})(window.Wattlas);
