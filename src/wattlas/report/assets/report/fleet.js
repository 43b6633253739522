// What the figures of the fleet share: the fleets that are compared, and a fleet over one quantity.
(function (W) {
  "use strict";

  const F = {};
  W.fleet = F;

  // A fleet that is compared, without a margin: {gpu, cost_usd, …}, or nothing.
  F.of = (variant) => W.rows("fleets").find((row) => row.variant === variant && !row.held_back_share);
  F.gpu = (value) => (value == null ? "–" : W.num(value));
  F.name = (id) => W.name("region", id);

  const PANELS = [["gpu", "Accelerators", "count"], ["cost_usd", "Cost", "usd"]];

  // Accelerators and cost over one quantity, one above the other; each fleet holds until the next, and what lies
  // between two samples is not known. spec: {x, rows, name, say, base, hull, hollow(row)}.
  F.over = ({ x, rows, name, say, base, hull = [], hollow = () => true, baseName }, theme, width) => {
    const left = 58;
    const series = [];
    const yAxis = [];
    PANELS.forEach(([key, label, kind], at) => {
      const values = [...rows.map((row) => row[key]), ...(base ? [base[key]] : [])].filter((v) => v != null);
      const scale = kind === "count" ? { div: 1, unit: "" } : W.scale(Math.max(...values.map(Math.abs), 0), kind);
      const unit = kind === "count" ? "" : `, ${scale.unit}${W.year ? " a year" : ""}`;
      const range = W.span(values.map((v) => v / scale.div));
      yAxis.push({ ...W.above(`${label}${unit}`, theme, left), gridIndex: at, splitNumber: 4, ...range, axisLine: { onZero: false }, axisLabel: { formatter: (v) => W.num(v), showMinLabel: range.min === 0, showMaxLabel: false } });
      const on = { xAxisIndex: at, yAxisIndex: at };
      const line = (data, more) => ({ type: "line", ...on, data: data.map((row) => [row[x], row[key] == null ? null : row[key] / scale.div]), symbol: "none", silent: true, ...more });
      series.push({
        ...line(rows), name: key, silent: false, step: "end", z: 4, symbol: "circle", symbolSize: 8, color: theme.plan,
        lineStyle: { color: theme.plan, width: 1.6, type: "dotted" },
        data: rows.map((row) => ({ value: [row[x], row[key] == null ? null : row[key] / scale.div], itemStyle: hollow(row) ? { color: theme.paper, borderColor: theme.plan, borderWidth: 2 } : { color: theme.plan } })),
        ...(base && base[key] != null ? { markLine: W.rule({ yAxis: base[key] / scale.div }, baseName, theme) } : {}),
      });
      if (hull.length > 1) series.push(line(hull, { name: "hull", z: 3, lineStyle: { color: theme.user, width: 1.6 } }));
    });
    const xs = rows.map((row) => row[x]);
    const xAxis = [0, 1].map((gridIndex) => ({ gridIndex, type: "value", min: Math.min(0, ...xs), max: Math.max(...xs) || 1, name: gridIndex ? name : "", nameGap: 28, axisLabel: { show: gridIndex === 1, formatter: (v) => W.num(v) }, splitLine: { show: false }, axisPointer: { label: { show: false } } }));
    return {
      height: 470,
      option: {
        grid: [{ left, right: 18, top: 34, height: 160 }, { left, right: 18, top: 250, height: 160 }],
        xAxis, yAxis, series,
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        tooltip: {
          trigger: "axis",
          formatter: (items) => {
            const item = items.find((other) => other.seriesName !== "hull") || items[0];
            const row = rows.reduce((best, other) => (Math.abs(other[x] - item.value[0]) < Math.abs(best[x] - item.value[0]) ? other : best));
            return W.tip(say(row), [["Accelerators", F.gpu(row.gpu)], ["Cost", W.say(row.cost_usd, "usd")], ...F.more(row)]);
          },
        },
      },
      cut: yAxis.some((axis) => axis.min !== 0),
    };
  };

  F.more = (row) => [
    ...(row.usd_per_unit > 0 ? [["Worth up to the next on the hull", `${W.say(row.usd_per_unit, "usd")}/ms`]] : []),
    ...(row.how ? [["", row.how]] : []),
  ];
})(window.Wattlas);
