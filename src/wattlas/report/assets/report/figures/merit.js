// Which regions were worth using in an hour? The merit order, and the duration curves.
(function (W) {
  "use strict";

  const controls = [
    () => {
      const hours = [...W.group(W.rows("merit"), (row) => row.hour)].map(([hour, rows]) => [hour, Math.max(...rows.map((row) => row.cost_usd_per_it_mwh || 0))]);
      // Shown first is the hour without a spike; the others are a choice away.
      const standard = [...hours].sort((a, b) => a[1] - b[1])[0][0];
      return { kind: "select", key: "hour", label: "Hour (UTC)", options: hours.map(([hour]) => [hour, W.hour(hour)]).sort(), standard };
    },
  ];

  function draw(state, theme, width) {
    const rows = W.rows("merit").filter((row) => row.hour === state.hour).sort((a, b) => a.rank - b.rank);
    const demand = Math.max(0, ...rows.map((row) => row.demand_mw || 0));
    const known = W.sum(rows.map((row) => row.capacity_mw));
    // A region without a limit is drawn as wide as the demand it could still take.
    const open = Math.max(demand * 0.25, ...rows.map((row) => row.used_mw || 0), 1e-9);
    let edge = 0;
    const bars = rows.map((row) => {
      const wide = row.capacity_mw == null ? open : row.capacity_mw;
      const bar = { row, from: edge, to: edge + wide };
      edge += wide;
      return bar;
    });
    const scale = W.scale(Math.max(demand, known, open), "mw");
    const costs = rows.map((row) => row.cost_usd_per_it_mwh || 0);
    const upper = [...costs].sort((a, b) => a - b)[Math.floor(0.75 * (costs.length - 1))];
    const [low, high] = W.extent(costs);
    // A spike would flatten all others: its bar is cut, and says so.
    const cut = upper > 0 && high > 5 * upper ? 2.5 * upper : null;
    const used = rows.filter((row) => row.used_mw > 1e-9);
    const cheapest = rows.filter((row) => row.cost_usd_per_it_mwh != null);
    const beyond = used.length ? Math.max(...used.map((row) => row.rank)) : 0;
    const passed = rows.filter((row) => row.rank < beyond && !(row.used_mw > 1e-9)).length;
    return {
      answer: `At ${W.hour(state.hour)} UTC ${W.say(demand, "mw")} ran in ${used.length} of ${rows.length} regions${cheapest.length ? `; the cheapest was ${W.name("region", cheapest[0].region)} at ${W.say(cheapest[0].cost_usd_per_it_mwh, "USD")} per MWh of IT energy` : ""}${passed ? `, and ${passed} cheaper region${passed === 1 ? " was" : "s were"} passed over for a dearer one within reach` : ""}.`,
      height: 400,
      option: {
        grid: { left: 54, right: 20, top: 60, bottom: 46 },
        xAxis: { type: "value", min: 0, max: Math.max(edge, demand) / scale.div, name: `Capacity in order of cost, ${scale.unit}`, nameGap: 28, splitLine: { show: false }, axisLabel: { formatter: (v) => W.num(v), showMaxLabel: false } },
        yAxis: { ...W.above("Cost, USD per MWh of IT energy", theme), nameGap: 32, min: low < 0 ? Math.max(low * 1.2, -(cut || high)) : 0, max: cut || undefined, axisLabel: { formatter: (v) => W.num(v), showMinLabel: low >= 0 } },
        tooltip: { trigger: "item" },
        series: [
          {
            type: "custom", clip: true, encode: { x: [0, 1], y: 2 },
            data: bars.map((bar) => ({ value: [bar.from / scale.div, bar.to / scale.div, bar.row.cost_usd_per_it_mwh ?? 0, Math.min(1, (bar.row.used_mw || 0) / Math.max(1e-12, bar.to - bar.from))], row: bar.row })),
            renderItem: (params, api) => rect(api, bars[params.dataIndex], theme, cut),
            tooltip: { formatter: (event) => tip(event.data.row) },
            markLine: W.rule({ xAxis: demand / scale.div }, `demand ${W.say(demand, "mw")}`, theme, { lineStyle: { color: theme.ink, width: 1.5 }, label: { position: "end", color: theme.ink } }),
          },
        ],
      },
      notes: [
        "A bar is as wide as a region's capacity and as high as one MWh of IT energy costs there; the full colour is the part in use. Demand does not simply fill from the left: latency, law and state keep some of it from the cheapest places.",
        ...(cut ? ["A bar with an arrow is cut at the top; its cost stands beside its name."] : []),
        ...(rows.some((row) => row.capacity_mw == null) ? ["Bars with a dashed edge have no capacity limit; their width means nothing."] : []),
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function rect(api, bar, theme, cut) {
    const colour = W.colour(bar.row.region);
    const [x0, y0] = api.coord([api.value(0), 0]);
    const beyond = cut && api.value(2) > cut;
    const [x1, y1] = api.coord([api.value(1), beyond ? cut : api.value(2)]);
    const top = Math.min(y0, y1);
    const tall = Math.max(1.5, Math.abs(y1 - y0));
    const wide = Math.max(1, x1 - x0);
    const name = W.name("region", bar.row.region) + (beyond ? ` ${W.num(bar.row.cost_usd_per_it_mwh)} ↑` : "");
    const free = bar.row.capacity_mw == null;
    const children = [
      { type: "rect", shape: { x: x0, y: top, width: wide, height: tall }, style: { fill: colour, opacity: 0.22, stroke: theme.paper, lineWidth: 1 } },
      { type: "rect", shape: { x: x0, y: top, width: wide * api.value(3), height: tall }, style: { fill: colour } },
    ];
    if (free) children.push({ type: "rect", shape: { x: x0 + 0.5, y: top, width: wide - 1, height: tall }, style: { fill: "none", stroke: colour, lineDash: [3, 3], lineWidth: 1 } });
    if (wide > 15) {
      const up = tall > name.length * 6.5 + 12;
      children.push({
        type: "text", x: x0 + wide / 2, y: up ? top + tall - 6 : top - 4, rotation: Math.PI / 2,
        style: { text: name, fill: theme.ink, fontSize: 10.5, verticalAlign: "middle", align: "left", stroke: theme.paper, lineWidth: up ? 2.5 : 0 },
      });
    }
    return { type: "group", children };
  }

  const tip = (row) =>
    W.tip(W.name("region", row.region), [
      ["Cost", `${W.num(row.cost_usd_per_it_mwh)} USD/MWh`], ["Capacity", row.capacity_mw == null ? "no limit" : W.say(row.capacity_mw, "mw")], ["In use", W.say(row.used_mw, "mw")],
    ]);

  W.figure({ id: "merit", question: "Which regions were worth using in an hour?", needs: ["merit"], missing: "There is no merit order", controls, draw });

  // -- duration curves --------------------------------------------------------------------------
  const QUANTITIES = { price: ["Price", "USD/MWh"], carbon: ["Carbon intensity", "g/kWh"] };

  function drawDuration(state, theme, width) {
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
      if (cut) cuts.push(`The dearest hundredth of the energy reaches ${W.num(top)} ${unit}, above the picture.`);
      const low = Math.min(...own.map((row) => row.value));
      yAxis.push({ ...W.above(`${label}, ${unit}`, theme, 48), gridIndex: at, max: cut ? Math.ceil((usual * 1.1) / 10) * 10 : undefined, min: low < 0 ? low : 0, axisLabel: { formatter: (v) => W.num(v), showMinLabel: low >= 0, showMaxLabel: !cut } });
      const medians = {};
      for (const policy of ["home", "plan"]) {
        const own = rows.filter((row) => row.policy === policy && row.quantity === quantity).sort((a, b) => a.share_of_energy - b.share_of_energy);
        if (!own.length) continue;
        medians[policy] = (own.find((row) => row.share_of_energy >= 0.5) || own.at(-1)).value;
        series.push({
          name: policy === "plan" ? "Plan" : W.Baseline, type: "line", xAxisIndex: at, yAxisIndex: at, symbol: "none", step: "end",
          clip: true, data: [[0, own[0].value], ...own.map((row) => [row.share_of_energy * 100, row.value])], color: theme[policy],
          lineStyle: { color: theme[policy], width: policy === "plan" ? 2 : 1.6, type: policy === "plan" ? "solid" : "dashed" },
        });
      }
      if (medians.plan != null) said.push(`half ${at ? "" : "of the energy ran "}at a ${label.toLowerCase()} above ${W.say(medians.plan, unit)}${medians.home == null ? "" : ` (${W.baseline}: ${W.say(medians.home, unit)})`}`);
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

  W.figure({
    id: "duration", question: "How much of the energy was dear or dirty?", needs: ["duration"],
    missing: "There are no duration curves", draw: drawDuration,
  });
})(window.Wattlas);
