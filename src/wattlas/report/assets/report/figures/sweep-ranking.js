// What matters? On a grid a tornado of means, in a Sobol sample sensitivity indices with intervals.
(function (W) {
  "use strict";

  const all = () => W.rows("sweep_ranking");
  const isSobol = () => all().some((row) => row.total != null);

  const controls = [
    () => {
      const options = W.unique(all().map((row) => row.metric)).map((id) => [id, label(id)]);
      return options.length > 1 && { key: "metric", label: "Of", kind: "select", options };
    },
  ];

  // `cost, USD` as the beginning of a sentence.
  const said = (id) => label(id).replace(/^(.)/, (first) => first.toUpperCase()).replace(/, (\S+)$/, " ($1)");

  const label = (id) => all().find((row) => row.metric === id).label;

  function draw(state, theme, width) {
    const metric = state.metric || all()[0].metric;
    const rows = all().filter((row) => row.metric === metric).sort((a, b) => b.rank - a.rank);
    const small = width < 560;
    const left = small ? 132 : 260;
    const made = isSobol() ? sobol(rows, theme) : tornado(rows, metric, theme, small);
    return {
      ...made,
      height: 100 + rows.length * 40,
      option: {
        grid: { left, right: small ? 52 : 84, top: isSobol() ? 12 : 30, bottom: isSobol() ? 74 : 50 },
        yAxis: {
          type: "category", data: rows.map((row) => row.field), axisTick: { show: false }, axisLine: { show: false },
          axisLabel: { color: theme.ink, fontSize: small ? 11 : 12, lineHeight: 13, interval: 0, hideOverlap: false, width: left - 14, overflow: "breakAll" },
        },
        tooltip: { trigger: "item" },
        ...made.option,
      },
      columns: Object.keys(rows[0]),
      rows: [...rows].reverse().map((row) => Object.values(row)),
    };
  }

  // A bar from the least to the largest mean, with the values of the field where they are.
  function tornado(rows, metric, theme, small) {
    const top = rows.at(-1);
    const [low, high] = W.extent(rows.flatMap((row) => [row.low, row.high]));
    const air = (high - low) * (small ? 0.3 : 0.16) || Math.abs(high) * 0.1 || 1;
    const none = top.swing === 0;
    return {
      answer: none
        ? `No field changes ${label(metric)}.`
        : `${said(metric)} depends most on ${top.field}: ${W.num(top.low, 4)} at ${top.low_value}, ${W.num(top.high, 4)} at ${top.high_value}, which is ${W.say(top.first, "share")} of its variance over all runs.`,
      option: {
        xAxis: { type: "value", scale: true, min: low - air, max: high + air, name: `Mean of ${label(metric)}`, nameLocation: "middle", nameGap: 30, axisLabel: { formatter: (v) => W.num(v, 4), showMinLabel: false, showMaxLabel: false, hideOverlap: true } },
        series: [{
          type: "custom", encode: { x: [0, 1], y: 2 },
          data: rows.map((row, at) => ({ value: [row.low, row.high, at], row })),
          renderItem: (params, api) => bar(api, rows[params.dataIndex], theme, small),
          tooltip: { formatter: ({ data: { row } }) => W.tip(row.field, [[`least, at ${row.low_value}`, W.num(row.low, 6)], [`most, at ${row.high_value}`, W.num(row.high, 6)], ["swing", W.num(row.swing, 4)], ["of the variance", W.say(row.first, "share")]]) },
        }],
      },
      notes: ["A bar goes from the least to the largest mean over the values of a field, taken over all values of the others; the ends name the values."],
    };
  }

  function bar(api, row, theme, small) {
    const [x0, y] = api.coord([api.value(0), api.value(2)]);
    const [x1] = api.coord([api.value(1), api.value(2)]);
    const style = { fontSize: small ? 10 : 11, fill: theme.muted, verticalAlign: "middle" };
    return {
      type: "group",
      children: [
        { type: "rect", shape: { x: x0, y: y - 9, width: Math.max(2, x1 - x0), height: 18 }, style: { fill: theme.plan } },
        { type: "text", x: x0 - 5, y, style: { ...style, text: W.short(row.low_value, small ? 7 : 14), align: "right" } },
        { type: "text", x: x1 + 5, y, style: { ...style, text: W.short(row.high_value, small ? 7 : 14), align: "left" } },
      ],
    };
  }

  // Two bars to a field, alone and in all, with the interval of each.
  function sobol(rows, theme) {
    const top = rows.at(-1);
    const metric = top.metric;
    const parts = [["total", "in all that it does", `${theme.plan}66`], ["first", "alone", theme.plan]];
    const ends = rows.flatMap((row) => [row.total_low, row.total_high, row.first_low, row.first_high]);
    const [low, high] = W.extent(ends);
    const share = (row, key) => `${W.num(row[key], 3)} (${W.num(row[`${key}_low`], 2)} to ${W.num(row[`${key}_high`], 2)})`;
    return {
      answer: top.total === 0
        ? `No field changes ${label(metric)}.`
        : `${said(metric)} depends most on ${top.field}: ${W.num(top.first, 2)} of its variance alone, ${W.num(top.total, 2)} in all (${W.num(top.total_low, 2)} to ${W.num(top.total_high, 2)} with 95 % confidence).`,
      option: {
        xAxis: { type: "value", min: Math.floor(Math.min(0, low) * 10) / 10, max: Math.ceil(Math.max(1, high) * 10) / 10, name: `Part of the variance of ${label(metric)}`, nameLocation: "middle", nameGap: 28, axisLabel: { formatter: (v) => W.num(v) } },
        legend: { bottom: 0, left: 0, itemHeight: 8, itemWidth: 12, selectedMode: false, textStyle: { color: theme.muted, fontSize: 12 } },
        series: parts.flatMap(([key, name, color], n) => [
          {
            name, type: "bar", barWidth: 10, barGap: "20%", color, data: rows.map((row) => row[key]),
            tooltip: { formatter: ({ dataIndex }) => W.tip(rows[dataIndex].field, [["alone", share(rows[dataIndex], "first")], ["in all", share(rows[dataIndex], "total")]]) },
          },
          {
            type: "custom", silent: true, encode: { x: [1, 2], y: 0 }, z: 3, tooltip: { show: false },
            data: rows.map((row, at) => [at, row[`${key}_low`], row[`${key}_high`]]),
            renderItem: (params, api) => whisker(api, n ? 6 : -6, theme),
          },
        ]),
      },
      notes: ["Lines are 95 % intervals. “Alone” is the first-order index, “in all” the total index: with everything that the field does together with others. Both hold for the ranges given, every value equally likely."],
    };
  }

  function whisker(api, shift, theme) {
    const [x0, y0] = api.coord([api.value(1), api.value(0)]);
    const [x1] = api.coord([api.value(2), api.value(0)]);
    const y = y0 + shift;
    const style = { stroke: theme.ink, lineWidth: 1.2 };
    const line = (a, b, c, d) => ({ type: "line", shape: { x1: a, y1: b, x2: c, y2: d }, style });
    return { type: "group", children: [line(x0, y, x1, y), line(x0, y - 3, x0, y + 3), line(x1, y - 3, x1, y + 3)] };
  }

  W.figure("sweep-ranking", { controls, draw });
})(window.Wattlas);
