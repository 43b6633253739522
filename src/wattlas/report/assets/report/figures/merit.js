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
      answer: `At ${W.hour(state.hour)} UTC ${W.say(demand, "mw")} ran in ${used.length} of ${rows.length} regions${cheapest.length ? `; the cheapest was ${W.name("region", cheapest[0].region)} at ${W.say(cheapest[0].cost_usd_per_it_mwh, "USD")} per MWh of IT energy` : ""}${passed ? `, and ${passed} cheaper region${passed === 1 ? " was" : "s were"} passed over for a more expensive one within reach` : ""}.`,
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
        "A bar is as wide as a region's capacity and as high as a MWh of IT energy of the hour's requests costs there, with energy, accelerators paid by use, egress and carbon at its price, each at the operating point that it runs at; the full colour is the part in use. Demand does not simply fill from the left: latency, law and state keep some of it from the cheapest places.",
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

  const PARTS = [
    ["energy_usd_per_it_mwh", "of it energy"], ["accelerator_usd_per_it_mwh", "of it accelerators"], ["egress_usd_per_it_mwh", "of it egress"], ["carbon_usd_per_it_mwh", "of it carbon at its price"],
  ];
  const perMwh = (usd) => (usd == null ? "nothing that ran may run there" : `${W.num(usd)} USD/MWh`);

  const tip = (row) =>
    W.tip(W.name("region", row.region), [
      ["Cost", perMwh(row.cost_usd_per_it_mwh)], ...PARTS.filter(([key]) => row[key]).map(([key, label]) => [label, perMwh(row[key])]), ["Capacity", row.capacity_mw == null ? "no limit" : W.say(row.capacity_mw, "mw")], ["In use", W.say(row.used_mw, "mw")],
    ]);

  W.figure("merit", { controls, draw });
})(window.Wattlas);
